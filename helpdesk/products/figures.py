"""What came back in a period: by product, lot and reason, beside what was sold and asked about, and how long it took.

The one idea: everything is read by when a return was asked for, so every number is of one period's returns and its rows
can be listed. A return that is not over yet is not left out, which would make the times too short: a median and a 90th
percentile are read from the Kaplan-Meier estimate (1958), in which it counts as "longer than until now". Where fewer
than half, or nine tenths, are over, there is none yet, and none is shown.

A rate is units that came back in the period of units bought in it, with the interval after Wilson (1927). Who buys in
one month and returns in the next is in the numerator of one and in the denominator of the other; over a quarter that
evens out. Orders that the desk was not told of are not known to it, and where more came back than it knows of, no rate
is shown. A lot's rate is of the units its list says were sold.

A year of a large desk is two hundred thousand returns. The database counts them, and hands over their lengths as one
text a product and reason: that many rows to fetch would take it longer than to read them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.accuracy import FEW, Share
from helpdesk.errors import NotFound
from helpdesk.measures import Interval
from helpdesk.products import catalogue
from models import (
    Product,
    ProductLot,
    ProductReturn,
    Purchase,
    Queue,
    ReturnReason,
    ReturnState,
    Ticket,
    TicketProduct,
)

PAGE: Final = 50
DAY: Final = 86_400.0
WHATS: Final = ("returns", "inquiries")


@dataclass(frozen=True, slots=True)
class Length:
    """How long something takes, in days: of how many, how many of them are over, and what half and nine tenths do not
    exceed (None: not known yet)."""

    of: int
    over: int
    median: float | None
    p90: float | None


@dataclass(slots=True)
class Line:
    """Of a product, a lot or a reason: returns and their units, inquiries, units sold (0: not known)."""

    name: str
    product_id: int | None = None
    lot_id: int | None = None
    reason_id: int | None = None
    returns: int = 0
    units: int = 0
    inquiries: int = 0
    sold: int = 0
    ended: Length | None = None

    @property
    def rate(self) -> Share | None:
        """Units back of units sold; None where too few were, where that is not known, or cannot be."""
        return Share(self.units, self.sold) if self.sold >= FEW and self.units <= self.sold else None


@dataclass(slots=True)
class Told:
    """A period. `crossed` is returns by product and reason; `asked` when each was asked for, in seconds since 1970, by
    reason."""

    returns: int = 0
    units: int = 0
    inquiries: int = 0
    sold: int = 0
    products: list[Line] = field(default_factory=list)
    lots: list[Line] = field(default_factory=list)
    reasons: list[Line] = field(default_factory=list)
    crossed: Mapping[tuple[int, int], int] = field(default_factory=dict)
    asked: Mapping[int, Any] = field(default_factory=dict)
    spans: Mapping[str, Length] = field(default_factory=dict)

    @property
    def rate(self) -> Share | None:
        """Units back of units sold, of all products of which no more came back than were sold."""
        known = [line for line in self.products if line.units <= line.sold]
        sold = self.sold - sum(line.sold for line in self.products if line.units > line.sold)
        return Share(sum(line.units for line in known), sold) if sold >= FEW else None


@dataclass(frozen=True, slots=True)
class Which:
    """Of what rows are listed; None: of any."""

    product_id: int | None = None
    lot_id: int | None = None
    reason_id: int | None = None
    queue_id: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One return or inquiry behind a number."""

    ticket_id: int
    subject: str
    queue: str
    product: str
    lot: str
    reason: str
    quantity: int
    state: str
    order_number: str
    because: str
    inquired_at: datetime
    at: datetime
    received_at: datetime | None
    ended_at: datetime | None
    id: int


def read(db: Session, interval: Interval, *, queue_id: int | None, language: str, now: datetime) -> Told:
    """Everything of a period, in four statements that it bounds."""
    products = {each.id or 0: each for each in catalogue.everything(db)}
    told = Told()
    lines = {number: Line(each.called(language), number) for number, each in products.items()}
    names = {each.id: each for each in db.scalars(sa.select(ReturnReason))}
    lots: dict[int, Line] = {}
    reasons: dict[int, Line] = {}
    crossed: dict[tuple[int, int], int] = defaultdict(int)
    for product_id, reason_id, lot_id, count, units in _counts(db, interval, queue_id):
        told.returns, told.units = told.returns + count, told.units + units
        of = [lines[product_id], reasons.setdefault(reason_id, Line(names[reason_id].called(language),
                                                                    reason_id=reason_id))]  # fmt: skip
        if lot_id is not None:
            of.append(lots.setdefault(lot_id, Line("", product_id, lot_id)))
        for line in of:
            line.returns, line.units = line.returns + count, line.units + units
        crossed[product_id, reason_id] += count
    _measure(db, interval, queue_id, told, lines, now)
    _add_inquiries(db, interval, queue_id, told, lines, lots)
    if queue_id is None:  # an order belongs to no queue
        _add_sold(db, interval, told, lines, products)
    _name_lots(db, lots, products, language)
    told.products = sorted((each for each in lines.values() if each.returns or each.inquiries), key=_most)
    told.lots, told.reasons = sorted(lots.values(), key=_most), sorted(reasons.values(), key=_most)
    told.crossed = crossed
    return told


