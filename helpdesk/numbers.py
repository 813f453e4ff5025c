"""The numbers and addresses of a customer's record: added, named, verified, taken off and put back, in one place.

A ringing telephone is matched by what stands here. So whatever is changed, calls that are still on somebody's screen
are looked at anew; what is over stays as it was told then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from helpdesk import blocked
from helpdesk.calls import callers
from helpdesk.customers import choices, company_lines, contact_points, records
from helpdesk.errors import Conflict, Invalid, NotFound
from models import Agent, Call, ContactPoint, Customer, PointKind, PointSource, RemovedPoint

LONGEST_LABEL = 40
PUT_BACK_WITHIN = timedelta(days=30)
"""So long what was taken off is offered to be put back."""


@dataclass(frozen=True, slots=True)
class Line:
    """One number or address as the customer's page shows it."""

    id: int
    kind: str
    value: str
    label: str
    source: str
    is_learned: bool
    carriers: int
    """How many customers carry it."""
    is_shared: bool
    company: str
    """Whose main line it is."""
    proposed: str
    """The company whose main line it seems to be."""
    is_blocked: bool


@dataclass(frozen=True, slots=True)
class Lines:
    """The section of the page: what stands on the record, what was taken off lately, the company's main lines."""

    lines: Sequence[Line]
    removed: Sequence[RemovedPoint]
    company_lines: Sequence[str]


def lines(db: Session, customer: Customer, *, now: datetime) -> Lines:
    """All numbers and addresses of a customer."""
    points = records.points_of(db, customer.id)
    phones = [point.key for point in points if point.kind == PointKind.PHONE]
    carried = company_lines.carriers(db, phones)
    mains, seeming = company_lines.among(db, phones), company_lines.proposed(db, phones)
    removed = db.exec(
        select(RemovedPoint)
        .where(RemovedPoint.customer_id == customer.id, RemovedPoint.removed_at > now - PUT_BACK_WITHIN)
        .order_by(col(RemovedPoint.removed_at).desc(), col(RemovedPoint.id))
        .limit(5)
    ).all()
    return Lines(
        [
            Line(
                point.id or 0, point.kind.value, point.value, point.label, point.source.value,
                point.learned_at is not None and point.kind == PointKind.PHONE,
                carried.get(point.key, 1) if point.kind == PointKind.PHONE else 1,
                point.kind == PointKind.PHONE and carried.get(point.key, 1) > company_lines.SHARED_BY,
                mains.get(point.key, ""), seeming.get(point.key, ""),
                point.kind == PointKind.PHONE and blocked.is_blocked(db, point.key),
            )
            for point in points
        ],
        removed,
        [line.e164 for line in company_lines.lines_of(db, customer.company)],
    )  # fmt: skip


def create(db: Session, form: records.Form, *, region: str, by: Agent | None = None, now: datetime) -> Customer:
    """A new record; who calls from one of its numbers just now is known at once. Raises `Invalid`."""
    made = records.create(db, form, region=region, by=by, now=now)
    callers.relabel(db, _phones(db, made), now=now)
    return made


def change(db: Session, customer: Customer, form: records.Form, *, by: Agent, region: str, now: datetime) -> None:
    """The whole record rewritten. Raises `Invalid`."""
    before = set(_phones(db, customer))
    records.change(db, customer, form, by=by, region=region, now=now)
    callers.relabel(db, before ^ set(_phones(db, customer)), now=now)


def add(db: Session, customer: Customer, typed: str, label: str, *, by: Agent, region: str, now: datetime) -> None:
    """One more number or address. Raises `Invalid("not_a_phone_number")`, "not_an_address", or `Conflict`."""
    typed = typed.strip()
    if "@" in typed.strip("@"):
        kind, key, value = PointKind.EMAIL, contact_points.email_key(typed), typed
        if not key:
            raise Invalid("not_an_address", field="typed")
    else:
        key = value = contact_points.to_e164(typed, region=region)
        kind = PointKind.PHONE
    if records.point_of(db, customer, kind, key):
        raise Conflict("already_there", customer_id=customer.id)
    point = records.new_point(customer, kind, key, value, PointSource.PROFILE, label.strip()[:LONGEST_LABEL], now)
    records.place(db, point)
    _edited(db, customer, point, by=by, now=now)


