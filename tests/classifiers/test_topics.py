"""What a comment is about: the shipped model beside its card, words of a desk's own, and what people say of texts."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from classifiers import registry, ship, themes, topic_model, topics
from classifiers.router import Refused
from classifiers.topics import Asked, Mark, Reader, Taught

CARD = json.loads((registry.SHIPPED / "topics.json").read_text())
TEN = [Asked(each.key, each.words, (each.key,)) for each in themes.shipped()]


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(TEN)


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("保留のまま40分待たされた", ("speed",)),
        ("対応は丁寧ですが値段が高い", ("staff", "price")),
        ("アプリが落ちてログインできない", ("website",)),
        ("The manual has no pictures and tiny print.", ("manual",)),
        ("Huge selection and the lady on the desk was lovely.", ("staff", "range")),
        ("特になし", ()),
        ("n/a", ()),
        (" ", ()),
    ],
)
def test_a_comment_is_about_none_one_or_more_topics(reader: Reader, text: str, about: tuple[str, ...]) -> None:
    assert set(reader.about([text])[0]) == set(about)


def test_many_are_read_as_one_by_one(reader: Reader) -> None:
    texts = [each.example.text for each in ship.topical("test")[:40]]
    assert reader.about(texts) == [reader.about([text])[0] for text in texts]


ALONE = """
import gc
from classifiers import themes
from classifiers.topics import Asked, Reader
reader = Reader([Asked(each.key, each.words, (each.key,)) for each in themes.shipped()])
texts = ["保留のまま40分待たされた。返金してください", "The manual has no pictures. Please send one."]
reader.about(texts)  # what is made once, is
gc.collect()
gc.disable()
reader.about(texts)
raise SystemExit(gc.collect() > 0)
"""
"""In a process of its own: what other threads of this one leave behind meanwhile is found as well."""


def test_what_was_read_is_let_go_of_without_being_looked_for() -> None:
    assert subprocess.run([sys.executable, "-c", ALONE], check=False).returncode == 0


def test_the_card_says_what_the_model_does_on_authors_never_met_and_on_the_stranger(reader: Reader) -> None:
    stranger = [each for each in ship.topical("test") if each.example.author in ship.STRANGERS]
    assert topic_model.figures(topics.shipped(), stranger) == CARD["strangers"]
    assert CARD["unseen_authors"]["ja"]["micro_f1"] >= 0.73 and CARD["unseen_authors"]["en"]["micro_f1"] >= 0.69
    assert all(CARD["strangers"][language]["micro_f1"] >= 0.78 for language in ("ja", "en"))


def test_nothing_is_learned_from_the_stranger() -> None:
    assert not [each for each in ship.topical("train") if each.example.author in ship.STRANGERS]


def test_the_words_that_decided_are_those_of_the_text(reader: Reader) -> None:
    text = "保留のまま３０分、ﾃﾞﾝﾜが切れました"
    found = reader.because(text, "speed")
    assert found and "保留" in {each.words for each in found}
    assert all(text[each.start : each.end] == each.words for each in found)


def test_the_words_of_a_desk_are_heard() -> None:
    text = "ゾルクの件、まだです"
    named = [replace(each, words=(*each.words, "ゾルク")) if each.key == "returns" else each for each in TEN]
    assert "returns" not in Reader(TEN).about([text])[0] and "returns" in Reader(named).about([text])[0]


def test_a_topic_nobody_taught_is_found_by_its_words_and_by_what_is_said_of_texts() -> None:
    own = Asked("parking", ("駐車場",))
    texts = ["駐車場が狭い", "車を止める所がない", "車を寄せる場所がない", "店員が親切"]
    assert Reader([own]).about(texts) == [("parking",), (), (), ()]
    taught = replace(own, marks=(Mark("車を止める所がない", True), Mark("レジが遅い", False), Mark("味がよい", False)))
    assert Reader([taught]).about(texts)[1] == ("parking",)  # what was said of the very text always holds
    more = [Mark(f"車を{word}場所がない", True) for word in ("止める", "置く", "停める", "おく", "とめておく")]
    learned = Reader([replace(taught, marks=(*more, *taught.marks))])
    assert learned.about(texts) == [("parking",), ("parking",), ("parking",), ()]


def test_what_was_said_last_of_a_text_holds() -> None:
    text = "待たされました"
    both = replace(next(each for each in TEN if each.key == "speed"), marks=(Mark(text, False), Mark(text, True)))
    assert Reader([both]).about([text]) == [()]


def test_of_topics_split_from_one_the_words_decide_and_the_first_takes_the_rest() -> None:
    phone, letters = Asked("phone", ("電話", "つながら"), ("speed",)), Asked("letters", ("返信", "メール"), ("speed",))
    texts = ["電話がつながらず待たされた", "メールの返信を一週間待っています", "一時間も待たされました"]
    assert Reader([phone, letters]).about(texts) == [("phone",), ("letters",), ("phone",)]


def test_a_card_without_odds_is_refused() -> None:
    with pytest.raises(Refused):
        Taught.of(topics.shipped().router, {"version": "x"})
