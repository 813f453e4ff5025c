"""A page's open socket, and what waits to be sent there.

The one idea: what the desk says to browsers is neither masked (RFC 6455, 5.1) nor compressed, so a frame is the same
bytes for everybody who hears it. They are made once and laid on each connection as it stands (`web/sockets.py`); only
what a connection does not take just now waits in its line's outbox, for a task that awaits it. Buffers are bounded: a
socket that cannot keep up is closed, and catches up when it comes back.
"""

import asyncio
import contextlib
import secrets
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.frames import Frame, Opcode

from web import live

BUFFER = 128
GATHER_SECONDS = 1.0
"""How long a line that was just told that a region is stale is not told so again, unless there is more to say: its page
fetches no region more often."""
PUSH = "desk.push"
"""The extension of a websocket's scope that lays a frame on its connection: `push(frame)` says whether it was taken."""
SIGNED_OUT, CHANGED, SLOW = 4401, 4409, 4408


class Said:
    """A text for any number of pages."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def frame(self) -> bytes:
        """The text as it travels."""
        return Frame(Opcode.TEXT, self.text.encode()).serialize(mask=False)


@dataclass(eq=False)
class Line:
    """One open socket."""

    agent_id: int
    token: str
    lang: str
    topics: frozenset[str]
    seen: int
    push: Callable[[bytes], bool] | None = None  # where the server has such a way past the outbox
    outbox: "asyncio.Queue[Said | int]" = field(default_factory=lambda: asyncio.Queue(BUFFER))
    is_sending: bool = True  # something may be on its way out of the outbox, which nothing overtakes
    since: float = field(default_factory=time.monotonic)
    held: list[Said | int] | None = None  # what comes while the line still catches up
    name: str = ""
    reading: str = ""
    key: str = field(default_factory=lambda: secrets.token_hex(6))
    at: int = 0  # the ticket it has open, which its agent may see; 0: none
    checked: float = 0.0  # when that was last looked up (monotonic)
    said: float = 0.0  # since when its words are counted (monotonic)
    words: int = 0
    told: set[str] = field(default_factory=set)  # regions that were said to be stale since `told_at` (monotonic)
    told_at: float = 0.0
    owed: dict[str, None] = field(default_factory=dict)  # regions that went stale again, which is yet to be said

    def __post_init__(self) -> None:
        self.own = live.agent_topic(self.agent_id)
        # Lines of one kind hear the same, but for their own topic. Interned, so that it is compared in no time.
        self.kind = sys.intern(" ".join([self.lang, *sorted(self.topics - {self.own})]))

    def may_wait(self, regions: Iterable[str], now: float) -> bool:
        """Whether it was told of all these regions a moment ago, so that it may hear the same a little later."""
        return now - self.told_at < GATHER_SECONDS and self.told.issuperset(regions)

    def has_heard(self, regions: Iterable[str], now: float) -> None:
        """It is told of these regions now."""
        if now - self.told_at >= GATHER_SECONDS:
            self.told_at, self.told = now, set()
        self.told.update(regions)
        self.owed.clear()

    def put(self, item: Said | int) -> None:
        """What to send, or a number to close with; never before what was missed, or its number would hide that."""
        if self.held is not None:
            self.held = [*self.held, item] if len(self.held) < BUFFER else [SLOW]
            return
        is_next = not self.is_sending and self.push is not None and self.outbox.empty()
        if is_next and isinstance(item, Said) and self.push is not None and self.push(item.frame):
            return
        try:
            self.outbox.put_nowait(item)
        except asyncio.QueueFull:
            with contextlib.suppress(asyncio.QueueEmpty):
                while True:
                    self.outbox.get_nowait()
            self.outbox.put_nowait(SLOW)

    def begin(self, missed: Said | None) -> None:
        """Send what was missed, and behind it what came meanwhile."""
        held, self.held = self.held or [], None
        for item in ([missed] if missed else []) + held:
            self.put(item)

    async def send(self, socket: WebSocket) -> None:
        """Send what comes into the outbox, until the socket is closed."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                self.is_sending = False
                item = await self.outbox.get()
                self.is_sending = True
                if isinstance(item, int):
                    await socket.close(item)
                    return
                await socket.send_text(item.text)
