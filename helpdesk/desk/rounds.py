"""What time alone brings about: hourly, nightly, every second or two; each loop survives what breaks in it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from helpdesk import (
    alarms,
    assigning,
    bulk,
    digests,
    drafts,
    exchange_log,
    hours,
    inbox,
    learning,
    mailboxes,
    policies,
    readings,
    recalls,
    saved_views,
    schedules,
    unheard,
)
from helpdesk.calls import wrapping
from helpdesk.mail import backstops
from helpdesk.rules import waiting
from helpdesk.runtime import memory
from helpdesk.settings import Settings
from helpdesk.sla import raising
from models.database import Database

TIDY_SECONDS = 2.0
GIVE_BACK_EVERY = 30
"""Times of tidying between two at which free memory goes back to the system: once a minute."""
NIGHT_SECONDS = 60.0
CALLS_SECONDS = 1.0
WATCH_SECONDS = 2.0
DIGEST_SECONDS = 60.0

logger = logging.getLogger(__name__)


class Rounds:
    """Each can be gone by hand. `look_again` is called where another process may have changed how the desk looks."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        shelf: readings.Shelf,
        *,
        clock: Callable[[], datetime],
        look_again: Callable[[], Awaitable[None]],
    ) -> None:
        self.database = database
        self.settings = settings
        self.readings = shelf
        self.clock = clock
        self.since = clock()
        """When the desk opened: what was due before is another matter."""
        self._look_again = look_again

    def loops(self, *, works: bool) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """What runs for as long as the desk is open, by name; without `works` only what keeps its house in order."""
        house = {"housekeeping": self._keep_house, "tidying": self._tidy}
        if not works:
            return house
        nights = {"nights": self._learn_at_night} if self.settings.train_at else {}
        return house | nights | {"alarms": self._watch, "digests": self._mail_agents, "calls": self._keep_calls}

    async def _keep_house(self) -> None:
        """Every hour: let go of bytes whose keeping time is over, and of what is known of mails nobody lists again."""
        while True:
            try:
                before = self.clock() - timedelta(days=self.settings.raw_keep_days)
                for forget in (inbox.forget, mailboxes.forget):
                    while await self.database.write(forget, before=before):
                        pass
                await self.database.write(backstops.forget, now=self.clock())
                await self.database.write(saved_views.forget_deleted, now=self.clock())
                while await self.database.write(bulk.forget, now=self.clock()):
                    pass
                before = self.clock() - timedelta(days=self.settings.draft_keep_days)
                await self.database.write(drafts.forget, before=before, now=self.clock())
                before = self.clock() - timedelta(days=self.settings.exchange_log_days)
                while await self.database.write(exchange_log.forget, before=before):
                    pass
            except Exception:
                logger.exception("housekeeping failed; trying again in an hour")
            await asyncio.sleep(3600)

    async def keep_calls(self) -> None:
        """Do what time alone brings about in calls, if anything is due."""
        told: dict[str, Any] = {"settings": self.settings, "since": self.since, "now": self.clock()}
        if await self.database.read(wrapping.is_anything_due, **told):
            await self.database.write(wrapping.do_due, **told)

    async def _keep_calls(self) -> None:
        """Every second: calls nobody answers, callers who wait too long, wrap-ups that are over."""
        await asyncio.to_thread(self._load_holidays)
        while True:
            await asyncio.sleep(CALLS_SECONDS)
            try:
                await self.keep_calls()
            except Exception:
                logger.exception("what is due in calls could not be done; trying again")

    def _load_holidays(self) -> None:
        try:
            self.database.read_now(hours.prepare, now=self.clock())
        except Exception:
            logger.exception("holidays could not be loaded yet; they are when a call asks for them")

    async def _learn_at_night(self) -> None:
        """Once a night, from the time that was set on: whoever opens later catches up, and nobody does so twice."""
        asked: date | None = None
        while True:
            await asyncio.sleep(NIGHT_SECONDS)
            try:
                night = learning.night_of(self.clock(), self.settings)
                if night != asked:
                    await self.database.write(learning.ask_tonight, night)
                    asked = night
            except Exception:
                logger.exception("the nightly training could not be asked for; trying again")

    async def _tidy(self) -> None:
        """Every two seconds: what a commit would otherwise have to do, with a caller waiting for it; and what another
        process has changed of what this one keeps at hand."""
        for turn in count(1):
            await asyncio.sleep(TIDY_SECONDS)
            try:
                if turn % GIVE_BACK_EVERY == 0:
                    self.readings.let_go(self.clock())
                    await asyncio.to_thread(memory.give_back)
                await self.database.tidy()
                if not self.database.is_sqlite:  # one process owns the file, and knows what it changed
                    await self.database.read(policies.refresh)
                    await self._look_again()
            except Exception:
                logger.exception("the database could not be tidied; trying again")

    async def look_out(self) -> None:
        """Do once what time alone brings about: calls whose end was lost, figures that crossed a threshold, promises
        that are at risk or broken, overdue work of who is not there; find what waits for nothing; run rules that have
        waited."""
        looks: tuple[tuple[Callable[..., bool], Callable[..., object]], ...] = (
            (unheard.is_any, unheard.end),
            (alarms.news, alarms.watch),
            (recalls.is_any_overdue, recalls.raise_overdue),
            (raising.is_anything_due, raising.raise_due),
            (assigning.is_any_left, assigning.take_back),
            (assigning.is_any_waiting, assigning.deal),
        )
        for is_news, say in looks:
            if await self.database.read(is_news, now=self.clock()):
                await self.database.write(say, now=self.clock())
        while await self.database.read(waiting.is_anything_due, now=self.clock()):
            if not await self.database.write(waiting.do_due, settings=self.settings, now=self.clock()):
                break  # another process has them in hand

    async def _watch(self) -> None:
        """Every two seconds."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await self.look_out()
            except Exception:
                logger.exception("alarms could not be looked for; trying again")

    async def mail_agents(self) -> None:
        """Mail those who have not read what they were told, and the reports that are due, as far as it is time."""
        told: dict[str, Any] = {"settings": self.settings, "now": self.clock()}
        if found := await self.database.read(digests.due, **told):
            await self.database.write(digests.enqueue, found)
        if await self.database.read(schedules.is_any_due, now=self.clock()):
            await self.database.write(schedules.enqueue_due, now=self.clock())

    async def _mail_agents(self) -> None:
        """Every minute."""
        while True:
            await asyncio.sleep(DIGEST_SECONDS)
            try:
                await self.mail_agents()
            except Exception:
                logger.exception("agents could not be mailed; trying again")
