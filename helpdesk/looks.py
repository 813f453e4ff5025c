"""What a look at a ticket asks the database: statements that are spelled out once.

A ticket's page is drawn hundreds of times for every time it changes, and what it shows is only read. So nothing here
makes rows that a session would watch: columns come as they are, by the names their tables give them. Each of these
is one statement, however long the conversation, and reads what was merged into the ticket along with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import approvals, romaji
from helpdesk.mail.html import REMOTE_MARK
from helpdesk.tickets import FAMILY
from models import (
    Agent,
    AgentState,
    Attachment,
    Call,
    Event,
    Impression,
    Membership,
    Message,
    MessageState,
    Note,
    Presence,
    Role,
    Routing,
)
from models.looking import Once, Remembered, columns_of, rows

MOST = 500
"""Of each kind of thing a conversation holds."""

# What was taken back was never said; what was not approved goes back to its author alone.
_SAID = sa.or_(
    col(Message.state) != MessageState.WITHDRAWN,
    sa.and_(col(Message.error) == approvals.RETURNED, col(Message.author_id) == sa.bindparam("agent_id")),
)
# A page never shows the HTML itself, which may be long; it asks whether there is some, and pictures from elsewhere.
_HTML = sa.case(
    (col(Message.html).contains(REMOTE_MARK, autoescape=True), REMOTE_MARK), (col(Message.html) != "", "<>"), else_=""
)
_TEXT = sa.case((col(Message.reply_text) == "", col(Message.text)), else_="")
_MESSAGES = (
    columns_of(Message, html=_HTML, text=_TEXT)
    .where(col(Message.ticket_id).in_(FAMILY), _SAID)
    .order_by(col(Message.id))
    .limit(MOST)
)
_FILES = columns_of(Attachment).where(
    col(Attachment.message_id).in_(sa.select(col(Message.id)).where(col(Message.ticket_id).in_(FAMILY)))
)
_NOTES = columns_of(Note).where(col(Note.ticket_id).in_(FAMILY)).order_by(col(Note.id)).limit(MOST)
_CALLS = columns_of(Call).where(col(Call.ticket_id).in_(FAMILY)).order_by(col(Call.id)).limit(MOST)
_DECISIONS = columns_of(Routing).where(col(Routing.ticket_id) == sa.bindparam("ticket_id")).order_by(col(Routing.id))
_IMPRESSIONS = (
    columns_of(Impression)
    .where(col(Impression.ticket_id) == sa.bindparam("ticket_id"))
    .order_by(col(Impression.id).desc())
    .limit(MOST)
)
_NAMES: Any = sa.select(col(Agent.id), col(Agent.name), col(Agent.reading)).order_by(col(Agent.id))
_ASSIGNABLE: Any = (
    sa.select(col(Agent.id), col(Agent.name), col(Agent.reading), col(Membership.agent_id), col(AgentState.state))
    .join(
        Membership,
        sa.and_(col(Membership.queue_id) == sa.bindparam("queue_id"), col(Membership.agent_id) == Agent.id),
        isouter=True,
    )
    .join(AgentState, sa.and_(col(AgentState.agent_id) == Agent.id, col(AgentState.ended_at).is_(None)), isouter=True)
    .where(col(Agent.is_active), sa.or_(col(Membership.agent_id).is_not(None), col(Agent.role) == Role.SUPERVISOR))
    .order_by(col(Agent.id))
)


@dataclass(frozen=True, slots=True)
class Assignable:
    """Somebody a ticket can be given to: who serves its queue, and every supervisor."""

    id: int
    name: str
    reading: str
    serves: bool
    state: str


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody who works or worked here."""

    id: int
    name: str
    reading: str


_STAFF: Remembered[Named] = Remembered(_NAMES, Named)
_CHOICES: Remembered[Assignable] = Remembered(
    _ASSIGNABLE,
    lambda agent_id, name, reading, member, state: Assignable(
        agent_id, name, reading, member is not None, (state or Presence.OFFLINE).value
    ),
)


def messages(db: Session, ticket_id: int, *, agent_id: int) -> Sequence[Message]:
    """All mail of a ticket that this agent is shown, oldest first. Of its HTML only whether there is some, and pictures
    that wait for a click; the whole text only where nothing in it is new."""
    return rows(db, Message, _MESSAGES, ticket_id=ticket_id, agent_id=agent_id)


def files(db: Session, ticket_id: int) -> Sequence[Attachment]:
    """What came and went with its mail."""
    return rows(db, Attachment, _FILES, ticket_id=ticket_id)


def notes(db: Session, ticket_id: int) -> Sequence[Note]:
    """Its notes, oldest first."""
    return rows(db, Note, _NOTES, ticket_id=ticket_id)


def calls(db: Session, ticket_id: int) -> Sequence[Call]:
    """Its calls, oldest first."""
    return rows(db, Call, _CALLS, ticket_id=ticket_id)


def decisions(db: Session, ticket_id: int) -> Sequence[Routing]:
    """Why it was put into which queue, oldest first."""
    return rows(db, Routing, _DECISIONS, ticket_id=ticket_id)


def impressions(db: Session, ticket_id: int) -> Sequence[Impression]:
    """What was guessed of its newest texts, oldest first."""
    return rows(db, Impression, _IMPRESSIONS, ticket_id=ticket_id)[::-1]


def facts(db: Session, ticket_id: int, statement: "sa.Select[Any]") -> Sequence[Event]:
    """What happened, oldest first, by a statement of `told`."""
    return rows(db, Event, statement, ticket_id=ticket_id)[::-1]


def told(names: set[str]) -> "sa.Select[Any]":
    """The statement of the newest facts with these names, newest first."""
    listed = ", ".join(f"'{name}'" for name in sorted(names))  # written out: codes of ours, and always the same
    return (
        columns_of(Event)
        .where(col(Event.ticket_id).in_(FAMILY), sa.text(f"event.fact IN ({listed})"))
        .order_by(col(Event.id).desc())
        .limit(MOST)
    )


def staff(db: Session, language: str) -> Mapping[int, Agent]:
    """The id, name and reading of everybody who works or worked here, by id, as they are called in this language.
    Nothing else of them is there."""
    return _by_id(_STAFF.whole(db), language)


@lru_cache(maxsize=8)
def _by_id(everybody: Once[Named], language: str) -> Mapping[int, Agent]:
    called = [replace(each, name=romaji.spoken(each.name, each.reading, language)) for each in everybody]
    return {each.id: cast(Agent, each) for each in called}


def assignable(db: Session, queue_id: int) -> Once[Assignable]:
    """Whom a ticket of the queue can be given to."""
    return _CHOICES.whole(db, queue_id=queue_id)
