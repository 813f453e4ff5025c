"""One table: a fact, and the work it causes.

The work is enqueued in the transaction that states the fact, under a key made of the fact's ids: it is there if and
only if the fact is, and the same fact stated twice causes it once. What is no more than another row, such as whom to
call back, is written at once. What depends on the outcome of the whole transaction, the promises on tickets and who is
given one, is concluded once, when everything was stated.
"""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session, select

from helpdesk import assigning, notifications, recalls, sla, surveys, watchers
from helpdesk.facts import (
    CalendarChanged,
    CallChanged,
    CallEnded,
    Fact,
    MessageQueued,
    MessageReceived,
    MessageRescheduled,
    PolicyChanged,
    TicketAssigned,
    TicketPended,
    TicketResolved,
)
from helpdesk.runtime import work
from models import Call, NotificationKind, Promise, Ticket


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


def _recount(db: Session, fact: PolicyChanged | CalendarChanged) -> None:
    """Open tickets follow a policy or calendar that was changed, where anything was ever promised."""
    if db.exec(select(Promise.id).limit(1)).first() is not None:
        work.enqueue(db, "recount_promises", key=f"promises:{fact.at.timestamp():.6f}")


def _tell_assignee(db: Session, fact: TicketAssigned) -> None:
    """Whoever was given a ticket by a colleague or by the desk."""
    if fact.agent_id is not None and db.get(Ticket, fact.ticket_id) is not None:
        notifications.tell(
            db, fact.agent_id, NotificationKind.ASSIGNED, ticket_id=fact.ticket_id, by_id=fact.by_id, now=fact.at
        )


def _tell_answered(db: Session, fact: MessageReceived) -> None:
    """Whose ticket the customer wrote in; it is at hand, so that nothing is asked for mail in nobody's ticket."""
    ticket = db.get(Ticket, fact.ticket_id)
    if ticket is not None and ticket.assignee_id is not None:
        notifications.tell(db, ticket.assignee_id, NotificationKind.ANSWERED, ticket_id=fact.ticket_id, now=fact.at)


def _send(db: Session, fact: MessageQueued) -> None:
    key = f"mail:{fact.message_id}:{fact.attempt}"
    work.enqueue(db, "send_mail", fact.message_id, key=key, delay=fact.delay_seconds)


def _send_then(db: Session, fact: MessageRescheduled) -> None:
    key = f"mail:{fact.message_id}:at:{fact.at.timestamp():.6f}"
    work.enqueue(db, "send_mail", fact.message_id, key=key, delay=fact.delay_seconds)


REACTIONS: dict[type[Fact], tuple[Callable[[Session, Any], None], ...]] = {
    MessageQueued: (_send,),
    MessageRescheduled: (_send_then,),
    MessageReceived: (_watched, _tell_answered),
    TicketAssigned: (_watched, _tell_assignee),
    TicketResolved: (_watched, surveys.after_resolved),
    TicketPended: (_wake,),
    CallChanged: (_recall,),
    CallEnded: (_recall, surveys.after_call),
    PolicyChanged: (_recount,),
    CalendarChanged: (_recount,),
}


def react(db: Session, fact: Fact) -> None:
    """Enqueue what the fact causes, if anything."""
    for cause in REACTIONS.get(type(fact), ()):
        cause(db, fact)


def conclude(db: Session) -> None:
    """The transaction is about to commit: do what follows from all it stated together. Asked again, it is about what
    was stated since."""
    facts: list[Fact] = db.info["facts"]
    of_these, begun = db.info.get("concluded", (None, 0))
    begun = begun if of_these is facts else 0
    if begun < len(facts):
        sla.conclude(db, tuple(facts[begun:]))
        assigning.conclude(db, tuple(facts[begun:]))
        db.info["concluded"] = facts, len(facts)
