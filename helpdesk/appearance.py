"""The desk's name, picture and colour, as a supervisor chooses them.

The one idea: a colour is a wish. What is drawn are shades of it that can be read (WCAG 2.2: 4.5 to 1 for words), by day
and by night; where the wished shade cannot, the nearest one is taken, and the page says so.

A picture is PNG, JPEG or WebP, told by its first bytes and never by its name. SVG is refused: it is a document that may
hold scripts and fetch from elsewhere, and what a sanitizer forgets would run under the desk's own address.
"""

import colorsys
import re
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from helpdesk.errors import Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import PreferenceChanged
from models import Agent, Logo, Preference

PREFERENCE = "appearance"
NAME_MAX = 40
LOGO_BYTES = 200_000
LOGO_SIDE = 2_000
READABLE = 4.5
"""Contrast of words and their ground (WCAG 2.2, 1.4.3)."""
_WHITE = "#ffffff"
_DAY, _NIGHT = "#ebe6dd", "#272b34"
"""The darkest paper and the palest night that words in the colour stand on, see tokens.css."""


@dataclass(frozen=True, slots=True)
class Shades:
    """What is drawn for a colour, by day and by night: a ground for white words, the same under the pointer, words, a
    soft ground and its line. `is_as_wished`: whether buttons by day have the very colour."""

    day: tuple[str, str, str, str, str]
    night: tuple[str, str, str, str, str]
    is_as_wished: bool


@dataclass(frozen=True, slots=True)
class Look:
    """How the desk looks. `accent` "" and `logo_id` None: as it came."""

    name: str
    accent: str = ""
    logo_id: int | None = None
    logo_type: str = ""
    logo_size: tuple[int, int] = (0, 0)


def current(db: Session, *, name: str) -> Look:
    """What was chosen; `name` is the configured one, which holds where no other was."""
    row = db.get(Preference, PREFERENCE)
    told = row.value if row and isinstance(row.value, dict) else {}
    logo = db.get(Logo, told.get("logo_id") or 0)
    size = _measured(logo.content)[1] if logo else (0, 0)
    return Look(told.get("name") or name, told.get("accent", ""), logo.id if logo else None,
                logo.content_type if logo else "", size)  # fmt: skip


def choose(db: Session, *, name: str, accent: str, by: Agent, now: datetime) -> None:
    """A name ("": the configured one) and a colour ("": as it came). Raises `Invalid` with the field."""
    name = " ".join(name.split())
    if len(name) > NAME_MAX:
        raise Invalid("too_long", field="name")
    accent = accent.strip().casefold()
    if accent and not re.fullmatch(r"#[0-9a-f]{6}", accent):
        raise Invalid("not_a_colour", field="accent")
    _write(db, {"name": name, "accent": accent}, by=by, now=now)


def put_logo(db: Session, content: bytes, *, by: Agent, now: datetime) -> Logo:
    """Show this picture. Raises `Invalid`: "no_picture", "picture_too_large"."""
    if len(content) > LOGO_BYTES:
        raise Invalid("picture_too_large", field="logo")
    content_type, size = _measured(content)
    if not content_type or min(size) < 1:
        raise Invalid("no_picture", field="logo")
    if max(size) > LOGO_SIDE:
        raise Invalid("picture_too_large", field="logo")
    logo = Logo(content_type=content_type, content=content, created_at=now)
    db.add(logo)
    db.flush()
    _write(db, {"logo_id": logo.id}, by=by, now=now)
    return logo


def drop_logo(db: Session, *, by: Agent, now: datetime) -> None:
    """Show the window again that came with the desk."""
    _write(db, {"logo_id": None}, by=by, now=now)


def logo(db: Session, logo_id: int) -> Logo:
    """The picture that is shown. Raises `NotFound` for any other, earlier ones included."""
    row, found = db.get(Preference, PREFERENCE), db.get(Logo, logo_id)
    if found is None or row is None or row.value.get("logo_id") != logo_id:
        raise NotFound("not_found", logo_id=logo_id)
    return found


def shades(accent: str) -> Shades:
    """What is drawn for a colour "#rrggbb"."""
    button = _until(accent, lambda shade: contrast(shade, _WHITE) >= READABLE, darker=True)
    words = _until(button, lambda shade: contrast(shade, _DAY) >= READABLE, darker=True)
    lit = _until(accent, lambda shade: contrast(shade, _WHITE) >= READABLE, darker=True)
    lit = _until(lit, lambda shade: contrast(shade, _NIGHT) >= 1.6, darker=False)
    lit = _until(lit, lambda shade: contrast(shade, _WHITE) >= READABLE, darker=True)
    pale = _until(accent, lambda shade: contrast(shade, _NIGHT) >= READABLE + 0.5, darker=False)
    return Shades(
        (button, _mixed(button, "#000000", 0.18), words, _mixed(button, _WHITE, 0.9), _mixed(button, _WHITE, 0.78)),
        (lit, _mixed(lit, "#000000", 0.14), pale, _mixed(lit, "#181b21", 0.82), _mixed(lit, "#181b21", 0.66)),
        button == accent,
    )


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of two colours, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _write(db: Session, told: dict[str, object], *, by: Agent, now: datetime) -> None:
    row = db.get(Preference, PREFERENCE) or Preference(name=PREFERENCE, value={}, changed_at=now)
    value = {name: each for name, each in (row.value | told).items() if each}
    if value == row.value:
        return
    row.value, row.changed_by_id, row.changed_at = value, by.id, now
    db.add(row)
    db.flush()
    emit(db, PreferenceChanged(what=PREFERENCE, state="on", by_id=by.id, at=now))


def _measured(content: bytes) -> tuple[str, tuple[int, int]]:
    """Kind and size of a picture as its first bytes tell them; "" for what is none of ours."""
    if content[:8] == b"\x89PNG\r\n\x1a\n" and content[12:16] == b"IHDR" and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        return "image/png", (width, height)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP" and len(content) >= 30:
        return "image/webp", _of_webp(content)
    if content[:3] == b"\xff\xd8\xff":
        return "image/jpeg", _of_jpeg(content)
    return "", (0, 0)


def _of_webp(content: bytes) -> tuple[int, int]:
    """RFC 9649: a lossy frame, a lossless one, or the extended header."""
    if content[12:16] == b"VP8X":
        return 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little")
    if content[12:16] == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", content[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _of_jpeg(content: bytes) -> tuple[int, int]:
    """The first frame header (ITU-T T.81, B.2.2), segment by segment."""
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return 0, 0


def _until(colour: str, holds: Callable[[str], bool], *, darker: bool) -> str:
    """The nearest shade of a colour for which it holds."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*_parts(colour))
    while not holds(colour) and lightness != (0.0 if darker else 1.0):
        lightness = max(0.0, lightness - 0.01) if darker else min(1.0, lightness + 0.01)
        colour = _spelled(colorsys.hls_to_rgb(hue, lightness, saturation))
    return colour


def _mixed(colour: str, other: str, share: float) -> str:
    return _spelled(tuple(a * (1 - share) + b * share for a, b in zip(_parts(colour), _parts(other), strict=True)))


def _luminance(colour: str) -> float:
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parts(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _spelled(parts: Iterable[float]) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)
