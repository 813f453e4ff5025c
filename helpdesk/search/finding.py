"""What is found: tickets first, with the customers and the calls without a ticket that fit as well.

The idea: the index answers with numbers of tickets, the tickets' own table says which of them this agent may see and
which fit the conditions, in one statement. Counting costs next to nothing there, so counts are exact up to a bound that
keeps the longest search short, and beyond it the page says "more than". What is ranked are the newest `CANDIDATES`:

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

from helpdesk import access, queues
from helpdesk.search import index, letters, showing
from helpdesk.search.asking import ME, Condition, Problem, Query
from helpdesk.search.index import All_, Any_, Asked
from helpdesk.search.passages import Marker
from helpdesk.search.ways import Wish, wish_of
from models import Agent, Priority, Role, Tag, Ticket, TicketState, TicketTag
from models.looking import ask

KINDS: Final = {"all": (), "mail": (index.MAIL,), "note": (index.NOTE,), "call": (index.CALL,), "customer": ()}
PAGE: Final = 20
CANDIDATES: Final = 200
"""Tickets that are ranked: the newest of those found. There are no more pages than these fill."""
COUNTED: Final = 100_000
"""Documents counted where the index alone can say how many there are."""
LOOKED_AT: Final = 20_000
"""Documents whose tickets are looked at where conditions or access decide."""


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
    conditions = _conditions(db, agent, query.conditions, found.problems)
    wish = wish_of(db, query, columns)
    found.jump = _jump(db, agent, query)
    if not (wish.wanted or wish.but or conditions):
        if not query.is_empty and not found.problems:
            found.problems.append(Problem("no_letters", query.typed))
        return found
    if not wish.wanted and not conditions:
        found.problems.append(Problem("only_excluded", query.typed))
        return found
    asked = All_(tuple(wish.wanted), tuple(wish.but)) if wish.wanted else None
    marker = Marker(wish.marks)
    if kind != "customer":
        seen = [] if agent.role == Role.SUPERVISOR else [access.seen_tickets(db, agent)]
        if not asked:
            conditions.append(col(Ticket.merged_into_id).is_(None))
            if wish.but:
                without = _hits(db, Any_(tuple(wish.but)), LOOKED_AT, only_ids=True)
                conditions.append(sa.not_(col(Ticket.id).in_(without)))
        found.total, found.is_more, ranked = _tickets(db, asked, [*seen, *conditions], wish, sort, now)
        found.pages = max(1, -(-len(ranked) // PAGE))
        found.page = min(max(1, page), found.pages)
        shown = ranked[(found.page - 1) * PAGE :][:PAGE]
        found.tickets = showing.tickets(db, agent, shown, marker, kind)
    if asked and not query.conditions and found.page == 1:
        if kind in ("all", "customer"):
            most = PAGE if kind == "customer" else showing.BESIDE
            found.customers, found.more_customers = showing.customers(db, query, marker, most, region)
        if kind in ("all", "call"):
            found.calls = showing.calls(db, agent, asked, marker, region)
    return found


def suggest(db: Session, agent: Agent, query: Query, *, region: str, now: datetime) -> Found:
    """The few best tickets and customers for what is typed so far; the last word may be unfinished."""
    found = Found([])
    found.jump = _jump(db, agent, query)
    conditions = _conditions(db, agent, query.conditions, [])
    wish = wish_of(db, query, (), unfinished=True)
    if not wish.wanted:
        return found
    seen = [] if agent.role == Role.SUPERVISOR else [access.seen_tickets(db, agent)]
    hits = _ranked(db, All_(tuple(wish.wanted), tuple(wish.but)), [*seen, *conditions], wish, "best", now)
    found.tickets = showing.rows(db, agent, hits[: showing.BESIDE], Marker(wish.marks))
    if not query.conditions:
        found.customers, _ = showing.customers(db, query, Marker(wish.marks), showing.BESIDE, region)
    return found


# --- What is asked of the tickets ------------------------------------------------------------------------------------


def _conditions(
    db: Session, agent: Agent, asked: Sequence[Condition], problems: list[Problem]
) -> list[sa.ColumnElement[bool]]:
    made = []
    for each in asked:
        condition = _condition(db, agent, each, problems)
        if condition is not None:
            made.append(sa.not_(condition) if each.but else condition)
    return made


def _condition(db: Session, agent: Agent, asked: Condition, problems: list[Problem]) -> sa.ColumnElement[bool] | None:
    if asked.name == "before":
        return col(Ticket.created_at) < asked.at
    if asked.name == "after":
        return col(Ticket.last_contact_at) >= asked.at
    if asked.name == "is":
        return {
            "open": col(Ticket.state) == TicketState.OPEN,
            "pending": col(Ticket.state) == TicketState.PENDING,
            "resolved": col(Ticket.state) == TicketState.RESOLVED,
            "mine": sa.and_(col(Ticket.assignee_id).is_not(None), col(Ticket.assignee_id) == agent.id),
            "unassigned": col(Ticket.assignee_id).is_(None),
            "urgent": sa.or_(col(Ticket.is_urgent), col(Ticket.priority) == Priority.URGENT),
        }[asked.value]
    if asked.name == "has":
        return None  # the index knows
    name = letters.fold(asked.value)
    if asked.name == "queue":
        rows: list[tuple[int | None, tuple[str, ...]]] = [
            (queue.id, (queue.name, queue.name_en, queue.slug)) for queue in queues.everyone(db)
        ]
        column: Any = col(Ticket.queue_id)
    elif asked.name == "agent":
        if name in ME:
            return sa.and_(col(Ticket.assignee_id).is_not(None), col(Ticket.assignee_id) == agent.id)
        people = db.execute(sa.select(col(Agent.id), col(Agent.name), col(Agent.reading), col(Agent.email)))
        rows = [(found, (one, one.replace(" ", ""), kana, kana.replace(" ", ""), mail.partition("@")[0]))
                for found, one, kana, mail in people]  # fmt: skip
        column = col(Ticket.assignee_id)
    else:
        rows = [(found, (one,)) for found, one in db.connection().execute(sa.select(col(Tag.id), col(Tag.name)))]
        column = None
    ids = [found for found, names in rows if name in map(letters.fold, names)]
    if asked.name != "tag":
        ids = ids or [found for found, names in rows if any(name in letters.fold(each) for each in names)]
    if not ids:
        problems.append(Problem(f"unknown_{asked.name}", asked.value))
        return None
    if column is None:
        tagged = sa.select(col(TicketTag.ticket_id)).where(col(TicketTag.tag_id).in_(ids))
        return col(Ticket.id).in_(tagged)
    matched: sa.ColumnElement[bool] = sa.func.coalesce(column, 0).in_(ids) if asked.but else column.in_(ids)
    return matched


def _jump(db: Session, agent: Agent, query: Query) -> tuple[int, str] | None:
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


# --- Both together ---------------------------------------------------------------------------------------------------

_HIT = (sa.column("ticket_id", sa.BigInteger), sa.column("piece", sa.Integer))


def _hits(db: Session, asked: Asked, most: int | None, *, only_ids: bool = False) -> Any:
    """The newest tickets that fit, as something to select from; without `most` all, in no order."""
    condition, given = index.matches(db, asked)
    text = sa.text(_hit_text(condition, index.number(db), most, only_ids)).bindparams(**given)
    return text.columns(*_HIT[:1]) if only_ids else text.columns(*_HIT).subquery("hit")


def _hit_text(condition: str, number: str, most: int | None, only_ids: bool) -> str:
    inner = f"SELECT {number} AS n FROM searchword WHERE {condition} AND {number} < {index.CUSTOMERS}"
    if most is not None:
        if number == "id":  # all of them first: walking down the numbers would read what does not fit
            inner = f"WITH fit AS MATERIALIZED ({inner}) SELECT n FROM fit"
        inner += f" ORDER BY n DESC LIMIT {most}"
    piece = "" if only_ids else f", n % {index.PIECES} AS piece"
    return f"SELECT n / {index.PIECES} AS ticket_id{piece} FROM ({inner}) AS hit"


def _documents(db: Session, asked: Asked, most: int) -> int:
    """How many documents of tickets fit, counted up to `most`: the index alone says it, in no order."""
    condition, given = index.matches(db, asked)
    counted: int = ask(db, _fitting(condition, index.number(db)), **given, most=most)[0][0]
    return counted


@lru_cache
def _fitting(condition: str, number: str) -> Any:
    fits = f"SELECT 1 FROM searchword WHERE {condition} AND {number} < {index.CUSTOMERS} LIMIT :most"
    return sa.text(f"SELECT count(*) AS number FROM ({fits}) AS fit").columns(sa.column("number", sa.Integer))


def _tickets(
    db: Session, asked: Asked | None, where: Sequence[sa.ColumnElement[bool]], wish: Wish, sort: str, now: datetime
) -> tuple[int, bool, list[int]]:
    """How many there are, whether that is only a bound, and the candidates in their order."""
    ranked = _ranked(db, asked, where, wish, sort, now)
    if len(ranked) < CANDIDATES:
        return len(ranked), False, ranked
    if asked is None:
        bounded = sa.select(col(Ticket.id)).where(*where).limit(LOOKED_AT + 1).subquery()
        total = db.scalar(sa.select(sa.func.count()).select_from(bounded)) or 0
        return min(total, LOOKED_AT), total > LOOKED_AT, ranked
    most = LOOKED_AT if where else COUNTED
    is_more = _documents(db, asked, most + 1) > most
    hit = _hits(db, asked, most if is_more else None)  # where all are looked at, putting them in order is what costs
    fits: Any = sa.select(sa.func.count(), sa.func.count().filter(hit.c.piece > 0)).select_from(hit)
    if where:
        fits = fits.join(Ticket, col(Ticket.id) == hit.c.ticket_id).where(*where)
    total, pieces = db.connection().execute(fits).one()
    if pieces:
        distinct: Any = sa.select(sa.func.count(sa.distinct(hit.c.ticket_id))).select_from(hit)
        if where:
            distinct = distinct.join(Ticket, col(Ticket.id) == hit.c.ticket_id).where(*where)
        total = db.scalar(distinct) or 0
    return total, is_more, ranked


def _ranked(
    db: Session, asked: Asked | None, where: Sequence[sa.ColumnElement[bool]], wish: Wish, sort: str, now: datetime
) -> list[int]:
    columns = (col(Ticket.id), col(Ticket.subject), col(Ticket.last_contact_at), col(Ticket.customer_id))
    if asked is None:
        newest = sa.select(*columns).where(*where).order_by(col(Ticket.last_contact_at).desc(), col(Ticket.id).desc())
        return [row[0] or 0 for row in db.connection().execute(newest.limit(CANDIDATES))]
    # A ticket may be there in pieces, and conditions or access leave few of many; so some more are asked for.
    found: list[Any] = []
    for most in (10 * CANDIDATES, LOOKED_AT) if where else (2 * CANDIDATES,):
        hit = _hits(db, asked, most)
        chosen = (
            sa.select(*columns).distinct().select_from(hit).join(Ticket, col(Ticket.id) == hit.c.ticket_id)
            .where(*where).order_by(col(Ticket.id).desc()).limit(CANDIDATES)
        )  # fmt: skip
        found = list(db.connection().execute(chosen))
        if len(found) == CANDIDATES or _documents(db, asked, most) < most:
            break
    if sort == "newest":
        return [row[0] for row in sorted(found, key=lambda row: (row[2], row[0]), reverse=True)]
    subjects = [Marker([word]) for word in wish.marks]

    def score(row: Any) -> tuple[float, datetime, int]:
        in_subject = sum(marker.stands_in(row[1]) for marker in subjects) / max(1, len(subjects))
        days = max(0.0, (now - row[2]).total_seconds() / 86400)
        worth = 1 + 2 * in_subject + (row[3] in wish.named)
        return worth * (0.25 + 0.75 / (1 + days / 60)), row[2], row[0]

    return [row[0] for row in sorted(found, key=score, reverse=True)]
