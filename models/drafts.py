"""What agents have begun to write."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, json_column, points_to


class KeptDraft(Row, table=True):
    """One agent's unfinished words in one place: a ticket's reply, its note, or a new mail. Nobody else is shown it."""

    __table_args__ = (sa.Index("ix_keptdraft_place", "agent_id", "place", unique=True),)

    id: int | None = Field(default=None, primary_key=True)
    agent_id: int = points_to("agent.id", ondelete="CASCADE")
    place: str  # "reply-7", "note-7", "new", or "new-5" of a mail to customer 5
    ticket_id: int | None = points_to("ticket.id", default=None, ondelete="CASCADE", index=True)
    customer_id: int | None = points_to("customer.id", default=None, ondelete="CASCADE", index=True)
    text: str
    told: dict[str, Any] = json_column(default_factory=dict)  # the form's other fields, as far as they were changed
    files: list[dict[str, Any]] = json_column(default_factory=list)  # {"name", "content_type", "size_bytes", "sha256"}
    tab: str = ""  # the browser window that wrote it last
    version: int = 1
    saved_at: datetime
    thrown_at: datetime | None = None  # it can be taken back for a while
