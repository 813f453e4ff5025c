"""Customers: create, change, find, remember a number an agent chose a customer for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk.customers import contact_points
from helpdesk.errors import Invalid
from helpdesk.events import CustomerChanged, emit
from models import (
    Agent,
    Call,
    CallOffer,
    CallState,
    ContactPoint,
    Customer,
    PointKind,
    PointSource,
    Ticket,
)

SHOWN_MOST = 50
"""Of a customer's tickets so many are drawn anew at once when the record is edited: older ones stand on no list."""

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


def load(db: Session, customer_ids: Collection[int]) -> None:
    """Read several customers in one statement, so that each is at hand when it is asked for."""
    if customer_ids:
        db.exec(_SEVERAL, params={"ids": sorted(customer_ids)}).all()


def create(
    db: Session, form: Form, *, region: str, now: datetime, source: PointSource = PointSource.PROFILE
) -> Customer:
    """A new record. Raises `Invalid` with the field that cannot be understood."""
    points = _check(form, region)
    customer = Customer(name=form.name.strip(), created_at=now)
    _fill(customer, form)
    db.add(customer)
    db.flush()
    for kind, key, value in points:
        db.add(_point(customer, kind, key, value, source, form.labels.get(value, ""), now))
    db.flush()
    return customer


def change(db: Session, customer: Customer, form: Form, *, by: Agent, region: str, now: datetime) -> None:
    """Rewrite the record; numbers and addresses that stay keep how they are known."""
    points = _check(form, region)
    _fill(customer, form)
    there = {(point.kind, point.key): point for point in points_of(db, customer.id)}
    for kind, key, value in points:
        if (known := there.pop((kind, key), None)) is None:
            db.add(_point(customer, kind, key, value, PointSource.PROFILE, form.labels.get(value, ""), now))
        else:
            known.value = value
            if known.source == PointSource.TICKET:
                known.source = PointSource.PROFILE
    for gone in there.values():
        db.delete(gone)
    db.flush()
    say_changed(db, customer, by=by, now=now)


def say_changed(db: Session, customer: Customer, *, by: Agent | None, now: datetime) -> None:
    """Tell every screen that shows something of this customer."""
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
            by_id=by.id if by else None,
            at=now,
        ),
    )


def learn(db: Session, customer: Customer, kind: PointKind, key: str, value: str, *, now: datetime) -> None:
    """Remember that an agent said whose number or address this is. What others learned for it is forgotten."""
    db.execute(
        sa.update(ContactPoint)
        .where(
            col(ContactPoint.kind) == kind,
            col(ContactPoint.key) == key,
            col(ContactPoint.source) == PointSource.LEARNED,
            col(ContactPoint.customer_id) != customer.id,
        )
        .values(source=PointSource.TICKET)
    )
    known = db.exec(
        select(ContactPoint).where(
            ContactPoint.kind == kind, ContactPoint.key == key, ContactPoint.customer_id == customer.id
        )
    ).first()
    if known is None:
        db.add(_point(customer, kind, key, value, PointSource.LEARNED, "", now))
    elif known.source in (PointSource.TICKET, PointSource.PROFILE):
        known.source = PointSource.LEARNED
    db.flush()


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
            (Customer.reading_key, contact_points.reading_key(typed)),
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
        if "@" not in typed.strip("@"):
            raise Invalid("not_an_address", field="addresses", typed=typed)
        points[PointKind.EMAIL, contact_points.email_key(typed)] = typed
    return [(kind, key, value) for (kind, key), value in points.items()]


def _fill(customer: Customer, form: Form) -> None:
    customer.name, customer.reading, customer.company = form.name.strip(), form.reading.strip(), form.company.strip()
    customer.language, customer.caution, customer.note = form.language, form.caution.strip(), form.note.strip()
    customer.name_key = contact_points.name_key(customer.name)
    customer.reading_key = contact_points.reading_key(customer.reading)
    customer.company_key = contact_points.name_key(customer.company)


def _point(
    customer: Customer, kind: PointKind, key: str, value: str, source: PointSource, label: str, now: datetime
) -> ContactPoint:
    assert customer.id is not None
    tail = key[-4:] if kind == PointKind.PHONE else ""
    return ContactPoint(
        customer_id=customer.id, kind=kind, key=key, value=value, source=source, label=label, tail=tail, created_at=now
    )
