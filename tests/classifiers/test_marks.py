"""Marks in comments: what a customer gives in figures is read as the feeling it tells."""

import pytest

from classifiers import marks, sentiment


@pytest.mark.parametrize(
    ("text", "feeling"),
    [
        ("5 stars", "positive"),
        ("1 star. Never again.", "negative"),
        ("3 stars, quiet street", "neutral"),
        ("9.5/10", "positive"),
        ("2/10 and one of those is for the parking", "negative"),
        ("6 out of 10", "neutral"),
        ("I waited two hours. 2/10.", "negative"),
        ("星５つです", "positive"),
        ("星1", "negative"),
        ("10点中６点くらい。", "neutral"),
        ("１００点満点で95点", "positive"),
    ],
)
def test_a_mark_in_figures_tells_a_feeling(text, feeling):
    found = sentiment.of(text, comment=True)
    assert marks.of(text).feeling == found.label == feeling
    assert found.confidence == max(found.probabilities.values()) and sum(found.probabilities.values()) == pytest.approx(
        1
    )


@pytest.mark.parametrize(
    "text",
    [
        "24/7 support",
        "10/10/2026 it came",
        "7/5",
        "order 5/50",
        "",
        "Arrived on 5/10",
        "5点セット",
        "10点で5,000円",
        "5 star hotel, they say",
    ],
)
def test_other_figures_are_no_marks(text):
    assert marks.of(text) is None


def test_the_mark_is_the_first_reason_and_stands_where_it_was_written():
    text = "2/10. Rude staff, terrible food."
    because = sentiment.of(text, comment=True).because
    assert because[0].words == "2/10" == text[because[0].start : because[0].end]
    assert because[1:] and all(each.start >= because[0].end for each in because[1:])


def test_an_inquiry_gives_no_marks():
    text = "5/10 of the bolts are here, where is the rest?"
    assert sentiment.of(text).label == "neutral"
