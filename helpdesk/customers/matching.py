"""Contact point -> one customer, several, or nobody; always with the reason.

A number or address may stand at several customers: a family, a company's main line, an old number given to somebody
else. The strongest kind of knowledge speaks first, and when two customers are known equally well the desk asks instead
of picking: the wrong customer on the screen is worse than none.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Literal

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import ContactPoint, PointKind, PointSource

Reason = Literal["verified", "learned", "profile", "ticket", "guessed", "several", "nobody", "withheld"]
STRENGTH = (PointSource.VERIFIED, PointSource.LEARNED, PointSource.PROFILE, PointSource.TICKET)
MOST = 20
"""A number shared by more customers than this names nobody; the chooser shows this many."""

_POINTS = (
    select(ContactPoint.customer_id, ContactPoint.source)
    .where(ContactPoint.kind == sa.bindparam("kind"), ContactPoint.key == sa.bindparam("key"))
    .order_by(col(ContactPoint.id))
    .limit(MOST)
)
_POINTS_OF_ALL = (
    select(ContactPoint.key, ContactPoint.customer_id, ContactPoint.source)
    .where(
        ContactPoint.kind == sa.bindparam("kind"),
        col(ContactPoint.key).in_(sa.bindparam("keys", expanding=True)),
    )
    .order_by(col(ContactPoint.key), col(ContactPoint.id))
    .limit(sa.bindparam("most"))
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


def by_addresses(db: Session, keys: Collection[str]) -> dict[str, Match]:
    """`by_address` for several, in one statement."""
    most = MOST * len(keys)
    points = db.exec(_POINTS_OF_ALL, params={"kind": PointKind.EMAIL, "keys": sorted(keys), "most": most + 1}).all()
    if len(points) > most:  # somebody's address is everybody's: each alone reads no more of it than it shows
        return {key: by_address(db, key) for key in keys}
    found = dict.fromkeys(keys, NOBODY)
    for key, theirs in groupby(points, key=lambda point: point[0]):
        found[key] = _meant([(customer_id, source) for _, customer_id, source in islice(theirs, MOST)])
    return found


def _match(db: Session, kind: PointKind, key: str) -> Match:
    return _meant(db.exec(_POINTS, params={"kind": kind, "key": key}).all()) if key else NOBODY


def _meant(points: Sequence[tuple[int, str]]) -> Match:
    everybody = tuple(dict.fromkeys(customer_id for customer_id, _ in points))
    for source in STRENGTH:
        known = {customer_id for customer_id, their in points if their == source}
        if len(known) == 1:
            return Match(source.value, known.pop(), everybody)
        if known:
            return Match("several", None, everybody)
    return NOBODY
