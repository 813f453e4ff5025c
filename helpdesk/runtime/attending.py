"""Mailboxes, telephone systems: whatever wants a connection of its own for as long as it is set up.

Each such thing has a task that attends to it, in one process at a time, by a lease. Which things there are is asked
again and again; one whose settings changed has another version, and is begun anew.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sqlmodel import Session

from helpdesk.errors import Rejected, place_of
from helpdesk.runtime import leases
from models.database import Database

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Seconds. The pause after the n-th failure in a row is the first one doubled n-1 times, and at most the last."""

    sweep: float = 5.0  # between two looks at which things there are
    lease: float = 30.0
    unreachable: tuple[float, float]
    rejected: tuple[float, float]

    def pause(self, error: Exception, failures: int) -> float:
        """How long to leave the other side alone."""
        first, last = self.rejected if isinstance(error, Rejected) else self.unreachable
        return float(min(first * 2 ** min(failures - 1, 20), last))


class Attendants(ABC):
    """The tasks of one process for the things of one kind."""

    kind: ClassVar[str]
    """Names the leases (`kind-id`), the tasks and the lines of the log."""
    pace: Pace

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock
        self._holder = f"{self.kind}-{uuid.uuid4().hex[:12]}"
        self._tasks: dict[int, tuple[int, asyncio.Task[None]]] = {}
        self._supervisor: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    @abstractmethod
    def wanted(self, db: Session) -> dict[int, int]:
        """The ids of all that are to be attended to, each with its version."""

    @abstractmethod
    async def attend(self, thing_id: int) -> None:
        """Do so for ever, until cancelled. It is begun anew when its settings changed or the lease came back."""

    async def start(self) -> None:
        """Begin with all there are."""
        self._supervisor = asyncio.create_task(self._supervise(), name=f"all of kind {self.kind}")

    async def stop(self) -> None:
        """Let go of every connection and every lease. What is being committed is finished first."""
        if self._supervisor:
            await self.ended(self._supervisor)
            self._supervisor = None
        await asyncio.gather(*(self.ended(task) for _, task in self._tasks.values()))
        self._tasks.clear()

    def wake(self) -> None:
        """One was set up or changed: do not wait for the next sweep."""
        self._changed.set()

    async def lease(self, thing_id: int) -> bool:
        """Take or keep it for this process; False when another one has it."""
        return await self._database.write(
            leases.renew, f"{self.kind}-{thing_id}", self._holder, seconds=self.pace.lease, now=self._clock()
        )

    async def keep_lease(self, thing_id: int) -> None:
        """Renew it in time; returns when somebody else has it, or may have it before it is renewed."""
        renewed_at = time.monotonic()
        while True:
            await asyncio.sleep(self.pace.lease / 3)
            try:
                if not await self.lease(thing_id):
                    return
                renewed_at = time.monotonic()
            except Exception as error:
                logger.warning("the lease of %s %s was not renewed (%s)", self.kind, thing_id, type(error).__name__)
                if time.monotonic() - renewed_at > self.pace.lease * 0.8:
                    return

    async def release(self, thing_id: int) -> None:
        """Give it back; what cannot be given back runs out."""
        with contextlib.suppress(Exception):
            await asyncio.shield(self._database.write(leases.release, f"{self.kind}-{thing_id}", self._holder))

    async def ended(self, task: asyncio.Task[None]) -> None:
        """Cancel it and wait until it is over, whichever way."""
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled() and (error := task.exception()):
            logger.error("%s: a task broke: %s", self.kind, place_of(error) if isinstance(error, Exception) else error)

    async def _supervise(self) -> None:
        while True:
            self._changed.clear()
            try:
                wanted = await self._database.read(self.wanted)
                for thing_id, (version, task) in list(self._tasks.items()):
                    if wanted.get(thing_id) != version or task.done():
                        await self.ended(task)
                        del self._tasks[thing_id]
                for thing_id, version in wanted.items():
                    if thing_id not in self._tasks:
                        task = asyncio.create_task(self._hold(thing_id), name=f"{self.kind} {thing_id}")
                        self._tasks[thing_id] = (version, task)
            except Exception as error:
                logger.error("the list of kind %s could not be read (%s); trying again", self.kind, place_of(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.pace.sweep):
                    await self._changed.wait()

    async def _hold(self, thing_id: int) -> None:
        """Attend to it for as long as this process has its lease; else try for it again and again."""
        try:
            while True:
                if await self.lease(thing_id):
                    work = asyncio.create_task(self.attend(thing_id))
                    holding = asyncio.create_task(self.keep_lease(thing_id))
                    try:
                        await asyncio.wait((work, holding), return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        await self.ended(work)
                        await self.ended(holding)
                await asyncio.sleep(self.pace.sweep)
        finally:
            await self.release(thing_id)
