"""A queue has a signature of its own for customers who do not write Japanese."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("queue", sa.Column("signature_en", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("queue", "signature_en")
