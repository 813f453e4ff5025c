"""What customers tell us, over many of them: how satisfied they are, about what they write, and what has changed.

The one idea: every number keeps the texts it counts, so that it opens them, and stands beside how many there are and
how sure it is. What changed is shown only with the test it passed, groups too small to hide a person are not shown, and
a quote is read without the names and numbers in it.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from classifiers import text as texts
from classifiers import themes
from helpdesk import drift, preferences, survey_questions, surveys, topics
from helpdesk.accuracy import Share
from helpdesk.errors import Invalid
from helpdesk.events import FeedbackGiven, emit
from helpdesk.measures import Interval
from helpdesk.products import catalogue
from models import (
    Agent,
    Answer,
    AnswerSource,
    Ask,
    AskState,
    Call,
    Customer,
    Impression,
    Message,
    Product,
    Routing,
    Scale,
    Survey,
    Ticket,
    TicketProduct,
)
from models.database import Database

if TYPE_CHECKING:
    from classifiers.words import Words

SOURCES: Final = ("comments", "mails", "notes")
MOST: Final = 5_000
"""Texts of a period and source that are read; of more, about so many, spread evenly over it."""
_STEPS: Final = 10_007
_SPREAD: Final = 7_919
"""Numbers times one prime, less all of the other, come in no order that anything else would have: what lies below a
share of it is that share of every week, and the same whenever it is asked."""
CUT: Final = topics.CUT
LEAST: Final = 5
"""Of a smaller group nothing is shown: its members could be known by it."""
SHOWN: Final = 3  # quotes of a topic
PRODUCTS: Final = 50  # to choose from
QUOTE: Final = (8, 160)  # characters of a good quote
LENGTH: Final = 60  # of the best
LOOKED_AT: Final = 500  # texts of a topic, those of the best length, that quotes are chosen from
SURE: Final = 0.05
_Z: Final = 1.959964
IMPORT_MOST: Final = 20_000  # lines of a file
Place = tuple[datetime, int]
"""Where a text stands among those of its source: its time and its row's number."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which answers and texts: those of a queue, and those of tickets that name a product; None: whichever."""

    queue_id: int | None = None
    product_id: int | None = None

    def of(self, queue: Any, ticket: Any) -> list[sa.ColumnElement[bool]]:
        """The condition on a row's columns of queue and ticket."""
        here = [col(queue) == self.queue_id] if self.queue_id is not None else []
        if self.product_id is not None:
            named = sa.select(col(TicketProduct.ticket_id)).where(col(TicketProduct.product_id) == self.product_id)
            here.append(col(ticket).in_(named))
        return here


EVERYTHING: Final = Part()


@dataclass(frozen=True, slots=True)
class Read:
    """What was guessed of a comment."""

    language: str
    sentiment: tuple[str, float]


@dataclass(frozen=True, slots=True)
class Said:
    """One text, and whose."""

    source: str
    text: str
    at: datetime
    language: str
    sentiment: str = ""
    score: int | None = None
    scale: Scale = Scale.STARS
    ticket_id: int | None = None
    queue_id: int | None = None
    name: str = ""  # of the customer, to be masked
    number: int = 0  # of its row among those of its source
    ref: str = ""  # what it is kept as: "answer-7", "message-3", "call-12"
    question: str = ""  # of a survey that it answers, where that is not the first

    @property
    def is_satisfied(self) -> bool | None:
        """By the customer's own mark; None where there is none on this scale."""
        return self.score >= surveys.SATISFIED if self.scale == Scale.STARS and self.score is not None else None


