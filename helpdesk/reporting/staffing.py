"""Need against plan as a sheet: a week's agents by half hour, what is missing, and the level the plan would keep."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from sqlmodel import Session

from helpdesk import measures, staffing
from helpdesk.forecast import HALVES
from helpdesk.measures import Interval
from helpdesk.reporting.forecast import unforeseen
from helpdesk.reporting.values import Chart, Column, Fact, Figure, Series, Sheet, Table, Text, Value, Word
from helpdesk.staffing import Week

if TYPE_CHECKING:
    from helpdesk.reporting.catalog import Asked

FIGURES = ("hours_wanted", "hours_planned", "hours_missing", "level_planned")
CHARTS = ("missing", "day_need")
TABLES = ("need_days", "need_queues")
WEEKS = tuple(str(ahead) for ahead in range(staffing.WEEKS))
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SOME = 0.05
"""Of an agent; less is missing nobody."""


def gather(db: Session, asked: "Asked") -> Callable[[], Sheet]:
    """One picture is read at once; the rest is computed outside of the database."""
    monday = staffing.mondays(asked.now, asked.timezone)[int(asked.choices["week"])]
    ground = staffing.read(db, monday, language=asked.language, timezone=asked.timezone, now=asked.now)
    return lambda: sheet_of(staffing.work_out(ground), asked.queue_id, timezone=asked.timezone)


def sheet_of(told: Week, queue_id: int | None, *, timezone: str, day: date | None = None) -> Sheet:
    """Findings, figures, drawings and tables of a week; of a queue, or of all together."""
    interval = Interval(measures.day(told.days[0], timezone).begin, measures.day(told.days[-1], timezone).end)
    notes: list[Text] = [Word("staffing", "method"), Word("staffing", "writing"), Word("staffing", "sharing")]
    if told.short:
        notes.insert(0, Word("staffing", "short", {"names": unforeseen(told.short)}))
    if not told.sums(queue_id, "wanted").any() and not told.sums(queue_id, "planned").any():
        return Sheet(interval, [Word("staffing", "nothing")], notes=notes)
    worst = worst_of(told, queue_id)
    charts = [_missing(told, queue_id, worst), day_chart(told, queue_id, day or worst[0])]
    return Sheet(
        interval, _findings(told, queue_id, worst), _figures(told, queue_id),
        [chart for chart in charts if not chart.is_empty], [_days(told, queue_id), _queues(told, queue_id)], notes,
    )  # fmt: skip


def day_chart(told: Week, queue_id: int | None, day: date) -> Chart:
    """A day's need against its plan: what is covered, what is missing, what is too many."""
    place = (day - told.monday).days
    wanted, missing, spare = (told.sums(queue_id, name)[place] for name in ("wanted", "missing", "spare"))
    some = np.flatnonzero(wanted + spare > 0)
    shown = range(int(some[0]), int(some[-1]) + 1) if len(some) else range(0)
    lacks = float(missing.sum()) / 2
    code = "day_missing" if lacks >= _SOME else "day_covered"
    title = Word("staffing", code, {"day": Fact("day", day), "hours": Fact("tenths", round(lacks, 1))})
    parts = (("covered", wanted - missing, ""), ("missing", missing, "bad"), ("spare", spare, "quiet"))
    series = tuple(
        Series(Word("staffing", name), [round(float(row[half]), 2) for half in shown], tone=tone)  # type: ignore[arg-type]
        for name, row, tone in parts
    )
    return Chart("day_need", "stacked", title, [clock(half) for half in shown], series, "tenths",
                 Word("forecast", "half_hour"))  # fmt: skip


def halves(told: Week, queue_id: int | None) -> Iterator[list[object]]:
    """Lines for a file: queue, day, half hour, calls expected, agents for calls, work in writing in agents, agents to
    plan, planned, missing, and the level the plan would keep."""
    for each, need in told.needs.items():
        if queue_id not in (None, each):
            continue
        for place, half in np.ndindex(7, HALVES):
            at = (place, half)
            if need.wanted[at] > 0 or need.planned[at] > 0:
                row = (need.calls, need.on_calls, need.written, need.wanted, need.planned, need.missing)
                level = round(float(need.level_planned[at]), 3) if need.calls[at] >= staffing.CALLS_LEAST else ""
                yield [told.names[each], told.days[place], clock(half),
                       *(round(float(value[at]), 3) for value in row), level]  # fmt: skip


def clock(half: int) -> str:
    """A half hour of a day as the time it begins."""
    return f"{half // 2}:{half % 2 * 30:02}"


def worst_of(told: Week, queue_id: int | None) -> tuple[date, int, float]:
    """The half hour in which most is missing, or most is needed where nothing is missing."""
    missing = told.sums(queue_id, "missing")
    field = missing if missing.max() >= _SOME else told.sums(queue_id, "wanted")
    place, half = divmod(int(np.argmax(field)), HALVES)
    return told.days[place], half, float(missing[place, half])


