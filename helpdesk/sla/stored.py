"""The promises of tickets as rows: read, locked, and added many at a time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Promise

_TABLE: sa.Table = Promise.__table__  # type: ignore[attr-defined]
_INSERT = sa.insert(_TABLE)
_COLUMNS = [column.name for column in _TABLE.c if column.name != "id"]


def of(db: Session, ticket_id: int) -> list[Promise]:
    """What was promised on a ticket, oldest first."""
    return list(db.exec(select(Promise).where(Promise.ticket_id == ticket_id).order_by(col(Promise.id))))


def locked(db: Session, ticket_ids: Iterable[int]) -> dict[int, list[Promise]]:
    """The promises of these tickets, locked: two who change a ticket at once change its clocks one after the other."""
    found: dict[int, list[Promise]] = {}
    if wanted := sorted(ticket_ids):
        query = select(Promise).where(col(Promise.ticket_id).in_(wanted)).order_by(col(Promise.id)).with_for_update()
        for promise in db.exec(query):
            found.setdefault(promise.ticket_id, []).append(promise)
    return found


def add(db: Session, made: Sequence[Mapping[str, Any]]) -> None:
    """Write promises that are given by their columns."""
    db.flush()  # their tickets may not be there yet
    db.connection().execute(_INSERT, made)


def values(promise: Promise) -> dict[str, Any]:
    """Its columns but the id."""
    return {name: getattr(promise, name) for name in _COLUMNS}
