"""What a mail is called to those outside.

The one idea: the subject of a ticket that began with a call is the caller's number or the first line of a colleague's
note, and neither is for a customer to read. Such a ticket is called by the subject its mails already have, else by
plain words; any other has its subject from the customer.
"""

import re
from collections.abc import Sequence
from typing import Final

from sqlmodel import Session, col, select

from models import Channel, Message, MessageState, Ticket

OF_A_CALL: Final = {"ja": "お電話でのお問い合わせの件", "en": "Your call to us"}
_MARKS = re.compile(r"^(?:\s*(?:re|fwd?|返信|転送)\s*[:：]\s*)+|\s*\[#\d+\]", re.IGNORECASE)


def outside(ticket: Ticket, language: str = "") -> str:
    """The ticket's subject as its customer may read it, in `language` or else in theirs."""
    if ticket.channel != Channel.PHONE:
        return ticket.subject
    return OF_A_CALL["en" if (language or ticket.language) == "en" else "ja"]


def called(db: Session, ticket: Ticket, answers: Message | None, *, said: Sequence[Message] | None = None) -> str:
    """The same once mails may have named it: `answers` is the one a reply answers. `said`: all its mail, for who knows
    that."""
    if ticket.channel != Channel.PHONE:
        return ticket.subject
    if said is None:
        here = select(Message).where(Message.ticket_id == ticket.id, col(Message.state) != MessageState.WITHDRAWN)
        said = db.exec(here.order_by(col(Message.id)).limit(20)).all()
    named = [message.subject for message in (*((answers,) if answers else ()), *said) if not message.is_automatic]
    return next(filter(None, (_MARKS.sub("", subject).strip() for subject in named)), outside(ticket))


def reply(ticket: Ticket, name: str = "") -> str:
    """ "Re: 注文の件 [#42]": the token joins an answer whose threading headers were lost, for those who take part."""
    return f"Re: {name or outside(ticket)} [#{ticket.id}]"


def forward(ticket: Ticket, name: str = "") -> str:
    """The same for a mail that is passed on."""
    return f"Fwd: {name or outside(ticket)} [#{ticket.id}]"
