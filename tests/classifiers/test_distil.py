"""The table of English word vectors: learned from answers about texts, packed as it is read."""

import numpy as np
import pytest

from classifiers import distil
from classifiers.english import EnglishVectors

MATTERS = {"refund": 0, "money": 0, "courier": 1, "parcel": 1, "login": 2, "password": 2}


@pytest.fixture(scope="module")
def learned():
    """An encoder that knows three matters, asked about every pair of words."""
    texts = [f"{one} {other}" for one in MATTERS for other in MATTERS]
    answers = np.array(
        [[float(sum(MATTERS[word] == each for word in text.split())) for each in range(3)] for text in texts]
    )
    return distil.learn(texts, answers, size=2)


def test_words_the_encoder_holds_alike_lie_together(learned, tmp_path):
    path = tmp_path / "table.npz"
    path.write_bytes(distil.pack(*learned))
    table = EnglishVectors(path)
    assert table.size == 2 and table.of("nobody") is None

    def likeness(one: str, other: str) -> float:
        return float(table.meaning([one]) @ table.meaning([other]))

    for word, matter in MATTERS.items():
        for other, another in MATTERS.items():
            assert (likeness(word, other) > 0.9) == (matter == another)


def test_the_file_keeps_vectors_to_the_nearest_hundredth(learned, tmp_path):
    words, vectors = learned
    path = tmp_path / "table.npz"
    path.write_bytes(distil.pack(words, vectors))
    table = EnglishVectors(path)
    for word, vector in zip(words, vectors, strict=True):
        np.testing.assert_allclose(table.of(word), vector, atol=np.abs(vector).max() / 100)


def test_only_authors_named_are_learned_from(tmp_path):
    row = '{"text": "%s", "subject": "A question of mine"}'
    for author in (*distil.AUTHORS, "en_x"):
        (tmp_path / f"{author}.jsonl").write_text(row % f"A sentence by {author} herself. Short one.", encoding="utf-8")
    found = distil.own_sentences(tmp_path)
    assert {f"a sentence by {author} herself." for author in distil.AUTHORS} < set(found)
    assert not any("en_x" in sentence or "short" in sentence for sentence in found)
