"""One table: a fact, and the work it causes.

The work is enqueued in the transaction that states the fact, under a key made of the fact's ids: it is there if and
only if the fact is, and the same fact stated twice causes it once. What is no more than another row, such as whom to
call back, is written at once.
"""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from helpdesk import recalls, watchers
from helpdesk.events import (
    CallChanged,
    CallEnded,
    Fact,
    MessageQueued,
    MessageReceived,
    MessageRescheduled,
    TicketAssigned,
    TicketPended,
    TicketResolved,
)
from helpdesk.runtime import work
from models import Call, Ticket


def _recall(db: Session, fact: CallChanged | CallEnded) -> None:
    if isinstance(fact, CallChanged) and fact.what not in {"talking", "accepted", "customer"}:
        return
    if call := db.get(Call, fact.call_id):
        recalls.heard(db, call, now=fact.at)


def _wake(db: Session, fact: TicketPended) -> None:
    if fact.until_at is not None:
        key = f"wake:{fact.ticket_id}:{fact.until_at:.6f}:{fact.at.timestamp():.6f}"
        delay = max(0.0, fact.until_at - fact.at.timestamp())
        work.enqueue(db, "wake_ticket", fact.ticket_id, fact.until_at, key=key, delay=delay)


def _watched(db: Session, fact: MessageReceived | TicketAssigned | TicketResolved) -> None:
    """Whoever is assigned hears of it as such."""
    own = db.get(Ticket, fact.ticket_id)
    assignee_id = own.assignee_id if own and not isinstance(fact, TicketResolved) else None
    watchers.tell(db, fact.ticket_id, by_id=fact.by_id, now=fact.at, but=(assignee_id,))


REACTIONS: dict[type[Fact], Callable[[Session, Any], None]] = {
    MessageQueued: lambda db, fact: work.enqueue(
        db, "send_mail", fact.message_id, key=f"mail:{fact.message_id}:{fact.attempt}", delay=fact.delay_seconds
    ),
    MessageRescheduled: lambda db, fact: work.enqueue(
        db,
        "send_mail",
        fact.message_id,
        key=f"mail:{fact.message_id}:at:{fact.at.timestamp():.6f}",
        delay=fact.delay_seconds,
    ),
    MessageReceived: _watched,
    TicketAssigned: _watched,
    TicketResolved: _watched,
    TicketPended: _wake,
    CallChanged: _recall,
    CallEnded: _recall,
}


def react(db: Session, fact: Fact) -> None:
    """Enqueue what the fact causes, if anything."""
    if cause := REACTIONS.get(type(fact)):
        cause(db, fact)
