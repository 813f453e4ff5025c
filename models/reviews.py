"""What supervisors think of how tickets were answered: the form, what was drawn to be read, and what was said of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, json_column, points_to


class ReviewForm(Row, table=True):
    """What every review asks. There is one, numbered 1, once somebody has changed what the desk asks by itself."""

    id: int | None = Field(default=None, primary_key=True)
    most: int = 5  # points go from 1 to this
    criteria: list[dict[str, Any]] = json_column(default_factory=list)  # {"id", "name", "name_en", "hint", "weight"}
    last_id: int = 0  # the highest number a criterion ever had
    changed_by_id: int | None = points_to("agent.id", default=None)
    changed_at: datetime


class DrawnBy(StrEnum):
    RANDOM = "random"
    LOW_FEEDBACK = "low_feedback"  # the customer was not satisfied
    LONG = "long"  # it took long
    REOPENED = "reopened"  # it was not settled the first time
    LOW_CONFIDENCE = "low_confidence"  # the classifier was not sure of its queue
    BY_HAND = "by_hand"


class ReviewPick(Row, table=True):
    """A ticket that is to be read, about the agent who answered it. `seed` and `week` say how it was drawn: the same
    again would draw the same."""

    __table_args__ = (
        sa.UniqueConstraint("ticket_id", "agent_id"),
        sa.Index("ix_reviewpick_drawn", "drawn_at", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    ticket_id: int = points_to("ticket.id", ondelete="CASCADE")
    agent_id: int = points_to("agent.id", ondelete="CASCADE", index=True)
    drawn_by: DrawnBy = choice(DrawnBy, DrawnBy.RANDOM)
    week: str = ""  # its Monday, as 2026-11-16
    seed: str = ""
    drawn_by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    drawn_at: datetime


class Review(Row, table=True):
    """What one reviewer said of one pick. It keeps the form as it was asked."""

    __table_args__ = (sa.UniqueConstraint("pick_id", "reviewer_id"), sa.Index("ix_review_made", "made_at", "id"))

    id: int | None = Field(default=None, primary_key=True)
    pick_id: int = points_to("reviewpick.id", ondelete="CASCADE")
    reviewer_id: int = points_to("agent.id", index=True)
    asked: list[dict[str, Any]] = json_column(default_factory=list)  # the criteria as they were
    most: int = 5
    points: dict[str, int] = json_column(default_factory=dict)  # criterion's id -> 1 to `most`, if it applies
    score: float = 0.0  # weighted, 0 to 100
    comment: str = ""
    made_at: datetime
    changed_at: datetime
    reply: str = ""  # of the agent it is about, once
    replied_at: datetime | None = None
