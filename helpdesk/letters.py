"""Mails as customers' own programs write them: for the sample company's past, for the Try it page, and for tests.

The idea: what the desk is to read is made of bytes, by the standard library's older builder, which writes headers the
way mail programs in the field do. Nothing here touches the desk; the bytes go in by the same door as everybody's.
"""

import csv
import struct
import tomllib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import encoders
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr, make_msgid, parseaddr
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("sample")
WEEKDAYS = "月火水木金土日"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail a visitor can drop. `label` by language; `to` is a slug of `sample.company.LINES`, or "support"."""

    key: str
    label: dict[str, str]
    sender: str  # "name <address>"; "" leaves the mail without one, so that nobody can read it
    to: str
    subject: str
    text: str
    html: str = ""
    charset: str = "utf-8"
    files: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """The sender's bare address."""
        return parseaddr(self.sender)[1]

    def build(self, *, to: str, now: datetime) -> bytes:
        """The mail's bytes, addressed to `to`, with a Message-ID nobody has seen yet."""
        return build(
            sender=self.sender,
            to=to,
            subject=self.subject,
            text=self.text,
            html=self.html,
            charset=self.charset,
            files=[(name, file(name)) for name in self.files],
            message_id=make_msgid(domain=self.address.rpartition("@")[2] or "example.net"),
            at=now,
        )


@cache
def shipped() -> dict[str, Letter]:
    """The letters that come with the desk, by key, in the order to show them."""
    return {
        row["key"]: Letter(
            sender=row.pop("from"), text=row.pop("text").strip("\n") + "\n", files=tuple(row.pop("files", ())), **row
        )
        for row in entries("letters", "letter")
    }


def build(
    *,
    sender: str,
    to: str,
    subject: str,
    text: str,
    message_id: str,
    at: datetime,
    html: str = "",
    charset: str = "utf-8",
    files: Sequence[tuple[str, bytes]] = (),
    in_reply_to: str = "",
    references: Sequence[str] = (),
) -> bytes:
    """An RFC 5322 mail. Ids with their angle brackets, `references` oldest first; `at` aware; `sender` may be empty."""
    mail: MIMEBase = MIMEText(text, "plain", charset)
    if html:
        mail = _parts("alternative", [mail, MIMEText(html.strip("\n") + "\n", "html", charset)])
    if files:
        mail = _parts("mixed", [mail, *(_attachment(name, content) for name, content in files)])
    if sender:
        name, address = parseaddr(sender)
        mail["From"] = formataddr((name, address), charset)
    mail["To"] = to
    mail["Subject"] = Header(subject, charset).encode()
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = message_id
    if in_reply_to:
        mail["In-Reply-To"] = in_reply_to
        mail["References"] = " ".join(references or [in_reply_to])
    return mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def quoted(text: str, *, sender: str, at: datetime, language: str) -> str:
    """The mail that is answered, as Gmail puts it below an answer. `at` in the zone the writer lives in."""
    lines = "\n".join(f"> {line}".rstrip() for line in text.rstrip().splitlines())
    if language == "ja":
        day = f"{at.year}年{at.month}月{at.day}日({WEEKDAYS[at.weekday()]})"
        return f"{day} {at.hour}:{at.minute:02} {sender}:\n\n{lines}\n"
    clock = f"{at.hour % 12 or 12}:{at.minute:02} {'AM' if at.hour < 12 else 'PM'}"
    return f"On {at:%a, %b} {at.day}, {at.year} at {clock} {sender} wrote:\n\n{lines}\n"


def file(name: str) -> bytes:
    """What an attachment of that name holds: a small picture, or a page of PDF."""
    return _page(_SLIP if "slip" in name else _NOTE) if name.endswith(".pdf") else _picture()


def _parts(kind: str, parts: Sequence[MIMEBase]) -> MIMEBase:
    whole = MIMEMultipart(kind)
    for part in parts:
        whole.attach(part)
    return whole


def _attachment(name: str, content: bytes) -> MIMEBase:
    kind = "application/pdf" if name.endswith(".pdf") else "image/png"
    part = MIMEBase(*kind.split("/"))
    part.set_payload(content)
    encoders.encode_base64(part)
    part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", name))
    return part


@cache
def _picture() -> bytes:
    """A PNG of a cracked round lid on a table, 320 x 240."""
    rows = bytearray()
    for y in range(240):
        rows.append(0)  # this row is not filtered
        for x in range(320):
            away = (x - 160) ** 2 + (y - 120) ** 2
            crack = abs(x - 150 - (y % 46 - 23) // 2 - y // 8) < 2 and 30 < y < 190
            if away < 95**2:
                shade = (70, 74, 80) if crack else (198 - y // 6, 214 - y // 7, 220 - y // 9)
            elif away < 103**2:
                shade = (120, 124, 130)
            else:
                shade = (176 + (x * 7 + y * 3) % 9, 141 + (x * 5) % 7, 104)
            rows += bytes(shade)
    size = struct.pack(">IIBBBBB", 320, 240, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", size), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    )


def _page(words: bytes) -> bytes:
    """A PDF with one line on one page."""
    line = b"BT /F1 18 Tf 60 760 Td (%s) Tj ET" % words
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(line), line),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    content, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    end = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(content))
    return content + head + end


_NOTE, _SLIP = b"DELIVERY NOTE   BL-3   1 pc   JPY 9,980", b"RETURN SLIP   Order:          Item:          Reason:"


def entries(name: str, kind: str) -> list[dict[str, Any]]:
    """The rows of one kind in one of the sample's TOML files, in their order."""
    with (FOLDER / f"{name}.toml").open("rb") as source:
        return list(tomllib.load(source)[kind])


def table(name: str) -> list[dict[str, str]]:
    """The rows of one of the sample's tables."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))
