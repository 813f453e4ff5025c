"""Mail that is posted by HTTP: as it stands (`message/rfc822`), or as Twilio SendGrid's Inbound Parse sends it.

SendGrid posts a form, with the whole mail in the field `email` or, where nobody asked for that, taken apart into
`headers`, `text`, `html` and files. The one idea: what is stored are the bytes that came. A form that was taken apart
is kept as it is, below a head that says so, and put together whenever it is read (`mail_of`), so that a better way of
putting it together does better by old mail as well.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from helpdesk.errors import Invalid
from helpdesk.inbox import mail_key
from helpdesk.mail.envelope import storable, tag_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
SIGNED_FOR = timedelta(days=4)
"""SendGrid tries again for three days; a mail that is posted twice is kept once."""
PARTS_MAX = 1000
RAW_KINDS = ("message/rfc822", "message/global", "application/octet-stream")

_MARK = b"X-Desk-Posted: form\r\nContent-Type: "
_BLANK = b"\r\n\r\n"
_ABOUT_BODY = re.compile(rb"^(?:content-[a-z-]+|mime-version)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.I | re.M)
_REPORT = re.compile(rb"^content-type[ \t]*:\s*(multipart/report)\b", re.I | re.M)
_KIND = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+_-]{1,100}")


@dataclass(frozen=True, slots=True)
class Posted:
    """What came: `raw` is to be stored, `key` is what makes it the same mail as another, by whatever way."""

    raw: bytes
    key: str
    envelope: dict[str, Any]


@dataclass(slots=True)
class _Part:
    name: str = ""
    file_name: str = ""
    kind: str = ""
    content: bytes = b""


def read(body: bytes, content_type: str, *, source: str) -> Posted:
    """A post as it is to be stored. Raises `Invalid` for what is no mail in any form known here."""
    kind, options = parse_options_header(content_type)
    envelope: dict[str, Any] = {"recipients": [], "tag": "", "peer": source}
    if kind.decode("latin-1").lower() in RAW_KINDS:
        if not body.strip():
            raise Invalid("not_a_mail", found="nothing")
        return Posted(body, mail_key(body), envelope)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Invalid("not_a_mail", found=content_type[:80])
    parts = _parts(body, options[b"boundary"])
    fields = _fields(parts)
    envelope |= _envelope(fields)
    if fields.get("email", b"").strip():
        raw = fields["email"] if fields["email"].endswith(b"\n") else fields["email"] + b"\r\n"
        return Posted(raw, mail_key(raw), envelope)
    if not (fields.get("headers", b"").strip() or fields.get("from", b"").strip()):
        raise Invalid("not_a_mail", found="neither email nor headers")
    raw = _MARK + content_type.encode("latin-1", "replace") + _BLANK + body
    return Posted(raw, mail_key(_put_together(parts)), envelope)


def mail_of(raw: bytes) -> bytes:
    """What was stored, as a mail: itself, or put together from the form it came as. Never raises."""
    if not raw.startswith(_MARK):
        return raw
    head, _, body = raw.partition(_BLANK)
    _, options = parse_options_header(head[len(_MARK) :].decode("latin-1"))
    try:
        return _put_together(_parts(body, options.get(b"boundary", b"")))
    except Invalid:
        return raw


def prove(*, key: str, signature: str, timestamp: str, body: bytes, now: datetime) -> bool:
    """Whether SendGrid signed this post, and lately: ECDSA with SHA-256 over the timestamp and the raw body."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        signed_at = datetime.fromtimestamp(int(timestamp), UTC)
        public_key(key).verify(base64.b64decode(signature, validate=True), timestamp.encode() + body,
                               ec.ECDSA(hashes.SHA256()))  # fmt: skip
    except (InvalidSignature, binascii.Error, ValueError, OverflowError, OSError):
        return False
    return abs(now - signed_at) <= SIGNED_FOR


