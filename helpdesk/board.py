"""The supervisor's live view: what waits, how callers were served, and what everybody is doing.

Counted from rows, never kept in counters, and by the functions that reports are counted by.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import alarms, measures, preferences, queues, romaji
from helpdesk.measures import Calls
from models import (
    Agent,
    AgentState,
    Call,
    CallState,
    Customer,
    HelpSign,
    Membership,
    Presence,
    Queue,
    QueueVisit,
    Ticket,
    TicketState,
)

TREND = 12
"""Half hours."""
STATES = (Presence.READY, Presence.BUSY, Presence.WRAP_UP, Presence.AWAY, Presence.OFFLINE)
_AT_WORK = (Presence.READY, Presence.BUSY, Presence.WRAP_UP)


@dataclass(frozen=True, slots=True)
class Figures:
    waiting_calls: int
    longest_wait_since: datetime | None
    open_tickets: int
    unassigned: int
    triage: int
    agents_ready: int
    agents_busy: int
    agents_wrap_up: int
    agents_away: int
    urgent: int | None  # of the open tickets; None: that guess is switched off
    today: Calls
    recent: Calls  # of the last half hour
    settled: Calls  # of the last day of which it is known by now who came back
    over: frozenset[str]  # figures that are beyond some queue's threshold


@dataclass(frozen=True, slots=True)
class QueueRow:
    id: int
    name: str
    open: int
    unassigned: int
    waiting_calls: int
    waiting_since: datetime | None
    oldest_at: datetime | None
    agents_ready: int
    staffed: int
    today: Calls
    recent: Calls
    trend: Sequence[Calls]  # of the last half hours of the clock, the present one last
    expected: tuple[float, float] | None  # seconds, for who comes now
    over: dict[str, float]  # see helpdesk/alarms.py
    thresholds: dict[str, float]
    target: int  # per cent of calls that should be answered in time
    seconds: int  # which is in time


@dataclass(frozen=True, slots=True)
class AgentRow:
    id: int
    name: str
    state: str
    state_reason: str
    state_since: datetime
    queues: list[str]
    call: dict[str, Any] | None
    open_tickets: int
    help_since: datetime | None


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A caller who waits, as far as a supervisor must know to send the call elsewhere."""

    call_id: int
    queue_id: int
    queue_name: str
    since: datetime
    customer_name: str
    number: str
    match: str


@dataclass(frozen=True, slots=True)
class Board:
    figures: Figures
    queues: list[QueueRow]
    agents: list[AgentRow]
    waiting: list[WaitingRow]
    since: measures.Interval  # what "today" is
    recent: measures.Interval
    settled: measures.Interval


def now(db: Session, *, language: str, seen: set[int], timezone: str, at: datetime) -> Board:
    """The board over the queues in `seen` (ids). Reads live rows, open tickets and the calls of today only."""
    every = queues.everyone(db)
    shown = [queue for queue in every if queue.id in seen]
    ids = [queue.id or 0 for queue in shown]
    today, recent = measures.today(at, timezone), measures.recent(at)
    settled = measures.settled_day(at, timezone)
    told = measures.of_queues(db, [today, recent, settled, *measures.last_half_hours(at, TREND)], ids, now=at)
    of_today, of_recent = dict(measures.each(told, 0)), dict(measures.each(told, 1))
    line = alarms.seen(db, ids, of_recent)
    counts = queues.counts(db)
    states = {state.agent_id: state for state in db.exec(select(AgentState).where(col(AgentState.ended_at).is_(None)))}
    members = db.exec(select(Membership)).all()
    staff = [agent for agent in db.exec(select(Agent).where(Agent.is_active).order_by(col(Agent.id)))]
    at_work = {agent.id for agent in staff if agent.id in states and states[agent.id].state in _AT_WORK}
    rows_of_oldest = db.execute(
        sa.select(col(Ticket.queue_id), sa.func.min(col(Ticket.last_contact_at)))
        .where(col(Ticket.state) == TicketState.OPEN, col(Ticket.awaits_us))
        .group_by(col(Ticket.queue_id))
    )
    oldest = {queue_id: at for queue_id, at in rows_of_oldest}
    none, rows = queues.Count(), []
    for queue_id, queue in zip(ids, shown, strict=True):
        waiting, day = line[queue_id].waiting, of_today.get(queue_id, Calls())
        staffed = sum(1 for m in members if m.queue_id == queue_id and m.agent_id in at_work)
        rows.append(
            QueueRow(
                queue_id, queue.called(language), counts.get(queue_id, none).open,
                counts.get(queue_id, none).unassigned, len(waiting), min(waiting, default=None), oldest.get(queue_id),
                line[queue_id].ready, staffed, day, of_recent.get(queue_id, Calls()),
                [told.get((3 + step, queue_id), Calls()) for step in range(TREND)],
                measures.expected_wait(len(waiting), day.handle_seconds, staffed),
                alarms.over(queue, line[queue_id], now=at), queue.alarms, queue.service_percent, queue.service_seconds,
            )
        )  # fmt: skip
    in_sight = [since for row in line.values() for since in row.waiting]
    triage = {queue.id for queue in shown if queue.is_triage}
    figures = Figures(
        len(in_sight), min(in_sight, default=None), sum(row.open for row in rows), sum(row.unassigned for row in rows),
        sum(row.open for row in rows if row.id in triage), *_heads(states, staff),
        sum(count for queue_id, count in queues.urgent(db).items() if queue_id in seen)
        if preferences.shown(db, "urgency") else None,
        measures.total(of_today.values()), measures.total(of_recent.values()),
        measures.total(calls for _, calls in measures.each(told, 2)),
        frozenset(figure for row in rows for figure in row.over),
    )  # fmt: skip
    names = {queue.id: queue.called(language) for queue in shown}
    talks, busy_with = _talks(db, language, ids, sees_all=len(ids) == len(every)), _open_by_agent(db)
    signs = {sign.agent_id: sign.raised_at for sign in db.exec(select(HelpSign))}
    people = [
        AgentRow(
            agent.id or 0, romaji.spoken(agent.name, agent.reading, language), state.state.value, state.reason,
            state.started_at,
            [names[m.queue_id] for m in members if m.agent_id == agent.id and m.queue_id in names],
            talks.get(agent.id or 0), busy_with.get(agent.id or 0, 0), signs.get(agent.id or 0),
        )
        for agent in staff if (state := states.get(agent.id or 0)) is not None
    ]  # fmt: skip
    people.sort(key=lambda row: (row.help_since is None, STATES.index(Presence(row.state)), row.id))
    return Board(figures, rows, people, _waiting(db, ids, names, language), today, recent, settled)


