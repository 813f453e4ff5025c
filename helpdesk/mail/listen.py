"""The desk's own SMTP or LMTP entrance: "250" is said only after the bytes are committed.

It accepts mail for the desk's own addresses alone, so it relays nothing. Whatever goes wrong on our side, and whatever
is too much just now, is answered with a temporary error, and the sender keeps the mail.
"""

import asyncio
import hmac
import logging
import os
import re
import socket
import ssl
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from helpdesk.mail.envelope import storable, tag_of
from helpdesk.mail.gate import Gate, Limits, networks
from helpdesk.mail.receive import plain_address
from helpdesk.settings import Settings

logger = logging.getLogger(__name__)

Keep = Callable[[bytes, dict[str, Any]], Awaitable[None]]
Ours = Callable[[], Awaitable[set[str]]]

RECIPIENTS_MAX = 100
ERRORS_MAX = 20
"""A sender that was told so often that something is wrong, a password or a recipient, is shown the door."""
COMMAND_SECONDS = 120.0
BLOCK_SECONDS = 600.0
"""RFC 5321 (4.5.3.2) gives a sender minutes for a block of a mail and for hearing that it was kept."""
BLOCK_BYTES = 1_000_000
TOGETHER_SECONDS = 0.005
"""So long a mail waits to be kept while others are being handed over: a commit costs more than the mails in it."""
COMMAND_BYTES = 4096
"""RFC 5321 asks for 512; sign-ins, long addresses and SMTPUTF8 take more."""
_END = b"\r\n.\r\n"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PATH = re.compile(rf"<({_ATOM}(?:\.{_ATOM})*@{_ATOM}(?:\.{_ATOM})*)>(?= |$)")
"""An address of MAIL or RCPT as nearly all are: RFC 5321's Path without quotes, routes and letters beyond ASCII."""


@dataclass(frozen=True, kw_only=True)
class Security:
    """TLS and sign-in. `tls` is "offered", "required" (nothing is taken without) or "implicit" (from the first byte);
    without a certificate there is none. Where there are `users`, only who signs in hands over mail, by TLS alone."""

    certificate: str = ""  # PEM, with the chain
    key: str = ""  # PEM; "": in the same file
    tls: str = "offered"
    users: Mapping[str, SecretStr] = field(default_factory=dict)


class Listener:
    """An open entrance. `keep(raw, envelope)` returns when the bytes are committed; `ours()` names the addresses."""

    def __init__(self, *, keep: Keep, ours: Ours, max_bytes: int, lmtp: bool = False,
                 security: Security | None = None, limits: Limits | None = None) -> None:  # fmt: skip
        self._security = security or Security()
        self._certificate = _Certificate(self._security) if self._security.certificate else None
        self._gate = Gate(limits or Limits())
        self._handler = _Handler(keep, ours, self._gate, self._security)
        self._max_bytes = max_bytes
        self._lmtp = lmtp
        self._name = "localhost"
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Open the entrance in the running loop; returns the port (which port 0 leaves to the system).

        Raises OSError, of which `ssl.SSLError` is one, when the certificate cannot be used.
        """
        self._name = await asyncio.to_thread(socket.getfqdn)
        implicit = self._certificate.context() if self._certificate and self._security.tls == "implicit" else None
        self._server = await asyncio.get_running_loop().create_server(
            self._door, host, port, family=socket.AF_UNSPEC, ssl=implicit
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the entrance; a sender in the middle keeps its mail."""
        if self._server:
            self._server.close()

    def _door(self) -> "_Entrance":
        """What one connection speaks to."""
        context = self._certificate.context() if self._certificate else None
        is_implicit = self._security.tls == "implicit"
        kind = _Lmtp if self._lmtp else _Smtp
        return kind(
            self._handler,
            gate=self._gate,
            has_tls=is_implicit,
            data_size_limit=self._max_bytes,
            enable_SMTPUTF8=True,
            hostname=self._name,
            ident="Madoguchi",
            timeout=COMMAND_SECONDS,
            decode_data=False,
            tls_context=None if is_implicit else context,
            auth_required=bool(self._security.users),
            auth_exclude_mechanism=() if self._security.users else ("LOGIN", "PLAIN"),
            authenticator=self._handler.signs_in,
        )


