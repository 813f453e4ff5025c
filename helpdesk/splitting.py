"""A message that is about another matter becomes a ticket of its own, and comes back where that was a mistake.

The message moves with its files and what was guessed from it; a link and a line in either history say where it went.
Taking it back moves it back and lets the ticket it had become go on in the old one, so nobody's bookmark breaks.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import merging, outgoing, routing, tickets
from helpdesk.errors import Conflict
from helpdesk.events import emit
from helpdesk.facts import TicketSplit
from models import (
    Agent,
    Call,
    Channel,
    Direction,
    Impression,
    LinkKind,
    Message,
    MessageState,
    Note,
    Ticket,
    TicketLink,
    TicketState,
)
from models.database import hold_still


def split(db: Session, ticket: Ticket, message: Message, *, by: Agent, now: datetime) -> Ticket:
    """Begin a ticket with a mail the customer's side wrote. It has the old one's queue, customer and assignee.

    Raises `Conflict` for one of ours, or where nothing would remain.
    """
    assert ticket.id is not None and message.id is not None
    hold_still(db, ticket)
    db.refresh(message)
    if message.ticket_id != ticket.id or message.direction != Direction.IN or ticket.merged_into_id is not None:
        raise Conflict("cannot_be_split", message_id=message.id)
    if not _holds_more(db, ticket.id, message.id):
        raise Conflict("nothing_would_remain", ticket_id=ticket.id)
    made = tickets.start(
        db,
        subject=message.subject or ticket.subject,
        channel=Channel.MAIL,
        queue_id=ticket.queue_id,
        customer_id=None if message.is_from_stranger else ticket.customer_id,
        language=ticket.language,
        now=message.created_at,
        text=message.reply_text or message.text,
    )
    assert made.id is not None
    made.created_at, made.assignee_id, made.priority = now, ticket.assignee_id, ticket.priority
    routing.keep(db, made, routing.Decision(ticket.queue_id, "by_split"), by_id=by.id, now=now)
    tickets.announce(db, made, by_id=by.id, now=now)
    was_strange, message.is_from_stranger = message.is_from_stranger, False  # in its own ticket it speaks first
    _put(db, message, made.id)
    db.add(TicketLink(ticket_id=made.id, other_id=ticket.id, kind=LinkKind.SPLIT))
    db.flush()
    _retell(db, ticket)
    for each in (ticket, made):
        emit(
            db,
            TicketSplit(
                ticket_id=each.id or 0, queue_id=each.queue_id, message_id=message.id, from_id=ticket.id,
                into_id=made.id, was_strange=was_strange, by_id=by.id, at=now,
            ),
        )  # fmt: skip
    return made


def rejoin(db: Session, told: TicketSplit, *, by: Agent, now: datetime) -> None:
    """Take a split back. Raises `Conflict` where something was said in the new ticket since: merge the two instead."""
    source, made, message = db.get(Ticket, told.from_id), db.get(Ticket, told.into_id), db.get(Message, told.message_id)
    if source is None or made is None or message is None:
        raise Conflict("moved_on", ticket_id=told.ticket_id)
    for each in sorted((source, made), key=lambda each: each.id or 0):
        hold_still(db, each)
    if message.ticket_id != made.id or made.merged_into_id is not None or _holds_more(db, told.into_id, message.id):
        raise Conflict("moved_on", ticket_id=told.ticket_id)
    message.is_from_stranger = told.was_strange
    _put(db, message, told.from_id)
    link = db.get(TicketLink, (made.id, source.id, LinkKind.SPLIT))
    if link is not None:
        db.delete(link)
    db.flush()
    merging.merge(db, made, source, by=by, now=now)
    _retell(db, source)


def _put(db: Session, message: Message, ticket_id: int) -> None:
    message.ticket_id = ticket_id
    read = sa.update(Impression).where(col(Impression.message_id) == message.id)
    db.execute(read.values(ticket_id=ticket_id))
    db.add(message)
    db.flush()


def _holds_more(db: Session, ticket_id: int, message_id: int | None) -> bool:
    """Whether anything was said in it besides: by mail, by telephone or among us."""
    said = select(Message.id).where(
        Message.ticket_id == ticket_id, Message.id != message_id, Message.state != MessageState.WITHDRAWN
    )
    here = (
        said,
        select(Call.id).where(Call.ticket_id == ticket_id),
        select(Note.id).where(Note.ticket_id == ticket_id),
        select(Ticket.id).where(Ticket.merged_into_id == ticket_id),
    )
    return any(db.exec(query.limit(1)).first() is not None for query in here)


def _retell(db: Session, ticket: Ticket) -> None:
    """What the list says of a ticket, by what is said in it now."""
    awaited = ticket.awaits_us
    outgoing.retell(db, ticket)
    if ticket.state == TicketState.RESOLVED:
        ticket.awaits_us = awaited