def _waiting(db: Session, queue_ids: list[int], names: dict[int | None, str], language: str) -> list[WaitingRow]:
    """Who waits, the longest first; of very many the first hundred."""
    rows = db.execute(
        sa.select(col(Call.id), col(QueueVisit.queue_id), col(QueueVisit.entered_at),
                  sa.func.coalesce(Customer.name, ""), sa.func.coalesce(Customer.reading, ""),
                  col(Call.number), col(Call.match))
        .join(Call, col(Call.id) == QueueVisit.call_id)
        .join(Customer, col(Customer.id) == Call.customer_id, isouter=True)
        .where(col(QueueVisit.left_at).is_(None), col(QueueVisit.queue_id).in_(queue_ids))
        .order_by(col(QueueVisit.entered_at), col(QueueVisit.id)).limit(100)
    )  # fmt: skip
    return [
        WaitingRow(call_id, queue_id, names[queue_id], since, romaji.spoken(customer, reading, language), number, match)
        for call_id, queue_id, since, customer, reading, number, match in rows
    ]


def _heads(states: dict[int, AgentState], staff: list[Agent]) -> tuple[int, int, int, int]:
    shown = [states[agent.id].state for agent in staff if agent.id in states]
    return (shown.count(Presence.READY), shown.count(Presence.BUSY), shown.count(Presence.WRAP_UP),
            shown.count(Presence.AWAY))  # fmt: skip


def _talks(db: Session, language: str, queue_ids: list[int], *, sees_all: bool) -> dict[int, dict[str, Any]]:
    """With whom agents talk, in these queues; who sees all of them sees calls of no queue as well."""
    name = Queue.name_en if language == "en" else Queue.name
    rows = db.execute(
        sa.select(
            col(Call.agent_id),
            *(sa.func.coalesce(column, "") for column in (Customer.name, Customer.reading, name)),
            col(Call.id),
        )
        .join(Customer, col(Customer.id) == Call.customer_id, isouter=True)
        .join(Queue, col(Queue.id) == Call.queue_id, isouter=True)
        .where(col(Call.state) != CallState.ENDED, col(Call.agent_id).is_not(None),
               sa.or_(col(Call.queue_id).in_(queue_ids), sa.and_(sa.literal(sees_all), col(Call.queue_id).is_(None))))
    )  # fmt: skip
    return {
        agent_id: {"customer_name": romaji.spoken(customer, reading, language), "queue_name": queue, "id": call_id}
        for agent_id, customer, reading, queue, call_id in rows
    }


def _open_by_agent(db: Session) -> dict[int, int]:
    rows = db.execute(
        sa.select(col(Ticket.assignee_id), sa.func.count())
        .where(col(Ticket.state) == TicketState.OPEN, col(Ticket.assignee_id).is_not(None))
        .group_by(col(Ticket.assignee_id))
    )  # fmt: skip
    return {agent_id: count for agent_id, count in rows if agent_id is not None}
