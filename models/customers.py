"""Whom we serve, and by what we know them."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, exact, points_to


class Customer(Row, table=True):
    __table_args__ = (
        sa.Index("ix_customer_name_key", "name_key"),
        sa.Index("ix_customer_reading_key", "reading_key"),
        sa.Index("ix_customer_company_key", "company_key"),
        sa.Index("ix_customer_last_contact_at", "last_contact_at", "id"),
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


class Purchase(Row, table=True):
    __table_args__ = (sa.Index("ix_purchase_customer_ordered", "customer_id", "ordered_at"),)

    id: int | None = Field(default=None, primary_key=True)
    customer_id: int = points_to("customer.id", ondelete="CASCADE")
    order_number: str
    product: str
    quantity: int = 1
    amount_yen: int = 0
    status: str = "delivered"
    ordered_at: datetime
