"""CallEvents folded into calls, in any order, twice or late; and what agents do with a call.

A telephone system's callbacks arrive when the network pleases. So each is kept as a fact of its call, once, and the
call is computed from all its facts every time: the same facts in any order give the same call.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from classifiers import Prediction
from cti import CallEvent
from helpdesk import agents, dispositions, help_signs, intake, offering, queues, recalls, routing, stays, tickets
from helpdesk.customers import choices, contact_points, matching, records
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import CallChanged, CallEnded, CallWrappedUp, Fact, emit
from helpdesk.runtime import work
from helpdesk.settings import Settings
from models import (
    Agent,
    Call,
    CallFact,
    CallOffer,
    CallState,
    Channel,
    ContactPoint,
    Customer,
    HelpSign,
    Message,
    OfferEnd,
    Outcome,
    PointKind,
    PointSource,
    Presence,
    Queue,
    QueueVisit,
    Ringing,
    Ticket,
    VisitEnd,
)
from models.database import hold_still
from models.looking import ask

MOST_OWN = 20  # calls of an agent's own that are shown at once
OPEN_AT_MOST = timedelta(days=1)
LATEST_REPORT = timedelta(minutes=2)
"""A call whose agent is told so long after its end, and not before, needs no wrap-up, unless its queue says another
length."""
RELABELED_MOST = 50
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
_OFFERED = (
    select(CallOffer.agent_id)
    .distinct()
    .where(CallOffer.call_id == sa.bindparam("call_id"))
    .order_by(col(CallOffer.agent_id))
)
_SHOWING = _OFFERED.where(col(CallOffer.ended_at).is_(None))
_RINGING = select(CallOffer.call_id).where(
    CallOffer.agent_id == sa.bindparam("agent_id"), col(CallOffer.ended_at).is_(None)
)
_LIVE = (
    sa.select(col(Call.id))
    .where(
        sa.or_(
            sa.and_(col(Call.agent_id) == sa.bindparam("agent_id"), col(Call.wrapped_up_at).is_(None)),
            sa.and_(col(Call.state) != CallState.ENDED, col(Call.id).in_(_RINGING)),
        )
    )
)
_UNANSWERED = {"voicemail": Outcome.VOICEMAIL, "rejected": Outcome.REJECTED, "blocked": Outcome.REJECTED}
_TOLD = {"refused": Outcome.REJECTED, "voicemail": Outcome.VOICEMAIL, "callback": Outcome.MISSED}
_GAVE_UP = {"cancel", "normalClearing", ""}  # the caller hung up; anything else ended the call for the caller


@dataclass(frozen=True, slots=True)
class Folded:
    """What the facts of a call add up to. Times are those of the telephone system where it gave any."""

    state: CallState
    outcome: Outcome
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    answered_by: tuple[str, ...]
    cause: str
    wait_seconds: int
    talk_seconds: int
    hold_seconds: int


def fold(facts: Iterable[CallFact], *, accepted_at: datetime | None = None) -> Folded:
    """Compute a call from its facts, whatever order they came in. At least one fact.

    `accepted_at` is when an agent took it on the screen, which counts as the answer where no system tells one.
    """
    known = sorted(facts, key=lambda fact: (fact.at, fact.sequence or 0, fact.event_key))
    rings = [fact for fact in known if fact.kind in {"ring", "queued"}]
    answers = [fact for fact in known if fact.kind == "answer"]
    hangups = [fact for fact in known if fact.kind == "hangup"]
    started = min(fact.at for fact in rings or known)
    ended = max(min(fact.at for fact in hangups), started) if hangups else None
    answered = min((fact.at for fact in answers), default=accepted_at)
    if answered is not None:
        answered = max(answered, started) if ended is None else min(max(answered, started), ended)
    causes = [fact.cause for fact in hangups if fact.cause]
    # A call that is forwarded to a voice mail ends twice: what became of it is told by the second.
    cause = next((cause for cause in causes if cause in _UNANSWERED), causes[0] if causes else "")
    held, seconds = stays.held(known, since=answered, until=ended)
    talk = int((ended - answered).total_seconds()) - seconds if ended and answered else 0
    if ended is None:
        state = CallState.RINGING if answered is None else CallState.HELD if held else CallState.TALKING
        outcome = Outcome.OPEN
    else:
        state = CallState.ENDED
        left = [str(fact.detail["how"]) for fact in known if fact.kind == stays.LEFT]
        outcome = _TOLD[left[-1]] if left and answered is None else _outcome(answered is not None, cause)
    until = answered or ended
    return Folded(
        state,
        outcome,
        started,
        answered,
        ended,
        tuple(name for fact in answers for name in fact.agents),
        cause,
        max(0, int((until - started).total_seconds())) if until else 0,
        max(0, talk),
        seconds,
    )


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
        _say(db, call, CallChanged, what="withheld", now=now)
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
        _say(db, call, CallChanged, what=event.kind, now=now)
    if event.kind == "dtmf":
        _pressed(db, call, event.digits, now=now)
    return call


def accept(db: Session, call: Call, agent: Agent, *, rings: bool = False, now: datetime) -> None:
    """Take a ringing call on the screen. The first one gets it; twice by the same agent changes nothing.

    With `rings` the desk can command the telephone system, and the caller is put through to the agent's telephone.
    """
    _hold_still(db, call)
    if call.agent_id == agent.id:
        return
    if call.agent_id is not None:
        raise Conflict("already_accepted", call_id=call.id, agent_id=call.agent_id)
    if call.state == CallState.ENDED:
        raise Conflict("call_is_over", call_id=call.id)
    assert agent.id is not None
    call.agent_id, call.accepted_at = agent.id, now
    stays.decide(db, call, stays.TOOK, agent_id=agent.id, now=now)
    _refold(db, call)
    offering.end_offers(db, call, taken_by=agent.id, now=now)
    _give_ticket(db, _ticket_of(db, call), agent, now=now)
    agents.set_state(db, agent.id, Presence.BUSY, now=now)
    if rings and agent.phone:
        work.enqueue(db, "connect_call", call.id, agent.phone, key=f"connect:{call.id}")
    _say(db, call, CallChanged, what="accepted", now=now, by_id=agent.id)


def decline(db: Session, call: Call, agent: Agent, *, now: datetime) -> None:
    """Take the card off this agent's screen; the others keep it."""
    offers = select(CallOffer).where(CallOffer.call_id == call.id, CallOffer.agent_id == agent.id)
    offer = db.exec(offers.order_by(col(CallOffer.id).desc()).limit(1)).first()
    if offer is None or call.agent_id == agent.id:
        raise NotFound("not_found", call_id=call.id)
    if offer.ended_at is None:
        offer.ended_at, offer.how = now, OfferEnd.DECLINED
    assert agent.id is not None
    _say(db, call, CallChanged, what="declined", now=now, by_id=agent.id, only=[agent.id])


