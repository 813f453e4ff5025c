"""Reports are composed, shared and sent; surveys go out as short messages; other programs may read."""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON, add_choice, allow, point, point_no_more

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

EXACT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
AT = sa.DateTime(timezone=True)
TABLES = ("apitoken", "dashboard", "tile", "reportschedule", "reportrecipient", "reportmail", "sms")
AFTER, AFTER_BEFORE = ("resolved", "call", "list"), ("resolved", "call")

VIEWS = {
    "report_agent": "SELECT id, name, role, language, is_active FROM agent",
    "report_queue": "SELECT id, slug, name, name_en, is_triage FROM queue",
    "report_ticket": """
        SELECT t.id, t.channel, t.state, t.priority, t.language, t.is_urgent, t.sentiment, t.routed_by, t.confidence,
               t.queue_id, q.name AS queue_name, t.assignee_id, a.name AS assignee_name, t.customer_id,
               t.merged_into_id, t.created_at, t.last_contact_at, t.resolved_at, t.due_at,
               (SELECT min(m.sent_at) FROM message m WHERE m.ticket_id = t.id AND m.direction = 'out'
                AND NOT m.is_automatic) AS first_answered_at
        FROM ticket t JOIN queue q ON q.id = t.queue_id LEFT JOIN agent a ON a.id = t.assignee_id""",
    "report_message": """
        SELECT m.id, m.ticket_id, m.direction, m.kind, m.state, m.is_automatic, m.author_id, a.name AS author_name,
               m.created_at, m.sent_at, length(m.reply_text) AS characters
        FROM message m LEFT JOIN agent a ON a.id = m.author_id""",
    "report_call": """
        SELECT c.id, c.direction, c.state, c.outcome, c.disposition, c.queue_id, q.name AS queue_name, c.agent_id,
               a.name AS agent_name, c.ticket_id, c.customer_id, c.started_at, c.answered_at, c.ended_at,
               c.wait_seconds, c.talk_seconds, c.hold_seconds, c.wrap_up_seconds
        FROM call c LEFT JOIN queue q ON q.id = c.queue_id LEFT JOIN agent a ON a.id = c.agent_id""",
    "report_answer": """
        SELECT r.id, r.survey_id, s.name AS survey_name, r.source, r.scale, r.score, r.sentiment, r.language,
               r.ticket_id, r.customer_id, r.queue_id, q.name AS queue_name, r.agent_id, a.name AS agent_name, r.at
        FROM answer r LEFT JOIN survey s ON s.id = r.survey_id LEFT JOIN queue q ON q.id = r.queue_id
        LEFT JOIN agent a ON a.id = r.agent_id""",
    "report_text": """
        SELECT m.id AS message_id, m.ticket_id, m.subject, m.reply_text AS text FROM message m""",
    "report_comment": "SELECT id AS answer_id, ticket_id, comment FROM answer WHERE comment <> ''",
}
"""What programs for analysis may read; the last two hold words of people and are granted only when asked for."""


def upgrade() -> None:
    op.create_table(
        "apitoken",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("made_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("last_used_at", AT, nullable=True),
        sa.Column("revoked_at", AT, nullable=True),
        sa.ForeignKeyConstraint(["made_by_id"], ["agent.id"], name="fk_apitoken_made_by_id_agent", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_apitoken"),
        sa.UniqueConstraint("token_hash", name="uq_apitoken_token_hash"),
    )
    op.create_index("ix_apitoken_made_by_id", "apitoken", ["made_by_id"])

    op.create_table(
        "dashboard",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column(
            "audience",
            sa.Enum(
                "owner",
                "supervisors",
                "everybody",
                name="boardaudience",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("deleted_at", AT, nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["agent.id"], name="fk_dashboard_owner_id_agent", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_dashboard"),
    )
    op.create_index("ix_dashboard_owner_id", "dashboard", ["owner_id"])

    op.create_table(
        "reportschedule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("report", sa.String(), nullable=False),
        sa.Column("asked", JSON, nullable=False),
        sa.Column(
            "every",
            sa.Enum("day", "week", "month", name="every", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("formats", JSON, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("next_at", AT, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("deleted_at", AT, nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["agent.id"], name="fk_reportschedule_owner_id_agent", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reportschedule"),
    )
    op.create_index("ix_reportschedule_next_at", "reportschedule", ["next_at"])
    op.create_index("ix_reportschedule_owner_id", "reportschedule", ["owner_id"])

    op.create_table(
        "reportrecipient",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("schedule_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("stopped_at", AT, nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name="fk_reportrecipient_agent_id_agent", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["schedule_id"],
            ["reportschedule.id"],
            name="fk_reportrecipient_schedule_id_reportschedule",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reportrecipient"),
    )
    op.create_index("ix_reportrecipient_agent_id", "reportrecipient", ["agent_id"])
    op.create_index("ix_reportrecipient_schedule_id", "reportrecipient", ["schedule_id"])

    op.create_table(
        "tile",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dashboard_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("report", sa.String(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("figure", "chart", "table", name="tilekind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("asked", JSON, nullable=False),
        sa.Column("is_wide", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dashboard_id"], ["dashboard.id"], name="fk_tile_dashboard_id_dashboard", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tile"),
    )
    op.create_index("ix_tile_dashboard_id", "tile", ["dashboard_id"])

    op.create_table(
        "reportmail",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recipient_id", sa.Integer(), nullable=False),
        sa.Column("due", EXACT, nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "sending",
                "sent",
                "failed",
                "uncertain",
                name="reportmailstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["reportrecipient.id"],
            name="fk_reportmail_recipient_id_reportrecipient",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reportmail"),
        sa.UniqueConstraint("recipient_id", "due", name="uq_reportmail_recipient_id_due"),
    )
    op.create_table(
        "sms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ask_id", sa.Integer(), nullable=False),
        sa.Column("to", EXACT, nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "sending",
                "sent",
                "delivered",
                "failed",
                "uncertain",
                name="smsstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("sid", EXACT, nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("changed_at", AT, nullable=False),
        sa.ForeignKeyConstraint(["ask_id"], ["ask.id"], name="fk_sms_ask_id_ask", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_sms"),
        sa.UniqueConstraint("ask_id", name="uq_sms_ask_id"),
        sa.UniqueConstraint("sid", name="uq_sms_sid"),
    )
    op.create_index("ix_sms_created", "sms", ["created_at"])

    allow("survey", '"after"', "askedafter", AFTER, AFTER_BEFORE)
    add_choice("survey", "way", "askedby", ("mail", "sms", "either"), default="mail")
    op.add_column("walllink", sa.Column("dashboard_id", sa.Integer(), nullable=True))
    point("walllink", "dashboard_id", "dashboard", ondelete="CASCADE")
    op.create_index("ix_walllink_dashboard_id", "walllink", ["dashboard_id"])
    for name, query in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {query}")


def downgrade() -> None:
    for name in VIEWS:
        op.execute(f"DROP VIEW {name}")
    op.execute("DELETE FROM walllink WHERE dashboard_id IS NOT NULL")
    op.drop_index("ix_walllink_dashboard_id", "walllink")
    point_no_more("walllink", "dashboard_id", "dashboard", ondelete="CASCADE")
    op.drop_column("walllink", "dashboard_id")
    op.drop_column("survey", "way")
    op.execute("DELETE FROM survey WHERE \"after\" = 'list'")
    allow("survey", '"after"', "askedafter", AFTER_BEFORE, AFTER)
    for table in reversed(TABLES):
        op.drop_table(table)
