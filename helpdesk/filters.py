"""What a view asks of tickets, and how the database answers however many tickets there are.

A filter is two sets of conditions: all of the first must hold, and of the second at least one. Finding its tickets
never costs more than a fixed amount of work, in one of two ways. Where an index has the order asked for, it is walked
from the newest on, and after `WALK` tickets the search pauses and says so; the next page goes on from there. Where a
tag, a field or a customer leaves few tickets, or no index has the order, those are taken together and sorted; where
they are more than `TOGETHER`, the newest of them are, and the page says that.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import agents, preferences, queues
from helpdesk.customers import contact_points
from helpdesk.errors import Invalid, NotFound
from helpdesk.search import letters
from models import (
    Agent,
    Channel,
    Customer,
    FieldValue,
    Priority,
    Role,
    Tag,
    Ticket,
    TicketField,
    TicketState,
    TicketTag,
)
from models.looking import ask

WALK = 8_000
"""Tickets looked at for one page, before it says where it stopped."""
TOGETHER = 2_000
"""Tickets that are sorted in memory."""
COUNTED = 1_000
"""A view with more tickets than this has "1,000+"."""
GLANCE = 2_000
"""Tickets looked at for a count."""
VALUES_MAX = 50
WORDS_MAX = 100

DAYS = ("1", "3", "7", "30", "90", "365")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "state": tuple(state.value for state in TicketState),
    "waiting": ("us", "them"),
    "priority": tuple(str(int(priority)) for priority in reversed(Priority)),
    "channel": tuple(channel.value for channel in Channel),
    "language": ("ja", "en"),
    "contact": (*(f"within:{days}" for days in DAYS), *(f"before:{days}" for days in DAYS)),
    "created": (*(f"within:{days}" for days in DAYS), *(f"before:{days}" for days in DAYS)),
    "due": ("overdue", "within:1", "within:3", "within:7", "any", "none"),
    "urgent": ("yes", "no"),
}
"""Kinds of conditions with their values; the others name rows (queue, assignee, tag) or hold words."""
WORDS = ("subject", "customer", "company")
_TIMED = frozenset({"contact", "created", "due"})
KINDS = ("state", "queue", "assignee", "waiting", "priority", "tag", "due", "contact", "created", "channel",
         "language", "customer", "company", "subject", "urgent")  # fmt: skip
FIELD = "field:"
"""A condition on one of the desk's own fields is this and the field's id."""

Conditions = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions by kind; of the values of one kind any may hold."""

    all: Conditions = field(default_factory=dict)
    any: Conditions = field(default_factory=dict)

    def is_timeless(self) -> bool:
        """Whether it asks the same whenever it is asked."""
        return _TIMED.isdisjoint(self.all) and _TIMED.isdisjoint(self.any)

    def stored(self) -> dict[str, dict[str, list[str]]]:
        """As a row keeps it."""
        return {"all": {kind: list(values) for kind, values in self.all.items()},
                "any": {kind: list(values) for kind, values in self.any.items()}}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of tickets; equal ones come by their number."""

    column: str
    is_descending: bool


SORTS: Mapping[str, Sort] = {
    "newest": Sort("last_contact_at", True),
    "oldest": Sort("last_contact_at", False),
    "created_newest": Sort("created_at", True),
    "created_oldest": Sort("created_at", False),
    "priority_high": Sort("priority", True),
    "priority_low": Sort("priority", False),
    "due_soon": Sort("due_at", False),
    "due_late": Sort("due_at", True),
}


@dataclass(frozen=True, slots=True)
class Found:
    """One page of ticket ids. `is_paused` says that the search stopped though the page is not full, and `paused_at` by
    which time of the order; `newest` that only so many tickets with the newest contact were sorted."""

    ids: list[int]
    next_cursor: str | None = None
    is_paused: bool = False
    paused_at: datetime | None = None
    newest: int | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many tickets; `is_more` when there may be more than were counted."""

    number: int
    is_more: bool = False

    def __bool__(self) -> bool:
        return self.number > 0

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.is_more else ''}"


