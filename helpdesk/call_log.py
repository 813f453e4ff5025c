"""The list of all calls: by filter, number, last four digits or customer's name; newest first, a page at a time."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import access, measures, queues, romaji
from helpdesk.customers import contact_points, records
from helpdesk.errors import NotFound
from helpdesk.settings import Settings
from models import Agent, Call, Customer, Outcome, Queue

PAGE = 50
FILTERS = ("all", "today", "mine", "missed", "abandoned")


@dataclass(frozen=True, slots=True)
class Behind:
    """The very calls behind a figure: one of `measures.LISTS`, of an interval and some queues."""

    count: str
    interval: measures.Interval | None
    queue_id: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """A call as the list shows it. `outcome` is "" while it is open."""

    id: int
    direction: str
    from_display: str
    customer_id: int | None
    customer_name: str
    match: str
    queue_name: str
    agent_name: str
    state: str
    outcome: str
    started_at: datetime
    wait_seconds: int
    talk_seconds: int
    ticket_id: int | None
    disposition: str
    number: str = ""  # E.164; "" when there is none to call


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Row]
    next_cursor: str | None


def page(db: Session, agent: Agent, chosen: str, typed: str, *, cursor: str = "", settings: Settings,
         now: datetime, behind: Behind | None = None) -> Page:  # fmt: skip
    """Calls of the queues the agent serves, and the agent's own; with `behind` only those behind a figure.

    Raises `NotFound` for a filter there is not.
    """
    if chosen not in FILTERS or (behind and behind.count not in measures.LISTS):
        raise NotFound("not_found", filter=chosen)
    name = Queue.name_en if agent.language == "en" else Queue.name
    query = (
        sa.select(Call, *(sa.func.coalesce(column, "") for column in (
            Customer.name, Customer.reading, name, Agent.name, Agent.reading)))
        .join(Customer, col(Customer.id) == Call.customer_id, isouter=True)
        .join(Queue, col(Queue.id) == Call.queue_id, isouter=True)
        .join(Agent, col(Agent.id) == Call.agent_id, isouter=True)
        .where(access.heard_calls(db, agent), *_filter(chosen, agent, settings, now), *_found(db, typed, settings))
        .order_by(col(Call.started_at).desc(), col(Call.id).desc()).limit(PAGE + 1)
    )  # fmt: skip
    if behind:
        seen = [behind.queue_id] if behind.queue_id is not None else [queue.id or 0 for queue in queues.everyone(db)]
        query = query.where(col(Call.id).in_(measures.calls_behind(behind.count, behind.interval, seen)))
    if cursor:
        query = query.where(sa.tuple_(Call.started_at, Call.id) < sa.tuple_(*_parse(cursor)))
    found = db.execute(query).all()
    rows = [_row(*told, language=agent.language, settings=settings) for told in found[:PAGE]]
    more = len(found) > PAGE
    return Page(rows, f"{rows[-1].started_at.isoformat()}~{rows[-1].id}" if more else None)


def _filter(chosen: str, agent: Agent, settings: Settings, now: datetime) -> list[sa.ColumnElement[bool]]:
    if chosen == "mine":
        return [col(Call.agent_id) == agent.id]
    if chosen == "today":
        midnight = now.astimezone(ZoneInfo(settings.timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
        return [col(Call.started_at) >= midnight]
    if chosen in ("missed", "abandoned"):
        return [col(Call.outcome) == Outcome(chosen)]
    return []


def _found(db: Session, typed: str, settings: Settings) -> list[sa.ColumnElement[bool]]:
    if not typed:
        return []
    number = contact_points.read_number(typed, region=settings.region)
    if number.kind == "number":
        return [col(Call.number) == number.e164]
    digits = contact_points.plain(typed)
    if len(digits) == 4 and digits.isdecimal():
        return [col(Call.number).like(f"%{digits}")]
    ids = [customer.id for customer in records.search(db, typed, region=settings.region)]
    return [col(Call.customer_id).in_(ids)]


def _row(call: Call, customer: str, reading: str, queue: str, who: str, whose: str, *, language: str,
         settings: Settings) -> Row:  # fmt: skip
    shown = contact_points.national(call.number, settings.region) if call.number else call.number_typed
    outcome = "" if call.outcome == Outcome.OPEN else call.outcome.value
    return Row(
        call.id or 0, call.direction, shown, call.customer_id, romaji.spoken(customer, reading, language), call.match,
        queue, romaji.spoken(who, whose, language), call.state.value, outcome,
        call.started_at, call.wait_seconds, call.talk_seconds, call.ticket_id, call.disposition,
        call.number,
    )  # fmt: skip


def _parse(cursor: str) -> tuple[Any, Any]:
    at, _, call_id = cursor.partition("~")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), int(call_id)
    except (ValueError, OverflowError) as error:
        raise NotFound("not_found", cursor=cursor) from error
