"""Which answers of the classifier are confirmed, and the tickets behind them.

An answer is confirmed once somebody has shown where its ticket belongs: an agent moved it or said that it is right
where it is, or it was resolved in the queue the classifier had put it into. A ticket counts by its last answer; triage
is not a place where anything belongs. Everything is found by the index of time, a period at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from helpdesk import agents, queues
from helpdesk.errors import NotFound
from models import Agent, Call, Customer, Message, Routing, Ticket, TicketState

PAGE = 50
MISROUTES = 20
EXCERPT = 360  # characters of an inquiry shown around the words that decided
ACCEPTED = ("by_classifier", "by_keywords")
"""Decisions of the desk's own that a resolved ticket lets stand."""

Guess, Last, _Later = aliased(Routing), aliased(Routing), aliased(Routing)
"""A ticket's last answer, and its last decision."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One confirmed answer, for lists. `key` marks its place in them."""

    key: int
    ticket_id: int
    subject: str
    customer_name: str
    customer_reading: str
    language: str
    said: str
    was: str
    confidence: float
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Misroute:
    """An answer that was acted on and was wrong, with the words that decided: `marks` are places in `text`, which is
    cut around them; `subject_words` stand in the subject."""

    answer: Answer
    text: str
    marks: list[tuple[int, int]]
    subject_words: list[str]
    moved_by: str


@dataclass(frozen=True, slots=True)
class Answers:
    """One page of a list, newest first, and the keys from which the pages beside it begin, where there are any."""

    rows: list[Answer]
    older: int | None
    newer: int | None


def query(db: Session, since: datetime, until: datetime, *columns: Any) -> sa.Select[Any]:
    """A ticket's last answer, with the ticket, and its last decision where that confirms something."""
    last_id = (
        sa.select(sa.func.max(col(_Later.id)))
        .where(col(_Later.ticket_id) == col(Guess.ticket_id))
        .correlate(Guess)
        .scalar_subquery()
    )
    answered_again = (
        sa.select(sa.literal(1))
        .where(col(_Later.ticket_id) == col(Guess.ticket_id), col(_Later.id) > col(Guess.id), col(_Later.label) != "")
        .correlate(Guess)
        .exists()
    )
    triage = [queue.id for queue in queues.everyone(db) if queue.is_triage]
    return (
        sa.select(*columns)
        .select_from(Guess)
        .join(Last, col(Last.id) == last_id)
        .join(Ticket, col(Ticket.id) == col(Guess.ticket_id))
        .where(
            col(Guess.decided_at) > since, col(Guess.decided_at) <= until, col(Guess.label) != "",
            col(Guess.confidence).is_not(None), sa.not_(answered_again), col(Last.queue_id).not_in(triage),
            sa.or_(
                col(Last.reason) == "by_agent",
                sa.and_(
                    col(Ticket.state) == TicketState.RESOLVED, col(Ticket.merged_into_id).is_(None),
                    col(Last.reason).in_(ACCEPTED),
                ),
            ),
        )
    )  # fmt: skip


def slugs_of(db: Session) -> dict[int, str]:
    return {queue.id or 0: queue.slug for queue in queues.everyone(db)}


_COLUMNS = (
    col(Guess.id), col(Ticket.id), col(Ticket.subject), sa.func.coalesce(Customer.name, ""),
    sa.func.coalesce(Customer.reading, ""), col(Ticket.language), col(Guess.label),
    col(Last.queue_id), col(Guess.confidence), col(Guess.decided_at),
)  # fmt: skip


def answers(db: Session, *, since: datetime, until: datetime, said: str, was: str, language: str = "",
            older_than: int | None = None, newer_than: int | None = None) -> Answers:  # fmt: skip
    """The confirmed answers of one cell of the confusion matrix. Raises `NotFound` for a queue there is not."""
    slugs = slugs_of(db)
    was_id = next((queue_id for queue_id, slug in slugs.items() if slug == was), None)
    if was_id is None:
        raise NotFound("not_found", slug=was[:80])
    asked = (
        query(db, since, until, *_COLUMNS)
        .join(Customer, col(Customer.id) == Ticket.customer_id, isouter=True)
        .where(col(Guess.label) == said, col(Last.queue_id) == was_id)
    )
    if language:
        asked = asked.where(col(Ticket.language) == language)
    place = (col(Guess.decided_at), col(Guess.id))
    if newer_than is not None:
        asked = asked.where(sa.tuple_(*place) > sa.tuple_(*_place_of(db, newer_than))).order_by(*place)
    else:
        if older_than is not None:
            asked = asked.where(sa.tuple_(*place) < sa.tuple_(*_place_of(db, older_than)))
        asked = asked.order_by(*(column.desc() for column in place))
    rows = [_answer(values, slugs) for values in db.execute(asked.limit(PAGE + 1))]
    more, rows = len(rows) > PAGE, rows[:PAGE]
    if newer_than is not None:
        rows.reverse()
        return Answers(rows, rows[-1].key if rows else None, rows[0].key if more else None)
    return Answers(rows, rows[-1].key if more else None, rows[0].key if rows and older_than is not None else None)


