"""Stretches and totals kept true by following the log of facts.

The idea is that of the search: nobody tells them what to do. Whatever ticket a fact names is folded anew, the days on
which that changes something are let go of, and days that are over and have no totals are counted, the newest first.
The bookmark moves with what is written, so what is cut off is done again and what is done twice changes nothing. What
was there before the bookmark is taken in beside the work, from the newest ticket to the oldest.

Whoever asks for a report first lets the log be followed to its end (`follow`), so a report misses no fact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.events import last_number
from helpdesk.tallies import stretches, totals
from helpdesk.tallies.stretches import Hours, Told
from models import (
    AgentDay,
    AutomationDay,
    Bookmark,
    Call,
    CallDay,
    CountedDay,
    Event,
    RoutingDay,
    Stretch,
    TagDay,
    Ticket,
    TicketDay,
)
from models.database import Database

STRIDE: Final = 400
"""Events looked through in one reading."""
HANDFUL: Final = 100
"""Tickets of the past folded at one look."""
LOG, PAST = "service:log", "service:past"
_AWAY: Final = timedelta(days=8)
"""A day's callers may come back so many days later."""
_RETURNS: Final = {"ticket_moved", "customer_linked", "customer_unlinked", "ticket_merged", "ticket_unmerged",
                   "ticket_split"}  # fmt: skip
"""The facts that change who came back to whom though nobody wrote or called."""
_TAGS: Final = {"ticket_tagged", "ticket_untagged"}


