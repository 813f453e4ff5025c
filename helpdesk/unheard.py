"""Waiting calls of which nothing is heard any more: their hang-up was lost, and they are over.

The one idea: telephone systems lose words, and a lost last one would keep a card on every screen, and a caller in every
figure, for ever. Nobody waits two hours in a line without any word said about it. Who did is on the board of those to
call back, like everybody who gave up.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from helpdesk import calls
from models import Call, CallFact, QueueVisit

LOST = timedelta(hours=2)
BATCH = 50


def is_any(db: Session, *, now: datetime) -> bool:
    """Whether `end` would do anything."""
    return db.exec(_silent(now).limit(1)).first() is not None


def end(db: Session, *, now: datetime) -> None:
    """End them, some at a time. Any number of processes may look at once; each call ends once."""
    for call in db.exec(_silent(now).limit(BATCH).with_for_update(of=Call, skip_locked=True)).all():
        calls.lose(db, call, now=now)


def _silent(now: datetime) -> SelectOfScalar[Call]:
    since = now - LOST
    return (
        select(Call)
        .join(QueueVisit, col(QueueVisit.call_id) == Call.id)
        .where(
            col(QueueVisit.left_at).is_(None), col(QueueVisit.entered_at) < since,
            ~sa.exists().where(col(CallFact.call_id) == Call.id, col(CallFact.received_at) >= since),
        )
        .order_by(col(QueueVisit.entered_at))
    )  # fmt: skip
