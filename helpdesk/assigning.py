"""Who is given a ticket that waits, in queues whose tickets the desk gives out.

The one idea: whenever a transaction stated something that may have made a ticket wait or an agent free, `conclude`
deals before it commits. So at no moment that anybody can see does a ticket wait while an agent who may take it is free.
Who may is said once (`may`, `choose`): who serves the queue and is there, speaks the ticket's language, has not reached
the most tickets they take, and did not hand this one back. Of those, whose level in the queue is lowest comes first.

Where nobody who serves the queue speaks the language, anybody may. Dealers take one lock after the other, so that a
ticket is given once and nobody gets more than they take, however many processes deal.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import policies, queues
from helpdesk.events import emit
from helpdesk.facts import Fact, TicketAssigned, TicketOpened, name_of
from models import (
    Agent,
    AgentState,
    Assigning,
    Call,
    CallState,
    Event,
    Membership,
    Presence,
    Queue,
    Ticket,
    TicketState,
)
from models.database import one_at_a_time

LOCK = 0x6D616465  # PostgreSQL advisory lock of whoever deals
BATCH = 200
OFFLINE = "offline"
"""Why a ticket returned to its queue."""
STIRS = {
    "ticket_opened", "ticket_moved", "ticket_reopened", "ticket_assigned", "ticket_resolved", "ticket_pended",
    "ticket_merged", "ticket_unmerged", "ticket_split", "message_received", "message_withdrawn", "agent_state_changed",
    "agent_changed", "queue_changed", "call_ended", "call_wrapped_up",
}  # fmt: skip
"""The facts after which a ticket may wait that did not, or somebody be free who was not."""

_STAFF = (
    sa.select(
        col(Membership.queue_id), col(Membership.level), col(Membership.turn), col(Agent.id), col(Agent.languages),
        col(Agent.most_tickets), col(AgentState.state), col(AgentState.reason),
    )
    .join(Agent, col(Agent.id) == Membership.agent_id)
    .join(AgentState, sa.and_(col(AgentState.agent_id) == Agent.id, col(AgentState.ended_at).is_(None)), isouter=True)
    .where(col(Membership.queue_id).in_(sa.bindparam("queue_ids", expanding=True)), col(Agent.is_active))
    .order_by(col(Agent.id))
)  # fmt: skip
_LOADS = (
    sa.select(col(Ticket.assignee_id), sa.func.count())
    .where(
        col(Ticket.assignee_id).in_(sa.bindparam("agent_ids", expanding=True)), col(Ticket.state) == TicketState.OPEN
    )
    .group_by(col(Ticket.assignee_id))
)
# A ticket whose call still rings or is talked about waits for nobody: it is whose the call is.
_ALONE = (
    col(Ticket.state) == TicketState.OPEN,
    col(Ticket.assignee_id).is_(None),
    col(Ticket.awaits_us),
    sa.not_(sa.exists().where(col(Call.ticket_id) == Ticket.id, col(Call.state) != CallState.ENDED)),
    col(Ticket.queue_id).in_(sa.bindparam("queue_ids", expanding=True)),
)
_ANY = sa.select(col(Ticket.id)).where(*_ALONE).limit(1)
_TONGUE = sa.cast(col(Ticket.queue_id), sa.String) + ":" + col(Ticket.language)
_WAITING = (
    sa.select(Ticket)
    .where(
        *_ALONE,
        sa.or_(
            _TONGUE.in_(sa.bindparam("spoken", expanding=True)), _TONGUE.not_in(sa.bindparam("known", expanding=True))
        ),
        col(Ticket.id).not_in(sa.bindparam("but", expanding=True)),
    )
    .order_by(
        col(Ticket.due_at).is_(None), col(Ticket.due_at), col(Ticket.priority).desc(), col(Ticket.created_at),
        col(Ticket.id),
    )
    .limit(sa.bindparam("most"))
)  # fmt: skip


@dataclass(slots=True)
class Hand:
    """An agent as the dealer sees them. `load` are their open tickets, `members` queue -> level and turn there."""

    agent_id: int
    languages: Collection[str]
    most_tickets: int
    state: Presence
    reason: str
    load: int = 0
    members: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def is_there(self) -> bool:
        """Whether they are at the desk at all; whom the desk set away, their page being closed, is not."""
        return self.state != Presence.OFFLINE and not (self.state == Presence.AWAY and self.reason == "system")


def may(hand: Hand, queue: Queue) -> bool:
    """Whether the agent may be given another ticket of this queue."""
    if not hand.is_there or queue.id not in hand.members:
        return False
    if hand.most_tickets and hand.load >= hand.most_tickets:
        return False
    if hand.state == Presence.AWAY:
        return queue.assigns_away
    return hand.state == Presence.READY or queue.assigns_talking


def speakers(hands: Sequence[Hand], queue: Queue, language: str) -> list[Hand]:
    """Of those who serve a queue, who can answer in a language: anybody, where nobody can."""
    members = [each for each in hands if queue.id in each.members]
    return [each for each in members if language in each.languages] or members


def choose(hands: Sequence[Hand], queue: Queue, language: str, *, but: Collection[int | None] = ()) -> Hand | None:
    """Who is given a ticket of this queue in this language; None when it must wait. `but` are passed over, such as who
    handed it back."""
    return next(iter(_able(hands, queue, language, but)), None)


def _able(hands: Sequence[Hand], queue: Queue, language: str, but: Collection[int | None]) -> list[Hand]:
    """Who may be given it, whose turn it is first."""
    found = [each for each in speakers(hands, queue, language) if may(each, queue) and each.agent_id not in but]

    def turn(each: Hand) -> tuple[int, ...]:
        level, last = each.members[queue.id or 0]
        busy = each.load if queue.assigning == Assigning.LEAST_BUSY else 0
        return level, busy, last, each.agent_id

    return sorted(found, key=turn)


def conclude(db: Session, told: Sequence[Fact]) -> None:
    """The transaction is about to commit, and this is all it stated: give out what waits now."""
    if not policies.book(db).giving:
        return
    if stirring := [fact.at for fact in told if name_of(type(fact)) in STIRS]:
        deal(db, now=max(stirring))


def deal(db: Session, *, now: datetime) -> int:
    """Give what waits to who may take it, what is due first first. Returns how many were given."""
    _hold(db)
    giving = {queue.id or 0: queue for queue in queues.everyone(db) if queue.assigning != Assigning.MANUAL}
    if not giving or db.execute(_ANY, {"queue_ids": list(giving)}).first() is None:
        return 0
    hands = _hands(db, list(giving))
    given, stuck = 0, set[int]()
    turns: dict[tuple[int, int], int] = {}
    while wanted := _wanted(hands, giving):
        free = [each for each in hands if any(may(each, queue) for queue in giving.values())]
        room = sum(each.most_tickets - each.load if each.most_tickets else BATCH for each in free)
        waiting = _waiting(db, wanted, but=stuck, most=min(room, BATCH))
        backs = _handed_back(db, waiting)
        before = given
        for ticket in waiting:
            queue = giving[ticket.queue_id]
            if (hand := choose(hands, queue, ticket.language, but=(backs.get(ticket.id or 0),))) is None:
                stuck.add(ticket.id or 0)
                continue
            _give(db, ticket, hand, queue, hands, now=now)
            turns[ticket.queue_id, hand.agent_id] = hand.members[ticket.queue_id][1]
            given += 1
        if given == before:
            break
    _write_turns(db, turns)
    return given


def give(db: Session, ticket: Ticket, *, by: Agent | None, now: datetime) -> int | None:
    """Give one ticket to who may take it now, as its queue would; of a queue whose tickets agents take themselves, in
    turn. Whoever has it is passed over, and so is who handed it back. The agent's id, None where there is nobody."""
    _hold(db)
    queue, hands, before = db.get_one(Queue, ticket.queue_id), _hands(db, [ticket.queue_id]), ticket.assignee_id
    but = (before, _handed_back(db, [ticket]).get(ticket.id or 0))
    if (hand := choose(hands, queue, ticket.language, but=but)) is None:
        return None
    _give(db, ticket, hand, queue, hands, by=by, before=before, now=now)
    _write_turns(db, {(ticket.queue_id, hand.agent_id): hand.members[ticket.queue_id][1]})
    return hand.agent_id


