"""A manager interface that plays what was recorded: what Asterisk is to the desk, for replays and for tests.

The one idea: the desk cannot tell. It signs in, asks for the channels, asks for a caller's presentation and hears
events from a socket, as from a real one; so whatever goes well here goes well there. It answers `Getvar` and
`CoreShowChannels` from what it was given to say, `Originate` as it was told to, and refuses what Asterisk refuses.
"""

import asyncio
import secrets
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cti import ami

BANNER = b"Asterisk Call Manager/9.0.0\r\n"


@dataclass
class Stage:
    """One Asterisk. What is in `refuses` is not permitted to who signs in; `originated` are the calls it was asked for.

    `presentation(channel)` is what a `Getvar` is answered, None for a channel there is not; `listing()` are the
    `CoreShowChannel` and `QueueEntry` lines.
    """

    user: str = "madoguchi"
    secret: str = "a secret of the manager"
    presentation: Callable[[str], str | None] = lambda channel: "allowed_not_screened"
    listing: Callable[[], Sequence[Mapping[str, str]]] = lambda: ()
    knows_digest: bool = True
    refuses: frozenset[str] = frozenset()
    originates: str = "Success"
    delays_presentation: bool = False
    piece: int = 0  # bytes sent at a time; 0: as they come
    port: int = 0
    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    sign_ins: int = 0
    originated: list[dict[str, str]] = field(default_factory=list)
    said: list[dict[str, str]] = field(default_factory=list)  # what was said to it, passwords left out
    _server: asyncio.Server | None = None
    _guests: dict[asyncio.StreamWriter, bool] = field(default_factory=dict)  # who is connected, and hears events
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _late: list[tuple[asyncio.StreamWriter, dict[str, str]]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> int:
        """Begin to listen; returns the port."""
        self._server = await asyncio.start_server(self._guest, self.host, self.port, ssl=self.tls)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self.port

    async def close(self) -> None:
        """Let go of everybody and the port."""
        if self._server:
            self._server.close()
        self.drop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop(self) -> None:
        """Every line breaks."""
        for writer in list(self._guests):
            writer.transport.abort()

    @property
    def is_heard(self) -> bool:
        """Whether somebody is signed in who listens to events."""
        return any(self._guests.values())

    async def until_heard(self) -> None:
        """Return when somebody listens who has been told which channels there are."""
        while not self.is_heard:
            self._changed.clear()
            await self._changed.wait()

    async def say(self, events: Iterable[Mapping[str, str]]) -> None:
        """Events, to everybody who listens."""
        told = b"".join(ami.written(event) for event in events)
        for writer, hears in list(self._guests.items()):
            if hears:
                await self._write(writer, told)

    async def answer_late(self) -> None:
        """Answer the questions for presentation that were held back."""
        late, self._late = self._late, []
        for writer, asked in late:
            await self._write(writer, ami.written(self._getvar(asked)))

    async def _write(self, writer: asyncio.StreamWriter, told: bytes) -> None:
        if writer.is_closing():
            return
        step = self.piece or len(told) or 1
        for start in range(0, len(told), step):
            writer.write(told[start : start + step])
            await writer.drain()
            if self.piece:
                await asyncio.sleep(0)

    async def _guest(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._guests[writer] = False
        parser, challenge, has_signed_in = ami.Parser(), "", False
        try:
            await self._write(writer, BANNER)
            while data := await reader.read(65_536):
                for asked in parser.feed(data):
                    self.said.append({name: value for name, value in asked.items() if name not in ("Secret", "Key")})
                    name = asked.get("Action", "").lower()
                    if name == "challenge" and self.knows_digest:
                        challenge = secrets.token_hex(5)
                        await self._answer(writer, asked, Challenge=challenge)
                    elif name == "login":
                        has_signed_in = self._is_right(asked, challenge)
                        if not has_signed_in:
                            await self._answer(writer, asked, "Error", Message="Authentication failed")
                            return
                        self.sign_ins += 1
                        await self._answer(writer, asked, Message="Authentication accepted")
                        wants = asked.get("Events", "on") != "off"
                        if wants:
                            await self._write(writer, ami.written({"Event": "FullyBooted", "Status": "Fully Booted"}))
                    elif not has_signed_in:
                        await self._answer(writer, asked, "Error", Message="Permission denied")
                    elif name == "logoff":
                        await self._answer(writer, asked, "Goodbye", Message="Thanks for all the fish.")
                        return
                    else:
                        await self._do(writer, name, asked)
        except OSError:
            pass
        finally:
            self._guests.pop(writer, None)
            self._tasks.discard(task)
            writer.close()

    async def _do(self, writer: asyncio.StreamWriter, name: str, asked: dict[str, str]) -> None:
        if name in self.refuses:
            await self._answer(writer, asked, "Error", Message="Permission denied")
        elif name == "ping":
            await self._answer(writer, asked, Ping="Pong")
        elif name == "getvar":
            if self.delays_presentation:
                self._late.append((writer, asked))
            else:
                await self._write(writer, ami.written(self._getvar(asked)))
        elif name in ("coreshowchannels", "queuestatus"):
            kind = "CoreShowChannel" if name == "coreshowchannels" else "QueueEntry"
            await self._answer(writer, asked, EventList="start", Message="List will follow")
            lines = [dict(line) for line in self.listing() if line.get("Event") == kind]
            end = {"Event": "CoreShowChannelsComplete" if kind == "CoreShowChannel" else "QueueStatusComplete",
                   "EventList": "Complete", "ListItems": str(len(lines))}  # fmt: skip
            told = [line | {"ActionID": asked.get("ActionID", "")} for line in [*lines, end]]
            await self._write(writer, b"".join(ami.written(line) for line in told))
            if kind == "QueueEntry":
                self._guests[writer] = True
                self._changed.set()
        elif name == "originate":
            self.originated.append(asked)
            queued = self.originates == "Success"
            words = "Originate successfully queued" if queued else self.originates
            await self._answer(writer, asked, "Success" if queued else "Error", Message=words)
        else:
            await self._answer(writer, asked, "Error", Message="Invalid/unknown command")

    def _getvar(self, asked: Mapping[str, str]) -> dict[str, str]:
        value = self.presentation(asked.get("Channel", ""))
        mark = {"ActionID": asked.get("ActionID", "")}
        if value is None:
            return {"Response": "Error", **mark, "Message": "No such channel"}
        return {"Response": "Success", **mark, "Variable": asked.get("Variable", ""), "Value": value}

    def _is_right(self, asked: Mapping[str, str], challenge: str) -> bool:
        if asked.get("Username") != self.user:
            return False
        if "Key" in asked:
            return bool(challenge) and asked["Key"] == ami.key_of(challenge, self.secret)
        return asked.get("Secret") == self.secret

    async def _answer(
        self, writer: asyncio.StreamWriter, asked: Mapping[str, str], response: str = "Success", **more: str
    ) -> None:
        mark = {"ActionID": asked["ActionID"]} if "ActionID" in asked else {}
        await self._write(writer, ami.written({"Response": response, **mark, **more}))
