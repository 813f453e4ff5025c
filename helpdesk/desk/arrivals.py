"""Reading what was kept: mails in handfuls, everything else one by one, and what breaks as often as it may."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from helpdesk import callbacks, inbox, preferences
from helpdesk.mail import receive
from helpdesk.settings import Settings
from models import InboundKind
from models.database import Database

if TYPE_CHECKING:
    from classifiers import Router

HANDFUL = 32
"""Mails read and written together. A ring that comes meanwhile waits for them: 39 ms of the processor at the least."""
HANDFUL_BYTES = 64_000_000
"""And no more than this, since two handfuls are in memory at a time. A mail that is larger is alone in its own."""
BATCH = 2 * HANDFUL
GATHER_SECONDS = 0.1
"""While mails keep coming, so long is waited for a handful: a mail alone costs more than twice what it does in one."""

logger = logging.getLogger(__name__)


class Arrivals:
    """What was kept and waits to be read. Who guesses is set once the models are loaded."""

    def __init__(self, database: Database, settings: Settings, *, clock: Callable[[], Any]) -> None:
        self.database = database
        self.settings = settings
        self.clock = clock
        self.router: Router | None = None
        self.guesses: frozenset[str] = frozenset()
        """What can be guessed besides the queue."""
        self._reading = asyncio.Lock()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="mail")
        self._in_hand: dict[int, asyncio.Task[None]] = {}

    async def read_everything(self) -> None:
        """Read whatever is waiting now and return when nothing is. The loop does the same for ever."""
        async with self._reading:  # who comes second waits, so that nothing is being read still when this returns
            for kind in InboundKind:
                above = 0
                while ids := await self.database.read(inbox.waiting, limit=BATCH, above=above, kind=kind):
                    if above and kind == InboundKind.MAIL and len(ids) < HANDFUL:
                        await asyncio.sleep(GATHER_SECONDS)
                        ids = await self.database.read(inbox.waiting, limit=BATCH, above=above, kind=kind) or ids
                    if kind == InboundKind.MAIL:
                        await self._read_mails(ids)
                    else:
                        for inbound_id in ids:
                            await self.read_one(inbound_id, kind=kind)
                    above = ids[-1]

    async def _read_mails(self, ids: list[int]) -> None:
        """Many mails at the cost of few commits: while one handful is written, the next is understood."""
        writing: asyncio.Future[None] = asyncio.ensure_future(asyncio.sleep(0))
        sizes = await self.database.read(inbox.sizes_of, ids) if len(ids) > 1 else [(ids[0], 0)]
        for handful in inbox.handfuls(sizes, HANDFUL, HANDFUL_BYTES):
            understood = await self.in_reader(partial(self._understand, handful))
            await writing
            writing = asyncio.ensure_future(self._take_together(handful, understood))
        await writing

    def _understand(self, ids: list[int]) -> list[receive.Understood] | None:
        """Some mails, in the reader's thread; None when one of them cannot be read like this."""
        try:
            raws, shown = self.database.read_now(lambda db: (inbox.mails_of(db, ids), preferences.all_shown(db)))
            asked, folder = self.guesses & shown, self.settings.attachments
            return receive.understand_all(raws, router=self.router, folder=folder, asked=asked)
        except Exception as error:
            logger.warning("understanding %s mails together failed (%s); one by one", len(ids), type(error).__name__)
            return None

    async def _take_together(self, ids: list[int], mails: list[receive.Understood] | None) -> None:
        """All in one transaction. Where one of them breaks none is written, and each is read alone."""
        if mails is not None:
            try:
                await self.database.write(
                    receive.take_all, list(zip(ids, mails, strict=True)), settings=self.settings, now=self.clock()
                )
                return
            except Exception as error:
                logger.warning("reading %s mails together failed (%s); one by one", len(ids), type(error).__name__)
        for inbound_id in ids:
            await self.read_one(inbound_id)

    async def read_one(self, inbound_id: int, kind: InboundKind | None = None) -> None:
        """Read one thing that was kept, or wait for its end where it is being read already.

        A caller who knows the `kind` saves a look at it. Whatever breaks is counted, and parked at the last attempt.
        Who stops waiting does not stop the reading.
        """
        task = self._in_hand.get(inbound_id)
        if task is None:
            task = self._in_hand[inbound_id] = asyncio.create_task(self._read(inbound_id, kind))
            task.add_done_callback(lambda _: self._in_hand.pop(inbound_id, None))
        await asyncio.shield(task)

    async def _read(self, inbound_id: int, kind: InboundKind | None) -> None:
        try:
            raw, shown = b"", frozenset[str]()
            if kind in (None, InboundKind.MAIL):
                (kind, raw), shown = await self.database.read(
                    lambda db: (inbox.bytes_of(db, inbound_id), preferences.all_shown(db))
                )
            if kind == InboundKind.MAIL:
                mail = await self.in_reader(
                    partial(receive.understand, raw, router=self.router, folder=self.settings.attachments,
                            asked=self.guesses & shown)
                )  # fmt: skip
                await self.database.write(receive.take, inbound_id, mail, settings=self.settings, now=self.clock())
            else:
                await self.database.write(callbacks.take, inbound_id, settings=self.settings, now=self.clock())
        except Exception as error:
            logger.exception("reading inbound %s failed", inbound_id)
            await self.database.write(inbox.failed, inbound_id, error, now=self.clock())

    async def in_reader(self, job: Callable[[], Any]) -> Any:
        """Done in the thread in which mails are read, after what it has in hand."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, job)

    def close(self) -> None:
        """Let go of the thread, once it has ended what it has in hand."""
        self._reader.shutdown()
