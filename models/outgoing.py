"""What stands around the mails we send: who is answered by machines, who cannot be reached, who is writing just now."""

from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Named, Row, exact, json_column, points_to


class AutomaticAnswer(Row, table=True):
    """A receipt of ours went to this address. Counted before the next one is sent, whatever the headers say."""

    __table_args__ = (sa.UniqueConstraint("ticket_id", "key"), sa.Index("ix_automaticanswer_key_at", "key", "at"))

    id: int | None = Field(default=None, primary_key=True)
    ticket_id: int = points_to("ticket.id", ondelete="CASCADE")
    key: str = exact()  # the address, folded by contact_points.email_key
    message_id: int | None = points_to("message.id", default=None, ondelete="SET NULL", index=True)
    at: datetime


class SenderHour(Row, table=True):
    """How many tickets one address opened in one hour: a robot that opens too many is parked."""

    key: str = exact(primary_key=True)
    hour: datetime = Field(primary_key=True)  # its beginning
    opened: int = 0
    parked_id: int | None = points_to("parked.id", default=None, ondelete="SET NULL", index=True)  # the line it made


class UnreachableAddress(Row, table=True):
    """Mail to it came back for good. Shown where somebody is about to write to it."""

    key: str = exact(primary_key=True)
    status: str = ""  # RFC 3463, such as 5.1.1
    times: int = 1
    message_id: int | None = points_to("message.id", default=None, ondelete="SET NULL", index=True)
    at: datetime


class ReplyLock(Row, table=True):
    """Who writes to the customer just now. Renewed while the page is open; over at `until`."""

    ticket_id: int = points_to("ticket.id", ondelete="CASCADE", primary_key=True)
    agent_id: int = points_to("agent.id", ondelete="CASCADE", index=True)
    taken_from_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    since: datetime
    until: datetime


class CannedReply(Row, Named, table=True):
    """Words prepared for a question that is asked often."""

    CALLED: ClassVar[str] = "title"

    id: int | None = Field(default=None, primary_key=True)
    title: str
    title_en: str = ""
    trigger: str | None = Field(default=None, unique=True)  # typed after a slash
    text: str = ""  # Japanese; {customer}, {ticket} and their like are filled in
    text_en: str = ""
    queue_id: int | None = points_to("queue.id", default=None, ondelete="CASCADE", index=True)  # None: every queue
    is_active: bool = True
    uses: int = 0
    last_used_at: datetime | None = None
    changed_by_id: int | None = points_to("agent.id", default=None)
    changed_at: datetime
    created_at: datetime


class CannedFile(Row, table=True):
    """A file that goes with a prepared reply. Its bytes lie beside those of all attachments."""

    id: int | None = Field(default=None, primary_key=True)
    canned_id: int = points_to("cannedreply.id", ondelete="CASCADE", index=True)
    name: str
    content_type: str
    size_bytes: int
    sha256: str


class CannedUse(Row, table=True):
    """A prepared reply was sent in a ticket: what the next one like it is offered first."""

    __table_args__ = (sa.Index("ix_canneduse_ticket", "ticket_id"), sa.Index("ix_canneduse_at", "at"))

    canned_id: int = points_to("cannedreply.id", ondelete="CASCADE", primary_key=True)
    ticket_id: int = points_to("ticket.id", ondelete="CASCADE", primary_key=True)
    at: datetime


class DkimKey(Row, table=True):
    """What our mails of one domain are signed with (RFC 6376)."""

    domain: str = Field(primary_key=True)
    selector: str
    private_key: str  # sealed: see helpdesk/seals.py
    public_key: str  # base64 of its DER, as the DNS record holds it
    is_active: bool = False  # signs from when a supervisor has seen the record published
    created_at: datetime


class DomainCheck(Row, table=True):
    """What DNS said of a domain the desk sends from, when somebody last asked it to look."""

    domain: str = Field(primary_key=True)
    found: dict[str, Any] = json_column(default_factory=dict)  # see helpdesk/mail/published.py
    checked_at: datetime
