"""What customers send back: asked for, received, and ended by a refund, an exchange, a repair or a refusal.

The one idea: a return is a small row that goes from step to step, forward or back, by one verb (`step`), so an agent's
press, another program's word and an undo are the same thing. What the page begins with is suggested from the customer's
orders and the words of the ticket, each with the words that gave it (`suggest`); only `ask` writes something down.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import tickets
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import ReturnChanged
from helpdesk.products import catalogue, reading
from models import (
    Agent,
    Call,
    Direction,
    Message,
    Product,
    ProductLot,
    ProductReturn,
    Purchase,
    ReturnReason,
    ReturnState,
    Ticket,
)
from models.database import hold_still

QUANTITY_MAX: Final = 9_999
PER_TICKET: Final = 50
OFFERED: Final = 8
MESSAGES_READ: Final = 8
OPEN: Final = (ReturnState.ASKED, ReturnState.RECEIVED)
ENDS: Final = (ReturnState.REFUNDED, ReturnState.EXCHANGED, ReturnState.REPAIRED, ReturnState.DECLINED)
STEPS: Final = (ReturnState.RECEIVED, *ENDS)
"""What may come next, in the order in which a person should be offered it."""
_RANK: Final[Mapping[str, int]] = {
    "withdrawn": -1, "": -1, "asked": 0, "received": 1, **{str(each): 2 for each in ENDS},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """A return as pages show it, in one language."""

    id: int
    ticket_id: int
    product_id: int
    product: str
    lot: str
    order_number: str
    quantity: int
    reason: str
    state: str
    inquired_at: datetime
    asked_at: datetime
    received_at: datetime | None
    ended_at: datetime | None

    @property
    def next(self) -> tuple[str, ...]:
        """The steps that may follow."""
        return () if self.state in ENDS else tuple(map(str, STEPS if self.state == "asked" else ENDS))


@dataclass(frozen=True, slots=True)
class Because:
    """Why something is suggested: `what` is "order", "product" or "lot", `words` the customer's own letters."""

    what: str
    words: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be coming back. `value` is what a form sends: "purchase:12" or "product:3"."""

    value: str
    product: str
    order_number: str = ""
    ordered_at: datetime | None = None
    quantity: int = 1
    because: tuple[Because, ...] = ()


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the form begins with."""

    candidates: Sequence[Candidate]
    lot: str = ""
    lot_words: str = ""
    reason_id: int | None = None
    reason_words: str = ""


def get(db: Session, return_id: int) -> ProductReturn:
    """Raises `NotFound`."""
    found = db.get(ProductReturn, return_id)
    if found is None:
        raise NotFound("not_found", return_id=return_id)
    return found


def of_this(db: Session, ticket: Ticket, return_id: int) -> ProductReturn:
    """A return of this ticket, withdrawn or not. Raises `NotFound`."""
    found = get(db, return_id)
    if found.ticket_id != ticket.id:
        raise NotFound("not_found", return_id=return_id)
    return found


def of_ticket(db: Session, ticket_id: int, *, language: str) -> list[Shown]:
    """What comes back in a ticket, in the order in which it was asked for."""
    return shown(db, _rows().where(col(ProductReturn.ticket_id) == ticket_id), language=language)


def of_order(db: Session, order_number: str, *, language: str, limit: int = 100) -> list[Shown]:
    """What comes back of an order."""
    asked = _rows().where(col(ProductReturn.order_number) == order_number).limit(limit)
    return shown(db, asked, language=language)


def one(db: Session, return_id: int, *, language: str) -> Shown:
    """Raises `NotFound`."""
    found = shown(db, _rows().where(col(ProductReturn.id) == return_id), language=language)
    if not found:
        raise NotFound("not_found", return_id=return_id)
    return found[0]


def shown(db: Session, rows: sa.Select[Any], *, language: str
          ) -> list[Shown]:  # fmt: skip
    """Rows of `_rows` as pages show them."""
    return [
        Shown(row.id or 0, row.ticket_id, row.product_id, product.called(language), lot or "", row.order_number,
              row.quantity, reason.called(language), row.state.value, row.inquired_at, row.asked_at, row.received_at,
              row.ended_at)
        for row, product, reason, lot in db.execute(rows)
    ]  # fmt: skip


