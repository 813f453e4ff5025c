"""The report of calls as a sheet: the figures of `helpdesk/measures/`, drawn by day, queue and hour of the week."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlmodel import Session

from helpdesk import measures, queues, reports
from helpdesk.accuracy import FEW, Share
from helpdesk.measures import Calls
from helpdesk.reporting.values import (
    Chart,
    Column,
    Fact,
    Figure,
    Kind,
    Series,
    Sheet,
    Table,
    Text,
    Value,
    Word,
    leading,
    running,
)
from helpdesk.tallies import called

if TYPE_CHECKING:
    from helpdesk.reporting.catalog import Asked

FIGURES = ("offered", "service_level", "answer_seconds", "abandonment", "handle_seconds", "first_contact_resolution")
CHARTS = ("volume", "level", "week")
TABLES = ("lines",)
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_KINDS: dict[str, Kind] = dict.fromkeys(
    ("service_level", "service_level_of_offered", "service_level_with_abandoned", "service_level_without_early",
     "service_level_of_answered", "abandonment", "transfer_rate", "first_contact_resolution", "answer_rate",
     "occupancy", "utilisation"), "share")  # fmt: skip


def gather(db: Session, asked: "Asked") -> Callable[[], Sheet]:
    """Everything is read at once; there is nothing left to do outside of the database."""
    sheet = sheet_of(db, asked, lines(db, asked))
    return lambda: sheet


def lines(db: Session, asked: "Asked") -> reports.Report:
    """The report's lines, by what was chosen. Raises `Invalid("too_many_days")`."""
    return reports.calls(db, asked.period, asked.choices["by"], queue_id=asked.queue_id, language=asked.language,
                         timezone=asked.timezone, now=asked.now)  # fmt: skip


def sheet_of(db: Session, asked: "Asked", report: reports.Report) -> Sheet:
    """Figures beside the period before, drawings over the days, and the lines."""
    ids = [asked.queue_id] if asked.queue_id is not None else [queue.id or 0 for queue in queues.everyone(db)]
    days = measures.days(asked.interval, asked.timezone)
    of_days = called.of_queues(db, days, ids, timezone=asked.timezone, now=asked.now)
    total = measures.total(of_days.values())
    earlier = called.of_queues(db, [asked.before], ids, timezone=asked.timezone, now=asked.now)
    before = measures.total(earlier.values())
    daily = measures.totals(of_days, len(days))
    zone = ZoneInfo(asked.timezone)
    places = [cut.begin.astimezone(zone).date() for cut in days]
    charts = [_volume(places, daily), _level(places, daily), _week(db, asked, ids)]
    return Sheet(
        asked.interval, _findings(total, before), _figures(total, before),
        [chart for chart in charts if not chart.is_empty], [_lines(report, asked.choices["by"], zone)],
        running(asked.interval, asked.now, asked.timezone), before=asked.before,
    )  # fmt: skip


def _findings(now: Calls, before: Calls) -> list[Text]:
    """What can be said without a test: counts, and a level where anybody can be counted."""
    if not now.offered:
        return [Word("report_finding", "no_calls")]
    gave_up = now.abandoned - now.short_abandoned  # as the rate beside it has it: who hangs up at once has not waited
    counts = {"count": Fact("count", now.offered), "abandoned": Fact("count", gave_up)}
    said: list[Text] = [Word("report_finding", "calls", counts)]
    if now.service_level is not None and before.service_level is not None:
        facts = {"now": Fact("share", now.service_level), "before": Fact("share", before.service_level)}
        said.append(Word("report_finding", "level_before", facts))
    elif now.service_level is not None:
        said.append(Word("report_finding", "level", {"now": Fact("share", now.service_level)}))
    return said


def _figures(now: Calls, before: Calls) -> list[Figure]:
    found = []
    for key in FIGURES:
        kind = kind_of(key)
        part: dict[str, object] = {}
        if key in _SHARES:
            share = _SHARES[key](now)
            part = {"of": share.of, "interval": share.interval if share.of else None}
        elif kind == "seconds":
            part = {"of": now.answered if key == "answer_seconds" else now.handled}
        found.append(
            Figure(key, Word("measure", key), getattr(now, key), kind, before=getattr(before, key),
                   formula=Word("formula", key), **part)  # type: ignore[arg-type]
        )  # fmt: skip
    return found


def _level_of(calls: Calls) -> Share:
    """How many were answered in time, of those whom the service level counts."""
    return Share(calls.answered_in_time,
                 calls.answered + calls.abandoned - calls.short_abandoned + calls.passed_on_late)  # fmt: skip


