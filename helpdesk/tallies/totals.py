"""The totals of a day: counted from rows by one function, and kept once the day is over.

The one idea: a kept total is nothing but what `of_day` said of that day, so what is read from kept days and what is
counted now cannot differ. Nothing is added to a total or taken from it. A fact that changes a day that is over lets go
of its totals (`let_go`), and they are counted again; the day that runs is counted whenever somebody asks.

Why so: a year of two hundred agents is two million tickets, and adding them up anew takes a database longer than
somebody waits. Its totals are some fifty thousand rows. Counters that are raised as things happen would be quicker to
keep, but a late callback, an undone act or a changed calendar leaves them wrong for ever.

Each figure belongs to the day on which the thing happened: tickets to the day they were opened, first answers to the
day they were given, resolutions to the day of the resolving, calls to the day they entered a queue.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import measures
from helpdesk.measures import Calls, Interval
from helpdesk.tallies import automation, spread
from helpdesk.tallies.spread import Counts
from models import (
    Agent,
    AgentDay,
    AutomationDay,
    Call,
    CallDay,
    CountedDay,
    Queue,
    RoutingDay,
    Stretch,
    TagDay,
    TicketDay,
    TicketTag,
)
from models.base import Row

TICKETS = tuple(name for name in TicketDay.model_fields
                if name not in ("day", "queue_id", "channel", "priority", "spread"))  # fmt: skip
WORK = tuple(name for name in AgentDay.model_fields if name not in ("day", "agent_id", "queue_id"))
CALLS = tuple(each.name for each in fields(Calls) if each.name != "waiting_since")
_LATEST_RETURN = measures.SETTLED + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which tickets and calls; None: any."""

    queue_id: int | None = None
    channel: str | None = None
    priority: int | None = None
    agent_id: int | None = None

    @property
    def has_calls(self) -> bool:
        """Whether calls are among what is asked for: they have no priority."""
        return self.priority is None and self.channel in (None, "phone")


ANY = Asked()


@dataclass(slots=True)
class Cell:
    """Counts by name, and how lengths are spread."""

    numbers: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TICKETS, 0))
    counts: Counts = field(default_factory=spread.empty)


@dataclass(slots=True)
class Day:
    """All totals of one day. Keys: (queue, channel, priority), (agent, queue), queue, (tag, queue), (queue, language,
    reason) and (kind, thing)."""

    day: date
    tickets: dict[tuple[int, str, int], Cell]
    agents: dict[tuple[int, int], dict[str, int]]
    calls: dict[int, Calls]
    halves: dict[int, list[int]]
    tags: dict[tuple[int, int], int]
    routing: dict[tuple[int, str, str], tuple[int, int, int]]
    automation: dict[tuple[str, int], automation.Came]


def of_day(db: Session, day: date, *, timezone: str, now: datetime, asked: Asked = ANY) -> Day:
    """Count a day from rows; the one that runs up to `now`. Some statements, over indexes of that day."""
    interval = measures.day(day, timezone)
    agents: dict[tuple[int, int], dict[str, int]] = defaultdict(lambda: dict.fromkeys(WORK, 0))
    tickets = {key[1:]: cell for key, cell in tickets_of(db, interval, asked, timezone=timezone, agents=agents).items()}
    told, halves = _calls(db, interval, asked, now) if asked.has_calls and asked.agent_id is None else ({}, {})
    if asked.has_calls:
        _work(db, interval, asked, agents, now=min(now, interval.end))
    is_over = is_settled(interval, now)
    return Day(day, tickets, dict(agents), told, halves, _tags(db, interval, asked), _routing(db, interval),
               automation.of(db, interval, is_settled=is_over))  # fmt: skip


