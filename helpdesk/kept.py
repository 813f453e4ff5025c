"""What supervisors make once and use many times: switched on and off, taken away, and brought back.

The one idea: nothing that work was arranged around is gone at a click. Rules, macros and lists of steps are rows of one
shape, so what is done to the row itself is said here once, and states the fact of its own kind.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from sqlmodel import Session, col, select

from helpdesk.events import emit
from helpdesk.facts import ChecklistTemplateChanged, Fact, MacroChanged, RuleChanged
from models import Agent, ChecklistTemplate, Macro, Rule


class Row(Protocol):
    """What such a row has."""

    id: int | None
    is_active: bool
    deleted_at: datetime | None


STALE = timedelta(days=90)
"""Neither used nor changed for this long: somebody should look whether it is still true, and wanted."""


class Used(Protocol):
    """What has its uses counted."""

    is_active: bool
    changed_at: datetime
    last_used_at: datetime | None


K = TypeVar("K", Rule, Macro, ChecklistTemplate)

_FACTS: dict[type, Callable[[int, str, int | None, datetime], Fact]] = {
    Rule: lambda own, state, by_id, at: RuleChanged(rule_id=own, state=state, by_id=by_id, at=at),
    Macro: lambda own, state, by_id, at: MacroChanged(macro_id=own, state=state, by_id=by_id, at=at),
    ChecklistTemplate: lambda own, state, by_id, at: ChecklistTemplateChanged(
        template_id=own, state=state, by_id=by_id, at=at
    ),
}


def say(db: Session, row: Row, state: str, *, by: Agent, now: datetime) -> None:
    """State that it was "made", "changed", "ordered", and what the verbs below do to it."""
    emit(db, _FACTS[type(row)](row.id or 0, state, by.id, now))


def switch(db: Session, row: Row, is_on: bool, *, by: Agent, now: datetime) -> bool:
    """Let it be used, or no longer. Whether that changed anything."""
    if row.is_active == is_on:
        return False
    row.is_active = is_on
    say(db, row, "on" if is_on else "off", by=by, now=now)
    return True


def delete(db: Session, row: Row, *, by: Agent, now: datetime) -> bool:
    """Take it away; what was done with it stays, and it can be brought back. Whether that changed anything."""
    if row.deleted_at is not None:
        return False
    row.deleted_at = now
    say(db, row, "deleted", by=by, now=now)
    return True


def restore(db: Session, row: Row, *, by: Agent, now: datetime) -> bool:
    """Bring it back. Whether that changed anything."""
    if row.deleted_at is None:
        return False
    row.deleted_at = None
    say(db, row, "restored", by=by, now=now)
    return True


def is_stale(row: Used, *, now: datetime) -> bool:
    """Whether it is offered, and nobody has used or changed it for long."""
    return row.is_active and now - max(row.changed_at, row.last_used_at or row.changed_at) > STALE


def deleted(db: Session, kind: type[K], *, limit: int = 20) -> list[K]:
    """Those of a kind that can be brought back, last deleted first."""
    rows = select(kind).where(col(kind.deleted_at).is_not(None)).order_by(col(kind.deleted_at).desc())
    return list(db.exec(rows.limit(limit)))
