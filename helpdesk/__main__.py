"""The command line: `helpdesk serve`, and everything an operator does besides.

Heavy modules are imported inside the commands, so that `helpdesk --help` answers at once.
"""

import gc
import json
import logging
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from helpdesk.settings import Settings

if TYPE_CHECKING:
    from models.database import Database

app = typer.Typer(help="Madoguchi: a support desk for calls and mail.", no_args_is_help=True, add_completion=False)
agents_app = typer.Typer(help="People who sign in.", no_args_is_help=True)
mail_app = typer.Typer(help="Mail, looked at closely.", no_args_is_help=True)
simulate_app = typer.Typer(help="Play the customer at a running desk, through its real doors.", no_args_is_help=True)
app.add_typer(agents_app, name="agents")
app.add_typer(mail_app, name="mail")
app.add_typer(simulate_app, name="simulate")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 0,
) -> None:
    """Run the desk: web, mail listener, due work."""
    settings = read_settings()
    if host or port:
        settings = settings.model_copy(update={"host": host or settings.host, "port": port or settings.port})
    run(settings)


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 0,
    fresh: Annotated[bool, typer.Option(help="Forget the last demonstration first.")] = False,
) -> None:
    """Run a desk with a sample company, sample customers, and a page to ring and write from."""
    import secrets
    import shutil

    from pydantic import SecretStr

    from helpdesk import sample
    from helpdesk.mail.sink import Sink

    given = read_settings()
    folder = given.data / "demo"
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = port or given.port
    sink = Sink(folder / "sent")
    settings = given.model_copy(update={
        "demo": True, "data": folder, "database_url": "", "port": chosen, "name": sample.COMPANY[given.language],
        "public_url": f"http://{given.host}:{chosen}", "mail_from": sample.SUPPORT,
        "mail_port": given.mail_port if _is_free(given.mail_host, given.mail_port) else _any_free(given.mail_host),
        "twilio_auth_token": SecretStr(secrets.token_hex(16)),
        "smtp_url": SecretStr(f"smtp://127.0.0.1:{sink.start()}"),
    })  # fmt: skip
    # Twilio's part is played by whoever knows the token: the simulator, which finds it here.
    known = folder / "running.json"
    known.touch(mode=0o600)
    known.write_text(json.dumps({
        "public_url": settings.public_url, "host": settings.host, "port": settings.port,
        "mail_host": settings.mail_host, "mail_port": settings.mail_port,
        "twilio_auth_token": settings.twilio_auth_token.get_secret_value(),
        "mail_from": settings.mail_from,
    }))  # fmt: skip
    try:
        run(settings)
    finally:
        known.unlink(missing_ok=True)
        sink.stop()


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema. SQLite does so at every start."""
    database = open_database(read_settings())
    prepare(database)
    database.close()
    typer.echo("The database is up to date.")


@app.command()
def check() -> None:
    """Look whether the desk could run: settings, database, classifier, installation."""
    from classifiers.registry import Registry

    settings = read_settings()
    database = open_database(settings)
    from models.migrations import is_current

    good = is_current(database)
    typer.echo(f"database    {database.url.render_as_string()}  {'up to date' if good else 'needs: helpdesk migrate'}")
    database.close()
    router = Registry(settings.data / "classifiers").current()
    typer.echo(f"classifier  version {router.version}, sure from {router.threshold:.2f}")
    typer.echo(f"public      {settings.public_url}")
    leaving = "set" if settings.smtp_url.get_secret_value() else "not set: replies cannot be sent"
    typer.echo(f"mail out    {leaving}")
    twilio = "set" if settings.twilio_auth_token.get_secret_value() else "not set: callbacks are refused"
    typer.echo(f"twilio      {twilio}")
    if not good:
        raise typer.Exit(1)


@agents_app.command("add")
def add_agent(
    email: str,
    name: Annotated[str, typer.Option(help="Family name first.")],
    reading: Annotated[str, typer.Option(help="In kana.")] = "",
    supervisor: Annotated[bool, typer.Option(help="Sees every queue and what failed.")] = False,
    queue: Annotated[list[str], typer.Option(help="A queue to serve, by its short name; again for more.")] = [],  # noqa: B006
    language: Annotated[str, typer.Option(help="Of the pages: ja or en.")] = "ja",
    phone: Annotated[str, typer.Option(help="Rung for calls: +81..., sip:... or client:...")] = "",
    extension: Annotated[str, typer.Option(help="How the exchange names the agent.")] = "",
) -> None:
    """Give somebody an account. The password is asked for, or read from standard input."""
    from helpdesk import agents, queues
    from helpdesk.desk import now
    from helpdesk.errors import DeskError
    from models import Role

    password = (
        typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\n")
    )
    database = open_database(read_settings())
    prepare(database)

    def verb(db: Any) -> None:
        by_slug = {each.slug: each.id or 0 for each in queues.make_defaults(db)}
        unknown = [slug for slug in queue if slug not in by_slug]
        if unknown:
            raise typer.BadParameter(f"no queue {', '.join(unknown)}; there are: {', '.join(by_slug)}")
        agents.create(
            db, name=name, reading=reading, email=email, password=password, language=language, phone=phone,
            extension=extension, role=Role.SUPERVISOR if supervisor else Role.AGENT,
            queue_ids=[by_slug[slug] for slug in queue], now=now(),
        )  # fmt: skip

    try:
        database.write_now(verb)
    except DeskError as error:
        typer.echo(f"Not added: {error}", err=True)
        raise typer.Exit(1) from error
    finally:
        database.close()
    typer.echo(f"{email} can sign in.")


@agents_app.command("list")
def list_agents() -> None:
    """Who there is."""
    from sqlmodel import select

    from models import Agent

    database = open_database(read_settings())
    for agent in database.read_now(lambda db: db.exec(select(Agent)).all()):
        typer.echo(f"{agent.id:>4}  {agent.role.value:<10}  {agent.email:<32}  {agent.name}")
    database.close()


@mail_app.command("read")
def read_mail(files: list[Path]) -> None:
    """Print what the desk understands of mails, as JSON, one line a file."""
    from dataclasses import asdict

    from helpdesk.mail.parse import read

    for file in files:
        told = asdict(read(file.read_bytes()))
        for attachment in told["attachments"]:
            attachment["size_bytes"] = len(attachment.pop("content"))
        typer.echo(json.dumps({"file": file.name, **told}, ensure_ascii=False, default=str))


@simulate_app.command("call")
def simulate_call(
    caller: Annotated[
        str, typer.Option(help="tanaka, family, company, unknown, withheld, english; or a number.")
    ] = "tanaka",
    to: Annotated[str, typer.Option(help="The number dialed; empty: tech support's.")] = "",
) -> None:
    """Ring a call, signed as Twilio signs. Prints its CallSid, which `hangup` takes."""
    from helpdesk import simulate

    _simulated(lambda settings: simulate.ring(settings, caller, called=to or None))


@simulate_app.command("hangup")
def simulate_hang_up(call_sid: str) -> None:
    """The caller puts the receiver down."""
    from helpdesk import simulate

    _simulated(lambda settings: simulate.hang_up(settings, call_sid))


@simulate_app.command("mail")
def simulate_mail(letter: Annotated[str, typer.Option(help="Which letter; --letter help lists them.")] = "") -> None:
    """Send a letter to the desk by SMTP. Prints its Message-ID."""
    from helpdesk import sample, simulate

    if letter not in sample.LETTERS:
        for key, each in sample.LETTERS.items():
            typer.echo(f"{key:<16}{each.label['en']}: {each.subject}")
        raise typer.Exit(0 if letter in ("", "help") else 2)
    _simulated(lambda settings: simulate.drop(settings, letter))


def main() -> None:
    """The entrance of the `helpdesk` command."""
    app()


def read_settings() -> Settings:
    """The settings, or every mistake in them and an end."""
    try:
        return Settings()
    except ValidationError as error:
        typer.echo("The settings cannot be used:", err=True)
        for fault in error.errors():
            name = ".".join(str(part) for part in fault["loc"])
            typer.echo(f"  DESK_{name.upper()}: {fault['msg'].removeprefix('Value error, ')}", err=True)
        raise typer.Exit(2) from None


def open_database(settings: Settings) -> "Database":
    """The database of these settings."""
    from models.database import Database

    return Database(settings.database)


def prepare(database: "Database") -> None:
    """Bring both schemas up to date: ours and the work engine's."""
    from helpdesk.runtime import work
    from models.migrations import is_current, upgrade

    if not is_current(database):
        upgrade(database)
        work.migrate(database)


