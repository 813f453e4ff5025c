"""What a fact does to the clocks of its ticket: which it starts, which it keeps, and what it takes back."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from sqlmodel import Session

from helpdesk.facts import (
    CallChanged,
    CallEnded,
    Fact,
    MessageFailed,
    MessageQueued,
    MessageReceived,
    MessageSent,
    MessageWithdrawn,
    TicketOpened,
    TicketUnmerged,
)
from helpdesk.policies import Book
from helpdesk.sla import answers, clockwork
from models import Call, Message, Promise, PromiseKind, Ticket, TicketState


def hear(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Fact) -> None:
    """Let a ticket's promises follow one fact; most facts say nothing to them but by what the ticket is then."""
    if follow := _FOLLOWS.get(type(fact)):
        follow(db, book, ticket, rows, fact)


def _opened(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Any) -> None:
    """Whoever waits for our words is promised them. What the desk began waits for none."""
    by_customer = (PromiseKind.FIRST_RESPONSE,) if fact.by_id is None or ticket.awaits_us else ()
    clockwork.make(book, ticket, rows, (*by_customer, PromiseKind.RESOLUTION), at=ticket.created_at)


def _received(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Any) -> None:
    message = db.get(Message, fact.message_id)
    if message is not None and not message.is_automatic and not message.is_from_stranger:
        _heard(book, ticket, rows, at=fact.at)


def _queued(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Any) -> None:
    message = db.get(Message, fact.message_id)
    if message is not None and answers.is_answer(message) and not answers.is_for_later(message):
        _answered(db, ticket, rows, at=fact.at, answer_id=message.id)


def _sent(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Any) -> None:
    """What was to leave later answers when it leaves; anything else did when it was written, and answers nothing that
    was asked after that."""
    message = db.get(Message, fact.message_id)
    if message is not None and answers.is_answer(message):
        at = fact.at if answers.is_for_later(message) else message.created_at
        _answered(db, ticket, [each for each in rows if each.started_at <= at], at=at, answer_id=message.id)


def _taken_back(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Any) -> None:
    """Nobody got it, so it kept nothing, unless something else was said meanwhile."""
    for promise in rows:
        if promise.kept_at is None or promise.answer_id != fact.message_id:
            continue
        promise.kept_at = promise.answer_id = None
        if other := answers.other_answer(db, ticket, promise, but=fact.message_id):
            clockwork.keep(db, ticket, promise, at=other.created_at, answer_id=other.id)
        else:
            promise.next_at = clockwork.next_look(promise)


def _called(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Any) -> None:
    """A call that an agent answered is an answer; one that nobody took asks for one."""
    call = db.get(Call, fact.call_id)
    if call is None:
        return
    if call.answered_at is not None and call.agent_id is not None:
        for promise in rows:
            if promise.started_at <= (call.ended_at or fact.at):
                _answered(db, ticket, [promise], at=max(call.answered_at, promise.started_at))
    elif isinstance(fact, CallEnded) and call.direction == "in":
        _heard(book, ticket, rows, at=call.started_at)


def _separated(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Any) -> None:
    """A ticket that is one of its own again: where nobody wrote meanwhile its customer has waited all the time."""
    since = datetime.fromisoformat(fact.since) if fact.since and fact.merged_id == ticket.id else None
    for promise in rows:
        if ticket.state == TicketState.OPEN and promise.kept_at is None and promise.paused_at == since is not None:
            clockwork.run(book, promise, at=since)


_FOLLOWS: dict[type[Fact], Callable[[Session, Book, Ticket, list[Promise], Any], None]] = {
    TicketOpened: _opened,
    MessageReceived: _received,
    MessageQueued: _queued,
    MessageSent: _sent,
    MessageWithdrawn: _taken_back,
    MessageFailed: _taken_back,
    CallChanged: _called,
    CallEnded: _called,
    TicketUnmerged: _separated,
}


def _heard(book: Book, ticket: Ticket, rows: list[Promise], *, at: datetime) -> None:
    """The customer said something: that is to be answered, unless an answer is due already."""
    if not any(answers.unanswered(rows)):
        clockwork.make(book, ticket, rows, (PromiseKind.NEXT_RESPONSE,), at=at)


def _answered(
    db: Session, ticket: Ticket, rows: Iterable[Promise], *, at: datetime, answer_id: int | None = None
) -> None:
    for promise in answers.unanswered(rows):
        clockwork.keep(db, ticket, promise, at=at, answer_id=answer_id)
