"""A ticket's clocks made to agree with what the ticket is now: with the policy that fits it, and with its state."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from helpdesk.policies import Book
from helpdesk.sla import answers, clockwork
from models import Promise, PromiseKind, Ticket, TicketState


def with_policy(
    db: Session, book: Book, ticket: Ticket, rows: list[Promise], *, at: datetime, calendars_too: bool = False
) -> None:
    """Let what is promised be what the policy that fits the ticket now says; what it promises besides, `make_missing`
    does. `calendars_too`: the hours may be others under the same policy."""
    terms = clockwork.terms_of(book, ticket)
    for promise in [each for each in rows if each.kept_at is None]:
        seconds = terms.seconds(promise.kind) if terms else 0.0
        if terms is None or not seconds:
            rows.remove(promise)
            if promise.id is not None:
                db.delete(promise)
            continue
        now_says = (terms.policy.id, terms.calendar_id, seconds)
        if now_says == (promise.policy_id, promise.calendar_id, promise.promised_seconds) and not calendars_too:
            continue
        is_running = promise.paused_at is None
        if is_running and not calendars_too:  # else what was counted by wrong hours is counted anew, by the right ones
            clockwork.count(book, promise, at=at)
        promise.left_seconds += seconds - promise.promised_seconds
        promise.policy_id, promise.calendar_id = terms.policy.id or 0, terms.calendar_id
        promise.promised_seconds = seconds
        if is_running:
            clockwork.run(book, promise, at=promise.counted_at)
            clockwork.take_back_alarms(promise, at=at)


def make_missing(db: Session, book: Book, ticket: Ticket, rows: list[Promise]) -> None:
    """Promise what the policy that fits the ticket now promises besides, no earlier than since there is that policy."""
    terms = clockwork.terms_of(book, ticket)
    missing = {PromiseKind.RESOLUTION, PromiseKind.FIRST_RESPONSE} - {each.kind for each in rows}
    if terms is None or not any(terms.seconds(kind) for kind in missing):
        return
    since = max(ticket.created_at, terms.policy.created_at)
    if PromiseKind.RESOLUTION in missing and ticket.state != TicketState.RESOLVED:
        clockwork.make(book, ticket, rows, (PromiseKind.RESOLUTION,), at=since)
    waits = ticket.awaits_us and not any(answers.unanswered(rows))
    if PromiseKind.FIRST_RESPONSE in missing and waits and not answers.was_answered(db, ticket):
        clockwork.make(book, ticket, rows, (PromiseKind.FIRST_RESPONSE,), at=since)


def with_state(db: Session, book: Book, ticket: Ticket, rows: Sequence[Promise], *, at: datetime) -> None:
    """Clocks run while the ticket is open. That it is resolved keeps the promise that it would be; where it goes on in
    another ticket nothing is kept, and nothing due."""
    is_solved = ticket.state == TicketState.RESOLVED and ticket.merged_into_id is None
    solved_at = (ticket.resolved_at if is_solved else None) or at  # earlier than now where a reopening was taken back
    for promise in rows:
        if promise.kind == PromiseKind.RESOLUTION and promise.kept_at is not None and not is_solved:
            promise.kept_at = None
        if promise.kept_at is not None:
            continue
        if ticket.state == TicketState.OPEN and promise.paused_at is not None:
            clockwork.run(book, promise, at=at)
        elif ticket.state != TicketState.OPEN and promise.paused_at is None:
            clockwork.rest(db, book, ticket, promise, at=max(promise.counted_at, min(solved_at, at)))
        if is_solved and promise.kind == PromiseKind.RESOLUTION:
            promise.kept_at = min(solved_at, at)


def write_due(ticket: Ticket, due: tuple[datetime | None, str]) -> None:
    """Write on the ticket when it is due next, and by which promise, where that is another time than it says."""
    if (ticket.due_at, ticket.due_kind) != due:
        ticket.due_at, ticket.due_kind = due
