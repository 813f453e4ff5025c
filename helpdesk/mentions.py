"""Colleagues called by name in a note: "@山田 愛子さん、確認お願いします".

The idea: a name is found by looking for each colleague's, not by guessing where one ends, because Japanese puts no
space after it. A family name alone will do where only one colleague has it. Width, case and spaces do not matter.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from helpdesk import agents, notifications, romaji, watchers
from models import Agent, Note, NotificationKind, Ticket

SHORTEST = 2  # letters of a name that is taken for one


@dataclass(frozen=True, slots=True)
class Mention:
    """Who is meant, and which part of the text says so."""

    agent_id: int
    start: int
    end: int


def find(text: str, staff: Iterable[Agent]) -> list[Mention]:
    """Everybody called in a text, in order; of names of which one begins with another, the longest."""
    if "@" not in text and "＠" not in text:
        return []
    names = _names(staff)
    found: list[Mention] = []
    for at, letter in enumerate(text):
        if letter in "@＠" and not (at and text[at - 1].isascii() and text[at - 1].isalnum()):
            ends = ((agent_id, _end(text, at + 1, name)) for name, agent_id in names)
            best = max(((end, agent_id) for agent_id, end in ends if end), default=None)
            if best:
                found.append(Mention(best[1], at, best[0]))
    return found


def tell(db: Session, ticket: Ticket, note: Note, *, by: Agent | None, now: datetime) -> None:
    """Tell those a note calls, and let them watch the ticket; those who may not see it are not called."""
    if "@" not in note.text and "＠" not in note.text:
        return
    staff = {agent.id or 0: agent for agent in db.exec(select(Agent)) if agent.is_active}
    for agent_id in dict.fromkeys(mention.agent_id for mention in find(note.text, staff.values())):
        agent = staff[agent_id]
        if ticket.assignee_id != agent_id and not agents.serves(db, agent, ticket.queue_id):
            continue
        notifications.tell(
            db, agent_id, NotificationKind.MENTIONED, ticket_id=ticket.id, note_id=note.id,
            by_id=by.id if by else None, now=now,
        )  # fmt: skip
        if by is None or agent_id != by.id:
            watchers.watch(db, ticket, agent, by=by, now=now)


def _names(staff: Iterable[Agent]) -> Sequence[tuple[str, int]]:
    """Every way to call somebody that means one of them alone, folded."""
    people = list(staff)
    ways: dict[str, set[int]] = {}
    for agent in people:
        latin = romaji.latin(agent.name, agent.reading)
        for name in (agent.name, *agent.name.split()[:1], agent.reading, latin, *latin.split()[:1]):
            if len(folded := _folded(name)) >= SHORTEST:
                ways.setdefault(folded, set()).add(agent.id or 0)
    return [(name, next(iter(ids))) for name, ids in ways.items() if len(ids) == 1]


def _folded(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _end(text: str, start: int, name: str) -> int:
    """Where a folded name ends that begins here; 0 where it does not stand here."""
    at, left = start, name
    while left and at < len(text):
        letter = _folded(text[at])
        if letter and not left.startswith(letter):
            return 0
        left, at = left[len(letter) :], at + 1
    if left:
        return 0
    # "@Ben" does not mean the Ben of "@Benjamin".
    return 0 if at < len(text) and name[-1].isascii() and text[at].isascii() and text[at].isalnum() else at
