"""How many were asked, and how many answered, is counted by an index alone: a list may be a million people."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_ask_created", table_name="ask")
    op.create_index("ix_ask_created", "ask", ["created_at", "sent_at", "state", "survey_id", "queue_id", "reason"])


def downgrade() -> None:
    op.drop_index("ix_ask_created", table_name="ask")
    op.create_index("ix_ask_created", "ask", ["created_at", "id"])