def choose_customer(db: Session, call: Call, customer: Customer, *, by: Agent, now: datetime) -> None:
    """Say who is calling. The choice is remembered for this number, and a later choice replaces it."""
    _hold_still(db, call)
    ticket = _ticket_of(db, call)
    standing = choices.last_of(db, call.id)
    if standing is not None and standing.customer_id == call.customer_id == customer.id:
        return
    choice = choices.remember(db, call, customer, ticket=ticket, by=by, now=now)
    call.customer_id = customer.id
    call.match = "learned" if choice.number else "chosen" if call.number else call.match
    customer.last_contact_at = max(customer.last_contact_at or now, now)
    if ticket and (ticket.customer_id in (None, customer.id) or _holds_only(db, ticket, call)):
        tickets.link_customer(db, ticket, customer, by=None, now=now)
    elif ticket:  # it is another customer's matter, which the call joined by mistake
        move_to_ticket(db, call, None, by=by, now=now)
    _say(db, call, CallChanged, what="customer", now=now, by_id=by.id)


def undo_choice(db: Session, call: Call, *, by: Agent, now: datetime) -> None:
    """Take back the last word on who calls: call, ticket and number are as they were. Twice changes nothing."""
    _hold_still(db, call)
    choice = choices.last_of(db, call.id)
    if choice is None:
        return
    choices.forget(db, choice, now=now)
    call.customer_id, call.match = choice.customer_before_id, choice.match_before
    ticket = _ticket_of(db, call)
    before = db.get(Ticket, choice.ticket_id) if choice.ticket_id else None
    if ticket and before and ticket.id != before.id and _holds_only(db, ticket, call):
        _give_to(db, ticket, None, by=by, now=now)  # opened for the one who was chosen
        move_to_ticket(db, call, before, by=by, now=now)
    elif ticket and ticket.id == choice.ticket_id and ticket.customer_id == choice.customer_id:
        _give_to(db, ticket, choice.ticket_customer_before_id, by=by, now=now)
    _say(db, call, CallChanged, what="customer", now=now, by_id=by.id)


