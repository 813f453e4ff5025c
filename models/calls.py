"""One telephone call, folded from whatever its telephone system said about it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, exact, json_column, points_to


class CallState(StrEnum):
    RINGING = "ringing"
    TALKING = "talking"
    HELD = "held"
    ENDED = "ended"


class Outcome(StrEnum):
    """How a call ended; "open" while it has not."""

    OPEN = "open"
    ANSWERED = "answered"
    MISSED = "missed"  # rang at agents, nobody took it
    ABANDONED = "abandoned"  # the caller hung up while waiting
    REJECTED = "rejected"
    VOICEMAIL = "voicemail"


class Call(Row, table=True):
    __table_args__ = (
        sa.UniqueConstraint("source", "call_key"),
        sa.Index("ix_call_started", "started_at", "id"),
        sa.Index("ix_call_customer", "customer_id", "started_at"),
        sa.Index("ix_call_number", "number", "started_at"),
        sa.Index("ix_call_queue", "queue_id", "started_at"),
        sa.Index("ix_call_agent", "agent_id", "started_at"),
        # What is live now, and what still waits for its wrap-up, however long the history grows.
        sa.Index(
            "ix_call_live",
            "state",
            "id",
            sqlite_where=sa.text("state <> 'ended'"),
            postgresql_where=sa.text("state <> 'ended'"),
        ),
        sa.Index(
            "ix_call_unwrapped",
            "agent_id",
            "id",
            sqlite_where=sa.text("agent_id IS NOT NULL AND wrapped_up_at IS NULL"),
            postgresql_where=sa.text("agent_id IS NOT NULL AND wrapped_up_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    source: str = exact()  # "twilio", "push:front"
    call_key: str = exact()  # the system's own id of the whole call
    direction: str = "in"
    number: str = exact(default="")  # the other side, E.164; "" when withheld or no number
    number_typed: str = ""  # as the system wrote it; "" when withheld
    is_withheld: bool = False
    dialed: str = ""  # our side, E.164 or as given
    queue_id: int | None = points_to("queue.id", default=None)
    customer_id: int | None = points_to("customer.id", default=None, ondelete="SET NULL")
    match: str = "nobody"  # how the customer is known: see matching.Match
    ticket_id: int | None = points_to("ticket.id", default=None, ondelete="SET NULL", index=True)
    state: CallState = choice(CallState, CallState.RINGING)
    outcome: Outcome = choice(Outcome, Outcome.OPEN)
    cause: str = ""
    agent_id: int | None = points_to("agent.id", default=None)  # who answered or accepted
    started_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    wait_seconds: int = 0
    talk_seconds: int = 0
    hold_seconds: int = 0
    accepted_at: datetime | None = None
    wrapped_up_at: datetime | None = None
    wrap_up_seconds: int = 0
    note: str = ""
    disposition: str = ""


class CallFact(Row, table=True):
    """One thing a telephone system said, kept once. A call is its facts folded, whatever their order of arrival."""

    __table_args__ = (sa.UniqueConstraint("call_id", "event_key"),)

    id: int | None = Field(default=None, primary_key=True)
    call_id: int = points_to("call.id", ondelete="CASCADE")
    event_key: str
    kind: str
    leg: str = ""
    agents: list[str] = json_column(default_factory=list)
    cause: str = ""
    detail: dict[str, Any] = json_column(default_factory=dict)
    sequence: int | None = Field(default=None, sa_type=sa.BigInteger)  # of the system's making, as large as it likes
    at: datetime  # the system's clock where it told, ours otherwise
    received_at: datetime


class CallOffer(Row, table=True):
    """A call shown to an agent."""

    __table_args__ = (sa.Index("ix_calloffer_agent", "agent_id", "call_id"),)

    call_id: int = points_to("call.id", ondelete="CASCADE", primary_key=True)
    agent_id: int = points_to("agent.id", ondelete="CASCADE", primary_key=True)
    offered_at: datetime
    declined_at: datetime | None = None
