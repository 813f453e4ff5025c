"""The tickets behind a figure of the report of service, one after the other, however many there are.

Paging goes by the last row's time and number, so a file of a year is read in pieces and the thousandth page costs what
the first does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import measures, romaji
from helpdesk.errors import NotFound
from helpdesk.measures import Interval
from helpdesk.reports import Period
from helpdesk.tallies import totals
from helpdesk.tallies.totals import Asked
from models import Agent, Queue, Stretch, Ticket
from models.database import Database

PAGE: Final = 50
PIECE: Final = 2_000
"""Rows read at once for a file."""


def _all() -> sa.ColumnElement[bool]:
    return sa.true()


BEHIND: Final[Mapping[str, tuple[Any, Any, Any]]] = {
    # what is listed: by which time, whose the agent is, and which of them
    "opened": (Stretch.began_at, Stretch.agent_id, lambda: col(Stretch.number) == 1),
    "answered": (Stretch.answered_at, Stretch.responder_id, _all),
    "answer_late": (Stretch.answered_at, Stretch.responder_id, lambda: col(Stretch.answer_kept).is_(False)),
    "came_back": (Stretch.answered_at, Stretch.responder_id, lambda: col(Stretch.came_back).is_(True)),
    "resolved": (Stretch.ended_at, Stretch.agent_id, _all),
    "resolve_late": (Stretch.ended_at, Stretch.agent_id,
                     lambda: sa.and_(col(Stretch.resolve_kept).is_(False), sa.not_(col(Stretch.is_reopened)))),
    "reopened": (Stretch.ended_at, Stretch.agent_id, lambda: col(Stretch.is_reopened)),
    "transferred": (Stretch.ended_at, Stretch.agent_id, lambda: col(Stretch.transfers) > 0),
    "backlog": (Stretch.opened_at, Stretch.agent_id, lambda: col(Stretch.ended_at).is_(None)),
    "unanswered": (Stretch.opened_at, Stretch.agent_id,
                   lambda: sa.and_(col(Stretch.ended_at).is_(None), col(Stretch.asks),
                                   col(Stretch.answered_at).is_(None))),
}  # fmt: skip
TIMELESS: Final = ("backlog", "unanswered")
"""What is now, whenever it came."""


def within(what: str, period: Period, *, timezone: str, now: datetime) -> Interval:
    """The time whose rows are behind a figure of a period: who came back is counted of days whose seven days are over,
    as the figure is."""
    interval = period.interval(timezone)
    if what != "came_back":
        return interval
    settled = measures.settled_day(now, timezone).end
    return Interval(interval.begin, max(interval.begin, min(interval.end, settled)))


@dataclass(frozen=True, slots=True)
class Row:
    """One ticket in one of its stretches."""

    ticket_id: int
    number: int
    subject: str
    queue: str
    channel: str
    priority: int
    agent: str
    opened_at: datetime
    answered_at: datetime | None
    answer_open_seconds: int | None
    answer_kept: bool | None
    ended_at: datetime | None
    resolve_open_seconds: int | None
    resolve_kept: bool | None
    is_reopened: bool
    transfers: int
    at: datetime  # by which it is listed


def page(db: Session, what: str, interval: Interval, asked: Asked, *, language: str, cursor: str = "",
         limit: int = PAGE) -> tuple[list[Row], str]:  # fmt: skip
    """The next rows behind one of `BEHIND`, the oldest first, and the cursor of those after them ("": none). Raises
    `NotFound` for something else, and for a cursor that is none."""
    if what not in BEHIND:
        raise NotFound("not_found")
    at, whose, which = BEHIND[what]
    name = Queue.name_en if language == "en" else Queue.name
    query = (
        sa.select(
            col(Stretch.ticket_id), col(Stretch.number), col(Ticket.subject), col(name), col(Stretch.channel),
            col(Stretch.priority), sa.func.coalesce(Agent.name, "").label("agent"),
            sa.func.coalesce(Agent.reading, "").label("reading"),
            col(Stretch.opened_at), col(Stretch.answered_at),
            col(Stretch.answer_open_seconds), col(Stretch.answer_kept), col(Stretch.ended_at),
            col(Stretch.resolve_open_seconds), col(Stretch.resolve_kept), col(Stretch.is_reopened),
            col(Stretch.transfers), col(at),
        )
        .join(Ticket, col(Ticket.id) == Stretch.ticket_id)
        .join(Queue, col(Queue.id) == Stretch.queue_id)
        .join(Agent, col(Agent.id) == col(whose), isouter=True)
        .where(which(), *totals.conditions(asked, whose))
        .order_by(col(at), col(Stretch.ticket_id), col(Stretch.number))
        .limit(limit + 1)
    )  # fmt: skip
    since = None if what in TIMELESS else interval.begin
    if since is not None:
        query = query.where(col(at) < interval.end)
    if cursor:
        moment, ticket_id, number = _read(cursor)
        beyond = sa.tuple_(col(Stretch.ticket_id), col(Stretch.number)) > (ticket_id, number)
        query = query.where(sa.or_(col(at) > moment, beyond))
        since = max(moment, since or moment)
    if since is not None:  # by one bound, where an index begins: else all that came before is walked through
        query = query.where(col(at) >= since)
    rows = [
        Row(*told[:6], romaji.spoken(told.agent, told.reading, language), *told[8:])  # type: ignore[call-arg]
        for told in db.execute(query)
    ]
    last = rows[limit - 1] if len(rows) > limit else None
    return rows[:limit], f"{last.at.isoformat()}_{last.ticket_id}_{last.number}" if last else ""


def every(database: Database, what: str, interval: Interval, asked: Asked, *, language: str) -> Iterator[Row]:
    """All of them, read in pieces."""
    cursor = ""
    while True:
        rows, cursor = database.read_now(page, what, interval, asked, language=language, cursor=cursor, limit=PIECE)
        yield from rows
        if not cursor:
            return


def _read(cursor: str) -> tuple[datetime, int, int]:
    try:
        moment, ticket_id, number = cursor.split("_")
        at = datetime.fromisoformat(moment)
        found = at, int(ticket_id), int(number)
    except ValueError as error:
        raise NotFound("not_found") from error
    if at.tzinfo is None or not 0 <= found[1] < 2**31 or not 0 <= found[2] < 2**31:
        raise NotFound("not_found")
    return found
