"""When somebody is there. A calendar is shared by whatever keeps these hours: queues now, promises later."""

from datetime import datetime
from typing import Any

from sqlmodel import Field

from models.base import Row, json_column


class Calendar(Row, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    timezone: str = "Asia/Tokyo"
    week: dict[str, Any] = json_column(default_factory=dict)
    """"mon" to "sun" -> [["09:00", "12:00"], ["13:00", "18:00"]]; an end before its begin lies past midnight. A day
    that is not named is closed."""
    holidays: str = "JP"  # whose public holidays are closed; "": nobody's
    days: dict[str, Any] = json_column(default_factory=dict)
    """"2026-12-29" -> hours of that very day, [] for closed; they go before the week and the holidays."""
    created_at: datetime
