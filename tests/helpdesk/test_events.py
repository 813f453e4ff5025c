"""The log of facts: none skipped, none told before it is true; and the due work that lives and dies with them."""

import asyncio
import dataclasses
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_type_hints

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session

from helpdesk.events import emit, last_number
from helpdesk.facts import AgentChanged, Fact, MessageQueued, SomethingParked
from helpdesk.runtime import log, work
from helpdesk.runtime.bus import Bus
from helpdesk.settings import Settings
from models import Event, MessageState, Queue
from models.database import Database
from tests.cast import AIKO, MONDAY, TANAKA, Clock, OpenDesk
from tests.conftest import open_desk
from tests.postbox import Postbox

POSTGRES = pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
WRITERS, TURNS = 6, 25


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def told(database: Database) -> list[int]:
    """The numbers of all events that are committed now."""
    return list(database.read_now(lambda db: db.scalars(sa.select(Event.id).order_by(Event.id)).all()))  # type: ignore[arg-type, call-overload]


def due(database: Database) -> list[str]:
    """The keys of all work that was ever enqueued, in the order of the alphabet."""
    table = "workflow_status" if database.is_sqlite else "dbos.workflow_status"
    query = sa.text(f"SELECT workflow_uuid FROM {table} WHERE name = 'desk_work' ORDER BY 1")
    return list(database.read_now(lambda db: db.scalars(query).all()))


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_a_follower_sees_every_event_exactly_once_and_in_order_while_many_write(database: Database) -> None:
    """It remembers one number, as the hub does. What it would have skipped it never sees again."""
    first = database.read_now(last_number)
    done = threading.Event()
    seen: list[tuple[int, int]] = []

    def states(db: Session, parked_id: int) -> None:
        for part in range(3):
            emit(db, SomethingParked(parked_id=parked_id * 3 + part, at=MONDAY))

    def write(writer: int) -> None:
        for turn in range(TURNS):
            database.write_now(states, writer * TURNS + turn)

    def follow() -> None:
        last = first
        while True:
            is_last_look = done.is_set()
            for number, fact in database.read_now(log.after, last, limit=7):
                assert isinstance(fact, SomethingParked)
                seen.append((number, fact.parked_id))
                last = number
            if is_last_look and last == database.read_now(last_number):
                return
            done.wait(0.001)  # as the hub waits for news; else this thread takes the writers' processor from them

    follower = threading.Thread(target=follow)
    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in (follower, *writers):
        thread.start()
    for thread in writers:
        thread.join(60)
    done.set()
    follower.join(60)
    numbers = [number for number, _ in seen]
    assert numbers == told(database)[-len(numbers) :] and numbers == sorted(set(numbers))
    assert sorted(parked_id for _, parked_id in seen) == list(range(WRITERS * TURNS * 3))
    for at, (_, parked_id) in enumerate(seen):  # the three of one transaction stand together, as they were stated
        assert parked_id % 3 == at % 3 and parked_id // 3 == seen[at - at % 3][1] // 3


@POSTGRES
def test_whoever_has_a_number_commits_before_the_next_number_is_given(database: Database) -> None:
    """The race itself, held still: one has written its event and not committed when another wants to write."""
    may_commit, has_number = threading.Event(), threading.Event()
    slow = Session(database.engine, expire_on_commit=False)

    @event.listens_for(slow, "before_commit")
    def linger(_: Session) -> None:
        has_number.set()
        assert may_commit.wait(30)

    def commit_slowly() -> None:
        emit(slow, AgentChanged(agent_id=1, at=MONDAY))
        slow.commit()

    first = database.read_now(last_number)
    slowly = threading.Thread(target=commit_slowly)
    slowly.start()
    assert has_number.wait(30)
    quickly = threading.Thread(
        target=database.write_now, args=(lambda db: emit(db, AgentChanged(agent_id=2, at=MONDAY)),)
    )
    quickly.start()
    waits = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    try:
        while quickly.is_alive() and not database.read_now(lambda db: db.scalar(waits)):
            pass
        assert database.read_now(log.after, first) == []  # neither is to be seen yet
    finally:
        may_commit.set()
    for thread in (slowly, quickly):
        thread.join(30)
    slow.close()
    facts = [fact for _, fact in database.read_now(log.after, first)]
    assert [fact.agent_id for fact in facts if isinstance(fact, AgentChanged)] == [1, 2]


def test_a_batch_ends_where_it_was_told_and_the_next_begins_there(database: Database) -> None:
    first = database.read_now(last_number)
    for parked_id in range(5):
        database.write_now(lambda db, n=parked_id: emit(db, SomethingParked(parked_id=n, at=MONDAY)))  # type: ignore[misc]
    two = database.read_now(log.after, first, limit=2)
    rest = database.read_now(log.after, two[-1][0])
    assert [fact.parked_id for _, fact in two + rest if isinstance(fact, SomethingParked)] == [0, 1, 2, 3, 4]
    assert database.read_now(log.after, rest[-1][0]) == []


@SQLITE
@pytest.mark.parametrize("steps", range(6))
async def test_a_follower_told_to_stop_at_the_very_moment_of_news_stops(database: Database, steps: int) -> None:
    bus, heard = Bus(database), 0
    await bus.start()

    async def follow() -> None:
        nonlocal heard
        async for _ in bus.news(repeat=60):
            heard += 1

    follower = asyncio.create_task(follow())
    for _ in range(3):
        await asyncio.sleep(0)  # it begins to wait
    bus.wake()
    for _ in range(steps):
        await asyncio.sleep(0)  # the news is on its way
    follower.cancel()
    done, _ = await asyncio.wait([follower], timeout=30)
    assert follower in done and follower.cancelled() and heard <= 1
    await bus.stop()