def tickets_of(
    db: Session, interval: Interval, asked: Asked, *, timezone: str,
    agents: dict[tuple[int, int], dict[str, int]] | None = None,
) -> dict[tuple[date, int, str, int], Cell]:  # fmt: skip
    """The totals of tickets by day, queue, channel and priority, straight from rows; those of agents are added to
    `agents`, which has a row for whoever is asked for."""
    found: dict[tuple[date, int, str, int], Cell] = defaultdict(Cell)
    own: dict[tuple[int, int], dict[str, int]] = (
        defaultdict(lambda: dict.fromkeys(WORK, 0)) if agents is None else agents
    )
    zone = ZoneInfo(timezone)
    midnights: dict[date, datetime] = {}

    def day_of(at: datetime) -> date:
        return at.astimezone(zone).date()

    begun = _stretches(db, Stretch.began_at, interval, asked, Stretch.agent_id, Stretch.number, Stretch.asks)
    for queue_id, channel, priority, at, number, asks in begun:
        day = day_of(at)
        cell = found[day, queue_id, channel, priority]
        cell.numbers["begun"] += 1
        if number == 1:
            if day not in midnights:
                midnights[day] = measures.day(day, timezone).begin
            cell.numbers["opened"] += 1
            cell.numbers["asked"] += asks
            spread.count_half(cell.counts, (at - midnights[day]) // measures.RECENT)
    answered = _stretches(db, Stretch.answered_at, interval, asked, Stretch.responder_id,
                          Stretch.responder_id, Stretch.answer_seconds, Stretch.answer_open_seconds,
                          Stretch.answer_kept, Stretch.came_back)  # fmt: skip
    for queue_id, channel, priority, at, agent_id, seconds, open_seconds, kept, came_back in answered:
        cell = found[day_of(at), queue_id, channel, priority]
        numbers = cell.numbers
        numbers["answered"] += 1
        numbers["answer_seconds"] += seconds
        numbers["answer_open_seconds"] += open_seconds
        numbers["answer_kept"] += kept is True
        numbers["answer_late"] += kept is False
        numbers["stayed_away"] += not came_back
        spread.count(cell.counts, "answer", seconds)
        spread.count(cell.counts, "answer_open", open_seconds)
        work = own[agent_id, queue_id]
        work["answered"] += 1
        work["answer_open_seconds"] += open_seconds
    ended = _stretches(db, Stretch.ended_at, interval, asked, Stretch.agent_id,
                       Stretch.agent_id, Stretch.resolve_seconds, Stretch.resolve_open_seconds, Stretch.resolve_kept,
                       Stretch.is_reopened, Stretch.transfers)  # fmt: skip
    for queue_id, channel, priority, at, agent_id, seconds, open_seconds, kept, is_reopened, transfers in ended:
        cell = found[day_of(at), queue_id, channel, priority]
        numbers = cell.numbers
        numbers["resolved"] += 1
        numbers["reopened"] += is_reopened
        numbers["transferred"] += transfers > 0
        numbers["transfers"] += transfers
        if not is_reopened:
            numbers["resolve_seconds"] += seconds
            numbers["resolve_open_seconds"] += open_seconds
            numbers["resolve_kept"] += kept is True
            numbers["resolve_late"] += kept is False
            spread.count(cell.counts, "resolve", seconds)
            spread.count(cell.counts, "resolve_open", open_seconds)
        if agent_id is not None:
            work = own[agent_id, queue_id]
            work["resolved"] += 1
            work["reopened"] += is_reopened
            work["resolve_open_seconds"] += 0 if is_reopened else open_seconds
    return dict(found)


def _stretches(db: Session, at: Any, interval: Interval, asked: Asked, whose: Any, *columns: Any) -> Any:
    query = sa.select(col(Stretch.queue_id), col(Stretch.channel), col(Stretch.priority), at, *columns)
    return db.execute(query.where(at >= interval.begin, at < interval.end, *conditions(asked, whose)))


def conditions(asked: Asked, whose: Any) -> list[sa.ColumnElement[bool]]:
    """What is asked of stretches; `whose` is the column that names the agent."""
    wanted = ((Stretch.queue_id, asked.queue_id), (Stretch.channel, asked.channel), (Stretch.priority, asked.priority),
              (whose, asked.agent_id))  # fmt: skip
    return [col(column) == value for column, value in wanted if value is not None]


def _calls(
    db: Session, interval: Interval, asked: Asked, now: datetime
) -> tuple[dict[int, Calls], dict[int, list[int]]]:
    """Of each queue, by the very function that the board is counted by, and when they came."""
    ids = [each or 0 for each in db.scalars(sa.select(col(Queue.id))) if asked.queue_id in (None, each)]
    asks = now if is_settled(interval, now) else None
    told = {queue_id: calls for (_, queue_id), calls in measures.of_queues(db, [interval], ids, now=asks).items()}
    halves: dict[int, list[int]] = {queue_id: [0] * spread.HALVES for queue_id in told}
    for queue_id, at in measures.arrivals(db, interval, told):
        halves[queue_id][(at - interval.begin) // measures.RECENT] += 1
    return told, halves


def _work(db: Session, interval: Interval, asked: Asked, agents: Any, *, now: datetime) -> None:
    """Agents' parts in calls by queue, and, where every queue is asked for, their states and offers."""
    ids = [each or 0 for each in db.scalars(sa.select(col(Agent.id))) if asked.agent_id in (None, each)]
    for (agent_id, queue_id), figures in measures.parts_of_agents(db, interval, ids).items():
        if asked.queue_id in (None, queue_id):
            agents[agent_id, queue_id or 0].update(figures)
    if asked.queue_id is not None:
        return
    for agent_id, work in measures.of_agents(db, interval, ids, now=now).items():
        told = {name: value for name, value in asdict(work).items()
                if name not in ("handled", "transferred", "talk", "hold", "wrap_up")}  # fmt: skip
        if any(told.values()):
            own = agents[agent_id, 0]
            for name, value in told.items():
                own[name] += value


def _tags(db: Session, interval: Interval, asked: Asked) -> dict[tuple[int, int], int]:
    rows = db.execute(
        sa.select(col(TicketTag.tag_id), col(Stretch.queue_id), sa.func.count())
        .join(TicketTag, col(TicketTag.ticket_id) == col(Stretch.ticket_id))
        .where(col(Stretch.began_at) >= interval.begin, col(Stretch.began_at) < interval.end, col(Stretch.number) == 1,
               *conditions(asked, Stretch.agent_id))
        .group_by(col(TicketTag.tag_id), col(Stretch.queue_id))
    )  # fmt: skip
    return {(tag_id, queue_id): count for tag_id, queue_id, count in rows}


def _routing(db: Session, interval: Interval) -> dict[tuple[int, str, str], tuple[int, int, int]]:
    def counted(condition: Any) -> Any:
        return sa.func.sum(sa.case((condition, 1), else_=0))

    key = (col(Stretch.placed_id), col(Stretch.language), col(Stretch.placed_by))
    rows = db.execute(
        sa.select(*key, sa.func.count(), counted(col(Stretch.is_settled_there)), counted(col(Stretch.is_corrected)))
        .where(col(Stretch.began_at) >= interval.begin, col(Stretch.began_at) < interval.end, col(Stretch.number) == 1,
               col(Stretch.placed_by) != "", col(Stretch.placed_id).is_not(None))
        .group_by(*key)
    )  # fmt: skip
    return {(queue_id, language, reason): (placed, int(stayed), int(corrected))
            for queue_id, language, reason, placed, stayed, corrected in rows}  # fmt: skip


def is_settled(interval: Interval, now: datetime) -> bool:
    """Whether everybody who was served in it has had seven days to come back."""
    return interval.end + _LATEST_RETURN <= now


# --- kept days -------------------------------------------------------------------------------------------------------


def keep(db: Session, told: Day, *, timezone: str, now: datetime) -> None:
    """Write a day's totals in the place of those that were there."""
    limits = {queue.id: queue for queue in db.scalars(sa.select(Queue))}
    kinds: tuple[type[Row], ...] = (TicketDay, AgentDay, CallDay, TagDay, RoutingDay, AutomationDay, CountedDay)
    for kind in kinds:
        db.execute(sa.delete(_table(kind)).where(_table(kind).c.day == told.day))
    rows: dict[type[Row], list[dict[str, Any]]] = {
        TicketDay: [
            {"day": told.day, "queue_id": queue_id, "channel": channel, "priority": priority,
             "spread": spread.packed(cell.counts), **cell.numbers}
            for (queue_id, channel, priority), cell in told.tickets.items()
        ],
        AgentDay: [
            {"day": told.day, "agent_id": agent_id, "queue_id": queue_id, **numbers}
            for (agent_id, queue_id), numbers in told.agents.items()
        ],
        CallDay: [
            {"day": told.day, "queue_id": queue_id, "service_seconds": limits[queue_id].service_seconds,
             "short_abandon_seconds": limits[queue_id].short_abandon_seconds,
             "halves": spread.packed_halves(told.halves[queue_id]), **{name: getattr(calls, name) for name in CALLS}}
            for queue_id, calls in told.calls.items() if queue_id in limits
        ],
        TagDay: [
            {"day": told.day, "tag_id": tag_id, "queue_id": queue_id, "opened": count}
            for (tag_id, queue_id), count in told.tags.items()
        ],
        RoutingDay: [
            {"day": told.day, "queue_id": queue_id, "language": language, "reason": reason, "placed": placed,
             "stayed": stayed, "corrected": corrected}
            for (queue_id, language, reason), (placed, stayed, corrected) in told.routing.items()
        ],
        AutomationDay: [
            {"day": told.day, "kind": kind, "thing_id": thing_id, **asdict(came)}
            for (kind, thing_id), came in told.automation.items()
        ],
        CountedDay: [
            {"day": told.day, "timezone": timezone, "is_settled": is_settled(measures.day(told.day, timezone), now)}
        ],
    }  # fmt: skip
    for kind, new in rows.items():
        if new:
            db.execute(sa.insert(_table(kind)), new)


def let_go(db: Session, days: Iterable[date], *, settled: Iterable[date] = ()) -> None:
    """These days are counted again; of `settled`, those of which it was known who came back."""
    if every := sorted(set(days)):
        db.execute(sa.delete(_table(CountedDay)).where(_table(CountedDay).c.day.in_(every)))
    if some := sorted(set(settled)):
        table = _table(CountedDay)
        db.execute(sa.delete(table).where(table.c.day.in_(some), table.c.is_settled))


def let_go_of_limits(db: Session) -> None:
    """Count again the days whose calls were held against other seconds than their queue promises now."""
    changed = (
        sa.select(col(CallDay.day)).join(Queue, col(Queue.id) == col(CallDay.queue_id))
        .where(sa.or_(col(CallDay.service_seconds) != col(Queue.service_seconds),
                      col(CallDay.short_abandon_seconds) != col(Queue.short_abandon_seconds)))
    )  # fmt: skip
    db.execute(sa.delete(_table(CountedDay)).where(_table(CountedDay).c.day.in_(changed)))


def missing(db: Session, first: date, last: date, *, timezone: str, now: datetime) -> list[date]:
    """The days up to `last` whose totals are not kept, or are not settled though they could be, the newest first."""
    kept = {
        day for day, is_final in db.execute(
            sa.select(col(CountedDay.day), col(CountedDay.is_settled))
            .where(col(CountedDay.day) >= first, col(CountedDay.day) <= last, col(CountedDay.timezone) == timezone))
        if is_final or not is_settled(measures.day(day, timezone), now)
    }  # fmt: skip
    count = (last - first).days + 1
    return [day for ahead in range(count) if (day := last - timedelta(days=ahead)) not in kept]


def first_day(db: Session, *, timezone: str) -> date | None:
    """The day on which the desk's first ticket or call came, as far as it is known; None before it."""
    zone = ZoneInfo(timezone)
    moments = (db.scalar(sa.select(col(Stretch.began_at)).order_by(col(Stretch.began_at)).limit(1)),
               db.scalar(sa.select(col(Call.started_at)).order_by(col(Call.started_at)).limit(1)))  # fmt: skip
    kept = db.scalar(sa.select(col(CountedDay.day)).order_by(col(CountedDay.day)).limit(1))
    days = [at.astimezone(zone).date() for at in moments if at is not None] + ([kept] if kept else [])
    return min(days, default=None)


def _table(kind: type[Row]) -> sa.Table:
    return kind.__table__  # type: ignore[attr-defined,no-any-return]
