"""The clocks of tickets that are merged, and of those that are separated again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlmodel import Session

from helpdesk.facts import Fact, TicketMerged, TicketUnmerged
from helpdesk.sla import stored
from helpdesk.sla.answers import unanswered
from models import Promise, PromiseKind, Ticket

Merge = TypeVar("Merge", TicketMerged, TicketUnmerged)
_CLOCK = ("policy_id", "calendar_id", "promised_seconds", "started_at", "counted_at", "left_seconds", "due_at",
          "at_risk_at", "next_at", "warned_at", "breached_at")  # fmt: skip
"""What a promise takes over from another that is due sooner."""


def clock_of(db: Session, ticket: Ticket) -> dict[str, Any]:
    """By when somebody is waiting for an answer, as columns of the promise (times as ISO 8601); {} where nobody is."""
    promise = _awaited(stored.of(db, ticket.id or 0))
    values = {name: getattr(promise, name) for name in _CLOCK} if promise else {}
    return {name: each.isoformat() if isinstance(each, datetime) else each for name, each in values.items()}


def merge(by_ticket: Mapping[int, Sequence[Fact]], rows: dict[int, list[Promise]]) -> None:
    """Whoever waited for an answer in a ticket that goes on in another waits there, for the sooner of the two."""
    for fact in _into(by_ticket, TicketMerged):
        own = rows.setdefault(fact.into_id, [])
        theirs, ours = _awaited(rows.get(fact.merged_id, ())), _awaited(own)
        if theirs is None or theirs.due_at is None:
            continue
        if ours is None:
            had = any(each.kind == PromiseKind.FIRST_RESPONSE for each in own)
            kind = PromiseKind.NEXT_RESPONSE if had else theirs.kind
            own.append(Promise(**stored.values(theirs) | {"ticket_id": fact.into_id, "kind": kind}))
        elif ours.due_at is None or theirs.due_at < ours.due_at:
            for name in _CLOCK:
                setattr(ours, name, getattr(theirs, name))


def unmerge(db: Session, by_ticket: Mapping[int, Sequence[Fact]], rows: dict[int, list[Promise]]) -> None:
    """Where nothing came of a merge, whoever was in the other ticket waits by the time that was theirs before."""
    for fact in _into(by_ticket, TicketUnmerged):
        theirs = next(unanswered(rows.get(fact.merged_id, ())), None)
        if fact.clock is None or theirs is None:
            continue
        own = rows.setdefault(fact.into_id, [])
        ours = next((each for each in unanswered(own) if each.started_at == theirs.started_at), None)
        if ours is None:
            continue
        if not fact.clock:  # it was made for the merge
            own.remove(ours)
            db.delete(ours)
        for name, value in fact.clock.items():
            setattr(ours, name, datetime.fromisoformat(value) if isinstance(value, str) else value)


def _into(by_ticket: Mapping[int, Sequence[Fact]], kind: type[Merge]) -> Iterator[Merge]:
    """The facts of a kind that were told of the ticket in which the other went on."""
    for ticket_id, facts in by_ticket.items():
        yield from (fact for fact in facts if isinstance(fact, kind) and fact.into_id == ticket_id)


def _awaited(rows: Iterable[Promise]) -> Promise | None:
    """The answer that somebody waits for, its clock running."""
    return next((each for each in unanswered(rows) if each.paused_at is None), None)
