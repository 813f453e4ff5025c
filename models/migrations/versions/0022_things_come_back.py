"""What is sold has products and lots; what comes back is written down, and when more does than before, it is told."""

import sqlalchemy as sa
from alembic import op

from models.migrations.in_place import JSON, allow, point, point_no_more

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

EXACT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
AT = sa.DateTime(timezone=True)
STATES = ("asked", "received", "refunded", "exchanged", "repaired", "declined", "withdrawn")
WARNED = ("open", "acknowledged", "muted")
TOLD_BEFORE = ("mentioned", "assigned", "answered", "watched", "at_risk", "breached", "reviewed")
TOLD = (*TOLD_BEFORE, "product")
REASONS = (
    ("defect", "不良・故障", "Defective"),
    ("damaged", "配送時の破損", "Damaged on delivery"),
    ("wrong_item", "違う商品が届いた", "Wrong item"),
    ("not_described", "説明と違う", "Not as described"),
    ("size", "サイズが合わない", "Size or fit"),
    ("unwanted", "不要になった", "No longer wanted"),
    ("other", "その他", "Other"),
)
TABLES = ("product", "productlot", "ticketproduct", "returnreason", "productreturn", "productwarning")
INDEXES = (
    ("ix_ticketproduct_at", "ticketproduct", ["at", "product_id", "lot_id"]),
    ("ix_ticketproduct_product_id", "ticketproduct", ["product_id"]),
    ("ix_ticketproduct_lot_id", "ticketproduct", ["lot_id"]),
    ("ix_productreturn_asked_at", "productreturn", ["asked_at", "product_id"]),
    *((f"ix_productreturn_{name}", "productreturn", [name])
      for name in ("ticket_id", "purchase_id", "order_number", "product_id", "lot_id", "reason_id", "asked_by_id",
                   "received_by_id", "ended_by_id")),
    ("ix_productwarning_product", "productwarning", ["product_id", "what", "id"]),
    ("ix_productwarning_lot_id", "productwarning", ["lot_id"]),
    ("ix_productwarning_changed_by_id", "productwarning", ["changed_by_id"]),
)  # fmt: skip
BOUGHT = (
    ("ix_purchase_order_number", ["order_number"]),
    ("ix_purchase_ordered_at", ["ordered_at", "product", "quantity"]),
)


def upgrade() -> None:
    op.create_table(
        "product", _id(), sa.Column("code", sa.String(), nullable=True), *_texts("name", "name_en"),
        sa.Column("name_key", EXACT, nullable=False), sa.Column("words", JSON, nullable=False), _at("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_product"), sa.UniqueConstraint("code", name="uq_product_code"),
        sa.UniqueConstraint("name_key", name="uq_product_name_key"),
    )  # fmt: skip
    op.create_table(
        "productlot", _id(), *_numbers("product_id"), sa.Column("code", EXACT, nullable=False), *_numbers("units"),
        sa.Column("sold_from", sa.Date(), nullable=True), _key("productlot", "product_id", "product", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_productlot"),
        sa.UniqueConstraint("product_id", "code", name="uq_productlot_product_id_code"),
    )  # fmt: skip
    op.create_table(
        "ticketproduct", _id(), *_numbers("ticket_id", "product_id"), *_numbers("lot_id", nullable=True),
        sa.Column("because", JSON, nullable=False), _at("at"),
        _key("ticketproduct", "ticket_id", "ticket", "CASCADE"),
        _key("ticketproduct", "product_id", "product", "CASCADE"),
        _key("ticketproduct", "lot_id", "productlot", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_ticketproduct"),
        sa.UniqueConstraint("ticket_id", "product_id", name="uq_ticketproduct_ticket_id_product_id"),
    )  # fmt: skip
    reasons = op.create_table(
        "returnreason", _id(), *_texts("code", "name", "name_en"), *_numbers("position"),
        sa.Column("is_active", sa.Boolean(), nullable=False), sa.PrimaryKeyConstraint("id", name="pk_returnreason"),
    )  # fmt: skip
    op.bulk_insert(
        reasons,
        [
            {"code": code, "name": name, "name_en": name_en, "position": place, "is_active": True}
            for place, (code, name, name_en) in enumerate(REASONS)
        ],
    )
    op.create_table(
        "productreturn", _id(), *_numbers("ticket_id"), *_numbers("purchase_id", nullable=True),
        sa.Column("order_number", EXACT, nullable=False), *_numbers("product_id"), *_numbers("lot_id", nullable=True),
        *_numbers("quantity", "reason_id"), sa.Column("state", _one_of(STATES, "returnstate"), nullable=False),
        _at("inquired_at"), _at("asked_at"), _at("received_at", nullable=True), _at("ended_at", nullable=True),
        *_numbers("asked_by_id", "received_by_id", "ended_by_id", nullable=True),
        _key("productreturn", "ticket_id", "ticket", "CASCADE"),
        _key("productreturn", "purchase_id", "purchase", "SET NULL"),
        _key("productreturn", "product_id", "product", "RESTRICT"),
        _key("productreturn", "lot_id", "productlot", "SET NULL"),
        _key("productreturn", "reason_id", "returnreason", "RESTRICT"),
        *(_key("productreturn", name, "agent", "SET NULL") for name in ("asked_by_id", "received_by_id",
                                                                          "ended_by_id")),
        sa.PrimaryKeyConstraint("id", name="pk_productreturn"),
    )  # fmt: skip
    op.create_table(
        "productwarning", _id(), *_numbers("product_id"), *_numbers("lot_id", nullable=True), *_texts("what"),
        _at("begins_at"), _at("ends_at"), *_numbers("count", "before"),
        sa.Column("days_before", sa.Float(), nullable=False), sa.Column("p", sa.Float(), nullable=False),
        *_numbers("tested"), sa.Column("state", _one_of(WARNED, "warningstate"), nullable=False),
        _at("found_at"), _at("seen_at"), _at("changed_at", nullable=True), *_numbers("changed_by_id", nullable=True),
        _at("muted_until", nullable=True),
        _key("productwarning", "product_id", "product", "CASCADE"),
        _key("productwarning", "lot_id", "productlot", "CASCADE"),
        _key("productwarning", "changed_by_id", "agent", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_productwarning"),
    )  # fmt: skip
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns)
    for name, columns in BOUGHT:
        op.create_index(name, "purchase", columns)
    allow("notification", "kind", "notificationkind", TOLD, TOLD_BEFORE)
    op.add_column("notification", sa.Column("warning_id", sa.Integer(), nullable=True))
    point("notification", "warning_id", "productwarning", ondelete="CASCADE")
    op.create_index("ix_notification_warning_id", "notification", ["warning_id"])


def downgrade() -> None:
    op.execute("DELETE FROM notification WHERE kind = 'product'")
    op.drop_index("ix_notification_warning_id", "notification")
    point_no_more("notification", "warning_id", "productwarning", ondelete="CASCADE")
    op.drop_column("notification", "warning_id")
    allow("notification", "kind", "notificationkind", TOLD_BEFORE, TOLD)
    for name, _ in BOUGHT:
        op.drop_index(name, "purchase")
    for table in reversed(TABLES):
        op.drop_table(table)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer(), nullable=False)


def _numbers(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=nullable) for name in names]


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, AT, nullable=nullable)


def _key(table: str, name: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([name], [f"{target}.id"], name=f"fk_{table}_{name}_{target}", ondelete=ondelete)


def _one_of(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)
