"""Solved cases, kept so that the next ticket like one finds its answer.

The idea: nobody writes a case down. This module reads the log of facts behind a bookmark, a few events at a time, and
for each ticket that was resolved or reopened makes what is kept agree with what is true now: its first words as keys
and meaning (`classifiers/cases.py`) and the reply that solved it, or nothing when it is open again. The bookmark moves
in the same transaction, so a crash repeats a handful and changes nothing. A new desk, one that was brought up to date,
and one whose map of meanings has changed begin at the first event and catch up beside the work.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.events import last_number
from helpdesk.facts import TicketReopened, TicketResolved, name_of
from models import (
    Bookmark,
    Call,
    Direction,
    Event,
    Message,
    MessageKind,
    MessageState,
    Note,
    SolvedCase,
    Ticket,
    TicketState,
)
from models.database import Database
from models.looking import ask, is_sqlite, listed, numbers, peek

if TYPE_CHECKING:
    from classifiers.cases import Gist

STRIDE = 2000
"""Events looked through in one reading."""
HANDFUL = 8
"""Tickets written in one transaction: a ring that comes meanwhile waits for so many."""
HEARD_MAX = 4000  # characters of an inquiry that are read
_ON_ITS_WAY = (MessageState.QUEUED, MessageState.SENDING, MessageState.SENT)
_TOLD = (name_of(TicketResolved), name_of(TicketReopened))

_PUT = sa.text("INSERT INTO casekey (key, ticket_id) VALUES (:key, :ticket_id)")
_TAKE = sa.text("DELETE FROM casekey WHERE key = :key AND ticket_id = :ticket_id")
_COUNT = sa.text(
    "INSERT INTO keycount (key, cases) VALUES (:key, :more)"
    " ON CONFLICT (key) DO UPDATE SET cases = keycount.cases + excluded.cases"
)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What a ticket is about, in the words it began with: the customer's mail, else an agent's note of the call."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the database says of a ticket: `inquiry` None when there is no case to keep."""

    ticket_id: int
    inquiry: Inquiry | None
    answer_id: int | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Tickets whose state changed after event `begins`, up to event `ends`; `newest` is the last event there is."""

    begins: int
    ends: int
    newest: int
    tickets: Sequence[Told]


def catch_up(
    database: Database, *, now: Callable[[], datetime], go_on: Callable[[], bool] = lambda: True,
    progress: Callable[[int, int, int], None] = lambda kept, number, newest: None,
) -> int:  # fmt: skip
    """Keep what the log tells since the bookmark, a handful in a transaction, until nothing is left or `go_on` says no.

    Returns how many tickets were looked at. `progress` hears that, the number reached, and the newest. Two processes
    may do this at once: whoever comes second to a handful drops it.
    """
    from classifiers import cases  # numpy takes longer to load than a page may wait

    made, done = cases.shipped(), 0
    while go_on() and (batch := database.read_now(look, made.version)) is not None:
        gists = [
            made.gist(told.inquiry.text, subject=told.inquiry.subject) if told.inquiry else None
            for told in batch.tickets
        ]
        if database.write_now(keep, batch, gists, version=made.version, now=now()):
            done += len(batch.tickets)
            progress(done, batch.ends, batch.newest)
    return done


def begin_anew(db: Session, version: str) -> None:
    """Put the bookmark back to the first event. What is kept stays in use and is replaced one by one."""
    db.execute(sa.delete(Bookmark).where(col(Bookmark.name).startswith("cases:", autoescape=True)))
    db.add(Bookmark(name=_bookmark(version), number=0))
    db.flush()


def count(db: Session) -> int:
    """How many cases are kept."""
    return db.scalar(sa.select(sa.func.count()).select_from(SolvedCase)) or 0


def position(db: Session, version: str) -> int:
    """The number of the last event whose consequences are kept."""
    return db.scalar(sa.select(col(Bookmark.number)).where(col(Bookmark.name) == _bookmark(version))) or 0


def look(db: Session, version: str) -> Batch | None:
    """The next tickets whose state changed, with what is to be kept of them; None when the log tells nothing new."""
    begins = position(db, version)
    newest = last_number(db)
    ends = min(begins + STRIDE, newest)
    found = db.execute(
        sa.select(col(Event.id), col(Event.ticket_id))
        .where(col(Event.id) > begins, col(Event.id) <= ends, col(Event.fact).in_(_TOLD))
        .order_by(col(Event.id))
        .limit(HANDFUL)
    ).all()
    if len(found) == HANDFUL:
        ends = found[-1][0]
    elif not found and ends == newest and newest - begins < STRIDE:
        return None  # nothing to write down: a bookmark a little behind costs the next reading little
    return Batch(begins, ends, newest, [_told(db, ticket_id) for ticket_id in dict.fromkeys(each[1] for each in found)])


def keep(db: Session, batch: Batch, gists: Sequence["Gist | None"], *, version: str, now: datetime) -> bool:
    """Make what is kept of these tickets agree with what was read, and move the bookmark. False, and nothing done,
    when the bookmark is no longer where the batch begins."""
    mark = db.get(Bookmark, _bookmark(version), with_for_update=True)
    if mark is None:
        mark = Bookmark(name=_bookmark(version))
        db.add(mark)
    if mark.number != batch.begins:
        return False
    for told, gist in zip(batch.tickets, gists, strict=True):
        forget(db, told.ticket_id)
        if told.inquiry is not None and gist is not None and gist.keys:
            _put(db, told, gist, version, now)
    mark.number = batch.ends
    db.flush()
    return True


def forget(db: Session, ticket_id: int) -> None:
    """Let go of what is kept of a ticket, if anything."""
    from classifiers import cases

    case = db.get(SolvedCase, ticket_id)
    if case is None:
        return
    keys = cases.unpacked(case.keys)
    db.execute(_TAKE, [{"key": key, "ticket_id": ticket_id} for key in keys])
    _count(db, [*keys, cases.everyone(case.language)], -1)
    db.delete(case)
    db.flush()


def inquiry_of(db: Session, ticket_id: int) -> Inquiry | None:
    """What a ticket is about, in its first words; None while nothing was said that could be read."""
    first = next(iter(ask(db, _FIRST, ticket_id=ticket_id)), None)
    if first is not None:
        return Inquiry(first[0], (first[1] or first[2])[:HEARD_MAX])
    note = call_notes(db, [ticket_id]).get(ticket_id)
    return Inquiry("", note[:HEARD_MAX]) if note else None


def call_notes(db: Session, ticket_ids: Sequence[int]) -> dict[int, str]:
    """The first note an agent wrote of a call, by ticket."""
    return dict(ask(db, _call_notes(is_sqlite(db)), ticket_ids=numbers(ticket_ids, is_sqlite(db))))


def remarks(db: Session, ticket_ids: Sequence[int]) -> dict[int, str]:
    """The last internal remark of an agent, by ticket."""
    return dict(ask(db, _remarks(is_sqlite(db)), ticket_ids=numbers(ticket_ids, is_sqlite(db))))


def _bookmark(version: str) -> str:
    return f"cases:{version}"


def _told(db: Session, ticket_id: int) -> Told:
    ticket = peek(db, Ticket, ticket_id)
    if ticket is None or ticket.state != TicketState.RESOLVED:
        return Told(ticket_id, None, None)
    inquiry = inquiry_of(db, ticket_id)
    answer_id = next((each.id for each in ask(db, _ANSWER, ticket_id=ticket_id)), None)
    if answer_id is None and not call_notes(db, [ticket_id]) and not remarks(db, [ticket_id]):
        inquiry = None  # resolved without a word: nothing to learn from
    return Told(ticket_id, inquiry, answer_id)


# Spelled out once: each ticket that is solved is asked all of these.
_FIRST: Any = (
    sa.select(col(Message.subject), col(Message.reply_text), col(Message.text))
    .where(
        col(Message.ticket_id) == sa.bindparam("ticket_id"),
        col(Message.direction) == Direction.IN,
        sa.not_(col(Message.is_from_stranger)),
        sa.not_(col(Message.is_automatic)),
    )
    .order_by(col(Message.id))
    .limit(1)
)
_ANSWER: Any = (
    sa.select(col(Message.id))
    .where(
        col(Message.ticket_id) == sa.bindparam("ticket_id"),
        col(Message.direction) == Direction.OUT,
        col(Message.author_id).is_not(None),
        sa.or_(*(col(Message.state) == state for state in _ON_ITS_WAY)),
        col(Message.kind) != MessageKind.FORWARD,
    )
    .order_by(col(Message.id).desc())
    .limit(1)
)


@lru_cache
def _call_notes(is_sqlite: bool) -> Any:
    return (
        sa.select(col(Call.ticket_id), col(Call.note))
        .where(col(Call.ticket_id).in_(listed("ticket_ids", is_sqlite)), col(Call.note) != "")
        .order_by(col(Call.id).desc())
    )


@lru_cache
def _remarks(is_sqlite: bool) -> Any:
    return (
        sa.select(col(Note.ticket_id), col(Note.text))
        .where(col(Note.ticket_id).in_(listed("ticket_ids", is_sqlite)), col(Note.author_id).is_not(None))
        .order_by(col(Note.id))
    )


def _put(db: Session, told: Told, gist: "Gist", version: str, now: datetime) -> None:
    from classifiers import cases

    keys = gist.keys
    db.add(
        SolvedCase(
            ticket_id=told.ticket_id,
            language=gist.language,
            answer_id=told.answer_id,
            keys=cases.packed(keys),
            meaning=gist.meaning,
            version=version,
            kept_at=now,
        )
    )
    db.flush()
    db.execute(_PUT, [{"key": key, "ticket_id": told.ticket_id} for key in sorted(keys)])
    _count(db, [*keys, cases.everyone(gist.language)], 1)


def _count(db: Session, keys: Sequence[int], more: int) -> None:
    """Always in the same order, so that two processes never wait for each other crosswise."""
    db.execute(_COUNT, [{"key": key, "more": more} for key in sorted(keys)])
