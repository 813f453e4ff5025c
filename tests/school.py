"""What a desk of the tests learns from: a few of the shipped texts, so that a training takes seconds."""

import json
from datetime import timedelta
from pathlib import Path

from classifiers import corpus_rows, model, ship
from classifiers.model import Fit
from tests.cast import MONDAY


def few_texts(folder: Path, *, every: int = 32) -> Path:
    """A folder with every so-manieth text of each split and language, as one author's."""
    for language in ("ja", "en"):
        rows = [row for path in sorted(corpus_rows.CORPUS.glob(f"{language}*.jsonl")) for row in corpus_rows.rows(path)]
        few = [row for split in ("train", "test") for row in [r for r in rows if r["split"] == split][::every]]
        lines = [json.dumps({name: each for name, each in row.items() if name != "line"}) for row in few]
        (folder / f"{language}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


def first_model(corpus: Path) -> Fit:
    """The model such a desk begins with."""
    return model.fit(ship.seeds("train", folder=corpus), made_at=MONDAY - timedelta(days=30))


PEDALS = [
    f"自転車の{part}を{wish}"
    for part in ("ペダル", "サドル", "チェーン", "ハンドル")
    for wish in ("調整してほしい", "見に来てほしい", "直してもらいたい", "点検をお願いしたい")
]
"""What a bicycle shop hears; no shipped text is about it."""