def deny_guess(db: Session, call: Call, *, by: Agent, now: datetime) -> None:
    """It is not who a signature made the desk guess: the number comes off that record, and the call is looked at anew.

    Raises `Conflict("not_a_guess")` when it is known in another way by now.
    """
    _hold_still(db, call)
    guessed = _guessed(db, call)
    records.take_off(db, guessed, by=by, now=now)
    _look_again(db, call, now=now)


def confirm_guess(db: Session, call: Call, *, by: Agent, now: datetime) -> None:
    """It is who a signature made the desk guess, as the agent heard. Raises `Conflict("not_a_guess")`."""
    _hold_still(db, call)
    _guessed(db, call).source = PointSource.PROFILE
    db.flush()
    _look_again(db, call, now=now)


def say_blocked(db: Session, call: Call, *, by: Agent, now: datetime) -> None:
    """The caller is refused from now on: every card of the call shows it."""
    _say(db, call, CallChanged, what="blocked", now=now, by_id=by.id)


def relabel(db: Session, numbers: Collection[str], *, now: datetime) -> None:
    """Somebody edited by whom these numbers (E.164) are carried: calls that are still on a screen are looked at anew.

    What an agent said of a call stands, and so does every call that is over.
    """
    is_live = sa.or_(
        col(Call.state) != CallState.ENDED, sa.and_(col(Call.agent_id).is_not(None), col(Call.wrapped_up_at).is_(None))
    )
    of_them = select(Call).where(
        col(Call.number).in_(sorted({number for number in numbers if number})),
        is_live,
        Call.started_at > now - OPEN_AT_MOST,
    )
    for call in db.exec(of_them.order_by(col(Call.id)).limit(RELABELED_MOST)).all():
        if choices.last_of(db, call.id) is None:
            _look_again(db, call, now=now)


def move_to_ticket(db: Session, call: Call, ticket: Ticket | None, *, by: Agent, now: datetime) -> Ticket:
    """Say which matter the call is about: another ticket, or None for one of its own, made if it has none yet.

    The ticket it opened itself is resolved when it leaves, or it would wait for an answer with nothing in it.
    """
    _hold_still(db, call)
    own = _ticket_of(db, call)
    if own and own.id == (ticket.id if ticket else None):
        return own
    if ticket is None and own and _holds_only(db, own, call):
        tickets.reopen(db, own, by_id=by.id, now=now)
        tickets.touch(own, "", awaits_us=True, now=now)
        return own
    if ticket is None:
        queue_id = call.queue_id or (own.queue_id if own else None) or queues.triage(db).id
        assert queue_id is not None
        ticket = tickets.start(
            db,
            subject=subject_of(call),
            channel=Channel.PHONE,
            queue_id=queue_id,
            customer_id=call.customer_id,
            language="ja",
            now=now,
        )
        routing.keep(db, ticket, routing.Decision(queue_id, "by_dialed_number"), now=now)
        tickets.announce(db, ticket, by_id=by.id, now=now)
        if taker := db.get(Agent, call.agent_id) if call.agent_id else None:
            _give_ticket(db, ticket, taker, now=now)
    if own and _holds_only(db, own, call):
        tickets.note(db, own, f"→ #{ticket.id}", by=by, now=now)
        tickets.settle(db, own, by_id=by.id, now=now)
    call.ticket_id = ticket.id
    tickets.touch(ticket, "", awaits_us=True, now=now)
    _say(db, call, CallChanged, what="ticket", now=now, by_id=by.id)
    return ticket


