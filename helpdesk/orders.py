"""Orders out of a shop's file: what each line would do, doing it, and taking it back.

The one idea: a line is known by the order's number and its own, or, where the shop numbers none, by the product
and the how-manieth of it in the order; so the same file again changes nothing. Whose order it is must be certain: the
order is known already, or the shop's number of the customer, the address or the telephone names one customer, and
nothing in the line names another. What is not certain is refused with the reason, the rest is taken in.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import agents, imports
from helpdesk.customers import contact_points, matching
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import OrdersBrought
from helpdesk.products import catalogue
from models import Agent, Customer, OrderChange, OrderImport, Product, ProductReturn, Purchase
from models.database import one_at_a_time

HEADS: Final[Mapping[str, tuple[str, ...]]] = {
    "order_number": ("order number", "注文番号", "受注番号", "オーダー番号", "注文ID", "受注ID", "order", "order id",
                     "order no", "order no."),
    "line": ("line", "明細番号", "行番号", "注文明細番号", "明細ID", "枝番", "line number", "line id"),
    "product": ("product", "商品名", "品名", "商品", "商品名称", "アイテム名", "product name", "item", "lineitem name"),
    "code": ("code", "商品コード", "商品番号", "品番", "型番", "sku", "sku番号", "product code", "lineitem sku"),
    "quantity": ("quantity", "数量", "個数", "購入数", "購入数量", "注文数", "注文数量", "qty", "lineitem quantity"),
    "amount": ("amount", "金額", "小計", "商品小計", "金額(税込)", "税込金額", "合計", "subtotal", "line total"),
    "price": ("unit price", "単価", "価格", "販売価格", "商品単価", "単価(税込)", "price", "lineitem price"),
    "ordered_at": ("ordered on", "注文日", "注文日時", "受注日", "受注日時", "購入日", "購入日時", "order date",
                   "created at", "date"),
    "status": ("status", "ステータス", "注文状況", "注文ステータス", "受注ステータス", "配送状況", "状態",
               "order status", "fulfillment status"),
    "number": ("customer number", "会員番号", "会員ID", "顧客番号", "顧客ID", "お客様番号", "customer id",
               "member number", "member id"),
    "email": ("e-mail", "メールアドレス", "メール", "注文者メールアドレス", "購入者メールアドレス", "eメール", "email",
              "mail", "e-mail address"),
    "phone": ("phone", "電話番号", "電話", "注文者電話番号", "購入者電話番号", "携帯電話", "携帯電話番号",
              "phone number", "tel", "billing phone"),
}  # fmt: skip
COLUMNS: Final = tuple(HEADS)
WHOSE: Final = ("number", "email", "phone")
WANTED: Final = imports.Wanted(
    HEADS, (("order_number",), ("product", "code"), ("ordered_at",), WHOSE), "order_columns",
    rows_max=20_000, bytes_max=5_000_000,
)  # fmt: skip
STATUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "ordered": ("注文済み", "新規", "新規受付", "受注", "注文確認中", "入金待ち", "入金済み", "発送待ち", "発送準備中",
                "処理中", "未発送", "unfulfilled", "pending", "paid", "processing", "new", "open"),
    "shipped": ("発送済み", "発送済", "出荷済み", "出荷済", "配送中", "fulfilled", "in transit"),
    "delivered": ("配達済み", "配達完了", "お届け済み", "完了", "取引完了", "completed", "complete", "closed"),
    "returned": ("返品", "返品済み"),
    "canceled": ("キャンセル", "キャンセル済み", "取消", "cancelled", "voided"),
    "refunded": ("返金", "返金済み"),
}  # fmt: skip
_STATUS = {imports.plain(each): code for code, words in STATUSES.items() for each in (*words, code)}
KEPT: Final = timedelta(days=30)
"""How long an import can be taken back."""
SAID: Final = 500  # customers one fact names
QUANTITY_MAX: Final = 99_999
AMOUNT_MAX: Final = 1_000_000_000
NUMBER_MAX: Final = 100
_COLUMN: Final = {"amount_yen": "amount"}
_FEW: Final = 500  # values one statement asks for
_LOCK: Final = 0x6D616466  # PostgreSQL advisory lock of whoever takes in orders


@dataclass(slots=True)
class Line:
    """One line of a file. `what` is "new", "changed", "same" or "refused"; `errors` are columns and codes with what was
    read; `because` is the column by which the customer was found; `changes` are columns with what is and what will
    be."""

    number: int
    cells: Mapping[str, str]
    what: str = "refused"
    errors: list[tuple[str, str, str]] = field(default_factory=list)
    because: str = ""
    customer: Customer | None = None
    known: Purchase | None = None
    values: dict[str, Any] = field(default_factory=dict)
    changes: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def product(self) -> str:
        """What was bought, as the file says it."""
        known = self.known.product if self.known else ""
        return str(self.values.get("product") or self.cells.get("product") or known or self.cells.get("code", ""))


@dataclass(slots=True)
class _Known:
    """What the desk knows of what a file names."""

    codes: Mapping[str, Product]
    owners: Mapping[str, Collection[int]]  # by order: whose it is
    numbered: Mapping[tuple[str, str], Purchase]  # by order and the shop's number of the line
    alike: Mapping[tuple[str, str], Sequence[Purchase]]  # by order and key of the product
    unnumbered: Mapping[tuple[str, str], Sequence[Purchase]]  # of these the lines without a number
    by_number: Mapping[str, Sequence[int]]
    by_address: Mapping[str, matching.Match]
    by_phone: Mapping[str, matching.Match]
    customers: Mapping[int, Customer]


def read(db: Session, text: str, *, region: str, timezone: str) -> list[Line]:
    """What each line of a file would do. Raises `Invalid` as `imports.rows` does."""
    told = _filled(imports.rows(text, WANTED))
    known = _look_up(db, told, region)
    met: Counter[tuple[str, str]] = Counter()
    found: Counter[tuple[str, str]] = Counter()
    lines = []
    for row in told:
        line = Line(row.number, row.cells)
        _understand(line, known, timezone)
        line.customer, line.because = _whose(line, known, region)
        order, own, key = row.cells["order_number"], line.values.get("line", ""), catalogue.key_of(line.product)
        met[order, own or key] += 1
        if own:
            line.known = known.numbered.get((order, own))
        if line.known is None:  # it may be there without its number, or be told without
            there = (known.unnumbered if own else known.alike).get((order, key), ())
            line.known = there[found[order, key]] if found[order, key] < len(there) else None
            found[order, key] += 1
        if own and met[order, own] > 1:
            line.errors.append(("line", "order_twice", row.cells["line"]))
        if not line.errors:
            _compare(line, ZoneInfo(timezone))
        lines.append(line)
    return lines


def take_in(
    db: Session, text: str, *, region: str, timezone: str, by: Agent, now: datetime
) -> tuple[OrderImport, list[Line]]:
    """Do what the lines say that can be done. Raises `Invalid` as `imports.rows` does, and "nothing_to_import" where
    that would be nothing."""
    one_at_a_time(db, _LOCK)
    lines = read(db, text, region=region, timezone=timezone)
    counts = Counter(line.what for line in lines)
    if not counts["new"] + counts["changed"]:
        raise Invalid("nothing_to_import", field="file")
    db.execute(sa.delete(OrderImport).where(col(OrderImport.at) < now - KEPT))
    act = OrderImport(at=now, by_id=by.id, made=counts["new"], changed=counts["changed"], same=counts["same"],
                      refused=counts["refused"])  # fmt: skip
    db.add(act)
    db.flush()
    done = [line for line in lines if line.what in ("new", "changed")]
    made, numbers = _made(db, [line for line in done if line.what == "new"]), _learned(lines)
    changes = []
    for line in done:
        assert line.customer is not None
        before = {name: _kept(getattr(line.known, name)) for name in line.values} if line.known else {}
        after = {name: _kept(value) for name, value in line.values.items()}
        for name, value in line.values.items() if line.known else ():
            setattr(line.known, name, value)
        if (number := numbers.get(line.customer.id or 0, "")) and not line.customer.number:
            line.customer.number = number
            after["customer_number"] = number
        purchase_id = line.known.id if line.known else next(made)
        changes.append({"import_id": act.id, "purchase_id": purchase_id, "before": before, "after": after})
    db.flush()
    db.execute(sa.insert(OrderChange), changes)
    _say(db, act, "imported", (line.customer.id or 0 for line in done if line.customer), by=by, now=now)
    return act, lines


def take_back(db: Session, import_id: int, *, by: Agent, now: datetime) -> tuple[int, int]:
    """Undo an import: how many lines that changed, and how many stay because a return or a later file says otherwise.
    Raises `NotFound`, and `Conflict` for one that is undone or too old."""
    one_at_a_time(db, _LOCK)
    act = db.get(OrderImport, import_id)
    if act is None:
        raise NotFound("not_found", import_id=import_id)
    if act.undone_at is not None or act.at < now - KEPT:
        raise Conflict("too_late_to_undo", import_id=import_id)
    rows = db.execute(
        sa.select(OrderChange, Purchase).join(Purchase, col(Purchase.id) == OrderChange.purchase_id)
        .where(col(OrderChange.import_id) == import_id)
    ).all()  # fmt: skip
    needed: set[int | None] = set()  # by a return, or a later file that changed another column
    for some in _some(row.id for _, row in rows):
        sent_back = sa.select(col(ProductReturn.purchase_id)).where(col(ProductReturn.purchase_id).in_(some))
        later = sa.select(col(OrderChange.purchase_id)).join(OrderImport, col(OrderImport.id) == OrderChange.import_id)
        later = later.where(col(OrderChange.purchase_id).in_(some), col(OrderImport.id) > import_id)
        needed |= {*db.scalars(sent_back), *db.scalars(later.where(col(OrderImport.undone_at).is_(None)))}
    undone, touched, gone = 0, set(), list[int]()
    for change, purchase in rows:
        after = dict(change.after)
        number = after.pop("customer_number", "")
        is_as_left = all(_kept(getattr(purchase, name)) == value for name, value in after.items())
        if not is_as_left or (not change.before and purchase.id in needed):
            continue
        customer = db.get(Customer, purchase.customer_id)
        if number and customer is not None and customer.number == number:
            customer.number = ""
        touched.add(purchase.customer_id)
        undone += 1
        if not change.before:
            gone.append(purchase.id or 0)
            continue
        for name, value in change.before.items():
            setattr(purchase, name, datetime.fromisoformat(value) if name == "ordered_at" else value)
    act.undone_at = now
    db.flush()
    for some in _some(gone):
        db.connection().execute(sa.delete(Purchase).where(col(Purchase.id).in_(some)))
    _say(db, act, "undone", touched, by=by, now=now)
    return undone, len(rows) - undone


def lately(db: Session, *, language: str) -> list[tuple[OrderImport, str]]:
    """The last imports with who did them, as this language calls them, the newest first."""
    rows = (
        sa.select(OrderImport, Agent)
        .join(Agent, col(Agent.id) == OrderImport.by_id, isouter=True)
        .order_by(col(OrderImport.id).desc()).limit(10)
    )  # fmt: skip
    return [(act, agents.called(by, language)) for act, by in db.execute(rows)]


def refused(text: str, lines: Sequence[Line], reason: Callable[[Line], str], head: str) -> Iterator[list[str]]:
    """The lines that were refused as they stood in the file, behind its heads, each with its reason in a column more:
    to be corrected and brought again."""
    why = {line.number: reason(line) for line in lines if line.what == "refused"}
    for number, cells in imports.as_they_stood(text, WANTED, why):
        yield [*cells, why.get(number, head)]


def _filled(told: Sequence[imports.Row]) -> list[imports.Row]:
    """Whose it is stands in many shops' files in the first line of an order alone."""
    first: dict[str, dict[str, str]] = {}
    filled = []
    for row in told:
        whose = {name: row.cells[name] for name in WHOSE if row.cells.get(name)}
        whose = first.setdefault(row.cells["order_number"], whose) if not whose else whose
        first.setdefault(row.cells["order_number"], whose)
        filled.append(imports.Row(row.number, {**row.cells, **whose}))
    return filled


