"""A desk that is open: its settings, database, classifier, due work, and the reading of whatever arrives.

Everything that must live as long as the process is held here, and the doors (HTTP, SMTP, the command line) are handed
this one thing. The mail loop wakes when mail was kept and drains it in order; callbacks are read at once by the door
that took them, and by the same loop when a crash left them waiting.
"""

import asyncio
import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sqlmodel import Session, col, select

from helpdesk import (
    alarms,
    appearance,
    assigning,
    bulk,
    callbacks,
    calls,
    cases,
    deliveries,
    digests,
    drafts,
    exchange_log,
    exchanges,
    hours,
    impressions,
    inbox,
    learning,
    mailboxes,
    notifications,
    policies,
    posts,
    preferences,
    pushes,
    readings,
    recalls,
    saved_views,
    schedules,
    sla,
    sms,
    survey_lists,
    survey_words,
    surveys,
    tickets,
    training,
    unheard,
)
from helpdesk.asterisk.wires import Heard, Wires
from helpdesk.errors import Rejected, Unreachable
from helpdesk.events import Fact
from helpdesk.mail import backstops, fetch, listen, receive
from helpdesk.reporting.values import Voice
from helpdesk.rules import asking, book, waiting
from helpdesk.runtime import memory
from helpdesk.runtime.bus import Bus
from helpdesk.runtime.work import NotYet, Worker
from helpdesk.settings import Settings
from models import (
    Agent,
    Call,
    CallOffer,
    CallState,
    ContactPoint,
    Inbound,
    InboundKind,
    InboundState,
    PointKind,
    Queue,
)
from models.database import Database, Unfinished

if TYPE_CHECKING:
    from classifiers import Router
    from classifiers.registry import Registry

HANDFUL = 32
"""Mails read and written together. A ring that comes meanwhile waits for them: 39 ms of the processor at the least."""
HANDFUL_BYTES = 64_000_000
"""And no more than this, since two handfuls are in memory at a time. A mail that is larger is alone in its own."""
BATCH = 2 * HANDFUL
GATHER_SECONDS = 0.1
"""While mails keep coming, so long is waited for a handful: a mail alone costs more than twice what it does in one."""
SWEEP_SECONDS = 5.0
DOORS_SECONDS = 2.0
TIDY_SECONDS = 2.0
GIVE_BACK_EVERY = 30
"""Times of tidying between two at which free memory goes back to the system: once a minute."""
NIGHT_SECONDS = 60.0
CALLS_SECONDS = 1.0
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
WATCH_SECONDS = 2.0
DIGEST_SECONDS = 60.0
CASES_PAUSE = 0.02
"""Between two handfuls of cases while there is a past to catch up with: calls and pages go first."""

logger = logging.getLogger(__name__)


class _Rehearsed(Exception):
    """Nothing of it was meant."""


