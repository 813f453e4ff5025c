"""The supervisor's live view: what waits, and what everybody is doing. Counted from rows, never kept in counters."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import preferences, queues
from models import Agent, AgentState, Call, CallState, Customer, Membership, Presence, Queue, Ticket, TicketState


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


@dataclass(frozen=True, slots=True)
class QueueRow:
    id: int
    name: str
    open: int
    unassigned: int
    waiting_calls: int
    oldest_at: datetime | None
    agents_ready: int


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


@dataclass(frozen=True, slots=True)
class Board:
    figures: Figures
    queues: list[QueueRow]
    agents: list[AgentRow]


def now(db: Session, *, language: str, seen: set[int]) -> Board:
    """The board over the queues in `seen` (ids). Reads live rows and open tickets only, however long the history."""
    shown = [queue for queue in queues.everyone(db) if queue.id in seen]
    counts = queues.counts(db)
    waiting = _waiting(db)
    states = {state.agent_id: state for state in db.exec(select(AgentState).where(col(AgentState.ended_at).is_(None)))}
    members = db.exec(select(Membership)).all()
    staff = [agent for agent in db.exec(select(Agent).where(Agent.is_active).order_by(col(Agent.id)))]
    ready = {agent_id for agent_id, state in states.items() if state.state == Presence.READY}
    rows_of_oldest = db.execute(
        sa.select(col(Ticket.queue_id), sa.func.min(col(Ticket.last_contact_at)))
        .where(col(Ticket.state) == TicketState.OPEN, col(Ticket.awaits_us))
        .group_by(col(Ticket.queue_id))
    )
    oldest = {queue_id: at for queue_id, at in rows_of_oldest}
    none = queues.Count()
    rows = [
        QueueRow(
            queue.id or 0, queue.called(language), counts.get(queue.id or 0, none).open,
            counts.get(queue.id or 0, none).unassigned, len(waiting.get(queue.id or 0, [])), oldest.get(queue.id or 0),
            sum(1 for m in members if m.queue_id == queue.id and m.agent_id in ready),
        )
        for queue in shown
    ]  # fmt: skip
    in_sight = [since for queue in shown for since in waiting.get(queue.id or 0, [])]
    triage = {queue.id for queue in shown if queue.is_triage}
    figures = Figures(
        len(in_sight), min(in_sight, default=None), sum(row.open for row in rows), sum(row.unassigned for row in rows),
        sum(row.open for row in rows if row.id in triage), *_heads(states, staff),
        sum(count for queue_id, count in queues.urgent(db).items() if queue_id in seen)
        if preferences.shown(db, "urgency") else None,
    )  # fmt: skip
    names = {queue.id: queue.called(language) for queue in shown}
    talks, busy_with = _talks(db, language), _open_by_agent(db)
    return Board(figures, rows, [
        AgentRow(
            agent.id or 0, agent.name, state.state.value, state.reason, state.started_at,
            [names[m.queue_id] for m in members if m.agent_id == agent.id and m.queue_id in names],
            talks.get(agent.id or 0), busy_with.get(agent.id or 0, 0),
        )
        for agent in staff if (state := states.get(agent.id or 0)) is not None
    ])  # fmt: skip


def _waiting(db: Session) -> dict[int, list[datetime]]:
    """Since when callers wait whom nobody has taken, by queue."""
    rows = db.execute(
        sa.select(col(Call.queue_id), col(Call.started_at))
        .where(col(Call.state) == CallState.RINGING, col(Call.agent_id).is_(None), col(Call.direction) == "in")
    )  # fmt: skip
    found: dict[int, list[datetime]] = {}
    for queue_id, since in rows:
        found.setdefault(queue_id or 0, []).append(since)
    return found


def _heads(states: dict[int, AgentState], staff: list[Agent]) -> tuple[int, int, int, int]:
    shown = [states[agent.id].state for agent in staff if agent.id in states]
    return (shown.count(Presence.READY), shown.count(Presence.BUSY), shown.count(Presence.WRAP_UP),
            shown.count(Presence.AWAY))  # fmt: skip


def _talks(db: Session, language: str) -> dict[int, dict[str, Any]]:
    """With whom agents talk."""
    name = Queue.name_en if language == "en" else Queue.name
    rows = db.execute(
        sa.select(col(Call.agent_id), sa.func.coalesce(Customer.name, ""), sa.func.coalesce(name, ""))
        .join(Customer, col(Customer.id) == Call.customer_id, isouter=True)
        .join(Queue, col(Queue.id) == Call.queue_id, isouter=True)
        .where(col(Call.state) != CallState.ENDED, col(Call.agent_id).is_not(None))
    )
    return {agent_id: {"customer_name": customer, "queue_name": queue} for agent_id, customer, queue in rows}


def _open_by_agent(db: Session) -> dict[int, int]:
    rows = db.execute(
        sa.select(col(Ticket.assignee_id), sa.func.count())
        .where(col(Ticket.state) == TicketState.OPEN, col(Ticket.assignee_id).is_not(None))
        .group_by(col(Ticket.assignee_id))
    )  # fmt: skip
    return {agent_id: count for agent_id, count in rows if agent_id is not None}