@dataclass(slots=True)
class Batch:
    """What one transaction writes."""

    bookmark: str
    begins: int
    ends: int
    told: list[Told]
    rows: list[dict[str, object]]
    calls: list[tuple[datetime, datetime]]  # of which it is told something: from when to when they lasted
    returns: list[tuple[datetime, datetime]]
    moments: list[datetime]  # whose days are to be counted again besides
    limits: bool  # what a queue promises may be something else


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of what was there before is folded, in [0, 1], and how many days are still to be counted."""

    share: float
    days_left: int


def follow(database: Database, *, timezone: str, go_on: Callable[[], bool] = lambda: True) -> int:
    """Take in all that the log tells since the bookmark. Returns how many facts that were."""
    taken = 0
    hours: Hours | None = None
    while go_on():
        try:
            batch = database.read_now(_news, hours, timezone)
        except _NotBegun:
            database.write_now(begin)
            continue
        if batch is None:
            break
        database.write_now(_keep, batch, timezone)
        taken += batch.ends - batch.begins
        hours = None  # a calendar may be another one by now; within a reading it is not
    return taken


def look_back(database: Database, *, timezone: str, most: int, go_on: Callable[[], bool] = lambda: True) -> bool:
    """Fold some handfuls of the tickets that were there before. Returns whether there may be more."""
    hours = database.read_now(Hours)
    for _ in range(most):
        batch = database.read_now(_past, hours)
        if batch is None:
            return False
        database.write_now(_keep, batch, timezone)
        if not go_on():
            break
    return True


def count(database: Database, *, timezone: str, now: datetime, most: int, go_on: Callable[[], bool] = lambda: True
          ) -> bool:  # fmt: skip
    """Count some days that are over and not kept. Returns whether there are more. Only one may do so at a time, see
    `Database.alone`: what is kept between its reading and its writing must not be folded by another."""
    for done, day in enumerate(database.read_now(days_left, timezone=timezone, now=now)):
        if done >= most or not go_on():
            return True
        number = database.read_now(_mark)
        told = database.read_now(totals.of_day, day, timezone=timezone, now=now)
        database.write_now(_keep_day, told, number, timezone=timezone, now=now)
    return False


def days_left(db: Session, *, timezone: str, now: datetime) -> list[date]:
    """The days that are over and are not kept."""
    first = totals.first_day(db, timezone=timezone)
    yesterday = now.astimezone(ZoneInfo(timezone)).date() - timedelta(days=1)
    if first is None or first > yesterday:
        return []
    return totals.missing(db, first, yesterday, timezone=timezone, now=now)


def begin(db: Session) -> None:
    """Lay the bookmarks: the log is followed from now on, everything until now is the past. Once."""
    if db.get(Bookmark, LOG) is not None:
        return
    db.add(Bookmark(name=LOG, number=last_number(db)))
    db.add(Bookmark(name=PAST, number=(db.scalar(sa.select(sa.func.max(col(Ticket.id)))) or 0) + 1))
    db.flush()


def begin_anew(db: Session) -> None:
    """Forget everything that is kept."""
    for table in (Stretch, TicketDay, AgentDay, CallDay, TagDay, RoutingDay, AutomationDay, CountedDay):
        db.execute(sa.delete(table))
    db.execute(sa.delete(Bookmark).where(col(Bookmark.name).in_((LOG, PAST))))
    begin(db)


def progress(db: Session, *, timezone: str, now: datetime) -> Progress:
    """How far it is."""
    mark = db.get(Bookmark, PAST)
    newest = (db.scalar(sa.select(sa.func.max(col(Ticket.id)))) or 0) + 1
    share = 0.0 if mark is None else 1 - mark.number / max(newest, mark.number)
    return Progress(share, len(days_left(db, timezone=timezone, now=now)))


def kept(db: Session) -> tuple[int, int]:
    """How many tickets are folded, and days counted."""
    tickets = db.scalar(sa.select(sa.func.count()).select_from(Stretch).where(col(Stretch.number) == 1))
    return tickets or 0, db.scalar(sa.select(sa.func.count()).select_from(CountedDay)) or 0


class _NotBegun(Exception):
    """No bookmark lies in the log yet."""


def _mark(db: Session) -> int:
    mark = db.get(Bookmark, LOG)
    if mark is None:
        raise _NotBegun
    return mark.number


def _news(db: Session, hours: Hours | None, timezone: str) -> Batch | None:
    begins = _mark(db)
    found = db.execute(
        sa.select(col(Event.id), col(Event.fact), col(Event.at), col(Event.ticket_id), col(Event.call_id),
                  col(Event.data)).where(col(Event.id) > begins).order_by(col(Event.id)).limit(STRIDE)
    ).all()  # fmt: skip
    if not found:
        return None
    ticket_ids = {row.ticket_id for row in found if row.ticket_id}
    told = stretches.read(db, ticket_ids)
    hours = hours or Hours(db)
    others = {row.ticket_id for row in found if row.ticket_id and row.fact in _RETURNS}
    tagged = {row.ticket_id for row in found if row.ticket_id and row.fact in _TAGS}
    return Batch(
        LOG, begins, found[-1].id, told, [row for each in told for row in stretches.fold(each, hours)],
        _calls(db, {row.call_id for row in found if row.call_id}),
        [(each.created_at, each.last_contact_at) for each in told if each.id in others],
        [each.created_at for each in told if each.id in tagged]
        + [row.at for row in found if row.fact == "agent_state_changed"],
        any(row.fact == "queue_changed" for row in found),
    )  # fmt: skip


def _past(db: Session, hours: Hours) -> Batch | None:
    mark = db.get(Bookmark, PAST)
    if mark is None or mark.number <= 0:
        return None
    ids = db.scalars(
        sa.select(col(Ticket.id)).where(col(Ticket.id) < mark.number).order_by(col(Ticket.id).desc()).limit(HANDFUL)
    ).all()
    told = stretches.read(db, [each for each in ids if each is not None])
    ends = (ids[-1] or 0) if len(ids) == HANDFUL else 0
    rows = [row for each in told for row in stretches.fold(each, hours)]
    return Batch(PAST, mark.number, ends, told, rows, [], [], [], False)


def _keep(db: Session, batch: Batch, timezone: str) -> bool:
    """Write a batch and move its bookmark; nothing where somebody else moved it meanwhile."""
    mark = db.get(Bookmark, batch.bookmark, with_for_update=True)
    if mark is None or mark.number != batch.begins:
        return False
    zone = ZoneInfo(timezone)
    moments, returns = stretches.write(db, batch.told, batch.rows) if batch.told else ([], [])
    days = {each.astimezone(zone).date() for each in (*moments, *batch.moments)}
    settled = {each.astimezone(zone).date() for each in returns}
    for begun, ended in batch.calls:
        days |= _days(begun, ended, zone)
    for begun, ended in (*batch.calls, *batch.returns):
        settled |= _days(begun - _AWAY, ended, zone)
    totals.let_go(db, days, settled=settled)
    if batch.limits:
        totals.let_go_of_limits(db)
    mark.number = batch.ends
    db.flush()
    return True


def _keep_day(db: Session, told: totals.Day, number: int, *, timezone: str, now: datetime) -> None:
    """Nothing where facts were taken in since the day was read: it is counted again."""
    mark = db.get(Bookmark, LOG, with_for_update=True)
    if mark is not None and mark.number == number:
        totals.keep(db, told, timezone=timezone, now=now)


def _calls(db: Session, ids: set[int]) -> list[tuple[datetime, datetime]]:
    rows = db.execute(
        sa.select(col(Call.started_at), sa.func.coalesce(Call.ended_at, Call.started_at, type_=Call.started_at.type))  # type: ignore[attr-defined]
        .where(col(Call.id).in_(sorted(ids)))
    )  # fmt: skip
    return [(begun, ended) for begun, ended in rows]


def _days(begun: datetime, ended: datetime, zone: ZoneInfo) -> set[date]:
    first, last = begun.astimezone(zone).date(), ended.astimezone(zone).date()
    return {first + timedelta(days=ahead) for ahead in range(max(0, (last - first).days) + 1)}
