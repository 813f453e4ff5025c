"""One clock: how it is made, runs, rests, is kept, and when it is looked at next. It counts business time.

What it is told comes from `hearing` and `agreeing`; a clock knows nothing of why.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from helpdesk.events import emit
from helpdesk.facts import PromiseBreached
from helpdesk.policies import Book, Terms
from models import Promise, PromiseKind, Ticket


def terms_of(book: Book, ticket: Ticket) -> Terms | None:
    """What the policy that fits the ticket says; None where none fits."""
    return book.terms(ticket.queue_id, ticket.priority, ticket.channel)


def make(book: Book, ticket: Ticket, rows: list[Promise], kinds: Iterable[PromiseKind], *, at: datetime) -> None:
    """Promise these to a ticket's customer, as far as its policy does, their clocks running from an instant on."""
    terms = terms_of(book, ticket)
    for kind in kinds:
        if terms is not None and (seconds := terms.seconds(kind)):
            promise = Promise(
                ticket_id=ticket.id or 0, kind=kind, policy_id=terms.policy.id or 0, calendar_id=terms.calendar_id,
                promised_seconds=seconds, started_at=at, counted_at=at, left_seconds=seconds,
            )  # fmt: skip
            run(book, promise, at=at)
            rows.append(promise)


def run(book: Book, promise: Promise, *, at: datetime) -> None:
    """Let its clock run from an instant on, with what is left."""
    policy = book.of(promise.policy_id)
    percent = policy.at_risk_percent if policy else 75
    spare = promise.promised_seconds * (1 - percent / 100)
    promise.counted_at, promise.paused_at = at, None
    promise.due_at = _at(book, promise, at, promise.left_seconds)
    promise.at_risk_at = _at(book, promise, at, promise.left_seconds - spare) if promise.due_at else None
    promise.next_at = next_look(promise)


def rest(db: Session, book: Book, ticket: Ticket, promise: Promise, *, at: datetime) -> None:
    """Let its clock rest."""
    _break_if_over(db, promise, ticket, at=at)
    count(book, promise, at=at)
    promise.paused_at, promise.due_at, promise.at_risk_at, promise.next_at = at, None, None, None


def count(book: Book, promise: Promise, *, at: datetime) -> None:
    """Take what has passed off what is left."""
    promise.left_seconds -= book.table(promise.calendar_id).between(promise.counted_at, at)
    promise.counted_at = max(promise.counted_at, at)


def keep(db: Session, ticket: Ticket, promise: Promise, *, at: datetime, answer_id: int | None) -> None:
    """It was kept, be it late; `answer_id` is the message that did, None where it was a call."""
    _break_if_over(db, promise, ticket, at=at)
    promise.kept_at, promise.answer_id, promise.next_at = at, answer_id, None


def break_promise(db: Session, promise: Promise, ticket: Ticket, *, now: datetime) -> None:
    """Its time is over: that is stated once."""
    promise.breached_at, promise.next_at = promise.due_at, None
    if promise.id is None:
        db.add(promise)
        db.flush()
    last = max((fact.at for fact in db.info.get("facts", ())), default=now)  # the log is in the order of time
    emit(db, PromiseBreached(**named(promise, ticket), at=max(now, last)))


def take_back_alarms(promise: Promise, *, at: datetime) -> None:
    """More time was given: what is not late any more may become so again."""
    if promise.due_at is None or promise.due_at > at:
        promise.breached_at = None
    if promise.at_risk_at is None or promise.at_risk_at > at:
        promise.warned_at = None
    promise.next_at = next_look(promise)


def next_look(promise: Promise) -> datetime | None:
    """When there is something to say of it next, if nothing but time passes."""
    if promise.paused_at or promise.kept_at or promise.breached_at or promise.due_at is None:
        return None
    if promise.warned_at or promise.at_risk_at is None:
        return promise.due_at
    return min(promise.at_risk_at, promise.due_at)


def due(rows: Sequence[Promise]) -> tuple[datetime | None, str]:
    """When the earliest open promise is due, and which that is."""
    running = [(each.due_at, each.kind.value) for each in rows if each.kept_at is None and each.due_at is not None]
    return min(running, default=(None, ""))


def named(promise: Promise, ticket: Ticket) -> dict[str, Any]:
    """What the facts of a promise say of it."""
    return {"promise_id": promise.id, "what": promise.kind.value, "ticket_id": ticket.id, "queue_id": ticket.queue_id}


def _break_if_over(db: Session, promise: Promise, ticket: Ticket, *, at: datetime) -> None:
    """One that was over already was broken, though nobody had looked yet."""
    if promise.due_at is not None and promise.due_at < at and promise.breached_at is None:
        break_promise(db, promise, ticket, now=at)


def _at(book: Book, promise: Promise, at: datetime, left: float) -> datetime | None:
    """When so much more business time has passed; less than none is in the past."""
    if left >= 0:
        return book.after(promise.calendar_id, at, left)
    found = book.table(promise.calendar_id).before(at, -left)
    return promise.started_at if found is None else max(found, promise.started_at)
