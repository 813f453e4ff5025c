"""What service was given is counted."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
DONE = ("rulerun", "rulemail", "canneduse")
"""What the desk did by itself is counted by day."""


def upgrade() -> None:
    op.create_table(
        "stretch",
        _whole("ticket_id"), _whole("number"), _whole("queue_id"), sa.Column("channel", sa.String(), nullable=False), _whole("priority"),
        sa.Column("opened_at", AT, nullable=False), sa.Column("began_at", AT, nullable=False),
        sa.Column("ended_at", AT, nullable=True), sa.Column("is_reopened", sa.Boolean(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True), _whole("transfers"),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in ("resolve_seconds", "resolve_open_seconds")),
        sa.Column("resolve_kept", sa.Boolean(), nullable=True), sa.Column("asks", sa.Boolean(), nullable=False),
        sa.Column("answered_at", AT, nullable=True),
        *(sa.Column(name, sa.Integer(), nullable=True)
          for name in ("responder_id", "answer_seconds", "answer_open_seconds")),
        *(sa.Column(name, sa.Boolean(), nullable=True) for name in ("answer_kept", "came_back")),
        sa.Column("language", sa.String(), nullable=False), sa.Column("placed_by", sa.String(), nullable=False),
        sa.Column("placed_id", sa.Integer(), nullable=True),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("is_corrected", "is_settled_there")),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_stretch_ticket_id_ticket"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ticket_id", "number", name=op.f("pk_stretch")),
    )  # fmt: skip
    for name, columns in (("began", ["began_at"]), ("answered", ["answered_at"]), ("ended", ["ended_at"]),
                          ("responder", ["responder_id", "answered_at"]), ("agent", ["agent_id", "ended_at"])):  # fmt: skip
        op.create_index(f"ix_stretch_{name}", "stretch", columns)
    for table in DONE:
        op.create_index(f"ix_{table}_at", table, ["at"])
    is_open = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_stretch_open", "stretch", ["queue_id", "opened_at"], sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_table(
        "ticketday",
        _day(), _whole("queue_id"), sa.Column("channel", sa.String(), nullable=False), _whole("priority"),
        *(_whole(name) for name in ("opened", "asked", "begun", "answered")),
        *(_large(name) for name in ("answer_seconds", "answer_open_seconds")),
        *(_whole(name) for name in ("answer_kept", "answer_late", "stayed_away", "resolved", "reopened")),
        *(_large(name) for name in ("resolve_seconds", "resolve_open_seconds")),
        *(_whole(name) for name in ("resolve_kept", "resolve_late", "transferred", "transfers")),
        sa.Column("spread", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", "queue_id", "channel", "priority", name=op.f("pk_ticketday")),
    )  # fmt: skip
    op.create_table(
        "agentday",
        _day(), _whole("agent_id"), _whole("queue_id"), _whole("answered"), _large("answer_open_seconds"),
        _whole("resolved"), _whole("reopened"), _large("resolve_open_seconds"), _whole("handled"),
        _whole("transferred"), *(_large(name) for name in ("talk", "hold", "wrap_up")),
        *(_whole(name) for name in ("accepted", "declined", "timed_out")),
        *(_large(name) for name in ("in_ready", "in_busy", "in_wrap_up", "in_away", "ringing")),
        sa.PrimaryKeyConstraint("day", "agent_id", "queue_id", name=op.f("pk_agentday")),
    )  # fmt: skip
    counts = ("service_seconds", "short_abandon_seconds", "answered", "abandoned", "overflowed", "moved", "voicemail",
              "callback", "turned_away", "refused", "waiting", "short_abandoned", "answered_in_time",
              "abandoned_in_time", "passed_on_late")  # fmt: skip
    op.create_table(
        "callday",
        _day(), _whole("queue_id"), *(_whole(name) for name in counts),
        *(_large(name) for name in ("answered_after", "abandoned_after")), _whole("handled"), _whole("transferred"),
        *(_large(name) for name in ("talk", "hold", "wrap_up")), _whole("first_contacts"), _whole("first_resolved"),
        sa.Column("halves", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", "queue_id", name=op.f("pk_callday")),
    )  # fmt: skip
    op.create_table(
        "routingday",
        _day(), _whole("queue_id"), sa.Column("language", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False), *(_whole(name) for name in ("placed", "stayed", "corrected")),
        sa.PrimaryKeyConstraint("day", "queue_id", "language", "reason", name=op.f("pk_routingday")),
    )  # fmt: skip
    op.create_table(
        "automationday",
        _day(), sa.Column("kind", sa.String(), nullable=False), _whole("thing_id"),
        *(_whole(name) for name in ("count", "settled", "wrote", "resolved", "reopened", "answered", "undone")),
        sa.PrimaryKeyConstraint("day", "kind", "thing_id", name=op.f("pk_automationday")),
    )  # fmt: skip
    op.create_table(
        "tagday",
        _day(), _whole("tag_id"), _whole("queue_id"), _whole("opened"),
        sa.PrimaryKeyConstraint("day", "tag_id", "queue_id", name=op.f("pk_tagday")),
    )  # fmt: skip
    op.create_table(
        "countedday",
        _day(), sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("is_settled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_countedday")),
    )  # fmt: skip


def downgrade() -> None:
    for table in DONE:
        op.drop_index(f"ix_{table}_at", table_name=table)
    for table in ("countedday", "tagday", "automationday", "routingday", "callday", "agentday", "ticketday", "stretch"):
        op.drop_table(table)
    op.execute("DELETE FROM bookmark WHERE name LIKE 'service:%'")


def _day() -> sa.Column[object]:
    return sa.Column("day", sa.Date(), nullable=False)


def _whole(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _large(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger(), nullable=False)
