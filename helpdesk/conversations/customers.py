"""A customer beside a ticket, in a chooser and on the own page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import asides, looks, preferences, survey_answers, unreachable
from helpdesk.conversations.entries import Entry, of_answer, of_call, of_message
from helpdesk.conversations.histories import Names, of_return
from helpdesk.mail import bounces
from models import (
    Call,
    Customer,
    Message,
    MessageState,
    ProductReturn,
    Purchase,
    Queue,
    ReturnState,
    Ticket,
    TicketState,
)
from models.looking import ask, columns_of, peek, rows

# Built once: the card of a ringing call shows both.
_TICKETS = {
    language: sa.select(
        col(Ticket.id),
        col(Ticket.subject),
        col(Ticket.state),
        col(name),
        col(Ticket.last_contact_at),
        col(Ticket.is_urgent),
        col(Ticket.sentiment),
        col(Ticket.snippet),
        col(Ticket.queue_id),
    )
    .join(Queue, col(Queue.id) == Ticket.queue_id)
    .where(col(Ticket.customer_id) == sa.bindparam("customer_id"))
    .order_by(col(Ticket.last_contact_at).desc(), col(Ticket.id).desc())
    .limit(sa.bindparam("most"))
    for language, name in (("ja", Queue.name), ("en", Queue.name_en))
}
_PURCHASES = (
    columns_of(Purchase)
    .where(col(Purchase.customer_id) == sa.bindparam("customer_id"))
    .order_by(col(Purchase.ordered_at).desc())
    .limit(10)
)
_BRIEFS = sa.select(
    col(Customer.id),
    col(Customer.name),
    col(Customer.reading),
    col(Customer.company),
    col(Customer.caution),
    col(Customer.last_contact_at),
    sa.select(sa.func.count())
    .where(col(Ticket.customer_id) == col(Customer.id), col(Ticket.state) != TicketState.RESOLVED)
    .scalar_subquery(),
).where(col(Customer.id).in_(sa.bindparam("ids", expanding=True)))

PANEL_TICKETS = 10


class TicketBrief(NamedTuple):  # a page has thirty of them: made, and compared, in a fifth of the time
    """`is_urgent` and `sentiment` are guesses, and empty where they are switched off."""

    id: int
    subject: str
    state: str
    queue_name: str
    last_contact_at: datetime
    is_urgent: bool
    sentiment: str
    snippet: str = ""
    queue_id: int = 0


@dataclass(frozen=True, slots=True)
class CustomerBrief:
    id: int
    name: str
    reading: str
    company: str
    caution: str
    last_contact_at: datetime | None
    open_count: int


@dataclass(frozen=True, slots=True)
class CustomerPanel:
    id: int
    name: str
    reading: str
    company: str
    number: str
    language: str
    caution: str
    note: str
    phones: Sequence[dict[str, str]]
    addresses: Sequence[dict[str, Any]]
    purchases: Sequence[Purchase]
    open_tickets: Sequence[TicketBrief]
    past_tickets: Sequence[TicketBrief]
    more_open: bool  # than are listed
    more_past: bool


def panel(db: Session, customer_id: int, *, language: str, but: int | None = None) -> CustomerPanel | None:
    """A customer beside a ticket or on the own page."""
    customer = peek(db, Customer, customer_id)
    if customer is None:
        return None
    points = unreachable.points_of(db, customer_id)
    purchases = rows(db, Purchase, _PURCHASES, customer_id=customer_id)
    own = tickets_of(db, customer_id, language=language, limit=3 * PANEL_TICKETS)
    others = [brief for brief in own if brief.id != but]
    past = [brief for brief in others if brief.state == TicketState.RESOLVED]
    waiting = [brief for brief in others if brief.state != TicketState.RESOLVED]
    is_cut = len(own) == 3 * PANEL_TICKETS
    return CustomerPanel(
        customer_id,
        customer.name,
        customer.reading,
        customer.company,
        customer.number,
        customer.language,
        customer.caution,
        customer.note,
        [_point(point) for point in points if point.kind == "phone"],
        [
            _point(point) | {"unreachable": why_unreachable(point.status) if point.status is not None else None}
            for point in points
            if point.kind == "email"
        ],
        purchases,
        waiting[:PANEL_TICKETS],
        past[:PANEL_TICKETS],
        is_cut or len(waiting) > PANEL_TICKETS,
        is_cut or len(past) > PANEL_TICKETS,
    )


def tickets_of(db: Session, customer_id: int, *, language: str, limit: int) -> list[TicketBrief]:
    """A customer's tickets, newest contact first."""
    found = ask(db, _TICKETS["en" if language == "en" else "ja"], customer_id=customer_id, most=limit)
    shown = preferences.all_shown(db) if found else ()
    return [
        TicketBrief(
            number,
            subject,
            state,
            queue,
            at,
            "urgency" in shown and urgent,
            feels if "sentiment" in shown else "",
            snippet,
            queue_id,
        )
        for number, subject, state, queue, at, urgent, feels, snippet, queue_id in found
    ]


