"""Solved tickets are reviewed; what other systems could not be told is told again; checklists speak English."""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON, point, point_no_more

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
DRAWN_BY = ("random", "low_feedback", "long", "reopened", "low_confidence", "by_hand")


def upgrade() -> None:
    op.add_column("parked", sa.Column("post_id", sa.Integer(), nullable=True))
    point("parked", "post_id", "post", ondelete="CASCADE")
    op.create_index(op.f("ix_parked_post_id"), "parked", ["post_id"])
    op.add_column("checklisttemplate", sa.Column("items_en", JSON, nullable=False, server_default="[]"))
    op.create_table(
        "reviewform",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("criteria", JSON, nullable=False),
        sa.Column("last_id", sa.Integer(), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", AT, nullable=False),
        _points("reviewform", "changed_by_id", "agent", "RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviewform")),
    )
    op.create_table(
        "reviewpick",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column(
            "drawn_by",
            sa.Enum(*DRAWN_BY, name="drawnby", native_enum=False, length=32, create_constraint=True),
            nullable=False,
        ),
        sa.Column("week", sa.String(), nullable=False),
        sa.Column("seed", sa.String(), nullable=False),
        sa.Column("drawn_by_id", sa.Integer(), nullable=True),
        sa.Column("drawn_at", AT, nullable=False),
        _points("reviewpick", "ticket_id", "ticket", "CASCADE"),
        _points("reviewpick", "agent_id", "agent", "CASCADE"),
        _points("reviewpick", "drawn_by_id", "agent", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviewpick")),
        sa.UniqueConstraint("ticket_id", "agent_id", name=op.f("uq_reviewpick_ticket_id_agent_id")),
    )
    op.create_index("ix_reviewpick_drawn", "reviewpick", ["drawn_at", "id"])
    for name in ("agent_id", "drawn_by_id"):
        op.create_index(op.f(f"ix_reviewpick_{name}"), "reviewpick", [name])
    op.create_table(
        "review",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pick_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=False),
        sa.Column("asked", JSON, nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("points", JSON, nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("changed_at", AT, nullable=False),
        sa.Column("reply", sa.String(), nullable=False),
        sa.Column("replied_at", AT, nullable=True),
        _points("review", "pick_id", "reviewpick", "CASCADE"),
        _points("review", "reviewer_id", "agent", "RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint("pick_id", "reviewer_id", name=op.f("uq_review_pick_id_reviewer_id")),
    )
    op.create_index("ix_review_made", "review", ["made_at", "id"])
    op.create_index(op.f("ix_review_reviewer_id"), "review", ["reviewer_id"])


def downgrade() -> None:
    op.drop_table("review")
    op.drop_table("reviewpick")
    op.drop_table("reviewform")
    op.drop_column("checklisttemplate", "items_en")
    op.drop_index(op.f("ix_parked_post_id"), "parked")
    point_no_more("parked", "post_id", "post", ondelete="CASCADE")
    op.drop_column("parked", "post_id")


def _points(table: str, name: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    key = op.f(f"fk_{table}_{name}_{target}")
    return sa.ForeignKeyConstraint([name], [f"{target}.id"], name=key, ondelete=ondelete)
