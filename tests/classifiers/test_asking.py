"""The sentences that ask: found in both languages, and never none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers import asking


@pytest.mark.parametrize(
    ("text", "language", "sentences"),
    [
        ("my parcel came on monday. the box was wet. could you swap the lamp?", "en", [" could you swap the lamp?"]),
        ("i want to keep it. tell me how it works", "en", ["i want to keep it.", " tell me how it works"]),
        ("it cost 0.0 pounds. please refund it.", "en", [" please refund it."]),
        ("月曜に届きました。箱が濡れていました。電球を交換してください。", "ja", ["電球を交換してください。"]),
        ("返品はしません。使い方を教えて", "ja", ["使い方を教えて"]),
        ("請求書の件\n二重に引かれています。返金はいつですか。", "ja", ["返金はいつですか。"]),
    ],
)
def test_the_sentences_that_ask_are_found(text, language, sentences):
    assert [text[start:end] for start, end in asking.asked(text, language=language)] == sentences


def test_where_nothing_is_asked_the_last_sentence_stands_for_it():
    assert asking.asked("it broke. twice.", language="en") == [(9, 16)]
    assert asking.asked("壊れた。また壊れた", language="ja") == [(4, 9)]
    assert asking.asked("", language="ja") == [] == asking.asked(" \n ", language="en")


@given(st.text(max_size=200), st.sampled_from(["ja", "en"]))
def test_sentences_follow_one_another_and_are_never_empty(text, language):
    at = 0
    for start, end in asking.sentences(text, language=language):
        assert at <= start < end <= len(text) and text[start:end].strip()
        at = end