def length(spans: Any) -> Length:
    """Median and 90th percentile of lengths by the Kaplan-Meier estimate. `spans` are whole seconds, each doubled, and
    one more where it is over."""
    codes = np.asarray(spans, dtype=np.int64)
    seconds, is_over = codes >> 1, codes & 1
    steps, place, together = np.unique(seconds, return_inverse=True, return_counts=True)
    ended = np.bincount(place, weights=is_over, minlength=len(steps))
    at_risk = len(codes) - np.concatenate(([0], np.cumsum(together)))[:-1]
    left = np.cumprod(1 - ended / np.maximum(at_risk, 1))
    found = [float(steps[reached[0]]) / DAY if len(reached := np.flatnonzero(left <= limit + 1e-12)) else None
             for limit in (0.5, 0.1)]  # fmt: skip
    return Length(len(codes), int(is_over.sum()), found[0], found[1])


def rows(
    db: Session, what: str, interval: Interval, which: Which, *, language: str, cursor: str = "", limit: int = PAGE
) -> tuple[list[Row], str]:  # fmt: skip
    """What is behind a number, the oldest first, and the cursor of what follows ("": nothing). Raises `NotFound`."""
    if what not in WHATS or (cursor and not _is_cursor(cursor)):
        raise NotFound("not_found")
    is_return = what == "returns"
    table: Any = ProductReturn if is_return else TicketProduct
    at: Any = col(ProductReturn.asked_at) if is_return else col(TicketProduct.at)
    query = (
        sa.select(table, Ticket, Product, col(ProductLot.code), col(Queue.name_en if language == "en" else Queue.name))
        .join(Ticket, col(Ticket.id) == table.ticket_id).join(Product, col(Product.id) == table.product_id)
        .join(Queue, col(Queue.id) == Ticket.queue_id)
        .join(ProductLot, col(ProductLot.id) == table.lot_id, isouter=True)
        .where(at >= interval.begin, at < interval.end).order_by(at, col(table.id)).limit(limit + 1)
    )  # fmt: skip
    of = ((table.product_id, which.product_id), (table.lot_id, which.lot_id), (Ticket.queue_id, which.queue_id),
          (ProductReturn.reason_id, which.reason_id if is_return else None))  # fmt: skip
    for column, value in of:
        query = query.where(col(column) == value) if value is not None else query
    if is_return:
        query = query.where(col(ProductReturn.state) != ReturnState.WITHDRAWN)
    if cursor:
        moment, _, number = cursor.partition("_")
        begun = datetime.fromisoformat(moment)
        query = query.where(sa.or_(at > begun, sa.and_(at == begun, col(table.id) > int(number))))
    names = {each.id: each.called(language) for each in db.scalars(sa.select(ReturnReason))} if is_return else {}
    made = [_row(each, names, language) for each in db.execute(query)]
    last = made[limit - 1] if len(made) > limit else None
    return made[:limit], f"{last.at.isoformat()}_{last.id}" if last else ""


def _of(interval: Interval, queue_id: int | None, *columns: Any) -> Any:
    """Columns of the returns that were asked for in a period."""
    query = sa.select(*columns).where(
        col(ProductReturn.asked_at) >= interval.begin, col(ProductReturn.asked_at) < interval.end,
        col(ProductReturn.state) != ReturnState.WITHDRAWN,
    )  # fmt: skip
    if queue_id is None:
        return query
    return query.join(Ticket, col(Ticket.id) == ProductReturn.ticket_id).where(col(Ticket.queue_id) == queue_id)


def _counts(db: Session, interval: Interval, queue_id: int | None) -> Sequence[Any]:
    """(product, reason, lot, how many, how many units)"""
    key = (col(ProductReturn.product_id), col(ProductReturn.reason_id), col(ProductReturn.lot_id))
    units = sa.cast(sa.func.sum(col(ProductReturn.quantity)), sa.Integer)
    return db.execute(_of(interval, queue_id, *key, sa.func.count(), units).group_by(*key)).all()


