"""The work after a call: what it was about, what came of it, and the agent who is ready for the next."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from classifiers import Prediction
from helpdesk import agents, dispositions, offering, routing, stays, tickets
from helpdesk.calls import is_busy, joined, lower_hand, offered_to, say, subject_of, take_ticket_along, ticket_of
from helpdesk.calls.folding import refold
from helpdesk.errors import Conflict, Invalid
from helpdesk.facts import CallWrappedUp
from helpdesk.runtime import work
from helpdesk.settings import Settings
from models import Agent, Call, CallFact, CallState, Presence, Queue, Ringing
from models.database import hold_still


def wrap_up(
    db: Session,
    call: Call,
    *,
    note: str,
    disposition: str,
    seen: Sequence[str] = (),
    by: Agent,
    guess: Prediction | None,
    now: datetime,
) -> None:
    """Close the agent's part: what it was about and what came of it. The agent is ready again.

    The note is the first words a call has, so the classifier reads it now (`guess`). What came by telephone and
    is solved is resolved with it; one that came by mail stays with its agent. `seen` is what `joined` says.
    """
    hold_still(db, call)
    if disposition not in dispositions.CODES and (disposition or _needs_disposition(db, call)):
        raise Invalid("disposition_missing", field="disposition")
    if call.agent_id != by.id:
        raise Conflict("already_accepted", call_id=call.id, agent_id=call.agent_id)
    if call.wrapped_up_at is not None:
        return
    if call.state != CallState.ENDED:
        _end_by_hand(db, call, now=now)
        lower_hand(db, call, now=now)
    call.note, call.disposition = joined(call.note, note, seen=seen).strip(), disposition
    wrapped(db, call, now=now)
    ticket = ticket_of(db, call)
    if ticket:
        if call.note and ticket.subject == subject_of(call):
            ticket.subject = call.note.splitlines()[0][: tickets.SUBJECT_MAX].strip()
        tickets.touch(ticket, call.note, awaits_us=disposition in dispositions.AWAITS_US, now=now)
        if guess is not None and call.note:
            routing.hear_notes(db, ticket, guess, note=call.note, now=now)
        if dispositions.effect(db, ticket, disposition) == "resolves":
            tickets.resolve(db, ticket, by=by, now=now)
    assert by.id is not None
    say(db, call, CallWrappedUp, disposition=disposition, now=now, by_id=by.id)
    if not is_busy(db, by.id, but=call.id):
        agents.set_state(db, by.id, Presence.READY, now=now)
        offer_waiting(db, by, now=now)


def offer_waiting(db: Session, agent: Agent, *, now: datetime) -> None:
    """Show an agent who became ready the calls that ring in the agent's queues."""
    ringing = db.exec(
        select(Call)
        .where(Call.state == CallState.RINGING, col(Call.agent_id).is_(None), Call.direction == "in")
        .order_by(col(Call.id))
        .limit(20)
    )
    for call in ringing.all():
        queue = db.get(Queue, call.queue_id) if call.queue_id else None
        if (queue and queue.ringing == Ringing.EVERYBODY and agents.serves_as_member(db, agent, queue.id or 0)
                and offering.is_waiting(db, call) and agent.id not in offered_to(db, call.id)):  # fmt: skip
            offering.show(db, call, [agent.id or 0], now=now)
    offering.serve_waiting(db, now=now)


def is_anything_due(db: Session, *, settings: Settings, since: datetime, now: datetime) -> bool:
    """Whether `do_due` would do anything."""
    return offering.is_anything_due(db, since=since, now=now) or any(
        _wrapped_long_enough(call, queue, settings, now) for call, queue in db.exec(_wrapping()).all()
    )


def do_due(db: Session, *, settings: Settings, since: datetime, now: datetime) -> None:
    """What time alone brings about: nobody picked up, somebody waited too long, a wrap-up is over, a page was closed.

    Any number of processes may look at once; each thing is done once. `since` is when this one opened the desk.
    """
    offering.time_outs(db, now=now)
    for call, queue in offering.waited_too_long(db, settings=settings, now=now):
        if queue is None:
            work.enqueue(db, "tell_caller", call.id, key=f"tell:{call.id}:{now.isoformat()}")
        else:
            take_ticket_along(db, call, queue, now=now)
            offering.offer(db, call, queue, rings=True, now=now)
    for call, queue in db.exec(_wrapping().with_for_update(of=Call, skip_locked=True)).all():
        if _wrapped_long_enough(call, queue, settings, now):
            db.refresh(call)
            if call.wrapped_up_at is None:
                wrapped(db, call, now=now)
                say(db, call, CallWrappedUp, disposition="", now=now)
                _ready_again(db, call.agent_id or 0, call, now=now)
    offering.away(db, since=since, now=now)
    offering.serve_waiting(db, now=now)


def wrap_up_seconds(queue: Queue | None, settings: Settings) -> int:
    """How long the work after a call counts down."""
    return (queue.wrap_up_seconds if queue else 0) or settings.wrap_up_seconds


def wrapped(db: Session, call: Call, *, now: datetime) -> None:
    """The work after the call is done."""
    call.wrapped_up_at = now
    call.wrap_up_seconds = max(0, int((now - (call.ended_at or now)).total_seconds()))
    stays.decide(db, call, stays.WRAPPED_UP, agent_id=call.agent_id, now=now)
    refold(db, call)


def _wrapping() -> Any:
    """Calls whose agents still work after them, in queues that let them go without a word on what came of it."""
    return (
        select(Call, Queue)
        .join(Queue, col(Queue.id) == Call.queue_id)
        .where(
            col(Call.agent_id).is_not(None), col(Call.wrapped_up_at).is_(None), Call.state == CallState.ENDED,
            ~col(Queue.needs_disposition),
        )
        .order_by(col(Call.agent_id), col(Call.id))  # as the index of what is unwrapped has them
        .limit(50)
    )  # fmt: skip


def _wrapped_long_enough(call: Call, queue: Queue, settings: Settings, now: datetime) -> bool:
    return call.ended_at is not None and call.ended_at + timedelta(seconds=wrap_up_seconds(queue, settings)) <= now


def _needs_disposition(db: Session, call: Call) -> bool:
    queue = db.get(Queue, call.queue_id) if call.queue_id else None
    return queue is None or queue.needs_disposition


def _ready_again(db: Session, agent_id: int, call: Call, *, now: datetime) -> None:
    """After the last of an agent's calls: ready for the next, unless the agent has gone away meanwhile."""
    agent, state = db.get(Agent, agent_id), agents.state_of(db, agent_id)
    if agent is None or is_busy(db, agent_id, but=call.id):
        return
    if state is not None and state.state in (Presence.WRAP_UP, Presence.BUSY):
        agents.set_state(db, agent_id, Presence.READY, now=now)
        offer_waiting(db, agent, now=now)


def _end_by_hand(db: Session, call: Call, *, now: datetime) -> None:
    """The agent wraps up though the system never said that the call ended: its hang-up was lost."""
    db.add(
        CallFact(
            call_id=call.id or 0,
            event_key="desk:wrap-up",
            kind="hangup",
            cause="normalClearing",
            at=now,
            received_at=now,
        )
    )
    db.flush()
    refold(db, call)
