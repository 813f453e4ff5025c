"""Customers are grouped by conditions, and surveys are put to those groups."""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON, point, point_no_more

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
STATES = ("counting", "counted", "running", "done", "stopped")
IN_LINE = sa.text("state = 'sent' AND sent_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "segment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("conditions", JSON, nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("changed_at", AT, nullable=False),
        sa.Column("deleted_at", AT, nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["agent.id"], name="fk_segment_by_id_agent", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_segment"),
    )
    op.create_index("ix_segment_by_id", "segment", ["by_id"])
    op.create_table(
        "surveysending",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("survey_id", sa.Integer(), nullable=False),
        sa.Column("segment_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("conditions", JSON, nullable=False),
        sa.Column(
            "state", sa.Enum(*STATES, name="sendingstate", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("walked", "last", "found", "asked")),
        sa.Column("left_out", JSON, nullable=False),
        sa.Column("sample", JSON, nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("begun_at", AT, nullable=True),
        sa.Column("ended_at", AT, nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["agent.id"], name="fk_surveysending_by_id_agent", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.id"], name="fk_surveysending_segment_id_segment", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name="fk_surveysending_survey_id_survey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_surveysending"),
    )  # fmt: skip
    op.create_index("ix_surveysending_survey", "surveysending", ["survey_id", "id"])
    op.create_index("ix_surveysending_segment_id", "surveysending", ["segment_id"])
    op.create_index("ix_surveysending_by_id", "surveysending", ["by_id"])
    op.add_column("ask", sa.Column("sending_id", sa.Integer(), nullable=True))
    point("ask", "sending_id", "surveysending", ondelete="SET NULL")
    op.create_index("ix_ask_sending", "ask", ["sending_id", "state"])
    op.create_index(
        "ix_ask_in_line", "ask", ["sending_id", "created_at"], sqlite_where=IN_LINE, postgresql_where=IN_LINE
    )


def downgrade() -> None:
    op.drop_index("ix_ask_in_line", "ask")
    op.drop_index("ix_ask_sending", "ask")
    point_no_more("ask", "sending_id", "surveysending", ondelete="SET NULL")
    op.drop_column("ask", "sending_id")
    op.drop_table("surveysending")
    op.drop_table("segment")
