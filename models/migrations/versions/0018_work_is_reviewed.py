"""What other systems could not be told is parked and told again."""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import point, point_no_more

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("parked", sa.Column("post_id", sa.Integer(), nullable=True))
    point("parked", "post_id", "post", ondelete="CASCADE")
    op.create_index(op.f("ix_parked_post_id"), "parked", ["post_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_parked_post_id"), "parked")
    point_no_more("parked", "post_id", "post", ondelete="CASCADE")
    op.drop_column("parked", "post_id")
