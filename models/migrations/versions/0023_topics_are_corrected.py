"""What a topic is, people correct: what was learned of it is named, and what they say of single texts is kept."""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

CAME = {  # topics that came along with the release before, and what is learned of them now
    "応対・言葉づかい": "staff",
    "早さ・待ち時間": "speed",
    "商品の品質": "product",
    "配送・梱包": "delivery",
    "返品・返金・交換": "returns",
    "料金・請求": "price",
    "サイト・アプリ": "website",
}
TARGETS = {"topic_id": ("topic", "CASCADE"), "answer_id": ("answer", "CASCADE"), "message_id": ("message", "CASCADE"),
           "call_id": ("call", "CASCADE"), "by_id": ("agent", "SET NULL")}  # fmt: skip


def upgrade() -> None:
    op.add_column("topic", sa.Column("learned", JSON, nullable=False, server_default="[]"))
    topic = sa.table("topic", sa.column("name", sa.String), sa.column("learned", JSON))
    for name, label in CAME.items():
        op.execute(topic.update().where(topic.c.name == name).values(learned=sa.literal([label], JSON)))
    op.create_table(
        "topicmark",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("answer_id", sa.Integer(), nullable=True),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.Column("call_id", sa.Integer(), nullable=True),
        sa.Column("is_about", sa.Boolean(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *(
            sa.ForeignKeyConstraint(
                [name], [f"{target}.id"], name=op.f(f"fk_topicmark_{name}_{target}"), ondelete=ondelete
            )
            for name, (target, ondelete) in TARGETS.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topicmark")),
        *(
            sa.UniqueConstraint("topic_id", name, name=op.f(f"uq_topicmark_topic_id_{name}"))
            for name in ("answer_id", "message_id", "call_id")
        ),
    )
    for name in ("answer_id", "message_id", "call_id", "by_id"):
        op.create_index(op.f(f"ix_topicmark_{name}"), "topicmark", [name])


def downgrade() -> None:
    op.drop_table("topicmark")
    op.drop_column("topic", "learned")
