"""What a supervisor does with somebody else's state and calls: force it, take it over, send it to another queue.

Each act is a fact with the supervisor's name in it, and a decision that is kept with the call's own facts, so that the
figures of the call are what they would be if its telephone system had said so.
"""

from datetime import datetime

from sqlmodel import Session

from helpdesk import agents, calls, queues, routing, stays
from helpdesk.calls import folding, wrapping
from helpdesk.errors import Conflict, Invalid
from helpdesk.events import emit
from helpdesk.facts import CallChanged
from helpdesk.runtime import work
from models import Agent, Call, CallState, Presence
from models.database import hold_still

FORCED = (Presence.READY, Presence.AWAY, Presence.OFFLINE)


def force_state(db: Session, agent: Agent, state: str, reason: str, *, by: Agent, now: datetime) -> None:
    """Put an agent into another state; the agent's screen says who did. Raises `Conflict("agent_is_talking")` for one
    who has a call, and `Invalid("unknown_state")`."""
    assert agent.id is not None
    if state not in [each.value for each in FORCED]:
        raise Invalid("unknown_state", field="state")
    current = agents.state_of(db, agent.id)
    if current is not None and current.state == Presence.BUSY:
        raise Conflict("agent_is_talking", agent_id=agent.id)
    agents.set_state(db, agent.id, Presence(state), reason=reason if state == "away" else "", by_id=by.id, now=now)
    if state == "ready":
        wrapping.offer_waiting(db, agent, now=now)


def take_over(db: Session, call: Call, by: Agent, *, rings: bool, now: datetime) -> None:
    """Have the call oneself, whether it waits or somebody talks. With `rings` the desk can command the telephone
    system, and the caller is put through; else the call's card moves, and whoever talks hands over by telephone.

    Raises `Conflict("call_is_over")`.
    """
    hold_still(db, call)
    if call.agent_id is None:
        calls.accept(db, call, by, rings=rings, now=now)
        return
    if call.state == CallState.ENDED:
        raise Conflict("call_is_over", call_id=call.id)
    if call.agent_id == by.id:
        return
    assert by.id is not None
    before = call.agent_id
    stays.decide(db, call, stays.TOOK_OVER, agent_id=by.id, by_id=by.id, now=now)
    folding.refold(db, call)
    agents.set_state(db, by.id, Presence.BUSY, now=now)
    if not calls.is_busy(db, before):
        agents.set_state(db, before, Presence.READY, by_id=by.id, now=now)
    if rings and by.phone:
        work.enqueue(db, "take_call", call.id, by.phone, key=f"take:{call.id}:{now.timestamp():.6f}")
    concerned = sorted({*calls.offered_to(db, call.id), before, by.id})
    emit(db, CallChanged(call_id=call.id or 0, queue_id=call.queue_id or 0, agent_ids=concerned, what="taken_over",
                         ticket_id=call.ticket_id, by_id=by.id, at=now))  # fmt: skip


def move(db: Session, call: Call, queue_id: int, *, by: Agent, now: datetime) -> None:
    """Send a waiting caller to another queue, where the wait begins anew. Raises `Conflict("call_does_not_wait")`."""
    hold_still(db, call)
    if call.state != CallState.RINGING or call.agent_id is not None or call.direction != "in":
        raise Conflict("call_does_not_wait", call_id=call.id)
    to = queues.get(db, queue_id)
    if to.id == call.queue_id:
        return
    calls.move_to_queue(db, call, to, by=by, now=now)
    if ticket := calls.own_ticket(db, call):
        routing.move(db, ticket, to, by=by, now=now)
