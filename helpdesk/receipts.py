"""The receipt: a person's first mail is answered at once with the ticket's number, where the queue wants that.

The one idea: a machine that answers machines never stops, so it answers whom it must not doubt. Who may not be answered
is settled by the mail's head (helpdesk/mail/automatic.py); and whatever that says, one address gets one receipt a
ticket and a few a day, counted in the transaction that opens the ticket.
"""

import re
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import outgoing
from helpdesk.customers import contact_points
from helpdesk.mail.parse import Email
from helpdesk.settings import Settings
from models import AutomaticAnswer, Message, Queue, Ticket

A_DAY: Final = 5
"""Receipts one address gets in 24 hours, over all tickets."""
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


def filled(words: str, facts: dict[str, str]) -> str:
    """The words with {ticket}, {subject} and {desk} filled in; any other brace is left as it was written."""
    return re.sub(r"\{(\w+)\}", lambda found: facts.get(found[1], found[0]), words)


def _had_enough(db: Session, key: str, *, now: datetime) -> bool:
    had = select(sa.func.count()).where(AutomaticAnswer.key == key, col(AutomaticAnswer.at) > now - timedelta(days=1))
    return (db.scalar(had) or 0) >= A_DAY


def _harmless(subject: str) -> str:
    """The subject as it may stand in a mail to whoever was named as its sender: short, and leading nowhere, so that
    nobody sends strangers advertisements by way of us."""
    return "—" if _LEADS_AWAY.search(subject) else subject[:SUBJECT_MAX]
