"""Whom a waiting call is offered to, and what becomes of a caller nobody can take.

The one idea: an offer is a row with an end. Who is rung, until when, and who was asked before is read from the rows
alone, so any process may go on where another died: `tick` looks at what is due and does it once, however many processes
look. A queue rings everybody at once, or one agent at a time: then the ready one who speaks the caller's language, of
the lowest level, whom this call was offered to least, and among those who has been idle longest. Waiting calls are
served in the order of their wait, over all queues.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import agents, hours, recalls, stays
from helpdesk.events import emit
from helpdesk.facts import CallChanged, CallRinging
from helpdesk.runtime import work
from helpdesk.settings import Settings
from models import (
    Agent,
    AgentState,
    Calendar,
    Call,
    CallFact,
    CallOffer,
    CallState,
    Customer,
    Login,
    Membership,
    OfferEnd,
    Otherwise,
    Presence,
    Queue,
    QueueVisit,
    Ringing,
    VisitEnd,
)
from models.database import one_at_a_time

LOCK = 0x6D616464  # PostgreSQL advisory lock of whoever chooses an agent
GRACE = timedelta(seconds=5)
"""How long after its own time-out the telephone system may take to say that nobody picked up."""
GONE = timedelta(minutes=2)
"""Without an open page for so long, who was ready is not there."""
MOST_QUEUES = 5
"""How many queues a call may flow over, one after the other."""
BATCH = 50
ANSWERS: Mapping[str, frozenset[Otherwise]] = {
    "twilio": frozenset({Otherwise.TELL, Otherwise.CALLBACK, Otherwise.VOICEMAIL}),
    "push": frozenset({Otherwise.TELL}),
    "sipgate": frozenset({Otherwise.TELL, Otherwise.VOICEMAIL}),
    "placetel": frozenset({Otherwise.TELL}),
}
"""What the answer to a telephone system's word that it rings can do, by its kind: Twilio lets the desk speak, the
others give the caller the busy tone or, at sipgate, the voice mail."""
_OFFER = sa.insert(CallOffer)
_OPEN_PARTS = (
    sa.select(sa.func.count())
    .select_from(Call)
    .where(col(Call.agent_id) == Agent.id, col(Call.wrapped_up_at).is_(None))
    .correlate(Agent)
    .scalar_subquery()
)
_OPEN_OFFERS = (
    sa.select(sa.func.count())
    .select_from(CallOffer)
    .where(col(CallOffer.agent_id) == Agent.id, col(CallOffer.ended_at).is_(None), col(CallOffer.until).is_not(None))
    .correlate(Agent)
    .scalar_subquery()
)
_STAFF = (
    sa.select(
        col(Agent.id), col(Agent.languages), col(Agent.most_calls), col(Agent.phone), col(Membership.level),
        col(AgentState.state), col(AgentState.started_at), _OPEN_PARTS, _OPEN_OFFERS,
    )
    .join(Membership, col(Membership.agent_id) == Agent.id)
    .join(AgentState, col(AgentState.agent_id) == Agent.id)
    .where(
        col(Membership.queue_id) == sa.bindparam("queue_id"), col(Agent.is_active),
        col(AgentState.ended_at).is_(None), col(AgentState.state) != Presence.OFFLINE,
    )
)  # fmt: skip
_ASKED = (
    select(CallOffer)
    .where(CallOffer.call_id == sa.bindparam("call_id"))
    .order_by(col(CallOffer.id))
)  # fmt: skip
_WAITING_ALONE_READ = (
    select(Call, Queue)
    .join(Queue, col(Queue.id) == Call.queue_id)
    .where(
        Queue.ringing == Ringing.LONGEST_IDLE,
        Call.state == CallState.RINGING, col(Call.agent_id).is_(None), Call.direction == "in",
        sa.exists().where(col(QueueVisit.call_id) == Call.id, col(QueueVisit.left_at).is_(None)),
        ~sa.exists().where(col(CallOffer.call_id) == Call.id, col(CallOffer.ended_at).is_(None)),
    )
    .order_by(col(Call.started_at), col(Call.id))
)  # fmt: skip
_WAITING_ALONE = _WAITING_ALONE_READ.with_for_update(of=Call, skip_locked=True)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent who is signed in and serves a queue."""

    agent_id: int
    languages: Sequence[str]
    most_calls: int
    phone: str
    level: int
    state: Presence
    since: datetime
    talks: int  # calls in hand or not yet wrapped up
    rung: int  # calls the agent alone is being asked for

    @property
    def is_free(self) -> bool:
        """Whether another call fits: ready, or on fewer calls than the agent takes at once."""
        able = self.state == Presence.READY or (self.state == Presence.BUSY and self.talks > 0)
        return able and self.talks + self.rung < self.most_calls


