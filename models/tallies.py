"""What service was given: when each ticket was open, and the totals of each day that is over.

`Stretch` rows are folded from a ticket's facts and can be folded again at any time; the totals are sums over them and
over calls. Both may be thrown away: nothing else is read from them.
"""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, points_to


class Stretch(Row, table=True):
    """A time during which a ticket was not resolved: from its opening, or from being opened again, until it was
    resolved. Seconds are whole ones; `open` seconds are those of the business hours by
    which its promises count, or else of its queue's. What was said first
    stands in the first stretch of a ticket."""

    __table_args__ = (
        sa.Index("ix_stretch_began", "began_at"),
        sa.Index("ix_stretch_answered", "answered_at"),
        sa.Index("ix_stretch_ended", "ended_at"),
        sa.Index("ix_stretch_responder", "responder_id", "answered_at"),
        sa.Index("ix_stretch_agent", "agent_id", "ended_at"),
        # What is not resolved now, however long the history grows.
        sa.Index(
            "ix_stretch_open",
            "queue_id",
            "opened_at",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
    )

    ticket_id: int = points_to("ticket.id", ondelete="CASCADE", primary_key=True)
    number: int = Field(primary_key=True)  # 1 from its opening, 2 from being opened again, ...
    queue_id: int  # the ticket's; no keys here, for the ticket has them
    channel: str
    priority: int
    opened_at: datetime  # of the ticket
    began_at: datetime
    ended_at: datetime | None = None
    is_reopened: bool = False  # another stretch came after it
    agent_id: int | None = None  # who resolved it; while it lasts, who is answerable
    transfers: int = 0  # to another queue, or from one agent to another
    resolve_seconds: int | None = None  # from the ticket's opening
    resolve_open_seconds: int | None = None
    resolve_kept: bool | None = None  # in the time that was promised; None: nothing was, or it is not decided
    asks: bool = False  # the customer began
    answered_at: datetime | None = None  # the first words of an agent
    responder_id: int | None = None
    answer_seconds: int | None = None
    answer_open_seconds: int | None = None
    answer_kept: bool | None = None
    came_back: bool | None = None  # the customer wrote or called again within seven days of the first answer
    language: str = ""
    placed_by: str = ""  # the reason of the first decision on its queue, see Routing; "" where there was none
    placed_id: int | None = None  # and that queue
    is_corrected: bool = False  # an agent moved it elsewhere since
    is_settled_there: bool = False  # nobody did, and it is resolved


class TicketDay(Row, table=True):
    """The totals of tickets on a day: of those opened, first answered and resolved then."""

    day: date = Field(primary_key=True)
    queue_id: int = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    priority: int = Field(primary_key=True)
    opened: int = 0
    asked: int = 0  # of the opened: by customers
    begun: int = 0  # opened, or opened again
    answered: int = 0
    answer_seconds: int = Field(default=0, sa_type=sa.BigInteger)
    answer_open_seconds: int = Field(default=0, sa_type=sa.BigInteger)
    answer_kept: int = 0
    answer_late: int = 0
    stayed_away: int = 0  # of the answered: the customer did not come back within seven days
    resolved: int = 0
    reopened: int = 0  # of the resolved
    resolve_seconds: int = Field(default=0, sa_type=sa.BigInteger)  # of those that were not opened again
    resolve_open_seconds: int = Field(default=0, sa_type=sa.BigInteger)
    resolve_kept: int = 0
    resolve_late: int = 0
    transferred: int = 0  # of the resolved: moved or handed on at least once
    transfers: int = 0
    spread: bytes = b""  # how lengths and half hours are spread, see helpdesk/tallies/spread.py


class AgentDay(Row, table=True):
    """The totals of an agent's day in one queue; what belongs to no queue has the queue 0. Lengths of calls and states
    are microseconds."""

    day: date = Field(primary_key=True)
    agent_id: int = Field(primary_key=True)
    queue_id: int = Field(primary_key=True)
    answered: int = 0
    answer_open_seconds: int = Field(default=0, sa_type=sa.BigInteger)
    resolved: int = 0
    reopened: int = 0
    resolve_open_seconds: int = Field(default=0, sa_type=sa.BigInteger)
    handled: int = 0
    transferred: int = 0
    talk: int = Field(default=0, sa_type=sa.BigInteger)
    hold: int = Field(default=0, sa_type=sa.BigInteger)
    wrap_up: int = Field(default=0, sa_type=sa.BigInteger)
    accepted: int = 0
    declined: int = 0
    timed_out: int = 0
    in_ready: int = Field(default=0, sa_type=sa.BigInteger)
    in_busy: int = Field(default=0, sa_type=sa.BigInteger)
    in_wrap_up: int = Field(default=0, sa_type=sa.BigInteger)
    in_away: int = Field(default=0, sa_type=sa.BigInteger)
    ringing: int = Field(default=0, sa_type=sa.BigInteger)


class CallDay(Row, table=True):
    """The totals of a queue's calls on a day, as `measures.Calls` has them."""

    day: date = Field(primary_key=True)
    queue_id: int = Field(primary_key=True)
    service_seconds: int = 0  # the queue's, when it was counted
    short_abandon_seconds: int = 0
    answered: int = 0
    abandoned: int = 0
    overflowed: int = 0
    moved: int = 0
    voicemail: int = 0
    callback: int = 0
    turned_away: int = 0
    refused: int = 0
    waiting: int = 0
    short_abandoned: int = 0
    answered_in_time: int = 0
    abandoned_in_time: int = 0
    passed_on_late: int = 0
    answered_after: int = Field(default=0, sa_type=sa.BigInteger)
    abandoned_after: int = Field(default=0, sa_type=sa.BigInteger)
    handled: int = 0
    transferred: int = 0
    talk: int = Field(default=0, sa_type=sa.BigInteger)
    hold: int = Field(default=0, sa_type=sa.BigInteger)
    wrap_up: int = Field(default=0, sa_type=sa.BigInteger)
    first_contacts: int = 0
    first_resolved: int = 0
    halves: bytes = b""  # offered in each half hour


class RoutingDay(Row, table=True):
    """What became of the desk's first decisions on the tickets opened on a day: the queue, the language, and why."""

    day: date = Field(primary_key=True)
    queue_id: int = Field(primary_key=True)
    language: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    placed: int = 0
    stayed: int = 0  # nobody moved it, and it was resolved
    corrected: int = 0  # an agent moved it


class AutomationDay(Row, table=True):
    """What the desk did by itself on a day, and what came of it within seven days; 0 until they are over."""

    day: date = Field(primary_key=True)
    kind: str = Field(primary_key=True)  # "rule", "rule_mail", "macro", "receipt", "survey", "canned"
    thing_id: int = Field(primary_key=True)  # of the rule, macro, survey or canned reply; of the queue for receipts
    count: int = 0
    settled: int = 0  # of which it is known what came of them
    wrote: int = 0  # the customer wrote in the ticket within three days
    resolved: int = 0
    reopened: int = 0
    answered: int = 0  # the survey
    undone: int = 0


class TagDay(Row, table=True):
    """How many tickets with a tag were opened on a day."""

    day: date = Field(primary_key=True)
    tag_id: int = Field(primary_key=True)
    queue_id: int = Field(primary_key=True)
    opened: int = 0


class CountedDay(Row, table=True):
    """A day whose totals are kept. Whatever changes it takes this row away, and it is counted again."""

    day: date = Field(primary_key=True)
    timezone: str  # whose day it is
    is_settled: bool = False  # it was known who came back within seven days
