"""What stood in the settings before, and the way back to it.

The one idea: no verb reports its changes. While a transaction runs, the rows of watched tables tell what their columns
said before they are written (settings_watched.py); what it did to all of them together is kept as one `SettingChange`.
So whatever can be set can be taken back, is shown before it is saved (`Rehearsed`), and stands in the audit.

Secrets are kept nowhere: of a password it is known that it changed, and what was taken away comes back without it. The
desk's own bookkeeping (when a mailbox was looked into, whose turn it is) is no setting and is not watched.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from helpdesk import agents, return_reasons
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import Fact, SettingChanged
from helpdesk.settings_watched import (
    LINKS,
    WATCHED,
    RowChange,
    Watched,
    forget,
    is_noted,
    pending,
    plain,
    spelled,
    typed,
)
from models import Agent, Event, Policy, Presence, Queue, SettingChange, Tag


class Rehearsed(Exception):  # noqa: N818 - nothing went wrong
    """Thrown at the end of a transaction that was only to show what it would change."""

    def __init__(self, rows: list[RowChange], shown: Any = None) -> None:
        super().__init__()
        self.rows = rows
        self.shown = shown


@dataclass(frozen=True, slots=True)
class Told:
    """A change with what became of it. `by` is "" where a command did it; `taken_back_id` the change that undid it."""

    change: SettingChange
    by: str
    taken_back_id: int | None


def keep(
    db: Session, *, by_id: int | None, now: datetime, takes_back: SettingChange | None = None
) -> SettingChange | None:
    """Write down what the running transaction changed of the settings until now; None where it changed nothing.

    What nobody changes and no command (`db.info["is_command"]`) is a desk being set up: it has no before, and is not
    kept.
    """
    rows = pending(db)
    forget(db)
    if not rows or (by_id is None and not db.info.get("is_command")):
        return None
    kind, subject, name = _about(db, rows)
    change = SettingChange(
        kind=kind, subject=subject, name=name, rows=rows, by_id=by_id, at=now,
        takes_back_id=takes_back.id if takes_back else None,
    )  # fmt: skip
    db.add(change)
    db.flush()
    assert change.id is not None
    emit(db, SettingChanged(change_id=change.id, what=change.kind, by_id=by_id, at=now))
    return change


def check_unmoved(db: Session, *, since: int) -> None:
    """Raises `Invalid("setting_changed_meanwhile")` where somebody has changed, since the event of this number, a row
    that the running transaction changes, too: whoever filled in a form saw what stood there before."""
    mine = {(row["of"], spelled(row["key"])) for row in pending(db)}
    if not mine:
        return
    told = select(Event.data).where(Event.fact == "setting_changed", col(Event.id) > since)
    newer = [data["change_id"] for data in db.exec(told)]
    theirs = db.exec(select(SettingChange.rows).where(col(SettingChange.id).in_(newer))) if newer else ()
    if any((row["of"], spelled(row["key"])) in mine for rows in theirs for row in rows):
        raise Invalid("setting_changed_meanwhile", field="")


def conclude(db: Session) -> None:
    """The transaction is about to commit: keep what it changed, in the name of whoever stated its facts."""
    if not is_noted(db):
        return
    stated: list[Fact] = db.info["facts"]
    keep(db, by_id=next((each.by_id for each in stated if each.by_id is not None), None), now=stated[-1].at)


def get(db: Session, change_id: int) -> SettingChange:
    """Raises `NotFound`."""
    found = db.get(SettingChange, change_id)
    if found is None:
        raise NotFound("not_found", change_id=change_id)
    return found


def told(db: Session, change_ids: Iterable[int], *, language: str) -> dict[int, Told]:
    """Changes by their ids, with who made them, as this language calls them, and whether they were taken back."""
    wanted = list(change_ids)
    rows = db.exec(
        select(SettingChange, Agent)
        .join(Agent, col(Agent.id) == col(SettingChange.by_id), isouter=True)
        .where(col(SettingChange.id).in_(wanted))
    ).all()
    undone = select(SettingChange.takes_back_id, SettingChange.id).where(col(SettingChange.takes_back_id).in_(wanted))
    backs = dict(db.exec(undone).all())
    return {change.id or 0: Told(change, agents.called(by, language), backs.get(change.id)) for change, by in rows}


def of(db: Session, kind: str, subject: str, *, language: str, limit: int = 20) -> list[Told]:
    """What was changed of one thing, the newest first."""
    asked = select(SettingChange.id).where(SettingChange.kind == kind, SettingChange.subject == subject)
    ids = [found or 0 for found in db.exec(asked.order_by(col(SettingChange.id).desc()).limit(limit))]
    found = told(db, ids, language=language)
    return [found[each] for each in ids]


def take_back(db: Session, change: SettingChange, *, by: Agent, now: datetime) -> SettingChange | None:
    """Let the settings say what they said before the change.

    Raises `Conflict`: "setting_was_taken_back", "setting_moved_on" (somebody changed the same since),
    "setting_stays" (what was made then cannot be unmade), "setting_in_use", "setting_is_secret" (all that changed is
    kept nowhere), "last_reason", or "setting_in_the_way" (what stood there before belongs to another now, or needs
    what is gone).
    """
    if code := obstacle(db, change):
        raise Conflict(code, change_id=change.id)
    change_id, put = change.id, [(row, _there(db, row)) for row in change.rows]
    touched = []
    try:
        for row, there in sorted(put, key=_turn):
            touched.append((row["of"], _put_back(db, row, there, now=now)))
            db.flush()
    except IntegrityError as error:
        raise Conflict("setting_in_the_way", change_id=change_id) from error
    if change.kind == "return_reason" and not return_reasons.offered(db):
        raise Conflict("last_reason", change_id=change_id)
    for kind, row in touched:
        _tell(db, kind, row, by=by, now=now)
    return keep(db, by_id=by.id, now=now, takes_back=change)


def has_way_back(change: SettingChange) -> bool:
    """Whether it can be offered to take it back: something of it was kept, and whatever it made can be unmade."""
    return not _stays(change)


def obstacle(db: Session, change: SettingChange) -> str:
    """Why it cannot be taken back, as far as that is known beforehand: a code of those `take_back` raises, or ""."""
    if db.exec(select(SettingChange.id).where(SettingChange.takes_back_id == change.id)).first() is not None:
        return "setting_was_taken_back"
    if code := _stays(change):
        return code
    try:
        for row in change.rows:
            _there(db, row)
    except Conflict as error:
        return error.code
    return ""


def _stays(change: SettingChange) -> str:
    if all(row["was"] == row["is"] for row in change.rows):
        return "setting_is_secret"
    return "" if all(_unmakes(row["of"]) for row in change.rows if row["was"] is None) else "setting_stays"


def _unmakes(kind: str) -> bool:
    table = WATCHED[kind].table
    return kind in (*LINKS, "calendar") or hasattr(table, "deleted_at") or hasattr(table, "is_active")


def _turn(put: tuple[RowChange, Any]) -> tuple[int, bool]:
    """What comes back, comes before whoever points to it, and what goes, after."""
    row, there = put
    return (0 if there is None else 2 if row["was"] is None else 1), row["of"] in LINKS


def _about(db: Session, rows: list[RowChange]) -> tuple[str, str, str]:
    """Kind, key and name of what a change is about first of all."""
    first = min(rows, key=lambda row: list(WATCHED).index(row["of"]))
    if first["of"] != "member":
        return first["of"], spelled(first["key"]), first["name"]
    of_one = len({row["key"]["agent_id"] for row in rows if row["of"] == "member"}) == 1
    kind, number = ("agent", first["key"]["agent_id"]) if of_one else ("queue", first["key"]["queue_id"])
    found = db.get(WATCHED[kind].table, number)
    return kind, str(number), found.name if found else ""


def _there(db: Session, row: RowChange) -> Any:
    """The row as it is now, which must be as the change left it."""
    watched = WATCHED[row["of"]]
    there = db.get(watched.table, tuple(row["key"][each.name] for each in sa.inspect(watched.table).primary_key))
    if (there is None) != (row["is"] is None):
        raise Conflict("setting_moved_on", of=row["of"])
    if there is not None and any(plain(getattr(there, name)) != value for name, value in row["is"].items()):
        raise Conflict("setting_moved_on", of=row["of"])
    return there


def _put_back(db: Session, row: RowChange, there: Any, *, now: datetime) -> Any:
    watched = WATCHED[row["of"]]
    if there is None:
        return _bring_back(db, watched, row, now=now)
    if row["was"] is None:
        return _unmake(db, row["of"], there, now=now)
    for name, value in row["was"].items():
        setattr(there, name, typed(watched.table, name, value))
    if row["of"] == "mailbox" and row["was"].keys() & {"host", "user", "folder"}:
        from helpdesk import mailboxes

        mailboxes.begin_another(db, there, now=now)
    if isinstance(there, Tag):
        from helpdesk import tags

        there.key = tags.key_of(there.name)
    return there


def _unmake(db: Session, kind: str, there: Any, *, now: datetime) -> Any:
    if not _unmakes(kind):
        raise Conflict("setting_stays", of=kind)
    if kind in LINKS:
        db.delete(there)
    elif kind == "calendar":
        for table in (Queue, Policy):
            if db.exec(select(table.id).where(table.calendar_id == there.id).limit(1)).first() is not None:
                raise Conflict("setting_in_use", calendar_id=there.id)
        db.delete(there)
    elif hasattr(there, "deleted_at"):
        there.is_active, there.deleted_at = False, now
    else:
        there.is_active = False
    return there


def _bring_back(db: Session, watched: Watched, row: RowChange, *, now: datetime) -> Any:
    """A row that was taken away, without its secrets; what collects or is connected rests until it has them again."""
    told = {name: typed(watched.table, name, value) for name, value in row["was"].items()}
    made = watched.table(**told)
    for name in ("state_since", "takes_from", "changed_at", "created_at"):
        if name in watched.table.__pydantic_fields__ and name not in told:
            setattr(made, name, now)
    if watched.secret:
        made.is_active = False
    db.add(made)
    return made


def _tell(db: Session, kind: str, row: Any, *, by: Agent, now: datetime) -> None:
    """As the verb would that changes such a row by hand."""
    if kind in ("mailbox", "exchange"):
        from helpdesk import exchanges, mailboxes

        verbs: Any = mailboxes if kind == "mailbox" else exchanges
        (verbs.resume if row.is_active else verbs.pause)(db, row, by=by, now=now)
    elif kind == "agent" and not row.is_active:
        from helpdesk import agents

        agents.sign_out_everywhere(db, row, by_id=by.id, now=now)
        agents.set_state(db, row.id, Presence.OFFLINE, by_id=by.id, now=now)
    elif says := WATCHED[kind].says:
        if kind == "rule":
            from helpdesk.rules import making

            making.begin_again(db, row, now=now)
        emit(db, says(row, {"by_id": by.id, "at": now}))
