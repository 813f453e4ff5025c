"""Mailboxes on other people's servers that the desk empties, and how far it has come in each.

`Fetched` is what makes collecting exact: a mail's row is written in the transaction that keeps its bytes, and says
whether the server has been told yet. So a process that dies between the two neither loses a mail nor takes it twice.
"""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, points_to


class MailboxSecurity(StrEnum):
    TLS = "tls"  # from the first byte, port 993
    STARTTLS = "starttls"  # begun in clear, port 143; without TLS nothing more is said


class MailboxAuth(StrEnum):
    PASSWORD = "password"
    XOAUTH2 = "xoauth2"  # Microsoft and Google


class MailboxAfter(StrEnum):
    SEEN = "seen"
    MOVE = "move"  # to `move_to`
    NOTHING = "nothing"


class MailboxState(StrEnum):
    NEW = "new"  # not tried yet since it was made, changed or continued
    CONNECTED = "connected"
    FAILING = "failing"  # `error` says why; it is tried again with growing pauses


class FetchedState(StrEnum):
    KEPT = "kept"  # its bytes are ours, the server has not been told
    SETTLED = "settled"
    FAILED = "failed"  # the server does not hand it over; tried again
    TOO_LARGE = "too_large"  # its head alone is ours; fetched whole once the limit allows
    GIVEN_UP = "given_up"


class Mailbox(Row, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    address: str = Field(default="", index=True)  # what customers write to; the desk accepts it by SMTP too
    host: str
    port: int = 993
    security: MailboxSecurity = choice(MailboxSecurity, MailboxSecurity.TLS)
    user: str
    auth: MailboxAuth = choice(MailboxAuth, MailboxAuth.PASSWORD)
    secret: str = ""  # password or refresh token, sealed: see helpdesk/seals.py
    client_id: str = ""
    client_secret: str = ""  # sealed
    token_url: str = ""
    scope: str = ""
    folder: str = "INBOX"
    after: MailboxAfter = choice(MailboxAfter, MailboxAfter.SEEN)
    move_to: str = ""
    queue_id: int | None = points_to("queue.id", default=None, ondelete="SET NULL")  # None: the classifier decides
    takes_reply_to: bool = False  # of mail in it, an address in Reply-To is the customer's and not the one in From
    takes_from: datetime  # older mail stays where it is
    smtp_host: str = ""  # what is sent from `address` leaves here; "": by the desk's own server
    smtp_port: int = 587
    smtp_security: MailboxSecurity = choice(MailboxSecurity, MailboxSecurity.STARTTLS)
    smtp_user: str = ""  # "": as for fetching, and so the secret
    smtp_secret: str = ""  # sealed
    is_active: bool = True
    version: int = 1  # a change makes whoever fetches begin anew
    uidvalidity: int | None = Field(default=None, sa_type=sa.BigInteger)
    last_uid: int = Field(default=0, sa_type=sa.BigInteger)  # everything up to it has a row in Fetched, or is too old
    listed_uid: int = Field(default=0, sa_type=sa.BigInteger)  # everything up to it is counted in MailboxDay
    old_below: int = Field(default=0, sa_type=sa.BigInteger)  # UIDs there were when its folder was first looked into
    old_from: datetime | None = None  # of those only what the server got then or later is taken
    looked_at: datetime | None = None  # when nothing was left to fetch
    state: MailboxState = choice(MailboxState, MailboxState.NEW)
    state_since: datetime
    error: str = ""  # a code
    detail: str = ""  # the server's own words
    last_fetched_at: datetime | None = None
    fetched_count: int = 0
    created_at: datetime


class Fetched(Row, table=True):
    """One mail of a mailbox. UIDs mean something under their UIDVALIDITY only (RFC 3501, 2.3.1.1)."""

    __table_args__ = (
        sa.Index(
            "ix_fetched_open",
            "mailbox_id",
            sqlite_where=sa.text("state <> 'settled' AND state <> 'given_up'"),
            postgresql_where=sa.text("state <> 'settled' AND state <> 'given_up'"),
        ),
    )

    mailbox_id: int = points_to("mailbox.id", ondelete="CASCADE", primary_key=True)
    uidvalidity: int = Field(sa_type=sa.BigInteger, primary_key=True)
    uid: int = Field(sa_type=sa.BigInteger, primary_key=True)
    state: FetchedState = choice(FetchedState)
    is_repeat: bool = False  # the desk had this very mail already, by another way
    size_bytes: int = 0
    attempts: int = 0
    inbound_id: int | None = points_to("inbound.id", default=None, ondelete="SET NULL", index=True)
    fetched_at: datetime


class MailboxDay(Row, table=True):
    """How many mails the server listed for the first time on one day of the desk's own zone, old ones left aside."""

    mailbox_id: int = points_to("mailbox.id", ondelete="CASCADE", primary_key=True)
    day: date = Field(primary_key=True)
    had: int = 0
