"""The one door to a ticket, call or customer on behalf of an agent.

It answers "not found" to those who may not know that the thing exists.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import agents, changes, merging
from helpdesk.errors import NotAllowed, NotFound
from models import (
    Agent,
    Answer,
    Attachment,
    Call,
    Callback,
    CallOffer,
    Customer,
    Event,
    Inbound,
    Message,
    Parked,
    Role,
    Ticket,
)
from models.looking import peek


class Placed(Protocol):
    """What stands in a queue, and is perhaps somebody's."""

    @property
    def queue_id(self) -> int: ...

    @property
    def assignee_id(self) -> int | None: ...


P = TypeVar("P", bound=Placed)


def ticket(db: Session, agent: Agent, ticket_id: int) -> Ticket:
    """A ticket in a queue the agent serves, or assigned to the agent."""
    found = peek(db, Ticket, ticket_id)
    if found is None or not _sees(db, agent, found):
        raise NotFound("not_found", ticket_id=ticket_id)
    return found


def ticket_to_undo(db: Session, agent: Agent, ticket_id: int, event_id: int, *, now: datetime) -> Ticket:
    """A ticket the agent may see, or has just sent away by the act this event belongs to."""
    found = db.get(Ticket, ticket_id)
    if found is not None and not _sees(db, agent, found):
        told = db.get(Event, event_id)
        is_own = told is not None and (told.ticket_id, told.actor_id) == (ticket_id, agent.id)
        found = found if is_own and told is not None and told.at >= now - changes.OFFERED else None
    if found is None:
        raise NotFound("not_found", ticket_id=ticket_id)
    return found


def _sees(db: Session, agent: Agent, found: Ticket) -> bool:
    return found.assignee_id == agent.id or agents.serves(db, agent, found.queue_id)


def _follows(db: Session, agent: Agent, said_in: Ticket) -> bool:
    return _sees(db, agent, said_in) or _sees(db, agent, merging.home(db, said_in))


def message(db: Session, agent: Agent, message_id: int) -> Message:
    """A message of a ticket the agent may see, or of one that was merged into such a ticket."""
    found = db.get(Message, message_id)
    said_in = db.get(Ticket, found.ticket_id) if found else None
    if found is None or said_in is None or not _follows(db, agent, said_in):
        raise NotFound("not_found", message_id=message_id)
    return found


def attachment(db: Session, agent: Agent, attachment_id: int) -> Attachment:
    """An attachment of a message the agent may see."""
    found = db.get(Attachment, attachment_id)
    if found is None:
        raise NotFound("not_found", attachment_id=attachment_id)
    message(db, agent, found.message_id)
    return found


def call(db: Session, agent: Agent, call_id: int) -> Call:
    """A call of a queue the agent serves, or shown to or taken by the agent."""
    found = db.get(Call, call_id)
    if found is None or not (
        found.agent_id == agent.id
        or (found.queue_id is not None and agents.serves(db, agent, found.queue_id))
        or agent.role == Role.SUPERVISOR
        or _was_offered(db, call_id, agent)
    ):
        raise NotFound("not_found", call_id=call_id)
    return found


def _was_offered(db: Session, call_id: int, agent: Agent) -> bool:
    query = sa.select(col(CallOffer.id)).where(col(CallOffer.call_id) == call_id, col(CallOffer.agent_id) == agent.id)
    return db.scalar(query.limit(1)) is not None


def customer(db: Session, agent: Agent, customer_id: int) -> Customer:
    """Customers are known to everybody who signs in: whoever picks up must be able to look up."""
    found = db.get(Customer, customer_id)
    if found is None:
        raise NotFound("not_found", customer_id=customer_id)
    return found


def callback(db: Session, agent: Agent, callback_id: int) -> Callback:
    """Somebody to call back from a queue the agent serves."""
    found = db.get(Callback, callback_id)
    if found is None or not agents.serves(db, agent, found.queue_id):
        raise NotFound("not_found", callback_id=callback_id)
    return found


def supervisor(agent: Agent) -> Agent:
    """Raises `NotAllowed` unless the agent is one."""
    if agent.role != Role.SUPERVISOR:
        raise NotAllowed("not_allowed", agent_id=agent.id)
    return agent


def parked(db: Session, agent: Agent, parked_id: int) -> Parked:
    """Something that failed; supervisors only."""
    supervisor(agent)
    found = db.get(Parked, parked_id)
    if found is None:
        raise NotFound("not_found", parked_id=parked_id)
    return found


def inbound(db: Session, agent: Agent, inbound_id: int) -> Inbound:
    """The raw bytes of something that arrived: for supervisors, and for agents where it became a message they see."""
    found = db.get(Inbound, inbound_id)
    if found is None:
        raise NotFound("not_found", inbound_id=inbound_id)
    if agent.role != Role.SUPERVISOR:
        told = db.exec(select(Message).where(Message.inbound_id == inbound_id)).first()
        if told is None:
            raise NotFound("not_found", inbound_id=inbound_id)
        message(db, agent, told.id or 0)
    return found


def heard_calls(db: Session, agent: Agent) -> sa.ColumnElement[bool]:
    """A condition on Call that holds for exactly those the agent may see: of the queues served, and the agent's own."""
    if agent.role == Role.SUPERVISOR:
        return sa.true()
    return sa.or_(col(Call.queue_id).in_(agents.queue_ids(db, agent)), col(Call.agent_id) == agent.id)


def seen_tickets(db: Session, agent: Agent) -> sa.ColumnElement[bool]:
    """A condition on Ticket that holds for exactly those the agent may see."""
    if agent.role == Role.SUPERVISOR:
        return sa.true()
    return sa.or_(col(Ticket.queue_id).in_(agents.queue_ids(db, agent)), col(Ticket.assignee_id) == agent.id)


def seen_answers(db: Session, agent: Agent) -> sa.ColumnElement[bool]:
    """A condition on Answer: those about tickets the agent may see, and those about none that a queue of theirs asked
    for."""
    if agent.role == Role.SUPERVISOR:
        return sa.true()
    about = sa.select(col(Ticket.id)).where(seen_tickets(db, agent))
    listed = sa.and_(col(Answer.ticket_id).is_(None), col(Answer.queue_id).in_(agents.queue_ids(db, agent)))
    return sa.or_(col(Answer.ticket_id).in_(about), listed)


def seen_among(db: Session, agent: Agent, found: Sequence[P]) -> list[P]:
    """The same of tickets that were read already: those of them that the agent may see."""
    if agent.role == Role.SUPERVISOR:
        return list(found)
    served = set(agents.queue_ids(db, agent))
    return [row for row in found if row.queue_id in served or row.assignee_id == agent.id]
