"""Wallboards: addresses that show figures or a dashboard, and no customer, to a screen nobody signs in at."""

import hashlib
import secrets
from datetime import datetime

from sqlmodel import Session, col, select

from helpdesk.errors import Invalid, NotFound
from helpdesk.events import WallChanged, emit
from models import Agent, WallLink

NAME_MAX = 60


def make(
    db: Session, *, name: str, language: str, by: Agent, now: datetime, dashboard_id: int | None = None
) -> str:
    """A new secret, which is shown now and kept nowhere, for the live figures or for a dashboard.

    Raises `Invalid("name_missing")`.
    """
    if not (name := " ".join(name.split())[:NAME_MAX]):
        raise Invalid("name_missing", field="name")
    secret = secrets.token_urlsafe(24)
    link = WallLink(name=name, token_hash=_hash(secret), language=language if language == "en" else "ja",
                    dashboard_id=dashboard_id, made_by_id=by.id, created_at=now)  # fmt: skip
    db.add(link)
    db.flush()
    emit(db, WallChanged(wall_id=link.id or 0, state="made", by_id=by.id, at=now))
    return secret


def revoke(db: Session, wall_id: int, *, by: Agent, now: datetime) -> None:
    """From now on the address shows nothing. Twice changes nothing. Raises `NotFound`."""
    link = db.get(WallLink, wall_id)
    if link is None:
        raise NotFound("not_found", wall_id=wall_id)
    if link.revoked_at is None:
        link.revoked_at = now
        emit(db, WallChanged(wall_id=wall_id, state="revoked", by_id=by.id, at=now))


def opened(db: Session, secret: str, *, is_dashboard: bool = False) -> WallLink:
    """The wallboard of a secret. Raises `NotFound` when it was revoked, never was, or shows something else."""
    found = db.exec(select(WallLink).where(WallLink.token_hash == _hash(secret))).first()
    if found is None or found.revoked_at is not None or (found.dashboard_id is not None) != is_dashboard:
        raise NotFound("not_found")
    return found


def listed(db: Session, *, dashboard_id: int | None = None) -> list[WallLink]:
    """Those that work, of the live figures or of one dashboard, the newest first."""
    works = col(WallLink.revoked_at).is_(None), col(WallLink.dashboard_id).is_not_distinct_from(dashboard_id)
    return list(db.exec(select(WallLink).where(*works).order_by(col(WallLink.id).desc())))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
