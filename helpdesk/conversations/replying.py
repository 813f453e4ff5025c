"""The box below a conversation: to whom a mail goes, about what, and whether one can be sent at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sqlmodel import Session, col, select

from helpdesk import agents, merging, outgoing, queues, signatures, subjects, tickets, unreachable
from helpdesk.conversations.customers import why_unreachable
from helpdesk.conversations.entries import Entry, File, file_of, of_message
from helpdesk.settings import Settings
from models import Agent, Attachment, ContactPoint, Message, MessageKind, MessageState, Ticket


@dataclass(frozen=True, slots=True)
class Asked:
    """What the box shall begin with, by ids of messages: one to answer, one to forward, one that was taken back."""

    reply: int = 0
    forward: int = 0
    again: int = 0


NOTHING = Asked()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyForm:
    """The box. `mode` is "reply", "all", "forward", or "new" where nothing was said by mail yet. `to`, `cc` are those
    of a reply, `all_to` and `all_cc` of one to all, which is offered where it is another. `about` is the message that
    is answered or forwarded where it is not the newest, `again` the one taken back whose words and files stand here."""

    to: str
    cc: str
    subject: str
    signature: str
    can: bool
    why_not: str
    mode: str = "reply"
    bcc: str = ""
    all_to: str = ""
    all_cc: str = ""
    forward_to: str = ""
    forward_cc: str = ""
    forward_subject: str = ""
    sender: str = ""
    about: Entry | None = None
    again: int = 0
    text: str = ""
    files: Sequence[File] = ()
    can_forward: bool = False
    unreachable: dict[str, str] | None = None  # why mail to `to` came back, and with which status


def reply_form(
    db: Session,
    ticket: Ticket,
    *,
    agent: Agent,
    settings: Settings,
    asked: Asked = NOTHING,
    last: Message | None = None,
    reachable: Mapping[str, dict[str, str] | None] = MappingProxyType({}),
    said: Sequence[Message] | None = None,
) -> ReplyForm:
    """What a mail begins with: to whom, about what, and whether one can be sent at all.

    Who knows them already tells `last`, the newest mail of the customer's side, and of addresses why mail came back
    from them (None: it did not), `reachable`; and all its mail, `said`.
    """
    queue = queues.get(db, ticket.queue_id)
    _, sender = outgoing.sender_of(db, ticket, default=settings.mail_from, desk_name=settings.name)
    can = outgoing.can_send(db, settings, address=sender)
    chosen = _of_ticket(db, ticket, asked.reply or asked.forward)
    last = outgoing.answered(db, ticket, last=last, said=said)
    answers = chosen if chosen is not None and asked.reply else last
    address = answers.sender_address if answers else ""
    if not address and ticket.customer_id:
        known = db.exec(
            select(ContactPoint.value)
            .where(ContactPoint.customer_id == ticket.customer_id, ContactPoint.kind == "email")
            .order_by(col(ContactPoint.id))
            .limit(1)
        ).first()
        address = known or ""
    all_to, all_cc = outgoing.everyone(db, answers, settings) if answers else ([], [])
    begins = last is None and not _was_written(db, ticket)
    name = subjects.called(db, ticket, answers, said=said)
    form = ReplyForm(
        to=address,
        cc="",
        subject=name if begins else subjects.reply(ticket, name),
        signature=signatures.below(queue, ticket.language, agent=agents.called(agent, ticket.language)),
        can=can,
        why_not="" if can else "no_outgoing_mail_server",
        mode="forward" if chosen is not None and asked.forward else "new" if begins else "reply",
        all_to=", ".join(all_to) if [address] != all_to or all_cc else "",
        all_cc=", ".join(all_cc),
        forward_subject=subjects.forward(ticket, name),
        sender=sender,
        about=of_message(chosen, {}, (), ()) if chosen is not None else None,
        can_forward=chosen is not None or last is not None,
        unreachable=(reachable if address in reachable else _unreachable(db, [address])).get(address),
    )
    return _written_again(db, ticket, form, asked.again)


def _written_again(db: Session, ticket: Ticket, form: ReplyForm, message_id: int) -> ReplyForm:
    """The box with what stood in a mail that was taken back, unless it was sent since."""
    message = _of_ticket(db, ticket, message_id)
    if message is None or message.state != MessageState.WITHDRAWN or message.error == outgoing.WRITTEN_ANEW:
        return form
    rows = db.exec(select(Attachment).where(Attachment.message_id == message.id).order_by(col(Attachment.id))).all()
    to, cc = ", ".join(message.to), ", ".join(message.cc)
    told: dict[str, Any] = {"again": message.id or 0, "text": message.reply_text, "bcc": ", ".join(message.bcc)}
    if message.kind == MessageKind.FORWARD:
        forwarded = _forwarded(db, ticket, message)
        told |= {"mode": "forward", "forward_to": to, "forward_cc": cc, "forward_subject": message.subject}
        told["about"] = of_message(forwarded, {}, (), ()) if forwarded else None
        carried = {row.sha256 for row in _files(db, forwarded)} if forwarded else set()
        rows = [row for row in rows if row.sha256 not in carried]
    else:
        answers = _of_ticket(db, ticket, internet_id=message.in_reply_to) if message.in_reply_to else None
        newest = outgoing.answered(db, ticket)
        is_older = answers is not None and (newest is None or answers.id != newest.id)
        told |= {"to": to, "cc": cc, "about": of_message(answers, {}, (), ()) if answers and is_older else None}
        if form.mode == "new":
            told["subject"] = message.subject.removesuffix(f" [#{ticket.id}]")
    told["files"] = [file_of(row) for row in rows]
    return replace(form, **told)


def _of_ticket(db: Session, ticket: Ticket, message_id: int = 0, *, internet_id: str = "") -> Message | None:
    """A message of this ticket's conversation and of no other."""
    if internet_id:
        here = tickets.family(ticket.id or 0)
        named = select(Message).where(col(Message.ticket_id).in_(here), Message.internet_id == internet_id)
        return db.exec(named.order_by(col(Message.id).desc()).limit(1)).first()
    found = db.get(Message, message_id) if message_id else None
    return found if found is not None and merging.tells(db, ticket, found) else None


def _forwarded(db: Session, ticket: Ticket, message: Message) -> Message | None:
    """What a forward passed on: by its id, or the one whose words it carries."""
    if message.references:
        return _of_ticket(db, ticket, internet_id=message.references[0])
    before = select(Message).where(Message.ticket_id == ticket.id, col(Message.id) < message.id)
    said = db.exec(before.order_by(col(Message.id).desc()).limit(50))
    return next((each for each in said if message.quoted_text.endswith(each.text.strip())), None)


def _was_written(db: Session, ticket: Ticket) -> bool:
    """Whether anything was said by mail that stands."""
    said = select(Message.id).where(Message.ticket_id == ticket.id, col(Message.state) != MessageState.WITHDRAWN)
    return db.exec(said.limit(1)).first() is not None


def _files(db: Session, message: Message) -> Sequence[Attachment]:
    return db.exec(select(Attachment).where(Attachment.message_id == message.id)).all()


def _unreachable(db: Session, addresses: Sequence[str]) -> dict[str, dict[str, str]]:
    """Of those that cannot be reached: why, and the status that said so."""
    return {address: why_unreachable(status) for address, status in unreachable.of(db, addresses).items()}
