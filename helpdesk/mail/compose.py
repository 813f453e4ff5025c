"""A message of ours as RFC 5322: headers, threading, the words as text and as plain HTML, files and pictures.

The one idea: what an agent wrote is text, and the HTML is made from that text, so both say the same. `[photo.png]`
in the text is the place of an attached picture of that name.
"""

import hashlib
import html
import re
import secrets
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from helpdesk import dates
from helpdesk.mail import threads
from helpdesk.mail.files import safe_name
from models import Attachment, Message, MessageKind, Ticket

POLICY = SMTP.clone(max_line_length=78, cte_type="7bit")
QUOTE_MAX = 20_000
QUOTES_DEEP = 5
PICTURES = {"image/png", "image/jpeg", "image/gif", "image/webp"}
_ATOM = r'[^\x00-\x20\x7f"(),.:;<>@\[\]\\]+'
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LINK = re.compile(r"https?://[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]{1,2000}")
_NO_PART_OF_A_LINK = ".,:;!?'"
_QUOTE_STYLE = "margin:0 0 0 0.6em;padding-left:0.8em;border-left:2px solid #c8c8c8"
_BUTTON_STYLE = ("display:inline-block;min-width:11em;padding:9px 16px;border:1px solid #7a8594;border-radius:6px;"
                 "color:#1d2733;text-decoration:none")  # fmt: skip
_SMALL_STYLE = "font-size:12px;color:#5b6673"
AUTOMATIC = (MessageKind.RECEIPT, MessageKind.SURVEY)
"""Kinds of mails the desk writes by itself."""

_FORWARDED = {  # the words of a forwarded mail's head, as mail programs of that language have them
    "ja": ("---------- 転送メッセージ ----------", "差出人", "日時", "件名", "宛先", "Cc"),
    "en": ("---------- Forwarded message ----------", "From", "Date", "Subject", "To", "Cc"),
}


def new_id(domain: str, ticket_id: int | None = None) -> str:
    """A Message-ID, angle brackets included. Its 96 random bits keep strangers from guessing into a thread."""
    return f"<{f't{ticket_id}.' if ticket_id else ''}{secrets.token_hex(12)}@{domain}>"


def compose(
    message: Message,
    ticket: Ticket,
    *,
    signature: str = "",
    quoted: Message | None = None,
    files: Sequence[tuple[Attachment, bytes]] = (),
    timezone: str,
    choices: Sequence[tuple[str, str]] = (),
    way_out: tuple[str, str] | None = None,
    unsubscribe: str = "",
) -> EmailMessage:
    """The mail to hand to SMTP. Its reply address carries the ticket's tag, so an answer finds its way home.

    `choices` are words and addresses to choose from below the text, `way_out` one for who wants no such mail; neither
    stands in the message itself. `unsubscribe` is the address RFC 8058 has mail programs post to.
    """
    mail = EmailMessage(policy=POLICY)
    mail["From"] = _address(message.sender_name, message.sender_address)
    if message.to:
        mail["To"] = ", ".join(map(specification, message.to))
    elif not message.cc:
        mail["To"] = "undisclosed-recipients:;"
    if message.cc:
        mail["Cc"] = ", ".join(map(specification, message.cc))
    mail["Subject"] = " ".join(message.subject.splitlines())
    mail["Date"] = format_datetime((message.leaves_at or message.created_at).astimezone(ZoneInfo(timezone)))
    mail["Message-ID"] = message.internet_id
    mail["Reply-To"] = _address(message.sender_name, tagged(message.sender_address, ticket))
    if message.in_reply_to:
        mail["In-Reply-To"] = message.in_reply_to
    if message.references:
        # Newest first in our table; RFC 5322 wants the oldest first.
        mail["References"] = " ".join(reversed(message.references))
    if message.kind in AUTOMATIC:  # RFC 3834, and what Exchange understands
        mail["Auto-Submitted"] = "auto-replied" if message.kind == MessageKind.RECEIPT else "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
    if unsubscribe:
        mail["List-Unsubscribe"] = f"<{unsubscribe}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    _fill(mail, message, ticket, signature, quoted, files, timezone, choices, way_out)
    for number, part in enumerate(part for part in mail.walk() if part.is_multipart()):
        # The library would draw lots, and a second attempt would not be the same mail.
        part.set_boundary(f"=_{hashlib.sha256(message.internet_id.encode()).hexdigest()[:24]}_{number}")
    return mail


