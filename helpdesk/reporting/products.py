"""Returns and product quality as a sheet: what `helpdesk/products/figures.py` reads, and the warnings."""

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from sqlmodel import Session

from helpdesk.accuracy import Share
from helpdesk.products import figures, rising
from helpdesk.products.figures import Length, Line, Told
from helpdesk.reporting.values import (
    Chart,
    Column,
    Fact,
    Figure,
    Series,
    Sheet,
    Table,
    Text,
    Value,
    Word,
    leading,
    running,
)

if TYPE_CHECKING:
    from helpdesk.reporting.catalog import Asked

FIGURES = ("returns", "return_rate", "product_inquiries", "to_end", "to_refund")
CHARTS = ("return_weeks", "return_rates", "return_field")
TABLES = ("return_products", "return_lots", "return_reasons", "return_times")
SERIES = 4
"""Reasons drawn by themselves; the others together are one more."""
PLACES = 12


def gather(db: Session, asked: "Asked") -> Callable[[], Sheet]:
    """Everything is read at once; what is drawn is put together outside of the database."""
    told: dict[str, Told] = {
        name: figures.read(db, interval, queue_id=asked.queue_id, language=asked.language, now=asked.now)
        for name, interval in (("now", asked.interval), ("before", asked.before))
    }
    warned = [each for each in rising.shown(db, language=asked.language) if asked.interval.begin <= each.found_at
              < asked.interval.end]  # fmt: skip
    return lambda: sheet_of(asked, told["now"], told["before"], warned)


def sheet_of(asked: "Asked", told: Told, before: Told, warned: list[rising.Shown]) -> Sheet:
    """Findings, figures beside the period before, drawings and tables."""
    charts = [_weeks(told, asked.timezone), _rates(told), _field(told)]
    return Sheet(
        asked.interval, _findings(told, warned), _figures(told, before),
        [chart for chart in charts if chart.series and not chart.is_empty],
        [_products(told), _lots(told), _reasons(told), _times(told)],
        [*running(asked.interval, asked.now, asked.timezone), Word("return_finding", "method")], before=asked.before,
    )  # fmt: skip


def warning(each: rising.Shown) -> Word:
    """A warning in one sentence."""
    of = "lot" if each.lot else "product"
    return Word("product_warning", f"{each.what}_{of}", {
        "name": each.product, "lot": each.lot, "count": Fact("count", each.count),
        "expected": f"{each.expected:.1f}",
    })  # fmt: skip


def _findings(told: Told, warned: list[rising.Shown]) -> list[Text]:
    said: list[Text] = [warning(each) for each in warned]
    if not told.returns:
        return [*said, Word("return_finding", "none")]
    if (most := leading([line.returns for line in told.reasons])) is not None:
        top = told.reasons[most]
        facts = {"share": Fact("share", top.returns / told.returns), "count": Fact("count", top.returns)}
        said.append(Word("return_finding", "reason", {"name": top.name, **facts}))
    end = told.spans["to_end"]
    if end.median is not None:
        said.append(Word("return_finding", "time", {"days": f"{end.median:.1f}", "of": Fact("count", end.of)}))
    return said


def _figures(told: Told, before: Told) -> list[Figure]:
    rate, earlier = told.rate, before.rate
    found = [
        Figure("returns", Word("return_figure", "returns"), told.returns, before=before.returns,
               formula=Word("return_formula", "returns")),
        Figure("return_rate", Word("return_figure", "return_rate"), rate.value if rate else None, "share",
               of=rate.of if rate else None, interval=rate.interval if rate and rate.of else None,
               before=earlier.value if earlier else None, formula=Word("return_formula", "return_rate")),
        Figure("product_inquiries", Word("return_figure", "product_inquiries"), told.inquiries,
               before=before.inquiries, formula=Word("return_formula", "product_inquiries")),
    ]  # fmt: skip
    for key in ("to_end", "to_refund"):
        span = told.spans[key]
        found.append(Figure(key, Word("return_figure", key), span.median, "number", of=span.of,
                            before=before.spans[key].median, formula=Word("return_formula", key)))  # fmt: skip
    return found


def _weeks(told: Told, timezone: str) -> Chart:
    """Returns by week, their reasons on top of each other."""
    zone = ZoneInfo(timezone)
    names = {line.reason_id: line.name for line in told.reasons}
    shown = [line.reason_id for line in told.reasons[:SERIES]]
    counts: Counter[tuple[date, int | None]] = Counter()
    weeks = _mondays(told, zone)
    begins = [datetime(week.year, week.month, week.day, tzinfo=zone).timestamp() for week in weeks]
    for reason_id, moments in told.asked.items():
        for place, count in enumerate(np.bincount(np.searchsorted(begins, moments, "right"), minlength=len(weeks) + 1)):
            if count:
                counts[weeks[place - 1], reason_id if reason_id in shown else None] += int(count)
    series = [Series(names[each], [counts[week, each] for week in weeks]) for each in shown]
    if any(reason is None for _, reason in counts):
        series.append(Series(Word("return_figure", "others"), [counts[week, None] for week in weeks], tone="quiet"))
    total = Counter[date]()
    for (monday, _), count in counts.items():
        total[monday] += count
    title = Word("report_part", "return_weeks")
    if len(weeks) > 1 and (most := leading([total[week] for week in weeks])) is not None:
        facts = {"day": weeks[most], "count": Fact("count", total[weeks[most]])}
        title = Word("return_finding", "busiest", facts)
    return Chart("return_weeks", "stacked", title, weeks, tuple(series),
                 along=Word("return_figure", "week"))  # fmt: skip


