"""The Asterisk Manager Interface on the wire: bytes into messages, actions into bytes.

The idea: a connection may be cut anywhere, a line may never end, and a name may hold any byte. So bytes are gathered
here until a message is whole, within bounds, and whoever reads messages never sees a half of one. Asterisk's
documentation, "AMI v2 Specification": lines of "Name: value" ended by CRLF, a message ended by an empty line, and one
line of greeting when a connection begins.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

__all__ = ["BANNER", "LONGEST_LINE", "MOST_LINES", "Message", "Parser", "action", "key_of", "written"]

Message = Mapping[str, str]

BANNER: Final = "Banner"
"""The name under which the greeting stands, a message of its own."""
LONGEST_LINE: Final = 4096
MOST_LINES: Final = 400
_LONGEST = 262_144  # bytes of one message; of what is longer the beginning is read


class Parser:
    """Takes bytes as they come and hands out whole messages. Never raises, and never holds more than one message."""

    def __init__(self) -> None:
        self._rest = b""
        self._has_begun = False
        self._skips = False  # the rest of a message that was too long

    def feed(self, data: bytes) -> list[dict[str, str]]:
        """The messages that are complete with these bytes, oldest first."""
        rest = self._rest + data
        held = b""
        if rest.endswith(b"\r"):  # its line feed is on the way
            rest, held = rest[:-1], b"\r"
        if b"\r" in rest:
            rest = rest.replace(b"\r\n", b"\n")
        messages: list[dict[str, str]] = []
        if not self._has_begun:
            line, end, after = rest.partition(b"\n")
            if not end:
                self._rest = rest[:LONGEST_LINE] + held
                return messages
            self._has_begun = True
            if b": " not in line:
                messages.append({BANNER: _text(line)})
                rest = after
        *whole, rest = rest.split(b"\n\n")
        for raw in whole:
            if self._skips:
                self._skips = False
            elif message := _read(raw):
                messages.append(message)
        if len(rest) > _LONGEST:
            if not self._skips and (message := _read(rest[:_LONGEST])):
                messages.append(message)
            self._skips, rest = True, rest[-1:]
        self._rest = rest + held
        return messages


def action(name: str, **fields: str) -> bytes:
    """An action as it stands on the wire. What would end a line, and so begin another field, becomes a blank."""
    return written({"Action": name} | fields)


def written(message: Message) -> bytes:
    """A message as it stands on the wire."""
    lines = (f"{name}: {' '.join(value.splitlines())}" for name, value in message.items())
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace")


def key_of(challenge: str, secret: str) -> str:
    """What proves that we know the secret without saying it: the digest of the challenge and the secret."""
    return hashlib.md5((challenge + secret).encode(), usedforsecurity=False).hexdigest()


def _read(raw: bytes) -> dict[str, str]:
    message: dict[str, str] = {}
    lines = _text(raw).split("\n")
    for line in lines if len(lines) <= MOST_LINES else lines[:MOST_LINES]:
        name, colon, value = line.partition(":")
        if colon and name not in message:
            message[name] = value[:LONGEST_LINE].strip()
    return message


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").replace("\x00", "")
