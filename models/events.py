"""The log of facts: a ticket's history, what live screens catch up from, and the only thing that announces anything."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, json_column


class Event(Row, table=True):
    """A fact in the past tense. It holds ids and codes, never names, numbers or words.

    `id` is its number, and rises in the order of commits: on SQLite because there is one writer, on PostgreSQL because
    events are written last in their transaction, under one lock (see helpdesk/events.py). A reader that has seen
    number n has therefore seen every event up to n.
    """

    __table_args__ = (
        sa.Index(
            "ix_event_ticket",
            "ticket_id",
            "id",
            sqlite_where=sa.text("ticket_id IS NOT NULL"),
            postgresql_where=sa.text("ticket_id IS NOT NULL"),
        ),
        # What is of no ticket and no call: settings, accounts, records. Few beside the rest, and asked for by kind.
        sa.Index(
            "ix_event_apart",
            "fact",
            "id",
            sqlite_where=sa.text("ticket_id IS NULL AND call_id IS NULL"),
            postgresql_where=sa.text("ticket_id IS NULL AND call_id IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    fact: str
    at: datetime
    actor_id: int | None = None  # the agent who did it; nobody: the desk
    ticket_id: int | None = None
    call_id: int | None = None
    data: dict[str, Any] = json_column(default_factory=dict)


class Bookmark(Row, table=True):
    """How far one reader of the log has come: the number of the last event whose consequences are in the database."""

    name: str = Field(primary_key=True)
    number: int = 0
