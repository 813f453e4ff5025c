"""What supervisors changed of the desk's settings, what stood there before, and by whom: so that it can be taken back.

`Logo` holds the pictures a desk has had. They are kept, so that an earlier one can be shown again.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, exact, json_column, points_to


class SettingChange(Row, table=True):
    """One change, which may touch several rows. Nothing secret is in it: see helpdesk/settings_history.py."""

    __table_args__ = (sa.Index("ix_settingchange_subject", "kind", "subject", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    kind: str  # "queue", "agent", ...: what it was about first of all
    subject: str = exact()  # which of them: its key
    name: str = ""  # what that was called then
    rows: list[dict[str, Any]] = json_column(default_factory=list)
    """{"of", "key", "was", "is"}: `of` a kind, `was` and `is` the columns that changed, None where there was no row."""
    by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)  # None: a command
    at: datetime
    takes_back_id: int | None = points_to("settingchange.id", default=None, ondelete="SET NULL", index=True)


class Logo(Row, table=True):
    """A picture of the desk's own, as it is sent to browsers."""

    id: int | None = Field(default=None, primary_key=True)
    content_type: str
    content: bytes
    created_at: datetime


class Invitation(Row, table=True):
    """A link by which an agent chooses a password, once. Only the SHA-256 of its token is kept."""

    agent_id: int = points_to("agent.id", ondelete="CASCADE", primary_key=True)
    token_hash: str = Field(unique=True)
    created_at: datetime
    expires_at: datetime
