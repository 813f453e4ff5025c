"""A call: from the signed webhook to the frame at an agent's socket, with one, five and two hundred agents told.

Five calls a second are posted to the desk and, between them, five to the floor, so both meet the same machine. A second
floor stores the form durably before it tells the sockets: no desk that loses nothing can do less.
"""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from tests.bench import company, servers
from tests.bench.figures import percentile, say, tell
from tests.bench.floor import TOKEN

PATH = "/hooks/twilio/voice"
PAUSE = 0.2  # seconds between two calls
AT_ONCE = 20  # calls of a storm


def measure(folder: Path, *, quick: bool, customers: int) -> None:
    """Tell p50 and p99 for each number of agents."""
    data = folder / "ring"
    tokens = company.open_for_business(data, customers=customers)
    with servers.desk(data) as desk, servers.floor(data) as floor:
        desk.wait_until_ready()
        listeners = Listeners()
        try:
            first = 1
            for slug, team in tokens.items():
                if team:
                    calls = (20 if quick else 100) if len(team) < 100 else (10 if quick else 50)
                    say(f"ringing {calls} calls at {len(team)} agents ...")
                    ring_at(desk, floor, listeners, slug, team, range(first, first + calls))
                    first += calls
            for slug, team in tokens.items():
                if len(team) == 5:
                    say(f"ringing {AT_ONCE} calls at once ...")
                    storm_at(desk, floor, listeners, slug, team, range(first, first + AT_ONCE))
        finally:
            listeners.close()


def ring_at(
    desk: servers.Server, floor: servers.Server, listeners: "Listeners", slug: str, team: list[str], callers: range,
    *, name: str = "ring_to_frame",
) -> None:  # fmt: skip
    listeners.ask({"connect": [
        *({"group": "desk", "url": f"ws://127.0.0.1:{desk.port}/live", "cookie": f"desk={token}"} for token in team),
        *({"group": "floor", "url": f"ws://127.0.0.1:{floor.port}/live", "cookie": ""} for _ in team),
    ]})  # fmt: skip
    sent: dict[str, dict[str, int]] = {"desk": {}, "floor": {}, "kept": {}}
    answered: list[float] = []
    lines = [
        threading.Thread(target=_call, args=(desk, PATH, slug, callers, sent["desk"], answered)),
        threading.Thread(target=_call, args=(floor, "/ring", slug, callers, sent["floor"], [])),
        threading.Thread(target=_call, args=(floor, "/ring-kept", slug, _others(callers), sent["kept"], [])),
    ]
    for line in lines:
        line.start()
        time.sleep(PAUSE / 3)
    for line in lines:
        line.join()
    time.sleep(3.0)
    told = listeners.ask({"report": True})
    listeners.ask({"leave": True})
    each, last = {}, {}
    for side in ("desk", "floor", "kept"):
        heard = told["floor" if side == "kept" else side]
        waits = [[(at - began) / 1e6 for at in heard.get(key, ())] for key, began in sent[side].items()]
        each[side], last[side] = [ms for wait in waits for ms in wait], [max(wait) for wait in waits if wait]
    lost = len(callers) * len(team) - len(each["desk"])
    agents = len(team)
    tell(f"{name}_p50_{agents}_agents", percentile(each["desk"], 0.5), "ms",
         floor=percentile(each["floor"], 0.5), bar="ratio <= 3" if agents <= 5 else "",
         lost=lost, calls=len(callers), floor_with_a_commit=percentile(each["kept"], 0.5),
         ratio_to_it=percentile(each["desk"], 0.5) / percentile(each["kept"], 0.5))  # fmt: skip
    tell(f"{name}_p99_{agents}_agents", percentile(each["desk"], 0.99), "ms",
         floor=percentile(each["floor"], 0.99), bar="value < 150" if agents <= 5 else "",
         last_agent_p50=percentile(last["desk"], 0.5), webhook_answer_p50=percentile(answered, 0.5),
         webhook_answer_p99=percentile(answered, 0.99), first_call=_first(sent["desk"], told["desk"]))  # fmt: skip


def storm_at(
    desk: servers.Server, floor: servers.Server, listeners: "Listeners", slug: str, team: list[str], callers: range
) -> None:
    """All of them call in the same moment, each by a connection of its own; first the desk, then the floor."""
    listeners.ask({"connect": [
        *({"group": "desk", "url": f"ws://127.0.0.1:{desk.port}/live", "cookie": f"desk={token}"} for token in team),
        *({"group": "floor", "url": f"ws://127.0.0.1:{floor.port}/live", "cookie": ""} for _ in team),
    ]})  # fmt: skip
    sent: dict[str, dict[str, int]] = {"desk": {}, "floor": {}}
    answered: dict[str, list[float]] = {"desk": [], "floor": []}
    for side, server, path in (("desk", desk, PATH), ("floor", floor, "/ring")):
        calls = [
            threading.Thread(target=_call, args=(server, path, slug, range(each, each + 1), sent[side], answered[side]))
            for each in callers
        ]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        time.sleep(3.0)
    told = listeners.ask({"report": True})
    listeners.ask({"leave": True})
    waits = {side: [(at - began) / 1e6 for key, began in sent[side].items() for at in told[side].get(key, ())]
             for side in sent}  # fmt: skip
    tell(f"ring_storm_p99_{len(team)}_agents", percentile(waits["desk"], 0.99), "ms",
         floor=percentile(waits["floor"], 0.99), bar="value < 600", p50=percentile(waits["desk"], 0.5),
         calls=len(callers), lost=len(callers) * len(team) - len(waits["desk"]),
         webhook_answer_p99=percentile(answered["desk"], 0.99))  # fmt: skip


def _others(callers: range) -> range:
    """As many callers whom nobody else is."""
    return range(callers.start + 5_000, callers.stop + 5_000)


def _first(sent: dict[str, int], told: dict[str, list[int]]) -> float:
    """The very first call, which found everything cold."""
    key, began = next(iter(sent.items()))
    return (min(told[key]) - began) / 1e6 if told.get(key) else 0.0


def _call(
    server: servers.Server, path: str, slug: str, callers: range, sent: dict[str, int], answered: list[float]
) -> None:
    """Post each call when its time has come, signed as Twilio signs."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    validator = RequestValidator(TOKEN)
    for number in paced(callers):
        form = {
            "AccountSid": "AC00000000000000000000000000000000", "ApiVersion": "2010-04-01",
            "CallSid": f"CA{number:032}", "CallStatus": "ringing", "Direction": "inbound",
            "From": company.phone_of(number), "To": company.PHONES[slug], "FromCountry": "JP", "ToCountry": "JP",
        }  # fmt: skip
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": validator.compute_signature(server.url + path, form),
        }
        body = urlencode(form)
        began = sent[company.phone_of(number)[-7:]] = time.monotonic_ns()
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        told = answer.read()
        assert answer.status == 200, (answer.status, told)
        answered.append((time.monotonic_ns() - began) / 1e6)
    connection.close()


def paced(callers: range) -> Iterator[int]:
    """Each caller at its time; whoever is late does not make the next one later."""
    began = time.monotonic()
    for place, number in enumerate(callers):
        time.sleep(max(0.0, began + place * PAUSE - time.monotonic()))
        yield number


class Listeners:
    """The process that listens."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.listeners"], cwd=servers.ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        print(json.dumps(order), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)
