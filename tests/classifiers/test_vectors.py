"""Words found in running Japanese, without a tokenizer."""

import numpy as np
import pytest

from classifiers import vectors


@pytest.fixture(scope="module")
def table():
    return vectors.japanese()


def written(table, text):
    return [text[word.start : word.end] for word in table.words(text)]


def row(table, word):
    (found,) = table.words(word)
    return found.row


def likeness(table, one, other):
    a, b = table.of([row(table, one), row(table, other)])
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_the_longest_word_wins(table):
    assert written(table, "領収書の宛名")[0] == "領収書"


def test_particles_and_auxiliaries_are_stepped_over(table):
    assert written(table, "荷物が届いていません。教えてください") == ["荷物", "届い", "教え"]


@pytest.mark.parametrize("ending", ["届か", "届き", "届け", "届い", "とどか", "とどい"])
def test_every_form_of_a_verb_finds_its_plain_form(table, ending):
    assert row(table, ending) in {row(table, "届く"), row(table, "届ける")}


@pytest.mark.parametrize(
    ("stem", "plain"), [("壊れ", "壊れる"), ("送っ", "送る"), ("払っ", "払う"), ("大きく", "大きい")]
)
def test_sound_changes_and_stems_are_turned_back(table, stem, plain):
    assert row(table, stem) == row(table, plain)


def test_a_missing_long_vowel_is_forgiven(table):
    assert row(table, "プリンタ") == row(table, "プリンター")


def test_no_word_is_cut_out_of_the_middle_of_a_foreign_one(table):
    assert all(len(word) >= 3 for word in written(table, "ズヌメロピャグチ"))


def test_words_of_one_matter_lie_closer_than_words_of_two(table):
    assert likeness(table, "返金", "返品") > likeness(table, "返金", "配送") > likeness(table, "返金", "充電")


def test_text_without_japanese_has_no_words(table):
    assert table.words("where is my order? 😀 \ud800") == []
    assert table.words("") == []
