"""`helpdesk serve` and `demo`: the desk itself, and whether it could start."""

import errno
import gc
import json
import logging
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from helpdesk.commands.opening import open_database, prepare, read_settings, refuse
from helpdesk.settings import Settings

if TYPE_CHECKING:
    from models.database import Database

DEMO_EXCHANGE = "demo"
LOCK = "desk.lock"
_locks: list[Any] = []


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 0,
) -> None:
    """Run the desk: web, mail listener, due work."""
    given: dict[str, Any] = {"host": host} if host else {}
    if port:
        given["port"] = port
    run(read_settings(**given))


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


def migrate() -> None:
    """Bring the database to this version's schema. SQLite does so at every start."""
    database = open_database(read_settings())
    prepare(database)
    database.close()
    typer.echo("The database is up to date.")


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


def run(settings: Settings) -> None:
    """Serve until stopped."""
    import uvicorn

    from helpdesk.runtime import memory
    from web.app import create
    from web.sockets import Protocol

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
        refuse("The database has another version's schema. Run: .venv/bin/python -m helpdesk migrate")
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
        face, host=settings.host, port=settings.port, log_level="warning", ws=Protocol, ws_per_message_deflate=False,
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
        refuse(f"A desk already runs on {folder}. Stop it, or set DESK_DATA to another folder.")
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
            refuse(f"{host}:{port} cannot be listened on: {why}. Set {of_host} or {of_port}{off}.")


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
