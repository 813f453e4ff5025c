"""Customers: create, change, find, remember a number an agent chose a customer for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk.customers import contact_points
from helpdesk.errors import Invalid
from helpdesk.events import emit
from helpdesk.facts import CustomerAdded, CustomerChanged
from models import (
    Agent,
    Call,
    CallOffer,
    CallState,
    ContactPoint,
    Customer,
    CustomerChoice,
    PointKind,
    PointSource,
    RemovedPoint,
    Ticket,
)

SHOWN_MOST = 50
"""Of a customer's tickets so many are drawn anew at once when the record is edited: older ones stand on no list."""

WRITTEN = ("name", "reading", "company", "number", "language", "caution", "note")
"""What stands in a record besides numbers and addresses."""

_SEVERAL = select(Customer).where(col(Customer.id).in_(sa.bindparam("ids", expanding=True)))


@dataclass(slots=True)
class Form:
    """What is typed about a customer. Phones in any spelling."""

    name: str
    reading: str = ""
    company: str = ""
    language: str = "ja"
    phones: Sequence[str] = ()
    addresses: Sequence[str] = ()
    caution: str = ""
    note: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    number: str = ""


def load(db: Session, customer_ids: Collection[int]) -> None:
    """Read several customers in one statement, so that each is at hand when it is asked for."""
    if customer_ids:
        db.exec(_SEVERAL, params={"ids": sorted(customer_ids)}).all()


def create(
    db: Session,
    form: Form,
    *,
    region: str,
    now: datetime,
    source: PointSource = PointSource.PROFILE,
    by: Agent | None = None,
) -> Customer:
    """A new record. Raises `Invalid` with the field that cannot be understood."""
    points = _check(form, region)
    customer = Customer(name=form.name.strip(), created_at=now)
    _fill(customer, form)
    db.add(customer)
    db.flush()
    for kind, key, value in points:
        db.add(new_point(customer, kind, key, value, source, form.labels.get(value, ""), now))
    db.flush()
    assert customer.id is not None
    emit(db, CustomerAdded(customer_id=customer.id, by_id=by.id if by else None, at=now))
    return customer


def change(db: Session, customer: Customer, form: Form, *, by: Agent, region: str, now: datetime) -> None:
    """Rewrite the record; numbers and addresses that stay keep how they are known."""
    points = _check(form, region)
    before = {name: getattr(customer, name) for name in WRITTEN}
    _fill(customer, form)
    what = [name for name, said in before.items() if getattr(customer, name) != said]
    there = {(point.kind, point.key): point for point in points_of(db, customer.id)}
    if there.keys() != {(kind, key) for kind, key, _ in points}:
        what.append("contact_points")
    for kind, key, value in points:
        if (known := there.pop((kind, key), None)) is None:
            place(db, new_point(customer, kind, key, value, PointSource.PROFILE, form.labels.get(value, ""), now))
        else:
            known.value = value
            if known.source == PointSource.TICKET:
                known.source = PointSource.PROFILE
    for gone in there.values():
        take_off(db, gone, by=by, now=now)
    db.flush()
    say_changed(db, customer, what=what, by=by, now=now)


def say_changed(db: Session, customer: Customer, *, what: Sequence[str] = (), by: Agent | None, now: datetime) -> None:
    """Tell every screen that shows something of this customer; `what` are the names of what was rewritten."""
    newest = (
        select(Ticket.id)
        .where(Ticket.customer_id == customer.id)
        .order_by(col(Ticket.last_contact_at).desc())
        .limit(SHOWN_MOST)
    )
    live = select(Call.id).where(
        Call.customer_id == customer.id, sa.or_(col(Call.state) != CallState.ENDED, col(Call.wrapped_up_at).is_(None)),
        Call.started_at > now - timedelta(days=1),
    ).limit(SHOWN_MOST)  # fmt: skip
    call_ids = [found for found in db.exec(live) if found is not None]
    shown = sa.select(col(CallOffer.agent_id)).where(col(CallOffer.call_id).in_(call_ids))
    taken = sa.select(col(Call.agent_id)).where(col(Call.id).in_(call_ids), col(Call.agent_id).is_not(None))
    assert customer.id is not None
    emit(
        db,
        CustomerChanged(
            customer_id=customer.id,
            ticket_ids=[found for found in db.exec(newest) if found is not None],
            call_ids=call_ids,
            agent_ids=sorted(set(db.scalars(shown.union(taken)))),
            what=list(what),
            by_id=by.id if by else None,
            at=now,
        ),
    )


