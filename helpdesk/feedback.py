"""What customers tell us, over many of them: how satisfied they are, and the texts they wrote.

The one idea: a number stands beside how many there are and how sure it is, and a text is read with whose it is, so that
it is shown without the names and numbers in it. What the texts are about is in helpdesk/matters.py.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from classifiers import text as texts
from classifiers import themes
from helpdesk import drift, survey_questions, surveys, topics
from helpdesk.accuracy import Share
from helpdesk.measures import Interval
from helpdesk.products import catalogue
from models import (
    Answer,
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
from models.looking import columns_of

SOURCES: Final = ("comments", "mails", "notes")
MOST: Final = 5_000
"""Texts of a period and source that are read; of more, about so many, spread evenly over it."""
COMMENTS_MOST: Final = 100_000
"""So many where comments alone are asked for: they are short, and somebody asked for each of them. They are read by a
process of its own, so there are twenty times as many."""
_STEPS: Final = 10_007
_SPREAD: Final = 7_919
"""Numbers times one prime, less all of the other, come in no order that anything else would have: what lies below a
share of it is that share of every week, and the same whenever it is asked."""
CUT: Final = topics.CUT
PRODUCTS: Final = 50  # to choose from
SURE: Final = 0.05
_Z: Final = 1.959964
Sample = int | list[int]
"""Rows by their numbers, or how many of every `_STEPS`."""
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
    """The texts of a period; where a source has more than `MOST`, about so many of them, from all of the period. All
    sources count alike beside each other, so none is read more closely than another."""
    parts = []
    for source in sources:
        there, first, last = db.connection().execute(_counted(source, interval, part)).one()
        some = _sample(there, first, last) if there > MOST else None
        found = [each for each in _COLLECT[source](db, interval, part, some=some) if each.text.strip()]
        parts.append(Texts(found, max(there, len(found)) if there > MOST else len(found)))
    return together(parts)


def many_comments(
    database: Database, interval: Interval, *, part: Part = EVERYTHING, heed: Callable[[int], None]
) -> Texts | None:
    """The comments of a period where they are more than `MOST`: all of them, or, of more than `COMMENTS_MOST`, about so
    many, from all of the period; else None. `heed` is called between two handfuls; what it raises ends this."""
    there = database.read_now(lambda db: db.connection().execute(_counted("comments", interval, part)).one()[0])
    if there <= MOST:
        return None
    share = _share(there, COMMENTS_MOST) if there > COMMENTS_MOST else None
    said: list[Said] = []
    for each in every(database, interval, sources=("comments",), part=part, share=share):
        if len(said) % MOST == 0:
            heed(0)
        said.append(each)
    return Texts(said, len(said) if share is None else max(there, len(said)))


def together(parts: Sequence[Texts]) -> Texts:
    """Texts of several sources as those of one."""
    said = sorted((each for part in parts for each in part.said), key=lambda each: each.at, reverse=True)
    return Texts(said, sum(part.of for part in parts))


def are_few(
    db: Session,
    now: Interval,
    before: Interval,
    most: int,
    *,
    sources: Sequence[str] = SOURCES,
    part: Part = EVERYTHING,
) -> bool:
    """Whether two periods have no more than so many texts together; no more rows than that are looked at."""
    count = 0
    for source in sources:
        for interval in (now, before):
            some = _texts_of(source, interval, part, sa.literal(1)).limit(most + 1 - count).subquery()
            count += db.scalar(sa.select(sa.func.count()).select_from(some)) or 0
            if count > most:
                return False
    return True


def every(
    database: Database,
    interval: Interval,
    *,
    sources: Sequence[str] = SOURCES,
    part: Part = EVERYTHING,
    share: int | None = None,
) -> Iterator[Said]:
    """All texts of a period without a limit, or `share` of every `_STEPS` of them, source by source, the newest first.
    They are read some thousands at a time, each time anew, so that neither the memory nor a reader of the database is
    held for long."""
    for source in sources:
        here, below = interval, None
        while found := database.read_now(lambda db: list(_COLLECT[source](db, here, part, below, share))):  # noqa: B023
            yield from (each for each in found if each.text.strip())
            below = found[-1].at, found[-1].number
            here = Interval(interval.begin, below[0] + timedelta(microseconds=1))  # an index begins there


def lines(said: Iterable[Said], asked: Mapping[str, topics.Sought]) -> Iterator[list[Any]]:
    """For a file: one line a text, the words masked, with the topics it is about."""
    rest, ready = iter(said), topics.Ready(asked)
    while some := list(islice(rest, 500)):
        for each, keys in zip(some, topics.about([one.text for one in some], ready), strict=True):
            score = "" if each.score is None else each.score
            about = ", ".join(asked[key].name for key in keys)
            yield [each.at, each.source, score, each.sentiment, each.language, about,
                   themes.masked(each.text, [each.name]), each.ticket_id or ""]  # fmt: skip


def masked(said: Said) -> str:
    """A text without the names and numbers in it."""
    return themes.masked(said.text, [said.name])


# --- texts -----------------------------------------------------------------------------------------------------------


def _answers(interval: Interval, part: Part) -> list[sa.ColumnElement[bool]]:
    here = [col(Answer.at) >= interval.begin, col(Answer.at) < interval.end]
    return here + part.of(Answer.queue_id, Answer.ticket_id)


def _comments(
    db: Session, interval: Interval, part: Part, below: Place | None = None, some: Sample | None = None
) -> Iterator[Said]:
    rows: Any = db.connection().execute(
        columns_of(Answer)
        .add_columns(sa.func.coalesce(Customer.name, "").label("name"), col(Survey.questions))
        .select_from(Answer)
        .join(Customer, col(Customer.id) == Answer.customer_id, isouter=True)
        .join(Survey, col(Survey.id) == Answer.survey_id, isouter=True)
        .where(
            *_answers(interval, part),
            col(Answer.comment) != "",
            *_below(Answer.at, Answer.id, below),
            *_sampled(Answer.id, some),
        )
        .order_by(col(Answer.at).desc(), col(Answer.id).desc())
        .limit(_limit(some))
    )
    for row in rows:
        yield Said("comments", row.comment[:CUT], row.at, row.language, row.sentiment, row.score, row.scale,
                   row.ticket_id, row.queue_id, row.name, row.id or 0, f"answer-{row.id}",
                   survey_questions.question_of(row, row.questions))  # fmt: skip


def _mails(
    db: Session, interval: Interval, part: Part, below: Place | None = None, some: Sample | None = None
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
               *_sampled(Routing.id, some))
        .order_by(col(Routing.decided_at).desc(), col(Routing.id).desc())
        .limit(_limit(some))
    )  # fmt: skip
    for text, at, language, sentiment, ticket_id, queue, name, number, message_id in rows:
        yield Said("mails", text, at, language, sentiment, ticket_id=ticket_id, queue_id=queue, name=name,
                   number=number, ref=f"message-{message_id}")  # fmt: skip


def _notes(
    db: Session, interval: Interval, part: Part, below: Place | None = None, some: Sample | None = None
) -> Iterator[Said]:
    """What agents wrote of calls. No feeling is guessed of them: the tone is the agent's."""
    here = [col(Call.started_at) >= interval.begin, col(Call.started_at) < interval.end, col(Call.note) != ""]
    here += part.of(Call.queue_id, Call.ticket_id)
    rows = db.execute(
        sa.select(sa.func.substr(Call.note, 1, CUT), col(Call.started_at), col(Call.ticket_id), col(Call.queue_id),
                  sa.func.coalesce(Customer.name, ""), col(Call.id))
        .join(Customer, col(Customer.id) == Call.customer_id, isouter=True)
        .where(*here, *_below(Call.started_at, Call.id, below), *_sampled(Call.id, some))
        .order_by(col(Call.started_at).desc(), col(Call.id).desc())
        .limit(_limit(some))
    )  # fmt: skip
    for text, at, ticket_id, queue, name, number in rows:
        yield Said("notes", text, at, texts.language(text), ticket_id=ticket_id, queue_id=queue, name=name,
                   number=number, ref=f"call-{number}")  # fmt: skip


