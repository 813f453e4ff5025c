"""Who is connected, what each may hear, and how what happened reaches them.

One follower a process reads the log and hands every socket what its topics say; what is the same for many is rendered
and encoded once. Only the card of a call that begins to ring does not wait for it: it is drawn in the transaction that
heard of the call, which has all it shows at hand, and leaves when that has committed. Of the log the browser names only
the last number it has seen. What it may hear comes from the agent's role and queues, read when it connects; when those
change the socket is closed and opens again with the new ones. Buffers are bounded: a socket that cannot keep up is
closed, and catches up when it comes back.

The browser says one more thing: which ticket it has open, and whether somebody types there. That is shown to the others
who have it open, and kept nowhere (web/presence.py).
"""

import asyncio
import contextlib
import json
import logging
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlmodel import Session
from starlette.websockets import WebSocket, WebSocketDisconnect

from helpdesk import access, agents, notifications
from helpdesk.desk import Desk
from helpdesk.errors import NotFound
from helpdesk.events import last_number
from helpdesk.facts import AgentChanged, AgentStateChanged, CallRinging, Fact
from helpdesk.runtime import log
from models import Agent, Role
from web import lines, live
from web.edge import token_of
from web.lines import CHANGED, SIGNED_OUT, Line, Said
from web.live import Audience, Op
from web.presence import REPEAT_SECONDS, WRITES, Presence
from web.render import LANGUAGES, Renderer

BATCH = 200
"""Facts passed on together."""
BEHIND = 500
"""A page that missed more facts than these is told to reload instead."""
ALIVE_SECONDS = 20.0
SEEN_SECONDS = 30.0
"""How often it is written down whose pages are open, so that calls go to nobody who has left."""
CHECK_SECONDS = 15.0
"""How long a line may go on to say that it looks at a ticket until it is looked up whether it still may."""
FETCHES_A_SECOND = 100
"""How many pages may fetch the rail in a second, which stands on all of them. With more pages than that each does so
more seldom: while something changes all the time five hundred show counts that are up to five seconds old."""
GATHER_EACH, GATHER_MOST = 0.0001, 0.05
"""Seconds for which news gathers once some was passed on, for each open page and at most: what happens within that time
is read at once, and what a page hears of it is one frame. With few pages nothing waits."""
SAID_MAX, SAID_MOST = 200, 12
"""Characters of a page's word, and words in a second; what is more is not heard."""
HERE = "tickets/_here.html"

logger = logging.getLogger(__name__)


