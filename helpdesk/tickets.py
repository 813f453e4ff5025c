"""What can be done with a ticket. Every verb states its fact; none commits."""

import re
import secrets
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import agents, fields, mentions, sla
from helpdesk.errors import Conflict, Invalid, NotAllowed
from helpdesk.events import emit
from helpdesk.facts import (
    CustomerLinked,
    CustomerUnlinked,
    NoteAdded,
    TicketAssigned,
    TicketOpened,
    TicketPended,
    TicketPrioritized,
    TicketReopened,
    TicketResolved,
)
from models import (
    Agent,
    Channel,
    Customer,
    Direction,
    Event,
    Message,
    MessageKind,
    MessageState,
    Note,
    PointKind,
    Priority,
    Ticket,
    TicketState,
)
from models.database import hold_still, insert

SUBJECT_MAX = 200
SNIPPET_MAX = 140
PEND_MAX = timedelta(days=366)
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
_RESOLVED = (
    select(Event)
    .where(Event.ticket_id == sa.bindparam("ticket_id"), Event.fact == "ticket_resolved")
    .order_by(col(Event.id).desc())
    .limit(1)
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
    sla.opening(db, ticket)
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
    """An internal remark. Colleagues it calls by name (@) are told, and watch the ticket from then on."""
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
    mentions.tell(db, ticket, remark, by=by, now=now)
    return remark


def assign(db: Session, ticket: Ticket, to: Agent | None, *, by: Agent | None, now: datetime) -> None:
    """Make one agent answerable for the ticket, or nobody. Assigning twice changes nothing. `by` None: the desk."""
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
    )  # fmt: skip


def resolve(db: Session, ticket: Ticket, *, by: Agent | None, now: datetime) -> None:
    """The matter is settled. Twice changes nothing.

    Raises `Conflict("fields_missing")` where the desk wants to know something of it first: `field_ids` says what.
    """
    if ticket.state == TicketState.RESOLVED:
        return
    if wanting := fields.missing(db, ticket):
        raise Conflict("fields_missing", ticket_id=ticket.id, field_ids=[each.id for each in wanting])
    settle(db, ticket, by_id=by.id if by else None, now=now)


def settle(db: Session, ticket: Ticket, *, by_id: int | None, now: datetime) -> None:
    """Resolve it whatever is still to be known of it: nobody is there to ask, or nothing is in it."""
    if ticket.state != TicketState.RESOLVED:
        restore(db, ticket, TicketState.RESOLVED, at=now, awaits_us=False, by_id=by_id, now=now)


def reopen(db: Session, ticket: Ticket, *, by_id: int | None = None, now: datetime, reason: str = "") -> None:
    """The matter was not settled after all, or rests no longer: a customer who waited for us when it was settled waits
    again, unless something was said since. Twice changes nothing. Raises `Conflict` where it goes on elsewhere."""
    if ticket.state == TicketState.OPEN:
        return
    _goes_on_here(ticket)
    awaits = ticket.awaits_us or _was_awaited(db, ticket)
    restore(db, ticket, TicketState.OPEN, at=None, awaits_us=awaits, by_id=by_id, now=now, reason=reason)


def _was_awaited(db: Session, ticket: Ticket) -> bool:
    """Whether the customer waited for us when it was resolved, and nothing was said since."""
    if ticket.resolved_at is None or ticket.last_contact_at > ticket.resolved_at:
        return False
    row = db.exec(_RESOLVED, params={"ticket_id": ticket.id}).first()
    return row is not None and bool(row.data.get("awaited"))


def pend(db: Session, ticket: Ticket, until: datetime | None, *, by: Agent | None, now: datetime) -> None:
    """Let it rest until a time, or until the customer writes, who may wake it before. The same again changes nothing.

    Raises `Invalid` where the time has passed or is more than a year away, `Conflict` where it goes on elsewhere.
    """
    if until is not None and not now < until <= now + PEND_MAX:
        raise Invalid("not_in_the_future" if until <= now else "too_far_away", field="until")
    _goes_on_here(ticket)
    if ticket.state == TicketState.PENDING and ticket.pending_until == until:
        return
    restore(
        db, ticket, TicketState.PENDING, at=until, awaits_us=ticket.awaits_us, by_id=by.id if by else None, now=now
    )  # fmt: skip


