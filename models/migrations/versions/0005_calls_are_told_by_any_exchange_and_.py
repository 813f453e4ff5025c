"""Calls are told by any exchange and offered one by one"""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON, add_choice, allow, point, point_no_more

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


SOURCES = ("verified", "profile", "learned", "ticket", "guessed")
SOURCES_BEFORE = ("verified", "profile", "learned", "ticket")
CHOICE_POINTERS = (
    ("call_id", "call", "CASCADE"),
    ("customer_id", "customer", "CASCADE"),
    ("customer_before_id", "customer", "SET NULL"),
    ("ticket_id", "ticket", "SET NULL"),
    ("ticket_customer_before_id", "customer", "SET NULL"),
    ("by_id", "agent", "SET NULL"),
)
OTHERWISE = ("wait", "tell", "callback", "voicemail", "overflow")
OFFER_ENDS = ("open", "accepted", "declined", "timed_out", "elsewhere", "gone")
POINTERS = (("overflow_id", "queue"), ("calendar_id", "calendar"))
WORDS = ("closed_words", "full_words")
NUMBERS = (
    ("ring_seconds", "20"),
    ("most_misses", "2"),
    ("wrap_up_seconds", "0"),
    ("most_waiting", "0"),
    ("longest_wait_seconds", "0"),
    ("service_seconds", "20"),
    ("service_percent", "80"),
    ("short_abandon_seconds", "5"),
    ("callback_minutes", "120"),
)


