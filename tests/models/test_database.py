"""The connection's promises: all or nothing, readers that only look, lost races run again, news after the commit."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session, select

from models import Channel, Direction, Message, MessageState, Queue, Ticket, looking
from models.database import TOGETHER, TRIES, Database, Unfinished, engine_for_work, insert
from models.looking import Remembered, ask, peek, remembered, rows

POSTGRES = pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def open_line(db: Session, slug: str) -> None:
    """A queue more."""
    db.add(Queue(slug=slug, name="修理", name_en="Repairs"))


def slugs(db: Session) -> set[str]:
    """The queues there are."""
    return set(db.exec(select(Queue.slug)))


def letter(ticket: Ticket, at: datetime) -> Message:
    """A mail of every kind of value."""
    return Message(
        ticket_id=ticket.id, direction=Direction.IN, state=MessageState.RECEIVED, subject="「件名」 100% 'x' :x ?",
        references=["<1@example.com>"], undoes={"state": None, "数": [1.5, True]}, created_at=at,
    )  # fmt: skip


def test_what_a_verb_wrote_before_it_failed_is_not_there(database: Database) -> None:
    def verb(db: Session) -> None:
        open_line(db, "repairs")
        db.flush()
        raise ValueError("the second half went wrong")

    with pytest.raises(ValueError, match="second half"):
        database.write_now(verb)
    assert "repairs" not in database.read_now(slugs)
    database.write_now(open_line, "repairs")
    assert "repairs" in database.read_now(slugs)


def test_a_row_written_at_once_says_what_one_written_by_a_flush_says(database: Database) -> None:
    """Texts, times, choices, numbers, lists and what is left out come back alike."""
    at = datetime(2026, 11, 22, 18, 30, 0, 250000, tzinfo=timezone(timedelta(hours=9)))

    def verb(db: Session) -> tuple[int | None, int | None]:
        queue = db.exec(select(Queue)).first()
        assert queue is not None and queue.id is not None
        ticket = Ticket(subject="", channel=Channel.MAIL, queue_id=queue.id, created_at=at, last_contact_at=at)
        numbered = insert(db, ticket).id
        one = insert(db, letter(ticket, at))
        db.add(two := letter(ticket, at))
        db.flush()
        assert numbered is not None and one.id is not None and two.id == one.id + 1
        return one.id, two.id

    ids = database.write_now(verb)
    one, two = database.read_now(lambda db: [db.get_one(Message, each).model_dump(exclude={"id"}) for each in ids])
    assert one == two and one["created_at"] == at and one["undoes"] == {"state": None, "数": [1.5, True]}
    assert one["bcc"] == [] and one["leaves_at"] is None and one["direction"] is Direction.IN


def test_rows_read_by_columns_say_what_the_sessions_own_say(database: Database) -> None:
    """Whether they are made anew, read by their names, or remembered from the time before."""
    at = datetime(2026, 11, 22, 18, 30, tzinfo=timezone(timedelta(hours=9)))
    names = (Ticket.id, Ticket.subject, Ticket.state, Ticket.confidence, Ticket.awaits_us, Ticket.created_at)
    columns = sa.select(*names).where(Ticket.queue_id == sa.bindparam("queue_id")).order_by(Ticket.id)  # type: ignore[call-overload]
    remembered = Remembered(columns, lambda *values: values)

    def open_two(db: Session) -> int:
        open_line(db, "repairs")
        db.flush()
        queue_id = db.exec(select(Queue.id).where(Queue.slug == "repairs")).one()
        assert queue_id is not None
        told = {"channel": Channel.MAIL, "queue_id": queue_id, "created_at": at, "last_contact_at": at}
        db.add(Ticket(subject="掃除機", confidence=0.5, **told))
        db.add(Ticket(subject="ink", awaits_us=False, **told))
        assert [row.subject for row in rows(db, Ticket, columns, queue_id=queue_id)] == ["掃除機", "ink"], "unwritten"
        return queue_id

    queue_id = database.write_now(open_two)

    def look(db: Session) -> tuple[list[Any], list[Any], list[Any]]:
        held = db.exec(select(Ticket).where(Ticket.queue_id == queue_id).order_by(sa.asc("id")))
        own = [(it.id, it.subject, it.state, it.confidence, it.awaits_us, it.created_at) for it in held]
        return own, list(map(tuple, ask(db, columns, queue_id=queue_id))), remembered.all(db, queue_id=queue_id)

    for subject in ("掃除機", "洗濯機"):
        database.write_now(lambda db, subject: db.execute(
            sa.update(Ticket).where(Ticket.confidence == 0.5).values(subject=subject)  # type: ignore[arg-type]
        ), subject)  # fmt: skip
        own, asked, kept = database.read_now(look)
        assert own == asked == kept and kept[0][1] == subject
        assert all(one is two for one, two in zip(kept, database.read_now(look)[2], strict=True)), "made once"


def test_a_row_peeked_at_says_what_the_sessions_own_says(database: Database) -> None:
    """Also at the third look, by when SQLite's driver is handed the statement as it was spelled out."""
    at = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)

    def write(db: Session) -> tuple[int, int]:
        queue = db.exec(select(Queue)).first()
        assert queue is not None and queue.id is not None
        ticket = insert(db, Ticket(subject="掃除機", channel=Channel.MAIL, queue_id=queue.id, created_at=at,
                                   last_contact_at=at))  # fmt: skip
        said = insert(db, letter(ticket, at))
        assert peek(db, Message, said.id) is said, "who writes gets the session's own"
        return ticket.id or 0, said.id or 0

    def look(db: Session, kind: type[Ticket] | type[Message], number: int) -> None:
        own, peeked = db.get_one(kind, number), peek(db, kind, number)
        assert {name: getattr(peeked, name) for name in own.model_dump()} == own.model_dump()
        assert peek(db, kind, number) is peeked and peek(db, kind, number + 1000) is None

    ticket_id, message_id = database.write_now(write)
    for _ in range(3):
        database.read_now(look, Ticket, ticket_id)
        database.read_now(look, Message, message_id)


