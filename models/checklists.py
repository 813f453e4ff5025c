"""What is still to be done before a ticket can be settled."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, points_to


class ChecklistItem(Row, table=True):
    """One thing to do. What was removed stays, so that it can be put back."""

    __table_args__ = (sa.Index("ix_checklistitem_ticket", "ticket_id", "position", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    ticket_id: int = points_to("ticket.id", ondelete="CASCADE")
    text: str
    position: int
    done_at: datetime | None = None
    done_by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    removed_at: datetime | None = None
    created_at: datetime
