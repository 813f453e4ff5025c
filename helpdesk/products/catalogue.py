"""The list of products and their lots.

The one idea: a product is known by its key, its name in one spelling, because orders name it in words. What an order or
an agent names for the first time becomes a product by that; a file adds codes, lots and the words customers use.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import imports
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import CatalogueChanged
from models import Agent, Product, ProductLot

NAME_MAX: Final = 200
CODE_MAX: Final = 40
WORDS_MAX: Final = 20
WANTED: Final = imports.Wanted(
    {
        "name": ("name", "product", "商品名", "品名", "商品"),
        "name_en": ("name_en", "english", "英語名", "商品名(英語)"),
        "code": ("code", "sku", "商品コード", "品番", "型番", "商品番号"),
        "words": ("words", "keywords", "呼び名", "別名"),
        "lot": ("lot", "ロット", "ロット番号"),
        "units": ("units", "quantity", "数量", "販売数", "出荷数"),
        "sold_from": ("sold_from", "発売日", "販売開始", "出荷日"),
    },
    (("name", "code"),), "product_columns", rows_max=50_000, bytes_max=20_000_000,
)  # fmt: skip
"""The columns of a file, as shops call them."""
_BETWEEN = re.compile(r"[\s・,，、/／()（）\[\]【】「」\"'‐‑‒–—−-]+")


@dataclass(frozen=True, slots=True)
class Brought:
    """How many rows of a file made something new, changed something, or said what was known."""

    new: int
    changed: int
    known: int


def key_of(name: str) -> str:
    """The one spelling a name is known by: width, case, spaces, dashes and brackets make no difference."""
    return _BETWEEN.sub("", unicodedata.normalize("NFKC", name).casefold())


def everything(db: Session) -> list[Product]:
    """All products, by name."""
    return list(db.exec(select(Product).order_by(col(Product.name_key))))


def get(db: Session, product_id: int) -> Product:
    """Raises `NotFound`."""
    found = db.get(Product, product_id)
    if found is None:
        raise NotFound("not_found", product_id=product_id)
    return found


def named(db: Session, name: str, *, by: Agent | None, now: datetime) -> Product:
    """The product of that name, new if there is none. Raises `Invalid` for a name that is empty or too long."""
    shown = " ".join(unicodedata.normalize("NFC", name).split())
    key = key_of(shown)
    if not key:
        raise Invalid("name_missing", field="product")
    if len(shown) > NAME_MAX:
        raise Invalid("too_long", field="product")
    english = sa.func.lower(col(Product.name_en)) == shown.lower()
    found = db.exec(select(Product).where(sa.or_(col(Product.name_key) == key, english))).first()
    if found is not None:
        return found
    made = Product(name=shown, name_key=key, created_at=now)
    db.add(made)
    db.flush()
    emit(db, CatalogueChanged(what="product", by_id=by.id if by else None, at=now))
    return made


def lots_of(db: Session, product_ids: Sequence[int]) -> list[ProductLot]:
    """Their lots, the newest first."""
    rows = select(ProductLot).where(col(ProductLot.product_id).in_(product_ids))
    return list(db.exec(rows.order_by(col(ProductLot.product_id), col(ProductLot.code).desc())))


def lot_named(db: Session, product: Product, code: str) -> ProductLot | None:
    """The lot of that code, new if there is none; None of no code. Raises `Invalid` for one that is too long."""
    shown = "".join(unicodedata.normalize("NFKC", code).split()).upper()
    if not shown:
        return None
    if len(shown) > CODE_MAX:
        raise Invalid("too_long", field="lot")
    found = select(ProductLot).where(ProductLot.product_id == product.id, ProductLot.code == shown)
    if (lot := db.exec(found).first()) is None:
        lot = ProductLot(product_id=product.id or 0, code=shown)
        db.add(lot)
        db.flush()
    return lot


def bring_in(db: Session, rows: Iterable[imports.Row], *, by: Agent | None, now: datetime) -> Brought:
    """Take in the lines of a file: `name`, and where known `code`, `name_en`, `words` (with ; between them), `lot`,
    `units`, `sold_from` (a day). A product is found by its code or its name; what a line leaves empty stays as it is.
    Raises `Invalid` with the number of the first line that cannot be read, and nothing is taken in then."""
    products = everything(db)
    by_code = {each.code: each for each in products if each.code}
    by_key = {each.name_key: each for each in products}
    lots = {(each.product_id, each.code): each for each in lots_of(db, [each.id or 0 for each in products])}
    done: Counter[str] = Counter()
    for row in rows:
        number = row.number
        told = {name: " ".join(unicodedata.normalize("NFC", value).split()) for name, value in row.cells.items()}
        name, code, key = told.get("name", ""), told.get("code", ""), key_of(told.get("name", ""))
        if max(len(name), len(told.get("name_en", ""))) > NAME_MAX or len(code) > CODE_MAX:
            raise Invalid("too_long", field="file", line=number)
        product = by_code.get(code) if code else None
        product = product or (by_key.get(key) if key else None)
        became = "known"
        if product is None:
            if not key:
                raise Invalid("name_missing", field="file", line=number)
            product, became = Product(name=name, name_key=key, created_at=now), "new"
            db.add(product)
        changes = {"name_en": told.get("name_en", ""), "words": _words(told.get("words", ""))}
        changes |= {"code": code, **({"name": name} if key == product.name_key else {})}
        if _set(product, changes):
            became = "changed" if became == "known" else became
        db.flush()
        by_key[product.name_key] = product
        by_code |= {product.code: product} if product.code else {}
        if told.get("lot"):
            became = _lot(db, product, told, lots, number) or became
        done[became] += 1
    if done["new"] or done["changed"]:
        emit(db, CatalogueChanged(what="file", by_id=by.id if by else None, at=now))
    return Brought(done["new"], done["changed"], done["known"])


def _lot(db: Session, product: Product, told: Mapping[str, str], lots: dict[tuple[int, str], ProductLot],
         number: int) -> str:  # fmt: skip
    code = "".join(unicodedata.normalize("NFKC", told["lot"]).split()).upper()
    if len(code) > CODE_MAX:
        raise Invalid("too_long", field="file", line=number)
    try:
        units = imports.whole_of(told["units"]) if told.get("units") else None
    except ValueError as error:
        raise Invalid("not_a_number", field="file", line=number) from error
    if units is not None and not 0 <= units < 1_000_000_000:
        raise Invalid("not_a_number", field="file", line=number)
    try:
        sold_from = imports.day_of(told["sold_from"]) if told.get("sold_from") else None
    except ValueError as error:
        raise Invalid("not_a_date", field="file", line=number) from error
    lot = lots.get((product.id or 0, code))
    became = ""
    if lot is None:
        lot = lots[product.id or 0, code] = ProductLot(product_id=product.id or 0, code=code)
        db.add(lot)
        became = "new"
    changed = _set(lot, {"units": units, "sold_from": sold_from})
    db.flush()
    return became or ("changed" if changed else "")


def _set(row: Product | ProductLot, values: Mapping[str, object]) -> bool:
    """Write what is said and is another than before."""
    changed = False
    for name, value in values.items():
        if value not in (None, "", []) and getattr(row, name) != value:
            setattr(row, name, value)
            changed = True
    return changed


def _words(typed: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in re.split(r"[;；]", typed) if word.strip()))[:WORDS_MAX]
