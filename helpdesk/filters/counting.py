"""How many tickets filters hold for, as far as it costs little to know."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.filters import Filter, spelled, stretches
from helpdesk.filters.questions import Question
from helpdesk.filters.sorting import SORTS
from helpdesk.filters.stretches import Stretch
from models import Agent, Ticket
from models.looking import ask

COUNTED = 1_000
"""A view with more tickets than this has "1,000+"."""
GLANCE = 2_000
"""Tickets looked at for a count."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many tickets; `is_more` when there may be more than were counted."""

    number: int
    is_more: bool = False

    def __bool__(self) -> bool:
        return self.number > 0

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.is_more else ''}"


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
    asked_by: Any = None
    if keeps and asked:
        asked_by = spelled.counts(Question(db, agent, Filter(), now), asked, COUNTED, GLANCE)
    if (known := spelled.known(asked_by)) is not None:
        return known
    parts = [part for key, each in asked.items() for part in _parts(Question(db, agent, each, now), key)]
    if not parts:
        return None
    query: Any = sa.union_all(*parts) if len(parts) > 1 else parts[0]
    spelled.keep(asked_by, query)
    return query


def _parts(question: Question, key: int) -> list[Any]:
    """Statements that answer with the key, how many tickets, and whether there may be more."""
    name = sa.literal(key, sa.Integer)
    if narrow := question.narrow():
        return [_among(narrow[0].limit(GLANCE + 1), name, *question.every(), glance=GLANCE)]
    found, rest = stretches.cover(question, SORTS["newest"])
    if question.asked.all.keys() == {"state", "urgent"} and not question.asked.any and found and found[0].is_urgent:
        return [_urgent(question, found[0], name)]
    glance = GLANCE // max(1, len(found))
    parts: list[Any] = []
    for each in found:
        if rest or each.rest:
            ids = stretches.newest(each, col(Ticket.id), most=glance + 1)
            parts.append(_among(ids, name, *rest, *each.rest, glance=glance))
        else:
            some = sa.select(sa.literal(1)).select_from(Ticket).where(*each.prefix).limit(COUNTED + 1).subquery()
            parts.append(sa.select(name, sa.func.count(), sa.false()).select_from(some))
    return parts


def _among(ids: "sa.Select[Any]", name: Any, *holds: sa.ColumnElement[bool], glance: int) -> Any:
    """How many of these tickets there are of which this holds; there may be more if they are more than a glance."""
    within = sa.select(ids.subquery().c[0])
    hit = sa.func.count().filter(sa.and_(*holds))
    return sa.select(name, hit, sa.func.count() > glance).select_from(Ticket).where(col(Ticket.id).in_(within))


def _urgent(question: Question, stretch: Stretch, name: Any) -> Any:
    """How many of the urgent ones the agent may see: their index says so itself, and no ticket is looked at."""
    within = stretches.newest(stretch, col(Ticket.queue_id), col(Ticket.assignee_id), most=GLANCE + 1).subquery()
    seen = sa.and_(sa.true(), *question.seen(within.c.queue_id, within.c.assignee_id))
    return sa.select(name, sa.func.count().filter(seen), sa.func.count() > GLANCE).select_from(within)
