"""Customer feedback as sheets: how satisfied people are, and what they write about.

Reading thousands of texts takes a second or two, so the texts are gathered in the database's moment and read outside.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import Session

from helpdesk import feedback, matters, readings
from helpdesk.accuracy import Share
from helpdesk.reporting.values import Chart, Column, Day, Fact, Figure, Series, Sheet, Table, Text, Value, Word

if TYPE_CHECKING:
    from helpdesk.reporting.catalog import Asked

FIGURES = ("csat", "stars", "nps", "response")
CHARTS = ("csat", "scores")
TABLES = ("scores",)
TOPIC_CHARTS = ("topics", "feelings")
TOPIC_TABLES = ("topics", "words", "quotes")
QUOTES = 2  # of each topic


def gather(db: Session, asked: "Asked") -> Callable[[], Sheet]:
    """Satisfaction and recommendation."""
    part = feedback.Part(asked.queue_id)
    now = feedback.marks(db, asked.interval, part=part)
    before = feedback.marks(db, asked.before, part=part)
    response = feedback.response(db, asked.interval, part=part)
    slots = feedback.trend(db, asked.interval, timezone=asked.timezone, part=part)
    title = finding(now.csat, before.csat)
    charts = [chart for chart in (trend(slots, title), _scores(now)) if not chart.is_empty]
    sheet = Sheet(
        asked.interval, [title if now.csat.of else Word("report_finding", "no_answers")],
        _figures(now, before, response), charts, [_scores(now).table()] if now.csat.of else [],
    )  # fmt: skip
    return lambda: sheet


@dataclass(frozen=True, slots=True)
class TopicsWork:
    """The sheet of topics once the texts are read. Whoever does not want to wait asks `is_ready` first."""

    asked: "Asked"
    reading: readings.Reading

    def __call__(self) -> Sheet:
        """The sheet, however long that takes."""
        return sheet_of(self.asked, self.reading.result())

    def is_ready(self, seconds: float) -> bool:
        """Whether it takes no longer than these."""
        return self.reading.wait(seconds) is not None


def gather_topics(db: Session, asked: "Asked") -> TopicsWork:
    """What texts are about, with what changed by more than chance."""
    source = asked.choices.get("source", "all")
    sources = feedback.SOURCES if source == "all" else (source,)
    question = readings.Question(asked.interval, asked.before, sources, feedback.Part(asked.queue_id), asked.language)
    shelf: readings.Shelf = db.info["readings"]
    return TopicsWork(asked, shelf.of(db, question, now=asked.now))


def finding(now: Share, before: Share) -> Text:
    """How satisfied customers are, and whether that is news."""
    facts = {"now": Fact("share", now.value), "before": Fact("share", before.value)}
    if feedback.differ(now, before):
        return Word("report_finding", "csat_up" if (now.value or 0) > (before.value or 0) else "csat_down", facts)
    return Word("report_finding", "csat_same" if before.of else "csat", facts)


def trend(slots: Sequence[feedback.Slot], title: Text) -> Chart:
    """Satisfaction over time with its interval; days on which nobody answered stay empty."""
    shares = [slot.csat for slot in slots]
    series = Series(
        Word("feedback_name", "csat"), [share.value for share in shares],
        low=[share.interval[0] if share.of else None for share in shares],
        high=[share.interval[1] if share.of else None for share in shares], of=[share.of for share in shares],
    )  # fmt: skip
    places = [Day(slot.first) for slot in slots]
    return Chart("csat", "line", title, places, (series,), "share", Word("report_by", "day"))


def sheet_of(asked: "Asked", found: matters.Analysis) -> Sheet:
    """An analysis as a sheet."""
    shown = found.matters
    news = [each for each in shown if each.is_new]
    said: list[Text] = [Word("report_finding", "texts", {"count": Fact("count", len(found.said))})]
    for each in news:
        facts = {"topic": each.name, "now": Fact("share", each.now.value), "before": Fact("share", each.before.value)}
        rises = (each.now.value or 0) > (each.before.value or 0)
        said.append(Word("report_finding", "topic_up" if rises else "topic_down", facts))
    for each in (each for each in shown if each.drives):
        facts = {"topic": each.name, "now": Fact("share", each.csat.value), "others": Fact("share", each.others.value)}
        said.append(Word("report_finding", "topic_drives", facts))
    if shown and not news:
        said.append(Word("report_finding", "topics_same"))
    return Sheet(
        asked.interval, said, (), topic_charts(found),
        [_topics(found), *([_words(found)] if any(drift.rising or drift.falling for drift in found.words) else []),
         *([_quotes(found)] if shown else [])],
        [Word("report_finding", "topics_sample", {"count": Fact("count", len(found.said)),
                                                  "of": Fact("count", found.of)})] if found.is_sample else [],
    )  # fmt: skip


def topic_charts(found: matters.Analysis) -> list[Chart]:
    """Each topic's share now and before with its interval, and what people feel about it."""
    shown = sorted(found.matters, key=lambda each: -each.now.held)
    if not shown:
        return []
    names = [each.name for each in shown]
    first = shown[0]
    title = Word("report_finding", "most_about", {"topic": first.name, "share": Fact("share", first.now.value)})

    def of(name: Word, shares: list[Share], tone: str) -> Series:
        return Series(name, [share.value for share in shares],
                      low=[share.interval[0] if share.of else None for share in shares],
                      high=[share.interval[1] if share.of else None for share in shares],
                      of=[share.held for share in shares], tone=tone)  # type: ignore[arg-type]  # fmt: skip

    compared = Chart(
        "topics", "intervals", title, names,
        (of(Word("chart", "now"), [each.now for each in shown], ""),
         of(Word("chart", "before"), [each.before for each in shown], "quiet")),
        "share", Word("chart", "topic"),
    )  # fmt: skip
    angriest = max(shown, key=lambda each: each.angry)
    most = Word("report_finding", "most_angry", {"topic": angriest.name, "count": str(angriest.angry)})
    felt = Chart(
        "feelings", "bars", most, names,
        (Series(Word("sentiment", "negative"), [each.angry for each in shown], tone="bad"),
         Series(Word("sentiment", "positive"), [each.glad for each in shown], tone="good")),
        "count", Word("chart", "topic"),
    )  # fmt: skip
    return [compared] if felt.is_empty else [compared, felt]


