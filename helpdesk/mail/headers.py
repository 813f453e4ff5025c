"""The head of a mail or of one of its parts: fields found in damaged heads, words and parameters decoded.

The one idea: a head is read from bytes, line by line, before any charset is assumed. A stray line among the
fields is skipped instead of ending the head, a field is cut at a stated length, and only then are encoded
words, raw 8-bit text and RFC 2231 parameters turned into text with `charsets.decode`.
"""

import binascii
import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from helpdesk.mail import charsets

HEAD_LINES = 20_000  # lines of one head that are looked at
FIELD_BYTES = 65_536  # bytes of one field that are kept
FIELDS = 2_000  # fields of one head that are kept

_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]*:")
_FOLDED = re.compile(r"[\r\n]+[ \t]*")
_NAMED = re.compile(
    rb"(from|to|cc|subject|date|message-id|mime-version|content-[a-z-]+|received|return-path|reply-to|sender"
    rb"|x-[a-z-]+)[ \t]*:",
    re.I,
)


@dataclass(slots=True)
class Head:
    """The fields of one head, in order, as bytes; where the body starts; what was mended."""

    fields: list[tuple[str, bytes]]
    body_start: int
    problems: list[str] = field(default_factory=list)

    def all(self, name: str) -> list[bytes]:
        return [value for key, value in self.fields if key == name]

    def first(self, name: str) -> bytes:
        """The first field of that (lower-case) name which is not blank, or nothing."""
        return next((value for key, value in self.fields if key == name and value.strip()), b"")

    def has(self, name: str) -> bool:
        return any(key == name for key, _ in self.fields)

    def ascii(self, name: str) -> str:
        """The first such field as lower-case ASCII without comments, for the fields that machines write."""
        value = self.first(name)[:1000].decode("ascii", "ignore").split("(")[0]
        return " ".join(value.split()).lower()


def read_head(raw: bytes, start: int, end: int, *, outermost: bool = False) -> Head:
    """The head at `raw[start:end]`. Only the outermost one is searched beyond a gap or for an mbox line.

    Stray lines are skipped when a field follows them before the blank line; otherwise the body begins there.
    """
    head = Head([], start)
    if outermost:
        start = _skip_preamble(raw, start, end, head)
    position, lines, kept = start, 0, 0
    strays = 0
    stray_at = -1
    while position < end and lines < HEAD_LINES:
        newline = raw.find(b"\n", position, end)
        after = end if newline < 0 else newline + 1
        line = raw[position : min(after, position + FIELD_BYTES)].rstrip(b"\r\n")
        lines += 1
        if not line.strip(b"\0 \t") and not (line and head.fields and raw[after : after + 1] in (b" ", b"\t")):
            if outermost and _head_goes_on(raw, after, end, head):
                head.problems.append("gap_in_head")
                position = after
                continue
            position = after
            break
        if line[:1] in (b" ", b"\t") and head.fields and stray_at < 0:
            room = FIELD_BYTES - kept
            if room > 0:
                name, value = head.fields[-1]
                head.fields[-1] = (name, value + b"\n" + line[:room]) if lines < 3000 else (name, value)
                kept += len(line) + 1
        elif found := _FIELD.match(line):
            strays, stray_at = strays + (stray_at >= 0), -1
            if len(head.fields) < FIELDS:
                head.fields.append((found[1].decode("ascii").lower(), line[found.end() :]))
                kept = len(line)
        elif stray_at < 0:
            stray_at = position
        position = after
    if stray_at >= 0:  # no field followed: the blank line was missing and the body began at the first stray line
        position = stray_at
        head.problems.append("no_blank_line")
    if strays:
        head.problems.append("stray_header_line")
    head.body_start = position
    return head


