"""Figures of calls over long periods: days that are over come from what is kept, the others are counted now.

The one idea: a kept day is what `measures` said of it, so its totals can stand in for its rows, and a sum over a year
is one over some thousand rows instead of half a million. Only days are taken whose callers have all had their seven
days to come back (`CountedDay.is_settled`): what is said of the others still changes by the hour.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import measures
from helpdesk.measures import Calls, Interval, Work
from helpdesk.tallies import spread, totals
from models import AgentDay, CallDay, CountedDay

_WORK: Final = tuple(each.name for each in fields(Work))


def of_queues(
    db: Session, intervals: Sequence[Interval], queue_ids: Iterable[int], *, timezone: str, now: datetime
) -> dict[tuple[int, int], Calls]:
    """As `measures.of_queues`: by the place of the interval, and queue, in which there were any calls. The intervals
    do not overlap."""
    ids = sorted(set(queue_ids))
    kept = _kept(db, intervals, timezone)
    found: dict[tuple[int, int], Calls] = defaultdict(Calls)
    rest = [(slot, piece) for slot, whole in enumerate(intervals) for piece in _without(whole, kept, timezone)]
    for (place, queue_id), told in measures.of_queues(db, [piece for _, piece in rest], ids, now=now).items():
        found[rest[place][0], queue_id] += told
    slot_of = {day: slot for slot, whole in enumerate(intervals) for day in _days(whole, timezone) if day in kept}
    for day, queue_id, told in _calls(db, slot_of, ids):
        found[slot_of[day], queue_id] += told
    return dict(sorted(found.items()))


def of_agents(
    db: Session, interval: Interval, agent_ids: Iterable[int], *, timezone: str, now: datetime
) -> dict[int, Work]:
    """As `measures.of_agents`: how the time of these agents went, by id."""
    found = dict.fromkeys(sorted(set(agent_ids)), Work())
    kept = _kept(db, [interval], timezone)
    for piece in _without(interval, kept, timezone):
        for agent_id, told in measures.of_agents(db, piece, found, now=now).items():
            found[agent_id] += told
    if kept:
        whose, day = col(AgentDay.agent_id), col(AgentDay.day)
        sums = sa.select(whose, *(sa.func.sum(getattr(AgentDay, name)) for name in _WORK)).where(
            day >= min(kept), day <= max(kept), day.in_(sorted(kept))
        )
        for agent_id, *values in db.execute(sums.group_by(whose)):
            if agent_id in found:
                found[agent_id] += Work(**dict(zip(_WORK, map(int, values), strict=True)))
    return found


def hours(db: Session, interval: Interval, queue_ids: Iterable[int], *, timezone: str) -> Counter[tuple[int, int]]:
    """How many calls were offered, by weekday (0 is Monday) and hour of the desk's clock."""
    ids, zone = sorted(set(queue_ids)), ZoneInfo(timezone)
    kept = _kept(db, [interval], timezone)
    moments = [at for piece in _without(interval, kept, timezone) for _, at in measures.arrivals(db, piece, ids)]
    found = Counter((at.weekday(), at.hour) for at in (each.astimezone(zone) for each in moments))
    rows = sa.select(col(CallDay.day), col(CallDay.halves)).where(
        col(CallDay.day) >= min(kept), col(CallDay.day) <= max(kept), col(CallDay.queue_id).in_(ids)
    ) if kept else None  # fmt: skip
    for day, packed in db.execute(rows) if rows is not None else ():
        if day in kept:
            begin, halves = measures.day(day, timezone).begin, spread.unpacked_halves(packed)
            for half in np.flatnonzero(halves):
                at = (begin + int(half) * measures.RECENT).astimezone(zone)
                found[at.weekday(), at.hour] += int(halves[half])
    return found


def _calls(db: Session, days: Iterable[date], ids: Sequence[int]) -> Iterator[tuple[date, int, Calls]]:
    wanted = set(days)
    if not wanted:
        return
    day, queue_id = col(CallDay.day), col(CallDay.queue_id)
    rows = sa.select(day, queue_id, *(getattr(CallDay, name) for name in totals.CALLS)).where(
        day >= min(wanted), day <= max(wanted), queue_id.in_(ids)
    )
    for at, whose, *values in db.execute(rows):
        if at in wanted and any(values):
            yield at, whose, Calls(**dict(zip(totals.CALLS, values, strict=True)))


def _kept(db: Session, intervals: Sequence[Interval], timezone: str) -> set[date]:
    """The days that lie whole in one of the intervals and whose totals are kept and will not change by themselves. Who
    only reads is told once."""
    days = {day for each in intervals for day in _days(each, timezone)}
    if not days:
        return set()
    first, last = min(days), max(days)
    known: dict[tuple[date, date, str], set[date]] = db.info.setdefault("settled_days", {})
    if not db.info.get("is_reading") or (first, last, timezone) not in known:
        rows = sa.select(col(CountedDay.day)).where(
            col(CountedDay.day) >= first, col(CountedDay.day) <= last, col(CountedDay.timezone) == timezone,
            col(CountedDay.is_settled),
        )  # fmt: skip
        known[first, last, timezone] = set(db.scalars(rows))
    return days & known[first, last, timezone]


def _days(interval: Interval, timezone: str) -> list[date]:
    """The days that lie whole in an interval."""
    zone = ZoneInfo(timezone)
    first, last = interval.begin.astimezone(zone).date(), interval.end.astimezone(zone).date()
    every = [first + timedelta(days=ahead) for ahead in range((last - first).days + 1)]
    edges = {every[0], every[-1]}
    return [day for day in every if day not in edges or _holds(interval, measures.day(day, timezone))]


def _holds(whole: Interval, part: Interval) -> bool:
    return whole.begin <= part.begin and part.end <= whole.end


def _without(interval: Interval, kept: set[date], timezone: str) -> list[Interval]:
    """What is left of an interval without these days, in as few pieces as possible."""
    pieces, begin = [], interval.begin
    for day in _days(interval, timezone):
        if day in kept:
            of = measures.day(day, timezone)
            pieces.append(Interval(begin, of.begin))
            begin = of.end
    return [piece for piece in (*pieces, Interval(begin, interval.end)) if piece.begin < piece.end]