def write_note(db: Session, call: Call, note: str, *, by: Agent) -> None:
    """Keep what is typed while talking. Nobody else's screen needs it yet, so nothing is stated."""
    _hold_still(db, call)
    if call.agent_id != by.id:
        raise Conflict("already_accepted", call_id=call.id, agent_id=call.agent_id)
    if call.wrapped_up_at is not None:
        raise Conflict("call_is_over", call_id=call.id)
    call.note = note


def wrap_up(
    db: Session,
    call: Call,
    *,
    note: str,
    disposition: str,
    by: Agent,
    guess: Prediction | None,
    now: datetime,
) -> None:
    """Close the agent's part: what it was about and what came of it. The agent is ready again.

    The note is the first words a call has, so the classifier reads it now (`guess`). What came by telephone and
    is solved is resolved with it; one that came by mail stays with its agent.
    """
    _hold_still(db, call)
    if disposition not in dispositions.CODES and (disposition or _needs_disposition(db, call)):
        raise Invalid("disposition_missing", field="disposition")
    if call.agent_id != by.id:
        raise Conflict("already_accepted", call_id=call.id, agent_id=call.agent_id)
    if call.wrapped_up_at is not None:
        return
    if call.state != CallState.ENDED:
        _end_by_hand(db, call, now=now)
        _lower_hand(db, call, now=now)
    call.note, call.disposition = note.strip(), disposition
    _wrapped(db, call, now=now)
    ticket = _ticket_of(db, call)
    if ticket:
        if call.note and ticket.subject == subject_of(call):
            ticket.subject = call.note.splitlines()[0][: tickets.SUBJECT_MAX].strip()
        tickets.touch(ticket, call.note, awaits_us=disposition in dispositions.AWAITS_US, now=now)
        if guess is not None and call.note:
            routing.hear_notes(db, ticket, guess, note=call.note, now=now)
        if dispositions.effect(db, ticket, disposition) == "resolves":
            tickets.resolve(db, ticket, by=by, now=now)
    assert by.id is not None
    _say(db, call, CallWrappedUp, disposition=disposition, now=now, by_id=by.id)
    if not _busy_elsewhere(db, by.id, but=call.id):
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
                and offering.is_waiting(db, call)):  # fmt: skip
            _offer(db, call, [agent.id or 0], now=now)
    offering.serve_waiting(db, now=now)


def unanswered(db: Session, call: Call, *, now: datetime) -> None:
    """The telephone system rang an agent in vain, and the caller is still there: back to the line, or to the next."""
    if call.agent_id is not None and call.accepted_at is not None and not is_answered(db, call.id or 0):
        stays.decide(db, call, stays.RELEASED, agent_id=call.agent_id, now=now)
        before, call.agent_id, call.accepted_at = call.agent_id, None, None
        _refold(db, call)
        if not _busy_elsewhere(db, before, but=call.id):
            agents.set_state(db, before, Presence.READY, now=now)
        _say(db, call, CallChanged, what="released", now=now)
        queue = db.get(Queue, call.queue_id)
        if queue and queue.ringing == Ringing.EVERYBODY:
            offering.offer(db, call, queue, now=now)
    offering.unanswered(db, call, now=now)


def lose(db: Session, call: Call, *, now: datetime) -> None:
    """Nobody has said anything of a call for so long that its hang-up must be lost: it is over, since when is not
    known, and not before the last word. Who was still waiting gave up."""
    _hold_still(db, call)
    if call.state == CallState.ENDED:
        return
    cause = "cancel" if call.state == CallState.RINGING else "normalClearing"
    last = db.scalar(sa.select(sa.func.max(col(CallFact.at))).where(col(CallFact.call_id) == call.id)) or now
    db.add(CallFact(call_id=call.id or 0, event_key="desk:lost", kind="hangup", cause=cause, at=last,
                    received_at=now))  # fmt: skip
    db.flush()
    before = call.agent_id
    _refold(db, call)
    _turned(db, call, before=before, now=now)


