"""Keys by which other programs ask the desk."""

from datetime import datetime

from sqlmodel import Field

from models.base import Row, json_column, points_to


class ApiToken(Row, table=True):
    """A key for a program. Of its secret only the SHA-256 is kept."""

    id: int | None = Field(default=None, primary_key=True)
    name: str  # which program
    token_hash: str = Field(unique=True)
    scopes: list[str] = json_column(default_factory=list)  # what it may ask: "reports"
    made_by_id: int | None = points_to("agent.id", default=None, ondelete="SET NULL", index=True)
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
