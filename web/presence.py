"""Who has which ticket open, and who is writing there: known for as long as it is so, and kept nowhere.

The idea: an entry is a socket's word with an end. Its own process drops it with the socket; other processes hear it
over the bus, hear it again every few seconds, and let it end when they no longer do, so a process that died looks at
nothing. Nothing is written down: what was not seen while it lasted cannot be read afterwards.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

OPEN_SECONDS, WRITING_SECONDS = 70.0, 6.0
"""A page says every twenty seconds that it is open, and every few that somebody types."""
FAR_SECONDS = 12.0
"""What another process said holds for so long; it is repeated every `REPEAT_SECONDS`."""
REPEAT_SECONDS = 5.0
WRITES = ("", "reply", "note")
_ROOM = 7000  # bytes of a NOTIFY


@dataclass(frozen=True, slots=True)
class Looker:
    """Somebody before a ticket."""

    agent_id: int
    name: str
    reading: str
    writes: str  # "reply", "note" or "": only looks


@dataclass(slots=True)
class _Entry:
    ticket_id: int
    looker: Looker
    until: float
    writes_until: float
    is_far: bool


class Presence:
    """What one process knows. Times are of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def look(self, key: str, ticket_id: int, agent_id: int, name: str, writes: str, *, reading: str = "",
             now: float, is_far: bool = False) -> set[int]:  # fmt: skip
        """The socket `key` has the ticket open, 0 for none. Returns the tickets before which somebody else stands now.

        Whoever begins to look does not take back that they write: that ends by itself, or by `stop`.
        """
        before = self._entries.get(key)
        if ticket_id == 0:
            return self.leave(key)
        entry = _Entry(
            ticket_id, Looker(agent_id, name, reading, writes), now + (FAR_SECONDS if is_far else OPEN_SECONDS),
            now + WRITING_SECONDS if writes else 0.0, is_far,
        )  # fmt: skip
        self._entries[key] = entry
        if before is None:
            return {ticket_id}
        if before.ticket_id != ticket_id:
            return {before.ticket_id, ticket_id}
        return set() if before.looker == entry.looker else {ticket_id}

    def leave(self, key: str) -> set[int]:
        """The socket is closed."""
        gone = self._entries.pop(key, None)
        return {gone.ticket_id} if gone else set()

    def expire(self, now: float) -> set[int]:
        """Let end what is over. Returns the tickets before which that changes something."""
        changed = set()
        for key, entry in list(self._entries.items()):
            if entry.until <= now:
                changed |= self.leave(key)
            elif entry.looker.writes and not entry.is_far and entry.writes_until <= now:
                entry.looker = replace(entry.looker, writes="")
                changed.add(entry.ticket_id)
        return changed

    def at(self, ticket_id: int) -> list[Looker]:
        """Everybody before a ticket, once each, by number; who writes in one window writes."""
        found: dict[int, Looker] = {}
        for entry in self._entries.values():
            if entry.ticket_id == ticket_id:
                known = found.get(entry.looker.agent_id)
                if known is None or (entry.looker.writes and not known.writes):
                    found[entry.looker.agent_id] = entry.looker
        return [found[agent_id] for agent_id in sorted(found)]

    def is_empty(self) -> bool:
        """Whether nobody looks at anything."""
        return not self._entries

    def said(self, process: str, keys: Iterable[str] | None = None) -> Iterator[str]:
        """Our own entries for the other processes, those of `keys` or all, in pieces a NOTIFY has room for."""
        rows: list[list[object]] = []
        size = 0
        for key in keys if keys is not None else list(self._entries):
            entry = self._entries.get(key)
            if entry is not None and entry.is_far:
                continue
            of = entry.looker if entry else None
            row = ([key, entry.ticket_id, of.agent_id, of.name, of.writes, of.reading] if entry and of
                   else [key, 0, 0, "", "", ""])  # fmt: skip
            more = len(json.dumps(row)) + 2
            if rows and size + more > _ROOM:
                yield json.dumps({"from": process, "at": rows})
                rows, size = [], 0
            rows.append(row)
            size += more
        if rows:
            yield json.dumps({"from": process, "at": rows})

    def hear(self, text: str, process: str, *, now: float) -> set[int]:
        """What another process said; its own words come back to each and are not heard."""
        told = json.loads(text)
        if told["from"] == process:
            return set()
        changed: set[int] = set()
        for key, ticket_id, agent_id, name, writes, reading in told["at"]:
            key = f"{told['from']}/{key}"
            changed |= self.look(key, ticket_id, agent_id, name, writes, reading=reading, now=now, is_far=True)
        return changed
