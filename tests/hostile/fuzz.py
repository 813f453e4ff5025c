"""A coverage-guided fuzzer for the reader: mutate, read, and keep what reached a place no mail reached before.

    python -m tests.hostile.fuzz [--seconds 60] [--seed 1]        (make fuzz ARGS="--seconds 600")

The one idea: inputs that find a new line, or a new way from one line to another, are worth mutating further. Where the
interpreter can watch lines at no cost (`sys.monitoring`, Python 3.12) it does; before, `sys.settrace` sees the ways
between lines too, and is slower. What breaks a promise of tests/hostile/promises.py is written to .cache/fuzz, made as
short as a few tries can make it, and ends the run with exit code 1.
"""

import argparse
import hashlib
import math
import random
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from helpdesk.mail import parse
from tests.hostile import KINDS
from tests.hostile.promises import broken

FOLDER = Path(".cache/fuzz")
ROOM = str(Path(parse.__file__).parent)
MESSAGES = Path(__file__).parents[1] / "helpdesk" / "mail" / "messages"
SEED_BYTES = 6_000  # of a kind that is small enough to be mutated many times a second
MAIL_BYTES = 20_000
SLOW_SECONDS = 2.0  # for so little; whatever takes longer is written down like a crash

Judge = Callable[[bytes], str]


def judge(raw: bytes) -> str:
    """What is wrong with the reader's answer to these bytes, or ""."""
    worked, began = time.thread_time(), time.monotonic()
    try:
        fault = broken(parse.read(raw))
    except Exception as error:
        return f"raised {type(error).__name__}: {error}"[:300]
    spent = min(time.thread_time() - worked, time.monotonic() - began)  # some machines' clock of the processor leaps
    return fault or ("took too long" if spent > SLOW_SECONDS else "")


def seeds() -> list[bytes]:
    """The small kinds and the recorded mails."""
    small = [raw for one in KINDS if len(raw := one.raw()) <= SEED_BYTES]
    return small + [path.read_bytes() for path in sorted(MESSAGES.glob("*.eml"))]


