"""Where calls come from, what their senders said and heard, and what is left to do when nobody answered.

`Exchange` is one telephone system. Its token is looked up by its hash and shown again to an operator from its sealed
copy; what it said and what we answered stands in `ExchangeLog`, without the number of a caller who withholds it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, exact, json_column, points_to


class ExchangeKind(StrEnum):
    PUSH = "push"  # the generic push, in JSON, as a form or as an address that is opened
    SIPGATE = "sipgate"
    PLACETEL = "placetel"
    THREECX = "threecx"
    PHONEBRIDGE = "phonebridge"
    ASTERISK = "asterisk"  # the desk connects to its manager interface


class ExchangeState(StrEnum):
    NEW = "new"  # nothing heard yet since it was made or changed
    CONNECTED = "connected"
    FAILING = "failing"  # `error` says why


class Exchange(Row, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)  # in `Call.source`, behind a colon: letters, digits, hyphens
    label: str = ""  # what people call it
    kind: ExchangeKind = choice(ExchangeKind, ExchangeKind.PUSH)
    token_hash: str | None = Field(default=None, unique=True)  # SHA-256; None: it has no entrance
    token: str = ""  # sealed: see helpdesk/seals.py
    old_token_hash: str | None = Field(default=None, unique=True)  # the one before it, until somebody switches it off
    old_token_used_at: datetime | None = None
    secret: str = ""  # sealed: what signatures are proved with, or the password of the manager interface
    mapping: dict[str, Any] = json_column(default_factory=dict)
    """Our field -> its name for it; below "values", our field -> its word -> ours. Empty: the names it is known to
    use."""
    options: dict[str, Any] = json_column(default_factory=dict)  # of its kind: host, port, user, contexts, ...
    queue_id: int | None = points_to("queue.id", default=None, ondelete="SET NULL", index=True)
    """Where its calls go whose dialed number belongs to no queue."""
    is_active: bool = True
    version: int = 1  # a change makes whoever is connected begin anew
    state: ExchangeState = choice(ExchangeState, ExchangeState.NEW)
    state_since: datetime
    error: str = ""  # a code
    heard_at: datetime | None = None
    created_at: datetime


class ExchangeLog(Row, table=True):
    """One thing a telephone system said or asked, and what it was answered."""

    __table_args__ = (sa.Index("ix_exchangelog_source", "source", "id"), sa.Index("ix_exchangelog_at", "at"))

    id: int | None = Field(default=None, primary_key=True)
    source: str = exact()  # as in `Call.source`
    what: str  # "push", "lookup", "search", "report", "pop", "connection"
    said: str  # cut to a length, without numbers that are withheld
    answered: str = ""
    status: int = 200  # of HTTP
    outcome: str = ""  # a code: what became of it
    inbound_id: int | None = points_to("inbound.id", default=None, ondelete="SET NULL", index=True)
    call_id: int | None = points_to("call.id", default=None, ondelete="SET NULL", index=True)
    at: datetime


class BlockedCaller(Row, table=True):
    """A number whose calls are refused where the telephone system lets us."""

    e164: str = exact(primary_key=True)
    reason: str = ""
    by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    created_at: datetime


class CompanyLine(Row, table=True):
    """A company's main line. Whoever calls from it is somebody of that company, which is all the number says."""

    e164: str = exact(primary_key=True)
    company: str
    company_key: str = exact(index=True)  # folded as `Customer.company_key`
    created_at: datetime


class CallbackState(StrEnum):
    OPEN = "open"
    DONE = "done"  # reached, by us or by calling again
    DROPPED = "dropped"  # a person decided that nobody need call


class Callback(Row, table=True):
    """Somebody to call back: the missed and abandoned calls of one customer, or of one unknown number, folded."""

    __table_args__ = (
        sa.Index(
            "uq_callback_open",
            "key",
            unique=True,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        ),
        sa.Index("ix_callback_state", "state", "promised_at", "id"),
        sa.Index("ix_callback_customer_id", "customer_id", "id"),
        sa.Index("ix_callback_key", "key", "done_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    key: str = exact()  # "customer:12" or "number:+81312345678"
    customer_id: int | None = points_to("customer.id", default=None, ondelete="SET NULL")
    number: str = exact(default="")  # the one last called from, E.164
    queue_id: int = points_to("queue.id", index=True)
    ticket_id: int | None = points_to("ticket.id", default=None, ondelete="SET NULL", index=True)
    call_id: int | None = points_to("call.id", default=None, ondelete="SET NULL", index=True)  # the last of them
    calls: int = 1
    attempts: int = 0  # of ours to reach them
    asked_by_customer: bool = False  # by a key in the waiting line, or in words to an agent
    first_at: datetime
    last_at: datetime
    promised_at: datetime | None = None
    owner_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    alarmed_at: datetime | None = None  # when it was said that the promise is overdue
    state: CallbackState = choice(CallbackState, CallbackState.OPEN)
    note: str = ""
    done_at: datetime | None = None
    done_by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    reopened_at: datetime | None = None  # by a person; what was answered before does not settle it again


class HelpSign(Row, table=True):
    """An agent's raised hand."""

    agent_id: int = points_to("agent.id", ondelete="CASCADE", primary_key=True)
    call_id: int | None = points_to("call.id", default=None, ondelete="SET NULL", index=True)
    raised_at: datetime
