"""What is promised on a ticket, as its head shows it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from helpdesk import policies
from helpdesk.sla import stored
from helpdesk.sla.answers import ANSWERS
from models import Promise, PromiseKind, Ticket, TicketState


@dataclass(frozen=True, slots=True)
class Clock:
    """A promise as the head of its ticket shows it. `state` is "running", "at_risk", "broken", "resting", "kept" or
    "kept_late"; `at` is when it is due, was broken, began to rest, or was kept; `counts` whether the time left is told,
    which it is on the last day."""

    kind: str
    state: str
    at: datetime
    counts: bool = False


def clocks(db: Session, ticket: Ticket, *, now: datetime) -> list[Clock]:
    """What is promised on a ticket now: what is open, what is due first first, or else how it was kept last."""
    if policies.book(db).is_empty or ticket.id is None:
        return []
    rows = stored.of(db, ticket.id)
    is_over = ticket.state == TicketState.RESOLVED
    shown = [each for each in rows if each.kept_at is None and not is_over]
    for kinds in (ANSWERS, (PromiseKind.RESOLUTION,)):
        if not any(each.kind in kinds for each in shown):
            shown += [each for each in rows if each.kind in kinds and each.kept_at is not None][-1:]
    told = [clock for each in shown if (clock := _clock(each, now)) is not None]
    return sorted(told, key=lambda clock: (clock.state.startswith("kept"), clock.at))


def _clock(promise: Promise, now: datetime) -> Clock | None:
    if promise.kept_at is not None:
        return Clock(promise.kind.value, "kept_late" if promise.breached_at else "kept", promise.kept_at)
    if promise.paused_at is not None:
        return Clock(promise.kind.value, "resting", promise.paused_at)
    if promise.due_at is None:
        return None
    if promise.due_at <= now:
        return Clock(promise.kind.value, "broken", promise.due_at)
    is_near = promise.at_risk_at is not None and promise.at_risk_at <= now
    counts = promise.due_at - now < timedelta(days=1)
    return Clock(promise.kind.value, "at_risk" if is_near else "running", promise.due_at, counts)