def decode_text(value: bytes, *, hint: str = "", carrier: str = "", shield: bool = False, limit: int = 1000) -> str:
    """One header value as text: encoded words joined and decoded, raw 8-bit or JIS text guessed by `hint`.

    Adjacent words of one charset are joined before decoding, so a character split over two words, or an
    ISO-2022-JP shift carried over the border, survives. With `shield`, the address specials that came out of
    encoded words are moved to plane 15 so that they cannot act as separators; `unshield` moves them back.
    At most `limit` characters, without controls and direction overrides.
    """
    value = value[:FIELD_BYTES]
    out: list[str] = []
    run: list[bytes] = []
    run_charset = ""
    position = 0

    def flush() -> None:
        if run:
            text = charsets.decode(b"".join(run), run_charset, hint=hint, carrier=carrier)[0]
            out.append(text.translate(_SHIELD) if shield else text)
            run.clear()

    for word in _words(value):
        start, end, charset, payload = word
        gap = value[position:start]
        if not run or gap.strip() or charset != run_charset:
            flush()
            if gap.strip() or position == 0:
                out.append(_raw_text(gap, hint, carrier))
        run.append(payload)
        run_charset = charset
        position = end
    flush()
    out.append(_raw_text(value[position:], hint, carrier))
    return one_line("".join(out), limit)


def unshield(text: str) -> str:
    """Undo the shield of `decode_text`."""
    return text.translate(_UNSHIELD)


def one_line(text: str, limit: int) -> str:
    """Text for one line of a screen: no line breaks, controls or direction overrides, single spaces, NFC."""
    text = charsets.nfc(_FOLDED.sub(" ", text[: limit * 4]).translate(_UNSAFE))
    return re.sub(r" {2,}", " ", text.replace("\n", " ")).strip()[:limit].strip()


def parameters(value: bytes, *, hint: str = "", carrier: str = "") -> tuple[str, dict[str, str]]:
    """A value such as `text/plain; charset=x` as its lower-case head and its decoded parameters.

    RFC 2231 pieces are put in order, joined as bytes and decoded once, in ISO-2022-JP too; they win over a
    plain parameter of the same name. Encoded words inside quotes (Outlook) and raw 8-bit names are decoded.
    """
    value = value[:FIELD_BYTES].replace(b"\0", b"")
    first, _, rest = value.partition(b";")
    plain: dict[str, str] = {}
    extended: dict[str, dict[int, tuple[bytes, bool]]] = {}
    for count, found in enumerate(_PARAMETER.finditer(b";" + rest)):
        if count >= 200:
            break
        name = found[1].decode("ascii", "ignore").lower()
        content = _unquoted(found[2])
        base, star, section = name.partition("*")
        if not star:
            plain.setdefault(base, decode_text(_joined_words(content), hint=hint, carrier=carrier, limit=5000))
            continue
        number, _, mark = section.partition("*")
        order = int(number) if number.isdecimal() and len(number) < 4 else 0
        extended.setdefault(base, {}).setdefault(
            order, (content, section == "" or section.endswith("*") or mark == "*")
        )
    for base, pieces in extended.items():
        plain[base] = _rfc2231(pieces, hint, carrier)
    kind = first.partition(b"(")[0].strip().decode("ascii", "ignore").lower()  # RFC 2045 allows comments
    return kind, plain


def _skip_preamble(raw: bytes, start: int, end: int, head: Head) -> int:
    """Past a byte order mark, blank lines and the `From ` line of an mbox file."""
    if raw.startswith(b"\xef\xbb\xbf", start):
        start += 3
        head.problems.append("byte_order_mark")
    while start < end and raw[start] in b"\r\n\0 \t":
        start += 1
    for mark in (b"From ", b">From "):
        if raw.startswith(mark, start):
            newline = raw.find(b"\n", start, end)
            return end if newline < 0 else newline + 1
    return start


def _head_goes_on(raw: bytes, position: int, end: int, head: Head) -> bool:
    """Whether a blank line only interrupts the head: nothing usable so far, and known fields follow it."""
    if any(name in ("from", "subject", "date") for name, _ in head.fields):
        return False
    lines = raw[position : min(end, position + 2000)].split(b"\n")[:2]
    return (
        len(lines) == 2
        and all(_NAMED.match(line) or line[:1] in (b" ", b"\t") for line in lines)
        and bool(_NAMED.match(lines[0]))
    )


_WORD = re.compile(rb"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,20})?\?([bBqQ])\?")


