"""Which ticket an e-mail continues: by the ids it answers, then by the subject's token, then none.

Ids are looked up among those the desk itself stored, so a made-up id joins nothing. Whoever writes to the ticket's own
unguessable address takes part, from any address; the token in the subject counts only for one that does already.
Whoever quotes a real id without taking part is a stranger: the words are kept on the open ticket for agents to see, but
a stranger reopens nothing and is never answered. One who quotes a resolved ticket opens a new one that names it, where
the words are not hidden; a stranger's robot does not.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from helpdesk.customers import contact_points
from helpdesk.mail.parse import Email
from models import ContactPoint, Message, PointKind, Ticket, TicketState

TOKEN = re.compile(r"\[#([0-9]{1,9})\]")
REFERENCES_MAX = 100


@dataclass(frozen=True, slots=True)
class Thread:
    """`ticket` is continued; `follows` is named but not continued; `is_stranger` as above."""

    ticket: Ticket | None = None
    is_stranger: bool = False
    follows: int | None = None


def find(db: Session, email: Email, *, tag: str = "", reopen_days: int, now: datetime) -> Thread:
    """The ticket this e-mail belongs to. `tag` is what stood after the plus in the desk's address."""
    own = _by_tag(db, tag)
    ticket = own or _by_ids(db, email)
    if ticket is None:
        ticket = _by_token(db, email)
        if ticket is None or not takes_part(db, ticket, email):
            return Thread()
    if ticket.state == TicketState.RESOLVED and (ticket.resolved_at or now) < now - timedelta(days=reopen_days):
        return Thread(follows=ticket.id)
    is_stranger = own is None and not takes_part(db, ticket, email)
    if is_stranger and ticket.state == TicketState.RESOLVED and not email.is_automatic:
        return Thread(follows=ticket.id)
    return Thread(ticket, is_stranger=is_stranger)


def takes_part(db: Session, ticket: Ticket, email: Email) -> bool:
    """Whether the sender wrote in this ticket, was written to in it, or is its customer."""
    if email.sender is None:
        return False
    key = contact_points.email_key(email.sender.address)
    if (
        ticket.customer_id is not None
        and db.exec(
            select(ContactPoint.id).where(
                ContactPoint.kind == PointKind.EMAIL,
                ContactPoint.key == key,
                ContactPoint.customer_id == ticket.customer_id,
            )
        ).first()
        is not None
    ):
        return True
    said = db.exec(
        select(Message)
        .where(Message.ticket_id == ticket.id, col(Message.is_from_stranger).is_(False))
        .order_by(col(Message.id))
        .limit(500)
    )
    known = {address for message in said for address in (message.sender_address, *message.to, *message.cc)}
    return key in {contact_points.email_key(address) for address in known if address}


def tag_of(ticket: Ticket) -> str:
    """The unguessable tag of a ticket's reply address: "t42.<80 bits>"."""
    return f"t{ticket.id}.{ticket.token}"


def _by_tag(db: Session, tag: str) -> Ticket | None:
    found = re.fullmatch(r"t([0-9]{1,9})\.([0-9a-f]{20})", tag)
    ticket = db.get(Ticket, int(found[1])) if found else None
    return ticket if ticket is not None and found is not None and ticket.token == found[2] else None


def _by_ids(db: Session, email: Email) -> Ticket | None:
    named = list(dict.fromkeys((*email.in_reply_to, *email.references)))[:REFERENCES_MAX]
    if not named:
        return None
    rows = db.exec(select(Message.internet_id, Message.ticket_id).where(col(Message.internet_id).in_(named))).all()
    tickets = {internet_id: ticket_id for internet_id, ticket_id in rows}
    ticket_id = next((tickets[name] for name in named if name in tickets), None)
    return db.get(Ticket, ticket_id) if ticket_id is not None else None


def _by_token(db: Session, email: Email) -> Ticket | None:
    found = TOKEN.search(email.subject)
    return db.get(Ticket, int(found[1])) if found else None