def was_released(db: Session, call_id: int) -> bool:
    """Whether somebody had taken the call on the screen, whose telephone then nobody answered."""
    given = select(CallFact.id).where(CallFact.call_id == call_id, CallFact.kind == stays.RELEASED)
    return db.exec(given.limit(1)).first() is not None


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
            _take_ticket_along(db, call, queue, now=now)
            offering.offer(db, call, queue, rings=True, now=now)
    for call, queue in db.exec(_wrapping().with_for_update(of=Call, skip_locked=True)).all():
        if _wrapped_long_enough(call, queue, settings, now):
            db.refresh(call)
            if call.wrapped_up_at is None:
                _wrapped(db, call, now=now)
                _say(db, call, CallWrappedUp, disposition="", now=now)
                _ready_again(db, call.agent_id or 0, call, now=now)
    offering.away(db, since=since, now=now)
    offering.serve_waiting(db, now=now)


def wrap_up_seconds(queue: Queue | None, settings: Settings) -> int:
    """How long the work after a call counts down."""
    return (queue.wrap_up_seconds if queue else 0) or settings.wrap_up_seconds


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


def _wrapped(db: Session, call: Call, *, now: datetime) -> None:
    """The work after the call is done."""
    call.wrapped_up_at = now
    call.wrap_up_seconds = max(0, int((now - (call.ended_at or now)).total_seconds()))
    stays.decide(db, call, stays.WRAPPED_UP, agent_id=call.agent_id, now=now)
    _refold(db, call)


def _ready_again(db: Session, agent_id: int, call: Call, *, now: datetime) -> None:
    """After the last of an agent's calls: ready for the next, unless the agent has gone away meanwhile."""
    agent, state = db.get(Agent, agent_id), agents.state_of(db, agent_id)
    if agent is None or _busy_elsewhere(db, agent_id, but=call.id):
        return
    if state is not None and state.state in (Presence.WRAP_UP, Presence.BUSY):
        agents.set_state(db, agent_id, Presence.READY, now=now)
        offer_waiting(db, agent, now=now)


def move_to_queue(db: Session, call: Call, to: Queue, *, by: Agent, now: datetime) -> None:
    """Let a waiting call wait in another queue: it goes off the screens it was on, and is offered anew there."""
    _say(db, call, CallChanged, what="moved", now=now, by_id=by.id)
    offering.move(db, call, to, how=VisitEnd.MOVED, by=by, now=now)
    offering.offer(db, call, to, rings=True, now=now)


def refold(db: Session, call: Call) -> None:
    """Compute the call anew from its facts, after the desk has added a decision to them."""
    _refold(db, call)


def own_ticket(db: Session, call: Call) -> Ticket | None:
    """The call's ticket where nothing but this call is in it."""
    ticket = _ticket_of(db, call)
    return ticket if ticket and _holds_only(db, ticket, call) else None


def is_busy(db: Session, agent_id: int) -> bool:
    """Whether the agent has a call, or one to wrap up."""
    return _busy_elsewhere(db, agent_id, but=None)


def live_for(db: Session, agent: Agent) -> list[Call]:
    """What the agent's screen shows: calls offered and still ringing, and the agent's own until wrapped up."""
    ids = [row[0] for row in ask(db, _LIVE, agent_id=agent.id)]
    live = db.exec(select(Call).where(col(Call.id).in_(ids)).order_by(col(Call.id))).all() if ids else ()
    mine = [call for call in live if call.agent_id == agent.id]
    return [*mine[:MOST_OWN], *(call for call in live if call.agent_id != agent.id)]


def _lower_hand(db: Session, call: Call, *, now: datetime) -> None:
    """The call is over: nobody need come any more."""
    sign = db.get(HelpSign, call.agent_id) if call.agent_id else None
    if sign is not None and sign.call_id == call.id:
        help_signs.take_down(db, sign.agent_id, by=None, now=now)


def is_answered(db: Session, call_id: int) -> bool:
    """Whether the telephone system itself said that somebody answered."""
    answer = select(CallFact.id).where(CallFact.call_id == call_id, CallFact.kind == "answer")
    return db.exec(answer.limit(1)).first() is not None


def waiting_count(db: Session, queue_ids: Sequence[int] | None = None) -> int:
    """Callers nobody has taken yet, in these queues or in all."""
    return db.scalar(waiting_query(queue_ids)) or 0


