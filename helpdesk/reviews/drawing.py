"""Which solved tickets are read: so many for each agent and week, by chance or because something speaks for a look.

The one idea: the draw can be repeated. Tickets are put in the order of the SHA-256 of the seed and their number, and of
each agent's the first are taken. So whoever knows the seed can show that nobody was picked on, and a ticket that comes
later moves no other one out.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import ReviewChanged
from models import (
    Agent,
    Answer,
    Call,
    Direction,
    DrawnBy,
    Event,
    Message,
    MessageState,
    ReviewPick,
    Scale,
    Ticket,
    TicketState,
)

FILTERS = (DrawnBy.RANDOM, DrawnBy.LOW_FEEDBACK, DrawnBy.LONG, DrawnBy.REOPENED, DrawnBy.LOW_CONFIDENCE)
EACH_MAX = 20
"""Tickets of one agent and week."""
MOST = 20_000
"""Tickets of one week that are looked at."""
LONG = timedelta(days=7)
"""From opening to resolution."""
UNSURE = 0.6
"""The classifier's confidence below which a queue was doubtful."""
LOW = {Scale.STARS: 2, Scale.ELEVEN: 6}
"""The best answer of a customer who was not satisfied."""
SEED_MAX = 40
_UNSAID = (MessageState.WITHDRAWN, MessageState.FAILED, MessageState.AWAITING)


@dataclass(frozen=True, slots=True)
class Draw:
    """What is asked for; `week` is a Monday."""

    week: date
    each: int
    by: DrawnBy
    seed: str


def last_week(now: datetime, timezone: str) -> date:
    """The Monday of the last whole week."""
    today = now.astimezone(ZoneInfo(timezone)).date()
    return today - timedelta(days=today.weekday() + 7)


def asked(week: str, each: str, by: str, seed: str) -> Draw:
    """What was typed. Any day means its week; without a seed the week is one. Raises `Invalid` with the field."""
    try:
        day = date.fromisoformat(week)
    except ValueError as error:
        raise Invalid("not_a_week", field="week") from error
    if not 2000 <= day.year < 3000:
        raise Invalid("not_a_week", field="week")
    if not (each.isascii() and each.isdecimal() and len(each) < 4 and 1 <= int(each) <= EACH_MAX):
        raise Invalid("not_so_many_reviews", field="each")
    if by not in FILTERS:
        raise Invalid("unknown_choice", field="by")
    monday = day - timedelta(days=day.weekday())
    return Draw(monday, int(each), DrawnBy(by), seed.strip()[:SEED_MAX] or monday.isoformat())


def draw(db: Session, what: Draw, *, timezone: str, by: Agent, now: datetime) -> int:
    """Put tickets on the list of those to be read, besides those that stand there. Returns how many more these are: the
    same draw again adds none."""
    zone = ZoneInfo(timezone)
    begin = datetime.combine(what.week, time(), zone).astimezone(UTC)
    end = datetime.combine(what.week + timedelta(days=7), time(), zone).astimezone(UTC)
    found = _solved(db, begin, end, what.by)
    found.sort(key=lambda pair: hashlib.sha256(f"{what.seed}:{pair[0]}".encode()).digest())
    of_agent: dict[int, list[int]] = defaultdict(list)
    for ticket_id, agent_id in found:
        if len(of_agent[agent_id]) < what.each:
            of_agent[agent_id].append(ticket_id)
    chosen = {ticket_id: agent_id for agent_id, ids in of_agent.items() for ticket_id in ids}
    there = _there(db, chosen)
    rows = [
        ReviewPick(ticket_id=ticket_id, agent_id=agent_id, drawn_by=what.by, week=what.week.isoformat(),
                   seed=what.seed, drawn_by_id=by.id, drawn_at=now)
        for ticket_id, agent_id in sorted(chosen.items())
        if (ticket_id, agent_id) not in there
    ]  # fmt: skip
    db.add_all(rows)
    db.flush()
    if rows:
        emit(db, ReviewChanged(what="drawn", by_id=by.id, at=now))
    return len(rows)


