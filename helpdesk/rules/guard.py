"""Nothing runs for ever: which rules have run because of what, so that none sets itself off again.

A fact knows what it was caused by: from what a person did, at most `DEEPEST` rules follow one from another and none of
them twice; and what no person did, such as a time that passed, lets no rule run that has run on this ticket since a
person last had to do with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk.facts import Fact
from helpdesk.rules.triggers import by_person, name
from models import Call, Direction, Event, Message, RuleRun, RunEnd

DEEPEST = 3
"""Rules that follow one from another."""
_BY_PEOPLE = frozenset({"call_ringing", "call_changed", "call_ended", "call_wrapped_up"})


@dataclass(slots=True)
class Root:
    """What a person, or the clock, set off, and which rules have run because of it. `ran` None: not looked up yet."""

    is_human: bool
    ran: set[int] | None = None


def by_people(db: Session, facts: Iterable[Fact]) -> set[int | None]:
    """Tickets that a person, of ours or a customer, had to do with in these facts."""
    found: set[int | None] = set()
    for fact in facts:
        called = name(type(fact))
        is_said = called == "message_received" and by_person(db.get(Message, getattr(fact, "message_id", 0)))
        if fact.by_id is not None or called in _BY_PEOPLE or is_said:
            found.add(getattr(fact, "ticket_id", None))
    return found


def ran_since_people(db: Session, ticket_id: int) -> set[int]:
    """Rules that have run on a ticket since a person last had to do with it."""
    said = select(sa.func.max(Message.created_at)).where(
        Message.ticket_id == ticket_id, Message.direction == Direction.IN, sa.not_(col(Message.is_automatic)),
        sa.not_(col(Message.is_from_stranger)),
    )  # fmt: skip
    did = select(sa.func.max(Event.at)).where(Event.ticket_id == ticket_id, col(Event.actor_id).is_not(None))
    called = select(sa.func.max(Call.started_at)).where(Call.ticket_id == ticket_id)
    last = [at for at in (db.scalar(each) for each in (said, did, called)) if at is not None]
    ran = select(RuleRun.rule_id).where(RuleRun.ticket_id == ticket_id, RuleRun.how == RunEnd.DONE)
    if last:
        ran = ran.where(col(RuleRun.at) >= max(last))
    return {rule_id for rule_id in db.exec(ran.distinct()) if rule_id is not None}
