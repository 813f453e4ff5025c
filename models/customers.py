"""Whom we serve, and by what we know them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, exact, json_column, points_to


class Customer(Row, table=True):
    __table_args__ = (
        sa.Index("ix_customer_name_key", "name_key"),
        sa.Index("ix_customer_reading_key", "reading_key"),
        sa.Index("ix_customer_company_key", "company_key"),
        sa.Index("ix_customer_last_contact_at", "last_contact_at", "id"),
        sa.Index("ix_customer_number", "number"),
    )

    id: int | None = Field(default=None, primary_key=True)
    name: str  # family name first, exactly as the customer writes it
    reading: str = ""  # kana
    company: str = ""
    language: str = "ja"
    caution: str = ""  # what whoever answers must know first
    note: str = ""
    name_key: str = exact(default="")  # how the three are found: see contact_points.name_key
    reading_key: str = exact(default="")
    company_key: str = exact(default="")
    number: str = exact(default="")  # what the shop knows them by
    created_at: datetime
    last_contact_at: datetime | None = None


class PointKind(StrEnum):
    PHONE = "phone"
    EMAIL = "email"


class PointSource(StrEnum):
    """Why we believe that this number or address is this customer's; the strongest first."""

    VERIFIED = "verified"
    PROFILE = "profile"
    LEARNED = "learned"  # an agent chose this customer for it
    TICKET = "ticket"  # seen on a ticket
    GUESSED = "guessed"  # read in the signature of a mail


class ContactPoint(Row, table=True):
    """A phone number (E.164) or mail address. Several customers may share one, so only the pair is unique."""

    __table_args__ = (
        sa.UniqueConstraint("kind", "key", "customer_id"),
        sa.Index("ix_contactpoint_customer_id", "customer_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    customer_id: int = points_to("customer.id", ondelete="CASCADE")
    kind: PointKind = choice(PointKind)
    key: str = exact()  # what is compared: E.164, or the address folded by contact_points.email_key
    value: str  # what is shown and written to, as given
    label: str = ""
    source: PointSource = choice(PointSource, PointSource.PROFILE)
    tail: str = Field(default="", index=True)  # last four digits of a phone
    created_at: datetime
    learned_at: datetime | None = None
    """When an agent chose this customer for it on a call: of those who share a number, at most one."""


class RemovedPoint(Row, table=True):
    """A number or address that was taken off a record. It can be put back, and a signature does not bring it again."""

    __table_args__ = (sa.UniqueConstraint("customer_id", "kind", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    customer_id: int = points_to("customer.id", ondelete="CASCADE")
    kind: PointKind = choice(PointKind)
    key: str = exact()
    value: str
    label: str = ""
    source: PointSource = choice(PointSource, PointSource.PROFILE)
    created_at: datetime
    learned_at: datetime | None = None
    removed_at: datetime
    removed_by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)


class CustomerChoice(Row, table=True):
    """An agent's word on who calls, with everything it changed, so that it can be taken back."""

    __table_args__ = (sa.Index("ix_customerchoice_customer", "customer_id", "number"),)

    id: int | None = Field(default=None, primary_key=True)
    call_id: int = points_to("call.id", ondelete="CASCADE", index=True)
    customer_id: int = points_to("customer.id", ondelete="CASCADE")
    number: str = exact(default="")  # E.164; "" when the caller withheld it
    customer_before_id: int | None = points_to("customer.id", default=None, ondelete="SET NULL", index=True)
    match_before: str
    ticket_id: int | None = points_to("ticket.id", default=None, ondelete="SET NULL", index=True)
    """The ticket of the call before."""
    ticket_customer_before_id: int | None = points_to("customer.id", default=None, ondelete="SET NULL", index=True)
    last_contact_before: datetime | None = None  # of the chosen customer
    point_before: dict[str, Any] = json_column(default_factory=dict)  # how they were known by the number; {}: not
    unlearned: dict[str, Any] = json_column(default_factory=dict)  # customers who were chosen until then -> when
    by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    at: datetime
    undone_at: datetime | None = None


class Purchase(Row, table=True):
    __table_args__ = (
        sa.Index("ix_purchase_customer_ordered", "customer_id", "ordered_at"),
        sa.Index("ix_purchase_ordered_at", "ordered_at", "product", "quantity"),  # how many were sold
    )

    id: int | None = Field(default=None, primary_key=True)
    customer_id: int = points_to("customer.id", ondelete="CASCADE")
    order_number: str = Field(index=True)
    line: str = exact(default="")  # of the order, as the shop numbers it; "" where it does not
    product: str
    quantity: int = 1
    amount_yen: int = 0
    status: str = "delivered"
    ordered_at: datetime


class OrderImport(Row, table=True):
    """A file of orders that was taken in, for as long as it can be taken back."""

    id: int | None = Field(default=None, primary_key=True)
    at: datetime
    by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    made: int = 0
    changed: int = 0
    same: int = 0
    refused: int = 0
    undone_at: datetime | None = None


class OrderChange(Row, table=True):
    """What an import did to one line of an order: its values before, {} of a new one, and after."""

    id: int | None = Field(default=None, primary_key=True)
    import_id: int = points_to("orderimport.id", ondelete="CASCADE", index=True)
    purchase_id: int = points_to("purchase.id", ondelete="CASCADE", index=True)
    before: dict[str, Any] = json_column(default_factory=dict)
    after: dict[str, Any] = json_column(default_factory=dict)