class Hub:
    """The sockets of one process."""

    def __init__(self, desk: Desk, renderer: Renderer, *, on_ready: Callable[[], object] | None = None) -> None:
        self._desk = desk
        self._renderer = renderer
        self._on_ready = on_ready
        self._lines: set[Line] = set()
        self._number = 0
        self._audience = Audience(frozenset())
        self._popped: dict[int, tuple[CallRinging, Audience]] = {}
        self._brought: dict[int, CallRinging] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._follower: asyncio.Task[None] | None = None
        self._warming: asyncio.Task[None] | None = None
        self._passing = asyncio.Lock()
        self._presence = Presence()
        self._process = secrets.token_hex(6)
        self._minding: asyncio.Task[None] | None = None
        self._paying: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Begin to follow the log from where it is now."""
        self._number = await self._desk.database.read(last_number)
        self._loop = asyncio.get_running_loop()
        self._desk.database.before_commit.append(self._draw)
        self._desk.database.after_commit.insert(0, self._hand_over)  # before the log is said to have grown
        self._follower = asyncio.create_task(self._follow(), name="hub")
        self._warming = asyncio.create_task(self._warm_up(), name="warm-up")
        self._minding = asyncio.create_task(self._mind_presence(), name="presence")
        self._desk.bus.on_aside.append(self._hear_aside)

    async def stop(self) -> None:
        """Stop following, and let every page know that it should come back."""
        self._desk.database.before_commit.remove(self._draw)
        self._desk.database.after_commit.remove(self._hand_over)
        self._desk.bus.on_aside.remove(self._hear_aside)
        if self._paying is not None:
            self._paying.cancel()
        for task in filter(None, (self._follower, self._warming, self._minding)):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for line in self._lines:
            line.put(1012)

    @property
    def connected(self) -> int:
        """How many sockets are open."""
        return len(self._lines)

    async def serve(self, socket: WebSocket) -> None:
        """One page's socket, from its first word to its last."""
        after = socket.query_params.get("after", "")
        try:
            line = await self._desk.database.read(self._open, token_of(socket), after)
        except _Refused:
            await socket.accept()
            await socket.close(SIGNED_OUT)
            return
        await socket.accept()
        # From here on nothing is missed: what the follower has passed already is caught up below, what it passes from
        # now on is held until then, and doing a thing twice on a page changes nothing.
        line.held, line.push = [], socket.scope.get("extensions", {}).get(lines.PUSH)
        self._lines.add(line)
        self._listening()
        try:
            line.begin(await self._catch_up(line))
            await _first(self._listen(socket, line), line.send(socket))
        finally:
            self._lines.discard(line)
            self._listening()
            self._show_here(self._presence.leave(line.key), line)

    async def keep_seen(self) -> None:
        """Write down whose pages are open."""
        tokens = {line.token for line in self._lines}
        try:
            await self._desk.database.write(agents.keep_seen, tokens, now=self._desk.clock())
        except Exception:
            logger.exception("whose pages are open could not be written down; trying again")

    async def tell_number(self) -> None:
        """Pass on what is committed, then tell every page the number it is up to date with.

        A quiet page thereby never falls so far behind that a short break would cost it a reload, and knows that its
        line holds (js/live.js takes one that is silent for longer than twice `ALIVE_SECONDS` for dead).
        """
        while await self._pass_on():
            pass
        self._pay()
        said = _encode(self._number, ())
        for line in self._lines:
            line.put(said)

    def lead(self, agent_id: int, path: str) -> bool:
        """Let the agent's latest page go to another; False when this process holds none. It is no news: who misses it
        misses nothing."""
        own = [line for line in self._lines if line.agent_id == agent_id]
        if own:
            self._pay()
            max(own, key=lambda line: line.since).put(_said(self._number, [{"open": path}]))
        return bool(own)

    def _open(self, db: Session, token: str, after: str) -> Line:
        agent = agents.signed_in(db, token, now=self._desk.clock())
        if agent is None or agent.id is None:
            raise _Refused
        seen = int(after) if after.isdecimal() and len(after) < 19 else last_number(db)
        return Line(agent.id, token, agent.language, topics_of(db, agent), seen, name=agent.name, reading=agent.reading)

    async def _catch_up(self, line: Line) -> Said | None:
        """The frame with all the line has missed; None when that is nothing."""
        number, ops = await self._desk.database.read(self._missed, line)
        if ops is None:
            return _reload(number)
        return _encode(number, ops) if ops or number > line.seen else None

    def _missed(self, db: Session, line: Line) -> tuple[int, list[Op] | None]:
        newest = last_number(db)
        if line.seen > newest:  # the page is of another database: a restored backup, for instance
            return newest, None
        told = log.after(db, line.seen, limit=BEHIND + 1)
        if len(told) > BEHIND:
            return newest, None
        audience = Audience(frozenset((topic, line.lang) for topic in line.topics))
        ops = self._show(db, [fact for _, fact in told], audience)
        if ops is None:
            return newest, None
        return (told[-1][0] if told else line.seen), [op for op in ops if _hears(line, op)]

    async def _warm_up(self) -> None:
        """What the first call needs is made ready before it rings."""
        await self._desk.ready()
        await asyncio.to_thread(self._renderer.prepare, live.CARD, live.ROW)
        if self._on_ready is not None:
            try:
                await self._desk.doors.rehearse(self._draw_for_nobody)
            except Exception:
                logger.exception("the first call could not be rehearsed; it will take a little longer")
            self._on_ready()

    def _draw_for_nobody(self, db: Session) -> None:
        for fact in db.info.get("facts", ()):
            if isinstance(fact, CallRinging):
                everybody = Audience(frozenset((live.agent_topic(0), lang) for lang in LANGUAGES))
                live.pops_of(db, [replace(fact, agent_ids=[0])], audience=everybody, renderer=self._renderer,
                             settings=self._desk.settings, now=self._desk.clock())  # fmt: skip

    async def _follow(self) -> None:
        passed = said = seen = time.monotonic()
        async for _ in self._desk.bus.news():
            try:
                while await self._pass_on():
                    passed = time.monotonic()
            except Exception:
                logger.exception("live screens fell behind; trying again")
            if time.monotonic() - passed > ALIVE_SECONDS:
                passed = time.monotonic()
                await self._check_logins()
            if time.monotonic() - said > ALIVE_SECONDS:  # what was passed on is not for every line
                said = time.monotonic()
                await self.tell_number()
            if time.monotonic() - seen > SEEN_SECONDS:
                seen = time.monotonic()
                await self.keep_seen()
            await asyncio.sleep(min(len(self._lines) * GATHER_EACH, GATHER_MOST))

    async def _pass_on(self) -> bool:
        """Hand out the next batch; True when there may be more."""
        async with self._passing:
            return await self._pass_on_one()

    async def _pass_on_one(self) -> bool:
        popped = dict(self._popped)
        told, ops = await self._desk.database.read(self._read, self._number, self._audience, popped)
        if not told:
            return False
        ringing = [fact for _, fact in told if isinstance(fact, CallRinging)]
        if any(fact.call_id in self._popped.keys() - popped.keys() for fact in ringing):
            return True  # a card left while this was read: it is read again without that
        self._number = told[-1][0]
        if ops is None:
            said = _reload(self._number)
            for line in self._lines:
                line.put(said)
        else:
            self._send_out(ops)
        for rung in ringing:
            if self._popped.pop(rung.call_id, None) is None:
                self._brought[rung.call_id] = rung
        for call_id in list(self._brought)[:-BATCH]:  # most rang in another process, and nothing of them comes here
            del self._brought[call_id]
        for _, fact in told:
            if isinstance(fact, AgentChanged):
                self._close(fact.agent_id, CHANGED)
            elif isinstance(fact, AgentStateChanged) and fact.state == "offline":
                await self._check_logins()
        return len(told) == BATCH

    def _send_out(self, ops: list[Op]) -> None:
        """Give every line what it hears of these; what is the same for many is encoded once.

        After every step of a call everybody's board is stale. A line that has just heard so, and of which nothing else
        is to be said, is told at the end of the second, or with whatever comes before. Its number stays behind till
        then, so that a break in between loses nothing.
        """
        texts: dict[tuple[int | str, ...], Said] = {}
        hears = _Hearing(ops)
        now = time.monotonic()
        for line in self._lines:
            mine, stale, is_more = hears.of(line)
            if not mine:
                continue
            if not is_more and line.may_wait(stale, now):
                line.owed.update(stale)
                if self._paying is None and self._loop is not None:
                    self._paying = self._loop.call_later(lines.GATHER_SECONDS, self._pay)
                continue
            more = tuple(region for region in line.owed if region not in stale) if line.owed else ()
            line.has_heard((*stale, *more), now)
            if (*mine, *more) not in texts:
                told = [*(ops[index] for index in mine), *map(_stale, more)]
                texts[*mine, *more] = _encode(self._number, told, self._pause())
            line.put(texts[*mine, *more])

    def _pay(self) -> None:
        """Tell every line what was left for later."""
        if self._paying is not None:
            self._paying.cancel()
            self._paying = None
        texts: dict[tuple[str, ...], Said] = {}
        now = time.monotonic()
        for line in self._lines:
            if owed := tuple(line.owed):
                line.has_heard(owed, now)
                if owed not in texts:
                    texts[owed] = _encode(self._number, map(_stale, owed), self._pause())
                line.put(texts[owed])

    def _pause(self) -> int:
        """Milliseconds between two looks of a page at its rail; 0 where pages may choose, which take a second."""
        seconds = len(self._lines) / FETCHES_A_SECOND
        return round(seconds * 1000) if seconds > 1 else 0

    def _listening(self) -> None:
        """Who listens has changed."""
        self._audience = Audience(frozenset((topic, line.lang) for line in self._lines for topic in line.topics))

    def _draw(self, db: Session) -> None:
        """In the writing thread, before the commit: the cards of calls that begin to ring."""
        ringing = [fact for fact in db.info.get("facts", ()) if isinstance(fact, CallRinging)]
        audience = self._audience
        if ringing and audience.heard:
            try:
                ops = live.pops_of(db, ringing, audience=audience, renderer=self._renderer,
                                   settings=self._desk.settings, now=self._desk.clock())  # fmt: skip
            except DBAPIError:
                raise
            except Exception:
                logger.exception("a card could not be drawn at once; it follows by the log")
                return
            db.info["pops"] = ringing, ops, audience

    def _hand_over(self, db: Session) -> None:
        """In the writing thread, after the commit."""
        if (drawn := db.info.pop("pops", None)) and self._loop is not None:
            self._loop.call_soon_threadsafe(self._pop, *drawn)

    def _pop(self, ringing: list[CallRinging], ops: list[Op], audience: Audience) -> None:
        """Send the cards. The log brings them again only to who could not have heard them here.

        A page that connects meanwhile either is among the lines already, or reads the log after the commit. PostgreSQL
        may say that the log has grown before the thread that wrote comes to hand over: then the card is there already.
        """
        ringing = [fact for fact in ringing if self._brought.pop(fact.call_id, None) != fact]
        for fact in ringing:
            self._popped[fact.call_id] = fact, audience
        cards = {f"call-{fact.call_id}" for fact in ringing}
        self._send_out([op for op in ops if op.do["put"] in cards])

    def _read(
        self, db: Session, number: int, audience: Audience, popped: dict[int, tuple[CallRinging, Audience]]
    ) -> tuple[list[tuple[int, Fact]], list[Op] | None]:
        numbered = log.after(db, number, limit=BATCH)
        told = [fact for _, fact in numbered]
        there = [call_id for call_id, (fact, heard) in popped.items()
                 if audience.heard <= heard.heard and [fact] == _about_call(told, call_id)]  # fmt: skip
        return numbered, (self._show(db, told, audience, there) if audience.heard else [])

    def _show(self, db: Session, told: list[Fact], audience: Audience, popped: Iterable[int] = ()) -> list[Op] | None:
        """What these facts change on screens; None when that cannot be rendered, so that pages must look themselves.

        It would break again however often it is tried, and keep all that comes after it from everybody. Only a
        database that is away is worth another try.
        """
        try:
            return live.show(db, told, audience=audience, renderer=self._renderer, settings=self._desk.settings,
                             now=self._desk.clock(), popped=popped)  # fmt: skip
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("what happened could not be rendered; every page is told to reload")
            return None

    async def _check_logins(self) -> None:
        """Close the sockets of browsers that are signed out."""
        tokens = {line.token for line in self._lines}
        now = self._desk.clock()
        alive = await self._desk.database.read(
            lambda db: {token for token in tokens if agents.signed_in(db, token, now=now) is not None}
        )
        for line in self._lines:  # who connected meanwhile was not asked about, and was looked at when they came
            if line.token in tokens - alive:
                line.put(SIGNED_OUT)

    def _close(self, agent_id: int, code: int) -> None:
        for line in self._lines:
            if line.agent_id == agent_id:
                line.put(code)

    async def _listen(self, socket: WebSocket, line: Line) -> None:
        """All a page says is which ticket it has open and whether somebody types there; the rest is dropped."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                text, now = message.get("text") or "", time.monotonic()
                if now - line.said > 1:
                    line.said, line.words = now, 0
                line.words += 1
                if len(text) > SAID_MAX or line.words > SAID_MOST:
                    continue
                if (said := _heard(text)) is not None:
                    await self._look_at(line, *said)

    async def _look_at(self, line: Line, ticket_id: int, writes: str) -> None:
        """A page has a ticket open. Others hear of it only where its agent may see that ticket."""
        now = time.monotonic()
        if ticket_id and (line.at != ticket_id or now - line.checked > CHECK_SECONDS):
            try:
                has_news = await self._desk.database.read(self._may_look, line.token, ticket_id)
            except (_Refused, NotFound):
                ticket_id = 0
            else:
                line.checked = now
                if has_news:
                    await self._desk.database.write(self._has_read, line.token, ticket_id)
        is_new = line.at != ticket_id
        line.at = ticket_id
        self._show_here(
            self._presence.look(line.key, ticket_id, line.agent_id, line.name, writes, reading=line.reading, now=now)
            | ({ticket_id} if is_new and ticket_id else set()),
            line,
        )

    def _may_look(self, db: Session, token: str, ticket_id: int) -> bool:
        """Whether the agent was told something of this ticket that is unread. Raises where they may not see it."""
        agent = agents.signed_in(db, token, now=self._desk.clock())
        if agent is None:
            raise _Refused
        access.ticket(db, agent, ticket_id)
        return notifications.has_unread(db, agent, ticket_id)

    def _has_read(self, db: Session, token: str, ticket_id: int) -> None:
        if agent := agents.signed_in(db, token, now=self._desk.clock()):
            notifications.read(db, agent, ticket_id=ticket_id, now=self._desk.clock())

    def _show_here(self, ticket_ids: set[int], line: Line | None = None) -> None:
        """Tell those who have these tickets open who else has; and the other processes of a line of ours."""
        if ticket_ids:
            self._pay()
        for ticket_id in ticket_ids:
            lines = [each for each in self._lines if each.at == ticket_id]
            people = self._presence.at(ticket_id)
            for lang in {each.lang for each in lines}:
                html = self._renderer.fragment(HERE, lang, people=people)
                said = _said(self._number, [{"here": ticket_id, "html": html}])
                for each in lines:
                    if each.lang == lang:
                        each.put(said)
        if ticket_ids and line is not None and not self._desk.database.is_sqlite:
            self._say_aside([*self._presence.said(self._process, [line.key])])

    def _say_aside(self, texts: list[str]) -> None:
        if texts and self._loop is not None:
            self._loop.run_in_executor(None, self._desk.bus.aside, texts)

    def _hear_aside(self, text: str) -> None:
        """Another process says who looks at what there."""
        try:
            self._show_here(self._presence.hear(text, self._process, now=time.monotonic()))
        except (ValueError, KeyError, TypeError):
            logger.warning("another process said something that cannot be read")

    async def _mind_presence(self) -> None:
        """Every second: who stopped writing, whose page fell silent. Every few: say again who is here."""
        turn = 0
        while True:
            await asyncio.sleep(1)
            turn += 1
            if self._presence.is_empty():
                continue
            self._show_here(self._presence.expire(time.monotonic()))
            if turn % REPEAT_SECONDS == 0 and not self._desk.database.is_sqlite:
                self._say_aside([*self._presence.said(self._process)])


class _Refused(Exception):
    pass


def _heard(text: str) -> tuple[int, str] | None:
    """The ticket a page says it has open, and what is written there; None where that cannot be read."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    ticket_id, writes = told.get("at"), told.get("writes", "")
    if not isinstance(ticket_id, int) or isinstance(ticket_id, bool) or not 0 <= ticket_id < 10**9:
        return None
    return (ticket_id, writes) if writes in WRITES else None


