"""Recordings of what an Asterisk says, made to be sent to somebody else, and played again.

The one idea: a number is replaced by an invented one of its own, the same everywhere in a recording, so that what
belongs together still does and nobody can be called. Names and everything a dialplan may have put into a variable are
dropped: only fields that are known to hold no person's words are kept.

A line is JSON: `{"after": seconds, "event": {...}}`, or `{"after": seconds, "channel": ..., "presentation": ...}`, the
answer to what was asked about a caller. The first line says what it is.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cti.asterisk import PRESENTATION, Ask, Machine
from helpdesk.asterisk.connection import Access, connected
from helpdesk.asterisk.stage import Stage
from helpdesk.errors import Invalid

FORMAT = "madoguchi-asterisk-1"
_KEPT = re.compile(
    r"(Event|Privilege|Timestamp|SystemName|Response|Reason|ActionID|Result|Queue|Position|Count|HoldTime|RingTime|"
    r"TalkTime|OriginalPosition|Cause|Cause-txt|DialStatus|CID-CallingPres|Newname|Extension|Interface|Location|"
    r"(Local(One|Two)|Dest|Target|Transferer|Transferee|TransferTarget|OrigTransferer|SecondTransferer|To|From|"
    r"OrigBridge|SecondBridge)?"
    r"(Channel|ChannelState|ChannelStateDesc|CallerIDNum|ConnectedLineNum|Context|Exten|Priority|Uniqueid|Linkedid|"
    r"BridgeUniqueid|BridgeType|BridgeTechnology|BridgeNumChannels))"
)
_IDS = re.compile(r"(Uniqueid|Linkedid|Timestamp)$")
_LONG = re.compile(r"\+?\d{7,}")
_SUFFIX = re.compile(r"-[0-9a-f]{8}(;[12])?(<ZOMBIE>)?$")
_SHORT_WORDS = frozenset({"", "s", "h", "i", "t", "<unknown>", "unknown", "anonymous", "Anonymous", "restricted"})


class Masks:
    """Invents a number for each number. They begin with 0990, which nobody has any more."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def number(self, typed: str) -> str:
        """One of seven digits or more. Shorter ones, extensions, stay what they are."""
        digits = re.sub(r"\D", "", typed)
        if len(digits) < 7:
            return typed
        return self._known.setdefault(_national(digits), f"0990{len(self._known) + 1:06d}")

    def event(self, event: Mapping[str, str]) -> dict[str, str]:
        """An event without anybody's number or name."""
        return {name: self.field(name, value) for name, value in event.items() if _KEPT.fullmatch(name)}

    def field(self, name: str, value: str) -> str:
        """One value: ids as they are, every long run of digits replaced, and a word in a number's place dropped."""
        if _IDS.search(name):
            return value
        if name.endswith(("CallerIDNum", "ConnectedLineNum")):
            masked = self.number(value)
            return masked if re.fullmatch(r"[\d+*#-]*", masked) or masked in _SHORT_WORDS else ""
        suffix = found[0] if (found := _SUFFIX.search(value)) else ""
        return _LONG.sub(lambda found: self.number(found[0]), value.removesuffix(suffix)) + suffix


@dataclass
class Recording:
    """What is played again: events with the seconds after which they were heard, and presentations by channel."""

    events: list[tuple[float, dict[str, str]]] = field(default_factory=list)
    presentations: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.events[-1][0] if self.events else 0.0


async def record(
    access: Access,
    machine: Machine,
    write: Callable[[str], object],
    *,
    masks: Masks,
    clock: Callable[[], datetime],
    until: asyncio.Event,
) -> int:
    """Write down what an Asterisk says until told to stop. Returns how many events. Raises as `connected` does."""
    began, asked, number, heard = time.monotonic(), dict[str, str](), 0, 0
    write(json.dumps({"format": FORMAT}))
    async with connected(access) as connection:
        stopping = asyncio.ensure_future(until.wait())
        try:
            while not until.is_set():
                hearing = asyncio.ensure_future(connection.messages())
                await asyncio.wait((hearing, stopping), return_when=asyncio.FIRST_COMPLETED)
                if not hearing.done():
                    hearing.cancel()
                    break
                for message in hearing.result():
                    after = round(time.monotonic() - began, 3)
                    if (channel := asked.pop(message.get("ActionID", ""), None)) is not None:
                        value = message.get("Value", "")
                        write(json.dumps({"after": after, "channel": masks.field("Channel", channel),
                                          "presentation": value}))  # fmt: skip
                    if "Event" not in message:
                        continue
                    heard += 1
                    write(json.dumps({"after": after, "event": masks.event(message)}))
                    for each in machine.feed(message, at=clock()):
                        if isinstance(each, Ask):
                            number += 1
                            asked[f"who-{number}"] = each.channel
                            connection.send("Getvar", key=f"who-{number}", Channel=each.channel, Variable=PRESENTATION)
        finally:
            stopping.cancel()
    return heard


def read(lines: Iterable[str]) -> Recording:
    """A recording. Raises `Invalid("not_a_recording")` with the line's number."""
    told = Recording()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row: dict[str, Any] = json.loads(line)
            if number == 1 and row["format"] == FORMAT:
                continue
            if "event" in row:
                event = {str(name): str(value) for name, value in row["event"].items()}
                told.events.append((float(row["after"]), event))
            else:
                told.presentations[str(row["channel"])] = str(row["presentation"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Invalid("not_a_recording", line=number) from error
    return told


def load(path: Path) -> Recording:
    """A recording from a file. Raises `Invalid`, and OSError."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        return read(lines)


async def play(recording: Recording, stage: Stage, *, speed: float, turn: str) -> int:
    """Say it all at `stage`, as slowly as it was heard or `speed` times as fast. Returns how many events were said.

    `turn` makes its calls other ones than those of the last time it was played.
    """
    began = time.monotonic()
    for after, event in recording.events:
        wait = after / speed - (time.monotonic() - began)
        if wait > 0:
            await asyncio.sleep(wait)
        told = {name: f"{turn}-{value}" if value and _IDS.search(name) else value for name, value in event.items()
                if name != "Timestamp"}  # fmt: skip
        await stage.say([told])
    return len(recording.events)


def _national(digits: str) -> str:
    """The digits of a number alike, with its country or without: they are one person's."""
    return f"0{digits[2:]}" if digits.startswith("81") and len(digits) >= 11 else digits
