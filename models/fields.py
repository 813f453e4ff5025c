"""What stood in a ticket's own fields before."""

from datetime import datetime

from sqlmodel import Field

from models.base import Row, json_column, points_to


class FieldChange(Row, table=True):
    """One change of one field of a ticket, in the words that facts do not hold."""

    id: int | None = Field(default=None, primary_key=True)
    ticket_id: int = points_to("ticket.id", ondelete="CASCADE", index=True)
    field_id: int = points_to("ticketfield.id", ondelete="CASCADE", index=True)
    before: list[str] = json_column(default_factory=list)
    after: list[str] = json_column(default_factory=list)
    at: datetime
