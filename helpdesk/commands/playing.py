"""`helpdesk simulate`: the customer at a running desk, through its real doors."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from helpdesk.commands.opening import open_database, read_settings, refuse
from helpdesk.commands.serving import DEMO_EXCHANGE
from helpdesk.settings import Settings

if TYPE_CHECKING:
    from sqlmodel import Session

app = typer.Typer(help="Play the customer at a running desk, through its real doors.", no_args_is_help=True)


@app.command("call")
def simulate_call(
    caller: Annotated[
        str, typer.Option(help="tanaka, family, company, unknown, withheld, english; or a number.")
    ] = "tanaka",
    to: Annotated[str, typer.Option(help="The number dialed; empty: tech support's.")] = "",
) -> None:
    """Ring a call, signed as Twilio signs. Prints its CallSid, which `hangup` takes."""
    from helpdesk import simulate

    _simulated(lambda settings: simulate.ring(settings, caller, called=to or None))


@app.command("hangup")
def simulate_hang_up(call_sid: str) -> None:
    """The caller puts the receiver down."""
    from helpdesk import simulate

    _simulated(lambda settings: simulate.hang_up(settings, call_sid))


@app.command("mail")
def simulate_mail(letter: Annotated[str, typer.Option(help="Which letter; --letter help lists them.")] = "") -> None:
    """Send a letter to the desk by SMTP. Prints its Message-ID."""
    from helpdesk import letters, simulate

    if letter not in letters.shipped():
        for key, each in letters.shipped().items():
            typer.echo(f"{key:<16}{each.label['en']}: {each.subject}")
        raise typer.Exit(0 if letter in ("", "help") else 2)
    _simulated(lambda settings: simulate.drop(settings, letter))


@app.command("play")
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


@app.command("record")
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
        refuse(f"{file} is there already.")
    finally:
        database.close()


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
