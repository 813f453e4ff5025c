"""The floor: the barest web server that does the desk's job without knowing anything.

It proves a posted form by its signature, sends some 330 bytes to every socket, and answers one line to a GET. Same
framework, same server, same options as the desk; no database, no classifier, no page. Run as
`python -m tests.bench.floor PORT`. Started in a folder it may write to, it also has an address that stores the form
first, as durably as the desk does: in a thread, one row, one commit with `synchronous=FULL`.
"""

import asyncio
import json
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from twilio.request_validator import RequestValidator

TOKEN = "benchmark-token-0123456789abcdef"

validator = RequestValidator(TOKEN)
sockets: set[WebSocket] = set()
BYTES = 330


writer = ThreadPoolExecutor(1)
rows: list[sqlite3.Connection] = []


def keep(body: bytes) -> None:
    """One durable row."""
    if not rows:
        rows.append(sqlite3.connect("floor.db", isolation_level=None))
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            rows[0].execute(f"PRAGMA {pragma}")
        rows[0].execute("CREATE TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY, body BLOB)")
    rows[0].execute("BEGIN IMMEDIATE")
    rows[0].execute("INSERT INTO kept (body) VALUES (?)", (body,))
    rows[0].execute("COMMIT")


async def ring(request: Request) -> Response:
    """Tell every socket who calls, in a frame of the usual size; at /ring-kept, once the form is stored."""
    body = await request.body()
    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    if not validator.validate(str(request.url), form, request.headers["x-twilio-signature"]):
        return PlainTextResponse("signature", 403)
    if request.url.path == "/ring-kept":
        await asyncio.get_running_loop().run_in_executor(writer, keep, body)
    text = json.dumps({"caller": form["From"], "html": ""})
    text = text[:-2] + "x" * (BYTES - len(text)) + '"}'
    for socket in list(sockets):
        await socket.send_text(text)
    return PlainTextResponse("ok")


async def live(socket: WebSocket) -> None:
    """One socket, until it goes."""
    await socket.accept()
    sockets.add(socket)
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        sockets.discard(socket)


async def page(request: Request) -> Response:
    """As many bytes as asked for."""
    return PlainTextResponse("x" * int(request.query_params.get("bytes", "2")))


app = Starlette(
    routes=[
        Route("/ring", ring, methods=["POST"]),
        Route("/ring-kept", ring, methods=["POST"]),
        WebSocketRoute("/live", live),
        Route("/sign-in", page),
    ]
)

if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", ws_per_message_deflate=False,
        proxy_headers=False, server_header=False, timeout_graceful_shutdown=5,
    )  # fmt: skip
