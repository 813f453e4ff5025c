"""What customers think of the answer they got: whom we asked, and what they said."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, exact, json_column, points_to


class Scale(StrEnum):
    STARS = "stars"  # 1 to 5: how satisfied somebody is, for CSAT
    ELEVEN = "eleven"  # 0 to 10: how likely somebody is to recommend us, for NPS
    NONE = "none"  # words alone


class AskedAfter(StrEnum):
    RESOLVED = "resolved"  # a ticket is resolved
    CALL = "call"  # a call that was answered has ended
    LIST = "list"  # a supervisor chooses whom


class AskedBy(StrEnum):
    MAIL = "mail"
    SMS = "sms"
    EITHER = "either"  # by mail, or by SMS where no address is known


class Survey(Row, table=True):
    """What the desk asks by itself."""

    id: int | None = Field(default=None, primary_key=True)
    name: str  # for supervisors
    scale: Scale = choice(Scale, Scale.STARS)
    after: AskedAfter = choice(AskedAfter, AskedAfter.RESOLVED)
    way: AskedBy = choice(AskedBy, AskedBy.MAIL)
    queue_id: int | None = points_to("queue.id", default=None, ondelete="CASCADE", index=True)  # None: every queue
    delay_minutes: int = 60
    rest_days: int = 30  # for which somebody who was asked anything is asked nothing more
    questions: dict[str, str] = json_column(default_factory=dict)  # language -> its words, where not the desk's
    is_active: bool = False
    created_at: datetime
    changed_at: datetime


class SendingState(StrEnum):
    COUNTING = "counting"  # whom it would reach; nobody is asked
    COUNTED = "counted"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"  # who was not asked by then is not


class SurveySending(Row, table=True):
    """One survey put to many customers at once, and whom: what is kept of a list once it has left."""

    __table_args__ = (sa.Index("ix_surveysending_survey", "survey_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    survey_id: int = points_to("survey.id", ondelete="CASCADE")
    segment_id: int | None = points_to("segment.id", default=None, ondelete="SET NULL", index=True)
    name: str = ""  # the segment's, as it was called then; "" where addresses were typed
    conditions: dict[str, Any] = json_column(default_factory=dict)  # the segment's, as they were then
    state: SendingState = choice(SendingState, SendingState.COUNTING)
    walked: int = 0  # the customers up to this number have been looked at
    last: int = 0  # the newest customer of the moment it was made
    found: int = 0  # customers who belong to the segment, or addresses that were typed
    asked: int = 0  # of these; while it counts and until it begins, who would be
    left_out: dict[str, int] = json_column(default_factory=dict)  # reason -> how many of the others
    sample: list[dict[str, Any]] = json_column(default_factory=list)  # some who would be asked: {"customer_id", "key"}
    by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    created_at: datetime
    begun_at: datetime | None = None
    ended_at: datetime | None = None


class AskState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    LEFT_OUT = "left_out"  # nobody was asked, and `reason` says why
    ANSWERED = "answered"


class Ask(Row, table=True):
    """One customer to be asked about one thing, once."""

    __table_args__ = (
        sa.UniqueConstraint("survey_id", "about"),
        sa.Index("ix_ask_key_sent", "key", "sent_at"),
        # How many were asked and answered is counted without a look at any row.
        sa.Index("ix_ask_created", "created_at", "sent_at", "state", "survey_id", "queue_id", "reason"),
        sa.Index("ix_ask_sending", "sending_id", "state"),
        # What is on its way is asked for before each further step, and is next to nothing of all that was asked.
        sa.Index(
            "ix_ask_in_line",
            "sending_id",
            "created_at",
            sqlite_where=sa.text("state = 'sent' AND sent_at IS NULL"),
            postgresql_where=sa.text("state = 'sent' AND sent_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    survey_id: int = points_to("survey.id", ondelete="CASCADE")
    about: str = exact()  # "ticket:12", "call:7" or of a list "list:" and the key
    ticket_id: int | None = points_to("ticket.id", default=None, ondelete="CASCADE", index=True)
    customer_id: int | None = points_to("customer.id", default=None, ondelete="SET NULL", index=True)
    queue_id: int = points_to("queue.id", ondelete="CASCADE", index=True)
    agent_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)  # whose answer it was
    key: str = exact(default="")  # of the address, see contact_points.email_key; or the telephone number, E.164
    language: str = "ja"
    state: AskState = choice(AskState, AskState.WAITING)
    reason: str = ""
    message_id: int | None = points_to("message.id", default=None, ondelete="SET NULL", index=True)
    sending_id: int | None = points_to("surveysending.id", default=None, ondelete="SET NULL")
    created_at: datetime
    sent_at: datetime | None = None


class AnswerSource(StrEnum):
    PAGE = "page"
    IMPORT = "import"


class Answer(Row, table=True):
    """What one customer said when asked. The latest counts: whoever answers again changes the answer."""

    __table_args__ = (
        sa.UniqueConstraint("source", "external_id"),
        sa.Index("ix_answer_at", "at", "id"),
        sa.Index("ix_answer_ticket", "ticket_id", "id"),
        sa.Index("ix_answer_customer", "customer_id", "at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    source: AnswerSource = choice(AnswerSource)
    external_id: str = exact()  # the ask's id, or of a line that was imported the SHA-256 of what it says
    survey_id: int | None = points_to("survey.id", default=None, ondelete="SET NULL", index=True)
    ticket_id: int | None = points_to("ticket.id", default=None, ondelete="SET NULL")
    customer_id: int | None = points_to("customer.id", default=None, ondelete="SET NULL")
    queue_id: int | None = points_to("queue.id", default=None, ondelete="SET NULL", index=True)
    agent_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    scale: Scale = choice(Scale, Scale.STARS)
    score: int | None = None
    comment: str = ""
    language: str = ""  # of the comment
    sentiment: str = ""  # guessed: "positive", "neutral", "negative"; "" where there is no comment
    sentiment_confidence: float = 0.0
    at: datetime
    changed_at: datetime


class OptOut(Row, table=True):
    """An address whose owner does not want to be asked."""

    key: str = exact(primary_key=True)
    at: datetime


class Topic(Row, table=True):
    """A matter that comments and mails are read for, by words that supervisors chose."""

    id: int | None = Field(default=None, primary_key=True)
    name: str  # Japanese
    name_en: str
    words: list[str] = json_column(default_factory=list)  # in either language
    learned: list[str] = json_column(default_factory=list)  # what came along and was taught it; of none words decide
    position: int = 0
    is_active: bool = True
    created_at: datetime
