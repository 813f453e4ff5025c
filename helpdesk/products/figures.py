"""What came back in a period: by product, lot and reason, beside what was sold and asked about, and how long it took.

The one idea: everything is read by when a return was asked for, so every number is of one period's returns and its rows
can be listed. A return that is not over yet is not left out, which would make the times too short: a median and a 90th
percentile are read from the Kaplan-Meier estimate (1958), in which it counts as "longer than until now". Where fewer
than half, or nine tenths, are over, there is none yet, and none is shown.

A rate is units that came back in the period of units bought in it, with the interval after Wilson (1927). Who buys in
one month and returns in the next is in the numerator of one and in the denominator of the other; over a quarter that
evens out. Orders that the desk was not told of are not known to it, and where more came back than it knows of, no rate
is shown. A lot's rate is of the units its list says were sold.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.accuracy import Share
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
SPANS: Final = ("to_request", "to_arrival", "to_refund", "to_end")
"""From the inquiry to the request; from the request to the arrival, the refund, and any end."""
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
        """Units back of units sold; None where that is not known, or cannot be."""
        return Share(self.units, self.sold) if self.sold and self.units <= self.sold else None


@dataclass(slots=True)
class Told:
    """A period. `crossed` is returns by product and reason, `days` when each was asked for, with its reason."""

    returns: int = 0
    units: int = 0
    inquiries: int = 0
    sold: int = 0
    products: list[Line] = field(default_factory=list)
    lots: list[Line] = field(default_factory=list)
    reasons: list[Line] = field(default_factory=list)
    crossed: Mapping[tuple[int, int], int] = field(default_factory=dict)
    days: Sequence[tuple[datetime, int]] = ()
    spans: Mapping[str, Length] = field(default_factory=dict)

    @property
    def rate(self) -> Share | None:
        """Units back of units sold, of all products of which no more came back than were sold."""
        known = [line for line in self.products if line.rate is not None]
        sold = self.sold - sum(line.sold for line in self.products if line.rate is None)
        return Share(sum(line.units for line in known), sold) if sold > 0 else None


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
    rows = _returns(db, interval, queue_id)
    lots: dict[int, Line] = {}
    reasons: dict[int, Line] = {}
    names = {each.id: each for each in db.scalars(sa.select(ReturnReason))}
    crossed: dict[tuple[int, int], int] = {}
    ends: dict[int, list[tuple[float, bool]]] = {}
    for row in rows:
        told.returns, told.units = told.returns + 1, told.units + row.quantity
        of = [lines[row.product_id], reasons.setdefault(row.reason_id, Line(names[row.reason_id].called(language),
                                                                            reason_id=row.reason_id))]  # fmt: skip
        if row.lot_id is not None:
            of.append(lots.setdefault(row.lot_id, Line("", row.product_id, row.lot_id)))
        for line in of:
            line.returns, line.units = line.returns + 1, line.units + row.quantity
        crossed[row.product_id, row.reason_id] = crossed.get((row.product_id, row.reason_id), 0) + 1
        ends.setdefault(row.product_id, []).append(_span(row, "to_end", now))
    _add_inquiries(db, interval, queue_id, told, lines, lots)
    if queue_id is None:  # an order belongs to no queue
        _add_sold(db, interval, told, lines, products)
    _name_lots(db, lots, products, language)
    for number, line in lines.items():
        line.ended = length(ends.get(number, ()))
    told.products = sorted((each for each in lines.values() if each.returns or each.inquiries), key=_most)
    told.lots, told.reasons = sorted(lots.values(), key=_most), sorted(reasons.values(), key=_most)
    told.crossed, told.days = crossed, [(row.asked_at, row.reason_id) for row in rows]
    told.spans = {name: length([_span(row, name, now) for row in rows]) for name in SPANS}
    return told


def length(spans: Sequence[tuple[float, bool]]) -> Length:
    """Median and 90th percentile of lengths (days, whether it is over) by the Kaplan-Meier estimate."""
    left, found = 1.0, {0.5: math.nan, 0.1: math.nan}
    ordered = sorted(spans)
    place = 0
    while place < len(ordered):
        days = ordered[place][0]
        same = place
        while same < len(ordered) and ordered[same][0] == days:
            same += 1
        ended = sum(is_over for _, is_over in ordered[place:same])
        left *= 1 - ended / (len(ordered) - place)
        for limit, value in found.items():
            if math.isnan(value) and left <= limit + 1e-12:
                found[limit] = days
        place = same
    median, p90 = (None if math.isnan(found[limit]) else found[limit] for limit in (0.5, 0.1))
    return Length(len(spans), sum(is_over for _, is_over in spans), median, p90)


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


def _returns(db: Session, interval: Interval, queue_id: int | None) -> Sequence[Any]:
    query = sa.select(
        col(ProductReturn.product_id), col(ProductReturn.lot_id), col(ProductReturn.reason_id),
        col(ProductReturn.quantity), col(ProductReturn.state), col(ProductReturn.inquired_at),
        col(ProductReturn.asked_at), col(ProductReturn.received_at), col(ProductReturn.ended_at),
    ).where(
        col(ProductReturn.asked_at) >= interval.begin, col(ProductReturn.asked_at) < interval.end,
        col(ProductReturn.state) != ReturnState.WITHDRAWN,
    )  # fmt: skip
    if queue_id is not None:
        query = query.join(Ticket, col(Ticket.id) == ProductReturn.ticket_id).where(
            col(Ticket.queue_id) == queue_id
        )
    return db.execute(query.order_by(col(ProductReturn.asked_at))).all()


def _add_inquiries(db: Session, interval: Interval, queue_id: int | None, told: Told, lines: Mapping[int, Line],
                   lots: dict[int, Line]) -> None:  # fmt: skip
    query = sa.select(col(TicketProduct.product_id), col(TicketProduct.lot_id), sa.func.count()).where(
        col(TicketProduct.at) >= interval.begin, col(TicketProduct.at) < interval.end
    )
    if queue_id is not None:
        query = query.join(Ticket, col(Ticket.id) == TicketProduct.ticket_id).where(
            col(Ticket.queue_id) == queue_id
        )
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


def _span(row: Any, name: str, now: datetime) -> tuple[float, bool]:
    """How long, in days, and whether it is over; what ended otherwise is not waited for any longer than that."""
    if name == "to_request":
        return (row.asked_at - row.inquired_at).total_seconds() / DAY, True
    end = {"to_arrival": row.received_at, "to_end": row.ended_at,
           "to_refund": row.ended_at if row.state == ReturnState.REFUNDED else None}[name]  # fmt: skip
    until = end or row.ended_at or now
    return max(0.0, (until - row.asked_at).total_seconds() / DAY), end is not None


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