def _findings(told: Week, queue_id: int | None, worst: tuple[date, int, float]) -> list[Text]:
    hours = {name: float(told.sums(queue_id, name).sum()) / 2 for name in ("wanted", "planned", "missing", "spare")}
    facts = {name: Fact("tenths", round(value, 1)) for name, value in hours.items()}
    if not hours["planned"]:
        return [Word("staffing", "no_plan", facts)]
    if hours["missing"] < _SOME:
        return [Word("staffing", "enough", facts)]
    said: list[Text] = [Word("staffing", "lacks", facts | {
        "day": Fact("day", worst[0]), "time": clock(worst[1]), "most": Fact("tenths", round(worst[2], 1)),
    })]  # fmt: skip
    if hours["spare"] >= _SOME:
        said.append(Word("staffing", "shift_over", facts))
    return said


def _figures(told: Week, queue_id: int | None) -> list[Figure]:
    def figure(key: str, value: float | None, kind: str = "tenths") -> Figure:
        formula = Word("staffing_formula", key)
        return Figure(key, Word("report_part", key), value, kind, formula=formula)  # type: ignore[arg-type]

    sums = {name: round(float(told.sums(queue_id, name).sum()) / 2, 1) for name in ("wanted", "planned", "missing")}
    known = [(need, float(need.calls.sum())) for each, need in told.needs.items()
             if queue_id in (None, each) and need.expected_level is not None]  # fmt: skip
    calls = sum(count for _, count in known)
    level = sum((need.expected_level or 0.0) * count for need, count in known) / calls if calls else None
    return [*(figure(f"hours_{name}", value) for name, value in sums.items()), figure("level_planned", level, "share")]


def _missing(told: Week, queue_id: int | None, worst: tuple[date, int, float]) -> Chart:
    """The week as a field: how many are missing in each half hour."""
    missing, wanted = told.sums(queue_id, "missing"), told.sums(queue_id, "wanted")
    some = np.flatnonzero(wanted.max(axis=0) > 0)
    shown = range(int(some[0]), int(some[-1]) + 1) if len(some) else range(0)
    if worst[2] >= _SOME:
        title = Word("staffing", "worst", {"day": Fact("day", worst[0]), "time": clock(worst[1]),
                                           "count": Fact("tenths", round(worst[2], 1))})  # fmt: skip
    else:
        title = Word("staffing", "none_missing")
    series = tuple(
        Series(Word("weekday", _WEEK[place]), [round(float(missing[place, half]), 1) for half in shown])
        for place in range(7)
    )
    return Chart("missing", "heat", title, [clock(half) for half in shown], series, "tenths",
                 Word("forecast", "half_hour"))  # fmt: skip


def _days(told: Week, queue_id: int | None) -> Table:
    columns = (Column(Word("report_by", "day"), "day"), *_COLUMNS)
    rows: list[Sequence[Value]] = [
        [told.monday + timedelta(days=place), *(_hours(told.sums(queue_id, name)[place]) for name in _SUMS)]
        for place in range(7)
    ]
    total: list[Value] = [Word("report", "total"), *(_hours(told.sums(queue_id, name)) for name in _SUMS)]
    return Table("need_days", Word("report_part", "need_days"), columns, rows, total)


def _queues(told: Week, queue_id: int | None) -> Table:
    columns = (Column(Word("report_by", "queue"), "text"), Column(Word("staffing", "calls")), *_COLUMNS,
               Column(Word("report_part", "level_planned"), "share", Word("staffing_formula", "level_planned")),
               Column(Word("staffing", "target"), "share"), Column(Word("staffing", "handle"), "seconds"),
               Column(Word("staffing", "measured"), "text"), Column(Word("staffing", "patience"), "seconds"),
               Column(Word("staffing", "shrinkage"), "share"), Column(Word("staffing", "written_each"), "seconds"),
               Column(Word("staffing", "writing_seconds"), "seconds"))  # fmt: skip
    rows: list[Sequence[Value]] = [
        [told.names[each], round(float(need.calls.sum())), *(_hours(getattr(need, name)) for name in _SUMS),
         need.expected_level, need.basis.level, need.basis.handle, Word("staffing_measured", need.basis.measured),
         need.basis.patience, need.basis.shrinkage_percent / 100, need.basis.written_minutes * 60.0, need.basis.writing]
        for each, need in told.needs.items() if queue_id in (None, each)
    ]  # fmt: skip
    return Table("need_queues", Word("report_part", "need_queues"), columns, rows)


_SUMS = ("wanted", "planned", "missing", "spare")
_COLUMNS = (
    *(Column(Word("report_part", f"hours_{name}"), "tenths") for name in ("wanted", "planned", "missing")),
    Column(Word("staffing", "spare"), "tenths"),
)


def _hours(halves_of: object) -> float:
    return round(float(np.sum(halves_of)) / 2, 1)  # type: ignore[call-overload]
