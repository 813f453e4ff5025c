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


class OfferEnd(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    TIMED_OUT = "timed_out"  # it rang as long as the queue lets it
    ELSEWHERE = "elsewhere"  # somebody else took the call
    GONE = "gone"  # the caller hung up, or the call went to another queue


class CallOffer(Row, table=True):
    """A call shown to an agent, once. Whoever is rung again later has another row."""

    __table_args__ = (
        sa.Index(
            "uq_calloffer_open",
            "call_id",
            "agent_id",
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        sa.Index("ix_calloffer_call", "call_id", "agent_id"),
        sa.Index("ix_calloffer_agent", "agent_id", "offered_at"),
        sa.Index(
            "ix_calloffer_until",
            "until",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    call_id: int = points_to("call.id", ondelete="CASCADE")
    agent_id: int = points_to("agent.id", ondelete="CASCADE")
    offered_at: datetime
    until: datetime | None = None  # when somebody else is asked; None: it rings as long as the caller waits
    ended_at: datetime | None = None
    how: OfferEnd = choice(OfferEnd, OfferEnd.OPEN)


class VisitEnd(StrEnum):
    WAITING = "waiting"  # it has not ended
    ANSWERED = "answered"
    ABANDONED = "abandoned"
    OVERFLOWED = "overflowed"  # to another queue, by rule
    MOVED = "moved"  # to another queue, by a person
    VOICEMAIL = "voicemail"
    CALLBACK = "callback"
    REFUSED = "refused"  # closed or full: the caller was told so


class QueueVisit(Row, table=True):
    """A call's stay in one waiting line, from which the board and the reports are computed. A call that comes back has
    another."""

    __table_args__ = (
        sa.Index("ix_queuevisit_call", "call_id", "entered_at"),
        sa.Index("ix_queuevisit_queue", "queue_id", "entered_at"),
        # Who waits now, however long the history grows.
        sa.Index(
            "ix_queuevisit_line",
            "queue_id",
            "entered_at",
            sqlite_where=sa.text("left_at IS NULL"),
            postgresql_where=sa.text("left_at IS NULL"),
        ),
        sa.Index(
            "uq_queuevisit_waiting",
            "call_id",
            unique=True,
            sqlite_where=sa.text("left_at IS NULL"),
            postgresql_where=sa.text("left_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    call_id: int = points_to("call.id", ondelete="CASCADE")
    queue_id: int = points_to("queue.id", ondelete="CASCADE")
    entered_at: datetime
    left_at: datetime | None = None
    how: VisitEnd = choice(VisitEnd, VisitEnd.WAITING)
    agent_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)  # who answered


class Handling(Row, table=True):
    """One agent's part in a call: from taking it to the end of the work after it."""

    __table_args__ = (
        sa.Index("ix_handling_agent", "agent_id", "began_at"),
        sa.Index("ix_handling_queue", "queue_id", "began_at"),
        sa.Index(
            "uq_handling_open",
            "call_id",
            "agent_id",
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    call_id: int = points_to("call.id", ondelete="CASCADE", index=True)
    agent_id: int = points_to("agent.id", ondelete="CASCADE")
    queue_id: int | None = points_to("queue.id", default=None, ondelete="SET NULL")
    began_at: datetime
    ended_at: datetime | None = None  # the talk
    hold_seconds: int = 0
    wrapped_up_at: datetime | None = None
    transferred_to_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
