"""A message of ours as RFC 5322: headers, threading, the quoted mail below, attachments."""

import re
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from zoneinfo import ZoneInfo

from helpdesk.mail import threads
from helpdesk.mail.files import safe_name
from models import Attachment, Message, Ticket

QUOTE_MAX = 20_000
_ATOM = r'[^\x00-\x20\x7f"(),.:;<>@\[\]\\]+'
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")


def new_id(domain: str) -> str:
    """A Message-ID, angle brackets included; its 80 random bits and more keep strangers from guessing into a thread."""
    return make_msgid(domain=domain)


def compose(
    message: Message,
    ticket: Ticket,
    *,
    signature: str = "",
    quoted: Message | None = None,
    files: Sequence[tuple[Attachment, bytes]] = (),
    timezone: str,
) -> EmailMessage:
    """The mail to hand to SMTP. Its reply address carries the ticket's tag, so an answer finds its way home."""
    mail = EmailMessage(policy=SMTP.clone(max_line_length=78, cte_type="7bit"))
    mail["From"] = _address(message.sender_name, message.sender_address)
    mail["To"] = ", ".join(map(specification, message.to))
    if message.cc:
        mail["Cc"] = ", ".join(map(specification, message.cc))
    mail["Subject"] = " ".join(message.subject.splitlines())
    mail["Date"] = format_datetime(message.created_at.astimezone(ZoneInfo(timezone)))
    mail["Message-ID"] = message.internet_id
    mail["Reply-To"] = _address(message.sender_name, tagged(message.sender_address, ticket))
    if message.in_reply_to:
        mail["In-Reply-To"] = message.in_reply_to
        # Newest first in our table; RFC 5322 wants the oldest first.
        mail["References"] = " ".join(reversed(message.references))
    mail.set_content(body(message.text, signature, quoted, timezone), cte="base64")
    for number, (attachment, content) in enumerate(files, 1):
        kind, _, subtype = _media_type(attachment.content_type).partition("/")
        name = safe_name(attachment.name, attachment.content_type, number=number)
        mail.add_attachment(content, maintype=kind, subtype=subtype, filename=name)
    return mail


def body(text: str, signature: str, quoted: Message | None, timezone: str) -> str:
    """What was written, the signature, and the mail it answers quoted below."""
    parts = [text.rstrip()]
    if signature.strip():
        parts.append("-- \n" + signature.strip())
    if quoted is not None and (words := (quoted.reply_text or quoted.text).strip()[:QUOTE_MAX]):
        at = quoted.created_at.astimezone(ZoneInfo(timezone)).strftime("%Y/%m/%d %H:%M")
        lines = "\n".join(f"> {line}".rstrip() for line in words.splitlines())
        parts.append(f"{at} {quoted.sender_name or ''} <{quoted.sender_address}>:\n{lines}")
    return "\n\n".join(parts) + "\n"


def tagged(address: str, ticket: Ticket) -> str:
    """support@example.com -> support+t42.<token>@example.com"""
    local, _, domain = address.rpartition("@")
    return f"{local}+{threads.tag_of(ticket)}@{domain}"


def specification(address: str) -> str:
    """An address as RFC 5321 spells it. The old ones of Japanese carriers (a..b@, .a@) are none unless quoted."""
    local, _, domain = address.rpartition("@")
    if _DOT_ATOM.fullmatch(local) or (len(local) > 2 and local[0] == local[-1] == '"'):
        return address
    return '"' + re.sub(r'(["\\])', r"\\\1", local) + f'"@{domain}'


def _media_type(told: str) -> str:
    """What a browser called a file. RFC 2046 forbids base64 inside message/* and multipart/*, so those are bytes."""
    is_plain = re.fullmatch(r"[\w.+-]{1,60}/[\w.+-]{1,90}", told, re.A) is not None
    return told if is_plain and not told.lower().startswith(("message/", "multipart/")) else "application/octet-stream"


def _address(name: str, address: str) -> str:
    local, _, domain = address.rpartition("@")
    if not _DOT_ATOM.fullmatch(local):
        return specification(address)
    return str(Address(name, username=local, domain=domain))