def _words(value: bytes) -> list[tuple[int, int, str, bytes]]:
    """Encoded words as (start, end, charset codec or label, decoded bytes). A missing "?=" ends at the next blank."""
    words = []
    position = 0
    while found := _WORD.search(value, position):
        end = value.find(b"?=", found.end())
        if end < 0:
            stop = re.compile(rb"[\s]|$").search(value, found.end())
            end = stop.start() if stop else len(value)
            position = end
        else:
            position = end + 2
        label = found[1].decode("ascii", "ignore").lower()
        words.append((found.start(), position, label, _payload(found[2], value[found.end() : end])))
    return words


def _payload(encoding: bytes, payload: bytes) -> bytes:
    if encoding in b"bB":
        return decode_base64(payload)[0]
    return binascii.a2b_qp(payload.replace(b"\r", b"").replace(b"\n", b""), header=True)


_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))


def decode_base64(data: bytes) -> tuple[bytes, bool]:
    """Bytes out of base64, however broken, and whether it was broken.

    Foreign characters are skipped, missing padding is added, and a second run after padding (two encoded texts
    sent one after the other) is decoded too; text with blanks in it after the padding is a relay's footer and is not.
    """
    clean = data.translate(None, _NOT_BASE64)
    padding = clean.find(b"=")
    broken = len(clean) % 4 != 0
    if 0 <= padding < len(clean) - 2:
        broken = True
        at = data.find(b"=")
        tail = data[at:].lstrip(b"=").strip()
        if b" " in tail[:2000]:
            clean = clean[:padding]
    out = []
    for run in clean.split(b"="):
        run = run[: len(run) - 1] if len(run) % 4 == 1 else run
        if run:
            out.append(binascii.a2b_base64(run + b"=" * (-len(run) % 4)))
    return b"".join(out), broken


def _raw_text(data: bytes, hint: str, carrier: str) -> str:
    if data.isascii() and b"\x1b" not in data:
        return data.decode("ascii")
    return charsets.decode(data, "", hint=hint, carrier=carrier)[0]


_SPECIALS = ',;:<>"()@\\[]'
_SHIELD = {ord(special): 0xF0000 + ord(special) for special in _SPECIALS}
_UNSHIELD = {shielded: special for special, shielded in _SHIELD.items()}
_UNSAFE = {code: None for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C, 0xFEFF)} | {
    9: " ", 10: " ", 11: " ", 12: " ", 13: " ", 0x2028: " ", 0x2029: " "
}  # fmt: skip

# A Shift_JIS pair may end in a backslash, so pairs are consumed before the quoting rules look at single bytes.
# The possessive `*+` never gives back: a missing quote costs one pass, not an exponential search.
_PARAMETER = re.compile(
    rb";[\s;]*([^\s=;]{1,80})\s*=\s*"
    rb'("(?:[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]|[^"\\]|\\.)*+"|[^;]*+)',
    re.S,
)
_ESCAPED = re.compile(rb'([\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc])|\\(["\\])')


def _unquoted(content: bytes) -> bytes:
    content = content.strip()
    if content[:1] != b'"':
        return content
    content = content[1:-1] if content[-1:] == b'"' and len(content) > 1 else content[1:]
    return _ESCAPED.sub(lambda found: found[1] or found[2], content)


def _joined_words(content: bytes) -> bytes:
    """Outlook folds a long name into several encoded words, sometimes without a blank between or quoted each."""
    return content.replace(b'"', b"") if b"=?" in content else content


def _rfc2231(pieces: dict[int, tuple[bytes, bool]], hint: str, carrier: str) -> str:
    label = ""
    out = []
    for position, order in enumerate(sorted(pieces)):
        content, encoded = pieces[order]
        if position == 0 and encoded and content.count(b"'") >= 2:
            charset, _, content = content.split(b"'", 2)
            label = charset.decode("ascii", "ignore")
        out.append(unquote_to_bytes(content) if encoded else content)
    data = b"".join(out)
    if b"=?" in data and not label:
        return decode_text(data, hint=hint, carrier=carrier, limit=5000)
    return charsets.decode(data, label, hint=hint, carrier=carrier)[0]
