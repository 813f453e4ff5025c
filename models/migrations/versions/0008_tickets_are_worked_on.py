"""What agents do with tickets: link them, watch them, tick off what is to be done, and take back what they wrote.

A column is added in place, as in 0004.
"""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
LINKS = ("related", "duplicate", "child", "split", "distinct")


def upgrade() -> None:
    op.add_column("ticket", sa.Column("is_watched", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "ticketlink",
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("other_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(*LINKS, name="linkkind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        _point("ticketlink", "ticket_id", "ticket", "CASCADE"),
        _point("ticketlink", "other_id", "ticket", "CASCADE"),
        sa.PrimaryKeyConstraint("ticket_id", "other_id", "kind", name=op.f("pk_ticketlink")),
    )
    op.create_index(op.f("ix_ticketlink_other_id"), "ticketlink", ["other_id"])
    op.create_table(
        "ticketwatcher",
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("since", AT, nullable=False),
        _point("ticketwatcher", "ticket_id", "ticket", "CASCADE"),
        _point("ticketwatcher", "agent_id", "agent", "CASCADE"),
        sa.PrimaryKeyConstraint("ticket_id", "agent_id", name=op.f("pk_ticketwatcher")),
    )
    op.create_index(op.f("ix_ticketwatcher_agent_id"), "ticketwatcher", ["agent_id"])
    op.create_table(
        "checklistitem",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("done_at", AT, nullable=True),
        sa.Column("done_by_id", sa.Integer(), nullable=True),
        sa.Column("removed_at", AT, nullable=True),
        sa.Column("created_at", AT, nullable=False),
        _point("checklistitem", "ticket_id", "ticket", "CASCADE"),
        _point("checklistitem", "done_by_id", "agent", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checklistitem")),
    )
    op.create_index("ix_checklistitem_ticket", "checklistitem", ["ticket_id", "position", "id"])
    op.create_index(op.f("ix_checklistitem_done_by_id"), "checklistitem", ["done_by_id"])
    op.create_table(
        "fieldchange",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("field_id", sa.Integer(), nullable=False),
        sa.Column("before", JSON, nullable=False),
        sa.Column("after", JSON, nullable=False),
        sa.Column("at", AT, nullable=False),
        _point("fieldchange", "ticket_id", "ticket", "CASCADE"),
        _point("fieldchange", "field_id", "ticketfield", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fieldchange")),
    )
    for name in ("ticket_id", "field_id"):
        op.create_index(op.f(f"ix_fieldchange_{name}"), "fieldchange", [name])


def downgrade() -> None:
    for table in ("fieldchange", "checklistitem", "ticketwatcher", "ticketlink"):
        op.drop_table(table)
    op.drop_column("ticket", "is_watched")


def _point(table: str, name: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [name], [f"{target}.id"], name=op.f(f"fk_{table}_{name}_{target}"), ondelete=ondelete
    )
