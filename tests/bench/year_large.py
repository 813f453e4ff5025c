"""A year of two million tickets, made in minutes: a twentieth of it by itself, and each of its rows twenty times over.

A ticket takes Python a third of a millisecond to invent and half a one to fold, and two million of them the better part
of an hour. So a part of the year is made (`year.fill`), folded by the desk's own commands, and then written many times
by the database itself, number by number, so that rows lie in the order of their time as they would have come. What must
not be the same many times is made at its full number: agents' states, and comments, each of them another text. Days
are counted afterwards, from everything.

Besides the facts of `year.py` there are products with inquiries, returns and orders, and comments in which one topic is
twice as frequent from the middle of the year on.
"""

import itertools
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.products import catalogue, following
from helpdesk.tallies import keeping
from models import (
    Agent,
    AgentState,
    Answer,
    AnswerSource,
    Ask,
    AskState,
    Bookmark,
    Call,
    CallOffer,
    Customer,
    Event,
    Handling,
    Message,
    Presence,
    Product,
    ProductLot,
    ProductReturn,
    Promise,
    Purchase,
    Queue,
    QueueVisit,
    ReturnReason,
    ReturnState,
    Routing,
    Scale,
    Stretch,
    Survey,
    Tag,
    Ticket,
    TicketProduct,
    TicketTag,
)
from models.base import Row, metadata
from models.database import Database
from tests.bench import year

PRODUCTS: Final = 200
LOTS: Final = 5
COMMENTED: Final = "配送"
"""The topic of comments that doubles."""
MANY: Final[tuple[type[Row], ...]] = (
    Customer, Ticket, Message, Call, CallOffer, QueueVisit, Handling, Promise, TicketTag, Routing, Stretch,
    TicketProduct, ProductReturn, Purchase, Event,
)  # fmt: skip
"""What is written many times over."""


def fill(
    database: Database, *, tickets: int, staff: int, copies: int, comments: int, days: int = year.DAYS
) -> year.Made:
    """Make the year and count its days. `copies` is how many times each ticket is there; `comments` how many customers
    say something when they are asked."""
    made = year.fill(database, tickets=tickets // copies, staff=staff, days=days)
    draw = random.Random(11)
    _goods(database, draw, days)
    database.write_now(keeping.begin_anew)
    while keeping.look_back(database, timezone=year.TIMEZONE, most=200):
        pass
    multiply(database, copies)
    shifts(database, days=days)
    _comments(database, draw, comments, made.tickets * copies, days)
    database.write_now(_settle)
    while keeping.count(database, timezone=year.TIMEZONE, now=year.NOW, most=50):
        pass
    made.tickets, made.messages, made.calls = (each * copies for each in (made.tickets, made.messages, made.calls))
    return made


def multiply(database: Database, copies: int) -> None:
    """Write every row of `MANY` so many times. Row n becomes the rows (n - 1) * copies + 1 to n * copies, and what it
    points to is the row of the same copy."""
    with database.engine.connect() as connection:
        tables = [metadata.tables[kind.__tablename__] for kind in MANY]  # type: ignore[index]
        if not database.is_sqlite:
            connection.execute(sa.text("SET session_replication_role = replica"))
            connection.execute(sa.text("SET maintenance_work_mem = '256MB'"))
        else:
            connection.commit()
            connection.execute(sa.text("PRAGMA foreign_keys = OFF"))
        indexes = [
            (index, table) for table in tables for index in sorted(table.indexes, key=lambda each: each.name or "")
        ]
        there = {name for table in tables for name in _indexes_of(connection, table.name)}
        indexes = [(index, table) for index, table in indexes if index.name in there]
        for index, _ in indexes:
            index.drop(connection)
        for table in tables:
            _multiply(connection, table, {each.name for each in tables}, copies, database.is_sqlite)
        for index, _ in indexes:
            index.create(connection)
        connection.commit()
        if not database.is_sqlite:
            database.write_now(year.numbering, MANY)
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text("VACUUM ANALYZE"))
        else:
            connection.execute(sa.text("ANALYZE"))
            connection.commit()


def _indexes_of(connection: sa.Connection, table: str) -> list[str]:
    return [
        each["name"] or ""
        for each in sa.inspect(connection).get_indexes(table)
        if not each.get("duplicates_constraint")
    ]


