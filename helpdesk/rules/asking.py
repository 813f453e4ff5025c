"""Asking the rules about what a transaction stated.

The one idea: rules are asked once a transaction, when its verb is done and just before it commits. So they see what the
verb left behind, what they do lives or dies with it, and none of them can stand in its way: each runs in a savepoint of
its own, and what fails is taken back, kept and shown. What they do is asked about in turn, as far as `guard` lets it.

Once they have nothing more to do, the desk gives out what waits and looks at its promises, as it does at the end of
every transaction; where a rule answers what may come of that, it is asked about it, too, before anything is committed.
"""

import logging
from datetime import datetime

from sqlmodel import Session

from helpdesk import reactions
from helpdesk.facts import Fact
from helpdesk.rules import doing, waiting
from helpdesk.rules.book import Book, Shelf
from helpdesk.rules.guard import DEEPEST, Root, by_people, ran_since_people
from helpdesk.rules.triggers import name
from helpdesk.settings import Settings
from helpdesk.terms import Matter
from models import Ticket

CONCLUDED = frozenset({"ticket_assigned", "promise_at_risk", "promise_breached"})
"""Facts that the desk may state when everything else was said."""

logger = logging.getLogger(__name__)


def settle(db: Session, *, settings: Settings, now: datetime) -> None:
    """Ask the rules about the facts of this transaction, and about what they do themselves. To be called when its verb
    is done, before it is committed."""
    facts: list[Fact] | None = db.info.get("facts")
    shelf: Shelf | None = db.info.get("rules")
    if not facts or shelf is None:
        return
    book = shelf.book(db)
    if not book.by_fact and not book.waiting:
        return
    causes: list[tuple[Root, int]] = db.info.pop("causes", [])
    at = len(causes)  # what stands before was caused by rules that had waited
    people = None
    number = 0
    while number < len(facts) or _is_more(db, book, facts, causes):
        fact = facts[number]
        if number >= len(causes):
            if people is None:
                people = by_people(db, facts[at:])
            causes.append((Root(getattr(fact, "ticket_id", None) in people), 0))
        if book.listens_to(fact):
            _ask(db, book, fact, facts, causes, number, settings=settings, now=now)
        number += 1
    if book.waiting:
        waiting.heard(db, book, facts, now=now)


def _is_more(db: Session, book: Book, facts: list[Fact], causes: list[tuple[Root, int]]) -> bool:
    """Whether the desk has something to add that a rule may answer. What it adds follows from the deepest that was done
    to the ticket, and no rule that has run on it runs again because of that."""
    if CONCLUDED.isdisjoint(book.by_fact):
        return False
    stated = len(facts)
    reactions.conclude(db)
    if len(facts) == stated:
        return False
    people = by_people(db, facts[:stated])
    for fact in facts[stated:]:
        ticket_id = getattr(fact, "ticket_id", None)
        before = [cause for each, cause in zip(facts, causes, strict=False)
                  if getattr(each, "ticket_id", None) == ticket_id]  # fmt: skip
        root = Root(ticket_id in people)
        if ran := set[int]().union(*(each.ran or () for each, _ in before)):
            root.ran = ran if root.is_human or ticket_id is None else ran | ran_since_people(db, ticket_id)
        causes.append((root, max((depth for _, depth in before), default=0)))
    return True


def _ask(db: Session, book: Book, fact: Fact, facts: list[Fact], causes: list[tuple[Root, int]], number: int, *,
         settings: Settings, now: datetime) -> None:  # fmt: skip
    asked = book.by_fact.get(name(type(fact)), ())
    ticket_id = getattr(fact, "ticket_id", None)
    root, depth = causes[number]
    if not asked or ticket_id is None or depth >= DEEPEST:
        return
    ticket = db.get(Ticket, ticket_id)
    if ticket is None or ticket.merged_into_id is not None:
        return
    matter = Matter(db, ticket, fact, now=now)
    for trigger, ready in asked:
        if root.ran is not None and ready.id in root.ran:
            continue
        try:
            if (trigger.test is not None and not trigger.test(fact, matter)) or not ready.means(matter):
                continue
        except Exception:
            logger.exception("rule %s could not be asked", ready.id)
            continue
        if root.ran is None:
            root.ran = set() if root.is_human else ran_since_people(db, ticket_id)
            if ready.id in root.ran:
                continue
        root.ran.add(ready.id)
        made = doing.run(db, ready.rule, matter, fact=name(type(fact)), depth=depth + 1, settings=settings, now=now)
        causes.extend((root, depth + 1) for _ in range(len(facts) - len(causes)))
        if made is not None:
            matter.forget()
        if ready.rule.stops:
            break
