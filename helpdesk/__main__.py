"""The command line: `helpdesk serve`, and everything an operator does besides.

Heavy modules are imported inside the commands, so that `helpdesk --help` answers at once.
"""

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from helpdesk.settings import Settings

if TYPE_CHECKING:
    from classifiers import Router
    from models.database import Database

app = typer.Typer(help="Madoguchi: a support desk for calls and mail.", no_args_is_help=True, add_completion=False)
agents_app = typer.Typer(help="People who sign in.", no_args_is_help=True)
mail_app = typer.Typer(help="Mail, looked at closely.", no_args_is_help=True)
simulate_app = typer.Typer(help="Play the customer against a running desk, through its real doors.", no_args_is_help=True)
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

    from helpdesk.mail.sink import Sink

    given = read_settings()
    folder = given.data / "demo"
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    chosen = port or given.port
    settings = given.model_copy(update={
        "demo": True, "data": folder, "database_url": "", "port": chosen,
        "public_url": f"http://{given.host}:{chosen}",
    })  # fmt: skip
    if not settings.twilio_auth_token.get_secret_value():
        # Twilio's part is played by whoever knows this: the simulator, which finds it beside the database.
        settings.twilio_auth_token = type(settings.twilio_auth_token)(_kept_secret(folder / "twilio-token", secrets))
    sink = Sink(folder / "sent")
    sink_port = sink.start()
    settings.smtp_url = type(settings.smtp_url)(f"smtp://127.0.0.1:{sink_port}")
    try:
        run(settings)
    finally:
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


@app.command()
def classify() -> None:
    """Guess queue, urgency and feeling of inquiries: JSON lines {"text", "subject"?} in, JSON lines out, in order."""
    from helpdesk import classify as classifying

    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    router = _router()
    for answer in classifying.answers(sys.stdin, router=router):
        sys.stdout.write(json.dumps(answer, ensure_ascii=True) + "\n")
        sys.stdout.flush()


@app.command()
def evaluate(file: Path) -> None:
    """How right the queue guesses are on a file of JSON lines {"text", "label", "subject"?, "acceptable"?}."""
    from helpdesk import classify as classifying

    mistakes: list[dict[str, Any]] = []
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            report = classifying.report(lines, router=_router(), mistakes=mistakes)
    except OSError as error:
        typer.echo(f"{file} cannot be read: {error.strerror}", err=True)
        raise typer.Exit(2) from error
    for mistake in mistakes:
        typer.echo(json.dumps(mistake, ensure_ascii=True))
    if report is None:
        typer.echo(f'No line of {file} has a "text" and a "label".', err=True)
        raise typer.Exit(1)
    typer.echo(str(report))


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
    caller: Annotated[str, typer.Option(help="tanaka, family, company, unknown, withheld, english, or a number.")] = "tanaka",
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


def _router() -> "Router":
    """The classifier that speaks at this desk; the shipped one where nothing was promoted."""
    from classifiers.registry import Registry

    return Registry(read_settings().data / "classifiers").current()


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
    face = create(settings)
    _greet(settings, face.state.setup_code if empty else "")
    uvicorn.run(
        face, host=settings.host, port=settings.port, log_level="warning", ws_per_message_deflate=False,
        proxy_headers=False, server_header=False, timeout_graceful_shutdown=5,
    )  # fmt: skip


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


def _kept_secret(path: Path, secrets: Any) -> str:
    """A secret made once and kept in a file only its owner may read."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(16))
    return path.read_text().strip()


def _simulated(act: Any) -> None:
    """Run one act against the demonstration that is running here."""
    from helpdesk.simulate import SimulationFailed

    settings = read_settings()
    folder = settings.data / "demo"
    if (folder / "twilio-token").exists() and not settings.twilio_auth_token.get_secret_value():
        settings = settings.model_copy(update={
            "demo": True, "data": folder, "public_url": f"http://{settings.host}:{settings.port}",
            "twilio_auth_token": type(settings.twilio_auth_token)((folder / "twilio-token").read_text().strip()),
        })  # fmt: skip
    try:
        typer.echo(act(settings) or "done")
    except SimulationFailed as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    main()
