"""Words that group tickets across queues.

The one idea: a tag is known by its key, the name in one spelling, so that neither full-width letters nor capitals nor
a leading # make a second tag of the first. Agents make tags as they need them, unless a supervisor switched that off.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk.errors import Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import PreferenceChanged, TagChanged, TicketTagged, TicketUntagged
from models import Agent, Preference, Role, Tag, Ticket, TicketTag

NAME_MAX = 40
PER_TICKET = 20
SUGGESTED = 8
MAKING = "agents_make_tags"


@dataclass(frozen=True, slots=True)
class Counted:
    """A tag and how many tickets have it."""

    id: int
    name: str
    is_active: bool
    count: int


def key_of(name: str) -> str:
    """The one spelling a tag is known by: "＃ Ｒｅｐａｉｒ" and "repair" are one."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().lstrip("# ").split())


def find(db: Session, name: str) -> Tag | None:
    """The tag of that name, however it is spelled."""
    return db.exec(select(Tag).where(Tag.key == key_of(name))).first()


def get(db: Session, tag_id: int) -> Tag:
    """Raises `NotFound`."""
    found = db.get(Tag, tag_id)
    if found is None:
        raise NotFound("not_found", tag_id=tag_id)
    return found


def make(db: Session, name: str, *, by: Agent | None, now: datetime) -> Tag:
    """The tag of that name, new if there is none. Raises `Invalid` for a name that is empty or too long, or
    where only supervisors make tags."""
    if not key_of(name):
        raise Invalid("name_missing", field="tag")
    if len(name.strip()) > NAME_MAX:
        raise Invalid("too_long", field="tag")
    if found := find(db, name):
        return found
    if by is not None and not may_make(db, by):
        raise Invalid("tags_are_made_by_supervisors", field="tag")
    shown = " ".join(unicodedata.normalize("NFC", name).lstrip("#＃ ").split())
    tag = Tag(name=shown, key=key_of(name), created_at=now)
    db.add(tag)
    db.flush()
    assert tag.id is not None
    emit(db, TagChanged(tag_id=tag.id, what="made", by_id=by.id if by else None, at=now))
    return tag


def add(db: Session, ticket: Ticket, tag: Tag | str, *, by: Agent | None, now: datetime) -> Tag:
    """Put a tag on a ticket; a name that is new makes one. Twice changes nothing.

    Raises as `make` does, and `Invalid` for a tag that is switched off or one too many.
    """
    assert ticket.id is not None
    tag = make(db, tag, by=by, now=now) if isinstance(tag, str) else tag
    assert tag.id is not None
    if db.get(TicketTag, (ticket.id, tag.id)) is not None:
        return tag
    if not tag.is_active:
        raise Invalid("tag_is_off", field="tag")
    count = sa.select(sa.func.count()).select_from(TicketTag).where(col(TicketTag.ticket_id) == ticket.id)
    if (db.scalar(count) or 0) >= PER_TICKET:
        raise Invalid("too_many_tags", field="tag")
    put(db, ticket, tag.id, by=by, now=now)
    return tag


def put(db: Session, ticket: Ticket, tag_id: int, *, by: Agent | None, now: datetime) -> None:
    """Put a tag back that was there before, switched off since or not. Twice changes nothing."""
    assert ticket.id is not None
    get(db, tag_id)
    if db.get(TicketTag, (ticket.id, tag_id)) is None:
        db.add(TicketTag(ticket_id=ticket.id, tag_id=tag_id))
        db.flush()
        told = TicketTagged(
            ticket_id=ticket.id, queue_id=ticket.queue_id, tag_id=tag_id, by_id=by.id if by else None, at=now
        )  # fmt: skip
        emit(db, told)


def remove(db: Session, ticket: Ticket, tag: Tag | int, *, by: Agent | None, now: datetime) -> None:
    """Take a tag off a ticket. What is not there changes nothing."""
    assert ticket.id is not None
    tag_id = tag if isinstance(tag, int) else tag.id or 0
    row = db.get(TicketTag, (ticket.id, tag_id))
    if row is None:
        return
    db.delete(row)
    db.flush()
    told = TicketUntagged(
        ticket_id=ticket.id, queue_id=ticket.queue_id, tag_id=tag_id, by_id=by.id if by else None, at=now
    )  # fmt: skip
    emit(db, told)


