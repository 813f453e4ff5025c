"""Orders of tickets, and the place in one from which the next page goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from helpdesk.errors import NotFound


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of tickets; equal ones come by their number."""

    column: str
    is_descending: bool


SORTS: Mapping[str, Sort] = {
    "newest": Sort("last_contact_at", True),
    "oldest": Sort("last_contact_at", False),
    "created_newest": Sort("created_at", True),
    "created_oldest": Sort("created_at", False),
    "priority_high": Sort("priority", True),
    "priority_low": Sort("priority", False),
    "due_soon": Sort("due_at", False),
    "due_late": Sort("due_at", True),
}


def ordered(order: Sort, *columns: Any) -> list[Any]:
    """What to order by, the last column being the tickets' number."""
    seen = columns[-1:] if order.column == "id" else columns
    return [column.desc() if order.is_descending else column.asc() for column in seen]


def beyond(order: Sort, key: Any, ticket_id: Any, last: tuple[Any, int]) -> sa.ColumnElement[bool]:
    """What comes after a place in an order."""
    if order.column == "id":
        by_number: sa.ColumnElement[bool] = ticket_id < last[1] if order.is_descending else ticket_id > last[1]
        return by_number
    here, there = sa.tuple_(key, ticket_id), sa.tuple_(sa.literal(last[0], key.type), last[1])
    after: sa.ColumnElement[bool] = here < there if order.is_descending else here > there
    return after


def cursor_of(row: Any) -> str:
    """The place of a row that begins with a number and what it is sorted by."""
    key = row[1].isoformat() if isinstance(row[1], datetime) else row[1]
    return f"{key}~{row[0]}"


def place(order: Sort, cursor: str) -> tuple[Any, int]:
    """What a row at a cursor is sorted by, and its number. Raises `NotFound` for a cursor that is none."""
    at, _, ticket_id = cursor.partition("~")
    try:
        key = int(at) if order.column in ("priority", "id") else datetime.fromisoformat(at).astimezone(UTC)
        if not 0 <= int(ticket_id) < 2**31 or (isinstance(key, int) and not 0 <= key < 2**31):
            raise ValueError(cursor)
        return key, int(ticket_id)
    except (ValueError, OverflowError) as error:
        raise NotFound("not_found", cursor=cursor) from error