class Coverage:
    """Which places of the files under `room` were reached so far. `reached(f, x)` runs and says how many are new."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.places: set[object] = set()

    def reached(self, judge: Judge, raw: bytes) -> tuple[str, int]:
        """The judgement, and the number of places that no call before this one reached."""
        before = len(self.places)
        if sys.version_info >= (3, 12):
            fault = self._monitored(judge, raw)
        else:
            outer = sys.gettrace()  # a debugger's or a coverage tool's, which goes on afterwards
            sys.settrace(self._enter)
            try:
                fault = judge(raw)
            finally:
                sys.settrace(outer)
        return fault, len(self.places) - before

    def _enter(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        if not code.co_filename.startswith(self.room):
            return None
        last = 0
        places = self.places

        def line(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal last
            if event == "line":
                number = frame.f_lineno
                places.add((code, last, number))
                last = number
            return line

        return line

    def _monitored(self, judge: Judge, raw: bytes) -> str:
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        tool = monitoring.PROFILER_ID

        def line(code: CodeType, number: int) -> Any:
            if code.co_filename.startswith(self.room):
                self.places.add((code, number))
            return monitoring.DISABLE

        def jump(code: CodeType, origin: int, target: int) -> Any:
            if not code.co_filename.startswith(self.room):
                return monitoring.DISABLE
            self.places.add((code, origin, target))
            return None

        monitoring.use_tool_id(tool, "fuzz")
        try:
            monitoring.register_callback(tool, monitoring.events.LINE, line)
            monitoring.register_callback(tool, monitoring.events.BRANCH, jump)
            monitoring.set_events(tool, monitoring.events.LINE | monitoring.events.BRANCH)
            return judge(raw)
        finally:
            monitoring.set_events(tool, 0)
            monitoring.free_tool_id(tool)


class Fuzzer:
    """Holds the corpus, its words, and what broke. `run` goes on until the time is over or something broke."""

    def __init__(self, corpus: Iterable[bytes], *, judge: Judge = judge, room: str = ROOM, seed: int = 1) -> None:
        self.chance = random.Random(seed)
        self.judge = judge
        self.coverage = Coverage(room)
        self.corpus: list[bytes] = []
        self.words: list[bytes] = list(_WORDS)
        self.faults: list[tuple[str, bytes]] = []
        self.tried = self.found = 0
        for raw in corpus:
            self._try(raw, is_seed=True)
        lines = {line for raw in self.corpus for line in raw.split(b"\r\n") if 3 < len(line) < 120}
        self.words += sorted(lines)

    def run(self, *, seconds: float = math.inf, mutants: float = math.inf, faults: int = 1) -> None:
        """Mutate for so many seconds of processor time, so many times, or until that many faults were found."""
        until, last = time.thread_time() + seconds, self.tried + mutants
        while time.thread_time() < until and self.tried < last and len(self.faults) < faults:
            self._try(self.mutant())

    def mutant(self) -> bytes:
        """A member of the corpus, the young ones preferred, after one to four changes."""
        size = len(self.corpus)
        raw = self.corpus[max(self.chance.randrange(size), self.chance.randrange(size))]
        for _ in range(self.chance.choice((1, 1, 2, 2, 3, 4))):
            raw = self.chance.choice(_CHANGES)(self, raw)
        return raw[:MAIL_BYTES]

    def shortest(self, raw: bytes, *, tries: int = 300) -> bytes:
        """A shorter input with the same fault, as far as cutting pieces off leads."""
        fault = self.judge(raw).split(":")[0]
        piece = max(1, len(raw) // 2)
        while tries > 0 and piece:
            start = 0
            while start < len(raw) and tries > 0:
                shorter = raw[:start] + raw[start + piece :]
                tries -= 1
                if self.judge(shorter).split(":")[0] == fault:
                    raw = shorter
                else:
                    start += piece
            piece //= 2
        return raw

    def _try(self, raw: bytes, *, is_seed: bool = False) -> None:
        fault, new = self.coverage.reached(self.judge, raw)
        self.tried += 1
        if fault:
            self.faults.append((fault, raw))
        elif new or is_seed:
            self.corpus.append(raw)
            self.found += not is_seed


# Changes ------------------------------------------------------------------------------------------------------------

_WORDS = [b"\0", b"\r\n", b"\n", b"\r\n\r\n", b"--b", b"--b--", b"\xff", b"\x1b$B", b"\x1b(B", b"\x1b(J", b"\x0e",
          b"\x8e",
          b"=?utf-8?B?", b"=?iso-2022-jp?Q?", b"?=", b"\"", b"(", b")", b"<", b">", b";", b":", b",", b"'", b"\\",
          b"@", b"*0*=",
          b"charset=utf-7", b"charset=utf-16", b"charset=iso-2022-jp", b"charset=euc-jp", b"charset=hz-gb-2312",
          b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: quoted-printable\r\n",
          b"Content-Type: text/html\r\n", b"Content-Type: text/calendar\r\n", b"Content-Type: application/ms-tnef\r\n",
          b"Content-Type: message/rfc822\r\n", b"Content-Type: multipart/report; boundary=b\r\n",
          b"format=flowed; delsp=yes",
          b"&#x110000;", b"&#55296;", b"+2AA-", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\xcc\x96\xcc\x81",
          b"<div style='", b"<!--", b"<style>", b"</", b"cid:", b"BEGIN:VEVENT\r\n", b"> ", b"-- \r\n", b"=\r\n",
          b"\xe2\x80\xae",
          b"\x78\x9f\x3e\x22", b"\xff\xff\xff\xff", b'{"notificationType":']  # fmt: skip


def _place(fuzzer: Fuzzer, raw: bytes) -> int:
    return fuzzer.chance.randrange(len(raw) + 1)


def _insert(fuzzer: Fuzzer, raw: bytes) -> bytes:
    at = _place(fuzzer, raw)
    return raw[:at] + fuzzer.chance.choice(fuzzer.words) + raw[at:]


def _overwrite(fuzzer: Fuzzer, raw: bytes) -> bytes:
    at, word = _place(fuzzer, raw), fuzzer.chance.choice(fuzzer.words)
    return raw[:at] + word + raw[at + len(word) :]


def _byte(fuzzer: Fuzzer, raw: bytes) -> bytes:
    at = _place(fuzzer, raw)
    return raw[:at] + bytes((fuzzer.chance.randrange(256),)) + raw[at + 1 :]


def _cut(fuzzer: Fuzzer, raw: bytes) -> bytes:
    at = _place(fuzzer, raw)
    return raw[:at] + raw[at + fuzzer.chance.choice((1, 2, 8, 40, 200)) :]


def _again(fuzzer: Fuzzer, raw: bytes) -> bytes:
    at, length = _place(fuzzer, raw), fuzzer.chance.choice((1, 4, 20, 100))
    return raw[:at] + raw[at : at + length] * fuzzer.chance.choice((2, 5, 60)) + raw[at + length :]


def _splice(fuzzer: Fuzzer, raw: bytes) -> bytes:
    other = fuzzer.chance.choice(fuzzer.corpus)
    return raw[: _place(fuzzer, raw)] + other[_place(fuzzer, other) :]


def _lines(fuzzer: Fuzzer, raw: bytes) -> bytes:
    lines = raw.split(b"\r\n")
    one, two = fuzzer.chance.randrange(len(lines)), fuzzer.chance.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    return b"\r\n".join(lines)


def _line(fuzzer: Fuzzer, raw: bytes) -> bytes:
    lines = raw.split(b"\r\n")
    lines.insert(fuzzer.chance.randrange(len(lines) + 1), fuzzer.chance.choice(fuzzer.words))
    return b"\r\n".join(lines)


def _end(fuzzer: Fuzzer, raw: bytes) -> bytes:
    return raw[: _place(fuzzer, raw)]


_CHANGES = (_insert, _insert, _overwrite, _byte, _byte, _cut, _again, _splice, _lines, _line, _line, _end)


def main() -> int:
    """Fuzz for a while; say what was reached and write down what broke."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.hostile.fuzz", description="Look for bytes the reader fears."
    )
    parser.add_argument("--seconds", type=float, default=60, help="of processor time")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30), help="to repeat a run")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    fuzzer = Fuzzer(seeds(), seed=asked.seed)
    fuzzer.run(seconds=asked.seconds, faults=5)
    print(f"{fuzzer.tried} mails, {len(fuzzer.coverage.places)} places, {fuzzer.found} found something new")
    for fault, raw in fuzzer.faults:
        FOLDER.mkdir(parents=True, exist_ok=True)
        short = fuzzer.shortest(raw)
        path = FOLDER / f"{hashlib.sha256(short).hexdigest()[:16]}.eml"
        path.write_bytes(short)
        print(f"{path} ({len(short)} bytes): {fault}")
    return 1 if fuzzer.faults else 0


if __name__ == "__main__":
    sys.exit(main())
