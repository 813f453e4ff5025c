"""What stood in the settings before, and the way back to it.

The one idea: no verb reports its changes. While a transaction runs, the rows of the tables in `WATCHED` tell what their
columns said before they are written; what the transaction did to all of them together is kept as one `SettingChange`.
So whatever can be set can be taken back, is shown before it is saved (`Rehearsed`), and stands in the audit.

Secrets are kept nowhere: of a password it is known that it changed, and what was taken away comes back without it. The
desk's own bookkeeping (when a mailbox was looked into, whose turn it is) is no setting and is not watched.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import object_session
from sqlmodel import Session, col, select

from helpdesk import events as facts
from helpdesk import return_reasons
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import Fact, SettingChanged, emit
from helpdesk.reviews import form as review_form
from models import (
    Agent,
    BlockedCaller,
    Calendar,
    CannedFile,
    CannedReply,
    ChecklistTemplate,
    Event,
    Exchange,
    Macro,
    Mailbox,
    Membership,
    Policy,
    Preference,
    Presence,
    Queue,
    ReturnReason,
    ReviewForm,
    Rule,
    SettingChange,
    Survey,
    Tag,
    TicketField,
    Topic,
)


@dataclass(frozen=True, slots=True)
class Watched:
    """A table whose columns are settings, but for those in `not_set`. `called` is the column with its name; `secret`
    columns are never kept. `says` is the fact that tells others of a row put back. `usual` is what holds while there is
    no row, which therefore nobody sees being made."""

    table: type[Any]
    not_set: frozenset[str]
    called: str = "name"
    secret: frozenset[str] = frozenset()
    says: Callable[[Any, dict[str, Any]], Fact] | None = None
    usual: Callable[[], dict[str, Any]] | None = None

    @property
    def columns(self) -> list[str]:
        """What is set in it."""
        return [each.name for each in sa.inspect(self.table).columns if each.name not in self.not_set | self.secret]


def _apart(*names: str) -> frozenset[str]:
    return frozenset(("id", "created_at", "changed_at", "changed_by_id", *names))


WATCHED: dict[str, Watched] = {
    "queue": Watched(
        Queue, _apart("slug", "position", "is_triage"),
        says=lambda row, told: facts.QueueChanged(queue_id=row.id, what="changed", **told),
    ),
    "agent": Watched(
        Agent, _apart("language", "theme", "shortcuts", "telling"), secret=frozenset(("password_hash",)),
        says=lambda row, told: facts.AgentChanged(agent_id=row.id, **told),
    ),
    "member": Watched(
        Membership, _apart("queue_id", "agent_id", "turn"), called="",
        says=lambda row, told: facts.AgentChanged(agent_id=row.agent_id, **told),
    ),
    "calendar": Watched(
        Calendar, _apart(), says=lambda row, told: facts.CalendarChanged(calendar_id=row.id, **told)
    ),
    "policy": Watched(
        Policy, _apart(), says=lambda row, told: facts.PolicyChanged(policy_id=row.id, what="changed", **told)
    ),
    "preference": Watched(
        Preference, _apart("name"),
        says=lambda row, told: facts.PreferenceChanged(
            what=row.name.removeprefix("show_"), state="on" if row.value else "off", **told
        ),
    ),
    "tag": Watched(
        Tag, _apart("key"), says=lambda row, told: facts.TagChanged(tag_id=row.id, what="renamed", **told)
    ),
    "field": Watched(
        TicketField, _apart("key", "kind"),
        says=lambda row, told: facts.FieldChanged(field_id=row.id, what="changed", **told),
    ),
    "canned": Watched(
        CannedReply, _apart("uses", "last_used_at"), called="title",
        says=lambda row, told: facts.CannedReplyChanged(canned_id=row.id, state="changed", **told),
    ),
    "canned_file": Watched(CannedFile, _apart("canned_id", "sha256", "content_type")),
    "mailbox": Watched(
        Mailbox,
        _apart("takes_from", "version", "uidvalidity", "last_uid", "listed_uid", "old_below", "old_from", "looked_at",
               "state", "state_since", "error", "detail", "last_fetched_at", "fetched_count"),
        secret=frozenset(("secret", "client_secret", "smtp_secret")),
    ),
    "exchange": Watched(
        Exchange, _apart("old_token_used_at", "version", "state", "state_since", "error", "heard_at"),
        secret=frozenset(("token", "token_hash", "old_token_hash", "secret")),
    ),
    "blocked": Watched(BlockedCaller, _apart("e164", "by_id"), called="e164"),
    "survey": Watched(
        Survey, _apart(), says=lambda row, told: facts.SurveyChanged(survey_id=row.id, state="changed", **told)
    ),
    "topic": Watched(
        Topic, _apart(), says=lambda row, told: facts.TopicChanged(topic_id=row.id, state="changed", **told)
    ),
    "rule": Watched(
        Rule, _apart(), says=lambda row, told: facts.RuleChanged(rule_id=row.id, state="changed", **told)
    ),
    "macro": Watched(
        Macro, _apart("uses", "last_used_at"),
        says=lambda row, told: facts.MacroChanged(macro_id=row.id, state="changed", **told),
    ),
    "checklist": Watched(
        ChecklistTemplate, _apart("uses", "last_used_at"),
        says=lambda row, told: facts.ChecklistTemplateChanged(template_id=row.id, state="changed", **told),
    ),
    "review_form": Watched(
        ReviewForm, _apart("last_id"), called="", usual=review_form.usual,
        says=lambda row, told: facts.ReviewChanged(what="form", **told),
    ),
    "return_reason": Watched(
        ReturnReason, _apart("code"), says=lambda row, told: facts.CatalogueChanged(what="reason", **told)
    ),
}  # fmt: skip
"""In the order in which a change that touches several is called after one of them."""
LINKS = ("member", "canned_file", "blocked", "preference")
"""Rows that are there or not, and can be taken away again."""
_KIND = {watched.table: kind for kind, watched in WATCHED.items()}

RowChange = dict[str, Any]
"""{"of", "key", "was", "is"} as `SettingChange.rows` keeps it, with "name"."""


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


def pending(db: Session) -> list[RowChange]:
    """What the running transaction has changed of the settings so far and has not kept yet."""
    db.flush()
    kept: dict[tuple[str, str], RowChange] = db.info.get("setting_rows", {})
    return [row for row in kept.values() if row["was"] != row["is"] or row.get("hidden")]


def keep(
    db: Session, *, by_id: int | None, now: datetime, takes_back: SettingChange | None = None
) -> SettingChange | None:
    """Write down what the running transaction changed of the settings until now; None where it changed nothing.

    What nobody changes and no command (`db.info["is_command"]`) is a desk being set up: it has no before, and is not
    kept.
    """
    rows = pending(db)
    db.info.pop("setting_rows", None)
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
    mine = {(row["of"], _spelled(row["key"])) for row in pending(db)}
    if not mine:
        return
    told = select(Event.data).where(Event.fact == "setting_changed", col(Event.id) > since)
    newer = [data["change_id"] for data in db.exec(told)]
    theirs = db.exec(select(SettingChange.rows).where(col(SettingChange.id).in_(newer))) if newer else ()
    if any((row["of"], _spelled(row["key"])) in mine for rows in theirs for row in rows):
        raise Invalid("setting_changed_meanwhile", field="")


def conclude(db: Session) -> None:
    """The transaction is about to commit: keep what it changed, in the name of whoever stated its facts."""
    if not db.info.get("setting_rows"):
        return
    stated: list[Fact] = db.info["facts"]
    keep(db, by_id=next((each.by_id for each in stated if each.by_id is not None), None), now=stated[-1].at)


def get(db: Session, change_id: int) -> SettingChange:
    """Raises `NotFound`."""
    found = db.get(SettingChange, change_id)
    if found is None:
        raise NotFound("not_found", change_id=change_id)
    return found


def told(db: Session, change_ids: Iterable[int]) -> dict[int, Told]:
    """Changes by their ids, with who made them and whether they were taken back."""
    wanted = list(change_ids)
    rows = db.exec(
        select(SettingChange, Agent.name)
        .join(Agent, col(Agent.id) == col(SettingChange.by_id), isouter=True)
        .where(col(SettingChange.id).in_(wanted))
    ).all()
    undone = select(SettingChange.takes_back_id, SettingChange.id).where(col(SettingChange.takes_back_id).in_(wanted))
    backs = dict(db.exec(undone).all())
    return {change.id or 0: Told(change, name or "", backs.get(change.id)) for change, name in rows}


def of(db: Session, kind: str, subject: str, *, limit: int = 20) -> list[Told]:
    """What was changed of one thing, the newest first."""
    asked = select(SettingChange.id).where(SettingChange.kind == kind, SettingChange.subject == subject)
    ids = [found or 0 for found in db.exec(asked.order_by(col(SettingChange.id).desc()).limit(limit))]
    found = told(db, ids)
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
        return first["of"], _spelled(first["key"]), first["name"]
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
    if there is not None and any(_plain(getattr(there, name)) != value for name, value in row["is"].items()):
        raise Conflict("setting_moved_on", of=row["of"])
    return there


def _put_back(db: Session, row: RowChange, there: Any, *, now: datetime) -> Any:
    watched = WATCHED[row["of"]]
    if there is None:
        return _bring_back(db, watched, row, now=now)
    if row["was"] is None:
        return _unmake(db, row["of"], there, now=now)
    for name, value in row["was"].items():
        setattr(there, name, _typed(watched.table, name, value))
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
    told = {name: _typed(watched.table, name, value) for name, value in row["was"].items()}
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


# --- watching


def _watch(kind: str, watched: Watched) -> None:
    columns = watched.columns
    every = {*columns, *watched.secret}

    def made(_mapper: Any, _connection: Any, row: Any) -> None:
        _note(kind, row, watched.usual() if watched.usual else None, _all(row, columns))

    def written(_mapper: Any, connection: sa.Connection, row: Any) -> None:
        state = sa.inspect(row)
        histories = {name: state.attrs[name].history for name in every & state.committed_state.keys()}
        changed = {name: history for name, history in histories.items() if history.has_changes()}
        if not changed:
            return
        moved = {name: history for name, history in changed.items() if name not in watched.secret}
        hidden = sorted(changed.keys() - moved.keys())
        before = {name: history.deleted[0] for name, history in moved.items() if history.deleted}
        if unread := [name for name in moved if name not in before]:  # set before it was ever read
            table = watched.table.__table__
            here = sa.and_(*(column == value for column, value in zip(table.primary_key, state.identity, strict=True)))
            found = connection.execute(sa.select(*(table.c[name] for name in unread)).where(here)).one()
            before |= dict(zip(unread, found, strict=True))
        was = {name: _plain(value) for name, value in before.items()}
        _note(kind, row, was, _all(row, moved), hidden=hidden)

    def gone(_mapper: Any, _connection: Any, row: Any) -> None:
        whole = [each.name for each in sa.inspect(watched.table).columns if each.name not in watched.secret]
        _note(kind, row, _all(row, whole), None)

    event.listen(watched.table, "after_insert", made)
    event.listen(watched.table, "before_update", written)
    event.listen(watched.table, "before_delete", gone)


def _note(
    kind: str, row: Any, was: dict[str, Any] | None, is_now: dict[str, Any] | None, *, hidden: Iterable[str] = ()
) -> None:
    """What is changed twice in a transaction changed once, from the first to the last."""
    db = object_session(row)
    if db is None:
        return
    key = {column.name: getattr(row, column.name) for column in sa.inspect(type(row)).primary_key}
    watched = WATCHED[kind]
    kept = db.info.setdefault("setting_rows", {})
    known = kept.setdefault((kind, _spelled(key)), {"of": kind, "key": key, "name": "", "was": was, "is": is_now})
    known["name"] = (str(getattr(row, watched.called) or "") if watched.called else "") or known["name"]
    if "hidden" in known or hidden:
        known["hidden"] = sorted({*known.get("hidden", ()), *hidden})
    if known["was"] is not None and was is not None:
        known["was"] = was | known["was"]
    if is_now is None or known["is"] is None:
        known["is"] = is_now
    else:
        known["is"] = known["is"] | is_now
    if known["was"] is not None and known["is"] is not None:
        same = [name for name, value in known["was"].items() if known["is"].get(name) == value]
        for name in same:
            del known["was"][name]
            known["is"].pop(name, None)


def _all(row: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    """As JSON keeps it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return deepcopy(value) if isinstance(value, (list, dict)) else value


def _typed(table: type[Any], name: str, value: Any) -> Any:
    """The reverse of `_plain`."""
    kind = table.__table__.c[name].type
    if value is None:
        return None
    if isinstance(kind, sa.Enum) and kind.enum_class:
        return kind.enum_class(value)
    if isinstance(value, str) and isinstance(getattr(kind, "impl", kind), sa.DateTime):
        return datetime.fromisoformat(value)
    return deepcopy(value) if isinstance(value, (list, dict)) else value


def _spelled(key: Mapping[str, Any]) -> str:
    return "-".join(str(value) for value in key.values())


for _kind, _watched in WATCHED.items():
    _watch(_kind, _watched)


@event.listens_for(Session, "after_commit")
@event.listens_for(Session, "after_rollback")
def _forget(db: Session) -> None:
    db.info.pop("setting_rows", None)
