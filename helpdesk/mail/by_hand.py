"""A person says where a mail belongs that came onto no ticket: what could not be read, or what the desk let go.

The one idea: from then on it is a mail like any other, on a ticket like any other, and its place in the ledger of mail
says that a person put it there.
"""

from dataclasses import replace
from datetime import datetime

from sqlmodel import Session, select

from helpdesk import inbox, routing, tickets
from helpdesk.customers import contact_points, matching
from helpdesk.errors import Conflict
from helpdesk.mail import parse, receive, senders
from helpdesk.mail.receive import Understood
from helpdesk.settings import Settings
from models import Agent, Channel, Inbound, Queue, Ticket, TicketState


def assign(
    db: Session, inbound_id: int, mail: Understood, ticket: Ticket, *, by: Agent, settings: Settings, now: datetime
) -> None:
    """Put it on this ticket, which is open from then on. Raises `Conflict` when somebody was faster."""
    inbound = _loose(db, inbound_id)
    mail = replace(mail, email=senders.settled(db, inbound, mail.email, settings=settings))
    if ticket.state != TicketState.OPEN:
        tickets.reopen(db, ticket, by_id=by.id, now=now)
    receive.place(db, inbound, ticket, mail, "assigned_by_hand", now=now)
    inbox.assigned(db, inbound, by=by, now=now)


def open_ticket(
    db: Session, inbound_id: int, mail: Understood, queue: Queue, *, by: Agent, settings: Settings, now: datetime
) -> Ticket:
    """Make a ticket of it in this queue. Raises `Conflict` when somebody was faster."""
    inbound = _loose(db, inbound_id)
    mail = replace(mail, email=senders.settled(db, inbound, mail.email, settings=settings))
    email, words = mail.email, mail.email.reply_text or mail.email.text
    who = matching.by_address(db, contact_points.email_key(email.sender.address)) if email.sender else None
    assert queue.id is not None
    ticket = tickets.start(
        db,
        subject=parse.subject_stem(email.subject) or words[:60].strip() or "—",
        channel=Channel.MAIL,
        queue_id=queue.id,
        customer_id=who.customer_id if who else None,
        language=mail.language,
        text=words,
        routed_by="by_agent",
        now=now,
    )
    decision = routing.keep(db, ticket, routing.Decision(queue.id, "by_agent"), by_id=by.id, now=now)
    message = receive.place(db, inbound, ticket, mail, "opened_by_hand", now=now)
    decision.message_id = message.id
    tickets.announce(db, ticket, by_id=by.id, now=now)
    inbox.assigned(db, inbound, by=by, now=now)
    return ticket


def _loose(db: Session, inbound_id: int) -> Inbound:
    inbound = db.exec(select(Inbound).where(Inbound.id == inbound_id).with_for_update()).one()
    if not inbox.is_loose(inbound):
        raise Conflict("already_settled", inbound_id=inbound_id)
    return inbound
