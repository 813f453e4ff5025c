"""Reports that are sent by mail: which, when, to whom, and what became of each mail."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, exact, json_column, points_to


class Every(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class ReportSchedule(Row, table=True):
    """A report that is mailed again and again."""

    id: int | None = Field(default=None, primary_key=True)
    name: str
    report: str  # a key of helpdesk/reporting/catalog.py
    asked: dict[str, str] = json_column(default_factory=dict)
    every: Every = choice(Every, Every.WEEK)
    weekday: int = 0  # Monday
    day: int = 1  # of the month, 1 to 28
    minute: int = 8 * 60  # of the day
    timezone: str
    formats: list[str] = json_column(default_factory=list)  # "pdf", "xlsx"
    is_active: bool = True
    owner_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    next_at: datetime = Field(index=True)
    created_at: datetime
    deleted_at: datetime | None = None


class ReportRecipient(Row, table=True):
    """Who gets it: an agent, at whatever address they have, or somebody with an address alone."""

    id: int | None = Field(default=None, primary_key=True)
    schedule_id: int = points_to("reportschedule.id", ondelete="CASCADE", index=True)
    agent_id: int | None = points_to("agent.id", default=None, ondelete="CASCADE", index=True)
    address: str = ""
    language: str = "ja"  # of an address; an agent has a language
    stopped_at: datetime | None = None  # by the link in the mail


class ReportMailState(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"  # the desk died while it was handed over; it is not sent again by itself


class ReportMail(Row, table=True):
    """One mail of one period to one recipient: there is never a second."""

    __table_args__ = (sa.UniqueConstraint("recipient_id", "due"),)

    id: int | None = Field(default=None, primary_key=True)
    recipient_id: int = points_to("reportrecipient.id", ondelete="CASCADE")
    due: str = exact()  # the moment it was due, ISO 8601, or "now:..." where somebody asked for it
    state: ReportMailState = choice(ReportMailState, ReportMailState.WAITING)
    error: str = ""
    at: datetime
