"""Wallboards: addresses that show figures or a dashboard, and no customer, to a screen nobody signs in at."""

import secrets
from datetime import datetime

from sqlmodel import Session, col, select

from helpdesk import tokens
from helpdesk.errors import NotFound
from helpdesk.events import emit
from helpdesk.facts import WallChanged
from models import Agent, WallLink


def make(db: Session, *, name: str, language: str, by: Agent, now: datetime, dashboard_id: int | None = None) -> str:
    """A new secret, which is shown now and kept nowhere, for the live figures or for a dashboard.

    Raises `Invalid("name_missing")`.
    """
    secret = secrets.token_urlsafe(24)
    link = WallLink(name=tokens.named(name), token_hash=tokens.hash_of(secret), dashboard_id=dashboard_id,
                    language=language if language == "en" else "ja", made_by_id=by.id, created_at=now)  # fmt: skip
    db.add(link)
    db.flush()
    emit(db, WallChanged(wall_id=link.id or 0, state="made", by_id=by.id, at=now))
    return secret


def revoke(db: Session, wall_id: int, *, by: Agent, now: datetime) -> None:
    """From now on the address shows nothing. Twice changes nothing. Raises `NotFound`."""
    if tokens.end(db, WallLink, wall_id, now=now):
        emit(db, WallChanged(wall_id=wall_id, state="revoked", by_id=by.id, at=now))


def opened(db: Session, secret: str, *, is_dashboard: bool = False) -> WallLink:
    """The wallboard of a secret. Raises `NotFound` when it was revoked, never was, or shows something else."""
    found = tokens.working(db, WallLink, secret)
    if found is None or (found.dashboard_id is not None) != is_dashboard:
        raise NotFound("not_found")
    return found


def listed(db: Session, *, dashboard_id: int | None = None) -> list[WallLink]:
    """Those that work, of the live figures or of one dashboard, the newest first."""
    works = col(WallLink.revoked_at).is_(None), col(WallLink.dashboard_id).is_not_distinct_from(dashboard_id)
    return list(db.exec(select(WallLink).where(*works).order_by(col(WallLink.id).desc())))
