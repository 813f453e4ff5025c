"""The schema's history leads to the tables, and back, on both databases."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from models import Agent
from models.base import metadata
from models.database import Database
from models.migrations import configuration, is_current, newest, upgrade

CHOICES = [
    (table.name, column.name, tuple(column.type.enums))
    for table in metadata.sorted_tables
    for column in table.c
    if isinstance(column.type, sa.Enum)
]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def alembic(database: Database, what: str, *args: str) -> None:
    """Run one of Alembic's commands as the desk does, with the desk's own filter."""
    with database.engine.connect() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        getattr(command, what)(config, *args)
        connection.commit()


def tables(database: Database) -> set[str]:
    """Ours that are there."""
    return set(sa.inspect(database.engine).get_table_names()) & set(metadata.tables)


def test_a_migrated_database_is_what_the_tables_say(database: Database) -> None:
    alembic(database, "check")  # raises with the differences
    assert tables(database) == set(metadata.tables)


def test_a_difference_would_be_seen(database: Database) -> None:
    database.write_now(lambda db: db.execute(sa.text("ALTER TABLE purchase DROP COLUMN status")))
    with pytest.raises(Exception, match="purchase"):
        alembic(database, "check")


def test_indexes_and_unique_keys_are_the_tables_own(database: Database) -> None:
    inspector = sa.inspect(database.engine)
    for table in metadata.sorted_tables:
        wanted = {(index.name, index.unique) for index in table.indexes}
        there = {(index["name"], bool(index["unique"])) for index in inspector.get_indexes(table.name)
                 if "duplicates_constraint" not in index}  # fmt: skip
        assert there == wanted, table.name


def test_the_way_down_and_up_again_ends_where_it_began(database: Database) -> None:
    assert is_current(database)
    alembic(database, "downgrade", "base")
    assert tables(database) == set() and not is_current(database)
    upgrade(database)
    assert is_current(database)
    alembic(database, "check")
    assert database.read_now(lambda db: db.exec(select(Agent)).all()) == []


def test_applying_what_is_applied_changes_nothing(database: Database) -> None:
    before = database.read_now(lambda db: db.exec(select(Agent.email)).all())
    upgrade(database)
    assert database.read_now(lambda db: db.exec(select(Agent.email)).all()) == before != []


def test_the_newest_version_is_the_end_of_alembics_own_chain() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory.from_config(configuration()).get_heads() == [newest()]


def test_every_choice_is_guarded_by_the_database(database: Database) -> None:
    inspector = sa.inspect(database.engine)
    assert CHOICES
    for table, column, values in CHOICES:
        checks = [check["sqltext"] for check in inspector.get_check_constraints(table)]
        guard = [text for text in checks if column in text and all(f"'{value}'" in text for value in values)]
        assert guard, f"{table}.{column}: {checks}"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agent SET role = 'king'",
        "UPDATE agent SET role = 'SUPERVISOR'",  # the value is kept, not Python's name of it
        "UPDATE agentstate SET state = 'asleep'",
        "UPDATE contactpoint SET kind = 'pigeon'",
    ],
)
def test_what_is_none_of_the_choices_is_refused(database: Database, statement: str) -> None:
    with pytest.raises(IntegrityError):
        database.write_now(lambda db: db.execute(sa.text(statement)))
