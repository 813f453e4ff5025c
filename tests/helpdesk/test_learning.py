"""The desk learns: from what agents decide, in a process of its own, and only where it does not get worse."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from classifiers import model, ship
from helpdesk import learning, training
from models import Training, TrainingState
from tests.cast import MONDAY, SATO, TANAKA, OpenDesk


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twelfth of the shipped texts: learned in seconds."""
    folder = tmp_path_factory.mktemp("corpus")
    for language in ("ja", "en"):
        rows = [row for path in sorted(ship.CORPUS.glob(f"{language}*.jsonl")) for row in ship.rows(path)]
        few = [row for split in ("train", "test") for row in [r for r in rows if r["split"] == split][::16]]
        lines = [json.dumps({name: each for name, each in row.items() if name != "line"}) for row in few]
        (folder / f"{language}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def small_model(corpus: Path) -> model.Fit:
    """What such a desk begins with."""
    return model.fit(ship.seeds("train", folder=corpus), made_at=MONDAY - timedelta(days=30))


@pytest.fixture
def school(desk: OpenDesk, corpus: Path, small_model: model.Fit) -> OpenDesk:
    """A desk that learns from few texts, and answers by a model made from them."""
    own = desk.app.state.desk
    own.corpus = corpus
    own.registry.promote(own.registry.save(small_model))
    own.router = own.registry.current()
    return desk


def move(desk: OpenDesk, ticket_id: int, slug: str, by: Any = SATO) -> None:
    answer = desk.as_(by).post(f"/tickets/{ticket_id}/move", data={"queue_id": desk.queue(slug).id})
    assert answer.status_code == 200, answer.text


def train(desk: OpenDesk, *, by: Any = SATO) -> Training:
    """Ask, and do the due work here and now."""
    asked = desk.write(lambda db: learning.ask(db, by=desk.agent(by) if by else None, now=desk.clock()))
    training.run(desk.app.state.desk.means_to_train(), asked.id)
    return desk.read(lambda db: db.get(Training, asked.id))


PEDALS = [f"自転車の{part}を{wish}" for part in ("ペダル", "サドル", "チェーン") for wish in (
    "調整してほしい", "見に来てほしい", "直してもらいたい", "点検をお願いしたい")]  # fmt: skip


def test_moves_are_learned_and_decide_the_next_mail(school: OpenDesk) -> None:
    for number, text in enumerate(PEDALS[:10]):
        school.mail(TANAKA, subject="自転車", body=text, message_id=f"<pedal-{number}@example.com>")
        move(school, school.tickets()[-1].id, "billing")
    done = train(school)
    print(done)
    assert done.state == TrainingState.PROMOTED, done
