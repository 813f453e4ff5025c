"""A mail server on this machine that keeps what it is given: where the desk's replies leave to in tests.

It speaks real SMTP in a thread of its own; `refuses` and `is_busy` make it say no, for good or for now.
"""

import asyncio
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from typing import Any

from aiosmtpd.smtp import SMTP

from tests.patience import PATIENCE_SECONDS


class Postbox:
    """Open it with `with`; `mails` is what arrived, pairs of envelope and mail."""

    def __init__(self) -> None:
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
        new = partial(SMTP, self, hostname="postbox.example.com")
        self._server = await self._loop.create_server(new, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        self._server.close()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        """Aiosmtpd's hook for each recipient."""
        if self.is_busy:
            return "451 4.3.0 Later"
        if address in self.refuses:
            return "550 5.1.1 Nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Aiosmtpd's hook for the mail itself."""
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((envelope, mail))
        return "250 OK"
