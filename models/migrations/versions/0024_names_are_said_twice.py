"""What supervisors prepare for agents has an English name, too, where somebody gives it one."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

COLUMNS = (
    ("rule", "name_en"),
    ("macro", "name_en"),
    ("checklisttemplate", "name_en"),
    ("cannedreply", "title_en"),
    ("ticketfield", "hint_en"),
)


def upgrade() -> None:
    for table, name in COLUMNS:
        op.add_column(table, sa.Column(name, sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    for table, name in reversed(COLUMNS):
        op.drop_column(table, name)
