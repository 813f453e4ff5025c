"""A survey may ask for words alone, without a score."""

from alembic import op

from models.migrations.in_place import allow

revision = "0026"
down_revision = "0024"
branch_labels = None
depends_on = None

SCALES_BEFORE = ("stars", "eleven")
SCALES = (*SCALES_BEFORE, "none")


def upgrade() -> None:
    for table in ("survey", "answer"):
        allow(table, "scale", "scale", SCALES, SCALES_BEFORE)


def downgrade() -> None:
    op.execute("UPDATE answer SET scale = 'stars' WHERE scale = 'none'")
    op.execute("DELETE FROM survey WHERE scale = 'none'")
    for table in ("survey", "answer"):
        allow(table, "scale", "scale", SCALES_BEFORE, SCALES)