@dataclass(frozen=True, slots=True)
class Marks:
    """Answers of one period on both scales, counted by their score."""

    stars: Mapping[int, int]
    eleven: Mapping[int, int]

    @property
    def csat(self) -> Share:
        """Satisfied (4 and 5 of 5) of all who gave stars."""
        return Share(self.stars.get(4, 0) + self.stars.get(5, 0), sum(self.stars.values()))

    @property
    def mean(self) -> float | None:
        """Of the stars."""
        count = sum(self.stars.values())
        return sum(score * many for score, many in self.stars.items()) / count if count else None

    @property
    def recommenders(self) -> int:
        """How many gave an answer from 0 to 10."""
        return sum(self.eleven.values())

    @property
    def nps(self) -> tuple[float, float] | None:
        """Share of 9 and 10 less share of 0 to 6, in points from -100 to 100, and half its 95 % interval."""
        n = self.recommenders
        if not n:
            return None
        p = sum(many for score, many in self.eleven.items() if score >= 9) / n
        d = sum(many for score, many in self.eleven.items() if score <= 6) / n
        return 100 * (p - d), 100 * _Z * math.sqrt(max(0.0, p + d - (p - d) ** 2) / n)


@dataclass(frozen=True, slots=True)
class Slot:
    """One day or week of the trend."""

    first: date
    last: date
    csat: Share


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence that stands for many, without names and numbers."""

    text: str
    sentiment: str
    score: int | None
    scale: Scale
    ticket_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Matter:
    """A topic: how often it comes up, what people feel about it, and how satisfied they are who write of it."""

    key: str
    name: str
    now: Share
    before: Share
    p: float
    is_new: bool  # changed by more than chance, all topics considered
    glad: int
    angry: int
    csat: Share
    others: Share  # csat of those who write of something else
    driver_p: float
    drives: bool  # those who write of it are less satisfied, by more than chance
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A matter that showed itself."""

    number: int
    language: str
    words: tuple[str, ...]
    count: int
    glad: int
    angry: int
    quotes: tuple[Quote, ...]


@dataclass(frozen=True)
class Analysis:
    """One period beside the one before. `said` are all texts read, the newest first; `of_topic` and `of_group` the
    places in it behind each count."""

    said: Sequence[Said]
    count_before: int
    of: int  # how many there were: what was read may be a sample
    glad: int
    angry: int
    matters: list[Matter]
    none: int  # texts about none of the topics
    groups: list[Found]
    words: list[drift.WordDrift]
    of_topic: Mapping[str, Sequence[int]] = field(default_factory=dict)
    of_group: Mapping[int, Sequence[int]] = field(default_factory=dict)

    @property
    def is_sample(self) -> bool:
        """Whether there were more than were read."""
        return self.of > len(self.said)

    def behind(self, key: str) -> list[Said]:
        """The texts of a topic ("staff"), a group ("group-2"), a feeling ("angry", "glad") or of everything."""
        if key.startswith("group-") and key[6:].isdecimal():
            places: Iterable[int] = self.of_group.get(int(key[6:]), ())
        elif key in ("glad", "angry"):
            meant = {"glad": "positive", "angry": "negative"}[key]
            places = (at for at, each in enumerate(self.said) if each.sentiment == meant)
        elif key == "none":
            covered = {at for held in self.of_topic.values() for at in held}
            places = (at for at in range(len(self.said)) if at not in covered)
        elif key in self.of_topic:
            places = self.of_topic[key]
        else:
            places = range(len(self.said))
        return [self.said[at] for at in places]


def read(comment: str, database: Database) -> Read:
    """The language and feeling of a comment, guessed; no feeling where that guess is switched off."""
    words = comment.strip()
    if not words:
        return Read("", ("", 0.0))
    is_asked = database.read_now(preferences.shown, "sentiment")
    return Read(texts.language(words), felt(words) if is_asked else ("", 0.0))


def felt(words: str) -> tuple[str, float]:
    """The feeling of a comment and how sure that is; ("", 0) where the model is damaged."""
    from classifiers import Refused, sentiment

    try:
        found = sentiment.of(words, comment=True)
    except Refused:  # said in the log when the desk started
        return "", 0.0
    return found.label, found.confidence