def read(stored: Mapping[str, Any]) -> Filter:
    """A filter as a row keeps it."""
    return Filter(*({kind: tuple(values) for kind, values in (stored.get(part) or {}).items()}
                    for part in ("all", "any")))  # fmt: skip


def checked(db: Session, given: Filter) -> Filter:
    """The filter with nothing empty in it. Raises `Invalid("not_a_condition")` with the kind as its field."""
    fields = {f"{FIELD}{each.id}" for each in own_fields(db)}
    return Filter(_checked(given.all, fields), _checked(given.any, fields))


def _checked(conditions: Conditions, fields: set[str]) -> Conditions:
    kept: dict[str, tuple[str, ...]] = {}
    for kind, values in conditions.items():
        typed = tuple(dict.fromkeys(value.strip() for value in values if value.strip()))
        if not typed:
            continue
        if kind not in KINDS and kind not in fields:
            raise Invalid("not_a_condition", field=kind)
        if len(typed) > VALUES_MAX or any(len(value) > WORDS_MAX or "\x00" in value for value in typed):
            raise Invalid("not_a_condition", field=kind)
        allowed = CHOICES.get(kind)
        if allowed is not None and not set(typed) <= set(allowed):
            raise Invalid("not_a_condition", field=kind)
        if kind in ("queue", "tag") and not all(re.fullmatch("[0-9]{1,9}", value) for value in typed):
            raise Invalid("not_a_condition", field=kind)
        if kind == "assignee" and not all(re.fullmatch("me|nobody|somebody|[0-9]{1,9}", value) for value in typed):
            raise Invalid("not_a_condition", field=kind)
        kept[kind] = typed
    return kept


def own_fields(db: Session) -> list[TicketField]:
    """The desk's own fields of tickets, in their order."""
    return list(db.scalars(sa.select(TicketField).where(col(TicketField.is_active))
                           .order_by(col(TicketField.position), col(TicketField.id))))  # fmt: skip


def tags(db: Session) -> list[Tag]:
    """The desk's tags by name."""
    return list(db.scalars(sa.select(Tag).where(col(Tag.is_active)).order_by(col(Tag.name)).limit(500)))


def find(db: Session, agent: Agent, asked: Filter, *, sort: str, cursor: str = "", limit: int, now: datetime) -> Found:
    """The next `limit` tickets the agent may see, in that order. Raises `NotFound` for a cursor that is none."""
    order = SORTS.get(sort) or SORTS["newest"]
    question = _Question(db, agent, asked, now)
    if order.column == "due_at":
        return _find_due(question, order, cursor, limit)
    return _find(question, order, cursor, limit)


def count(db: Session, agent: Agent, asked: Filter, *, now: datetime) -> Count:
    """How many tickets the agent may see, up to `COUNTED`, by at most `GLANCE` looks."""
    return counts(db, agent, {0: asked}, now=now)[0]


def counts(db: Session, agent: Agent, asked: Mapping[int, Filter], *, now: datetime) -> dict[int, Count]:
    """The same for several filters in one statement, or two where some depend on the time; by their keys."""
    steady = {key: each for key, each in asked.items() if each.is_timeless()}
    found = {key: [0, False] for key in asked}
    for some in (steady, {key: each for key, each in asked.items() if key not in steady}):
        if (query := _counting(db, agent, some, now, keeps=some is steady)) is None:
            continue
        for key, hits, is_more in ask(db, query, me=agent.id):
            found[key][0] += hits
            found[key][1] = bool(found[key][1] or is_more)
    return {key: Count(min(hits, COUNTED), bool(more) or hits > COUNTED) for key, (hits, more) in found.items()}


def _counting(db: Session, agent: Agent, asked: Mapping[int, Filter], now: datetime, *, keeps: bool) -> Any:
    """The statement that counts these, None where there is nothing to count. One that is kept is the same for all who
    serve the same queues: its `me` is whoever asks."""
    known_by = _Question(db, agent, Filter(), now).counted_by(asked) if keeps and asked else None
    known = _SPELLED.get(known_by) if known_by is not None else None
    if known is not None:
        return known
    parts = [part for key, each in asked.items() for part in _Question(db, agent, each, now).counting(key)]
    if not parts:
        return None
    query: Any = sa.union_all(*parts) if len(parts) > 1 else parts[0]
    if known_by is not None:
        _keep(known_by, query)
    return query


