"""A page asks the database as often for sixty rows as for ten."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session, select

from helpdesk import access, recalls, tickets
from helpdesk.customers import records
from models import (
    Agent,
    AgentState,
    Call,
    CallState,
    Channel,
    Customer,
    Direction,
    Impression,
    Membership,
    Message,
    MessageState,
    Outcome,
    Presence,
    Purchase,
    Queue,
    QueueVisit,
    VisitEnd,
)
from tests.cast import MONDAY, SATO, TANAKA, TECH_NUMBER, OpenDesk

FEW, MANY = 10, 60


@contextmanager
def counted(desk: OpenDesk) -> Iterator[list[str]]:
    """The statements that any connection of the desk sends meanwhile."""
    said: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    engines = {desk.database.engine, desk.database.reading_engine}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", hear)


def statements(desk: OpenDesk, path: str) -> list[str]:
    """What the page asks: what is common to all looks, for the desk's own loops may ask something meanwhile."""
    common: Counter[str] | None = None
    unchanged = number = 0
    while unchanged < 2 and number < 30:
        with counted(desk) as said:
            assert desk.as_(SATO).get(path).status_code == 200
        if number:  # what the first look asks is remembered
            before, common = common, Counter(said) if common is None else common & Counter(said)
            unchanged = unchanged + 1 if common == before else 0
        number += 1
    assert common
    return list(common.elements())


# --- rows, of every kind a page shows --------------------------------------------------------------------------------


def _queue(db: Session) -> int:
    return db.exec(select(Queue.id).where(Queue.slug == "tech_support")).one() or 0


def _tickets(db: Session, numbers: range) -> None:
    """Of customers of their own, in all queues, with a mail of a stranger or a call."""
    queue_ids = list(db.exec(select(Queue.id)))
    agent = db.exec(select(Agent).where(Agent.email == SATO.email)).one()
    for number in numbers:
        now = MONDAY + timedelta(minutes=number)
        form = records.Form(
            f"客 {number}", phones=[f"0312340{number:03}"], addresses=[f"customer-{number}@example.com"]
        )
        customer = records.create(db, form, region="JP", now=now)
        ticket = tickets.start(
            db, subject=f"件名 {number}", channel=Channel.MAIL, queue_id=queue_ids[number % len(queue_ids)] or 0,
            customer_id=customer.id if number % 3 else None, language="ja", now=now, text="動きません",
            is_urgent=number % 4 != 0, sentiment="negative",
        )  # fmt: skip
        if number % 2:
            tickets.assign(db, ticket, agent, by=agent, now=now)
        _mail(db, ticket.id or 0, number)


def _conversation(db: Session, numbers: range) -> None:
    """Mails, notes and calls of the first ticket, which is Ms. Tanaka's, and what she bought."""
    ticket = access.ticket(db, db.exec(select(Agent).where(Agent.email == SATO.email)).one(), 1)
    for number in numbers:
        _mail(db, 1, number)
        tickets.note(db, ticket, f"メモ {number}", by=None, now=MONDAY + timedelta(minutes=number))
        _call(db, f"told-{number}", number, ticket_id=1, customer_id=ticket.customer_id)
        db.add(Purchase(customer_id=ticket.customer_id or 0, order_number=f"B-{number}", product="掃除機",
                        ordered_at=MONDAY))  # fmt: skip


def _history(db: Session, numbers: range) -> None:
    """Ms. Tanaka's other tickets and calls."""
    tanaka = db.exec(select(Customer.id).where(Customer.name == TANAKA.name)).one()
    for number in numbers:
        ticket = tickets.start(db, subject=f"昔の件 {number}", channel=Channel.PHONE, queue_id=_queue(db),
                               customer_id=tanaka, language="ja", now=MONDAY)  # fmt: skip
        _mail(db, ticket.id or 0, number)
        _call(db, f"past-{number}", number, customer_id=tanaka, ticket_id=ticket.id)


def _mail(db: Session, ticket_id: int, number: int) -> None:
    message = Message(
        ticket_id=ticket_id, direction=Direction.IN, state=MessageState.RECEIVED, sender_name=f"送り主 {number}",
        internet_id=f"<{ticket_id}-{number}@example.com>", sender_address=f"customer-{number}@example.com",
        subject="件名", text="動きません", reply_text="動きません", created_at=MONDAY + timedelta(minutes=number),
    )  # fmt: skip
    db.add(message)
    db.flush()
    db.add(Impression(ticket_id=ticket_id, message_id=message.id, language="ja", is_urgent=True, sentiment="negative",
                      made_at=MONDAY))  # fmt: skip