def run(settings: Settings) -> None:
    """Serve until stopped."""
    import uvicorn

    from web.app import create

    for host, port, name in ((settings.host, settings.port, "DESK_PORT"),
                             (settings.mail_host, settings.mail_port, "DESK_MAIL_PORT")):  # fmt: skip
        if not _is_free(host, port):
            typer.echo(f"{host}:{port} is in use. Stop what listens there, or set {name} to another port.", err=True)
            raise typer.Exit(1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s  %(message)s")
    for name in ("alembic", "mail.log"):  # the mail library logs addresses
        logging.getLogger(name).setLevel(logging.WARNING)
    database = open_database(settings)
    if database.is_sqlite:
        prepare(database)
    elif not _is_current(database):
        typer.echo("The database has another version's schema. Run: helpdesk migrate", err=True)
        raise typer.Exit(1)
    if settings.demo:
        from helpdesk import sample
        from helpdesk.desk import now

        database.write_now(sample.load, now=now(), settings=settings)
    empty = database.read_now(_is_empty)
    database.close()
    # Threads take turns every millisecond instead of every five, or a socket waits while a page is rendered.
    sys.setswitchinterval(0.001)
    face = create(settings, on_ready=_settle)
    _greet(settings, face.state.setup_code if empty else "")
    uvicorn.run(
        face, host=settings.host, port=settings.port, log_level="warning", ws_per_message_deflate=False,
        proxy_headers=False, server_header=False, timeout_graceful_shutdown=5,
    )  # fmt: skip


def _settle() -> None:
    """What is loaded by now stays: the garbage collector need not walk through it again, with every call waiting."""
    gc.collect()
    gc.freeze()


def _greet(settings: Settings, setup_code: str) -> None:
    typer.echo(f"\n  {settings.name}  {settings.public_url}")
    if setup_code:
        typer.echo(f"  Open {settings.public_url}/welcome?setup_code={setup_code} to make the first supervisor.")
    if settings.mail_port:
        typer.echo(f"  Mail is accepted at {settings.mail_host}:{settings.mail_port}.")
    if settings.demo:
        from helpdesk import sample

        typer.echo("\n  Sign in as one of these, in two browsers if you like:")
        for account in sample.ACCOUNTS:
            typer.echo(f"    {account.email:<28} {account.password:<20} {account.name}, {account.role.value}")
        typer.echo("\n  Then open “Try it”, or in another terminal:")
        typer.echo("    .venv/bin/python -m helpdesk simulate call")
        typer.echo("    .venv/bin/python -m helpdesk simulate mail --letter help")
    typer.echo("\n  Ctrl+C stops it.\n")


def _is_empty(db: Any) -> bool:
    from sqlmodel import select

    from models import Agent

    return db.exec(select(Agent.id).limit(1)).first() is None


def _is_current(database: "Database") -> bool:
    from models.migrations import is_current

    return is_current(database)


def _is_free(host: str, port: int) -> bool:
    """Whether a server may listen there."""
    if port <= 0:
        return True
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _any_free(host: str) -> int:
    """A port nobody listens on just now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _simulated(act: Any) -> None:
    """Run one act against the demonstration that is running here, or against the desk of these settings."""
    from pydantic import SecretStr

    from helpdesk.simulate import SimulationFailed

    settings = read_settings()
    known = settings.data / "demo" / "running.json"
    if known.exists():
        told = json.loads(known.read_text())
        token = SecretStr(told.pop("twilio_auth_token"))
        settings = settings.model_copy(update={**told, "demo": True, "data": known.parent, "twilio_auth_token": token})
    try:
        typer.echo(act(settings) or "done")
    except SimulationFailed as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    main()
