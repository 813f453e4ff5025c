"""Views of the tickets are kept and shared, lists have other orders, and many tickets are changed at once."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
AUDIENCES = ("owner", "queue", "everybody")
BULK_STATES = ("running", "done", "cancelled", "undoing", "undone")
ITEM_STATES = ("waiting", "done", "same", "refused", "undone", "kept")
ORDERS = {"created": "created_at", "priority": "priority", "due": "due_at"}
NOBODYS = sa.text("state = 'open' AND assignee_id IS NULL")
LIVE = sa.text("state <> 'resolved'")
URGENT: dict[str, Any] = {"sqlite_where": sa.text("state = 'open' AND is_urgent = 1"),
          "postgresql_where": sa.text("state = 'open' AND is_urgent")}  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "savedview",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("audience", _one_of(AUDIENCES, "viewaudience"), nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=True),
        sa.Column("conditions", JSON, nullable=False),
        sa.Column("sort", sa.String(), nullable=False),
        sa.Column("columns", JSON, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("deleted_at", AT, nullable=True),
        _point("savedview", "owner_id", "agent", "CASCADE"),
        _point("savedview", "queue_id", "queue", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_savedview")),
    )
    for name in ("owner_id", "queue_id"):
        op.create_index(op.f(f"ix_savedview_{name}"), "savedview", [name])
    op.create_table(
        "bulkact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("state", _one_of(BULK_STATES, "bulkstate"), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("total", "done", "refused", "undone", "kept")),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("ended_at", AT, nullable=True),
        _point("bulkact", "agent_id", "agent", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulkact")),
    )
    op.create_index("ix_bulkact_agent", "bulkact", ["agent_id", "id"])
    op.create_table(
        "bulkitem",
        sa.Column("bulk_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("state", _one_of(ITEM_STATES, "bulkitemstate"), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        _point("bulkitem", "bulk_id", "bulkact", "CASCADE"),
        _point("bulkitem", "ticket_id", "ticket", "CASCADE"),
        sa.PrimaryKeyConstraint("bulk_id", "ticket_id", name=op.f("pk_bulkitem")),
    )
    op.create_index(op.f("ix_bulkitem_ticket_id"), "bulkitem", ["ticket_id"])
    op.create_index("ix_bulkitem_state", "bulkitem", ["bulk_id", "state", "ticket_id"])
    op.drop_index("ix_ticket_urgent", "ticket")
    op.create_index(
        "ix_ticket_urgent", "ticket", ["state", "last_contact_at", "id", "queue_id", "assignee_id"], **URGENT
    )
    op.create_index(
        "ix_ticket_nobodys", "ticket", ["queue_id", "last_contact_at", "id"],
        sqlite_where=NOBODYS, postgresql_where=NOBODYS,
    )  # fmt: skip
    for whose in ("queue", "assignee"):
        for order, column in ORDERS.items():
            op.create_index(
                f"ix_ticket_{whose}_{order}", "ticket", [f"{whose}_id", "state", column, "id"],
                sqlite_where=LIVE, postgresql_where=LIVE,
            )  # fmt: skip


def downgrade() -> None:
    for whose in ("queue", "assignee"):
        for order in ORDERS:
            op.drop_index(f"ix_ticket_{whose}_{order}", "ticket")
    op.drop_index("ix_ticket_nobodys", "ticket")
    op.drop_index("ix_ticket_urgent", "ticket")
    op.create_index("ix_ticket_urgent", "ticket", ["last_contact_at", "id", "queue_id"], **URGENT)
    for table in ("bulkitem", "bulkact", "savedview"):
        op.drop_table(table)


def _point(table: str, name: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [name], [f"{target}.id"], name=op.f(f"fk_{table}_{name}_{target}"), ondelete=ondelete
    )


def _one_of(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)