def _calls(db: Session, numbers: range) -> None:
    """Ended ones of several agents and customers, and some that wait."""
    for number in numbers:
        form = records.Form(f"電話の客 {number}", phones=[f"0312349{number:03}"])
        customer = records.create(db, form, region="JP", now=MONDAY)
        _call(db, f"call-{number}", number, customer_id=customer.id, is_live=number % 5 == 0)


def _callbacks(db: Session, numbers: range) -> None:
    """People to call back, each of them a customer."""
    for number in numbers:
        form = records.Form(f"電話の客 {number}", phones=[f"0312348{number:03}"])
        customer = records.create(db, form, region="JP", now=MONDAY)
        recalls.promise(db, customer_id=customer.id, number=f"+81312348{number:03}", queue_id=_queue(db), now=MONDAY)


def _call(db: Session, key: str, number: int, *, customer_id: int | None, ticket_id: int | None = None,
          is_live: bool = False) -> None:  # fmt: skip
    at = MONDAY + timedelta(minutes=number)
    agent_ids = list(db.exec(select(Agent.id)))
    db.add(Call(
        source="twilio", call_key=key, number=f"+81312340{number:03}", dialed=TECH_NUMBER, queue_id=_queue(db),
        customer_id=customer_id, ticket_id=ticket_id, started_at=at,
        agent_id=None if is_live else agent_ids[number % 4], state=CallState.RINGING if is_live else CallState.ENDED,
        ended_at=None if is_live else at, wrapped_up_at=at, outcome=Outcome.OPEN if is_live else Outcome.ANSWERED,
    ))  # fmt: skip
    db.flush()
    call = db.exec(select(Call).where(Call.call_key == key)).one()
    db.add(QueueVisit(call_id=call.id or 0, queue_id=_queue(db), entered_at=at, left_at=None if is_live else at,
                      how=VisitEnd.WAITING if is_live else VisitEnd.ANSWERED))  # fmt: skip


def _staff(db: Session, numbers: range) -> None:
    """Agents of the board, some of them talking."""
    for number in numbers:
        agent = Agent(name=f"係 {number}", email=f"agent-{number}@desk.example.jp", created_at=MONDAY)
        db.add(agent)
        db.flush()
        db.add(
            AgentState(agent_id=agent.id or 0, state=Presence.BUSY if number % 2 else Presence.READY, started_at=MONDAY)
        )
        db.add(Membership(queue_id=_queue(db), agent_id=agent.id or 0))
        at = MONDAY + timedelta(minutes=number)
        db.add(Call(source="twilio", call_key=f"talk-{number}", queue_id=_queue(db), agent_id=agent.id, started_at=at,
                    accepted_at=at, answered_at=at, state=CallState.TALKING))  # fmt: skip


PAGES: dict[str, tuple[tuple[Callable[[Session, range], None], ...], str]] = {
    "/inbox": ((_tickets,), 'class="row"'),
    "/inbox?view=unassigned": ((_tickets,), 'class="row"'),
    "/inbox?view=urgent": ((_tickets,), 'class="row"'),
    "/tickets/1": ((_tickets, _conversation), "メモ"),
    "/queues": ((_tickets, _calls, _staff), "係"),
    "/customers": ((_tickets, _conversation), "客 "),
    "/customers?q=客": ((_tickets,), "客 "),
    "/customers/1": ((_history,), "動きません"),
    "/calls": ((_calls,), "電話の客"),
    "/callbacks": ((_callbacks,), "電話の客"),
    "/reports/calls?by=agent": ((_staff,), "係"),
}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_as_often_for_sixty_rows_as_for_ten(desk: OpenDesk, path: str) -> None:
    grow, shown = PAGES[path]
    desk.mail(TANAKA)  # the first ticket
    counts, sizes = [], []
    for numbers in (range(FEW), range(FEW, MANY)):
        for make in grow:
            desk.write(make, numbers)
        counts.append(statements(desk, path))
        sizes.append(desk.as_(SATO).get(path).text.count(shown))
    assert sizes[0] >= 6 and sizes[1] >= 2 * sizes[0], "the rows are on the page"
    assert len(counts[0]) == len(counts[1]), "\n".join(sorted(set(counts[1])))
    assert len(counts[0]) <= 30