def _look_up(db: Session, told: Sequence[imports.Row], region: str) -> _Known:
    cells = [row.cells for row in told]
    owners: dict[str, set[int]] = defaultdict(set)
    numbered: dict[tuple[str, str], Purchase] = {}
    alike: dict[tuple[str, str], list[Purchase]] = defaultdict(list)
    unnumbered: dict[tuple[str, str], list[Purchase]] = defaultdict(list)
    for some in _some({each["order_number"] for each in cells}):
        rows = select(Purchase).where(col(Purchase.order_number).in_(some)).order_by(col(Purchase.id))
        for each in db.exec(rows):
            owners[each.order_number].add(each.customer_id)
            place = each.order_number, catalogue.key_of(each.product)
            alike[place].append(each)
            if each.line:
                numbered.setdefault((each.order_number, each.line), each)
            else:
                unnumbered[place].append(each)
    by_number: dict[str, list[int]] = defaultdict(list)
    for some in _some({number for each in cells if (number := each.get("number", ""))}):
        theirs = sa.select(col(Customer.number), col(Customer.id)).where(col(Customer.number).in_(some))
        for number, customer_id in db.execute(theirs):
            by_number[number].append(customer_id)
    by_address, by_phone = dict[str, matching.Match](), dict[str, matching.Match]()
    for some in _some({contact_points.email_key(each.get("email", "")) for each in cells} - {""}):
        by_address |= matching.by_addresses(db, some)
    for some in _some({_e164(each.get("phone", ""), region) for each in cells} - {""}):
        by_phone |= matching.by_phones(db, some)
    meant = {customer_id for ids in owners.values() for customer_id in ids}
    meant |= {each for ids in by_number.values() for each in ids}
    meant |= {each.customer_id for found in (by_address, by_phone) for each in found.values() if each.customer_id}
    customers = {each.id or 0: each for some in _some(meant)
                 for each in db.exec(select(Customer).where(col(Customer.id).in_(some)))}  # fmt: skip
    codes = {imports.plain(each.code): each for each in catalogue.everything(db) if each.code}
    return _Known(codes, owners, numbered, alike, unnumbered, by_number, by_address, by_phone, customers)


