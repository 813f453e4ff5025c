"""What is counted once for several fittings: the numbers each would find alone, in no more memory than they need."""

import tracemalloc

import numpy as np
import pytest

from classifiers import Example, features, keywords, model
from classifiers.keywords import Finder
from classifiers.vectors import japanese


def test_what_was_read_beside_them_does_not_move_a_digit(some_examples):
    some, others = some_examples[:60], some_examples[60:120]
    alone, among = (model.see(each).learn(some, seed=0) for each in (some, [*some, *others]))
    assert alone.words == among.words
    for name, rarity in alone.rarity.items():
        assert rarity.tolist() == among.rarity[name].tolist()
    assert alone.borders.coef_.tolist() == among.borders.coef_.tolist()


def test_what_a_fold_answers_is_what_a_model_of_its_texts_answers(some_examples):
    some = some_examples[:120]
    seen, truth = model.see(some), np.array([each.label for each in some])
    borders, found = seen.answers(np.arange(80), np.arange(80, 120), truth[:80], seed=0)
    pipeline = seen.pipeline(seen.learn(some[:80], seed=0))
    readings = list(model.read(some[80:], vectors=japanese(), finder=Finder(keywords.read())))
    assert borders.classes_.tolist() == pipeline.classes_.tolist()
    np.testing.assert_allclose(found, pipeline.decision_function(readings), atol=1e-5, rtol=0)


def test_grams_are_spelled_as_they_stand_in_the_texts():
    examples = [Example(text, label, "ja") for text, label in (("返品 abc", "a"), ("返金 abd", "b"), ("x", "a"))]
    table = model.see(examples).tables["grams"]
    readings = model.read(examples, vectors=japanese(), finder=Finder(keywords.read()))
    every = {gram for reading in readings for gram in features.grams(reading)}
    assert sorted(table.spelled(np.arange(table.counts.shape[1]))) == sorted(every)


@pytest.mark.parametrize("count", [2, 5])
def test_folds_part_no_situation_and_share_every_label(count):
    dice = np.random.default_rng(1)
    groups = dice.integers(0, 300, 1_000)
    truth = np.array(["abc"[group % 3] for group in groups])
    dealt = model._dealt(groups, truth, count, 0)
    assert all(len(set(dealt[groups == group])) == 1 for group in set(groups.tolist()))
    for label in "abc":
        shares = np.bincount(dealt[truth == label], minlength=count) / (truth == label).sum()
        assert shares.min() > 0.7 / count
    assert dealt.tolist() != model._dealt(groups, truth, count, 1).tolist()


def test_one_very_long_text_does_not_make_all_others_long():
    """A table of texts is as wide as the longest: of 3,000 beside one of 20,000 letters it would hold 240 MB."""
    spelled = [str(number) for number in range(3_000)] + ["長" * 20_000]
    examples = [Example(text, "ab"[place % 2], "ja") for place, text in enumerate(spelled)]
    truth = np.array([each.label for each in examples])
    tracemalloc.start()
    try:
        folds = model._folds(examples, spelled, truth, 0)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(folds) == model.FOLDS and most < 20_000_000
