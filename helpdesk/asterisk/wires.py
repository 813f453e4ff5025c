"""Listening to every Asterisk the desk knows: signed in, taken up, heard, and told to the desk as calls.

Each exchange has a task of its own; one process at a time holds it, by a lease, as with mailboxes. After every sign-in
all channels and queues are asked for, so that what ended unheard is ended and what runs is known. What breaks is said
on the exchange and tried again after a pause that grows.

What is heard is understood by cti/asterisk.py, which forgets when the process ends. So what is kept of a call, before
it is folded, is each event we understood with the manager's words it came from, many at once where many come.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from cti import CallEvent
from cti.asterisk import PRESENTATION, Ask, Machine, Open, keep
from helpdesk import exchanges, seals
from helpdesk.asterisk.connection import Access, Connection, access_of, connected
from helpdesk.customers import contact_points
from helpdesk.errors import Rejected, Unreachable, place_of
from helpdesk.runtime import attending
from helpdesk.runtime.attending import Attendants
from helpdesk.settings import Settings
from models import Call, CallState, Exchange, ExchangeKind
from models.database import Database

logger = logging.getLogger(__name__)

LISTING, QUEUES = "list-channels", "list-queues"
FILTER = "!Event: (VarSet|Newexten|RTCP.*|DeviceStateChange|ExtensionStatus|PeerStatus|ContactStatus)"
TOGETHER = 32
"""Events that are committed together."""
MOST_UNWRITTEN = 5000


@dataclass(frozen=True, kw_only=True)
class Pace(attending.Pace):
    """Seconds, as of everything that is attended to."""

    answer: float = 3.0  # for a caller's presentation; without one the number counts as withheld
    sync: float = 600.0  # between two listings of all channels, in case an end was not told
    unreachable: tuple[float, float] = (1.0, 60.0)
    rejected: tuple[float, float] = (30.0, 600.0)


@dataclass(frozen=True, slots=True)
class Heard:
    """One event, as it is kept. `source` names the exchange, `key` is equal for a repeat."""

    source: str
    key: str
    raw: bytes
    envelope: dict[str, Any]


Keep = Callable[[Sequence[Heard]], Awaitable[None]]


@dataclass
class _Wire:
    """What is known of one exchange while it is held, over all its connections."""

    exchange_id: int
    source: str
    machine: Machine
    unwritten: deque[Heard] = field(default_factory=deque)
    has_news: asyncio.Event = field(default_factory=asyncio.Event)
    is_written: asyncio.Event = field(default_factory=asyncio.Event)
    asked: dict[str, tuple[str, float]] = field(default_factory=dict)  # ActionID -> call, and until when
    listing: set[str] = field(default_factory=set)
    known: dict[str, Open] = field(default_factory=dict)
    synced_at: float = 0.0
    trouble: str = ""
    number: int = 0


class Wires(Attendants):
    """Holds the connections of one process. `keep` commits what was heard and folds it."""

    kind = "exchange"
    pace: Pace

    def __init__(
        self, database: Database, settings: Settings, *, clock: Callable[[], datetime], keep: Keep,
        pace: Pace | None = None,
    ) -> None:  # fmt: skip
        super().__init__(database, clock=clock)
        self.pace = pace or Pace()
        self._settings, self._keep = settings, keep

    def wanted(self, db: Session) -> dict[int, int]:
        """Every active Asterisk."""
        found = sa.select(col(Exchange.id), col(Exchange.version)).where(
            col(Exchange.is_active), col(Exchange.kind) == ExchangeKind.ASTERISK
        )
        return {exchange_id: version for exchange_id, version in db.execute(found)}

    async def attend(self, exchange_id: int) -> None:
        """Sign in and listen, for ever; after a failure with a pause."""
        exchange = await self._database.read(lambda db: db.get(Exchange, exchange_id))
        if exchange is None:
            return
        wire = _Wire(exchange_id, source_of(exchange), machine_of(exchange))
        wire.is_written.set()
        writing = asyncio.create_task(self._write(wire))
        failures = 0
        try:
            while True:
                began = time.monotonic()
                try:
                    access = await asyncio.to_thread(access_by, exchange, settings=self._settings)
                    async with connected(access) as connection:
                        await self._follow(wire, connection)
                except Exception as error:
                    # One that was heard for a while and broke is no insisting.
                    failures = 1 if time.monotonic() - began > 60 else failures + 1
                    await self._failed(exchange_id, error)
                    await asyncio.sleep(self.pace.pause(error, failures))
        finally:
            if wire.unwritten and not writing.done():
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(5):
                        await wire.is_written.wait()
            await self.ended(writing)

    async def _failed(self, exchange_id: int, error: Exception) -> None:
        expected = isinstance(error, Unreachable | Rejected)
        code = str(error) if expected else "unexpected"
        logger.warning("exchange %s: %s", exchange_id, code if expected else place_of(error))
        with contextlib.suppress(Exception):  # the database itself may be what cannot be reached
            await self._database.write(exchanges.failed, exchange_id, code, now=self._clock())

    async def _follow(self, wire: _Wire, connection: Connection) -> None:
        """Take up what runs, then listen until the line breaks."""
        wire.asked.clear()
        wire.trouble = ""
        connection.send("Filter", key="filter", Operation="Add", Filter=FILTER)  # a user without the right is sent all
        await self._begin_listing(wire, connection)
        while True:
            batch: list[dict[str, str]] = []
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience(wire)):
                    batch = await connection.messages()
            for message in batch:
                self._take(wire, connection, await self._hear(wire, message))
            for key in [key for key, (_, until) in wire.asked.items() if time.monotonic() >= until]:
                late = wire.asked.pop(key)[0]
                self._take(wire, connection, wire.machine.answered(late, None, at=self._clock()))
            if not wire.listing and time.monotonic() - wire.synced_at > self.pace.sync:
                await self._begin_listing(wire, connection)
            if len(wire.unwritten) > MOST_UNWRITTEN:
                raise Unreachable("asterisk_unwritten")

    async def _begin_listing(self, wire: _Wire, connection: Connection) -> None:
        await wire.is_written.wait()  # or the desk would not know yet what it was told
        wire.known = await self._database.read(open_calls, wire.source, now=self._clock())
        wire.listing = {LISTING, QUEUES}
        wire.machine.begin_listing()
        connection.send("CoreShowChannels", key=LISTING)
        connection.send("QueueStatus", key=QUEUES)

    async def _hear(self, wire: _Wire, message: dict[str, str]) -> Sequence[CallEvent | Ask]:
        """One message of the line: an answer, a line of a listing, or an event."""
        key, event, now = message.get("ActionID", ""), message.get("Event", ""), self._clock()
        if key in wire.asked and "Response" in message:
            call = wire.asked.pop(key)[0]
            if message["Response"] == "Success":
                return wire.machine.answered(call, message.get("Value", ""), at=now)
            if "ermission" in message.get("Message", "") and wire.trouble != "asterisk_no_getvar":
                wire.trouble = "asterisk_no_getvar"
                await self._database.write(exchanges.failed, wire.exchange_id, wire.trouble, now=now)
            return wire.machine.answered(call, None, at=now)
        if key in wire.listing:
            if message.get("Response") == "Error":
                if key == LISTING:
                    raise Rejected("asterisk_no_listing")
                wire.listing.discard(key)  # an Asterisk without queues does not know of them
            elif event.endswith("Complete"):
                wire.listing.discard(key)
            else:
                wire.machine.listed(message)
            if not wire.listing:
                wire.synced_at = time.monotonic()
                out = wire.machine.synced(wire.known, at=now)
                await self._database.write(_connected, wire.exchange_id, now=now)
                return out
            return ()
        return wire.machine.feed(message, at=now) if event else ()

    def _take(self, wire: _Wire, connection: Connection, out: Sequence[CallEvent | Ask]) -> None:
        for each in out:
            if isinstance(each, Ask):
                wire.number += 1
                key = f"who-{wire.number}"
                wire.asked[key] = (each.key, time.monotonic() + self.pace.answer)
                connection.send("Getvar", key=key, Channel=each.channel, Variable=PRESENTATION)
                continue
            event = replace(each, agents=self._named(each.agents))
            raw = keep(event, wire.machine.said(each.call_id))
            envelope = {"exchange": wire.exchange_id, "kind": "asterisk", "content_type": "application/json"}
            wire.unwritten.append(Heard(wire.source, event.event_id, raw, envelope))
            wire.is_written.clear()
            wire.has_news.set()

    def _named(self, agents: tuple[str, ...]) -> tuple[str, ...]:
        """Extensions as they are; a number that was dialed also as agents' telephones are written."""
        read = [contact_points.read_number(each, region=self._settings.region) for each in agents]
        return (*agents, *(number.e164 for number in read if number.kind == "number" and number.e164 not in agents))

    async def _write(self, wire: _Wire) -> None:
        """Commit what was heard, in its order, many at once where many wait. Nothing is let go of before."""
        pause = 0.5
        while True:
            await wire.has_news.wait()
            batch = [wire.unwritten[index] for index in range(min(TOGETHER, len(wire.unwritten)))]
            try:
                if batch:
                    await self._keep(batch)
                    pause = 0.5
            except Exception as error:
                logger.error("what exchange %s said was not kept (%s)", wire.exchange_id, place_of(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 30.0)
                continue
            for _ in batch:
                wire.unwritten.popleft()
            if not wire.unwritten:
                wire.has_news.clear()
                wire.is_written.set()

    def _patience(self, wire: _Wire) -> float:
        until = min((until for _, until in wire.asked.values()), default=time.monotonic() + self.pace.sync)
        return max(0.01, until - time.monotonic())


# --- rows


def source_of(exchange: Exchange) -> str:
    """As in `Call.source`."""
    return f"asterisk:{exchange.name}"


def machine_of(exchange: Exchange) -> Machine:
    """Who understands this exchange."""
    contexts = exchange.options.get("inbound_contexts") or []
    return Machine(
        source=source_of(exchange),
        inbound=[str(each) for each in contexts],
        system=str(exchange.options.get("system") or ""),
    )


def access_by(exchange: Exchange, *, settings: Settings) -> Access:
    """What it takes to sign in. Raises `Rejected("secret_lost")`."""
    return access_of(exchange.options, seals.unseal(exchange.secret, settings=settings))


def open_calls(db: Session, source: str, *, now: datetime) -> dict[str, Open]:
    """The calls of an exchange that are not over for the desk, by the exchange's keys, without those of the last minute
    that the desk asks for itself: Asterisk may be about to begin them."""
    rows = db.execute(
        sa.select(col(Call.call_key), col(Call.direction), col(Call.is_withheld), col(Call.started_at)).where(
            col(Call.state) != CallState.ENDED, col(Call.source) == source
        )
    )
    fresh = now - timedelta(minutes=1)
    return {
        key: Open(direction, withheld) for key, direction, withheld, began in rows
        if direction != "out" or began < fresh
    }  # fmt: skip


def _connected(db: Session, exchange_id: int, *, now: datetime) -> None:
    """It is signed in to, and what runs there is known."""
    if exchange := db.get(Exchange, exchange_id):
        exchanges.heard(db, exchange, now=now)
