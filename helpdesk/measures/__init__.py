"""How well callers were served: figures of queues and of agents over any interval, with their formulas.

The one idea: nothing is counted while it happens. Every figure is a sum over rows (stays in waiting lines, agents'
parts in calls, offers, agents' states) that is taken when somebody asks, in whole microseconds, so that the board and a
report of the same interval cannot differ, and a late callback that changes a call changes every figure it belongs to.

A stay belongs to the interval in which it began; who comes back to a queue is counted there again. An agent's part in a
call belongs to the interval in which it began. Intervals hold their begin and not their end. In the formulas A is
answered, B abandoned, Bs abandoned sooner than the queue's `short_abandon_seconds`, F passed on (overflowed, moved by a
person, to voice mail, to a call-back, or turned away after a wait), W still waiting, O = A + B + F + W offered, and T
the queue's `service_seconds`. Who was turned away at the door was refused and not offered.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.measures import statements
from helpdesk.measures.figures import SECOND, Calls, Work
from helpdesk.measures.intervals import (
    RECENT,
    SETTLED,
    Interval,
    day,
    days,
    half_hours,
    last_half_hours,
    recent,
    settled_day,
    today,
)
from models import Handling, Presence, Queue, QueueVisit

__all__ = [
    "LISTS", "RECENT", "SECOND", "SETTLED", "Calls", "Interval", "Work", "arrivals", "calls_behind", "day", "days",
    "each", "expected_wait", "half_hours", "last_half_hours", "of_agents", "of_queues", "parts_of_agents", "recent",
    "settled_day", "today", "total", "totals", "waiting_now",
]  # fmt: skip
LISTS = ("offered", "answered", "answered_in_time", "answered_late", "abandoned", "short_abandoned", "passed_on",
         "passed_on_late", "refused", "waiting")  # fmt: skip
"""The counts whose very calls can be listed."""


def of_queues(
    db: Session, intervals: Sequence[Interval], queue_ids: Iterable[int], *, now: datetime | None = None
) -> dict[tuple[int, int], Calls]:
    """The calls of each interval (by its place) and queue (by id) in which there were any. Two statements, however many
    intervals; they may overlap. With `now` a third counts who has not come back since."""
    ids = sorted(set(queue_ids))
    if not ids or not intervals:
        return {}
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for query in (statements.visits(intervals, ids), statements.parts(intervals, ids)):
        for row in db.execute(query).mappings():
            told = dict(row)
            found.setdefault((told.pop("slot"), told.pop("queue_id")), {}).update(
                {name: value if name == "waiting_since" else int(value or 0) for name, value in told.items()}
            )
    for key, firsts in _first_contacts(db, intervals, ids, now) if now else ():
        found.setdefault(key, {}).update(firsts)
    return {key: Calls(**told) for key, told in sorted(found.items())}


def of_agents(db: Session, interval: Interval, agent_ids: Iterable[int], *, now: datetime) -> dict[int, Work]:
    """How the time of these agents went, by id. What goes on is counted up to `now`. Four statements."""
    ids = sorted(set(agent_ids))
    found: dict[int, dict[str, int]] = {agent_id: {} for agent_id in ids}
    if not ids:
        return {}
    for agent_id, state, length in db.execute(statements.states(interval, ids, now)):
        if state != Presence.OFFLINE:
            found[agent_id][f"in_{state.value}"] = int(length)
    for agent_id, length in db.execute(statements.rings(interval, ids, now)):
        found[agent_id]["ringing"] = int(length)
    for agent_id, how, count in db.execute(statements.offers(interval, ids)):
        found[agent_id][how.value] = count
    for row in db.execute(statements.parts_of_agents(interval, ids)).mappings():
        found[row["agent_id"]] |= {name: int(value or 0) for name, value in row.items() if name != "agent_id"}
    return {agent_id: Work(**told) for agent_id, told in found.items()}


def parts_of_agents(
    db: Session, interval: Interval, agent_ids: Iterable[int]
) -> dict[tuple[int, int | None], dict[str, int]]:
    """What these agents did in calls, by agent and queue: "handled", "transferred", "talk", "hold" and "wrap_up" as in
    `Work`."""
    query = (
        sa.select(col(Handling.agent_id), col(Handling.queue_id),
                  *(value.label(name) for name, value in statements.part_figures().items()))
        .where(col(Handling.agent_id).in_(sorted(set(agent_ids))), col(Handling.began_at) >= interval.begin,
               col(Handling.began_at) < interval.end, col(Handling.ended_at).is_not(None))
        .group_by(col(Handling.agent_id), col(Handling.queue_id))
    )  # fmt: skip
    return {
        (row["agent_id"], row["queue_id"]): {
            name: int(value or 0) for name, value in row.items() if name not in ("agent_id", "queue_id")
        }
        for row in db.execute(query).mappings()
    }


def arrivals(db: Session, interval: Interval, queue_ids: Iterable[int]) -> list[tuple[int, datetime]]:
    """Queue and time of every call that is counted as offered."""
    wait = statements.Micros(col(QueueVisit.left_at)) - statements.Micros(col(QueueVisit.entered_at))
    are = statements.conditions(col(QueueVisit.how), wait, col(Queue.service_seconds) * SECOND,
                      col(Queue.short_abandon_seconds) * SECOND)  # fmt: skip
    rows = db.execute(
        sa.select(col(QueueVisit.queue_id), col(QueueVisit.entered_at))
        .join(Queue, col(Queue.id) == QueueVisit.queue_id)
        .where(col(QueueVisit.queue_id).in_(sorted(set(queue_ids))), col(QueueVisit.entered_at) >= interval.begin,
               col(QueueVisit.entered_at) < interval.end,
               sa.or_(col(QueueVisit.left_at).is_(None), are["offered"]))
    )  # fmt: skip
    return [(queue_id, at) for queue_id, at in rows]


def calls_behind(count: str, interval: Interval | None, queue_ids: Iterable[int]) -> Any:
    """A query for the ids of the calls behind one of `LISTS`; without an interval, whenever they came."""
    stays = sa.select(col(QueueVisit.call_id)).join(Queue, col(Queue.id) == QueueVisit.queue_id)
    wait = statements.Micros(col(QueueVisit.left_at)) - statements.Micros(col(QueueVisit.entered_at))
    are = statements.conditions(col(QueueVisit.how), wait, col(Queue.service_seconds) * SECOND,
                      col(Queue.short_abandon_seconds) * SECOND)  # fmt: skip
    stays = stays.where(col(QueueVisit.queue_id).in_(sorted(set(queue_ids))), are[count])
    if count == "waiting":
        stays = stays.where(col(QueueVisit.left_at).is_(None))
    if interval is not None:
        stays = stays.where(col(QueueVisit.entered_at) >= interval.begin, col(QueueVisit.entered_at) < interval.end)
    return stays


def waiting_now(db: Session, queue_ids: Iterable[int]) -> dict[int, list[datetime]]:
    """Since when callers wait, by queue, the longest first; whenever they came."""
    found: dict[int, list[datetime]] = {}
    for queue_id, since in db.execute(statements.WAITING, {"queue_ids": sorted(set(queue_ids))}):
        found.setdefault(queue_id, []).append(since)
    return found


def total(told: Iterable[Calls]) -> Calls:
    """All of them together."""
    return sum(told, Calls())


def totals(told: dict[tuple[int, int], Calls], count: int) -> list[Calls]:
    """Of each of so many intervals, its queues together."""
    found = [Calls()] * count
    for (slot, _), calls in told.items():
        found[slot] += calls
    return found


def each(told: dict[tuple[int, int], Calls], slot: int) -> Iterator[tuple[int, Calls]]:
    """The queues (id, calls) of one interval among those asked for."""
    return ((queue_id, calls) for (place, queue_id), calls in told.items() if place == slot)


def expected_wait(waiting: int, handle_seconds: float | None, staffed: int) -> tuple[float, float] | None:
    """How long who comes now will wait: W * AHT / agents staffed (Little), as a range in seconds, never below 0.

    The range is one standard deviation to either side, as if calls ended independently of each other. None where nobody
    is there, or where nothing is known of how long a call takes.
    """
    if staffed < 1 or handle_seconds is None:
        return None
    pace = handle_seconds / staffed
    return max(0.0, (waiting - math.sqrt(waiting)) * pace), (waiting + math.sqrt(waiting)) * pace


def _first_contacts(
    db: Session, intervals: Sequence[Interval], ids: Sequence[int], now: datetime
) -> Iterator[tuple[tuple[int, int], dict[str, int]]]:
    """For each interval (by its place) and queue how many answered calls have had their seven days, and after how many
    of them nobody came back.

    The database says so of each call once and they are put into their intervals here: joined with a thousand half hours
    it would compare every call with each of them, and asked for each half hour it goes about it another way.
    """
    import numpy as np  # takes its time to load, and the board is there before

    calls: dict[int, list[tuple[int, int]]] = {}
    for queue_id, entered, resolved in db.execute(statements.firsts(statements.runs(intervals), ids, now)):
        calls.setdefault(queue_id, []).append((entered, resolved))
    begins, ends = (
        np.array([statements.micros_of(getattr(each, name)) for each in intervals], np.int64)
        for name in ("begin", "end")
    )
    for queue_id, told in calls.items():
        entered, resolved = np.array(sorted(told), np.int64).T
        sums = np.concatenate(([0], np.cumsum(resolved)))
        first, last = np.searchsorted(entered, begins), np.searchsorted(entered, ends)
        for slot in np.flatnonzero(last > first).tolist():
            low, high = int(first[slot]), int(last[slot])
            yield (slot, queue_id), {"first_contacts": high - low, "first_resolved": int(sums[high] - sums[low])}
