"""Whom a survey can be put to, by which address or number, and why not the others.

The one idea: those who are only counted and those who are asked are told apart by this one function, some hundred
customers at a time, so that what a supervisor sees before anything is sent is what then happens, as far as nobody says
stop in between.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from helpdesk import outgoing, sms, survey_rests
from helpdesk.settings import Settings
from models import (
    Ask,
    AskedBy,
    ContactPoint,
    Customer,
    OptOut,
    PointKind,
    PointSource,
    Survey,
    UnreachableAddress,
)

SHARING_AT_ONCE: Final = 200
"""Customers with the same address looked at together."""

Holds = Callable[[Sequence[int]], Collection[int]]
"""Which of these customers the survey is meant for."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A customer, the key they are written to by, and why they are not asked; "" where nothing speaks against it."""

    customer_id: int
    language: str
    key: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """What stands against keys and customers, and what is one of ours."""

    lost: Collection[str]
    opted_out: Collection[str]
    ours: Collection[str]


def of(
    db: Session, survey: Survey, customer_ids: Sequence[int], *, holds: Holds, settings: Settings, now: datetime
) -> list[Reached]:
    """Each of these customers, in the order of their numbers.

    Reasons: "no_address" or "no_mobile" (none that they gave or an agent confirmed), "opted_out", "machine" (an address
    of the desk's own), "unreachable", "asked_before" (by this survey), "shared_address" (somebody else for whom it is
    meant and who has the same address is asked), "asked_lately".
    """
    points = _points(db, customer_ids)
    keys = {point.key for own in points.values() for point in own}
    known = _known(db, keys, settings)
    chosen = {each: _chosen(survey, points.get(each, ()), known) for each in customer_ids}
    told = {key for key, reason in chosen.values() if not reason}
    asked_keys, asked = _asked_before(db, survey, told, customer_ids)
    shared = _shared(db, survey, chosen, holds=holds, settings=settings)
    late_keys, late = survey_rests.asked_lately(db, keys, customer_ids, days=survey.rest_days, now=now)
    languages = _languages(db, customer_ids)
    found = []
    for each in sorted(languages):
        key, reason = chosen[each]
        if not reason and each in shared:
            reason = "shared_address"
        if not reason and (key in asked_keys or each in asked):
            reason = "asked_before"
        if not reason and (each in late or any(point.key in late_keys for point in points.get(each, ()))):
            reason = "asked_lately"
        found.append(Reached(each, languages[each], key, reason))
    return found


def _languages(db: Session, customer_ids: Sequence[int]) -> dict[int, str]:
    rows = db.execute(sa.select(col(Customer.id), col(Customer.language)).where(col(Customer.id).in_(customer_ids)))
    return {row[0]: row[1] for row in rows}


def _points(db: Session, customer_ids: Sequence[int]) -> dict[int, list[ContactPoint]]:
    found: dict[int, list[ContactPoint]] = {}
    theirs = select(ContactPoint).where(col(ContactPoint.customer_id).in_(customer_ids))
    for point in db.exec(theirs.order_by(col(ContactPoint.id))):
        found.setdefault(point.customer_id, []).append(point)
    return found


def _known(db: Session, keys: Collection[str], settings: Settings) -> _Known:
    lost = db.exec(select(UnreachableAddress.key).where(col(UnreachableAddress.key).in_(keys)))
    said_stop = db.exec(select(OptOut.key).where(col(OptOut.key).in_(keys)))
    return _Known(frozenset(lost), frozenset(said_stop), outgoing.ours(db, settings))


def _chosen(survey: Survey, points: Sequence[ContactPoint], known: _Known) -> tuple[str, str]:
    """By which key they are written to, and what speaks against it. What was only read in a signature may be somebody
    else's, and nobody is written to by it unasked."""
    sure = [point for point in points if point.source != PointSource.GUESSED]
    mails = [point.key for point in sure if point.kind == PointKind.EMAIL and outgoing.is_address(point.key)]
    mails = mails if survey.way != AskedBy.SMS else []
    phones = [point.key for point in sure if point.kind == PointKind.PHONE and survey.way != AskedBy.MAIL]
    key = next((mail for mail in mails if mail not in known.lost), "")
    key = key or next((phone for phone in phones if sms.is_mobile(phone)), "")
    if any(point.key in known.opted_out for point in points):
        return key, "opted_out"
    if not key:
        return "", "unreachable" if mails else "no_mobile" if survey.way == AskedBy.SMS else "no_address"
    return key, "machine" if outgoing.plain(key) in known.ours else ""


def _asked_before(
    db: Session, survey: Survey, keys: Collection[str], customer_ids: Sequence[int]
) -> tuple[set[str], set[int]]:
    """Which of these keys, and which of these customers, this survey was put to or is about to be."""
    mine = sa.select(col(Ask.about), col(Ask.customer_id)).where(col(Ask.survey_id) == survey.id)
    by_key = db.execute(mine.where(col(Ask.about).in_([f"list:{key}" for key in keys]))).all()
    by_id = db.execute(mine.where(col(Ask.customer_id).in_(customer_ids), col(Ask.about).startswith("list:"))).all()
    return {row[0].removeprefix("list:") for row in by_key}, {row[1] for row in by_id}


def _shared(
    db: Session, survey: Survey, chosen: Mapping[int, tuple[str, str]], *, holds: Holds, settings: Settings
) -> set[int]:
    """Who is written to by the key of somebody with a smaller number, who comes before them."""
    of_key: dict[str, list[int]] = {}
    for customer_id, (key, reason) in sorted(chosen.items()):
        if not reason:
            of_key.setdefault(key, []).append(customer_id)
    firsts = {ids[0]: key for key, ids in of_key.items()}
    found = {each for ids in of_key.values() for each in ids[1:]}
    for each in _preceded(db, firsts):
        if _is_taken(db, survey, firsts[each], each, holds=holds, settings=settings):
            found.add(each)
    return found


def _preceded(db: Session, firsts: Mapping[int, str]) -> list[int]:
    """Those of these customers, each with the key they are written to by, before whom somebody else has it."""
    own, other = aliased(ContactPoint), aliased(ContactPoint)
    earlier = sa.exists().where(
        col(other.kind) == own.kind, col(other.key) == own.key, col(other.customer_id) < own.customer_id
    )
    rows = db.execute(
        sa.select(col(own.customer_id), col(own.key)).where(
            col(own.customer_id).in_(list(firsts)), col(own.key).in_(set(firsts.values())), earlier
        )
    )
    return sorted(customer_id for customer_id, key in rows if firsts[customer_id] == key)


def _is_taken(db: Session, survey: Survey, key: str, before: int, *, holds: Holds, settings: Settings) -> bool:
    """Whether somebody with a smaller number for whom it is meant is written to by this key. The nearest are looked at
    first, some at a time: a walk through all who share one address sees each of them once, however many they are."""
    kind = PointKind.EMAIL if "@" in key else PointKind.PHONE
    owners = sa.select(col(ContactPoint.customer_id)).where(
        col(ContactPoint.kind) == kind, col(ContactPoint.key) == key
    )
    while True:
        nearest = owners.where(col(ContactPoint.customer_id) < before).order_by(col(ContactPoint.customer_id).desc())
        ids = db.scalars(nearest.limit(SHARING_AT_ONCE)).all()
        meant = sorted(holds(ids))
        points = _points(db, meant) if meant else {}
        known = _known(db, {point.key for own in points.values() for point in own}, settings)
        if any(_chosen(survey, points.get(each, ()), known) == (key, "") for each in meant):
            return True
        if len(ids) < SHARING_AT_ONCE:
            return False
        before = ids[-1]
