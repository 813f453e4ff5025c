"""Why things come back: a short list that supervisors keep, in both languages.

What returns were given as their reason stays; a reason that is not wanted any more is switched off.
"""

from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import names
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import CatalogueChanged
from models import Agent, ReturnReason

NAME_MAX: Final = 60
MOST: Final = 40


def everything(db: Session) -> list[ReturnReason]:
    """All of them, in order."""
    return list(db.exec(select(ReturnReason).order_by(col(ReturnReason.position), col(ReturnReason.id))))


def offered(db: Session) -> list[ReturnReason]:
    """Those that may be chosen."""
    return [each for each in everything(db) if each.is_active]


def get(db: Session, reason_id: int) -> ReturnReason:
    """Raises `NotFound`."""
    found = db.get(ReturnReason, reason_id)
    if found is None:
        raise NotFound("not_found", reason_id=reason_id)
    return found


def save(db: Session, reason: ReturnReason | None, name: str, name_en: str, *, by: Agent, now: datetime
         ) -> ReturnReason:  # fmt: skip
    """Change one, or make a new one at the end. Raises `Invalid` with the field."""
    name, name_en = names.both(name, name_en, most=NAME_MAX, missing="name_missing")
    there = everything(db)
    if any(each.name == name and each is not reason for each in there):
        raise Invalid("reason_taken", field="name")
    if reason is None:
        if len(there) >= MOST:
            raise Invalid("too_many_reasons", field="name")
        reason = ReturnReason(name=name, name_en=name_en, position=len(there))
        db.add(reason)
    elif (reason.name, reason.name_en) == (name, name_en):
        return reason
    reason.name, reason.name_en = name, name_en
    _changed(db, by, now)
    return reason


def switch(db: Session, reason: ReturnReason, on: bool, *, by: Agent, now: datetime) -> None:
    """Offer it or not. Raises `Invalid` where none would be left."""
    if reason.is_active == on:
        return
    count = sa.select(sa.func.count()).select_from(ReturnReason).where(col(ReturnReason.is_active))
    if not on and (db.scalar(count) or 0) <= 1:
        raise Invalid("last_reason", field="do")
    reason.is_active = on
    _changed(db, by, now)


def move(db: Session, reason: ReturnReason, by_places: int, *, by: Agent, now: datetime) -> None:
    """Up or down the list; past either end is the end."""
    there = everything(db)
    before = there.index(reason)
    there.insert(max(0, min(len(there) - 1, before + by_places)), there.pop(before))
    if there.index(reason) == before:
        return
    for place, each in enumerate(there):
        each.position = place
    _changed(db, by, now)


def _changed(db: Session, by: Agent, now: datetime) -> None:
    db.flush()
    emit(db, CatalogueChanged(what="reason", by_id=by.id, at=now))
