"""The report of service as a sheet: the figures of `helpdesk/tallies/figures.py`, what stands out, and drawings."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sqlmodel import Session

from helpdesk.reporting.values import Chart, Column, Day, Fact, Figure, Kind, Series, Sheet, Table, Text, Word
from helpdesk.tallies import figures, findings, totals
from helpdesk.tallies.figures import Line, Service

if TYPE_CHECKING:
    from helpdesk.reporting.catalog import Asked

FIGURES = ("opened", "answer_median", "answer_kept", "resolved", "resolve_median", "resolve_kept", "reopen_rate",
           "transfers", "first_contact")  # fmt: skip
CHARTS = ("days", "backlog", "hours")
TABLES = ("queues", "channels", "agents")
_COLUMNS = ("opened", "answered", "answer_median", "answer_p90", "answer_kept", "resolved", "resolve_median",
            "resolve_p90", "resolve_kept", "reopen_rate", "transfers", "first_contact", "offered", "service_level",
            "answer_seconds", "handle_seconds")  # fmt: skip
_KINDS: Mapping[str, Kind] = {"count": "count", "share": "share", "seconds": "seconds", "ratio": "number"}
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SHARES = ("_better", "_worse")


def gather(db: Session, asked: "Asked") -> Callable[[], Sheet]:
    """Everything is read at once; what is drawn is put together outside of the database. What stands out of one agent
    is said on the page alone: sheets hang on walls."""
    told = figures.report(
        db, asked.period, totals.Asked(queue_id=asked.queue_id), against=asked.choices["against"],
        language=asked.language, timezone=asked.timezone, now=asked.now,
    )  # fmt: skip
    found = findings.of(db, told, language=asked.language, timezone=asked.timezone, now=asked.now)
    return lambda: Sheet(
        asked.interval, [_said(each) for each in found if each.kind != "agent"],
        [_figure(told.total, key) for key in FIGURES],
        [chart for chart in (_days(told), _backlog(told), _hours(told)) if not chart.is_empty],
        [_lines("queues", "queue", told.queues), _lines("channels", "channel", told.channels), _agents(told)],
        [Word("service", "left_out", {"count": Fact("count", told.left_out)})] if told.left_out else (),
    )  # fmt: skip


def _said(found: findings.Finding) -> Text:
    kind: Kind = "share" if found.code.endswith(_SHARES) else "count"
    now, before = (value if kind == "share" else round(value) for value in (found.now, found.before))
    return Word("service_finding", found.code, {
        "name": found.name, "now": Fact(kind, now), "before": Fact(kind, before), "times": f"{found.ratio:.1f}",
        "change": f"{abs(found.ratio - 1) * 100:.0f}", "week": str(found.at.isocalendar().week) if found.at else "",
        "day": f"{found.at:%Y/%m/%d}" if found.at else "",
    })  # fmt: skip


def _figure(line: Line, key: str) -> Figure:
    now, before = line.now[key], line.before.get(key)
    interval = (now.low, now.high) if now.kind == "share" and now.low is not None and now.high is not None else None
    return Figure(
        key, Word("service_figure", key), now.value, _KINDS[now.kind], of=now.cases if now.kind != "count" else None,
        interval=interval, before=before.value if before else None, formula=_formula(key),
    )  # fmt: skip


def _formula(key: str) -> Word:
    return Word("formula" if key in figures.OF_CALLS else "service_formula", key)


def _days(told: Service) -> Chart:
    opened, resolved = ([getattr(day, name) for day in told.days] for name in ("opened", "resolved"))
    sums = {"opened": Fact("count", sum(opened)), "resolved": Fact("count", sum(resolved))}
    title = Word("service_chart", "days", sums)
    return Chart("days", "line", title, _places(told), (
        Series(Word("service", "opened"), opened), Series(Word("service", "resolved"), resolved, tone="good"),
    ), along=Word("report_by", "day"))  # fmt: skip


def _backlog(told: Service) -> Chart:
    left = [day.backlog for day in told.days]
    known = [count for count in left if count is not None]
    title = Word("service_chart", "backlog", {"now": Fact("count", known[-1] if known else None),
                                              "most": Fact("count", max(known, default=None))})  # fmt: skip
    return Chart("backlog", "line", title, _places(told), (Series(Word("service", "backlog"), left),),
                 along=Word("report_by", "day"))  # fmt: skip


def _hours(told: Service) -> Chart:
    busy = [hour for hour in range(24) if any(row[hour] for row in told.week)]
    hours = range(min(busy), max(busy) + 1) if busy else range(0)
    most = max(((told.week[day][hour], day, hour) for day in range(7) for hour in hours), default=(0, 0, 0))
    title = Word("service_chart", "hours", {"weekday": Word("weekday", _WEEK[most[1]]), "hour": str(most[2]),
                                            "count": Fact("count", most[0])})  # fmt: skip
    series = tuple(Series(Word("weekday", _WEEK[day]), [told.week[day][hour] for hour in hours]) for day in range(7))
    return Chart("hours", "heat", title, [str(hour) for hour in hours], series, along=Word("chart", "hour"))


def _places(told: Service) -> list[Day]:
    return [Day(each.day) for each in told.days]


def _lines(key: str, of: str, lines: list[Line]) -> Table:
    columns = (
        Column(Word("service_row", of), "text"),
        *(Column(Word("service_figure", code), _KINDS[figures.FIGURES[code][0]], _formula(code)) for code in _COLUMNS),
    )
    rows = [[Word("channel", line.name) if of == "channel" else line.name,
             *(line.now[code].value for code in _COLUMNS)] for line in lines]  # fmt: skip
    return Table(key, Word("report_part", key), columns, rows)


def _agents(told: Service) -> Table:
    columns = (
        Column(Word("service_row", "agent"), "text"), Column(Word("service_agent", "answered")),
        Column(Word("service_agent", "answer_mean"), "seconds"), Column(Word("service_agent", "resolved")),
        Column(Word("service_agent", "resolve_mean"), "seconds"), Column(Word("service_agent", "reopened"), "share"),
        Column(Word("measure", "handled")), Column(Word("measure", "handle_seconds"), "seconds"),
        Column(Word("measure", "wrap_up_seconds"), "seconds"), Column(Word("measure", "occupancy"), "share"),
    )  # fmt: skip
    rows = [
        [each.name, each.answered, each.answer_mean, each.resolved, each.resolve_mean, each.reopened.value,
         each.work.handled, each.work.handle_seconds, each.work.wrap_up_seconds, each.work.occupancy]
        for each in told.agents
    ]  # fmt: skip
    return Table("agents", Word("report_part", "agents"), columns, rows, is_personal=True)
