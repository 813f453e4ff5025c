"""The tree of parts in a mail, as places in its bytes.

The one idea: a part is a pair of offsets, never a copy. The standard library's parser keeps every line of a
25 MB attachment as a string of its own, nests one generator per level and re-serializes attached mails; here
boundaries are found with `bytes.find`, an attached mail keeps its exact bytes, and depth, number of parts
and bytes searched are bounded before anything is decoded.
"""

import binascii
import re
from dataclasses import dataclass, field

from helpdesk.mail.headers import Head, decode_base64, parameters, read_head

LEVELS = 100
PARTS = 1_000
SEARCHED_BYTES = 400_000_000  # of all boundary searches together, so that deep nests of large parts stay linear


@dataclass(slots=True)
class Part:
    """One node: its head, its media type with parameters, where its body lies, and its children if it is multipart."""

    head: Head
    kind: str
    params: dict[str, str]
    disposition: str
    disposition_params: dict[str, str]
    start: int
    end: int
    children: list["Part"] = field(default_factory=list)

    @property
    def file_name(self) -> str:
        return self.disposition_params.get("filename") or self.params.get("name", "")

    @property
    def charset(self) -> str:
        return self.params.get("charset", "")


@dataclass(slots=True)
class _Budget:
    parts: int = PARTS
    searched: int = SEARCHED_BYTES


def read_tree(raw: bytes, head: Head, problems: list[str], *, carrier: str = "") -> Part:
    """The whole mail as a tree. `problems` gains codes such as "no_boundary", "too_deep", "too_many_parts"."""
    return _part(raw, head, head.body_start, len(raw), 0, _Budget(), problems, carrier, "text/plain")


def content(raw: bytes, part: Part, problems: list[str]) -> bytes:
    """The bytes of one leaf with its transfer encoding undone; mended where it is broken, never refused."""
    data = raw[part.start : part.end]
    encoding = part.head.ascii("content-transfer-encoding").strip("\"';").split(";")[0].strip()
    if encoding == "base64":
        words, (data, broken) = data, decode_base64(data)
        if part.kind.startswith("text/") and _reads_as_words(words) and not _is_utf8(data):
            problems.append("base64_was_none")
            return words
        if broken:
            problems.append("base64_mended")
        return data
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    if encoding in ("x-uuencode", "uuencode", "x-uue"):
        return _uudecode(data)
    return data


def _reads_as_words(data: bytes) -> bool:
    """Whether blanks part these bytes as they part words; encoded lines are long."""
    pieces = data[:2000].split()
    return len(pieces) >= 4 and sum(map(len, pieces)) < 12 * len(pieces)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _part(
    raw: bytes,
    head: Head,
    start: int,
    end: int,
    level: int,
    budget: _Budget,
    problems: list[str],
    carrier: str,
    default: str,
) -> Part:
    kind, params = parameters(head.first("content-type"), carrier=carrier)
    kind = (
        kind if re.fullmatch(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,90}", kind) else _mended_kind(kind, default)
    )
    disposition, disposition_params = parameters(
        head.first("content-disposition"), hint=params.get("charset", ""), carrier=carrier
    )
    part = Part(head, kind, params, disposition, disposition_params, start, end)
    budget.parts -= 1
    if kind.startswith("multipart/"):
        _split(raw, part, level, budget, problems, carrier)
    return part


def _mended_kind(kind: str, default: str) -> str:
    if kind in ("text", "html", "text/"):
        return "text/html" if kind == "html" else "text/plain"
    return "application/octet-stream" if "/" in kind else default


def _split(raw: bytes, part: Part, level: int, budget: _Budget, problems: list[str], carrier: str) -> None:
    """Fill in the children, or turn the part into plain text (no boundary anywhere) or an opaque leaf (limits)."""
    if level >= LEVELS or budget.searched < part.end - part.start or budget.parts <= 0:
        problems.append("too_deep" if level >= LEVELS else "too_many_parts")
        part.kind = "application/octet-stream"
        return
    budget.searched -= part.end - part.start
    boundary = part.params.get("boundary", "").encode("utf-8", "replace").rstrip()
    places = _places(raw, boundary, part.start, part.end, budget.parts) if boundary else []
    if not places and (guessed := _guess_boundary(raw, part.start, part.end)):
        places = _places(raw, guessed, part.start, part.end, budget.parts)
    if not places or (len(places) == 1 and places[0][2]):
        problems.append("no_boundary")
        body_kind = "text/html" if b"<html" in raw[part.start : part.start + 2000].lower() else "text/plain"
        part.kind = body_kind
        return
    default = "message/rfc822" if part.kind == "multipart/digest" else "text/plain"
    for index, (_, after, closes) in enumerate(places):
        if closes:
            break
        if budget.parts <= 0:
            problems.append("too_many_parts")
            break
        stop = places[index + 1][0] if index + 1 < len(places) else part.end
        head = read_head(raw, after, stop)
        part.children.append(
            _part(raw, head, min(head.body_start, stop), stop, level + 1, budget, problems, carrier, default)
        )
    if not any(closes for _, _, closes in places):
        problems.append("no_closing_boundary")


def _places(raw: bytes, boundary: bytes, start: int, end: int, limit: int) -> list[tuple[int, int, bool]]:
    """Boundary lines as (end of the text before, start of the text after, whether it is the closing one)."""
    mark = b"--" + boundary
    places: list[tuple[int, int, bool]] = []
    position = start
    while len(places) <= limit and (position := raw.find(mark, position, end)) >= 0:
        after = position + len(mark)
        newline = raw.find(b"\n", after, min(end, after + 200))
        stop = min(end, after + 200) if newline < 0 else newline
        rest = raw[after:stop].strip()
        at_line_start = position == start or raw[position - 1] in b"\r\n"
        if at_line_start and rest in (b"", b"--") and (newline >= 0 or stop == end):
            before = position
            if before > start and raw[before - 1] == 10:
                before -= 1
            if before > start and raw[before - 1] == 13:
                before -= 1
            places.append((before, end if newline < 0 else newline + 1, rest == b"--"))
            if rest == b"--":
                break
        position = after
    return places


_DASHES = re.compile(rb"^--([^\s-][^\r\n]{0,198}|-+[^\s-][^\r\n]{0,190})\r?$", re.M)


def _guess_boundary(raw: bytes, start: int, end: int) -> bytes:
    """The line that acts as a boundary when none, or a wrong one, was declared: dashes, then a head field."""
    sample = raw[start : min(end, start + 100_000)]
    for count, found in enumerate(_DASHES.finditer(sample)):
        if count >= 50:
            break
        if re.match(rb"\r?\ncontent-[a-z-]+[ \t]*:", sample[found.end(1) : found.end(1) + 200], re.I):
            return found[1].rstrip()
    return b""


def _uudecode(data: bytes) -> bytes:
    out = []
    for line in data.splitlines()[:1_000_000]:
        if line.startswith(b"begin ") or not line or line == b"end":
            continue
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            width = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                out.append(binascii.a2b_uu(line[:width]))
            except binascii.Error:
                continue
    return b"".join(out)
