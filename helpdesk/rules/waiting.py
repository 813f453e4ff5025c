"""Rules that answer something that has gone on for long enough: unanswered for four hours, resolved for a week.

The one idea: a row says since when a ticket is so and when that has been for long enough, so that looking costs one
index, and each stretch is answered once. Rows begin and end with the facts of each transaction (`heard`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import hours, terms
from helpdesk.facts import Fact
from helpdesk.rules import doing
from helpdesk.rules.book import Book, ready
from helpdesk.rules.guard import Root, ran_since_people
from helpdesk.rules.triggers import CHANGES, WAITS, Wait, name
from helpdesk.settings import Settings
from helpdesk.terms import Matter
from models import Calendar, Event, Queue, Rule, RuleWait, Ticket, TicketState

HANDFUL = 25
"""Rules that waited and are run in one transaction."""
SEEDED = 5000
"""Tickets of which a rule that begins to wait knows at once that it waits for them, those that moved last."""
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
"""When a rule that has run is due again, until what it waited for ends."""


def heard(db: Session, book: Book, facts: Sequence[Fact], *, now: datetime) -> None:
    """Begin to wait, and stop waiting, where these facts say so."""
    told: dict[int, set[str]] = {}
    for fact in facts:
        if (called := name(type(fact))) in CHANGES and (ticket_id := getattr(fact, "ticket_id", None)) is not None:
            told.setdefault(ticket_id, set()).add(called)
    for ticket_id, names in told.items():
        ticket = db.get(Ticket, ticket_id)
        if ticket is None:
            continue
        there = {row.rule_id: row for row in db.exec(select(RuleWait).where(RuleWait.ticket_id == ticket_id))}
        for asked in book.waiting:
            wait, row = WAITS[asked.trigger], there.get(asked.id)
            if ticket.merged_into_id is not None or not wait.holds(ticket):
                if row is not None:
                    db.delete(row)
            elif names & wait.begins and (row is None or wait.restarts):
                row = row or RuleWait(rule_id=asked.id, ticket_id=ticket_id, since=now, due_at=now)
                row.since, row.due_at = now, due_at(db, asked.rule, ticket, now)
                db.add(row)
    db.flush()


def is_anything_due(db: Session, *, now: datetime) -> bool:
    """Whether a rule has waited long enough."""
    return db.scalar(select(RuleWait.rule_id).where(RuleWait.due_at <= now).limit(1)) is not None


def do_due(db: Session, *, settings: Settings, now: datetime) -> int:
    """Run what has waited long enough, a handful of it; how many were looked at. Two processes each take their own."""
    due = select(RuleWait).where(RuleWait.due_at <= now).order_by(col(RuleWait.due_at), col(RuleWait.rule_id))
    rows = list(db.exec(due.limit(HANDFUL).with_for_update(skip_locked=True)))
    fields = terms.fields_of(db) if rows else {}
    causes: list[tuple[Root, int]] = db.info.setdefault("causes", [])
    for row in rows:
        rule, ticket = db.get(Rule, row.rule_id), db.get(Ticket, row.ticket_id)
        wait = WAITS.get(rule.trigger) if rule is not None and rule.is_active and rule.deleted_at is None else None
        if rule is None or ticket is None or wait is None or not wait.holds(ticket):
            db.delete(row)
            continue
        since = row.since
        if wait.restarts:
            db.delete(row)
        else:
            row.due_at = FOREVER  # until it ends: once for each stretch
        db.flush()
        matter = Matter(db, ticket, None, now=now)
        ran = ran_since_people(db, row.ticket_id)
        if rule.id in ran or not ready(rule, fields).means(matter):
            continue
        doing.run(db, rule, matter, fact=rule.trigger, stretch=since, settings=settings, now=now)
        root = Root(False, ran | {rule.id or 0})
        facts: list[Fact] = db.info.get("facts", [])
        causes.extend((root, 1) for _ in range(len(facts) - len(causes)))
    return len(rows)


def due_at(db: Session, rule: Rule, ticket: Ticket, since: datetime) -> datetime:
    """When what has been so `since` then has been so for as long as the rule says."""
    queue = db.get(Queue, ticket.queue_id) if rule.in_hours else None
    calendar = db.get(Calendar, queue.calendar_id) if queue and queue.calendar_id else None
    if calendar is None:
        return since + timedelta(minutes=rule.after_minutes)
    return hours.Timetable(calendar).after(since, rule.after_minutes * 60) or FOREVER


def forget(db: Session, rule: Rule) -> None:
    """Wait for nothing any more."""
    db.execute(sa.delete(RuleWait).where(col(RuleWait.rule_id) == rule.id))


def seed(db: Session, rule: Rule, *, now: datetime) -> None:
    """Wait for what goes on already and is not due yet."""
    wait = WAITS.get(rule.trigger)
    if wait is None:
        return
    began = now - timedelta(days=400 if rule.in_hours else 0, minutes=rule.after_minutes)
    tickets = select(Ticket).where(col(Ticket.last_contact_at) > began, col(Ticket.merged_into_id).is_(None))
    state = (
        Ticket.state == TicketState.RESOLVED
        if rule.trigger == "resolved_for"
        else Ticket.state == TicketState.PENDING
        if rule.trigger == "pending_for"
        else col(Ticket.state).in_((TicketState.OPEN, TicketState.PENDING))
    )
    for ticket in db.exec(tickets.where(state).order_by(col(Ticket.last_contact_at).desc()).limit(SEEDED)):
        since = (wait.since(ticket) or _began(db, ticket, wait)) if wait.holds(ticket) else None
        if since is not None and (due := due_at(db, rule, ticket, since)) > now:
            db.add(RuleWait(rule_id=rule.id or 0, ticket_id=ticket.id or 0, since=since, due_at=due))
    db.flush()


def _began(db: Session, ticket: Ticket, wait: Wait) -> datetime | None:
    told = select(Event.at).where(Event.ticket_id == ticket.id, col(Event.fact).in_(wait.begins))
    return db.exec(told.order_by(col(Event.id).desc()).limit(1)).first()
