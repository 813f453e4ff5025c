"""The work in hand, for supervisors: who has how much, how old it is, what is at risk, and who could take it.

The one idea: a figure is a question about open tickets (`Asked`), and its list asks the very same. So a number and what
opens behind it cannot differ, whatever is added to either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import agents, assigning, views
from helpdesk.errors import Invalid, NotFound
from models import Agent, AgentState, Call, CallState, Membership, Presence, Promise, Ticket, TicketState

STATES = ("open", "at_risk", "broken", "waiting")
"""Which open tickets: all; those whose promise is at risk, or broken; those in which the customer waits for us."""
AGES: Mapping[str, tuple[timedelta, timedelta | None]] = {
    "hours_4": (timedelta(), timedelta(hours=4)),
    "hours_24": (timedelta(hours=4), timedelta(hours=24)),
    "days_3": (timedelta(hours=24), timedelta(days=3)),
    "days_7": (timedelta(days=3), timedelta(days=7)),
    "older": (timedelta(days=7), None),
}
"""How long ago a ticket was opened: from the first on, and less than the second."""
SHOWN = 30
"""Tickets that are at risk or broken, with who could take each."""
TAKERS = 3
LISTED = 500
"""Tickets of one list, which are as many as are given to others at once."""
DESK = "desk"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which open tickets. `agent_id` 0: nobody's; None: anybody's."""

    how: str = "open"
    age: str = ""
    agent_id: int | None = None
    queue_id: int | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What an agent has in hand. `room` is how many tickets they would still take, None where nobody set a limit."""

    agent_id: int
    name: str
    state: str
    reason: str
    since: datetime | None
    open: int
    waiting: int
    at_risk: int
    broken: int
    room: int | None
    most: int
    call_id: int | None


@dataclass(frozen=True, slots=True)
class Age:
    """A bar of the backlog; `share` of the longest, in per cent."""

    code: str
    count: int
    unassigned: int
    share: int


@dataclass(frozen=True, slots=True)
class Line:
    """A ticket that is late or will be, and who could take it: pairs of id and name, whoever the desk would give it to
    first."""

    row: views.Row
    is_broken: bool
    takers: list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Picture:
    loads: list[Load]
    nobody: Load
    ages: list[Age]
    total: int
    lines: list[Line]
    endangered: int  # how many lines there would be
    queue_id: int | None


@dataclass(frozen=True, slots=True)
class Share:
    """A ticket that is to be given to somebody else. `to_name` is "" where there is nobody, `error` says why."""

    row: views.Row
    to_id: int | None
    to_name: str
    error: str = ""


def read(told: Mapping[str, str]) -> Asked:
    """What an address asks for. Raises `NotFound` for a question there is not."""
    how, age = told.get("how") or "open", told.get("age", "")
    if how not in STATES or (age and age not in AGES):
        raise NotFound("not_found", how=how[:40])
    return Asked(how, age, _number(told.get("agent", "")), _number(told.get("queue", "")))


def picture(db: Session, agent: Agent, *, queue_id: int | None = None, now: datetime) -> Picture:
    """All of it as it is now, of one queue or of all. Reads open tickets, and the promises on them, once."""
    base = Asked(queue_id=queue_id)
    loads, nobody = _loads(db, agent, queue_id, now)
    ages, total = _ages(db, base, now)
    lines, endangered = _lines(db, agent, base, now)
    return Picture(loads, nobody, ages, total, lines, endangered, queue_id)


def rows(db: Session, agent: Agent, asked: Asked, *, now: datetime) -> list[views.Row]:
    """The tickets behind a figure, what is due first first, at most `LISTED`."""
    order = (col(Ticket.due_at).is_(None), col(Ticket.due_at), col(Ticket.created_at), col(Ticket.id))
    ids = db.scalars(sa.select(col(Ticket.id)).where(*_meaning(asked, now)).order_by(*order).limit(LISTED)).all()
    return views.rows(db, [each for each in ids if each], agent, agent.language)


def plan(db: Session, agent: Agent, ticket_ids: Sequence[int], to: str) -> list[Share]:
    """To whom each ticket would go: by the desk, to a colleague by number, or with "" back to its queue. Nothing is
    done. Raises `Invalid` for who is nobody."""
    rows_of = {row.id: row for row in views.rows(db, list(ticket_ids)[:LISTED], agent, agent.language)}
    tickets = {each.id: each for each in db.exec(select(Ticket).where(col(Ticket.id).in_(rows_of)))}
    if to == DESK:
        order = list(rows_of)
        given = assigning.shares(db, [tickets[number] for number in order])
        names = agents.names(db, language=agent.language)
        return [Share(rows_of[number], to_id, names.get(to_id or 0, ""), "" if to_id else "nobody_free")
                for number, to_id in zip(order, given, strict=True)]  # fmt: skip
    if to and _number(to) is None:
        raise Invalid("unknown_choice", field="to")
    whom = agents.get(db, int(to)) if to else None
    if whom is None:
        return [Share(row, None, "") for row in rows_of.values()]
    serves = {queue_id: agents.serves(db, whom, queue_id) for queue_id in {row.queue_id for row in rows_of.values()}}
    name = agents.called(whom, agent.language)
    return [Share(row, whom.id, name, "" if serves[row.queue_id] else "agent_not_in_queue")
            for row in rows_of.values()]  # fmt: skip


def _meaning(asked: Asked, now: datetime) -> "list[sa.ColumnElement[bool]]":
    """What must hold of a ticket. A broken promise was due; one at risk was said to be so and is due later."""
    found: list[Any] = [col(Ticket.state) == TicketState.OPEN, *_how(asked.how, now)]
    if asked.agent_id is not None:
        found.append(col(Ticket.assignee_id) == asked.agent_id if asked.agent_id else col(Ticket.assignee_id).is_(None))
    if asked.queue_id is not None:
        found.append(col(Ticket.queue_id) == asked.queue_id)
    if asked.age:
        found.append(_aged(asked.age, now))
    return found


def _how(how: str, now: datetime) -> "list[sa.ColumnElement[bool]]":
    warned = sa.exists().where(
        col(Promise.ticket_id) == Ticket.id, col(Promise.kept_at).is_(None), col(Promise.warned_at).is_not(None),
        col(Promise.due_at) > now,
    )  # fmt: skip
    broken = col(Ticket.due_at) <= now
    meant: dict[str, list[Any]] = {
        "open": [],
        "waiting": [col(Ticket.awaits_us)],
        "broken": [broken],
        "at_risk": [sa.or_(col(Ticket.due_at).is_(None), sa.not_(broken)), warned],
    }
    return meant[how]


def _aged(age: str, now: datetime) -> "sa.ColumnElement[bool]":
    least, most = AGES[age]
    begun = col(Ticket.created_at) <= now - least
    return begun if most is None else sa.and_(begun, col(Ticket.created_at) > now - most)


def _count(*conditions: Any) -> "sa.ColumnElement[int]":
    return sa.func.count().filter(sa.and_(sa.true(), *conditions))


def _loads(db: Session, reader: Agent, queue_id: int | None, now: datetime) -> tuple[list[Load], Load]:
    """Of everybody who serves the queues that are asked about, or has a ticket in them; and of nobody."""
    counts = sa.select(col(Ticket.assignee_id), *(_count(*_how(how, now)) for how in STATES))
    counted = {row[0]: tuple(row[1:]) for row in db.execute(
        counts.where(*_meaning(Asked(queue_id=queue_id), now)).group_by(col(Ticket.assignee_id)))}  # fmt: skip
    everywhere = {each: told[0] for each, told in counted.items()}
    if queue_id is not None:
        everywhere = {agent_id: number for agent_id, number in db.execute(
            sa.select(col(Ticket.assignee_id), sa.func.count()).where(col(Ticket.state) == TicketState.OPEN)
            .group_by(col(Ticket.assignee_id)))}  # fmt: skip
    serving = set(db.scalars(sa.select(col(Membership.agent_id)).where(
        sa.true() if queue_id is None else col(Membership.queue_id) == queue_id)))  # fmt: skip
    states = {each.agent_id: each for each in db.exec(select(AgentState).where(col(AgentState.ended_at).is_(None)))}
    talks = {agent_id: call_id for agent_id, call_id in db.execute(
        sa.select(col(Call.agent_id), col(Call.id))
        .where(col(Call.state) != CallState.ENDED, col(Call.agent_id).is_not(None)))}  # fmt: skip
    loads = []
    for each in db.exec(select(Agent).order_by(col(Agent.id))):
        if each.id not in counted and not (each.is_active and each.id in serving):
            continue
        state = states.get(each.id or 0)
        room = max(0, each.most_tickets - everywhere.get(each.id, 0)) if each.most_tickets else None
        total, at_risk, broken, waiting = counted.get(each.id, (0, 0, 0, 0))
        loads.append(Load(
            each.id or 0, agents.called(each, reader.language), (state.state if state else Presence.OFFLINE).value,
            state.reason if state else "", state.started_at if state else None, total, waiting, at_risk, broken, room,
            each.most_tickets, talks.get(each.id),
        ))  # fmt: skip
    loads.sort(key=lambda load: (-load.broken, -load.at_risk, -load.open, load.agent_id))
    total, at_risk, broken, waiting = counted.get(None, (0, 0, 0, 0))
    return loads, Load(0, "", "", "", None, total, waiting, at_risk, broken, None, 0, None)


def _ages(db: Session, base: Asked, now: datetime) -> tuple[list[Age], int]:
    nobodys = col(Ticket.assignee_id).is_(None)
    asked = [column for age in AGES for column in (_count(_aged(age, now)), _count(_aged(age, now), nobodys))]
    told = db.execute(sa.select(*asked).select_from(Ticket).where(*_meaning(base, now))).one()
    longest = max(told[::2], default=0) or 1
    bars = [
        Age(age, count, unassigned, round(100 * count / longest))
        for age, count, unassigned in zip(AGES, told[::2], told[1::2], strict=True)
    ]
    return bars, sum(bar.count for bar in bars)


def _lines(db: Session, agent: Agent, base: Asked, now: datetime) -> tuple[list[Line], int]:
    endangered = sa.or_(sa.and_(*_how("broken", now)), sa.and_(*_how("at_risk", now)))
    asked = (*_meaning(base, now), endangered)
    total = db.scalar(sa.select(sa.func.count()).select_from(Ticket).where(*asked)) or 0
    order = (col(Ticket.due_at).is_(None), col(Ticket.due_at), col(Ticket.id))
    tickets = list(db.exec(select(Ticket).where(*asked).order_by(*order).limit(SHOWN)))
    names = agents.names(db, language=agent.language)
    able = dict(zip((each.id for each in tickets), assigning.able(db, tickets), strict=True))
    late = {each.id: each.due_at is not None and each.due_at <= now for each in tickets}
    return [
        Line(row, late[row.id], [(number, names.get(number, "")) for number in able[row.id][:TAKERS]])
        for row in views.rows(db, [each.id or 0 for each in tickets], agent, agent.language)
    ], total  # fmt: skip


def _number(typed: str) -> int | None:
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 10 else None
