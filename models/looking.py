"""What only looks, asks the database: columns instead of rows that a session watches, by statements built once.

`ask` and `rows` take such a statement, `peek` a row's number; `Remembered` makes the same rows only once, and the same
lists of them. In writing sessions all of them answer what the session has not written yet as well.

Who only reads SQLite's file asks nothing twice of the same `Picture` of it, whatever page it is for: as long as nobody
commits, the same statement has the same answer.
"""

import json
import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlmodel import Session, SQLModel

T = TypeVar("T")
W = TypeVar("W", bound=Sequence[Any])
R = TypeVar("R", bound=SQLModel)


def ask(db: Session, statement: sa.Executable, /, **values: Any) -> Sequence[Any]:
    """What a statement of columns that was built once answers, in a third of the time a session takes for it; and where
    SQLite is only read, in a third of that."""
    return _answers(db, statement, values, _in_rows)


def rows(db: Session, kind: type[R], statement: sa.Executable, /, **values: Any) -> Sequence[R]:
    """The same, read like rows of `kind`, by the same names. No session watches them: what is set on them is lost."""
    return cast(Sequence[R], ask(db, statement, **values))


def peek(db: Session, kind: type[R], number: int | None) -> R | None:
    """A row by its number, as `db.get` has it. Who only reads gets its columns, in a third of the time, asked once."""
    if not db.info.get("is_reading"):
        return db.get(kind, number) if number is not None else None
    known: dict[Any, R | None] = db.info.setdefault("peeked", {})
    if (kind, number) not in known:
        known[kind, number] = next(iter(rows(db, kind, _one_of(kind), number=number)), None)
    return known[kind, number]


def columns_of(kind: type[SQLModel], **instead: Any) -> "sa.Select[Any]":
    """A statement of all columns of a table for `rows`; `instead` has what to read under a column's name."""
    table: sa.Table = kind.__table__  # type: ignore[attr-defined]
    return sa.select(*(instead[each.key].label(each.key) if each.key in instead else each for each in table.c))


@lru_cache
def listed(name: str, is_sqlite: bool) -> Any:
    """Numbers for `in_` of a statement, of which `numbers` makes the value. SQLite takes them as one text, so that the
    statement is the same for as many as there are."""
    if not is_sqlite:
        return sa.bindparam(name, expanding=True)
    given = sa.bindparam(name, type_=sa.String)
    return sa.select(sa.literal_column("value")).select_from(sa.func.json_each(given))


def numbers(ids: Iterable[int], is_sqlite: bool) -> Any:
    """These as the value of `listed`."""
    return json.dumps(list(ids)) if is_sqlite else list(ids)


def is_sqlite(db: Session) -> bool:
    """Whether the session's database is SQLite's."""
    return db.get_bind().dialect.name == "sqlite"


def once(db: Session, key: Any, make: Callable[[], T]) -> T:
    """What `make` makes of the desk as it is seen now and of nothing else but `key`: made once for all who see the same
    picture of it. Nobody changes it."""
    picture: Picture | None = db.info.get("picture")
    return picture.once(key, make) if picture is not None else make()


class Once(tuple[T, ...]):
    """Values in their order that are made once and handed out again and again. Whether two are equal is mostly seen
    without looking into them, and what they come to as a key is worked out once; so nobody changes what is in them."""

    __hash: int

    def __hash__(self) -> int:
        try:
            return self.__hash
        except AttributeError:
            self.__hash = super().__hash__()
            return self.__hash


