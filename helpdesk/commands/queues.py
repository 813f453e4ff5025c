"""`helpdesk queues`: where inquiries wait."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from helpdesk.commands.opening import changed, opened, read_settings, refuse

if TYPE_CHECKING:
    from models import Queue

app = typer.Typer(help="Where inquiries wait.", no_args_is_help=True)


@app.command("list")
def list_queues() -> None:
    """The queues, with the numbers and addresses that lead to them."""
    from helpdesk import queues

    with opened() as database:
        for queue in database.read_now(queues.everyone):
            typer.echo(f"{queue.slug:<14}  {queue.phone or '-':<16}  {queue.address or '-':<32}  {queue.name}")


@app.command("add")
def add_queue(
    queue: Annotated[str, typer.Argument(help="Its short name: small letters, digits and _.")],
    name: Annotated[str, typer.Option(help="Japanese name.")],
    name_en: Annotated[str, typer.Option(help="English name.")],
) -> None:
    """Make a queue; the rest is said with `queues set`, and who serves it with `agents set`."""
    from helpdesk import queues
    from helpdesk.desk import now

    changed(lambda db: queues.make(db, slug=queue, name=name, name_en=name_en, by=None, now=now()), "Made.")


@app.command("set")
def set_queue(
    queue: Annotated[str, typer.Argument(help="Its short name, see `queues list`.")],
    phone: Annotated[str | None, typer.Option(help='The number customers dial; "" takes it away.')] = None,
    address: Annotated[str | None, typer.Option(help='The address customers write to; "" takes it away.')] = None,
    name: Annotated[str | None, typer.Option(help="Japanese name.")] = None,
    name_en: Annotated[str | None, typer.Option(help="English name.")] = None,
    greeting: Annotated[str | None, typer.Option(help='Said to callers; "" says the usual words.')] = None,
    signature: Annotated[str | None, typer.Option(help="Below replies; {agent} is the agent's name.")] = None,
    signature_en: Annotated[str | None, typer.Option(help="To customers who do not write Japanese.")] = None,
    keywords: Annotated[str | None, typer.Option(help="Words that lead there until it is learned, by commas.")] = None,
) -> None:
    """Say which number and address lead to a queue, and what it is called."""
    from helpdesk import queues
    from helpdesk.desk import now

    settings = read_settings()
    words = None if keywords is None else [word for word in re.split("[,、，]", keywords) if word.strip()]

    def verb(db: Any) -> None:
        queues.change(db, queue_of(db, queue), region=settings.region, now=now(), phone=phone, address=address,
                      name=name, name_en=name_en, greeting=greeting, signature=signature, signature_en=signature_en,
                      keywords=words)  # fmt: skip

    changed(verb, "Set.")


def queue_of(db: Any, slug: str) -> "Queue":
    """A queue by its short name."""
    from helpdesk import queues

    known = {queue.slug: queue for queue in queues.everyone(db)}
    if slug not in known:
        refuse(f"There is no queue {slug!r}; there are: {', '.join(known)}.", code=2)
    return known[slug]