def listener(settings: Settings, *, keep: Keep, ours: Ours) -> Listener:
    """The entrance these settings describe. Raises OSError when the certificate cannot be used."""
    return Listener(
        keep=keep,
        ours=ours,
        lmtp=settings.mail_lmtp,
        max_bytes=settings.mail_max_bytes,
        security=Security(
            certificate=settings.mail_tls_certificate,
            key=settings.mail_tls_key,
            tls=settings.mail_tls,
            users=settings.mail_users,
        ),
        limits=Limits(
            connections=settings.mail_connections,
            peer_connections=settings.mail_peer_connections,
            peer_mails=settings.mail_peer_mails,
            peer_recipients=settings.mail_peer_recipients,
            own_peers=networks(settings.mail_own_peers),
        ),
    )


class _Certificate:
    """A certificate that is renewed under a running desk: looked at again when its file has changed."""

    def __init__(self, security: Security) -> None:
        self._files = (security.certificate, security.key or security.certificate)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(*self._files)
        self._seen = self._marks()

    def context(self) -> ssl.SSLContext:
        """For a connection that begins now."""
        try:
            if (marks := self._marks()) != self._seen:
                self._seen = marks
                self._context.load_cert_chain(*self._files)
        except OSError as error:  # half written perhaps; the one in memory still serves
            logger.warning("the mail listener's certificate cannot be loaded (%s); the old one is used", error)
        return self._context

    def _marks(self) -> list[tuple[int, int]]:
        return [(found.st_mtime_ns, found.st_size) for found in map(os.stat, self._files)]


