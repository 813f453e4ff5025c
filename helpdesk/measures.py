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

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import aliased
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import Session, col
from sqlmodel.sql.sqltypes import UTCDateTime

from models import (
    Agent,
    AgentState,
    Call,
    CallOffer,
    Direction,
    Handling,
    Message,
    OfferEnd,
    Presence,
    Queue,
    QueueVisit,
    Ticket,
    VisitEnd,
)

RECENT = timedelta(minutes=30)
SECOND = 1_000_000
"""Microseconds, in which all lengths are kept."""
LISTS = ("offered", "answered", "answered_in_time", "answered_late", "abandoned", "short_abandoned", "passed_on",
         "passed_on_late", "refused", "waiting")  # fmt: skip
"""The counts whose very calls can be listed."""
SETTLED = timedelta(days=7)
"""Who has not come back about it by then was helped at the first contact."""
LONGEST_RING = timedelta(days=1)
"""An offer that is older does not ring any more."""
LONGEST_CALL = timedelta(days=1)
"""Nobody is on the telephone for longer, so of a month's calls those of the months before need not be read."""

_WAITING = (
    sa.select(col(QueueVisit.queue_id), col(QueueVisit.entered_at))
    .where(col(QueueVisit.left_at).is_(None), col(QueueVisit.queue_id).in_(sa.bindparam("queue_ids", expanding=True)))
    .order_by(col(QueueVisit.entered_at))
)


@dataclass(frozen=True, slots=True)
class Interval:
    """From `begin` up to, and without, `end`."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class _Handled:
    """The work there was with calls, in counts and microseconds, whether it is added up by queue or by agent."""

    handled: int = 0  # parts of calls that agents had, whose talk is over; transferred-in ones too
    transferred: int = 0
    talk: int = 0
    hold: int = 0
    wrap_up: int = 0

    @property
    def handle_seconds(self) -> float | None:
        """AHT: (talk + hold + wrap-up) / handled."""
        return _mean(self.talk + self.hold + self.wrap_up, self.handled)

    @property
    def wrap_up_seconds(self) -> float | None:
        """ACW: wrap-up / handled."""
        return _mean(self.wrap_up, self.handled)

    @property
    def transfer_rate(self) -> float | None:
        """Transferred to somebody else / handled."""
        return _share(self.transferred, self.handled)


@dataclass(frozen=True, slots=True)
class Calls(_Handled):
    """What became of the calls of an interval, in counts and microseconds. Those of several queues can be added."""

    answered: int = 0
    abandoned: int = 0
    overflowed: int = 0
    moved: int = 0
    voicemail: int = 0
    callback: int = 0
    turned_away: int = 0
    refused: int = 0
    waiting: int = 0
    short_abandoned: int = 0
    answered_in_time: int = 0
    abandoned_in_time: int = 0
    passed_on_late: int = 0
    answered_after: int = 0
    abandoned_after: int = 0
    first_contacts: int = 0  # answered calls of known numbers and customers whose seven days are over
    first_resolved: int = 0  # of them, those after which nobody came back
    waiting_since: datetime | None = None

    def __add__(self, other: "Calls") -> "Calls":
        sums = {name: getattr(self, name) + getattr(other, name) for name in _COUNTED}
        since = min(filter(None, (self.waiting_since, other.waiting_since)), default=None)
        return Calls(**sums, waiting_since=since)

    @property
    def passed_on(self) -> int:
        """F = overflowed + moved + voice mail + call-back + turned away after a wait."""
        return self.overflowed + self.moved + self.voicemail + self.callback + self.turned_away

    @property
    def offered(self) -> int:
        """O = A + B + F + W."""
        return self.answered + self.abandoned + self.passed_on + self.waiting

    @property
    def service_level(self) -> float | None:
        """A answered within T / (A + B - Bs + F after more than T). In [0, 1]; None where nobody can be counted."""
        of = self.answered + self.abandoned - self.short_abandoned + self.passed_on_late
        return _share(self.answered_in_time, of)

    @property
    def service_level_of_offered(self) -> float | None:
        """A within T / (A + B): whoever hung up was not served."""
        return _share(self.answered_in_time, self.answered + self.abandoned)

    @property
    def service_level_with_abandoned(self) -> float | None:
        """(A within T + B within T) / (A + B): who hung up within T lost nothing."""
        return _share(self.answered_in_time + self.abandoned_in_time, self.answered + self.abandoned)

    @property
    def service_level_without_early(self) -> float | None:
        """A within T / (A + B after more than T): who hung up within T is not counted."""
        return _share(self.answered_in_time, self.answered + self.abandoned - self.abandoned_in_time)

    @property
    def service_level_of_answered(self) -> float | None:
        """A within T / A."""
        return _share(self.answered_in_time, self.answered)

    @property
    def answer_seconds(self) -> float | None:
        """ASA: the sum of A's waits / A. Ringing is waiting; what came before the queue is not."""
        return _mean(self.answered_after, self.answered)

    @property
    def abandonment(self) -> float | None:
        """(B - Bs) / (O - Bs - W)."""
        return _share(self.abandoned - self.short_abandoned, self.offered - self.short_abandoned - self.waiting)

    @property
    def abandon_seconds(self) -> float | None:
        """The sum of B's waits / B."""
        return _mean(self.abandoned_after, self.abandoned)

    def longest_wait_seconds(self, now: datetime) -> float:
        """The longest of (now - entry) over W; 0 when nobody waits."""
        return max(0.0, (now - self.waiting_since).total_seconds()) if self.waiting_since else 0.0

    @property
    def first_contact_resolution(self) -> float | None:
        """FCR: answered calls after which the same customer, or the same number that is nobody's, neither called nor
        wrote to the same queue within seven days / answered calls whose seven days are over. What a machine wrote by
        itself is nobody's writing. None while they run."""
        return _share(self.first_resolved, self.first_contacts)


