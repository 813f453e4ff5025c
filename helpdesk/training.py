"""One training, from the examples in the database to the version that speaks, or to the reason why none does.

The idea: fitting happens in a process of its own with a low priority, `classifiers.learn`, which is told the
examples through a pipe; this module hands them over, waits, and states the outcome. Only one training runs at a time,
whatever processes there are, by a lease that is kept while it runs. Whatever goes wrong ends in the training's row: the
version in force goes on, and nothing is parked. A process that dies in the middle leaves a row that is taken up again,
three times at most.
"""

import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from helpdesk import learning, queues
from helpdesk.errors import Unreachable
from helpdesk.learning import LearnedExample
from helpdesk.runtime import leases
from models import Training, TrainingState
from models.database import Database

if TYPE_CHECKING:
    from classifiers.registry import Registry

NEW_OUTCOMES = 20  # fewer since the last training, and the nightly one has nothing to do
ATTEMPTS = 3
LEASE, LEASE_SECONDS, RENEW_SECONDS = "training", 90.0, 20
PARTS = 0.5  # seconds between two looks at the process
FOLDER = "training-"
MADE = (TrainingState.PROMOTED, TrainingState.CANDIDATE)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Means:
    """What a training needs of the process that runs it. `holder` names that process in the lease, `stops` says that it
    is closing. `corpus` are the shipped texts (None: those that ship), `niceness` is how far the process that learns
    stands back (None: as far as it thinks right)."""

    database: Database
    registry: "Registry"
    clock: Callable[[], datetime]
    holder: str
    limit_seconds: float = 1800.0
    corpus: Path | None = None
    niceness: int | None = None
    stops: Callable[[], bool] = field(default=lambda: False)


@dataclass(frozen=True, slots=True)
class _Task:
    order: dict[str, Any]
    examples: list[LearnedExample]


def run(means: Means, training_id: int) -> None:
    """Carry a training out and state what came of it. One that has ended already is left alone.

    Raises `Unreachable` when another process trains, or this one is closing: it is tried again then.
    """
    if not means.database.write_now(_claim, training_id, means=means):
        return
    try:
        # Read beside the writer, which a telephone may need meanwhile: there may be fifty thousand.
        task, fresh = means.database.read_now(_task, training_id, means=means)
        if not means.database.write_now(_is_due, training_id, task, fresh, means=means):
            return
        with _folder(means.registry.folder) as folder:
            report = _learn(means, task, folder)
            _settle(means, training_id, report, folder)
    except Unreachable:
        means.database.write_now(_wait_again, training_id, means=means)
        raise
    except _Failed as error:
        _end(means, training_id, TrainingState.FAILED, error.reason, {"detail": error.detail})
    except Exception as error:
        logger.exception("training %s failed", training_id)
        _end(means, training_id, TrainingState.FAILED, "unexpected", {"detail": type(error).__name__})


class _Failed(Exception):
    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


# --- Before --------------------------------------------------------------------------------------------------------


def _claim(db: Session, training_id: int, *, means: Means) -> bool:
    """Take the lease and say that it runs; False when there is nothing to run."""
    now = means.clock()
    training = db.get(Training, training_id)
    if training is None or training.state not in learning.UNDECIDED:
        return False
    if not leases.renew(db, LEASE, means.holder, seconds=LEASE_SECONDS, now=now):
        raise Unreachable("another_training_runs")
    attempts = int(training.figures.get("attempts", 0)) + 1
    training.figures = {"attempts": attempts}
    if attempts > ATTEMPTS:
        _close(db, training, TrainingState.FAILED, "crashed", {}, means=means)
        return False
    training.state, training.started_at = TrainingState.RUNNING, now
    learning.tell(db, training, now=now)
    return True


def _task(db: Session, training_id: int, *, means: Means) -> tuple[_Task, int | None]:
    """What is to be learned, and how many outcomes are new to it; None where their number does not matter."""
    examples = learning.own_examples(db)
    training = db.get(Training, training_id)
    matters = training is not None and training.is_nightly and not _has_label_of_the_gone(db, means)
    return _Task(_order(db, means, means.clock()), examples), _fresh(db, examples) if matters else None


def _is_due(db: Session, training_id: int, task: _Task, fresh: int | None, *, means: Means) -> bool:
    """Note what is compared; False where too little is new, which ends it."""
    training = db.get(Training, training_id)
    assert training is not None
    training.examples, training.compared_with = len(task.examples), means.registry.points_at()
    db.add(training)
    if fresh is None or fresh >= NEW_OUTCOMES:
        return True
    _close(db, training, TrainingState.UNCHANGED, "few_new_outcomes", {"fresh": fresh}, means=means)
    return False


def _fresh(db: Session, examples: list[LearnedExample]) -> int:
    """How many outcomes came since the last training that made a model."""
    last = db.exec(
        select(Training).where(col(Training.state).in_(MADE)).order_by(col(Training.id).desc()).limit(1)
    ).first()
    since = last.started_at if last else None
    return len(examples) if since is None else sum(example.at > since for example in examples)


def _has_label_of_the_gone(db: Session, means: Means) -> bool:
    """Whether the version in force names a queue that is gone."""
    slugs = {queue.slug for queue in queues.everyone(db)}
    with contextlib.suppress(ValueError, KeyError):  # a card that cannot be read names nothing
        return not set(means.registry.card(means.registry.points_at())["labels"]) <= slugs
    return False


