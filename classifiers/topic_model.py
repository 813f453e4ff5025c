"""Learning what comments are about: labelled comments in, the model of topics.py and its figures out.

The idea: one border a topic over the features of every other model here, so that a text can be about two things or
about nothing. Slopes and cuts are taken from authors held out whole, whose comments models answered that had learned
nothing from them; the figures are of cuts chosen without the author, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers import model, themes
from classifiers.answers import Example
from classifiers.keywords import Finder, spelled
from classifiers.router import Router, pack
from classifiers.seen import Seen
from classifiers.tables import Floats
from classifiers.topics import Asked, Reader, Taught
from classifiers.vectors import japanese

BLOCKS = {"grams": 0.6, "terms": 0.8, "asked": 0.0, "meaning": 1.0, "english": 1.0, "counts": 0.7, "phrases": 0.3}
SOFTNESS = 0.3  # LinearSVC's C: with two thousand comments a softer border reads unknown authors better
FIRST, OTHERS = np.linspace(-1.2, 0.2, 15), np.linspace(-0.8, 0.6, 15)  # cuts that are tried

Truth = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Topical:
    """A comment and the topics it is about, by their keys; none, one or more."""

    example: Example
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TopicFit:
    """The model as it answers, the file it travels as, and its card."""

    taught: Taught
    content: bytes
    card: dict[str, Any]


def keys() -> dict[str, str]:
    """The learned topics: their Japanese names, by which the corpus calls them, and their keys."""
    return {each.name: each.key for each in themes.shipped()}


def topical(row: dict[str, Any], example: Example) -> Topical:
    """A row of the corpus with its topics. Raises ValueError for a topic nobody knows."""
    known = keys()
    if strange := [name for name in row["topics"] if name not in known]:
        raise ValueError(f"topics {strange}; known are {', '.join(known)}")
    return Topical(example, tuple(known[name] for name in row["topics"]))


def fit(given: Sequence[Topical], *, made_at: datetime) -> TopicFit:
    """Learn the topics. The same comments in the same order give the same bytes; `made_at` (aware) only dates them."""
    vectors, labels = japanese(), tuple(sorted(keys().values()))
    finder = Finder({each.key: [spelled(word) for word in each.words] for each in themes.shipped()})
    examples = [each.example for each in given]
    seen = Seen(model.read(examples, vectors=vectors, finder=finder), vectors, finder, BLOCKS, _Sides)
    del seen.tables["asked"]  # a comment asks for nothing
    truth = np.array([[label in each.topics for label in labels] for each in given])
    unseen, languages, authors = (
        Unseen(seen, examples, truth),
        sorted({e.language for e in examples}),
        _authors(examples),
    )
    odds = {language: unseen.odds(unseen.of(language)) for language in languages}
    cuts = {language: unseen.cuts(unseen.of(language)) for language in languages}

    learned = seen.learn(examples, seed=0, truth=truth)
    weights = model.weights_of(learned, labels, finder, dict.fromkeys(languages, 1.0), {}, BLOCKS)
    content = pack(weights, vectors=vectors)
    card = {
        **model.card_of(content, vectors=vectors, made_at=made_at),
        "labels": list(labels),
        "examples": {language: int((unseen.languages == language).sum()) for language in languages},
        "odds": {name: [round(value, 4) for value in pair] for name, pair in odds.items()},
        "cuts": {
            name: [round(odds[name][0] * value + odds[name][1], 4) for value in pair] for name, pair in cuts.items()
        },
        "unseen_authors": {language: unseen.figures(language, authors, labels) for language in languages},
    }
    router = Router(weights, version=card["version"], vectors=vectors)
    return TopicFit(Taught.of(router, card), content, card)


def figures(taught: Taught, given: Sequence[Topical]) -> dict[str, Any]:
    """How right a model is, as a desk asks it, on comments it did not learn from; by language."""
    labels = taught.router.labels
    begun = {each.key: each for each in themes.shipped()}
    reader = Reader([Asked(key, begun[key].words, (key,)) for key in labels], taught=taught)
    found = {}
    for language in sorted({each.example.language for each in given}):
        some = [each for each in given if each.example.language == language]
        about = reader.about([each.example.text for each in some])
        said = np.array([[label in keys for label in labels] for keys in about])
        truth = np.array([[label in each.topics for label in labels] for each in some])
        found[language] = _figures(truth, said)
    return found


class Unseen:
    """Comments beside the distances that models found which had learned nothing from their authors."""

    def __init__(self, seen: Seen, examples: Sequence[Example], truth: Truth) -> None:
        self.truth = truth
        self.languages = np.array([example.language for example in examples])
        self.authors = np.array([example.author for example in examples])
        self.scores = np.full(truth.shape, -9.0)
        for author in sorted(set(self.authors.tolist())):
            held, others = np.flatnonzero(self.authors == author), np.flatnonzero(self.authors != author)
            _, self.scores[held] = seen.answers(others, held, truth[others], seed=0)

    def of(self, language: str, *, but: str = "") -> Truth:
        """Which comments are of a language, those of one author left out."""
        return np.asarray((self.languages == language) & (self.authors != but))

    def odds(self, mine: Truth) -> tuple[float, float]:
        """Slope and height by which a distance becomes log odds."""
        from sklearn.linear_model import LogisticRegression

        fitted = LogisticRegression(C=100.0).fit(self.scores[mine].reshape(-1, 1), self.truth[mine].ravel())
        return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])

    def cuts(self, mine: Truth) -> tuple[float, float]:
        """The distances from which on a text's likeliest topic counts, and any other, that give the best micro-F1."""
        tried = [(first, other) for first in FIRST.tolist() for other in OTHERS.tolist() if other >= first]
        return max(tried, key=lambda pair: _micro_f1(self.truth[mine], chosen(self.scores[mine], *pair)))

    def figures(self, language: str, authors: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
        """How right the model is on authors not learned from, the cuts chosen without them as well."""
        said, by_author = np.zeros_like(self.truth), {}
        for author in authors:
            held = self.of(language) & (self.authors == author)
            if held.any():
                said[held] = chosen(self.scores[held], *self.cuts(self.of(language, but=author)))
                by_author[author] = _figures(self.truth[held], said[held])
        mine = self.of(language)
        each = {
            label: round(_micro_f1(self.truth[mine, place], said[mine, place]), 4) for place, label in enumerate(labels)
        }
        return {**_figures(self.truth[mine], said[mine]), "by_author": by_author, "by_topic": each}


def chosen(scores: Floats, first: float, others: float) -> Truth:
    """Which topics count: the likeliest of a text from `first` on, any other from `others` on."""
    said = scores >= others
    best = scores.argmax(axis=1)
    rows = np.arange(len(scores))
    said[rows, best] = scores[rows, best] >= first
    return np.asarray(said)


class _Sides:
    """A border for each topic, about or not about it."""

    coef_: Floats
    intercept_: Floats

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def fit(self, rows: Any, truth: Truth, sample_weight: Any = None) -> "_Sides":
        from sklearn.svm import LinearSVC

        borders = [
            LinearSVC(C=SOFTNESS, random_state=self.seed).fit(rows, one, sample_weight=sample_weight) for one in truth.T
        ]
        self.coef_ = np.vstack([each.coef_ for each in borders])
        self.intercept_ = np.concatenate([each.intercept_ for each in borders])
        return self

    def decision_function(self, rows: Any) -> Floats:
        return np.asarray(rows @ self.coef_.T + self.intercept_)


def _authors(examples: Sequence[Example]) -> list[str]:
    return sorted({example.author for example in examples})


def _figures(truth: Truth, said: Truth) -> dict[str, Any]:
    hits = int((truth & said).sum())
    return {
        "count": len(truth),
        "micro_f1": round(_micro_f1(truth, said), 4),
        "precision": round(hits / max(int(said.sum()), 1), 4),
        "recall": round(hits / max(int(truth.sum()), 1), 4),
    }


def _micro_f1(truth: Truth, said: Truth) -> float:
    return float(2 * (truth & said).sum() / max(int(truth.sum() + said.sum()), 1))
