"""What is found: tickets first, with the customers and the calls without a ticket that fit as well.

The idea: the index answers with a set of tickets, and so does every condition and the rule of who may see what; what
they have in common is what was found, counted exactly (see sets.py; only where more than 100,000 documents fit the page
says "more than"). What is ranked are the newest `CANDIDATES` of these, read from the tickets' own table:

    score = (1 + 2 * words in the subject / words + 1 if a word names the customer)
            * (0.25 + 0.75 / (1 + days since the last contact / 60))

so of two tickets that say the same the later one stands first, and an old one stands above a new one when its subject
is what was asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import access
from helpdesk.search import conditions, index, sets, showing
from helpdesk.search.asking import Problem, Query
from helpdesk.search.conditions import Rule
from helpdesk.search.index import All_, Any_
from helpdesk.search.passages import Marker
from helpdesk.search.ways import Wish, wish_of
from models import Agent, Ticket
from models.looking import Remembered, is_sqlite, listed, numbers

KINDS: Final = {"all": (), "mail": (index.MAIL,), "note": (index.NOTE,), "call": (index.CALL,), "customer": ()}
PAGE: Final = 20
CANDIDATES: Final = 200
"""Tickets that are ranked: the newest of those found. There are no more pages than these fill."""
LOOKED_AT: Final = (2_000, 20_000)
"""Documents, the newest, in which what somebody still types is looked for: first in few, then in more."""


@dataclass(slots=True)
class Found:
    """The answer to a search. `total` counts tickets, exactly unless `is_more`."""

    problems: list[Problem]
    tickets: list[showing.TicketHit] = field(default_factory=list)
    total: int = 0
    is_more: bool = False
    page: int = 1
    pages: int = 1
    customers: list[showing.CustomerHit] = field(default_factory=list)
    more_customers: bool = False
    calls: list[showing.CallHit] = field(default_factory=list)
    jump: tuple[int, str] | None = None
    """The ticket whose number was typed, with its subject."""


def find(
    db: Session, agent: Agent, query: Query, *, kind: str = "all", sort: str = "best", page: int = 1, region: str,
    now: datetime,
) -> Found:  # fmt: skip
    """Everything the agent may see that fits, the best first, or with `sort` "newest" the last contact first."""
    found = Found(list(query.problems))
    columns = KINDS.get(kind, ())
    rules = conditions.understood(db, agent, query.conditions, found.problems)
    wish = wish_of(db, query, columns)
    found.jump = jump(db, agent, query)
    if not (wish.wanted or wish.but or rules):
        if not query.is_empty and not found.problems:
            found.problems.append(Problem("no_letters", query.typed))
        return found
    if not wish.wanted and not rules:
        found.problems.append(Problem("only_excluded", query.typed))
        return found
    asked = All_(tuple(wish.wanted), tuple(wish.but)) if wish.wanted else None
    marker = Marker(wish.marks)
    if kind != "customer":
        if asked:
            fits = sets.fitting(db, asked)
            tickets = conditions.narrowed(db, agent, rules, fits.tickets)
            ranked, unseen = _ranked(db, agent, tickets, wish, sort, now)
            found.total, found.is_more = tickets.bit_count() - unseen, fits.is_more
        else:
            found.total, ranked = _without_words(db, agent, rules, wish)
        found.pages = max(1, -(-len(ranked) // PAGE))
        found.page = min(max(1, page), found.pages)
        shown = ranked[(found.page - 1) * PAGE :][:PAGE]
        found.tickets = showing.tickets(db, agent, shown, marker, kind)
    if asked and not query.conditions and found.page == 1:
        if kind in ("all", "customer"):
            most = PAGE if kind == "customer" else showing.BESIDE
            found.customers, found.more_customers = showing.customers(
                db, query, marker, most, language=agent.language, region=region
            )
        if kind in ("all", "call"):
            found.calls = showing.calls(db, agent, asked, marker, region)
    return found


def suggest(db: Session, agent: Agent, query: Query, *, region: str, now: datetime) -> Found:
    """The few best tickets and customers for what is typed so far; the last word may be unfinished."""
    found = Found([])
    found.jump = jump(db, agent, query)
    rules = conditions.understood(db, agent, query.conditions, [])
    wish = wish_of(db, query, (), unfinished=True)
    if not wish.wanted:
        return found
    asked, tickets = All_(tuple(wish.wanted), tuple(wish.but)), 0
    for most in LOOKED_AT:
        fits = sets.newest_fitting(db, asked, most)
        tickets = conditions.narrowed(db, agent, rules, fits.tickets)
        if not fits.is_more or tickets.bit_count() >= CANDIDATES:
            break
    ranked, _ = _ranked(db, agent, tickets, wish, "best", now)
    found.tickets = showing.rows(db, agent, ranked[: showing.BESIDE], Marker(wish.marks))
    if not query.conditions:
        found.customers, _ = showing.customers(
            db, query, Marker(wish.marks), showing.BESIDE, language=agent.language, region=region
        )
    return found


def jump(db: Session, agent: Agent, query: Query) -> tuple[int, str] | None:
    """The ticket whose number was typed, with its subject, where the agent may see it."""
    if query.ticket_id is None:
        return None
    row = (
        db.connection()
        .execute(
            sa.select(col(Ticket.id), col(Ticket.subject)).where(
                col(Ticket.id) == query.ticket_id, access.seen_tickets(db, agent)
            )
        )
        .first()
    )
    return (row[0] or 0, row[1]) if row else None


# --- In which order --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Candidate:
    id: int
    subject: str
    last_contact_at: datetime
    customer_id: int | None
    queue_id: int
    assignee_id: int | None


def _ranked(db: Session, agent: Agent, tickets: int, wish: Wish, sort: str, now: datetime) -> tuple[list[int], int]:
    """The newest of a set of tickets in their order, and how many of them the agent may not see after all: where the
    last word has it that a ticket is somebody else's by now."""
    newest = sets.newest(tickets, CANDIDATES)
    if not newest:
        return [], 0
    ours = is_sqlite(db)
    rows = _candidates(ours).all(db, ids=numbers(newest, ours))
    found = access.seen_among(db, agent, rows)
    unseen = len(newest) - len(found)
    if sort == "newest":
        found.sort(key=lambda row: (row.last_contact_at, row.id), reverse=True)
        return [row.id for row in found], unseen
    subjects = [Marker([word]) for word in wish.marks]

    def score(row: _Candidate) -> tuple[float, datetime, int]:
        in_subject = sum(marker.stands_in(row.subject) for marker in subjects) / max(1, len(subjects))
        days = max(0.0, (now - row.last_contact_at).total_seconds() / 86400)
        worth = 1 + 2 * in_subject + (row.customer_id in wish.named)
        return worth * (0.25 + 0.75 / (1 + days / 60)), row.last_contact_at, row.id

    found.sort(key=score, reverse=True)
    return [row.id for row in found], unseen