def _place_of(db: Session, key: int) -> tuple[datetime, int]:
    row = db.get(Routing, key)
    if row is None:
        raise NotFound("not_found", key=key)
    return row.decided_at, key


def _answer(values: Any, slugs: Mapping[int, str]) -> Answer:
    key, ticket_id, subject, customer, reading, language, said, was, confidence, at = values
    return Answer(key, ticket_id, subject, customer, reading, language, said, slugs[was], confidence, at)


def misroutes(db: Session, *, since: datetime, until: datetime, language: str, limit: int = MISROUTES
              ) -> list[Misroute]:  # fmt: skip
    """The last answers of the period that were acted on and were wrong, newest first."""
    slugs = slugs_of(db)
    asked = (
        query(db, since, until, *_COLUMNS, col(Guess.because), col(Guess.message_id), Agent)
        .join(Customer, col(Customer.id) == Ticket.customer_id, isouter=True)
        .join(Agent, col(Agent.id) == col(Last.by_id), isouter=True)
        .where(
            col(Guess.reason) == "by_classifier",
            col(Last.queue_id) != col(Guess.queue_id),
            col(Guess.label) == sa.case(slugs, value=col(Guess.queue_id), else_=""),
        )
        .order_by(col(Guess.decided_at).desc(), col(Guess.id).desc())
        .limit(limit)
    )  # fmt: skip
    found = [(_answer(row[:-3], slugs), *row[-3:]) for row in db.execute(asked)]
    mails = _mails(db, [message_id for *_, message_id, _ in found if message_id])
    notes = _notes(db, [answer.ticket_id for answer, _, message_id, _ in found if not message_id])
    return [
        _misroute(
            answer,
            because,
            mails.get(message_id, "") if message_id else notes.get(answer.ticket_id, ""),
            agents.called(by, language),
        )
        for answer, because, message_id, by in found
    ]


def _mails(db: Session, ids: list[int]) -> dict[int, str]:
    if not ids:
        return {}
    rows = db.execute(sa.select(col(Message.id), col(Message.reply_text)).where(col(Message.id).in_(ids)))
    return {message_id: text for message_id, text in rows}


def _notes(db: Session, ticket_ids: list[int]) -> dict[int, str]:
    """The last note of a ticket's calls, which is what was read."""
    if not ticket_ids:
        return {}
    rows = db.execute(
        sa.select(col(Call.ticket_id), col(Call.note))
        .where(col(Call.ticket_id).in_(ticket_ids), col(Call.note) != "")
        .order_by(col(Call.id))
    )
    return {ticket_id: note for ticket_id, note in rows if ticket_id is not None}


def _misroute(answer: Answer, because: list[dict[str, Any]], text: str, by: str) -> Misroute:
    told = [reason for reason in because if reason.get("weight", 0) > 0]
    marks = [(reason["start"], reason["end"]) for reason in told if 0 <= reason["start"] < reason["end"] <= len(text)]
    shown, marks = excerpt(text, marks)
    words = [reason["words"] for reason in told if reason["start"] < 0]
    return Misroute(answer, shown, marks, words, by)


def excerpt(text: str, marks: list[tuple[int, int]], *, length: int = EXCERPT) -> tuple[str, list[tuple[int, int]]]:
    """At most so many characters of a text around its first marks, and the marks as they stand there."""
    first = min((start for start, _ in marks), default=0)
    begin = max(0, min(first - length // 4, len(text) - length))
    end = min(len(text), begin + length)
    head, tail = "…" * (begin > 0), "…" * (end < len(text))
    shift = len(head) - begin
    inside = [(max(start, begin) + shift, min(stop, end) + shift) for start, stop in marks if begin <= start < end]
    return head + text[begin:end] + tail, inside
