"""What telephone systems say of calls, in any order, twice or late, and what comes of it on the screens."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from cti import CallEvent
from helpdesk import agents, intake, offering, queues, recalls, stays, tickets
from helpdesk.calls import (
    folding,
    give_ticket,
    holds_only,
    is_answered,
    is_busy,
    lower_hand,
    offered_to,
    say,
    showing,
    subject_of,
    take_ticket_along,
    ticket_of,
)
from helpdesk.calls.folding import refold
from helpdesk.calls.wrapping import wrapped
from helpdesk.customers import choices, contact_points, matching
from helpdesk.facts import CallChanged, CallEnded
from models import Agent, Call, CallFact, CallOffer, CallState, Channel, Customer, OfferEnd, Presence, Queue, Ringing
from models.database import hold_still

LATEST_REPORT = timedelta(minutes=2)
"""A call whose agent is told so long after its end, and not before, needs no wrap-up, unless its queue says another
length."""
# Statements of the way from a ringing telephone to the card are built once: building costs more than running.
_BY_KEY = (
    select(Call)
    .where(Call.source == sa.bindparam("source"), Call.call_key == sa.bindparam("call_key"))
    .with_for_update()
)
_BY_LEG = (
    select(Call)
    .join(CallFact, col(CallFact.call_id) == Call.id)
    .where(
        Call.state != CallState.ENDED, Call.source == sa.bindparam("source"), CallFact.leg == sa.bindparam("leg"),
        CallFact.leg != Call.call_key,
    )
    .limit(1)
    .with_for_update(of=Call)
)  # fmt: skip
"""Of a leg that was told as part of a call, and of which more is told under its own id."""


def record(
    db: Session,
    event: CallEvent,
    *,
    region: str,
    open_ticket_days: int,
    own_queue_id: int | None = None,
    is_refused: bool = False,
    is_timed: bool = True,
    now: datetime,
) -> Call:
    """Fold one event into its call. The first ring takes the inquiry in and shows it to the right agents.

    `own_queue_id` is where calls of its exchange go whose dialed number belongs to no queue. One that `is_refused` is
    kept, and is no inquiry. `is_timed`: the event's time is its sender's own.
    """
    is_ring = event.kind == "ring"
    call = db.exec(_BY_KEY, params={"source": event.source, "call_key": event.call_id}).first()
    if call is None and not is_ring:
        call = db.exec(_BY_LEG, params={"source": event.source, "leg": event.call_id}).first()
    is_new = call is None
    if call is None:
        call = _new(event, now=now)
    elif _knows(db, call, event):
        return call
    if event.unsaid and call.number_typed:
        event = replace(event, withheld=False)  # a telephone that rings for it, of which no more is told
    before = (call.state, call.agent_id, call.ticket_id)
    if is_concealed := (event.withheld and not is_new and not call.is_withheld):
        _conceal(db, call, now=now)
    with db.no_autoflush:  # what is learned step by step is written once
        queue = _learn(db, call, event, region=region, own_queue_id=own_queue_id)
        if is_inquiry := (_is_inquiry(call, event) and not is_refused):
            _take_in(db, call, dialed=queue, open_ticket_days=open_ticket_days, now=now)
    named = [agent.id or 0 for name in event.agents if (agent := agents.named(db, [name]))] if is_ring else []
    stay = _remember(db, call, event, now=now)
    if is_concealed:
        say(db, call, CallChanged, what="withheld", now=now)
    if event.kind == "silence":
        _fall_silent(db, call, event.agents, now=now)
    elif call.state == CallState.RINGING and call.direction == "in":
        if stay.waits and (not is_inquiry or _may_wait(db, call, now=now)):
            _offer(db, call, named, is_new=is_new, now=now)
    elif before != (call.state, call.agent_id, call.ticket_id):
        _turned(db, call, before=before[1], now=now)
    elif named and _hands_on(db, call, event, named, is_timed=is_timed):
        offering.show(db, call, named, now=now)
    elif event.kind in {"hold", "resume", "transfer"}:
        say(db, call, CallChanged, what=event.kind, now=now)
    if event.kind == "dtmf":
        _pressed(db, call, event.digits, now=now)
    return call


def unanswered(db: Session, call: Call, *, now: datetime) -> None:
    """The telephone system rang an agent in vain, and the caller is still there: back to the line, or to the next."""
    if call.agent_id is not None and call.accepted_at is not None and not is_answered(db, call.id or 0):
        stays.decide(db, call, stays.RELEASED, agent_id=call.agent_id, now=now)
        before, call.agent_id, call.accepted_at = call.agent_id, None, None
        refold(db, call)
        if not is_busy(db, before, but=call.id):
            agents.set_state(db, before, Presence.READY, now=now)
        say(db, call, CallChanged, what="released", now=now)
        queue = db.get(Queue, call.queue_id)
        if queue and queue.ringing == Ringing.EVERYBODY:
            offering.offer(db, call, queue, now=now)
    offering.unanswered(db, call, now=now)


def lose(db: Session, call: Call, *, now: datetime) -> None:
    """Nobody has said anything of a call for so long that its hang-up must be lost: it is over, since when is not
    known, and not before the last word. Who was still waiting gave up."""
    hold_still(db, call)
    if call.state == CallState.ENDED:
        return
    cause = "cancel" if call.state == CallState.RINGING else "normalClearing"
    last = db.scalar(sa.select(sa.func.max(col(CallFact.at))).where(col(CallFact.call_id) == call.id)) or now
    db.add(CallFact(call_id=call.id or 0, event_key="desk:lost", kind="hangup", cause=cause, at=last,
                    received_at=now))  # fmt: skip
    db.flush()
    before = call.agent_id
    refold(db, call)
    _turned(db, call, before=before, now=now)


def _new(event: CallEvent, *, now: datetime) -> Call:
    """A call nobody has heard of. Its row is written by `_remember`, when all is known that the event tells."""
    return Call(
        source=event.source, call_key=event.call_id, direction=event.direction or "in", started_at=event.at or now
    )


def _knows(db: Session, call: Call, event: CallEvent) -> bool:
    """Whether the event is a fact of the call already."""
    known = select(CallFact.id).where(CallFact.call_id == call.id, CallFact.event_key == event.event_id)
    return db.exec(known).first() is not None


def _may_wait(db: Session, call: Call, *, now: datetime) -> bool:
    """Whether a call that just came in stands in a waiting line: that of the queue dialed or of the one behind it."""
    queue = db.get(Queue, call.queue_id)
    waits_in = offering.arrive(db, call, queue, now=now) if queue else None
    if waits_in is not None and waits_in is not queue:
        take_ticket_along(db, call, waits_in, now=now)
    return waits_in is not None


def _conceal(db: Session, call: Call, *, now: datetime) -> None:
    """What was told of this call before named a caller who withholds the number: nobody is known by it any more."""
    ticket, subject, number, customer_id = ticket_of(db, call), subject_of(call), call.number, call.customer_id
    call.number, call.number_typed = "", ""
    choice = choices.last_of(db, call.id)
    call.customer_id = choice.customer_id if choice else None  # as an agent said
    db.flush()
    choices.forget_numbers(db, call.id)
    recalls.forget(db, number, customer_id, now=now)
    if choice is not None:
        if ticket is not None and ticket.subject == subject:
            ticket.subject = subject_of(call)
        return
    if ticket is not None and holds_only(db, ticket, call):
        ticket.subject = subject_of(call) if ticket.subject == subject else ticket.subject
        tickets.unlink_customer(db, ticket, by=None, now=now)
    elif ticket is not None:
        call.ticket_id = None


def _hands_on(db: Session, call: Call, event: CallEvent, named: list[int], *, is_timed: bool) -> bool:
    """Whether a telephone that rings during a call rings because the call is being handed on to it. Leaves in `named`
    whom the card is for.

    A ring that was merely told late must not pop anew: it is one that began after the answer by the system's own clock,
    or that follows its word that the call is transferred; and whoever has answered since rings no more.
    """
    if call.state not in (CallState.TALKING, CallState.HELD) or call.direction != "in" or call.queue_id is None:
        return False
    facts = db.exec(select(CallFact).where(CallFact.call_id == call.id)).all()
    at = event.at or call.started_at
    turned = [fact.at for fact in facts if fact.kind == "transfer" and fact.at <= at]
    if not turned and not (is_timed and call.answered_at is not None and at > call.answered_at):
        return False
    spoken = {fact.detail.get("agent_id") for fact in facts if fact.kind in ("answer", "transfer") and fact.at >= at}
    left = {call.agent_id, *spoken, *showing(db, call.id)}
    named[:] = [agent_id for agent_id in dict.fromkeys(named) if agent_id not in left]
    return bool(named)


def _pressed(db: Session, call: Call, digits: str, *, now: datetime) -> None:
    """A caller who waits presses the key by which the queue promises to call back."""
    queue = db.get(Queue, call.queue_id) if call.queue_id else None
    if queue is not None and queue.callback_key and digits == queue.callback_key and offering.is_waiting(db, call):
        if offering.leave_number(db, call, queue, now=now):
            say(db, call, CallChanged, what="turned_away", now=now)


def _remember(db: Session, call: Call, event: CallEvent, *, now: datetime) -> stays.Stays:
    """Write the call, keep the event as its fact, and fold all its facts."""
    is_new = call.id is None
    db.add(call)
    db.flush()
    detail = {
        key: value
        for key, value in (
            ("digits", event.digits),
            ("recording", event.recording_url),
            ("seconds", event.duration_seconds),
            ("agent_id", _meant(db, call, event)),
        )
        if value not in ("", None)
    }
    fact = CallFact(
        call_id=call.id or 0,
        event_key=event.event_id,
        kind=event.kind,
        leg=event.leg_id,
        agents=list(event.agents),
        cause=event.cause,
        detail=detail,
        sequence=event.sequence,
        at=event.at or now,
        received_at=now,
    )
    db.add(fact)
    if not is_new:
        return refold(db, call)
    told, stay = folding.fold([fact], accepted_at=call.accepted_at), stays.keep(db, call, [fact], is_new=True)
    folding.apply(call, told, stay)
    return stay


def _meant(db: Session, call: Call, event: CallEvent) -> int | None:
    """Which agent an event speaks of who has the call from then on, or who dials."""
    if event.kind in ("answer", "transfer") or (event.kind == "ring" and call.direction != "in"):
        return agent.id if (agent := agents.named(db, event.agents)) else None
    return None


def _learn(db: Session, call: Call, event: CallEvent, *, region: str, own_queue_id: int | None) -> Queue | None:
    """Take from an event what the call does not know yet. Silence never overwrites. Returns the queue called."""
    if event.direction and event.kind in {"ring", "queued"}:
        call.direction = event.direction
    other, ours = (event.called, event.caller) if call.direction == "out" else (event.caller, event.called)
    if event.withheld:
        call.is_withheld, call.number, call.number_typed, call.match = True, "", "", "withheld"
    elif other and not call.number_typed and not call.is_withheld:
        number = contact_points.read_number(other, region=region)
        if number.kind == "withheld":
            call.is_withheld, call.match = True, "withheld"
        else:
            call.number_typed, call.number = number.typed, number.e164
    if ours and not call.dialed:
        dialed = contact_points.read_number(ours, region=region)
        call.dialed = dialed.e164 or ours
    if call.queue_id is None:
        queue = queues.dialed(db, call.dialed) or _queue_named(db, event.queue)
        if queue is None and own_queue_id is not None:
            queue = db.get(Queue, own_queue_id)
        call.queue_id = queue.id if queue else None
    else:
        queue = db.get(Queue, call.queue_id)
    if call.customer_id is None and call.number and call.match == "nobody":
        match = matching.by_phone(db, call.number)
        call.match, call.customer_id = match.reason, match.customer_id
    return queue


def _is_inquiry(call: Call, event: CallEvent) -> bool:
    """Whether this is the word that somebody calls us. An agent's own leg may be told first, but not who calls."""
    tells_who = event.withheld or event.caller != "" or event.leg_id in ("", event.call_id)
    return event.kind in {"ring", "queued"} and call.ticket_id is None and call.direction == "in" and tells_who


