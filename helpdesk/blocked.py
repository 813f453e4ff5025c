"""Callers who are refused where their telephone system lets us: who, why, by whom and since when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from helpdesk import agents, romaji
from helpdesk.customers import contact_points
from models import Agent, BlockedCaller, ContactPoint, Customer, PointKind

LONGEST_REASON = 300
SHOWN_MOST = 500


@dataclass(frozen=True, slots=True)
class Row:
    """A refused number, and whose it is as far as the desk knows."""

    e164: str
    reason: str
    by_name: str
    created_at: datetime
    customers: Sequence[tuple[int, str]]


def is_blocked(db: Session, e164: str) -> bool:
    """Whether calls from this number (E.164) are refused."""
    return bool(e164) and db.get(BlockedCaller, e164) is not None


def block(db: Session, typed: str, *, reason: str, by: Agent, region: str, now: datetime) -> BlockedCaller:
    """Refuse a number, written any way. Twice only changes the reason. Raises `Invalid("not_a_phone_number")`."""
    e164 = contact_points.to_e164(typed, region=region)
    known = db.get(BlockedCaller, e164)
    if known is None:
        known = BlockedCaller(e164=e164, by_id=by.id, created_at=now)
    if reason.strip() or not known.reason:
        known.reason = reason.strip()[:LONGEST_REASON]
    db.add(known)
    db.flush()
    return known


def unblock(db: Session, typed: str, *, region: str) -> None:
    """Take its calls again. Raises `Invalid("not_a_phone_number")`."""
    e164 = contact_points.to_e164(typed, region=region)
    if known := db.get(BlockedCaller, e164):
        db.delete(known)
        db.flush()


def rows(db: Session, *, language: str) -> list[Row]:
    """All refused numbers, the newest first; `SHOWN_MOST` at most. People are called as this language calls them."""
    newest = col(BlockedCaller.created_at).desc()
    found = db.exec(
        select(BlockedCaller, Agent)
        .outerjoin(Agent, col(Agent.id) == BlockedCaller.by_id)
        .order_by(newest, col(BlockedCaller.e164))
        .limit(SHOWN_MOST)
    ).all()
    owners: dict[str, list[tuple[int, str]]] = {}
    carried = (
        select(ContactPoint.key, Customer.id, Customer.name, Customer.reading)
        .join(Customer, col(Customer.id) == ContactPoint.customer_id)
        .where(ContactPoint.kind == PointKind.PHONE, col(ContactPoint.key).in_([row.e164 for row, _ in found]))
        .order_by(col(ContactPoint.id))
    )
    for key, customer_id, name, reading in db.exec(carried):
        owners.setdefault(key, []).append((customer_id or 0, romaji.spoken(name, reading, language)))
    return [
        Row(row.e164, row.reason, agents.called(by, language), row.created_at, owners.get(row.e164, [])[:3])
        for row, by in found
    ]
