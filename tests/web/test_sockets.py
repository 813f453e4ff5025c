"""What is said to many pages at once, on real connections: made once, sent whole and in order, and never to a page that
does not take it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port
from web.lines import BUFFER, PUSH, Line, Said
from web.sockets import Protocol

MOST = 10_000
"""Frames of a hundred kilobytes that no connection holds."""


@asynccontextmanager
async def connected(serve: Callable[[WebSocket], Awaitable[None]]) -> AsyncIterator[ClientConnection]:
    """A browser whose socket is served so, by the server that the desk runs on."""
    app, port = Starlette(routes=[WebSocketRoute("/live", serve)]), free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, ws=Protocol, ws_per_message_deflate=False, log_config=None))
    task = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0)
    try:
        async with connect(f"ws://127.0.0.1:{port}/live", compression=None) as browser:
            yield browser
    finally:
        server.should_exit = True
        await task


def line_of(socket: WebSocket) -> Line:
    """The desk's own, for whoever may hear nothing in particular."""
    return Line(1, "token", "ja", frozenset(), 0, push=socket.scope["extensions"][PUSH])


def within_patience(work: Callable[[], Any]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await work()

    return asyncio.run(bounded())


def test_a_frame_that_was_made_once_is_the_text_whichever_way_it_goes() -> None:
    """By the server's own way or past it, short, long and longer than the two lengths at which a frame's head grows."""
    texts = ["", "あ" * 41, "い" * 42, "う" * 21_845, "え" * 30_000, "おわり"]

    async def serve(socket: WebSocket) -> None:
        await socket.accept()
        push = socket.scope["extensions"][PUSH]
        for text in texts:
            while not push(Said(text).frame):
                await asyncio.sleep(0)
            await socket.send_text(text)

    async def talk() -> list[str]:
        async with connected(serve) as browser:
            return [str(await browser.recv()) for _ in range(2 * len(texts))]

    assert within_patience(talk) == [text for text in texts for _ in range(2)]


@pytest.mark.parametrize("is_in_hand", [False, True], ids=["still in the outbox", "in the sender's hand"])
def test_nothing_overtakes_what_waits_when_a_connection_takes_frames_again(is_in_hand: bool) -> None:
    async def serve(socket: WebSocket) -> None:
        await socket.accept()
        line = line_of(socket)
        sending = asyncio.create_task(line.send(socket))
        while line.is_sending:
            await asyncio.sleep(0)
        connection = socket.scope["extensions"][PUSH].__self__
        connection.pause_writing()  # as the transport does that has enough
        line.put(Said("first"))
        while is_in_hand and not (line.is_sending and line.outbox.empty()):
            await asyncio.sleep(0)
        connection.resume_writing()
        line.put(Said("second"))
        line.put(1000)
        await sending

    async def talk() -> list[str]:
        async with connected(serve) as browser:
            return [str(each) async for each in browser]

    assert within_patience(talk) == ["first", "second"]


def test_a_connection_that_takes_no_more_and_later_takes_it_again_misses_nothing() -> None:
    """The browser begins to read when the connection has enough; what is said goes on meanwhile, and finds it now full
    and now free."""
    is_full, frames = asyncio.Event(), 400

    async def serve(socket: WebSocket) -> None:
        await socket.accept()
        line = line_of(socket)
        sending = asyncio.create_task(line.send(socket))
        number = 0
        while line.is_sending:
            await asyncio.sleep(0)
        while not is_full.is_set() or number < frames:
            line.put(Said(f"{number} " + "x" * 100_000))
            number += 1
            assert number < MOST
            while line.outbox.qsize() > BUFFER // 2:
                is_full.set()
                await asyncio.sleep(0)
            await asyncio.sleep(0)
        line.put(1000)
        await sending

    async def talk() -> list[int]:
        async with connected(serve) as browser:
            await is_full.wait()
            return [int(str(each).split()[0]) async for each in browser]

    numbers = within_patience(talk)
    assert numbers == list(range(len(numbers))) and len(numbers) >= frames


def test_nothing_is_written_to_a_connection_that_closes() -> None:
    refused = asyncio.Queue[bool]()

    async def serve(socket: WebSocket) -> None:
        push = socket.scope["extensions"][PUSH]
        refused.put_nowait(push(Said("before it is open").frame))
        await socket.accept()
        await socket.close(4401)
        refused.put_nowait(push(Said("after").frame))

    async def talk() -> tuple[list[bool], int | None]:
        async with connected(serve) as browser:
            with pytest.raises(ConnectionClosedError):
                await browser.recv()
            return [await refused.get(), await refused.get()], browser.close_code

    assert within_patience(talk) == ([False, False], 4401)
