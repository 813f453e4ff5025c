"""Conditions on tickets that are no words: where they stand, whose they are, when they were written.

The idea: each is said twice over, as a set of tickets, which counts, and as a condition on their rows, which puts them
in order; what a ticket stands in is kept in sets, and the rest is asked of the rows each time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import agents, queues
from helpdesk.search import letters, sets
from helpdesk.search.asking import ME, Condition, Problem
from helpdesk.search.sets import ASSIGNEE, QUEUE, STATE
from models import Agent, Priority, Role, Tag, Ticket, TicketState, TicketTag


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that was understood. `holds` is the whole of it; where sets are kept by its `column`, one of `values`
    there, or with `but` none of them, is the same."""

    holds: sa.ColumnElement[bool]
    column: str = ""
    values: Sequence[Any] = ()
    but: bool = False


def understood(db: Session, agent: Agent, asked: Sequence[Condition], problems: list[Problem]) -> list[Rule]:
    """What these conditions mean on behalf of the agent; what means nothing is put among the problems."""
    made = (_rule(db, agent, each, problems) for each in asked)
    return [rule for rule in made if rule is not None]


def narrowed(db: Session, agent: Agent, rules: Sequence[Rule], tickets: int) -> int:
    """Those of a set of tickets that the agent may see, as `access.seen_tickets` has it, and that fit every rule."""
    if agent.role != Role.SUPERVISOR:
        served = sets.standing(db, QUEUE, agents.queue_ids(db, agent))
        tickets &= served | sets.standing(db, ASSIGNEE, [agent.id])
    for rule in sorted(rules, key=lambda rule: not rule.column):  # what is asked of rows is asked of few
        if rule.column:
            standing = sets.standing(db, rule.column, rule.values)
            tickets &= ~standing if rule.but else standing
        elif tickets:
            tickets = sets.where(db, rule.holds, tickets)
    return tickets


def _rule(db: Session, agent: Agent, asked: Condition, problems: list[Problem]) -> Rule | None:
    if asked.name == "has":
        return None  # the index knows
    if asked.name == "before":
        return _told(asked, col(Ticket.created_at) < asked.at)
    if asked.name == "after":
        return _told(asked, col(Ticket.last_contact_at) >= asked.at)
    if asked.name == "is" and asked.value == "urgent":
        return _told(asked, sa.or_(col(Ticket.is_urgent), col(Ticket.priority) == Priority.URGENT))
    if asked.name == "is":
        column, value = {"mine": (ASSIGNEE, agent.id), "unassigned": (ASSIGNEE, None)}.get(asked.value, (STATE, None))
        return _stands(asked, column, [TicketState(asked.value) if column == STATE else value])
    name = letters.fold(asked.value)
    rows: list[tuple[int | None, tuple[str, ...]]]
    if asked.name == "queue":
        rows = [(queue.id, (queue.name, queue.name_en, queue.slug)) for queue in queues.everyone(db)]
    elif asked.name == "agent":
        if name in ME:
            return _stands(asked, ASSIGNEE, [agent.id])
        people = db.execute(sa.select(col(Agent.id), col(Agent.name), col(Agent.reading), col(Agent.email)))
        rows = [(found, (one, one.replace(" ", ""), kana, kana.replace(" ", ""), mail.partition("@")[0]))
                for found, one, kana, mail in people]  # fmt: skip
    else:
        rows = [(found, (one,)) for found, one in db.connection().execute(sa.select(col(Tag.id), col(Tag.name)))]
    ids = [found for found, names in rows if name in map(letters.fold, names)]
    if asked.name != "tag":
        ids = ids or [found for found, names in rows if any(name in letters.fold(each) for each in names)]
    if not ids:
        problems.append(Problem(f"unknown_{asked.name}", asked.value))
        return None
    if asked.name == "tag":
        tagged = sa.select(col(TicketTag.ticket_id)).where(col(TicketTag.tag_id).in_(ids))
        return _told(asked, col(Ticket.id).in_(tagged))
    return _stands(asked, QUEUE if asked.name == "queue" else ASSIGNEE, ids)


def _told(asked: Condition, holds: sa.ColumnElement[bool]) -> Rule:
    return Rule(sa.not_(holds) if asked.but else holds)


def _stands(asked: Condition, column: str, values: Sequence[Any]) -> Rule:
    stands: Any = col(getattr(Ticket, column))
    holds = stands.is_(None) if list(values) == [None] else sa.and_(stands.is_not(None), stands.in_(values))
    return Rule(sa.not_(holds) if asked.but else holds, column, values, asked.but)
