"""What came, day by day and half hour by half hour: the past that forecasts are learned from.

The one idea: the kept totals of each day hold its half hours (`spread`), so a year is read without a single ticket.
Calls are those offered to a queue; what is written are its new tickets of every other channel, for a call's ticket is
the call. A day that is still to be counted, and all days before it, are left out: half a day would look like a quiet
one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.forecast import HALVES, Numbers
from helpdesk.tallies import spread, totals
from models import CallDay, Channel, TicketDay

CALLS: Final = "calls"
WRITTEN: Final = "written"
WAYS: Final = (CALLS, WRITTEN)
MOST_LIVE: Final = 3
"""Days counted while somebody waits."""

Key = tuple[int, str]
"""A queue, and how it is reached."""


@dataclass(frozen=True)
class Volumes:
    """Counts of the days from `first` to `last` (none where `last` is before it): a row a day, 48 half hours by the
    desk's clock. `left_out` days are not counted yet."""

    first: date
    last: date
    counts: dict[Key, Numbers]
    left_out: int


def read(db: Session, last: date, *, most: int, timezone: str, now: datetime) -> Volumes:
    """Up to `most` days of the past, `last` the newest of them, which must be over."""
    begun = totals.first_day(db, timezone=timezone) or last + timedelta(days=1)
    first = max(begun, last - timedelta(days=most - 1))
    gaps = totals.missing(db, first, last, timezone=timezone, now=now) if first <= last else []
    live, left_out = gaps[:MOST_LIVE], 0
    if len(gaps) > MOST_LIVE:
        left_out = (gaps[MOST_LIVE] - first).days + 1
        first = gaps[MOST_LIVE] + timedelta(days=1)
    days = max(0, (last - first).days + 1)
    found: dict[Key, Numbers] = {}
    for key, day, halves in _kept(db, first, last, set(live)):
        _row(found, key, days)[(day - first).days] += halves[:HALVES]
    for day in live:
        told = totals.of_day(db, day, timezone=timezone, now=now)
        place = (day - first).days
        for (queue_id, channel, _), cell in told.tickets.items():
            if channel != Channel.PHONE.value and place >= 0:
                _row(found, (queue_id, WRITTEN), days)[place] += spread.halves(cell.counts)[:HALVES]
        for queue_id, halves in told.halves.items():
            if place >= 0:
                _row(found, (queue_id, CALLS), days)[place] += np.asarray(halves[:HALVES], dtype=np.float64)
    return Volumes(first, last, found, left_out)


def yesterday(now: datetime, timezone: str) -> date:
    """The last day that is over."""
    return now.astimezone(ZoneInfo(timezone)).date() - timedelta(days=1)


def _row(found: dict[Key, Numbers], key: Key, days: int) -> Numbers:
    if key not in found:
        found[key] = np.zeros((days, HALVES))
    return found[key]


def _kept(db: Session, first: date, last: date, without: set[date]) -> Iterator[tuple[Key, date, Any]]:
    calls = sa.select(col(CallDay.day), col(CallDay.queue_id), col(CallDay.halves))
    for day, queue_id, packed in db.execute(calls.where(col(CallDay.day) >= first, col(CallDay.day) <= last)):
        if day not in without:
            yield (queue_id, CALLS), day, spread.unpacked_halves(packed)
    tickets = sa.select(col(TicketDay.day), col(TicketDay.queue_id), col(TicketDay.spread)).where(
        col(TicketDay.day) >= first, col(TicketDay.day) <= last, col(TicketDay.channel) != Channel.PHONE.value,
        col(TicketDay.opened) > 0,
    )  # fmt: skip
    for day, queue_id, packed in db.execute(tickets):
        if day not in without:
            yield (queue_id, WRITTEN), day, spread.halves(spread.unpacked((packed,)))
