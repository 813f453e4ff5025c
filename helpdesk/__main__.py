"""The command line: `helpdesk serve`, and everything an operator does besides."""

import typer

from helpdesk.commands import asterisk, guessing, keeping, mail, people, playing, queues, reports, serving

app = typer.Typer(help="Madoguchi: a support desk for calls and mail.", no_args_is_help=True, add_completion=False,
                  pretty_exceptions_enable=False)  # fmt: skip
for command in (
    serving.serve, serving.demo, serving.migrate, serving.check, guessing.classify, guessing.evaluate, guessing.train
):  # fmt: skip
    app.command()(command)
app.add_typer(reports.app, name="reports")
app.add_typer(people.app, name="agents")
app.add_typer(asterisk.app, name="asterisk")
app.add_typer(queues.app, name="queues")
app.add_typer(keeping.cases, name="cases")
app.add_typer(keeping.search, name="search")
app.add_typer(keeping.service, name="service")
app.add_typer(mail.app, name="mail")
app.add_typer(playing.app, name="simulate")


def main() -> None:
    """The entrance of the `helpdesk` command."""
    app()


if __name__ == "__main__":
    main()
