"""Addresses our mail came back from for good: marked once, shown where somebody is about to write there, and cleared
by whoever knows better."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from helpdesk.customers import contact_points, records
from helpdesk.events import emit
from helpdesk.facts import AddressCleared
from models import Agent, ContactPoint, Customer, PointKind, Ticket, UnreachableAddress
from models.looking import ask, columns_of

_TABLE: sa.Table = UnreachableAddress.__table__  # type: ignore[attr-defined]
_LOST = sa.and_(col(ContactPoint.kind) == PointKind.EMAIL, col(UnreachableAddress.key) == col(ContactPoint.key))
_POINTS = (
    columns_of(ContactPoint)
    .add_columns(col(UnreachableAddress.status))
    .outerjoin_from(ContactPoint, UnreachableAddress, _LOST)
    .where(col(ContactPoint.customer_id) == sa.bindparam("customer_id"))
    .order_by(col(ContactPoint.id))
)


def mark(db: Session, address: str, *, status: str, message_id: int, now: datetime) -> None:
    """Mail to this address came back with that status (RFC 3463). Whoever's it is shows it from now on."""
    key = contact_points.email_key(address)
    if not key:
        return
    dialect = sqlite if db.get_bind().dialect.name == "sqlite" else postgresql
    made = dialect.insert(_TABLE).values(key=key, status=status, times=1, message_id=message_id, at=now)
    again = {"status": status, "times": _TABLE.c.times + 1, "message_id": message_id, "at": now}
    db.execute(made.on_conflict_do_update(index_elements=["key"], set_=again))
    _tell(db, key, by=None, now=now)


def clear(db: Session, address: str, *, on: Ticket | None = None, by: Agent, now: datetime) -> None:
    """It can be reached after all, says an agent, `on` a ticket where it stood. Twice changes nothing."""
    key = contact_points.email_key(address)
    db.execute(sa.delete(UnreachableAddress).where(col(UnreachableAddress.key) == key))
    if on is not None and on.id is not None:
        emit(db, AddressCleared(ticket_id=on.id, queue_id=on.queue_id, by_id=by.id, at=now))
    _tell(db, key, by=by, now=now)


def of(db: Session, addresses: Collection[str]) -> dict[str, str]:
    """Which of these addresses cannot be reached, with the status their mail came back with."""
    keys = {contact_points.email_key(address): address for address in addresses if address}
    if not keys:
        return {}
    rows = db.exec(select(UnreachableAddress).where(col(UnreachableAddress.key).in_(keys)))
    return {keys[row.key]: row.status for row in rows}


def points_of(db: Session, customer_id: int) -> Sequence[Any]:
    """A customer's numbers and addresses in the order they became known, each with the `status` its mail came back
    with, None where none did. To be read, see `models.database.ask`."""
    return ask(db, _POINTS, customer_id=customer_id)


def _tell(db: Session, key: str, *, by: Agent | None, now: datetime) -> None:
    owners = (
        select(Customer)
        .join(ContactPoint, col(ContactPoint.customer_id) == Customer.id)
        .where(ContactPoint.kind == PointKind.EMAIL, ContactPoint.key == key)
        .limit(20)
    )
    for customer in db.exec(owners).all():
        records.say_changed(db, customer, by=by, now=now)
