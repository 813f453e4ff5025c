"""One mail, from bytes to what the desk needs to know about it. Start here to follow how mail is read.

The one idea: reading never fails, it only gets less sure. Every stage has a limit before it and mends what it
can; what was mended is told in `problems`, and a mail nobody can answer says so in `unreadable` and is parked with
its bytes. Pure: no database, no network, and no clock but the processor's, which says when to leave out what remains.
"""

import html as entities
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from helpdesk.mail import automatic, calendar, charsets, headers, html, mime, replies, tangles, tnef
from helpdesk.mail.addresses import Address, domain_of, read_addresses
from helpdesk.mail.files import Attachment, content_id, is_encrypted, safe_name

__all__ = ["Address", "Attachment", "Email", "phone_hints", "read", "subject_stem"]

MAIL_BYTES = 64_000_000
TEXT_CHARACTERS = 1_000_000
PAGE_CHARACTERS = 6_000_000  # of a page made safe, which may be longer than it was before
SUBJECT_CHARACTERS = 1_000
REFERENCES = 100
SECONDS = 3.0  # of the processor; no mail of our hostile ones takes one
CUT = "[… ✂ …]"  # stands where something was left out, in the text and on the page


@dataclass(frozen=True, slots=True)
class Email:
    """A mail as read. Texts are NFC with "\\n" line ends; message ids keep their angle brackets; times are UTC.

    `text` is everything the sender wrote, `reply_text` the new part of it, `quoted_text` and `signature` the rest;
    `html` is clean enough for a sandboxed frame, its remote images waiting in `data-remote-src`. `problems` are codes
    of what was mended or odd; `unreadable` is "" or why the mail must be parked: "empty", "no_sender", "reader_failed".
    """

    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    sender: Address | None = None
    header_from: str = ""  # the address in From, once a channel has taken the sender from Reply-To (senders.py)
    reply_to: Address | None = None
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    subject: str = ""
    sent_at: datetime | None = None
    text: str = ""
    reply_text: str = ""
    quoted_text: str = ""
    signature: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    is_bounce: bool = False
    bounced_message_id: str = ""
    bounce_status: str = ""
    is_certain_bounce: bool = False  # a report says so, not only the words
    failures: tuple[automatic.Failure, ...] = ()  # of a bounce: whom the mail did not reach
    is_automatic: bool = False
    automatic_reason: str = ""
    may_answer_automatically: bool = False
    is_forward: bool = False
    problems: tuple[str, ...] = ()
    unreadable: str = ""


def read(raw: bytes, *, seconds: float = SECONDS) -> Email:
    """The mail in these bytes, whatever they are. Never raises; a few seconds at the very worst.

    At most 64 MB are looked at, 100 levels, 1,000 parts, a million characters of text and of HTML, 500
    recipients, the newest 100 references, 1,000 characters of subject. After `seconds` of processor time further
    parts are not opened, pages not cleaned and quotes not told apart: `problems` says "time_cut", `CUT` stands below
    the text, and the bytes are where they were.
    """
    if not raw.strip(b" \t\r\n\0"):
        return Email(unreadable="empty", problems=("empty",))
    try:
        return _read(raw, _End(seconds))
    except Exception as error:  # a fault of ours must not stop the mails behind this one
        return Email(unreadable="reader_failed", problems=(f"reader_failed:{type(error).__name__}",))


def subject_stem(subject: str) -> str:
    """A subject without `Re:`, `RE：`, `Fw:`, `返信:`, `Re[2]:` and their like in front, however many there are."""
    position = 0
    while found := _PREFIX.match(subject, position):
        position = found.end()
    return subject[position:].strip()


def phone_hints(email: Email) -> tuple[str, ...]:
    """Telephone numbers in the signature as typed, fax numbers left out; labeled ones at the reply's end as well."""
    return replies.phones(email.signature, email.reply_text)