@lru_cache
def _candidates(ours: bool) -> "Remembered[_Candidate]":
    columns: Any = [col(getattr(Ticket, name)) for name in _Candidate.__slots__]
    return Remembered(sa.select(*columns).where(col(Ticket.id).in_(listed("ids", ours))), _Candidate)


def _without_words(db: Session, agent: Agent, rules: Sequence[Rule], wish: Wish) -> tuple[int, list[int]]:
    """How many tickets fit the conditions alone, and the candidates, the last contact first."""
    is_merged = col(Ticket.merged_into_id).is_not(None)
    without = sets.fitting(db, Any_(tuple(wish.but))).tickets if wish.but else 0
    tickets = conditions.narrowed(db, agent, rules, sets.everything(db) & ~without)
    tickets &= ~sets.where(db, is_merged, tickets)
    if not tickets:
        return 0, []
    holds = (access.seen_tickets(db, agent), sa.not_(is_merged), *(rule.holds for rule in rules))
    newest = (
        sa.select(col(Ticket.id)).where(*holds)
        .order_by(col(Ticket.last_contact_at).desc(), col(Ticket.id).desc())
    )  # fmt: skip
    most = CANDIDATES
    while True:
        rows = [row[0] or 0 for row in db.connection().execute(newest.limit(most))]
        found = [ticket_id for ticket_id in rows if not without >> ticket_id & 1]
        if len(found) >= CANDIDATES or len(rows) < most:
            return tickets.bit_count(), found[:CANDIDATES]
        most *= 10