def _made(db: Session, lines: Sequence[Line]) -> Iterator[int]:
    """The numbers of the purchases that these new lines make, in their order. Thousands are written in a few
    statements: nobody else writes meanwhile, and calls come."""
    usual = {name: told.default for name, told in Purchase.__pydantic_fields__.items() if not told.is_required()}
    del usual["id"]
    rows = [
        usual | {"customer_id": line.customer and line.customer.id, "order_number": line.cells["order_number"]}
        | line.values
        for line in lines
    ]  # fmt: skip
    made = sa.insert(Purchase).returning(col(Purchase.id), sort_by_parameter_order=True)
    return (number or 0 for number in db.scalars(made, rows)) if rows else iter(())


def _learned(lines: Iterable[Line]) -> dict[int, str]:
    """The shop's number of each customer who has one in the file; one that it gives to two is nobody's."""
    meant: dict[str, set[int]] = defaultdict(set)
    for line in lines:
        if line.customer is not None and (number := line.cells.get("number", "")):
            meant[number].add(line.customer.id or 0)
    alone = {number: ids for number, ids in meant.items() if len(ids) == 1 and len(number) <= NUMBER_MAX}
    return {customer_id: number for number, ids in reversed(alone.items()) for customer_id in ids}


def _understand(line: Line, known: _Known, timezone: str) -> None:
    """What is written in the cells as values of a purchase; what cannot be understood is an error."""
    cells, values = line.cells, line.values
    if not cells["order_number"] or len(cells["order_number"]) > 100:
        line.errors.append(("order_number", "value_missing" if not cells["order_number"] else "too_long", ""))
    listed = known.codes.get(imports.plain(cells.get("code", "")))
    values["product"] = " ".join(cells.get("product", "").split()) or (listed.name if listed else "")
    if not values["product"]:
        column = "code" if cells.get("code") else "product"
        line.errors.append((column, "no_such_product" if cells.get("code") else "value_missing", cells.get("code", "")))
    elif len(values["product"]) > catalogue.NAME_MAX:
        line.errors.append(("product", "too_long", ""))
    try:
        values["ordered_at"] = imports.moment_of(cells["ordered_at"], timezone=timezone)
    except ValueError:
        line.errors.append(("ordered_at", "not_a_date", cells["ordered_at"]))
    for name, low, high in (("quantity", 1, QUANTITY_MAX), ("amount", 0, AMOUNT_MAX), ("price", 0, AMOUNT_MAX)):
        if not cells.get(name):
            continue
        try:
            values[name] = imports.whole_of(cells[name])
            if not low <= values[name] <= high:
                raise ValueError("out of range")
        except ValueError:
            values.pop(name, None)
            line.errors.append((name, "not_a_number", cells[name]))
    amount, price = values.pop("amount", None), values.pop("price", None)
    if amount is None and price is not None:
        amount = price * int(values.get("quantity", 1))
        if amount > AMOUNT_MAX:
            line.errors.append(("price", "not_a_number", cells["price"]))
    if amount is not None:
        values["amount_yen"] = amount
    if cells.get("status"):
        values["status"] = _STATUS.get(imports.plain(cells["status"]), cells["status"][:40])
    if cells.get("line"):
        values["line"] = cells["line"][:40]