def holding(db: Session, agent: Agent, asked: Filter, ticket_ids: Sequence[int], *, now: datetime) -> set[int]:
    """Which of these tickets the filter holds for, and the agent may see."""
    if not ticket_ids:
        return set()
    question = _Question(db, agent, asked, now)
    query = sa.select(col(Ticket.id)).where(col(Ticket.id).in_(ticket_ids), *question.every())
    return set(db.scalars(query))


def conditions(db: Session, asked: Filter, *, now: datetime) -> list[sa.ColumnElement[bool]]:
    """All that must hold of a ticket, as somebody asks who may see every one and is nobody's assignee."""
    return _Question(db, Agent(name="", email="", role=Role.SUPERVISOR, created_at=now), asked, now).every()


def frozen(db: Session, agent: Agent, asked: Filter, *, most: int, now: datetime) -> list[int]:
    """The ids of all tickets the filter holds for at this moment, newest contact first, up to `most`."""
    ids: list[int] = []
    cursor: str | None = ""
    while cursor is not None and len(ids) < most:
        found = find(db, agent, asked, sort="newest", cursor=cursor, limit=most - len(ids), now=now)
        ids += found.ids
        cursor = found.next_cursor
    return ids


# --- one question -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Branch:
    """A stretch of an index: what its first columns are, and what else must hold there alone."""

    prefix: tuple[Any, ...]
    rest: tuple[Any, ...] = ()
    is_urgent: bool = False  # of the index of what is urgent, which holds queue and assignee as well


