"""How long agents write a reply: from the first letter until it is sent, as far as that was seen.

The one idea: only what the desk knows is measured. Whoever begins to write holds the reply (helpdesk/reply_locks.py),
and that is a fact; who has a ticket open is known while it lasts and kept nowhere (web/presence.py), for a desk should
not write down whom somebody looked at. So reading and looking up are not in these times, nor what was written before a
pause of more than ten minutes, by which a lock ends: they are the least that a reply takes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col

from models import Direction, Event, Message, MessageKind, Ticket

LOOKED_AT: Final = 20_000
"""The newest messages, among which replies are looked for."""
MOST: Final = 2_000
"""Replies that are measured, the newest."""
LONGEST: Final = timedelta(hours=1)
"""More between beginning and sending is somebody who had gone away."""
LOCKED, UNLOCKED = "reply_locked", "reply_unlocked"
_FEW: Final = 500  # tickets one statement asks for


@dataclass(frozen=True, slots=True)
class Writing:
    """Of so many replies half took no more than `seconds`."""

    count: int
    seconds: float


def by_queue(db: Session, *, since: datetime, least: int) -> dict[int | None, Writing]:
    """What was measured of each queue, and of all as None; nothing of fewer than `least` replies."""
    newest = sa.select(
        col(Message.id), col(Message.ticket_id), col(Message.author_id), col(Message.created_at), col(Message.kind),
        col(Message.direction), col(Message.is_automatic),
    ).order_by(col(Message.id).desc()).limit(LOOKED_AT).subquery()  # fmt: skip
    sent = db.execute(
        sa.select(newest.c.ticket_id, newest.c.author_id, newest.c.created_at, col(Ticket.queue_id))
        .join(Ticket, col(Ticket.id) == newest.c.ticket_id)
        .where(newest.c.kind == MessageKind.REPLY, newest.c.direction == Direction.OUT, ~newest.c.is_automatic,
               newest.c.author_id.is_not(None), newest.c.created_at >= since)
        .order_by(newest.c.id.desc()).limit(MOST)
    ).all()  # fmt: skip
    held = _held(db, {ticket_id for ticket_id, *_ in sent})
    spans: dict[int | None, list[float]] = defaultdict(list)
    for ticket_id, author_id, at, queue_id in sent:
        if (seconds := span(held.get((ticket_id, author_id), ()), at)) is not None:
            spans[queue_id].append(seconds)
            spans[None].append(seconds)
    return {queue_id: Writing(len(each), median(each)) for queue_id, each in spans.items() if len(each) >= least}


def span(held: Iterable[tuple[datetime, str]], sent_at: datetime) -> float | None:
    """Seconds from the last beginning to sending; None where it was let go of in between, or is unlikely. `held` are
    the moments at which its author took (`LOCKED`) and let go of (`UNLOCKED`) the reply."""
    before = [(at, fact) for at, fact in held if at < sent_at]
    began, fact = max(before, default=(sent_at, UNLOCKED))
    return (sent_at - began).total_seconds() if fact == LOCKED and sent_at - began <= LONGEST else None


def _held(db: Session, ticket_ids: Iterable[int]) -> Mapping[tuple[int, int], Sequence[tuple[datetime, str]]]:
    """By ticket and agent, when each began to write and let go."""
    held: dict[tuple[int, int], list[tuple[datetime, str]]] = defaultdict(list)
    ids = sorted(ticket_ids)
    for begin in range(0, len(ids), _FEW):
        rows = sa.select(col(Event.ticket_id), col(Event.actor_id), col(Event.at), col(Event.fact)).where(
            col(Event.ticket_id).in_(ids[begin : begin + _FEW]), col(Event.fact).in_((LOCKED, UNLOCKED))
        )
        for ticket_id, agent_id, at, fact in db.execute(rows):
            held[ticket_id, agent_id].append((at, fact))
    return held
