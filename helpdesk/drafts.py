"""What an agent has begun to write, kept by the desk until it is sent or thrown away.

The one idea: a draft is one row for each agent and place, and whoever writes last is right. It is nobody's business but
its author's, so it states no fact: colleagues, histories and screens never hear of it. A window learns from the answer
to its own save that another one wrote meanwhile.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import access, romaji
from helpdesk.errors import Invalid, NotFound
from models import Agent, Attachment, Customer, KeptDraft, Message, MessageState, Ticket
from models.database import hold_still

TEXT_MAX, FIELD_MAX, FIELDS_MAX = 200_000, 5_000, 20
THROWN = timedelta(minutes=10)
"""How long a draft that was thrown away can be taken back."""
JUST = timedelta(minutes=1)
"""How long the words of a mail are not kept as a draft after it was sent."""
_PLACE = re.compile(r"(?P<kind>reply|note)-(?P<ticket>[0-9]{1,9})|new(?:-(?P<customer>[0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written. `kind`: "reply" for all that leaves from a ticket, "note", or "new"."""

    name: str
    kind: str
    ticket_id: int | None = None
    customer_id: int | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a save. `version` 0: there is nothing left to keep. `is_anothers`: another window had written."""

    version: int
    is_anothers: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A draft as the list of one's own shows it."""

    place: str
    kind: str
    path: str
    title: str  # the ticket's subject, or the mail's
    whom: str
    text: str
    file_count: int
    saved_at: datetime


def place(db: Session, agent: Agent, name: str) -> Place:
    """Raises `NotFound` for what is no place, or none the agent may write in."""
    found = _PLACE.fullmatch(name)
    if found is None:
        raise NotFound("not_found", place=name[:20])
    if found["ticket"]:
        return Place(name, found["kind"], access.ticket(db, agent, int(found["ticket"])).id)
    if found["customer"]:
        return Place(name, "new", None, access.customer(db, agent, int(found["customer"])).id)
    return Place(name, "new")


def keep(
    db: Session, place: Place, text: str, *, told: Mapping[str, str] | None = None, files: Sequence[Attachment] = (),
    by: Agent, tab: str = "", seen: int = 0, now: datetime,
) -> Saved:  # fmt: skip
    """Keep what stands in the box, in place of what stood there. `seen` is the version the window knows of. Without
    words and files there is nothing to keep, nor of what was just sent: a page that is left before it hears so says
    farewell with it. Raises `Invalid` for what is longer than any mail."""
    if (
        len(text) > TEXT_MAX
        or len(told or ()) > FIELDS_MAX
        or any(len(each) > FIELD_MAX for each in (told or {}).values())
    ):
        raise Invalid("too_large", field="body")
    draft = _locked(db, by, place.name)
    before = draft.version if draft is not None else 0
    is_anothers = draft is not None and draft.thrown_at is None and draft.tab != tab and before != seen
    if (not text.strip() and not files) or _was_sent(db, place, text, by=by, now=now):
        if draft is not None and draft.thrown_at is None:
            db.delete(draft)
        return Saved(0, is_anothers)
    if draft is None:
        draft = KeptDraft(agent_id=by.id or 0, place=place.name, ticket_id=place.ticket_id,
                          customer_id=place.customer_id, text="", version=0, saved_at=now)  # fmt: skip
        db.add(draft)
    draft.text, draft.told, draft.tab, draft.thrown_at = text, dict(told or {}), tab[:40], None
    draft.files = [
        {"name": file.name, "content_type": file.content_type, "size_bytes": file.size_bytes, "sha256": file.sha256}
        for file in files
    ]
    draft.version, draft.saved_at = max(before, seen) + 1, now
    return Saved(draft.version, is_anothers)


def _was_sent(db: Session, place: Place, text: str, *, by: Agent, now: datetime) -> bool:
    if place.kind != "reply":
        return False
    sent = select(Message.reply_text).where(
        Message.ticket_id == place.ticket_id, Message.author_id == by.id, Message.created_at > now - JUST,
        Message.state != MessageState.WITHDRAWN,
    )  # fmt: skip
    return any(words.strip() == text.strip() for words in db.exec(sent))


def throw(db: Session, place: Place, *, by: Agent, now: datetime) -> None:
    """Throw it away; for a while it can be taken back."""
    draft = _locked(db, by, place.name)
    if draft is not None and draft.thrown_at is None:
        draft.thrown_at, draft.version = now, draft.version + 1


