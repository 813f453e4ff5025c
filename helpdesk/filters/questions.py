"""A filter as one agent asks it: what each condition means to the database, and what the agent may see."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import agents, preferences, queues
from helpdesk.customers import contact_points
from helpdesk.filters import FIELD, NO_ONE, Conditions, Filter
from helpdesk.search import letters
from models import Agent, Customer, FieldValue, Role, Ticket, TicketTag

TOGETHER = 2_000
"""Tickets that are sorted in memory."""


def holding(db: Session, agent: Agent, asked: Filter, ticket_ids: Sequence[int], *, now: datetime) -> set[int]:
    """Which of these tickets the filter holds for, and the agent may see."""
    if not ticket_ids:
        return set()
    question = Question(db, agent, asked, now)
    query = sa.select(col(Ticket.id)).where(col(Ticket.id).in_(ticket_ids), *question.every())
    return set(db.scalars(query))


def conditions(db: Session, asked: Filter, *, now: datetime) -> list[sa.ColumnElement[bool]]:
    """All that must hold of a ticket, as somebody asks who may see every one and is nobody's assignee."""
    return Question(db, Agent(name="", email="", role=Role.SUPERVISOR, created_at=now), asked, now).every()


class Question:
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
        return [*self.every_of(self.asked.all), *self.seen()]

    def seen(self, queue_id: Any = None, assignee_id: Any = None) -> list[sa.ColumnElement[bool]]:
        """What makes a ticket one the agent may see, where these two are read from its table or from elsewhere."""
        if self.served is None:
            return []
        queue_id = self.plain("queue_id") if queue_id is None else queue_id
        assignee_id = self.plain("assignee_id") if assignee_id is None else assignee_id
        return [sa.or_(queue_id.in_(self.served), assignee_id == self.me)]

    def every_of(self, conditions: Conditions) -> list[sa.ColumnElement[bool]]:
        """These conditions, and that of those of which at least one must hold one does."""
        one = [sa.or_(*self._conditions(self.asked.any))] if self.asked.any else []
        return [*self._conditions(conditions), *one]

    def narrow(self) -> list["sa.Select[Any]"]:
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

    def _conditions(self, conditions: Conditions) -> list[sa.ColumnElement[bool]]:
        return [
            self._of_field(kind, values) if kind.startswith(FIELD) else _MEANING[kind](self, values)
            for kind, values in conditions.items()
        ]

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
        people = [self.me if value == "me" else int(value) for value in values if value not in NO_ONE]
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


_MEANING: Mapping[str, Callable[[Question, Sequence[str]], sa.ColumnElement[bool]]] = {
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