_COUNTED = tuple(field.name for field in fields(Calls) if field.name != "waiting_since")


@dataclass(frozen=True, slots=True)
class Work(_Handled):
    """How an agent's time of an interval went, in counts and microseconds. That of several agents can be added."""

    accepted: int = 0
    declined: int = 0
    timed_out: int = 0
    in_ready: int = 0
    in_busy: int = 0
    in_wrap_up: int = 0
    in_away: int = 0
    ringing: int = 0

    def __add__(self, other: "Work") -> "Work":
        return Work(**{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(Work)})

    @property
    def offered(self) -> int:
        """Calls that rang at the agent until the agent answered, declined or let them ring out. What somebody else took
        meanwhile, or whose caller hung up, says nothing about the agent."""
        return self.accepted + self.declined + self.timed_out

    @property
    def answer_rate(self) -> float | None:
        """Answered / offered to the agent."""
        return _share(self.accepted, self.offered)

    @property
    def occupancy(self) -> float | None:
        """(talk and hold + ringing + wrap-up) / (that + ready without ringing). Away is not counted."""
        return _share(self.in_busy + self.ringing + self.in_wrap_up, self.in_busy + self.in_wrap_up + self.in_ready)

    @property
    def utilisation(self) -> float | None:
        """(talk and hold + wrap-up) / signed in."""
        return _share(self.in_busy + self.in_wrap_up, self.signed_in)

    @property
    def signed_in(self) -> int:
        """Every state but offline."""
        return self.in_ready + self.in_busy + self.in_wrap_up + self.in_away


def of_queues(
    db: Session, intervals: Sequence[Interval], queue_ids: Iterable[int], *, now: datetime | None = None
) -> dict[tuple[int, int], Calls]:
    """The calls of each interval (by its place) and queue (by id) in which there were any. Two statements, however many
    intervals; they may overlap. With `now` a third counts who has not come back since."""
    ids = sorted(set(queue_ids))
    if not ids or not intervals:
        return {}
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for query in (_visits(intervals, ids), _parts(intervals, ids)):
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
    for agent_id, state, length in db.execute(_states(interval, ids, now)):
        if state != Presence.OFFLINE:
            found[agent_id][f"in_{state.value}"] = int(length)
    for agent_id, length in db.execute(_rings(interval, ids, now)):
        found[agent_id]["ringing"] = int(length)
    for agent_id, how, count in db.execute(_offers(interval, ids)):
        found[agent_id][how.value] = count
    for row in db.execute(_parts_of_agents(interval, ids)).mappings():
        found[row["agent_id"]] |= {name: int(value or 0) for name, value in row.items() if name != "agent_id"}
    return {agent_id: Work(**told) for agent_id, told in found.items()}