def restore(db: Session, place: Place, *, by: Agent, now: datetime) -> None:
    """Take back what was thrown away. Raises `NotFound` when it is gone."""
    draft = _locked(db, by, place.name)
    if draft is None or (draft.thrown_at is not None and not can_be_back(draft, now=now)):
        raise NotFound("not_found", place=place.name)
    draft.thrown_at, draft.version = None, draft.version + 1


def drop(db: Session, agent: Agent, name: str) -> None:
    """It was sent."""
    db.execute(sa.delete(KeptDraft).where(col(KeptDraft.agent_id) == agent.id, col(KeptDraft.place) == name))


def at(db: Session, agent: Agent, name: str) -> KeptDraft | None:
    """The agent's draft in a place, if any."""
    draft = held(db, agent, name)
    return draft if draft is not None and draft.thrown_at is None else None


def held(db: Session, agent: Agent, name: str) -> KeptDraft | None:
    """The same, one that was thrown away included."""
    return db.exec(select(KeptDraft).where(KeptDraft.agent_id == agent.id, KeptDraft.place == name)).first()


def can_be_back(draft: KeptDraft, *, now: datetime) -> bool:
    """Whether it was thrown away just now."""
    return draft.thrown_at is not None and draft.thrown_at >= now - THROWN


def of_ticket(db: Session, agent: Agent, ticket_id: int, *, now: datetime) -> tuple[dict[str, KeptDraft], str]:
    """The agent's drafts on one ticket, by "reply" and "note"; and which of them was thrown away and can be taken back,
    or ""."""
    rows = db.exec(
        select(KeptDraft).where(KeptDraft.agent_id == agent.id, KeptDraft.ticket_id == ticket_id)
        .order_by(col(KeptDraft.thrown_at))
    ).all()  # fmt: skip
    kept = {row.place.partition("-")[0]: row for row in rows if row.thrown_at is None}
    thrown = [row.place for row in rows if can_be_back(row, now=now)]
    return kept, thrown[-1] if thrown else ""


def files_of(draft: KeptDraft) -> list[Attachment]:
    """Its files, none of which belongs to a message yet."""
    return [Attachment(message_id=0, **file) for file in draft.files]


def count_query(agent_id: Any) -> sa.Select[Any]:
    """How many drafts the agent has."""
    return sa.select(sa.func.count()).where(col(KeptDraft.agent_id) == agent_id, col(KeptDraft.thrown_at).is_(None))


def listed(db: Session, agent: Agent) -> list[Listed]:
    """All drafts of the agent in places they still may write in, newest first."""
    rows = db.execute(
        sa.select(KeptDraft, col(Ticket.subject), col(Customer.name), col(Customer.reading))
        .join(Ticket, col(Ticket.id) == KeptDraft.ticket_id, isouter=True)
        .join(Customer, col(Customer.id) == sa.func.coalesce(KeptDraft.customer_id, Ticket.customer_id), isouter=True)
        .where(
            col(KeptDraft.agent_id) == agent.id,
            col(KeptDraft.thrown_at).is_(None),
            sa.or_(col(KeptDraft.ticket_id).is_(None), access.seen_tickets(db, agent)),
        )
        .order_by(col(KeptDraft.saved_at).desc())
        .limit(200)
    )
    return [
        Listed(
            draft.place, draft.place.partition("-")[0], path_of(draft), subject or draft.told.get("subject", ""),
            romaji.spoken(name, reading, agent.language) if name else draft.told.get("to", ""),
            draft.text, len(draft.files), draft.saved_at,
        )
        for draft, subject, name, reading in rows
    ]  # fmt: skip


def path_of(draft: KeptDraft) -> str:
    """The page in whose box it stands."""
    if draft.ticket_id is not None:
        return f"/tickets/{draft.ticket_id}"
    return f"/tickets/new?customer_id={draft.customer_id}" if draft.customer_id is not None else "/tickets/new"


def forget(db: Session, *, before: datetime, now: datetime) -> None:
    """Erase what was last written before then, and what was thrown away for good."""
    is_thrown = col(KeptDraft.thrown_at) < now - THROWN
    db.execute(sa.delete(KeptDraft).where(sa.or_(col(KeptDraft.saved_at) < before, is_thrown)))


def _locked(db: Session, by: Agent, name: str) -> KeptDraft | None:
    """The row, for this transaction alone: two windows that save at once are asked one after the other."""
    draft = held(db, by, name)
    if draft is not None:
        hold_still(db, draft)
    return draft
