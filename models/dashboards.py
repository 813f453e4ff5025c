"""Dashboards that supervisors compose of parts of reports."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field

from models.base import Row, choice, json_column, points_to


class BoardAudience(StrEnum):
    OWNER = "owner"
    SUPERVISORS = "supervisors"
    EVERYBODY = "everybody"


class Dashboard(Row, table=True):
    """A page of tiles with a name."""

    id: int | None = Field(default=None, primary_key=True)
    name: str
    owner_id: int = points_to("agent.id", ondelete="CASCADE", index=True)
    audience: BoardAudience = choice(BoardAudience, BoardAudience.OWNER)
    created_at: datetime
    deleted_at: datetime | None = None  # it can be taken back for a while


class TileKind(StrEnum):
    FIGURE = "figure"
    CHART = "chart"
    TABLE = "table"


class Tile(Row, table=True):
    """One part of one report, with what is asked of it; its period moves with the day."""

    id: int | None = Field(default=None, primary_key=True)
    dashboard_id: int = points_to("dashboard.id", ondelete="CASCADE", index=True)
    position: int
    report: str  # a key of helpdesk/reporting/catalog.py
    kind: TileKind = choice(TileKind)
    part: str
    asked: dict[str, str] = json_column(default_factory=dict)
    is_wide: bool = False
