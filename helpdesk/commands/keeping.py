"""`helpdesk cases`, `search` and `service`: what is kept beside the work, made anew."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from helpdesk.commands.opening import opened, read_settings, refuse

if TYPE_CHECKING:
    from models.database import Database

service = typer.Typer(help="The figures of service.", no_args_is_help=True)
search = typer.Typer(help="What the search finds things by.", no_args_is_help=True)
cases = typer.Typer(help="Solved cases, from which similar ones are offered.", no_args_is_help=True)


@cases.command("rebuild")
def rebuild_cases(
    go_on: Annotated[bool, typer.Option("--continue", help="From where an interrupted one stopped.")] = False,
) -> None:
    """Keep every solved ticket anew for the search of similar ones. The desk may run meanwhile."""
    from classifiers import cases as reading
    from helpdesk import cases
    from helpdesk.desk import now

    def say(done: int, number: int, newest: int) -> None:
        _show(f"{done} tickets, event {number} of {newest}")

    with opened() as database:
        if not go_on:
            database.write_now(cases.begin_anew, reading.shipped().version)
        done = cases.catch_up(database, now=now, progress=say)
        _show()
        typer.echo(f"{done} tickets read, {database.read_now(cases.count)} cases kept.")


@search.command("rebuild")
def rebuild_search(
    go_on: Annotated[bool, typer.Option("--continue", help="From where an interrupted one stopped.")] = False,
) -> None:
    """Make everything findable anew. The desk may run meanwhile; until the end, what is old is not found yet."""
    from helpdesk.search import keeping

    with _alone("search") as database:
        if not go_on:
            database.write_now(keeping.begin_anew)
        while keeping.catch_up(database, most=20, handful=50):
            _show(f"{database.read_now(keeping.progress).share:.0%} ")
        _show()
        typer.echo(f"{database.read_now(keeping.count)} tickets, customers and calls can be found.")


@service.command("rebuild")
def rebuild_service(
    go_on: Annotated[bool, typer.Option("--continue", help="From where an interrupted one stopped.")] = False,
) -> None:
    """Fold every ticket and count every day anew. The desk may run meanwhile; reports say what is still left."""
    from helpdesk.desk import now
    from helpdesk.tallies import keeping

    timezone = read_settings().timezone

    def say() -> None:
        told = database.read_now(keeping.progress, timezone=timezone, now=now())
        _show(f"{told.share:.0%}, {told.days_left} days left ")

    with _alone("service") as database:
        if not go_on:
            database.write_now(keeping.begin_anew)
        keeping.follow(database, timezone=timezone)
        while keeping.look_back(database, timezone=timezone, most=50):
            say()
        while keeping.count(database, timezone=timezone, now=now(), most=10):
            say()
        _show()
        tickets, days = database.read_now(keeping.kept)
        typer.echo(f"{tickets} tickets folded, {days} days counted.")


@contextmanager
def _alone(name: str) -> "Iterator[Database]":
    """The database, while no other process catches up what goes by this name."""
    with opened() as database, database.alone(name) as is_free:
        if not is_free:
            refuse("Another process is at it; try again when it has caught up.")
        yield database


def _show(text: str = "") -> None:
    """How far it is, on a line of a terminal that is written over; nothing where nobody looks on."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}")
