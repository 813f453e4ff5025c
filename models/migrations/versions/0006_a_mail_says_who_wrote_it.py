"""A mail says who wrote it, what of it was mended, and what its ticket was before an answer of ours.

Columns are added in place, as in 0004.
"""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("queue", "mailbox"):
        op.add_column(table, sa.Column("takes_reply_to", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("message", sa.Column("header_from", sa.String(), nullable=False, server_default=""))
    op.add_column("message", sa.Column("reply_to", sa.String(), nullable=False, server_default=""))
    op.add_column("message", sa.Column("problems", JSON, nullable=False, server_default="[]"))
    op.add_column("message", sa.Column("undoes", JSON, nullable=False, server_default="{}"))


def downgrade() -> None:
    for name in ("undoes", "problems", "reply_to", "header_from"):
        op.drop_column("message", name)
    for table in ("mailbox", "queue"):
        op.drop_column(table, "takes_reply_to")