def public_key(written: str) -> "EllipticCurvePublicKey":
    """The key as SendGrid shows it: Base64 of its DER form. Raises ValueError for anything else."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        found = serialization.load_der_public_key(base64.b64decode(written, validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError("write the public key as SendGrid shows it, in Base64") from error
    if not isinstance(found, ec.EllipticCurvePublicKey):
        raise ValueError("this is a key of another kind; SendGrid's are of elliptic curves")
    return found


def _parts(body: bytes, boundary: bytes) -> list[_Part]:
    """The parts of a form, whole. Raises `Invalid("broken_form")`."""
    parts: list[_Part] = []
    held: dict[str, bytearray] = {"field": bytearray(), "value": bytearray(), "content": bytearray()}
    heads: list[tuple[bytes, bytes]] = []

    def add(what: str) -> Callable[[bytes, int, int], None]:
        return lambda data, start, end: held[what].extend(data[start:end])

    def head_ended() -> None:
        heads.append((bytes(held["field"]).lower(), bytes(held["value"])))
        held["field"].clear()
        held["value"].clear()

    def part_ended() -> None:
        told = dict(heads)
        _, options = parse_options_header(told.get(b"content-disposition", b""))
        parts.append(_Part(
            _text(options.get(b"name", b"")), _text(options.get(b"filename", b"")),
            _text(told.get(b"content-type", b"")).partition(";")[0].strip().lower(), bytes(held["content"]),
        ))  # fmt: skip
        heads.clear()
        held["content"].clear()
        if len(parts) > PARTS_MAX:
            raise Invalid("broken_form", found="too many parts")

    try:
        parser = MultipartParser(boundary, {
            "on_part_data": add("content"), "on_header_field": add("field"), "on_header_value": add("value"),
            "on_header_end": head_ended, "on_part_end": part_ended,
        })  # fmt: skip
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise Invalid("broken_form", found=str(error)[:80]) from error
    return parts


def _fields(parts: list[_Part]) -> dict[str, bytes]:
    """What is no file, by name; of several of a name the first."""
    fields: dict[str, bytes] = {}
    for part in parts:
        if not part.file_name or part.name == "email":
            fields.setdefault(part.name, part.content)
    return fields


def _envelope(fields: dict[str, bytes]) -> dict[str, Any]:
    """To whom and by whom it was handed over to SendGrid."""
    told = _json(fields.get("envelope", b""))
    to = told.get("to")
    recipients = [storable(each) for each in to if isinstance(each, str)][:100] if isinstance(to, list) else []
    sender = told.get("from")
    known = {"sender": storable(sender)} if isinstance(sender, str) else {}
    return {"recipients": recipients, "tag": tag_of(recipients), **known}


def _put_together(parts: list[_Part]) -> bytes:
    """The mail again: its own head but for what described the old body, then words and files.

    The border is made of the contents, so the same form makes the same mail.
    """
    fields = _fields(parts)
    charsets, info = _json(fields.get("charsets", b"")), _json(fields.get("attachment-info", b""))
    head = fields.get("headers", b"").replace(b"\r\n", b"\n").strip(b"\n") + b"\n"
    is_report = bool(_REPORT.search(head))
    head = _ABOUT_BODY.sub(b"", head).strip(b"\n")
    if not head:
        named = ("from", "to", "cc", "subject")
        lines = [name.encode() + b": " + b" ".join(fields[name].split()) for name in named if fields.get(name)]
        head = b"\n".join(lines)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:%s=%d:%s" % (len(part.name), part.name.encode(), len(part.content), part.content))
    border = digest.hexdigest()[:40]
    words = [
        _section(f"text/{subtype}; charset={_charset(charsets.get(name))}", fields[name])
        for name, subtype in (("text", "plain"), ("html", "html"))
        if fields.get(name)
    ]
    files = [_file(part, info.get(part.name)) for part in parts if part.file_name and part.name != "email"]
    if len(words) > 1:
        words = [_sections("multipart/alternative", words, f"words-{border}")]
    kind = "multipart/report; report-type=delivery-status" if is_report else "multipart/mixed"
    below = _sections(kind, words + files, f"parts-{border}")
    return head.replace(b"\n", b"\r\n") + b"\r\nMIME-Version: 1.0\r\n" + below


def _sections(kind: str, sections: list[bytes], border: str) -> bytes:
    line = b"--" + border.encode()
    inside = b"".join(line + b"\r\n" + section + b"\r\n" for section in sections)
    return f'Content-Type: {kind}; boundary="{border}"'.encode() + _BLANK + inside + line + b"--\r\n"


def _section(kind: str, content: bytes, *more: str) -> bytes:
    lines = [f"Content-Type: {kind}", *more]
    if kind.startswith("message/"):  # which is never encoded (RFC 2046, 5.2.1)
        return "\r\n".join(lines).encode() + _BLANK + content
    lines.append("Content-Transfer-Encoding: base64")
    return "\r\n".join(lines).encode() + _BLANK + base64.encodebytes(content).replace(b"\n", b"\r\n")


def _file(part: _Part, info: Any) -> bytes:
    told = info if isinstance(info, dict) else {}
    kind = str(told.get("type") or part.kind).lower()
    if not _KIND.fullmatch(kind) or kind.startswith("multipart/"):
        kind = "application/octet-stream"
    name = str(told.get("filename") or told.get("name") or part.file_name)
    content_id = re.sub(r"[^!-;=?-~]", "", str(told.get("content-id") or ""))[:200]
    way = "inline" if content_id else "attachment"
    more = [f"Content-Disposition: {way}; filename*=UTF-8''{quote(name.encode('utf-8', 'replace'), safe='')}"]
    if content_id:
        more.append(f"Content-ID: <{content_id}>")
    return _section(kind, part.content, *more)


def _charset(written: Any) -> str:
    return written if isinstance(written, str) and re.fullmatch(r"[A-Za-z0-9._:-]{1,40}", written) else "utf-8"


def _json(written: bytes) -> dict[str, Any]:
    """An object, or an empty one for whatever is none."""
    try:
        told = json.loads(written)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _text(written: bytes) -> str:
    return written.decode("utf-8", "replace")