def test_whole_rows_are_made_once_until_one_of_them_changes(database: Database) -> None:
    every = remembered(Queue, lambda asked: asked.order_by(sa.asc("id")))
    first = database.read_now(every.all)
    assert [queue.model_dump() for queue in first] == database.read_now(
        lambda db: [queue.model_dump() for queue in db.exec(select(Queue).order_by(sa.asc("id")))]
    )
    database.write_now(
        lambda db: db.execute(sa.update(Queue).where(Queue.id == first[0].id).values(name="修理"))  # type: ignore[arg-type]
    )
    assert [queue.name for queue in database.read_now(every.all)] == ["修理", *(queue.name for queue in first[1:])]


def test_a_list_is_the_very_same_until_something_in_it_changes(database: Database) -> None:
    columns: Any = sa.select(Queue.slug, Queue.name).order_by(sa.asc("slug"))  # type: ignore[call-overload]
    every = Remembered(columns, lambda *values: values)
    seen = [database.read_now(every.whole) for _ in range(4)]
    assert all(one is seen[0] for one in seen) and len({hash(one) for one in seen}) == 1
    slug, _ = seen[0][0]
    database.write_now(lambda db: db.execute(sa.update(Queue).where(Queue.slug == slug).values(name="修理")))  # type: ignore[arg-type]
    assert database.read_now(every.whole) == ((slug, "修理"), *seen[0][1:]) != seen[0]


def test_what_is_joined_and_what_is_listed_is_asked_of_the_driver_as_of_everybody(database: Database) -> None:
    """SQLAlchemy writes what stands between joined strings into a statement only when it runs it."""
    is_sqlite = database.is_sqlite
    names: Any = sa.select(sa.func.aggregate_strings(Queue.slug, "'\x1f")).where(
        sa.column("id").in_(looking.listed("ids", is_sqlite))
    )

    def look(db: Session) -> set[str]:
        ids = [queue.id or 0 for queue in db.exec(select(Queue))][:2]
        return set(ask(db, names, ids=looking.numbers(ids, is_sqlite))[0][0].split("'\x1f"))

    def own(db: Session) -> set[str]:
        return {queue.slug for queue in list(db.exec(select(Queue)))[:2]}

    assert all(database.read_now(look) == database.read_now(own) for _ in range(3))
    known = looking._LOOKS.get(names)
    assert not is_sqlite or (known is not None and known.is_fixed and "POSTCOMPILE" not in known._text)


