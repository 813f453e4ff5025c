"""A scenario or a recording played against a running desk, and how soon agents saw what happened.

The idea: the desk is met where everybody meets it. Calls come in by the signed webhook and the generic push, agents
sign in on the sign-in page, listen at the socket their browsers use, and wrap up what they have talked about, by the
form on their card. So what is measured is what an agent waits for:
from the moment a telephone system begins to say a thing to the frame that shows it.
"""

import asyncio
import contextlib
import json
import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.client import HTTPMessage
from typing import IO, Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from cti import replay
from cti.scenarios import Step
from cti.twilio import STATUS_PATH, VOICE_PATH
from helpdesk.customers import contact_points
from helpdesk.settings import Settings
from helpdesk.simulate import SimulationFailed, at_host, post, post_as_twilio

__all__ = ["Report", "play"]

AT_ONCE = 32  # requests under way; a telephone system does not wait for one to begin the next
QUIET_SECONDS = 1.0  # without a frame after the last word, and all has been shown
LATEST_SECONDS = 10.0  # and no longer than this
WRAP_UP_SECONDS = 10.0  # an agent's work after a call, by the scenario's clock
_CARD = re.compile(r'id="call-(\d+)"[^>]*data-state="(\w+)"')
_SEQUENCE = {"ring": 1, "queued": 1, "answer": 2, "hold": 3, "resume": 4, "transfer": 5, "hangup": 9}


@dataclass
class Seen:
    """What reached one agent's screen."""

    frames: int = 0
    cards: int = 0
    milliseconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


@dataclass
class Report:
    """Times in milliseconds. `seen` is by the agent's address; `said` counts the steps by event."""

    said: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    refused: list[str] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    rung: int = 0
    shown: int = 0  # rings that reached somebody
    over: int = 0  # that reached nobody, and whose caller had hung up before the desk had taken in the ring

    def told(self) -> Iterable[dict[str, Any]]:
        """One record for the telephone systems' side, then one an agent and event."""
        yield {
            "said": dict(self.said), "refused": len(self.refused), "calls_rung": self.rung, "calls_shown": self.shown,
            "calls_over_before": self.over,
            **_spread("answer_ms", self.answers),
        }  # fmt: skip
        for email, seen in self.seen.items():
            yield {"agent": email, "frames": seen.frames, "cards": seen.cards}
            for event, times in sorted(seen.milliseconds.items()):
                yield {"agent": email, "event": event, **_spread("screen_ms", times)}


def play(
    settings: Settings, steps: Sequence[Step], *, speed: float, accounts: Mapping[str, str], exchange: str = "",
    rings_off: bool = True,
) -> Report:  # fmt: skip
    """Play the steps, `speed` times as fast as they are written down, while the accounts (address -> password) watch.

    `exchange` names the one of `settings.push_tokens` to speak as; without it all goes in by Twilio's door, and what
    Twilio cannot say is left out. With `rings_off` nobody is left on the line at the end. Raises `SimulationFailed`.
    """
    if exchange and exchange not in settings.push_tokens:
        raise SimulationFailed(f"No exchange is called {exchange!r}. Set DESK_PUSH_TOKENS={exchange}=...")
    return asyncio.run(_Player(settings, exchange, speed).play(steps, accounts, rings_off=rings_off))