class Remembered(Generic[T]):
    """A statement of columns, and what is made of each row it answers with.

    The same rows are read again and again, and what a database gives (text for times, numbers for yes and no) must be
    turned into our values each time. Here it is asked for as the driver has it, and who was made of equal values before
    is made no more; so `make` is a function of a row's values and of nothing else, and nobody changes what it made.
    """

    MOST = 20_000
    MOST_WHOLES = 500

    def __init__(self, statement: "sa.Select[Any]", make: Callable[..., T]) -> None:
        columns = list(statement.selected_columns)
        plain = [sa.type_coerce(each, sa.types.NullType()) for each in columns]
        self._statement, self._make = statement, make
        self._in_text = statement.with_only_columns(*plain, maintain_column_froms=True)
        own = sqlite.dialect()
        self._turns = [each.type.dialect_impl(own).result_processor(own, None) for each in columns]
        self._made: dict[Any, T] = {}
        self._wholes: dict[Any, Once[T]] = {}

    def all(self, db: Session, **values: Any) -> list[T]:
        """What is made of every row, in the statement's order."""
        if is_sqlite(db):
            return list(_answers(db, self._in_text, values, self._each))
        return self._all(_answers(db, self._statement, values, _in_rows), False)

    def whole(self, db: Session, **values: Any) -> Once[T]:
        """The same as one value: of the same rows the very one that was handed out before."""
        if is_sqlite(db):
            return _answers(db, self._in_text, values, self._once)
        return self._one(_answers(db, self._statement, values, _in_rows), False)

    def _each(self, given: Sequence[Any], _look: object) -> list[T]:
        return self._all(given, True)

    def _once(self, given: Sequence[Any], _look: object) -> Once[T]:
        return self._one(given, True)

    def _one(self, given: Sequence[Any], in_text: bool) -> Once[T]:
        key = tuple(map(tuple, given))  # plain ones are compared in no time
        try:
            known = self._wholes.get(key)
        except TypeError:
            return Once(self._all(given, in_text))
        if known is None:
            known = Once(self._all(given, in_text))
            if len(self._wholes) >= self.MOST_WHOLES:
                self._wholes.clear()
            self._wholes[key] = known
        return known

    def _all(self, given: Sequence[Any], in_text: bool) -> list[T]:
        found, made = [], self._made
        for row in given:
            key = tuple(row)
            try:
                one = made.get(key)
            except TypeError:  # with a list or a dictionary among our values
                found.append(self._make(*key))
                continue
            if one is None:
                if len(made) >= self.MOST:
                    made.clear()
                told = zip(self._turns, key, strict=True)
                one = self._make(*([turn(value) if turn else value for turn, value in told] if in_text else key))
                made[key] = one
            found.append(one)
        return found


def remembered(kind: type[R], asked: "Callable[[sa.Select[Any]], sa.Select[Any]]") -> Remembered[R]:
    """Whole rows of a table of which there are few: `asked` is handed the statement of all columns and says which, and
    in which order. They are one another's from look to look, and no session watches them."""
    statement = columns_of(kind)
    names = list(kind.__table__.c.keys())  # type: ignore[attr-defined]
    return Remembered(asked(statement), lambda *values: kind(**dict(zip(names, values, strict=True))))


class Picture:
    """The file as a connection sees it until somebody else commits, and what it answered since then. What it hands out
    is handed out again: nobody changes it.

    Where `checks` is on, as in every test on SQLite, what was answered before is asked again all the same, and must be
    equal.
    """

    MOST_ROWS, MOST_MADE = 10_000, 1_000
    checks = False

    def __init__(self, driver: Any, version: int) -> None:
        """`driver` is SQLite's connection; by its `version` of the file SQLite says whether this is still the same."""
        self.version = version
        self._driver = driver
        self._answers: dict[Any, Sequence[Any]] = {}
        self._row_count = 0
        self._made: dict[Any, Any] = {}

    def answer(self, look: "_Look", values: Mapping[str, Any], told: "Callable[[Sequence[Any], _Look], W]") -> W:
        """What `told` makes of the rows of a look with these values, or made before. Raises what the driver does."""
        arranged = look.arranged(values)
        if look.is_of_a_moment:  # nobody will ask for it again
            return told(look.plain(self._driver, arranged), look)
        key = told, look, arranged
        if (known := self._answers.get(key)) is not None:
            if self.checks:
                anew = told(look.plain(self._driver, arranged), look)
                assert anew == known, "an answer was changed by whoever had it"
            return cast(W, known)
        made = told(look.plain(self._driver, arranged), look)
        if self._row_count > self.MOST_ROWS:
            self._answers.clear()
            self._row_count = 0
        self._answers[key] = made
        self._row_count += len(made)
        return made

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """What was made under this key, or is now."""
        if (known := self._made.get(key)) is None:
            if len(self._made) >= self.MOST_MADE:
                self._made.clear()
            known = self._made[key] = make()
        elif self.checks:
            assert make() == known, "it was changed by whoever had it, or depends on more than its key"
        return cast(T, known)


