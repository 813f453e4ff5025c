"""What failed for good, with its error, for a person to replay or set aside."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, points_to


class ParkedKind(StrEnum):
    MAIL = "mail"
    CALLBACK = "callback"
    WORK = "work"


class Parked(Row, table=True):
    __table_args__ = (
        sa.Index(
            "ix_parked_open",
            "id",
            sqlite_where=sa.text("settled_at IS NULL"),
            postgresql_where=sa.text("settled_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: ParkedKind = choice(ParkedKind)
    source: str = ""
    error: str  # a code
    detail: str = ""  # for the engineer: exception and place, without bodies
    inbound_id: int | None = points_to("inbound.id", default=None, ondelete="CASCADE", index=True)
    message_id: int | None = points_to("message.id", default=None, ondelete="CASCADE", index=True)
    post_id: int | None = points_to("post.id", default=None, ondelete="CASCADE", index=True)
    within_id: int | None = points_to("parked.id", default=None, ondelete="CASCADE", index=True)  # one line for many
    work: str = ""  # name of the failed work
    parked_at: datetime
    settled_at: datetime | None = None
    settled_by_id: int | None = points_to("agent.id", default=None)
    settlement: str = ""  # "replayed" or "dismissed"
