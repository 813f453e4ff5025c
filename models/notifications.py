"""What one agent is told, wherever in the desk it happened."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, points_to


class NotificationKind(StrEnum):
    MENTIONED = "mentioned"  # in a note
    ASSIGNED = "assigned"  # a ticket, by somebody else or by the desk
    ANSWERED = "answered"  # the customer wrote in a ticket of one's own
    WATCHED = "watched"  # something happened in a ticket one watches
    AT_RISK = "at_risk"  # a promise will be broken soon
    BREACHED = "breached"
    REVIEWED = "reviewed"  # somebody said what they think of one's answer
    PRODUCT = "product"  # inquiries about a product, or its returns, have risen


class Notification(Row, table=True):
    """One thing one agent is told. It holds no words: whoever shows it reads them from what it points to."""

    __table_args__ = (
        sa.Index("ix_notification_agent", "agent_id", "id"),
        sa.Index(
            "ix_notification_unread",
            "agent_id",
            "id",
            sqlite_where=sa.text("read_at IS NULL"),
            postgresql_where=sa.text("read_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    agent_id: int = points_to("agent.id", ondelete="CASCADE")
    kind: NotificationKind = choice(NotificationKind)
    ticket_id: int | None = points_to("ticket.id", default=None, ondelete="CASCADE", index=True)
    note_id: int | None = points_to("note.id", default=None, ondelete="CASCADE", index=True)
    warning_id: int | None = points_to("productwarning.id", default=None, ondelete="CASCADE", index=True)
    by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)  # None: nobody of us
    at: datetime
    read_at: datetime | None = None
    mailed_at: datetime | None = None  # it stood in a mail to the agent