def body(text: str, signature: str, below: str) -> str:
    """What was written, the signature, and what is quoted or forwarded below."""
    parts = [text.rstrip()]
    if signature.strip():
        parts.append("-- \n" + signature.strip())
    parts.append(below)
    return "\n\n".join(part for part in parts if part) + "\n"


def quote(quoted: Message | None, *, language: str, timezone: str) -> str:
    """The mail that is answered, each line after "> "; "" where there is nothing to quote. `language` is that of the
    answer."""
    words = (quoted.reply_text or quoted.text).strip()[:QUOTE_MAX] if quoted else ""
    if quoted is None or not words:
        return ""
    lines = "\n".join(f"> {line}".rstrip() for line in words.splitlines())
    return f"{_time(quoted, language, timezone)} {quoted.sender_name or ''} <{quoted.sender_address}>:\n{lines}"


def forwarded_head(message: Message, *, language: str, timezone: str) -> str:
    """Who wrote the forwarded mail, when, about what, to whom."""
    rule, sender, at, subject, to, cc = _FORWARDED["en" if language == "en" else "ja"]
    name = f"{message.sender_name} " if message.sender_name else ""
    lines = [rule, f"{sender}: {name}<{message.sender_address}>", f"{at}: {_time(message, language, timezone)}",
             f"{subject}: {message.subject}", f"{to}: {', '.join(message.to)}"]  # fmt: skip
    if message.cc:
        lines.append(f"{cc}: {', '.join(message.cc)}")
    return "\n".join(lines)


def to_html(text: str, *, pictures: dict[str, str] | None = None) -> str:
    """Text as paragraphs, quoted lines as blockquotes, addresses of pages as links. `pictures`: name -> Content-ID."""
    return _blocks(text.splitlines(), pictures or {}, QUOTES_DEEP)


def is_placed(name: str, content_type: str, text: str) -> bool:
    """Whether the file is a picture that has its place in the text."""
    return content_type.lower() in PICTURES and f"[{name}]" in text


def tagged(address: str, ticket: Ticket, message_id: int | None = None) -> str:
    """support@example.com -> support+t42.<token>@example.com"""
    local, _, domain = address.rpartition("@")
    return f"{local}+{threads.tag_of(ticket, message_id)}@{domain}"


def specification(address: str) -> str:
    """An address as RFC 5321 spells it. The old ones of Japanese carriers (a..b@, .a@) are none unless quoted."""
    local, _, domain = address.rpartition("@")
    if _DOT_ATOM.fullmatch(local) or (len(local) > 2 and local[0] == local[-1] == '"'):
        return address
    return '"' + re.sub(r'(["\\])', r"\\\1", local) + f'"@{domain}'


def _fill(
    mail: EmailMessage,
    message: Message,
    ticket: Ticket,
    signature: str,
    quoted: Message | None,
    files: Sequence[tuple[Attachment, bytes]],
    timezone: str,
    choices: Sequence[tuple[str, str]] = (),
    way_out: tuple[str, str] | None = None,
) -> None:
    """The words twice, as text and as HTML with the pictures that belong into it, and the other files."""
    is_forward = message.kind == MessageKind.FORWARD
    words = message.reply_text if is_forward else message.text
    below = message.quoted_text if is_forward else quote(quoted, language=ticket.language, timezone=timezone)
    if choices:
        below = "\n".join(f"{label}\n  {address}" for label, address in choices)
    last = f"\n{way_out[0]}\n  {way_out[1]}\n" if way_out else ""
    mail.set_content(body(words, "" if choices else signature, below) + last, cte="base64")
    shown = [(file, content) for file, content in files if file.is_inline and file.content_id]
    cids = {file.name: file.content_id for file, _ in shown}
    page = to_html(body(words, signature, "" if is_forward and message.html else below), pictures=cids)
    if is_forward and message.html:
        head, _, _ = message.quoted_text.partition("\n\n")
        page += "\n" + to_html(head) + "\n" + message.html.replace(' data-remote-src="', ' src="')
    if choices:
        page = to_html(words) + _buttons(choices) + (_button(*way_out, style=_SMALL_STYLE) if way_out else "")
    lang = html.escape(ticket.language, quote=True)
    page = f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8"></head><body>\n{page}\n</body></html>\n'
    mail.add_alternative(page, subtype="html", cte="base64")
    beside = mail.get_body(("html",))
    assert isinstance(beside, EmailMessage)
    for number, (file, content) in enumerate(shown, 1):
        kind, _, subtype = _media_type(file.content_type).partition("/")
        beside.add_related(
            content, maintype=kind, subtype=subtype, cid=f"<{file.content_id}>", disposition="inline",
            filename=safe_name(file.name, file.content_type, number=number),
        )  # fmt: skip
    others = [(file, content) for file, content in files if not (file.is_inline and file.content_id)]
    for number, (file, content) in enumerate(others, len(shown) + 1):
        kind, _, subtype = _media_type(file.content_type).partition("/")
        name = safe_name(file.name, file.content_type, number=number)
        mail.add_attachment(content, maintype=kind, subtype=subtype, filename=name)


