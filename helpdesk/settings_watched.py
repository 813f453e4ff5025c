"""Which tables hold settings, and the rows of them that the running transaction has changed.

Before such a row is written its columns tell what they said; several writes of one row are one change, from the first
to the last. Columns that are secret are never read. What was noted waits in the session until it is kept.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import object_session
from sqlmodel import Session

from helpdesk import facts
from helpdesk.facts import Fact
from helpdesk.reviews import form as review_form
from models import (
    Agent,
    BlockedCaller,
    Calendar,
    CannedFile,
    CannedReply,
    ChecklistTemplate,
    Exchange,
    Macro,
    Mailbox,
    Membership,
    Policy,
    Preference,
    Queue,
    ReturnReason,
    ReviewForm,
    Rule,
    Segment,
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
    "segment": Watched(
        Segment, _apart("by_id"), says=lambda row, told: facts.SegmentChanged(segment_id=row.id, what="changed", **told)
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

RowChange = dict[str, Any]
"""{"of", "key", "was", "is"} as `SettingChange.rows` keeps it, with "name"."""


def pending(db: Session) -> list[RowChange]:
    """What the running transaction has changed of the settings so far and has not kept yet."""
    db.flush()
    kept: dict[tuple[str, str], RowChange] = db.info.get("setting_rows", {})
    return [row for row in kept.values() if row["was"] != row["is"] or row.get("hidden")]


def is_noted(db: Session) -> bool:
    """Whether the running transaction has written any setting so far, be it as it was."""
    return bool(db.info.get("setting_rows"))


@event.listens_for(Session, "after_commit")
@event.listens_for(Session, "after_rollback")
def forget(db: Session) -> None:
    """Nothing is pending any more: it was kept, or came to nothing."""
    db.info.pop("setting_rows", None)


def plain(value: Any) -> Any:
    """A column's value as JSON keeps it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return deepcopy(value) if isinstance(value, (list, dict)) else value


def typed(table: type[Any], name: str, value: Any) -> Any:
    """The reverse of `plain`, for one column of a table."""
    kind = table.__table__.c[name].type
    if value is None:
        return None
    if isinstance(kind, sa.Enum) and kind.enum_class:
        return kind.enum_class(value)
    if isinstance(value, str) and isinstance(getattr(kind, "impl", kind), sa.DateTime):
        return datetime.fromisoformat(value)
    return deepcopy(value) if isinstance(value, (list, dict)) else value


def spelled(key: Mapping[str, Any]) -> str:
    """A row's primary key in one word."""
    return "-".join(str(value) for value in key.values())


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
        was = {name: plain(value) for name, value in before.items()}
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
    known = kept.setdefault((kind, spelled(key)), {"of": kind, "key": key, "name": "", "was": was, "is": is_now})
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
    return {name: plain(getattr(row, name)) for name in names}


for _kind, _watched in WATCHED.items():
    _watch(_kind, _watched)