def _order(db: Session, means: Means, now: datetime) -> dict[str, Any]:
    """`classifiers.learn.Order`, ready for JSON. What cannot be loaded is not compared with: the next sound one is."""
    served = [queue for queue in queues.everyone(db) if not queue.is_triage]
    model, card = means.registry.files(means.registry.sound_one())
    order: dict[str, Any] = {
        "made_at": now.isoformat(),
        "labels": [queue.slug for queue in served],
        "lists": {queue.slug: queue.keywords for queue in served if queue.keywords},
        "model": str(model.absolute()),
        "card": str(card.absolute()),
    }
    if means.niceness is not None:
        order["niceness"] = means.niceness
    if means.corpus is not None:
        return order | {"corpus": str(means.corpus)}
    floor = means.registry.files(means.registry.versions()[-1])
    return order | {"floor": [str(path) for path in floor]}


@contextlib.contextmanager
def _folder(registry: Path) -> Iterator[Path]:
    """A folder of its own, gone afterwards, with what processes that died have left."""
    registry.mkdir(parents=True, exist_ok=True)
    for left in registry.glob(f"{FOLDER}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=registry, prefix=FOLDER) as name:
        yield Path(name)


# --- Meanwhile -----------------------------------------------------------------------------------------------------


def _learn(means: Means, task: _Task, folder: Path) -> dict[str, Any]:
    """Have the other process do it, and read its report."""
    import classifiers

    root = str(Path(classifiers.__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    with (folder / "errors").open("w+b") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "classifiers.learn", str(folder)], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=errors, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        try:
            _hand_over(process, task)
            code = _wait(means, process)
        finally:
            process.kill()
            process.wait()
            if process.stdin:
                with contextlib.suppress(OSError):
                    process.stdin.close()
        if code != 0:
            errors.seek(0)
            last = errors.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
            raise _Failed("learner_failed", last[-1].partition(":")[0][:200] if last else f"exit {code}")
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report


def _hand_over(process: "subprocess.Popen[bytes]", task: _Task) -> None:
    """Order and examples, the oldest first. They are customers' words, so they pass through a pipe, not a file."""
    assert process.stdin
    with contextlib.suppress(BrokenPipeError):  # it has ended already; its exit code says so
        process.stdin.write(_line(task.order))
        for each in reversed(task.examples):
            process.stdin.write(_line({
                "text": each.text, "subject": each.subject, "label": each.label, "language": each.language,
                "source": each.source, "at": each.at.isoformat(),
            }))  # fmt: skip
        process.stdin.write(b"\n")
        process.stdin.flush()


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told).encode() + b"\n"


def _wait(means: Means, process: "subprocess.Popen[bytes]") -> int:
    """Its exit code. The lease is kept meanwhile; a process that takes too long is ended."""
    waited, renewed = 0.0, 0.0
    while True:
        try:
            return process.wait(PARTS)
        except subprocess.TimeoutExpired:
            waited += PARTS
        if means.stops():
            raise Unreachable("desk_closes")
        if waited >= means.limit_seconds:
            raise _Failed("took_too_long")
        if waited - renewed >= RENEW_SECONDS:
            renewed = waited
            if not means.database.write_now(
                leases.renew, LEASE, means.holder, seconds=LEASE_SECONDS, now=means.clock()
            ):
                raise Unreachable("another_training_runs")


# --- After ---------------------------------------------------------------------------------------------------------


def _settle(means: Means, training_id: int, report: dict[str, Any], folder: Path) -> None:
    """Keep the model, let it speak if it may, and say so."""
    model = folder / "router.npz"
    if not model.exists():
        nothing = report["reason"] in ("no_examples", "nothing_usable")
        state = TrainingState.UNCHANGED if nothing else TrainingState.FAILED
        _end(means, training_id, state, report["reason"], report["figures"])
        return
    card = json.loads((folder / "router.json").read_text(encoding="utf-8"))
    version = means.registry.keep(model.read_bytes(), card)
    means.registry.load(version)  # what cannot be loaded is no candidate; raises
    state = TrainingState.PROMOTED if report["promote"] else TrainingState.CANDIDATE
    _end(means, training_id, state, report["reason"], report["figures"], version=version)


def _end(
    means: Means, training_id: int, state: TrainingState, reason: str, figures: dict[str, Any], version: str = ""
) -> None:
    def verb(db: Session) -> None:
        training = db.get(Training, training_id)
        if training is None or training.state not in learning.UNDECIDED:
            return
        training.version = version
        _close(db, training, state, reason, figures, means=means)
        if state == TrainingState.PROMOTED:
            learning.promote(db, means.registry, version, by=None, now=means.clock(), reason="trained")

    means.database.write_now(verb)


def _close(
    db: Session, training: Training, state: TrainingState, reason: str, figures: dict[str, Any], *, means: Means
) -> None:
    training.state, training.reason, training.ended_at = state, reason, means.clock()
    training.figures = {**training.figures, **figures}
    db.add(training)
    leases.release(db, LEASE, means.holder)
    learning.tell(db, training, now=means.clock())


def _wait_again(db: Session, training_id: int, *, means: Means) -> None:
    """This process stops; the next takes it up. That is no attempt that failed."""
    training = db.get(Training, training_id)
    if training is not None and training.state == TrainingState.RUNNING:
        training.state = TrainingState.WAITING
        training.figures = {"attempts": max(0, int(training.figures.get("attempts", 1)) - 1)}
        db.add(training)
        learning.tell(db, training, now=means.clock())
    leases.release(db, LEASE, means.holder)
