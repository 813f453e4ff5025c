"""Which process does what only one may do at a time."""

from datetime import datetime

from sqlmodel import Field

from models.base import Row


class Lease(Row, table=True):
    name: str = Field(primary_key=True)
    holder: str
    until: datetime