def _figures(now: feedback.Marks, before: feedback.Marks, response: Share) -> list[Figure]:
    def share(key: str, it: Share, earlier: Share | None = None) -> Figure:
        return Figure(key, Word("feedback_name", key), it.value, "share", it.of, it.interval if it.of else None,
                      earlier.value if earlier else None, Word("feedback_formula", key))  # fmt: skip

    nps, nps_before = now.nps, before.nps
    return [
        share("csat", now.csat, before.csat),
        Figure("stars", Word("chart", "stars"), now.mean, "number", now.csat.of, before=before.mean),
        Figure("nps", Word("feedback_name", "nps"), nps[0] if nps else None, "points", now.recommenders,
               (nps[0] - nps[1], nps[0] + nps[1]) if nps else None, nps_before[0] if nps_before else None,
               Word("feedback_formula", "nps")),
        share("response", response),
    ]  # fmt: skip


def _scores(now: feedback.Marks) -> Chart:
    stars = [now.stars.get(score, 0) for score in (5, 4, 3, 2, 1)]
    most = (5, 4, 3, 2, 1)[max(range(5), key=stars.__getitem__)]
    title = Word("report_finding", "most_stars", {"score": str(most), "count": Fact("count", max(stars))})
    series = Series(Word("chart", "answers"), stars)
    return Chart("scores", "bars", title, [f"★{score}" for score in (5, 4, 3, 2, 1)], (series,), "count",
                 Word("chart", "score"))  # fmt: skip


def _topics(found: matters.Analysis) -> Table:
    columns = (
        Column(Word("chart", "topic"), "text"), Column(Word("chart", "texts")), Column(Word("chart", "now"), "share"),
        Column(Word("chart", "before"), "share"), Column(Word("chart", "change"), "text"),
        Column(Word("sentiment", "positive")), Column(Word("sentiment", "negative")),
        Column(Word("feedback_name", "csat"), "share"), Column(Word("chart", "answers")),
    )  # fmt: skip
    rows: list[list[Value]] = []
    for each in found.matters:
        rises = (each.now.value or 0) > (each.before.value or 0)
        change = Word("change", "rising" if rises else "falling") if each.is_new else Word("change", "chance")
        is_enough = each.csat.of >= matters.LEAST
        csat = (each.csat.value, each.csat.of) if is_enough else (None, None)
        rows.append([each.name, each.now.held, each.now.value, each.before.value, change, each.glad, each.angry, *csat])
    return Table("topics", Word("report_title", "topics"), columns, rows)


def _words(found: matters.Analysis) -> Table:
    columns = (Column(Word("chart", "word"), "text"), Column(Word("chart", "before"), "share"),
               Column(Word("chart", "now"), "share"))  # fmt: skip
    rows = [[change.word, change.before.value, change.now.value]
            for drift in found.words for change in (*drift.rising, *drift.falling)]  # fmt: skip
    return Table("words", Word("chart", "words"), columns, rows)


def _quotes(found: matters.Analysis) -> Table:
    columns = (Column(Word("chart", "topic"), "text"), Column(Word("chart", "quote"), "text"))
    rows = [[each.name, quote.text] for each in found.matters for quote in each.quotes[:QUOTES]]
    return Table("quotes", Word("chart", "quotes"), columns, rows, is_personal=True, is_quoting=True)
