"""What commands share: the settings, the database and a sentence before an end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from pydantic import ValidationError

from helpdesk.settings import Settings

if TYPE_CHECKING:
    from models.database import Database


def read_settings(**given: Any) -> Settings:
    """The settings, what is `given` before all else; or every mistake in them and an end."""
    import tomllib

    try:
        return Settings(**given)
    except tomllib.TOMLDecodeError as error:
        refuse(f"desk.toml cannot be read: {error}", code=2)
    except ValidationError as error:
        faults = [
            f"  DESK_{'.'.join(str(part) for part in fault['loc']).upper()}: "
            + fault["msg"].removeprefix("Value error, ")
            for fault in error.errors()
        ]
        refuse("\n".join(["The settings cannot be used:", *faults]), code=2)


def open_database(settings: Settings) -> "Database":
    """The database of these settings; a sentence and an end when it cannot be reached."""
    from sqlalchemy.exc import OperationalError

    from models.database import Database

    try:
        settings.data.mkdir(parents=True, exist_ok=True)  # wherever the database is
        database = Database(settings.database)
        with database.engine.connect():
            return database
    except OSError as error:
        refuse(f"The folder {settings.data} cannot be used: {error.strerror}. Set DESK_DATA to one that can.")
    except OperationalError as error:
        refuse(f"The database cannot be opened: {str(error.orig).splitlines()[0]}")


def prepare(database: "Database") -> None:
    """Bring both schemas up to date, ours and the work engine's, and see that there are queues for what arrives."""
    from helpdesk import queues
    from helpdesk.runtime import work
    from models.migrations import is_current, upgrade

    if not is_current(database):
        upgrade(database)
        work.migrate(database)
        database.write_now(queues.make_defaults)


def refuse(sentence: str, *, code: int = 1) -> NoReturn:
    """Say why not, and end."""
    typer.echo(sentence, err=True)
    raise typer.Exit(code)


@contextmanager
def opened() -> "Iterator[Database]":
    """The desk's database, up to date where that is ours to do."""
    database = open_database(read_settings())
    if database.is_sqlite:
        prepare(database)
    try:
        yield database
    finally:
        database.close()


def changed(verb: Callable[[Any], object], said: str) -> None:
    """Run a verb in a transaction and say so, or say in a sentence why not."""
    from helpdesk.errors import DeskError
    from helpdesk.runtime.work import Worker
    from web import words

    with opened() as database:
        Worker(database).connect()
        database.info["is_command"] = True
        try:
            database.write_now(verb)
        except DeskError as error:
            refuse(words.sentence(lambda text: text, "error", error.code, error.facts))
    typer.echo(said)
