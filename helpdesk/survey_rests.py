"""Whom surveys leave in peace: who opted out, and who was asked lately.

The one idea: a person has several addresses and numbers, and means all of them. Who says stop to a short message is not
asked by mail, and who answered at home is not asked at work the same day. Of somebody who is nobody's customer only the
address or number itself is known.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Ask, AskState, ContactPoint, OptOut


def has_opted_out(db: Session, row: Ask) -> bool:
    """Whether whoever this asks has said stop, by any of their addresses and numbers."""
    return db.exec(select(OptOut.key).where(col(OptOut.key).in_(_keys(row))).limit(1)).first() is not None


def was_asked_lately(db: Session, row: Ask, *, days: int, now: datetime) -> bool:
    """Whether they were asked anything within so many days, or are being asked now."""
    if not days:
        return False
    theirs: sa.ColumnElement[bool] = col(Ask.key).in_(_keys(row))
    if row.customer_id is not None:
        theirs = sa.or_(theirs, col(Ask.customer_id) == row.customer_id)
    found = select(Ask.id).where(theirs, _asked_since(now - timedelta(days=days)), col(Ask.id) != row.id)
    return db.exec(found.limit(1)).first() is not None


def asked_lately(
    db: Session, keys: Collection[str], customer_ids: Collection[int], *, days: int, now: datetime
) -> tuple[set[str], set[int]]:
    """The same of many: which of these keys, and which of these customers."""
    if not days:
        return set(), set()
    asked = _asked_since(now - timedelta(days=days))
    by_key = db.scalars(sa.select(col(Ask.key)).where(col(Ask.key).in_(keys), asked))
    by_id = db.scalars(sa.select(col(Ask.customer_id)).where(col(Ask.customer_id).in_(customer_ids), asked))
    return set(by_key), {each for each in by_id if each is not None}


def _asked_since(since: datetime) -> sa.ColumnElement[bool]:
    on_its_way = sa.and_(col(Ask.state) == AskState.SENT, col(Ask.sent_at).is_(None))
    return sa.or_(col(Ask.sent_at) > since, on_its_way)


def _keys(row: Ask) -> Any:
    """A query for what they are known by: what is written to, and all that belongs to the customer."""
    own = sa.select(sa.literal(row.key))
    if row.customer_id is None:
        return own
    return sa.union(own, sa.select(col(ContactPoint.key)).where(col(ContactPoint.customer_id) == row.customer_id))
