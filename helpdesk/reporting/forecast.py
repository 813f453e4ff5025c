"""The forecast as a sheet: how many inquiries the next weeks bring, by day, queue and half hour, and how surely."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from sqlmodel import Session

from helpdesk import forecast, measures, outlook
from helpdesk.forecast import HALVES, Numbers
from helpdesk.measures import Interval
from helpdesk.outlook import Outlook
from helpdesk.reporting.values import Chart, Column, Fact, Figure, Names, Series, Sheet, Table, Text, Value, Word
from helpdesk.tallies.volumes import WAYS

if TYPE_CHECKING:
    from helpdesk.reporting.catalog import Asked

FIGURES = ("expected", "missed", "naive", "within")
CHARTS = ("coming", "week_ahead", "errors")
TABLES = ("forecast_queues", "forecast_days")
SHOWN_PAST = 28
"""Days of the past that are drawn before those to come."""
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def gather(db: Session, asked: "Asked") -> Callable[[], Sheet]:
    """The past is read at once; what follows from it is computed outside of the database."""
    weeks = int(asked.choices["weeks"])
    past = outlook.read(db, weeks, language=asked.language, timezone=asked.timezone, now=asked.now)
    return lambda: sheet_of(outlook.foresee(past, weeks), asked.queue_id, timezone=asked.timezone)


def sheet_of(told: Outlook, queue_id: int | None, *, timezone: str) -> Sheet:
    """Findings, figures, drawings and tables; of a queue, or of all together."""
    days = told.days
    interval = Interval(measures.day(days[0], timezone).begin, measures.day(days[-1], timezone).end)
    known = told.of(queue_id)
    short = told.short(queue_id)
    notes: list[Text] = [Word("forecast", "method"), Word("forecast", "range")]
    if short:
        facts = {"names": unforeseen(short), "days": str(forecast.FEWEST_DAYS)}
        notes.insert(0, Word("forecast", "some_short", facts))
    if told.past.volumes.left_out:
        notes.insert(0, Word("forecast", "left_out", {"count": Fact("count", told.past.volumes.left_out)}))
    if not known:
        return Sheet(interval, [too_short(told)], notes=notes)
    expected, low, high = forecast.together(known)
    wape, naive, within, tried = outlook.missed(known)
    return Sheet(
        interval, _findings(told, expected, low, high, wape, naive), _figures(expected, wape, naive, within, tried),
        [chart for chart in (_coming(told, queue_id, expected, low, high), _week(told, queue_id),
                             _errors(told, queue_id)) if not chart.is_empty],
        [_queues(told, queue_id), _days(told, queue_id, expected, low, high)], notes,
    )  # fmt: skip


def unforeseen(short: Sequence[tuple[str, str]]) -> Names:
    """The queues of which nothing is foreseen, with the way where it is one of several."""
    return Names([
        Word("forecast", "of_way", {"name": name, "way": Word("forecast_way", way)}) if way else name
        for name, way in short
    ])  # fmt: skip


def too_short(told: Outlook) -> Text:
    """Why nothing is foreseen."""
    known = max(0, (told.past.volumes.last - told.past.volumes.first).days + 1) if told.told else 0
    return Word("forecast", "too_short", {"days": str(forecast.FEWEST_DAYS), "known": str(known)})


def day_chart(told: Outlook, queue_id: int | None, day: date) -> Chart:
    """The half hours of a day to come."""
    place = (day - told.first).days
    known = told.of(queue_id)
    expected = np.sum([each.expected[place] for each in known], axis=0)
    low, high = half_range(told, queue_id)
    busy = _busy(expected[None, :])
    most = int(np.argmax(expected))
    title = Word("forecast", "busiest_half", {"day": Fact("day", day), "time": _clock(most),
                                              "count": Fact("number", float(expected[most]))})  # fmt: skip
    series = Series(Word("forecast", "expected"), [round(float(expected[half]), 2) for half in busy],
                    low=[float(low[place, half]) for half in busy],
                    high=[float(high[place, half]) for half in busy])  # fmt: skip
    return Chart("halves", "line", title, [_clock(half) for half in busy], (series,), "number",
                 Word("forecast", "half_hour"))  # fmt: skip


def half_range(told: Outlook, queue_id: int | None) -> tuple[Numbers, Numbers]:
    """The range of half hours, of queues and ways together."""
    known = told.of(queue_id)
    if len(known) == 1:
        return known[0].low, known[0].high
    expected = np.sum([each.expected for each in known], axis=0)
    common = np.sum([each.expected * each.doubt.halves for each in known], axis=0)
    return forecast.between(expected, np.divide(common, expected, out=np.zeros_like(expected), where=expected > 0))


def halves(told: Outlook, queue_id: int | None) -> Iterator[list[object]]:
    """Lines for a file: queue, way, day, half hour, expected number, and its range; without those nobody expects."""
    for (each, way), foreseen in told.told.items():
        if foreseen is None or queue_id not in (None, each):
            continue
        for place, day in enumerate(told.days):
            for half in range(HALVES):
                value = float(foreseen.expected[place, half])
                if value >= 0.005:
                    edges = int(foreseen.low[place, half]), int(foreseen.high[place, half])
                    yield [told.past.names[each], Word("forecast_way", way), day, _clock(half),
                           round(value, 3), *edges]  # fmt: skip


def _findings(told: Outlook, expected: Numbers, low: Numbers, high: Numbers, wape: float | None,
              naive: float | None) -> list[Text]:  # fmt: skip
    most = int(np.argmax(expected))
    said: list[Text] = [Word("forecast", "total", {
        "days": str(len(expected)), "count": Fact("count", round(float(expected.sum()))),
        "day": Fact("day", told.days[most]),
        "most": Fact("count", round(float(expected[most]))), "low": Fact("count", int(low[most])),
        "high": Fact("count", int(high[most])),
    })]  # fmt: skip
    if wape is not None and naive is not None:
        code = "worse" if round(wape, 2) > round(naive, 2) else "better"
        said.append(Word("forecast", code, {"missed": Fact("ratio", wape), "naive": Fact("ratio", naive)}))
    else:
        said.append(Word("forecast", "untested"))
    holidays = [day for day in told.days if day in told.past.holidays and day.weekday() < 5]
    if holidays:
        said.append(Word("forecast", "holiday", {
            "day": Fact("day", holidays[0]), "name": told.past.holidays[holidays[0]],
            "count": Fact("count", round(float(expected[(holidays[0] - told.first).days])))}))  # fmt: skip
    return said


def _figures(expected: Numbers, wape: float | None, naive: float | None, within: float | None,
             tried: int) -> list[Figure]:  # fmt: skip
    def figure(key: str, value: float | None, kind: str = "share", of: int | None = None) -> Figure:
        return Figure(key, Word("report_part", key), value, kind, of=of, formula=Word("forecast_formula", key))  # type: ignore[arg-type]

    return [figure("expected", round(float(expected.sum())), "count"), figure("missed", wape, "ratio", tried or None),
            figure("naive", naive, "ratio", tried or None), figure("within", within, of=tried or None)]  # fmt: skip


def _coming(told: Outlook, queue_id: int | None, expected: Numbers, low: Numbers, high: Numbers) -> Chart:
    past = _past(told, queue_id)[-SHOWN_PAST:]
    days = [told.first - timedelta(days=len(past) - place) for place in range(len(past))] + told.days
    none, later = [None] * len(past), [None] * len(expected)
    came = Series(Word("forecast", "came"), [*map(float, past), *later], tone="quiet")
    comes = Series(Word("forecast", "expected"), [*none, *(round(float(each), 1) for each in expected)],
                   low=[*none, *map(float, low)], high=[*none, *map(float, high)])  # fmt: skip
    most = int(np.argmax(expected))
    title = Word(
        "forecast",
        "busiest",
        {"day": Fact("day", told.days[most]), "count": Fact("count", round(float(expected[most])))},
    )
    return Chart("coming", "line", title, days, (came, comes), "tenths",
                 Word("report_by", "day"))  # fmt: skip


def _week(told: Outlook, queue_id: int | None) -> Chart:
    """The next seven days, hour by hour."""
    expected = np.sum([each.expected[:7] for each in told.of(queue_id)], axis=0)
    hours = expected.reshape(7, HALVES // 2, 2).sum(axis=2)
    busy = [hour for hour in range(24) if hours[:, hour].max() >= 0.05]
    shown = range(busy[0], busy[-1] + 1) if busy else range(0)
    day, hour = divmod(int(np.argmax(hours)), 24)
    when = told.days[day]
    title = Word("forecast", "busiest_hour", {"weekday": Word("weekday", _WEEK[when.weekday()]), "hour": str(hour),
                                              "count": Fact("number", float(hours[day, hour]))})  # fmt: skip
    series = tuple(
        Series(Word("weekday", _WEEK[each.weekday()]), [round(float(hours[place, hour]), 2) for hour in shown])
        for place, each in enumerate(told.days[:7])
    )
    return Chart("week_ahead", "heat", title, [str(hour) for hour in shown], series, "number", Word("chart", "hour"))


def _errors(told: Outlook, queue_id: int | None) -> Chart:
    """How far off, queue by queue, beside the naive answer."""
    names, missed, naive = [], [], []
    for each, name in told.past.names.items():
        wape, plain, _, _ = outlook.missed(told.of(each))
        if wape is not None and queue_id in (None, each):
            names.append(name)
            missed.append(round(wape, 3))
            naive.append(None if plain is None else round(plain, 3))
    tried = [(one, other) for one, other in zip(missed, naive, strict=True) if other is not None]
    better = sum(1 for one, other in tried if one < other)
    title = Word("forecast", "errors", {"better": str(better), "count": str(len(tried))})
    return Chart("errors", "bars", title, names,
                 (Series(Word("report_part", "missed"), missed),
                  Series(Word("report_part", "naive"), naive, tone="quiet")),
                 "ratio", Word("report_by", "queue"))  # fmt: skip


def _queues(told: Outlook, queue_id: int | None) -> Table:
    columns = (Column(Word("report_by", "queue"), "text"), Column(Word("forecast", "way"), "text"),
               Column(Word("forecast", "next_week")), Column(Word("report_part", "expected")),
               Column(Word("forecast", "trend"), "text", Word("forecast_formula", "trend")),
               Column(Word("forecast", "off"), "text", Word("forecast_formula", "off")),
               Column(Word("report_part", "missed"), "ratio", Word("forecast_formula", "missed")),
               Column(Word("report_part", "naive"), "ratio", Word("forecast_formula", "naive")),
               Column(Word("report_part", "within"), "share", Word("forecast_formula", "within")))  # fmt: skip
    rows: list[Sequence[Value]] = []
    for (each, way), foreseen in told.told.items():
        if queue_id not in (None, each):
            continue
        head: list[Value] = [told.past.names[each], Word("forecast_way", way)]
        if foreseen is None:
            rows.append([*head, *[None] * 7])
            continue
        model, errors = foreseen.model, foreseen.errors
        weekdays = max(float(model.weekdays.mean()), 1e-9)
        rows.append([*head, round(float(foreseen.days[:7].sum())), round(float(foreseen.days.sum())),
                     f"{100 * model.trend:+.1f} %" if model.trend else None, f"{round(100 * model.off / weekdays)} %",
                     errors.missed_days, errors.naive_days, errors.within_days])  # fmt: skip
    return Table("forecast_queues", Word("report_part", "forecast_queues"), columns, rows)


def _days(told: Outlook, queue_id: int | None, expected: Numbers, low: Numbers, high: Numbers) -> Table:
    ways = {
        way: np.sum([each.days for each in told.of(queue_id, way)], axis=0) for way in WAYS if told.of(queue_id, way)
    }
    columns = (Column(Word("report_by", "day"), "day"), Column(Word("forecast", "holiday_name"), "text"),
               *(Column(Word("forecast_way", way), "tenths") for way in ways),
               Column(Word("forecast", "all_ways"), "tenths"),
               Column(Word("chart", "low")), Column(Word("chart", "high")))  # fmt: skip
    rows = [
        [day, told.past.holidays.get(day), *(round(float(ways[way][place]), 1) for way in ways),
         round(float(expected[place]), 1), int(low[place]), int(high[place])]
        for place, day in enumerate(told.days)
    ]  # fmt: skip
    return Table("forecast_days", Word("report_part", "forecast_days"), columns, rows)


def _past(told: Outlook, queue_id: int | None) -> Numbers:
    rows = [counts.sum(axis=1) for (each, _), counts in told.past.volumes.counts.items()
            if queue_id in (None, each) and each in told.past.names]  # fmt: skip
    return np.asarray(np.sum(rows, axis=0)) if rows else np.zeros(0)


def _busy(rows: Numbers) -> range:
    """From the first half hour in which something is expected to the last."""
    some = np.flatnonzero(rows.max(axis=0) >= 0.01)
    return range(int(some[0]), int(some[-1]) + 1) if len(some) else range(0)


def _clock(half: int) -> str:
    return f"{half // 2}:{half % 2 * 30:02}"