def choose(
    staff: Sequence[Candidate], language: str, asked: Sequence[CallOffer], *, pause: timedelta, now: datetime
) -> Candidate | None:
    """Who is asked next for a call; None when nobody can be.

    `staff` are the queue's agents who are signed in, `asked` the call's offers so far, oldest first. Where nobody who
    is signed in speaks the language, anybody will do. Who passed on the call is not asked again before `pause` is over.
    """
    speakers = [each for each in staff if language in each.languages] or list(staff)
    last = {offer.agent_id: offer for offer in asked}
    times = {each.agent_id: sum(offer.agent_id == each.agent_id for offer in asked) for each in staff}

    def may(each: Candidate) -> bool:
        offer = last.get(each.agent_id)
        return each.is_free and not (
            offer is not None
            and (offer.ended_at is None or (offer.how == OfferEnd.DECLINED and offer.ended_at + pause > now))
        )

    free = [each for each in speakers if may(each)]
    return min(
        free,
        key=lambda each: (
            times[each.agent_id], each.level, each.state != Presence.READY, each.since, each.agent_id
        ),
        default=None,
    )  # fmt: skip


def offer(db: Session, call: Call, queue: Queue, *, is_new: bool = False, rings: bool = False, now: datetime) -> None:
    """Show a call that waits to whom its queue rings, and state that it rings, be it at nobody's.

    With `rings` the chosen agent's telephone is rung by command; a caller who just arrived is put through by the answer
    to the telephone system.
    """
    if queue.ringing == Ringing.LONGEST_IDLE:
        if not _offer_to_one(db, call, queue, is_new=is_new, rings=rings, now=now):
            show(db, call, (), now=now)
        return
    show(db, call, agents.ready_for(db, queue.id or 0), now=now)


def show(db: Session, call: Call, agent_ids: Sequence[int], *, until: datetime | None = None, now: datetime) -> None:
    """Put a call on these agents' screens, and state that it rings, be it at nobody's."""
    assert call.id is not None and call.queue_id is not None
    if agent_ids:
        db.execute(
            _OFFER,
            [
                {"call_id": call.id, "agent_id": each, "offered_at": now, "until": until, "how": OfferEnd.OPEN}
                for each in agent_ids
            ],
        )
    emit(
        db,
        CallRinging(
            call_id=call.id, queue_id=call.queue_id, agent_ids=list(agent_ids), ticket_id=call.ticket_id, at=now
        ),
    )


def end_offers(db: Session, call: Call, *, taken_by: int | None, now: datetime) -> None:
    """The call rings no more: somebody has it, or nobody will."""
    for each in db.exec(select(CallOffer).where(CallOffer.call_id == call.id, col(CallOffer.ended_at).is_(None))):
        each.ended_at = now
        each.how = OfferEnd.ACCEPTED if each.agent_id == taken_by else OfferEnd.ELSEWHERE if taken_by else OfferEnd.GONE


def serve_waiting(db: Session, *, now: datetime) -> None:
    """Offer what waits to who is free, the longest wait first. For whenever somebody may have become free."""
    db.flush()
    _alone(db)
    for call, queue in db.exec(_WAITING_ALONE.limit(BATCH)).all():
        _offer_to_one(db, call, queue, rings=True, now=now)


def unanswered(db: Session, call: Call, *, now: datetime) -> None:
    """The telephone system says that whoever it rang did not pick up; the caller is still there. Somebody else is
    asked; who that is, or that the caller goes on waiting, is for the answer to say."""
    queue = db.get(Queue, call.queue_id) if call.queue_id else None
    if queue is None or queue.ringing != Ringing.LONGEST_IDLE or not is_waiting(db, call):
        return
    for each in db.exec(select(CallOffer).where(CallOffer.call_id == call.id, col(CallOffer.ended_at).is_(None))).all():
        _time_out(db, call, each, queue, now=now)
    _offer_to_one(db, call, queue, now=now)


