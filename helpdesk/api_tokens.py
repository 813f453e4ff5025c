"""Keys by which other programs ask the desk: shown once, kept as a hash, for stated purposes, ended at any time."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from helpdesk import tokens
from helpdesk.errors import Invalid
from helpdesk.events import emit
from helpdesk.facts import ApiTokenChanged
from models import Agent, ApiToken

SCOPES: Final = ("reports", "returns")
NOTED: Final = timedelta(minutes=5)
"""How exactly it is known when a key was last used."""


def make(db: Session, *, name: str, scopes: list[str], by: Agent, now: datetime) -> str:
    """A new key, which is shown now and kept nowhere. Raises `Invalid` with the field."""
    name = tokens.named(name)
    if not scopes or not set(scopes) <= set(SCOPES):
        raise Invalid("unknown_choice", field="scopes")
    secret = f"desk_{secrets.token_urlsafe(30)}"
    row = ApiToken(name=name, token_hash=tokens.hash_of(secret), scopes=scopes, made_by_id=by.id, created_at=now)
    db.add(row)
    db.flush()
    emit(db, ApiTokenChanged(token_id=row.id or 0, state="made", by_id=by.id, at=now))
    return secret


def revoke(db: Session, token_id: int, *, by: Agent, now: datetime) -> None:
    """From now on it opens nothing. Twice changes nothing. Raises `NotFound`."""
    if tokens.end(db, ApiToken, token_id, now=now):
        emit(db, ApiTokenChanged(token_id=token_id, state="revoked", by_id=by.id, at=now))


def listed(db: Session) -> list[ApiToken]:
    """Those that work, the newest first."""
    return list(db.exec(select(ApiToken).where(col(ApiToken.revoked_at).is_(None)).order_by(col(ApiToken.id).desc())))


def opened(db: Session, secret: str, *, scope: str) -> ApiToken | None:
    """The key of a secret, if it works for this; None where it does not."""
    found = tokens.working(db, ApiToken, secret)
    return found if found is not None and scope in found.scopes else None


def is_to_note(row: ApiToken, *, now: datetime) -> bool:
    """Whether it was used so long ago that this use is worth a line."""
    return row.last_used_at is None or now - row.last_used_at >= NOTED


def note(db: Session, token_id: int, *, now: datetime) -> None:
    """It was used now."""
    if (row := db.get(ApiToken, token_id)) is not None:
        row.last_used_at = now
