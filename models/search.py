"""What search knows of the desk, and what an agent asked for last.

The words themselves are kept in `searchword`, which is no table of ours but the database's own index of words: FTS5 on
SQLite, a tsvector under GIN on PostgreSQL. Migration 0010 makes it, and helpdesk/search/index.py alone speaks to it.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, exact, points_to


class SearchDoc(Row, table=True):
    """One thing that is found: a ticket, or a piece of a very long one, a customer, a call. See search/index.py for its
    number."""

    id: int = Field(sa_type=sa.BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": False})
    digest: bytes  # of its words, so that what has not changed is not written again
    words: bytes = b""  # SQLite: what stands in the index, compressed; it is needed to take it out again


class RecentSearch(Row, table=True):
    """What an agent searched for, newest last; a few for each agent."""

    __table_args__ = (sa.UniqueConstraint("agent_id", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    agent_id: int = points_to("agent.id", ondelete="CASCADE")
    key: str = exact()  # as compared: folded
    typed: str
    at: datetime