def _mondays(told: Told, zone: ZoneInfo) -> list[date]:
    """The begin of every week from the first return to the last."""
    if not told.asked:
        return []
    edges = (min(each.min() for each in told.asked.values()), max(each.max() for each in told.asked.values()))
    days = [datetime.fromtimestamp(int(at), zone).date() for at in edges]
    first, last = (day - timedelta(days=day.weekday()) for day in days)
    return [first + timedelta(weeks=each) for each in range((last - first).days // 7 + 1)]


def _rates(told: Told) -> Chart:
    """Rates with their intervals, the highest first, of products of which enough were sold."""
    lines = [(line, rate) for line in told.products if (rate := line.rate) is not None]
    lines = sorted(lines, key=lambda pair: -(pair[1].value or 0))[:PLACES]
    title = Word("report_part", "return_rates")
    if leading([rate.value for _, rate in lines]) is not None:
        line, rate = lines[0]
        rest = [each for _, each in lines[1:]]
        others = Share(sum(each.held for each in rest), sum(each.of for each in rest))
        is_clear = not rest or rate.interval[0] > others.interval[1]
        title = Word("return_finding", "highest" if is_clear else "highest_unclear", {
            "name": line.name, "share": Fact("share", rate.value), "low": Fact("share", rate.interval[0]),
            "high": Fact("share", rate.interval[1]),
        })  # fmt: skip
    series = Series(
        Word("return_figure", "return_rate"), [rate.value for _, rate in lines],
        low=[rate.interval[0] for _, rate in lines], high=[rate.interval[1] for _, rate in lines],
        of=[rate.of for _, rate in lines],
    )  # fmt: skip
    return Chart("return_rates", "intervals", title, [line.name for line, _ in lines], (series,) * bool(lines), "share",
                 Word("return_figure", "product"))  # fmt: skip


def _field(told: Told) -> Chart:
    """Which product comes back for which reason."""
    lines = [line for line in told.products if line.returns][:PLACES]
    reasons = [line for line in told.reasons if line.returns]
    cells = [(told.crossed.get((line.product_id or 0, each.reason_id or 0), 0), line, each) for line in lines
             for each in reasons]  # fmt: skip
    title = Word("report_part", "return_field")
    if (most := leading([count for count, _, _ in cells])) is not None:
        count, line, reason = cells[most]
        title = Word("return_finding", "most_of", {"name": line.name, "reason": reason.name,
                                                   "count": Fact("count", count)})  # fmt: skip
    series = tuple(
        Series(line.name, [told.crossed.get((line.product_id or 0, each.reason_id or 0), 0) for each in reasons])
        for line in lines
    )
    return Chart("return_field", "heat", title, [each.name for each in reasons], series,
                 along=Word("return_figure", "reason"))  # fmt: skip


def _products(told: Told) -> Table:
    columns = (
        Column(Word("return_figure", "product"), "text"), _column("product_inquiries"), _column("returns"),
        _column("units"), _column("sold"), *_rate_columns(),
        Column(Word("return_figure", "to_end"), "number", Word("return_formula", "to_end")),
    )  # fmt: skip
    rows = [[line.name, line.inquiries, line.returns, line.units, line.sold or None, *_rate(line),
             line.ended.median if line.ended else None] for line in told.products]  # fmt: skip
    return Table("return_products", Word("report_part", "return_products"), columns, rows)


def _lots(told: Told) -> Table:
    columns = (Column(Word("return_figure", "lot"), "text"), _column("product_inquiries"), _column("returns"),
               _column("units"), _column("lot_units"), *_rate_columns())  # fmt: skip
    rows = [[line.name, line.inquiries, line.returns, line.units, line.sold or None, *_rate(line)]
            for line in told.lots]  # fmt: skip
    return Table("return_lots", Word("report_part", "return_lots"), columns, rows)


def _reasons(told: Told) -> Table:
    columns = (Column(Word("return_figure", "reason"), "text"), _column("returns"), _column("units"),
               Column(Word("return_figure", "share"), "share", Word("return_formula", "share")))  # fmt: skip
    rows: list[list[Value]] = [
        [line.name, line.returns, line.units, line.returns / told.returns] for line in told.reasons
    ]
    return Table("return_reasons", Word("report_part", "return_reasons"), columns, rows)


def _times(told: Told) -> Table:
    columns = (
        Column(Word("return_figure", "span"), "text"), Column(Word("return_figure", "of")),
        Column(Word("return_figure", "over")),
        *(Column(Word("return_figure", name), "number", Word("return_formula", name)) for name in ("median", "p90")),
    )  # fmt: skip

    def row(name: str, span: Length) -> list[Value]:
        return [Word("return_span", name), span.of, span.over, span.median, span.p90]

    return Table("return_times", Word("report_part", "return_times"), columns,
                 [row(name, span) for name, span in told.spans.items()])  # fmt: skip


def _column(name: str) -> Column:
    return Column(Word("return_figure", name), "count", Word("return_formula", name))


def _rate_columns() -> tuple[Column, ...]:
    formula = Word("return_formula", "return_rate")
    return (Column(Word("return_figure", "return_rate"), "share", formula),
            Column(Word("chart", "low"), "share"), Column(Word("chart", "high"), "share"))  # fmt: skip


def _rate(line: Line) -> tuple[float | None, float | None, float | None]:
    rate = line.rate
    return (rate.value, *rate.interval) if rate is not None else (None, None, None)
