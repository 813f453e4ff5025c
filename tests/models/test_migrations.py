"""The schema's history ends where the models stand, and can be walked both ways."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from models import migrations
from models.base import metadata
from models.database import Database


@pytest.fixture
def empty(database_kind: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database with nothing in it."""
    if database_kind == "sqlite":
        url = f"sqlite:///{request.getfixturevalue('tmp_path')}/empty.db"
    else:
        server = request.getfixturevalue("postgres_server")
        server.drop_database("empty")
        url = server.create_database("empty")
    database = Database(url)
    yield database
    database.close()


def differences(database: Database) -> list[object]:
    """What a migration would have to do to make the database what the models say."""
    with database.engine.connect() as connection:
        known = {"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables, "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=known), metadata))


def tables(database: Database) -> set[str]:
    """The names of all tables."""
    with database.engine.connect() as connection:
        return set(sa.inspect(connection).get_table_names())


def test_migrations_lead_to_what_the_models_say(empty: Database) -> None:
    migrations.upgrade(empty)
    assert differences(empty) == []
    assert set(metadata.tables) <= tables(empty) and migrations.is_current(empty)


def test_a_model_without_its_migration_would_be_noticed(empty: Database) -> None:
    migrations.upgrade(empty)
    empty.write_now(lambda db: db.connection().exec_driver_sql("ALTER TABLE queue ADD COLUMN forgotten integer"))
    assert differences(empty)


def test_the_way_back_leaves_nothing(empty: Database) -> None:
    migrations.upgrade(empty)
    with empty.engine.connect() as connection:
        config = migrations.configuration()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        connection.commit()
    assert tables(empty) <= {"alembic_version"} and not migrations.is_current(empty)
    migrations.upgrade(empty)
    assert migrations.is_current(empty)


def test_migrating_twice_changes_nothing(empty: Database) -> None:
    migrations.upgrade(empty)
    migrations.upgrade(empty)
    assert migrations.is_current(empty)