def timeline(
    db: Session, customer_id: int, *, seen: sa.ColumnElement[bool], heard: sa.ColumnElement[bool],
    felt: sa.ColumnElement[bool], language: str, limit: int = 50,
) -> list[Entry]:  # fmt: skip
    """What a customer and the desk said to each other, what came back and what the customer answered when asked, over
    the tickets in `seen`, the calls in `heard` and the answers in `felt`, newest first. What other queues wrote and
    heard is theirs; that there are such tickets, the customer's panel tells all."""
    staff = looks.staff(db, language)
    messages = db.exec(
        select(Message)
        .join(Ticket, col(Ticket.id) == Message.ticket_id)
        .where(Ticket.customer_id == customer_id, seen, col(Message.state) != MessageState.WITHDRAWN)
        .order_by(col(Message.id).desc())
        .limit(limit)
    ).all()
    called = db.exec(
        select(Call).where(Call.customer_id == customer_id, heard).order_by(col(Call.started_at).desc()).limit(limit)
    ).all()
    entries = [of_message(message, staff, (), ()) for message in messages]
    entries += [of_call(call, staff) for call in called]
    back = db.exec(
        select(ProductReturn).join(Ticket, col(Ticket.id) == ProductReturn.ticket_id)
        .where(Ticket.customer_id == customer_id, seen, col(ProductReturn.state) != ReturnState.WITHDRAWN)
        .order_by(col(ProductReturn.asked_at).desc()).limit(limit)
    ).all()  # fmt: skip
    if back:
        called_so = asides.names(db, None, {("return", each.id or 0) for each in back}, language=language)
        entries += [entry for each in back for entry in of_return(each, Names({}, staff, called_so))]
    answers = survey_answers.of_customer(db, customer_id, seen=felt, limit=limit)
    further = survey_answers.questions_of(db, answers)
    entries += [of_answer(answer, further.get(answer.id or 0, "")) for answer in answers]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)[:limit]


def briefs(db: Session, customer_ids: Sequence[int]) -> list[CustomerBrief]:
    """Customers as a chooser lists them: open matters first, then whom we spoke to last."""
    if not customer_ids:
        return []
    made = [CustomerBrief(*values) for values in db.execute(_BRIEFS, {"ids": list(customer_ids)})]
    return sorted(
        made, key=lambda b: (b.open_count == 0, -(b.last_contact_at.timestamp() if b.last_contact_at else 0), b.id)
    )


def why_unreachable(status: str) -> dict[str, str]:
    """Why mail to an address came back, in plain words, and the status that said so."""
    return {"why": bounces.plainly(status), "status": status}


def _point(point: Any) -> dict[str, str]:
    return {"value": point.value, "label": point.label, "source": point.source.value}
