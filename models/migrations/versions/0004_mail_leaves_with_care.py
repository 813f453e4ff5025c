"""Mail leaves with care: it can be held, approved and taken back, goes once to each recipient, and is accounted for.

Columns are added in place on both databases: rebuilding tables of a million rows would stop a desk for minutes, and on
SQLite dropping the old one would take along every row that points to it.
"""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON, add_choice, allow, point, point_no_more

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FLAGS = (
    ("acknowledges", "false"),
    ("needs_approval", "false"),
    ("confirms_recipients", "false"),
    ("warns_of_attachment", "true"),
    ("warns_of_name", "true"),
    ("warns_of_recipients", "true"),
    ("locks_reply", "true"),
)
STATES = ("received", "awaiting", "queued", "held", "sending", "sent", "failed", "withdrawn")
STATES_BEFORE = ("received", "queued", "sent", "failed")


def upgrade() -> None:
    op.create_table(
        "dkimkey",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("selector", sa.String(), nullable=False),
        sa.Column("private_key", sa.String(), nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_dkimkey")),
    )
    op.create_table(
        "domaincheck",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("found", JSON, nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_domaincheck")),
    )
    op.create_table(
        "senderhour",
        sa.Column("key", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("parked_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["parked_id"], ["parked.id"], name=op.f("fk_senderhour_parked_id_parked"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("key", "hour", name=op.f("pk_senderhour")),
    )
    with op.batch_alter_table("senderhour", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_senderhour_parked_id"), ["parked_id"], unique=False)

    op.create_table(
        "cannedreply",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("text_en", sa.String(), nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["changed_by_id"], ["agent.id"], name=op.f("fk_cannedreply_changed_by_id_agent"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["queue.id"], name=op.f("fk_cannedreply_queue_id_queue"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cannedreply")),
        sa.UniqueConstraint("trigger", name=op.f("uq_cannedreply_trigger")),
    )
    with op.batch_alter_table("cannedreply", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cannedreply_queue_id"), ["queue_id"], unique=False)

    op.create_table(
        "cannedfile",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("canned_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["canned_id"], ["cannedreply.id"], name=op.f("fk_cannedfile_canned_id_cannedreply"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cannedfile")),
    )
    with op.batch_alter_table("cannedfile", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cannedfile_canned_id"), ["canned_id"], unique=False)

    op.create_table(
        "mailboxday",
        sa.Column("mailbox_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("had", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailbox.id"], name=op.f("fk_mailboxday_mailbox_id_mailbox"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mailbox_id", "day", name=op.f("pk_mailboxday")),
    )
    op.create_table(
        "replylock",
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("taken_from_id", sa.Integer(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk_replylock_agent_id_agent"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["taken_from_id"], ["agent.id"], name=op.f("fk_replylock_taken_from_id_agent"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_replylock_ticket_id_ticket"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_replylock")),
    )
    with op.batch_alter_table("replylock", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_replylock_agent_id"), ["agent_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_replylock_taken_from_id"), ["taken_from_id"], unique=False)

    op.create_table(
        "automaticanswer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_automaticanswer_message_id_message"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_automaticanswer_ticket_id_ticket"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automaticanswer")),
        sa.UniqueConstraint("ticket_id", "key", name=op.f("uq_automaticanswer_ticket_id_key")),
    )
    with op.batch_alter_table("automaticanswer", schema=None) as batch_op:
        batch_op.create_index("ix_automaticanswer_key_at", ["key", "at"], unique=False)
        batch_op.create_index(batch_op.f("ix_automaticanswer_message_id"), ["message_id"], unique=False)

    op.create_table(
        "delivery",
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "accepted",
                "refused",
                "bounced",
                name="deliverystate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("told", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_delivery_message_id_message"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_id", "address", name=op.f("pk_delivery")),
    )
    op.create_table(
        "unreachableaddress",
        sa.Column("key", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_unreachableaddress_message_id_message"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_unreachableaddress")),
    )
    with op.batch_alter_table("unreachableaddress", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unreachableaddress_message_id"), ["message_id"], unique=False)

    op.create_table(
        "redelivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("inbound_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["inbound_id"], ["inbound.id"], name=op.f("fk_redelivery_inbound_id_inbound"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redelivery")),
    )
    with op.batch_alter_table("redelivery", schema=None) as batch_op:
        batch_op.create_index("ix_redelivery_at", ["at", "source"], unique=False)
        batch_op.create_index(batch_op.f("ix_redelivery_inbound_id"), ["inbound_id"], unique=False)

    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.create_index("ix_inbound_ledger", ["kind", "received_at", "source", "state", "outcome"], unique=False)

    op.add_column("mailbox", sa.Column("listed_uid", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("mailbox", sa.Column("smtp_host", sa.String(), nullable=False, server_default=""))
    op.add_column("mailbox", sa.Column("smtp_port", sa.Integer(), nullable=False, server_default="587"))
    op.add_column("mailbox", sa.Column("smtp_user", sa.String(), nullable=False, server_default=""))
    op.add_column("mailbox", sa.Column("smtp_secret", sa.String(), nullable=False, server_default=""))
    add_choice("mailbox", "smtp_security", "mailboxsecurity", ("tls", "starttls"), default="starttls")

    op.add_column("queue", sa.Column("sender_name", sa.String(), nullable=False, server_default=""))
    for name, default in FLAGS:
        op.add_column("queue", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.text(default)))
    op.add_column("queue", sa.Column("acknowledgment", JSON, nullable=False, server_default="{}"))
    op.add_column("queue", sa.Column("banned_words", JSON, nullable=False, server_default="[]"))

    op.add_column("parked", sa.Column("within_id", sa.Integer(), nullable=True))
    op.create_index(op.f("ix_parked_within_id"), "parked", ["within_id"], unique=False)

    op.add_column("ticket", sa.Column("merged_into_id", sa.Integer(), nullable=True))
    op.create_index(op.f("ix_ticket_merged_into_id"), "ticket", ["merged_into_id"], unique=False)

    add_choice("message", "kind", "messagekind", ("mail", "reply", "forward", "new", "receipt"), default="mail")
    op.execute("UPDATE message SET kind = 'reply' WHERE direction = 'out'")
    op.add_column("message", sa.Column("bcc", JSON, nullable=False, server_default="[]"))
    op.add_column("message", sa.Column("leaves_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("message", sa.Column("approved_by_id", sa.Integer(), nullable=True))
    allow("message", "state", "messagestate", STATES, STATES_BEFORE)
    point("parked", "within_id", "parked", ondelete="CASCADE")
    awaits = sa.text("state = 'awaiting'")
    op.create_index("ix_message_awaiting", "message", ["ticket_id", "id"], sqlite_where=awaits, postgresql_where=awaits)
    point("ticket", "merged_into_id", "ticket", ondelete="SET NULL")
    point("message", "approved_by_id", "agent", ondelete="RESTRICT")


def downgrade() -> None:
    op.drop_index("ix_message_awaiting", table_name="message")
    op.execute("UPDATE message SET state = 'failed' WHERE state IN ('awaiting', 'held', 'sending', 'withdrawn')")
    allow("message", "state", "messagestate", STATES_BEFORE, STATES)
    point_no_more("parked", "within_id", "parked", ondelete="CASCADE")
    point_no_more("ticket", "merged_into_id", "ticket", ondelete="SET NULL")
    point_no_more("message", "approved_by_id", "agent", ondelete="RESTRICT")
    op.drop_index(op.f("ix_parked_within_id"), table_name="parked")
    op.drop_index(op.f("ix_ticket_merged_into_id"), table_name="ticket")
    for table, names in (
        ("message", ("approved_by_id", "leaves_at", "bcc", "kind")),
        ("parked", ("within_id",)),
        ("ticket", ("merged_into_id",)),
        ("queue", ("banned_words", "acknowledgment", *(name for name, _ in FLAGS), "sender_name")),
        ("mailbox", ("smtp_security", "smtp_secret", "smtp_user", "smtp_port", "smtp_host", "listed_uid")),
    ):
        for name in names:
            op.drop_column(table, name)

    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.drop_index("ix_inbound_ledger")

    with op.batch_alter_table("redelivery", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_redelivery_inbound_id"))
        batch_op.drop_index("ix_redelivery_at")

    op.drop_table("redelivery")

    with op.batch_alter_table("unreachableaddress", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_unreachableaddress_message_id"))

    op.drop_table("unreachableaddress")
    op.drop_table("delivery")
    with op.batch_alter_table("automaticanswer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_automaticanswer_message_id"))
        batch_op.drop_index("ix_automaticanswer_key_at")

    op.drop_table("automaticanswer")
    with op.batch_alter_table("replylock", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_replylock_taken_from_id"))
        batch_op.drop_index(batch_op.f("ix_replylock_agent_id"))

    op.drop_table("replylock")
    op.drop_table("mailboxday")
    with op.batch_alter_table("cannedfile", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cannedfile_canned_id"))

    op.drop_table("cannedfile")
    with op.batch_alter_table("cannedreply", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cannedreply_queue_id"))

    op.drop_table("cannedreply")
    with op.batch_alter_table("senderhour", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_senderhour_parked_id"))

    op.drop_table("senderhour")
    op.drop_table("domaincheck")
    op.drop_table("dkimkey")
