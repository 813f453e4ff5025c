"""One process at a time: a name is held by whoever renewed it last, until it runs out."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from models import Lease


def renew(db: Session, name: str, holder: str, *, seconds: float, now: datetime) -> bool:
    """Take or keep the lease; False when somebody else holds it."""
    until = now + timedelta(seconds=seconds)
    taken = db.scalar(
        sa.update(Lease)
        .where(col(Lease.name) == name, sa.or_(col(Lease.holder) == holder, col(Lease.until) < now))
        .values(holder=holder, until=until)
        .returning(col(Lease.name))
    )
    if taken is not None:
        return True
    if db.get(Lease, name) is not None:
        return False
    db.add(Lease(name=name, holder=holder, until=until))
    db.flush()
    return True


def release(db: Session, name: str, holder: str) -> None:
    """Give the lease back before its time."""
    db.execute(sa.delete(Lease).where(col(Lease.name) == name, col(Lease.holder) == holder))


def is_held(db: Session, name: str, *, now: datetime) -> bool:
    """Whether anybody holds it now."""
    lease = db.get(Lease, name)
    return lease is not None and lease.until >= now
