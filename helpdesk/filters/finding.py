"""The tickets of a filter, a page at a time: walked along an index, or gathered and sorted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.filters import CHOICES, Filter, spelled, stretches
from helpdesk.filters.questions import TOGETHER, Question
from helpdesk.filters.sorting import SORTS, Sort, beyond, cursor_of, ordered, place
from helpdesk.filters.stretches import Stretch
from models import Agent, Ticket, TicketState
from models.looking import ask

WALK = 8_000
"""Tickets looked at for one page, before it says where it stopped."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of ticket ids. `is_paused` says that the search stopped though the page is not full, and `paused_at` by
    which time of the order; `newest` that only so many tickets with the newest contact were sorted."""

    ids: list[int]
    next_cursor: str | None = None
    is_paused: bool = False
    paused_at: datetime | None = None
    newest: int | None = None


def find(db: Session, agent: Agent, asked: Filter, *, sort: str, cursor: str = "", limit: int, now: datetime) -> Found:
    """The next `limit` tickets the agent may see, in that order. Raises `NotFound` for a cursor that is none."""
    order = SORTS.get(sort) or SORTS["newest"]
    question = Question(db, agent, asked, now)
    if order.column == "due_at":
        return _find_due(question, order, cursor, limit)
    return _find(question, order, cursor, limit)


def frozen(db: Session, agent: Agent, asked: Filter, *, most: int, now: datetime) -> list[int]:
    """The ids of all tickets the filter holds for at this moment, newest contact first, up to `most`."""
    ids: list[int] = []
    cursor: str | None = ""
    while cursor is not None and len(ids) < most:
        found = find(db, agent, asked, sort="newest", cursor=cursor, limit=most - len(ids), now=now)
        ids += found.ids
        cursor = found.next_cursor
    return ids


def _find_due(question: Question, order: Sort, cursor: str, limit: int) -> Found:
    """Those with a due time in its order, then those without by their number: no index orders both together."""
    found = Found([])
    if not cursor.startswith("-"):
        found = _find(question, order, cursor, limit, is_due=True)
        if found.next_cursor is not None:
            return found
        if len(found.ids) >= limit:
            return Found(found.ids, "-", newest=found.newest)
        cursor = "-"
    after = _find(question, Sort("id", order.is_descending), cursor[1:], limit - len(found.ids), is_due=False)
    next_cursor = f"-{after.next_cursor}" if after.next_cursor is not None else None
    return Found(found.ids + after.ids, next_cursor, after.is_paused, None, found.newest or after.newest)


def _find(question: Question, order: Sort, cursor: str, limit: int, *, is_due: bool | None = None) -> Found:
    """One page in the order of a column. `is_due` True: of those with a due time, False: of those without."""
    few = _few(question)
    states = question.asked.all.get("state", CHOICES["state"])
    is_indexed = order.column == "last_contact_at" or TicketState.RESOLVED not in states
    if few is not None or not is_indexed:
        return _gathered(question, few, order, cursor, limit, is_due)
    return _walked(question, order, cursor, limit, is_due)


def _gathered(question: Question, few: "sa.Select[Any] | None", order: Sort, cursor: str, limit: int,
              is_due: bool | None) -> Found:  # fmt: skip
    """A page of those few, or of the tickets with the newest contact, sorted."""
    is_more = False
    if few is None:
        few, is_more = _newest(question)
    key, ticket_id = question.plain(order.column), question.plain("id")
    inside = sa.select(few.subquery().c[0])
    query = sa.select(col(Ticket.id), key.label("sorted_by")).where(col(Ticket.id).in_(inside), *question.every())
    query = query.where(*_due(question.plain("due_at"), is_due))
    if cursor:
        query = query.where(beyond(order, key, ticket_id, place(order, cursor)))
    rows = question.db.execute(query.order_by(*ordered(order, key, ticket_id)).limit(limit + 1)).all()
    next_cursor = cursor_of(rows[limit - 1]) if len(rows) > limit else None
    return Found([row[0] for row in rows[:limit]], next_cursor, newest=TOGETHER if is_more else None)


def _few(question: Question) -> "sa.Select[Any] | None":
    """The ids of tickets one condition leaves, where these are few enough to be sorted."""
    for query in question.narrow():
        within = query.limit(TOGETHER + 1).subquery()
        if (question.db.scalar(sa.select(sa.func.count()).select_from(within)) or 0) <= TOGETHER:
            return query.limit(TOGETHER)
    return None


def _newest(question: Question) -> tuple["sa.Select[Any]", bool]:
    """The ids of the tickets with the newest contact, and whether there are others."""
    cover, _ = stretches.cover(question, SORTS["newest"])
    each = TOGETHER // max(1, len(cover)) + 1
    parts = [stretches.newest(stretch, col(Ticket.id), most=each) for stretch in cover]
    sizes = [sa.select(sa.select(sa.func.count()).select_from(part.subquery()).scalar_subquery()) for part in parts]
    is_more = any(size >= each for size in question.db.scalars(sa.union_all(*sizes) if len(sizes) > 1 else sizes[0]))
    return stretches.together(parts), is_more


def _walked(question: Question, order: Sort, cursor: str, limit: int, is_due: bool | None) -> Found:
    """A page along an index, to where the search pauses."""
    asked_by = None if cursor else spelled.first_page(question, order, limit, is_due)
    if (known := spelled.known(asked_by)) is not None:
        return _page_of(ask(question.db, known), limit, None)
    cover, rest = stretches.cover(question, order if order.column != "id" else SORTS["due_soon"])
    if not cover:
        return Found([])
    key, ticket_id = Ticket.__table__.c[order.column], col(Ticket.id)  # type: ignore[attr-defined]
    frame = list(_due(col(Ticket.due_at), is_due))
    if cursor:
        frame.append(beyond(order, key, ticket_id, place(order, cursor)))

    def along(stretch: Stretch, *holds: sa.ColumnElement[bool]) -> Any:
        walk = sa.select(ticket_id, key.label("sorted_by")).where(*stretch.prefix, *frame, *holds)
        return walk.order_by(*ordered(order, key, ticket_id))

    end: Any = None
    looks_on = bool(rest) or any(stretch.rest for stretch in cover)
    if looks_on:
        far = stretches.together([along(stretch).offset(WALK // len(cover)).limit(1) for stretch in cover])
        if reached := question.db.execute(far).all():
            nearest = max if order.is_descending else min
            end = nearest(reached, key=lambda row: (row[1], row[0]))
            frame.append(sa.not_(beyond(order, key, ticket_id, (end[1], end[0]))))
    parts = [along(stretch, *rest, *stretch.rest).limit(limit + 1) for stretch in cover]
    query: Any = parts[0]
    if len(parts) > 1:
        numbers, keys = stretches.together(parts).subquery().c
        query = sa.select(numbers, keys).order_by(*ordered(order, keys, numbers)).limit(limit + 1)
    if not looks_on:
        spelled.keep(asked_by, query)
    return _page_of(ask(question.db, query), limit, end)


def _page_of(rows: Sequence[Any], limit: int, end: Any) -> Found:
    ids = [row[0] for row in rows[:limit]]
    if len(rows) > limit:
        return Found(ids, cursor_of(rows[limit - 1]))
    if end is None:
        return Found(ids)
    return Found(ids, cursor_of(end), True, end[1] if isinstance(end[1], datetime) else None)


def _due(column: Any, is_due: bool | None) -> tuple[sa.ColumnElement[bool], ...]:
    return () if is_due is None else (column.is_not(None) if is_due else column.is_(None),)
