"""Raised hands: an agent in a call wants somebody beside them, without a word the caller could hear.

The one idea: a hand is a row of its agent, up or not. It goes down by the agent, by a supervisor who comes, or with the
end of the call.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import access, agents, romaji
from helpdesk.errors import Conflict
from helpdesk.events import emit
from helpdesk.facts import HelpSignChanged
from models import Agent, Call, CallState, Customer, HelpSign, Queue


@dataclass(frozen=True, slots=True)
class Sign:
    """A raised hand as supervisors see it. `customer_name` is "" for a caller nobody knows."""

    agent_id: int
    agent_name: str
    call_id: int | None
    ticket_id: int | None
    customer_name: str
    queue_name: str
    raised_at: datetime


def put_up(db: Session, agent: Agent, call: Call, *, now: datetime) -> None:
    """Raise the hand during one's own call; again changes nothing. Raises `Conflict` for a call that is over or that
    is somebody else's."""
    assert agent.id is not None
    if call.agent_id != agent.id:
        raise Conflict("already_accepted", call_id=call.id, agent_id=call.agent_id)
    if call.state == CallState.ENDED:
        raise Conflict("call_is_over", call_id=call.id)
    sign = db.get(HelpSign, agent.id)
    if sign is not None and sign.call_id == call.id:
        return
    if sign is None:
        sign = HelpSign(agent_id=agent.id, raised_at=now)
        db.add(sign)
    sign.call_id, sign.raised_at = call.id, now
    db.flush()
    emit(db, HelpSignChanged(agent_id=agent.id, call_id=call.id, state="raised", by_id=agent.id, at=now))


def take_down(db: Session, agent_id: int, *, by: Agent | None, now: datetime) -> None:
    """Lower a hand: one's own, or as a supervisor anybody's; by nobody when its call is over. One that is down stays.

    Raises `NotAllowed`, or `NotFound` for nobody's.
    """
    if by is not None and by.id != agent_id:
        access.supervisor(by)
        agents.get(db, agent_id)
    sign = db.get(HelpSign, agent_id)
    if sign is None:
        return
    call_id = sign.call_id
    db.delete(sign)
    db.flush()
    emit(
        db, HelpSignChanged(agent_id=agent_id, call_id=call_id, state="lowered", by_id=by.id if by else None, at=now)
    )  # fmt: skip


def is_raised(db: Session, call: Call) -> bool:
    """Whether the agent of this call has raised a hand in it."""
    if call.agent_id is None:
        return False
    sign = db.get(HelpSign, call.agent_id)
    return sign is not None and sign.call_id == call.id


def all_raised(db: Session, *, language: str) -> list[Sign]:
    """Every raised hand, the one that is up longest first."""
    rows = db.execute(
        sa.select(HelpSign, Agent, Call, Customer, Queue)
        .join(Agent, col(Agent.id) == HelpSign.agent_id)
        .join(Call, col(Call.id) == HelpSign.call_id, isouter=True)
        .join(Customer, col(Customer.id) == Call.customer_id, isouter=True)
        .join(Queue, col(Queue.id) == Call.queue_id, isouter=True)
        .order_by(col(HelpSign.raised_at), col(HelpSign.agent_id))
    ).all()
    return [
        Sign(
            sign.agent_id, romaji.spoken(agent.name, agent.reading, language), sign.call_id,
            call.ticket_id if call else None,
            romaji.spoken(customer.name, customer.reading, language) if customer else "",
            queue.called(language) if queue else "", sign.raised_at,
        )
        for sign, agent, call, customer, queue in rows
    ]  # fmt: skip
