"""Customers are asked what they think, and what they say is kept."""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON, allow

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

EXACT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
AT = sa.DateTime(timezone=True)
KINDS = ("mail", "reply", "forward", "new", "receipt", "survey")
KINDS_BEFORE = ("mail", "reply", "forward", "new", "receipt")


def upgrade() -> None:
    allow("message", "kind", "kind_messagekind", KINDS, KINDS_BEFORE)
    op.create_table(
        "survey",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scale", _one_of("scale", "stars", "eleven"), nullable=False),
        sa.Column("after", _one_of("askedafter", "resolved", "call"), nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=True),
        sa.Column("delay_minutes", sa.Integer(), nullable=False),
        sa.Column("rest_days", sa.Integer(), nullable=False),
        sa.Column("questions", JSON, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("changed_at", AT, nullable=False),
        _point("survey", "queue_id", "queue", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey")),
    )
    op.create_index(op.f("ix_survey_queue_id"), "survey", ["queue_id"])
    op.create_table(
        "ask",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("survey_id", sa.Integer(), nullable=False),
        sa.Column("about", EXACT, nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("queue_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("key", EXACT, nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("state", _one_of("askstate", "waiting", "sent", "left_out", "answered"), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("sent_at", AT, nullable=True),
        _point("ask", "survey_id", "survey", "CASCADE"),
        _point("ask", "ticket_id", "ticket", "CASCADE"),
        _point("ask", "customer_id", "customer", "SET NULL"),
        _point("ask", "queue_id", "queue", "CASCADE"),
        _point("ask", "agent_id", "agent", "SET NULL"),
        _point("ask", "message_id", "message", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ask")),
        sa.UniqueConstraint("survey_id", "about", name=op.f("uq_ask_survey_id_about")),
    )
    op.create_index("ix_ask_key_sent", "ask", ["key", "sent_at"])
    op.create_index("ix_ask_created", "ask", ["created_at", "id"])
    for name in ("ticket_id", "customer_id", "queue_id", "agent_id", "message_id"):
        op.create_index(op.f(f"ix_ask_{name}"), "ask", [name])
    op.create_table(
        "answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", _one_of("answersource", "page", "import"), nullable=False),
        sa.Column("external_id", EXACT, nullable=False),
        sa.Column("survey_id", sa.Integer(), nullable=True),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("queue_id", sa.Integer(), nullable=True),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("scale", _one_of("scale", "stars", "eleven"), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("sentiment", sa.String(), nullable=False),
        sa.Column("sentiment_confidence", sa.Float(), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.Column("changed_at", AT, nullable=False),
        _point("answer", "survey_id", "survey", "SET NULL"),
        _point("answer", "ticket_id", "ticket", "SET NULL"),
        _point("answer", "customer_id", "customer", "SET NULL"),
        _point("answer", "queue_id", "queue", "SET NULL"),
        _point("answer", "agent_id", "agent", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_answer_source_external_id")),
    )
    op.create_index("ix_answer_at", "answer", ["at", "id"])
    op.create_index("ix_answer_ticket", "answer", ["ticket_id", "id"])
    op.create_index("ix_answer_customer", "answer", ["customer_id", "at"])
    for name in ("survey_id", "queue_id", "agent_id"):
        op.create_index(op.f(f"ix_answer_{name}"), "answer", [name])
    op.create_table(
        "optout",
        sa.Column("key", EXACT, nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_optout")),
    )
    op.create_table(
        "topic",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("words", JSON, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic")),
    )


def downgrade() -> None:
    for table in ("topic", "optout", "answer", "ask", "survey"):
        op.drop_table(table)
    op.execute("UPDATE message SET kind = 'receipt' WHERE kind = 'survey'")
    allow("message", "kind", "kind_messagekind", KINDS_BEFORE, KINDS)


def _point(table: str, name: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [name], [f"{target}.id"], name=op.f(f"fk_{table}_{name}_{target}"), ondelete=ondelete
    )


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)