class _Question:
    """A filter as one agent asks it now."""

    def __init__(self, db: Session, agent: Agent, asked: Filter, now: datetime) -> None:
        self.db, self.agent, self.asked, self.now = db, agent, asked, now
        self.me = sa.bindparam("me", agent.id, sa.Integer)
        self.is_sqlite = db.get_bind().dialect.name == "sqlite"
        self.every_queue = [queue.id or 0 for queue in queues.everyone(db)]
        self.served = None if agent.role == Role.SUPERVISOR else agents.queue_ids(db, agent)

    def plain(self, name: str) -> Any:
        """A ticket's column for conditions that shall not choose the index."""
        column = Ticket.__table__.c[name]  # type: ignore[attr-defined]
        return sa.literal_column(f"+ticket.{name}", column.type) if self.is_sqlite else column

    def every(self) -> list[sa.ColumnElement[bool]]:
        """All that must hold, the agent's right to see the ticket included."""
        return [*self._conditions(self.asked.all), *self._any(), *self._seen()]

    def key(self, *told: Any) -> Any:
        """What the statement of this question depends on, with what was told besides; None where it is another every
        time."""
        if self.asked.any or not self.asked.all.keys() <= _STEADY:
            return None
        served = None if self.served is None else tuple(self.served)
        shown = preferences.shown(self.db, "urgency")
        return told, self.agent.id, served, tuple(self.every_queue), shown, self.is_sqlite, *self.asked.all.items()

    def counted_by(self, asked: Mapping[int, Filter]) -> Any:
        """What the statement depends on that counts these filters. A filter that names whoever asks by number is meant
        for this agent alone."""
        told = tuple((key, tuple(each.all.items()), tuple(each.any.items())) for key, each in asked.items())
        own = str(self.agent.id)
        is_named = any(own in part.get("assignee", ()) for each in asked.values() for part in (each.all, each.any))
        served = None if self.served is None else tuple(self.served)
        shown = preferences.shown(self.db, "urgency")
        known = served, tuple(self.every_queue), shown, self.is_sqlite, COUNTED, GLANCE
        return self.agent.id if is_named else None, told, *known

    def branches(self, order: Sort) -> tuple[list[_Branch], list[sa.ColumnElement[bool]]]:
        """The stretches of indexes that hold every ticket asked for, none twice, and what must hold besides."""
        left = dict(self.asked.all)
        states = left.pop("state", CHOICES["state"])
        asked_queues = [int(value) for value in left.pop("queue", ())]
        by_contact = order.column == "last_contact_at"
        if left.get("urgent") == ("yes",) and by_contact and states == (TicketState.OPEN,):
            left.pop("urgent")
            rest = [*self._conditions(left), *self._any(), *self._seen(), *self._in_queues(asked_queues)]
            shown = sa.true() if preferences.shown(self.db, "urgency") else sa.false()
            return [_Branch((_text("state = 'open'"), col(Ticket.is_urgent), shown), is_urgent=True)], rest
        whose = left.get("assignee", ())
        people = [self.agent.id if value == "me" else int(value) for value in whose if value not in _NO_ONE]
        found: list[_Branch] = []
        if whose and not _NO_ONE & set(whose):
            left.pop("assignee")
            for agent_id in dict.fromkeys(people):
                own = () if agent_id == self.agent.id else tuple(self._seen())
                for state in states:
                    whom = self.me if agent_id == self.agent.id else agent_id
                    prefix = (col(Ticket.assignee_id) == whom, *self._state(state, by_contact))
                    found.append(_Branch(prefix, (*own, *self._in_queues(asked_queues))))
            return found, [*self._conditions(left), *self._any()]
        nobodys = tuple(whose) == ("nobody",) and states == (TicketState.OPEN,) and by_contact
        if nobodys:
            left.pop("assignee")
        rest = [*self._conditions(left), *self._any()]
        if self.served is None and not asked_queues and by_contact and not nobodys:
            return [_Branch(self._state(state, by_contact)) for state in states], rest
        seen = self.every_queue if self.served is None else self.served
        for queue_id in [queue_id for queue_id in seen if not asked_queues or queue_id in asked_queues]:
            if nobodys:
                of_nobody = (_text("state = 'open'"), _text("assignee_id IS NULL"))
                found.append(_Branch((col(Ticket.queue_id) == queue_id, *of_nobody)))
                continue
            found += [_Branch((col(Ticket.queue_id) == queue_id, *self._state(state, by_contact))) for state in states]
        if self.served is not None and not nobodys and not set(asked_queues or (0,)) <= set(self.served):
            # what is theirs in queues they do not serve
            elsewhere = (self.plain("queue_id").not_in(self.served), *self._in_queues(asked_queues))
            found += [
                _Branch((col(Ticket.assignee_id) == self.me, *self._state(state, by_contact)), elsewhere)
                for state in states
            ]
        return found, rest

    def few(self) -> "sa.Select[Any] | None":
        """The ids of tickets one condition leaves, where these are few enough to be sorted."""
        for query in self._narrow():
            within = query.limit(TOGETHER + 1).subquery()
            if (self.db.scalar(sa.select(sa.func.count()).select_from(within)) or 0) <= TOGETHER:
                return query.limit(TOGETHER)
        return None

    def newest(self) -> tuple["sa.Select[Any]", bool]:
        """The ids of the tickets with the newest contact, and whether there are others."""
        branches, rest = self.branches(SORTS["newest"])
        each = TOGETHER // max(1, len(branches)) + 1
        parts = [_ids(branch, each) for branch in branches]
        found = _together(parts)
        sizes = [sa.select(sa.select(sa.func.count()).select_from(part.subquery()).scalar_subquery()) for part in parts]
        is_more = any(size >= each for size in self.db.scalars(sa.union_all(*sizes) if len(sizes) > 1 else sizes[0]))
        return found, is_more

    def counting(self, key: int) -> list[Any]:
        """Statements that answer with the key, how many tickets, and whether there may be more."""
        name = sa.literal(key, sa.Integer)
        narrow = self._narrow()
        if narrow:
            within = narrow[0].limit(GLANCE + 1).subquery()
            hit = sa.func.count().filter(sa.and_(*self.every()))
            looked = sa.func.count() > GLANCE
            ids = sa.select(within.c[0])
            return [sa.select(name, hit, looked).select_from(Ticket).where(col(Ticket.id).in_(ids))]
        branches, rest = self.branches(SORTS["newest"])
        if self.asked.all.keys() == {"state", "urgent"} and not self.asked.any and branches and branches[0].is_urgent:
            return [self._urgent(name, branches[0])]
        parts: list[Any] = []
        for branch in branches:
            if not rest and not branch.rest:
                some = sa.select(sa.literal(1)).select_from(Ticket).where(*branch.prefix).limit(COUNTED + 1).subquery()
                parts.append(sa.select(name, sa.func.count(), sa.false()).select_from(some))
                continue
            within = _ids(branch, GLANCE // len(branches) + 1).subquery()
            hit = sa.func.count().filter(sa.and_(*rest, *branch.rest))
            looked = sa.func.count() > GLANCE // len(branches)
            ids = sa.select(within.c[0])
            parts.append(sa.select(name, hit, looked).select_from(Ticket).where(col(Ticket.id).in_(ids)))
        return parts

    def _urgent(self, name: Any, branch: _Branch) -> Any:
        """How many of the urgent ones the agent may see: their index says so itself, and no ticket is looked at."""
        order = (col(Ticket.last_contact_at).desc(), col(Ticket.id).desc())
        newest = sa.select(col(Ticket.queue_id), col(Ticket.assignee_id)).where(*branch.prefix).order_by(*order)
        within = newest.limit(GLANCE + 1).subquery()
        seen = sa.and_(sa.true(), *self._seen(within.c.queue_id, within.c.assignee_id))
        return sa.select(name, sa.func.count().filter(seen), sa.func.count() > GLANCE).select_from(within)

    def _narrow(self) -> list["sa.Select[Any]"]:
        """The ids of tickets that one condition alone leaves, for those conditions with an index of their own."""
        found: list[sa.Select[Any]] = []
        for kind, values in self.asked.all.items():
            if kind in ("customer", "company"):
                people = self._people(kind, values)
                found.append(sa.select(col(Ticket.id)).where(col(Ticket.customer_id).in_(people)))
            elif kind == "tag":
                found.append(sa.select(col(TicketTag.ticket_id)).where(
                    col(TicketTag.tag_id).in_([int(value) for value in values])).distinct())  # fmt: skip
            elif kind.startswith(FIELD):
                field_id = int(kind.removeprefix(FIELD))
                found.append(sa.select(col(FieldValue.ticket_id)).where(
                    col(FieldValue.field_id) == field_id, col(FieldValue.value).in_(values)).distinct())  # fmt: skip
        return found

    def _people(self, kind: str, values: Sequence[str]) -> "sa.Select[Any]":
        """Customers whose name, reading or company begins with the words."""
        columns = (Customer.company_key,) if kind == "company" else (Customer.name_key, Customer.reading_key)
        begins = []
        for value in values:
            for column in columns:
                make = contact_points.reading_key if column is Customer.reading_key else contact_points.name_key
                if key := make(value):
                    behind = key + "\U0010ffff"
                    begins.append(sa.select(col(Customer.id)).where(col(column) >= key, col(column) < behind))
        if not begins:
            return sa.select(col(Customer.id)).where(sa.false())
        every = sa.union(*begins) if len(begins) > 1 else begins[0]
        return sa.select(every.subquery().c[0]).limit(TOGETHER)

    def _state(self, state: str, by_contact: bool) -> tuple[sa.ColumnElement[bool], ...]:
        """With what the indexes of other orders are limited to, said in their own words."""
        is_state = col(Ticket.state) == state
        return (is_state,) if by_contact or state == TicketState.RESOLVED else (is_state, _text("state <> 'resolved'"))

    def _in_queues(self, queue_ids: Sequence[int]) -> tuple[sa.ColumnElement[bool], ...]:
        return (self.plain("queue_id").in_(queue_ids),) if queue_ids else ()

    def _seen(self, queue_id: Any = None, assignee_id: Any = None) -> list[sa.ColumnElement[bool]]:
        """What makes a ticket one the agent may see, where these two are read from its table or from elsewhere."""
        if self.served is None:
            return []
        queue_id = self.plain("queue_id") if queue_id is None else queue_id
        assignee_id = self.plain("assignee_id") if assignee_id is None else assignee_id
        return [sa.or_(queue_id.in_(self.served), assignee_id == self.me)]

    def _any(self) -> list[sa.ColumnElement[bool]]:
        return [sa.or_(*self._conditions(self.asked.any))] if self.asked.any else []

    def _conditions(self, conditions: Conditions) -> list[sa.ColumnElement[bool]]:
        return [
            self._of_field(kind, values) if kind.startswith(FIELD) else _MEANING[kind](self, values)
            for kind, values in conditions.items()
        ]

    def _of_field(self, kind: str, values: Sequence[str]) -> sa.ColumnElement[bool]:
        query = sa.select(sa.literal(1)).where(
            col(FieldValue.ticket_id) == col(Ticket.id),
            col(FieldValue.field_id) == int(kind.removeprefix(FIELD)),
            col(FieldValue.value).in_(values),
        )
        return query.correlate(Ticket).exists()

    def _of_tags(self, values: Sequence[str]) -> sa.ColumnElement[bool]:
        query = sa.select(sa.literal(1)).where(
            col(TicketTag.ticket_id) == col(Ticket.id), col(TicketTag.tag_id).in_([int(value) for value in values])
        )
        return query.correlate(Ticket).exists()

    def _of_assignees(self, values: Sequence[str]) -> sa.ColumnElement[bool]:
        column, parts = self.plain("assignee_id"), []
        if "nobody" in values:
            parts.append(column.is_(None))
        if "somebody" in values:
            parts.append(column.is_not(None))
        people = [self.me if value == "me" else int(value) for value in values if value not in _NO_ONE]
        if people:
            parts.append(sa.or_(*(column == each for each in people)))
        return sa.or_(*parts)

    def _of_time(self, name: str, values: Sequence[str]) -> sa.ColumnElement[bool]:
        column, parts = self.plain(name), []
        for value in values:
            side, _, days = value.partition(":")
            at = self.now - timedelta(days=int(days))
            parts.append(column >= at if side == "within" else column < at)
        return sa.or_(*parts)

    def _of_due(self, values: Sequence[str]) -> sa.ColumnElement[bool]:
        column, parts = self.plain("due_at"), []
        for value in values:
            if value == "none":
                parts.append(column.is_(None))
            elif value == "any":
                parts.append(column.is_not(None))
            elif value == "overdue":
                parts.append(column < self.now)
            else:
                parts.append(sa.and_(column >= self.now,
                                     column < self.now + timedelta(days=int(value.partition(":")[2]))))  # fmt: skip
        return sa.or_(*parts)

    def _of_words(self, values: Sequence[str]) -> sa.ColumnElement[bool]:
        column = self.plain("subject")
        return sa.or_(*(column.icontains(way, autoescape=True) for value in values for way in letters.writings(value)))


_NO_ONE = {"nobody", "somebody"}
_MEANING: Mapping[str, Callable[[_Question, Sequence[str]], sa.ColumnElement[bool]]] = {
    "state": lambda asked, values: asked.plain("state").in_(values),
    "queue": lambda asked, values: asked.plain("queue_id").in_([int(value) for value in values]),
    "assignee": lambda asked, values: asked._of_assignees(values),
    "waiting": lambda asked, values: sa.or_(*(asked.plain("awaits_us").is_(value == "us") for value in values)),
    "priority": lambda asked, values: asked.plain("priority").in_([int(value) for value in values]),
    "tag": lambda asked, values: asked._of_tags(values),
    "due": lambda asked, values: asked._of_due(values),
    "contact": lambda asked, values: asked._of_time("last_contact_at", values),
    "created": lambda asked, values: asked._of_time("created_at", values),
    "channel": lambda asked, values: asked.plain("channel").in_(values),
    "language": lambda asked, values: asked.plain("language").in_(values),
    "customer": lambda asked, values: asked.plain("customer_id").in_(asked._people("customer", values)),
    "company": lambda asked, values: asked.plain("customer_id").in_(asked._people("company", values)),
    "subject": lambda asked, values: asked._of_words(values),
    "urgent": lambda asked, values: (
        sa.or_(*(asked.plain("is_urgent").is_(value == "yes") for value in values))
        if preferences.shown(asked.db, "urgency") else sa.false()
    ),
}  # fmt: skip


# --- one page ---------------------------------------------------------------------------------------------------------


def _find_due(question: _Question, order: Sort, cursor: str, limit: int) -> Found:
    """Those with a due time in its order, then those without by their number: no index orders both together."""
    if not cursor.startswith("-"):
        found = _find(question, order, cursor, limit, is_due=True)
        if found.next_cursor is not None or len(found.ids) >= limit:
            return found if found.next_cursor is not None else Found(found.ids, "-", newest=found.newest)
        after = _find(question, Sort("id", order.is_descending), "", limit - len(found.ids), is_due=False)
        next_cursor = f"-{after.next_cursor}" if after.next_cursor is not None else None
        return Found(found.ids + after.ids, next_cursor, after.is_paused, None, found.newest or after.newest)
    after = _find(question, Sort("id", order.is_descending), cursor[1:], limit, is_due=False)
    next_cursor = f"-{after.next_cursor}" if after.next_cursor is not None else None
    return Found(after.ids, next_cursor, after.is_paused, None, after.newest)


def _find(question: _Question, order: Sort, cursor: str, limit: int, *, is_due: bool | None = None) -> Found:
    """One page in the order of a column. `is_due` True: of those with a due time, False: of those without."""
    few = question.few()
    is_walked = order.column == "last_contact_at" or TicketState.RESOLVED not in question.asked.all.get(
        "state", CHOICES["state"]
    )
    if few is not None or not is_walked:
        return _gathered(question, few, order, cursor, limit, is_due)
    return _walked(question, order, cursor, limit, is_due)


def _gathered(question: _Question, few: "sa.Select[Any] | None", order: Sort, cursor: str, limit: int,
              is_due: bool | None) -> Found:  # fmt: skip
    is_more = False
    if few is None:
        few, is_more = question.newest()
    key, ticket_id = question.plain(order.column), question.plain("id")
    inside = sa.select(few.subquery().c[0])
    query = sa.select(col(Ticket.id), key.label("sorted_by")).where(col(Ticket.id).in_(inside), *question.every())
    query = query.where(*_due(question.plain("due_at"), is_due))
    if cursor:
        query = query.where(_beyond(order, key, ticket_id, _parse(order, cursor)))
    rows = question.db.execute(query.order_by(*_ordered(order, key, ticket_id)).limit(limit + 1)).all()
    next_cursor = _cursor(rows[limit - 1]) if len(rows) > limit else None
    return Found([row[0] for row in rows[:limit]], next_cursor, newest=TOGETHER if is_more else None)


def _walked(question: _Question, order: Sort, cursor: str, limit: int, is_due: bool | None) -> Found:
    asked_by = None if cursor else question.key(order, limit, is_due)
    if asked_by is not None and (known := _SPELLED.get(asked_by)) is not None:
        return _page_of(ask(question.db, known), limit, None)
    branches, rest = question.branches(order if order.column != "id" else SORTS["due_soon"])
    if not branches:
        return Found([])
    key, ticket_id = Ticket.__table__.c[order.column], col(Ticket.id)  # type: ignore[attr-defined]
    frame = list(_due(col(Ticket.due_at), is_due))
    if cursor:
        frame.append(_beyond(order, key, ticket_id, _parse(order, cursor)))
    ordered = _ordered(order, key, ticket_id)
    end: Any = None
    looks_on = bool(rest) or any(branch.rest for branch in branches)
    if looks_on:
        each = WALK // len(branches)
        ends = [sa.select(ticket_id, key.label("sorted_by")).where(*branch.prefix, *frame).order_by(*ordered)
                .offset(each).limit(1) for branch in branches]  # fmt: skip
        reached = question.db.execute(_together(ends)).all()
        if reached:
            nearest = max if order.is_descending else min
            end = nearest(reached, key=lambda row: (row[1], row[0]))
            frame.append(sa.not_(_beyond(order, key, ticket_id, (end[1], end[0]))))
    parts = [
        sa.select(ticket_id, key.label("sorted_by")).where(*branch.prefix, *frame, *rest, *branch.rest)
        .order_by(*ordered).limit(limit + 1)
        for branch in branches
    ]  # fmt: skip
    if len(parts) == 1:
        query: Any = parts[0]
    else:
        numbers, keys = _together(parts).subquery().c
        query = sa.select(numbers, keys).order_by(*_ordered(order, keys, numbers)).limit(limit + 1)
    if asked_by is not None and not looks_on:
        _keep(asked_by, query)
    return _page_of(ask(question.db, query), limit, end)


_SPELLED: dict[Any, Any] = {}
"""The statements of first pages and of counts by what was asked and by whom: spelling one out costs as much as running
it, or twice that."""
_SPELLED_MOST = 2_000
_STEADY = {"state", "queue", "assignee", "waiting", "priority", "channel", "language", "urgent"}
"""Conditions that mean the same whenever they are asked."""


def _keep(asked_by: Any, query: Any) -> None:
    if len(_SPELLED) >= _SPELLED_MOST:
        _SPELLED.clear()
    _SPELLED[asked_by] = query


def _page_of(rows: Sequence[Any], limit: int, end: Any) -> Found:
    ids = [row[0] for row in rows[:limit]]
    if len(rows) > limit:
        return Found(ids, _cursor(rows[limit - 1]))
    if end is None:
        return Found(ids)
    return Found(ids, _cursor(end), True, end[1] if isinstance(end[1], datetime) else None)


def _due(column: Any, is_due: bool | None) -> tuple[sa.ColumnElement[bool], ...]:
    return () if is_due is None else (column.is_not(None) if is_due else column.is_(None),)


def _ids(branch: _Branch, most: int) -> "sa.Select[Any]":
    """The newest of a branch."""
    order = (col(Ticket.last_contact_at).desc(), col(Ticket.id).desc())
    return sa.select(col(Ticket.id)).where(*branch.prefix).order_by(*order).limit(most)


def _together(parts: "Sequence[sa.Select[Any]]") -> "sa.Select[Any]":
    """The rows of all; each part may have an order and a limit of its own."""
    if len(parts) == 1:
        return parts[0]
    subqueries = [part.subquery() for part in parts]
    every = sa.union_all(*(sa.select(*each.c) for each in subqueries)).subquery()
    return sa.select(*every.c)


def _ordered(order: Sort, *columns: Any) -> list[Any]:
    seen = columns[-1:] if order.column == "id" else columns
    return [column.desc() if order.is_descending else column.asc() for column in seen]


def _beyond(order: Sort, key: Any, ticket_id: Any, last: tuple[Any, int]) -> sa.ColumnElement[bool]:
    if order.column == "id":
        own: sa.ColumnElement[bool] = ticket_id < last[1] if order.is_descending else ticket_id > last[1]
        return own
    here, there = sa.tuple_(key, ticket_id), sa.tuple_(sa.literal(last[0], key.type), last[1])
    beyond: sa.ColumnElement[bool] = here < there if order.is_descending else here > there
    return beyond


def _cursor(row: Any) -> str:
    key = row[1].isoformat() if isinstance(row[1], datetime) else row[1]
    return f"{key}~{row[0]}"


def _parse(order: Sort, cursor: str) -> tuple[Any, int]:
    at, _, ticket_id = cursor.partition("~")
    try:
        key = int(at) if order.column in ("priority", "id") else datetime.fromisoformat(at).astimezone(UTC)
        if not 0 <= int(ticket_id) < 2**31 or (isinstance(key, int) and not 0 <= key < 2**31):
            raise ValueError(cursor)
        return key, int(ticket_id)
    except (ValueError, OverflowError) as error:
        raise NotFound("not_found", cursor=cursor) from error


def _text(words: str) -> sa.ColumnElement[bool]:
    """A condition word for word as a partial index has it."""
    return sa.text(f"ticket.{words}")  # type: ignore[return-value]
