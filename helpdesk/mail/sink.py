"""The demonstration's outgoing mail server: what the desk sends becomes a file, and goes nowhere.

It stands in the customers' place. The files are the bytes as they came by SMTP, so any mail program opens them, and
`helpdesk/simulate.py` answers them. Only the demonstration starts one.
"""

import asyncio
import hashlib
import os
import re
import threading
import time
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

__all__ = ["Sink", "read", "sent"]

LARGEST_BYTES = 50_000_000
LISTED = 200
_NAME = re.compile(r"\d{20}-[0-9a-f]{16}")


class Sink:
    """A mail server on 127.0.0.1, held open in a thread of its own. `start` it, `stop` it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self, port: int = 0) -> int:
        """Listen, and return the port, which 0 leaves to the system. Raises `OSError` when it is taken."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sink", daemon=True)
        self._thread.start()
        try:
            return asyncio.run_coroutine_threadsafe(self._open(port), self._loop).result()
        except OSError:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop listening. Twice changes nothing."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """What aiosmtpd calls with a whole mail."""
        _keep(self.folder, envelope.original_content or b"")
        return "250 2.0.0 Kept"

    async def _open(self, port: int) -> int:
        server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(self, data_size_limit=LARGEST_BYTES, enable_SMTPUTF8=True, ident="Madoguchi demonstration"),
            "127.0.0.1",
            port,
        )
        return int(server.sockets[0].getsockname()[1])


def sent(folder: Path) -> list[tuple[str, str, str, datetime]]:
    """What was sent, newest first, at most 200: id, recipient, subject, time (UTC) it was handed over."""
    names = sorted((path.stem for path in folder.glob("*.eml") if _NAME.fullmatch(path.stem)), reverse=True)
    return [_entry(folder, name) for name in names[:LISTED]]


def read(folder: Path, id: str) -> bytes:
    """The bytes of one of them. Raises `FileNotFoundError` for an id that `sent` does not list."""
    if not _NAME.fullmatch(id):
        raise FileNotFoundError(id)
    return (folder / f"{id}.eml").read_bytes()


def _keep(folder: Path, raw: bytes) -> None:
    """Write it once: a desk that did not hear "250" sends the same mail again, under the same Message-ID."""
    message_id = str(message_from_bytes(raw)["Message-ID"] or "")
    key = hashlib.sha256(message_id.encode() or raw).hexdigest()[:16]
    if next(folder.glob(f"*-{key}.eml"), None) is not None:
        return
    draft = folder / f".{key}.draft"
    draft.write_bytes(raw)
    os.replace(draft, folder / f"{time.time_ns():020d}-{key}.eml")


def _entry(folder: Path, name: str) -> tuple[str, str, str, datetime]:
    with (folder / f"{name}.eml").open("rb") as source:
        head = BytesHeaderParser().parse(source)
    to, subject = (
        str(make_header(decode_header(str(head[field] or "")))).replace("\r", "").replace("\n", "")
        for field in ("To", "Subject")
    )
    return name, to, subject, datetime.fromtimestamp(int(name[:20]) / 1e9, UTC)
