"""What two tickets have to do with each other, said by an agent: related, a duplicate, a part, or looked at and not.

A link is one row and two facts, one for either ticket, so that each history tells its own side of it.
"""

from datetime import datetime

from sqlmodel import Session

from helpdesk.errors import Invalid
from helpdesk.events import emit
from helpdesk.facts import TicketLinked, TicketUnlinked
from models import Agent, LinkKind, Ticket, TicketLink

SIDES = {
    LinkKind.RELATED: ("related", "related"),
    LinkKind.DUPLICATE: ("duplicates", "duplicated"),
    LinkKind.CHILD: ("child_of", "parent_of"),
    LinkKind.DISTINCT: ("distinct", "distinct"),
}
"""What the first ticket is to the other, and the other to the first."""
REASONS = {
    word: (kind, turned)
    for kind, words in SIDES.items()
    for word, turned in ((words[1], True), (words[0], False))
}  # fmt: skip
"""The same read from a word: its kind, and whether the ticket it is said of is the other one."""


def link(db: Session, ticket: Ticket, other: Ticket, reason: str, *, by: Agent | None, now: datetime) -> None:
    """Say what `ticket` is to `other`, as one of `REASONS`. Twice changes nothing.

    Raises `Invalid` for a word there is not, or where the two are one.
    """
    row = _row(ticket, other, reason)
    if db.get(TicketLink, (row.ticket_id, row.other_id, row.kind)) is not None:
        return
    db.add(row)
    db.flush()
    _say(db, TicketLinked, ticket, other, reason, by, now)


def unlink(db: Session, ticket: Ticket, other: Ticket, reason: str, *, by: Agent | None, now: datetime) -> None:
    """Take that back. What was not said changes nothing."""
    row = _row(ticket, other, reason)
    found = db.get(TicketLink, (row.ticket_id, row.other_id, row.kind))
    if found is None:
        return
    db.delete(found)
    db.flush()
    _say(db, TicketUnlinked, ticket, other, reason, by, now)


def seen_from(row: TicketLink, ticket_id: int) -> str:
    """What this ticket is to the other one of the two: one of `REASONS`, or "split_from", "split_off"."""
    words = SIDES.get(row.kind, ("split_from", "split_off"))
    return words[0] if row.ticket_id == ticket_id else words[1]


def _row(ticket: Ticket, other: Ticket, reason: str) -> TicketLink:
    if reason not in REASONS:
        raise Invalid("unknown_choice", field="reason")
    if ticket.id == other.id:
        raise Invalid("links_to_itself", field="other")
    kind, is_turned = REASONS[reason]
    first, second = (other.id or 0, ticket.id or 0) if is_turned else (ticket.id or 0, other.id or 0)
    if kind in (LinkKind.RELATED, LinkKind.DISTINCT):
        first, second = sorted((first, second))
    return TicketLink(ticket_id=first, other_id=second, kind=kind)


def _say(
    db: Session, fact: type[TicketLinked] | type[TicketUnlinked], ticket: Ticket, other: Ticket, reason: str,
    by: Agent | None, now: datetime,
) -> None:  # fmt: skip
    kind, is_turned = REASONS[reason]
    back = SIDES[kind][0] if is_turned else SIDES[kind][1]
    for here, there, word in ((ticket, other, reason), (other, ticket, back)):
        told = fact(
            ticket_id=here.id or 0, queue_id=here.queue_id, other_id=there.id or 0, reason=word,
            by_id=by.id if by else None, at=now,
        )  # fmt: skip
        emit(db, told)