class _Entrance(SMTP):
    """One connection: aiosmtpd's protocol, with an end to patience, to errors and to memory."""

    line_length_limit = BLOCK_BYTES  # of what is buffered; a mail's lines may be of any length, see smtp_DATA
    command_size_limit = COMMAND_BYTES

    def __init__(self, handler: "_Handler", *, gate: Gate, has_tls: bool, **more: Any) -> None:
        super().__init__(handler, **more)
        self._gate = gate
        self.command_size_limits = defaultdict(lambda: COMMAND_BYTES)
        self._has_tls = has_tls
        if has_tls:
            self._auth_require_tls = False  # it looks for STARTTLS, which comes too late here
        self._entered = ""
        self._turned_away = False
        self._errors = 0

    @property
    def is_encrypted(self) -> bool:
        """Whether nobody between hears what is said."""
        return self._has_tls or (self.session is not None and self.session.ssl is not None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or be too many. It is called again when TLS begins."""
        if self.transport is None and not self._entered:
            peer = transport.get_extra_info("peername")
            self._entered = str(peer[0]) if isinstance(peer, tuple) and peer else str(peer or "unknown")
            if not self._gate.enter(self._entered):
                self._turned_away = True
                assert isinstance(transport, asyncio.WriteTransport)
                transport.write(b"421 4.7.0 Too many connections, try again later\r\n")
                transport.close()
                return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Over, however it ended."""
        if self._turned_away:
            return
        if self._entered:
            self._gate.leave(self._entered)
            self._entered = ""
        self.event_handler.gone(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Who was turned away is not listened to."""
        if not self._turned_away:
            super().data_received(data)

    def eof_received(self) -> bool | None:
        """The sender has nothing more to say."""
        return None if self._turned_away else super().eof_received()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        # Python's parser of every address there may be takes longer than all else that is done for a command.
        if found := _PATH.match(arg):
            return found[1], arg[found.end() :]
        return super()._getaddr(arg)

    async def push(self, status: Any) -> None:
        """Answer; after many errors good-bye."""
        await super().push(status)
        text = status.decode("utf-8", "replace") if isinstance(status, bytes) else str(status)
        if text.startswith("5"):
            self._errors += 1
            if self._errors >= ERRORS_MAX and self.transport is not None:
                await super().push("421 4.7.0 Too many errors, good-bye")
                self.transport.close()

    def _timeout_cb(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self._writer.write(b"421 4.4.2 Waited too long, good-bye\r\n")
        super()._timeout_cb()  # type: ignore[no-untyped-call]

    async def smtp_DATA(self, arg: str) -> None:
        """A mail's bytes up to the lone dot, whatever its lines are like; what is above the limit is not kept in
        memory. (Python's own wait for whole lines and remember the fragments of an endless one.)"""
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        assert self.envelope is not None
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 Need RCPT first")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        raw = await self._mail()
        if raw is None:
            await self.push(f"552 5.3.4 A mail may have {self.data_size_limit} bytes here")
            self._set_post_data_state()  # type: ignore[no-untyped-call]
            return
        self.envelope.content = self.envelope.original_content = raw
        self._reset_timeout(BLOCK_SECONDS)
        status = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        self._reset_timeout()
        await self.push(status)

    async def _mail(self) -> bytes | None:
        """The mail without the dots that were doubled on the way (RFC 5321, 4.5.2); None when it is too large."""
        # The dot that ends the mail stands at the beginning of a line, and so does the mail's first byte.
        self._reader._buffer[:0] = b"\r\n"  # type: ignore[attr-defined]
        parts: list[bytes] = []
        size, is_last, is_too_large = 0, False, False
        while not is_last:
            self._reset_timeout(BLOCK_SECONDS)
            try:
                part, is_last = await self._reader.readuntil(_END), True
            except asyncio.LimitOverrunError as more:
                part = await self._reader.read(more.consumed)
            size += len(part)
            is_too_large = bool(self.data_size_limit and size > self.data_size_limit + len(_END))
            parts = [] if is_too_large else [*parts, part]
        if is_too_large:
            return None
        return b"".join(parts)[: -len(b".\r\n")].replace(b"\r\n.", b"\r\n")[len(b"\r\n") :]


class _Smtp(_Entrance):
    pass


class _Lmtp(_Entrance, LMTP):
    pass


class _Handler:
    def __init__(self, keep: Keep, ours: Ours, gate: Gate, security: Security) -> None:
        self._keep = keep
        self._ours = ours
        self._gate = gate
        self._security = security
        self._coming: set[SMTP] = set()  # those in the middle of handing over a mail
        self._together: asyncio.Future[None] | None = None  # what those wait for whose mail is here already

    def signs_in(
        self, _server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, told: LoginPassword
    ) -> AuthResult:
        """Whether name and password belong together."""
        good = False
        if mechanism in ("LOGIN", "PLAIN"):
            for name, password in self._security.users.items():
                known = (name.encode(), password.get_secret_value().encode())
                good |= hmac.compare_digest(known[0], told.login) & hmac.compare_digest(known[1], told.password)
        # Not handled: aiosmtpd says the usual words, for a good sign-in and for a bad one.
        return AuthResult(success=good, handled=False, auth_data=LoginPassword(told.login, b""))

    async def handle_EHLO(
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        if not self._security.users:
            responses = [line for line in responses if not line.startswith("250-AUTH")]
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_MAIL(
        self, server: _Entrance, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._security.tls == "required" and not server.is_encrypted:
            return "530 5.7.0 Must issue a STARTTLS command first"
        if not self._gate.may_mail(_peer(session)):
            return "452 4.7.1 Too many mails in a minute, try again later"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        self._coming.add(server)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= RECIPIENTS_MAX:
            return "452 4.5.3 Too many recipients"
        if not self._gate.may_name(_peer(session)):
            return "452 4.7.1 Too many recipients in a minute, try again later"
        if plain_address(address) not in await self._ours():
            return "550 5.1.1 No such address here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        recipients = [storable(address) for address in envelope.rcpt_tos]
        answer = "250 2.0.0 Kept"
        try:
            await self._others(server)
            await self._keep(
                raw,
                {
                    "recipients": recipients,
                    "sender": "" if envelope.mail_from == "<>" else storable(envelope.mail_from or ""),
                    "tag": tag_of(recipients),
                    "peer": str(session.peer),
                },
            )
        except Exception:
            logger.exception("a mail could not be stored; its sender was asked to try again")
            answer = "451 4.3.0 Cannot store it just now, try again"
        # LMTP wants an answer for each recipient (RFC 2033); it is the same mail for all, kept or not kept once.
        return "\r\n".join([answer] * len(envelope.rcpt_tos)) if isinstance(server, LMTP) else answer

    async def _others(self, server: SMTP) -> None:
        """Wait a moment for mails that others are handing over just now, so that all are kept by one commit. Where
        nobody is, nothing is waited for."""
        self.gone(server)
        if not self._coming:
            return
        if self._together is None:
            loop = asyncio.get_running_loop()
            self._together = loop.create_future()
            loop.call_later(TOGETHER_SECONDS, self._here, self._together)
        await asyncio.shield(self._together)

    def gone(self, server: SMTP) -> None:
        """Its mail is here, or will not come."""
        self._coming.discard(server)
        if not self._coming and self._together is not None:
            self._here(self._together)

    def _here(self, together: "asyncio.Future[None]") -> None:
        if not together.done():
            together.set_result(None)
        if self._together is together:
            self._together = None

    async def handle_exception(self, error: Exception) -> str:
        """Our own fault must not make a sender give a mail back: it is asked to try again, and told nothing of us."""
        logger.error("the mail listener failed (%s)", type(error).__name__, exc_info=error)
        return "451 4.3.0 Something is wrong here just now, try again"


def _peer(session: Session) -> str:
    peer: Any = session.peer  # of a socket in the file system it is a path
    return str(peer[0]) if isinstance(peer, tuple) and peer else str(peer)