def _buttons(choices: Sequence[tuple[str, str]]) -> str:
    """A table, which is what mail programs of every age draw alike."""
    rows = "".join(f"<tr><td>{_button(*choice, style=_BUTTON_STYLE)}</td></tr>\n" for choice in choices)
    return f'\n<table role="presentation" cellpadding="4">\n{rows}</table>\n'


def _button(label: str, address: str, *, style: str) -> str:
    return f'<a href="{html.escape(address, quote=True)}" style="{style}">{html.escape(label)}</a>'


def _blocks(lines: Sequence[str], pictures: dict[str, str], deep: int) -> str:
    made: list[str] = []
    for is_quoted, group in groupby(lines, key=lambda line: line.startswith((">", "＞"))):
        some = list(group)
        if is_quoted and deep:
            inner = _blocks([line[1:].removeprefix(" ") for line in some], pictures, deep - 1)
            made.append(f'<blockquote type="cite" style="{_QUOTE_STYLE}">\n{inner}\n</blockquote>')
            continue
        for has_words, paragraph in groupby(some, key=lambda line: bool(line.strip())):
            if has_words:
                made.append("<p>" + "<br>\n".join(_line(line, pictures) for line in paragraph) + "</p>")
    return "\n".join(made)


def _line(line: str, pictures: dict[str, str]) -> str:
    """One line, escaped, its links and pictures in place. Blanks at its beginning stay."""
    made, at = [], 0
    names = "|".join(re.escape(name) for name in sorted(pictures, key=len, reverse=True))
    pattern = re.compile(rf"\[(?P<name>{names})\]|{_LINK.pattern}") if names else _LINK
    for found in pattern.finditer(line):
        if name := found.groupdict().get("name"):
            made += [_spaced(line[at : found.start()]), f'<img src="cid:{pictures[name]}" alt="{html.escape(name)}">']
            at = found.end()
            continue
        link = found[0].rstrip(_NO_PART_OF_A_LINK)
        if link.endswith(")") and "(" not in link:
            link = link[:-1]
        made += [_spaced(line[at : found.start()]), f'<a href="{html.escape(link)}">{html.escape(link)}</a>']
        at = found.start() + len(link)
    return "".join(made) + _spaced(line[at:])


def _spaced(text: str) -> str:
    return re.sub(r"^ +| {2,}", lambda blanks: "&nbsp;" * len(blanks[0]), html.escape(text))


def _time(message: Message, language: str, timezone: str) -> str:
    at = message.created_at.astimezone(ZoneInfo(timezone))
    return f"{dates.whole(at, 'en' if language == 'en' else 'ja')} {at:%H:%M}"


def _media_type(told: str) -> str:
    """What a browser called a file. RFC 2046 forbids base64 inside message/* and multipart/*, so those are bytes."""
    is_plain = re.fullmatch(r"[\w.+-]{1,60}/[\w.+-]{1,90}", told, re.A) is not None
    return told if is_plain and not told.lower().startswith(("message/", "multipart/")) else "application/octet-stream"


def _address(name: str, address: str) -> str:
    local, _, domain = address.rpartition("@")
    if not _DOT_ATOM.fullmatch(local):
        return specification(address)
    return str(Address(name, username=local, domain=domain))
