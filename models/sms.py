"""Short messages the desk sends, and what became of them."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, exact, points_to


class SmsState(StrEnum):
    SENDING = "sending"  # it is being handed over; who finds it so after a crash does not send it again
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


class Sms(Row, table=True):
    """One short message of a survey. Its words, which hold the customer's own link, stand nowhere."""

    __table_args__ = (sa.Index("ix_sms_created", "created_at"),)

    id: int | None = Field(default=None, primary_key=True)
    ask_id: int = points_to("ask.id", ondelete="CASCADE", unique=True)
    to: str = exact()  # E.164
    segments: int = 1  # what is paid for
    state: SmsState = choice(SmsState, SmsState.SENDING)
    sid: str | None = exact(default=None, unique=True)  # the carrier's name for it
    error: str = ""  # the carrier's code
    created_at: datetime
    changed_at: datetime