class _Player:
    """One performance."""

    def __init__(self, settings: Settings, exchange: str, speed: float) -> None:
        self._settings, self._exchange, self._speed = settings, exchange, speed
        self._wrapping_up: list[asyncio.Task[None]] = []
        self._report = Report()
        # The same recording played again is other calls.
        self._run = secrets.token_hex(4)
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._heard_at = 0.0
        self._rings: dict[str, Step] = {}
        self._numbers: dict[str, str] = {}  # digits of the caller's number as shown -> the call's name
        self._unnamed: list[str] = []  # calls without a number that have not been seen yet
        self._ids: dict[str, str] = {}  # the desk's id of a call -> its name here
        self._said_at: dict[tuple[str, str], float] = {}  # (call, event) -> when its telling began
        self._taken_at: dict[str, float] = {}  # call -> when its ring was first answered

    async def play(self, steps: Sequence[Step], accounts: Mapping[str, str], *, rings_off: bool) -> Report:
        sockets = [await self._watch(email, password) for email, password in accounts.items()]
        listening = [
            asyncio.create_task(self._listen(socket, cookie, self._report.seen.setdefault(email, Seen())))
            for (socket, cookie), email in zip(sockets, accounts, strict=True)
        ]
        open_calls = dict.fromkeys(step.call for step in steps)
        began = time.monotonic()
        under_way = []
        for step in steps:
            await asyncio.sleep(max(0.0, began + step.at / self._speed - time.monotonic()))
            under_way.append(asyncio.create_task(self._say(step)))
            if step.event == "hangup":
                open_calls.pop(step.call, None)
        await asyncio.gather(*under_way)
        if rings_off:
            last = (replace(self._rings[call], event="hangup", caller="", called="", cause="cancel")
                    for call in open_calls if call in self._rings)  # fmt: skip
            await asyncio.gather(*(self._say(step) for step in last))
        await self._settle()
        await asyncio.gather(*self._wrapping_up)
        for socket, _ in sockets:
            await socket.close()
        await asyncio.gather(*listening)
        self._pool.shutdown()
        seen = {call for call in self._ids.values() if call in self._rings}
        self._report.shown = len(seen)
        self._report.over = sum(self._said_at.get((call, "hangup"), taken) < taken
                                for call, taken in self._taken_at.items() if call not in seen)  # fmt: skip
        return self._report

    async def _settle(self) -> None:
        self._heard_at = ended = time.monotonic()
        while (now := time.monotonic()) < min(self._heard_at + QUIET_SECONDS, ended + LATEST_SECONDS):
            await asyncio.sleep(min(self._heard_at + QUIET_SECONDS, ended + LATEST_SECONDS) - now)

    async def _say(self, step: Step) -> None:
        """One word, by its door."""
        if step.event in {"ring", "queued"} and step.call not in self._rings:
            self._rings[step.call] = step
            self._report.rung += 1
            if number := contact_points.read_number(step.caller).e164:
                self._numbers[_digits(contact_points.national(number, self._settings.region))] = step.call
            else:
                self._unnamed.append(step.call)
        self._report.said[step.event] += 1
        began = time.monotonic()
        self._said_at.setdefault((step.call, step.event), began)
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._post, step)
        except SimulationFailed as error:
            self._report.refused.append(f"{step.event} of {step.call}: {error}")
        else:
            self._report.answers.append((time.monotonic() - began) * 1000)
            if step.event in {"ring", "queued"}:
                self._taken_at.setdefault(step.call, time.monotonic())

    def _post(self, step: Step) -> None:
        ring = self._rings.get(step.call, step)
        if self._exchange and (step.door == "push" or step.event == "transfer"):
            told: dict[str, Any] = {
                "event": step.event, "call_id": f"{step.call}-{self._run}", "direction": "in", "from": step.caller,
                "to": step.called, "agents": list(step.agents), "cause": step.cause,
                "at": datetime.now(UTC).isoformat(),
            }  # fmt: skip
            body = json.dumps({name: value for name, value in told.items() if value not in ("", [])}).encode()
            token = self._settings.push_tokens[self._exchange].get_secret_value()
            post(self._settings, f"/api/v1/cti/{token}", body, {"Content-Type": "application/json"})
        elif (path_and_form := self._form(step, ring)) is not None:
            post_as_twilio(self._settings, *path_and_form)

    def _form(self, step: Step, ring: Step) -> tuple[str, dict[str, str]] | None:
        """The same in Twilio's words; None for what it has none for."""
        sid = "CA" + f"{step.call}-{self._run}".encode().hex()[-32:].rjust(32, "0")
        if step.event in {"ring", "queued"}:
            return VOICE_PATH, replay.voice_form(sid, step.caller, step.called)
        if step.event not in {"answer", "hangup"}:
            return None
        status, now = ("in-progress" if step.event == "answer" else "completed"), datetime.now(UTC)
        if step.event == "answer" and step.agents:
            leg = "CA" + secrets.token_hex(16)
            agent = f"client:{step.agents[0]}"
            return STATUS_PATH, replay.status_form(leg, status, ring.caller, agent, sequence=2, at=now, parent=sid)
        if step.cause == "cancel":
            status = "canceled" if step.event == "hangup" else status
        form = replay.status_form(sid, status, "", "", sequence=_SEQUENCE[step.event], at=now)
        return STATUS_PATH, {name: value for name, value in form.items() if value or name not in _PARTIES}

    async def _watch(self, email: str, password: str) -> tuple[ClientConnection, str]:
        """Sign in, be ready, and open the socket a browser would open. Returns it with the cookie."""
        base = f"{at_host(self._settings.host)}:{self._settings.port}"
        cookie = await asyncio.get_running_loop().run_in_executor(self._pool, _sign_in, base, email, password)
        try:
            told: dict[str, Any] = {"additional_headers": {"Cookie": cookie}, "origin": f"http://{base}"}
            socket = await connect(f"ws://{base}/live", max_size=None, proxy=None, **told)
        except (OSError, WebSocketException) as error:
            raise SimulationFailed(f"{email} signed in, but the desk's socket did not open: {error}") from error
        return socket, cookie

    async def _wrap_up(self, call_id: str, cookie: str) -> None:
        await asyncio.sleep(WRAP_UP_SECONDS / self._speed)
        form, headers = b"disposition=other&note=", {"Cookie": cookie}
        with contextlib.suppress(SimulationFailed):  # the caller may be back on the line
            await asyncio.get_running_loop().run_in_executor(
                self._pool, post, self._settings, f"/calls/{call_id}/wrap-up", form, headers
            )

    async def _listen(self, socket: ClientConnection, cookie: str, seen: Seen) -> None:
        """Note each frame that shows a call, and what in it is new."""
        states: dict[str, str] = {}
        async for frame in socket:
            at = self._heard_at = time.monotonic()
            seen.frames += 1
            for step in json.loads(frame).get("do", ()):
                html, gone = str(step.get("html", "")), str(step.get("drop", ""))
                if gone.startswith("call-") and (before := states.pop(gone[5:], "")):
                    if before != "wrap_up":  # else the agent has put it away
                        self._note(seen, gone[5:], "gone", at)
                elif (card := _CARD.search(html)) and states.get(card[1]) != card[2]:
                    seen.cards += card[1] not in states
                    states[card[1]] = card[2]
                    self._recognize(card[1], html)
                    self._note(seen, card[1], card[2], at)
                    if card[2] == "wrap_up":
                        self._wrapping_up.append(asyncio.create_task(self._wrap_up(card[1], cookie)))

    def _recognize(self, call_id: str, html: str) -> None:
        if call_id in self._ids:
            return
        for number in re.findall(r'class="number">([^<]+)<', html):
            if call := self._numbers.get(_digits(number)):
                self._ids[call_id] = call
                return
        if self._unnamed and 'class="number"' not in html:
            self._ids[call_id] = self._unnamed.pop(0)

    def _note(self, seen: Seen, call_id: str, state: str, at: float) -> None:
        """How long after its word the state was on the screen. A card goes when another answers or the caller hangs up:
        the later of what was said by then is what it goes for."""
        call = self._ids.get(call_id, "")
        events = {"ringing": ("ring", "queued"), "talking": ("answer",), "wrap_up": ("hangup",)}
        begun = [
            (self._said_at[call, event], event)
            for event in events.get(state, ("answer", "hangup"))
            if (call, event) in self._said_at and self._said_at[call, event] <= at
        ]
        if begun:
            since, event = max(begun)
            seen.milliseconds[event].append((at - since) * 1000)