def name(db: Session, customer: Customer, point: ContactPoint, label: str, *, by: Agent, now: datetime) -> None:
    """Say what kind of number it is: 携帯, home, the office in Osaka."""
    point.label = label.strip()[:LONGEST_LABEL]
    db.flush()
    records.say_changed(db, customer, by=by, now=now)


def confirm(db: Session, customer: Customer, point: ContactPoint, *, by: Agent, now: datetime) -> None:
    """It belongs on the record, however the desk came by it."""
    if point.source not in (PointSource.VERIFIED, PointSource.PROFILE):
        point.source = PointSource.PROFILE
        _edited(db, customer, point, by=by, now=now)


def verify(
    db: Session, customer: Customer, point: ContactPoint, *, is_verified: bool, by: Agent, now: datetime
) -> None:
    """Somebody made sure that it is this customer's, or doubts it again."""
    point.source = PointSource.VERIFIED if is_verified else PointSource.PROFILE
    _edited(db, customer, point, by=by, now=now)


def remove(db: Session, customer: Customer, point: ContactPoint, *, by: Agent, now: datetime) -> None:
    """Take it off the record."""
    records.take_off(db, point, by=by, now=now)
    _edited(db, customer, point, by=by, now=now)


def put_back(db: Session, customer: Customer, removed_id: int, *, by: Agent, now: datetime) -> None:
    """As it was before it was taken off. Raises `NotFound`."""
    gone = db.get(RemovedPoint, removed_id)
    if gone is None or gone.customer_id != customer.id:
        raise NotFound("not_found", removed_id=removed_id)
    point = records.new_point(customer, gone.kind, gone.key, gone.value, gone.source, gone.label, gone.created_at)
    rival = select(ContactPoint.id).where(
        ContactPoint.kind == gone.kind, ContactPoint.key == gone.key, col(ContactPoint.learned_at).is_not(None)
    )
    point.learned_at = gone.learned_at if db.exec(rival.limit(1)).first() is None else None
    records.place(db, point)
    _edited(db, customer, point, by=by, now=now)


def forget(db: Session, customer: Customer, point: ContactPoint, *, by: Agent, now: datetime) -> None:
    """Take back the choice by which it was learned: the call and its ticket are as they were before."""
    choice = choices.that_taught(db, customer.id or 0, point.key) if point.kind == PointKind.PHONE else None
    call = db.get(Call, choice.call_id) if choice else None
    key = point.key
    last = choices.last_of(db, call.id) if call else None
    if choice is not None and call is not None and last is not None and last.id == choice.id:
        callers.undo_choice(db, call, by=by, now=now)
    else:
        point.learned_at = None
        if choice is not None:
            choices.forget(db, choice, now=now)
        if point.source == PointSource.LEARNED:
            point.source = PointSource.TICKET
        db.flush()
    callers.relabel(db, [key], now=now)
    records.say_changed(db, customer, by=by, now=now)


def declare_line(db: Session, customer: Customer, point: ContactPoint, *, by: Agent, now: datetime) -> None:
    """It is the main line of the customer's company. Raises `Invalid("company_missing")`, "not_a_phone_number"."""
    if point.kind != PointKind.PHONE:
        raise Invalid("not_a_phone_number")
    key = point.key
    company_lines.declare(db, key, customer.company, now=now)
    callers.relabel(db, [key], now=now)
    records.say_changed(db, customer, by=by, now=now)


def withdraw_line(db: Session, customer: Customer, e164: str, *, by: Agent, now: datetime) -> None:
    """It is no main line after all."""
    company_lines.withdraw(db, e164)
    callers.relabel(db, [e164], now=now)
    records.say_changed(db, customer, by=by, now=now)


def point_of(db: Session, customer: Customer, point_id: int) -> ContactPoint:
    """A number or address of this customer's. Raises `NotFound`."""
    point = db.get(ContactPoint, point_id)
    if point is None or point.customer_id != customer.id:
        raise NotFound("not_found", point_id=point_id)
    return point


def _phones(db: Session, customer: Customer) -> list[str]:
    return [point.key for point in records.points_of(db, customer.id) if point.kind == PointKind.PHONE]


def _edited(db: Session, customer: Customer, point: ContactPoint, *, by: Agent, now: datetime) -> None:
    db.flush()
    if point.kind == PointKind.PHONE:
        callers.relabel(db, [point.key], now=now)
    records.say_changed(db, customer, by=by, now=now)