def by_hand(db: Session, ticket: Ticket, *, by: Agent, now: datetime) -> ReviewPick:
    """Put one ticket on the list, about who answered it; it may stand there already. Raises `Conflict` where nobody
    has answered it."""
    answered = db.execute(sa.select(_ANSWERED_BY).where(col(Ticket.id) == ticket.id)).scalar()
    if answered is None:
        raise Conflict("nobody_answered", ticket_id=ticket.id)
    mine = sa.select(ReviewPick).where(col(ReviewPick.ticket_id) == ticket.id, col(ReviewPick.agent_id) == answered)
    if found := db.scalars(mine).first():
        return found
    row = ReviewPick(ticket_id=ticket.id or 0, agent_id=answered, drawn_by=DrawnBy.BY_HAND, drawn_by_id=by.id,
                     drawn_at=now)  # fmt: skip
    db.add(row)
    db.flush()
    emit(db, ReviewChanged(what="drawn", by_id=by.id, at=now))
    return row


def take_off(db: Session, pick_id: int, *, by: Agent, now: datetime) -> None:
    """Take a ticket off the list that nobody has reviewed. Raises `NotFound`, and `Conflict` where somebody has."""
    from models import Review

    row = db.get(ReviewPick, pick_id)
    if row is None:
        raise NotFound("not_found", pick_id=pick_id)
    if db.scalar(sa.select(col(Review.id)).where(col(Review.pick_id) == pick_id).limit(1)) is not None:
        raise Conflict("reviewed_already", pick_id=pick_id)
    db.delete(row)
    db.flush()
    emit(db, ReviewChanged(what="drawn", by_id=by.id, at=now))


# Who answered a ticket: who wrote last to its customer, else who talked to them last, else whose it is.
_WROTE = (
    sa.select(col(Message.author_id))
    .where(col(Message.ticket_id) == Ticket.id, col(Message.direction) == Direction.OUT,
           col(Message.author_id).is_not(None), col(Message.state).not_in(_UNSAID))
    .order_by(col(Message.id).desc()).limit(1).correlate(Ticket).scalar_subquery()
)  # fmt: skip
_TALKED = (
    sa.select(col(Call.agent_id))
    .where(col(Call.ticket_id) == Ticket.id, col(Call.agent_id).is_not(None), col(Call.answered_at).is_not(None))
    .order_by(col(Call.id).desc()).limit(1).correlate(Ticket).scalar_subquery()
)  # fmt: skip
_ANSWERED_BY = sa.func.coalesce(_WROTE, _TALKED, col(Ticket.assignee_id))


def _solved(db: Session, begin: datetime, end: datetime, by: DrawnBy) -> list[tuple[int, int]]:
    """Tickets resolved then of which the filter holds, each with who answered it."""
    rows = db.execute(
        sa.select(col(Ticket.id), _ANSWERED_BY, col(Ticket.created_at), col(Ticket.resolved_at), col(Ticket.confidence))
        .where(col(Ticket.state) == TicketState.RESOLVED, col(Ticket.resolved_at) >= begin,
               col(Ticket.resolved_at) < end, col(Ticket.merged_into_id).is_(None), *_marked(by))
        .order_by(col(Ticket.id)).limit(MOST)
    )  # fmt: skip
    return [
        (ticket_id, agent_id)
        for ticket_id, agent_id, created_at, resolved_at, confidence in rows
        if agent_id is not None
        and (by != DrawnBy.LONG or resolved_at - created_at > LONG)
        and (by != DrawnBy.LOW_CONFIDENCE or (confidence is not None and confidence < UNSURE))
    ]


def _marked(by: DrawnBy) -> "tuple[sa.ColumnElement[bool], ...]":
    if by == DrawnBy.LOW_FEEDBACK:
        low = (sa.and_(col(Answer.scale) == scale, col(Answer.score) <= score) for scale, score in LOW.items())
        return (sa.exists().where(col(Answer.ticket_id) == Ticket.id, sa.or_(*low)),)
    if by == DrawnBy.REOPENED:
        return (sa.exists().where(col(Event.ticket_id) == Ticket.id, col(Event.fact) == "ticket_reopened"),)
    return ()


def _there(db: Session, ticket_ids: Collection[int]) -> set[tuple[int, int]]:
    rows = sa.select(col(ReviewPick.ticket_id), col(ReviewPick.agent_id))
    return {(ticket_id, agent_id) for ticket_id, agent_id in db.execute(
        rows.where(col(ReviewPick.ticket_id).in_(list(ticket_ids))))}  # fmt: skip