def marks(db: Session, interval: Interval, *, part: Part = EVERYTHING) -> Marks:
    """How many gave which score."""
    counted: dict[Scale, Counter[int]] = {scale: Counter() for scale in Scale}
    rows = db.execute(
        sa.select(col(Answer.scale), col(Answer.score), sa.func.count())
        .where(*_answers(interval, part), col(Answer.score).is_not(None))
        .group_by(col(Answer.scale), col(Answer.score))
    )
    for scale, score, many in rows:
        counted[scale][score] += many
    return Marks(counted[Scale.STARS], counted[Scale.ELEVEN])


def response(db: Session, interval: Interval, *, part: Part = EVERYTHING) -> Share:
    """How many of those asked in the period have answered by now."""
    here = [col(Ask.sent_at) >= interval.begin, col(Ask.sent_at) < interval.end]
    here += [col(Ask.created_at) >= interval.begin - timedelta(days=31), col(Ask.created_at) < interval.end]
    here += part.of(Ask.queue_id, Ask.ticket_id)
    rows = db.execute(sa.select(col(Ask.state), sa.func.count()).where(*here).group_by(col(Ask.state)))
    counts = {state: many for state, many in rows}
    answered = counts.get(AskState.ANSWERED, 0)
    return Share(answered, answered + counts.get(AskState.SENT, 0))


