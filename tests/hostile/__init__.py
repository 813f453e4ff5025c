"""Hostile, broken and merely odd mails, each with what must become of it.

The one idea: a kind is a few lines that build the bytes, below an expectation that was written from the standards and
from what mail programs really send, never from what the reader happened to answer. The same expectations are held
against the pure reader, against the desk behind its SMTP door, and, for pages, against a real browser.

    @kind(subject="注文", words=["届きません"])
    def a_byte_order_mark_before_the_head(me: bytes) -> bytes: ...

`me` is an address that no other kind writes from, so that a kind is found again wherever it went.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

TICKET, PARKED, SET_ASIDE, REFUSED = "ticket", "parked", "set_aside", "refused"

Builder = Callable[[bytes], bytes]
File = tuple[str, bytes | None]


@dataclass(frozen=True)
class Kind:
    """One kind of mail and what is expected of it.

    `outcome`: a ticket, parked for a supervisor, set aside (a bounce of nothing we sent), or refused by the entrance.
    `words` are in its text and `gone` are not; `reply` is the whole of the new words where it matters; `files` are all
    its attachments by name, with their bytes where these matter. None says: whatever.
    `as_is` hands the bytes to SMTP without doubling the dots that begin a line.
    """

    name: str
    build: Builder
    outcome: str = TICKET
    sender: str | None = ""
    sender_name: str | None = None
    subject: str | None = None
    words: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    reply: str | None = None
    files: tuple[File, ...] | None = ()
    problems: tuple[str, ...] = ()
    to: str = ""
    as_is: bool = False

    @property
    def me(self) -> str:
        """The address this kind writes from, on its envelope in any case."""
        return self.name.replace("_", "-")[:60].strip("-") + "@example.com"

    @property
    def address(self) -> str | None:
        """The sender that must be read: `me`, unless the kind is about senders."""
        return self.me if self.sender == "" else self.sender

    def raw(self) -> bytes:
        """The mail."""
        return self.build(self.me.encode())


KINDS: list[Kind] = []


def kind(
    outcome: str = TICKET,
    *,
    sender: str | None = "",
    sender_name: str | None = None,
    subject: str | None = None,
    words: tuple[str, ...] | list[str] = (),
    gone: tuple[str, ...] | list[str] = (),
    reply: str | None = None,
    files: tuple[File, ...] | list[File] | None = (),
    problems: tuple[str, ...] | list[str] = (),
    to: str = "",
    as_is: bool = False,
) -> Callable[[Builder], Builder]:
    """Register a builder under its own name, with its expectation."""

    def register(build: Builder) -> Builder:
        add(
            Kind(
                build.__name__,
                build,
                outcome,
                sender,
                sender_name,
                subject,
                tuple(words),
                tuple(gone),
                reply,
                None if files is None else tuple(files),
                tuple(problems),
                to,
                as_is,
            )
        )
        return build

    return register


def add(one: Kind) -> None:
    """Register a kind, for tables of them."""
    assert all(known.me != one.me for known in KINDS), one.name
    KINDS.append(one)


def letter(me: bytes, head: bytes = b"", body: bytes = b"hello") -> bytes:
    """A mail with a From of ours, further fields (lines ending in "\\n") and a body; all line ends become CRLF."""
    top = b"From: Hanako <" + me + b">\n" + head
    return crlf(top + (b"" if top.endswith(b"\n") else b"\n") + b"\n") + body


def crlf(text: bytes) -> bytes:
    """Line ends as the network wants them."""
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def utf8(me: bytes, text: str, head: bytes = b"Subject: x\n", *, subtype: bytes = b"plain") -> bytes:
    """A mail whose body is text in UTF-8."""
    head += b"Content-Type: text/" + subtype + b"; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
    return letter(me, head, crlf(text.encode()))


def parts(
    me: bytes, *pieces: bytes, subtype: bytes = b"mixed", head: bytes = b"Subject: x\n", end: bytes = b"--b--\r\n"
) -> bytes:
    """A multipart mail with boundary "b"; a piece is head, blank line and body, its line ends already right."""
    head += b"Content-Type: multipart/" + subtype + b'; boundary="b"\n'
    return letter(me, head, b"".join(b"--b\r\n" + piece + b"\r\n" for piece in pieces) + end)


def piece(head: bytes, body: bytes) -> bytes:
    """One part: fields with "\\n" between them, and a body as it is."""
    return crlf(head) + b"\r\n\r\n" + body


WORDS = piece(b"Content-Type: text/plain; charset=utf-8", "添付をご覧ください。".encode())


for _room in ("heads", "words", "shapes", "files", "people", "texts", "pages", "machines", "ways"):
    import_module(f"{__name__}.{_room}")
