"""What the desk writes to customers: from an agent's words to a mail that has left, or that says why it has not.

The one idea: a mail is a row before it is a mail. The verbs here write the row and state the fact; the work that the
fact causes (`desk.Desk.send_mail`) takes it from there with `prepare`, hands it to the server, and says so with `sent`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import tickets
from helpdesk.errors import Conflict, Invalid
from helpdesk.events import MessageFailed, MessageQueued, MessageSent, emit
from helpdesk.mail import attachments, compose
from helpdesk.settings import Settings
from models import (
    Agent,
    Attachment,
    Direction,
    Message,
    MessageKind,
    MessageState,
    Parked,
    Queue,
    Ticket,
    TicketState,
)

RECIPIENTS_MAX = 100
TWICE = timedelta(minutes=1)
"""The same answer sent again within this time is the same answer."""

# What can be written into a head and an envelope; stricter rules would refuse carriers' old addresses (a..b@, .a@).
_PART = r'[^\s\x00-\x1f\x7f"(),:;<>@\[\]\\\ud800-\udfff'
_ADDRESS = re.compile(
    rf'(?:{_PART}]{{1,128}}|"[^\x00-\x1f\x7f-\x9f"\\\u2028\u2029\ud800-\udfff]{{1,126}}")'
    rf"@(?=.{{1,253}}\Z)(?:{_PART}.]+(?:\.{_PART}.]+)*|\[[0-9A-Za-z.:]{{2,60}}\])"
)


@dataclass(frozen=True, slots=True)
class Draft:
    """What an agent wrote to a customer. `files` are already stored, see mail/attachments.py."""

    text: str
    to: Sequence[str]
    cc: Sequence[str] = ()
    files: Sequence[Attachment] = ()


def reply(
    db: Session, ticket: Ticket, draft: Draft, *, by: Agent, internet_id: str, sender: tuple[str, str], now: datetime
) -> Message:
    """Write to the customer. The mail leaves as work of its own; until then the message is queued.

    `internet_id` is the Message-ID made beforehand, so that a second attempt is recognisably the same mail.
    """
    text = draft.text.strip()
    if not text:
        raise Invalid("body_missing", field="body")
    if not draft.to:
        raise Invalid("not_an_address", field="to")
    if len(draft.to) + len(draft.cc) > RECIPIENTS_MAX:
        raise Invalid("too_many_recipients", field="to")
    for address in (*draft.to, *draft.cc):
        if not _ADDRESS.fullmatch(address):
            raise Invalid("not_an_address", field="to", typed=address)
    assert ticket.id is not None
    db.refresh(ticket, with_for_update=True)
    if twin := _said_just_now(db, ticket.id, draft, text, by=by, now=now):
        return twin
    last = tickets.last_received(db, ticket.id)
    previous = [last.internet_id] if last and last.internet_id else []
    message = Message(
        ticket_id=ticket.id,
        direction=Direction.OUT,
        state=MessageState.QUEUED,
        kind=MessageKind.REPLY,
        internet_id=internet_id,
        in_reply_to=previous[0] if previous else "",
        references=list(dict.fromkeys(previous + (last.references if last else [])))[:20],
        sender_name=sender[0],
        sender_address=sender[1],
        to=list(draft.to),
        cc=list(draft.cc),
        subject=reply_subject(ticket),
        text=text,
        reply_text=text,
        author_id=by.id,
        created_at=now,
    )
    db.add(message)
    db.flush()
    assert message.id is not None
    for file in draft.files:
        file.message_id = message.id
        db.add(file)
    if ticket.assignee_id is None and by.id is not None:
        tickets.assign(db, ticket, by, by=by, now=now)
    if ticket.state != TicketState.OPEN:
        tickets.reopen(db, ticket, by_id=by.id, now=now)
    tickets.touch(ticket, text, awaits_us=False, now=now)
    emit(db, MessageQueued(ticket_id=ticket.id, queue_id=ticket.queue_id, message_id=message.id, by_id=by.id, at=now))
    return message


def _said_just_now(db: Session, ticket_id: int, draft: Draft, text: str, *, by: Agent, now: datetime) -> Message | None:
    """The same words to the same people with the same files, a moment ago: a button that was pressed twice."""
    newest = select(Message).where(Message.ticket_id == ticket_id).order_by(col(Message.id).desc()).limit(1)
    last = db.exec(newest).first()
    if last is None or last.author_id != by.id or now - last.created_at > TWICE:
        return None
    files = db.exec(select(Attachment.sha256).where(Attachment.message_id == last.id))
    said = (last.text, list(last.to), list(last.cc), sorted(files))
    return last if said == (text, list(draft.to), list(draft.cc), sorted(file.sha256 for file in draft.files)) else None


def reply_subject(ticket: Ticket) -> str:
    """ "Re: 注文の件 [#42]": the token joins an answer whose threading headers were lost, for those who take part."""
    return f"Re: {ticket.subject} [#{ticket.id}]"


def sender_of(db: Session, ticket: Ticket, *, default: str, desk_name: str) -> tuple[str, str]:
    """The name and address a reply comes from: the queue's own, or the desk's."""
    queue = db.get(Queue, ticket.queue_id)
    return desk_name, (queue.address if queue and queue.address else default)


def retry(db: Session, message: Message, *, by: Agent, now: datetime) -> None:
    """Send a failed mail again."""
    if message.state != MessageState.FAILED:
        raise Conflict("not_failed", message_id=message.id)
    ticket = db.get(Ticket, message.ticket_id)
    assert ticket and ticket.id and message.id
    message.state, message.error = MessageState.QUEUED, ""
    given_up = db.scalar(select(sa.func.count()).select_from(Parked).where(Parked.message_id == message.id)) or 0
    told = {"ticket_id": ticket.id, "queue_id": ticket.queue_id, "message_id": message.id, "attempt": given_up + 1}
    emit(db, MessageQueued(**told, by_id=by.id, at=now))


def prepare(db: Session, message_id: int, folder: Path, settings: Settings) -> tuple[Any, str, list[str]] | None:
    """The mail of a queued message, its envelope sender and recipients; None when it needs no sending."""
    message = db.get(Message, message_id)
    if message is None or message.state != MessageState.QUEUED:
        return None
    ticket = db.get(Ticket, message.ticket_id)
    assert ticket is not None
    queue = db.get(Queue, ticket.queue_id)
    quoted = tickets.last_received(db, ticket.id or 0) if message.in_reply_to else None
    rows = db.exec(select(Attachment).where(Attachment.message_id == message_id).order_by(col(Attachment.id)))
    files = [(row, attachments.path_of(folder, row.sha256).read_bytes()) for row in rows]
    author = db.get(Agent, message.author_id) if message.author_id else None
    signature = (queue.signature if queue else "").replace("{agent}", author.name if author else "")
    mail = compose.compose(message, ticket, signature=signature, quoted=quoted, files=files, timezone=settings.timezone)
    recipients = [compose.specification(address) for address in (*message.to, *message.cc)]
    return mail, compose.tagged(message.sender_address, ticket), recipients


def sent(db: Session, message_id: int, *, error: str = "", refused: str = "", now: datetime) -> None:
    """The mail left, or with an `error` it never will. `refused` names those of several who did not get it."""
    message = db.get(Message, message_id)
    if message is None or message.state != MessageState.QUEUED:
        return
    ticket = db.get(Ticket, message.ticket_id)
    assert ticket is not None and ticket.id is not None
    message.state = MessageState.FAILED if error else MessageState.SENT
    message.error, message.sent_at = (error or refused)[:500], None if error else now
    told: dict[str, Any] = {"ticket_id": ticket.id, "queue_id": ticket.queue_id, "message_id": message_id, "at": now}
    emit(db, MessageFailed(error=error[:80], **told) if error else MessageSent(**told))
