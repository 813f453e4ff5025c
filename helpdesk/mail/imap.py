"""One connection to one mailbox by IMAP (RFC 3501), as little of it as emptying a mailbox needs.

Written here rather than taken from a library because a mailbox is mostly waited for: this one lives in the event loop,
so a hundred of them cost no thread, stopping is cancelling, and what arrives together with the server's "idling" is not
overlooked. What a server may send has limits everywhere.

Errors are `Unreachable` (try again later) and `Rejected` (somebody has to change something), whose text is a code and
whose `detail` is the server's own words; neither ever holds a secret.
"""

import asyncio
import base64
import contextlib
import re
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from helpdesk.errors import Rejected, Unreachable

CONNECT_SECONDS = 15.0
ANSWER_SECONDS = 60.0
LINE_BYTES = 8_000_000  # one line may hold the numbers of a million mails
LITERAL_BYTES = 400_000_000
CHUNK_BYTES = 1_000_000  # of a mail, for which the server has ANSWER_SECONDS

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){"%*\\\]]+')
_TOKEN = re.compile(rb'[()]|"(?:[^"\\]|\\.)*"|(?:[^\s()"\[]|\[[^\]]*\](?:<\d+>)?)+')
_LITERAL = re.compile(rb"\{([0-9]{1,10})\+?\}$")
_COUNTED = re.compile(rb"\* ([0-9]+) (EXISTS|EXPUNGE)\b", re.IGNORECASE)
_CODE = re.compile(rb"\[([A-Z-]+)(?: ([^\]]*))?\]", re.IGNORECASE)


class _Refused(Exception):
    """The server answered NO or BAD."""

    def __init__(self, words: bytes) -> None:
        self.words = words
        found = _CODE.match(words)
        self.code = found[1].decode("ascii").upper() if found else ""
        super().__init__(self.code)


@dataclass(frozen=True, slots=True)
class Selected:
    """A folder as it stood when it was opened."""

    uidvalidity: int
    uidnext: int  # 0 where the server does not say
    count: int


@dataclass(frozen=True, slots=True)
class Letter:
    """What the server says of a mail before it is fetched."""

    uid: int
    size_bytes: int
    received_at: datetime | None  # by the server's clock


def failed(kind: type[Unreachable] | type[Rejected], code: str, cause: object = None) -> NoReturn:
    """Raise it with the other side's words, shortened, beside the code."""
    error = kind(code)
    words = cause.words.decode("utf-8", "replace") if isinstance(cause, _Refused) else str(cause or "")
    error.detail = re.sub(r"[\x00-\x1f\x7f]+", " ", words)[:200]  # type: ignore[union-attr]
    raise error from (cause if isinstance(cause, BaseException) else None)


@asynccontextmanager
async def connected(host: str, port: int, *, starttls: bool) -> AsyncIterator["Connection"]:
    """An open connection under TLS, with nobody logged in yet. Closed at the end, politely where that is quick."""
    connection = Connection(*await _reach(host, port, starttls))
    try:
        await connection.greeted(host if starttls else "")
        yield connection
    finally:
        await connection.close()


class Connection:
    """What the server was asked and answered. One task uses it at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._new_tags()
        self.capabilities: frozenset[str] = frozenset()
        self._exists = 0  # mails in the folder, as last said
        self._news = False  # there are more of them than when it was last asked

    async def greeted(self, starttls_host: str) -> None:
        """Hear the greeting, and begin TLS where that is still to do. Nothing secret is said before it."""
        with _passing():
            greeting = await self._heard(CONNECT_SECONDS)
            if not greeting.upper().startswith(b"* OK"):
                failed(Unreachable, "imap_not_ready", _Refused(greeting[2:]))
            if starttls_host:
                await self._capability()
                if "STARTTLS" not in self.capabilities:
                    failed(Rejected, "imap_no_starttls")
                await self._command(b"STARTTLS")
                await _secured(self._writer.start_tls(ssl.create_default_context(), server_hostname=starttls_host))
                # Whoever stands between may have spoken ahead of TLS (CVE-2011-0411). Tags that were never said
                # in clear make such words answers to nothing.
                self._new_tags()
            await self._capability()

    async def login(self, user: str, password: str) -> None:
        """By SASL PLAIN, which takes any character, or by LOGIN. Raises `Rejected("imap_wrong_password")`."""
        with _passing():
            try:
                if "AUTH=PLAIN" in self.capabilities:
                    token = base64.b64encode(f"\0{user}\0{password}".encode())
                    await self._authenticate(b"PLAIN", token)
                elif "LOGINDISABLED" in self.capabilities:
                    failed(Rejected, "imap_no_login")
                else:
                    await self._command(b"LOGIN", _string(user), _string(password))
            except _Refused as refused:
                if refused.code in {"UNAVAILABLE", "INUSE", "LIMIT"}:  # RFC 5530
                    failed(Unreachable, "imap_busy", refused)
                failed(Rejected, "imap_wrong_password", refused)
            await self._capability()

    async def login_oauth(self, user: str, access_token: str) -> None:
        """By XOAUTH2, as Google and Microsoft define it. Raises `Rejected("imap_wrong_token")`."""
        with _passing():
            token = base64.b64encode(f"user={user}\x01auth=Bearer {access_token}\x01\x01".encode())
            try:
                await self._authenticate(b"XOAUTH2", token)
            except _Refused as refused:
                failed(Rejected, "imap_wrong_token", refused)
            await self._capability()

    async def select(self, folder: str) -> Selected:
        """Open the folder. Raises `Rejected("imap_no_folder")`."""
        told: dict[str, int] = {}
        self._exists = 0
        with _passing():
            try:
                for pieces in await self._command(b"SELECT", _string(utf7(folder))):
                    for name, value in _CODE.findall(pieces[0]):
                        if value.isdigit():
                            told[name.decode("ascii").upper()] = int(value)
            except _Refused as refused:
                failed(Rejected, "imap_no_folder", refused)
        if not told.get("UIDVALIDITY"):
            failed(Rejected, "imap_no_uids")
        self._news = False
        return Selected(told["UIDVALIDITY"], told.get("UIDNEXT", 0), self._exists)

    async def has_folder(self, folder: str) -> bool:
        """Whether mail can be moved there."""
        with _passing():
            try:
                await self._command(b"STATUS", _string(utf7(folder)), b"(UIDNEXT)")
            except _Refused:
                return False
        return True

    async def search(self, first: int, last: int | None = None, *, since: datetime | None = None) -> list[int]:
        """The UIDs from `first` to `last`, or to the newest, ascending; with `since` only of mail that the server got
        on that day, as it counts days, or later."""
        criteria = [b"UID", b"%d:%s" % (first, b"*" if last is None else b"%d" % last)]
        if since is not None:
            criteria += [b"SINCE", _date(since)]
        self._news = False
        found: set[int] = set()
        with _passing():
            for pieces in await self._command(b"UID", b"SEARCH", *criteria):
                if pieces[0].upper().startswith(b"* SEARCH"):
                    found.update(int(number) for number in pieces[0].split()[2:] if number.isdigit())
        return sorted(uid for uid in found if uid >= first)  # "n:*" names the last mail even when it is below n

    async def letters(self, uids: Iterable[int]) -> list[Letter]:
        """What the server says of these; what is gone by now is left out."""
        return [
            Letter(told[b"UID"], int(told[b"RFC822.SIZE"]), _internal_date(told.get(b"INTERNALDATE") or b""))
            for told in await self._fetch(uids, b"(UID RFC822.SIZE INTERNALDATE)")
            if told.get(b"RFC822.SIZE")
        ]

    async def bytes_of(self, uids: Iterable[int]) -> dict[int, bytes]:
        """The mails, whole, without marking them seen; what is gone by now is left out."""
        return {
            told[b"UID"]: told[b"BODY[]"] or b""
            for told in await self._fetch(uids, b"(UID BODY.PEEK[])")
            if b"BODY[]" in told
        }

    async def head_of(self, uid: int, *, limit: int) -> bytes:
        """The first `limit` bytes of its head; b"" when it is gone."""
        for told in await self._fetch([uid], b"(UID BODY.PEEK[HEADER]<0.%d>)" % limit):
            if told[b"UID"] == uid:
                return next((value or b"" for name, value in told.items() if name.startswith(b"BODY[")), b"")
        return b""

    async def catch_up(self) -> None:
        """Let the server say what others have deleted meanwhile."""
        with _passing():
            await self._command(b"NOOP")

    async def mark_seen(self, uids: Iterable[int]) -> None:
        """Mark them seen. Those that are gone are passed over by the server."""
        with _passing():
            await self._command(b"UID", b"STORE", _set(uids), b"+FLAGS.SILENT", b"(\\Seen)")

    async def move(self, uids: Iterable[int], folder: str) -> None:
        """Move them, by MOVE (RFC 6851) or with copy, flag and, where it hits nothing else (UIDPLUS), expunge.

        Raises `Rejected("imap_no_move_folder")`.
        """
        uids, target = list(uids), _string(utf7(folder))
        way = b"MOVE" if "MOVE" in self.capabilities else b"COPY"
        with _passing():
            try:
                await self._command(b"UID", way, _set(uids), target)
            except _Refused as refused:
                failed(Rejected, "imap_no_move_folder", refused)
            if way == b"COPY":
                await self._command(b"UID", b"STORE", _set(uids), b"+FLAGS.SILENT", b"(\\Seen \\Deleted)")
                if "UIDPLUS" in self.capabilities:
                    await self._command(b"UID", b"EXPUNGE", _set(uids))

    async def wait(self, seconds: float, *, poll_seconds: float) -> bool:
        """Wait until the server speaks of new mail; True when it did. By IDLE (RFC 2177) for so many seconds, or where
        there is none by asking after `poll_seconds`."""
        if self._news:
            return True
        with _passing():
            if "IDLE" not in self.capabilities:
                await asyncio.sleep(poll_seconds)
                await self._command(b"NOOP")
                return self._news
            tag = self._tag()
            await self._send(tag + b" IDLE\r\n")
            while not (await self._heard()).startswith((b"+", tag)):
                pass
            try:
                async with asyncio.timeout(seconds):
                    while not self._news:
                        await self._heard(None)
            except TimeoutError:
                pass
            await self._send(b"DONE\r\n")
            while not (await self._heard()).startswith(tag):
                pass
            return self._news

    async def close(self) -> None:
        """Say goodbye where the server still listens, and let go within a second."""
        try:
            async with asyncio.timeout(1):
                await self._send(self._tag() + b" LOGOUT\r\n")
                self._writer.close()
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            pass
        finally:
            with contextlib.suppress(AttributeError):  # Python before 3.11.5, of a TLS line that is closed already
                self._writer.transport.abort()

    # --- the protocol's grain

    def _new_tags(self) -> None:
        self._prefix, self._count = secrets.token_hex(3).encode(), 0

    def _tag(self) -> bytes:
        self._count += 1
        return b"%s%d" % (self._prefix, self._count)

    async def _capability(self) -> None:
        for pieces in await self._command(b"CAPABILITY"):
            if pieces[0].upper().startswith(b"* CAPABILITY"):
                self.capabilities = frozenset(pieces[0].decode("ascii", "replace").upper().split()[2:])

    async def _authenticate(self, mechanism: bytes, token: bytes) -> None:
        """One token, with the command where the server takes it so (SASL-IR), else when it asks."""
        tag = self._tag()
        at_once = "SASL-IR" in self.capabilities
        await self._send(b"%s AUTHENTICATE %s%s\r\n" % (tag, mechanism, b" " + token if at_once else b""))
        challenged = b""
        while True:
            line = await self._heard()
            if line.startswith(b"+"):
                # After the token a challenge is the reason of a refusal (XOAUTH2), and wants an empty answer.
                await self._send((b"" if at_once else token) + b"\r\n")
                challenged, at_once = (line[1:].strip() if at_once else b""), True
            elif line.startswith(tag + b" "):
                try:
                    _check(line[len(tag) + 1 :])
                except _Refused as refused:
                    refused.words = b" ".join(filter(None, (refused.words, _unfolded(challenged))))
                    raise
                return

    async def _fetch(self, uids: Iterable[int], what: bytes) -> list[dict[bytes, Any]]:
        wanted = set(uids)
        with _passing():
            told = [_fetched(pieces) for pieces in await self._command(b"UID", b"FETCH", _set(wanted), what)]
        return [facts for facts in told if facts and facts.get(b"UID") in wanted]

    async def _command(self, *parts: bytes | list[bytes]) -> list[list[bytes]]:
        """Ask, and return the untagged answers. A part that is a list of one is sent as a literal."""
        tag = self._tag()
        untagged: list[list[bytes]] = []
        line = tag
        for part in parts:
            if isinstance(part, bytes):
                line += b" " + part
                continue
            await self._send(line + b" {%d}\r\n" % len(part[0]))
            while not (answer := await self._heard()).startswith(b"+"):
                if answer.startswith(tag + b" "):
                    _check(answer[len(tag) + 1 :])
            line = part[0]
        await self._send(line + b"\r\n")
        while True:
            pieces = await self._response()
            if pieces[0].startswith(tag + b" "):
                _check(pieces[0][len(tag) + 1 :])
                return untagged
            untagged.append(pieces)

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def _heard(self, seconds: float | None = ANSWER_SECONDS) -> bytes:
        return (await self._response(seconds))[0]

    async def _response(self, seconds: float | None = ANSWER_SECONDS) -> list[bytes]:
        """One answer: its text, and after each `{n}` that ends a piece the n bytes that stand for it. The server has
        `seconds` for each line and each megabyte, None for as long as it likes."""
        pieces: list[bytes] = []
        size = 0
        while True:
            async with asyncio.timeout(seconds):
                line = (await self._reader.readuntil(b"\n")).rstrip(b"\r\n")
            pieces.append(line)
            literal = _LITERAL.search(line)
            if not literal:
                break
            size += int(literal[1])
            if size > LITERAL_BYTES:
                failed(Unreachable, "imap_garbled")
            pieces[-1] = line[: literal.start()]
            pieces.append(await self._held(int(literal[1]), seconds))
        if counted := _COUNTED.match(pieces[0]):
            exists = int(counted[1]) if counted[2].upper() == b"EXISTS" else self._exists - 1
            self._news, self._exists = self._news or exists > self._exists, exists
        elif pieces[0].upper().startswith(b"* BYE"):
            failed(Unreachable, "imap_closed", _Refused(pieces[0][2:]))
        return pieces

    async def _held(self, size: int, seconds: float | None) -> bytes:
        chunks: list[bytes] = []
        while size:
            async with asyncio.timeout(seconds):
                chunks.append(await self._reader.readexactly(min(size, CHUNK_BYTES)))
            size -= len(chunks[-1])
        return b"".join(chunks)


def utf7(name: str) -> str:
    """A folder's name as IMAP spells it (RFC 3501, 5.1.3): "問い合わせ" -> "&VU8wRFQIMI8wWw-"."""

    def shifted(match: re.Match[str]) -> str:
        coded = base64.b64encode(match[0].encode("utf-16-be")).decode("ascii").rstrip("=")
        return f"&{coded.replace('/', ',')}-"

    return re.sub(r"[^\x20-\x7e]+", shifted, name.replace("&", "&-"))


async def _reach(host: str, port: int, starttls: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            context = None if starttls else ssl.create_default_context()
            name = None if starttls else host
            opening = asyncio.open_connection(host, port, ssl=context, server_hostname=name, limit=LINE_BYTES)
            streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] = await _secured(opening)
            return streams
    except TimeoutError as error:
        failed(Unreachable, "imap_timeout", error)
    except socket.gaierror as error:
        failed(Unreachable, "imap_no_host", error.strerror)
    except (OSError, UnicodeError) as error:
        failed(Unreachable, "imap_unreachable", getattr(error, "strerror", "") or error)


async def _secured(opening: Any) -> Any:
    """A TLS handshake: a certificate that does not fit is for a person to mend, not to try again."""
    try:
        return await opening
    except ssl.SSLCertVerificationError as error:
        failed(Rejected, "imap_certificate", error.verify_message)
    except ssl.SSLError as error:
        failed(Rejected, "imap_no_tls", error.reason)


class _passing:
    """What breaks inside is a connection that broke, said as `Unreachable`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, _Refused):
            failed(Unreachable, "imap_refused", error)
        if isinstance(error, TimeoutError):
            failed(Unreachable, "imap_timeout")
        if isinstance(error, asyncio.IncompleteReadError | OSError):
            failed(Unreachable, "imap_lost", getattr(error, "strerror", ""))
        if isinstance(error, asyncio.LimitOverrunError | ValueError | IndexError | KeyError):
            failed(Unreachable, "imap_garbled", type(error).__name__)


def _check(status: bytes) -> None:
    kind, _, words = status.partition(b" ")
    if kind.upper() != b"OK":
        raise _Refused(words)


def _string(text: str) -> bytes | Any:
    """As an atom, a quoted string, or a literal for what neither can hold."""
    data = text.encode()
    if _ATOM.fullmatch(data):
        return data
    if len(data) < 1000 and all(0x20 <= byte < 0x7F for byte in data):
        return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return [data]


def _set(uids: Iterable[int]) -> bytes:
    """ "1:3,7", with neighbours folded so that thousands fit a line."""
    spans: list[list[int]] = []
    for uid in sorted(set(uids)):
        if spans and spans[-1][1] == uid - 1:
            spans[-1][1] = uid
        else:
            spans.append([uid, uid])
    return b",".join(b"%d" % first if first == last else b"%d:%d" % (first, last) for first, last in spans)


def _date(at: datetime) -> bytes:
    """A day as IMAP writes it, in English whatever the machine speaks."""
    return f"{at.day}-{_MONTHS[at.month - 1].capitalize()}-{at.year:04}".encode()


def _internal_date(value: bytes) -> datetime | None:
    """ "17-Jul-1996 02:44:25 -0700"; None for what is none."""
    day, _, rest = value.decode("ascii", "replace").strip().partition("-")
    month, _, rest = rest.partition("-")
    try:
        return datetime.strptime(f"{day} {_MONTHS.index(month.lower()) + 1} {rest}", "%d %m %Y %H:%M:%S %z")
    except ValueError:
        return None


def _fetched(pieces: list[bytes]) -> dict[bytes, Any]:
    """`* 12 FETCH (UID 7 BODY[] {3}abc)` -> {b"UID": 7, b"BODY[]": b"abc"}; {} for any other answer."""
    if not re.match(rb"\* [0-9]+ FETCH \(", pieces[0], re.IGNORECASE):
        return {}
    # Even pieces are text, odd ones are what a literal held.
    flat: list[Any] = []
    depth = 0
    for number, piece in enumerate(pieces):
        tokens = [_Held(piece)] if number % 2 else _TOKEN.findall(piece.partition(b"(")[2] if number == 0 else piece)
        for token in tokens:
            if token == b"(" and not isinstance(token, _Held):
                if depth == 0:
                    flat.append(None)  # a list, FLAGS for instance; none of what we ask for is one
                depth += 1
            elif token == b")" and not isinstance(token, _Held):
                depth -= 1
            elif depth == 0:
                flat.append(token)
    told: dict[bytes, Any] = {}
    for name, value in zip(flat[::2], flat[1::2], strict=False):
        told[bytes(name).upper()] = _value(value)
    if not isinstance(told.get(b"UID"), bytes):
        return {}
    return told | {b"UID": int(told[b"UID"])}


class _Held(bytes):
    """What a literal held: never to be taken for a parenthesis or a quote."""


def _value(token: Any) -> bytes | None:
    if token is None or isinstance(token, _Held):
        return token if token is None else bytes(token)
    if token.upper() == b"NIL":
        return None
    if token[:1] == b'"':
        return re.sub(rb"\\(.)", rb"\1", token[1:-1])
    return bytes(token)


def _unfolded(challenge: bytes) -> bytes:
    """The reason in a challenge, which is base64 of JSON."""
    try:
        return base64.b64decode(challenge, validate=True)[:200]
    except ValueError:
        return b""
