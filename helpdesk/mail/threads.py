"""Which ticket an e-mail continues: by the address it was sent to, by the ids it answers, by the subject's token.

Ids are looked up among those the desk itself stored, so a made-up id joins nothing. Whoever writes to the ticket's own
unguessable address takes part, from any address; the token in the subject counts only for one that does already.
Whoever quotes a real id without taking part is a stranger: the words are kept on the open ticket for agents to see, but
a stranger reopens nothing and is never answered. Who names a ticket without joining it opens a new one, and either
ticket tells of the other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import merging, tickets
from helpdesk.customers import contact_points
from helpdesk.mail.parse import Email
from models import ContactPoint, Direction, Message, MessageState, PointKind, Ticket, TicketState

TOKEN = re.compile(r"\[#([0-9]{1,9})\]")
REFERENCES_MAX = 100
PARTICIPANTS_MAX = 500  # messages of a ticket that are asked who takes part
_TAG = re.compile(r"t([0-9]{1,9})\.([0-9a-f]{20})(?:\.m([0-9]{1,12}))?")
_OURS = re.compile(r"<(?:t[0-9]{1,9}\.)?[0-9a-f]{24}@")  # how compose.new_id makes them: others are not looked up
_UNSENT = (MessageState.AWAITING, MessageState.HELD, MessageState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Thread:
    """`ticket` is continued. `follows` is named by somebody who takes part in it, but was resolved too long ago;
    `claims` is named by somebody who does not. `is_stranger`: they quote an id of ours all the same. `came_back`: the
    e-mail is our own, of that ticket, returned to us by an alias, a list or a copy."""

    ticket: Ticket | None = None
    is_stranger: bool = False
    follows: int | None = None
    claims: int | None = None
    came_back: int | None = None


def find(
    db: Session, email: Email, *, tag: str = "", answers_by_itself: bool = False, reopen_days: int, now: datetime
) -> Thread:
    """The ticket this e-mail belongs to. `tag` is what stood after the plus in the desk's address.

    A machine's answer (`answers_by_itself`) belongs to its ticket however long ago that was resolved.
    """
    quoted, came_back = _by_ids(db, email)
    if came_back is not None:
        return Thread(came_back=came_back)
    own = next((found for each in _tags(email, tag) if (found := by_tag(db, each))), None)
    named = own or (db.get(Ticket, quoted) if quoted is not None else None)
    quotes = named is not None
    named = named or _by_token(db, email)
    if named is None:
        return Thread()
    ticket = merging.home(db, named)
    joins = own is not None or takes_part(db, ticket, email, besides=named)
    if not joins and not quotes:
        return Thread(claims=ticket.id)
    if answers_by_itself or ticket.state != TicketState.RESOLVED:
        return Thread(ticket, is_stranger=not joins)
    if not joins:
        return Thread(is_stranger=True, claims=ticket.id)
    if (ticket.resolved_at or now) < now - timedelta(days=reopen_days):
        return Thread(follows=ticket.id)
    return Thread(ticket)


def takes_part(db: Session, ticket: Ticket, email: Email, *, besides: Ticket | None = None) -> bool:
    """Whether the sender wrote in this ticket, was written to by us in it, or is its customer.

    To and Cc of a customer's mail are whom the customer chose to tell: that alone makes nobody take part. `besides` is
    a ticket merged into this one, whose customer counts as well.
    """
    if email.sender is None or ticket.id is None:
        return False
    key = contact_points.email_key(email.sender.address)
    customers = {each.customer_id for each in (ticket, besides) if each is not None and each.customer_id is not None}
    point = select(ContactPoint.id).where(
        ContactPoint.kind == PointKind.EMAIL, ContactPoint.key == key, col(ContactPoint.customer_id).in_(customers)
    )
    if customers and db.exec(point).first() is not None:
        return True
    said = db.execute(
        sa.select(
            col(Message.direction), col(Message.sender_address), col(Message.to), col(Message.cc), col(Message.bcc)
        )
        .where(
            col(Message.ticket_id).in_(tickets.family(ticket.id)),
            col(Message.is_from_stranger).is_(False),
            col(Message.state).not_in(_UNSENT),
        )
        .order_by(col(Message.id))
        .limit(PARTICIPANTS_MAX)
    )
    known = (
        address
        for direction, sender, to, cc, bcc in said
        for address in ((sender,) if direction == Direction.IN else (*to, *cc, *bcc))
    )
    return bool(key) and key in {contact_points.email_key(address) for address in known if address}


def tag_of(ticket: Ticket, message_id: int | None = None) -> str:
    """The unguessable tag of a ticket's reply address: "t42.<80 bits>"; with a message's number, "t42.<80 bits>.m7",
    that of the envelope a message leaves in, so that what comes back says which one it was."""
    return f"t{ticket.id}.{ticket.token}" + (f".m{message_id}" if message_id is not None else "")


def by_tag(db: Session, tag: str) -> Ticket | None:
    """The ticket whose tag this is."""
    found = _TAG.fullmatch(tag)
    ticket = db.get(Ticket, int(found[1])) if found else None
    return ticket if ticket is not None and found is not None and compare_digest(ticket.token, found[2]) else None


def message_in(tag: str) -> int | None:
    """The number of the message a tag names; right only where `by_tag` knows the tag."""
    found = _TAG.fullmatch(tag)
    return int(found[3]) if found and found[3] else None


def _tags(email: Email, tag: str) -> Iterator[str]:
    """The envelope's tag, and those in the head, for servers that deliver to the plain address."""
    if tag:
        yield tag
    for address in (*email.to, *email.cc):
        local = address.address.rpartition("@")[0]
        if "+t" in local:
            yield local.partition("+")[2]


def _by_ids(db: Session, email: Email) -> tuple[int | None, int | None]:
    """The ticket whose mail this one answers, and the ticket of which it is a mail of ours itself."""
    answered = list(dict.fromkeys((*email.in_reply_to, *email.references)))[:REFERENCES_MAX]
    asked = [*answered, email.message_id] if answered or _OURS.match(email.message_id) else []
    if not any(asked):
        return None, None
    rows = db.execute(
        sa.select(col(Message.internet_id), col(Message.ticket_id), col(Message.direction), col(Message.sender_address))
        .where(col(Message.internet_id).in_(asked))
        .order_by(col(Message.id))
    ).all()
    sender = contact_points.email_key(email.sender.address) if email.sender else ""
    for internet_id, ticket_id, direction, address in rows:
        if internet_id == email.message_id and direction == Direction.OUT:
            if sender and contact_points.email_key(address) == sender:
                return None, ticket_id
    # Anybody can send a mail under an id that is ours, or another customer's: ours speaks first, then the older one.
    known: dict[str, int] = {}
    for internet_id, ticket_id, *_ in sorted(rows, key=lambda row: row[2] != Direction.OUT):
        known.setdefault(internet_id, ticket_id)
    return next((known[name] for name in answered if name in known), None), None


def _by_token(db: Session, email: Email) -> Ticket | None:
    found = TOKEN.search(email.subject)
    return db.get(Ticket, int(found[1])) if found else None
