"""One inquiry, from whatever channel, to a routed ticket. Read this first.

A call and an e-mail come here alike: who is it, does it continue something, and if not, whose queue is it. The three
answers each carry their reason, and the ticket is there, with its history and its place in a queue, when the
transaction commits.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from classifiers import Prediction
from helpdesk import impressions, routing, tickets
from helpdesk.customers.matching import NOBODY, Match
from helpdesk.impressions import Guess
from models import Channel, Customer, Queue, Routing, Ticket, TicketState


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """One inbound contact, understood as far as its channel can."""

    channel: Channel
    subject: str
    text: str = ""  # its words, as far as it has any
    match: Match = NOBODY
    language: str = "ja"
    written_to: Queue | None = None  # the queue whose mail address it came to
    dialed: Queue | None = None  # the queue whose number was called
    continues: Ticket | None = None  # the ticket its threading names
    impression: Guess | None = None  # shown on a new ticket, and of no other effect
    prediction: Prediction | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The ticket an inquiry became part of, and why that one."""

    ticket: Ticket
    is_new: bool
    reason: str  # by_thread, by_open_ticket, or the routing decision's
    routing: Routing | None = None  # the decision about a new one


def take_in(db: Session, inquiry: Inquiry, *, open_ticket_days: int, now: datetime) -> Taken:
    """Find or open the ticket of an inquiry. A new one is routed; its fact is left to who adds the words."""
    if inquiry.continues is not None:
        ticket, reason = inquiry.continues, "by_thread"
    elif found := _open_ticket(db, inquiry, since=now - timedelta(days=open_ticket_days)):
        ticket, reason = found, "by_open_ticket"
    else:
        return _open(db, inquiry, now=now)
    if ticket.customer_id is None and inquiry.match.customer_id is not None:
        _link(db, ticket, inquiry.match.customer_id, now=now)
    if ticket.state != TicketState.OPEN:
        tickets.reopen(db, ticket, now=now)
    _met(db, ticket, now)
    return Taken(ticket, False, reason)


def _open(db: Session, inquiry: Inquiry, *, now: datetime) -> Taken:
    decision = routing.decide(
        db,
        written_to=inquiry.written_to,
        dialed=inquiry.dialed,
        prediction=inquiry.prediction,
        threshold=inquiry.threshold,
    )
    ticket = tickets.start(
        db,
        subject=inquiry.subject,
        channel=inquiry.channel,
        queue_id=decision.queue_id,
        customer_id=inquiry.match.customer_id,
        language=inquiry.language,
        text=inquiry.text,
        routed_by=decision.reason,
        confidence=decision.confidence,
        is_urgent=impressions.is_urgent(inquiry.impression),
        sentiment=impressions.feeling(inquiry.impression),
        now=now,
    )
    kept = routing.keep(db, ticket, decision, now=now)
    _met(db, ticket, now)
    return Taken(ticket, True, decision.reason, kept)


def _open_ticket(db: Session, inquiry: Inquiry, *, since: datetime) -> Ticket | None:
    """The one open ticket a caller most likely calls about.

    Only a call joins this way: it has no thread to follow. It must be the only one, and of the queue dialed where the
    number dialed says something; otherwise the agent decides on the card.
    """
    if inquiry.channel != Channel.PHONE or inquiry.match.customer_id is None:
        return None
    found = tickets.open_of(db, inquiry.match.customer_id, since=since, limit=2)
    if len(found) != 1 or (inquiry.dialed is not None and found[0].queue_id != inquiry.dialed.id):
        return None
    return found[0]


def _link(db: Session, ticket: Ticket, customer_id: int, *, now: datetime) -> None:
    if customer := db.get(Customer, customer_id):
        tickets.link_customer(db, ticket, customer, by=None, now=now)


def _met(db: Session, ticket: Ticket, now: datetime) -> None:
    if ticket.customer_id is not None and (customer := db.get(Customer, ticket.customer_id)):
        customer.last_contact_at = now