def able(db: Session, waiting: Sequence[Ticket]) -> list[list[int]]:
    """Who could be given each of these tickets now, were it the only one: agents' ids, whoever the desk would choose
    first. Whoever has it is left out."""
    served = {queue.id or 0: queue for queue in queues.everyone(db)}
    hands = _hands(db, sorted({ticket.queue_id for ticket in waiting}))
    return [[each.agent_id for each in _able(hands, served[ticket.queue_id], ticket.language, (ticket.assignee_id,))]
            for ticket in waiting]  # fmt: skip


def shares(db: Session, waiting: Sequence[Ticket]) -> list[int | None]:
    """To whom each of these tickets would go if the desk gave them out now one after the other: agents' ids, None where
    nobody would be left who may take it. Nothing is done."""
    db.flush()
    served = {queue.id or 0: queue for queue in queues.everyone(db)}
    hands = _hands(db, sorted({ticket.queue_id for ticket in waiting}))
    backs = _handed_back(db, waiting)
    found: list[int | None] = []
    for ticket in waiting:
        but = (ticket.assignee_id, backs.get(ticket.id or 0))
        hand = choose(hands, served[ticket.queue_id], ticket.language, but=but)
        if hand is not None:
            _count(hand, ticket.queue_id, hands)
        found.append(hand.agent_id if hand else None)
    return found


