"""Turns of phrase and English meanings: found where they stand, in their own language, quickly."""

import random
import re
from itertools import islice

import numpy as np
import pytest

from classifiers import english, phrases, ship
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


@pytest.mark.parametrize(
    ("text", "language", "name"),
    [
        ("we open in two hours", "en", "en:soon"),
        ("i can smell gas in the kitchen", "en", "en:danger"),
        ("no rush at all", "en", "en:no_rush"),
        ("開演0:0 いま0時", "ja", "ja:soon"),
        ("コンセントから火花が出ました", "ja", "ja:danger"),
        ("急ぎではありません", "ja", "ja:no_rush"),
        ("もう二度と使いません", "ja", "ja:grievance"),
        ("i can't fault them", "en", "en:praise"),
    ],
)
def test_nearness_gravity_and_feeling_have_names_too(text, language, name):
    table = phrases.shipped()
    assert name in {table.names[each.number] for each in table.find(text, language=language)}


@pytest.mark.parametrize("pieces", [[r"\ba|b", r"\bc"], [r"\b(?:x|y)z", r"[|)]\|", r"\bq[\]|]"], ["a"]])
def test_the_quick_expression_finds_what_the_patterns_find(pieces):
    text = "a ba c bc xz yz| \\| ) q] q| aq]"
    plain, quick = re.compile("|".join(pieces)), re.compile(phrases.quick(pieces))
    assert [each.span() for each in quick.finditer(text)] == [each.span() for each in plain.finditer(text)]


def test_trying_a_pattern_only_where_it_can_begin_finds_all_that_is_said():
    table = phrases.shipped()
    seen = [texts.normal(example.text, subject=example.subject).text for example in ship.seeds("test")[::6]]
    words = re.findall(r"[a-z']+|[^a-z]{1,4}", "".join(seen))
    chance = random.Random(5)
    for text in seen + ["".join(chance.choices([*words, " ", "!"], k=40)) for _ in range(150)]:
        for language in ("ja", "en"):
            said = [
                phrases.Said(number, *met.span())
                for number, (name, pattern) in enumerate(zip(table.names, table.patterns, strict=True))
                if name.startswith(language)
                for met in islice(pattern.finditer(text), phrases.MOST)
            ]
            assert table.find(text, language=language) == said, text


def test_no_pattern_has_to_be_tried_everywhere():
    assert not any(places.anywhere for places in phrases.shipped()._places.values())
