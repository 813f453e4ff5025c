"""Contact point -> one customer, several, or nobody; always with the reason.

A number or address may stand at several customers: a family, a company's main line, an old number given to somebody
else. The strongest kind of knowledge speaks first, and when two customers are known equally well the desk asks instead
of picking: the wrong customer on the screen is worse than none. What an agent answered then settles it among those, and
nothing stronger: a record says more of a number than the last who called from it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from typing import Literal

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import CompanyLine, ContactPoint, Customer, PointKind, PointSource

Reason = Literal[
    "verified", "profile", "learned", "ticket", "guessed", "company", "several", "nobody", "withheld"
]  # fmt: skip
STRENGTH = (
    PointSource.VERIFIED, PointSource.PROFILE, PointSource.LEARNED, PointSource.TICKET, PointSource.GUESSED,
)  # fmt: skip
MOST = 20
"""A number shared by more customers than this names nobody; the chooser shows this many."""

_POINTS = (
    select(ContactPoint.customer_id, ContactPoint.source, ContactPoint.learned_at)
    .where(ContactPoint.kind == sa.bindparam("kind"), ContactPoint.key == sa.bindparam("key"))
    .order_by(col(ContactPoint.id))
    .limit(MOST)
)
_POINTS_OF_ALL = (
    select(ContactPoint.key, ContactPoint.customer_id, ContactPoint.source, ContactPoint.learned_at)
    .where(
        ContactPoint.kind == sa.bindparam("kind"),
        col(ContactPoint.key).in_(sa.bindparam("keys", expanding=True)),
    )
    .order_by(col(ContactPoint.key), col(ContactPoint.id))
    .limit(sa.bindparam("most"))
)
_LINE = select(CompanyLine.company, CompanyLine.company_key).where(CompanyLine.e164 == sa.bindparam("e164"))
_PEOPLE = (
    select(Customer.id)
    .where(Customer.company_key == sa.bindparam("company_key"))
    .order_by(col(Customer.last_contact_at).desc().nulls_last(), col(Customer.id))
    .limit(MOST)
)


@dataclass(frozen=True, slots=True)
class Match:
    """`customer_id` is set when one customer is meant; `candidates` are all who share the number, that one included.
    `company` is set where nobody alone is meant and the number is that company's main line: its people are candidates.
    """

    reason: Reason
    customer_id: int | None = None
    candidates: tuple[int, ...] = ()
    company: str = ""


NOBODY = Match("nobody")
WITHHELD = Match("withheld")


def by_phone(db: Session, e164: str) -> Match:
    """Who calls from this number (E.164)."""
    found = _match(db, PointKind.PHONE, e164)
    if found.customer_id is not None or not e164:
        return found
    line = db.exec(_LINE, params={"e164": e164}).first()
    if line is None:
        return found
    people = db.exec(_PEOPLE, params={"company_key": line[1]}).all() if line[1] else ()
    candidates = tuple(dict.fromkeys((*found.candidates, *(each for each in people if each is not None))))
    return Match("company", None, candidates[:MOST], company=line[0])


def by_address(db: Session, key: str) -> Match:
    """Who writes from this address (folded by `contact_points.email_key`)."""
    return _match(db, PointKind.EMAIL, key)


def by_addresses(db: Session, keys: Collection[str]) -> dict[str, Match]:
    """`by_address` for several, in one statement."""
    return _matches(db, PointKind.EMAIL, keys)


def by_phones(db: Session, keys: Collection[str]) -> dict[str, Match]:
    """Whose own numbers (E.164) these are, in one statement; companies' main lines are nobody's alone."""
    return _matches(db, PointKind.PHONE, keys)


def _matches(db: Session, kind: PointKind, keys: Collection[str]) -> dict[str, Match]:
    most = MOST * len(keys)
    points = db.exec(_POINTS_OF_ALL, params={"kind": kind, "keys": sorted(keys), "most": most + 1}).all()
    if len(points) > most:  # somebody's address is everybody's: each alone reads no more of it than it shows
        return {key: _match(db, kind, key) for key in keys}
    found = dict.fromkeys(keys, NOBODY)
    for key, theirs in groupby(points, key=lambda point: point[0]):
        found[key] = _meant([point[1:] for point in islice(theirs, MOST)])
    return found


def _match(db: Session, kind: PointKind, key: str) -> Match:
    return _meant(db.exec(_POINTS, params={"kind": kind, "key": key}).all()) if key else NOBODY


def _meant(points: Sequence[tuple[int, str, datetime | None]]) -> Match:
    everybody = tuple(dict.fromkeys(customer_id for customer_id, _, _ in points))
    for source in STRENGTH:
        known = {customer_id: learned_at for customer_id, their, learned_at in points if their == source}
        if len(known) == 1:
            return Match(source.value, next(iter(known)), everybody)
        if chosen := [customer_id for customer_id, learned_at in known.items() if learned_at]:
            return Match("learned", max(chosen, key=lambda each: (known[each], each)), everybody)
        if known:
            return Match("several", None, everybody)
    return NOBODY
