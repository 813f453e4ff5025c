"""What an agent has begun to write is kept by the desk."""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "keptdraft",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("told", JSON, nullable=False),
        sa.Column("files", JSON, nullable=False),
        sa.Column("tab", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("saved_at", AT, nullable=False),
        sa.Column("thrown_at", AT, nullable=True),
        *(
            sa.ForeignKeyConstraint(
                [f"{target}_id"], [f"{target}.id"], name=op.f(f"fk_keptdraft_{target}_id_{target}"), ondelete="CASCADE"
            )
            for target in ("agent", "ticket", "customer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keptdraft")),
    )
    op.create_index("ix_keptdraft_place", "keptdraft", ["agent_id", "place"], unique=True)
    for name in ("ticket_id", "customer_id"):
        op.create_index(op.f(f"ix_keptdraft_{name}"), "keptdraft", [name])


def downgrade() -> None:
    op.drop_table("keptdraft")