def ask(
    db: Session, ticket: Ticket, *, item: str, product: str = "", lot: str = "", quantity: int = 1, reason_id: int,
    by: Agent | None, now: datetime,
) -> ProductReturn:  # fmt: skip
    """Write down that something comes back. `item` is the value of a candidate, or "" with the product's name.

    Raises `Invalid` with the field, `NotFound` for an order or a product that is none, and `Conflict` where the very
    same is on its way back already: a button pressed twice.
    """
    assert ticket.id is not None
    hold_still(db, ticket)
    if not 1 <= quantity <= QUANTITY_MAX:
        raise Invalid("not_a_quantity", field="quantity")
    reason = db.get(ReturnReason, reason_id)
    if reason is None or not reason.is_active:
        raise Invalid("unknown_choice", field="reason")
    purchase, meant = _meant(db, ticket, item, product, by, now)
    same = select(ProductReturn).where(
        ProductReturn.ticket_id == ticket.id, col(ProductReturn.state) != ReturnState.WITHDRAWN
    )
    there = db.exec(same).all()
    if len(there) >= PER_TICKET:
        raise Invalid("too_many_returns", field="item")
    of, purchase_id = catalogue.lot_named(db, meant, lot), purchase.id if purchase else None
    wanted = (purchase_id, meant.id, of.id if of else None, reason_id, ReturnState.ASKED)
    if wanted in [(each.purchase_id, each.product_id, each.lot_id, each.reason_id, each.state) for each in there]:
        raise Conflict("returns_already", ticket_id=ticket.id)
    made = ProductReturn(
        ticket_id=ticket.id, purchase_id=purchase_id,
        order_number=purchase.order_number if purchase else "", product_id=meant.id or 0, lot_id=of.id if of else None,
        quantity=quantity, reason_id=reason_id, inquired_at=ticket.created_at, asked_at=now,
        asked_by_id=by.id if by else None,
    )  # fmt: skip
    db.add(made)
    db.flush()
    _say(db, ticket, made, "", "", by, now)
    return made


def step(
    db: Session, ticket: Ticket, found: ProductReturn, to: str, *, by: Agent | None, now: datetime,
    ended_at: datetime | None = None,
) -> bool:  # fmt: skip
    """Let a return be at another step, and whether that changed something: the same again does not. Steps back forget
    when the later ones were. `ended_at` where an end is put back. Raises `Invalid` for a step that is none."""
    if to not in set(ReturnState):
        raise Invalid("unknown_choice", field="do")
    hold_still(db, ticket)
    db.refresh(found)
    was, was_at = found.state, found.ended_at
    if was == to:
        return False
    found.state = ReturnState(to)
    if found.state in ENDS:
        found.ended_at, found.ended_by_id = ended_at or (was_at if was in ENDS else None) or now, by.id if by else None
    elif found.state != ReturnState.WITHDRAWN:
        found.ended_at, found.ended_by_id = None, None
    if found.state == ReturnState.RECEIVED and found.received_at is None:
        found.received_at, found.received_by_id = now, by.id if by else None
    elif found.state == ReturnState.ASKED:
        found.received_at, found.received_by_id = None, None
    _say(db, ticket, found, was.value, was_at.isoformat() if was_at and was in ENDS else "", by, now)
    return True


def report(db: Session, found: ProductReturn, to: str, *, now: datetime) -> bool:
    """Another program says how far a return is; whether that changed something. What it says again, or late, after the
    next step, changes nothing. Raises `Invalid` for what is no step, `Conflict` where it was withdrawn, or has ended
    otherwise."""
    if to not in STEPS:
        raise Invalid("unknown_choice", field="step")
    ticket = db.get(Ticket, found.ticket_id)
    assert ticket is not None
    hold_still(db, ticket)
    db.refresh(found)
    if found.state == ReturnState.WITHDRAWN:
        raise Conflict("return_withdrawn", return_id=found.id)
    if _RANK[to] < _RANK[found.state] or to == found.state:
        return False
    if found.state in ENDS:
        raise Conflict("return_ended", return_id=found.id, state=found.state.value)
    return step(db, ticket, found, to, by=None, now=now)


def goes_back(told: ReturnChanged) -> bool:
    """Whether the fact tells of a step back."""
    return bool(told.was) and told.what != "withdrawn" and _RANK[told.what] < _RANK[told.was]


def suggest(db: Session, ticket: Ticket, *, language: str) -> Suggestion:
    """What may be coming back, read from the ticket's words and the customer's orders, the likeliest first."""
    assert ticket.id is not None
    texts = _texts(db, ticket)
    products = {each.id or 0: each for each in catalogue.everything(db)}
    lots = {each.id or 0: each for each in catalogue.lots_of(db, list(products))}
    known = list(dict.fromkeys(number for text in texts for number in reading.numbers(text)))
    orders = _orders(db, ticket, known)
    keys = {catalogue.key_of(name): number for number, row in products.items() for name in (row.name, row.name_en)}
    bought = [_unlisted(each) for each in orders if catalogue.key_of(each.product) not in keys]
    keys |= {each.name_key: each.id or 0 for each in bought}
    reader = reading.Reader([*products.values(), *bought], list(lots.values()))
    named = [each for text in texts for each in reader.find(text)]
    told: dict[int, list[Because]] = {}
    for each in named:
        because = Because(each.what, each.words)
        if because not in (said := told.setdefault(each.product_id, [])):
            said.append(because)
    candidates = []
    met: set[int] = set()
    for order in orders:
        product_id = keys.get(catalogue.key_of(order.product), 0)
        why = [Because("order", order.order_number)] if order.order_number in known else []
        why += told.get(product_id, [])
        met.add(product_id)
        name = products[product_id].called(language) if product_id in products else order.product
        candidates.append(Candidate(f"purchase:{order.id}", name, order.order_number, order.ordered_at, order.quantity,
                                    tuple(why)))  # fmt: skip
    candidates += [
        Candidate(f"product:{number}", products[number].called(language), because=tuple(because))
        for number, because in told.items()
        if number not in met
    ]
    candidates.sort(key=lambda each: -sum(3 if said.what == "order" else 2 for said in each.because))
    lot = next(((lots[each.lot_id].code, each.words) for each in named if each.lot_id in lots), None)
    if lot is None:
        code = next((code for text in texts if (code := reading.lot_in(text))), "")
        lot = (code, code)
    code, words = next((found for text in texts if (found := reading.reason_in(text))[0]), ("", ""))
    reason = db.exec(select(ReturnReason).where(ReturnReason.code == code, col(ReturnReason.is_active))).first()
    return Suggestion(candidates[:OFFERED], lot[0], lot[1], reason.id if reason and code else None,
                      words if reason and code else "")  # fmt: skip