def _queue_named(db: Session, name: str) -> Queue | None:
    if not name:
        return None
    return db.exec(
        select(Queue).where(
            sa.or_(
                col(Queue.slug) == name, col(Queue.name) == name, col(Queue.name_en) == name, col(Queue.phone) == name
            )
        )
    ).first()


def _take_in(db: Session, call: Call, *, dialed: Queue | None, open_ticket_days: int, now: datetime) -> None:
    match = matching.Match(call.match, call.customer_id)  # type: ignore[arg-type]
    customer = db.get(Customer, call.customer_id) if call.customer_id else None
    taken = intake.take_in(
        db,
        intake.Inquiry(
            channel=Channel.PHONE,
            subject=subject_of(call),
            match=match,
            language=customer.language if customer else "ja",
            dialed=dialed,
        ),
        open_ticket_days=open_ticket_days,
        now=now,
    )
    call.ticket_id = taken.ticket.id
    if call.queue_id is None:
        call.queue_id = taken.ticket.queue_id
    tickets.touch(taken.ticket, "", awaits_us=True, now=now)
    if taken.is_new:
        tickets.announce(db, taken.ticket, now=now)


def _offer(db: Session, call: Call, named: Sequence[int], *, is_new: bool = False, now: datetime) -> None:
    """Show a ringing call to the agents its system rings, or else to whom its queue rings."""
    assert call.id is not None and call.queue_id is not None
    shown = set() if is_new else set(offered_to(db, call.id))
    if named:
        if new := [agent_id for agent_id in named if agent_id not in shown]:
            offering.show(db, call, new, now=now)
    elif not shown and (queue := db.get(Queue, call.queue_id)):
        offering.offer(db, call, queue, is_new=is_new, now=now)


