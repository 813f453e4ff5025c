"""`helpdesk mail`: mail, looked at closely."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from helpdesk.commands.opening import opened, read_settings, refuse

if TYPE_CHECKING:
    from models.database import Database

app = typer.Typer(help="Mail, looked at closely.", no_args_is_help=True)


@app.command("read")
def read_mail(
    files: Annotated[list[str], typer.Argument(help="Mails as they came (.eml); - is the standard input.")],
) -> None:
    """Print what the desk understands of mails: one JSON object a line, in order. Needs no desk and no database.

    Exit 1 when one of them would be set aside as unreadable, 2 when a file cannot be opened; the others are printed.
    """
    from helpdesk.mail import explain, parse, posted

    ended = 0
    for name in files:
        try:
            raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        except OSError as error:
            typer.echo(f"{name}: {error.strerror}", err=True)
            ended = 2
            continue
        email = parse.read(posted.mail_of(raw))
        ended = max(ended, 1 if email.unreadable else 0)
        typer.echo(json.dumps({"file": name, **explain.as_json(email)}, ensure_ascii=False).encode())
    if ended:
        raise typer.Exit(ended)


@app.command("fetch")
def fetch_mail(
    once: Annotated[bool, typer.Option("--once", help="One look into each, then end: for cron.")] = False,
) -> None:
    """Empty the mailboxes, as a running desk does by itself. Exit 1 when one of them could not be emptied."""
    import asyncio

    from helpdesk import mailboxes
    from helpdesk.desk import now
    from helpdesk.mail.fetch import Collector, Looked
    from helpdesk.runtime.work import Worker
    from web import words

    settings = read_settings()

    async def fetch(database: "Database") -> list[Looked]:
        collector = Collector(database, settings, clock=now, arrived=lambda: None)
        if once:
            return await collector.once()
        await collector.start()
        try:
            await asyncio.Event().wait()
        finally:
            await collector.stop()
        return []

    with opened() as database:
        Worker(database).connect()
        if not database.read_now(mailboxes.active):
            refuse(f"No mailbox is set up. A supervisor does that at {settings.public_url}/admin/mailboxes.", code=0)
        try:
            looked = asyncio.run(fetch(database))
        except KeyboardInterrupt:
            return
    for each in looked:
        why = words.sentence(lambda text: text, "error", each.error) if each.error else "done"
        typer.echo(f"{each.name}: {each.fetched} fetched, {why}{f' ({each.detail})' if each.detail else ''}")
    if any(each.error not in ("", "mailbox_held") for each in looked):
        raise typer.Exit(1)