# --- with the transaction or not at all ------------------------------------------------------------------------------


def test_a_transaction_that_fails_leaves_no_event_and_no_due_work(desk: OpenDesk) -> None:
    events, works = told(desk.database), due(desk.database)

    def verb(db: Session) -> None:
        emit(db, MessageQueued(ticket_id=1, queue_id=1, message_id=1, at=MONDAY))
        db.flush()
        raise ValueError("not after all")

    with pytest.raises(ValueError, match="not after all"):
        desk.write(verb)
    assert (told(desk.database), due(desk.database)) == (events, works)
    desk.write(lambda db: emit(db, AgentChanged(agent_id=1, at=MONDAY)))
    assert len(told(desk.database)) == len(events) + 1  # and nothing of it comes along with the next


def test_a_session_that_rolled_back_and_goes_on_states_nothing_of_what_was_undone(database: Database) -> None:
    first = database.read_now(last_number)
    with Session(database.engine) as db:
        emit(db, AgentChanged(agent_id=1, at=MONDAY))
        db.flush()
        db.execute(sa.text("SELECT 1"))
        db.rollback()
        emit(db, AgentChanged(agent_id=2, at=MONDAY))
        db.commit()
    assert [fact for _, fact in database.read_now(log.after, first)] == [AgentChanged(agent_id=2, at=MONDAY)]


def test_a_commit_the_database_refuses_leaves_no_event_and_no_due_work(desk: OpenDesk) -> None:
    events, works = told(desk.database), due(desk.database)

    def verb(db: Session) -> None:
        emit(db, MessageQueued(ticket_id=1, queue_id=1, message_id=1, at=MONDAY))
        db.add(Queue(slug="returns", name="返品", name_en="Returns"))  # there is one

    with pytest.raises(sa.exc.IntegrityError):
        desk.write(verb)
    assert (told(desk.database), due(desk.database)) == (events, works)


def test_due_work_is_there_when_its_transaction_is_and_not_before(desk: OpenDesk) -> None:
    before = due(desk.database)

    def verb(db: Session) -> list[str]:
        emit(db, MessageQueued(ticket_id=1, queue_id=1, message_id=77, at=MONDAY))
        db.flush()
        return due(desk.database)  # as another connection sees it

    assert desk.write(verb) == before
    assert due(desk.database) == sorted([*before, "mail:77:1"])


def test_the_same_work_enqueued_twice_is_one_piece_of_work(desk: OpenDesk) -> None:
    for _ in range(2):
        desk.write(lambda db: [work.enqueue(db, "send_mail", 77, key="mail:77:1") for _ in range(2)])
    assert due(desk.database).count("mail:77:1") == 1


def test_a_reply_that_was_enqueued_twice_leaves_once(settings: Settings, clock: Clock, postbox: Postbox) -> None:
    with open_desk(settings, clock, works=True) as desk:
        desk.mail(TANAKA)
        message = desk.reply(AIKO, desk.tickets()[0].id or 0, "電源ボタンを五秒押してください。")
        key = f"mail:{message.id}:1"
        desk.write(lambda db: work.enqueue(db, "send_mail", message.id, key=key))
        done = desk.app.state.desk.worker.client().retrieve_workflow(key)
        done.get_result()
        assert desk.messages(message.ticket_id)[-1].state == MessageState.SENT
        assert [mail["Message-ID"] for _, mail in postbox.mails] == [message.internet_id]
        assert [each for each in due(desk.database) if each.startswith(f"mail:{message.id}:")] == [key]


# --- what a fact holds -----------------------------------------------------------------------------------------------


def examples(kind: type[Fact]) -> Iterator[Fact]:
    """The fact with everything told, and with everything left out that may be."""
    hints = get_type_hints(kind)
    full: dict[str, Any] = {}
    bare: dict[str, Any] = {"at": MONDAY}
    for number, field in enumerate(dataclasses.fields(kind), 3):
        hint, may_lack = hints[field.name], field.default is not dataclasses.MISSING
        if field.name == "at":
            full["at"] = MONDAY + timedelta(microseconds=7)
        else:
            full[field.name] = [number, 1] if hint == list[int] else f"code_{number}" if hint is str else number
            if not may_lack:
                optional = type(None) in getattr(hint, "__args__", ())
                bare[field.name] = None if optional else full[field.name]
    yield kind(**full)
    yield kind(**bare)


def test_every_fact_is_read_as_it_was_stated(desk: OpenDesk) -> None:
    for kind in Fact.kinds.values():
        stated = list(examples(kind))
        number = desk.number()
        desk.write(lambda db, stated=stated: [emit(db, fact) for fact in stated])
        assert [fact for _, fact in desk.read(log.after, number)] == stated, kind


def test_facts_hold_ids_and_codes_alone() -> None:
    """A fact has no place for a name, a number or a word: its fields are ids, times, and codes of ours."""
    codes = {"reason", "error", "what", "outcome", "disposition", "state", "settlement", "version", "before",
             "was", "was_at", "awaited", "was_strange", "priority", "until_at", "rested_until", "since"}  # fmt: skip
    rows = {"found", "clock"}  # what a merge found, which test_joining.py reads
    for kind in Fact.kinds.values():
        for field in dataclasses.fields(kind):
            is_id = field.name.endswith(("_id", "_ids")) or field.name in ("at", "attempt", "delay_seconds")
            assert is_id or field.name in codes | rows, f"{kind.__name__}.{field.name}"
