"""Views of the tickets: mine, unassigned, all, one queue, resolved, and those that somebody kept; a page at a time.

Every view is a filter, see helpdesk/filters, which finds the tickets of a page by an index; one more statement reads
all that their rows show. Paging goes by the last row's key and never counts or skips, so the thousandth page costs what
the first does. What the rail counts is counted once for every number of the log: nothing changes without a fact.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import (
    agents,
    approvals,
    calls,
    drafts,
    filters,
    inbox,
    notifications,
    preferences,
    queues,
    recalls,
    romaji,
    saved_views,
    ways,
)
from helpdesk.errors import NotFound
from helpdesk.events import last_number
from helpdesk.filters import Filter, counting, finding
from helpdesk.filters.counting import Count
from models import (
    Agent,
    Customer,
    Direction,
    KeptDraft,
    Message,
    NotificationKind,
    Queue,
    Role,
    SavedView,
    Tag,
    Ticket,
    TicketState,
    TicketTag,
    looking,
)
from models.looking import Remembered, ask

PAGE = 50
NAMES = ("mine", "unassigned", "urgent", "all", "pending", "resolved")
_BETWEEN = "\x1f"

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
_TAGS = (
    sa.select(sa.func.aggregate_strings(col(Tag.name), _BETWEEN))
    .join(TicketTag, col(TicketTag.tag_id) == Tag.id)
    .where(col(TicketTag.ticket_id) == Ticket.id)
    .correlate(Ticket)
    .scalar_subquery()
)
_DRAFT = (
    sa.exists()
    .where(
        col(KeptDraft.ticket_id) == Ticket.id,
        col(KeptDraft.agent_id) == sa.bindparam("agent_id"),
        col(KeptDraft.thrown_at).is_(None),
    )
    .correlate(Ticket)
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
    priority: int
    created_at: datetime
    due_at: datetime | None
    due_kind: str
    tags: tuple[str, ...] = ()
    has_draft: bool = False  # of whoever asks; never in what everybody is shown


@dataclass(frozen=True, slots=True)
class View:
    """A view by its name in addresses; `saved` where somebody kept it."""

    name: str
    asked: Filter
    saved: SavedView | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and what `finding.Found` says of them."""

    rows: list[Row]
    next_cursor: str | None
    is_paused: bool = False
    paused_at: datetime | None = None
    newest: int | None = None


@dataclass(frozen=True, slots=True)
class Rail:
    """The counts at the edge of every page."""

    queues: list[dict[str, Any]]  # {"id", "name", "open": a Count, "needs_approval"}
    mine: Count
    unassigned: Count
    all: Count
    urgent: Count | None  # None: that guess is switched off
    awaiting: int  # mails of others for this agent to approve
    calls: int  # callers nobody has taken
    callbacks: int  # customers to call back
    callbacks_overdue: int  # and of these, whom longer than was promised
    parked: int  # what waits for a supervisor; 0 for others
    unread: int  # what the agent was told and has not read
    drafts: int  # what the agent has begun to write
    saved: list[dict[str, Any]]  # {"id", "name", "is_shared", "count": a Count}


def named(db: Session, agent: Agent, name: str) -> View:
    """Raises `NotFound` for a view there is not, that is not shared with the agent, or a queue they do not serve."""
    if name in _BUILT_IN:
        return View(name, _BUILT_IN[name])
    kind, _, number = name.partition("-")
    if re.fullmatch("[0-9]{1,9}", number):
        if kind == "saved":
            saved = saved_views.get(db, agent, int(number))
            return View(name, filters.read(saved.conditions), saved)
        if kind == "queue" and int(number) in agents.queue_ids(db, agent):
            return View(name, Filter({"state": (TicketState.OPEN,), "queue": (number,)}))
    raise NotFound("not_found", view=name)


def page(
    db: Session, agent: Agent, name: str, *, language: str, cursor: str = "", sort: str = "newest", now: datetime
) -> Page:
    """One page of a view, in one of `sorting.SORTS`. Raises `NotFound` as `named` does, and for a broken cursor."""
    return answers(db, agent, named(db, agent, name).asked, language=language, cursor=cursor, sort=sort, now=now)


