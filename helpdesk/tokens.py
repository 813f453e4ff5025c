"""Secrets that open something by themselves: sign-ins, invitations, keys of programs, addresses of wallboards.

Each is shown to whom it is for, once. Kept is its SHA-256, by which it is found again; being long and random it needs
no salt, and a copy of the database opens nothing.
"""

import hashlib
from datetime import datetime
from typing import TypeVar

from sqlmodel import Session, select

from helpdesk.errors import Invalid, NotFound
from models import ApiToken, WallLink

NAME_MAX = 60
Opener = TypeVar("Opener", ApiToken, WallLink)


def hash_of(token: str) -> str:
    """What is kept of a secret, in 64 hexadecimal digits. Takes whatever was sent in its place, too."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def named(typed: str) -> str:
    """What a supervisor calls it, to know later which to end. Raises `Invalid("name_missing")`."""
    if not (name := " ".join(typed.split())[:NAME_MAX]):
        raise Invalid("name_missing", field="name")
    return name


def working(db: Session, kind: type[Opener], secret: str) -> Opener | None:
    """What a secret opens; None where it was ended or never was."""
    found = db.exec(select(kind).where(kind.token_hash == hash_of(secret))).first()
    return found if found is not None and found.revoked_at is None else None


def end(db: Session, kind: type[Opener], row_id: int, *, now: datetime) -> bool:
    """From now on it opens nothing; False where it did not any more. Raises `NotFound`."""
    row = db.get(kind, row_id)
    if row is None:
        raise NotFound("not_found", token_id=row_id)
    if row.revoked_at is not None:
        return False
    row.revoked_at = now
    return True
