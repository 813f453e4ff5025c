"""Reads committed events in order, with none skipped."""

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.events import Fact, recall
from models import Event

_AFTER = (
    sa.select(Event)
    .where(col(Event.id) > sa.bindparam("number"))
    .order_by(col(Event.id))
    .limit(sa.bindparam("most"))
)


def after(db: Session, number: int, *, limit: int = 200) -> list[tuple[int, Fact]]:
    """The events numbered above `number`, oldest first, at most `limit`: pairs of number and fact."""
    rows = db.scalars(_AFTER, {"number": number, "most": limit})
    return [(row.id or 0, recall(row)) for row in rows]
