"""The unit of work and all that was said in it."""

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Named, Row, choice, exact, json_column, points_to


class TicketState(StrEnum):
    OPEN = "open"
    PENDING = "pending"
    RESOLVED = "resolved"


class Channel(StrEnum):
    MAIL = "mail"
    PHONE = "phone"
    FORM = "form"


class Priority(IntEnum):
    """How soon a ticket is to be dealt with, by an agent's or a rule's word; `is_urgent` is only a guess."""

    LOW = 1
    NORMAL = 2
    HIGH = 3
    URGENT = 4


class Ticket(Row, table=True):
    __table_args__ = (
        sa.CheckConstraint("priority BETWEEN 1 AND 4", name="priority"),
        # The inbox reads one state, newest contact first; a queue or an assignee narrows it. Each view has its index.
        sa.Index("ix_ticket_state_contact", "state", "last_contact_at", "id"),
        sa.Index("ix_ticket_queue_state_contact", "queue_id", "state", "last_contact_at", "id"),
        sa.Index("ix_ticket_assignee_state_contact", "assignee_id", "state", "last_contact_at", "id"),
        sa.Index("ix_ticket_customer_contact", "customer_id", "last_contact_at", "id"),
        # Counting what is open must not grow with what is resolved.
        sa.Index(
            "ix_ticket_open",
            "queue_id",
            "assignee_id",
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        ),
        sa.Index(
            "ix_ticket_urgent",
            "state",
            "last_contact_at",
            "id",
            "queue_id",
            "assignee_id",
            sqlite_where=sa.text("state = 'open' AND is_urgent = 1"),
            postgresql_where=sa.text("state = 'open' AND is_urgent"),
        ),
        sa.Index(
            "ix_ticket_nobodys",
            "queue_id",
            "last_contact_at",
            "id",
            sqlite_where=sa.text("state = 'open' AND assignee_id IS NULL"),
            postgresql_where=sa.text("state = 'open' AND assignee_id IS NULL"),
        ),
        # The other orders of a list are asked of what is still to be done, which stays small.
        *(
            sa.Index(
                f"ix_ticket_{whose}_{order}",
                f"{whose}_id",
                "state",
                column,
                "id",
                sqlite_where=sa.text("state <> 'resolved'"),
                postgresql_where=sa.text("state <> 'resolved'"),
            )
            for whose in ("queue", "assignee")
            for order, column in (("created", "created_at"), ("priority", "priority"), ("due", "due_at"))
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    subject: str
    state: TicketState = choice(TicketState, TicketState.OPEN)
    channel: Channel = choice(Channel)
    queue_id: int = points_to("queue.id")
    assignee_id: int | None = points_to("agent.id", default=None)
    customer_id: int | None = points_to("customer.id", default=None, ondelete="SET NULL")
    language: str = "ja"
    routed_by: str = ""  # the reason of the decision in force, see Routing
    confidence: float | None = None  # the classifier's, of that decision
    priority: int = Priority.NORMAL
    is_urgent: bool = False  # a guess about the customer's latest words, see Impression
    sentiment: str = ""
    snippet: str = ""  # the first words of the last thing said
    awaits_us: bool = True  # the customer spoke last
    token: str = ""  # unguessable part of the reply address
    merged_into_id: int | None = points_to("ticket.id", default=None, ondelete="SET NULL", index=True)
    created_at: datetime
    last_contact_at: datetime
    resolved_at: datetime | None = None
    pending_until: datetime | None = None  # when a pending ticket opens by itself; None: when the customer writes
    due_at: datetime | None = None  # the earliest of its open promises; None: nothing is promised, or the clock rests
    due_kind: str = ""  # which promise that is, see PromiseKind
    is_watched: bool = False  # somebody wants to hear of it, see TicketWatcher


class Routing(Row, table=True):
    """Why a ticket is in its queue: one row a decision, the newest in force. An agent's row is a correction."""

    __table_args__ = (sa.Index("ix_routing_decided", "decided_at", "id"),)  # what a period's accuracy is read from

    id: int | None = Field(default=None, primary_key=True)
    ticket_id: int = points_to("ticket.id", index=True, ondelete="CASCADE")
    queue_id: int = points_to("queue.id")
    reason: str  # "by_address", "by_classifier", "nobody_sure", "by_agent", ...
    label: str = ""  # what the classifier said, even where it was not followed
    confidence: float | None = None
    threshold: float | None = None
    version: str = ""
    probabilities: dict[str, float] = json_column(default_factory=dict)
    because: list[dict[str, Any]] = json_column(default_factory=list)  # {"words", "weight", "start", "end"}
    message_id: int | None = points_to("message.id", default=None, ondelete="SET NULL")  # the text it was read from
    by_id: int | None = points_to("agent.id", default=None)
    decided_at: datetime


class Direction(StrEnum):
    IN = "in"
    OUT = "out"


class MessageState(StrEnum):
    RECEIVED = "received"
    AWAITING = "awaiting"  # written; somebody else must approve it first
    QUEUED = "queued"  # leaves at `leaves_at`, and can be taken back until then
    HELD = "held"  # was to leave later, and the customer wrote meanwhile: leaves when somebody says so
    SENDING = "sending"  # in the hands of the mail server by now
    SENT = "sent"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"  # taken back by its author, or not approved; nobody got it


class MessageKind(StrEnum):
    MAIL = "mail"  # received
    REPLY = "reply"
    FORWARD = "forward"
    NEW = "new"  # the desk wrote first
    RECEIPT = "receipt"  # the desk's automatic acknowledgment
    SURVEY = "survey"  # asks what the customer thinks of the answer


class Message(Row, table=True):
    """One e-mail in or out. `reply_text`, `quoted_text` and `signature` are parts of `text`, which is complete."""

    __table_args__ = (
        sa.Index("ix_message_ticket", "ticket_id", "id"),
        # What awaits approval is counted on every page, and is next to nothing of all that was ever written.
        sa.Index(
            "ix_message_awaiting",
            "ticket_id",
            "id",
            sqlite_where=sa.text("state = 'awaiting'"),
            postgresql_where=sa.text("state = 'awaiting'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    ticket_id: int = points_to("ticket.id", ondelete="CASCADE")
    direction: Direction = choice(Direction)
    state: MessageState = choice(MessageState)
    kind: MessageKind = choice(MessageKind, MessageKind.MAIL)
    internet_id: str = exact(default="", index=True)  # Message-ID, angle brackets included
    in_reply_to: str = ""
    references: list[str] = json_column(default_factory=list)  # newest first
    sender_name: str = ""
    sender_address: str = ""
    header_from: str = ""  # the address in From, where the sender is taken from Reply-To
    reply_to: str = ""  # the address in Reply-To, where it is another and is not taken for the sender's
    to: list[str] = json_column(default_factory=list)
    cc: list[str] = json_column(default_factory=list)
    bcc: list[str] = json_column(default_factory=list)
    subject: str = ""
    text: str = ""
    reply_text: str = ""
    quoted_text: str = ""
    signature: str = ""
    html: str = ""  # sanitized
    is_automatic: bool = False
    is_from_stranger: bool = False  # quoted a ticket's id without taking part in it
    problems: list[str] = json_column(default_factory=list)  # codes: what the reader mended, left out or found odd
    error: str = ""
    author_id: int | None = points_to("agent.id", default=None)
    inbound_id: int | None = points_to("inbound.id", default=None, ondelete="SET NULL", index=True)
    approved_by_id: int | None = points_to("agent.id", default=None)
    undoes: dict[str, Any] = json_column(default_factory=dict)  # what of the ticket taking it back restores
    created_at: datetime
    leaves_at: datetime | None = None  # not before; None: at once
    sent_at: datetime | None = None


class DeliveryState(StrEnum):
    WAITING = "waiting"
    ACCEPTED = "accepted"  # by the mail server: never handed over again
    REFUSED = "refused"
    BOUNCED = "bounced"


class Delivery(Row, table=True):
    """One recipient of a mail of ours. Written before the mail is handed over, so a crash repeats none that was."""

    message_id: int = points_to("message.id", ondelete="CASCADE", primary_key=True)
    address: str = exact(primary_key=True)
    state: DeliveryState = choice(DeliveryState, DeliveryState.WAITING)
    told: str = ""  # the server's own words
    at: datetime


class Attachment(Row, table=True):
    """A file beside a message. Its bytes lie in the attachments folder under their SHA-256."""

    id: int | None = Field(default=None, primary_key=True)
    message_id: int = points_to("message.id", index=True, ondelete="CASCADE")
    name: str
    content_type: str
    size_bytes: int
    sha256: str
    content_id: str = ""
    is_inline: bool = False


class Note(Row, table=True):
    """An internal remark; customers never see it."""

    id: int | None = Field(default=None, primary_key=True)
    ticket_id: int = points_to("ticket.id", index=True, ondelete="CASCADE")
    author_id: int | None = points_to("agent.id", default=None)
    text: str
    created_at: datetime


class Tag(Row, table=True):
    """A word that groups tickets across queues."""

    id: int | None = Field(default=None, primary_key=True)
    name: str
    key: str = exact(unique=True)  # the name in one spelling: width and case do not make another tag
    is_active: bool = True  # offered to agents; tickets keep what they have
    created_at: datetime


class TicketTag(Row, table=True):
    __table_args__ = (sa.Index("ix_tickettag_tag", "tag_id", "ticket_id"),)

    ticket_id: int = points_to("ticket.id", ondelete="CASCADE", primary_key=True)
    tag_id: int = points_to("tag.id", ondelete="CASCADE", primary_key=True)


class FieldKind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"  # one of `choices`
    CHOICES = "choices"  # any of them
    YES_NO = "yes_no"


class TicketField(Row, Named, table=True):
    """What this desk wants to know of a ticket besides: a serial number, a shop, a reason of return."""

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)  # what rules, views and interfaces call it
    name: str  # Japanese
    name_en: str
    kind: FieldKind = choice(FieldKind)
    choices: list[dict[str, str]] = json_column(default_factory=list)  # {"key", "name", "name_en"}, in order
    pattern: str = ""  # a regular expression the whole of a text must match
    hint: str = ""
    hint_en: str = ""
    conditions: list[dict[str, Any]] = json_column(default_factory=list)
    """When it is asked for, all of them: {"what": "queue", "channel" or a field's key, "is": [...]}; []: always."""
    is_required: bool = False  # a ticket cannot be resolved without it
    is_active: bool = True
    position: int = 0
    created_at: datetime


class FieldValue(Row, table=True):
    """What a ticket says in one field; a field of many choices has a row for each."""

    __table_args__ = (sa.Index("ix_fieldvalue_field_value", "field_id", "value", "ticket_id"),)

    ticket_id: int = points_to("ticket.id", ondelete="CASCADE", primary_key=True)
    field_id: int = points_to("ticketfield.id", ondelete="CASCADE", primary_key=True)
    value: str = exact(primary_key=True)  # as compared: NFC text, "12.5", "2026-11-21", a choice's key, "yes"