def _below(at: Any, number: Any, below: Place | None) -> list[sa.ColumnElement[bool]]:
    """What comes after a place, the newest first, of what is not newer."""
    if below is None:
        return []
    return [sa.or_(col(at) < below[0], col(number) < below[1])]


def _sample(count: int, first: int, last: int) -> Sample:
    """Of `count` rows numbered from `first` to `last` about `MOST`. Their numbers can be told beforehand, so of two
    million rows none but these are looked at; where most of those numbers are other rows', all are asked instead."""
    share = _share(count, MOST)
    if (last - first) * share // _STEPS > 3 * MOST:
        return share
    back = pow(_SPREAD, -1, _STEPS)
    steps = sorted(place * back % _STEPS for place in range(share))
    begin = first - first % _STEPS
    return [number for at in range(begin, last + 1, _STEPS) for step in steps if first <= (number := at + step) <= last]


def _share(count: int, most: int) -> int:
    """How many of every `_STEPS` rows make `most` of `count`."""
    return max(1, _STEPS * most // count)


def _sampled(number: Any, some: Sample | None) -> list[sa.ColumnElement[bool]]:
    if some is None:
        return []
    if isinstance(some, int):
        return [sa.cast(col(number), sa.BigInteger) * _SPREAD % _STEPS < some]
    return [col(number).in_(some)]


def _limit(some: Sample | None) -> int:
    """A sample has now and then more than it should; cut to so many it would lack the oldest."""
    return MOST if some is None else 2 * MOST


def _counted(source: str, interval: Interval, part: Part) -> Any:
    """How many texts of a source there are, at most, with the lowest and the highest number of their rows."""
    number = col(_ROWS[source].id)
    return _texts_of(source, interval, part, sa.func.count(), sa.func.min(number), sa.func.max(number))


def _texts_of(source: str, interval: Interval, part: Part, *columns: Any) -> Any:
    """Columns of a source's rows that have a text, or, where only that would tell, may have one."""
    if source == "comments":
        return sa.select(*columns).select_from(Answer).where(*_answers(interval, part), col(Answer.comment) != "")
    if source == "notes":
        here = [col(Call.started_at) >= interval.begin, col(Call.started_at) < interval.end, col(Call.note) != ""]
        return sa.select(*columns).select_from(Call).where(*here, *part.of(Call.queue_id, Call.ticket_id))
    here = [col(Routing.decided_at) >= interval.begin, col(Routing.decided_at) < interval.end]
    here += [col(Routing.reason) != "by_agent", col(Routing.message_id).is_not(None)]
    if part == EVERYTHING:
        return sa.select(*columns).select_from(Routing).where(*here)
    return sa.select(*columns).select_from(Routing).join(Ticket, col(Ticket.id) == Routing.ticket_id).where(
        *here, *part.of(Ticket.queue_id, Ticket.id)
    )  # fmt: skip


_ROWS: Final[Mapping[str, Any]] = {"comments": Answer, "mails": Routing, "notes": Call}
_COLLECT = {"comments": _comments, "mails": _mails, "notes": _notes}