def _whose(line: Line, known: _Known, region: str) -> tuple[Customer | None, str]:
    """The customer and by what they were found. What names several, or another than something stronger does, is an
    error; so is nobody."""
    cells = line.cells
    number, typed = cells.get("number", ""), cells.get("phone", "")
    address, phone = contact_points.email_key(cells.get("email", "")), _e164(typed, region)
    nobody = matching.NOBODY
    said: list[tuple[str, Sequence[int], bool]] = [
        ("order_number", sorted(known.owners.get(cells["order_number"], ())), False),
        ("number", known.by_number.get(number, ()), False),
        *((name, [match.customer_id] if match.customer_id else [], match.reason == "several")
          for name, match in (("email", known.by_address.get(address, nobody)),
                              ("phone", known.by_phone.get(phone, nobody)))),
    ]  # fmt: skip
    found, because = 0, ""
    for column, ids, is_several in said:
        if (is_several or len(ids) > 1) and not found:
            line.errors.append((column, "order_several", cells[column]))
            return None, ""
        if len(ids) == 1 and not found:
            found, because = ids[0], column
        elif ids and found not in ids:
            line.errors.append((column, "order_of_another", cells[column]))
            return None, ""
    if not found:
        column = next((name for name in WHOSE if cells.get(name)), next(name for name in WHOSE if name in cells))
        line.errors.append((column, "order_of_nobody", cells[column]))
        return None, ""
    return known.customers.get(found), because