def test_who_reads_for_long_does_not_keep_others_waiting(database: Database) -> None:
    may_end, has_begun = threading.Event(), threading.Event()

    def linger(db: Session) -> bool:
        has_begun.set()
        return may_end.wait(60)

    async def both() -> tuple[set[str], bool]:
        slow = asyncio.create_task(database.read(linger))
        await asyncio.to_thread(has_begun.wait, 60)
        quick = await database.read(slugs)
        may_end.set()
        return quick, await slow

    quick, was_told_to_end = asyncio.run(both())
    assert quick and was_told_to_end


def test_two_verbs_in_turn_are_one_transaction_when_all_goes_well(database: Database) -> None:
    commits: list[Session] = []
    database.after_commit.append(commits.append)

    async def write() -> set[str]:
        return await database.write_in_turn(
            lambda db: (open_line(db, "repairs"), slugs(db))[1], lambda db, known: open_line(db, f"after-{len(known)}")
        )

    assert "repairs" in asyncio.run(write())
    made = database.read_now(slugs)
    assert "repairs" in made and any(slug.startswith("after-") for slug in made)
    assert len(commits) == 1


def test_of_two_verbs_in_turn_the_first_stays_when_the_second_breaks(database: Database) -> None:
    def first(db: Session) -> str:
        if "repairs" not in slugs(db):
            open_line(db, "repairs")
        return "kept"

    def then(db: Session, answer: str) -> None:
        open_line(db, "half-done")
        db.flush()
        raise ValueError("the second broke")

    async def write() -> str:
        return await database.write_in_turn(first, then)

    with pytest.raises(Unfinished) as told:
        asyncio.run(write())
    assert told.value.answer == "kept" and str(told.value.cause) == "the second broke"
    assert database.read_now(slugs) & {"repairs", "half-done"} == {"repairs"}


def test_of_two_verbs_in_turn_nothing_stays_when_the_first_breaks(database: Database) -> None:
    def first(db: Session) -> None:
        open_line(db, "repairs")
        raise ValueError("the first broke")

    async def write() -> None:
        await database.write_in_turn(first, lambda db, _: open_line(db, "after"))

    with pytest.raises(ValueError, match="the first broke"):
        asyncio.run(write())
    assert not database.read_now(slugs) & {"repairs", "after"}


class Busy:
    """The writers are held up until told to go on, so that what is brought meanwhile waits."""

    def __init__(self, database: Database) -> None:
        self.database, self.may_go_on = database, threading.Event()
        self.holds = [
            database._writers.submit(self.may_go_on.wait, 30) for _ in range(database._writers._max_workers)
        ]  # fmt: skip


def open_lines(db: Session, asked: Sequence[str]) -> list[str]:
    """A queue more for each; "" is refused once the others stand there."""
    for slug in asked:
        open_line(db, slug)
    db.flush()
    if "" in asked:
        raise ValueError("a line without a name")
    return [f"opened {slug}" for slug in asked]


async def bring(database: Database, asked: list[str]) -> list[object]:
    """All at once, while the writers are held up by something else."""
    busy = Busy(database)
    tasks = [asyncio.create_task(database.write_together(open_lines, slug)) for slug in asked]
    await asyncio.sleep(0)
    busy.may_go_on.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_what_waits_side_by_side_is_one_transaction_and_each_hears_its_own_answer(database: Database) -> None:
    commits: list[Session] = []
    database.after_commit.append(commits.append)
    asked = [f"line-{number}" for number in range(10)]
    assert asyncio.run(bring(database, asked)) == [f"opened {slug}" for slug in asked]
    assert set(asked) <= database.read_now(slugs) and len(commits) == 1


