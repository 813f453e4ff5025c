"""Answers and their reasons, as an agent sees them."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers import registry
from tests.patience import an_end


def test_width_and_kana_form_do_not_change_the_answer(router):
    plain = router.predict("プリンターがWi-Fiにつながらない。注文番号は12345です。")
    wide = router.predict("ﾌﾟﾘﾝﾀｰがＷｉ－Ｆｉにつながらない。注文番号は９８７です。")
    assert plain.probabilities == wide.probabilities and plain.label == "tech_support"


def test_reasons_are_the_customers_own_words_in_their_place(router):
    text = "先日買ったﾌﾟﾘﾝﾀｰですが、\n　ログインできず、ｴﾗｰが出ます。"
    prediction = router.predict(text)
    assert prediction.label == "tech_support" and prediction.because
    for reason in prediction.because:
        assert text[reason.start : reason.end] == reason.words and reason.weight > 0
    assert {"ログイン", "ｴﾗｰ"} & {reason.words for reason in prediction.because}


def test_reasons_come_loudest_first(router):
    weights = [reason.weight for reason in router.predict("領収書の宛名を変えて、請求書も送ってください").because]
    assert weights == sorted(weights, reverse=True) and len(weights) >= 2


def test_words_of_the_subject_are_reasons_without_a_place(router):
    (first, *_) = router.predict("上記の件、お願いします。", subject="領収書の再発行").because
    assert (first.start, first.end) == (-1, -1) and first.words in "領収書の再発行"


def test_the_loudness_of_the_letters_adds_up_to_the_score(router):
    reading = router.read("Please refund the double charge on my card")
    scores = router.scores(reading) - router.weights.intercept
    for label, score in enumerate(scores):
        contrast = score - (scores.sum() - score) / (len(scores) - 1)
        loudness = router._loudness(reading, router.weigh([reading])[0].met, label)
        assert loudness.sum() == pytest.approx(contrast, abs=1e-6)


@pytest.mark.parametrize("nothing", ["", "   \n", "？？？", "😀😀", "12345", "。", "a"])
def test_a_text_with_nothing_to_read_has_a_label_but_no_voice(router, nothing):
    prediction = router.predict(nothing)
    assert prediction.abstained and prediction.label in router.labels


@pytest.mark.parametrize(
    "gibberish", ["qwrtz plokm xcvbn", "ぬめろぴゃぐちょへゔ", "안녕하세요 도와주세요", "ξψωφθ λμνπ"]
)
def test_gibberish_is_not_acted_on(router, gibberish):
    assert router.predict(gibberish).abstained


def test_greetings_alone_are_not_acted_on(router):
    assert router.predict("いつもお世話になっております。よろしくお願いいたします。").abstained


def test_probabilities_are_of_all_labels_and_add_up_to_one(router):
    prediction = router.predict("Where is my parcel?")
    assert set(prediction.probabilities) == set(router.labels)
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert prediction.confidence == max(prediction.probabilities.values()) == prediction.probabilities[prediction.label]


def test_many_answers_are_the_single_answers(router):
    asked = [("", "返品したい"), ("Invoice", "see attached"), ("", "")]
    assert router.predict_many(asked) == [router.predict(text, subject=subject) for subject, text in asked]


def test_only_so_much_of_a_long_text_is_read(router):
    start = "荷物が届きません。" + "。" * 20_000
    assert router.predict(start + "返品 返金 交換 " * 1_000).label == router.predict(start).label


@pytest.mark.parametrize("piece", ["a", "a.", "-", "- ", "0", "@", ">", "お世話に", "何卒 ", "\n", "on x ", "ﾞ", "co "])
def test_no_text_makes_reading_slow(router, piece):
    hostile = (piece * 20_000)[:20_000] + "!"
    with an_end():  # a friendly one of this length takes a tenth of a second
        router.predict(hostile, subject=hostile)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.text(max_size=60))
def test_any_text_at_all_gets_an_answer_whose_reasons_can_be_shown(text, subject):
    prediction = registry.shipped().predict(text, subject=subject)
    assert np.isfinite(prediction.confidence)
    for reason in prediction.because:
        in_text = reason.start >= 0 and text[reason.start : reason.end] == reason.words
        assert in_text or (reason.start == -1 and reason.words in subject)


def test_answering_needs_no_scikit_learn():
    program = (
        "import sys\n"
        "from classifiers import registry\n"
        "assert registry.shipped().predict('荷物が届きません').label == 'shipping'\n"
        "heavy = {'sklearn', 'scipy', 'sudachipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_many_at_once_are_answered_as_one_by_one(router):
    inquiries = [
        ("", "返品したい"),
        ("件名", "荷物が届きません"),
        ("", ""),
        ("", "Where is it?"),
        ("", "ログイン\nできない"),
    ] * 7
    together = router.predict_many(inquiries)
    assert together == [router.predict(text, subject=subject) for subject, text in inquiries]
    bare = router.predict_many(inquiries, explain=False)
    assert [each.probabilities for each in bare] == [each.probabilities for each in together]
    assert not any(each.because for each in bare)
