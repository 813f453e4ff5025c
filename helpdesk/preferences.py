"""What a supervisor chooses for the whole desk while it runs: first of all, which guesses are made and shown.

The idea: one row a choice; a name without a row has never been touched and is on. A guess that is switched off is not
made of new texts and is shown nowhere; what was guessed before stays kept, and is there again when it is switched on.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session, col

from helpdesk.errors import Invalid
from helpdesk.events import emit
from helpdesk.facts import PreferenceChanged
from models import Agent, Preference
from models.looking import ask

GUESSES = ("urgency", "sentiment", "language", "similar")

_CHOSEN = sa.select(col(Preference.name), col(Preference.value)).where(
    sa.or_(*(col(Preference.name) == f"show_{name}" for name in GUESSES))
)


def shown(db: Session, name: str) -> bool:
    """Whether one of `GUESSES` is made and shown."""
    return name in all_shown(db)


def all_shown(db: Session) -> frozenset[str]:
    """Those of `GUESSES` that are made and shown. Asked once a transaction, however often it is needed."""
    found = db.info.get("guesses_shown")
    if found is None:
        chosen = {name: value for name, value in ask(db, _CHOSEN)}
        found = frozenset(name for name in GUESSES if chosen.get(_row(name), True))
        db.info["guesses_shown"] = found
    return found


def set(db: Session, name: str, value: bool, *, by: Agent, now: datetime) -> None:
    """Switch one of `GUESSES` on or off for everybody. The same again changes nothing."""
    if name not in GUESSES:
        raise Invalid("unknown_choice", field="name")
    if shown(db, name) == value:
        return
    row = db.get(Preference, _row(name)) or Preference(name=_row(name), changed_at=now)
    row.value, row.changed_by_id, row.changed_at = value, by.id, now
    db.add(row)
    db.flush()
    db.info.pop("guesses_shown", None)
    emit(db, PreferenceChanged(what=name, state="on" if value else "off", by_id=by.id, at=now))


def _row(name: str) -> str:
    return f"show_{name}"


@event.listens_for(Session, "after_commit")
@event.listens_for(Session, "after_rollback")
def _forget(db: Session) -> None:
    db.info.pop("guesses_shown", None)
