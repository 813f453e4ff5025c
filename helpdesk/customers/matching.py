"""Contact point -> one customer, several, or nobody; always with the reason.

A number or address may stand at several customers: a family, a company's main line, an old number given to somebody
else. The strongest kind of knowledge speaks first, and when two customers are known equally well the desk asks instead
of picking: the wrong customer on the screen is worse than none.
"""

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import ContactPoint, PointKind, PointSource

Reason = Literal["verified", "learned", "profile", "ticket", "several", "nobody", "withheld"]
STRENGTH = (PointSource.VERIFIED, PointSource.LEARNED, PointSource.PROFILE, PointSource.TICKET)
MOST = 20
"""A number shared by more customers than this names nobody; the chooser shows this many."""

_POINTS = (
    select(ContactPoint.customer_id, ContactPoint.source)
    .where(ContactPoint.kind == sa.bindparam("kind"), ContactPoint.key == sa.bindparam("key"))
    .order_by(col(ContactPoint.id))
    .limit(MOST)
)


@dataclass(frozen=True, slots=True)
class Match:
    """`customer_id` is set when one customer is meant; `candidates` are all who share the number, that one included."""

    reason: Reason
    customer_id: int | None = None
    candidates: tuple[int, ...] = ()


NOBODY = Match("nobody")
WITHHELD = Match("withheld")


def by_phone(db: Session, e164: str) -> Match:
    """Who calls from this number (E.164)."""
    return _match(db, PointKind.PHONE, e164)


def by_address(db: Session, key: str) -> Match:
    """Who writes from this address (folded by `contact_points.email_key`)."""
    return _match(db, PointKind.EMAIL, key)


def _match(db: Session, kind: PointKind, key: str) -> Match:
    if not key:
        return NOBODY
    points = db.exec(_POINTS, params={"kind": kind, "key": key}).all()
    everybody = tuple(dict.fromkeys(customer_id for customer_id, _ in points))
    for source in STRENGTH:
        known = {customer_id for customer_id, their in points if their == source}
        if len(known) == 1:
            return Match(source.value, known.pop(), everybody)
        if known:
            return Match("several", None, everybody)
    return NOBODY
