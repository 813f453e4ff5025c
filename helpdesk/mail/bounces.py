"""A mail of ours that came back: on the ticket it belongs to, said of the recipient it did not reach.

The one idea: a report is only as true as what it names. It counts for a mail the desk sent, found by the tag of the
envelope that mail left in, else by its id; and an address is marked only if that mail went there.
"""

import re
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, select

from helpdesk import inbox, merging, unreachable
from helpdesk.customers import contact_points
from helpdesk.events import emit
from helpdesk.facts import MessageBounced, MessageFailed
from helpdesk.mail import compose, threads
from helpdesk.mail.automatic import Failure
from helpdesk.mail.parse import Email
from models import (
    Delivery,
    DeliveryState,
    Direction,
    Inbound,
    Message,
    MessageKind,
    MessageState,
    Ticket,
    TicketState,
)

KNOWN: Final = frozenset(
    {"5.1.1", "5.1.2", "5.1.10", "5.1", "5.2.1", "5.2.2", "5.2.3", "5.2", "5.3.4", "5.3", "5.4", "5.6", "5.7", "5",
     "4.2.2", "4.4", "4.7", "4", ""}
)  # fmt: skip
"""The statuses that have words of their own (web/words/mail.py, group "bounce"); others are said as the nearest."""

_ABOUT_THE_MAIL = ("5.2.3", "5.3.4", "5.6.")  # too large, or not to be read: another mail may well arrive
_NOBODY = re.compile(
    r"user unknown|unknown user|no such user|does(?:n't| not) exist|宛先(?:の)?(?:メール)?アドレスが(?:見つか|存在)"
    r"|該当する(?:宛先|アドレス|ユーザ)|宛先不明",
    re.IGNORECASE,
)
_TEXT_MAX = 20_000


def take(db: Session, inbound: Inbound, email: Email, *, now: datetime) -> int | None:
    """Say on its ticket that a mail of ours came back, or is late. Returns the ticket's id; None when it is about no
    mail of ours, or no bounce at all."""
    sent = _sent(db, inbound.envelope.get("tag", ""), email) if email.is_bounce else None
    if sent is None:
        return None
    ticket = db.get(Ticket, sent.ticket_id)
    assert ticket is not None and ticket.id is not None and sent.id is not None
    failures = [_of_ours(sent, failure, email) for failure in email.failures or (Failure(),)]
    final = [failure for failure in failures if failure.is_final]
    if not final:
        inbox.done_quietly(db, inbound, "bounce_delayed", ticket_id=ticket.id, now=now)
        _say(db, ticket, sent, failures[0], now=now)
        return ticket.id
    has_failed = _write_down(db, sent, final, now=now)
    for failure in final:
        if failure.address and failure.status.startswith("5") and not failure.status.startswith(_ABOUT_THE_MAIL):
            unreachable.mark(db, failure.address, status=failure.status, message_id=sent.id, now=now)
    if has_failed:
        told: dict[str, Any] = {"ticket_id": ticket.id, "queue_id": ticket.queue_id, "message_id": sent.id}
        emit(db, MessageFailed(**told, error="bounced", at=now))
    if sent.kind in compose.AUTOMATIC:  # nobody waits for it: the address is marked, and that is all
        inbox.done_quietly(db, inbound, "bounce_of_receipt", ignored=True, ticket_id=ticket.id, now=now)
        return ticket.id
    inbox.done_quietly(db, inbound, "bounce", ticket_id=ticket.id, now=now)
    _say(db, ticket, sent, final[0], now=now)
    here = merging.home(db, ticket)
    if here.state != TicketState.RESOLVED and sent.kind != MessageKind.FORWARD:
        here.awaits_us = True  # the customer did not get our answer
    return ticket.id


def plainly(status: str) -> str:
    """The code of the words that say a status: "5.1.1" has its own, "5.1.6" is said as "5.1", anything else as "5"."""
    parts = status.split(".")
    return next((code for end in (3, 2, 1) if (code := ".".join(parts[:end])) in KNOWN), "")


def _sent(db: Session, tag: str, email: Email) -> Message | None:
    """The mail of ours that came back."""
    ticket = threads.by_tag(db, tag)
    if ticket is not None and (number := threads.message_in(tag)) is not None:
        found = db.get(Message, number)
        if found is not None and found.ticket_id == ticket.id and found.direction == Direction.OUT:
            return found
    named = list(filter(None, [email.bounced_message_id, *email.in_reply_to, *email.references]))
    ours = select(Message).where(Message.direction == Direction.OUT)
    known = {each.internet_id: each for each in db.exec(ours.where(col(Message.internet_id).in_(named)))}
    if found := next((known[name] for name in named if name in known), None):
        return found
    if ticket is None:
        return None
    newest = ours.where(
        Message.ticket_id == ticket.id, col(Message.state).in_((MessageState.SENT, MessageState.FAILED))
    )
    return db.exec(newest.order_by(col(Message.id).desc()).limit(1)).first()


def _of_ours(sent: Message, failure: Failure, email: Email) -> Failure:
    """A failure with the address as we wrote it, "" where we wrote to no such one; forwarding may name another."""
    everyone = [*sent.to, *sent.cc, *sent.bcc]
    key = contact_points.email_key(failure.address)
    address = next((each for each in everyone if key and contact_points.email_key(each) == key), "")
    if not address and len(everyone) == 1:
        address = everyone[0]
    status = failure.status
    if not status and failure.is_final and _NOBODY.search(email.text[:_TEXT_MAX]):
        status = "5.1.1"
    return Failure(address, status, failure.is_final, failure.words)


def _write_down(db: Session, sent: Message, final: list[Failure], *, now: datetime) -> bool:
    """Mark the recipients, and the message where nobody has it any more. Whether it has failed by this."""
    rows = {row.address: row for row in db.exec(select(Delivery).where(Delivery.message_id == sent.id))}
    everyone = list(dict.fromkeys((*sent.to, *sent.cc, *sent.bcc)))
    for failure in final:
        for address in [failure.address] if failure.address else everyone if len(everyone) == 1 else []:
            row = rows.setdefault(address, Delivery(message_id=sent.id or 0, address=address, at=now))
            row.state, row.at = DeliveryState.BOUNCED, now
            row.told = " ".join(filter(None, (failure.status, failure.words)))[:300]
            db.add(row)
    lost = {address for address, row in rows.items() if row.state in (DeliveryState.BOUNCED, DeliveryState.REFUSED)}
    if lost >= set(everyone):
        sent.state, sent.error = MessageState.FAILED, "bounced"
        return True
    told = [f"{row.address}: {row.told}" for row in rows.values() if row.address in lost]
    sent.error = ", ".join(told)[:500]
    return False


def _say(db: Session, ticket: Ticket, sent: Message, failure: Failure, *, now: datetime) -> None:
    assert ticket.id is not None and sent.id is not None
    reason = "final" if failure.is_final else "delayed"
    told: dict[str, Any] = {"ticket_id": ticket.id, "queue_id": ticket.queue_id, "message_id": sent.id}
    emit(db, MessageBounced(**told, state=failure.status, reason=reason, at=now))
