"""Mailboxes are emptied, and every mail of them is taken once."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mailbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column(
            "security",
            sa.Enum("tls", "starttls", name="mailboxsecurity", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column(
            "auth",
            sa.Enum("password", "xoauth2", name="mailboxauth", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("client_secret", sa.String(), nullable=False),
        sa.Column("token_url", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column(
            "after",
            sa.Enum(
                "seen", "move", "nothing", name="mailboxafter", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("move_to", sa.String(), nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=True),
        sa.Column("takes_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=True),
        sa.Column("last_uid", sa.BigInteger(), nullable=False),
        sa.Column("old_below", sa.BigInteger(), nullable=False),
        sa.Column("old_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "new", "connected", "failing", name="mailboxstate", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("last_fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fetched_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["queue.id"], name=op.f("fk_mailbox_queue_id_queue"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailbox")),
    )
    with op.batch_alter_table("mailbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mailbox_address"), ["address"], unique=False)

    op.create_table(
        "fetched",
        sa.Column("mailbox_id", sa.Integer(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "kept",
                "settled",
                "failed",
                "too_large",
                "given_up",
                name="fetchedstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("is_repeat", sa.Boolean(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("inbound_id", sa.Integer(), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["inbound_id"], ["inbound.id"], name=op.f("fk_fetched_inbound_id_inbound"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailbox.id"], name=op.f("fk_fetched_mailbox_id_mailbox"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mailbox_id", "uidvalidity", "uid", name=op.f("pk_fetched")),
    )
    with op.batch_alter_table("fetched", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fetched_inbound_id"), ["inbound_id"], unique=False)
        batch_op.create_index(
            "ix_fetched_open",
            ["mailbox_id"],
            unique=False,
            sqlite_where=sa.text("state <> 'settled' AND state <> 'given_up'"),
            postgresql_where=sa.text("state <> 'settled' AND state <> 'given_up'"),
        )


def downgrade() -> None:
    with op.batch_alter_table("fetched", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_fetched_open",
            sqlite_where=sa.text("state <> 'settled' AND state <> 'given_up'"),
            postgresql_where=sa.text("state <> 'settled' AND state <> 'given_up'"),
        )
        batch_op.drop_index(batch_op.f("ix_fetched_inbound_id"))

    op.drop_table("fetched")
    with op.batch_alter_table("mailbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mailbox_address"))

    op.drop_table("mailbox")
