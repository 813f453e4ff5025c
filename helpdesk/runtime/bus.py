"""Says that there is news. It carries numbers only: whoever finds itself behind reads the log.

A lost message costs a delay, never an event: every follower also looks by itself every few seconds. Inside one process
a commit wakes the followers directly; processes that share a PostgreSQL wake each other by NOTIFY.

Beside the news it passes on asides: words for the other processes that are worth nothing a moment later and are kept
nowhere, such as who looks at which ticket.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable

import sqlalchemy as sa
from sqlmodel import Session

from helpdesk.events import last_number
from models.database import Database

CHANNEL = "desk_events"
ASIDES = "desk_asides"
REPEAT_SECONDS = 2.0
logger = logging.getLogger(__name__)


class Bus:
    """Tells every follower in this process, and through PostgreSQL the other processes, that events were committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loop: asyncio.AbstractEventLoop | None = None
        self._followers: set[asyncio.Event] = set()
        self._listener: asyncio.Task[None] | None = None
        self.on_aside: list[Callable[[str], None]] = []
        """Called in the loop with each aside, one's own included."""

    async def start(self) -> None:
        """Begin to pass on news. Needs the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._database.after_commit.append(self._committed)
        if not self._database.is_sqlite:
            self._listener = asyncio.create_task(self._listen(), name="bus")

    async def stop(self) -> None:
        """Stop passing on news."""
        self._database.after_commit.remove(self._committed)
        if self._listener:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener

    async def news(self, *, repeat: float = REPEAT_SECONDS) -> AsyncIterator[None]:
        """Yields whenever there may be news, and every `repeat` seconds in case a word was lost."""
        flag = asyncio.Event()
        self._followers.add(flag)
        try:
            while True:
                # Not wait_for: until Python 3.12 it may swallow a cancellation that meets the news, and a follower that
                # was told to stop would follow for ever.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(repeat):
                        await flag.wait()
                flag.clear()
                yield
        finally:
            self._followers.discard(flag)

    def wake(self) -> None:
        """Wake the followers of this process; callable from any thread."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ring)

    def aside(self, texts: Iterable[str]) -> None:
        """Tell the other processes, where there may be any; call it in a thread. Each text has at most 7,900 bytes."""
        if self._database.is_sqlite:
            return
        try:
            with self._database.engine.connect() as connection:
                for text in texts:
                    connection.execute(sa.text("SELECT pg_notify(:c, :t)"), {"c": ASIDES, "t": text})
                connection.commit()
        except sa.exc.DBAPIError as error:
            logger.warning("other processes were not told an aside: %s", type(error).__name__)

    def _ring(self) -> None:
        for flag in self._followers:
            flag.set()

    def _committed(self, db: Session) -> None:
        if number := db.info.pop("last_number", None):
            self.wake()
            if not self._database.is_sqlite:
                try:
                    with self._database.engine.connect() as connection:
                        connection.execute(sa.text("SELECT pg_notify(:c, :n)"), {"c": CHANNEL, "n": str(number)})
                        connection.commit()
                except sa.exc.DBAPIError as error:  # what happened is committed; the others look by themselves soon
                    logger.warning("other processes were not told of the news: %s", type(error).__name__)

    async def _listen(self) -> None:
        import psycopg  # SQLite's desks never need it

        address = self._database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    await connection.execute(f"LISTEN {ASIDES}")
                    async for heard in connection.notifies():
                        if heard.channel == ASIDES:
                            for listener in self.on_aside:
                                listener(heard.payload)
                        else:
                            self._ring()
            except psycopg.Error as error:
                logger.warning("lost the database's notifications, trying again: %s", type(error).__name__)
                await asyncio.sleep(1)


async def newest(database: Database) -> int:
    """The newest event's number, now."""
    return await database.read(last_number)
