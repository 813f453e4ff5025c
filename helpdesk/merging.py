"""Two tickets about one matter become one, and two again where that was a mistake.

The one idea: nothing is moved. The merged ticket points to its target (`merged_into_id`), and whoever shows the target
or asks who takes part in it reads the whole `tickets.family`. So taking it back is to take the pointer back. A target
may be merged on: `home` follows the pointers to the ticket where the conversation goes on.
"""

from datetime import datetime

from sqlmodel import Session, col, select

from helpdesk import tickets
from helpdesk.errors import Conflict, Invalid
from helpdesk.events import TicketMerged, TicketUnmerged, emit, name_of, recall
from models import Agent, Event, Message, Ticket, TicketState
from models.database import hold_still


def home(db: Session, ticket: Ticket) -> Ticket:
    """The ticket itself, or the one its conversation goes on in."""
    seen = {ticket.id}
    while ticket.merged_into_id is not None and ticket.merged_into_id not in seen:
        target = db.get(Ticket, ticket.merged_into_id)
        assert target is not None
        ticket = target
        seen.add(ticket.id)
    return ticket


def tells(db: Session, ticket: Ticket, message: Message) -> bool:
    """Whether a message is part of this ticket's conversation, here or in what was merged into it."""
    said_in = db.get(Ticket, message.ticket_id)
    return said_in is not None and (said_in.id == ticket.id or home(db, said_in).id == ticket.id)


def merge(db: Session, ticket: Ticket, into: Ticket, *, by: Agent, now: datetime) -> None:
    """Go on with this ticket's matter in another. Its page points there, and answers to either land there.

    What is still open stays so: a target that was resolved is opened for it. Raises `Invalid` where the two are one
    ticket already, `Conflict` where this one is merged elsewhere.
    """
    assert ticket.id is not None and into.id is not None
    for each in sorted((ticket, into), key=lambda each: each.id or 0):  # in one order, or two merges wait crosswise
        hold_still(db, each)
    if ticket.merged_into_id is not None:
        raise Conflict("already_merged", ticket_id=ticket.id, into_id=ticket.merged_into_id)
    target = home(db, into)
    if target.id == ticket.id:
        raise Invalid("merges_into_itself", field="into")
    assert target.id is not None
    was_open = ticket.state != TicketState.RESOLVED
    before = "resolved" if not was_open else "awaiting" if ticket.awaits_us else "open"
    if was_open and target.state == TicketState.RESOLVED:
        tickets.reopen(db, target, by_id=by.id, now=now)
    target.awaits_us = target.awaits_us or (was_open and ticket.awaits_us)
    target.last_contact_at = max(target.last_contact_at, ticket.last_contact_at)
    ticket.merged_into_id = target.id
    ticket.state, ticket.resolved_at, ticket.awaits_us = TicketState.RESOLVED, ticket.resolved_at or now, False
    ticket.pending_until = None
    for each in (ticket, target):
        emit(
            db,
            TicketMerged(
                ticket_id=each.id or 0,
                queue_id=each.queue_id,
                merged_id=ticket.id,
                into_id=target.id,
                before=before,
                by_id=by.id,
                at=now,
            ),
        )


def unmerge(db: Session, ticket: Ticket, *, by: Agent, now: datetime) -> None:
    """Take a merge back: the ticket is what it was before. What was said in the target since then stays there.

    Raises `Conflict` where it is not merged.
    """
    assert ticket.id is not None
    hold_still(db, ticket)
    if ticket.merged_into_id is None:
        raise Conflict("not_merged", ticket_id=ticket.id)
    target = db.get(Ticket, ticket.merged_into_id)
    assert target is not None and target.id is not None
    ticket.merged_into_id = None
    if (before := _before(db, ticket.id)) != "resolved":
        ticket.state, ticket.resolved_at, ticket.awaits_us = TicketState.OPEN, None, before == "awaiting"
    for each in (ticket, target):
        emit(
            db,
            TicketUnmerged(
                ticket_id=each.id or 0, queue_id=each.queue_id, merged_id=ticket.id, into_id=target.id, by_id=by.id,
                at=now,
            ),
        )  # fmt: skip


def _before(db: Session, ticket_id: int) -> str:
    """What this ticket was when it was merged last."""
    rows = db.exec(
        select(Event)
        .where(Event.ticket_id == ticket_id, Event.fact == name_of(TicketMerged))
        .order_by(col(Event.id).desc())
        .limit(100)
    )
    told = (recall(row) for row in rows)
    return next(fact.before for fact in told if isinstance(fact, TicketMerged) and fact.merged_id == ticket_id)
