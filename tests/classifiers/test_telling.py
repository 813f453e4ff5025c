"""Borders that lean on telling words: as linear as any other, sooner sure of a word met seldom, always on one side."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.svm import LinearSVC

from classifiers import model
from classifiers.answers import Example
from classifiers.telling import TellingBorders
from tests.classifiers.conftest import MADE_AT

WORDS = ["splendid", "dreadful", "average", "the", "a"]
SAID = [
    ("positive", "splendid the a"),
    ("positive", "splendid a"),
    ("negative", "dreadful the a"),
    ("negative", "dreadful the"),
    ("neutral", "average the a"),
    ("neutral", "average a the"),
]


@pytest.fixture(scope="module")
def rows():
    return csr_matrix([[float(text.split().count(word)) for word in WORDS] for _, text in SAID])


@pytest.fixture(scope="module")
def fitted(rows):
    return TellingBorders(0).fit(rows, [label for label, _ in SAID])


def test_every_label_has_a_border_of_its_own(rows, fitted):
    assert fitted.classes_.tolist() == ["negative", "neutral", "positive"]
    assert fitted.coef_.shape == (3, len(WORDS)) and fitted.intercept_.shape == (3,)
    best = fitted.classes_[fitted.decision_function(rows).argmax(axis=1)]
    assert best.tolist() == [label for label, _ in SAID]


def test_what_both_sides_say_counts_for_less_than_without(rows, fitted):
    plain = LinearSVC(C=1.0, random_state=0).fit(rows, [label for label, _ in SAID])

    def share_of_common_words(borders):
        loudness = np.abs(borders.coef_)
        return loudness[:, 3:].sum() / loudness.sum()

    assert share_of_common_words(fitted) < share_of_common_words(plain)


def test_a_model_fitted_with_them_answers_as_its_pipeline_does():
    examples = [Example(text, label, "en", situation=str(n)) for n, (label, text) in enumerate(SAID * 4)]
    fit = model.fit(examples, made_at=MADE_AT, borders=TellingBorders)
    again = model.fit(examples, made_at=MADE_AT, borders=TellingBorders)
    assert fit.content == again.content
    for text in ("a splendid day", "the dreadful food", "average"):
        reading = fit.router.read(text)
        seen = fit.pipeline["seen"].transform([reading])
        assert fit.router.scores(reading) == pytest.approx(fit.learned.borders.decision_function(seen)[0], abs=1e-5)
