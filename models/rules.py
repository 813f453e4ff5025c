"""What the desk does by itself, what agents do in one step, and what became of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Named, Row, choice, exact, json_column, points_to


class Rule(Row, Named, table=True):
    """If this then that. Its terms and acts are checked when they are saved, see helpdesk/terms.py and acts.py."""

    __table_args__ = (sa.Index("ix_rule_position", "position", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str
    name_en: str = ""
    trigger: str  # the fact it answers, or the time that passed: see helpdesk/rules/triggers.py
    after_minutes: int = 0  # of a rule that waits
    in_hours: bool = False  # those minutes are counted in the queue's business hours
    all_of: list[dict[str, Any]] = json_column(default_factory=list)  # {"what", "is", "value"}; every one must hold
    any_of: list[dict[str, Any]] = json_column(default_factory=list)  # one of them must, where there are any
    acts: list[dict[str, Any]] = json_column(default_factory=list)  # {"do", ...}, in order
    stops: bool = False  # rules behind it are not asked about the same fact
    is_active: bool = False
    position: int = 0
    changed_by_id: int | None = points_to("agent.id", default=None)
    changed_at: datetime
    created_at: datetime
    deleted_at: datetime | None = None  # until then it can be brought back


class Macro(Row, Named, table=True):
    """Several acts that agents do at once."""

    id: int | None = Field(default=None, primary_key=True)
    name: str
    name_en: str = ""
    owner_id: int | None = points_to("agent.id", default=None, ondelete="CASCADE", index=True)  # None: shared
    queue_id: int | None = points_to("queue.id", default=None, ondelete="CASCADE", index=True)  # None: every queue
    acts: list[dict[str, Any]] = json_column(default_factory=list)
    is_active: bool = True
    uses: int = 0
    last_used_at: datetime | None = None
    changed_by_id: int | None = points_to("agent.id", default=None)
    changed_at: datetime
    created_at: datetime
    deleted_at: datetime | None = None


class ChecklistTemplate(Row, Named, table=True):
    """Steps that are laid onto a ticket together, in its language where they are written in both."""

    id: int | None = Field(default=None, primary_key=True)
    name: str
    name_en: str = ""
    queue_id: int | None = points_to("queue.id", default=None, ondelete="CASCADE", index=True)  # None: every queue
    items: list[str] = json_column(default_factory=list)  # with {customer} and its like, as canned replies
    items_en: list[str] = json_column(default_factory=list)  # for tickets in English; empty: the same
    is_active: bool = True
    uses: int = 0
    last_used_at: datetime | None = None
    changed_by_id: int | None = points_to("agent.id", default=None)
    changed_at: datetime
    created_at: datetime
    deleted_at: datetime | None = None


class RunEnd(StrEnum):
    DONE = "done"
    FAILED = "failed"  # nothing of it was kept


class RuleRun(Row, table=True):
    """What a rule or a macro did to one ticket, with what is needed to take it back. It holds ids and codes only."""

    __table_args__ = (
        sa.Index("ix_rulerun_rule", "rule_id", "at"),
        sa.Index("ix_rulerun_ticket", "ticket_id", "at"),
        sa.Index("ix_rulerun_at", "at"),  # what was done on a day
        sa.Index(
            "uq_rulerun_stretch",
            "rule_id",
            "ticket_id",
            "stretch",
            unique=True,
            sqlite_where=sa.text("stretch IS NOT NULL"),
            postgresql_where=sa.text("stretch IS NOT NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    rule_id: int | None = points_to("rule.id", default=None, ondelete="CASCADE")
    macro_id: int | None = points_to("macro.id", default=None, ondelete="CASCADE", index=True)
    ticket_id: int = points_to("ticket.id", ondelete="CASCADE")
    fact: str = ""  # what it answered
    stretch: datetime | None = None  # since when what it waited for was so: once for each
    depth: int = 1  # 2: it answered what a rule had done, and so on
    did: list[dict[str, Any]] = json_column(default_factory=list)  # {"do", ...}: each act and what was before
    how: RunEnd = choice(RunEnd, RunEnd.DONE)
    error: str = ""
    by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)  # of a macro
    at: datetime
    undone_at: datetime | None = None
    undone_by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)


class RuleWait(Row, table=True):
    """A rule that waits until something has been so for long enough, on one ticket."""

    __table_args__ = (sa.Index("ix_rulewait_due", "due_at"), sa.Index("ix_rulewait_ticket", "ticket_id"))

    rule_id: int = points_to("rule.id", ondelete="CASCADE", primary_key=True)
    ticket_id: int = points_to("ticket.id", ondelete="CASCADE", primary_key=True)
    since: datetime
    due_at: datetime


class RuleMail(Row, table=True):
    """A rule wrote to this address. Counted before the next one does, whatever the headers say."""

    __table_args__ = (
        sa.Index("ix_rulemail_key_at", "key", "at"),
        sa.Index("ix_rulemail_ticket", "ticket_id", "at"),
        sa.Index("ix_rulemail_at", "at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    ticket_id: int = points_to("ticket.id", ondelete="CASCADE")
    key: str = exact()  # the address, folded by contact_points.email_key
    message_id: int | None = points_to("message.id", default=None, ondelete="SET NULL", index=True)
    at: datetime


class Post(Row, table=True):
    """Something a rule tells another system by HTTP. Its number is the id it is known by there: twice is once."""

    id: int | None = Field(default=None, primary_key=True)
    rule_id: int | None = points_to("rule.id", default=None, ondelete="SET NULL", index=True)
    ticket_id: int | None = points_to("ticket.id", default=None, ondelete="SET NULL", index=True)
    url: str
    secret: str = ""  # sealed: see helpdesk/seals.py
    body: dict[str, Any] = json_column(default_factory=dict)
    made_at: datetime
    sent_at: datetime | None = None
    status: int = 0  # what the last answer was; 0 where there was none
    error: str = ""