def time_outs(db: Session, *, now: datetime) -> None:
    """End the offers nobody answered in time. Of two processes that look at once one does it: the calls are locked, and
    what another has in hand is left to it."""
    for call, each, queue in db.exec(_due_offers(now).with_for_update(of=Call, skip_locked=True).limit(BATCH)).all():
        db.refresh(each)
        if each.ended_at is not None or each.until is None:
            continue
        if each.until <= now:
            _time_out(db, call, each, queue, now=now)
        else:  # its agent has gone away meanwhile
            each.ended_at, each.how = now, OfferEnd.DECLINED
            _say(db, call, "declined", only=[each.agent_id], now=now)


def waited_too_long(db: Session, *, settings: Settings, now: datetime) -> list[tuple[Call, Queue | None]]:
    """Do with callers who waited longer than their queue lets them what it does when it is full.

    Returns the calls that are to be offered in another queue, and, with None, those whose callers are to be told.
    """
    told: list[tuple[Call, Queue | None]] = []
    for call, queue, entered_at in db.exec(_waits().with_for_update(of=Call, skip_locked=True).limit(BATCH)).all():
        if entered_at + timedelta(seconds=queue.longest_wait_seconds) > now:
            continue
        db.refresh(call)
        if not is_waiting(db, call):
            continue
        able = ANSWERS["twilio"] if settings.can_command(call.source) else frozenset[Otherwise]()
        following = _turn_away(db, call, queue, queue.when_full, "full", able=able, now=now)
        if following is not queue:
            told.append((call, following))
            _say(db, call, "turned_away" if following is None else "moved", now=now)
    return told


def away(db: Session, *, since: datetime, now: datetime) -> None:
    """Who is ready with no page open is not there: calls go to others. `since` is when this desk was opened: while it
    was closed nobody could have a page open, so all are given the time to come back."""
    if now - since < GONE:
        return
    for agent_id in db.exec(_unseen(now).limit(BATCH)).all():
        agents.set_state(db, agent_id, Presence.AWAY, reason="system", now=now)


def is_anything_due(db: Session, *, since: datetime, now: datetime) -> bool:
    """Whether any of these has something to do: looks at small indexes only."""
    if db.exec(_due_offers(now).limit(1)).first():
        return True
    if now - since >= GONE and db.exec(_unseen(now).limit(1)).first():
        return True
    if any(at + timedelta(seconds=queue.longest_wait_seconds) <= now for _, queue, at in db.exec(_waits()).all()):
        return True
    able = select(AgentState.id).where(col(AgentState.ended_at).is_(None), AgentState.state == Presence.READY)
    return db.exec(_WAITING_ALONE_READ.limit(1)).first() is not None and db.exec(able.limit(1)).first() is not None


def is_waiting(db: Session, call: Call) -> bool:
    """Whether the call stands in a waiting line: not taken, not sent away, not over."""
    if call.state != CallState.RINGING or call.agent_id is not None or call.direction != "in":
        return False
    query = select(QueueVisit.id).where(QueueVisit.call_id == call.id, col(QueueVisit.left_at).is_(None)).limit(1)
    return db.exec(query).first() is not None


# --- closed, full, over the brim ---------------------------------------------------------------------------------


def arrive(db: Session, call: Call, queue: Queue, *, now: datetime) -> Queue | None:
    """Whether a call that just came in may wait in its queue. Returns the queue it waits in, perhaps another than was
    dialed; None when the caller is told something else, see `turned_away`.

    The desk turns callers away only where it answers the telephone system's question what shall become of them.
    Elsewhere it does not pretend to have said anything: such a call waits, unless another queue takes it.
    """
    able = ANSWERS.get(call.source.partition(":")[0], frozenset())
    for _ in range(MOST_QUEUES):
        calendar = db.get(Calendar, queue.calendar_id) if queue.calendar_id else None
        if calendar is not None and not hours.is_open(calendar, now):
            then, why = queue.when_closed, "closed"
        elif _is_full(db, queue, call):
            then, why = queue.when_full, "full"
        else:
            return queue
        following = _turn_away(db, call, queue, then, why, able=able, now=now)
        if following is None:
            _say(db, call, "turned_away", now=now)
        if following is None or following is queue:
            return following
        queue = following
    return queue


def may_turn_away(queue: Queue) -> bool:
    """Whether callers of this queue can come to hear anything but ringing: costs nothing, where asking would."""
    return (queue.calendar_id is not None or queue.most_waiting > 0 or queue.longest_wait_seconds > 0
            or queue.callback_key != "")  # fmt: skip


