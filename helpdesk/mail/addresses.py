"""Addresses as senders write them, kept as they wrote them.

The one idea: only the separators matter. A list is split at commas outside quotes, angle brackets and comments,
each piece gives a name and an address, and nothing is refused for its looks: docomo and au still have
`a..b@` and `.a@` addresses, so the local part stays verbatim and only the domain is lower-cased.
"""

import re
from dataclasses import dataclass

from helpdesk.mail import headers

LIMIT = 500


@dataclass(frozen=True, slots=True)
class Address:
    """A display name, perhaps empty, and an address: local part verbatim, domain in lower case."""

    name: str
    address: str


def read_addresses(value: bytes, *, hint: str = "", carrier: str = "") -> tuple[Address, ...]:
    """Every usable address of a From, To or Cc value, at most 500, in order and without repeats."""
    text = headers.decode_text(value, hint=hint, carrier=carrier, shield=True, limit=headers.FIELD_BYTES)
    found: dict[str, Address] = {}
    for piece in _pieces(text):
        address = _address(piece)
        if address and address.address not in found:
            found[address.address] = address
            if len(found) >= LIMIT:
                break
    return tuple(found.values())


def domain_of(value: bytes) -> str:
    """The domain of the first address in a raw value, before anything is decoded; "" if there is none."""
    found = re.search(rb"@([A-Za-z0-9.-]{1,253})", value[: headers.FIELD_BYTES])
    return found[1].decode("ascii").lower() if found else ""


def _pieces(text: str) -> list[str]:
    """Split at commas and semicolons outside quotes, brackets and comments, in one pass; group names fall away."""
    pieces: list[str] = []
    start = depth = 0
    quoted = bracketed = False
    index, size = 0, len(text)
    closing = {'"': text.rfind('"'), ")": text.rfind(")"), ">": text.rfind(">")}
    while index < size:
        character = text[index]
        if quoted:
            if character == "\\":
                index += 1
            elif character == '"':
                quoted = False
        elif character == '"' and depth == 0:
            quoted = index < closing['"']  # a quote that never closes is only a character
        elif character == "(" and index < closing[")"]:
            depth += 1
        elif character == ")" and depth:
            depth -= 1
        elif depth:
            pass
        elif character == "<":
            bracketed = index < closing[">"]
        elif character == ">":
            bracketed = False
        elif character in ",;" and not bracketed:
            pieces.append(text[start:index])
            start = index + 1
        elif (
            character == ":"
            and not bracketed
            and "@" not in text[start:index]
            and text[start:index].lower() != "mailto"
        ):
            start = index + 1
        index += 1
        if len(pieces) > 4 * LIMIT:
            return pieces
    pieces.append(text[start:])
    return pieces


_PLAUSIBLE = re.compile(r"""("(?:[^"\\]|\\.){1,64}"|[^\s"<>(),;:@\[\]\\]{1,128})@([^\s"<>(),;:@\\]{1,253})""")
_WIDE = {0xFF1C: "<", 0xFF1E: ">", 0xFF20: "@"}
_HIDDEN = re.compile(r"[A-Za-z0-9._%+'/=-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")


def _address(piece: str) -> Address | None:
    if "<" not in piece and "＜" in piece:
        piece = piece.translate(_WIDE)
    outside, comments = _without_comments(piece[:2000])
    opening = outside.rfind("<")
    if opening >= 0:
        inner = outside[opening + 1 :].split(">")[0]
        name = outside[:opening]
        if "@" not in inner and (earlier := outside.find("<")) != opening:
            inner, name = outside[earlier + 1 :].split(">")[0], outside[:earlier]
    else:
        inner, name = outside, ""
    inner = inner.strip().strip("'").removeprefix("mailto:").removeprefix("MAILTO:")
    found = _PLAUSIBLE.fullmatch(inner) or (_PLAUSIBLE.fullmatch("".join(inner.split())) if opening >= 0 else None)
    if not found:
        found = _PLAUSIBLE.search(inner)  # behind a route such as `@relay.example:`, or with words around it
        if found and opening < 0:
            name = inner[: found.start()]
        elif not found and (found := _PLAUSIBLE.search(outside)):
            name = name or outside[: found.start()]
    if not found:
        hidden = _HIDDEN.search(headers.unshield(piece))
        if not hidden:
            return None
        name = headers.unshield(piece)[: hidden.start()]
        local, _, domain = hidden[0].partition("@")
    else:
        local, domain = found[1], found[2]
    domain = headers.unshield(domain).lower().rstrip(".").strip("'")
    if not domain.strip("."):
        return None
    address = f"{headers.unshield(local)}@{domain}"
    name = _name(name) or _name(comments)
    return Address("" if name.lower() == address.lower() else name, address)


def _without_comments(piece: str) -> tuple[str, str]:
    """The piece without its (comments), and the text of the first one. Nesting is counted, not recursed into."""
    if "(" not in piece:
        return piece, ""
    outside: list[str] = []
    inside: list[str] = []
    depth, quoted, first_done = 0, False, False
    for character in piece:
        if character == '"' and not depth:
            quoted = not quoted
        if character == "(" and not quoted:
            depth += 1
        elif character == ")" and depth and not quoted:
            depth -= 1
            first_done = first_done or depth == 0
        elif depth:
            if not first_done:
                inside.append(character)
        else:
            outside.append(character)
    return "".join(outside), "".join(inside)


def _name(raw: str) -> str:
    name = raw.strip().rstrip("<").strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r'\\(["\\])', r"\1", name[1:-1])
    name = headers.one_line(headers.unshield(name), 200).strip()
    return name[1:-1].strip() if len(name) > 2 and name[0] == name[-1] == "'" else name