def upgrade() -> None:
    op.create_table(
        "calendar",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("week", JSON, nullable=False),
        sa.Column("holidays", sa.String(), nullable=False),
        sa.Column("days", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar")),
    )
    op.create_table(
        "companyline",
        sa.Column("e164", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("company_key", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("e164", name=op.f("pk_companyline")),
    )
    with op.batch_alter_table("companyline", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_companyline_company_key"), ["company_key"], unique=False)

    op.create_table(
        "blockedcaller",
        sa.Column("e164", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["by_id"], ["agent.id"], name=op.f("fk_blockedcaller_by_id_agent"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("e164", name=op.f("pk_blockedcaller")),
    )
    with op.batch_alter_table("blockedcaller", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_blockedcaller_by_id"), ["by_id"], unique=False)

    op.create_table(
        "exchange",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "push",
                "sipgate",
                "placetel",
                "threecx",
                "phonebridge",
                "asterisk",
                name="exchangekind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("token_hash", sa.String(), nullable=True),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("old_token_hash", sa.String(), nullable=True),
        sa.Column("old_token_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("mapping", JSON, nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "new",
                "connected",
                "failing",
                name="exchangestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["queue.id"], name=op.f("fk_exchange_queue_id_queue"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchange")),
        sa.UniqueConstraint("name", name=op.f("uq_exchange_name")),
        sa.UniqueConstraint("old_token_hash", name=op.f("uq_exchange_old_token_hash")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_exchange_token_hash")),
    )
    with op.batch_alter_table("exchange", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exchange_queue_id"), ["queue_id"], unique=False)

    op.create_table(
        "callback",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.Column("call_id", sa.Integer(), nullable=True),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("asked_by_customer", sa.Boolean(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("promised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("alarmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "open", "done", "dropped", name="callbackstate", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by_id", sa.Integer(), nullable=True),
        sa.Column("reopened_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_callback_call_id_call"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_callback_customer_id_customer"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["done_by_id"], ["agent.id"], name=op.f("fk_callback_done_by_id_agent"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["agent.id"], name=op.f("fk_callback_owner_id_agent"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["queue.id"], name=op.f("fk_callback_queue_id_queue"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_callback_ticket_id_ticket"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback")),
    )
    with op.batch_alter_table("callback", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_callback_call_id"), ["call_id"], unique=False)
        batch_op.create_index("ix_callback_customer_id", ["customer_id", "id"], unique=False)
        batch_op.create_index("ix_callback_key", ["key", "done_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_callback_done_by_id"), ["done_by_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_callback_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_callback_queue_id"), ["queue_id"], unique=False)
        batch_op.create_index("ix_callback_state", ["state", "promised_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_callback_ticket_id"), ["ticket_id"], unique=False)
        batch_op.create_index(
            "uq_callback_open",
            ["key"],
            unique=True,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )

    op.create_table(
        "handling",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hold_seconds", sa.Integer(), nullable=False),
        sa.Column("wrapped_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("transferred_to_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk_handling_agent_id_agent"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_handling_call_id_call"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["queue.id"], name=op.f("fk_handling_queue_id_queue"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["transferred_to_id"], ["agent.id"], name=op.f("fk_handling_transferred_to_id_agent"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handling")),
    )
    with op.batch_alter_table("handling", schema=None) as batch_op:
        batch_op.create_index("ix_handling_agent", ["agent_id", "began_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_handling_call_id"), ["call_id"], unique=False)
        batch_op.create_index("ix_handling_queue", ["queue_id", "began_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_handling_transferred_to_id"), ["transferred_to_id"], unique=False)
        batch_op.create_index(
            "uq_handling_open",
            ["call_id", "agent_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "helpsign",
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=True),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk_helpsign_agent_id_agent"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_helpsign_call_id_call"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_helpsign")),
    )
    with op.batch_alter_table("helpsign", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_helpsign_call_id"), ["call_id"], unique=False)

    op.create_table(
        "queuevisit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "how",
            sa.Enum(
                "waiting",
                "answered",
                "abandoned",
                "overflowed",
                "moved",
                "voicemail",
                "callback",
                "refused",
                name="visitend",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk_queuevisit_agent_id_agent"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_queuevisit_call_id_call"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["queue.id"], name=op.f("fk_queuevisit_queue_id_queue"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queuevisit")),
    )
    with op.batch_alter_table("queuevisit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_queuevisit_agent_id"), ["agent_id"], unique=False)
        batch_op.create_index("ix_queuevisit_call", ["call_id", "entered_at"], unique=False)
        batch_op.create_index("ix_queuevisit_queue", ["queue_id", "entered_at"], unique=False)
        batch_op.create_index(
            "ix_queuevisit_line",
            ["queue_id", "entered_at"],
            unique=False,
            sqlite_where=sa.text("left_at IS NULL"),
            postgresql_where=sa.text("left_at IS NULL"),
        )
        batch_op.create_index(
            "uq_queuevisit_waiting",
            ["call_id"],
            unique=True,
            sqlite_where=sa.text("left_at IS NULL"),
            postgresql_where=sa.text("left_at IS NULL"),
        )

    op.create_table(
        "exchangelog",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("said", sa.String(), nullable=False),
        sa.Column("answered", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("inbound_id", sa.Integer(), nullable=True),
        sa.Column("call_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["call.id"], name=op.f("fk_exchangelog_call_id_call"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["inbound_id"], ["inbound.id"], name=op.f("fk_exchangelog_inbound_id_inbound"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchangelog")),
    )
    with op.batch_alter_table("exchangelog", schema=None) as batch_op:
        batch_op.create_index("ix_exchangelog_at", ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_exchangelog_call_id"), ["call_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_exchangelog_inbound_id"), ["inbound_id"], unique=False)
        batch_op.create_index("ix_exchangelog_source", ["source", "id"], unique=False)

    op.add_column("agent", sa.Column("languages", JSON, nullable=False, server_default='["ja"]'))
    op.add_column("agent", sa.Column("most_calls", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("agent", sa.Column("most_tickets", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("membership", sa.Column("level", sa.Integer(), nullable=False, server_default="1"))
    allow("contactpoint", "source", "pointsource", SOURCES, SOURCES_BEFORE)

    add_choice("queue", "ringing", "ringing", ("everybody", "longest_idle"), default="everybody")
    add_choice("queue", "when_closed", "otherwise", OTHERWISE, default="tell")
    add_choice("queue", "when_full", "otherwise", OTHERWISE, default="wait")
    for name, default in NUMBERS:
        op.add_column("queue", sa.Column(name, sa.Integer(), nullable=False, server_default=default))
    for name in WORDS:
        op.add_column("queue", sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.add_column("queue", sa.Column("needs_disposition", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("queue", sa.Column("alarms", JSON, nullable=False, server_default="{}"))
    for name, target in POINTERS:
        op.add_column("queue", sa.Column(name, sa.Integer(), nullable=True))
        op.create_index(op.f(f"ix_queue_{name}"), "queue", [name], unique=False)
        point("queue", name, target, ondelete="SET NULL")

    _boards()
    _choices()
    _offers_anew()
    # The board and the reports are computed from stays and handlings: of the calls so far as much as is known of them.
    op.execute(
        "INSERT INTO queuevisit (call_id, queue_id, entered_at, left_at, how, agent_id)"
        " SELECT id, queue_id, started_at, COALESCE(answered_at, ended_at), CASE"
        " WHEN answered_at IS NOT NULL THEN 'answered' WHEN ended_at IS NULL THEN 'waiting'"
        " WHEN outcome = 'voicemail' THEN 'voicemail' ELSE 'abandoned' END,"
        " CASE WHEN answered_at IS NOT NULL THEN agent_id END"
        " FROM call WHERE direction = 'in' AND queue_id IS NOT NULL"
    )
    op.execute(
        "INSERT INTO handling (call_id, agent_id, queue_id, began_at, ended_at, hold_seconds, wrapped_up_at)"
        " SELECT id, agent_id, queue_id, COALESCE(accepted_at, answered_at), ended_at, hold_seconds, wrapped_up_at"
        " FROM call WHERE agent_id IS NOT NULL AND COALESCE(accepted_at, answered_at) IS NOT NULL"
    )


def _boards() -> None:
    """Alarms of queues, and wallboards."""
    op.create_table(
        "alarm",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=False),
        sa.Column("figure", sa.String(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_alarm_queue_id_queue"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm")),
    )
    is_open = sa.text("cleared_at IS NULL")
    op.create_index("ix_alarm_queue", "alarm", ["queue_id", "raised_at"])
    op.create_index(
        "uq_alarm_open", "alarm", ["queue_id", "figure"], unique=True, sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_table(
        "walllink",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("made_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["agent.id"], name=op.f("fk_walllink_made_by_id_agent"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_walllink")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_walllink_token_hash")),
    )
    op.create_index(op.f("ix_walllink_made_by_id"), "walllink", ["made_by_id"])


def _choices() -> None:
    """Who calls is chosen in a way that can be taken back, and so is a number taken off a record."""
    op.add_column("contactpoint", sa.Column("learned_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE contactpoint SET learned_at = created_at WHERE source = 'learned'")
    op.create_table(
        "removedpoint",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("phone", "email", name="pointkind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("key", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column(
            "source",
            sa.Enum(*SOURCES, name="pointsource", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("learned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_removedpoint_customer_id_customer"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["removed_by_id"], ["agent.id"], name=op.f("fk_removedpoint_removed_by_id_agent"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removedpoint")),
        sa.UniqueConstraint("customer_id", "kind", "key", name=op.f("uq_removedpoint_customer_id_kind_key")),
    )
    op.create_index(op.f("ix_removedpoint_removed_by_id"), "removedpoint", ["removed_by_id"])
    op.create_table(
        "customerchoice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column("customer_before_id", sa.Integer(), nullable=True),
        sa.Column("match_before", sa.String(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.Column("ticket_customer_before_id", sa.Integer(), nullable=True),
        sa.Column("point_before", JSON, nullable=False),
        sa.Column("unlearned", JSON, nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        *(
            sa.ForeignKeyConstraint(
                [name], [f"{target}.id"], name=op.f(f"fk_customerchoice_{name}_{target}"), ondelete=ondelete
            )
            for name, target, ondelete in CHOICE_POINTERS
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customerchoice")),
    )
    op.create_index("ix_customerchoice_customer", "customerchoice", ["customer_id", "number"])
    for name, _, _ in CHOICE_POINTERS:
        if name != "customer_id":
            op.create_index(op.f(f"ix_customerchoice_{name}"), "customerchoice", [name])


def _offers_anew() -> None:
    """An agent may be offered the same call twice, so the pair no longer names the row."""
    op.execute("CREATE TABLE calloffer_before AS SELECT * FROM calloffer")
    op.drop_table("calloffer")
    op.create_table(
        "calloffer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "how",
            sa.Enum(*OFFER_ENDS, name="offerend", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk_calloffer_agent_id_agent"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_calloffer_call_id_call"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calloffer")),
    )
    op.execute(
        "INSERT INTO calloffer (call_id, agent_id, offered_at, ended_at, how)"
        " SELECT b.call_id, b.agent_id, b.offered_at,"
        " COALESCE(b.declined_at, CASE WHEN c.agent_id IS NULL THEN c.ended_at"
        " ELSE COALESCE(c.accepted_at, c.answered_at, c.ended_at) END),"
        " CASE WHEN b.declined_at IS NOT NULL THEN 'declined' WHEN c.agent_id = b.agent_id THEN 'accepted'"
        " WHEN c.agent_id IS NOT NULL THEN 'elsewhere' WHEN c.ended_at IS NOT NULL THEN 'gone' ELSE 'open' END"
        " FROM calloffer_before b JOIN call c ON c.id = b.call_id ORDER BY b.offered_at, b.call_id, b.agent_id"
    )
    op.drop_table("calloffer_before")
    is_open = sa.text("ended_at IS NULL")
    op.create_index("ix_calloffer_agent", "calloffer", ["agent_id", "offered_at"])
    op.create_index("ix_calloffer_call", "calloffer", ["call_id", "agent_id"])
    op.create_index("ix_calloffer_until", "calloffer", ["until"], sqlite_where=is_open, postgresql_where=is_open)
    op.create_index(
        "uq_calloffer_open", "calloffer", ["call_id", "agent_id"], unique=True, sqlite_where=is_open,
        postgresql_where=is_open,
    )  # fmt: skip


def _offers_as_before() -> None:
    op.execute("CREATE TABLE calloffer_after AS SELECT * FROM calloffer")
    op.drop_table("calloffer")
    op.create_table(
        "calloffer",
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("declined_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk_calloffer_agent_id_agent"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_calloffer_call_id_call"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", "agent_id", name=op.f("pk_calloffer")),
    )
    op.execute(
        "INSERT INTO calloffer (call_id, agent_id, offered_at, declined_at)"
        " SELECT call_id, agent_id, MIN(offered_at), MAX(CASE WHEN how = 'declined' THEN ended_at END)"
        " FROM calloffer_after GROUP BY call_id, agent_id"
    )
    op.drop_table("calloffer_after")
    op.create_index("ix_calloffer_agent", "calloffer", ["agent_id", "call_id"])


def downgrade() -> None:
    _offers_as_before()
    for name, target in reversed(POINTERS):
        point_no_more("queue", name, target, ondelete="SET NULL")
        op.drop_index(op.f(f"ix_queue_{name}"), table_name="queue")
        op.drop_column("queue", name)
    for name in ("alarms", "needs_disposition", *WORDS, *(name for name, _ in NUMBERS)):
        op.drop_column("queue", name)
    for name in ("when_full", "when_closed", "ringing"):
        op.drop_column("queue", name)
    op.execute("UPDATE contactpoint SET source = 'ticket' WHERE source = 'guessed'")
    allow("contactpoint", "source", "pointsource", SOURCES_BEFORE, SOURCES)
    op.drop_column("contactpoint", "learned_at")
    op.drop_column("membership", "level")
    for name in ("most_tickets", "most_calls", "languages"):
        op.drop_column("agent", name)
    for table in (
        "alarm", "walllink", "customerchoice", "removedpoint", "exchangelog", "queuevisit", "helpsign", "handling",
        "callback", "exchange", "blockedcaller", "companyline", "calendar",
    ):  # fmt: skip
        op.drop_table(table)
