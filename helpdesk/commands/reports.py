"""`helpdesk reports`: for other programs."""

from typing import Annotated

import typer

from helpdesk.commands.opening import refuse

app = typer.Typer(help="Reports for other programs.", no_args_is_help=True)


@app.command("grant")
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
        refuse(f"{role!r} is no name of a role; one is bi_reader.")
