"""Reads committed events in order, with none skipped."""

import sqlalchemy as sa
from sqlmodel import Session

from helpdesk.events import recall
from helpdesk.facts import Fact
from models import Event
from models.looking import ask

_TABLE: sa.Table = Event.__table__  # type: ignore[attr-defined]
_AFTER = (
    sa.select(_TABLE)  # plain rows: nobody changes what has happened, and a session need not watch over it
    .where(_TABLE.c.id > sa.bindparam("number"))
    .order_by(_TABLE.c.id)
    .limit(sa.bindparam("most"))
)


def after(db: Session, number: int, *, limit: int = 200) -> list[tuple[int, Fact]]:
    """The events numbered above `number`, oldest first, at most `limit`: pairs of number and fact."""
    return [(row.id, recall(row)) for row in ask(db, _AFTER, number=number, most=limit)]