class _Look:
    """A statement as SQLite's driver takes it, and how what it answers becomes ours. It holds on to no statement."""

    def __init__(self, statement: sa.Executable, dialect: sa.Dialect) -> None:
        spelled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        columns = list(statement.selected_columns)  # type: ignore[attr-defined]
        turns = [each.type.dialect_impl(dialect).result_processor(dialect, None) for each in columns]
        self.is_fixed = not spelled.post_compile_params
        """Whether it is spelled the same whatever its values: a list has as many places as it is long."""
        self.is_of_a_moment = any(each.required and _is_moment(each.type) for each in spelled.binds.values())
        """Whether it is told the time."""
        self._text, self.arranged = written_out(spelled), arranger(spelled, dialect)
        self._turns = [(place, turn) for place, turn in enumerate(turns) if turn is not None]
        named: Any = namedtuple  # its names are known only now
        self._make: Callable[[Sequence[Any]], Any] = named("Row", [each.key for each in columns], rename=True)._make

    def plain(self, driver: Any, arranged: Any) -> list[Any]:
        """Its rows as the driver has them. Raises what the driver does."""
        found: list[Any] = driver.execute(self._text, arranged).fetchall()
        return found

    def rows(self, made: list[Any]) -> list[Any]:
        """The same rows, of our values in the statement's order and by their names."""
        if self._turns:
            made = [list(row) for row in made]
            for place, turn in self._turns:
                for row in made:
                    row[place] = turn(row[place])
        return list(map(self._make, made))


def _in_rows(given: Any, look: _Look | None) -> Sequence[Any]:
    return look.rows(given) if look else given


def _answers(
    db: Session, statement: sa.Executable, values: Mapping[str, Any], told: Callable[[Sequence[Any], _Look | None], W]
) -> W:
    """What `told` makes of the rows that the statement answers with: as they are in the file, where SQLite's driver is
    asked itself by a look."""
    info = db.info
    if (picture := info.get("picture")) is not None:  # SQLite is only read
        look = _LOOKS.get(statement, _NEW)
        if look is _NEW or look is None:
            _LOOKS[statement] = None if look is _NEW else _Look(statement, db.get_bind().dialect)
        elif look.is_fixed:
            try:
                return cast(W, picture.answer(look, values, told))
            except sqlite3.Error:
                pass  # said below, in the words that everybody else knows
    elif not info.get("is_reading"):
        db.flush()
    connection: sa.Connection = info.get("connection") or db.connection()  # who only reads has one
    return told(connection.execute(statement, values).all(), None)


_NEW: Any = object()
_LOOKS: WeakKeyDictionary[sa.Executable, _Look | None] = WeakKeyDictionary()
"""By the statements they were spelled out of at the second use; None after the first, which may have been the last."""


@lru_cache
def _one_of(kind: type[SQLModel]) -> "sa.Select[Any]":
    table: sa.Table = kind.__table__  # type: ignore[attr-defined]
    return columns_of(kind).where(next(iter(table.primary_key)) == sa.bindparam("number"))


def _is_moment(kind: sa.types.TypeEngine[Any]) -> bool:
    return isinstance(kind.impl_instance if isinstance(kind, sa.TypeDecorator) else kind, sa.DateTime)


def written_out(spelled: Any) -> str:
    """The text of a statement that was spelled out, with what SQLAlchemy writes into it only when it is run, such as
    what stands between strings that are joined."""
    text = str(spelled)
    for each in spelled.literal_execute_params:
        place = f"__[POSTCOMPILE_{spelled.bind_names[each]}]"
        text = text.replace(place, spelled.render_literal_value(each.value, each.type))
    return text


def arranger(spelled: Any, dialect: sa.Dialect) -> Callable[[Mapping[str, Any]], Any]:
    """What makes of values by name what the driver takes for a statement that was spelled out. Of what the statement
    says itself that is made once; a list in it has other places each time, and is not arranged."""
    literal = {spelled.bind_names[each] for each in spelled.literal_execute_params}
    turns = {name: each.type.dialect_impl(dialect).bind_processor(dialect) for name, each in spelled.binds.items()}
    own = {name: each.value for name, each in spelled.binds.items() if not (each.required or each.expanding)}
    named = spelled.positiontup if spelled.positional else turns
    names = [name for name in named if name not in literal]

    def turned(name: str, value: Any) -> Any:
        turn = turns[name]
        return turn(value) if turn else value

    if not spelled.positional:
        return lambda values: {name: turned(name, values[name] if name in values else own[name]) for name in names}
    settled = [turned(name, own[name]) if name in own else None for name in names]
    places = [(place, name, turns[name]) for place, name in enumerate(names) if name not in own]

    def arranged(values: Mapping[str, Any]) -> tuple[Any, ...]:
        made = settled[:]
        for place, name, turn in places:
            made[place] = turn(values[name]) if turn else values[name]
        return tuple(made)

    def arranged_otherwise(values: Mapping[str, Any]) -> tuple[Any, ...]:
        found = {**own, **values}
        return tuple([turned(name, found[name]) for name in names])

    return lambda values: arranged(values) if own.keys().isdisjoint(values) else arranged_otherwise(values)
