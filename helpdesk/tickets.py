"""What can be done with a ticket. Every verb states its fact; none commits."""

import re
import secrets
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import agents
from helpdesk.errors import Conflict, Invalid, NotAllowed
from helpdesk.events import (
    CustomerLinked,
    CustomerUnlinked,
    NoteAdded,
    TicketAssigned,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    emit,
)
from models import (
    Agent,
    Channel,
    Customer,
    Direction,
    Message,
    Note,
    PointKind,
    Ticket,
    TicketState,
)
from models.database import insert

SUBJECT_MAX = 200
SNIPPET_MAX = 140
_OPEN = (
    select(Ticket)
    .where(
        Ticket.customer_id == sa.bindparam("customer_id"),
        Ticket.state != TicketState.RESOLVED,
        Ticket.last_contact_at >= sa.bindparam("since"),
    )
    .order_by(col(Ticket.last_contact_at).desc(), col(Ticket.id).desc())
    .limit(sa.bindparam("most"))
)


def start(
    db: Session,
    *,
    subject: str,
    channel: Channel,
    queue_id: int,
    customer_id: int | None,
    language: str,
    now: datetime,
    text: str = "",
    routed_by: str = "",
    confidence: float | None = None,
    is_urgent: bool = False,
    sentiment: str = "",
) -> Ticket:
    """A new ticket in a queue. Its decision is written by `routing.keep`, its fact stated by `announce`.

    `text`, of which the list shows the beginning, the decision's two words and the impression's may be given at once,
    which saves writing the row twice.
    """
    ticket = Ticket(
        subject=subject.strip()[:SUBJECT_MAX],
        channel=channel,
        queue_id=queue_id,
        customer_id=customer_id,
        language=language,
        routed_by=routed_by,
        confidence=confidence,
        is_urgent=is_urgent,
        sentiment=sentiment,
        token=secrets.token_hex(10),
        created_at=now,
        last_contact_at=now,
    )
    touch(ticket, text, awaits_us=True, now=now)
    return insert(db, ticket)


def unborn(*, queue_id: int, customer: Customer | None, language: str, now: datetime) -> Ticket:
    """A ticket as it would begin, with no number and in no database: for words about what is not written yet.

    `language` is that of a customer who is not known.
    """
    return Ticket(
        subject="",
        channel=Channel.MAIL,
        queue_id=queue_id,
        customer_id=customer.id if customer else None,
        language=customer.language if customer else language,
        created_at=now,
        last_contact_at=now,
    )


def announce(db: Session, ticket: Ticket, *, by_id: int | None = None, now: datetime) -> None:
    """State that the ticket was opened, once all that belongs to it is there."""
    assert ticket.id is not None
    emit(db, TicketOpened(ticket_id=ticket.id, queue_id=ticket.queue_id, by_id=by_id, at=now))


def touch(ticket: Ticket, text: str, *, awaits_us: bool, now: datetime) -> None:
    """Something was said: it rises in the list, with its first words."""
    ticket.last_contact_at = max(now, ticket.last_contact_at)
    ticket.awaits_us = awaits_us
    if snippet := re.sub(r"\s+", " ", text[: SNIPPET_MAX * 4]).strip():
        ticket.snippet = snippet[:SNIPPET_MAX]


def note(db: Session, ticket: Ticket, text: str, *, by: Agent | None, now: datetime) -> Note:
    """An internal remark."""
    if not text.strip():
        raise Invalid("body_missing", field="body")
    assert ticket.id is not None
    remark = Note(ticket_id=ticket.id, author_id=by.id if by else None, text=text.strip(), created_at=now)
    db.add(remark)
    db.flush()
    assert remark.id is not None
    emit(
        db,
        NoteAdded(
            ticket_id=ticket.id, queue_id=ticket.queue_id, note_id=remark.id, by_id=by.id if by else None, at=now
        ),
    )
    return remark


def assign(db: Session, ticket: Ticket, to: Agent | None, *, by: Agent | None, now: datetime) -> None:
    """Make one agent answerable for the ticket, or nobody. Assigning twice changes nothing."""
    to_id = to.id if to else None
    if ticket.assignee_id == to_id:
        return
    if to and not agents.serves(db, to, ticket.queue_id):
        raise NotAllowed("agent_not_in_queue", agent_id=to_id, queue_id=ticket.queue_id)
    assert ticket.id is not None
    before, ticket.assignee_id = ticket.assignee_id, to_id
    emit(
        db,
        TicketAssigned(
            ticket_id=ticket.id, queue_id=ticket.queue_id, agent_id=to_id, from_agent_id=before,
            by_id=by.id if by else None, at=now,
        ),
    )


