"""What is kept beside the work, from the log of what happened: solved cases, what can be found, figures, products.

Each has a thread of its own or shares one, goes by small steps, and lets calls and mails go first. One process at a
time does each: another would do the same work only to drop it.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from helpdesk import cases
from helpdesk.runtime.bus import Bus
from helpdesk.settings import Settings
from models.database import Database

CASES_SECONDS = 2.0
SEARCH_SECONDS = 0.3
"""Between two looks at what is new to be found: what is said is found within a second."""
SERVICE_SECONDS = 2.0
PRODUCTS_SECONDS = 5.0
RISING_EVERY = timedelta(hours=1)
"""Between two looks at whether inquiries about a product, or its returns, have risen."""
PAST_WAITS_SECONDS = 60.0
DAYS_AT_ONCE = 5
"""Days whose totals are counted before the log is looked at again."""
PAST_HANDFULS = 3
"""Of what was there before the index, taken in after each such look."""
CASES_PAUSE = 0.02
"""Between two handfuls of cases while there is a past to catch up with: calls and pages go first."""

logger = logging.getLogger(__name__)


class Keepers:
    """Their threads, and their loops."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        bus: Bus,
        *,
        clock: Callable[[], datetime],
        closing: threading.Event,
    ) -> None:
        self.database = database
        self.settings = settings
        self.bus = bus
        self.clock = clock
        self._closing = closing
        self._rising_at: datetime | None = None
        self._products_past = -PAST_WAITS_SECONDS
        self._service_asked = -PAST_WAITS_SECONDS  # when somebody last wanted its figures
        self.of_cases = ThreadPoolExecutor(1, thread_name_prefix="cases")
        self.of_words = ThreadPoolExecutor(1, thread_name_prefix="search")
        self.of_service = ThreadPoolExecutor(1, thread_name_prefix="service")

    def loops(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """What runs once the desk is ready and for as long as it is open, by name."""
        return {
            "cases": self._keep_cases,
            "search": self._keep_found,
            "service": self._keep_service,
            "products": self._keep_products,
        }

    async def close(self) -> None:
        """Wait for what each has in hand."""
        for each in (self.of_cases, self.of_words, self.of_service):
            await asyncio.to_thread(each.shutdown)

    async def _keep_cases(self) -> None:
        """Every two seconds: keep what was solved since, for whoever gets a ticket like it."""
        catch_up = partial(
            cases.catch_up, self.database, now=self.clock, go_on=lambda: not self._closing.wait(CASES_PAUSE)
        )
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(self.of_cases, catch_up)
            except Exception:
                logger.exception("solved cases could not be kept; trying again")
            await asyncio.sleep(CASES_SECONDS)

    async def follow_service(self) -> None:
        """Let the figures of service know everything that is committed: whoever reads a report waits for that."""
        from helpdesk.tallies import keeping

        self._service_asked = time.monotonic()

        def follow() -> None:
            keeping.follow(self.database, timezone=self.settings.timezone, go_on=lambda: not self._closing.is_set())
            keeping.look_back(self.database, timezone=self.settings.timezone, most=PAST_HANDFULS)

        await asyncio.get_running_loop().run_in_executor(self.of_service, follow)

    async def _keep_service(self) -> None:
        """Every two seconds: fold what the log tells, and beside the work what was there before; count what is over.

        One process at a time counts. Folding may be done by any, and is done once. While something happens what was
        there before waits, a minute at most: calls and mails go first, but where somebody has just asked for a report.
        """
        from helpdesk.tallies import keeping

        timezone, looked_back = self.settings.timezone, time.monotonic()

        def may_go_on() -> bool:
            return not self._closing.wait(CASES_PAUSE)

        def keep() -> bool:
            nonlocal looked_back
            with self.database.alone("service") as is_free:
                if not is_free:
                    return False
                news = keeping.follow(self.database, timezone=timezone, go_on=lambda: not self._closing.is_set())
                at = time.monotonic()
                is_wanted = at - self._service_asked < PAST_WAITS_SECONDS
                if news and not is_wanted and at - looked_back < PAST_WAITS_SECONDS:
                    return False
                looked_back = time.monotonic()
                is_more = keeping.look_back(self.database, timezone=timezone, most=PAST_HANDFULS, go_on=may_go_on)
                return keeping.count(
                    self.database, timezone=timezone, now=self.clock(), most=DAYS_AT_ONCE, go_on=may_go_on
                ) or is_more  # fmt: skip

        while True:
            is_more = False
            try:
                is_more = await asyncio.get_running_loop().run_in_executor(self.of_service, keep)
            except Exception:
                logger.exception("figures of service could not be kept; trying again")
            await asyncio.sleep(SEARCH_SECONDS if is_more else SERVICE_SECONDS)

    def keep_products(self) -> bool:
        """Read which products inquiries name; whether there is more to read of the past. When it is time, look whether
        one of them is named, or sent back, more often than before."""
        from helpdesk.products import following, rising

        with self.database.alone("products") as is_free:
            if not is_free:
                return False
            news = following.follow(self.database, go_on=lambda: not self._closing.is_set())
            if news and time.monotonic() - self._products_past < PAST_WAITS_SECONDS:
                return False
            self._products_past = time.monotonic()
            is_more = following.look_back(
                self.database, now=self.clock(), most=PAST_HANDFULS, go_on=lambda: not self._closing.wait(CASES_PAUSE)
            )
            if not is_more and (self._rising_at is None or self.clock() - self._rising_at >= RISING_EVERY):
                self._rising_at = self.clock()
                if self.database.read_now(rising.find, now=self.clock()):
                    self.database.write_now(rising.watch, now=self.clock())
            return is_more

    async def _keep_products(self) -> None:
        """Every five seconds."""
        while True:
            is_more = False
            try:
                is_more = await asyncio.get_running_loop().run_in_executor(self.of_service, self.keep_products)
            except Exception:
                logger.exception("what inquiries say of products could not be read; trying again")
            await asyncio.sleep(SEARCH_SECONDS if is_more else PRODUCTS_SECONDS)

    async def _keep_found(self) -> None:
        """Whenever there is news: keep what was said where it is found; and, beside the work, what was there before."""
        from helpdesk.search import keeping

        def keep() -> bool:
            with self.database.alone("search") as is_free:
                if not is_free:
                    return False
                news = keeping.follow(self.database, go_on=lambda: not self._closing.is_set())
                if news >= keeping.BUSY:
                    return True
                return keeping.look_back(
                    self.database, go_on=lambda: not self._closing.wait(CASES_PAUSE), most=PAST_HANDFULS
                )

        async for _ in self.bus.news():
            is_more = True
            while is_more:
                try:
                    is_more = await asyncio.get_running_loop().run_in_executor(self.of_words, keep)
                except Exception:
                    logger.exception("what is new could not be made findable; trying again")
                    is_more = False
                await asyncio.sleep(SEARCH_SECONDS)
