"""What was said is found by its words.

The index of words is the database's own, and empty at first: a desk that was there before fills it beside its work.
"""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import is_postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

EXACT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "searchdoc",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_searchdoc")),
    )
    op.create_table(
        "recentsearch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("key", EXACT, nullable=False),
        sa.Column("typed", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk_recentsearch_agent_id_agent"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recentsearch")),
        sa.UniqueConstraint("agent_id", "key", name=op.f("uq_recentsearch_agent_id_key")),
    )
    if is_postgresql():
        op.execute("CREATE TABLE searchword (id BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)")
        op.execute("CREATE INDEX ix_searchword_words ON searchword USING gin (words)")
        return
    # It holds no text, only where which term stands: `ascii` takes every other character for a part of a term, and the
    # terms it is given are made by helpdesk/search/letters.py.
    op.execute(
        "CREATE VIRTUAL TABLE searchword USING fts5"
        " (head, mail, note, call, content='', columnsize=0, tokenize='ascii')"
    )


def downgrade() -> None:
    op.execute("DROP TABLE searchword")
    op.drop_table("recentsearch")
    op.drop_table("searchdoc")
