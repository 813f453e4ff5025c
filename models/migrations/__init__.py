"""The schema's history, by Alembic. `upgrade` brings a database to the newest version; on SQLite every start does."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

from models.database import Database

HERE = Path(__file__).parent


def upgrade(database: Database, *, to: str = "head") -> None:
    """Apply what is missing."""
    with database.engine.connect() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        connection.commit()


def is_current(database: Database) -> bool:
    """Whether nothing is missing. One query."""
    with database.reading_engine.connect() as connection:
        context = MigrationContext.configure(connection)
        return context.get_current_revision() == ScriptDirectory.from_config(configuration()).get_current_head()


def configuration() -> Config:
    """Alembic's settings, made here so that no file beside the command is needed."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    return config


def write(message: str, database: Database) -> Path:
    """Write a new version from the difference between the tables and this database, which must be at the newest one."""
    with database.engine.connect() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        number = f"{len(list((HERE / 'versions').glob('[0-9]*.py'))) + 1:04}"
        script = command.revision(config, message, autogenerate=True, rev_id=number)
    assert isinstance(script, Script)
    return Path(script.path)