_PARTIES = frozenset({"From", "To", "Caller", "Called"})


class _Stay(urllib.request.HTTPRedirectHandler):
    """The answer to a sign-in is a redirect, and the cookie is in it."""

    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage,
                         newurl: str) -> None:  # fmt: skip
        return None


def _sign_in(base: str, email: str, password: str) -> str:
    """The cookie of somebody who is signed in and ready."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())

    def send(path: str, told: dict[str, str], **headers: str) -> tuple[int, HTTPMessage]:
        request = urllib.request.Request(f"http://{base}{path}", urllib.parse.urlencode(told).encode(), headers)
        try:
            with opener.open(request, timeout=10) as answer:
                return answer.status, answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.headers  # type: ignore[return-value]
        except OSError as error:
            raise SimulationFailed(f"No desk answers at {base}. Start one with `make demo`.") from error

    status, headers = send("/sign-in", {"email": email, "password": password})
    cookie = str(headers.get("Set-Cookie") or "").partition(";")[0]
    if status != 303 or not cookie:
        raise SimulationFailed(f"{email} cannot sign in: wrong address or password, or tried too often.")
    send("/me/state", {"state": "ready"}, Cookie=cookie)
    return cookie


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _spread(name: str, times: Sequence[float]) -> dict[str, Any]:
    """Count, median, 99th percentile and the longest."""
    if not times:
        return {"count": 0}
    known = sorted(times)
    return {
        "count": len(known),
        f"{name}_p50": round(known[len(known) // 2], 1),
        f"{name}_p99": round(known[min(len(known) - 1, int(len(known) * 0.99))], 1),
        f"{name}_longest": round(known[-1], 1),
    }
