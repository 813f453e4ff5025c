"""winmail.dat: the files and the words that Outlook wraps in its own format (MS-OXTNEF).

The one idea: every count in the file is a claim. Lengths are checked against the bytes that are really there, and
loops end with the data, so a file of forty bytes cannot ask for four thousand million properties.
"""

import struct
from dataclasses import dataclass, field

LIMIT_BYTES = 30_000_000
FILES = 200
_PROPERTIES = 2_000
_SIGNATURE = 0x223E9F78

_ATTACHMENT_BEGINS, _TITLE, _DATA, _PROPERTIES_OF_FILE = 0x9002, 0x8010, 0x800F, 0x9005
_BODY, _PROPERTIES_OF_MAIL, _CODEPAGE = 0x800C, 0x9003, 0x9007
_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME = 0x3707, 0x3704, 0x3001
_CONTENT_ID, _MIME_TAG, _DATA_OBJECT = 0x3712, 0x370E, 0x3701
_PLAIN_BODY, _HTML_BODY = 0x1000, 0x1013


@dataclass(slots=True)
class File:
    """One file in the wrapping; names and types as found, perhaps empty."""

    name: str = ""
    content: bytes = b""
    content_id: str = ""
    content_type: str = ""


@dataclass(slots=True)
class Contents:
    """The files, and the body if the wrapping carries one."""

    files: list[File] = field(default_factory=list)
    text: str = ""
    html: str = ""
    is_whole: bool = True


def unpack(data: bytes) -> Contents | None:
    """What a winmail.dat holds; None if it is no TNEF at all. Damaged ones give what precedes the damage."""
    if len(data) < 6 or len(data) > LIMIT_BYTES or struct.unpack_from("<I", data)[0] != _SIGNATURE:
        return None
    contents = Contents()
    codec = "cp932"
    position = 6
    while position + 9 <= len(data):
        level, identity, size = data[position], *struct.unpack_from("<H2xI", data, position + 1)
        position += 9
        if level not in (1, 2) or position + size > len(data):
            contents.is_whole = False
            break
        value = data[position : position + size]
        position += size + 2  # a checksum of two bytes follows; mail has better ones
        if identity == _CODEPAGE and size >= 4:
            codec = _codec(struct.unpack_from("<I", value)[0])
        elif level == 1 and identity == _BODY:
            contents.text = contents.text or _string(value, codec)
        elif level == 1 and identity == _PROPERTIES_OF_MAIL:
            found = _properties(value, codec)
            contents.text = contents.text or str(found.get(_PLAIN_BODY, ""))
            html = found.get(_HTML_BODY, "")
            contents.html = html if isinstance(html, str) else _html(html, codec)
        elif level == 2:
            if identity == _ATTACHMENT_BEGINS or not contents.files:
                if len(contents.files) >= FILES:
                    contents.is_whole = False
                    break
                contents.files.append(File())
            _fill(contents.files[-1], identity, value, codec)
    contents.files = [file for file in contents.files if file.content or file.name]
    return contents


def _fill(file: File, identity: int, value: bytes, codec: str) -> None:
    if identity == _TITLE:
        file.name = file.name or _string(value, codec)
    elif identity == _DATA:
        file.content = value
    elif identity == _PROPERTIES_OF_FILE:
        found = _properties(value, codec)
        names = [found[key] for key in (_LONG_NAME, _DISPLAY_NAME, _SHORT_NAME) if key in found]
        file.name = next((name for name in names if isinstance(name, str) and name), file.name)
        file.content_id = str(found.get(_CONTENT_ID, "") or "")
        file.content_type = str(found.get(_MIME_TAG, "") or "")
        embedded = found.get(_DATA_OBJECT, b"")
        if isinstance(embedded, bytes) and embedded and not file.content:
            file.content = embedded[16:]  # the first sixteen bytes name the interface, not the file


def _properties(data: bytes, codec: str) -> dict[int, str | bytes]:
    """The variable-length MAPI properties, read until the data, not the announced count, runs out."""
    found: dict[int, str | bytes] = {}
    position = 4
    try:
        for _ in range(min(_PROPERTIES, struct.unpack_from("<I", data)[0])):
            kind, name = struct.unpack_from("<HH", data, position)
            position += 4
            if name >= 0x8000:
                position = _past_name(data, position)
            many = bool(kind & 0x1000)
            kind &= 0x0FFF
            if width := _WIDTHS.get(kind):
                count = struct.unpack_from("<I", data, position)[0] if many else 1
                position += (4 if many else 0) + count * width
                position += -position % 4 if many else 0
                continue
            if kind not in (0x1E, 0x1F, 0x0D, 0x102):
                break
            count = struct.unpack_from("<I", data, position)[0]
            position += 4
            for _ in range(count):  # ends with the data, four bytes a turn
                size = struct.unpack_from("<I", data, position)[0]
                value = data[position + 4 : position + 4 + size]
                position += 4 + size + (-size % 4)
                if position > len(data) + 3:
                    return found
                if kind == 0x1F:
                    found.setdefault(name, value.decode("utf-16-le", "replace").rstrip("\0"))
                else:
                    found.setdefault(name, _string(value, codec) if kind == 0x1E else value)
    except struct.error:
        pass
    return found


_WIDTHS = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 4, 20: 8, 64: 8, 72: 16}


def _past_name(data: bytes, position: int) -> int:
    if data[position + 16 : position + 20] == bytes(4):
        return position + 24
    size = int.from_bytes(data[position + 20 : position + 24], "little")
    return position + 24 + size + (-size % 4)


def _codec(codepage: int) -> str:
    known = {932: "cp932", 936: "gb18030", 949: "cp949", 950: "big5hkscs", 65001: "utf-8"}
    return known.get(codepage) or (f"cp{codepage}" if 1250 <= codepage <= 1258 else "cp932")


def _string(value: bytes, codec: str) -> str:
    return value.rstrip(b"\0").decode(codec, "replace")


def _html(value: bytes, codec: str) -> str:
    try:
        return value.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        return value.rstrip(b"\0").decode(codec, "replace")