def learn(
    db: Session, customer: Customer, kind: PointKind, key: str, value: str, *, now: datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Remember that an agent said whose number or address this is. What others learned for it is forgotten.

    Returns how the customer was known by it, {} if not at all, and how those were who were chosen until now, by id:
    what `unlearn` needs.
    """
    chosen = select(ContactPoint).where(
        ContactPoint.kind == kind,
        ContactPoint.key == key,
        col(ContactPoint.learned_at).is_not(None),
        ContactPoint.customer_id != customer.id,
    )
    unlearned: dict[str, Any] = {}
    for other in db.exec(chosen).all():
        unlearned[str(other.customer_id)] = _known_by(other)
        other.learned_at = None
        if other.source == PointSource.LEARNED:
            other.source = PointSource.TICKET
    known, before = point_of(db, customer, kind, key), {}
    if known is None:
        known = place(db, new_point(customer, kind, key, value, PointSource.LEARNED, "", now))
    else:
        before = _known_by(known)
        if known.source in (PointSource.TICKET, PointSource.GUESSED):
            known.source = PointSource.LEARNED
    known.learned_at = now
    db.flush()
    return before, unlearned


def unlearn(db: Session, choice: CustomerChoice) -> None:
    """Forget what `learn` remembered of a choice, as far as nobody said anything else of the number since."""
    customer = db.get(Customer, choice.customer_id)
    point = point_of(db, customer, PointKind.PHONE, choice.number) if customer and choice.number else None
    if point is None or point.learned_at != choice.at:
        return
    before = choice.point_before
    point.learned_at = _time(before.get("learned_at"))
    if point.source == PointSource.LEARNED and before:
        point.source = PointSource(before["source"])
    elif point.source == PointSource.LEARNED:
        db.delete(point)
    db.flush()
    for customer_id, known in choice.unlearned.items():
        other = db.get(Customer, int(customer_id))
        theirs = point_of(db, other, PointKind.PHONE, choice.number) if other else None
        if theirs is not None and theirs.learned_at is None:
            theirs.learned_at = _time(known.get("learned_at"))
            if theirs.source == PointSource.TICKET:
                theirs.source = PointSource(known["source"])
    db.flush()


def point_of(db: Session, customer: Customer, kind: PointKind, key: str) -> ContactPoint | None:
    """How a customer is known by a number (E.164) or an address (folded); None if not."""
    return db.exec(
        select(ContactPoint).where(
            ContactPoint.kind == kind, ContactPoint.key == key, ContactPoint.customer_id == customer.id
        )
    ).first()


def place(db: Session, point: ContactPoint) -> ContactPoint:
    """Put a number or address on a record; that it was once taken off is forgotten."""
    db.execute(
        sa.delete(RemovedPoint).where(
            col(RemovedPoint.customer_id) == point.customer_id,
            col(RemovedPoint.kind) == point.kind,
            col(RemovedPoint.key) == point.key,
        )
    )
    db.add(point)
    db.flush()
    return point


def take_off(db: Session, point: ContactPoint, *, by: Agent | None, now: datetime) -> RemovedPoint:
    """Take a number or address off its record, in a way that can be taken back."""
    gone = RemovedPoint(
        customer_id=point.customer_id, kind=point.kind, key=point.key, value=point.value, label=point.label,
        source=point.source, created_at=point.created_at, learned_at=point.learned_at, removed_at=now,
        removed_by_id=by.id if by else None,
    )  # fmt: skip
    db.delete(point)
    db.add(gone)
    db.flush()
    return gone


def points_of(db: Session, customer_id: int | None) -> list[ContactPoint]:
    """A customer's numbers and addresses, in the order they became known."""
    return list(
        db.exec(select(ContactPoint).where(ContactPoint.customer_id == customer_id).order_by(col(ContactPoint.id)))
    )


def points_of_many(db: Session, customer_ids: Sequence[int]) -> dict[int, list[ContactPoint]]:
    """The numbers and addresses of several customers, in one statement."""
    found: dict[int, list[ContactPoint]] = {}
    for point in db.exec(
        select(ContactPoint).where(col(ContactPoint.customer_id).in_(customer_ids)).order_by(col(ContactPoint.id))
    ):
        found.setdefault(point.customer_id, []).append(point)
    return found


def search(db: Session, typed: str, *, region: str, limit: int = 50) -> list[Customer]:
    """Customers by number (any spelling, or its last four digits), address, or the beginning of name, reading, company.

    Every way is a look-up in an index, so the answer does not slow with the number of customers.
    """
    typed = typed.strip()
    if not typed:
        return list(
            db.exec(
                select(Customer).order_by(col(Customer.last_contact_at).desc(), col(Customer.id).desc()).limit(limit)
            )
        )
    ids: list[int] = []
    digits = "".join(c for c in contact_points.plain(typed) if c.isdigit())
    number = contact_points.read_number(typed, region=region)
    if number.kind == "number":
        ids += _with_point(db, PointKind.PHONE, number.e164, limit)
    elif len(digits) == 4 and len(typed) == 4:
        ids += db.exec(select(ContactPoint.customer_id).where(ContactPoint.tail == digits).limit(limit)).all()
    if "@" in typed:
        ids += _with_point(db, PointKind.EMAIL, contact_points.email_key(typed), limit)
    elif number.kind != "number":
        for column, key in (
            (Customer.name_key, contact_points.name_key(typed)),
            *((Customer.reading_key, key) for key in contact_points.reading_keys(typed)),
            (Customer.company_key, contact_points.name_key(typed)),
        ):
            if key:
                ids += [
                    found
                    for found in db.exec(
                        select(Customer.id)
                        .where(col(column) >= key, col(column) < key + "\U0010ffff")
                        .order_by(col(column))
                        .limit(limit)
                    )
                    if found is not None
                ]
    ids = list(dict.fromkeys(ids))[:limit]
    found = {customer.id: customer for customer in db.exec(select(Customer).where(col(Customer.id).in_(ids)))}
    return [found[customer_id] for customer_id in ids if customer_id in found]


def _with_point(db: Session, kind: PointKind, key: str, limit: int) -> list[int]:
    return list(
        db.exec(select(ContactPoint.customer_id).where(ContactPoint.kind == kind, ContactPoint.key == key).limit(limit))
    )


def _check(form: Form, region: str) -> list[tuple[PointKind, str, str]]:
    if not form.name.strip():
        raise Invalid("name_missing", field="name")
    points: dict[tuple[PointKind, str], str] = {}
    for typed in filter(None, (phone.strip() for phone in form.phones)):
        number = contact_points.read_number(typed, region=region)
        if number.kind != "number":
            raise Invalid("not_a_phone_number", field="phones", typed=typed)
        points[PointKind.PHONE, number.e164] = number.e164
    for typed in filter(None, (address.strip() for address in form.addresses)):
        if not (key := contact_points.email_key(typed)):
            raise Invalid("not_an_address", field="addresses", typed=typed)
        points[PointKind.EMAIL, key] = typed
    return [(kind, key, value) for (kind, key), value in points.items()]


def _fill(customer: Customer, form: Form) -> None:
    customer.name, customer.reading, customer.company = form.name.strip(), form.reading.strip(), form.company.strip()
    customer.language, customer.caution, customer.note = form.language, form.caution.strip(), form.note.strip()
    customer.number = form.number.strip()
    customer.name_key = contact_points.name_key(customer.name)
    customer.reading_key = contact_points.reading_key(customer.reading)
    customer.company_key = contact_points.name_key(customer.company)


def new_point(
    customer: Customer, kind: PointKind, key: str, value: str, source: PointSource, label: str, now: datetime
) -> ContactPoint:
    """A row that is not yet placed."""
    assert customer.id is not None
    tail = key[-4:] if kind == PointKind.PHONE else ""
    return ContactPoint(
        customer_id=customer.id, kind=kind, key=key, value=value, source=source, label=label, tail=tail, created_at=now
    )


def _known_by(point: ContactPoint) -> dict[str, Any]:
    return {"source": point.source.value, "learned_at": point.learned_at.isoformat() if point.learned_at else None}


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
