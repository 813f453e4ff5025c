"""Looking before: which tickets of the last month a rule would have met. Nothing is done."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import terms
from helpdesk.events import recall
from helpdesk.rules.book import ready
from helpdesk.rules.triggers import TRIGGERS, WAITS, Wait
from helpdesk.rules.waiting import due_at
from helpdesk.terms import Matter
from models import Event, Rule, Ticket

DAYS = 30
MOST = 2000
"""Facts a trial looks at, the newest."""
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Tried:
    """What a rule would have met in the last month. `facts` is how many were looked at, `matched` of how many tickets
    it would have done something; `tickets` are the newest of these. `is_cut`: the month had more."""

    facts: int
    matched: int
    tickets: list[tuple[Ticket, datetime]]
    is_cut: bool


def trial(db: Session, rule: Rule, *, now: datetime) -> Tried:
    """Look which tickets of the last month the rule would have met, and do nothing. The facts are those of the month;
    what its terms ask is asked of the tickets as they are now. A rule that waits would have met those in which what it
    waits for went on for long enough."""
    wait = WAITS.get(rule.trigger)
    names = wait.begins if wait else {TRIGGERS[rule.trigger].fact}
    told = (
        select(Event)
        .where(col(Event.fact).in_(names), col(Event.at) > now - timedelta(days=DAYS))
        .where(col(Event.ticket_id).is_not(None))
        .order_by(col(Event.id).desc())
        .limit(MOST)
    )
    means = ready(rule, terms.fields_of(db)).means
    rows = list(db.exec(told))
    found: dict[int, datetime] = {}
    seen: set[int] = set()
    for row in rows:
        ticket = db.get(Ticket, row.ticket_id or 0)
        if ticket is None or ticket.merged_into_id is not None or ticket.id in found:
            continue
        at = row.at
        if wait is not None:
            if ticket.id in seen:
                continue
            seen.add(ticket.id or 0)
            at = due_at(db, rule, ticket, row.at)
            if at > now or _ended(db, ticket, wait, row, at):
                continue
        fact = recall(row) if wait is None else None
        matter = Matter(db, ticket, fact, now=at)
        trigger = TRIGGERS.get(rule.trigger)
        if trigger and trigger.test and not trigger.test(fact, matter):
            continue
        if means(matter):
            found[ticket.id or 0] = at
    newest = list(found.items())[:SHOWN]
    shown = [(ticket, at) for ticket_id, at in newest if (ticket := db.get(Ticket, ticket_id)) is not None]
    return Tried(len(rows), len(found), shown, len(rows) == MOST)


def _ended(db: Session, ticket: Ticket, wait: Wait, begun: Event, at: datetime) -> bool:
    after = sa.select(col(Event.id)).where(
        col(Event.ticket_id) == ticket.id, col(Event.id) > begun.id, col(Event.at) <= at,
        col(Event.fact).in_(wait.ends),
    )  # fmt: skip
    return db.scalar(after.limit(1)) is not None
