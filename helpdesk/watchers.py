"""Who wants to hear of a ticket that is not theirs.

Watchers are told of what the customer writes, and of what colleagues do with the assignment and the end. A ticket says
itself whether anybody watches it, so that the many nobody watches cost nothing.
"""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import agents, notifications
from helpdesk.errors import NotAllowed
from helpdesk.events import emit
from helpdesk.facts import TicketUnwatched, TicketWatched
from models import Agent, NotificationKind, Ticket, TicketWatcher
from models.database import hold_still


def watch(db: Session, ticket: Ticket, agent: Agent, *, by: Agent | None, now: datetime) -> None:
    """Let an agent hear of the ticket. Twice changes nothing. Raises `NotAllowed` for who may not see it."""
    assert ticket.id is not None and agent.id is not None
    if db.get(TicketWatcher, (ticket.id, agent.id)) is not None:
        return
    if ticket.assignee_id != agent.id and not agents.serves(db, agent, ticket.queue_id):
        raise NotAllowed("agent_not_in_queue", agent_id=agent.id, queue_id=ticket.queue_id)
    db.add(TicketWatcher(ticket_id=ticket.id, agent_id=agent.id, since=now))
    ticket.is_watched = True
    db.flush()
    told = TicketWatched(
        ticket_id=ticket.id, queue_id=ticket.queue_id, watcher_id=agent.id, by_id=by.id if by else None, at=now
    )  # fmt: skip
    emit(db, told)


def unwatch(db: Session, ticket: Ticket, agent_id: int, *, by: Agent | None, now: datetime) -> None:
    """Let them hear of it no longer. Who did not watch changes nothing."""
    assert ticket.id is not None
    row = db.get(TicketWatcher, (ticket.id, agent_id))
    if row is None:
        return
    hold_still(db, ticket)
    db.delete(row)
    db.flush()
    ticket.is_watched = bool(of(db, ticket.id))
    told = TicketUnwatched(
        ticket_id=ticket.id, queue_id=ticket.queue_id, watcher_id=agent_id, by_id=by.id if by else None, at=now
    )  # fmt: skip
    emit(db, told)


def of(db: Session, ticket_id: int) -> list[int]:
    """The ids of those who watch a ticket, in the order they began."""
    rows = sa.select(col(TicketWatcher.agent_id)).where(col(TicketWatcher.ticket_id) == ticket_id)
    return list(db.scalars(rows.order_by(col(TicketWatcher.since), col(TicketWatcher.agent_id))))


def tell(db: Session, ticket_id: int, *, by_id: int | None, now: datetime, but: Collection[int | None] = ()) -> None:
    """Tell everybody who watches it, and may still see it, that something happened; not those in `but`, who hear of it
    by another way."""
    ticket = db.get(Ticket, ticket_id)
    if ticket is None or not ticket.is_watched:
        return
    for agent_id in of(db, ticket_id):
        agent = db.get(Agent, agent_id)
        if agent is None or not agent.is_active or agent_id in but:
            continue
        if ticket.assignee_id == agent_id or agents.serves(db, agent, ticket.queue_id):
            notifications.tell(db, agent_id, NotificationKind.WATCHED, ticket_id=ticket_id, by_id=by_id, now=now)
