"""`helpdesk asterisk`: what an Asterisk says, written down and played again."""

from pathlib import Path
from typing import Annotated

import typer

from helpdesk.commands.opening import opened, read_settings, refuse

app = typer.Typer(help="What an Asterisk says: written down, and played again.", no_args_is_help=True)


@app.command("record")
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
    with opened() as database:
        wanted = select(Exchange).where(Exchange.name == exchange, Exchange.kind == ExchangeKind.ASTERISK)
        row = database.read_now(lambda db: db.exec(wanted).first())
    if row is None:
        refuse(f"There is no Asterisk {exchange!r}.", code=2)
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
        refuse(f"{found.options.get('host')}: {error}")
    except OSError as error:
        refuse(f"{file}: {error.strerror}", code=2)


@app.command("replay")
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
        refuse(f"{file} is no recording: line {error.facts.get('line')} cannot be read.", code=2)
    except OSError as error:
        refuse(f"{file}, port {port}: {error.strerror}", code=2)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