def _multiply(connection: sa.Connection, table: sa.Table, many: set[str], copies: int, is_sqlite: bool) -> None:
    def other(name: str) -> str:
        return f'((s."{name}" - 1) * {copies} + c.k)'

    def written(column: sa.Column[Any]) -> str:
        points = {key.column.table.name for key in column.foreign_keys}
        if column.name == "id" or points & many:
            return other(column.name)
        own = other("id")
        if (table.name, column.name) == ("ticket", "token"):
            return f"printf('%020x', {own})" if is_sqlite else f"lpad(to_hex({own}), 20, '0')"
        if (table.name, column.name) == ("message", "internet_id"):
            return f"'<' || {own} || '@example.com>'"
        if (table.name, column.name) == ("call", "call_key"):
            return f"'CA' || {own}"
        if (table.name, column.name) == ("call", "number"):
            whose = other("customer_id")
            return f"printf('+81800%07d', {whose})" if is_sqlite else f"'+81800' || lpad(CAST({whose} AS text), 7, '0')"
        if (table.name, column.name) in (("message", "reply_text"), ("call", "note")):
            return f"CASE WHEN s.\"{column.name}\" = '' THEN '' ELSE s.\"{column.name}\" || ' ' || {own} END"
        return f's."{column.name}"'

    columns = [column for column in table.c if column.computed is None]
    keys = ", ".join(f'"{column.name}"' for column in table.primary_key)
    names, values = ", ".join(f'"{each.name}"' for each in columns), ", ".join(map(written, columns))
    connection.execute(sa.text(f'CREATE TEMP TABLE part AS SELECT * FROM "{table.name}" ORDER BY {keys}'))
    connection.execute(sa.text(f'DELETE FROM "{table.name}"'))
    # Row by row of the part, so nothing has to be sorted to come in the order of its time.
    counted = (f"(WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < {copies}) SELECT k FROM n)"
               if is_sqlite else f"LATERAL generate_series(1, {copies})")  # fmt: skip
    alias = "AS c" if is_sqlite else "AS c(k)"
    connection.execute(
        sa.text(f'INSERT INTO "{table.name}" ({names}) SELECT {values} FROM part s CROSS JOIN {counted} {alias}')
    )
    connection.execute(sa.text("DROP TABLE part"))


def _goods(database: Database, draw: random.Random, days: int) -> None:
    """Products that a quarter of the tickets name, half of the returned goods, and twice as many orders."""
    founded = year.NOW - timedelta(days=days)
    names = [year.FAULT, *(f"製品 {number:03}" for number in range(2, PRODUCTS + 1))]
    year.write(database, Product, [
        {"id": number, "name": name, "name_key": catalogue.key_of(name), "words": [name], "created_at": founded}
        for number, name in enumerate(names, 1)
    ])  # fmt: skip
    year.write(database, ProductLot, [
        {"id": (number - 1) * LOTS + lot, "product_id": number, "code": f"L{lot}", "units": 2_000}
        for number in range(1, PRODUCTS + 1) for lot in range(1, LOTS + 1)
    ])  # fmt: skip
    reasons, returns, fault, tickets, people = database.read_now(_of_tickets)
    weights = list(itertools.accumulate(1 / (number + 3) for number in range(PRODUCTS)))
    named: list[dict[str, Any]] = []
    back: list[dict[str, Any]] = []
    sold: list[dict[str, Any]] = []
    for ticket_id, queue_id, created_at in tickets:
        is_fault, is_return = ticket_id in fault, queue_id == returns and draw.random() < 0.6
        if is_fault or is_return or draw.random() < 0.15:
            number = 1 if is_fault else 2 + draw.choices(range(PRODUCTS - 1), cum_weights=weights[:-1])[0]
            lot_id = (number - 1) * LOTS + draw.randint(1, LOTS) if draw.random() < 0.3 else None
            named.append({"id": len(named) + 1, "ticket_id": ticket_id, "product_id": number, "lot_id": lot_id,
                          "at": created_at, "because": [{"what": "name", "words": names[number - 1]}]})  # fmt: skip
            if is_return:
                back.append(_return(draw, len(back) + 1, ticket_id, number, lot_id, reasons, created_at))
        number = 1 + draw.choices(range(PRODUCTS), cum_weights=weights)[0]
        sold.append({"id": len(sold) + 1, "customer_id": draw.randint(1, people), "order_number": f"A-{len(sold):07}",
                     "product": names[number - 1], "quantity": draw.choice((1, 1, 1, 2)), "amount_yen": 4980,
                     "ordered_at": created_at})  # fmt: skip
    for kind, rows in ((TicketProduct, named), (ProductReturn, back), (Purchase, sold)):
        year.write(database, kind, rows)


def _of_tickets(db: Session) -> tuple[list[int], int, set[int], list[Any], int]:
    reasons = [each or 0 for each in db.scalars(sa.select(col(ReturnReason.id)))]
    returns = db.scalar(sa.select(col(Queue.id)).where(col(Queue.slug) == "returns")) or 0
    fault = db.scalars(sa.select(col(TicketTag.ticket_id)).join(Tag, col(Tag.id) == TicketTag.tag_id)
                       .where(col(Tag.name) == year.FAULT))  # fmt: skip
    tickets = db.execute(
        sa.select(col(Ticket.id), col(Ticket.queue_id), col(Ticket.created_at)).order_by(col(Ticket.id))
    )
    people = db.scalar(sa.select(sa.func.max(col(Customer.id)))) or 1
    return reasons, returns, set(fault), list(tickets.all()), people