def wake(db: Session, ticket_id: int, until: datetime, *, now: datetime) -> None:
    """The time a ticket rested for has come. One that was opened meanwhile, or rests for another, is left alone."""
    ticket = db.get(Ticket, ticket_id)
    if ticket is None or ticket.state != TicketState.PENDING or ticket.pending_until != until:
        return
    hold_still(db, ticket)
    if ticket.state == TicketState.PENDING and ticket.pending_until == until:
        reopen(db, ticket, now=now, reason="woke")


def restore(
    db: Session,
    ticket: Ticket,
    state: TicketState,
    *,
    at: datetime | None,
    awaits_us: bool,
    by_id: int | None,
    now: datetime,
    reason: str = "",
) -> None:
    """Put it in a state, and state it together with the one it leaves. `at` is when it was resolved, or shall wake."""
    assert ticket.id is not None
    was_at = {TicketState.RESOLVED: ticket.resolved_at, TicketState.PENDING: ticket.pending_until}.get(ticket.state)
    told: dict[str, Any] = {
        "ticket_id": ticket.id, "queue_id": ticket.queue_id, "reason": reason, "was": ticket.state.value,
        "was_at": was_at.isoformat() if was_at else "", "awaited": ticket.awaits_us, "by_id": by_id, "at": now,
    }  # fmt: skip
    ticket.state, ticket.awaits_us = state, awaits_us
    ticket.resolved_at = at if state == TicketState.RESOLVED else None
    ticket.pending_until = at if state == TicketState.PENDING else None
    if state == TicketState.PENDING:
        emit(db, TicketPended(until_at=at.timestamp() if at else None, **told))
    else:
        emit(db, (TicketResolved if state == TicketState.RESOLVED else TicketReopened)(**told))


def prioritize(db: Session, ticket: Ticket, priority: int, *, by: Agent | None, now: datetime) -> None:
    """Say how soon it is to be dealt with. The same again changes nothing."""
    if priority not in set(Priority):
        raise Invalid("unknown_choice", field="priority")
    if ticket.priority == priority:
        return
    assert ticket.id is not None
    before, ticket.priority = ticket.priority, int(priority)
    emit(
        db,
        TicketPrioritized(
            ticket_id=ticket.id, queue_id=ticket.queue_id, priority=int(priority), before=before,
            by_id=by.id if by else None, at=now,
        ),
    )  # fmt: skip


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
    return _family_of(sa.literal(ticket_id))


def _family_of(ticket_id: Any) -> sa.Select[Any]:
    own = sa.select(sa.cast(ticket_id, sa.Integer).label("id")).cte("family", recursive=True)
    merged = sa.select(col(Ticket.id)).join(own, col(Ticket.merged_into_id) == own.c.id)
    return sa.select(own.union(merged).c.id)


FAMILY = _family_of(sa.bindparam("ticket_id"))
"""The same for statements that are built once, of :ticket_id."""


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


def _goes_on_here(ticket: Ticket) -> None:
    if ticket.merged_into_id is not None:
        raise Conflict("ticket_merged", ticket_id=ticket.id, into_id=ticket.merged_into_id)


def last_contact_before() -> sa.Select[datetime]:
    """When the newest ticket of customer :customer_id of before the time :at moved."""
    return (
        sa.select(col(Ticket.last_contact_at))
        .where(col(Ticket.customer_id) == sa.bindparam("customer_id"), col(Ticket.last_contact_at) < sa.bindparam("at"))
        .order_by(col(Ticket.last_contact_at).desc())
        .limit(1)
    )


def last_mail_before() -> sa.Select[datetime]:
    """When ticket :ticket_id last heard from its customer, or wrote to them, by mail before the time :at: a call that
    joins the ticket has moved it since."""
    at = sa.func.coalesce(col(Message.sent_at), col(Message.created_at))
    return (
        sa.select(at)
        .where(
            col(Message.ticket_id) == sa.bindparam("ticket_id"),
            at < sa.bindparam("at"),
            col(Message.state).in_((MessageState.RECEIVED, MessageState.SENT)),
            col(Message.kind) != MessageKind.FORWARD,
            sa.not_(col(Message.is_automatic)),
            sa.not_(col(Message.is_from_stranger)),
        )
        .order_by(col(Message.id).desc())
        .limit(1)
    )
