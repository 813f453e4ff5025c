"""Who did what: the log of facts, as far as people stated them, for whoever has to know afterwards.

The one idea: nothing is written for the audit. It reads the facts there are; what settings said before and after
stands in their history (helpdesk/settings_history.py). Facts hold ids and codes, so nothing secret is in it, and a
customer who was forgotten is forgotten here too.

That somebody merely looked at a ticket or a customer is not kept: it would be a write with every page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import agents, conversations, romaji, settings_history
from helpdesk.errors import Invalid
from helpdesk.events import emit, recall
from helpdesk.facts import TableExported
from helpdesk.settings_history import Told
from models import Agent, Customer, Event

PAGE = 50
KINDS: Mapping[str, tuple[str, ...]] = {
    "settings": ("setting_changed", "router_changed", "training_changed", "wall_changed", "sending_domain_changed",
                 "api_token_changed", "schedule_changed", "catalogue_changed", "orders_brought", "shifts_changed"),
    "sign_ins": ("signed_in", "signed_out", "sign_in_refused"),
    "customers": ("customer_added", "customer_changed"),
    "exports": ("table_exported",),
    "mail": ("parked_settled",),
    "tickets": (
        "ticket_opened", "ticket_moved", "ticket_assigned", "ticket_resolved", "ticket_reopened", "customer_linked",
        "customer_unlinked", "ticket_linked", "ticket_unlinked", "ticket_merged", "ticket_unmerged", "ticket_split",
        "ticket_pended", "ticket_prioritized", "ticket_tagged", "ticket_untagged", "field_set", "checklist_changed",
        "return_changed",
        "message_withdrawn", "message_approved", "message_returned", "message_queued", "note_added", "macro_ran",
        "run_taken_back",
    ),
}  # fmt: skip
"""What is told, in groups. All but the last are of no ticket, and found by an index of their own."""
OF_TICKETS = "tickets"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which acts are looked for. Days are of the desk's zone, both of them in it; `ticket_id` leaves the rest aside."""

    kind: str = ""
    agent_id: int | None = None
    ticket_id: int | None = None
    customer_id: int | None = None
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One act. `code` and `facts` are told by WORDS["audit"], of tickets by WORDS["fact"]; `change` where settings
    changed. `by` is "" where nobody was signed in."""

    id: int
    at: datetime
    kind: str
    by: str
    code: str
    facts: dict[str, Any]
    ticket_id: int | None = None
    customer_id: int | None = None
    change: Told | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Lines, the newest first; `older` begins the next page, None at the end."""

    lines: list[Line] = field(default_factory=list)
    older: int | None = None


def exported(db: Session, what: str, *, by: Agent, now: datetime) -> None:
    """Somebody takes this table out of the desk as a file."""
    emit(db, TableExported(what=what, by_id=by.id, at=now))


def asked(query: Mapping[str, str]) -> Asked:
    """What stands in an address. Raises `Invalid` with the field."""
    kind = query.get("what", "")
    if kind and kind not in KINDS:
        raise Invalid("unknown_choice", field="what")
    numbers = {}
    for name in ("by", "ticket", "customer"):
        text = query.get(name, "").strip().lstrip("#＃")
        if text and not (text.isdecimal() and len(text) < 10):
            raise Invalid("not_a_number", field=name)
        numbers[name] = int(text) if text else None
    days: dict[str, date | None] = {}
    for name in ("from", "to"):
        text = query.get(name, "")
        try:
            days[name] = date.fromisoformat(text) if text else None
        except ValueError as error:
            raise Invalid("not_a_period", field=name) from error
        if (day := days[name]) and not 2000 <= day.year < 9000:
            raise Invalid("not_a_period", field=name)
    return Asked(kind, numbers["by"], numbers["ticket"], numbers["customer"], days["from"], days["to"])


def page(
    db: Session, wanted: Asked, *, before: int | None = None, limit: int = PAGE, language: str, timezone: str
) -> Page:
    """Acts the newest first, from the one before `before` on."""
    groups = [wanted.kind] if wanted.kind else list(KINDS)
    if wanted.ticket_id is not None:
        groups = [each for each in groups if each == OF_TICKETS]
    if wanted.customer_id is not None:
        groups = [each for each in groups if each == "customers"]
    found: list[Event] = []
    for group in groups:
        found += _of_tickets(db, wanted, before, limit + 1, timezone) if group == OF_TICKETS else _apart(
            db, KINDS[group], wanted, before, limit + 1, timezone
        )  # fmt: skip
    rows = sorted(found, key=lambda row: row.id or 0, reverse=True)
    shown = rows[:limit]
    return Page(_told(db, shown, language), shown[-1].id if len(rows) > limit else None)


