"""The promises on tickets: made, paused, kept, at risk, broken.

The one idea: nobody calls this room to say what happened. Once a transaction has stated its facts, `conclude` reads
them, ticket by ticket, and makes the clocks agree with what the ticket is now: they run while it is open, rest while it
is pending or resolved, and count by the policy that fits it. So no verb can forget a promise, and taking something back
takes back what it kept. What time alone brings about is in one column of one index, and `raising` does it once.

Whoever changes queue or priority changes what is promised, not what has passed: business time that was used stays used.

`hearing` knows what a fact does to a ticket's clocks, `agreeing` what the ticket then asks of them, `merges` what
becomes of them where tickets are merged; `clockwork` is one clock, `answers` what keeps it, `stored` its row. `showing`
tells a ticket's head.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import policies
from helpdesk.events import emit
from helpdesk.facts import (
    CallChanged,
    CallEnded,
    Fact,
    MessageFailed,
    MessageQueued,
    MessageReceived,
    MessageSent,
    MessageWithdrawn,
    PromiseChanged,
    TicketMerged,
    TicketMoved,
    TicketOpened,
    TicketPended,
    TicketPrioritized,
    TicketReopened,
    TicketResolved,
    TicketSplit,
    TicketUnmerged,
)
from helpdesk.policies import Book
from helpdesk.sla import agreeing, clockwork, hearing, merges, stored
from models import Promise, PromiseKind, Ticket, TicketState

BATCH = 100
HEARD: set[type[Fact]] = {
    TicketOpened, TicketMoved, TicketPrioritized, TicketPended, TicketResolved, TicketReopened,
    TicketMerged, TicketUnmerged, TicketSplit, MessageReceived, MessageQueued, MessageSent,
    MessageWithdrawn, MessageFailed, CallChanged, CallEnded,
}  # fmt: skip
"""The facts after which a ticket's clocks are looked at."""
OTHERS: set[type[Fact]] = {TicketMoved, TicketPrioritized}
"""The facts that make another ticket of it, as far as promises go."""


def opening(db: Session, ticket: Ticket) -> None:
    """Write on a ticket that a customer is about to open when we must answer, so that its row is written once."""
    book = policies.book(db)
    if not book.is_empty:
        agreeing.write_due(ticket, _plan(book, ticket).due)


def conclude(db: Session, told: Sequence[Fact]) -> None:
    """The transaction is about to commit, and this is all it stated: let the clocks agree with it."""
    policies.heard(db, told)
    book = policies.book(db)
    if book.is_empty:
        return
    by_ticket: dict[int, list[Fact]] = {}
    for fact in told:
        if type(fact) in HEARD and (ticket_id := getattr(fact, "ticket_id", None)):
            by_ticket.setdefault(ticket_id, []).append(fact)
    if not by_ticket:
        return
    made: list[dict[str, Any]] = []
    new = {ticket_id for ticket_id, facts in by_ticket.items() if any(isinstance(each, TicketOpened) for each in facts)}
    rows = stored.locked(db, by_ticket.keys() - new)
    merges.merge(by_ticket, rows)
    merges.unmerge(db, by_ticket, rows)
    for ticket_id, facts in by_ticket.items():
        ticket = db.get(Ticket, ticket_id)
        if ticket is None:
            continue
        if ticket_id in new and _is_usual(ticket, facts):
            plan = _plan(book, ticket)
            made += [values | {"ticket_id": ticket_id} for values in plan.rows]
            agreeing.write_due(ticket, plan.due)
            continue
        own = rows.setdefault(ticket_id, [])
        _settle(db, book, ticket, own, facts)
        if ticket_id in new:
            made += [stored.values(each) for each in own if each.id is None]
        else:
            db.add_all(own)
    if made:
        stored.add(db, made)


def recount(db: Session, *, above: int, now: datetime) -> int:
    """Let the clocks of open tickets agree with policies and calendars that were changed: some tickets above an id, in
    its order. Returns the last one's id; 0 where there are no more."""
    book = policies.book(db)
    found = db.exec(
        select(Ticket)
        .where(
            col(Ticket.id) > above,
            Ticket.state != TicketState.RESOLVED,
            sa.exists().where(col(Promise.ticket_id) == Ticket.id, col(Promise.kept_at).is_(None)),
        )
        .order_by(col(Ticket.id))
        .limit(BATCH)
        .with_for_update()
    ).all()
    rows = stored.locked(db, {ticket.id or 0 for ticket in found})
    for ticket in found:
        assert ticket.id is not None
        own, before = rows.get(ticket.id, []), (ticket.due_at, ticket.due_kind)
        agreeing.with_policy(db, book, ticket, own, at=now, calendars_too=True)
        agreeing.with_state(db, book, ticket, own, at=now)
        db.add_all(own)
        agreeing.write_due(ticket, clockwork.due(own))
        if (ticket.due_at, ticket.due_kind) != before:
            emit(db, PromiseChanged(ticket_id=ticket.id, queue_id=ticket.queue_id, at=now))
    return (found[-1].id or 0) if found else 0


def _settle(db: Session, book: Book, ticket: Ticket, rows: list[Promise], told: Sequence[Fact]) -> None:
    for fact in told:
        hearing.hear(db, book, ticket, rows, fact)
    at = told[-1].at
    if not any(isinstance(fact, TicketOpened) for fact in told):
        agreeing.with_policy(db, book, ticket, rows, at=at)
        if any(type(fact) in OTHERS for fact in told):
            agreeing.make_missing(db, book, ticket, rows)
    agreeing.with_state(db, book, ticket, rows, at=at)
    agreeing.write_due(ticket, clockwork.due(rows))


@dataclass(frozen=True, slots=True)
class Plan:
    """The promises on a ticket that a customer opens, as rows without their ticket, and the earliest of them."""

    rows: list[dict[str, Any]]
    due: tuple[datetime | None, str]


def _plan(book: Book, ticket: Ticket) -> Plan:
    def make() -> Plan:
        rows: list[Promise] = []
        clockwork.make(book, ticket, rows, (PromiseKind.FIRST_RESPONSE, PromiseKind.RESOLUTION), at=ticket.created_at)
        return Plan([stored.values(each) for each in rows], clockwork.due(rows))

    return book.remembered((ticket.queue_id, ticket.priority, ticket.channel, ticket.created_at), make)


def _is_usual(ticket: Ticket, told: Sequence[Fact]) -> bool:
    """Whether a customer opened it, and that is all that happened."""
    return ticket.state == TicketState.OPEN and all(
        isinstance(fact, MessageReceived) or (isinstance(fact, TicketOpened) and fact.by_id is None) for fact in told
    )
