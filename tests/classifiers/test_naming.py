"""What groups of texts are called: by words as readers know them."""

import pytest

from classifiers import naming, words
from classifiers.vectors import japanese


def called(texts: list[str], *nameless: str) -> tuple[str, ...]:
    """The name of a group of these texts whose words are loud in the order they come in."""
    held = [each.written for each in words.found([("", text) for text in texts], vectors=japanese())]
    loudest = list(dict.fromkeys(word for each in held for word in each))
    return naming.named(loudest, held, texts, frozenset(nameless))


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["つながらない", "つながりません", "つながった"], "つながらない"),  # as most say it
        (["つながった", "つながります", "つながらない"], "つながる"),
        (["使えない", "使えません"], "使えない"),
        (["届きませんでした", "届かなかった"], "届かない"),
        (["使い方が", "使い方を"], "使い方"),
        (["使いにくい", "使いにくかった"], "使いにくい"),
        (["待たされた", "待たされました"], "待たされる"),
        (["切られました", "切られて"], "切られる"),
        (["割れていた", "割れて"], "割れる"),
        (["高かった"], "高い"),
        (["落ち着いて"], "落ち着く"),
        (["折り返しが"], "折り返し"),
        (["売り切れで"], "売り切れ"),
        (["返品"], "返品"),
    ],
)
def test_a_word_is_named_as_most_texts_have_it_and_never_by_its_stem(texts: list[str], name: str) -> None:
    assert called(texts, "方") == (name,)


def test_without_the_texts_a_word_is_named_as_a_dictionary_has_it() -> None:
    [held] = words.found([("", "つながらない")], vectors=japanese())
    assert naming.named(list(held.written), [held.written], [], frozenset()) == ("つながる",)


def test_things_come_before_what_is_done_and_what_could_stand_over_any_group_names_none() -> None:
    assert called(["一度 壊れた 梱包 箱"], "一度") == ("梱包", "箱", "壊れる")


def test_of_several_forms_of_an_english_word_the_loudest_names() -> None:
    assert called(["answer question answered answers agent"]) == ("answer", "question", "agent")
