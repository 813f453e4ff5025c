"""The command line: `helpdesk serve`, and everything an operator does besides.

Heavy modules are imported inside the commands, so that `helpdesk --help` answers at once.
"""

import errno
import gc
import json
import logging
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from pydantic import ValidationError

from helpdesk.settings import Settings

if TYPE_CHECKING:
    from sqlmodel import Session

    from classifiers import Router
    from models import Queue, Training
    from models.database import Database

DEMO_EXCHANGE = "demo"

app = typer.Typer(help="Madoguchi: a support desk for calls and mail.", no_args_is_help=True, add_completion=False,
                  pretty_exceptions_enable=False)  # fmt: skip
agents_app = typer.Typer(help="People who sign in.", no_args_is_help=True)
queues_app = typer.Typer(help="Where inquiries wait.", no_args_is_help=True)
service_app = typer.Typer(help="The figures of service.", no_args_is_help=True)
search_app = typer.Typer(help="What the search finds things by.", no_args_is_help=True)
cases_app = typer.Typer(help="Solved cases, from which similar ones are offered.", no_args_is_help=True)
mail_app = typer.Typer(help="Mail, looked at closely.", no_args_is_help=True)
simulate_app = typer.Typer(help="Play the customer at a running desk, through its real doors.", no_args_is_help=True)
asterisk_app = typer.Typer(help="What an Asterisk says: written down, and played again.", no_args_is_help=True)
reports_app = typer.Typer(help="Reports for other programs.", no_args_is_help=True)
app.add_typer(reports_app, name="reports")
app.add_typer(agents_app, name="agents")
app.add_typer(asterisk_app, name="asterisk")
app.add_typer(queues_app, name="queues")
app.add_typer(cases_app, name="cases")
app.add_typer(search_app, name="search")
app.add_typer(service_app, name="service")
app.add_typer(mail_app, name="mail")
app.add_typer(simulate_app, name="simulate")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 0,
) -> None:
    """Run the desk: web, mail listener, due work."""
    given: dict[str, Any] = {"host": host} if host else {}
    if port:
        given["port"] = port
    run(read_settings(**given))


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 0,
    fresh: Annotated[bool, typer.Option(help="Forget the last demonstration first.")] = False,
) -> None:
    """Run a desk with a sample company, sample customers, and a page to ring and write from."""
    import secrets
    import shutil

    from pydantic import SecretStr

    from helpdesk.mail.sink import Sink
    from helpdesk.sample import company

    given = read_settings(**({"port": port} if port else {}))
    folder = given.data / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    _only_one(folder)
    if fresh:
        for old in folder.iterdir():
            if old.is_dir():
                shutil.rmtree(old)
            elif old.name != LOCK:
                old.unlink()
    free = _listens(given.mail_host, given.mail_port) == ""
    sink = Sink(folder / "sent")
    settings = given.model_copy(update={
        "demo": True, "data": folder, "database_url": "", "name": company.COMPANY[given.language],
        "mail_from": company.SUPPORT, "mail_port": given.mail_port if free else _any_free(given.mail_host),
        "twilio_auth_token": SecretStr(secrets.token_hex(16)),
        "push_tokens": given.push_tokens | {DEMO_EXCHANGE: SecretStr(secrets.token_hex(16))},
        "smtp_url": SecretStr(f"smtp://127.0.0.1:{sink.start()}"),
    })  # fmt: skip
    _must_listen(settings)
    # Twilio's part is played by whoever knows the token: the simulator, which finds it here.
    known = folder / "running.json"
    known.touch(mode=0o600)
    known.write_text(json.dumps({
        "public_url": settings.public_url, "host": settings.host, "port": settings.port,
        "mail_host": settings.mail_host, "mail_port": settings.mail_port, "mail_from": settings.mail_from,
        "twilio_auth_token": settings.twilio_auth_token.get_secret_value(),
        "push_tokens": f"{DEMO_EXCHANGE}={settings.push_tokens[DEMO_EXCHANGE].get_secret_value()}",
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
    """Look what a desk with these settings would lack; exit 1 when it could not start."""
    from classifiers.registry import Registry
    from models.migrations import is_current

    settings = read_settings()
    is_new = settings.database.startswith("sqlite") and not (settings.data / "desk.db").exists()
    good = True
    if is_new and not settings.database_url:
        typer.echo("database    SQLite, made at the first start")
    else:
        database = open_database(settings)
        good = is_current(database) or database.is_sqlite
        state = "up to date" if is_current(database) else "brought up to date at the next start" if good else (
            "of another version; run: .venv/bin/python -m helpdesk migrate"
        )  # fmt: skip
        typer.echo(f"database    {database.url.render_as_string()}  {state}")
        database.close()
    router = Registry(settings.data / "classifiers").current()
    sure = ", ".join(f"{language} from {threshold:.2f}" for language, threshold in sorted(router.thresholds.items()))
    typer.echo(f"classifier  version {router.version}, sure in {sure}")
    for name, host, port in _listening(settings):
        taken = _listens(host, port) if port > 0 else "switched off" if port == 0 else "any free port"
        typer.echo(f"{name:<12}{host}:{port}  {taken or 'free'}")
    typer.echo(f"public      {settings.public_url}")
    leaving = "set" if settings.smtp_url.get_secret_value() else "not set (DESK_SMTP_URL): replies cannot be sent"
    typer.echo(f"mail out    {leaving}")
    twilio = "set" if settings.twilio_auth_token.get_secret_value() else "not set: its callbacks are refused"
    typer.echo(f"twilio      {twilio}")
    typer.echo(f"exchanges   {', '.join(settings.push_tokens) or 'none (DESK_PUSH_TOKENS)'}")
    if not good:
        raise typer.Exit(1)


@queues_app.command("list")
def list_queues() -> None:
    """The queues, with the numbers and addresses that lead to them."""
    from helpdesk import queues

    with _database() as database:
        for queue in database.read_now(queues.everyone):
            typer.echo(f"{queue.slug:<14}  {queue.phone or '-':<16}  {queue.address or '-':<32}  {queue.name}")


@queues_app.command("add")
def add_queue(
    queue: Annotated[str, typer.Argument(help="Its short name: small letters, digits and _.")],
    name: Annotated[str, typer.Option(help="Japanese name.")],
    name_en: Annotated[str, typer.Option(help="English name.")],
) -> None:
    """Make a queue; the rest is said with `queues set`, and who serves it with `agents set`."""
    from helpdesk import queues
    from helpdesk.desk import now

    _changed(lambda db: queues.make(db, slug=queue, name=name, name_en=name_en, by=None, now=now()), "Made.")


@queues_app.command("set")
def set_queue(
    queue: Annotated[str, typer.Argument(help="Its short name, see `queues list`.")],
    phone: Annotated[str | None, typer.Option(help='The number customers dial; "" takes it away.')] = None,
    address: Annotated[str | None, typer.Option(help='The address customers write to; "" takes it away.')] = None,
    name: Annotated[str | None, typer.Option(help="Japanese name.")] = None,
    name_en: Annotated[str | None, typer.Option(help="English name.")] = None,
    greeting: Annotated[str | None, typer.Option(help='Said to callers; "" says the usual words.')] = None,
    signature: Annotated[str | None, typer.Option(help="Below replies; {agent} is the agent's name.")] = None,
    keywords: Annotated[str | None, typer.Option(help="Words that lead there until it is learned, by commas.")] = None,
) -> None:
    """Say which number and address lead to a queue, and what it is called."""
    from helpdesk import queues
    from helpdesk.desk import now

    settings = read_settings()
    words = None if keywords is None else [word for word in re.split("[,、，]", keywords) if word.strip()]

    def verb(db: Any) -> None:
        queues.change(db, _queue(db, queue), region=settings.region, now=now(), phone=phone, address=address, name=name,
                      name_en=name_en, greeting=greeting, signature=signature, keywords=words)  # fmt: skip

    _changed(verb, "Set.")


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


@app.command()
def train() -> None:
    """Have the classifier learn from what agents decided; waits, and says what came of it."""
    import time

    from classifiers.registry import Registry
    from helpdesk import learning, training
    from helpdesk.desk import now
    from helpdesk.errors import Unreachable
    from helpdesk.runtime.work import Worker
    from models import Training, TrainingState

    settings = read_settings()
    with _database() as database:
        Worker(database).connect()
        asked = database.write_now(learning.ask, by=None, now=now())
        means = training.Means(
            database, Registry(settings.data / "classifiers"), now, holder=f"training:command-{os.getpid()}"
        )
        done: Training | None = asked
        typer.echo("Learning. This takes about half a minute and more the more there is to learn from.", err=True)
        while done and done.state in learning.UNDECIDED:
            try:
                training.run(means, asked.id or 0)  # here and now, unless a running desk has begun with it
            except Unreachable:
                time.sleep(1.0)
            done = database.read_now(lambda db: db.get(Training, asked.id))
    if done is None:
        _refuse("The training is gone.")
    typer.echo(_came_of(done))
    if done.state == TrainingState.FAILED:
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
    from helpdesk import agents
    from helpdesk.desk import now
    from models import Role

    password = _password()

    def verb(db: Any) -> None:
        agents.create(
            db, name=name, reading=reading, email=email, password=password, language=language, phone=phone,
            extension=extension, role=Role.SUPERVISOR if supervisor else Role.AGENT,
            queue_ids=[_queue(db, slug).id or 0 for slug in queue], now=now(),
        )  # fmt: skip

    _changed(verb, f"{email} can sign in.")


@agents_app.command("set")
def set_agent(
    email: str,
    name: Annotated[str | None, typer.Option(help="Family name first.")] = None,
    supervisor: Annotated[bool | None, typer.Option("--supervisor/--agent", help="Role.")] = None,
    queue: Annotated[list[str] | None, typer.Option(help="Serves these queues and no others.")] = None,
    phone: Annotated[str | None, typer.Option(help="Rung for calls: +81..., sip:... or client:...")] = None,
    extension: Annotated[str | None, typer.Option(help="How the exchange names the agent.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="May sign in.")] = None,
    new_password: Annotated[bool, typer.Option("--password", help="Ask for a new password.")] = False,
) -> None:
    """Change an agent: queues, role, telephone, password, or whether they may sign in."""
    from helpdesk import agents
    from helpdesk.desk import now
    from helpdesk.errors import NotFound
    from models import Role

    password = _password() if new_password else None
    role = None if supervisor is None else Role.SUPERVISOR if supervisor else Role.AGENT

    def verb(db: Any) -> None:
        agent = agents.by_email(db, email)
        if agent is None:
            raise NotFound("not_found")
        agents.change(
            db, agent, name=name, role=role, phone=phone, extension=extension, is_active=active, password=password,
            queue_ids=None if not queue else [_queue(db, slug).id or 0 for slug in queue], now=now(),
        )  # fmt: skip

    _changed(verb, "Set.")


@agents_app.command("list")
def list_agents() -> None:
    """Who there is."""
    from sqlmodel import select

    from models import Agent

    with _database() as database:
        for agent in database.read_now(lambda db: db.exec(select(Agent)).all()):
            typer.echo(f"{agent.id:>4}  {agent.role.value:<10}  {agent.email:<32}  {agent.name}")


@cases_app.command("rebuild")
def rebuild_cases(
    go_on: Annotated[bool, typer.Option("--continue", help="From where an interrupted one stopped.")] = False,
) -> None:
    """Keep every solved ticket anew for the search of similar ones. The desk may run meanwhile."""
    from classifiers import cases as reading
    from helpdesk import cases
    from helpdesk.desk import now

    def say(done: int, number: int, newest: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{done} tickets, event {number} of {newest}")

    with _database() as database:
        if not go_on:
            database.write_now(cases.begin_anew, reading.shipped().version)
        done = cases.catch_up(database, now=now, progress=say)
        if sys.stderr.isatty():
            sys.stderr.write("\r")
        typer.echo(f"{done} tickets read, {database.read_now(cases.count)} cases kept.")


@search_app.command("rebuild")
def rebuild_search(
    go_on: Annotated[bool, typer.Option("--continue", help="From where an interrupted one stopped.")] = False,
) -> None:
    """Make everything findable anew. The desk may run meanwhile; until the end, what is old is not found yet."""
    from helpdesk.search import keeping

    with _database() as database, database.alone("search") as is_free:
        if not is_free:
            typer.echo("Another process is at it; try again when it has caught up.", err=True)
            raise typer.Exit(1)
        if not go_on:
            database.write_now(keeping.begin_anew)
        while keeping.catch_up(database, most=20, handful=50):
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{database.read_now(keeping.progress).share:.0%} ")
        if sys.stderr.isatty():
            sys.stderr.write("\r")
        typer.echo(f"{database.read_now(keeping.count)} tickets, customers and calls can be found.")


@service_app.command("rebuild")
def rebuild_service(
    go_on: Annotated[bool, typer.Option("--continue", help="From where an interrupted one stopped.")] = False,
) -> None:
    """Fold every ticket and count every day anew. The desk may run meanwhile; reports say what is still left."""
    from helpdesk.desk import now
    from helpdesk.tallies import keeping

    timezone = read_settings().timezone

    def say() -> None:
        if sys.stderr.isatty():
            told = database.read_now(keeping.progress, timezone=timezone, now=now())
            sys.stderr.write(f"\r{told.share:.0%}, {told.days_left} days left ")

    with _database() as database, database.alone("service") as is_free:
        if not is_free:
            typer.echo("Another process is at it; try again when it has caught up.", err=True)
            raise typer.Exit(1)
        if not go_on:
            database.write_now(keeping.begin_anew)
        keeping.follow(database, timezone=timezone)
        while keeping.look_back(database, timezone=timezone, most=50):
            say()
        while keeping.count(database, timezone=timezone, now=now(), most=10):
            say()
        if sys.stderr.isatty():
            sys.stderr.write("\r")
        tickets, days = database.read_now(keeping.kept)
        typer.echo(f"{tickets} tickets folded, {days} days counted.")


@mail_app.command("read")
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


@mail_app.command("fetch")
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

    with _database() as database:
        Worker(database).connect()
        if not database.read_now(mailboxes.active):
            _refuse(f"No mailbox is set up. A supervisor does that at {settings.public_url}/admin/mailboxes.", code=0)
        try:
            looked = asyncio.run(fetch(database))
        except KeyboardInterrupt:
            return
    for each in looked:
        why = words.sentence(lambda text: text, "error", each.error) if each.error else "done"
        typer.echo(f"{each.name}: {each.fetched} fetched, {why}{f' ({each.detail})' if each.detail else ''}")
    if any(each.error not in ("", "mailbox_held") for each in looked):
        raise typer.Exit(1)


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
    from helpdesk import letters, simulate

    if letter not in letters.shipped():
        for key, each in letters.shipped().items():
            typer.echo(f"{key:<16}{each.label['en']}: {each.subject}")
        raise typer.Exit(0 if letter in ("", "help") else 2)
    _simulated(lambda settings: simulate.drop(settings, letter))


@simulate_app.command("play")
def simulate_play(
    scenario: Annotated[str, typer.Argument(help="ordinary, storm, withheld, transfers, lost; or a recording's file.")],
    speed: Annotated[float, typer.Option(min=0.1, max=100, help="How many times as fast as it is written down.")] = 1.0,
    calls: Annotated[int, typer.Option(min=1, max=100_000, help="Calls of a scenario.")] = 20,
    seed: Annotated[int, typer.Option(help="The same seed plays the same day.")] = 1,
    agent: Annotated[list[str] | None, typer.Option(help="Who watches: an address; the demonstration's staff.")] = None,
    line: Annotated[list[str] | None, typer.Option(help="A number customers dial; the demonstration's lines.")] = None,
    exchange: Annotated[str, typer.Option(help="A name of DESK_PUSH_TOKENS to speak as, beside Twilio.")] = "",
) -> None:
    """Play a day at the telephones and say, in JSON lines, how soon each agent saw what happened.

    Agents other than the demonstration's sign in with the password in DESK_PLAY_PASSWORD.
    """
    from cti import scenarios
    from helpdesk import playing
    from helpdesk.sample import company
    from helpdesk.simulate import SimulationFailed

    def act(settings: Settings) -> str:
        known = {account.email: account.password for account in company.ACCOUNTS} if settings.demo else {}
        watching = agent or [account.email for account in company.ACCOUNTS if settings.demo and account.role == "agent"]
        accounts = {email: known.get(email, os.environ.get("DESK_PLAY_PASSWORD", "")) for email in watching}
        lines = line or ([each.phone for each in company.LINES.values()] if settings.demo else [])
        if not lines:
            raise SimulationFailed("Say which numbers are dialed: --line +81...")
        if scenario in scenarios.SCENARIOS:
            steps = scenarios.plan(scenario, calls=calls, seed=seed, lines=lines, agents=watching)
        else:
            try:
                with open(scenario, encoding="utf-8") as file:
                    steps = list(scenarios.fitted(scenarios.read(file), lines=lines, agents=watching))
            except OSError as error:
                names = ", ".join(scenarios.SCENARIOS)
                raise SimulationFailed(f"{scenario!r} is neither a scenario ({names}) nor a file.") from error
            except scenarios.BadRecording as error:
                raise SimulationFailed(f"{scenario}: {error}") from error
        speaks_as = exchange or (DEMO_EXCHANGE if settings.demo else "")
        report = playing.play(settings, steps, speed=speed, accounts=accounts, exchange=speaks_as)
        return "\n".join(json.dumps(told, ensure_ascii=False) for told in report.told())

    _simulated(act)


@simulate_app.command("record")
def simulate_record(
    file: Annotated[Path, typer.Argument(help="Where to; a file of JSON lines.")],
    hours: Annotated[float, typer.Option(min=0.01, help="How far back.")] = 24.0,
) -> None:
    """Write down what telephone systems told this desk, numbers masked and nobody named, to be played elsewhere."""
    from cti import scenarios
    from helpdesk import recording

    until = datetime.now(UTC)
    settings = _at_hand()
    database = open_database(settings)
    try:
        with file.open("x", encoding="utf-8") as out:

            def dump(db: "Session") -> int:
                since = until - timedelta(hours=hours)
                told = scenarios.write(recording.recorded(db, since=since, until=until, settings=settings))
                return sum(out.write(f"{line}\n") > 0 for line in told)

            typer.echo(f"{database.read_now(dump)} steps in {file}")
    except FileExistsError:
        _refuse(f"{file} is there already.")
    finally:
        database.close()


@asterisk_app.command("record")
def record_asterisk(
    exchange: Annotated[str, typer.Argument(help="Its short name.")],
    file: Annotated[Path, typer.Argument(help="Where it is written; must not be there yet.")],
    seconds: Annotated[float, typer.Option(help="How long; 0: until Ctrl+C.")] = 0.0,
) -> None:
    """Write down what an exchange says, every number replaced by an invented one and names left out."""
    import asyncio
    import signal

    from sqlmodel import select

    from helpdesk.asterisk import recordings, wires
    from helpdesk.desk import now
    from helpdesk.errors import Rejected, Unreachable
    from models import Exchange, ExchangeKind

    settings = read_settings()
    with _database() as database:
        wanted = select(Exchange).where(Exchange.name == exchange, Exchange.kind == ExchangeKind.ASTERISK)
        row = database.read_now(lambda db: db.exec(wanted).first())
    if row is None:
        _refuse(f"There is no Asterisk {exchange!r}.", code=2)
    found: Exchange = row

    async def listen() -> int:
        until, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, until.set)
        if seconds:
            loop.call_later(seconds, until.set)
        with file.open("x", encoding="utf-8") as out:

            def write(line: str) -> None:
                out.write(f"{line}\n")
                out.flush()

            access = wires.access_by(found, settings=settings)
            return await recordings.record(
                access, wires.machine_of(found), write, masks=recordings.Masks(), clock=now, until=until
            )

    try:
        typer.echo(f"{asyncio.run(listen())} events in {file}.")
    except (Rejected, Unreachable) as error:
        _refuse(f"{found.options.get('host')}: {error}")
    except OSError as error:
        _refuse(f"{file}: {error.strerror}", code=2)


@asterisk_app.command("replay")
def replay_asterisk(
    file: Annotated[Path, typer.Argument(help="What `record` wrote.")],
    speed: Annotated[float, typer.Option(help="How many times as fast as it was.", min=0.01)] = 1.0,
    port: Annotated[int, typer.Option(help="Where the desk finds it.")] = 5038,
    user: Annotated[str, typer.Option(help="Whom the desk signs in as.")] = "madoguchi",
    secret: Annotated[str, typer.Option(help="With this password.")] = "replay",
) -> None:
    """Be the Asterisk of a recording: waits until a desk has signed in, and says everything again."""
    import asyncio
    import secrets

    from helpdesk.asterisk import recordings
    from helpdesk.asterisk.stage import Stage
    from helpdesk.errors import Invalid

    async def perform() -> int:
        recording = recordings.load(file)
        stage = Stage(user=user, secret=secret, port=port, presentation=recording.presentations.get)
        typer.echo(f"Waiting at 127.0.0.1:{await stage.open()} for a desk that signs in as {user}.", err=True)
        try:
            await stage.until_heard()
            played = await recordings.play(recording, stage, speed=speed, turn=secrets.token_hex(3))
            await stage.until_quiet(1.0)  # what the last call is asked about is answered
            return played
        finally:
            await stage.close()

    try:
        typer.echo(f"{asyncio.run(perform())} events played.")
    except Invalid as error:
        _refuse(f"{file} is no recording: line {error.facts.get('line')} cannot be read.", code=2)
    except OSError as error:
        _refuse(f"{file}, port {port}: {error.strerror}", code=2)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@reports_app.command("grant")
def grant_reports(
    role: Annotated[str, typer.Argument(help="The role of the program, in small letters.")],
    with_words: Annotated[bool, typer.Option(help="Also what people wrote: mails and comments.")] = False,
) -> None:
    """Print the SQL that lets a PostgreSQL role read the views for analysis, see docs/reports.md."""
    from helpdesk.errors import Invalid
    from helpdesk.reporting import grants

    try:
        typer.echo(grants.script(role, with_words=with_words), nl=False)
    except Invalid:
        _refuse(f"{role!r} is no name of a role; one is bi_reader.")


def main() -> None:
    """The entrance of the `helpdesk` command."""
    app()


def read_settings(**given: Any) -> Settings:
    """The settings, what is `given` before all else; or every mistake in them and an end."""
    import tomllib

    try:
        return Settings(**given)
    except tomllib.TOMLDecodeError as error:
        _refuse(f"desk.toml cannot be read: {error}", code=2)
    except ValidationError as error:
        faults = [
            f"  DESK_{'.'.join(str(part) for part in fault['loc']).upper()}: "
            + fault["msg"].removeprefix("Value error, ")
            for fault in error.errors()
        ]
        _refuse("\n".join(["The settings cannot be used:", *faults]), code=2)


def _came_of(done: "Training") -> str:
    """A training as a table: the new model's shares and, in brackets, those of the model it was compared with."""
    from web import words

    def say(group: str, code: str) -> str:
        return words.sentence(lambda text: text, group, code)

    told = done.figures
    lines = [f"{say('training_state', done.state.value)}. {say('training_reason', done.reason)}"]
    lines += [f"made {done.version}, compared with {done.compared_with}"] if done.version else []
    shipped, own = told.get("shipped", 0), told.get("own_count", 0)
    lines.append(f"learned from {shipped} shipped texts and {own} of this desk's own")
    sets = {"own": "this desk's newest", "test": "test texts", "floor": "test texts, shipped model"}
    lines.append(f"{'asked':<30}{'texts':>6}{'right':>18}{'decided':>18}{'of these right':>18}")
    for name, title in sets.items():
        for language, each in told.get(name, {}).items():
            asked = ("right", "coverage", "precision")
            shares = [f"{_share(each[share])} ({_share(each[f'{share}_before'])})" for share in asked]
            lines.append(f"{title + ', ' + language:<30}{each['count']:>6}" + "".join(f"{each:>18}" for each in shares))
    return "\n".join(lines)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _router() -> "Router":
    """The classifier that speaks at this desk; the shipped one where nothing was promoted."""
    from classifiers.registry import Registry

    return Registry(read_settings().data / "classifiers").current()


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
        _refuse(f"The folder {settings.data} cannot be used: {error.strerror}. Set DESK_DATA to one that can.")
    except OperationalError as error:
        _refuse(f"The database cannot be opened: {str(error.orig).splitlines()[0]}")


def prepare(database: "Database") -> None:
    """Bring both schemas up to date, ours and the work engine's, and see that there are queues for what arrives."""
    from helpdesk import queues
    from helpdesk.runtime import work
    from models.migrations import is_current, upgrade

    if not is_current(database):
        upgrade(database)
        work.migrate(database)
        database.write_now(queues.make_defaults)


def run(settings: Settings) -> None:
    """Serve until stopped."""
    import uvicorn

    from helpdesk.runtime import memory
    from web.app import create

    memory.keep_few_pools()
    _must_listen(settings)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s  %(message)s")
    for name in ("alembic", "mail.log"):  # the mail library logs addresses
        logging.getLogger(name).setLevel(logging.WARNING)
    database = open_database(settings)
    if database.is_sqlite:
        _only_one(settings.data)
        prepare(database)
    elif not _is_current(database):
        _refuse("The database has another version's schema. Run: .venv/bin/python -m helpdesk migrate")
    if settings.demo:
        from helpdesk.desk import now
        from helpdesk.sample import loading

        database.write_now(loading.load, now=now(), settings=settings)
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
    from helpdesk.runtime import memory

    gc.collect()
    gc.freeze()
    # Most of what mails and calls make ends without its help, in the very transaction: it looks at them less often.
    gc.set_threshold(10_000, 10, 10)
    memory.give_back()  # what loading needed


def _greet(settings: Settings, setup_code: str) -> None:
    typer.echo(f"\n  {settings.name}  {settings.public_url}")
    if setup_code:
        typer.echo(f"  Open {settings.public_url}/welcome?setup_code={setup_code} to make the first supervisor.")
    if settings.mail_port:
        typer.echo(f"  Mail is accepted at {settings.mail_host}:{settings.mail_port}.")
    if settings.demo:
        from helpdesk.sample import company

        typer.echo("\n  Sign in as one of these, in two browsers if you like:")
        for account in company.ACCOUNTS:
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


def _refuse(sentence: str, *, code: int = 1) -> NoReturn:
    """Say why not, and end."""
    typer.echo(sentence, err=True)
    raise typer.Exit(code)


def _password() -> str:
    """Asked for twice, or the first line of standard input where nobody sits."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


@contextmanager
def _database() -> "Iterator[Database]":
    """The desk's database, up to date where that is ours to do."""
    database = open_database(read_settings())
    if database.is_sqlite:
        prepare(database)
    try:
        yield database
    finally:
        database.close()


def _queue(db: Any, slug: str) -> "Queue":
    """A queue by its short name."""
    from helpdesk import queues

    known = {queue.slug: queue for queue in queues.everyone(db)}
    if slug not in known:
        _refuse(f"There is no queue {slug!r}; there are: {', '.join(known)}.", code=2)
    return known[slug]


def _changed(verb: Callable[[Any], object], said: str) -> None:
    """Run a verb in a transaction and say so, or say in a sentence why not."""
    from helpdesk.errors import DeskError
    from helpdesk.runtime.work import Worker
    from web import words

    with _database() as database:
        Worker(database).connect()
        database.info["is_command"] = True
        try:
            database.write_now(verb)
        except DeskError as error:
            _refuse(words.sentence(lambda text: text, "error", error.code, error.facts))
    typer.echo(said)


LOCK = "desk.lock"
_locks: list[Any] = []


def _only_one(folder: Path) -> None:
    """One desk a SQLite file: a second would read the same mails. Held until the process ends, however it does."""
    try:
        import fcntl
    except ImportError:  # Windows has none; there nobody is kept from it
        return
    if any(held.name == str(folder / LOCK) for held in _locks):
        return
    lock = (folder / LOCK).open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        _refuse(f"A desk already runs on {folder}. Stop it, or set DESK_DATA to another folder.")
    _locks.append(lock)


def _listening(settings: Settings) -> list[tuple[str, str, int]]:
    """What listens where."""
    return [("web", settings.host, settings.port), ("mail in", settings.mail_host, settings.mail_port)]


def _must_listen(settings: Settings) -> None:
    """End with a sentence when a port cannot be had."""
    names = {"web": ("DESK_HOST", "DESK_PORT"), "mail in": ("DESK_MAIL_HOST", "DESK_MAIL_PORT")}
    for name, host, port in _listening(settings):
        if port > 0 and (why := _listens(host, port)):
            of_host, of_port = names[name]
            off = "; DESK_MAIL_PORT=0 switches the mail listener off" if name == "mail in" else ""
            _refuse(f"{host}:{port} cannot be listened on: {why}. Set {of_host} or {of_port}{off}.")


def _listens(host: str, port: int) -> str:
    """Why nobody may listen there; "" when one may."""
    try:
        kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        return "there is no such host"
    with socket.socket(kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return {errno.EADDRINUSE: "it is in use", errno.EADDRNOTAVAIL: "it is no address of this machine"}.get(
                error.errno or 0, error.strerror or "refused"
            )
    return ""


def _any_free(host: str) -> int:
    """A port nobody listens on just now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _simulated(act: Any) -> None:
    """Run one act against the demonstration that is running here, or against the desk of these settings."""
    from helpdesk.simulate import SimulationFailed

    try:
        typer.echo(act(_at_hand()) or "done")
    except SimulationFailed as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _at_hand() -> Settings:
    """Of the demonstration that is running here, or else what is set."""
    settings = read_settings()
    known = settings.data / "demo" / "running.json"
    if not known.exists():
        return settings
    return read_settings(**json.loads(known.read_text()), demo=True, data=known.parent, database_url="")


if __name__ == "__main__":
    main()
