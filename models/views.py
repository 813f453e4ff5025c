"""Views of the tickets that somebody kept, and what is done to many tickets at once."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, json_column, points_to


class ViewAudience(StrEnum):
    OWNER = "owner"
    QUEUE = "queue"  # whoever serves the view's queue, and supervisors
    EVERYBODY = "everybody"


class SavedView(Row, table=True):
    """A question about tickets with a name. Whoever opens it gets the answers that they may see."""

    id: int | None = Field(default=None, primary_key=True)
    name: str
    owner_id: int = points_to("agent.id", ondelete="CASCADE", index=True)
    audience: ViewAudience = choice(ViewAudience, ViewAudience.OWNER)
    queue_id: int | None = points_to("queue.id", default=None, ondelete="SET NULL", index=True)
    conditions: dict[str, Any] = json_column(default_factory=dict)
    """{"all": {kind: [values]}, "any": {kind: [values]}}; see helpdesk/filters for the kinds."""
    sort: str = "newest"
    columns: list[str] = json_column(default_factory=list)  # what a row shows besides its subject
    position: int = 0
    created_at: datetime
    deleted_at: datetime | None = None  # it can be taken back for a while


class BulkState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"  # what was not done yet is left as it was
    UNDOING = "undoing"
    UNDONE = "undone"


class BulkAct(Row, table=True):
    """One thing done to many tickets. The tickets are those of the moment it was asked for."""

    __table_args__ = (sa.Index("ix_bulkact_agent", "agent_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    agent_id: int = points_to("agent.id", ondelete="CASCADE")
    what: str  # "assign", "move", "priority", "tag", "untag", "pend", "resolve", "reopen"
    value: str = ""  # an agent's, a queue's or a tag's id, a priority, or a moment, as the act needs
    state: BulkState = choice(BulkState, BulkState.RUNNING)
    total: int = 0
    done: int = 0
    refused: int = 0
    undone: int = 0
    kept: int = 0  # changed by others meanwhile, so that undoing left them
    created_at: datetime
    ended_at: datetime | None = None


class BulkItemState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    SAME = "same"  # it was so already
    REFUSED = "refused"
    UNDONE = "undone"
    KEPT = "kept"


class BulkItem(Row, table=True):
    """One ticket of them."""

    __table_args__ = (sa.Index("ix_bulkitem_state", "bulk_id", "state", "ticket_id"),)

    bulk_id: int = points_to("bulkact.id", ondelete="CASCADE", primary_key=True)
    ticket_id: int = points_to("ticket.id", ondelete="CASCADE", primary_key=True, index=True)
    state: BulkItemState = choice(BulkItemState, BulkItemState.WAITING)
    error: str = ""  # the code of the rule that refused it, or kept it from being taken back