def test_no_transaction_takes_in_more_than_a_handful_though_more_wait(database: Database) -> None:
    commits: list[Session] = []
    database.after_commit.append(commits.append)
    asked = [f"line-{number}" for number in range(2 * TOGETHER + 1)]
    assert asyncio.run(bring(database, asked)) == [f"opened {slug}" for slug in asked]
    assert set(asked) <= database.read_now(slugs) and len(commits) == 3


def test_of_many_side_by_side_only_the_broken_one_hears_of_it(database: Database) -> None:
    one, broken, other = asyncio.run(bring(database, ["one", "", "other"]))
    assert (one, other) == ("opened one", "opened other") and isinstance(broken, ValueError)
    assert {"one", "other"} <= database.read_now(slugs) and "" not in database.read_now(slugs)


def test_who_stopped_waiting_before_its_turn_is_left_out(database: Database) -> None:
    async def give_up() -> object:
        busy = Busy(database)
        stays, goes = (asyncio.create_task(database.write_together(open_lines, slug)) for slug in ("stays", "goes"))
        await asyncio.sleep(0)
        goes.cancel()
        await asyncio.gather(goes, return_exceptions=True)
        busy.may_go_on.set()
        return await stays

    assert asyncio.run(give_up()) == "opened stays"
    assert "stays" in database.read_now(slugs) and "goes" not in database.read_now(slugs)


def test_a_row_written_at_once_has_its_number_and_is_written_no_second_time(database: Database) -> None:
    def verb(db: Session) -> tuple[int | None, bool]:
        row = insert(db, Queue(slug="repairs", name="修理", name_en="Repairs", keywords=["割れ"]))
        found = db.exec(select(Queue).where(Queue.slug == "repairs")).one()
        row.name = "修理受付"
        return row.id, found is row

    number, is_the_same = database.write_now(verb)
    queue = database.read_now(lambda db: db.get(Queue, number))
    assert is_the_same and queue is not None and (queue.name, queue.keywords) == ("修理受付", ["割れ"])


def test_a_column_that_does_not_exist_is_refused() -> None:
    queue = Queue(slug="repairs", name="修理", name_en="Repairs")
    with pytest.raises(ValueError, match="naem"):
        queue.naem = "修理受付"  # type: ignore[attr-defined]


def test_a_reader_cannot_write(database: Database) -> None:
    def verb(db: Session) -> None:
        open_line(db, "repairs")
        db.flush()

    with pytest.raises(DBAPIError, match="(?i)read-?only"):
        database.read_now(verb)
    assert "repairs" not in database.read_now(slugs)


def test_a_reader_sees_one_moment_though_others_write_meanwhile(database: Database) -> None:
    def verb(db: Session) -> tuple[set[str], set[str]]:
        before = slugs(db)
        database.write_now(open_line, "repairs")
        return before, slugs(db)

    before, after = database.read_now(verb)
    assert before == after and "repairs" not in after
    assert "repairs" in database.read_now(slugs)


@POSTGRES
def test_who_loses_a_race_for_a_unique_key_runs_again_and_sees_the_winners_row(database: Database) -> None:
    both_looked = threading.Barrier(2)
    looked = threading.local()
    tries: list[str] = []

    def find_or_open(db: Session) -> str:
        tries.append(threading.current_thread().name)
        found = db.exec(select(Queue).where(Queue.slug == "repairs")).first()
        if not hasattr(looked, "once"):
            looked.once = True
            both_looked.wait(30)
        if found is not None:
            return "found"
        open_line(db, "repairs")
        return "opened"

    # Two submissions before either is waited for, so that two writing threads hold them.
    waiting = [database._submit_write(find_or_open) for _ in range(2)]
    assert sorted(future.result(60) for future in waiting) == ["found", "opened"]
    assert len(tries) == 3