def _measure(db: Session, interval: Interval, queue_id: int | None, told: Told, lines: Mapping[int, Line],
             now: datetime) -> None:  # fmt: skip
    """How long each step took, and when the returns were asked for. What is not over has lasted until now; what ended
    otherwise is not waited for any longer."""
    until = int(now.timestamp())
    asked, ended = _seconds(ProductReturn.asked_at), _seconds(ProductReturn.ended_at)
    received, end = _seconds(ProductReturn.received_at), sa.func.coalesce(ended, until)
    codes = {
        "to_request": _coded(asked - _seconds(ProductReturn.inquired_at), sa.true()),
        "to_arrival": _coded(sa.func.coalesce(received, end) - asked, col(ProductReturn.received_at).is_not(None)),
        "to_refund": _coded(end - asked, col(ProductReturn.state) == ReturnState.REFUNDED),
        "to_end": _coded(end - asked, col(ProductReturn.ended_at).is_not(None)),
    }
    key = (col(ProductReturn.product_id), col(ProductReturn.reason_id))
    texts = (sa.func.aggregate_strings(sa.cast(each, sa.Text), ",") for each in (asked, *codes.values()))
    found: dict[str, list[Any]] = {name: [] for name in codes}
    ends: dict[int, list[Any]] = defaultdict(list)
    moments: dict[int, list[Any]] = defaultdict(list)
    for product_id, reason_id, *given in db.execute(_of(interval, queue_id, *key, *texts).group_by(*key)):
        moment, *spans = (np.fromstring(text, dtype=np.int64, sep=",") for text in given)
        moments[reason_id].append(moment)
        ends[product_id].append(spans[-1])
        for name, each in zip(codes, spans, strict=True):
            found[name].append(each)
    for number, line in lines.items():
        line.ended = length(_joined(ends.get(number, [])))
    told.asked = {reason_id: _joined(each) for reason_id, each in moments.items()}
    told.spans = {name: length(_joined(each)) for name, each in found.items()}


def _seconds(at: Any) -> Any:
    return sa.cast(sa.extract("epoch", col(at)), sa.BigInteger)


def _coded(seconds: Any, is_over: Any) -> Any:
    """As `length` takes them."""
    return sa.case((seconds > 0, seconds), else_=0) * 2 + sa.case((is_over, 1), else_=0)


def _joined(parts: Sequence[Any]) -> Any:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def _add_inquiries(db: Session, interval: Interval, queue_id: int | None, told: Told, lines: Mapping[int, Line],
                   lots: dict[int, Line]) -> None:  # fmt: skip
    query = sa.select(col(TicketProduct.product_id), col(TicketProduct.lot_id), sa.func.count()).where(
        col(TicketProduct.at) >= interval.begin, col(TicketProduct.at) < interval.end
    )
    if queue_id is not None:
        query = query.join(Ticket, col(Ticket.id) == TicketProduct.ticket_id).where(col(Ticket.queue_id) == queue_id)
    grouped = query.group_by(col(TicketProduct.product_id), col(TicketProduct.lot_id))
    for product_id, lot_id, count in db.execute(grouped):
        told.inquiries += count
        lines[product_id].inquiries += count
        if lot_id is not None:
            lots.setdefault(lot_id, Line("", product_id, lot_id)).inquiries += count


def _add_sold(db: Session, interval: Interval, told: Told, lines: Mapping[int, Line], products: Mapping[int, Product]
              ) -> None:  # fmt: skip
    keys = {catalogue.key_of(name): number for number, each in products.items() for name in (each.name, each.name_en)}
    sold = sa.select(col(Purchase.product), sa.func.sum(col(Purchase.quantity))).where(
        col(Purchase.ordered_at) >= interval.begin, col(Purchase.ordered_at) < interval.end
    )
    for name, units in db.execute(sold.group_by(col(Purchase.product))):
        told.sold += units
        if (number := keys.get(catalogue.key_of(name))) is not None:
            lines[number].sold += units


def _name_lots(db: Session, lots: Mapping[int, Line], products: Mapping[int, Product], language: str) -> None:
    for row in db.scalars(sa.select(ProductLot).where(col(ProductLot.id).in_(list(lots)))):
        line = lots[row.id or 0]
        line.name, line.sold = f"{products[row.product_id].called(language)} · {row.code}", row.units


def _most(line: Line) -> tuple[int, int, str]:
    return -line.returns, -line.inquiries, line.name


def _is_cursor(cursor: str) -> bool:
    moment, _, number = cursor.partition("_")
    try:
        return datetime.fromisoformat(moment).tzinfo is not None and 0 <= int(number) < 2**31
    except ValueError:
        return False


def _row(each: Any, names: Mapping[int | None, str], language: str) -> Row:
    of, ticket, product, lot, queue = each
    is_return = isinstance(of, ProductReturn)
    because = "" if is_return else " ".join(str(said["words"]) for said in of.because)
    return Row(
        ticket.id, ticket.subject, queue, product.called(language), lot or "",
        names.get(of.reason_id, "") if is_return else "", of.quantity if is_return else 0,
        of.state.value if is_return else "", of.order_number if is_return else "", because,
        of.inquired_at if is_return else of.at, of.asked_at if is_return else of.at,
        of.received_at if is_return else None, of.ended_at if is_return else None, of.id,
    )  # fmt: skip
