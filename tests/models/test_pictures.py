"""Who only reads asks nothing twice until somebody commits; then all is asked again."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk.commands.opening import prepare
from models import Tag, looking
from models.database import Database
from models.looking import Picture, Remembered, ask

NOON = datetime(2026, 11, 16, 3, 0, tzinfo=UTC)
_NAMES = sa.select(col(Tag.name)).where(col(Tag.id) >= sa.bindparam("least")).order_by(col(Tag.id))
_TAGS = Remembered(_NAMES, lambda name: (name,))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'desk.db'}", readers=1)
    prepare(opened)
    _tag(opened, "first")
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def as_people_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it is told apart what is asked and what was; everywhere else all is asked, to be compared."""
    monkeypatch.setattr(Picture, "checks", False)


def _tag(database: Database, name: str) -> None:
    database.write_now(lambda db: db.add(Tag(name=name, key=name, created_at=NOON)))


def _names(db: Session) -> list[str]:
    return [row.name for row in ask(db, _NAMES, least=1)]


def _said(database: Database) -> list[list[str]]:
    """By both ways of asking, three times: a statement is spelled out at its second use."""
    return [[name for (name,) in database.read_now(lambda db: list(_TAGS.all(db, least=1)))] for _ in range(3)] + [
        database.read_now(_names) for _ in range(3)
    ]


def test_what_anybody_writes_is_seen_at_once(database: Database) -> None:
    assert _said(database) == [["first"]] * 6
    _tag(database, "second")
    assert _said(database) == [["first", "second"]] * 6


def test_what_another_program_writes_is_seen_at_once(database: Database) -> None:
    assert _said(database) == [["first"]] * 6
    with sqlite3.connect(str(database.url.database)) as other:
        other.execute("UPDATE tag SET name = 'renamed'")
    other.close()
    assert _said(database) == [["renamed"]] * 6


def test_what_was_not_committed_is_not_seen(database: Database) -> None:
    assert _said(database) == [["first"]] * 6

    def break_off(db: Session) -> None:
        db.add(Tag(name="never", key="never", created_at=NOON))
        db.flush()
        raise LookupError

    with pytest.raises(LookupError):
        database.write_now(break_off)
    assert _said(database) == [["first"]] * 6


def test_other_values_have_another_answer(database: Database) -> None:
    _tag(database, "second")
    assert _said(database) == [["first", "second"]] * 6
    assert database.read_now(lambda db: len(ask(db, _NAMES, least=2))) == 1


def test_the_same_picture_is_not_asked_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _said(database) == [["first"]] * 6
    first = database.read_now(lambda db: ask(db, _NAMES, least=1))
    assert database.read_now(lambda db: ask(db, _NAMES, least=1)) is first
    _tag(database, "second")
    assert database.read_now(lambda db: ask(db, _NAMES, least=1)) is not first


def test_what_is_made_of_a_picture_is_made_once_for_it(database: Database) -> None:
    def made(db: Session) -> list[str]:
        return looking.once(db, "names", lambda: _names(db))

    first = database.read_now(made)
    assert first == ["first"] and database.read_now(made) is first
    _tag(database, "second")
    assert database.read_now(made) == ["first", "second"]
    assert database.write_now(made) == ["first", "second"]  # who writes may have changed it, and makes it anew


def test_only_so_much_is_held(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Picture, "MOST_ROWS", 0)
    assert _said(database) == [["first"]] * 6
    first = database.read_now(lambda db: ask(db, _NAMES, least=1))
    database.read_now(lambda db: ask(db, _NAMES, least=0))
    database.read_now(lambda db: ask(db, _NAMES, least=-1))
    assert database.read_now(lambda db: ask(db, _NAMES, least=1)) is not first


def test_who_asks_through_a_session_sees_the_same_picture_and_leaves_none_behind(database: Database) -> None:
    def both(db: Session) -> tuple[list[str], list[str]]:
        return [tag.name for tag in db.exec(select(Tag))], _names(db)

    for _ in range(3):
        assert database.read_now(both) == (["first"], ["first"])
    with pytest.raises(LookupError):
        database.read_now(lambda db: _break_off(db.exec(select(Tag)).all()))
    _tag(database, "second")
    assert database.read_now(both) == (["first", "second"],) * 2


def _break_off(_found: object) -> None:
    raise LookupError


def test_a_check_finds_who_changes_what_was_handed_out(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    _said(database)
    database.read_now(lambda db: ask(db, _NAMES, least=1).clear())  # type: ignore[attr-defined]
    monkeypatch.setattr(Picture, "checks", True)
    with pytest.raises(AssertionError, match="whoever had it"):
        database.read_now(lambda db: ask(db, _NAMES, least=1))
    database.read_now(lambda db: looking.once(db, "key", lambda: 1))
    with pytest.raises(AssertionError, match="more than its key"):
        database.read_now(lambda db: looking.once(db, "key", lambda: 2))