_SHARES: Mapping[str, Callable[[Calls], Share]] = {
    "service_level": _level_of,
    "abandonment": lambda calls: Share(calls.abandoned - calls.short_abandoned,
                                       max(0, calls.offered - calls.short_abandoned - calls.waiting)),
    "first_contact_resolution": lambda calls: Share(calls.first_resolved, calls.first_contacts),
}  # fmt: skip


def _volume(places: list[date], daily: list[Calls]) -> Chart:
    counts = [each.offered for each in daily]
    title = Word("report_part", "volume")
    if len(counts) > 1 and (most := leading(counts)) is not None:
        title = Word("report_finding", "busiest", {"day": places[most], "count": Fact("count", counts[most])})
    parts = (("answered", "good"), ("abandoned", "bad"), ("passed_on", "quiet"), ("waiting", ""))
    series = tuple(
        Series(Word("measure", name), values, tone=tone)  # type: ignore[arg-type]
        for name, tone in parts
        if any(values := [getattr(each, name) for each in daily]) or name == "answered"
    )
    return Chart("volume", "stacked", title, places, series, along=Word("report_by", "day"))


def _level(places: list[date], daily: list[Calls]) -> Chart:
    levels = [each.service_level for each in daily]
    shares = [_level_of(each) for each in daily]
    many = [(share.value or 0.0, place) for place, share in enumerate(shares) if not share.is_few]
    total = sum((share.held for share in shares), 0), sum((share.of for share in shares), 0)
    if not total[1]:
        return Chart("level", "line", "", places, ())
    if many:
        low, where = min(many)
        others = [share.value for place, share in enumerate(shares) if place != where and share.of]
        is_lowest = all(other is not None and other > low for other in others)
        title = Word("report_finding", "lowest" if is_lowest else "lowest_of_many", {
            "day": places[where], "share": Fact("share", low), "least": str(FEW)})  # fmt: skip
    else:  # no day has calls enough to be called the worst
        title = Word("report_finding", "level_few", {"now": Fact("share", total[0] / total[1])})
    series = Series(
        Word("measure", "service_level"), levels,
        low=[share.interval[0] if share.of else None for share in shares],
        high=[share.interval[1] if share.of else None for share in shares], of=[share.of for share in shares],
    )  # fmt: skip
    return Chart("level", "line", title, places, (series,), "share", Word("report_by", "day"))


def _week(db: Session, asked: "Asked", ids: list[int]) -> Chart:
    """Offered calls by hour and day of the week, on the desk's clock."""
    told = called.hours(db, asked.interval, ids, timezone=asked.timezone)
    field = [[told[day, hour] for hour in range(24)] for day in range(7)]
    busy = [hour for hour in range(24) if any(row[hour] for row in field)]
    hours = range(min(busy), max(busy) + 1) if busy else range(0)
    title = Word("report_part", "week")
    if (most := leading([count for row in field for count in row])) is not None:
        title = Word("report_finding", "hour", {"weekday": Word("weekday", _WEEK[most // 24]), "hour": str(most % 24),
                                                "count": Fact("count", field[most // 24][most % 24])})  # fmt: skip
    series = tuple(
        Series(Word("weekday", _WEEK[day]), [field[day][hour] for hour in hours])
        for day in range(7)
    )  # fmt: skip
    return Chart("week", "heat", title, [f"{hour}" for hour in hours], series, along=Word("chart", "hour"))


def _lines(report: reports.Report, by: str, zone: ZoneInfo) -> Table:
    def name(row: reports.Row) -> Value:
        begin = row.interval.begin.astimezone(zone)
        return row.name or (begin.date() if by == "day" else row.interval.begin)

    group = "formula_of_agents" if by == "agent" else "formula"
    columns = (
        Column(Word("report_by", by), "text"),
        *(Column(Word("measure", each), kind_of(each), Word(group, each)) for each in report.columns),
    )
    rows = [[name(row), *(row.value(each) for each in report.columns)] for row in report.rows]
    total = [Word("report", "total"), *(report.total.value(each) for each in report.columns)]
    return Table("lines", Word("report_title", "calls"), columns, rows, total,
                 is_personal=by == "agent")  # fmt: skip


def kind_of(column: str) -> Kind:
    """Of a measure by its name."""
    return "seconds" if column.endswith("_seconds") else _KINDS.get(column, "count")
