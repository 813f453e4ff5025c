"""Thresholds of a queue's figures: what is beyond one is an alarm until it is back.

The one idea: an alarm is a row, opened by the crossing and closed by the way back, so it is said once however often
anybody looks, and what was alarming in the night can be read in the morning. The figures are the board's own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import measures, queues
from helpdesk.errors import Invalid
from helpdesk.events import emit
from helpdesk.facts import AlarmCleared, AlarmRaised, QueueChanged
from helpdesk.measures import Calls
from models import Agent, AgentState, Alarm, Membership, Presence, Queue

LISTED = 50


@dataclass(frozen=True, slots=True)
class Seen:
    """What the figures of one queue are computed from."""

    waiting: Sequence[datetime]  # since when callers wait, the longest first
    recent: Calls  # of the last half hour
    ready: int  # agents


FIGURES: dict[str, tuple[bool, float, Callable[[Seen, datetime], float | None]]] = {
    # whether less is worse, the most that can be asked, and what it is now; None: nothing can be said
    "waiting": (False, 1000, lambda seen, now: len(seen.waiting)),
    "longest_wait": (False, 7200, lambda seen, now: _seconds(seen.waiting, now)),
    "service_level": (True, 100, lambda seen, now: _percent(seen.recent.service_level)),
    "abandoned": (False, 1000, lambda seen, now: seen.recent.abandoned - seen.recent.short_abandoned),
    "ready": (True, 1000, lambda seen, now: seen.ready),
}


def over(queue: Queue, seen: Seen, *, now: datetime) -> dict[str, float]:
    """The queue's figures that are beyond their thresholds now. At a threshold is beyond it where more is worse."""
    found = {}
    for figure, threshold in queue.alarms.items():
        if figure in FIGURES:
            is_less, _, measure = FIGURES[figure]
            value = measure(seen, now)
            if value is not None and (value < threshold if is_less else value >= threshold):
                found[figure] = value
    return found


def set_thresholds(db: Session, queue: Queue, typed: Mapping[str, str], *, by: Agent, now: datetime) -> None:
    """Take what was typed for each of `FIGURES`; "" asks for no alarm. Raises `Invalid("not_a_threshold")` with the
    field."""
    kept: dict[str, float] = {}
    for figure, (_, most, _) in FIGURES.items():
        text = typed.get(figure, "").strip()
        if not text:
            continue
        try:
            kept[figure] = float(text)
        except ValueError as error:
            raise Invalid("not_a_threshold", field=f"alarm_{figure}") from error
        if not 0 < kept[figure] <= most:
            raise Invalid("not_a_threshold", field=f"alarm_{figure}")
    if kept != queue.alarms:
        queue.alarms = kept
        emit(db, QueueChanged(queue_id=queue.id or 0, what="changed", by_id=by.id, at=now))


def news(db: Session, *, now: datetime) -> bool:
    """Whether `watch` would raise or clear anything."""
    beyond, known = _now(db, now), {(alarm.queue_id, alarm.figure) for alarm in _open(db)}
    return {(queue_id, figure) for queue_id, told in beyond.items() for figure in told} != known


def watch(db: Session, *, now: datetime) -> None:
    """Open and close alarms by what the figures are now, and say so once a crossing."""
    beyond = _now(db, now)
    for alarm in _open(db):
        if alarm.figure not in beyond.get(alarm.queue_id, {}):
            alarm.cleared_at = now
            emit(db, AlarmCleared(alarm_id=alarm.id or 0, queue_id=alarm.queue_id, what=alarm.figure, at=now))
        else:
            del beyond[alarm.queue_id][alarm.figure]
    for queue_id, told in beyond.items():
        for figure, value in told.items():
            threshold = queues.get(db, queue_id).alarms[figure]
            alarm = Alarm(queue_id=queue_id, figure=figure, threshold=threshold, value=value, raised_at=now)
            db.add(alarm)
            db.flush()
            emit(db, AlarmRaised(alarm_id=alarm.id or 0, queue_id=queue_id, what=figure, at=now))


def listed(db: Session, queue_ids: Iterable[int]) -> list[Alarm]:
    """The newest alarms of these queues, those that last first."""
    query = select(Alarm).where(col(Alarm.queue_id).in_(sorted(set(queue_ids))))
    order = (col(Alarm.cleared_at).is_not(None), col(Alarm.raised_at).desc(), col(Alarm.id).desc())
    return list(db.exec(query.order_by(*order).limit(LISTED)))


def seen(db: Session, queue_ids: Sequence[int], recent: Mapping[int, Calls]) -> dict[int, Seen]:
    """What the figures are computed from, by queue; `recent` is of the last half hour."""
    waiting = measures.waiting_now(db, queue_ids)
    rows = db.execute(
        sa.select(col(Membership.queue_id), sa.func.count())
        .join(Agent, col(Agent.id) == Membership.agent_id)
        .join(AgentState, col(AgentState.agent_id) == Agent.id)
        .where(col(Agent.is_active), col(AgentState.ended_at).is_(None), col(AgentState.state) == Presence.READY)
        .group_by(col(Membership.queue_id))
    )  # fmt: skip
    ready = {queue_id: count for queue_id, count in rows}
    return {
        queue_id: Seen(waiting.get(queue_id, []), recent.get(queue_id, Calls()), ready.get(queue_id, 0))
        for queue_id in queue_ids
    }


def _now(db: Session, now: datetime) -> dict[int, dict[str, float]]:
    watched = [queue for queue in queues.everyone(db) if queue.alarms]
    ids = [queue.id or 0 for queue in watched]
    if not ids:
        return {}
    told = seen(db, ids, dict(measures.each(measures.of_queues(db, [measures.recent(now)], ids), 0)))
    return {queue.id or 0: over(queue, told[queue.id or 0], now=now) for queue in watched}


def _open(db: Session) -> list[Alarm]:
    return list(db.exec(select(Alarm).where(col(Alarm.cleared_at).is_(None)).order_by(col(Alarm.id))))


def _seconds(waiting: Sequence[datetime], now: datetime) -> float:
    return max(0.0, (now - waiting[0]).total_seconds()) if waiting else 0.0


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
