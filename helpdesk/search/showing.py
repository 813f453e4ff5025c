"""What was found, as pages show it: read again from the tables, with passages and marks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import access, romaji
from helpdesk.customers import contact_points
from helpdesk.search import index
from helpdesk.search.asking import Query
from helpdesk.search.index import All_, Any_, Asked
from helpdesk.search.passages import Marker, Part, Passage
from helpdesk.search.ways import NAMED, ways_to_name
from models import (
    Agent,
    Call,
    ContactPoint,
    Customer,
    Direction,
    Message,
    MessageState,
    Note,
    PointKind,
    Queue,
    Ticket,
    looking,
)
from models.looking import ask

BESIDE: Final = 5
"""Customers and calls shown beside the tickets."""
SHOWN_EACH: Final = 2
READ_FIRST: Final = 5
READ_EACH: Final = 40
"""Mails of a ticket, the newest, in which passages are looked for."""


@dataclass(frozen=True, slots=True)
class TicketHit:
    """A ticket that was found."""

    id: int
    subject: Sequence[Part]
    state: str
    queue_name: str
    customer_id: int | None
    customer: Sequence[Part]
    company: str
    assignee_name: str
    last_contact_at: datetime
    passages: Sequence[Passage]


@dataclass(frozen=True, slots=True)
class CustomerHit:
    """A customer who was found."""

    id: int
    name: Sequence[Part]
    reading: Sequence[Part]
    company: str
    points: Sequence[str]
    """Telephone numbers as people here write them, and addresses."""


@dataclass(frozen=True, slots=True)
class CallHit:
    """A call of no ticket that was found."""

    id: int
    caller: str
    customer_id: int | None
    customer_name: str
    queue_name: str
    started_at: datetime
    note: Sequence[Part]


def tickets(db: Session, agent: Agent, ids: Sequence[int], marker: Marker, kind: str) -> list[TicketHit]:
    """These tickets in their order, with the passages that were found."""
    if not ids:
        return []
    passages = _passages(db, ids, marker, kind, agent.language)
    return rows(db, agent, ids, marker, passages)


def rows(
    db: Session, agent: Agent, ids: Sequence[int], marker: Marker, passages: dict[int, list[Passage]] | None = None
) -> list[TicketHit]:
    """These tickets in their order; without passages the words they end with stand there."""
    if not ids:
        return []
    ours = looking.is_sqlite(db)
    found = ask(db, _tickets(agent.language, ours), ids=looking.numbers(ids, ours))
    told = {}
    for ticket_id, subject, state, queue, customer_id, name, reading, assignee, whose, company, at, snippet in found:
        customer = romaji.listed(name, reading, agent.language)
        own = (passages or {}).get(ticket_id) or [Passage("", "", [(snippet, False)])]
        told[ticket_id] = TicketHit(
            ticket_id, marker.marked(subject), state.value, queue, customer_id, marker.marked(customer), company,
            romaji.spoken(assignee, whose, agent.language), at, own,
        )  # fmt: skip
    return [told[ticket_id] for ticket_id in ids if ticket_id in told]


def _passages(db: Session, ids: Sequence[int], marker: Marker, kind: str, language: str) -> dict[int, list[Passage]]:
    """Up to two passages of each ticket, those with most of the words first. The last mails are read first, and the
    others only where the words stand in none of these."""
    merged = _said(db, _merged, ids)
    home = {ticket_id: ticket_id for ticket_id in ids} | {row[0] or 0: row[1] for row in merged if row[1]}
    found: dict[int, list[tuple[int, int, Passage]]] = {ticket_id: [] for ticket_id in ids}
    for is_first in (True, False):
        if not is_first:  # notes and calls were all read
            home = {ticket_id: into for ticket_id, into in home.items() if not found[into]}
            if not home or kind not in ("all", "mail"):
                break
        whole = set()
        for source, told in _texts(db, list(home), kind) if is_first else _older_mails(db, list(home)):
            for order, (ticket_id, who, reading, text) in enumerate(told):
                own = found[home[ticket_id]]
                if len(own) >= SHOWN_EACH and home[ticket_id] in whole:
                    continue
                words, parts = marker.passage(text)
                if words:
                    who = romaji.spoken(who or "", reading or "", language)
                    own.append((-words, order, Passage(source, who, parts)))
                if words == marker.count:
                    whole.add(home[ticket_id])
    return {
        ticket_id: [passage for _, _, passage in sorted(own, key=lambda each: each[:2])[:SHOWN_EACH]]
        for ticket_id, own in found.items()
    }


Told = list[tuple[str, Sequence[Any]]]
"""By source: the ticket, who said it and a colleague's reading, and what was said; newest first."""


