"""The doors of an open desk: whatever comes in is committed as it came, and then taken in.

A telephone is ringing, so what an exchange says is taken in with the same commit where that goes well; mail is read
soon after by `Arrivals`.
"""

import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from sqlmodel import Session, col, select

from helpdesk import callbacks, exchange_log, exchanges, inbox, mailboxes
from helpdesk.asterisk.wires import Heard
from helpdesk.settings import Settings
from models import ContactPoint, Inbound, InboundKind, InboundState, PointKind, Queue
from models.database import Database, Unfinished

KEYS_SECONDS = 2.0
"""So long keys of exchanges and addresses of queues are known before they are looked up again."""

logger = logging.getLogger(__name__)


class _Rehearsed(Exception):
    """Nothing of it was meant."""


class _Drawn(Exception):
    """The same, and this was seen of it."""

    def __init__(self, seen: Any) -> None:
        super().__init__()
        self.seen = seen


class Doors:
    """Where mail and calls come in. `read` reads what was kept once more, by its id and kind; `settle` says that
    something waits to be read."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        read: Callable[[int, InboundKind], Awaitable[None]],
        settle: Callable[[], None],
    ) -> None:
        self.database = database
        self.settings = settings
        self.clock = clock
        self._read = read
        self._settle = settle
        self._known: tuple[float, dict[str, exchanges.Door]] = (-KEYS_SECONDS, {})
        self._addresses: tuple[float, set[str]] = (-KEYS_SECONDS, set())

    async def keep_mail(self, raw: bytes, envelope: dict[str, Any], *, source: str = "smtp", key: str = "") -> None:
        """Commit the bytes of a mail; it is read soon after. Mails that come side by side share the commit."""
        await self.database.write_together(inbox.keep_mails, inbox.Arrived(source, raw, envelope, self.clock(), key))
        self._settle()

    async def keep_callback(
        self, kind: InboundKind, source: str, sender_key: str, raw: bytes, envelope: dict[str, Any]
    ) -> int:
        """Store the bytes of a callback and read it, in one transaction where that goes well: a telephone is ringing,
        and a commit is what costs most. Where reading breaks, the bytes are committed alone.

        Returns its id. What broke in reading is counted, and tried again by the loop.
        """

        def keep(db: Session) -> Inbound:
            return inbox.keep_row(db, kind, source, sender_key, raw, envelope=envelope, now=self.clock())

        def take(db: Session, inbound: Inbound) -> None:
            callbacks.read(db, inbound, settings=self.settings, now=self.clock())

        try:
            return (await self.database.write_in_turn(keep, take)).id or 0
        except Unfinished as unfinished:
            inbound_id = unfinished.answer.id
            logger.exception("reading inbound %s failed", inbound_id)
            await self.database.write(inbox.failed, inbound_id, unfinished.cause, now=self.clock())
            self._settle()
            return int(inbound_id)

    async def keep_heard(self, heard: Sequence[Heard]) -> None:
        """The same for what an exchange said that the desk listens to, many words at once. Where folding breaks, each
        is kept and read by itself."""

        def keep(db: Session) -> list[Inbound]:
            return [
                inbox.keep_row(
                    db, InboundKind.PUSH, each.source, each.key, each.raw, envelope=each.envelope, now=self.clock()
                )
                for each in heard
            ]

        def take(db: Session, rows: list[Inbound]) -> None:
            for inbound in rows:
                callbacks.read(db, inbound, settings=self.settings, now=self.clock())

        try:
            await self.database.write_in_turn(keep, take)
        except Unfinished as unfinished:
            logger.warning("folding %s events together failed; one by one", len(heard))
            for inbound in unfinished.answer:
                await self._read(inbound.id, InboundKind.PUSH)
            self._settle()

    async def door(self, token: str) -> exchanges.Door | None:
        """The exchange that has this key; looked up at most once in two seconds, or anew after `forget`."""
        at, known = self._known
        if time.monotonic() - at > KEYS_SECONDS:
            known = await self.database.read(exchanges.doors, settings=self.settings)
            self._known = (time.monotonic(), known)
        return exchanges.found(known, token, settings=self.settings)

    def forget(self) -> None:
        """Look the keys of exchanges up again at the next word."""
        self._known = (-KEYS_SECONDS, {})

    async def hear(self, door: exchanges.Door, sender_key: str, raw: bytes, content_type: str) -> Inbound:
        """`keep_callback` for what an exchange said, with a line in its log. Returns the row, with what to answer."""
        envelope = door.envelope(content_type) | ({"old_token": True} if door.by_old_token else {})

        def keep(db: Session) -> Inbound:
            return inbox.keep_row(
                db, InboundKind.PUSH, door.inbound_source, sender_key, raw, envelope=envelope, now=self.clock()
            )

        def take(db: Session, inbound: Inbound) -> None:
            is_new = inbound.state == InboundState.WAITING
            callbacks.read(db, inbound, settings=self.settings, now=self.clock())
            self._log_heard(db, door, inbound, "" if is_new else "repeat", self._said(inbound, raw, content_type))

        try:
            return await self.database.write_in_turn(keep, take)
        except Unfinished as unfinished:
            inbound: Inbound = unfinished.answer
            logger.exception("reading inbound %s failed", inbound.id)
            await self.database.write(inbox.failed, inbound.id or 0, unfinished.cause, now=self.clock())
            await self.database.write(self._log_heard, door, inbound, "failed", exchanges.said_in(raw, content_type))
            self._settle()
            return inbound

    def _said(self, inbound: Inbound, raw: bytes, content_type: str) -> str:
        """What is kept of it by now, which may be less than what came."""
        if inbound.raw == raw or not inbound.raw:
            return exchanges.said_in(inbound.raw, content_type)
        return exchanges.said_in(inbound.raw, inbound.envelope.get("content_type", ""))

    def _log_heard(self, db: Session, door: exchanges.Door, inbound: Inbound, outcome: str, said: str) -> None:
        answer = inbound.envelope.get("answer", {})
        exchange_log.write(
            db, door.source, "push", said, answered=" ".join(answer.values()), outcome=outcome or inbound.outcome,
            inbound=inbound, now=self.clock(),
        )  # fmt: skip

    async def refuse(self, door: exchanges.Door, what: str, said: str, *, status: int, outcome: str,
                     answered: str = "") -> None:  # fmt: skip
        """Write down what an exchange said and the desk could not take."""

        def verb(db: Session) -> None:
            exchange_log.write(db, door.source, what, said, answered=answered, status=status, outcome=outcome,
                               now=self.clock())  # fmt: skip
            if door.id is not None:
                exchanges.failed(db, door.id, outcome, now=self.clock())

        await self.database.write(verb)

    async def try_out(self, draw: Callable[[Session, Inbound], Any], door: exchanges.Door, raw: bytes,
                      content_type: str) -> Any:  # fmt: skip
        """Take in what an exchange would say, look at what comes of it, and take it all back."""

        def attempt(db: Session) -> None:
            inbound = inbox.keep_row(
                db, InboundKind.PUSH, door.inbound_source, f"try:{secrets.token_hex(16)}", raw,
                envelope=door.envelope(content_type), now=self.clock(),
            )  # fmt: skip
            callbacks.read(db, inbound, settings=self.settings, now=self.clock())
            raise _Drawn(draw(db, inbound))

        try:
            await self.database.write(attempt)
        except _Drawn as drawn:
            return drawn.seen

    async def rehearse(self, draw: Callable[[Session], object]) -> None:
        """Take in a call that nobody made, draw what it would show, and take it all back: what the first real call
        needs is then at hand, and it pops up as quickly as the next."""
        at = self.clock()

        def call(db: Session) -> None:
            caller = db.exec(select(ContactPoint.key).where(ContactPoint.kind == PointKind.PHONE).limit(1)).first()
            dialed = db.exec(select(Queue.phone).where(col(Queue.phone).is_not(None)).limit(1)).first()
            form = {"CallSid": "rehearsal", "CallStatus": "ringing", "Direction": "inbound",
                    "From": caller or "", "To": dialed or ""}  # fmt: skip
            inbound = inbox.keep_row(
                db, InboundKind.TWILIO, "twilio", "rehearsal", urlencode(form).encode(),
                envelope={"path": "/hooks/twilio/voice"}, now=at,
            )  # fmt: skip
            callbacks.read(db, inbound, settings=self.settings, now=at)
            draw(db)
            raise _Rehearsed

        with contextlib.suppress(_Rehearsed):
            await self.database.write(call)

    async def addresses(self) -> set[str]:
        """The addresses mail is accepted for; looked up at most once in two seconds."""
        at, known = self._addresses
        if time.monotonic() - at > KEYS_SECONDS:
            rows = await self.database.read(lambda db: [*db.exec(select(Queue.address)), *mailboxes.addresses(db)])
            known = {address.lower() for address in rows if address} | set(self.settings.mail_addresses)
            known.add(self.settings.mail_from.lower())
            self._addresses = (time.monotonic(), known)
        return known
