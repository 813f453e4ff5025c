"""A queue's mail to who does not write Japanese may say another name it is from."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("queue", sa.Column("sender_name_en", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("queue", "sender_name_en")
