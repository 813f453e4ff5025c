"""`helpdesk classify`, `evaluate` and `train`: the classifier by itself."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from helpdesk.commands.opening import opened, read_settings, refuse

if TYPE_CHECKING:
    from classifiers import Router
    from models import Training


def classify() -> None:
    """Guess queue, urgency and feeling of inquiries: JSON lines {"text", "subject"?} in, JSON lines out, in order."""
    from helpdesk import classify as classifying

    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    router = _router()
    for answer in classifying.answers(sys.stdin, router=router):
        sys.stdout.write(json.dumps(answer, ensure_ascii=True) + "\n")
        sys.stdout.flush()


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
    with opened() as database:
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
        refuse("The training is gone.")
    typer.echo(_came_of(done))
    if done.state == TrainingState.FAILED:
        raise typer.Exit(1)


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
