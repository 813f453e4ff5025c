"""The desk's own SMTP or LMTP entrance: "250" is said only after the bytes are committed.

It accepts mail for the desk's own addresses alone, so it relays nothing. What it cannot store just now it answers with
a temporary error, and the sender keeps the mail.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from helpdesk.mail.receive import plain_address

logger = logging.getLogger(__name__)

Keep = Callable[[bytes, dict[str, Any]], Awaitable[None]]
Ours = Callable[[], Awaitable[set[str]]]

RECIPIENTS_MAX = 100


class Listener:
    """An open entrance. `keep(raw, envelope)` returns when the bytes are committed; `ours()` names the addresses."""

    def __init__(self, *, keep: Keep, ours: Ours, max_bytes: int, lmtp: bool = False) -> None:
        self._handler = _Handler(keep, ours)
        self._max_bytes = max_bytes
        self._lmtp = lmtp
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Open the entrance in the running loop; returns the port (which port 0 leaves to the system)."""
        kind = _Lmtp if self._lmtp else _Smtp
        self._server = await asyncio.get_running_loop().create_server(
            lambda: kind(
                self._handler,
                data_size_limit=self._max_bytes,
                enable_SMTPUTF8=True,
                ident="Madoguchi",
                timeout=120,
                decode_data=False,
            ),
            host,
            port,
            family=socket.AF_UNSPEC,
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the entrance; a sender in the middle keeps its mail."""
        if self._server:
            self._server.close()


class _Smtp(SMTP):
    # RFC 5321 allows 998 characters a line; programs that send more exist, and their mail is not to be lost for it.
    line_length_limit = 1_000_000


class _Lmtp(LMTP):
    line_length_limit = 1_000_000


class _Handler:
    def __init__(self, keep: Keep, ours: Ours) -> None:
        self._keep = keep
        self._ours = ours

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= RECIPIENTS_MAX:
            return "452 4.5.3 Too many recipients"
        if plain_address(address) not in await self._ours():
            return "550 5.1.1 No such address here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        recipients = [_storable(address) for address in envelope.rcpt_tos]
        answer = "250 2.0.0 Kept"
        try:
            await self._keep(
                raw,
                {
                    "recipients": recipients,
                    "sender": _storable(envelope.mail_from or ""),
                    "tag": _tag(recipients),
                    "peer": str(session.peer),
                },
            )
        except Exception:
            logger.exception("a mail could not be stored; its sender was asked to try again")
            answer = "451 4.3.0 Cannot store it just now, try again"
        # LMTP wants an answer for each recipient (RFC 2033); it is the same mail for all, kept or not kept once.
        return "\r\n".join([answer] * len(envelope.rcpt_tos)) if isinstance(server, LMTP) else answer


def _storable(address: str) -> str:
    """An address of the envelope as every database takes it: no NUL, and "?" for bytes that were no UTF-8."""
    return address.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def _tag(recipients: list[str]) -> str:
    """What stands after the plus in the first tagged address."""
    return next((tag for address in recipients if (tag := address.rpartition("@")[0].partition("+")[2])), "")