def resolve(db: Session, ticket: Ticket, *, by: Agent | None, now: datetime) -> None:
    """The matter is settled. Twice changes nothing."""
    if ticket.state == TicketState.RESOLVED:
        return
    assert ticket.id is not None
    ticket.state, ticket.resolved_at, ticket.awaits_us = TicketState.RESOLVED, now, False
    emit(db, TicketResolved(ticket_id=ticket.id, queue_id=ticket.queue_id, by_id=by.id if by else None, at=now))


def reopen(db: Session, ticket: Ticket, *, by_id: int | None = None, now: datetime) -> None:
    """The matter was not settled after all. Twice changes nothing. Raises `Conflict` where it goes on elsewhere."""
    if ticket.state == TicketState.OPEN:
        return
    if ticket.merged_into_id is not None:
        raise Conflict("ticket_merged", ticket_id=ticket.id, into_id=ticket.merged_into_id)
    assert ticket.id is not None
    ticket.state, ticket.resolved_at = TicketState.OPEN, None
    emit(db, TicketReopened(ticket_id=ticket.id, queue_id=ticket.queue_id, by_id=by_id, at=now))


def link_customer(db: Session, ticket: Ticket, customer: Customer, *, by: Agent | None, now: datetime) -> None:
    """Say whose ticket it is; the address it came from is remembered as this customer's."""
    from helpdesk.customers import contact_points, records

    if ticket.customer_id == customer.id:
        return
    assert ticket.id is not None and customer.id is not None
    ticket.customer_id = customer.id
    last = last_received(db, ticket.id)
    if by and last and last.sender_address and not last.is_from_stranger:
        records.learn(
            db, customer, PointKind.EMAIL, contact_points.email_key(last.sender_address), last.sender_address, now=now
        )
    customer.last_contact_at = max(customer.last_contact_at or ticket.last_contact_at, ticket.last_contact_at)
    emit(
        db,
        CustomerLinked(
            ticket_id=ticket.id, queue_id=ticket.queue_id, customer_id=customer.id, by_id=by.id if by else None, at=now
        ),
    )


def unlink_customer(db: Session, ticket: Ticket, *, by: Agent | None, now: datetime) -> None:
    """Say that it is not known whose ticket it is."""
    if ticket.customer_id is None:
        return
    assert ticket.id is not None
    ticket.customer_id = None
    unlinked = CustomerUnlinked(
        ticket_id=ticket.id, queue_id=ticket.queue_id, by_id=by.id if by else None, at=now
    )  # fmt: skip
    emit(db, unlinked)


def family(ticket_id: int) -> sa.Select[Any]:
    """The ids of this ticket and of all that were merged into it, however far; for use in `in_`, in one statement."""
    own = sa.select(sa.cast(sa.literal(ticket_id), sa.Integer).label("id")).cte("family", recursive=True)
    merged = sa.select(col(Ticket.id)).join(own, col(Ticket.merged_into_id) == own.c.id)
    return sa.select(own.union(merged).c.id)


def last_received(db: Session, ticket_id: int) -> Message | None:
    """The newest mail the customer's side wrote, here or in what was merged into it, which a reply answers."""
    return db.exec(
        select(Message)
        .where(
            col(Message.ticket_id).in_(family(ticket_id)),
            Message.direction == Direction.IN,
            sa.not_(col(Message.is_from_stranger)),
        )
        .order_by(col(Message.id).desc())
        .limit(1)
    ).first()


def open_of(db: Session, customer_id: int, *, since: datetime, limit: int = 20) -> list[Ticket]:
    """A customer's tickets that are not resolved and moved since then, newest contact first."""
    return list(db.exec(_OPEN, params={"customer_id": customer_id, "since": since, "most": limit}))


def last_contact_before() -> sa.Select[datetime]:
    """When the newest ticket of customer :customer_id of before the time :at moved."""
    return (
        sa.select(col(Ticket.last_contact_at))
        .where(col(Ticket.customer_id) == sa.bindparam("customer_id"), col(Ticket.last_contact_at) < sa.bindparam("at"))
        .order_by(col(Ticket.last_contact_at).desc())
        .limit(1)
    )