def turned_away(db: Session, call_id: int) -> tuple[VisitEnd, str] | None:
    """What the caller is told instead of waiting (REFUSED, CALLBACK or VOICEMAIL), and why: "closed", "full" or, where
    the caller wished it, "asked"."""
    query = select(CallFact).where(CallFact.call_id == call_id, CallFact.kind == stays.LEFT)
    left = db.exec(query.order_by(col(CallFact.at).desc(), col(CallFact.id).desc()).limit(1)).first()
    return (VisitEnd(left.detail["how"]), str(left.detail.get("why", "closed"))) if left else None


def move(db: Session, call: Call, queue: Queue, *, how: VisitEnd, by: Agent | None, now: datetime) -> None:
    """Send a call to another queue's waiting line. It rings nowhere until it is offered there."""
    assert call.id is not None
    stays.decide(
        db, call, stays.MOVED, from_id=call.queue_id, queue_id=queue.id, how=how.value, by_id=by.id if by else None,
        now=now,
    )  # fmt: skip
    end_offers(db, call, taken_by=None, now=now)
    call.queue_id = queue.id
    _recount(db, call)


def leave_number(db: Session, call: Call, queue: Queue, *, now: datetime) -> bool:
    """The caller would rather be called back than wait: promised, and the wait is over. False where nobody knows whom
    to call; then the caller goes on waiting."""
    if not _promise(db, call, queue, asked=True, now=now):
        return False
    stays.decide(db, call, stays.LEFT, how=VisitEnd.CALLBACK.value, why="asked", now=now)
    end_offers(db, call, taken_by=None, now=now)
    _recount(db, call)
    return True


def _is_full(db: Session, queue: Queue, call: Call) -> bool:
    if queue.most_waiting <= 0 or queue.when_full == Otherwise.WAIT:
        return False
    waiting = (
        sa.select(sa.func.count()).select_from(QueueVisit)
        .join(Call, col(Call.id) == QueueVisit.call_id)
        .where(col(QueueVisit.queue_id) == queue.id, col(QueueVisit.left_at).is_(None), col(Call.id) != call.id,
               col(Call.state) != CallState.ENDED)
    )  # fmt: skip
    return (db.scalar(waiting) or 0) >= queue.most_waiting


def _turn_away(
    db: Session, call: Call, queue: Queue, then: Otherwise, why: str, *, able: frozenset[Otherwise], now: datetime
) -> Queue | None:
    """Do what the queue does with a caller it cannot take. Returns where the call waits, None for nowhere."""
    if then == Otherwise.OVERFLOW:
        other = db.get(Queue, queue.overflow_id) if queue.overflow_id else None
        been = select(QueueVisit.id).where(QueueVisit.call_id == call.id, QueueVisit.queue_id == queue.overflow_id)
        if other is None or other.id == queue.id or db.exec(been.limit(1)).first() is not None:
            return queue  # nowhere else to go: it waits here
        move(db, call, other, how=VisitEnd.OVERFLOWED, by=None, now=now)
        return other
    if then not in able:
        return queue
    if then == Otherwise.CALLBACK and not _promise(db, call, queue, asked=False, now=now):
        then = Otherwise.TELL  # nobody knows whom to call
    how = {Otherwise.CALLBACK: VisitEnd.CALLBACK, Otherwise.VOICEMAIL: VisitEnd.VOICEMAIL}.get(then, VisitEnd.REFUSED)
    stays.decide(db, call, stays.LEFT, how=how.value, why=why, now=now)
    end_offers(db, call, taken_by=None, now=now)
    _recount(db, call)
    return None


def _promise(db: Session, call: Call, queue: Queue, *, asked: bool, now: datetime) -> bool:
    """Write down that the caller is called back; False where nobody knows whom to call."""
    if call.customer_id is None and not call.number:
        return False
    recalls.promise(
        db, customer_id=call.customer_id, number=call.number, queue_id=queue.id or 0, ticket_id=call.ticket_id,
        call_id=call.id, asked_by_customer=asked, now=now,
    )  # fmt: skip
    return True


def _recount(db: Session, call: Call) -> None:
    """Fold the stays anew after a decision."""
    db.flush()
    stays.keep(db, call, db.exec(select(CallFact).where(CallFact.call_id == call.id)).all())


# --- one at a time -----------------------------------------------------------------------------------------------


