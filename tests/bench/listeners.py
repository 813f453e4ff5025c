"""Agents' browsers, as many as asked for, in one process: they connect, and note when each frame came.

Run by ring.py as a process of its own, so that its work is not the desk's. Standard input says what to do, a JSON line
at a time: `{"connect": [{"group", "url", "cookie"}]}`, then `{"report": true}`. Times are of the machine's monotonic
clock, which all its processes share.
"""

import asyncio
import json
import re
import sys
import time
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

ABOUT = {"caller": re.compile(r"0800-?\d{3}-?\d{4}|\+81800\d{7}"), "row": re.compile(r'"row":(\d+)')}
"""What frames are told apart by: the caller of a card, or the tickets whose rows they bring."""

heard: dict[str, list[tuple[int, int, str]]] = {}
"""Group -> which socket, when, and about whom or what."""


async def main() -> None:
    """Do what standard input says until it ends."""
    sockets: list[ClientConnection] = []
    tasks: list[asyncio.Task[None]] = []
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        if "connect" in order:
            for each in order["connect"]:
                headers = {"cookie": each["cookie"]} if each["cookie"] else {}
                socket = await connect(each["url"], additional_headers=headers, compression=None)
                sockets.append(socket)
                notes, about = heard.setdefault(each["group"], []), ABOUT[each.get("about", "caller")]
                tasks.append(asyncio.create_task(_listen(socket, len(tasks), notes, about)))
            await asyncio.sleep(0.5)
            for notes in heard.values():
                notes.clear()
            _answer({"connected": len(sockets)})
        elif "report" in order:
            _answer({group: _by_key(notes) for group, notes in heard.items()})
        else:
            for socket in sockets:
                await socket.close()
            sockets.clear()
            heard.clear()
            _answer({"connected": 0})


async def _listen(
    socket: ClientConnection, place: int, notes: list[tuple[int, int, str]], about: re.Pattern[str]
) -> None:
    async for frame in socket:
        at = time.monotonic_ns()
        for key in about.findall(str(frame)):
            notes.append((place, at, key))


def _by_key(notes: list[tuple[int, int, str]]) -> dict[str, list[int]]:
    """When the frames about each caller or ticket came: one time a socket, its first. Of a caller the last digits."""
    told: dict[str, dict[int, int]] = {}
    for place, at, key in notes:
        told.setdefault(re.sub(r"\D", "", key)[-7:], {}).setdefault(place, at)
    return {key: list(times.values()) for key, times in told.items()}


def _answer(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