def _compare(line: Line, zone: ZoneInfo) -> None:
    """Whether the line is new, changes what is there, or says what is known; only what differs stays in `values`."""
    there = line.known
    if there is None:
        line.what = "new"
        return
    typed = line.cells["ordered_at"]
    is_day = ":" not in typed and "時" not in typed and "：" not in typed
    if is_day and there.ordered_at.astimezone(zone).date() == line.values["ordered_at"].astimezone(zone).date():
        del line.values["ordered_at"]  # a day alone says nothing against the time that is known
    if catalogue.key_of(there.product) == catalogue.key_of(line.values["product"]):
        del line.values["product"]  # the same in another spelling
    line.values = {name: value for name, value in line.values.items() if getattr(there, name) != value}
    shown = {name: value for name, value in line.values.items() if name != "line"}
    line.changes = [(_COLUMN.get(name, name), _written(getattr(there, name), zone), _written(value, zone))
                    for name, value in shown.items()]  # fmt: skip
    line.what = "changed" if shown else "same"


def _say(db: Session, act: OrderImport, what: str, customer_ids: Iterable[int], *, by: Agent, now: datetime) -> None:
    """State it, some customers a fact, so that each is found by the numbers of their orders."""
    for some in _some(customer_ids, SAID):
        emit(db, OrdersBrought(import_id=act.id or 0, what=what, customer_ids=some, by_id=by.id, at=now))


def _written(value: Any, zone: ZoneInfo) -> str:
    if not isinstance(value, datetime):
        return str(value)
    return f"{value.astimezone(zone):%Y-%m-%d %H:%M}".removesuffix(" 00:00")  # a day alone was written without a time


def _kept(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _e164(typed: str, region: str) -> str:
    number = contact_points.read_number(typed, region=region)
    return number.e164 if number.kind == "number" else ""


def _some(values: Iterable[Any], few: int = _FEW) -> Iterator[list[Any]]:
    """The values in their order, not too many at a time."""
    each = sorted(set(values))
    for begin in range(0, len(each), few):
        yield each[begin : begin + few]
