"""The log of facts: numbers rise in the order of commits, and a fact is there if and only if its row is."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import events, tickets
from helpdesk.events import AgentChanged, Fact, emit, recall
from helpdesk.runtime import log
from models import Channel, Event, Note, Ticket
from tests.cast import AIKO, MONDAY, OpenDesk


def opened(db: Session, desk: OpenDesk) -> Ticket:
    """A ticket in tech support."""
    return tickets.start(db, subject="x", channel=Channel.MAIL, queue_id=desk.queue("tech_support").id or 0,
                         customer_id=None, language="ja", now=MONDAY)  # fmt: skip


def test_a_reader_who_follows_the_numbers_skips_nobody_while_many_write(desk: OpenDesk) -> None:
    """On PostgreSQL a lower id could commit after a higher one; the reader below would never see it."""
    writers, each = 8, 25
    done = threading.Event()
    start = desk.number()

    def write(db: Session, writer: int, number: int) -> None:
        emit(db, AgentChanged(agent_id=writer * 1000 + number, at=MONDAY))
        db.execute(sa.select(sa.func.count()).select_from(Ticket))  # some work between the fact and the commit
        db.add(Note(ticket_id=desk_ticket, text=f"{writer}-{number}", created_at=MONDAY))
        db.flush()

    desk_ticket = desk.write(lambda db: opened(db, desk).id)

    def follow() -> list[int]:
        seen, last = [], start
        while True:
            ended = done.is_set()
            told = desk.read(log.after, last)
            for number, fact in told:
                assert number > last
                last = number
                assert isinstance(fact, AgentChanged)
                seen.append(fact.agent_id)
            if ended and not told:
                return seen

    with ThreadPoolExecutor(writers + 1) as pool:
        reader = pool.submit(follow)
        jobs = [pool.submit(lambda w=w: [desk.write(write, w, n) for n in range(each)]) for w in range(writers)]
        for job in jobs:
            job.result()
        done.set()
        seen = reader.result(60)
    assert sorted(seen) == sorted(writer * 1000 + number for writer in range(writers) for number in range(each))
    for writer in range(writers):
        assert [s for s in seen if s // 1000 == writer] == [writer * 1000 + n for n in range(each)]


def test_a_transaction_that_goes_back_leaves_no_fact(desk: OpenDesk) -> None:
    before = desk.number(), desk.count(Ticket)

    def fails(db: Session) -> None:
        tickets.announce(db, opened(db, desk), now=MONDAY)
        raise ValueError("no")

    with pytest.raises(ValueError):
        desk.write(fails)
    assert (desk.number(), desk.count(Ticket)) == before
    desk.write(lambda db: emit(db, AgentChanged(agent_id=1, at=MONDAY)))  # and nothing of it comes with the next
    assert desk.read(lambda db: db.exec(select(Event.fact).order_by(col(Event.id).desc())).first()) == "agent_changed"
    assert desk.count(Ticket) == before[1]


def test_the_facts_of_one_transaction_keep_their_order(desk: OpenDesk) -> None:
    start = desk.number()
    desk.write(lambda db: [emit(db, AgentChanged(agent_id=n, at=MONDAY)) for n in range(300)])
    told: list[Any] = []
    while batch := desk.read(log.after, told[-1][0] if told else start):
        told += batch
    assert [fact.agent_id for _, fact in told] == list(range(300))


@pytest.mark.parametrize("kind", Fact.kinds.values(), ids=lambda kind: kind.__name__)
def test_every_fact_comes_back_from_the_log_as_it_was_stated(kind: type[Fact]) -> None:
    values: dict[str, Any] = {"at": MONDAY, "by_id": 7}
    for name, field in kind.__dataclass_fields__.items():
        if name not in values:
            values[name] = [1, 2] if name.endswith("_ids") else "code" if "str" in str(field.type) else 5
    stated = kind(**values)
    row = Event(id=1, **events._columns(stated))
    assert recall(row) == stated


def test_an_event_of_an_older_version_that_knew_less_is_still_read() -> None:
    row = Event(id=1, fact="message_queued", at=MONDAY, actor_id=None, ticket_id=3,
                data={"queue_id": 1, "message_id": 9, "something_dropped_since": True})  # fmt: skip
    told = recall(row)
    assert isinstance(told, events.MessageQueued) and (told.message_id, told.attempt) == (9, 1)


def test_the_history_of_a_ticket_names_who_did_what(desk: OpenDesk) -> None:
    ticket_id = desk.write(lambda db: _announced(db, desk))
    desk.as_(AIKO).post(f"/tickets/{ticket_id}/assign", data={"agent_id": desk.agent(AIKO).id})
    row = desk.read(lambda db: db.exec(select(Event).where(Event.ticket_id == ticket_id).order_by(col(Event.id).desc())).first())
    assert (row.fact, row.actor_id) == ("ticket_assigned", desk.agent(AIKO).id)


def _announced(db: Session, desk: OpenDesk) -> int:
    ticket = opened(db, desk)
    tickets.announce(db, ticket, now=MONDAY)
    return ticket.id or 0
