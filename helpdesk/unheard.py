"""Calls of which nothing is heard any more: their hang-up was lost, and they are over.

The one idea: telephone systems lose words, and a lost last one would keep a card on every screen, and a caller in every
figure, for ever. Nobody waits two hours in a line, or talks for twelve, without any word said about it. Who waited is
on the board of those to call back, like everybody who gave up; who talked, of whom it is not known for how long, has
talked until the last word.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from helpdesk.calls import hearing
from models import Call, CallFact, CallState, QueueVisit

LOST = timedelta(hours=2)
LOST_TALK = timedelta(hours=12)
BATCH = 50


def is_any(db: Session, *, now: datetime) -> bool:
    """Whether `end` would do anything."""
    return any(db.exec(silent(now).limit(1)).first() is not None for silent in (_waiting, _talking))


def end(db: Session, *, now: datetime) -> None:
    """End them, some at a time. Any number of processes may look at once; each call ends once."""
    for silent in (_waiting, _talking):
        for call in db.exec(silent(now).limit(BATCH).with_for_update(of=Call, skip_locked=True)).all():
            hearing.lose(db, call, now=now)


def _waiting(now: datetime) -> SelectOfScalar[Call]:
    since = now - LOST
    return (
        select(Call)
        .join(QueueVisit, col(QueueVisit.call_id) == Call.id)
        .where(
            col(QueueVisit.left_at).is_(None), col(QueueVisit.entered_at) < since, _nothing_said(since),
        )
        .order_by(col(QueueVisit.entered_at))
    )  # fmt: skip


def _talking(now: datetime) -> SelectOfScalar[Call]:
    since = now - LOST_TALK
    return (
        select(Call)
        .where(
            Call.state != CallState.ENDED, col(Call.state) != CallState.RINGING, col(Call.started_at) < since,
            _nothing_said(since),
        )
    )  # fmt: skip


def _nothing_said(since: datetime) -> sa.ColumnElement[bool]:
    return ~sa.exists().where(col(CallFact.call_id) == Call.id, col(CallFact.received_at) >= since)