@POSTGRES
def test_two_who_wait_for_each_other_both_get_through(database: Database) -> None:
    each_holds_one = threading.Barrier(2)
    held = threading.local()

    def rename(db: Session, first: str, second: str) -> None:
        for slug in (first, second):
            db.execute(sa.update(Queue).where(sa.column("slug") == slug).values(signature=f"{first} was first"))
            if not hasattr(held, "once"):
                held.once = True
                each_holds_one.wait(30)

    waiting = [
        database._submit_write(rename, "returns", "billing"),
        database._submit_write(rename, "billing", "returns"),
    ]
    for future in waiting:
        future.result(60)
    signatures = set(database.read_now(lambda db: db.exec(
        select(Queue.signature).where(sa.column("slug").in_(["returns", "billing"]))).all()))  # fmt: skip
    assert len(signatures) == 1 and signatures < {"returns was first", "billing was first"}


@pytest.mark.parametrize(("database_kind", "tries"), [("sqlite", 1), ("postgres", TRIES)], indirect=["database_kind"])
def test_a_key_that_stays_taken_is_told_in_the_end(database: Database, tries: int) -> None:
    begun = []

    def verb(db: Session) -> None:
        begun.append(1)
        open_line(db, "returns")

    with pytest.raises(IntegrityError):
        database.write_now(verb)
    assert len(begun) == tries


def test_news_is_told_only_of_what_is_committed(database: Database) -> None:
    told: list[bool] = []
    database.after_commit.append(lambda _: told.append("repairs" in database.read_now(slugs)))

    def breaks(db: Session) -> None:
        open_line(db, "repairs")
        db.flush()
        raise ValueError

    with pytest.raises(ValueError):
        database.write_now(breaks)
    assert told == []
    database.write_now(open_line, "repairs")
    assert told == [True]


@SQLITE
def test_sqlite_keeps_what_it_accepted_through_a_power_cut(database: Database) -> None:
    from models.database import engine_for_work

    full = 2
    for engine in (database.engine, database.reading_engine, engine_for_work(database)):
        with engine.connect() as connection:

            def says(pragma: str, connection: sa.Connection = connection) -> object:
                return connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()

            assert (says("journal_mode"), says("synchronous"), says("foreign_keys")) == ("wal", full, 1)
            assert says("query_only") == int(engine is database.reading_engine)


def test_a_row_cannot_point_to_nothing(database: Database) -> None:
    with pytest.raises(IntegrityError):
        database.write_now(
            lambda db: db.execute(sa.text("INSERT INTO membership (queue_id, agent_id) VALUES (1, 999)"))
        )


@SQLITE
def test_sqlite_without_a_file_is_refused(database_url: str) -> None:
    for url in ("sqlite://", "sqlite:///:memory:"):
        with pytest.raises(ValueError, match="needs a file"):
            Database(url)


def test_an_error_that_reaches_a_log_tells_nothing_that_a_customer_said(database: Database) -> None:
    def says(db: Session) -> None:
        db.execute(sa.text("INSERT INTO nowhere (words) VALUES (:words)"), {"words": "暗証番号は一二三四です"})

    with pytest.raises(sa.exc.SQLAlchemyError) as failed:
        database.write_now(says)
    assert "nowhere" in str(failed.value) and "暗証番号" not in str(failed.value)


def test_a_new_row_has_its_defaults_and_refuses_what_is_no_column() -> None:
    one, other = (
        Queue(slug="repairs", name="修理", name_en="Repairs"),
        Queue(slug="loans", name="貸出", name_en="Loans"),
    )
    one.keywords.append("分解")
    assert (one.keywords, other.keywords, other.id, other.phone) == (["分解"], [], None, None)
    with pytest.raises(TypeError, match="slugg"):
        Queue(slugg="repairs")  # type: ignore[call-arg]


def test_looking_for_work_again_and_again_opens_the_database_once(database: Database) -> None:
    engine, opened = engine_for_work(database), list[object]()
    sa.event.listen(engine, "connect", lambda connection, _: opened.append(connection))
    for _ in range(5):
        with engine.begin() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(Queue)) is not None
    engine.dispose()
    assert len(opened) == 1
