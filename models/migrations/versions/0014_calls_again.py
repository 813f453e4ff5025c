"""Callers ask to be called back by a key, and a choice that is taken back leaves no trace."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("queue", sa.Column("callback_key", sa.String(), server_default="", nullable=False))
    op.add_column("customerchoice", sa.Column("last_contact_before", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("customerchoice", "last_contact_before")
    op.drop_column("queue", "callback_key")
