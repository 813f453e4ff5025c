"""Mails that somebody else reads before they leave.

The one idea: a mail that awaits approval is finished and never changes. Whoever approves approves these words to these
people; who wants others takes it back or sends it back, and what is then written is another mail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import agents, outgoing, tickets
from helpdesk.errors import Conflict, Invalid, NotAllowed
from helpdesk.events import emit
from helpdesk.facts import MessageApproved, MessageReturned
from helpdesk.settings import Settings
from models import Agent, Message, MessageState, Queue, Ticket
from models.database import hold_still

RETURNED = "returned"
"""Of a mail that was withdrawn: not by its author."""
SHOWN = 200
SNIPPET = 200
_AWAITING = sa.text("message.state = 'awaiting'")  # spelled out, so that SQLite finds the index of just those


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail that awaits approval, as the list of them shows it."""

    message_id: int
    ticket_id: int
    subject: str
    queue_name: str
    author_id: int | None
    author_name: str
    author_reading: str
    to: Sequence[str]
    snippet: str
    written_at: datetime


def approve(db: Session, message: Message, *, by: Agent, settings: Settings, now: datetime) -> None:
    """Let the mail go. Raises `NotAllowed("own_mail")` for its author, `Conflict("not_awaiting")` where another was
    faster."""
    ticket = _to_decide(db, message, by)
    if message.author_id == by.id:
        raise NotAllowed("own_mail", message_id=message.id)
    message.approved_by_id = by.id
    emit(db, MessageApproved(**_told(message, ticket), by_id=by.id, at=now))
    outgoing.let_go(db, message, ticket, by=by, settings=settings, now=now)


def send_back(db: Session, message: Message, reason: str, *, by: Agent, now: datetime) -> None:
    """Give the mail back to its author: the reason becomes a note, and nobody gets the mail as it is.

    Raises as `approve` does, and `Invalid("reason_missing")`.
    """
    ticket = _to_decide(db, message, by)
    if message.author_id == by.id:
        raise NotAllowed("own_mail", message_id=message.id)
    if not reason.strip():
        raise Invalid("reason_missing", field="reason")
    message.state, message.error = MessageState.WITHDRAWN, RETURNED
    emit(db, MessageReturned(**_told(message, ticket), agent_id=message.author_id, by_id=by.id, at=now))
    tickets.note(db, ticket, reason, by=by, now=now)


def count_query(queue_ids: Sequence[int], agent_id: Any) -> sa.Select[int]:
    """Asks how many mails of others await this agent, who serves these queues. Reads the index of what awaits only."""
    return _rows(queue_ids, sa.func.count()).where(col(Message.author_id).is_distinct_from(agent_id))


def waiting(db: Session, agent: Agent, *, language: str) -> list[Waiting]:
    """What awaits approval in the agent's queues, the agent's own mails included; what waits longest first."""
    columns = (
        col(Message.id),
        col(Message.ticket_id),
        col(Message.subject),
        col(Queue.name_en if language == "en" else Queue.name),
        col(Message.author_id),
        sa.func.coalesce(Agent.name, ""),
        sa.func.coalesce(Agent.reading, ""),
        col(Message.to),
        sa.func.substr(Message.reply_text, 1, SNIPPET),
        col(Message.created_at),
    )
    query = _rows(agents.queue_ids(db, agent), *columns).join(Queue, col(Queue.id) == Ticket.queue_id)
    query = query.join(Agent, col(Agent.id) == Message.author_id, isouter=True)
    return [Waiting(*row) for row in db.execute(query.order_by(col(Message.id)).limit(SHOWN))]


def _rows(queue_ids: Sequence[int], *columns: Any) -> sa.Select[Any]:
    served: sa.Select[Any] = sa.select(*columns).select_from(Message).join(Ticket, col(Ticket.id) == Message.ticket_id)
    # A sum is in no index: else SQLite begins with all tickets there ever were in these queues.
    return served.where(_AWAITING, (col(Ticket.queue_id) + 0).in_(queue_ids))


def _to_decide(db: Session, message: Message, by: Agent) -> Ticket:
    """The ticket, with the message kept from whoever decides at the same moment."""
    hold_still(db, message)
    ticket = db.get(Ticket, message.ticket_id)
    assert ticket is not None
    if not agents.serves(db, by, ticket.queue_id):
        raise NotAllowed("not_allowed", agent_id=by.id)
    if message.state != MessageState.AWAITING:
        raise Conflict("not_awaiting", message_id=message.id)
    return ticket


def _told(message: Message, ticket: Ticket) -> dict[str, Any]:
    assert ticket.id is not None and message.id is not None
    return {"ticket_id": ticket.id, "queue_id": ticket.queue_id, "message_id": message.id}
