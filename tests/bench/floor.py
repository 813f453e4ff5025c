"""The floor: the barest web server that does the desk's job without knowing anything.

It sends some 330 bytes to every socket for each POST, and answers one line to a GET. Same framework, same server, same
options as the desk; no database, no proof, no page. Run as `python -m tests.bench.floor PORT`.
"""

import json
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

sockets: set[WebSocket] = set()
BYTES = 330


async def ring(request: Request) -> Response:
    """Tell every socket the text that was posted, filled up to the size of a small frame."""
    text = json.dumps({"caller": (await request.body()).decode(), "html": ""})
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
    routes=[Route("/ring", ring, methods=["POST"]), WebSocketRoute("/live", live), Route("/sign-in", page)]
)

if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", ws_per_message_deflate=False,
        proxy_headers=False, server_header=False, timeout_graceful_shutdown=5,
    )  # fmt: skip
