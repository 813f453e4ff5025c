"""The schema's history, by Alembic. `upgrade` brings a database to the newest version; on SQLite every start does."""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from models.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

HERE = Path(__file__).parent


def upgrade(database: Database, *, to: str = "head") -> None:
    """Apply what is missing."""
    from alembic import command

    with database.engine.connect() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        connection.commit()


def is_current(database: Database) -> bool:
    """Whether nothing is missing. Every start asks, so it is answered without loading Alembic."""
    with database.reading_engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return False
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == newest()


def newest() -> str:
    """The newest version's number, which its file name begins with."""
    return max(path.name for path in (HERE / "versions").glob("[0-9]*.py"))[:4]


def configuration() -> "Config":
    """Alembic's settings, made here so that no file beside the command is needed."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    return config


def write(message: str, database: Database) -> Path:
    """Write a new version from the difference between the tables and this database, which must be at the newest one."""
    from alembic import command
    from alembic.script import Script

    with database.engine.connect() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        number = f"{int(newest()) + 1:04}"
        script = command.revision(config, message, autogenerate=True, rev_id=number)
    assert isinstance(script, Script)
    return Path(script.path)
