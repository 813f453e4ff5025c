"""What the sample's customers write, as bytes that are read like any mail, and what its agents answered then."""

import hashlib
import re
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from helpdesk import inbox, outgoing, subjects, tickets
from helpdesk.customers import contact_points
from helpdesk.events import emit
from helpdesk.facts import MessageSent
from helpdesk.letters import build, file, quoted
from helpdesk.mail import compose, receive, threads
from helpdesk.sample.company import COMPANY, DOMAIN, LINES
from helpdesk.sample.stage import Stage
from models import Agent, Customer, Direction, InboundKind, Message, MessageKind, MessageState, Ticket


def write(stage: Stage, told: dict[str, Any], text: str, at: datetime, *, ticket: Ticket | None = None) -> int | None:
    """A customer's mail, the first of a ticket or an answer in it. Returns the ticket's id."""
    key = told.get("who", "")
    customer = stage.customers.get(key)
    if customer is None:
        sender = told["stranger"]
    else:
        sender = f"{customer.name} <{stage.addresses[key]}>"
    line = LINES.get("tech_support" if told["to"] == "tech" else told["to"])
    to = (line.address if line else None) or stage.settings.mail_from
    subject, tag, below = told["subject"], "", ""
    in_reply_to, references = "", list[str]()
    if ticket is not None and (last := _last_sent(stage.db, ticket)):
        subject, tag, to = last.subject, threads.tag_of(ticket), compose.tagged(last.sender_address, ticket)
        in_reply_to, references = last.internet_id, [*reversed(last.references), last.internet_id]
        below = "\n" + quoted(
            last.text,
            sender=f"{last.sender_name} <{last.sender_address}>",
            at=last.created_at.astimezone(stage.zone),
            language=customer.language if customer else "ja",
        )
    raw = build(
        sender=sender,
        to=to,
        subject=subject,
        text=filled(stage, text, at, key=key) + "\n" + _card(stage, key) + below,
        files=[(name, file(name)) for name in told.get("files", ())] if ticket is None else (),
        message_id=_id(sender.rpartition("@")[2].rstrip(">"), told["ago"], sender, at),
        at=at.astimezone(stage.zone),
        in_reply_to=in_reply_to,
        references=references,
    )
    return arrive(stage, raw, to, tag, at)


def arrive(stage: Stage, raw: bytes, to: str, tag: str, at: datetime) -> int | None:
    """A mail comes in by the desk's own door. Returns its ticket's id; None for what cannot be read."""
    envelope = {"recipients": [to], "tag": tag, "peer": ""}
    inbound_id, _ = inbox.keep(stage.db, InboundKind.MAIL, "smtp", inbox.mail_key(raw), raw, envelope=envelope, now=at)
    folder = stage.settings.attachments
    mail = receive.understand(raw, router=stage.router, folder=folder, asked=stage.asked)
    return receive.take(stage.db, inbound_id, mail, settings=stage.settings, now=at)


def reply(stage: Stage, ticket: Ticket, text: str, by: Agent, at: datetime) -> None:
    """What an agent wrote then, written down as sent: `outgoing.reply` would put it on its way now."""
    assert ticket.id is not None
    db = stage.db
    heard = tickets.last_received(db, ticket.id)
    assert heard is not None, "nobody has written yet, so there is nobody to answer"
    name, address = outgoing.sender_of(db, ticket, default=stage.settings.mail_from, desk_name=stage.settings.name)
    words = _dressed(stage, ticket, filled(stage, text, at), by)
    message = Message(
        ticket_id=ticket.id,
        direction=Direction.OUT,
        state=MessageState.SENT,
        kind=MessageKind.REPLY,
        internet_id=_id(DOMAIN, str(ticket.id), by.email, at),
        in_reply_to=heard.internet_id,
        references=[heard.internet_id, *heard.references][:20],
        sender_name=name,
        sender_address=address,
        to=[heard.sender_address],
        subject=subjects.reply(ticket),
        text=words,
        reply_text=words,
        author_id=by.id,
        created_at=at,
        sent_at=at,
    )
    db.add(message)
    db.flush()
    if ticket.assignee_id is None:
        tickets.assign(db, ticket, by, by=by, now=at)
    tickets.touch(ticket, words, awaits_us=False, now=at)
    assert message.id is not None
    emit(db, MessageSent(ticket_id=ticket.id, queue_id=ticket.queue_id, message_id=message.id, by_id=by.id, at=at))


def _last_sent(db: Session, ticket: Ticket) -> Message | None:
    return db.exec(
        select(Message)
        .where(Message.ticket_id == ticket.id, Message.direction == Direction.OUT)
        .order_by(col(Message.id).desc())
        .limit(1)
    ).first()


def _dressed(stage: Stage, ticket: Ticket, text: str, by: Agent) -> str:
    """An agent's words between the customer's name and the good wishes."""
    customer = stage.db.get(Customer, ticket.customer_id) if ticket.customer_id else None
    name = customer.name if customer else ""
    if ticket.language == "en":
        return f"Hello {name},\n\n{text.strip()}\n\nKind regards,\n{_signed(by, 'en')}"
    to = f"{customer.company}\n{name} 様" if customer and customer.company else f"{name.split()[0] if name else ''} 様"
    thanks = (
        "ご返信ありがとうございます。"
        if _last_sent(stage.db, ticket)
        else "お問い合わせいただき、ありがとうございます。"
    )
    return (
        f"{to}\n\n{thanks}\n{COMPANY['ja']}の{_signed(by, 'ja')}でございます。\n\n{text.strip()}\n\n"
        "どうぞよろしくお願いいたします。"
    )


def _signed(by: Agent, language: str) -> str:
    """Ben Carter signs カーター in Japanese; 山田 愛子 signs Aiko in English, as her address has it."""
    if language == "en":
        return by.name if by.name.isascii() else by.email.partition("@")[0].capitalize()
    return by.reading.split()[-1] if by.name.isascii() else by.name.split()[0]


def _card(stage: Stage, key: str) -> str:
    """Who writes for a company signs with it."""
    customer = stage.customers.get(key)
    if customer is None or not customer.company:
        return ""
    phone = contact_points.national(stage.phones[key])
    return f"\n-- \n{customer.company}\n{customer.name}\nTEL {phone}\n{stage.addresses[key]}\n"


def filled(stage: Stage, text: str, at: datetime, *, key: str = "") -> str:
    """{order:rc55} becomes that order's number, {date:-3} the date three days before."""

    def order(found: re.Match[str]) -> str:
        return stage.orders[key][found[1]]

    def date(found: re.Match[str]) -> str:
        day = at.astimezone(stage.zone) + timedelta(days=int(found[1]))
        return f"{day.month}月{day.day}日"

    return re.sub(r"\{date:(-?\d+)\}", date, re.sub(r"\{order:(\w+)\}", order, text)).strip()


def _id(domain: str, *parts: object) -> str:
    """A Message-ID that is the same each time, so that two loads of one day are one."""
    return f"<{hashlib.sha256(repr(parts).encode()).hexdigest()[:24]}@{domain}>"
