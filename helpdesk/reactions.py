"""One table: a fact, and the work it causes.

The work is enqueued in the transaction that states the fact, under a key made of the fact's ids: it is there if and
only if the fact is, and the same fact stated twice causes it once. What is no more than another row, such as whom to
call back, is written at once. What depends on the outcome of the whole transaction, the promises on tickets and who is
given one, is concluded once, when everything was stated.
"""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session, select

from helpdesk import assigning, recalls, sla
from helpdesk.events import (
    CalendarChanged,
    CallChanged,
    CallEnded,
    Fact,
    MessageQueued,
    MessageRescheduled,
    PolicyChanged,
)
from helpdesk.runtime import work
from models import Call, Promise


def _recall(db: Session, fact: CallChanged | CallEnded) -> None:
    if isinstance(fact, CallChanged) and fact.what not in {"talking", "accepted", "customer"}:
        return
    if call := db.get(Call, fact.call_id):
        recalls.heard(db, call, now=fact.at)


def _recount(db: Session, fact: PolicyChanged | CalendarChanged) -> None:
    """Open tickets follow a policy or calendar that was changed, where anything was ever promised."""
    if db.exec(select(Promise.id).limit(1)).first() is not None:
        work.enqueue(db, "recount_promises", key=f"promises:{fact.at.timestamp():.6f}")


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
    CallEnded: _recall,
    PolicyChanged: _recount,
    CalendarChanged: _recount,
}


def react(db: Session, fact: Fact) -> None:
    """Enqueue what the fact causes, if anything."""
    if cause := REACTIONS.get(type(fact)):
        cause(db, fact)


def conclude(db: Session) -> None:
    """The transaction is about to commit: do what follows from all it stated together."""
    sla.conclude(db, tuple(db.info["facts"]))
    assigning.conclude(db, tuple(db.info["facts"]))
