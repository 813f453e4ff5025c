"""What will be needed is foreseen, and who will be there is planned."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shift",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("begins", sa.Integer(), nullable=False),
        sa.Column("ends", sa.Integer(), nullable=False),
        sa.Column("made_in", sa.String(), nullable=False),
        sa.Column("gone_in", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _points("shift", "agent"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift")),
    )
    op.create_index(op.f("ix_shift_agent_id"), "shift", ["agent_id"])
    op.create_index("ix_shift_day", "shift", ["day", "agent_id"])
    op.create_table(
        "shiftqueue",
        sa.Column("shift_id", sa.Integer(), nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=False),
        _points("shiftqueue", "shift"),
        _points("shiftqueue", "queue"),
        sa.PrimaryKeyConstraint("shift_id", "queue_id", name=op.f("pk_shiftqueue")),
    )
    op.create_index(op.f("ix_shiftqueue_queue_id"), "shiftqueue", ["queue_id"])
    op.create_table(
        "staffingbasis",
        sa.Column("queue_id", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("shrinkage_percent", "occupancy_percent", "written_minutes", "least")
        ),
        _points("staffingbasis", "queue"),
        sa.PrimaryKeyConstraint("queue_id", name=op.f("pk_staffingbasis")),
    )


def downgrade() -> None:
    for table in ("staffingbasis", "shiftqueue", "shift"):
        op.drop_table(table)


def _points(table: str, target: str) -> sa.ForeignKeyConstraint:
    key = op.f(f"fk_{table}_{target}_id_{target}")
    return sa.ForeignKeyConstraint([f"{target}_id"], [f"{target}.id"], name=key, ondelete="CASCADE")