def _apart(
    db: Session, names: Sequence[str], wanted: Asked, before: int | None, limit: int, timezone: str
) -> list[Event]:
    """Each kind of fact has its stretch of the index, so each is asked for alone."""
    found: list[Event] = []
    for name in names:
        query = select(Event).where(
            Event.fact == name, col(Event.ticket_id).is_(None), col(Event.call_id).is_(None), *_asked(wanted, timezone)
        )
        if name in KINDS["customers"]:
            query = query.where(col(Event.actor_id).is_not(None))  # the desk itself makes records of who writes
        if name == "catalogue_changed":
            query = query.where(col(Event.data)["what"].as_string() != "reason")  # a setting, and told as one
        if wanted.customer_id is not None:
            query = query.where(col(Event.data)["customer_id"].as_integer() == wanted.customer_id)
        if before is not None:
            query = query.where(col(Event.id) < before)
        found += db.exec(query.order_by(col(Event.id).desc()).limit(limit)).all()
    return found


def _of_tickets(db: Session, wanted: Asked, before: int | None, limit: int, timezone: str) -> list[Event]:
    query = select(Event).where(
        col(Event.fact).in_(KINDS[OF_TICKETS]), col(Event.actor_id).is_not(None), *_asked(wanted, timezone)
    )
    if wanted.ticket_id is not None:
        query = query.where(Event.ticket_id == wanted.ticket_id)
    else:
        query = query.where(col(Event.ticket_id).is_not(None))
    if before is not None:
        query = query.where(col(Event.id) < before)
    return list(db.exec(query.order_by(col(Event.id).desc()).limit(limit)).all())


def _asked(wanted: Asked, timezone: str) -> list["sa.ColumnElement[bool]"]:
    zone, where = ZoneInfo(timezone), []
    if wanted.agent_id is not None:
        where.append(col(Event.actor_id) == wanted.agent_id)
    if wanted.first is not None:
        where.append(col(Event.at) >= datetime.combine(wanted.first, time(), zone).astimezone(UTC))
    if wanted.last is not None:
        morrow = wanted.last + timedelta(days=1)
        where.append(col(Event.at) < datetime.combine(morrow, time(), zone).astimezone(UTC))
    return where


def _told(db: Session, rows: Sequence[Event], language: str) -> list[Line]:
    staff: Mapping[int | None, str] = dict(agents.names(db, language=language).items())
    noted = [row.data["change_id"] for row in rows if row.fact == "setting_changed"]
    changes = settings_history.told(db, noted, language=language)
    people = {row.data.get("customer_id") for row in rows} - {None}
    asked = sa.select(col(Customer.id), col(Customer.name), col(Customer.reading)).where(col(Customer.id).in_(people))
    named = {each: romaji.spoken(name, reading, language) for each, name, reading in db.execute(asked)}
    of_tickets = [row for row in rows if row.fact in KINDS[OF_TICKETS]]
    entries = {each.id: each for each in conversations.histories.told_of(db, of_tickets, language=language)}
    lines = []
    for row in rows:
        kind = next(name for name, facts in KINDS.items() if row.fact in facts)
        by = staff.get(row.actor_id, "")
        if entry := entries.get(row.id or 0):
            lines.append(Line(row.id or 0, row.at, kind, by, entry.fact, entry.facts, ticket_id=row.ticket_id))
            continue
        customer_id = row.data.get("customer_id")
        code, facts = _words(row, staff)
        facts["customer"] = named.get(customer_id, "")
        lines.append(Line(row.id or 0, row.at, kind, by, code, facts,
                          customer_id=customer_id if customer_id in named else None,
                          change=changes.get(row.data.get("change_id", 0))))  # fmt: skip
    return lines


def _words(row: Event, staff: Mapping[int | None, str]) -> tuple[str, dict[str, Any]]:
    told: Any = recall(row)
    if row.fact == "sign_in_refused":
        return ("sign_in_refused" if told.agent_id else "sign_in_unknown"), {"agent": staff.get(told.agent_id, "")}
    if row.fact in ("router_changed", "training_changed"):
        return row.fact, {}
    if row.fact in ("wall_changed", "sending_domain_changed"):
        return f"{row.fact.removesuffix('_changed')}_{told.state}", {"name": getattr(told, "domain_id", "")}
    if row.fact == "parked_settled":
        return row.fact, {"number": told.parked_id}
    if row.fact == "customer_changed":
        return row.fact, {"parts": told.what}
    return row.fact, {"what": getattr(told, "what", "")}
