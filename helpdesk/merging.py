"""Two tickets about one matter become one, and two again where that was a mistake.

The one idea: nothing is moved. The merged ticket points to its target (`merged_into_id`), and whoever shows the target
or asks who takes part in it reads the whole `tickets.family`. So taking it back is to take the pointer back. A target
may be merged on: `home` follows the pointers to the ticket where the conversation goes on.

What else the target becomes by it (open again, waiting for us, by when) the fact remembers, and taking it back restores
it, unless somebody said or settled something there since: then that counts.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import tickets
from helpdesk.errors import Conflict, Invalid
from helpdesk.events import emit, recall
from helpdesk.facts import (
    MessageAwaits,
    MessageBounced,
    MessageFailed,
    MessageQueued,
    MessageReceived,
    MessageWithdrawn,
    TicketMerged,
    TicketPended,
    TicketReopened,
    TicketResolved,
    TicketSplit,
    TicketUnmerged,
    name_of,
)
from helpdesk.sla import merges
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
    rested_until = _iso(ticket.pending_until) if ticket.state == TicketState.PENDING else None
    found = _as_it_is(db, target)
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
                rested_until=rested_until,
                found=found,
                by_id=by.id,
                at=now,
            ),
        )


def unmerge(db: Session, ticket: Ticket, *, by: Agent, now: datetime) -> None:
    """Take a merge back: both tickets are what they were before, and whoever waited in this one waits there by the same
    time. What was said in the target since then stays there, and what became of it by that or by an agent's act stays
    as well.

    Raises `Conflict` where it is not merged.
    """
    assert ticket.id is not None
    into = db.get(Ticket, ticket.merged_into_id) if ticket.merged_into_id is not None else None
    for each in sorted((ticket, into or ticket), key=lambda each: each.id or 0):
        hold_still(db, each)
    if into is None or ticket.merged_into_id != into.id:
        raise Conflict("not_merged", ticket_id=ticket.id)
    assert into.id is not None
    number, merged = _last_merge(db, ticket.id)
    ticket.merged_into_id = None
    if merged.before != "resolved":
        ticket.state, ticket.resolved_at, ticket.awaits_us = TicketState.OPEN, None, merged.before == "awaiting"
        until = datetime.fromisoformat(merged.rested_until) if merged.rested_until else None
        if merged.rested_until is not None and (until is None or until > now):  # else it would have woken by now
            ticket.state, ticket.pending_until = TicketState.PENDING, until
    is_quiet = bool(merged.found) and not _went_on(db, into.id, merged, since=number)
    if is_quiet:
        _restore(db, into, merged.found, by=by, now=now)
    told = {"since": merged.at.isoformat(), "clock": merged.found["clock"]} if is_quiet else {}
    for each in (ticket, into):
        emit(
            db,
            TicketUnmerged(
                ticket_id=each.id or 0, queue_id=each.queue_id, merged_id=ticket.id, into_id=into.id, by_id=by.id,
                at=now, **told,
            ),
        )  # fmt: skip


def _as_it_is(db: Session, target: Ticket) -> dict[str, Any]:
    """What a merge may change in its target, see `TicketMerged.found`."""
    at = target.resolved_at if target.state == TicketState.RESOLVED else target.pending_until
    return {
        "state": target.state.value, "at": _iso(at), "awaited": target.awaits_us,
        "contact_at": _iso(target.last_contact_at), "clock": merges.clock_of(db, target),
    }  # fmt: skip


def _restore(db: Session, target: Ticket, found: dict[str, Any], *, by: Agent, now: datetime) -> None:
    state, at = TicketState(found["state"]), datetime.fromisoformat(found["at"]) if found["at"] else None
    if state != target.state:  # it was resolved, and opened for what was merged into it
        tickets.restore(
            db, target, state, at=at, awaits_us=found["awaited"], by_id=by.id, now=now, reason="taken_back"
        )  # fmt: skip
    target.awaits_us, target.last_contact_at = found["awaited"], datetime.fromisoformat(found["contact_at"])


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at else ""


def _last_merge(db: Session, ticket_id: int) -> tuple[int, TicketMerged]:
    """The fact of this ticket's last merge into another, with its number."""
    rows = db.exec(
        select(Event)
        .where(Event.ticket_id == ticket_id, Event.fact == name_of(TicketMerged))
        .order_by(col(Event.id).desc())
        .limit(100)
    )
    told = ((row.id or 0, recall(row)) for row in rows)
    return next((id_, fact) for id_, fact in told if isinstance(fact, TicketMerged) and fact.merged_id == ticket_id)


def _went_on(db: Session, target_id: int, merged: TicketMerged, *, since: int) -> bool:
    """Whether something was said or settled in a target after a merge, besides merges that were taken back again."""
    said = sa.or_(col(Event.fact).in_(_SETTLES), col(Event.fact).like("call!_%", escape="!"))
    others = {merged.merged_id: -1}  # which the target is told of after the ticket
    for row in db.exec(select(Event).where(Event.ticket_id == target_id, col(Event.id) > since, said).limit(200)):
        fact = recall(row)
        if isinstance(fact, TicketMerged | TicketUnmerged) and fact.into_id == target_id:
            others[fact.merged_id] = others.get(fact.merged_id, 0) + (1 if isinstance(fact, TicketMerged) else -1)
        else:
            return True
    return any(others.values())


_SETTLES = [
    name_of(kind)
    for kind in (TicketResolved, TicketReopened, TicketPended, TicketMerged, TicketUnmerged, TicketSplit,
                 MessageReceived, MessageQueued, MessageAwaits, MessageWithdrawn, MessageFailed, MessageBounced)
]  # fmt: skip