def trend(db: Session, interval: Interval, *, timezone: str, part: Part = EVERYTHING) -> list[Slot]:
    """Satisfaction by day, or by seven days where those would be more than 31 or hardly have three answers each, the
    oldest first."""
    zone = ZoneInfo(timezone)
    first = interval.begin.astimezone(zone).date()
    last = (interval.end - timedelta(microseconds=1)).astimezone(zone).date()
    held: Counter[int] = Counter()
    of: Counter[int] = Counter()
    rows = db.execute(
        sa.select(col(Answer.at), col(Answer.score)).where(
            *_answers(interval, part), col(Answer.score).is_not(None), col(Answer.scale) == Scale.STARS
        )
    ).all()
    days = (last - first).days + 1
    wide = 7 if days > 31 or (days > 13 and len(rows) < 3 * days) else 1
    for at, score in rows:
        slot = (at.astimezone(zone).date() - first).days // wide
        of[slot] += 1
        held[slot] += score >= surveys.SATISFIED
    return [
        Slot(day := first + timedelta(days=wide * slot), min(last, day + timedelta(days=wide - 1)),
             Share(held[slot], of[slot]))
        for slot in range((last - first).days // wide + 1)
    ]  # fmt: skip


def differ(now: Share, before: Share) -> bool:
    """Whether two shares differ by more than chance, by the likelihood ratio test."""
    return bool(now.of and before.of) and drift.p_of(before.held, before.of, now.held, now.of) < SURE


def products(db: Session, interval: Interval, *, chosen: int | None = None) -> list[Product]:
    """The products that most tickets of a period name, at most `PRODUCTS`, by name; and the one that is chosen. Raises
    `NotFound` for one that is none."""
    often = (
        sa.select(col(TicketProduct.product_id))
        .where(col(TicketProduct.at) >= interval.begin, col(TicketProduct.at) < interval.end)
        .group_by(col(TicketProduct.product_id))
        .order_by(sa.func.count().desc(), col(TicketProduct.product_id))
        .limit(PRODUCTS)
    )
    ids = {*db.scalars(often), *([catalogue.get(db, chosen).id] if chosen is not None else [])}
    return list(db.exec(select(Product).where(col(Product.id).in_(ids)).order_by(Product.name_key)))


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of a period, the newest first; `of` is how many there were."""

    said: Sequence[Said]
    of: int


def collect(db: Session, interval: Interval, *, sources: Sequence[str] = SOURCES, part: Part = EVERYTHING) -> Texts:
    """The texts of a period; where a source has more than `MOST`, about so many of them, from all of the period."""
    said: list[Said] = []
    count = 0
    for source in sources:
        there = db.scalar(_counted(source, interval, part)) or 0
        found = [each for each in _COLLECT[source](db, interval, part, share=_share(there)) if each.text.strip()]
        said += found
        count += max(there, len(found)) if there > MOST else len(found)
    return Texts(sorted(said, key=lambda each: each.at, reverse=True), count)


def every(
    database: Database, interval: Interval, *, sources: Sequence[str] = SOURCES, part: Part = EVERYTHING
) -> Iterator[Said]:
    """All texts of a period without a limit, source by source, the newest first. They are read some thousands at a
    time, each time anew, so that neither the memory nor a reader of the database is held for long."""
    for source in sources:
        below: Place | None = None
        while True:
            found = database.read_now(lambda db: list(_COLLECT[source](db, interval, part, below)))  # noqa: B023
            yield from (each for each in found if each.text.strip())
            if not found:
                break
            below = found[-1].at, found[-1].number


def analyse(
    now: Sequence[Said],
    before: Sequence[Said],
    asked: Mapping[str, topics.Sought],
    *,
    of: int = 0,
) -> Analysis:
    """What the texts of a period are about, beside those of the period before. Nothing of a group below `LEAST`. `of`
    is how many there were, where those are a sample.

    A change of a topic's share, and lower satisfaction of who writes of it, count where Dunning's G² stays below 5 % of
    false ones over all topics together (Benjamini and Hochberg 1995).
    """
    from classifiers.vectors import japanese

    vectors = japanese()
    of_topic, heard = _by_topic(now, asked)
    earlier, heard_before = _by_topic(before, asked)
    read_now = drift.words_of([("", each.text) for each in now], vectors=vectors, heard=heard)
    read_before = drift.words_of([("", each.text) for each in before], vectors=vectors, heard=heard_before)
    found = [group for group in themes.groups(read_now) if len(group.texts) >= LEAST]
    covered = {at for places in of_topic.values() for at in places}
    return Analysis(
        said=now, count_before=len(before), of=max(of, len(now)), glad=_felt(now, "positive"),
        angry=_felt(now, "negative"), matters=_matters(now, before, asked, of_topic, earlier),
        none=len(now) - len(covered),
        groups=[_group(number, group, now) for number, group in enumerate(found)],
        words=[
            drift.compare(language, [each for each in read_before if each.language == language],
                          [each for each in read_now if each.language == language])
            for language in ("ja", "en")
        ],
        of_topic=of_topic, of_group={number: group.texts for number, group in enumerate(found)},
    )  # fmt: skip


def lines(said: Iterable[Said], asked: Mapping[str, topics.Sought]) -> Iterator[list[Any]]:
    """For a file: one line a text, the words masked, with the topics it is about."""
    rest = iter(said)
    while some := list(islice(rest, 500)):
        for each, keys in zip(some, topics.about([one.text for one in some], asked), strict=True):
            score = "" if each.score is None else each.score
            about = ", ".join(asked[key].name for key in keys)
            yield [each.at.isoformat(), each.source, score, each.sentiment, each.language, about,
                   themes.masked(each.text, [each.name]), each.ticket_id or ""]  # fmt: skip


def masked(said: Said) -> str:
    """A text without the names and numbers in it."""
    return themes.masked(said.text, [said.name])


def bring_in(db: Session, rows: Iterable[Mapping[str, str]], *, by: Agent, now: datetime) -> tuple[int, int]:
    """Keep comments that were gathered elsewhere: how many were new, and how many were here already.

    A row has "comment" and perhaps "score" (1 to 5), "at" (ISO 8601) and "customer_id"; what it says makes it the same
    row again. Raises `Invalid("import_line", line=...)` for one that cannot be read, and keeps nothing then.
    """
    import hashlib
    import json

    fresh: dict[str, Answer] = {}
    seen = 0
    for number, row in enumerate(rows, 2):
        if number > IMPORT_MOST + 1:
            raise Invalid("import_too_long", field="file")
        comment = (row.get("comment") or "").replace("\x00", "").strip()[: surveys.COMMENT_MAX]
        score, at = _score(row.get("score") or "", number), _time(row.get("at") or "", number, now)
        if not comment and score is None:
            continue
        seen += 1
        told = json.dumps([comment, score, row.get("at") or ""], ensure_ascii=False)
        key = hashlib.sha256(told.encode()).hexdigest()
        feeling = felt(comment) if comment and key not in fresh else ("", 0.0)
        fresh.setdefault(key, Answer(
            source=AnswerSource.IMPORT, external_id=key, scale=Scale.STARS, score=score, comment=comment,
            language=texts.language(comment) if comment else "", sentiment=feeling[0], sentiment_confidence=feeling[1],
            at=at, changed_at=now,
        ))  # fmt: skip
    here: set[str] = set()
    keys = list(fresh)
    for begin in range(0, len(keys), 500):
        known = sa.select(col(Answer.external_id)).where(
            col(Answer.source) == AnswerSource.IMPORT, col(Answer.external_id).in_(keys[begin : begin + 500])
        )
        here.update(db.scalars(known))
    new = [row for key, row in fresh.items() if key not in here]
    db.add_all(new)
    db.flush()
    if new:
        emit(db, FeedbackGiven(answer_id=new[0].id or 0, by_id=by.id, at=now))
    return len(new), seen - len(new)


# --- texts -----------------------------------------------------------------------------------------------------------


def _answers(interval: Interval, part: Part) -> list[sa.ColumnElement[bool]]:
    here = [col(Answer.at) >= interval.begin, col(Answer.at) < interval.end]
    return here + part.of(Answer.queue_id, Answer.ticket_id)


def _comments(
    db: Session, interval: Interval, part: Part, below: Place | None = None, share: int = _STEPS
) -> Iterator[Said]:
    rows = db.execute(
        sa.select(Answer, sa.func.coalesce(Customer.name, ""), col(Survey.questions))
        .join(Customer, col(Customer.id) == Answer.customer_id, isouter=True)
        .join(Survey, col(Survey.id) == Answer.survey_id, isouter=True)
        .where(
            *_answers(interval, part),
            col(Answer.comment) != "",
            *_below(Answer.at, Answer.id, below),
            *_sampled(Answer.id, share),
        )
        .order_by(col(Answer.at).desc(), col(Answer.id).desc())
        .limit(MOST)
    )
    for row, name, questions in rows:
        yield Said("comments", row.comment[:CUT], row.at, row.language, row.sentiment, row.score, row.scale,
                   row.ticket_id, row.queue_id, name, row.id or 0, f"answer-{row.id}",
                   survey_questions.question_of(row, questions))  # fmt: skip


def _mails(
    db: Session, interval: Interval, part: Part, below: Place | None = None, share: int = _STEPS
) -> Iterator[Said]:
    """The mails tickets were routed by, once a ticket."""
    here = [col(Routing.decided_at) >= interval.begin, col(Routing.decided_at) < interval.end]
    here += part.of(Ticket.queue_id, Ticket.id)
    rows = db.execute(
        sa.select(
            sa.func.substr(Message.reply_text, 1, CUT), col(Routing.decided_at), col(Ticket.language),
            sa.func.coalesce(Impression.sentiment, ""), col(Ticket.id), col(Ticket.queue_id),
            sa.func.coalesce(Customer.name, Message.sender_name), col(Routing.id), col(Message.id),
        )
        .select_from(Routing)
        .join(Ticket, col(Ticket.id) == Routing.ticket_id)
        .join(Message, col(Message.id) == Routing.message_id)
        .join(Impression, col(Impression.message_id) == Message.id, isouter=True)
        .join(Customer, col(Customer.id) == Ticket.customer_id, isouter=True)
        .where(*here, col(Routing.reason) != "by_agent", *_below(Routing.decided_at, Routing.id, below),
               *_sampled(Routing.id, share))
        .order_by(col(Routing.decided_at).desc(), col(Routing.id).desc())
        .limit(MOST)
    )  # fmt: skip
    for text, at, language, sentiment, ticket_id, queue, name, number, message_id in rows:
        yield Said("mails", text, at, language, sentiment, ticket_id=ticket_id, queue_id=queue, name=name,
                   number=number, ref=f"message-{message_id}")  # fmt: skip


def _notes(
    db: Session, interval: Interval, part: Part, below: Place | None = None, share: int = _STEPS
) -> Iterator[Said]:
    """What agents wrote of calls. No feeling is guessed of them: the tone is the agent's."""
    here = [col(Call.started_at) >= interval.begin, col(Call.started_at) < interval.end, col(Call.note) != ""]
    here += part.of(Call.queue_id, Call.ticket_id)
    rows = db.execute(
        sa.select(sa.func.substr(Call.note, 1, CUT), col(Call.started_at), col(Call.ticket_id), col(Call.queue_id),
                  sa.func.coalesce(Customer.name, ""), col(Call.id))
        .join(Customer, col(Customer.id) == Call.customer_id, isouter=True)
        .where(*here, *_below(Call.started_at, Call.id, below), *_sampled(Call.id, share))
        .order_by(col(Call.started_at).desc(), col(Call.id).desc())
        .limit(MOST)
    )  # fmt: skip
    for text, at, ticket_id, queue, name, number in rows:
        yield Said("notes", text, at, texts.language(text), ticket_id=ticket_id, queue_id=queue, name=name,
                   number=number, ref=f"call-{number}")  # fmt: skip


def _below(at: Any, number: Any, below: Place | None) -> list[sa.ColumnElement[bool]]:
    """What comes after a place, the newest first."""
    if below is None:
        return []
    return [sa.or_(col(at) < below[0], sa.and_(col(at) == below[0], col(number) < below[1]))]


def _share(count: int) -> int:
    return _STEPS if count <= MOST else _STEPS * MOST // count


def _sampled(number: Any, share: int) -> list[sa.ColumnElement[bool]]:
    """Of every `_STEPS` rows so many."""
    return [] if share >= _STEPS else [sa.cast(col(number), sa.BigInteger) * _SPREAD % _STEPS < share]


def _counted(source: str, interval: Interval, part: Part) -> Any:
    """How many texts of a source there are, at most."""
    count = sa.select(sa.func.count())
    if source == "comments":
        return count.select_from(Answer).where(*_answers(interval, part), col(Answer.comment) != "")
    if source == "notes":
        here = [col(Call.started_at) >= interval.begin, col(Call.started_at) < interval.end, col(Call.note) != ""]
        return count.select_from(Call).where(*here, *part.of(Call.queue_id, Call.ticket_id))
    here = [col(Routing.decided_at) >= interval.begin, col(Routing.decided_at) < interval.end]
    here += [col(Routing.reason) != "by_agent", col(Routing.message_id).is_not(None)]
    if part == EVERYTHING:
        return count.select_from(Routing).where(*here)
    return count.select_from(Routing).join(Ticket, col(Ticket.id) == Routing.ticket_id).where(
        *here, *part.of(Ticket.queue_id, Ticket.id)
    )  # fmt: skip


_COLLECT = {"comments": _comments, "mails": _mails, "notes": _notes}


# --- counting --------------------------------------------------------------------------------------------------------


def _by_topic(
    said: Sequence[Said], asked: Mapping[str, topics.Sought]
) -> "tuple[dict[str, list[int]], list[Words | None]]":
    """The places of each topic's texts, and the words of those texts that had to be read for it."""
    places: dict[str, list[int]] = {key: [] for key in asked}
    about, heard = topics.read([each.text for each in said], asked, words=True)
    for at, keys in enumerate(about):
        for key in keys:
            places[key].append(at)
    return places, heard


def _matters(
    now: Sequence[Said],
    before: Sequence[Said],
    asked: Mapping[str, topics.Sought],
    of_topic: Mapping[str, Sequence[int]],
    earlier: Mapping[str, Sequence[int]],
) -> list[Matter]:
    changes, drivers = {}, {}
    marked = [each.is_satisfied for each in now]
    for key in asked:
        changes[key] = drift.p_of(len(earlier[key]), len(before), len(of_topic[key]), len(now)) \
            if now and before and len(of_topic[key]) + len(earlier[key]) >= LEAST else 1.0  # fmt: skip
        held = set(of_topic[key])
        ours = Share(sum(1 for at in held if marked[at]), sum(1 for at in held if marked[at] is not None))
        rest = Share(
            sum(1 for at, mark in enumerate(marked) if mark and at not in held),
            sum(1 for at, mark in enumerate(marked) if mark is not None and at not in held),
        )
        p = drift.p_of(rest.held, rest.of, ours.held, ours.of) if min(ours.of, rest.of) >= LEAST else 1.0
        drivers[key] = ours, rest, p
    sure, lower = _sure(changes), _sure({key: p for key, (_, _, p) in drivers.items()})
    found = []
    for key, each in asked.items():
        places = of_topic[key]
        if len(places) < LEAST:
            continue
        ours, rest, p = drivers[key]
        of = [now[at] for at in places]
        found.append(Matter(
            key, each.name, Share(len(places), len(now)), Share(len(earlier[key]), len(before)), changes[key],
            key in sure, _felt(of, "positive"), _felt(of, "negative"), ours, rest, p,
            key in lower and (ours.value or 0) < (rest.value or 0), _quotes(of, each.words),
        ))  # fmt: skip
    return sorted(found, key=lambda matter: (-matter.now.held, matter.key))


def _sure(p: Mapping[str, float]) -> set[str]:
    """Those that pass together, after Benjamini and Hochberg."""
    ranked = sorted(p.items(), key=lambda item: item[1])
    passed = [rank for rank, (_, value) in enumerate(ranked, 1) if value <= SURE * rank / len(ranked)]
    return {key for key, _ in ranked[: max(passed, default=0)]}


def _group(number: int, group: themes.Group, now: Sequence[Said]) -> Found:
    of = [now[at] for at in group.texts]
    return Found(number, group.language, group.words, len(of), _felt(of, "positive"), _felt(of, "negative"),
                 _quotes(of, group.words))  # fmt: skip


def _quotes(of: Sequence[Said], words: Sequence[str]) -> tuple[Quote, ...]:
    """Some that stand for the others: short enough to read, with the topic's words, of each feeling in turn."""
    fits = [each for each in of if QUOTE[0] <= len(each.text.strip()) <= QUOTE[1]] or list(of)
    fits = sorted(fits, key=lambda each: (abs(len(each.text) - LENGTH), each.at))[:LOOKED_AT]
    loud = sorted(fits, key=lambda each: (-len(themes.places(each.text, words)), abs(len(each.text) - LENGTH), each.at))
    chosen: list[Said] = []
    for feeling in ("negative", "positive", "neutral", ""):
        chosen += [each for each in loud if each.sentiment == feeling and each not in chosen][:1]
    chosen += [each for each in loud if each not in chosen]
    return tuple(
        Quote(themes.masked(each.text.strip()[: QUOTE[1] * 2], [each.name]), each.sentiment, each.score, each.scale,
              each.ticket_id, each.at)
        for each in chosen[:SHOWN]
    )  # fmt: skip


def _felt(said: Iterable[Said], feeling: str) -> int:
    return sum(1 for each in said if each.sentiment == feeling)


def _score(typed: str, line: int) -> int | None:
    typed = themes.folded(typed).strip()
    if not typed:
        return None
    if typed not in ("1", "2", "3", "4", "5"):
        raise Invalid("import_line", field="file", line=line)
    return int(typed)


def _time(typed: str, line: int, now: datetime) -> datetime:
    if not typed.strip():
        return now
    try:
        at = datetime.fromisoformat(typed.strip())
    except ValueError as error:
        raise Invalid("import_line", field="file", line=line) from error
    return (at if at.tzinfo else at.replace(tzinfo=now.tzinfo)).astimezone(now.tzinfo)