def is_any_waiting(db: Session, *, now: datetime) -> bool:
    """Whether something waits that somebody may take. Deals follow facts; this finds what two passed to each other."""
    giving = {queue.id or 0: queue for queue in queues.everyone(db) if queue.assigning != Assigning.MANUAL}
    if not giving or db.execute(_ANY, {"queue_ids": list(giving)}).first() is None:
        return False
    hands = _hands(db, list(giving))
    wanted = _wanted(hands, giving)
    waiting = _waiting(db, wanted, but=(), most=BATCH, locks=False) if wanted else []
    backs = _handed_back(db, waiting)
    return any(choose(hands, giving[each.queue_id], each.language, but=(backs.get(each.id or 0),)) for each in waiting)


def is_any_left(db: Session, *, now: datetime) -> bool:
    """Whether `take_back` has something to do."""
    rules = policies.book(db).returns
    return bool(rules) and db.execute(_left(rules, now).limit(1)).first() is not None


def take_back(db: Session, *, now: datetime) -> int:
    """Return to their queues the overdue tickets of agents who have been offline for as long as the queue says. Returns
    how many; whoever may is given them at once."""
    rules = policies.book(db).returns
    if not rules:
        return 0
    left = db.scalars(_left(rules, now).limit(BATCH).with_for_update(of=Ticket, skip_locked=True)).all()
    for ticket in left:
        before, ticket.assignee_id = ticket.assignee_id, None
        emit(db, TicketAssigned(ticket_id=ticket.id or 0, queue_id=ticket.queue_id, agent_id=None,
                                from_agent_id=before, reason=OFFLINE, at=now))  # fmt: skip
    return len(left)


def _hold(db: Session) -> None:
    db.flush()
    one_at_a_time(db, LOCK)


def _give(db: Session, ticket: Ticket, hand: Hand, queue: Queue, hands: Sequence[Hand], *, by: Agent | None = None,
          before: int | None = None, now: datetime) -> None:  # fmt: skip
    assert ticket.id is not None
    _count(hand, ticket.queue_id, hands)
    ticket.assignee_id = hand.agent_id
    manner = Assigning.ROUND_ROBIN if queue.assigning == Assigning.MANUAL else queue.assigning
    emit(db, TicketAssigned(ticket_id=ticket.id, queue_id=ticket.queue_id, agent_id=hand.agent_id, from_agent_id=before,
                            reason=manner.value, by_id=by.id if by else None, at=now))  # fmt: skip


def _count(hand: Hand, queue_id: int, hands: Sequence[Hand]) -> None:
    """They have one more, and were the last whose turn it was."""
    last = max(each.members[queue_id][1] for each in hands if queue_id in each.members)
    hand.members[queue_id] = (hand.members[queue_id][0], last + 1)
    hand.load += 1


def _write_turns(db: Session, turns: dict[tuple[int, int], int]) -> None:
    for (queue_id, agent_id), turn in turns.items():
        db.execute(
            sa.update(Membership)
            .where(col(Membership.queue_id) == queue_id, col(Membership.agent_id) == agent_id)
            .values(turn=turn)
            .execution_options(synchronize_session=False)
        )


