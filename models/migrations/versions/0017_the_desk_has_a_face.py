"""The desk has a name, a logo and a colour of its own, and what supervisors change can be taken back."""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

EXACT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
AT = sa.DateTime(timezone=True)
APART = sa.text("ticket_id IS NULL AND call_id IS NULL")


def upgrade() -> None:
    op.create_table(
        "settingchange",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", EXACT, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("rows", JSON, nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("at", AT, nullable=False),
        sa.Column("takes_back_id", sa.Integer(), nullable=True),
        _point("settingchange", "by_id", "agent", "SET NULL"),
        _point("settingchange", "takes_back_id", "settingchange", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settingchange")),
    )
    op.create_index("ix_settingchange_subject", "settingchange", ["kind", "subject", "id"])
    for name in ("by_id", "takes_back_id"):
        op.create_index(op.f(f"ix_settingchange_{name}"), "settingchange", [name])
    op.create_table(
        "logo",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logo")),
    )
    op.create_table(
        "invitation",
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("expires_at", AT, nullable=False),
        _point("invitation", "agent_id", "agent", "CASCADE"),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
    )
    op.create_index("ix_event_apart", "event", ["fact", "id"], sqlite_where=APART, postgresql_where=APART)


def downgrade() -> None:
    op.drop_index("ix_event_apart", "event")
    for table in ("invitation", "logo", "settingchange"):
        op.drop_table(table)


def _point(table: str, name: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [name], [f"{target}.id"], name=op.f(f"fk_{table}_{name}_{target}"), ondelete=ondelete
    )
