"""The receipt: a person's first mail is answered at once with the ticket's number, where the queue wants that.

The one idea: a machine that answers machines never stops, so it answers whom it must not doubt. Who may not be answered
is settled by the mail's head (helpdesk/mail/automatic.py); and whatever that says, one address gets one receipt a
ticket and a few a day, counted in the transaction that opens the ticket.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import outgoing, tickets
from helpdesk.customers import contact_points
from helpdesk.mail import parse, posted
from helpdesk.mail.parse import Email
from helpdesk.settings import Settings
from models import Attachment, AutomaticAnswer, Inbound, Message, Queue, RuleMail, Ticket

A_DAY: Final = 5
"""Receipts one address gets in 24 hours, over all tickets."""
A_TICKET: Final = 3
"""Mails that rules write about one ticket in 24 hours."""
FRESH: Final = timedelta(days=1)
"""Nobody waits for word about a mail that lay in a mailbox for longer than this."""
SUBJECT_MAX: Final = 80
VARIABLES: Final = ("ticket", "subject", "desk")

SUBJECTS: Final = {
    "ja": "【自動返信】お問い合わせを受け付けました [#{ticket}]",
    "en": "[Automatic reply] We have received your message [#{ticket}]",
}
WORDS: Final = {
    "ja": """お問い合わせいただき、ありがとうございます。{desk}です。
以下の内容で受け付けました。

受付番号：{ticket}
件名：{subject}

担当者が内容を確認し、順次ご返信いたします。
補足がございましたら、このメールにそのままご返信ください。

※このメールは自動で送信しています。""",
    "en": """Thank you for writing to {desk}. Your message has reached us.

Reference: {ticket}
Subject: {subject}

One of us will read it and answer you. To add something, simply reply to this message.

This message was sent automatically.""",
}
"""What a receipt says where the queue has no words of its own, by language."""

_LEADS_AWAY = re.compile(r"https?:|www\.|[a-z0-9-]\.(?:[a-z]{2,})/|://", re.IGNORECASE)


def acknowledge(
    db: Session, ticket: Ticket, message: Message, email: Email, *, settings: Settings, now: datetime
) -> Message | None:
    """Answer the mail that opened this ticket. None where the queue does not want it, or the sender must not be
    answered by a machine, has had enough of them, or is ourselves."""
    queue = db.get(Queue, ticket.queue_id)
    if queue is None or not queue.acknowledges or not email.may_answer_automatically or email.sender is None:
        return None
    if email.sent_at is not None and email.sent_at < now - FRESH:
        return None
    to, key = email.sender.address, contact_points.email_key(email.sender.address)
    if (
        not key
        or not outgoing.is_address(to)
        or outgoing.plain(to) in outgoing.ours(db, settings)
        or _had_enough(db, key, now=now)
    ):
        return None
    name, address = outgoing.sender_of(db, ticket, default=settings.mail_from, desk_name=settings.name)
    if not outgoing.can_send(db, settings, address=address):
        return None
    language = ticket.language if ticket.language in WORDS else "en"
    facts = {"ticket": str(ticket.id), "subject": _harmless(ticket.subject), "desk": name}
    receipt = outgoing.receipt(
        db, ticket, filled(queue.acknowledgment.get(language) or WORDS[language], facts), to=to, answers=message,
        subject=filled(SUBJECTS[language], facts), settings=settings, now=now,
    )  # fmt: skip
    assert ticket.id is not None
    db.add(AutomaticAnswer(ticket_id=ticket.id, key=key, message_id=receipt.id, at=now))
    return receipt


def write(
    db: Session, ticket: Ticket, text: str, *, files: Sequence[Attachment] = (), settings: Settings, now: datetime
) -> Message | None:
    """A rule's words to whoever wrote last, as a machine's mail. None where a receipt would not be sent either: to
    machines, lists and ourselves, to who has had enough of them, and where nobody wrote or the bytes that say what
    kind of mail it was are kept no longer."""
    assert ticket.id is not None
    last = tickets.last_received(db, ticket.id)
    inbound = db.get(Inbound, last.inbound_id) if last and last.inbound_id and not last.is_automatic else None
    if last is None or inbound is None or not inbound.raw or ticket.merged_into_id is not None:
        return None
    email = parse.read(posted.mail_of(inbound.raw))
    to, key = last.sender_address, contact_points.email_key(last.sender_address)
    if (
        not email.may_answer_automatically
        or not key
        or not outgoing.is_address(to)
        or outgoing.plain(to) in outgoing.ours(db, settings)
        or _had_enough(db, key, now=now)
        or _had_enough_here(db, ticket.id, now=now)
    ):
        return None
    _, address = outgoing.sender_of(db, ticket, default=settings.mail_from, desk_name=settings.name)
    if not outgoing.can_send(db, settings, address=address):
        return None
    written = outgoing.receipt(db, ticket, text, to=to, answers=last, files=files, settings=settings, now=now)
    db.add(RuleMail(ticket_id=ticket.id, key=key, message_id=written.id, at=now))
    return written


def filled(words: str, facts: dict[str, str]) -> str:
    """The words with {ticket}, {subject} and {desk} filled in; any other brace is left as it was written."""
    return re.sub(r"\{(\w+)\}", lambda found: facts.get(found[1], found[0]), words)


def _had_enough(db: Session, key: str, *, now: datetime) -> bool:
    since = now - timedelta(days=1)
    had = select(sa.func.count()).where(AutomaticAnswer.key == key, col(AutomaticAnswer.at) > since)
    ruled = select(sa.func.count()).where(RuleMail.key == key, col(RuleMail.at) > since)
    return (db.scalar(sa.select(had.scalar_subquery() + ruled.scalar_subquery())) or 0) >= A_DAY


def _had_enough_here(db: Session, ticket_id: int, *, now: datetime) -> bool:
    had = select(sa.func.count()).where(RuleMail.ticket_id == ticket_id, col(RuleMail.at) > now - timedelta(days=1))
    return (db.scalar(had) or 0) >= A_TICKET


def _harmless(subject: str) -> str:
    """The subject as it may stand in a mail to whoever was named as its sender: short, and leading nowhere, so that
    nobody sends strangers advertisements by way of us."""
    return "—" if _LEADS_AWAY.search(subject) else subject[:SUBJECT_MAX]
