"""Orders come in by a file, with the way back; customers are known by the number a shop has for them."""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

EXACT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("customer", sa.Column("number", EXACT, nullable=False, server_default=""))
    op.create_index("ix_customer_number", "customer", ["number"])
    op.add_column("purchase", sa.Column("line", EXACT, nullable=False, server_default=""))
    op.create_table(
        "orderimport",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("made", "changed", "same", "refused")),
        sa.Column("undone_at", AT, nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["agent.id"], name="fk_orderimport_by_id_agent", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_orderimport"),
    )
    op.create_index("ix_orderimport_by_id", "orderimport", ["by_id"])
    op.create_table(
        "orderchange",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("purchase_id", sa.Integer(), nullable=False),
        sa.Column("before", JSON, nullable=False),
        sa.Column("after", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["orderimport.id"], name="fk_orderchange_import_id_orderimport", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["purchase_id"], ["purchase.id"], name="fk_orderchange_purchase_id_purchase", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_orderchange"),
    )
    op.create_index("ix_orderchange_import_id", "orderchange", ["import_id"])
    op.create_index("ix_orderchange_purchase_id", "orderchange", ["purchase_id"])


def downgrade() -> None:
    op.drop_table("orderchange")
    op.drop_table("orderimport")
    op.drop_column("purchase", "line")
    op.drop_index("ix_customer_number", "customer")
    op.drop_column("customer", "number")
