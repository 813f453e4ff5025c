"""Everything that arrives, as bytes, before anybody has tried to understand it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, exact, json_column, points_to


class InboundKind(StrEnum):
    MAIL = "mail"
    TWILIO = "twilio"
    PUSH = "push"


class InboundState(StrEnum):
    WAITING = "waiting"  # kept, not read yet
    DONE = "done"
    IGNORED = "ignored"  # read, and rightly nothing came of it; `outcome` says why
    PARKED = "parked"  # could not be read; a person decides


class Inbound(Row, table=True):
    __table_args__ = (
        sa.UniqueConstraint("kind", "sender_key"),
        sa.Index(
            "ix_inbound_waiting",
            "id",
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        ),
        # What arrived on a day, by source and by what came of it: the ledger of mail reads nothing but this.
        sa.Index("ix_inbound_ledger", "kind", "received_at", "source", "state", "outcome"),
        sa.Index(
            "ix_inbound_kept",
            "received_at",
            sqlite_where=sa.text("NOT is_forgotten"),
            postgresql_where=sa.text("NOT is_forgotten"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: InboundKind = choice(InboundKind)
    source: str  # mailbox, listener or telephone source
    sender_key: str = exact()  # the sender's own id of this very thing; a repeat changes nothing
    state: InboundState = choice(InboundState, InboundState.WAITING)
    outcome: str = ""
    raw: bytes = Field(sa_type=sa.LargeBinary)
    envelope: dict[str, Any] = json_column(default_factory=dict)  # what stood outside: recipients, path, peer
    is_forgotten: bool = False  # its keeping time is over and the bytes are gone
    attempts: int = 0
    received_at: datetime
    read_at: datetime | None = None
    ticket_id: int | None = points_to("ticket.id", default=None, ondelete="SET NULL")
    call_id: int | None = points_to("call.id", default=None, ondelete="SET NULL")


class Redelivery(Row, table=True):
    """A mail that arrived once more. Nothing was kept of it; that it came, and how, is accounted for."""

    __table_args__ = (sa.Index("ix_redelivery_at", "at", "source"),)

    id: int | None = Field(default=None, primary_key=True)
    inbound_id: int = points_to("inbound.id", ondelete="CASCADE", index=True)  # the first one
    source: str
    at: datetime