def waiting_query(queue_ids: Sequence[int] | None = None) -> sa.Select[int]:
    """What `waiting_count` asks."""
    query = (
        sa.select(sa.func.count()).select_from(Call)
        .where(
            col(Call.state) == CallState.RINGING, col(Call.agent_id).is_(None), col(Call.direction) == "in",
            sa.exists().where(col(QueueVisit.call_id) == Call.id, col(QueueVisit.left_at).is_(None)),
        )
    )  # fmt: skip
    return query if queue_ids is None else query.where(col(Call.queue_id).in_(queue_ids))


def offered_to(db: Session, call_id: int | None) -> list[int]:
    """Whom the call was shown to, decliners included."""
    return list(db.exec(_OFFERED, params={"call_id": call_id}))


def showing(db: Session, call_id: int | None) -> list[int]:
    """On whose screens a ringing call is: whom it was shown to, without those who put it away."""
    return list(db.exec(_SHOWING, params={"call_id": call_id}))


def subject_of(call: Call) -> str:
    """A telephone ticket's subject until its first note gives it a better one."""
    return f"☎ {contact_points.national(call.number, 'JP') if call.number else call.number_typed or '—'}"


def _hold_still(db: Session, call: Call) -> None:
    """Lock the call's row and read it again: what two agents press at once must be decided one after the other."""
    hold_still(db, call)


def _ticket_of(db: Session, call: Call) -> Ticket | None:
    return db.get(Ticket, call.ticket_id) if call.ticket_id else None


def _holds_only(db: Session, ticket: Ticket, call: Call) -> bool:
    """Whether the ticket is this call's alone: opened by it, and nothing of anybody else's has come to it since."""
    if ticket.channel != Channel.PHONE:
        return False
    mail = select(Message.id).where(Message.ticket_id == ticket.id).limit(1)
    other = select(Call.id).where(Call.ticket_id == ticket.id, Call.id != call.id).limit(1)
    return db.exec(mail).first() is None and db.exec(other).first() is None


def _guessed(db: Session, call: Call) -> ContactPoint:
    """The guess by which the call's customer is known."""
    customer = db.get(Customer, call.customer_id) if call.match == "guessed" and call.customer_id else None
    point = records.point_of(db, customer, PointKind.PHONE, call.number) if customer else None
    if point is None or point.source != PointSource.GUESSED:
        raise Conflict("not_a_guess", call_id=call.id)
    return point


def _look_again(db: Session, call: Call, *, now: datetime) -> None:
    """Ask anew whose number it is. The ticket follows where it is this call's alone."""
    before, match = call.customer_id, matching.by_phone(db, call.number)
    call.match, call.customer_id = match.reason, match.customer_id
    ticket = _ticket_of(db, call)
    if ticket and ticket.customer_id == before != call.customer_id and _holds_only(db, ticket, call):
        _give_to(db, ticket, call.customer_id, by=None, now=now)
    _say(db, call, CallChanged, what="customer", now=now)


def _give_to(db: Session, ticket: Ticket, customer_id: int | None, *, by: Agent | None, now: datetime) -> None:
    """Say whose ticket it is, without learning anything from it."""
    if ticket.customer_id == customer_id:
        return
    if customer := db.get(Customer, customer_id) if customer_id else None:
        tickets.link_customer(db, ticket, customer, by=None, now=now)
    else:
        tickets.unlink_customer(db, ticket, by=by, now=now)


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
        _take_ticket_along(db, call, waits_in, now=now)
    return waits_in is not None


def _take_ticket_along(db: Session, call: Call, to: Queue, *, now: datetime) -> None:
    """The call overflowed into another queue: so does the ticket, where nothing but this call is in it. A matter that
    somebody has in hand, or that came by mail, stays where it is; its page says why it is there."""
    ticket = own_ticket(db, call)
    if ticket is not None and ticket.assignee_id is None and to.id is not None:
        routing.overflow(db, ticket, to, now=now)


def _conceal(db: Session, call: Call, *, now: datetime) -> None:
    """What was told of this call before named a caller who withholds the number: nobody is known by it any more."""
    ticket, subject, number, customer_id = _ticket_of(db, call), subject_of(call), call.number, call.customer_id
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
    if ticket is not None and _holds_only(db, ticket, call):
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
            _say(db, call, CallChanged, what="turned_away", now=now)


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
        return _refold(db, call)
    told, stay = fold([fact], accepted_at=call.accepted_at), stays.keep(db, call, [fact], is_new=True)
    _apply(call, told, stay)
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


