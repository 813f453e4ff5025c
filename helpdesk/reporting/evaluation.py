"""Routing and automation as a sheet: what `helpdesk/tallies/evaluation.py` counts, with what it is believed to have
saved."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sqlmodel import Session

from helpdesk.accuracy import Share
from helpdesk.reporting.values import Chart, Column, Fact, Figure, Series, Sheet, Table, Text, Value, Word, running
from helpdesk.tallies import evaluation
from helpdesk.tallies.automation import Came
from helpdesk.tallies.evaluation import Evaluation, RoutingLine

if TYPE_CHECKING:
    from helpdesk.reporting.catalog import Asked

FIGURES: Final = ("placed", "right", "triage", "saved")
CHARTS: Final = ("routing_right",)
TABLES: Final = ("routing_queues", "routing_reasons", "automation")
_CAME: Final = ("wrote", "resolved", "reopened", "answered")


def gather(db: Session, asked: "Asked") -> Callable[[], Sheet]:
    """Everything is read at once. What placing one by hand takes is what nobody chose otherwise."""
    told = evaluation.report(db, asked.period, queue_id=asked.queue_id, language=asked.language,
                             timezone=asked.timezone, now=asked.now)  # fmt: skip
    return lambda: sheet_of(asked, told)


def sheet_of(asked: "Asked", told: Evaluation) -> Sheet:
    """Findings, figures beside the period before, what was right by queue, and the tables."""
    chart = _right(told)
    tables = [_queues(told), _reasons(told), *([_automation(told)] if told.automation else [])]
    notes: list[Text] = [Word("evaluation_formula", code) for code in ("right", "saved", "came")]
    if told.left_out:
        notes.insert(0, Word("service", "left_out", {"count": Fact("count", told.left_out)}))
    return Sheet(asked.interval, _findings(told), _figures(told), [] if chart.is_empty else [chart], tables,
                 [*running(asked.interval, asked.now, asked.timezone), *notes], before=asked.before)  # fmt: skip


def _findings(told: Evaluation) -> list[Text]:
    total = told.total
    if not (total.placed.count or total.triage.count):
        return [Word("evaluation_finding", "none")]
    said: list[Text] = [Word("evaluation_finding", "placed", {
        "count": Fact("count", total.placed.count), "triage": Fact("count", total.triage.count)})]  # fmt: skip
    if total.placed.right.of:
        right = total.placed.right
        said.append(Word("evaluation_finding", "right", {"share": Fact("share", right.value),
                                                         "of": Fact("count", right.of)}))  # fmt: skip
    said.append(Word("evaluation_finding", "saved" if told.saved_seconds >= 0 else "lost", {
        "length": Fact("seconds", abs(told.saved_seconds)), "stayed": Fact("count", total.placed.stayed),
        "moved": Fact("count", total.placed.corrected), "seconds": Fact("count", told.seconds)}))  # fmt: skip
    return said


def _figures(told: Evaluation) -> list[Figure]:
    now, before = told.total, told.before

    def share(key: str, of: Callable[[RoutingLine], Share]) -> Figure:
        it = of(now)
        return Figure(key, Word("evaluation_name", key), it.value, "share", it.of, it.interval if it.of else None,
                      of(before).value if before and of(before).of else None,
                      Word("evaluation_formula", key))  # fmt: skip

    return [
        Figure("placed", Word("evaluation_name", "placed"), now.placed.count,
               before=before.placed.count if before else None, formula=Word("evaluation_formula", "placed")),
        share("right", lambda line: line.placed.right), share("triage", lambda line: line.triage_share),
        Figure("saved", Word("evaluation_name", "saved"), max(0, told.saved_seconds), "seconds",
               of=now.placed.stayed + now.placed.corrected, formula=Word("evaluation_formula", "saved")),
    ]  # fmt: skip


def _right(told: Evaluation) -> Chart:
    """What was left where it was put, by queue, with its interval."""
    lines = [line for line in told.queues if line.placed.right.of]
    shares = [line.placed.right for line in lines]
    sure = [(share.value or 0.0, place) for place, share in enumerate(shares) if not share.is_few]
    if sure:
        low, where = min(sure)
        title = Word("evaluation_finding", "lowest", {"name": _name(lines[where]), "share": Fact("share", low)})
    else:
        title = Word("report_part", "routing_right")
    series = Series(Word("evaluation_name", "right"), [share.value for share in shares],
                    low=[share.interval[0] for share in shares], high=[share.interval[1] for share in shares],
                    of=[share.of for share in shares])  # fmt: skip
    return Chart("routing_right", "intervals", title, [_name(line) for line in lines], (series,) if lines else (),
                 "share", Word("service_row", "queue"))  # fmt: skip


def _name(line: RoutingLine) -> Text:
    """A queue in one language, or a language."""
    language = Word("language", line.language)
    return Word("evaluation_finding", "line", {"name": line.name, "language": language}) if line.name else language


def _queues(told: Evaluation) -> Table:
    columns = (
        Column(Word("service_row", "queue"), "text"), Column(Word("evaluation_name", "placed")),
        Column(Word("evaluation_name", "right"), "share", Word("evaluation_formula", "right")),
        Column(Word("evaluation_finding", "moved")), Column(Word("evaluation_finding", "in_triage")),
        Column(Word("evaluation_name", "triage"), "share", Word("evaluation_formula", "triage")),
    )  # fmt: skip

    def row(name: Text, line: RoutingLine) -> list[Value]:
        return [name, line.placed.count, line.placed.right.value if line.placed.right.of else None,
                line.placed.corrected, line.triage.count,
                line.triage_share.value if line.triage_share.of else None]  # fmt: skip

    rows = [row(_name(line), line) for line in (*told.queues, *told.languages)]
    return Table("routing_queues", Word("report_part", "routing_queues"), columns, rows,
                 row(Word("report", "total"), told.total))  # fmt: skip


def _reasons(told: Evaluation) -> Table:
    columns = (
        Column(Word("evaluation_finding", "reason"), "text"), Column(Word("evaluation_finding", "tickets")),
        Column(Word("evaluation_name", "right"), "share"), Column(Word("evaluation_finding", "moved")),
    )  # fmt: skip
    rows: list[list[Value]] = []
    for reason, placed in told.reasons:
        is_triage = reason in evaluation.TRIAGE
        known = not is_triage and placed.right.of
        rows.append([Word("left_in_triage" if is_triage else "routing", reason), placed.count,
                     placed.right.value if known else None, placed.corrected])  # fmt: skip
    return Table("routing_reasons", Word("report_part", "routing_reasons"), columns, rows)


def _automation(told: Evaluation) -> Table:
    columns = (
        Column(Word("evaluation_column", "part"), "text"), Column(Word("evaluation_column", "name"), "text"),
        Column(Word("evaluation_column", "count")),
        *(Column(Word("evaluation_column", each), "share", Word("evaluation_formula", "came")) for each in _CAME),
        Column(Word("evaluation_column", "undone")),
    )  # fmt: skip
    rows = [[Word("automation", each.kind), each.name, each.came.count,
             *(_share(each.kind, name, each.came) for name in _CAME),
             each.came.undone if each.kind in ("rule", "macro") else None] for each in told.automation]  # fmt: skip
    return Table("automation", Word("report_part", "automation"), columns, rows)


def _share(kind: str, name: str, came: Came) -> float | None:
    """A survey asks after a ticket is resolved, and nothing else is answered."""
    if not came.settled or name == ("resolved" if kind == "survey" else "answered"):
        return None
    return float(getattr(came, name)) / came.settled