def _hands(db: Session, queue_ids: Sequence[int]) -> list[Hand]:
    """Everybody who serves one of these queues, whether they are there or not."""
    hands: dict[int, Hand] = {}
    for queue_id, level, turn, agent_id, languages, most, state, reason in db.execute(_STAFF, {"queue_ids": queue_ids}):
        hand = hands.get(agent_id)
        if hand is None:
            state = Presence(state or Presence.OFFLINE)
            hand = hands[agent_id] = Hand(agent_id, frozenset(languages), most, state, reason or "")
        hand.members[queue_id] = (level, turn)
    there = [each.agent_id for each in hands.values() if each.is_there]
    for agent_id, load in db.execute(_LOADS, {"agent_ids": there}):
        hands[agent_id].load = load
    return list(hands.values())


def _wanted(hands: Sequence[Hand], giving: dict[int, Queue]) -> dict[str, list[Any]]:
    """What can be given to somebody now: in which queues, and there in which languages. `spoken` are those of who is
    free, `known` those of anybody who serves the queue. Empty where nobody is free."""
    free_in, spoken, known = set[int](), set[str](), set[str]()
    for each in hands:
        for queue_id in each.members:
            tongues = {f"{queue_id}:{language}" for language in each.languages}
            known |= tongues
            if may(each, giving[queue_id]):
                free_in.add(queue_id)
                spoken |= tongues
    return {"queue_ids": sorted(free_in), "spoken": sorted(spoken), "known": sorted(known)} if free_in else {}


def _waiting(
    db: Session, wanted: dict[str, list[Any]], *, but: Collection[int], most: int, locks: bool = True
) -> Sequence[Ticket]:
    """Tickets that wait for somebody, what is due first first."""
    told = wanted | {"but": list(but), "most": most}
    return db.scalars(_WAITING.with_for_update(of=Ticket, skip_locked=True) if locks else _WAITING, told).all()


def _handed_back(db: Session, waiting: Sequence[Ticket]) -> dict[int, int]:
    """Of tickets that were somebody's before, who handed them back by hand last: ticket id -> agent id."""
    facts = db.info.get("facts", ())
    opened = {fact.ticket_id for fact in facts if isinstance(fact, TicketOpened)}
    older = [each.id for each in waiting if each.id not in opened]
    told: dict[int, int] = {}
    stated = [fact for fact in facts if isinstance(fact, TicketAssigned) and fact.ticket_id in older]
    if older:
        rows = db.execute(
            sa.select(col(Event.ticket_id), col(Event.data))
            .where(col(Event.ticket_id).in_(older), col(Event.fact) == name_of(TicketAssigned))
            .order_by(col(Event.id))
        )
        for ticket_id, data in rows:
            _note_back(told, ticket_id, data.get("agent_id"), data.get("from_agent_id"), data.get("reason", ""))
    for fact in stated:
        _note_back(told, fact.ticket_id, fact.agent_id, fact.from_agent_id, fact.reason)
    return told


def _note_back(told: dict[int, int], ticket_id: int, to: int | None, before: int | None, reason: str) -> None:
    if to is None and before is not None and reason != OFFLINE:
        told[ticket_id] = before
    else:
        told.pop(ticket_id, None)


def _left(rules: Any, now: datetime) -> Any:
    """Overdue tickets of agents who are offline, or whose page has been closed, for as long as their queue waits."""
    gone = sa.or_(
        col(AgentState.state) == Presence.OFFLINE,
        sa.and_(col(AgentState.state) == Presence.AWAY, col(AgentState.reason) == "system"),
    )
    late = [
        sa.and_(col(Ticket.queue_id) == queue_id, col(AgentState.started_at) <= now - timedelta(minutes=minutes))
        for queue_id, minutes in rules.items()
    ]
    return (
        select(Ticket)
        .join(AgentState, sa.and_(col(AgentState.agent_id) == Ticket.assignee_id, col(AgentState.ended_at).is_(None)))
        .where(Ticket.state == TicketState.OPEN, col(Ticket.awaits_us), col(Ticket.due_at) <= now, gone, sa.or_(*late))
        .order_by(col(Ticket.due_at), col(Ticket.id))
    )