def _refold(db: Session, call: Call) -> stays.Stays:
    facts = db.exec(select(CallFact).where(CallFact.call_id == call.id)).all()
    told, stay = fold(facts, accepted_at=call.accepted_at), stays.keep(db, call, facts)
    _apply(call, told, stay)
    return stay


def _apply(call: Call, told: Folded, stay: stays.Stays) -> None:
    call.state, call.outcome, call.cause = told.state, told.outcome, told.cause
    call.started_at, call.answered_at, call.ended_at = told.started_at, told.answered_at, told.ended_at
    call.wait_seconds, call.talk_seconds, call.hold_seconds = told.wait_seconds, told.talk_seconds, told.hold_seconds
    if stay.parts:
        call.agent_id = stay.parts[-1].agent_id


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
        _say(db, call, CallChanged, what="silence", now=now, only=[offer.agent_id for offer in silent])


def _turned(db: Session, call: Call, *, before: int | None, now: datetime) -> None:
    """The telephone system says that the call was answered, went from agent `before` to another, or is over."""
    agent = db.get(Agent, call.agent_id) if call.agent_id else None
    if before is not None and before != call.agent_id and not _busy_elsewhere(db, before, but=call.id):
        agents.set_state(db, before, Presence.READY, now=now)
    offering.end_offers(db, call, taken_by=call.agent_id, now=now)
    if call.state == CallState.ENDED:
        _lower_hand(db, call, now=now)
        if agent and agent.id is not None:
            _give_ticket(db, _ticket_of(db, call), agent, now=now)
            if call.wrapped_up_at is None and before is None and _is_long_over(db, call, agent.id, now=now):
                _wrapped(db, call, now=call.ended_at or now)
            elif call.wrapped_up_at is None and not _talks_elsewhere(db, agent.id, but=call.id):
                agents.set_state(db, agent.id, Presence.WRAP_UP, now=now)
        elif ticket := _ticket_of(db, call):
            tickets.touch(ticket, "", awaits_us=True, now=now)
        _say(db, call, CallEnded, outcome=call.outcome.value, now=now)
        return
    if agent and agent.id is not None:
        _give_ticket(db, _ticket_of(db, call), agent, now=now)
        agents.set_state(db, agent.id, Presence.BUSY, now=now)
    _say(db, call, CallChanged, what=call.state.value, now=now)


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


def _give_ticket(db: Session, ticket: Ticket | None, agent: Agent, *, now: datetime) -> None:
    """Whoever talks is answerable for the ticket, unless somebody already is."""
    if ticket and ticket.assignee_id is None and agents.serves(db, agent, ticket.queue_id):
        tickets.assign(db, ticket, agent, by=agent, now=now)


def _say(
    db: Session,
    call: Call,
    kind: type[Fact],
    *,
    now: datetime,
    by_id: int | None = None,
    only: list[int] | None = None,
    **told: str,
) -> None:
    assert call.id is not None
    concerned = only or sorted({*offered_to(db, call.id), *([call.agent_id] if call.agent_id else [])})
    emit(
        db,
        kind(
            call_id=call.id,
            queue_id=call.queue_id or 0,
            agent_ids=concerned,  # type: ignore[call-arg]
            ticket_id=call.ticket_id,
            by_id=by_id,
            at=now,
            **told,
        ),
    )


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
    _refold(db, call)


def _busy_elsewhere(db: Session, agent_id: int, *, but: int | None) -> bool:
    return (
        db.exec(
            select(Call.id).where(Call.agent_id == agent_id, col(Call.wrapped_up_at).is_(None), Call.id != but).limit(1)
        ).first()
        is not None
    )


def _outcome(was_answered: bool, cause: str) -> Outcome:
    if cause in _UNANSWERED:
        return _UNANSWERED[cause]
    if was_answered:
        return Outcome.ANSWERED
    return Outcome.ABANDONED if cause in _GAVE_UP else Outcome.MISSED
