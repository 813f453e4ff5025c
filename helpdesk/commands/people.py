"""`helpdesk agents`: people who sign in."""

import sys
from typing import Annotated, Any

import typer

from helpdesk.commands.opening import changed, opened
from helpdesk.commands.queues import queue_of

app = typer.Typer(help="People who sign in.", no_args_is_help=True)


@app.command("add")
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
            queue_ids=[queue_of(db, slug).id or 0 for slug in queue], now=now(),
        )  # fmt: skip

    changed(verb, f"{email} can sign in.")


@app.command("set")
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
            queue_ids=None if not queue else [queue_of(db, slug).id or 0 for slug in queue], now=now(),
        )  # fmt: skip

    changed(verb, "Set.")


@app.command("list")
def list_agents() -> None:
    """Who there is."""
    from sqlmodel import select

    from models import Agent

    with opened() as database:
        for agent in database.read_now(lambda db: db.exec(select(Agent)).all()):
            typer.echo(f"{agent.id:>4}  {agent.role.value:<10}  {agent.email:<32}  {agent.name}")


def _password() -> str:
    """Asked for twice, or the first line of standard input where nobody sits."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")