def topics_of(db: Session, agent: Agent) -> frozenset[str]:
    """What this agent may hear, from role and queues alone."""
    assert agent.id is not None
    topics = {live.EVERYONE, live.agent_topic(agent.id)}
    topics |= {live.queue_topic(queue_id) for queue_id in agents.queue_ids(db, agent)}
    if agent.role == Role.SUPERVISOR:
        topics |= {live.SUPERVISORS, live.queue_topic(0)}
    return frozenset(topics)


def _about_call(told: Iterable[Fact], call_id: int) -> list[Fact]:
    return [fact for fact in told if getattr(fact, "call_id", None) == call_id]


def _stale(region: str) -> Op:
    return Op(frozenset(), None, {"stale": [region]})


def _hears(line: Line, op: Op) -> bool:
    return (op.lang is None or op.lang == line.lang) and not line.topics.isdisjoint(op.topics)


class _Hearing:
    """What of some ops a line hears, looked up once for all lines of a kind and for each that one of them names."""

    def __init__(self, ops: list[Op]) -> None:
        self._ops = ops
        self._named = frozenset[str]().union(*(op.topics for op in ops))
        self._known: dict[Any, tuple[tuple[int, ...], dict[str, None], bool]] = {}

    def of(self, line: Line) -> tuple[tuple[int, ...], dict[str, None], bool]:
        """The places of what it hears, the regions that it says are stale, and whether it says more than that."""
        key = line.kind, line.own if line.own in self._named else ""
        found = self._known.get(key)
        if found is None:
            mine = tuple(place for place, op in enumerate(self._ops) if _hears(line, op))
            told = [self._ops[place].do for place in mine]
            stale = {region: None for do in told for region in do.get("stale", ())}
            found = self._known[key] = mine, stale, any("stale" not in do for do in told)
        return found


def _reload(number: int) -> Said:
    return _said(number, [{"reload": True}])


def _encode(number: int, ops: Iterable[Op], pause: int = 0) -> Said:
    return _said(number, [op.do for op in ops], **({"pause": pause} if pause else {}))


def _said(number: int, do: Sequence[dict[str, Any]], **more: int) -> Said:
    return Said(json.dumps({"n": number, "do": do, **more}, ensure_ascii=False, separators=(",", ":")))


async def _first(*works: Coroutine[Any, Any, None]) -> None:
    """Run them side by side until one is done; then end the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
