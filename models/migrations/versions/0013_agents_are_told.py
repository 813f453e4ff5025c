"""Agents are told by mail and push as they chose, and may switch the short keys off.

Columns are added in place, as in 0004.
"""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("agent", sa.Column("shortcuts", sa.Boolean(), nullable=False, server_default=sa.text("true")))
    op.add_column("agent", sa.Column("telling", JSON, nullable=False, server_default="{}"))
    op.add_column("notification", sa.Column("mailed_at", AT, nullable=True))
    op.create_table(
        "pushkey",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("private_key", sa.String(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pushkey")),
    )
    op.create_table(
        "pushsubscription",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("login_id", sa.Integer(), nullable=True),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("p256dh", sa.String(), nullable=False),
        sa.Column("auth", sa.String(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        _point("agent_id", "agent", "CASCADE"),
        _point("login_id", "login", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pushsubscription")),
        sa.UniqueConstraint("endpoint", name=op.f("uq_pushsubscription_endpoint")),
    )
    for name in ("agent_id", "login_id"):
        op.create_index(op.f(f"ix_pushsubscription_{name}"), "pushsubscription", [name])


def downgrade() -> None:
    op.drop_table("pushsubscription")
    op.drop_table("pushkey")
    op.drop_column("notification", "mailed_at")
    for name in ("telling", "shortcuts"):
        op.drop_column("agent", name)


def _point(name: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [name], [f"{target}.id"], name=op.f(f"fk_pushsubscription_{name}_{target}"), ondelete=ondelete
    )
