"""What time alone brings about: promises at risk, and broken, each told once."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from helpdesk import notifications, policies
from helpdesk.events import emit
from helpdesk.facts import PromiseAtRisk
from helpdesk.sla import clockwork
from models import Agent, NotificationKind, Promise, Role, Ticket

BATCH = 100


def is_anything_due(db: Session, *, now: datetime) -> bool:
    """Whether `raise_due` has something to say; costs one look at an index."""
    return db.exec(select(Promise.id).where(col(Promise.next_at) <= now).limit(1)).first() is not None


def raise_due(db: Session, *, now: datetime) -> int:
    """State once of every promise that it is at risk, or broken, and tell whom its policy names. Returns of how many;
    what another process has in hand is left to it."""
    book = policies.book(db)
    late = db.exec(
        select(Promise, Ticket)
        .join(Ticket, col(Ticket.id) == Promise.ticket_id)
        .where(col(Promise.next_at) <= now)
        .order_by(col(Promise.next_at), col(Promise.id))
        .limit(BATCH)
        .with_for_update(of=Promise, skip_locked=True)
    ).all()
    for promise, ticket in late:
        assert promise.due_at is not None and ticket.id is not None
        policy = book.of(promise.policy_id)
        if promise.due_at <= now:
            clockwork.break_promise(db, promise, ticket, now=now)
            kind = NotificationKind.BREACHED
            who, named = (policy.breached_told, policy.breached_agent_id) if policy else ((), None)
        else:
            promise.warned_at, promise.next_at = now, promise.due_at
            emit(db, PromiseAtRisk(**clockwork.named(promise, ticket), at=now))
            kind = NotificationKind.AT_RISK
            who, named = (policy.at_risk_told, policy.at_risk_agent_id) if policy else ((), None)
        for agent_id in _told(db, ticket, who, named):
            notifications.tell(db, agent_id, kind, ticket_id=ticket.id, now=now)
    return len(late)


def _told(db: Session, ticket: Ticket, who: Sequence[str], named: int | None) -> list[int]:
    """The ids of those who hear of it, each once."""
    found: set[int] = {named} if named is not None else set()
    if "assignee" in who and ticket.assignee_id is not None:
        found.add(ticket.assignee_id)
    if "supervisors" in who:
        found.update(
            each
            for each in db.exec(select(Agent.id).where(Agent.role == Role.SUPERVISOR, col(Agent.is_active)))
            if each
        )
    return sorted(found)
