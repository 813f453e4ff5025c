"""A mail server on this machine that keeps what it is given: where the desk's replies leave to in tests.

It speaks real SMTP in a thread of its own; `refuses`, `is_busy` and `later` make it say no, for good or for now, and
`stalls` leave whoever is speaking without an answer. With a folder of certificates it wants STARTTLS and a password.
"""

import asyncio
import base64
import ssl
import threading
from collections import Counter
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult

from tests.patience import PATIENCE_SECONDS


class Postbox:
    """Open it with `with`; `mails` is what arrived, pairs of envelope and mail."""

    def __init__(self, *, certificates: Path | None = None, password: str = "") -> None:
        self.certificates, self.password = certificates, password
        self.users: list[tuple[str, str]] = []  # who signed in, and how
        self.later: set[str] = set()
        self.stalls: dict[str, str] = {}  # recipient -> "rcpt", "data" (its bytes are thrown away) or "kept" (not told)
        self.stalled: set[str] = set()
        self.mails: list[tuple[Any, EmailMessage]] = []
        self.refuses: set[str] = set()
        self.is_busy = False
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        """What DESK_SMTP_URL would say."""
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def last(self) -> EmailMessage:
        """The mail that arrived last."""
        if not self.mails:
            raise AttributeError("no mail has arrived")  # aiosmtpd looks at every attribute of its handler
        return self.mails[-1][1]

    def copies(self) -> Counter[tuple[str, str]]:
        """How many copies of each mail each recipient has, by Message-ID and address."""
        return Counter((str(mail["Message-ID"]), to) for envelope, mail in self.mails for to in envelope.rcpt_tos)

    def __enter__(self) -> "Postbox":
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(PATIENCE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(PATIENCE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()

    async def _open(self) -> int:
        told: dict[str, Any] = {"hostname": "postbox.example.com"}
        if self.certificates is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self.certificates / "certificate.pem", self.certificates / "key.pem")
            told |= {"tls_context": context, "require_starttls": True, "auth_required": True,
                     "authenticator": self._knows}  # fmt: skip
        new = partial(SMTP, self, **told)
        self._server = await self._loop.create_server(new, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        self._server.close()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        """Aiosmtpd's hook for each recipient."""
        if self.is_busy:
            return "451 4.3.0 Later"
        if address in self.later:
            return "451 4.2.2 Mailbox full, later"
        if self.stalls.get(address) == "rcpt":
            await self._stall(address)
        if address in self.refuses:
            return "550 5.1.1 Nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Aiosmtpd's hook for the mail itself."""
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        for address in envelope.rcpt_tos:
            if self.stalls.get(address) == "data":
                await self._stall(address)
        self.mails.append((envelope, mail))
        for address in envelope.rcpt_tos:
            if self.stalls.get(address) == "kept":
                await self._stall(address)
        return "250 OK"

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> Any:
        """Aiosmtpd's hook for the sign-in by token."""
        told = base64.b64decode(args[1]).decode() if len(args) > 1 else ""
        user, _, token = told.removeprefix("user=").rstrip("\x01").partition("\x01auth=Bearer ")
        self.users.append((user, token))
        return AuthResult(success=token == self.password, handled=False)

    def _knows(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        user, password = data.login.decode(), data.password.decode()
        self.users.append((user, mechanism))
        return AuthResult(success=password == self.password, handled=False)

    async def _stall(self, address: str) -> None:
        """Until whoever waits is gone."""
        self.stalled.add(address)
        await asyncio.Event().wait()