def _meant(db: Session, ticket: Ticket, item: str, name: str, by: Agent | None, now: datetime
           ) -> tuple[Purchase | None, Product]:  # fmt: skip
    what, _, number = item.partition(":")
    if not item:
        return None, catalogue.named(db, name, by=by, now=now)
    if not (number.isascii() and number.isdecimal()) or len(number) > 9:
        raise NotFound("not_found", item=item[:20])
    if what == "product":
        return None, catalogue.get(db, int(number))
    found = db.get(Purchase, int(number)) if what == "purchase" else None
    if found is None or not _may_be(db, ticket, found):
        raise NotFound("not_found", item=item)
    return found, catalogue.named(db, found.product, by=by, now=now)


def _may_be(db: Session, ticket: Ticket, order: Purchase) -> bool:
    """Whether an order may be this ticket's: the customer's own, or, of nobody known, one that the words name."""
    if ticket.customer_id is not None:
        return order.customer_id == ticket.customer_id
    return any(order.order_number in reading.numbers(text) for text in _texts(db, ticket))


def _unlisted(order: Purchase) -> Product:
    """What an order names and the list does not, to be looked for like the rest; it is written nowhere."""
    return Product(id=-(order.id or 0), name=order.product, name_key=catalogue.key_of(order.product),
                   created_at=order.ordered_at)  # fmt: skip


def _orders(db: Session, ticket: Ticket, numbers: Sequence[str]) -> list[Purchase]:
    """The customer's, the newest first; of nobody known those whose numbers stand in the words."""
    rows = select(Purchase).order_by(col(Purchase.ordered_at).desc(), col(Purchase.id).desc())
    if ticket.customer_id is not None:
        return list(db.exec(rows.where(Purchase.customer_id == ticket.customer_id).limit(2 * OFFERED)))
    return list(db.exec(rows.where(col(Purchase.order_number).in_(numbers)).limit(OFFERED))) if numbers else []


def _texts(db: Session, ticket: Ticket) -> list[str]:
    """What the customer said, the newest first: mails with their subject, and what was noted of calls."""
    family = tickets.family(ticket.id or 0)
    said = db.execute(
        sa.select(col(Message.subject), col(Message.reply_text), col(Message.text))
        .where(col(Message.ticket_id).in_(family), col(Message.direction) == Direction.IN)
        .order_by(col(Message.id).desc())
        .limit(MESSAGES_READ)
    )
    noted = db.scalars(
        sa.select(col(Call.note)).where(col(Call.ticket_id).in_(family), col(Call.note) != "")
        .order_by(col(Call.id).desc()).limit(MESSAGES_READ)
    )  # fmt: skip
    return [f"{subject}\n{reply or text}" for subject, reply, text in said] + list(noted)


def _rows() -> Any:
    rows: Any = (
        sa.select(ProductReturn, Product, ReturnReason, col(ProductLot.code))
        .join(Product, col(Product.id) == ProductReturn.product_id)
        .join(ReturnReason, col(ReturnReason.id) == ProductReturn.reason_id)
        .join(ProductLot, col(ProductLot.id) == ProductReturn.lot_id, isouter=True)
        .where(col(ProductReturn.state) != ReturnState.WITHDRAWN)
        .order_by(col(ProductReturn.asked_at), col(ProductReturn.id))
    )
    return rows


def _say(db: Session, ticket: Ticket, found: ProductReturn, was: str, was_at: str, by: Agent | None, now: datetime
         ) -> None:  # fmt: skip
    db.add(found)
    db.flush()
    told = ReturnChanged(
        ticket_id=ticket.id or 0, queue_id=ticket.queue_id, return_id=found.id or 0, what=found.state.value, was=was,
        was_at=was_at, by_id=by.id if by else None, at=now,
    )  # fmt: skip
    emit(db, told)
