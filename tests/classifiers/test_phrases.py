"""Turns of phrase and English meanings: found where they stand, in their own language, quickly."""

import numpy as np
import pytest

from classifiers import english, phrases
from classifiers import text as texts


@pytest.mark.parametrize(
    ("text", "language", "name"),
    [
        ("Is there a trick to getting it open?", "en", "en:how_to"),
        ("I'd rather keep it if it can be mended", "en", "en:keep_it"),
        ("The refund still hasn't reached my card", "en", "en:refund_awaited"),
        ("Before I buy, does it come in blue?", "en", "en:before_buying"),
        ("返品したいわけではありません", "ja", "ja:keep_it"),
        ("返金がまだ口座に入っていません", "ja", "ja:refund_awaited"),
        ("買う前に教えてください", "ja", "ja:before_buying"),
        ("正しい物を送り直してください", "ja", "ja:replace"),
    ],
)
def test_a_turn_of_phrase_is_known_by_name(text, language, name):
    table = phrases.shipped()
    normal = texts.normal(text).text
    assert name in {table.names[each.number] for each in table.find(normal, language=language)}


def test_only_the_texts_own_language_is_searched():
    table = phrases.shipped()
    both = "before i buy 買う前に"
    assert {table.names[each.number][:2] for each in table.find(both, language="ja")} == {"ja"}
    assert table.find(both, language="fr") == []


def test_counts_are_damped_and_bounded():
    table = phrases.shipped()
    once, often = (table.counts(tuple(table.find("refund " * n, language="en"))) for n in (1, 500))
    place = table.names.index("en:refund")
    assert once[place] == pytest.approx(np.log(2)) and often[place] == pytest.approx(np.log(1 + phrases.MOST))


def test_english_words_of_one_matter_lie_closer_than_words_of_two():
    table = english.shipped()

    def likeness(one: str, other: str) -> float:
        return float(table.meaning(one.split()) @ table.meaning(other.split()))

    assert likeness("money back", "refund") > likeness("money back", "courier")
    assert likeness("parcel", "package") > likeness("parcel", "password")


def test_words_nobody_knows_have_no_meaning():
    assert not english.shipped().meaning(["qwrtzplm"]).any()
    assert not english.shipped().meaning([]).any()
