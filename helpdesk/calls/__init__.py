"""A call while it lives: on whose screens it is, whose it is, which matter it belongs to, and what agents do with it.

What telephone systems say is `hearing`, what it adds up to `folding`, who calls `callers`, the work after `wrapping`.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import agents, help_signs, offering, queues, routing, stays, tickets
from helpdesk.calls.folding import refold
from helpdesk.customers import contact_points
from helpdesk.errors import Conflict, NotFound
from helpdesk.events import emit
from helpdesk.facts import CallChanged, Fact
from helpdesk.runtime import work
from models import (
    Agent,
    Call,
    CallFact,
    CallOffer,
    CallState,
    Channel,
    HelpSign,
    Message,
    OfferEnd,
    Presence,
    Queue,
    QueueVisit,
    Ticket,
    VisitEnd,
)
from models.database import hold_still
from models.looking import ask

WITHHELD = "☎ —"
"""The subject of a ticket that began with a call of which no number is known; pages say it in the reader's language."""
MOST_OWN = 20  # calls of an agent's own that are shown at once
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
_LIVE = sa.select(col(Call.id)).where(
    sa.or_(
        sa.and_(col(Call.agent_id) == sa.bindparam("agent_id"), col(Call.wrapped_up_at).is_(None)),
        sa.and_(col(Call.state) != CallState.ENDED, col(Call.id).in_(_RINGING)),
    )
)


def accept(db: Session, call: Call, agent: Agent, *, rings: bool = False, now: datetime) -> None:
    """Take a ringing call on the screen. The first one gets it; twice by the same agent changes nothing.

    With `rings` the desk can command the telephone system, and the caller is put through to the agent's telephone.
    """
    hold_still(db, call)
    if call.agent_id == agent.id:
        return
    if call.agent_id is not None:
        raise Conflict("already_accepted", call_id=call.id, agent_id=call.agent_id)
    if call.state == CallState.ENDED:
        raise Conflict("call_is_over", call_id=call.id)
    assert agent.id is not None
    call.agent_id, call.accepted_at = agent.id, now
    stays.decide(db, call, stays.TOOK, agent_id=agent.id, now=now)
    refold(db, call)
    offering.end_offers(db, call, taken_by=agent.id, now=now)
    give_ticket(db, ticket_of(db, call), agent, now=now)
    agents.set_state(db, agent.id, Presence.BUSY, now=now)
    if rings and agent.phone:
        work.enqueue(db, "connect_call", call.id, agent.phone, key=f"connect:{call.id}")
    say(db, call, CallChanged, what="accepted", now=now, by_id=agent.id)


def decline(db: Session, call: Call, agent: Agent, *, now: datetime) -> None:
    """Take the card off this agent's screen; the others keep it."""
    offers = select(CallOffer).where(CallOffer.call_id == call.id, CallOffer.agent_id == agent.id)
    offer = db.exec(offers.order_by(col(CallOffer.id).desc()).limit(1)).first()
    if offer is None or call.agent_id == agent.id:
        raise NotFound("not_found", call_id=call.id)
    if offer.ended_at is None:
        offer.ended_at, offer.how = now, OfferEnd.DECLINED
    assert agent.id is not None
    say(db, call, CallChanged, what="declined", now=now, by_id=agent.id, only=[agent.id])


def move_to_ticket(db: Session, call: Call, ticket: Ticket | None, *, by: Agent, now: datetime) -> Ticket:
    """Say which matter the call is about: another ticket, or None for one of its own, made if it has none yet.

    The ticket it opened itself is resolved when it leaves, or it would wait for an answer with nothing in it.
    """
    hold_still(db, call)
    own = ticket_of(db, call)
    if own and own.id == (ticket.id if ticket else None):
        return own
    if ticket is None and own and holds_only(db, own, call):
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
            give_ticket(db, ticket, taker, now=now)
    if own and holds_only(db, own, call):
        tickets.note(db, own, f"→ #{ticket.id}", by=by, now=now)
        tickets.settle(db, own, by_id=by.id, now=now)
    call.ticket_id = ticket.id
    tickets.touch(ticket, "", awaits_us=True, now=now)
    say(db, call, CallChanged, what="ticket", now=now, by_id=by.id)
    return ticket


def write_note(db: Session, call: Call, note: str, *, seen: Sequence[str] = (), by: Agent) -> str:
    """Keep what is typed while talking and after, and return the note as it stands now.

    Nobody else's screen needs it yet, so nothing is stated. `seen` is what `joined` says.
    """
    hold_still(db, call)
    if call.agent_id != by.id:
        raise Conflict("already_accepted", call_id=call.id, agent_id=call.agent_id)
    if call.wrapped_up_at is not None:
        raise Conflict("call_is_over", call_id=call.id)
    call.note = joined(call.note, note, seen=seen)
    return call.note