def answers(
    db: Session, agent: Agent, asked: Filter, *, language: str, cursor: str = "", sort: str = "newest", now: datetime,
    limit: int = PAGE,
) -> Page:  # fmt: skip
    """The rows of the tickets a filter finds."""
    found = finding.find(db, agent, asked, sort=sort, cursor=cursor, limit=limit, now=now)
    shown = rows(db, found.ids, agent, language)
    return Page(shown, found.next_cursor, found.is_paused, found.paused_at, found.newest)


def total(db: Session, agent: Agent, view: View, *, now: datetime) -> Count | None:
    """How many tickets a view holds, as the rail counts it; None for resolved ones, which only grow in number."""
    if view.name == "resolved":
        return None
    return _counted(db, agent, now)[0].get(view.name) or counting.count(db, agent, view.asked, now=now)


def rows_for_all(db: Session, ids: Sequence[int], *, language: str) -> dict[int, Row]:
    """These tickets by number as a list shows them whoever looks, for a live update."""
    return _rows_of(db, list(ids), 0, language)


def stretch(now: datetime) -> int:
    """The ten seconds for which what is counted stays as it is where nothing happens."""
    return int(now.timestamp()) // _STALE_SECONDS


def rail(db: Session, agent: Agent, *, language: str, now: datetime) -> Rail:
    """Open tickets by queue the agent serves, the agent's own, and what else waits. Counts end at
    `counting.COUNTED`."""
    served = set(agents.queue_ids(db, agent))
    shown = [queue for queue in queues.everyone(db) if queue.id in served]
    counted, others = _counted(db, agent, now)
    awaiting, ringing, parked, to_call, overdue, unread, begun = others
    return Rail(
        [
            {
                "id": queue.id,
                "name": queue.called(language),
                "open": counted.get(f"queue-{queue.id}", _NONE),
                "needs_approval": queue.needs_approval,
            }  # fmt: skip
            for queue in shown
        ],
        counted["mine"],
        counted["unassigned"],
        counted["all"],
        counted["urgent"] if preferences.shown(db, "urgency") else None,
        awaiting,
        ringing,
        to_call,
        overdue,
        parked if agent.role == Role.SUPERVISOR else 0,
        unread,
        begun,
        [
            {"id": saved.id, "name": saved.name, "is_shared": saved.owner_id != agent.id,
             "count": counted[f"saved-{saved.id}"]}
            for saved in saved_views.of(db, agent)
        ],
    )  # fmt: skip


_NONE = Count(0)
_Counted = tuple[Mapping[str, Count], tuple[int, ...]]
_KEPT: WeakKeyDictionary[Any, dict[Any, tuple[Any, _Counted]]] = WeakKeyDictionary()
"""By engine and agent: the state of the log, and what was counted then."""
_AGENTS_KEPT = 2_000
_STALE_SECONDS = 10


def _counted(db: Session, agent: Agent, now: datetime) -> _Counted:
    """What the rail counts. Asked again only when the log has grown, the agent serves other queues, or ten seconds have
    passed: what is overdue becomes so without a fact."""
    kept = _KEPT.setdefault(db.get_bind().engine, {})
    saved = saved_views.of(db, agent)
    moment = (last_number(db), stretch(now), agent.role, preferences.shown(db, "urgency"),
              tuple(agents.queue_ids(db, agent)), tuple(each.id for each in saved))  # fmt: skip
    if (known := kept.get(agent.id)) and known[0] == moment and db.info.get("is_reading"):
        return known[1]
    counted = _count(db, agent, saved, now), _others(db, agent, now)
    if len(kept) > _AGENTS_KEPT:
        kept.clear()
    if db.info.get("is_reading"):
        kept[agent.id] = moment, counted
    return counted


def _others(db: Session, agent: Agent, now: datetime) -> tuple[int, ...]:
    """Mails to approve, callers who wait, what is set aside, customers to call back, of these who is overdue; what the
    agent has not read, and has begun to write."""
    query = _others_query(tuple(agents.queue_ids(db, agent)), tuple(ways.kinds_by(agent, "page")))
    return tuple(ask(db, query, me=agent.id, now=now)[0])


