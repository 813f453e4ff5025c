"""Tickets have a priority, tags, fields of the desk's own and a day to come back; agents are told things.

Columns are added in place, as in 0004.
"""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

EXACT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
AT = sa.DateTime(timezone=True)
FIELD_KINDS = ("text", "number", "date", "choice", "choices", "yes_no")
TOLD = ("mentioned", "assigned", "answered", "watched", "at_risk", "breached", "reviewed")


def upgrade() -> None:
    op.execute(
        "ALTER TABLE ticket ADD COLUMN priority INTEGER DEFAULT 2 NOT NULL "
        "CONSTRAINT ck_ticket_priority CHECK (priority BETWEEN 1 AND 4)"
    )
    op.add_column("ticket", sa.Column("pending_until", AT, nullable=True))
    op.add_column("ticket", sa.Column("due_at", AT, nullable=True))
    op.add_column("ticket", sa.Column("due_kind", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "tag",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key", EXACT, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag")),
        sa.UniqueConstraint("key", name=op.f("uq_tag_key")),
    )
    op.create_table(
        "tickettag",
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("tag_id", sa.Integer(), nullable=False),
        _point("tickettag", "ticket_id", "ticket", "CASCADE"),
        _point("tickettag", "tag_id", "tag", "CASCADE"),
        sa.PrimaryKeyConstraint("ticket_id", "tag_id", name=op.f("pk_tickettag")),
    )
    op.create_index("ix_tickettag_tag", "tickettag", ["tag_id", "ticket_id"])
    op.create_table(
        "ticketfield",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("kind", _one_of(FIELD_KINDS, "fieldkind"), nullable=False),
        sa.Column("choices", JSON, nullable=False),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("conditions", JSON, nullable=False),
        sa.Column("is_required", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticketfield")),
        sa.UniqueConstraint("key", name=op.f("uq_ticketfield_key")),
    )
    op.create_table(
        "fieldvalue",
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("field_id", sa.Integer(), nullable=False),
        sa.Column("value", EXACT, nullable=False),
        _point("fieldvalue", "ticket_id", "ticket", "CASCADE"),
        _point("fieldvalue", "field_id", "ticketfield", "CASCADE"),
        sa.PrimaryKeyConstraint("ticket_id", "field_id", "value", name=op.f("pk_fieldvalue")),
    )
    op.create_index("ix_fieldvalue_field_value", "fieldvalue", ["field_id", "value", "ticket_id"])
    op.create_table(
        "notification",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("kind", _one_of(TOLD, "notificationkind"), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.Column("note_id", sa.Integer(), nullable=True),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("at", AT, nullable=False),
        sa.Column("read_at", AT, nullable=True),
        _point("notification", "agent_id", "agent", "CASCADE"),
        _point("notification", "ticket_id", "ticket", "CASCADE"),
        _point("notification", "note_id", "note", "CASCADE"),
        _point("notification", "by_id", "agent", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
    )
    op.create_index("ix_notification_agent", "notification", ["agent_id", "id"])
    unread = sa.text("read_at IS NULL")
    op.create_index(
        "ix_notification_unread", "notification", ["agent_id", "id"], sqlite_where=unread, postgresql_where=unread
    )
    for name in ("ticket_id", "note_id", "by_id"):
        op.create_index(op.f(f"ix_notification_{name}"), "notification", [name])


def downgrade() -> None:
    for table in ("notification", "fieldvalue", "ticketfield", "tickettag", "tag"):
        op.drop_table(table)
    for name in ("due_kind", "due_at", "pending_until", "priority"):
        op.drop_column("ticket", name)


def _point(table: str, name: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [name], [f"{target}.id"], name=op.f(f"fk_{table}_{name}_{target}"), ondelete=ondelete
    )


def _one_of(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)