def of(db: Session, ticket_id: int) -> list[Tag]:
    """A ticket's tags, by name."""
    rows = select(Tag).join(TicketTag, col(TicketTag.tag_id) == Tag.id).where(TicketTag.ticket_id == ticket_id)
    return list(db.exec(rows.order_by(col(Tag.key))))


def names(db: Session, tag_ids: Sequence[int]) -> dict[int, str]:
    """What tags are called, by id."""
    if not tag_ids:
        return {}
    return dict(db.execute(sa.select(col(Tag.id), col(Tag.name)).where(col(Tag.id).in_(tag_ids))).tuples().all())


def suggest(db: Session, typed: str, *, limit: int = SUGGESTED) -> list[Tag]:
    """Tags in use whose name begins with what was typed, then those that hold it."""
    key = key_of(typed)
    begins = col(Tag.key).startswith(key, autoescape=True)
    rows = select(Tag).where(col(Tag.is_active), col(Tag.key).contains(key, autoescape=True))
    return list(db.exec(rows.order_by(sa.case((begins, 0), else_=1), col(Tag.key)).limit(limit)))


def everything(db: Session) -> list[Counted]:
    """All tags with how many tickets have each, by name."""
    count = (
        sa.select(sa.func.count())
        .select_from(TicketTag)
        .where(col(TicketTag.tag_id) == col(Tag.id))
        .correlate(Tag)
        .scalar_subquery()
    )
    rows = sa.select(col(Tag.id), col(Tag.name), col(Tag.is_active), count).order_by(col(Tag.key))
    return [Counted(*row) for row in db.execute(rows)]


def rename(db: Session, tag: Tag, name: str, *, by: Agent, now: datetime) -> None:
    """Call a tag something else, everywhere. Raises `Invalid` where another is called so: merge the two instead."""
    if not key_of(name):
        raise Invalid("name_missing", field="name")
    if len(name.strip()) > NAME_MAX:
        raise Invalid("too_long", field="name")
    other = find(db, name)
    if other is not None and other.id != tag.id:
        raise Invalid("tag_name_taken", field="name")
    shown = " ".join(unicodedata.normalize("NFC", name).lstrip("#＃ ").split())
    if tag.name == shown:
        return
    tag.name, tag.key = shown, key_of(name)
    assert tag.id is not None
    emit(db, TagChanged(tag_id=tag.id, what="renamed", by_id=by.id, at=now))


def merge(db: Session, tag: Tag, into: Tag, *, by: Agent, now: datetime) -> None:
    """Let every ticket that has the one have the other instead, and forget the one."""
    if tag.id == into.id:
        raise Invalid("merges_into_itself", field="into")
    assert tag.id is not None and into.id is not None
    db.flush()
    having = sa.select(col(TicketTag.ticket_id)).where(col(TicketTag.tag_id) == into.id)
    moved = sa.update(TicketTag).where(col(TicketTag.tag_id) == tag.id, col(TicketTag.ticket_id).not_in(having))
    db.execute(moved.values(tag_id=into.id).execution_options(synchronize_session=False))
    emit(db, TagChanged(tag_id=tag.id, what="merged", into_id=into.id, by_id=by.id, at=now))
    db.delete(tag)
    db.flush()


def switch(db: Session, tag: Tag, on: bool, *, by: Agent, now: datetime) -> None:
    """Offer a tag to agents or not; tickets keep what they have."""
    if tag.is_active == on:
        return
    tag.is_active = on
    assert tag.id is not None
    emit(db, TagChanged(tag_id=tag.id, what="on" if on else "off", by_id=by.id, at=now))


def agents_make(db: Session) -> bool:
    """Whether agents make tags; supervisors always do."""
    row = db.get(Preference, MAKING)
    return row is None or bool(row.value)


def may_make(db: Session, agent: Agent) -> bool:
    """Whether this agent makes tags."""
    return agent.role == Role.SUPERVISOR or agents_make(db)


def let_agents_make(db: Session, value: bool, *, by: Agent, now: datetime) -> None:
    """Let agents make tags, or only choose among those there are."""
    if agents_make(db) == value:
        return
    row = db.get(Preference, MAKING) or Preference(name=MAKING, changed_at=now)
    row.value, row.changed_by_id, row.changed_at = value, by.id, now
    db.add(row)
    db.flush()
    emit(db, PreferenceChanged(what=MAKING, state="on" if value else "off", by_id=by.id, at=now))
