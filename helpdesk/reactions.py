"""One table: a fact, and the work it causes.

The work is enqueued in the transaction that states the fact, under a key made of the fact's ids: it is there if and
only if the fact is, and the same fact stated twice causes it once. What is no more than another row, such as whom to
call back, is written at once.
"""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from helpdesk import notifications, recalls
from helpdesk.events import (
    CallChanged,
    CallEnded,
    Fact,
    MessageQueued,
    MessageReceived,
    MessageRescheduled,
    TicketAssigned,
)
from helpdesk.runtime import work
from models import Call, NotificationKind, Ticket


def _recall(db: Session, fact: CallChanged | CallEnded) -> None:
    if isinstance(fact, CallChanged) and fact.what not in {"talking", "accepted", "customer"}:
        return
    if call := db.get(Call, fact.call_id):
        recalls.heard(db, call, now=fact.at)


def _tell_assignee(db: Session, fact: TicketAssigned) -> None:
    """Whoever was given a ticket by a colleague or by the desk."""
    if fact.agent_id is not None:
        notifications.tell(
            db, fact.agent_id, NotificationKind.ASSIGNED, ticket_id=fact.ticket_id, by_id=fact.by_id, now=fact.at
        )


def _tell_answered(db: Session, fact: MessageReceived) -> None:
    """Whose ticket the customer wrote in; it is at hand, so that nothing is asked for mail in nobody's ticket."""
    ticket = db.get(Ticket, fact.ticket_id)
    if ticket is not None and ticket.assignee_id is not None:
        notifications.tell(db, ticket.assignee_id, NotificationKind.ANSWERED, ticket_id=fact.ticket_id, now=fact.at)


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
    MessageReceived: _tell_answered,
    TicketAssigned: _tell_assignee,
    CallChanged: _recall,
    CallEnded: _recall,
}


def react(db: Session, fact: Fact) -> None:
    """Enqueue what the fact causes, if anything."""
    if cause := REACTIONS.get(type(fact)):
        cause(db, fact)