def _return(draw: random.Random, number: int, ticket_id: int, product_id: int, lot_id: int | None, reasons: list[int],
            inquired_at: datetime) -> dict[str, Any]:  # fmt: skip
    asked_at = inquired_at + timedelta(hours=draw.expovariate(1 / 6))
    received_at: datetime | None = asked_at + timedelta(days=draw.lognormvariate(1.2, 0.5))
    ended_at: datetime | None = received_at + timedelta(days=draw.lognormvariate(0.8, 0.6)) if received_at else None
    state = draw.choice((ReturnState.REFUNDED, ReturnState.REFUNDED, ReturnState.EXCHANGED, ReturnState.REPAIRED))
    if ended_at and ended_at > year.NOW:
        state, ended_at = ReturnState.RECEIVED, None
    if received_at and received_at > year.NOW:
        state, received_at = ReturnState.ASKED, None
    return {"id": number, "ticket_id": ticket_id, "product_id": product_id, "lot_id": lot_id, "state": state,
            "reason_id": draw.choice(reasons), "inquired_at": inquired_at, "asked_at": min(asked_at, year.NOW),
            "received_at": received_at, "ended_at": ended_at}  # fmt: skip


def shifts(database: Database, *, days: int) -> None:
    """What every agent did of a working day: calls with their work after them, breaks, and waiting in between."""
    draw, own = random.Random(13), sa.select(col(Agent.id)).where(col(Agent.name).like("担当%"))
    people = database.read_now(lambda db: db.scalars(own).all())
    year.write(database, AgentState, _states(draw, [each or 0 for each in people], days))


def _states(draw: random.Random, people: list[int], days: int) -> Iterator[dict[str, Any]]:
    number = itertools.count(1_000)
    for back in range(days - 1, 0, -1):
        day = year.LAST - timedelta(days=back)
        for agent_id in people:
            if draw.random() > (0.25 if day.weekday() >= 5 else 0.85):
                continue
            at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=draw.uniform(-5, 5))
            for turn in range(18):
                state = (Presence.READY, Presence.BUSY, Presence.WRAP_UP)[turn % 3] if turn != 9 else Presence.AWAY
                until = at + timedelta(minutes=draw.uniform(20, 35) if state in (Presence.READY, Presence.AWAY) else 5)
                yield {"id": next(number), "agent_id": agent_id, "state": state, "started_at": at, "ended_at": until}
                at = until


def _comments(database: Database, draw: random.Random, count: int, tickets: int, days: int) -> None:
    """Answers to a survey, each with a comment of one or two sentences; three times as many were asked."""
    told = [json.loads(line) for name in "bfghk" for line in
            (year.CORPUS / f"comments_ja_{name}.jsonl").read_text(encoding="utf-8").splitlines()]  # fmt: skip
    about = [each for each in told if COMMENTED in each["topics"] and each["split"] == "train"]
    rest = [each for each in told if COMMENTED not in each["topics"] and each["split"] == "train"]
    survey = {"id": 1, "name": "満足度", "created_at": year.NOW - timedelta(days=days), "changed_at": year.NOW}
    year.write(database, Survey, [survey])
    moments = sorted(year.NOW - timedelta(days=draw.uniform(0, days)) for _ in range(count))
    half = year.NOW - timedelta(days=days / 2)
    queue_ids = database.read_now(lambda db: [each or 0 for each in db.scalars(sa.select(col(Queue.id)))])
    answers, asks = [], []
    for number, at in enumerate(moments, 1):
        share = 0.2 if at >= half else 0.1
        first = draw.choice(about if draw.random() < share else rest)
        second = draw.choice(rest)
        score = {"positive": (4, 5), "neutral": (3, 4), "negative": (1, 2)}[first["sentiment"]][draw.random() < 0.6]
        ticket_id = max(1, round(tickets * number / count))
        answers.append({
            "id": number, "source": AnswerSource.PAGE, "external_id": str(number), "survey_id": 1, "score": score,
            "scale": Scale.STARS, "comment": f"{first['text']} {second['text']} {number}", "language": "ja",
            "sentiment": first["sentiment"], "sentiment_confidence": 0.9, "at": at, "changed_at": at,
            "ticket_id": ticket_id, "queue_id": draw.choice(queue_ids),
        })  # fmt: skip
        for own in range(3):
            asks.append({"survey_id": 1, "about": f"ticket:{3 * number + own}", "queue_id": answers[-1]["queue_id"],
                         "id": 3 * number + own, "state": AskState.SENT if own else AskState.ANSWERED,
                         "created_at": at - timedelta(hours=5), "sent_at": at - timedelta(hours=4)})  # fmt: skip
    year.write(database, Ask, asks)
    year.write(database, Answer, answers)


def _settle(db: Session) -> None:
    """Whoever follows the log has nothing left to do: what was made here is there already."""
    from helpdesk.search import keeping as search

    following.begin(db)
    search.begin(db)
    last = db.scalar(sa.select(sa.func.max(col(Event.id)))) or 0
    for mark in db.scalars(sa.select(Bookmark)):
        mark.number = last if mark.name.endswith("log") else 0
    db.flush()
