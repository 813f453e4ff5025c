"""Views of the tickets: mine, unassigned, all, one queue, resolved; newest contact first, a page at a time.

A page is one statement whatever its length: a row carries everything the list shows. Paging goes by the last row's key
and never counts or skips, so the thousandth page costs what the first does.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import access, agents, approvals, calls, inbox, notifications, preferences, queues, recalls
from helpdesk.errors import NotFound
from models import Agent, Customer, Direction, Message, Queue, Role, Ticket, TicketState

PAGE = 50
NAMES = ("mine", "unassigned", "urgent", "all", "resolved")

# Whoever wrote last, by their own words: all there is to call somebody by who is no customer yet.
_WRITER = (
    sa.select(col(Message.sender_name))
    .where(
        col(Message.ticket_id) == Ticket.id,
        col(Message.direction) == Direction.IN,
        col(Message.is_from_stranger).is_(False),
    )
    .order_by(col(Message.id).desc())
    .limit(1)
    .correlate(Ticket)
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class Row:
    """A ticket as the list shows it."""

    id: int
    subject: str
    state: str
    customer_name: str
    company: str
    snippet: str
    channel: str
    queue_id: int
    queue_name: str
    confidence: float | None
    is_triage: bool
    assignee_id: int | None
    assignee_name: str
    last_contact_at: datetime
    awaits_us: bool
    is_urgent: bool  # guessed; never where that guess is switched off


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and the cursor of the next page if there is one."""

    rows: list[Row]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Rail:
    """The counts at the edge of every page."""

    queues: list[dict[str, Any]]  # {"id", "name", "open", "needs_approval"}
    mine: int
    unassigned: int
    all: int
    urgent: int | None  # None: that guess is switched off
    awaiting: int  # mails of others for this agent to approve
    calls: int  # callers nobody has taken
    callbacks: int  # customers to call back
    callbacks_overdue: int  # and of these, whom longer than was promised
    parked: int  # what waits for a supervisor; 0 for others
    unread: int  # what the agent was told and has not read


def page(db: Session, agent: Agent, view: str, *, language: str, cursor: str = "", oldest_first: bool = False) -> Page:
    """One page of a view. Raises `NotFound` for a view there is not, or a queue the agent does not serve."""
    query = _rows(language, preferences.shown(db, "urgency")).where(_condition(db, agent, view))
    key = sa.tuple_(Ticket.last_contact_at, Ticket.id)
    if cursor:
        last = sa.tuple_(*_parse(cursor))
        query = query.where(key > last if oldest_first else key < last)
    order = [col(Ticket.last_contact_at), col(Ticket.id)]
    query = query.order_by(*(order if oldest_first else [column.desc() for column in order])).limit(PAGE + 1)
    rows = [Row(*values) for values in db.execute(query)]
    more = len(rows) > PAGE
    rows = rows[:PAGE]
    return Page(rows, f"{rows[-1].last_contact_at.isoformat()}~{rows[-1].id}" if more else None)


def total(db: Session, agent: Agent, view: str) -> int | None:
    """How many tickets a view of open tickets holds; None for resolved ones, which only grow in number."""
    if view == "resolved":
        return None
    return db.scalar(sa.select(sa.func.count()).select_from(Ticket).where(_condition(db, agent, view)))


def row(db: Session, ticket_id: int, *, language: str) -> Row | None:
    """One ticket as the list shows it, for a live update."""
    found = db.execute(_one_row(language, preferences.shown(db, "urgency")), {"ticket_id": ticket_id}).first()
    return Row(*found) if found else None


