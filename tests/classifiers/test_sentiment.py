"""Feelings: told from the customer's words, neutral where none show."""

import pytest

from classifiers import registry, sentiment, ship


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("対応が丁寧で、とても助かりました。ありがとうございました。", "positive"),
        ("電話がつながらず一時間も待たされた。最悪です。もう二度と使いません。", "negative"),
        ("領収書の宛名を会社名に変えて再発行してください。", "neutral"),
        ("プリンターがWi-Fiにつながりません。設定の手順を教えてください。", "neutral"),
        ("Brilliant service, the lady was so kind and patient. Thank you so much!", "positive"),
        ("Terrible service, rude staff, I am furious and will never buy from you again.", "negative"),
        ("Could you tell me which filter fits the S-12?", "neutral"),
    ],
)
def test_a_plain_feeling_is_recognized(text, label):
    assert sentiment.of(text).label == label


def test_feelings_come_with_their_words_and_all_three_probabilities():
    text = "説明がひどくて、とてもがっかりしました。"
    found = sentiment.of(text)
    assert found.label == "negative" and sum(found.probabilities.values()) == pytest.approx(1)
    assert set(found.probabilities) == set(sentiment.LABELS)
    assert found.because and all(text[each.start : each.end] == each.words for each in found.because)


def test_a_text_with_nothing_to_read_is_neutral_and_unsure():
    found = sentiment.of(" \n")
    assert found.label == "neutral" and found.confidence < 0.5 and found.because == ()


def test_a_comment_weighs_more_than_an_inquiry():
    inquiry, comment = (sentiment.example("text", "positive", language="en", comment=each) for each in (False, True))
    assert comment.weight == inquiry.weight * sentiment.COMMENT > inquiry.weight


def test_an_unknown_feeling_is_no_example():
    with pytest.raises(ValueError, match="sentiment 'glad'"):
        sentiment.example("text", "glad", language="en")


@pytest.mark.parametrize(
    ("kind", "poles"),
    [("ja/comments", 0.68), ("ja/inquiries", 0.87), ("en/comments", 0.63), ("en/inquiries", 0.84)],
)
def test_the_card_tells_how_often_gladness_is_told_from_anger(kind, poles):
    assert registry.read_card(registry.SHIPPED / "sentiment.json")["unseen"][kind]["poles"] >= poles


def test_rows_learned_from_and_rows_graded_share_no_situation():
    learned, graded = ({e.situation for e in ship.sentiment_examples(split)} for split in ("train", "test"))
    assert learned and graded and not learned & graded
