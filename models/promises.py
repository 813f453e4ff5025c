"""What customers are promised: when they have our first answer, the next one, and the end of the matter."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, json_column, points_to
from models.tickets import Channel


class PromiseKind(StrEnum):
    FIRST_RESPONSE = "first_response"
    NEXT_RESPONSE = "next_response"
    RESOLUTION = "resolution"


class Policy(Row, table=True):
    """What is promised for which tickets. The first one in order that fits a ticket holds for it, and no other."""

    id: int | None = Field(default=None, primary_key=True)
    name: str
    queue_id: int | None = points_to("queue.id", default=None, ondelete="CASCADE", index=True)  # None: of any queue
    priority: int | None = None  # None: of any priority
    channel: Channel | None = choice(Channel, None)  # None: however it came
    calendar_id: int | None = points_to("calendar.id", default=None, ondelete="SET NULL", index=True)
    """Whose hours count; None: those of the ticket's queue."""
    first_response_minutes: int = 0  # of business time; 0: not promised
    next_response_minutes: int = 0
    resolution_minutes: int = 0
    at_risk_percent: int = 75  # of the time is used when a promise is at risk
    at_risk_told: list[str] = json_column(default_factory=list)  # "assignee", "supervisors"
    at_risk_agent_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    breached_told: list[str] = json_column(default_factory=list)
    breached_agent_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    position: int = 0
    is_active: bool = True
    created_at: datetime


class Promise(Row, table=True):
    """One time by which a ticket's customer is to have something. Its clock runs from `counted_at` on, when
    `left_seconds` of business time were left, and rests while `paused_at` says since when."""

    __table_args__ = (
        # What time alone brings about next; most promises were kept, and wait for nothing.
        sa.Index(
            "ix_promise_next",
            "next_at",
            "id",
            sqlite_where=sa.text("next_at IS NOT NULL"),
            postgresql_where=sa.text("next_at IS NOT NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    ticket_id: int = points_to("ticket.id", ondelete="CASCADE", index=True)
    kind: PromiseKind = choice(PromiseKind)
    policy_id: int = points_to("policy.id", ondelete="CASCADE", index=True)
    calendar_id: int | None = None  # whose hours it counts by; None: always. No key: who deletes one opens its queues
    promised_seconds: float  # of business time, all in all
    started_at: datetime
    counted_at: datetime
    left_seconds: float  # below 0: so much too late
    due_at: datetime | None = None  # None while the clock rests, or where the calendar never opens for so long
    at_risk_at: datetime | None = None
    next_at: datetime | None = None  # when it is at risk or broken next, and nobody has been told
    paused_at: datetime | None = None
    kept_at: datetime | None = None
    answer_id: int | None = None  # the message that kept it; None: a call, or the ticket's being resolved
    warned_at: datetime | None = None  # when it was said to be at risk
    breached_at: datetime | None = None  # the time it was due and not kept
