"""What is sold, what inquiries say of it, and what comes back."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Named, Row, choice, exact, json_column, points_to


class Product(Row, Named, table=True):
    """Something that is sold. Orders name it in words, so it is known by its names, see `names_key`."""

    id: int | None = Field(default=None, primary_key=True)
    code: str | None = Field(default=None, unique=True)  # the shop's own
    name: str
    name_en: str = ""
    name_key: str = exact(unique=True)  # its name in one spelling: what an order says is compared with it
    words: list[str] = json_column(default_factory=list)  # what customers call it, such as its model number
    created_at: datetime


class ProductLot(Row, table=True):
    """Units made together."""

    __table_args__ = (sa.UniqueConstraint("product_id", "code"),)

    id: int | None = Field(default=None, primary_key=True)
    product_id: int = points_to("product.id", ondelete="CASCADE")
    code: str = exact()
    units: int = 0  # how many of them were sold; 0: not known
    sold_from: date | None = None


class TicketProduct(Row, table=True):
    """A product that an inquiry names, and by which words it was recognized."""

    __table_args__ = (
        sa.UniqueConstraint("ticket_id", "product_id"),
        sa.Index("ix_ticketproduct_at", "at", "product_id", "lot_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    ticket_id: int = points_to("ticket.id", ondelete="CASCADE")
    product_id: int = points_to("product.id", ondelete="CASCADE", index=True)
    lot_id: int | None = points_to("productlot.id", default=None, ondelete="SET NULL", index=True)
    because: list[dict[str, Any]] = json_column(default_factory=list)  # "what", "words", "message_id"
    at: datetime  # when the ticket began


class ReturnReason(Row, Named, table=True):
    """Why something comes back, in the desk's own words."""

    id: int | None = Field(default=None, primary_key=True)
    code: str = ""  # of those that came along; "" of one's own
    name: str
    name_en: str = ""
    position: int = 0
    is_active: bool = True


class ReturnState(StrEnum):
    ASKED = "asked"  # the customer wants to send it back, or has
    RECEIVED = "received"
    REFUNDED = "refunded"
    EXCHANGED = "exchanged"
    REPAIRED = "repaired"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"  # it was a mistake, or the customer keeps it


class ProductReturn(Row, table=True):
    """Units of one product that come back for one reason, and what became of them."""

    __table_args__ = (sa.Index("ix_productreturn_asked_at", "asked_at", "product_id"),)

    id: int | None = Field(default=None, primary_key=True)
    ticket_id: int = points_to("ticket.id", ondelete="CASCADE", index=True)
    purchase_id: int | None = points_to("purchase.id", default=None, ondelete="SET NULL", index=True)
    order_number: str = exact(default="", index=True)  # what the shop knows it by
    product_id: int = points_to("product.id", index=True)
    lot_id: int | None = points_to("productlot.id", default=None, ondelete="SET NULL", index=True)
    quantity: int = 1
    reason_id: int = points_to("returnreason.id", index=True)
    state: ReturnState = choice(ReturnState, ReturnState.ASKED)
    inquired_at: datetime  # when the ticket began
    asked_at: datetime
    received_at: datetime | None = None
    ended_at: datetime | None = None  # refunded, exchanged, repaired or declined
    asked_by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    received_by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    ended_by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    """None where a rule or another program did it."""


class WarningState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MUTED = "muted"


class ProductWarning(Row, table=True):
    """Of a product, or of one of its lots, there are more inquiries or returns than in the weeks before."""

    __table_args__ = (sa.Index("ix_productwarning_product", "product_id", "what", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    product_id: int = points_to("product.id", ondelete="CASCADE")
    lot_id: int | None = points_to("productlot.id", default=None, ondelete="CASCADE", index=True)
    what: str  # "inquiries" or "returns"
    begins_at: datetime  # of the week that stands out
    ends_at: datetime
    count: int
    before: int  # in the time before that week
    days_before: float
    p: float
    tested: int  # how many were looked at together
    state: WarningState = choice(WarningState, WarningState.OPEN)
    found_at: datetime
    seen_at: datetime  # when it was so for the last time
    changed_at: datetime | None = None
    changed_by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    muted_until: datetime | None = None