def _offer_to_one(
    db: Session, call: Call, queue: Queue, *, is_new: bool = False, rings: bool = False, now: datetime
) -> bool:
    """Choose an agent and show the call there; False where nobody is free."""
    assert call.id is not None
    _alone(db)
    staff = [Candidate(*row) for row in db.execute(_STAFF, {"queue_id": queue.id})]
    asked = [] if is_new else list(db.exec(_ASKED, params={"call_id": call.id}))
    customer = db.get(Customer, call.customer_id) if call.customer_id else None
    language = customer.language if customer is not None and customer.language else queue.language
    pause = timedelta(seconds=queue.ring_seconds)
    chosen = choose(staff, language, asked, pause=pause, now=now)
    if chosen is None:
        return False
    by_telephone = call.source == "twilio" and chosen.phone != ""
    show(db, call, [chosen.agent_id], until=now + pause + (GRACE if by_telephone else timedelta()), now=now)
    if rings and by_telephone:
        number = db.scalar(sa.select(sa.func.max(col(CallOffer.id))).where(col(CallOffer.call_id) == call.id))
        work.enqueue(db, "ring_agent", number, key=f"offer:{number}")
    return True


def _time_out(db: Session, call: Call, each: CallOffer, queue: Queue, *, now: datetime) -> None:
    """Nobody picked up. Who did not so many times in a row counts as not there, and sees why."""
    each.ended_at, each.how = now, OfferEnd.TIMED_OUT
    db.flush()
    _say(db, call, "timed_out", only=[each.agent_id], now=now)
    state = agents.state_of(db, each.agent_id)
    if state is None or state.state != Presence.READY or queue.most_misses <= 0:
        return
    ends = db.exec(
        select(CallOffer.how)
        .where(
            CallOffer.agent_id == each.agent_id, col(CallOffer.offered_at) >= state.started_at,
            col(CallOffer.how).in_([OfferEnd.TIMED_OUT, OfferEnd.ACCEPTED, OfferEnd.DECLINED]),
        )
        .order_by(col(CallOffer.ended_at).desc(), col(CallOffer.id).desc())
        .limit(queue.most_misses)
    ).all()  # fmt: skip
    if len(ends) == queue.most_misses and all(how == OfferEnd.TIMED_OUT for how in ends):
        agents.set_state(db, each.agent_id, Presence.AWAY, reason="ring_no_answer", now=now)


def _alone(db: Session) -> None:
    """One chooser at a time, or two calls would be offered to the same agent."""
    one_at_a_time(db, LOCK)


def _say(db: Session, call: Call, what: str, *, only: Sequence[int] | None = None, now: datetime) -> None:
    if only is None:
        only = db.exec(select(CallOffer.agent_id).distinct().where(CallOffer.call_id == call.id)).all()
    emit(
        db,
        CallChanged(
            call_id=call.id or 0, queue_id=call.queue_id or 0, agent_ids=sorted(only), what=what,
            ticket_id=call.ticket_id, at=now,
        ),
    )  # fmt: skip


def _due_offers(now: datetime) -> Any:
    return (
        select(Call, CallOffer, Queue)
        .join(CallOffer, col(CallOffer.call_id) == Call.id)
        .join(Queue, col(Queue.id) == Call.queue_id)
        .where(
            col(CallOffer.ended_at).is_(None), col(CallOffer.until).is_not(None),
            sa.or_(
                col(CallOffer.until) <= now,
                sa.exists().where(
                    col(AgentState.agent_id) == CallOffer.agent_id, col(AgentState.ended_at).is_(None),
                    col(AgentState.state).in_([Presence.AWAY, Presence.OFFLINE]),
                ),
            ),
        )
        .order_by(col(CallOffer.until))
    )  # fmt: skip


def _waits() -> Any:
    """Who waits in a queue that lets nobody wait for ever, and since when."""
    return (
        select(Call, Queue, QueueVisit.entered_at)
        .join(QueueVisit, col(QueueVisit.call_id) == Call.id)
        .join(Queue, col(Queue.id) == QueueVisit.queue_id)
        .where(
            col(QueueVisit.left_at).is_(None), Call.state == CallState.RINGING, col(Queue.longest_wait_seconds) > 0,
            Queue.when_full != Otherwise.WAIT, col(Call.agent_id).is_(None),
        )
        .order_by(col(QueueVisit.entered_at))
    )  # fmt: skip


def _unseen(now: datetime) -> Any:
    """Who is ready, is signed in somewhere, and has had no page open for a while."""
    return select(AgentState.agent_id).where(
        col(AgentState.ended_at).is_(None), AgentState.state == Presence.READY,
        col(AgentState.started_at) < now - GONE,
        sa.exists().where(col(Login.agent_id) == AgentState.agent_id),
        ~sa.exists().where(col(Login.agent_id) == AgentState.agent_id, col(Login.seen_at) >= now - GONE),
    )  # fmt: skip