class _Drawn(Exception):
    """The same, and this was seen of it."""

    def __init__(self, seen: Any) -> None:
        super().__init__()
        self.seen = seen


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
        self.opened_at = clock()
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
        self.router: Router | None = None
        self.guesses: frozenset[str] = frozenset()  # what can be guessed besides the queue, once it is loaded
        self.corpus: Path | None = None
        """The shipped texts that trainings mix in; None: those that ship with the desk."""
        self.niceness: int | None = None
        """How far the process that learns stands back; None: as it thinks right."""
        self._registry: Registry | None = None
        self._heard_of: tuple[int, int] | None = None
        self._closing = threading.Event()
        self._rising_at: datetime | None = None
        self._products_past = -PAST_WAITS_SECONDS
        self._doors: tuple[float, dict[str, exchanges.Door]] = (-DOORS_SECONDS, {})
        self.mail_port = 0
        self._works = works
        self._listener: listen.Listener | None = None
        self._addresses: tuple[float, set[str]] = (0.0, set())
        self._mail_waits = asyncio.Event()
        self.collector = fetch.Collector(self.database, settings, clock=clock, arrived=self._mail_waits.set)
        self.wires = Wires(self.database, settings, clock=clock, keep=self.keep_heard)
        self.postman = deliveries.Postman(self.database, settings, self.attachments, clock=clock)
        self._reading = asyncio.Lock()
        self._silent_services: set[str] = set()  # push services that did not answer when last asked
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="mail")
        self._tasks: list[asyncio.Task[None]] = []
        self._in_hand: dict[int, asyncio.Task[None]] = {}
        self._ready = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: asyncio.Queue[list[Fact]] = asyncio.Queue()
        self._case_keeper = ThreadPoolExecutor(1, thread_name_prefix="cases")
        self._word_keeper = ThreadPoolExecutor(1, thread_name_prefix="search")
        self._service_asked = -PAST_WAITS_SECONDS  # when somebody last wanted its figures
        self._service_keeper = ThreadPoolExecutor(1, thread_name_prefix="service")

    @property
    def attachments(self) -> Path:
        """The folder of attachments."""
        return self.settings.data / "attachments"

    @property
    def registry(self) -> "Registry":
        """The versions of the classifier. Its modules are heavy, so they are loaded when first asked for."""
        if self._registry is None:
            from classifiers.registry import Registry

            self._registry = Registry(self.settings.data / "classifiers")
        return self._registry

    async def __aenter__(self) -> "Desk":
        """Open the doors. The classifier loads and the work engine starts beside, so that pages come at once."""
        self.opened_at = self.clock()
        self._wear(self.database.read_now(appearance.current, name=self.configured_name))
        self.worker.connect()
        self._loop = asyncio.get_running_loop()
        self.database.before_commit.append(self._note_push)
        self.database.after_commit.append(self._may_push)
        await self.bus.start()
        if self.settings.mail_port:
            self._listener = listen.listener(self.settings, keep=self.keep_mail, ours=self.addresses)
            port = 0 if self.settings.mail_port < 0 else self.settings.mail_port
            self.mail_port = await self._listener.start(self.settings.mail_host, port)
        self._tasks = [
            asyncio.create_task(self._read_forever(), name="inbox"),
            asyncio.create_task(self._keep_house(), name="housekeeping"),
            asyncio.create_task(self._tidy(), name="tidying"),
            asyncio.create_task(self._follow_router(), name="router"),
            asyncio.create_task(self._learn_at_night(), name="nights"),
            *([asyncio.create_task(self._keep_cases(), name="cases")] if self._works else ()),
            *([asyncio.create_task(self._keep_found(), name="search")] if self._works else ()),
            *([asyncio.create_task(self._keep_service(), name="service")] if self._works else ()),
            *([asyncio.create_task(self._keep_products(), name="products")] if self._works else ()),
            *([asyncio.create_task(self._watch(), name="alarms")] if self._works else ()),
            *([asyncio.create_task(self._mail_agents(), name="digests")] if self._works else ()),
            asyncio.create_task(self._push(), name="pushes"),
            *([asyncio.create_task(self._keep_calls(), name="calls")] if self._works else ()),
        ]
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
        self._reader.shutdown()
        await asyncio.to_thread(self.readings.close)
        await asyncio.to_thread(self._case_keeper.shutdown)
        await asyncio.to_thread(self._word_keeper.shutdown)
        await asyncio.to_thread(self._service_keeper.shutdown)
        await asyncio.to_thread(self.worker.stop)
        self.database.close()

    async def keep_mail(self, raw: bytes, envelope: dict[str, Any], *, source: str = "smtp", key: str = "") -> None:
        """Commit the bytes of a mail; it is read soon after. Mails that come side by side share the commit."""
        await self.database.write_together(inbox.keep_mails, inbox.Arrived(source, raw, envelope, self.clock(), key))
        self._mail_waits.set()

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
            self.settle()
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
                await self.read_one(inbound.id, kind=InboundKind.PUSH)
            self.settle()

    async def door(self, token: str) -> exchanges.Door | None:
        """The exchange that has this key; looked up at most once in two seconds, or anew after `doors_changed`."""
        at, known = self._doors
        if time.monotonic() - at > DOORS_SECONDS:
            known = await self.database.read(exchanges.doors, settings=self.settings)
            self._doors = (time.monotonic(), known)
        return exchanges.found(known, token, settings=self.settings)

    def doors_changed(self) -> None:
        """A key, a name, a word or an address of an exchange is another now: nobody waits for the next look."""
        self._doors = (-DOORS_SECONDS, {})
        self.wires.wake()

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
            self.settle()
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
        if time.monotonic() - at > 2:
            rows = await self.database.read(lambda db: [*db.exec(select(Queue.address)), *mailboxes.addresses(db)])
            known = {address.lower() for address in rows if address} | set(self.settings.mail_addresses)
            known.add(self.settings.mail_from.lower())
            self._addresses = (time.monotonic(), known)
        return known

    async def read_everything(self) -> None:
        """Read whatever is waiting now and return when nothing is. The loop does the same for ever."""
        await self._ready.wait()
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
            understood = await self._in_reader(partial(self._understand, handful))
            await writing
            writing = asyncio.ensure_future(self._take_together(handful, understood))
        await writing

    def _understand(self, ids: list[int]) -> list[receive.Understood] | None:
        """Some mails, in the reader's thread; None when one of them cannot be read like this."""
        try:
            raws, shown = self.database.read_now(lambda db: (inbox.mails_of(db, ids), preferences.all_shown(db)))
            return receive.understand_all(raws, router=self.router, folder=self.attachments, asked=self.guesses & shown)
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

    async def read_one(self, inbound_id: int, *, kind: InboundKind | None = None) -> None:
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
                mail = await self._in_reader(
                    partial(receive.understand, raw, router=self.router, folder=self.attachments,
                            asked=self.guesses & shown)
                )  # fmt: skip
                await self.database.write(receive.take, inbound_id, mail, settings=self.settings, now=self.clock())
            else:
                await self.database.write(callbacks.take, inbound_id, settings=self.settings, now=self.clock())
        except Exception as error:
            logger.exception("reading inbound %s failed", inbound_id)
            await self.database.write(inbox.failed, inbound_id, error, now=self.clock())

    def settle(self) -> None:
        """Wake the reading loop, after a replay for instance."""
        self._mail_waits.set()

    async def _in_reader(self, job: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._reader, job)

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
                    self.router = await asyncio.to_thread(self._load_router)
                    logger.info("classifier %s speaks", self.router.version)
            except Exception:
                logger.exception("another classifier could not be loaded; the present one goes on")

    async def _read_forever(self) -> None:
        try:
            self.router = await self._in_reader(self._load_router)
        except Exception:
            logger.exception("no classifier could be loaded: what no rule decides waits in triage")
        try:
            self.guesses = await self._in_reader(impressions.ready)
        except Exception:
            logger.exception("nothing besides the queue will be guessed")
        if self._works:
            # In this thread's order after the classifier, so that the first page waits for neither.
            await asyncio.to_thread(self.worker.start, self.jobs(), failed=self._gave_up)
        self._ready.set()
        while True:
            self._mail_waits.clear()
            try:
                await self.read_everything()
            except Exception:
                logger.exception("the inbox could not be read; trying again")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_SECONDS):  # wait_for may swallow a cancellation, see the bus
                    await self._mail_waits.wait()

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

    def _load_holidays(self) -> None:
        try:
            self.database.read_now(hours.prepare, now=self.clock())
        except Exception:
            logger.exception("holidays could not be loaded yet; they are when a call asks for them")

    async def keep_calls(self) -> None:
        """Do what time alone brings about in calls, if anything is due."""
        told: dict[str, Any] = {"settings": self.settings, "since": self.opened_at, "now": self.clock()}
        if await self.database.read(calls.is_anything_due, **told):
            await self.database.write(calls.do_due, **told)

    async def _keep_calls(self) -> None:
        """Every second: calls nobody answers, callers who wait too long, wrap-ups that are over."""
        await asyncio.to_thread(self._load_holidays)
        while True:
            await asyncio.sleep(CALLS_SECONDS)
            try:
                await self.keep_calls()
            except Exception:
                logger.exception("what is due in calls could not be done; trying again")

    async def _learn_at_night(self) -> None:
        """Once a night, from the time that was set on: whoever opens later catches up, and nobody does so twice."""
        asked: date | None = None
        while self._works and self.settings.train_at:
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
                    await self.look_again()
            except Exception:
                logger.exception("the database could not be tidied; trying again")

    async def look_again(self) -> None:
        """Somebody may have chosen another name, picture or colour."""
        self._wear(await self.database.read(appearance.current, name=self.configured_name))

    def _wear(self, look: appearance.Look) -> None:
        self.look, self.settings.name = look, look.name

    async def look_out(self) -> None:
        """Do once what time alone brings about: calls whose end was lost, figures that crossed a threshold, promises
        that are at risk or broken, overdue work of who is not there; find what waits for nothing; run rules that have
        waited."""
        looks: tuple[tuple[Callable[..., bool], Callable[..., object]], ...] = (
            (unheard.is_any, unheard.end),
            (alarms.news, alarms.watch),
            (recalls.is_any_overdue, recalls.raise_overdue),
            (sla.is_anything_due, sla.raise_due),
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

    async def _keep_cases(self) -> None:
        """Every two seconds: keep what was solved since, for whoever gets a ticket like it."""
        catch_up = partial(
            cases.catch_up, self.database, now=self.clock, go_on=lambda: not self._closing.wait(CASES_PAUSE)
        )
        await self._ready.wait()
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(self._case_keeper, catch_up)
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

        await asyncio.get_running_loop().run_in_executor(self._service_keeper, follow)

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

        await self._ready.wait()
        while True:
            is_more = False
            try:
                is_more = await asyncio.get_running_loop().run_in_executor(self._service_keeper, keep)
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
        await self._ready.wait()
        while True:
            is_more = False
            try:
                is_more = await asyncio.get_running_loop().run_in_executor(self._service_keeper, self.keep_products)
            except Exception:
                logger.exception("what inquiries say of products could not be read; trying again")
            await asyncio.sleep(SEARCH_SECONDS if is_more else PRODUCTS_SECONDS)

    async def _keep_found(self) -> None:
        """Whenever there is news: keep what was said where it is found; and, beside the work, what was there before.

        One process at a time. The others would do the same work only to drop it.
        """
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

        await self._ready.wait()
        async for _ in self.bus.news():
            is_more = True
            while is_more:
                try:
                    is_more = await asyncio.get_running_loop().run_in_executor(self._word_keeper, keep)
                except Exception:
                    logger.exception("what is new could not be made findable; trying again")
                    is_more = False
                await asyncio.sleep(SEARCH_SECONDS)

    @property
    def is_ready(self) -> bool:
        """Whether the classifier is loaded and due work runs."""
        return self._ready.is_set()

    async def ready(self) -> None:
        """Return when the classifier is loaded and due work runs."""
        await self._ready.wait()

    def jobs(self) -> dict[str, Callable[..., None]]:
        """Due work by name; see helpdesk/reactions.py for what causes it."""
        return {
            "send_mail": self._send_mail,
            "ask_customer": self._ask_customer,
            "send_sms": self._send_sms,
            "ask_listed": self._ask_listed,
            "mail_survey": self._mail_survey,
            "wake_ticket": self._wake_ticket,
            "connect_call": self._connect_call,
            "take_call": self._take_call,
            "ring_agent": self._ring_agent,
            "tell_caller": self._tell_caller,
            "post_to_system": self._post_to_system,
            "bulk": self._bulk,
            "send_push": self._send_push,
            "send_digest": self._send_digest,
            "send_report": self._send_report,
            "send_report_now": self._send_report_now,
            "train_router": self._train_router,
            "train_nightly": self._train_nightly,
            "recount_promises": self._recount_promises,
        }

    def _send_mail(self, message_id: int) -> None:
        """Hand one mail over, if it is due; see helpdesk/deliveries.py."""
        self.postman.deliver(message_id)

    def _post_to_system(self, post_id: int) -> None:
        """Tell another system what a rule says; see helpdesk/posts.py."""
        posts.deliver(self.database, post_id, settings=self.settings, clock=self.clock)

    def _ask_customer(self, ask_id: int) -> None:
        """Send a survey's question; see helpdesk/surveys.py."""
        self.database.write_now(surveys.ask, ask_id, settings=self.settings, now=self.clock())

    def _ask_listed(self, ask_id: int) -> None:
        """Ask somebody of a list; see helpdesk/survey_lists.py."""
        self.database.write_now(survey_lists.ask, ask_id, settings=self.settings, now=self.clock())

    def _mail_survey(self, ask_id: int) -> None:
        """Mail a survey to somebody of a list; see helpdesk/survey_lists.py."""
        claimed = self.database.write_now(survey_lists.mail, ask_id, settings=self.settings, now=self.clock())
        if claimed is None:
            return
        try:
            self.postman.post(claimed[0], sender=self.settings.mail_from, recipient=claimed[1])
        except Unreachable:
            self.database.write_now(survey_lists.went_back, ask_id)
            raise
        except Rejected:
            self.database.write_now(survey_lists.went_back, ask_id, reason="unreachable")

    def _send_sms(self, ask_id: int) -> None:
        """Send a survey's short message; see helpdesk/sms.py."""
        words = partial(survey_words.sms_words, settings=self.settings)
        sms.deliver(self.database, ask_id, words, settings=self.settings, now=self.clock())

    def _bulk(self, bulk_id: int) -> None:
        """Change many tickets, a batch at a time; see helpdesk/bulk.py."""
        while self.database.write_now(bulk.go_on, bulk_id, now=self.clock()):
            if self._closing.is_set():
                raise NotYet(1.0)

    def _wake_ticket(self, ticket_id: int, until_at: float) -> None:
        """Open a ticket whose rest is over. The engine's clock may be a little ahead of the desk's."""
        at, now = datetime.fromtimestamp(until_at, UTC), self.clock()
        if now < at:
            raise NotYet((at - now).total_seconds())
        self.database.write_now(tickets.wake, ticket_id, at, now=now)

    def _connect_call(self, call_id: int, target: str) -> None:
        """Put a waiting caller through. Not again once an agent has answered: that would tear the two apart."""
        call = self.database.read_now(lambda db: db.get(Call, call_id))
        if call is None or call.state == CallState.ENDED or self.database.read_now(calls.is_answered, call_id):
            return
        callbacks.connect(self.settings, call.call_key, target)

    def _take_call(self, call_id: int, target: str) -> None:
        """Put a caller through to who took the call over, away from whoever had it."""
        call = self.database.read_now(lambda db: db.get(Call, call_id))
        if call is not None and call.state != CallState.ENDED:
            callbacks.connect(self.settings, call.call_key, target)

    def _ring_agent(self, offer_id: int) -> None:
        """Ring the agent a waiting call is offered to, while the offer stands."""

        def look(db: Session) -> tuple[str, str, int] | None:
            offer = db.get(CallOffer, offer_id)
            call = db.get(Call, offer.call_id) if offer and offer.ended_at is None else None
            if offer is None or call is None or call.state != CallState.RINGING:
                return None
            agent, queue = db.get(Agent, offer.agent_id), db.get(Queue, call.queue_id)
            phone = agent.phone if agent and self.settings.can_command(call.source) else ""
            return (call.call_key, phone, queue.ring_seconds if queue else 0) if phone else None

        if found := self.database.read_now(look):
            callbacks.connect(self.settings, found[0], found[1], timeout_seconds=found[2])

    def _tell_caller(self, call_id: int) -> None:
        """Say to a waiting caller what the desk decided: that nobody can come, and what happens instead."""

        def look(db: Session) -> tuple[str, str] | None:
            call = db.get(Call, call_id)
            if call is None or call.state != CallState.RINGING:
                return None
            return call.call_key, callbacks.voice_answer(db, call.call_key, settings=self.settings, greets=False)

        if found := self.database.read_now(look):
            callbacks.tell(self.settings, *found)

    def _send_push(self, subscription_id: int, what: str, number: int, until: str) -> None:
        """Knock at one browser, while it is worth it; see helpdesk/pushes.py."""
        end, at = datetime.fromisoformat(until), self.clock()
        if at >= end:
            if self._silent_services:
                self.database.write_now(pushes.given_up, subscription_id, silent=self._silent_services, now=at)
            return
        knock = self.database.read_now(pushes.prepare, subscription_id, what, number, settings=self.settings)
        if knock is None:
            return
        try:
            listens = pushes.send(knock, until=end, settings=self.settings, now=at)
        except Unreachable:
            self._silent_services.add(knock.service)
            raise
        self._silent_services.discard(knock.service)
        if not listens:
            self.database.write_now(pushes.ended, subscription_id, now=at)

    def _send_digest(self, agent_id: int, first_id: int) -> None:
        """Mail an agent what is unread; see helpdesk/digests.py."""
        told: dict[str, Any] = {"settings": self.settings, "now": self.clock()}
        letter = self.database.read_now(digests.compose, agent_id, first_id, **told)
        if letter is not None:
            raw, recipient, ids = letter
            self.postman.post(raw, sender=self.settings.mail_from, recipient=recipient)
            self.database.write_now(notifications.mailed, ids, now=self.clock())

    def _send_report(self, mail_id: int) -> None:
        """Mail a report to one recipient; see helpdesk/schedules.py."""
        schedules.deliver(
            self.database, self.postman, mail_id, settings=self.settings, speak=self.speak, now=self.clock()
        )

    def _send_report_now(self, schedule_id: int, agent_id: int, at: str) -> None:
        """The same for whom it was asked by hand."""
        schedules.deliver_now(
            self.database, self.postman, schedule_id, agent_id, datetime.fromisoformat(at), settings=self.settings,
            speak=self.speak,
        )  # fmt: skip

    def _train_router(self, training_id: int) -> None:
        """Learn from the desk's own outcomes; see helpdesk/training.py."""
        training.run(self.means_to_train(), training_id)

    def _train_nightly(self) -> None:
        """Once a night; the training itself is work of its own, so that either may be run again."""
        self.database.write_now(learning.ask, by=None, now=self.clock(), is_nightly=True)

    def _recount_promises(self) -> None:
        """Let open tickets follow a policy or a calendar that was changed, some at a time: calls and mails go first."""
        above = -1
        while above != 0:
            above = self.database.write_now(sla.recount, above=above, now=self.clock())

    def means_to_train(self) -> training.Means:
        """What a training in this process needs."""
        return training.Means(
            self.database, self.registry, self.clock, holder=f"training:{self.worker.executor}", corpus=self.corpus,
            niceness=self.niceness, stops=self._closing.is_set,
        )  # fmt: skip

    def _gave_up(self, name: str, args: list[Any], error: Exception) -> None:
        """Park it, and in the same transaction let its message say that it did not leave: a replay begins there."""
        message_id = args[0] if name == "send_mail" else None
        post_id = args[0] if name == "post_to_system" else None
        code = str(error) if isinstance(error, Rejected | Unreachable) else "unexpected"

        def give_up(db: Session) -> None:
            inbox.park_work(db, name, error, message_id=message_id, post_id=post_id, now=self.clock())
            if message_id is not None:
                deliveries.given_up(db, message_id, error=code, now=self.clock())
            if name == "send_report":
                schedules.given_up(db, args[0], error=code, now=self.clock())

        self.database.write_now(give_up)