_RE_WORDS = r"re|ＲＥ|Ｒｅ|ｒｅ|aw|antw|sv|vs|rif|res|odp|ynt|返信|回答|答复|回复|回覆|답장|회신"
_FW_WORDS = r"fwd?|ＦＷＤ?|Ｆｗｄ?|ｆｗｄ?|wg|tr|rv|enc|doorst|転送|转发|轉寄|전달"
_PREFIX = re.compile(
    rf"[\s\u3000]*(?:{_RE_WORDS}|{_FW_WORDS})\s?(?:[\[(（]\d{{1,3}}[\])）]|[\^*]?\d{{1,3}})?[\s\u3000]?[:：]", re.I
)
_RE_FIRST = re.compile(rf"[\s\u3000]*(?:{_RE_WORDS})[^:：\w]{{0,3}}\d{{0,3}}[\])）]?[\s\u3000]?[:：]", re.I)
_FW_FIRST = re.compile(rf"[\s\u3000]*(?:{_FW_WORDS})[^:：\w]{{0,3}}\d{{0,3}}[\])）]?[\s\u3000]?[:：]", re.I)
_MESSAGE_ID = re.compile(rb"<([^<>]{1,500})>")
_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9_.:-]{2,40})""", re.I)


class _End:
    """So many seconds from now, on the processor's clock and on the wall's.

    Both must have passed: a busy machine makes the wall's run ahead, and some virtual ones let the processor's leap by
    seconds, which must cost nobody the formatting of a mail.
    """

    def __init__(self, seconds: float) -> None:
        self._worked, self._stood = time.thread_time() + seconds, time.monotonic() + seconds

    def is_past(self) -> bool:
        return time.monotonic() > self._stood and time.thread_time() > self._worked  # the dearer clock is asked last


def _read(raw: bytes, end: _End) -> Email:
    problems: list[str] = []
    if len(raw) > MAIL_BYTES:
        raw = raw[:MAIL_BYTES]
        problems.append("mail_cut")
    if b"\r" in raw[:100_000] and b"\n" not in raw[:100_000].rstrip(b"\r\n"):  # relays add a line end of their own
        raw = raw.replace(b"\r", b"\n")
    head = headers.read_head(raw, 0, len(raw), outermost=True)
    problems += head.problems
    carrier = charsets.carrier_of(domain_of(head.first("from")))
    tree = mime.read_tree(raw, head, problems, carrier=carrier)
    hint = _first_charset(tree)

    contents = _Contents(raw, hint, carrier, problems, end)
    sections = contents.sections(tree)
    text, page = _text_and_page(sections, contents, problems)

    senders = _addresses(head, "from", hint, carrier)
    reply_to = _addresses(head, "reply-to", hint, carrier)
    sender = next(iter(senders or reply_to or _addresses(head, "sender", hint, carrier)), None)
    if not senders and sender:
        problems.append("sender_not_in_from")
    if len(senders) > 1:
        problems.append("several_senders")
    subject = _subject(head, hint, carrier)
    in_reply_to = _message_ids(head.first("in-reply-to"))
    references = _message_ids(b" ".join(head.all("references")))
    subject_forward = bool(_FW_FIRST.match(subject))
    is_reply = bool(in_reply_to or references or _RE_FIRST.match(subject))
    if contents.is_late():
        split = replies.Split(text, "", "", subject_forward)
    else:
        split = replies.split(text, is_reply=is_reply, is_forward=subject_forward)
    below = "\n\n".join(dict.fromkeys([*contents.invitations, *([CUT] if _CUTS.intersection(problems) else ())]))

    address = sender.address if sender else ""
    kind = headers.parameters(head.first("content-type"))[0]  # as declared: a report may come without its parts
    bounce = automatic.bounce(head, kind, tree.params, address, subject, text, contents.reports)
    why = automatic.reason(head, kind, tree.params, address, subject, is_bounce=bounce.is_bounce)
    sent_at = _sent_at(head)
    if sent_at is None and head.has("date"):
        problems.append("date_unreadable")
    return Email(
        message_id=next(iter(_message_ids(head.first("message-id"), bare=True)), ""),
        in_reply_to=in_reply_to[:REFERENCES],
        references=references[::-1][:REFERENCES],
        sender=sender,
        reply_to=next(iter(reply_to), None),
        to=_addresses(head, "to", hint, carrier),
        cc=_addresses(head, "cc", hint, carrier),
        subject=subject,
        sent_at=sent_at,
        text=_with(text, below),
        reply_text=_with(split.reply, below),
        quoted_text=split.quoted,
        signature=split.signature,
        html=page,
        attachments=contents.finished(page),
        is_bounce=bounce.is_bounce,
        bounced_message_id=headers.one_line(bounce.message_id, 500) if bounce.is_bounce else "",
        bounce_status=bounce.status if bounce.is_bounce else "",
        is_certain_bounce=bounce.is_bounce and bounce.is_certain,
        failures=bounce.failures,
        is_automatic=bool(why),
        automatic_reason=why,
        may_answer_automatically=automatic.may_answer(head, address, why_automatic=why),
        is_forward=split.is_forward,
        problems=tuple(dict.fromkeys(problems)),
        unreadable="" if sender or bounce.is_bounce else "no_sender",
    )


_CUTS = {"mail_cut", "text_cut", "html_cut", "time_cut", "too_deep", "too_many_parts"}


def _with(text: str, below: str) -> str:
    return f"{text}\n\n{below}" if text and below else text or below


@dataclass(slots=True)
class _Section:
    """A stretch of the body: what it says as plain text, as HTML, or both ways."""

    plain: str = ""
    page: str = ""


class _Contents:
    """Walks the tree once, keeping the attachments and report parts it meets on the way."""

    def __init__(self, raw: bytes, hint: str, carrier: str, problems: list[str], end: _End) -> None:
        self.raw, self.hint, self.carrier, self.problems, self.end = raw, hint, carrier, problems, end
        self.invitations: list[str] = []
        self.attachments: list[Attachment] = []
        self.reports: dict[str, bytes] = {}

    def is_late(self) -> bool:
        """Whether the time for this mail is over; then it is told in `problems`."""
        if not self.end.is_past():
            return False
        self.problems.append("time_cut")
        return True

    def sections(self, part: mime.Part) -> list[_Section]:
        if self.is_late():
            return []
        if part.kind.startswith("multipart/"):
            inner = [section for child in part.children for section in self.sections(child)]
            if part.kind == "multipart/encrypted":
                self.problems.append("encrypted")
            if part.kind == "multipart/alternative" and len(inner) > 1:
                plain = "\n".join(section.plain for section in inner if section.plain.strip())
                return [_Section(plain, "\n".join(section.page for section in inner if section.page))]
            return inner
        if part.kind in ("text/plain", "text/html") and part.disposition != "attachment" and not part.file_name:
            return [self.words(part)]
        data = mime.content(self.raw, part, self.problems)
        if part.kind in _REPORTS:
            self.reports.setdefault(part.kind, data)
        if part.kind == "application/ms-tnef" or part.file_name.lower() == "winmail.dat":
            wrapped = tnef.unpack(data)
            if wrapped is not None:
                return self.unwrapped(wrapped, data)
            self.problems.append("tnef_unreadable")
        name = self.file_name(part, data)
        if calendar.is_calendar(part.kind, name):
            words = charsets.decode(data[: calendar.CHARACTERS], part.charset, hint="utf-8")[0]
            self.invitations += filter(None, [charsets.nfc(calendar.told(words))])
        self.attach(name, part.kind, data, part.head.first("content-id"), part.disposition == "inline")
        return []

    def words(self, part: mime.Part) -> _Section:
        data = mime.content(self.raw, part, self.problems)
        limit = 4 * max(TEXT_CHARACTERS, html.CHARACTERS)
        if len(data) > limit:
            data = data[:limit]
            self.problems.append("text_cut")
        declared = part.charset
        if part.kind == "text/html" and not charsets.known(declared) and (meta := _META_CHARSET.search(data[:4096])):
            declared = meta[1].decode("ascii")
        text, problem = charsets.decode(data, declared, hint=self.hint, carrier=self.carrier)
        if problem:
            self.problems.append(problem)
        if part.kind == "text/html":
            return _Section(page=text.replace("\0", ""))
        if part.params.get("format", "").lower() == "flowed":
            text = _unflowed(text[: 2 * TEXT_CHARACTERS], deletes_space=part.params.get("delsp", "").lower() == "yes")
        return _Section(plain=text)

    def unwrapped(self, wrapped: tnef.Contents, data: bytes) -> list[_Section]:
        for file in wrapped.files:
            kind = file.content_type.lower() if "/" in file.content_type else "application/octet-stream"
            self.attach(file.name, kind, file.content, file.content_id.encode("utf-8"), False)
        if not wrapped.is_whole:
            self.problems.append("tnef_damaged")
            self.attach("winmail.dat", "application/ms-tnef", data, b"", False)
        return [_Section(wrapped.text, wrapped.html)] if wrapped.text or wrapped.html else []

    def attach(self, name: str, kind: str, data: bytes, identity: bytes, is_inline: bool) -> None:
        number = len(self.attachments) + 1
        kind = kind if re.fullmatch(r"[\w.+-]{1,60}/[\w.+-]{1,90}", kind, re.A) else "application/octet-stream"
        if is_encrypted(kind, name):
            self.problems.append("encrypted")
        self.attachments.append(
            Attachment(
                safe_name(name, kind, number=number),
                kind,
                data,
                content_id(identity.decode("utf-8", "replace")),
                is_inline,
            )
        )

    def file_name(self, part: mime.Part, data: bytes) -> str:
        name = part.file_name
        disposition, kind = part.head.first("content-disposition"), part.head.first("content-type")
        if not (disposition.isascii() and kind.isascii()):  # a raw 8-bit name: the body's charset is the best witness
            name = (
                headers.parameters(disposition, hint=self.hint, carrier=self.carrier)[1].get("filename")
                or headers.parameters(kind, hint=self.hint, carrier=self.carrier)[1].get("name")
                or name
            )
        if not name and part.kind == "message/rfc822":
            inner = headers.read_head(data, 0, min(len(data), 200_000), outermost=True)
            if subject := _subject(inner, self.hint, self.carrier):
                name = subject.replace("/", "_").replace("\\", "_")[:100] + ".eml"
        if part.kind == "message/rfc822" and name and not name.lower().endswith(".eml"):
            name += ".eml"
        return name

    def finished(self, page: str) -> tuple[Attachment, ...]:
        """The attachments; a picture the page shows by its id is inline whatever its own head says."""
        return tuple(
            Attachment(item.name, item.content_type, item.content, item.content_id, True)
            if item.content_id and not item.is_inline and f"cid:{item.content_id}" in page
            else item
            for item in self.attachments
        )


_REPORTS = {
    "message/delivery-status",
    "message/rfc822",
    "text/rfc822-headers",
    "message/global",
    "message/global-headers",
}
_ONLY_HTML = re.compile(r"html.{0,30}(メール|形式|表示|mail|message|format|view|client|viewer|support)", re.I)


def _text_and_page(sections: list[_Section], contents: _Contents, problems: list[str]) -> tuple[str, str]:
    """All sections as one text and, if any of them has HTML, as one clean page."""
    texts, pages = [], []
    has_page = any(section.page for section in sections)
    room = html.CHARACTERS
    for section in sections:
        if contents.is_late():
            texts.append(section.plain[: TEXT_CHARACTERS + 1])
            has_page = False
            continue
        page, was_cut = html.bounded(section.page[: max(0, room)])
        was_cut = was_cut or len(page) < len(section.page)
        room -= len(page)
        if was_cut:
            problems.append("html_cut")
        plain = section.plain[: TEXT_CHARACTERS + 1]
        is_notice = len(plain) < 200 and page and _ONLY_HTML.search(plain) is not None
        if page and (not plain.strip() or is_notice):
            plain = html.to_text(page)
        texts.append(plain)
        if has_page:
            pages.append(page or "<p>" + entities.escape(plain).replace("\n", "<br>") + "</p>")
    text = "\n".join(texts)
    if len(text) > TEXT_CHARACTERS:
        text = text[: TEXT_CHARACTERS - 20]  # with room for the sign that something is missing
        problems.append("text_cut")
    if len(pages) > 1:
        pages = [html.bounded("\n".join(pages))[0]]
    is_tangled = has_page and tangles.is_tangled(pages[0])
    clean = html.sanitize(pages[0]) if has_page and not is_tangled else ""
    if is_tangled or len(clean) > PAGE_CHARACTERS:
        problems.append("html_tangled")
        clean = "<p>" + entities.escape(text.strip()).replace("\n", "<br>") + "</p>"
    clean = charsets.nfc(clean)
    if clean and _CUTS.intersection(problems):
        clean += f"<p>{CUT}</p>"
    return charsets.nfc(text).strip("\n").rstrip(), clean


def _unflowed(text: str, *, deletes_space: bool) -> str:
    """RFC 3676: soft line breaks undone per depth of quoting; with `DelSp=yes`, as in Japanese, their blank too."""
    out: list[str] = []
    is_open, depth_before = False, -1
    for line in text.replace("\r\n", "\n").split("\n"):
        bare = line.lstrip(">")
        depth = len(line) - len(bare)
        bare = bare.removeprefix(" ")
        flows = bare.endswith(" ") and bare != "-- "
        content = bare[:-1] if flows and deletes_space else bare
        if is_open and depth == depth_before and bare != "-- " and len(out[-1]) < 100_000:
            out[-1] += content
        else:
            out.append(">" * depth + (" " if depth else "") + content)
        is_open, depth_before = flows, depth
    return "\n".join(out)


def _first_charset(part: mime.Part) -> str:
    """The charset of the first text part that names one we know: the best guess for raw bytes nearby."""
    if part.kind.startswith("text/") and charsets.known(part.charset):
        return part.charset
    return next((charset for child in part.children if (charset := _first_charset(child))), "")


def _addresses(head: headers.Head, name: str, hint: str, carrier: str) -> tuple[Address, ...]:
    """The addresses of the first field of that name that has a usable one."""
    for value in head.all(name)[:20]:
        if found := read_addresses(value, hint=hint, carrier=carrier):
            return found
    return ()


def _subject(head: headers.Head, hint: str, carrier: str) -> str:
    for value in head.all("subject")[:20]:
        if subject := headers.decode_text(value, hint=hint, carrier=carrier, limit=SUBJECT_CHARACTERS):
            return subject
    return ""


def _message_ids(value: bytes, *, bare: bool = False) -> tuple[str, ...]:
    """Message ids in order, once each, with angle brackets; with `bare`, an id that lacks them is given them."""
    value = value[: headers.FIELD_BYTES]
    found = [b"".join(inner.split()) for inner in _MESSAGE_ID.findall(value)]
    if not found and bare and (token := value.strip().strip(b"<>")) and len(token.split()) == 1:
        found = [token[:500]]
    ids = (headers.one_line(inner.decode("utf-8", "replace"), 500) for inner in found)
    return tuple(dict.fromkeys(f"<{identity}>" for identity in ids if identity))


def _sent_at(head: headers.Head) -> datetime | None:
    for value in head.all("date")[:5]:
        try:
            moment = parsedate_to_datetime(headers.one_line(value[:200].decode("ascii", "ignore"), 100))
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
        if 1980 <= moment.year < 2100:
            return moment
    return None
