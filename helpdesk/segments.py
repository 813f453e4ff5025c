"""Segments: named rules that customers answer to.

The one idea: a segment is a question and never a list. It is answered by walking the customers in the order of their
numbers, a stretch at a time, and asking of each by an index what they bought and which tickets they have; so a step
costs the same however many customers there are, and whoever walks them all knows how far that is. Nobody keeps what it
answered but whoever acted on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import filters
from helpdesk.customers import contact_points
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import SegmentChanged
from helpdesk.filters import Filter, questions
from helpdesk.filters.counting import Count
from helpdesk.search import letters
from models import Agent, ContactPoint, Customer, PointKind, Purchase, Segment, Ticket

NAME_MAX: Final = 60
MOST: Final = 200
"""Segments of a desk: a longer list is found through by nobody."""
STRETCH: Final = 5_000
"""Customers looked at in one step."""
GLANCE: Final = 20_000
"""Customers looked at for one page, before it says where it stopped."""
WORDS_MAX: Final = 100
NUMBER_MAX: Final = 100_000
LANGUAGES: Final = ("ja", "en")
RANGE: Final = ".."
"""Between the ends of a range; either may be empty, and both belong to it."""
DAYS: Final = ("contact", "bought_on", "resolved")
KINDS: Final = ("language", "company", "reach", "contact", "tickets", "bought", "bought_on", "resolved")

People = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Asked:
    """Conditions on customers, all of which hold. `people` by kind: "language" (any of them), "company" (how its name
    begins), "reach" (each of "email", "phone"), "contact" (days of the last contact), "tickets" (how many), "bought"
    (what the product's name contains), "bought_on" (days). Of `tickets` and "resolved" (days) one and the same ticket
    must answer to all. A range of days or numbers is "2026-10-01..2026-10-31"."""

    people: People = field(default_factory=dict)
    tickets: Filter = field(default_factory=Filter)

    def stored(self) -> dict[str, Any]:
        """As a row keeps it."""
        return {
            "people": {kind: list(values) for kind, values in self.people.items()},
            "tickets": self.tickets.stored(),
        }

    def asks_tickets(self) -> bool:
        """Whether a ticket must answer to something."""
        return bool(self.tickets.all or self.tickets.any or "resolved" in self.people)


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the customers, the newest first. `next_before` is where the next page goes on, None at the end;
    `is_paused` says that the search stopped though the page is not full."""

    ids: list[int]
    next_before: int | None = None
    is_paused: bool = False


def read(stored: Mapping[str, Any]) -> Asked:
    """Conditions as a row keeps them."""
    people = {kind: tuple(values) for kind, values in (stored.get("people") or {}).items()}
    return Asked(people, filters.read(stored.get("tickets") or {}))


def checked(db: Session, given: Asked, *, by: Agent) -> Asked:
    """The conditions with nothing empty in them, "me" being whoever says so. Raises `Invalid("not_a_condition")`,
    `Invalid("not_a_date")` or `Invalid("out_of_range")` with the kind as its field."""
    people: dict[str, tuple[str, ...]] = {}
    for kind, values in given.people.items():
        typed = tuple(dict.fromkeys(value.strip() for value in values if value.strip() not in ("", RANGE)))
        if typed:
            _check(kind, typed)
            people[kind] = typed
    tickets = filters.checked(db, given.tickets)
    own = [
        {kind: tuple(str(by.id) if kind == "assignee" and value == "me" else value for value in values)
         for kind, values in part.items()}
        for part in (tickets.all, tickets.any)
    ]  # fmt: skip
    return Asked(people, Filter(*own))


# --- the segments there are -------------------------------------------------------------------------------------------


def everyone(db: Session) -> list[Segment]:
    """All segments, by name."""
    there = select(Segment).where(col(Segment.deleted_at).is_(None))
    return list(db.exec(there.order_by(col(Segment.name), col(Segment.id))))


def get(db: Session, segment_id: int) -> Segment:
    """Raises `NotFound`, also for one that was deleted."""
    found = db.get(Segment, segment_id)
    if found is None or found.deleted_at is not None:
        raise NotFound("not_found", segment_id=segment_id)
    return found


def save(db: Session, segment: Segment | None, *, name: str, asked: Asked, by: Agent, now: datetime) -> Segment:
    """A new segment, or another name or question for one. Raises `Invalid` with the field."""
    name = " ".join(name.split())
    if not name:
        raise Invalid("name_missing", field="name")
    if len(name) > NAME_MAX:
        raise Invalid("too_long", field="name")
    others = [each for each in everyone(db) if segment is None or each.id != segment.id]
    if any(each.name == name for each in others):
        raise Invalid("segment_exists", field="name")
    kept = checked(db, asked, by=by).stored()
    what = "changed"
    if segment is None:
        if len(others) >= MOST:
            raise Invalid("too_many_segments", field="name")
        what = "made"
        segment = Segment(name=name, by_id=by.id, created_at=now, changed_at=now)
        db.add(segment)
    segment.name, segment.conditions, segment.changed_at = name, kept, now
    db.flush()
    emit(db, SegmentChanged(segment_id=segment.id or 0, what=what, by_id=by.id, at=now))
    return segment


def delete(db: Session, segment: Segment, *, by: Agent, now: datetime) -> None:
    """Take it off the list. What was sent to it says whom it was sent to all the same."""
    segment.deleted_at = now
    emit(db, SegmentChanged(segment_id=segment.id or 0, what="deleted", by_id=by.id, at=now))


# --- who belongs to one -----------------------------------------------------------------------------------------------


def newest(db: Session) -> int:
    """The number of the newest customer, 0 of none: where a walk ends."""
    return db.scalar(sa.select(sa.func.max(col(Customer.id)))) or 0


def step(db: Session, asked: Asked, *, above: int, last: int, limit: int, zone: str, now: datetime
         ) -> tuple[list[int], int]:  # fmt: skip
    """The next at most `limit` customers of a stretch beyond the number `above`, in order, and up to which number all
    were looked at."""
    until = min(last, above + STRETCH)
    inside = sa.select(col(Customer.id)).where(col(Customer.id) > above, col(Customer.id) <= until)
    query = inside.where(*_conditions(db, asked, zone=zone, now=now)).order_by(col(Customer.id)).limit(limit)
    ids = [found for found in db.scalars(query) if found is not None]
    return ids, ids[-1] if len(ids) == limit else until


def page(db: Session, asked: Asked, *, before: int | None = None, limit: int, zone: str, now: datetime) -> Page:
    """The next customers with numbers below `before`, by at most `GLANCE` looks."""
    conditions = _conditions(db, asked, zone=zone, now=now)
    start = end = newest(db) + 1 if before is None else before
    ids: list[int] = []
    while end > 1 and len(ids) <= limit and start - end < GLANCE:
        begin = max(1, end - STRETCH)
        inside = sa.select(col(Customer.id)).where(col(Customer.id) >= begin, col(Customer.id) < end)
        ordered = inside.where(*conditions).order_by(col(Customer.id).desc()).limit(limit + 1 - len(ids))
        ids += db.scalars(ordered)
        end = begin
    if len(ids) > limit:
        return Page(ids[:limit], ids[limit - 1])
    return Page(ids, end if end > 1 else None, end > 1)


def glance(db: Session, asked: Asked, *, limit: int, zone: str, now: datetime) -> tuple[Page, Count]:
    """The first page, and how many of the newest `GLANCE` customers belong, and whether there are others."""
    found = page(db, asked, limit=limit, zone=zone, now=now)
    if found.is_paused or found.next_before is None:  # all of them were looked at, and all who belong are on it
        return found, Count(len(found.ids), found.is_paused)
    last = newest(db)
    inside = sa.select(sa.func.count()).select_from(Customer).where(col(Customer.id) > last - GLANCE)
    return found, Count(db.scalar(inside.where(*_conditions(db, asked, zone=zone, now=now))) or 0, last > GLANCE)


def holding(db: Session, asked: Asked, customer_ids: Sequence[int], *, zone: str, now: datetime) -> set[int]:
    """Which of these customers belong."""
    if not customer_ids:
        return set()
    these = sa.select(col(Customer.id)).where(col(Customer.id).in_(customer_ids))
    return set(db.scalars(these.where(*_conditions(db, asked, zone=zone, now=now))))


def days_of(span: str) -> tuple[date | None, date | None]:
    """The first and the last day of a range of days. Raises `ValueError` for what is none."""
    first, _, last = span.partition(RANGE)
    begin, end = (date.fromisoformat(day) if day else None for day in (first, last))
    if (begin and end and end < begin) or RANGE not in span or not (begin or end):
        raise ValueError(span)
    if any(day and not 1900 <= day.year < 9000 for day in (begin, end)):  # its midnight elsewhere may be no moment
        raise ValueError(span)
    return begin, end


def numbers_of(span: str) -> tuple[int | None, int | None]:
    """The same for numbers."""
    first, _, last = span.partition(RANGE)
    least, most = (int(number) if number else None for number in (first, last))
    if RANGE not in span or (least is None and most is None) or (least or 0) < 0:
        raise ValueError(span)
    if (most is not None and most < (least or 0)) or max(least or 0, most or 0) > NUMBER_MAX:
        raise ValueError(span)
    return least, most


def _check(kind: str, values: Sequence[str]) -> None:
    if kind not in KINDS or any(len(value) > WORDS_MAX or "\x00" in value for value in values):
        raise Invalid("not_a_condition", field=kind)
    if kind == "language" and not set(values) <= set(LANGUAGES):
        raise Invalid("not_a_condition", field=kind)
    if kind == "reach" and not set(values) <= set(PointKind):
        raise Invalid("not_a_condition", field=kind)
    if kind not in ("language", "reach") and len(values) != 1:
        raise Invalid("not_a_condition", field=kind)
    if kind in DAYS or kind == "tickets":
        try:
            days_of(values[0]) if kind in DAYS else numbers_of(values[0])
        except ValueError as error:
            raise Invalid("not_a_range" if kind in DAYS else "out_of_range", field=kind) from error


def _conditions(db: Session, asked: Asked, *, zone: str, now: datetime) -> list[sa.ColumnElement[bool]]:
    """What must hold of a customer. Each look at another table is by the customer's own index there."""
    people = asked.people
    found: list[sa.ColumnElement[bool]] = []
    if languages := people.get("language"):
        found.append(col(Customer.language).in_(languages))
    if "company" in people and (key := contact_points.name_key(people["company"][0])):
        found += [col(Customer.company_key) >= key, col(Customer.company_key) < key + "\U0010ffff"]
    if "contact" in people:
        found += _within(col(Customer.last_contact_at), people["contact"][0], zone)
    found += [_has(ContactPoint, col(ContactPoint.kind) == kind) for kind in people.get("reach", ())]
    if "tickets" in people:
        least, most = numbers_of(people["tickets"][0])
        found += [_has(Ticket, at_least=least)] if least else []
        found += [sa.not_(_has(Ticket, at_least=most + 1))] if most is not None else []
    if "bought" in people or "bought_on" in people:
        bought: list[sa.ColumnElement[bool]] = []
        if "bought" in people:
            ways = letters.writings(people["bought"][0])
            bought.append(sa.or_(*(col(Purchase.product).icontains(way, autoescape=True) for way in ways)))
        if "bought_on" in people:
            bought += _within(col(Purchase.ordered_at), people["bought_on"][0], zone)
        found.append(_has(Purchase, *bought))
    if asked.asks_tickets():
        fits = questions.conditions(db, asked.tickets, now=now)
        if "resolved" in people:
            fits += _within(col(Ticket.resolved_at), people["resolved"][0], zone)
        found.append(_has(Ticket, *fits))
    return found


def _has(table: Any, *conditions: sa.ColumnElement[bool], at_least: int = 1) -> sa.ColumnElement[bool]:
    """Whether so many rows of the customer's own answer to these conditions: never more are counted than it takes to
    know. It is asked for the last of them and not for EXISTS, which PostgreSQL would join: where it believes that few
    rows of the whole table answer, it reads them all for each stretch."""
    own = sa.select(sa.literal(1)).select_from(table).where(table.customer_id == Customer.id, *conditions)
    return own.correlate(Customer).offset(at_least - 1).limit(1).scalar_subquery().is_not(None)


def _within(column: Any, span: str, zone: str) -> list[sa.ColumnElement[bool]]:
    """Within whole days of the desk's clock."""
    first, last = days_of(span)
    there = ZoneInfo(zone)
    found: list[sa.ColumnElement[bool]] = []
    if first:
        found.append(column >= datetime.combine(first, time(), there))
    if last:
        found.append(column < datetime.combine(last + timedelta(days=1), time(), there))
    return found
