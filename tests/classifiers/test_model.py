"""Learning, and that what answers is exactly what was learned."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from classifiers import Example, keywords, model
from classifiers.keywords import Finder
from classifiers.router import NEVER, Weights
from classifiers.vectors import japanese
from tests.classifiers.conftest import MADE_AT

TEXTS = [
    "返品したいのですが、送料はどちらの負担ですか。",
    "ログインできません。エラーE-42と出ます。",
    "Where is my parcel? Tracking has not moved since Monday.",
    "Please send the invoice again, our accountant lost it. Please.",
    "営業時間を教えて",
    "zzz qqq",
    "",
]


def test_answers_equal_the_scikit_learn_pipeline(small_fit):
    router = small_fit.router
    readings = [router.read(text, subject="件名") for text in TEXTS]
    theirs = small_fit.pipeline.decision_function(readings)
    ours = np.array([router.scores(reading) for reading in readings])
    assert list(small_fit.pipeline.classes_) == list(router.labels)
    np.testing.assert_allclose(ours, theirs, atol=1e-6, rtol=0)
    for text, reading, row in zip(TEXTS, readings, theirs, strict=True):
        row = np.exp(row / router.weights.temperatures[reading.language])
        row /= row.sum()
        prediction = router.predict(text, subject="件名")
        np.testing.assert_allclose(list(prediction.probabilities.values()), row, atol=1e-5, rtol=0)


def test_two_labels_are_enough_and_equal_the_pipeline_too(some_examples):
    two = [example for example in some_examples if example.label in ("billing", "shipping")]
    fit = model.fit(two, made_at=MADE_AT)
    readings = [fit.router.read(text) for text in TEXTS]
    ours = np.array([fit.router.scores(reading) for reading in readings])
    np.testing.assert_allclose(ours[:, 1], fit.pipeline.decision_function(readings), atol=1e-6, rtol=0)
    np.testing.assert_allclose(ours[:, 0], -ours[:, 1], atol=1e-6, rtol=0)


def test_the_same_examples_give_the_same_bytes(some_examples, small_fit):
    again = model.fit(some_examples, made_at=MADE_AT)
    later = model.fit(some_examples, made_at=MADE_AT + timedelta(days=1))
    assert again.content == small_fit.content and again.version == small_fit.version
    assert later.content == small_fit.content and later.version != small_fit.version


def test_examples_whose_normal_form_is_known_are_read_as_the_others_are(some_examples):
    some = some_examples[:40]
    known = {(each.subject, each.text): model.normal(each) for each in some[::2]}
    shared = {"vectors": japanese(), "finder": Finder(keywords.read())}
    assert list(model.read(some, normals=known, **shared)) == list(model.read(some, **shared))


def test_an_example_of_more_weight_is_learned_more_firmly(some_examples):
    odd = Example("ぴよぴよ", "billing", "ja")
    sure = []
    for weight in (1.0, 20.0):
        fit = model.fit([*some_examples, replace(odd, weight=weight)], made_at=MADE_AT)
        sure.append(fit.router.scores(fit.router.read("ぴよぴよ"))[fit.router.labels.index("billing")])
    assert sure[1] > sure[0] + 0.1


def test_a_desk_that_writes_only_japanese_can_learn(some_examples):
    pure = [
        e
        for e in some_examples
        if e.language == "ja" and not any("a" <= c <= "z" for c in (e.subject + e.text).lower())
    ]
    pure = [replace(e, text="".join(c for c in e.text if not c.isdigit())) for e in pure]
    assert model.fit(pure, made_at=MADE_AT).router.predict("返品したい").label in {e.label for e in pure}


def test_labels_of_the_desks_own_are_learned_with_its_own_words():
    examples = [
        Example(text, label, "ja")
        for label, texts in {
            "自転車": ["タイヤがパンクした", "チェーンが外れた", "サドルの高さを変えたい"],
            "料理": ["鍋が焦げた", "包丁を研ぎたい", "味噌汁の作り方"],
        }.items()
        for text in texts
    ]
    router = model.fit(examples, made_at=MADE_AT, lists={"自転車": ("ペダル",), "料理": ("フライパン",)}).router
    assert router.predict("ペダルが重い").label == "自転車"
    assert router.predict("フライパンが焦げた").label == "料理"


def test_few_examples_promise_nothing(small_fit):
    assert small_fit.card["cross_validation"]["en"]["count"] < model.FEWEST_TO_PROMISE
    assert set(small_fit.router.cuts["en"].values()) == {NEVER}
    prediction = small_fit.router.predict("I want to return these shoes and get a refund, please.")
    assert prediction.abstained and prediction.label == "returns"


def test_what_is_known_of_a_situation_is_never_counted_as_knowing():
    """Copies of a text that says nothing else: seen beside its copy it is easy, unseen it is a coin tossed."""
    examples = [
        Example(chr(0x4E00 + 7 * number) + chr(0x5E00 + 11 * number), "ab"[number % 2], "ja", situation=str(number))
        for number in range(60)
        for _copy in range(2)
    ]
    found = model.fit(examples, made_at=MADE_AT).card["cross_validation"]["ja"]
    assert found["strict"] < 0.7 and found["coverage"] == 0


def test_the_threshold_keeps_the_precision_asked_for_with_room_for_chance():
    labels = ("a", "b")
    scores = np.array([[gap, 0.0] for gap in np.linspace(0.0, 4.0, 400)])
    examples = [Example("", "a" if place >= 200 or place % 2 else "b", "ja") for place in range(400)]
    unseen = model.Unseen(examples, scores, labels, 1)
    sure = model._softmax_top(scores, 1.0)
    thresholds = [unseen.threshold(sure, unseen.languages == "ja", precision) for precision in (0.8, 0.9, 0.95)]
    assert thresholds == sorted(thresholds)
    for precision, threshold in zip((0.8, 0.9, 0.95), thresholds, strict=True):
        assert precision <= unseen.right[sure >= threshold].mean() < precision + 0.05
    assert unseen.threshold(sure, unseen.languages == "en", 0.9) == NEVER


def test_fewer_examples_ask_for_more_than_the_precision():
    few, many = model._at_least(np.array([0.95, 0.95]), np.array([40.0, 4_000.0]))
    assert 0.85 < few < 0.92 < many < 0.95
    for count, least in ((40, few), (4_000, many)):  # as Wilson defines it: 0.95 is just one deviation away
        assert 0.95 - least == pytest.approx((least * (1 - least) / count) ** 0.5)


def test_the_temperature_makes_confidence_come_true():
    dice = np.random.default_rng(3)
    gaps = dice.uniform(0, 3, 5_000)
    honest = 1 / (1 + np.exp(-gaps))  # the probability at temperature 1
    right = dice.uniform(size=5_000) < honest
    examples = [Example("", "a" if each else "b", "ja") for each in right]
    scores = np.column_stack([gaps * 7, np.zeros(5_000)])  # stretched sevenfold
    assert model.Unseen(examples, scores, ("a", "b"), 1).temperature(np.ones(5_000, bool)) == pytest.approx(7, rel=0.1)


def test_other_acceptable_labels_count_as_right():
    examples = [Example("", "a", "ja", acceptable=("a", "b"))] * 3
    unseen = model.Unseen(examples, np.array([[0.0, 1.0]] * 3), ("a", "b"), 1)
    assert unseen.right.all() and not unseen.strictly_right.any()


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [([], "0 label"), (["a", "a"], "1 label"), (["a", "a", "b"], "only one example of b")],
)
def test_too_little_to_learn_from_is_explained(labels, complaint):
    with pytest.raises(ValueError, match=complaint):
        model.fit([Example("本文", label, "ja") for label in labels], made_at=MADE_AT)


def test_examples_all_of_one_situation_are_learned_but_never_acted_on(some_examples):
    same = [replace(example, situation="one") for example in some_examples]
    thresholds = model.fit(same, made_at=MADE_AT).router.cuts
    assert {value for row in thresholds.values() for value in row.values()} == {NEVER}


def test_an_author_is_held_out_whole_when_there_are_three():
    """What an author always writes beside a label teaches nothing about others."""
    examples = [
        Example(f"{sign}{chr(ord(author) * 90 + 0x3000 + number)}", "ab"[number % 2], "ja", author=author)
        for author, signs in {"x": "가나", "y": "다라", "z": "마바"}.items()
        for number in range(40)
        for sign in signs[number % 2]
    ]
    card = model.fit(examples, made_at=MADE_AT).card["cross_validation"]
    assert set(card["by_author"]) == {"x/ja", "y/ja", "z/ja"}
    assert all(figures["strict"] < 0.7 for figures in card["by_author"].values())
    together = model.fit([replace(example, author="") for example in examples], made_at=MADE_AT)
    assert together.card["cross_validation"]["ja"]["strict"] == 1.0


def test_authors_of_one_language_each_are_held_out_beside_one_of_another():
    """Half the fittings for the same honesty: nobody is answered by a model that has read them."""
    wrote = {"a": "ja", "b": "ja", "c": "en", "d": "en", "e": "both"}
    examples = [
        Example(f"{author} {number} {language}", "xy"[number % 2], language, author=author)
        for author, known in wrote.items()
        for language in (("ja", "en") if known == "both" else (known,))
        for number in range(4)
    ]
    spelled = [example.text for example in examples]
    folds = model._folds(examples, spelled, np.array([example.label for example in examples]), 0)
    held = [{examples[row].author for row in rows} for _, rows in folds]
    assert held == [{"e"}, {"a", "c"}, {"b", "d"}]
    assert sorted(row for _, rows in folds for row in rows) == list(range(len(examples)))
    for (learned, _), authors in zip(folds, held, strict=True):
        assert {examples[row].author for row in learned} == set(wrote) - authors


def _two_labels(sure_of_b: float) -> model.Unseen:
    """Two thousand answers: "a" is always right, "b" in the given share, however confident the answer."""
    dice = np.random.default_rng(5)
    gaps = dice.uniform(0, 4, 2_000)
    best = np.arange(2_000) % 2
    right = (best == 0) | (dice.uniform(size=2_000) < sure_of_b)
    examples = [Example("", "ab"[b if ok else 1 - b], "ja") for b, ok in zip(best, right, strict=True)]
    return model.Unseen(examples, np.column_stack([gaps * (best == 0), gaps * (best == 1)]), ("a", "b"), 1)


def test_labels_that_keep_the_word_together_share_one_threshold():
    unseen = _two_labels(sure_of_b=0.96)
    thresholds = unseen.thresholds(unseen.sure({"ja": 1.0}), "ja", 0.97)
    assert thresholds["a"] == pytest.approx(thresholds["b"], abs=0.01) and thresholds["b"] < 0.6


def test_a_label_that_stays_below_the_others_is_acted_on_later_or_never():
    unseen = _two_labels(sure_of_b=0.85)
    thresholds = unseen.thresholds(unseen.sure({"ja": 1.0}), "ja", 0.9)
    assert thresholds["a"] < 0.6 and thresholds["b"] > thresholds["a"] + 0.2


def test_a_threshold_keeps_its_word_for_mail_as_it_comes():
    """Hard texts are right in four of five cases, usual ones in 99 of a hundred, however sure the answer."""
    dice = np.random.default_rng(11)
    hard = np.arange(2_000) % 2 == 0
    right = dice.uniform(size=2_000) < np.where(hard, 0.8, 0.99)
    scores = np.column_stack([dice.uniform(0, 4, 2_000), np.zeros(2_000)])
    found = {}
    for counts in (1.0, 0.05):
        examples = [
            Example("", "a" if ok else "b", "ja", usual=counts if is_hard else 1.0)
            for ok, is_hard in zip(right, hard, strict=True)
        ]
        unseen = model.Unseen(examples, scores, ("a", "b"), 1)
        sure = unseen.sure({"ja": 1.0})
        found[counts] = unseen.thresholds(sure, "ja", 0.97)["a"], unseen.figures(sure, "ja", dict.fromkeys("ab", 0.0))
    assert found[1.0][0] == NEVER and found[0.05][0] < 0.6
    figures = found[0.05][1]
    assert figures["usual"]["precision"] > 0.98 and figures["hard"]["precision"] < 0.85
    assert "usual" not in found[1.0][1]


def test_temperature_is_that_of_mail_as_it_comes():
    dice = np.random.default_rng(13)
    hard = np.arange(4_000) % 2 == 0
    scores = np.column_stack([np.full(4_000, 2.0), np.zeros(4_000)])
    right = dice.uniform(size=4_000) < np.where(hard, 0.6, 0.95)
    rows = zip(right, hard, strict=True)
    examples = [Example("", "a" if ok else "b", "ja", usual=1e-6 if is_hard else 1.0) for ok, is_hard in rows]
    unseen = model.Unseen(examples, scores, ("a", "b"), 1)
    assert unseen.sure(unseen.temperatures())[0] == pytest.approx(right[~hard].mean(), abs=0.005)


def test_authors_thresholds_were_not_chosen_on_show_what_the_promise_is_worth():
    dice = np.random.default_rng(7)
    right = np.concatenate([dice.uniform(size=600) < 0.99, dice.uniform(size=200) < 0.7])
    examples = [Example("", "a" if ok else "b", "ja", author="xyz?"[n // 200]) for n, ok in enumerate(right)]
    unseen = model.Unseen(examples, np.column_stack([dice.uniform(1, 4, 800), np.zeros(800)]), ("a", "b"), 1)
    unseen.authors = np.array([author.replace("?", "odd") for author in unseen.authors])
    found = unseen.of_strangers("ja", 0.9)
    assert found is not None and found["coverage"] > 0.9 and 0.88 < found["precision"] < 0.94
    assert unseen.of_strangers("en", 0.9) is None


def test_everything_learned_is_finite_and_small(small_fit):
    weights: Weights = small_fit.router.weights
    assert np.isfinite(weights.grams.coefficients).all()
    assert len(small_fit.content) < 2_000_000
