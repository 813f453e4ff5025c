"""A desk that is open: its settings, database, classifier, due work, and the reading of whatever arrives.

Everything that must live as long as the process is held here, and the doors (HTTP, SMTP, the command line) are handed
this one thing. The mail loop wakes when mail was kept and drains it in order; callbacks are read at once by the door
that took them, and by the same loop when a crash left them waiting.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from helpdesk import appearance, deliveries, impressions, pushes, readings, training
from helpdesk.asterisk.wires import Wires
from helpdesk.desk.arrivals import Arrivals
from helpdesk.desk.doors import Doors
from helpdesk.desk.jobs import Jobs
from helpdesk.desk.keepers import Keepers
from helpdesk.desk.rounds import Rounds
from helpdesk.facts import Fact
from helpdesk.mail import fetch, listen
from helpdesk.reporting.values import Voice
from helpdesk.rules import asking, book
from helpdesk.runtime.bus import Bus
from helpdesk.runtime.work import Worker
from helpdesk.settings import Settings
from models.database import Database

if TYPE_CHECKING:
    from classifiers import Router
    from classifiers.registry import Registry

SWEEP_SECONDS = 5.0

logger = logging.getLogger(__name__)


def now() -> datetime:
    """The clock, read at the edges only."""
    return datetime.now(UTC)


def _speechless(language: str) -> Voice:
    """For a desk without a face: codes as they are."""
    return Voice(lambda _group, code, _facts: code, language, "UTC")


class Desk:
    """Open it with `async with`. `clock` is replaced by tests that need another day."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = now,
        works: bool = True,
        speak: Callable[[str], Voice] | None = None,
    ) -> None:
        self.settings = settings
        self.speak = speak or _speechless
        """Says a report's words in a language; the face has them, and lends its voice."""
        self.clock = clock
        self.configured_name = settings.name
        """What the desk is called where no supervisor chose another name; `settings.name` is what it is called."""
        self.look = appearance.Look(settings.name)
        self.database = Database(settings.database)
        self.bus = Bus(self.database)
        self.worker = Worker(self.database)
        self.database.info["rules"] = book.Shelf()
        self.readings = self.database.info["readings"] = readings.Shelf(self.database)
        self.database.before_commit.append(lambda db: asking.settle(db, settings=self.settings, now=self.clock()))
        self.database.after_commit.append(book.after_commit)
        self.corpus: Path | None = None
        """The shipped texts that trainings mix in; None: those that ship with the desk."""
        self.niceness: int | None = None
        """How far the process that learns stands back; None: as it thinks right."""
        self.mail_port = 0
        self._works = works
        self._registry: Registry | None = None
        self._heard_of: tuple[int, int] | None = None
        self._listener: listen.Listener | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._told: asyncio.Queue[list[Fact]] = asyncio.Queue()
        self._something_waits = asyncio.Event()
        self._ready = asyncio.Event()
        self._closing = threading.Event()
        self.arrivals = Arrivals(self.database, settings, clock=clock)
        self.doors = Doors(
            self.database, settings, clock=clock, read=self.arrivals.read_one, settle=self._something_waits.set
        )
        self.collector = fetch.Collector(self.database, settings, clock=clock, arrived=self._something_waits.set)
        self.wires = Wires(self.database, settings, clock=clock, keep=self.doors.keep_heard)
        self.postman = deliveries.Postman(self.database, settings, settings.attachments, clock=clock)
        self.rounds = Rounds(self.database, settings, self.readings, clock=clock, look_again=self.look_again)
        self.keepers = Keepers(self.database, settings, self.bus, clock=clock, closing=self._closing)
        self.jobs = Jobs(
            self.database, settings, self.postman, clock=clock, speak=self.speak, closing=self._closing,
            means_to_train=self.means_to_train,
        )  # fmt: skip

    @property
    def router(self) -> "Router | None":
        """The classifier that speaks; None until it is loaded, or where none could be."""
        return self.arrivals.router

    @property
    def guesses(self) -> frozenset[str]:
        """What can be guessed besides the queue, once it is loaded."""
        return self.arrivals.guesses

    @property
    def registry(self) -> "Registry":
        """The versions of the classifier. Its modules are heavy, so they are loaded when first asked for."""
        if self._registry is None:
            from classifiers.registry import Registry

            self._registry = Registry(self.settings.data / "classifiers")
        return self._registry

    async def __aenter__(self) -> "Desk":
        """Open the doors. The classifier loads and the work engine starts beside, so that pages come at once."""
        self.rounds.since = self.clock()
        self._wear(self.database.read_now(appearance.current, name=self.configured_name))
        self.worker.connect()
        self._loop = asyncio.get_running_loop()
        self.database.before_commit.append(self._note_push)
        self.database.after_commit.append(self._may_push)
        await self.bus.start()
        if self.settings.mail_port:
            self._listener = listen.listener(self.settings, keep=self.doors.keep_mail, ours=self.doors.addresses)
            port = 0 if self.settings.mail_port < 0 else self.settings.mail_port
            self.mail_port = await self._listener.start(self.settings.mail_host, port)
        loops: dict[str, Callable[[], Coroutine[Any, Any, None]]]
        loops = {"inbox": self._read_forever, "router": self._follow_router, "pushes": self._push}
        loops |= self.rounds.loops(works=self._works)
        if self._works:
            loops |= {name: partial(self._once_ready, keep) for name, keep in self.keepers.loops().items()}
        self._tasks = [asyncio.create_task(loop(), name=name) for name, loop in loops.items()]
        if self._works:
            await self.collector.start()
            await self.wires.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        if self._listener:
            await self._listener.stop()
        await self.collector.stop()
        await self.wires.stop()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.bus.stop()
        self.database.before_commit.remove(self._note_push)
        self.database.after_commit.remove(self._may_push)
        self.arrivals.close()
        await asyncio.to_thread(self.readings.close)
        await self.keepers.close()
        await asyncio.to_thread(self.worker.stop)
        self.database.close()

    def _load_router(self) -> "Router":
        """The classifier in force. Its modules are heavy, so they too are loaded here, beside the first page."""
        self._heard_of = self.registry.mark()
        return self.registry.current()

    async def _follow_router(self) -> None:
        """Whenever there is news: look whether another version speaks, and load it while the old one serves.

        `RouterChanged` is the news; what is looked at is the registry's pointer, which costs nothing, is right even
        where a word was lost, and spares a look into the log at every ring.
        """
        await self._ready.wait()
        async for _ in self.bus.news():
            try:
                if self.registry.mark() != self._heard_of:
                    self.arrivals.router = await asyncio.to_thread(self._load_router)
                    logger.info("classifier %s speaks", self.arrivals.router.version)
            except Exception:
                logger.exception("another classifier could not be loaded; the present one goes on")

    async def _read_forever(self) -> None:
        try:
            self.arrivals.router = await self.arrivals.in_reader(self._load_router)
        except Exception:
            logger.exception("no classifier could be loaded: what no rule decides waits in triage")
        try:
            self.arrivals.guesses = await self.arrivals.in_reader(impressions.ready)
        except Exception:
            logger.exception("nothing besides the queue will be guessed")
        if self._works:
            # In this thread's order after the classifier, so that the first page waits for neither.
            await asyncio.to_thread(self.worker.start, self.jobs.by_name(), failed=self.jobs.gave_up)
        self._ready.set()
        while True:
            self._something_waits.clear()
            try:
                await self.arrivals.read_everything()
            except Exception:
                logger.exception("the inbox could not be read; trying again")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_SECONDS):  # wait_for may swallow a cancellation, see the bus
                    await self._something_waits.wait()

    async def _once_ready(self, keep: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await self._ready.wait()
        await keep()

    async def read_everything(self) -> None:
        """Read whatever is waiting now and return when nothing is. The loop does the same for ever."""
        await self._ready.wait()
        await self.arrivals.read_everything()

    def settle(self) -> None:
        """Wake the reading loop, after a replay for instance."""
        self._something_waits.set()

    def doors_changed(self) -> None:
        """A key, a name, a word or an address of an exchange is another now: nobody waits for the next look."""
        self.doors.forget()
        self.wires.wake()

    async def look_again(self) -> None:
        """Somebody may have chosen another name, picture or colour."""
        self._wear(await self.database.read(appearance.current, name=self.configured_name))

    def _wear(self, look: appearance.Look) -> None:
        self.look, self.settings.name = look, look.name

    def _note_push(self, db: Session) -> None:
        """In the writing thread, before the commit: what may be pushed when it has happened."""
        if told := pushes.wanted(db.info.get("facts", ())):
            db.info["to_push"] = told

    def _may_push(self, db: Session) -> None:
        """In the writing thread, after the commit: nothing here may keep a caller waiting."""
        if (told := db.info.pop("to_push", None)) and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told.put_nowait, told)

    async def _push(self) -> None:
        """Whatever is worth a push becomes work, in a transaction of its own."""
        while True:
            told = await self._told.get()
            try:
                await self.push(told)
            except Exception:
                logger.exception("a push could not be asked for")

    async def push(self, told: Sequence[Fact]) -> None:
        """Make pushes of these facts due, where somebody wants them so."""
        due = await self.database.read(pushes.to_push, told, settings=self.settings, now=self.clock())
        if due:
            await self.database.write(pushes.enqueue, due, now=self.clock())

    @property
    def is_ready(self) -> bool:
        """Whether the classifier is loaded and due work runs."""
        return self._ready.is_set()

    async def ready(self) -> None:
        """Return when the classifier is loaded and due work runs."""
        await self._ready.wait()

    def means_to_train(self) -> training.Means:
        """What a training in this process needs."""
        return training.Means(
            self.database, self.registry, self.clock, holder=f"training:{self.worker.executor}", corpus=self.corpus,
            niceness=self.niceness, stops=self._closing.is_set,
        )  # fmt: skip
