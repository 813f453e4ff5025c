"""The statements that sum the figures: which rows belong to which interval, and what of them is counted."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import aliased
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import col
from sqlmodel.sql.sqltypes import UTCDateTime

from helpdesk.measures.figures import COUNTED, SECOND
from helpdesk.measures.intervals import SETTLED, Interval
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

LONGEST_RING = timedelta(days=1)
"""An offer that is older does not ring any more."""
LONGEST_CALL = timedelta(days=1)
"""Nobody is on the telephone for longer, so of a month's calls those of the months before need not be read."""

WAITING = (
    sa.select(col(QueueVisit.queue_id), col(QueueVisit.entered_at))
    .where(col(QueueVisit.left_at).is_(None), col(QueueVisit.queue_id).in_(sa.bindparam("queue_ids", expanding=True)))
    .order_by(col(QueueVisit.entered_at))
)
"""Who waits in these queues, the longest first."""


class Micros(FunctionElement[int]):
    """A moment as whole microseconds since 1970, exactly, on either database."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(Micros, "sqlite")
def _in_sqlite(element: Any, compiler: Any, **how: Any) -> str:
    (at,) = element.clauses
    text = compiler.process(at, **how)  # "2026-11-21 05:05:30.123456"
    return (
        f"(CAST(strftime('%s', substr({text}, 1, 19)) AS INTEGER) * 1000000 + CAST(substr({text}, 21, 6) AS INTEGER))"
    )


@compiles(Micros, "postgresql")
def _in_postgresql(element: Any, compiler: Any, **how: Any) -> str:
    (at,) = element.clauses
    return f"CAST(ROUND(EXTRACT(EPOCH FROM {compiler.process(at, **how)}) * 1000000) AS BIGINT)"


def micros_of(at: datetime) -> int:
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
    length = micros_of(first.end) - micros_of(first.begin)
    is_even = length > 0 and all(
        each.begin == before.end and micros_of(before.end) - micros_of(before.begin) == length
        for before, each in itertools.pairwise(intervals)
    ) and micros_of(intervals[-1].end) - micros_of(intervals[-1].begin) <= length  # fmt: skip
    if is_even:
        slot = (Micros(at) - sa.bindparam(None, micros_of(first.begin), sa.BigInteger)) // sa.bindparam(
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


def visits(intervals: Sequence[Interval], ids: Sequence[int]) -> Any:
    cut = _cut(intervals, QueueVisit, col(QueueVisit.entered_at))
    # Taken out once a row: SQLite would compute the wait anew for every sum below.
    stays = (
        sa.select(
            cut.slot.label("slot"), col(QueueVisit.queue_id).label("queue_id"), col(QueueVisit.how).label("how"),
            col(QueueVisit.entered_at).label("entered_at"),
            (Micros(col(QueueVisit.left_at)) - Micros(col(QueueVisit.entered_at))).label("wait"),
            (col(Queue.service_seconds) * SECOND).label("within"),
            (col(Queue.short_abandon_seconds) * SECOND).label("short"),
        )
        .select_from(cut.rows)
        .join(Queue, col(Queue.id) == QueueVisit.queue_id)
        .where(col(QueueVisit.queue_id).in_(ids), cut.within)
        .cte("stays").prefix_with("MATERIALIZED")
    )  # fmt: skip
    how, wait = stays.c.how, stays.c.wait
    are = conditions(how, wait, stays.c.within, stays.c.short)
    figures = {name: _counted(are[name]) for name in COUNTED if name in are} | {
        "answered_after": _summed(are["answered"], wait),
        "abandoned_after": _summed(are["abandoned"], wait),
        "waiting_since": sa.func.min(sa.case((are["waiting"], stays.c.entered_at)), type_=UTCDateTime()),
    }
    return sa.select(stays.c.slot, stays.c.queue_id, *(value.label(name) for name, value in figures.items())).group_by(
        stays.c.slot, stays.c.queue_id
    )


def conditions(how: Any, wait: Any, within: Any, short: Any) -> dict[str, sa.ColumnElement[bool]]:
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


def runs(intervals: Sequence[Interval]) -> list[Interval]:
    """The same time in as few pieces as possible, none of which overlap."""
    found: list[Interval] = []
    for each in sorted(intervals, key=lambda each: each.begin):
        if found and each.begin <= found[-1].end:
            found[-1] = Interval(found[-1].begin, max(found[-1].end, each.end))
        else:
            found.append(each)
    return found


def firsts(intervals: Sequence[Interval], ids: Sequence[int], now: datetime) -> Any:
    """Queue, moment (microseconds) and whether nobody came back (1 or 0) of each answered call of these intervals.

    A ticket is touched by whatever its customer writes (`tickets.touch`), so one that was touched for the last time
    before the call ended is not looked into: of twenty tickets of a customer that leaves one, if any.
    """
    cut, again = _cut(intervals, QueueVisit, col(QueueVisit.entered_at)), aliased(Call)

    def within(at: Any) -> Any:
        since = Micros(at) - Micros(col(QueueVisit.left_at))
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
        sa.select(col(QueueVisit.queue_id), Micros(col(QueueVisit.entered_at)), sa.case((came_back, 0), else_=1))
        .select_from(cut.rows)
        .join(Call, col(Call.id) == col(QueueVisit.call_id))
        .where(col(QueueVisit.queue_id).in_(ids), cut.within, col(QueueVisit.how) == VisitEnd.ANSWERED,
               col(QueueVisit.left_at) <= now - SETTLED,
               col(Call.started_at) >= min(each.begin for each in intervals) - LONGEST_CALL,
               col(Call.started_at) < max(each.end for each in intervals),
               sa.or_(col(Call.customer_id).is_not(None), col(Call.number) != ""))
    )  # fmt: skip


def part_figures() -> dict[str, sa.ColumnElement[Any]]:
    ended, hold = Micros(col(Handling.ended_at)), col(Handling.hold_seconds) * SECOND
    return {
        "handled": sa.func.count(),
        "transferred": sa.func.count(col(Handling.transferred_to_id)),
        "talk": sa.func.sum(ended - Micros(col(Handling.began_at)) - hold),
        "hold": sa.func.sum(hold),
        "wrap_up": sa.func.sum(Micros(col(Handling.wrapped_up_at)) - ended),
    }


def parts(intervals: Sequence[Interval], ids: Sequence[int]) -> Any:
    cut = _cut(intervals, Handling, col(Handling.began_at))
    slot = cut.slot.label("slot")
    return (
        sa.select(slot, col(Handling.queue_id).label("queue_id"),
                  *(value.label(name) for name, value in part_figures().items()))
        .select_from(cut.rows)
        .where(col(Handling.queue_id).in_(ids), cut.within, col(Handling.ended_at).is_not(None))
        .group_by(slot, col(Handling.queue_id))
    )  # fmt: skip


def parts_of_agents(interval: Interval, ids: Sequence[int]) -> Any:
    return (
        sa.select(col(Handling.agent_id).label("agent_id"),
                  *(value.label(name) for name, value in part_figures().items()))
        .where(col(Handling.agent_id).in_(ids), col(Handling.began_at) >= interval.begin,
               col(Handling.began_at) < interval.end, col(Handling.ended_at).is_not(None))
        .group_by(col(Handling.agent_id))
    )  # fmt: skip


def offers(interval: Interval, ids: Sequence[int]) -> Any:
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
    begun, ended = Micros(col(AgentState.started_at)), Micros(col(AgentState.ended_at))
    cut = sa.select(
        col(AgentState.agent_id).label("agent_id"), col(AgentState.state).label("state"),
        _later(begun, micros_of(interval.begin)).label("begun"),
        sa.case((col(AgentState.ended_at) < until, ended), else_=micros_of(until)).label("ended"),
    ).where(col(AgentState.started_at) < until)  # fmt: skip
    at_begin = cut.join(
        lasts, sa.and_(lasts.c.agent_id == AgentState.agent_id, lasts.c.since == col(AgentState.started_at))
    )
    within = cut.where(col(AgentState.agent_id).in_(ids), col(AgentState.started_at) > interval.begin)
    return at_begin.union_all(within)


def states(interval: Interval, ids: Sequence[int], now: datetime) -> Any:
    cut = _stretches(interval, ids, now).cte("cut").prefix_with("MATERIALIZED")
    length = sa.func.sum(cut.c.ended - cut.c.begun)
    return sa.select(cut.c.agent_id, cut.c.state, length).where(cut.c.ended > cut.c.begun).group_by(
        cut.c.agent_id, cut.c.state
    )  # fmt: skip


def rings(interval: Interval, ids: Sequence[int], now: datetime) -> Any:
    """How long calls rang at agents who were ready. Two that ring at once ring no longer than one: of each piece, what
    the pieces before it have not covered is added."""
    cut = _stretches(interval, ids, now).cte("cut").prefix_with("MATERIALIZED")
    rang = (
        sa.select(
            col(CallOffer.agent_id).label("agent_id"), Micros(col(CallOffer.offered_at)).label("begun"),
            sa.func.coalesce(Micros(col(CallOffer.ended_at)), micros_of(now)).label("ended"),
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
