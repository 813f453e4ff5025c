"""Promises are made, paused, kept and broken; queues give out their tickets."""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON, add_choice

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
CHANNELS = ("mail", "phone", "form")
KINDS = ("first_response", "next_response", "resolution")
ASSIGNING = ("manual", "round_robin", "least_busy")
SWITCHES = ("assigns_away", "assigns_talking")


def upgrade() -> None:
    op.create_table(
        "policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=True),
        sa.Column("channel", _one_of(CHANNELS, "channel"), nullable=True),
        sa.Column("calendar_id", sa.Integer(), nullable=True),
        sa.Column("first_response_minutes", sa.Integer(), nullable=False),
        sa.Column("next_response_minutes", sa.Integer(), nullable=False),
        sa.Column("resolution_minutes", sa.Integer(), nullable=False),
        sa.Column("at_risk_percent", sa.Integer(), nullable=False),
        sa.Column("at_risk_told", JSON, nullable=False),
        sa.Column("at_risk_agent_id", sa.Integer(), nullable=True),
        sa.Column("breached_told", JSON, nullable=False),
        sa.Column("breached_agent_id", sa.Integer(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        _point("policy", "queue_id", "queue", "CASCADE"),
        _point("policy", "calendar_id", "calendar", "SET NULL"),
        _point("policy", "at_risk_agent_id", "agent", "SET NULL"),
        _point("policy", "breached_agent_id", "agent", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
    )
    for name in ("queue_id", "calendar_id", "at_risk_agent_id", "breached_agent_id"):
        op.create_index(op.f(f"ix_policy_{name}"), "policy", [name])
    op.create_table(
        "promise",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("kind", _one_of(KINDS, "promisekind"), nullable=False),
        sa.Column("policy_id", sa.Integer(), nullable=False),
        sa.Column("calendar_id", sa.Integer(), nullable=True),
        sa.Column("promised_seconds", sa.Float(), nullable=False),
        sa.Column("started_at", AT, nullable=False),
        sa.Column("counted_at", AT, nullable=False),
        sa.Column("left_seconds", sa.Float(), nullable=False),
        sa.Column("due_at", AT, nullable=True),
        sa.Column("at_risk_at", AT, nullable=True),
        sa.Column("next_at", AT, nullable=True),
        sa.Column("paused_at", AT, nullable=True),
        sa.Column("kept_at", AT, nullable=True),
        sa.Column("answer_id", sa.Integer(), nullable=True),
        sa.Column("warned_at", AT, nullable=True),
        sa.Column("breached_at", AT, nullable=True),
        _point("promise", "ticket_id", "ticket", "CASCADE"),
        _point("promise", "policy_id", "policy", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promise")),
    )
    op.create_index(op.f("ix_promise_ticket_id"), "promise", ["ticket_id"])
    op.create_index(op.f("ix_promise_policy_id"), "promise", ["policy_id"])
    waits = sa.text("next_at IS NOT NULL")
    op.create_index("ix_promise_next", "promise", ["next_at", "id"], sqlite_where=waits, postgresql_where=waits)
    add_choice("queue", "assigning", "assigning", ASSIGNING, default="manual")
    for name in SWITCHES:
        op.add_column("queue", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("queue", sa.Column("returns_minutes", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("membership", sa.Column("turn", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("membership", "turn")
    op.drop_column("queue", "returns_minutes")
    for name in SWITCHES:
        op.drop_column("queue", name)
    op.drop_column("queue", "assigning")
    op.drop_table("promise")
    op.drop_table("policy")


def _point(table: str, name: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [name], [f"{target}.id"], name=op.f(f"fk_{table}_{name}_{target}"), ondelete=ondelete
    )


def _one_of(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)