def rail(db: Session, agent: Agent, *, language: str, now: datetime) -> Rail:
    """Open tickets by queue the agent serves, the agent's own, and what else waits. Reads indexes of what is open
    only."""
    counts = queues.counts(db, agent_id=agent.id)
    served = set(agents.queue_ids(db, agent))
    shown = [queue for queue in queues.everyone(db) if queue.id in served]
    none = queues.Count()
    ids = [queue.id or 0 for queue in shown]
    awaiting, ringing, parked, to_call, overdue, unread = db.execute(
        sa.select(
            approvals.count_query(db, agent).scalar_subquery(),
            calls.waiting_query(ids).scalar_subquery(),
            inbox.open_query().scalar_subquery(),
            recalls.open_query(ids).scalar_subquery(),
            recalls.open_query(ids, due_by=now).scalar_subquery(),
            notifications.unread_query(agent).scalar_subquery(),
        )
    ).one()
    return Rail(
        [
            {
                "id": queue.id,
                "name": queue.called(language),
                "open": counts.get(queue.id or 0, none).open,
                "needs_approval": queue.needs_approval,
            }  # fmt: skip
            for queue in shown
        ],
        sum(count.of_agent for count in counts.values()),
        sum(counts.get(queue_id, none).unassigned for queue_id in served),
        sum(counts.get(queue_id, none).open for queue_id in served),
        _urgent(db, served),
        awaiting,
        ringing,
        to_call,
        overdue,
        parked if agent.role == Role.SUPERVISOR else 0,
        unread,
    )


def _urgent(db: Session, served: set[int]) -> int | None:
    if not preferences.shown(db, "urgency"):
        return None
    return sum(count for queue_id, count in queues.urgent(db).items() if queue_id in served)


@lru_cache
def _one_row(language: str, shows_urgency: bool) -> sa.Select[Any]:
    return _rows(language, shows_urgency).where(col(Ticket.id) == sa.bindparam("ticket_id"))


@lru_cache
def _rows(language: str, shows_urgency: bool) -> sa.Select[Any]:
    queue_name = Queue.name_en if language == "en" else Queue.name
    rows: sa.Select[Any] = (
        sa.select(
            col(Ticket.id),
            col(Ticket.subject),
            col(Ticket.state),
            sa.case((col(Ticket.customer_id).is_(None), sa.func.coalesce(_WRITER, "")), else_=Customer.name),
            sa.func.coalesce(Customer.company, ""),
            col(Ticket.snippet),
            col(Ticket.channel),
            col(Ticket.queue_id),
            col(queue_name),
            col(Ticket.confidence),
            col(Queue.is_triage),
            col(Ticket.assignee_id),
            sa.func.coalesce(Agent.name, ""),
            col(Ticket.last_contact_at),
            col(Ticket.awaits_us),
            col(Ticket.is_urgent) if shows_urgency else sa.false(),
        )
        .join(Queue, col(Queue.id) == Ticket.queue_id)
        .join(Customer, col(Customer.id) == Ticket.customer_id, isouter=True)
        .join(Agent, col(Agent.id) == Ticket.assignee_id, isouter=True)
    )
    return rows


def _condition(db: Session, agent: Agent, view: str) -> sa.ColumnElement[bool]:
    is_open = col(Ticket.state) == TicketState.OPEN
    if view == "mine":
        return sa.and_(is_open, col(Ticket.assignee_id) == agent.id)
    if view == "unassigned":
        return sa.and_(is_open, col(Ticket.assignee_id).is_(None), access.seen_tickets(db, agent))
    if view == "urgent":  # empty, not gone, where that guess is switched off: somebody may have it open
        shown = col(Ticket.is_urgent) if preferences.shown(db, "urgency") else sa.false()
        return sa.and_(is_open, shown, access.seen_tickets(db, agent))
    if view == "all":
        return sa.and_(is_open, access.seen_tickets(db, agent))
    if view == "resolved":
        return sa.and_(col(Ticket.state) == TicketState.RESOLVED, access.seen_tickets(db, agent))
    kind, _, number = view.partition("-")
    is_number = re.fullmatch("[0-9]{1,9}", number)
    if kind == "queue" and is_number and agents.serves(db, agent, int(number)) and db.get(Queue, int(number)):
        return sa.and_(is_open, col(Ticket.queue_id) == int(number))
    raise NotFound("not_found", view=view)


def _parse(cursor: str) -> tuple[datetime, int]:
    at, _, ticket_id = cursor.partition("~")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), int(ticket_id)
    except (ValueError, OverflowError) as error:
        raise NotFound("not_found", cursor=cursor) from error
