"""The incoming-call card: who calls, how we know, and what whoever picks up must see at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import blocked, calls, conversations, dispositions, help_signs, tickets
from helpdesk.calls import wrapping
from helpdesk.conversations.customers import CustomerBrief, TicketBrief
from helpdesk.customers import choices, contact_points, matching
from helpdesk.settings import Settings
from models import Agent, Call, CallState, Purchase, Queue, Ticket, looking

OPEN_TICKETS = 3
PURCHASES = 3
_CHOSEN = {"learned", "chosen", "withheld"}

# Built once: a telephone is ringing.
_SPOKE_BEFORE = sa.select(
    sa.select(col(Call.started_at))
    .where(
        col(Call.customer_id) == sa.bindparam("customer_id"),
        col(Call.id) != sa.bindparam("call_id"),
        col(Call.started_at) < sa.bindparam("at"),
    )
    .order_by(col(Call.started_at).desc())
    .limit(1)
    .scalar_subquery(),
    tickets.last_contact_before().scalar_subquery(),
    tickets.last_mail_before().scalar_subquery(),
)
_PURCHASED = (
    select(Purchase)
    .where(Purchase.customer_id == sa.bindparam("customer_id"))
    .order_by(col(Purchase.ordered_at).desc())
    .limit(PURCHASES)
)


@dataclass(frozen=True, slots=True)
class Card:
    """A call on an agent's screen. `state` is ringing, talking or wrap_up."""

    call_id: int
    state: str
    direction: str
    queue_name: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    number: str
    number_display: str
    withheld: bool
    match: str
    customer: CustomerBrief | None
    candidates: Sequence[CustomerBrief]
    open_tickets: Sequence[TicketBrief]
    last_contact_at: datetime | None
    purchases: Sequence[Purchase]
    accepted_by: str
    ticket_id: int | None
    note: str
    disposition: str
    outcomes: Mapping[str, Sequence[str]]  # by what they do to the ticket, see helpdesk/dispositions.py
    wrap_up_until: datetime | None
    needs_disposition: bool = True  # wrap-up goes on past its time until the outcome is given
    wants_help: bool = False  # its agent has raised a hand
    cause: str = ""
    company: str = ""  # whose main line it is, where nobody alone is meant
    is_chosen: bool = False  # an agent said who calls, and may take it back
    is_blocked: bool = False


def cards(db: Session, agent: Agent, *, language: str, settings: Settings) -> list[Card]:
    """All cards on the agent's screen, as a reload shows them."""
    return [
        card(db, call, language=language, settings=settings, is_handed=call.agent_id not in (None, agent.id))
        for call in calls.live_for(db, agent)
    ]


def shown_to(db: Session, call: Call) -> frozenset[int]:
    """The agents on whose screens the call is now."""
    own = frozenset({call.agent_id} if call.agent_id is not None and call.wrapped_up_at is None else ())
    return own if call.state == CallState.ENDED else own | frozenset(calls.showing(db, call.id))


def wrapped_up_beside(db: Session, ticket_ids: set[int]) -> Sequence[tuple[int, int]]:
    """Calls in wrap-up, each with its agent, whose card says what an outcome would do to one of these tickets."""
    if not ticket_ids:
        return ()
    has_list = looking.is_sqlite(db)
    return looking.ask(db, _wrapped_up_beside(has_list), ticket_ids=looking.numbers(ticket_ids, has_list))


@lru_cache
def _wrapped_up_beside(is_sqlite: bool) -> "sa.Select[Any]":
    columns: Any = col(Call.id), col(Call.agent_id)
    return sa.select(*columns).where(
        col(Call.ticket_id).in_(looking.listed("ticket_ids", is_sqlite)), col(Call.state) == CallState.ENDED,
        col(Call.wrapped_up_at).is_(None), col(Call.agent_id).is_not(None),
    )  # fmt: skip


def card(db: Session, call: Call, *, language: str, settings: Settings, is_handed: bool = False) -> Card:
    """The card of one call. `is_handed`: for somebody to whom its agent is handing it on, where it still rings."""
    queue = db.get(Queue, call.queue_id) if call.queue_id else None
    # Whom else the number may mean is asked only while nobody has said who calls.
    meant = matching.by_phone(db, call.number) if call.number and call.customer_id is None else matching.NOBODY
    ids = list(dict.fromkeys([*([call.customer_id] if call.customer_id else []), *meant.candidates]))
    briefs = {brief.id: brief for brief in conversations.customers.briefs(db, ids)}
    customer = briefs.get(call.customer_id or 0)
    taker = db.get(Agent, call.agent_id) if call.agent_id else None
    if call.state == CallState.ENDED:
        state = "wrap_up"
    else:
        state = "ringing" if is_handed or (call.agent_id is None and call.answered_at is None) else "talking"
    return Card(
        call.id or 0,
        state,
        call.direction,
        queue.called(language) if queue else "",
        call.started_at,
        call.answered_at,
        call.ended_at,
        call.number,
        contact_points.national(call.number, settings.region) if call.number else call.number_typed,
        call.is_withheld,
        call.match,
        customer,
        [brief for brief in briefs.values() if brief.id != call.customer_id],
        _open_tickets(db, call, language),
        _last_contact(db, call),
        _purchases(db, call.customer_id),
        taker.name if taker else "",
        call.ticket_id,
        call.note,
        call.disposition,
        dispositions.by_effect(db, db.get(Ticket, call.ticket_id or 0)) if state == "wrap_up" else {},
        call.ended_at + timedelta(seconds=wrapping.wrap_up_seconds(queue, settings)) if call.ended_at else None,
        queue is None or queue.needs_disposition,
        state == "talking" and help_signs.is_raised(db, call),
        call.cause,
        company=meant.company,
        is_chosen=call.customer_id is not None and call.match in _CHOSEN and choices.last_of(db, call.id) is not None,
        is_blocked=blocked.is_blocked(db, call.number),
    )


def _open_tickets(db: Session, call: Call, language: str) -> list[TicketBrief]:
    """The customer's open matters, the one the call joined first, without a ticket this very call opened."""
    if call.customer_id is None:
        return []
    own = conversations.customers.tickets_of(db, call.customer_id, language=language, limit=20)
    joined = db.get(Ticket, call.ticket_id) if call.ticket_id else None
    fresh = joined.id if joined and joined.created_at >= call.started_at else None
    open_ones = [brief for brief in own if brief.state != "resolved" and brief.id != fresh]
    return sorted(open_ones, key=lambda brief: brief.id != call.ticket_id)[:OPEN_TICKETS]


def _last_contact(db: Session, call: Call) -> datetime | None:
    """When the customer was last spoken to before this call."""
    if call.customer_id is None:
        return None
    asked = {"customer_id": call.customer_id, "call_id": call.id, "ticket_id": call.ticket_id, "at": call.started_at}
    return max((at for at in db.execute(_SPOKE_BEFORE, asked).one() if at), default=None)


def _purchases(db: Session, customer_id: int | None) -> Sequence[Purchase]:
    if customer_id is None:
        return ()
    return db.exec(_PURCHASED, params={"customer_id": customer_id}).all()
