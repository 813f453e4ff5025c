"""The connection: SQLite in a file, or PostgreSQL, behind two words.

`await database.write(f, ...)` and `await database.read(f, ...)` run a plain function of a session in a thread, inside
one transaction. SQLite has one writer, so writes queue for one thread instead of fighting for the file's lock; readers
have connections of their own that cannot write. PostgreSQL has a pool, and a write that lost a deadlock or a race for a
unique key is run again from its start, which is safe because verbs touch nothing but their session.
"""

import asyncio
import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.pool import Pool
from sqlmodel import Session, SQLModel

from models.looking import Picture, arranger

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")
R = TypeVar("R", bound=SQLModel)
Verb = Callable[Concatenate[Session, P], T]

# Every engine hides parameters: an error that reaches a log names the statement, never a customer's words or numbers.

TOGETHER = 32
"""Items written in one transaction by `write_together`: a ring that comes meanwhile waits for so many."""

CACHE_KB = 4_000
"""Pages of SQLite's file that a connection keeps, each its own copy: all of them fill what they may as the file grows.
A reader's are void after anybody's next commit, and neither rings nor lists are quicker with eight times as many."""
TURN_SECONDS = 0.05
"""How long a reader waits at most for the one before it, which may have found much to read."""
KEPT_READERS = 6
"""Connections that stay open for the next who only reads SQLite's file."""
TRIES = 4
"""How often a write is attempted on PostgreSQL when it loses against another."""


class Unfinished(Exception):
    """Of two verbs the first is committed, and the second broke; `answer` is the first one's, `cause` says why."""

    def __init__(self, answer: Any, cause: Exception) -> None:
        super().__init__("the first verb is committed, the second broke")
        self.answer, self.cause = answer, cause