def parts_of_agents(
    db: Session, interval: Interval, agent_ids: Iterable[int]
) -> dict[tuple[int, int | None], dict[str, int]]:
    """What these agents did in calls, by agent and queue: "handled", "transferred", "talk", "hold" and "wrap_up" as in
    `Work`."""
    query = (
        sa.select(col(Handling.agent_id), col(Handling.queue_id),
                  *(value.label(name) for name, value in _part_figures().items()))
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
    wait = _Micros(col(QueueVisit.left_at)) - _Micros(col(QueueVisit.entered_at))
    are = _conditions(col(QueueVisit.how), wait, col(Queue.service_seconds) * SECOND,
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
    wait = _Micros(col(QueueVisit.left_at)) - _Micros(col(QueueVisit.entered_at))
    are = _conditions(col(QueueVisit.how), wait, col(Queue.service_seconds) * SECOND,
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
    for queue_id, since in db.execute(_WAITING, {"queue_ids": sorted(set(queue_ids))}):
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


def expected_wait(waiting: int, handle_seconds: float | None, staffed: int) -> tuple[float, float] | None:
    """How long who comes now will wait: W * AHT / agents staffed (Little), as a range in seconds, never below 0.

    The range is one standard deviation to either side, as if calls ended independently of each other. None where nobody
    is there, or where nothing is known of how long a call takes.
    """
    if staffed < 1 or handle_seconds is None:
        return None
    pace = handle_seconds / staffed
    return max(0.0, (waiting - math.sqrt(waiting)) * pace), (waiting + math.sqrt(waiting)) * pace


def today(now: datetime, timezone: str) -> Interval:
    """The whole day of the desk's own calendar, tonight included: who comes a moment later is counted as well."""
    return day(now.astimezone(ZoneInfo(timezone)).date(), timezone)


def day(of: date, timezone: str) -> Interval:
    """A day of the desk's own calendar, which now and then has 23 or 25 hours."""
    return Interval(_midnight(of, timezone), _midnight(of + timedelta(days=1), timezone))


def settled_day(now: datetime, timezone: str) -> Interval:
    """The last day whose callers have all had their seven days to come back."""
    return day((now - SETTLED).astimezone(ZoneInfo(timezone)).date() - timedelta(days=1), timezone)


def recent(now: datetime) -> Interval:
    """The last half hour, this very instant included."""
    return Interval(now - RECENT, now + timedelta(microseconds=1))


def last_half_hours(now: datetime, count: int) -> list[Interval]:
    """So many half hours of the clock, the present one last."""
    begun = now.replace(minute=now.minute // 30 * 30, second=0, microsecond=0)
    return [Interval(begun - step * RECENT, begun - (step - 1) * RECENT) for step in reversed(range(count))]


def half_hours(interval: Interval) -> list[Interval]:
    """The half hours of an interval, the last one cut off at its end."""
    found, at = [], interval.begin
    while at < interval.end:
        found.append(Interval(at, min(at + RECENT, interval.end)))
        at += RECENT
    return found


def days(interval: Interval, timezone: str) -> list[Interval]:
    """The days of an interval, the first and last one cut off at its ends."""
    found, at = [], interval.begin
    while at < interval.end:
        night = day(at.astimezone(ZoneInfo(timezone)).date(), timezone).end
        found.append(Interval(at, min(night, interval.end)))
        at = night
    return found


def _midnight(of: date, timezone: str) -> datetime:
    return datetime(of.year, of.month, of.day, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def _share(part: int, of: int) -> float | None:
    return part / of if of > 0 else None


def _mean(length: int, count: int) -> float | None:
    return length / SECOND / count if count else None


# --- statements ------------------------------------------------------------------------------------------------------


class _Micros(FunctionElement[int]):
    """A moment as whole microseconds since 1970, exactly, on either database."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(_Micros, "sqlite")
def _in_sqlite(element: Any, compiler: Any, **how: Any) -> str:
    (at,) = element.clauses
    text = compiler.process(at, **how)  # "2026-11-21 05:05:30.123456"
    return (
        f"(CAST(strftime('%s', substr({text}, 1, 19)) AS INTEGER) * 1000000 + CAST(substr({text}, 21, 6) AS INTEGER))"
    )


@compiles(_Micros, "postgresql")
def _in_postgresql(element: Any, compiler: Any, **how: Any) -> str:
    (at,) = element.clauses
    return f"CAST(ROUND(EXTRACT(EPOCH FROM {compiler.process(at, **how)}) * 1000000) AS BIGINT)"


def _us(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


_MOST_SELECTS = 50


@dataclass(frozen=True, slots=True)
class _Cut:
    """How rows are put into their intervals: `slot` is the place of the one a row belongs to, `rows` what it is taken
    from, `within` which rows belong to any."""

    slot: Any
    rows: Any
    within: Any


def _cut(intervals: Sequence[Interval], table: Any, at: Any) -> _Cut:
    """The rows of a table by when they were.

    Half hours and days that follow each other are cut by arithmetic: joined with each of a month's 1,440 half hours the
    database walks to every queue's rows 1,440 times, after it has read a statement of 160,000 letters.
    """
    first = intervals[0]
    length = _us(first.end) - _us(first.begin)
    is_even = length > 0 and all(
        each.begin == before.end and _us(before.end) - _us(before.begin) == length
        for before, each in itertools.pairwise(intervals)
    ) and _us(intervals[-1].end) - _us(intervals[-1].begin) <= length  # fmt: skip
    if is_even:
        slot = (_Micros(at) - sa.bindparam(None, _us(first.begin), sa.BigInteger)) // sa.bindparam(
            None, length, sa.BigInteger
        )
        return _Cut(slot, table, sa.and_(at >= first.begin, at < intervals[-1].end))
    slots = _slots(intervals)
    rows = slots.join(table, sa.and_(at >= slots.c.begins, at < slots.c.ends))
    return _Cut(slots.c.slot, rows, sa.true())


def _slots(intervals: Sequence[Interval]) -> Any:
    """A row for each interval: `slot`, its place; `begins`, `ends`.

    A board asks for one or two of them every moment. Spelled as SELECTs the statement is known again; a VALUES is
    compiled anew each time, which takes longer than the query. There are only so many SELECTs in a statement, though.
    """
    rows = [(place, each.begin, each.end) for place, each in enumerate(intervals)]
    if len(rows) > _MOST_SELECTS:
        columns = (sa.column("slot", sa.Integer), sa.column("begins", UTCDateTime()), sa.column("ends", UTCDateTime()))
        return sa.values(*columns, name="slots").data(rows).cte("slots")
    first, *others = (
        sa.select(sa.literal(place, sa.Integer).label("slot"), sa.literal(begin, UTCDateTime()).label("begins"),
                  sa.literal(end, UTCDateTime()).label("ends"))
        for place, begin, end in rows
    )  # fmt: skip
    return first.union_all(*others).cte("slots")


def _counted(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, 1), else_=0))


def _summed(condition: sa.ColumnElement[bool], value: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, value), else_=0))


def _visits(intervals: Sequence[Interval], ids: Sequence[int]) -> Any:
    cut = _cut(intervals, QueueVisit, col(QueueVisit.entered_at))
    # Taken out once a row: SQLite would compute the wait anew for every sum below.
    stays = (
        sa.select(
            cut.slot.label("slot"), col(QueueVisit.queue_id).label("queue_id"), col(QueueVisit.how).label("how"),
            col(QueueVisit.entered_at).label("entered_at"),
            (_Micros(col(QueueVisit.left_at)) - _Micros(col(QueueVisit.entered_at))).label("wait"),
            (col(Queue.service_seconds) * SECOND).label("within"),
            (col(Queue.short_abandon_seconds) * SECOND).label("short"),
        )
        .select_from(cut.rows)
        .join(Queue, col(Queue.id) == QueueVisit.queue_id)
        .where(col(QueueVisit.queue_id).in_(ids), cut.within)
        .cte("stays").prefix_with("MATERIALIZED")
    )  # fmt: skip
    how, wait = stays.c.how, stays.c.wait
    are = _conditions(how, wait, stays.c.within, stays.c.short)
    figures = {name: _counted(are[name]) for name in _COUNTED if name in are} | {
        "answered_after": _summed(are["answered"], wait),
        "abandoned_after": _summed(are["abandoned"], wait),
        "waiting_since": sa.func.min(sa.case((are["waiting"], stays.c.entered_at)), type_=UTCDateTime()),
    }
    return sa.select(stays.c.slot, stays.c.queue_id, *(value.label(name) for name, value in figures.items())).group_by(
        stays.c.slot, stays.c.queue_id
    )


def _conditions(how: Any, wait: Any, within: Any, short: Any) -> dict[str, sa.ColumnElement[bool]]:
    """Which stays each count is of. `wait`, `within` and `short` are in microseconds."""
    is_late, is_short = wait > within, wait < short
    ended = {end.value: how == end for end in VisitEnd}
    turned_away = sa.and_(ended["refused"], sa.not_(is_short))
    passed_on = sa.or_(ended["overflowed"], ended["moved"], ended["voicemail"], ended["callback"], turned_away)
    return ended | {
        "turned_away": turned_away,
        "refused": sa.and_(ended["refused"], is_short),
        "passed_on": passed_on,
        "offered": sa.not_(sa.and_(ended["refused"], is_short)),
        "short_abandoned": sa.and_(ended["abandoned"], is_short),
        "answered_in_time": sa.and_(ended["answered"], sa.not_(is_late)),
        "answered_late": sa.and_(ended["answered"], is_late),
        "abandoned_in_time": sa.and_(ended["abandoned"], sa.not_(is_late)),
        "passed_on_late": sa.and_(passed_on, is_late),
    }


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
    for queue_id, entered, resolved in db.execute(_firsts(_runs(intervals), ids, now)):
        calls.setdefault(queue_id, []).append((entered, resolved))
    begins, ends = (np.array([_us(getattr(each, name)) for each in intervals], np.int64) for name in ("begin", "end"))
    for queue_id, told in calls.items():
        entered, resolved = np.array(sorted(told), np.int64).T
        sums = np.concatenate(([0], np.cumsum(resolved)))
        first, last = np.searchsorted(entered, begins), np.searchsorted(entered, ends)
        for slot in np.flatnonzero(last > first).tolist():
            low, high = int(first[slot]), int(last[slot])
            yield (slot, queue_id), {"first_contacts": high - low, "first_resolved": int(sums[high] - sums[low])}


def _runs(intervals: Sequence[Interval]) -> list[Interval]:
    """The same time in as few pieces as possible, none of which overlap."""
    found: list[Interval] = []
    for each in sorted(intervals, key=lambda each: each.begin):
        if found and each.begin <= found[-1].end:
            found[-1] = Interval(found[-1].begin, max(found[-1].end, each.end))
        else:
            found.append(each)
    return found


def _firsts(intervals: Sequence[Interval], ids: Sequence[int], now: datetime) -> Any:
    """Queue, moment (microseconds) and whether nobody came back (1 or 0) of each answered call of these intervals.

    A ticket is touched by whatever its customer writes (`tickets.touch`), so one that was touched for the last time
    before the call ended is not looked into: of twenty tickets of a customer that leaves one, if any.
    """
    cut, again = _cut(intervals, QueueVisit, col(QueueVisit.entered_at)), aliased(Call)

    def within(at: Any) -> Any:
        since = _Micros(at) - _Micros(col(QueueVisit.left_at))
        return sa.and_(at > col(QueueVisit.left_at), since <= SETTLED // timedelta(microseconds=1))

    same = (col(again.queue_id) == col(QueueVisit.queue_id), col(again.direction) == "in",
            col(again.id) != col(Call.id), within(col(again.started_at)))  # fmt: skip
    called = sa.exists().where(col(again.customer_id) == col(Call.customer_id), *same)
    rang = sa.exists().where(col(Call.customer_id).is_(None), col(again.number) == col(Call.number), *same)
    wrote = sa.exists().where(
        col(Ticket.customer_id) == col(Call.customer_id), col(Ticket.queue_id) == col(QueueVisit.queue_id),
        col(Ticket.last_contact_at) > col(QueueVisit.left_at), col(Message.ticket_id) == col(Ticket.id),
        col(Message.direction) == Direction.IN, sa.not_(col(Message.is_automatic)),
        sa.not_(col(Message.is_from_stranger)), within(col(Message.created_at)),
    )  # fmt: skip
    came_back = sa.or_(called, rang, wrote)
    return (
        sa.select(col(QueueVisit.queue_id), _Micros(col(QueueVisit.entered_at)), sa.case((came_back, 0), else_=1))
        .select_from(cut.rows)
        .join(Call, col(Call.id) == col(QueueVisit.call_id))
        .where(col(QueueVisit.queue_id).in_(ids), cut.within, col(QueueVisit.how) == VisitEnd.ANSWERED,
               col(QueueVisit.left_at) <= now - SETTLED,
               col(Call.started_at) >= min(each.begin for each in intervals) - LONGEST_CALL,
               col(Call.started_at) < max(each.end for each in intervals),
               sa.or_(col(Call.customer_id).is_not(None), col(Call.number) != ""))
    )  # fmt: skip


def _part_figures() -> dict[str, sa.ColumnElement[Any]]:
    ended, hold = _Micros(col(Handling.ended_at)), col(Handling.hold_seconds) * SECOND
    return {
        "handled": sa.func.count(),
        "transferred": sa.func.count(col(Handling.transferred_to_id)),
        "talk": sa.func.sum(ended - _Micros(col(Handling.began_at)) - hold),
        "hold": sa.func.sum(hold),
        "wrap_up": sa.func.sum(_Micros(col(Handling.wrapped_up_at)) - ended),
    }


def _parts(intervals: Sequence[Interval], ids: Sequence[int]) -> Any:
    cut = _cut(intervals, Handling, col(Handling.began_at))
    slot = cut.slot.label("slot")
    return (
        sa.select(slot, col(Handling.queue_id).label("queue_id"),
                  *(value.label(name) for name, value in _part_figures().items()))
        .select_from(cut.rows)
        .where(col(Handling.queue_id).in_(ids), cut.within, col(Handling.ended_at).is_not(None))
        .group_by(slot, col(Handling.queue_id))
    )  # fmt: skip


def _parts_of_agents(interval: Interval, ids: Sequence[int]) -> Any:
    return (
        sa.select(col(Handling.agent_id).label("agent_id"),
                  *(value.label(name) for name, value in _part_figures().items()))
        .where(col(Handling.agent_id).in_(ids), col(Handling.began_at) >= interval.begin,
               col(Handling.began_at) < interval.end, col(Handling.ended_at).is_not(None))
        .group_by(col(Handling.agent_id))
    )  # fmt: skip


def _offers(interval: Interval, ids: Sequence[int]) -> Any:
    counted = (OfferEnd.ACCEPTED, OfferEnd.DECLINED, OfferEnd.TIMED_OUT)
    return (
        sa.select(col(CallOffer.agent_id), col(CallOffer.how), sa.func.count())
        .where(col(CallOffer.agent_id).in_(ids), col(CallOffer.offered_at) >= interval.begin,
               col(CallOffer.offered_at) < interval.end, col(CallOffer.how).in_(counted))
        .group_by(col(CallOffer.agent_id), col(CallOffer.how))
    )  # fmt: skip


def _later(one: Any, other: Any) -> Any:
    return sa.case((one > other, one), else_=other)


def _sooner(one: Any, other: Any) -> Any:
    return sa.case((one < other, one), else_=other)


def _stretches(interval: Interval, ids: Sequence[int], now: datetime) -> Any:
    """The agents' states cut to the interval, as microseconds. They follow each other without a gap, so the one that
    lasts when the interval begins is the last that began before it: nothing older is read.

    That one is found by its very time and the others by a range. Asked for as one range from the last before it on,
    PostgreSQL, which cannot know how little that is, looks for that last one anew for every state there ever was.
    """
    before, until = aliased(AgentState), min(interval.end, now)
    lasts = (
        sa.select(
            col(Agent.id).label("agent_id"),
            sa.select(sa.func.max(col(before.started_at), type_=UTCDateTime()))
            .where(col(before.agent_id) == Agent.id, col(before.started_at) <= interval.begin)
            .correlate(Agent)
            .scalar_subquery()
            .label("since"),
        )
        .where(col(Agent.id).in_(ids))
        .cte("lasts").prefix_with("MATERIALIZED")
    )  # fmt: skip
    begun, ended = _Micros(col(AgentState.started_at)), _Micros(col(AgentState.ended_at))
    cut = sa.select(
        col(AgentState.agent_id).label("agent_id"), col(AgentState.state).label("state"),
        _later(begun, _us(interval.begin)).label("begun"),
        sa.case((col(AgentState.ended_at) < until, ended), else_=_us(until)).label("ended"),
    ).where(col(AgentState.started_at) < until)  # fmt: skip
    at_begin = cut.join(
        lasts, sa.and_(lasts.c.agent_id == AgentState.agent_id, lasts.c.since == col(AgentState.started_at))
    )
    within = cut.where(col(AgentState.agent_id).in_(ids), col(AgentState.started_at) > interval.begin)
    return at_begin.union_all(within)


def _states(interval: Interval, ids: Sequence[int], now: datetime) -> Any:
    cut = _stretches(interval, ids, now).cte("cut").prefix_with("MATERIALIZED")
    length = sa.func.sum(cut.c.ended - cut.c.begun)
    return sa.select(cut.c.agent_id, cut.c.state, length).where(cut.c.ended > cut.c.begun).group_by(
        cut.c.agent_id, cut.c.state
    )  # fmt: skip


def _rings(interval: Interval, ids: Sequence[int], now: datetime) -> Any:
    """How long calls rang at agents who were ready. Two that ring at once ring no longer than one: of each piece, what
    the pieces before it have not covered is added."""
    cut = _stretches(interval, ids, now).cte("cut").prefix_with("MATERIALIZED")
    rang = (
        sa.select(
            col(CallOffer.agent_id).label("agent_id"), _Micros(col(CallOffer.offered_at)).label("begun"),
            sa.func.coalesce(_Micros(col(CallOffer.ended_at)), _us(now)).label("ended"),
        )
        .where(col(CallOffer.agent_id).in_(ids), col(CallOffer.offered_at) >= interval.begin - LONGEST_RING,
               col(CallOffer.offered_at) < min(interval.end, now))
        .cte("rang").prefix_with("MATERIALIZED")
    )  # fmt: skip
    pieces = (
        sa.select(cut.c.agent_id, _later(cut.c.begun, rang.c.begun).label("begun"),
                  _sooner(cut.c.ended, rang.c.ended).label("ended"))
        .join(rang, sa.and_(rang.c.agent_id == cut.c.agent_id, rang.c.begun < cut.c.ended, rang.c.ended > cut.c.begun))
        .where(cut.c.state == Presence.READY)
        .cte("pieces")
    )  # fmt: skip
    covered = sa.func.max(pieces.c.ended).over(
        partition_by=pieces.c.agent_id, order_by=(pieces.c.begun, pieces.c.ended), rows=(None, -1)
    )
    told = sa.select(pieces, covered.label("covered")).subquery("told")
    begun = _later(told.c.begun, sa.func.coalesce(told.c.covered, told.c.begun))
    return (
        sa.select(told.c.agent_id, sa.func.sum(told.c.ended - begun))
        .where(told.c.ended > begun)
        .group_by(told.c.agent_id)
    )


def each(told: dict[tuple[int, int], Calls], slot: int) -> Iterator[tuple[int, Calls]]:
    """The queues (id, calls) of one interval among those asked for."""
    return ((queue_id, calls) for (place, queue_id), calls in told.items() if place == slot)