@lru_cache(maxsize=256)
def _others_query(queue_ids: tuple[int, ...], kinds: tuple[NotificationKind, ...]) -> "sa.Select[Any]":
    """The same statement for all who serve these queues: spelling it out takes three times as long as answering it."""
    me: Any = sa.bindparam("me")
    now: Any = sa.bindparam("now")
    return sa.select(
        approvals.count_query(queue_ids, me).scalar_subquery(),
        calls.waiting_query(queue_ids).scalar_subquery(),
        inbox.open_query().scalar_subquery(),
        recalls.open_query(queue_ids).scalar_subquery(),
        recalls.open_query(queue_ids, due_by=now).scalar_subquery(),
        notifications.unread_query(me, kinds).scalar_subquery(),
        drafts.count_query(me).scalar_subquery(),
    )


def _count(db: Session, agent: Agent, saved: list[SavedView], now: datetime) -> Mapping[str, Count]:
    names = ["mine", "unassigned", "all", "urgent", *(f"queue-{each}" for each in agents.queue_ids(db, agent))]
    asked = [_BUILT_IN.get(name) or Filter({"state": ("open",), "queue": (name.partition("-")[2],)}) for name in names]
    names += [f"saved-{each.id}" for each in saved]
    asked += [filters.read(each.conditions) for each in saved]
    found = counting.counts(db, agent, dict(enumerate(asked)), now=now)
    return {name: found[place] for place, name in enumerate(names)}


_BUILT_IN: Mapping[str, Filter] = {
    "mine": Filter({"state": ("open",), "assignee": ("me",)}),
    "unassigned": Filter({"state": ("open",), "assignee": ("nobody",)}),
    "urgent": Filter({"state": ("open",), "urgent": ("yes",)}),
    "all": Filter({"state": ("open",)}),
    "pending": Filter({"state": ("pending",)}),
    "resolved": Filter({"state": ("resolved",)}),
}


def rows(db: Session, ids: Sequence[int], agent: Agent, language: str) -> list[Row]:
    """These tickets as a list shows them to this agent, in the order given; those that are not there are left out."""
    kept = _rows_of(db, list(ids), agent.id, language)
    return [kept[ticket_id] for ticket_id in ids if ticket_id in kept]


def _rows_of(db: Session, ids: list[int], agent_id: int | None, language: str) -> dict[int, Row]:
    if not ids:
        return {}
    known = _rows_by_id(language, preferences.shown(db, "urgency"), looking.is_sqlite(db))
    return {row.id: row for row in known.all(db, ids=looking.numbers(ids, looking.is_sqlite(db)), agent_id=agent_id)}


def _row(*found: Any) -> Row:
    *values, tags, has_draft, reading, customers_reading = found
    values += [tuple(sorted(tags.split(_BETWEEN))) if tags else (), bool(has_draft)]
    row = Row(*values)
    if reading is None:
        return row
    return replace(
        row,
        customer_name=romaji.spoken(row.customer_name, customers_reading, "en"),
        assignee_name=romaji.spoken(row.assignee_name, reading, "en"),
    )


@lru_cache
def _rows_by_id(language: str, shows_urgency: bool, is_sqlite: bool) -> Remembered[Row]:
    ids = looking.listed("ids", is_sqlite)
    return Remembered(_rows(language, shows_urgency).where(col(Ticket.id).in_(ids)), _row)


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
            col(Ticket.priority),
            col(Ticket.created_at),
            col(Ticket.due_at),
            col(Ticket.due_kind),
            _TAGS,
            _DRAFT,
            *(sa.func.coalesce(of.reading, "") if language == "en" else sa.null() for of in (Agent, Customer)),
        )
        .join(Queue, col(Queue.id) == Ticket.queue_id)
        .join(Customer, col(Customer.id) == Ticket.customer_id, isouter=True)
        .join(Agent, col(Agent.id) == Ticket.assignee_id, isouter=True)
    )
    return rows
