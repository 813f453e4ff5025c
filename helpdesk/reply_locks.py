"""Who writes to a customer just now, so that two do not answer the same mail.

The one idea: a lock is a row with an end. Whoever begins to write takes it and renews it while writing; whoever stops
simply lets it end. Nothing has to be cleaned up after a browser that was closed or a train that entered a tunnel.
"""

from datetime import datetime, timedelta

from sqlmodel import Session

from helpdesk import queues
from helpdesk.events import emit
from helpdesk.facts import ReplyLocked, ReplyUnlocked
from models import Agent, ReplyLock, Ticket
from models.database import hold_still
from models.looking import peek

LASTS = timedelta(seconds=60)
"""Without a beat for so long, somebody else may write."""


def take(db: Session, ticket: Ticket, *, by: Agent, now: datetime, force: bool = False) -> ReplyLock | None:
    """Begin to write, or go on; with `force` even where a colleague does. Only a change of hands is a fact.

    Returns the lock in force, which may be somebody else's; None where the queue has no locks.
    """
    assert ticket.id is not None and by.id is not None
    if not _locks(db, ticket):
        return None
    hold_still(db, ticket)  # two who begin at once are asked one after the other
    lock = db.get(ReplyLock, ticket.id, populate_existing=True)
    if lock is not None and lock.agent_id == by.id and lock.until > now:
        lock.until = now + LASTS
        return lock
    is_anothers = lock is not None and lock.agent_id != by.id and lock.until > now
    if is_anothers and not force:
        return lock
    taken_from = lock.agent_id if lock is not None and is_anothers else None
    if lock is None:
        lock = ReplyLock(ticket_id=ticket.id, agent_id=by.id, since=now, until=now + LASTS)
    lock.agent_id, lock.taken_from_id, lock.since, lock.until = by.id, taken_from, now, now + LASTS
    db.add(lock)
    emit(db, ReplyLocked(ticket_id=ticket.id, queue_id=ticket.queue_id, agent_id=by.id, by_id=by.id, at=now))
    return lock


def release(db: Session, ticket: Ticket, *, by: Agent, now: datetime) -> None:
    """Stop writing: the box is empty, or the mail is on its way. What is not one's own stays."""
    assert ticket.id is not None
    lock = db.get(ReplyLock, ticket.id)
    if lock is None or lock.agent_id != by.id:
        return
    db.delete(lock)
    emit(db, ReplyUnlocked(ticket_id=ticket.id, queue_id=ticket.queue_id, by_id=by.id, at=now))


def in_force(db: Session, ticket: Ticket, *, now: datetime) -> ReplyLock | None:
    """The lock as it stands, if any."""
    lock = peek(db, ReplyLock, ticket.id) if _locks(db, ticket) else None
    return lock if lock is not None and lock.until > now else None


def held_by_other(db: Session, ticket: Ticket, *, by: Agent, now: datetime) -> ReplyLock | None:
    """A colleague's lock. Two who send at once are asked one after the other."""
    hold_still(db, ticket)
    lock = in_force(db, ticket, now=now)
    return lock if lock is not None and lock.agent_id != by.id else None


def _locks(db: Session, ticket: Ticket) -> bool:
    return queues.get(db, ticket.queue_id).locks_reply
