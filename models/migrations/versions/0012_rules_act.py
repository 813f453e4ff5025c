"""Rules, macros and templates of checklists; what rules did, wait for and told other systems."""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

EXACT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
AT = sa.DateTime(timezone=True)
TABLES = ("canneduse", "rule", "checklisttemplate", "macro", "post", "rulerun", "rulewait", "rulemail")


def upgrade() -> None:
    op.create_table(
        "canneduse",
        sa.Column("canned_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.ForeignKeyConstraint(
            ["canned_id"], ["cannedreply.id"], name=op.f("fk_canneduse_canned_id_cannedreply"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_canneduse_ticket_id_ticket"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("canned_id", "ticket_id", name=op.f("pk_canneduse")),
    )
    op.create_index("ix_canneduse_ticket", "canneduse", ["ticket_id"])
    op.create_table(
        "rule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("after_minutes", sa.Integer(), nullable=False),
        sa.Column("in_hours", sa.Boolean(), nullable=False),
        sa.Column("all_of", JSON, nullable=False),
        sa.Column("any_of", JSON, nullable=False),
        sa.Column("acts", JSON, nullable=False),
        sa.Column("stops", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", AT, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("deleted_at", AT, nullable=True),
        sa.ForeignKeyConstraint(
            ["changed_by_id"], ["agent.id"], name=op.f("fk_rule_changed_by_id_agent"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule")),
    )
    op.create_index("ix_rule_position", "rule", ["position", "id"])
    op.create_table(
        "checklisttemplate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=True),
        sa.Column("items", JSON, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("last_used_at", AT, nullable=True),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", AT, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("deleted_at", AT, nullable=True),
        sa.ForeignKeyConstraint(
            ["changed_by_id"], ["agent.id"], name=op.f("fk_checklisttemplate_changed_by_id_agent"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["queue.id"], name=op.f("fk_checklisttemplate_queue_id_queue"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checklisttemplate")),
    )
    op.create_index(op.f("ix_checklisttemplate_queue_id"), "checklisttemplate", ["queue_id"])
    op.create_table(
        "macro",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("queue_id", sa.Integer(), nullable=True),
        sa.Column("acts", JSON, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("last_used_at", AT, nullable=True),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", AT, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("deleted_at", AT, nullable=True),
        sa.ForeignKeyConstraint(
            ["changed_by_id"], ["agent.id"], name=op.f("fk_macro_changed_by_id_agent"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["agent.id"], name=op.f("fk_macro_owner_id_agent"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_macro_queue_id_queue"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_macro")),
    )
    op.create_index(op.f("ix_macro_owner_id"), "macro", ["owner_id"])
    op.create_index(op.f("ix_macro_queue_id"), "macro", ["queue_id"])
    op.create_table(
        "post",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=True),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("sent_at", AT, nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["rule_id"], ["rule.id"], name=op.f("fk_post_rule_id_rule"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_post_ticket_id_ticket"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post")),
    )
    op.create_index(op.f("ix_post_rule_id"), "post", ["rule_id"])
    op.create_index(op.f("ix_post_ticket_id"), "post", ["ticket_id"])
    op.create_table(
        "rulerun",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=True),
        sa.Column("macro_id", sa.Integer(), nullable=True),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("fact", sa.String(), nullable=False),
        sa.Column("stretch", AT, nullable=True),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("did", JSON, nullable=False),
        sa.Column(
            "how",
            sa.Enum("done", "failed", name="runend", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("at", AT, nullable=False),
        sa.Column("undone_at", AT, nullable=True),
        sa.Column("undone_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["agent.id"], name=op.f("fk_rulerun_by_id_agent"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["macro_id"], ["macro.id"], name=op.f("fk_rulerun_macro_id_macro"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["rule_id"], ["rule.id"], name=op.f("fk_rulerun_rule_id_rule"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_rulerun_ticket_id_ticket"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["undone_by_id"], ["agent.id"], name=op.f("fk_rulerun_undone_by_id_agent"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rulerun")),
    )
    op.create_index(op.f("ix_rulerun_by_id"), "rulerun", ["by_id"])
    op.create_index(op.f("ix_rulerun_macro_id"), "rulerun", ["macro_id"])
    op.create_index("ix_rulerun_rule", "rulerun", ["rule_id", "at"])
    op.create_index("ix_rulerun_ticket", "rulerun", ["ticket_id", "at"])
    op.create_index(op.f("ix_rulerun_undone_by_id"), "rulerun", ["undone_by_id"])
    op.create_index(
        "uq_rulerun_stretch",
        "rulerun",
        ["rule_id", "ticket_id", "stretch"],
        unique=True,
        sqlite_where=sa.text("stretch IS NOT NULL"),
        postgresql_where=sa.text("stretch IS NOT NULL"),
    )
    op.create_table(
        "rulewait",
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("since", AT, nullable=False),
        sa.Column("due_at", AT, nullable=False),
        sa.ForeignKeyConstraint(["rule_id"], ["rule.id"], name=op.f("fk_rulewait_rule_id_rule"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_rulewait_ticket_id_ticket"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("rule_id", "ticket_id", name=op.f("pk_rulewait")),
    )
    op.create_index("ix_rulewait_due", "rulewait", ["due_at"])
    op.create_index("ix_rulewait_ticket", "rulewait", ["ticket_id"])
    op.create_table(
        "rulemail",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("key", EXACT, nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.Column("at", AT, nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_rulemail_message_id_message"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_rulemail_ticket_id_ticket"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rulemail")),
    )
    op.create_index("ix_rulemail_key_at", "rulemail", ["key", "at"])
    op.create_index(op.f("ix_rulemail_message_id"), "rulemail", ["message_id"])
    op.create_index("ix_rulemail_ticket", "rulemail", ["ticket_id", "at"])


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
