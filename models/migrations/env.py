"""What Alembic runs: on the connection it is handed, over the tables of `models` alone."""

from typing import Any

from alembic import context

import models
from models.base import metadata

assert models.__all__  # importing them is what fills the metadata


def ours(name: str | None, kind: str, _parents: Any) -> bool:
    """The work engine keeps tables of its own in the same database."""
    return kind != "table" or name in metadata.tables


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    include_name=ours,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