def _fall_silent(db: Session, call: Call, names: Iterable[str], *, now: datetime) -> None:
    """Telephones that rang for this call do so no more: the card leaves their agents' screens, and the call goes on."""
    ids = {agent.id for name in names if (agent := agents.named(db, [name]))}
    offers = select(CallOffer).where(CallOffer.call_id == call.id, col(CallOffer.ended_at).is_(None))
    silent = [offer for offer in db.exec(offers) if offer.agent_id in ids]
    for offer in silent:
        offer.ended_at, offer.how = now, OfferEnd.TIMED_OUT
    if silent:
        say(db, call, CallChanged, what="silence", now=now, only=[offer.agent_id for offer in silent])


def _turned(db: Session, call: Call, *, before: int | None, now: datetime) -> None:
    """The telephone system says that the call was answered, went from agent `before` to another, or is over."""
    agent = db.get(Agent, call.agent_id) if call.agent_id else None
    if before is not None and before != call.agent_id and not is_busy(db, before, but=call.id):
        agents.set_state(db, before, Presence.READY, now=now)
    offering.end_offers(db, call, taken_by=call.agent_id, now=now)
    if call.state == CallState.ENDED:
        lower_hand(db, call, now=now)
        if agent and agent.id is not None:
            give_ticket(db, ticket_of(db, call), agent, now=now)
            if call.wrapped_up_at is None and before is None and _is_long_over(db, call, agent.id, now=now):
                wrapped(db, call, now=call.ended_at or now)
            elif call.wrapped_up_at is None and not _talks_elsewhere(db, agent.id, but=call.id):
                agents.set_state(db, agent.id, Presence.WRAP_UP, now=now)
        elif ticket := ticket_of(db, call):
            tickets.touch(ticket, "", awaits_us=True, now=now)
        say(db, call, CallEnded, outcome=call.outcome.value, now=now)
        return
    if agent and agent.id is not None:
        give_ticket(db, ticket_of(db, call), agent, now=now)
        agents.set_state(db, agent.id, Presence.BUSY, now=now)
    say(db, call, CallChanged, what=call.state.value, now=now)


def _is_long_over(db: Session, call: Call, agent_id: int, *, now: datetime) -> bool:
    """Whether a call of which nobody here knew who had it is told of so late that there is no work after it left to do:
    its wrap-up would be over, or the agent has gone home."""
    queue, state = db.get(Queue, call.queue_id) if call.queue_id else None, agents.state_of(db, agent_id)
    patience = timedelta(seconds=(queue.wrap_up_seconds if queue else 0) or LATEST_REPORT.total_seconds())
    is_here = state is not None and state.state != Presence.OFFLINE
    return call.ended_at is not None and (call.ended_at + patience <= now or not is_here)


def _talks_elsewhere(db: Session, agent_id: int, *, but: int | None) -> bool:
    """Whether the agent has another call on the line."""
    query = select(Call.id).where(Call.agent_id == agent_id, Call.state != CallState.ENDED, Call.id != but).limit(1)
    return db.exec(query).first() is not None