def _texts(db: Session, ids: Sequence[int], kind: str) -> Told:
    """What was said in these tickets: notes and calls all, of mails the newest few of each."""
    wanted = (("mail", _newest_mails), ("note", _notes), ("call", _calls))
    return [(source, _said(db, statement, ids)) for source, statement in wanted if kind in ("all", source)]


def _older_mails(db: Session, ids: Sequence[int]) -> Told:
    return [("mail", _said(db, _mails_before, ids))]


def _said(db: Session, statement: Callable[[bool], Any], ids: Sequence[int]) -> Sequence[Any]:
    ours = looking.is_sqlite(db)
    return ask(db, statement(ours), ids=looking.numbers(ids, ours))


@lru_cache
def _merged(is_sqlite: bool) -> Any:
    into = col(Ticket.merged_into_id)
    return sa.select(col(Ticket.id), into).where(into.in_(looking.listed("ids", is_sqlite)))


@lru_cache
def _notes(is_sqlite: bool) -> Any:
    return (
        sa.select(col(Note.ticket_id), col(Agent.name), col(Agent.reading), col(Note.text))
        .join(Agent, col(Agent.id) == Note.author_id, isouter=True)
        .where(col(Note.ticket_id).in_(looking.listed("ids", is_sqlite)))
        .order_by(col(Note.id).desc())
    )


@lru_cache
def _calls(is_sqlite: bool) -> Any:
    return (
        sa.select(col(Call.ticket_id), col(Agent.name), col(Agent.reading), col(Call.note))
        .join(Agent, col(Agent.id) == Call.agent_id, isouter=True)
        .where(col(Call.ticket_id).in_(looking.listed("ids", is_sqlite)), col(Call.note) != "")
        .order_by(col(Call.id).desc())
    )


@lru_cache
def _newest_mails(is_sqlite: bool) -> Any:
    return _mails(0, READ_FIRST, is_sqlite)


@lru_cache
def _mails_before(is_sqlite: bool) -> Any:
    return _mails(READ_FIRST, READ_EACH, is_sqlite)


def _mails(after: int, most: int, is_sqlite: bool) -> sa.Select[Any]:
    """The newest mails of each ticket up to `most`, but the `after` newest."""
    place = sa.func.row_number().over(partition_by=col(Message.ticket_id), order_by=col(Message.id).desc())
    newest = (  # numbers alone: only the few that are wanted are read whole
        sa.select(col(Message.id), place.label("place"))
        .where(
            col(Message.ticket_id).in_(looking.listed("ids", is_sqlite)), col(Message.state) != MessageState.WITHDRAWN
        )
        .subquery()
    )
    is_theirs = col(Message.direction) == Direction.IN
    return (
        sa.select(
            col(Message.ticket_id),
            sa.case((is_theirs, col(Message.sender_name)), else_=col(Agent.name)),
            sa.case((is_theirs, ""), else_=col(Agent.reading)),
            sa.case((col(Message.reply_text) != "", col(Message.reply_text)), else_=col(Message.text)),
        )
        .select_from(newest)
        .join(Message, col(Message.id) == newest.c.id)
        .join(Agent, col(Agent.id) == Message.author_id, isouter=True)
        .where(newest.c.place > after, newest.c.place <= most)
        .order_by(col(Message.id).desc())
    )