class Database:
    """An open database. `close` it when done."""

    def __init__(self, url: str, *, readers: int = 4, writers: int = 8) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            if not self.url.database or self.url.database == ":memory:":
                raise ValueError("SQLite needs a file: sqlite:///path/to/desk.db")
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
            self.engine = _sqlite(self.url, begin="BEGIN IMMEDIATE", read_only=False)
            self.reading_engine = _sqlite(self.url, begin="BEGIN", read_only=True)
            writers = 1
        else:
            self.engine = sa.create_engine(
                self.url, hide_parameters=True, pool_size=writers + readers, max_overflow=4, pool_pre_ping=True,
                json_serializer=_json,
            )  # fmt: skip
            self.reading_engine = self.engine
        self.info: dict[str, Any] = {"kept": {}}
        """Laid into `db.info` of every session: what verbs need besides rows, such as the work engine's client.
        "kept" is one dictionary for all of them: what was read once and is not read again."""
        self.before_commit: list[Callable[[Session], None]] = []
        """Called in the writing thread with each session whose verb is done; may look, through the same transaction."""
        self.after_commit: list[Callable[[Session], None]] = []
        """Called in the writing thread with each session that has committed."""
        self._waiting: dict[Callable[..., Any], list[tuple[Any, Future[Any]]]] = {}
        self._line = threading.Lock()
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="write")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="read")
        self._turn, self._turn_began = threading.Lock(), 0.0
        self._idle: list[_Reader] = []
        self._alone: set[str] = set()
        self._alone_lock = threading.Lock()

    async def write(self, verb: "Verb[P, T]", *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the verb in a transaction of its own and commit it. Raises what the verb raises, after rolling back."""
        return await asyncio.wrap_future(self._submit_write(verb, *args, **kwargs))

    async def write_in_turn(self, first: Callable[[Session], T], then: Callable[[Session, T], object]) -> T:
        """Two verbs in one turn of the writer and, when all goes well, in one transaction, which saves a commit. The
        second is handed what the first answered. Where they break together the first is written alone: it must be one
        that changes nothing when repeated.

        Returns the first one's answer. Raises `Unfinished` when only the first is committed, or what it raised itself.
        """

        def together(db: Session) -> T:
            answer = first(db)
            then(db, answer)
            return answer

        def both() -> T:
            try:
                return self._write(together)
            except Exception as error:
                raise Unfinished(self._write(first), error) from error

        return await asyncio.wrap_future(self._writers.submit(both))

    async def write_together(self, verb: Callable[[Session, Sequence[Item]], Sequence[T]], item: Item) -> T:
        """Run the verb for this item and for all that others bring while they wait for the writer: in one transaction,
        with one commit, which costs most. The verb answers to each item in their order. Where it breaks each item is
        written alone, so that only who brought the broken one hears of it.

        Returns when this item is committed. Raises what the verb raises for it alone.
        """
        answer: Future[T] = Future()
        with self._line:
            line = self._waiting.setdefault(verb, [])
            line.append((item, answer))
            is_first = len(line) == 1
        if is_first:
            self._writers.submit(self._write_line, verb)
        return await asyncio.wrap_future(answer)

    async def read(self, verb: "Verb[P, T]", *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb that only looks, on one consistent picture of the database."""
        return await asyncio.wrap_future(self._submit_read(verb, *args, **kwargs))

    async def tidy(self) -> None:
        """Move what SQLite's log holds into the file. Writers need not wait for it; PostgreSQL does so by itself."""
        if self.is_sqlite:
            await asyncio.wrap_future(self._readers.submit(self._checkpoint))

    def write_now(self, verb: "Verb[P, T]", *args: P.args, **kwargs: P.kwargs) -> T:
        """`write` for threads and commands, which have no event loop."""
        return self._submit_write(verb, *args, **kwargs).result()

    def read_now(self, verb: "Verb[P, T]", *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` for threads and commands, which have no event loop."""
        return self._read(verb, *args, **kwargs)

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Whether nobody else does what `name` says, in this process or another one; held until the end, or the death
        of the process. For what must not be done by two at once and takes too long for a transaction."""
        if self.is_sqlite:  # one process owns the file
            with self._alone_lock:
                is_free = name not in self._alone
                self._alone.add(name)
            try:
                yield is_free
            finally:
                if is_free:
                    with self._alone_lock:
                        self._alone.discard(name)
            return
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            is_free = bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(key))))
            try:
                yield is_free
            finally:
                if is_free:
                    connection.scalar(sa.select(sa.func.pg_advisory_unlock(key)))

    def close(self) -> None:
        """Finish what is running, then let go of every connection."""
        self._writers.shutdown()
        self._readers.shutdown()
        while self._idle:
            self._idle.pop().connection.close()
        self.engine.dispose()
        self.reading_engine.dispose()

    def _submit_write(self, verb: Callable[..., T], *args: Any, **kwargs: Any) -> "Future[T]":
        return self._writers.submit(self._write, verb, *args, **kwargs)

    def _submit_read(self, verb: Callable[..., T], *args: Any, **kwargs: Any) -> "Future[T]":
        return self._readers.submit(self._read_in_turn, verb, *args, **kwargs)

    def _read_in_turn(self, verb: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        if not self.is_sqlite:  # a reader waits for the server there, and others can compute meanwhile
            return self._read(verb, *args, **kwargs)
        # Threads that compute at once only take the interpreter from each other, at every row they read. So who waits
        # for a page lets the one before finish; but not one who takes long, as a search or a report may.
        patience = self._turn_began + TURN_SECONDS - time.monotonic()
        if not self._turn.acquire(timeout=max(0.0, patience)):
            return self._read(verb, *args, **kwargs)
        try:
            self._turn_began = time.monotonic()
            return self._read(verb, *args, **kwargs)
        finally:
            self._turn.release()

    def _write(self, verb: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        for attempt in range(TRIES):
            try:
                with Session(self.engine, expire_on_commit=False, info=self.info) as db:
                    with db.begin():
                        result = verb(db, *args, **kwargs)
                        for listener in self.before_commit:
                            listener(db)
                    for listener in self.after_commit:
                        listener(db)
                    return result
            except (IntegrityError, OperationalError) as error:
                if self.is_sqlite or attempt == TRIES - 1 or not _lost_a_race(error):
                    raise
        raise AssertionError("the loop above returns or raises")

    def _write_line(self, verb: Callable[[Session, Sequence[Any]], Sequence[Any]]) -> None:
        with self._line:
            line = self._waiting[verb]
            taken, line[:] = line[:TOGETHER], line[TOGETHER:]
            is_more = bool(line)
        # Who stopped waiting before it was begun is left out, as the executor does with what it runs itself.
        taken = [(item, answer) for item, answer in taken if answer.set_running_or_notify_cancel()]
        try:
            answers = self._write(verb, [item for item, _ in taken]) if taken else ()
        except Exception:
            for item, answer in taken:
                try:
                    answer.set_result(self._write(verb, [item])[0])
                except Exception as error:
                    answer.set_exception(error)
        else:
            for (_, answer), told in zip(taken, answers, strict=True):
                answer.set_result(told)
        if is_more:  # in turn: a ring may have come meanwhile
            self._writers.submit(self._write_line, verb)

    def _checkpoint(self) -> None:
        connection = self.reading_engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            connection.close()

    def _read(self, verb: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        info = self.info | {"is_reading": True}
        if not self.is_sqlite:
            with Session(self.reading_engine, expire_on_commit=False, autoflush=False, info=info) as db:
                repeatable = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
                db.info["connection"] = db.connection(execution_options=repeatable)
                return verb(db, *args, **kwargs)
        with self._reader() as reader:
            info |= {"connection": reader.connection, "picture": reader.picture}
            with Session(reader.connection, expire_on_commit=False, autoflush=False, info=info) as db:
                return verb(db, *args, **kwargs)

    @contextmanager
    def _reader(self) -> "Iterator[_Reader]":
        """One that nobody else uses, with a transaction. The one used last is used next: its pages are in memory."""
        try:
            reader = self._idle.pop()
        except IndexError:
            reader = _Reader(self.reading_engine)
        reader.begin()
        try:
            yield reader
        finally:
            reader.end()
            if len(self._idle) < KEPT_READERS:
                self._idle.append(reader)
            else:
                reader.connection.close()


class _Reader:
    """A connection that only reads SQLite's file. It stays open, and its transaction is begun and ended with the driver
    itself: SQLAlchemy takes ten times as long for both as SQLite, more than for many a page's statements."""

    def __init__(self, engine: Engine) -> None:
        self.connection = engine.connect()
        self.picture: Picture | None = None
        """What is seen in this transaction: the same as before where nobody else has committed since, of which SQLite
        tells, whatever connection or program it was. None where somebody listens: they hear every statement."""
        self._driver: Any = self.connection.connection.dbapi_connection
        self._seen: Picture | None = None

    def begin(self) -> None:
        """From now on one picture of the file is seen."""
        self._driver.execute("BEGIN")
        version: int = self._driver.execute("PRAGMA data_version").fetchone()[0]
        if self._seen is None or self._seen.version != version:
            self._seen = Picture(self._driver, version)
        self.picture = None if self.connection.dispatch.before_cursor_execute else self._seen

    def end(self) -> None:
        """And no longer."""
        if self.connection.in_transaction():  # somebody asked by SQLAlchemy
            self.connection.rollback()
        self._driver.rollback()


def hold_still(db: Session, row: SQLModel) -> None:
    """Lock a row and read it again: what two do at once is decided one after the other.

    What the session changed and did not write yet is written first; a refresh alone forgets it.
    """
    db.flush()
    db.refresh(row, with_for_update=True)


def one_at_a_time(db: Session, lock: int) -> None:
    """Until the transaction ends nobody else comes past here with the same number. SQLite has one writer anyway."""
    if db.get_bind().dialect.name == "postgresql":
        db.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))


def insert(db: Session, row: R) -> R:
    """Write one new row at once, and number it. A flush would look through everything the session holds, and write all
    of it, for the sake of one number."""
    table: sa.Table = row.__table__  # type: ignore[attr-defined]
    values = row.__dict__
    has_number = values["id"] is not None
    asks = not has_number and db.get_bind().dialect.name == "postgresql"  # SQLite's driver knows it without being asked
    done = _insert_into(table, has_number, asks).run(db, values)
    if not has_number:
        row.id = done.scalar_one() if asks else done.lastrowid
    make_transient_to_detached(row)  # it is what was just written: reading it back would only cost time
    db.add(row)
    return row


class Prepared:
    """A statement spelled out once for each kind of database and handed to its driver as it stands, in half of the time
    that SQLAlchemy takes, which looks at the statement and at each value's name anew every time.

    `names` are the columns an INSERT fills. Nothing is filled in by a default, and what the session holds and did not
    write yet stays there.
    """

    def __init__(self, statement: sa.Executable, names: Sequence[str] | None = None) -> None:
        self._statement, self._names = statement, names
        self._spelled: dict[str, tuple[str, Callable[[Mapping[str, Any]], Any]]] = {}

    def run(self, db: Session, values: Mapping[str, Any]) -> "sa.CursorResult[Any]":
        """Run it in the session's transaction. `values` has one for every parameter; others are left alone."""
        connection = db.connection()
        if (spelled := self._spelled.get(connection.dialect.name)) is None:
            spelled = self._spelled[connection.dialect.name] = self._spell(connection.dialect)
        text, arranged = spelled
        return connection.exec_driver_sql(text, arranged(values))

    def _spell(self, dialect: sa.Dialect) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
        spelled: Any = self._statement.compile(dialect=dialect, column_keys=self._names)  # type: ignore[attr-defined]
        return str(spelled), arranger(spelled, dialect)


@lru_cache(maxsize=64)
def _insert_into(table: sa.Table, has_number: bool, asks: bool) -> Prepared:
    statement = sa.insert(table).inline()
    names = [name for name in table.c.keys() if has_number or name != "id"]
    return Prepared(statement.returning(table.c.id) if asks else statement, names)


@event.listens_for(Session, "detached_to_persistent")
@event.listens_for(Session, "loaded_as_persistent")
@event.listens_for(Session, "pending_to_persistent")
def _hold(db: Session, row: object) -> None:
    """A session forgets rows nobody points at any more; ours lives for one verb, which shall not read a row twice."""
    db.info.setdefault("held", []).append(row)


def engine_for_work(database: Database) -> Engine:
    """An engine for the work engine, which opens its own transactions in its own way, on the same database."""
    if not database.is_sqlite:
        return sa.create_engine(database.url, hide_parameters=True, pool_size=6, max_overflow=6, pool_pre_ping=True)
    # It looks for work several times a second, and a connection reads the whole schema before its first statement,
    # which takes forty times as long as the look. So the last one used is kept, with few pages in memory.
    engine = sa.create_engine(
        database.url, hide_parameters=True, pool_size=2, max_overflow=-1, pool_use_lifo=True,
        connect_args={"timeout": 30, "check_same_thread": False},
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        _pragmas(connection, cache_kb=2_000)

    return engine


def _sqlite(url: sa.URL, *, begin: str, read_only: bool) -> Engine:
    # The connection used last is used next: its pages are in memory already, and those that a burst opened stay small.
    engine = sa.create_engine(
        url, hide_parameters=True, pool_size=6, max_overflow=4, pool_use_lifo=True, json_serializer=_json,
        connect_args={"timeout": 30, "check_same_thread": False},
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves; Python's driver would say it too late
        _pragmas(connection, cache_kb=CACHE_KB)
        if read_only:
            connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        if not (read_only and driver.in_transaction):  # as `_Reader` has one
            driver.execute(begin)

    return engine


def _json(value: Any) -> str:
    """As `json.dumps`; most lists and dictionaries of a row are empty."""
    return "[]" if value == [] else "{}" if value == {} else json.dumps(value)


@event.listens_for(Pool, "connect")
def _know_subseconds(connection: Any, _record: Any) -> None:
    """The work engine asks SQLite for the time in milliseconds, in words that SQLite knows from 3.42 on.

    Debian 12 and Ubuntu 22.04 have older ones. Every connection is taught, the work engine's own included.
    """
    if isinstance(connection, sqlite3.Connection) and sqlite3.sqlite_version_info < (3, 42):
        connection.create_function("unixepoch", -1, _unixepoch)


def _unixepoch(*asked: str) -> float:
    if asked not in ((), ("subsec",)):
        raise ValueError("of unixepoch() only the present time is known here")
    return time.time() if asked else int(time.time())


def _pragmas(connection: Any, *, cache_kb: int) -> None:
    # FULL: what we have answered 250 or 200 for must survive a power cut. It costs a third of a millisecond a commit.
    # The log is moved into the file by `tidy`, beside the work; a commit does so itself, which takes up to a tenth of a
    # second, only when the log has grown to 64 MB because nobody tidied.
    # What is deleted is overwritten where that costs no page more: a withheld number must not be left in a gap.
    for pragma in (
        "busy_timeout=30000",
        "journal_mode=WAL",
        "synchronous=FULL",
        "wal_autocheckpoint=16000",
        "foreign_keys=ON",
        "secure_delete=FAST",
        f"cache_size=-{cache_kb}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _lost_a_race(error: IntegrityError | OperationalError) -> bool:
    """Deadlock, serialization failure or unique violation: the second try sees the winner's row."""
    return getattr(error.orig, "sqlstate", "") in {"40001", "40P01", "23505"}