def joined(kept: str, typed: str, *, seen: Sequence[str]) -> str:
    """The note of a call out of what the desk has and what a window sends, of which neither is lost.

    `seen` is the note as that window had it before somebody typed there, and what it sent since without hearing whether
    it arrived. Where another window has saved other words meanwhile, they stand first and what was typed here below
    them. Empty: whatever is sent counts.
    """
    if not seen or kept in ("", *seen) or typed.startswith(kept):
        return typed
    if typed in seen:
        return kept
    before = max((each for each in seen if typed.startswith(each)), key=len, default="")
    fresh = typed.removeprefix(before).strip()
    return kept if kept.rstrip().endswith(fresh) else f"{kept.rstrip()}\n{fresh}"


def was_released(db: Session, call_id: int) -> bool:
    """Whether somebody had taken the call on the screen, whose telephone then nobody answered."""
    given = select(CallFact.id).where(CallFact.call_id == call_id, CallFact.kind == stays.RELEASED)
    return db.exec(given.limit(1)).first() is not None


def move_to_queue(db: Session, call: Call, to: Queue, *, by: Agent, now: datetime) -> None:
    """Let a waiting call wait in another queue: it goes off the screens it was on, and is offered anew there."""
    say(db, call, CallChanged, what="moved", now=now, by_id=by.id)
    offering.move(db, call, to, how=VisitEnd.MOVED, by=by, now=now)
    offering.offer(db, call, to, rings=True, now=now)


def own_ticket(db: Session, call: Call) -> Ticket | None:
    """The call's ticket where nothing but this call is in it."""
    ticket = ticket_of(db, call)
    return ticket if ticket and holds_only(db, ticket, call) else None


def live_for(db: Session, agent: Agent) -> list[Call]:
    """What the agent's screen shows: calls offered and still ringing, and the agent's own until wrapped up."""
    ids = [row[0] for row in ask(db, _LIVE, agent_id=agent.id)]
    live = db.exec(select(Call).where(col(Call.id).in_(ids)).order_by(col(Call.id))).all() if ids else ()
    mine = [call for call in live if call.agent_id == agent.id]
    return [*mine[:MOST_OWN], *(call for call in live if call.agent_id != agent.id)]


def lower_hand(db: Session, call: Call, *, now: datetime) -> None:
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
    called = contact_points.national(call.number, "JP") if call.number else call.number_typed
    return f"☎ {called}" if called else WITHHELD


def ticket_of(db: Session, call: Call) -> Ticket | None:
    """The ticket the call belongs to by now."""
    return db.get(Ticket, call.ticket_id) if call.ticket_id else None


def holds_only(db: Session, ticket: Ticket, call: Call) -> bool:
    """Whether the ticket is this call's alone: opened by it, and nothing of anybody else's has come to it since."""
    if ticket.channel != Channel.PHONE:
        return False
    mail = select(Message.id).where(Message.ticket_id == ticket.id).limit(1)
    other = select(Call.id).where(Call.ticket_id == ticket.id, Call.id != call.id).limit(1)
    return db.exec(mail).first() is None and db.exec(other).first() is None


def take_ticket_along(db: Session, call: Call, to: Queue, *, now: datetime) -> None:
    """The call overflowed into another queue: so does the ticket, where nothing but this call is in it. A matter that
    somebody has in hand, or that came by mail, stays where it is; its page says why it is there."""
    ticket = own_ticket(db, call)
    if ticket is not None and ticket.assignee_id is None and to.id is not None:
        routing.overflow(db, ticket, to, now=now)


def give_ticket(db: Session, ticket: Ticket | None, agent: Agent, *, now: datetime) -> None:
    """Whoever talks is answerable for the ticket, unless somebody already is."""
    if ticket and ticket.assignee_id is None and agents.serves(db, agent, ticket.queue_id):
        tickets.assign(db, ticket, agent, by=agent, now=now)


def say(
    db: Session,
    call: Call,
    kind: type[Fact],
    *,
    now: datetime,
    by_id: int | None = None,
    only: list[int] | None = None,
    **told: str,
) -> None:
    """State a fact of the call to everybody whose screen it was on, or to these `only`. `told`: what else it says."""
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


def is_busy(db: Session, agent_id: int, *, but: int | None = None) -> bool:
    """Whether the agent has a call, or one to wrap up, other than the call `but`."""
    others = select(Call.id).where(Call.agent_id == agent_id, col(Call.wrapped_up_at).is_(None), Call.id != but)
    return db.exec(others.limit(1)).first() is not None
