"""Groups of customers that are known by what they have in common."""

from datetime import datetime
from typing import Any

from sqlmodel import Field

from models.base import Row, json_column, points_to


class Segment(Row, table=True):
    """A question about customers with a name: whoever answers to it now belongs to it."""

    id: int | None = Field(default=None, primary_key=True)
    name: str
    conditions: dict[str, Any] = json_column(default_factory=dict)
    """{"people": {kind: [values]}, "tickets": {"all": ..., "any": ...}}; see helpdesk/segments.py."""
    by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    created_at: datetime
    changed_at: datetime
    deleted_at: datetime | None = None
