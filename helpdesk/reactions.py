"""One table: a fact, and the work it causes.

The work is enqueued in the transaction that states the fact, under a key made of the fact's ids: it is there if and
only if the fact is, and the same fact stated twice causes it once. What is no more than another row, such as whom to
call back, is written at once.
"""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from helpdesk import recalls, surveys
from helpdesk.events import CallChanged, CallEnded, Fact, MessageQueued, MessageRescheduled, TicketResolved
from helpdesk.runtime import work
from models import Call


def _recall(db: Session, fact: CallChanged | CallEnded) -> None:
    if isinstance(fact, CallChanged) and fact.what not in {"talking", "accepted", "customer"}:
        return
    if call := db.get(Call, fact.call_id):
        recalls.heard(db, call, now=fact.at)


def _ended(db: Session, fact: CallEnded) -> None:
    _recall(db, fact)
    surveys.after_call(db, fact)


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
    CallChanged: _recall,
    CallEnded: _ended,
    TicketResolved: surveys.after_resolved,
}


def react(db: Session, fact: Fact) -> None:
    """Enqueue what the fact causes, if anything."""
    if cause := REACTIONS.get(type(fact)):
        cause(db, fact)
