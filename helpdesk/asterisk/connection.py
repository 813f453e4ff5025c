"""One connection to a manager interface: signed in, asked, listened to.

The one idea: everything that arrives stands in one line, in the order in which Asterisk said it, answers included, and
whoever follows calls reads that line. An answer that somebody waits for is handed to them instead. (panoramisk, the
library there is for this, was last released in 2021; it neither bounds what it buffers nor keeps answers in their place
among the events, on which not telling a withheld number depends.)
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NoReturn

from cti import ami
from helpdesk.errors import Rejected, Unreachable

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 10.0
PING_SECONDS = 20.0
MOST_WAITING = 5000
"""Messages that are read ahead; beyond, the line itself waits."""
AT_ONCE = 200
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, kw_only=True)
class Access:
    """What it takes to sign in, opened; for the time of a connection, never for a page or a log."""

    host: str
    port: int = 5038
    user: str
    secret: str = field(repr=False)
    security: str = "plain"  # or "tls"

    @property
    def is_private(self) -> bool:
        """Whether nobody between hears what is said."""
        return self.security == "tls" or self.host in _HERE


class Connection:
    """Signed in. Get one from `connected`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._parser = ami.Parser()
        self._line: asyncio.Queue[dict[str, str] | None] = asyncio.Queue(MOST_WAITING)
        self._asked: dict[str, asyncio.Future[dict[str, str]]] = {}
        self._numbers = count(1)
        self._heard = asyncio.Event()
        self.banner = ""

    def send(self, action: str, *, key: str, **fields: str) -> None:
        """Say something whose answer comes in the line, known by its `ActionID`, which is `key`."""
        self._writer.write(ami.action(action, ActionID=key, **fields))

    async def ask(self, action: str, *, key: str = "", **fields: str) -> dict[str, str]:
        """Say something and wait for its answer. Raises `Unreachable`."""
        key = key or f"ask-{next(self._numbers)}"
        answer: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self._asked[key] = answer
        try:
            self.send(action, key=key, **fields)
            async with asyncio.timeout(ANSWER_SECONDS):
                return await answer
        except TimeoutError as error:
            raise Unreachable("asterisk_silent") from error
        finally:
            del self._asked[key]

    async def messages(self) -> list[dict[str, str]]:
        """What was said since, at least one message. Raises `Unreachable` when the line is gone."""
        batch = [await self._line.get()]
        while len(batch) < AT_ONCE and not self._line.empty():
            batch.append(self._line.get_nowait())
        if None in batch:
            ended = batch.index(None)
            if ended == 0:
                raise Unreachable("asterisk_lost")
            await self._line.put(None)
            return [message for message in batch[:ended] if message is not None]
        return [message for message in batch if message is not None]

    async def _listen(self) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await self._reader.read(65_536):
                self._heard.set()
                for message in self._parser.feed(data):
                    answer = self._asked.get(message.get("ActionID", "")) if "Response" in message else None
                    if ami.BANNER in message:
                        self.banner = message[ami.BANNER]
                    elif answer is not None and not answer.done():
                        answer.set_result(message)
                    else:
                        await self._line.put(message)
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(Unreachable("asterisk_lost"))
        await self._line.put(None)

    async def _ping(self) -> None:
        """A line that carries nothing may be dead: a silent one is asked, and closed where no answer comes."""
        while True:
            self._heard.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PING_SECONDS):
                    await self._heard.wait()
                continue
            try:
                await self.ask("Ping")
            except Unreachable:
                self._writer.transport.abort()
                return

    async def _sign_in(self, access: Access, events: str) -> None:
        """By a digest of the password; by the password itself only where nobody else hears it."""
        challenge = await self.ask("Challenge", AuthType="MD5")
        if challenge.get("Response") == "Success" and challenge.get("Challenge"):
            key = ami.key_of(challenge["Challenge"], access.secret)
            answer = await self.ask("Login", AuthType="MD5", Username=access.user, Key=key, Events=events)
        elif access.is_private:
            answer = await self.ask("Login", Username=access.user, Secret=access.secret, Events=events)
        else:
            raise Rejected("asterisk_no_digest")
        if answer.get("Response") != "Success":
            raise Rejected("asterisk_wrong_password")


@asynccontextmanager
async def connected(access: Access, *, events: str = "on") -> AsyncIterator[Connection]:
    """Sign in, and sign off at the end. `events`: which are wanted, "off" for none.

    Raises `Unreachable` (asterisk_unreachable, asterisk_silent, asterisk_lost) or `Rejected` (asterisk_certificate,
    asterisk_not_asterisk, asterisk_wrong_password, asterisk_no_digest).
    """
    reader, writer = await _opened(access)
    connection = Connection(reader, writer)
    tasks = [asyncio.create_task(connection._listen())]
    try:
        await connection._sign_in(access, events)
        if not connection.banner.startswith("Asterisk Call Manager"):
            raise Rejected("asterisk_not_asterisk")
        tasks.append(asyncio.create_task(connection._ping()))
        yield connection
        with contextlib.suppress(OSError, RuntimeError):
            connection.send("Logoff", key="bye")
            async with asyncio.timeout(1):
                await writer.drain()
    except Unreachable:
        if connection.banner and not connection.banner.startswith("Asterisk Call Manager"):
            raise Rejected("asterisk_not_asterisk") from None
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.transport.abort() if writer.is_closing() else writer.close()


async def _opened(access: Access) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    def fail(kind: type[Exception], code: str, cause: BaseException) -> NoReturn:
        raise kind(code) from cause

    more: dict[str, Any] = {}
    if access.security == "tls":
        more = {"ssl": await asyncio.to_thread(ssl.create_default_context)}
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await asyncio.open_connection(access.host, access.port, limit=262_144, **more)
    except ssl.SSLCertVerificationError as error:
        fail(Rejected, "asterisk_certificate", error)
    except ssl.SSLError as error:
        fail(Rejected, "asterisk_no_tls", error)
    except (OSError, TimeoutError, UnicodeError) as error:
        fail(Unreachable, "asterisk_unreachable", error)


def access_of(options: Mapping[str, Any], secret: str) -> Access:
    """What an exchange's options say of where to sign in."""
    port = options.get("port") or 5038
    return Access(
        host=str(options.get("host", "")), port=int(port), user=str(options.get("user", "")), secret=secret,
        security=str(options.get("security") or "plain"),
    )  # fmt: skip