@lru_cache
def _tickets(language: str, is_sqlite: bool) -> Any:
    return (
        sa.select(
            col(Ticket.id), col(Ticket.subject), col(Ticket.state),
            col(Queue.name_en if language == "en" else Queue.name), col(Ticket.customer_id),
            *(sa.func.coalesce(of, "") for of in (Customer.name, Customer.reading, Agent.name, Agent.reading)),
            sa.func.coalesce(Customer.company, ""), col(Ticket.last_contact_at), col(Ticket.snippet),
        )
        .join(Queue, col(Queue.id) == Ticket.queue_id)
        .join(Customer, col(Customer.id) == Ticket.customer_id, isouter=True)
        .join(Agent, col(Agent.id) == Ticket.assignee_id, isouter=True)
        .where(col(Ticket.id).in_(looking.listed("ids", is_sqlite)))
    )  # fmt: skip


def customers(
    db: Session, query: Query, marker: Marker, most: int, *, language: str, region: str
) -> tuple[list[CustomerHit], bool]:
    """Customers every word names, and whether there are more. Their readings are for who reads this language."""
    if any(word.where == "to" for word in query.words):
        return [], False
    parts = [ways_to_name(word) for word in query.words if not word.but]
    if not parts or not all(parts):
        return [], False
    asked = All_(tuple(Any_(tuple(ways)) for ways in parts))
    numbers = index.numbers(db, asked, first=index.CUSTOMERS, end=index.CALLS, most=NAMED)
    ids = [number - index.CUSTOMERS for number in numbers]
    if not ids:
        return [], False
    found = db.exec(
        select(Customer).where(col(Customer.id).in_(ids))
        .order_by(sa.func.coalesce(Customer.last_contact_at, Customer.created_at).desc(), col(Customer.id).desc())
        .limit(most + 1)
    ).all()  # fmt: skip
    points: dict[int, list[str]] = {}
    shown = [customer.id for customer in found[:most]]
    for point in db.exec(
        select(ContactPoint).where(col(ContactPoint.customer_id).in_(shown)).order_by(col(ContactPoint.id))
    ):
        told = contact_points.national(point.value, region) if point.kind == PointKind.PHONE else point.value
        points.setdefault(point.customer_id, []).append(told)
    hits = [
        CustomerHit(
            each.id or 0, marker.marked(each.name), marker.marked(romaji.reading(each.name, each.reading, language)),
            each.company, points.get(each.id or 0, [])[:3],
        )
        for each in found[:most]
    ]  # fmt: skip
    return hits, len(found) > most


def calls(db: Session, agent: Agent, asked: Asked, marker: Marker, region: str) -> list[CallHit]:
    """The newest calls of no ticket that fit and the agent may see."""
    numbers = index.numbers(db, asked, first=index.CALLS, end=index.END, most=200)
    ids = [number - index.CALLS for number in numbers]
    if not ids:
        return []
    queue_name = Queue.name_en if agent.language == "en" else Queue.name
    rows = db.execute(
        sa.select(Call, *(sa.func.coalesce(of, "") for of in (Customer.name, Customer.reading, queue_name)))
        .join(Customer, col(Customer.id) == Call.customer_id, isouter=True)
        .join(Queue, col(Queue.id) == Call.queue_id, isouter=True)
        .where(col(Call.id).in_(ids), col(Call.ticket_id).is_(None), access.heard_calls(db, agent))
        .order_by(col(Call.started_at).desc(), col(Call.id).desc())
        .limit(BESIDE)
    )
    return [
        CallHit(
            call.id or 0, contact_points.national(call.number, region) if call.number else call.number_typed,
            call.customer_id, romaji.spoken(customer, reading, agent.language), queue, call.started_at,
            marker.passage(call.note)[1] or [(call.note[:150], False)],
        )
        for call, customer, reading, queue in rows
    ]  # fmt: skip
