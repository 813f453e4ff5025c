"""A message of ours as RFC 5322: headers, threading, the quoted mail below, attachments."""

from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from zoneinfo import ZoneInfo

from helpdesk.mail import threads
from models import Attachment, Message, Ticket

QUOTE_MAX = 20_000


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
    mail["To"] = [_address("", address) for address in message.to]
    if message.cc:
        mail["Cc"] = [_address("", address) for address in message.cc]
    mail["Subject"] = message.subject.replace("\r", " ").replace("\n", " ")
    mail["Date"] = format_datetime(message.created_at.astimezone(ZoneInfo(timezone)))
    mail["Message-ID"] = message.internet_id
    mail["Reply-To"] = _address(message.sender_name, tagged(message.sender_address, ticket))
    if message.in_reply_to:
        mail["In-Reply-To"] = message.in_reply_to
        # Newest first in our table; RFC 5322 wants the oldest first.
        mail["References"] = " ".join(reversed(message.references))
    mail.set_content(body(message.text, signature, quoted, timezone), cte="base64")
    for attachment, content in files:
        kind, _, subtype = attachment.content_type.partition("/")
        mail.add_attachment(
            content, maintype=kind or "application", subtype=subtype or "octet-stream", filename=attachment.name
        )
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


def _address(name: str, address: str) -> Address | str:
    local, _, domain = address.rpartition("@")
    try:
        # The old addresses of Japanese carriers (a..b@, .a@) are no RFC 5321 addresses; quoted they are.
        return Address(name, username=local, domain=domain)
    except (ValueError, IndexError):
        return address
