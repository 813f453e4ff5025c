"""What supervisors watch by: figures that crossed a threshold, and the wallboards of rooms without a sign-in."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, points_to


class Alarm(Row, table=True):
    """A figure of a queue beyond its threshold, from the crossing until it was back."""

    __table_args__ = (
        sa.Index(
            "uq_alarm_open",
            "queue_id",
            "figure",
            unique=True,
            sqlite_where=sa.text("cleared_at IS NULL"),
            postgresql_where=sa.text("cleared_at IS NULL"),
        ),
        sa.Index("ix_alarm_queue", "queue_id", "raised_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    queue_id: int = points_to("queue.id", ondelete="CASCADE")
    figure: str  # see helpdesk/alarms.py
    threshold: float
    value: float  # when it crossed
    raised_at: datetime
    cleared_at: datetime | None = None


class WallLink(Row, table=True):
    """An address that shows the wallboard to whoever has it. Of its secret only the SHA-256 is kept."""

    id: int | None = Field(default=None, primary_key=True)
    name: str  # where the screen hangs
    token_hash: str = Field(unique=True)
    language: str = "ja"
    dashboard_id: int | None = points_to("dashboard.id", default=None, ondelete="CASCADE", index=True)  # None: live
    made_by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    created_at: datetime
    revoked_at: datetime | None = None
