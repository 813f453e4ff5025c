"""The lists an administrator edits, and the words found by them."""

import pytest

from classifiers import keywords
from classifiers import text as texts
from classifiers.keywords import Finder

LISTS = {"returns": ("返品", "返品ラベル", "refund*"), "shipping": ("ups", "届か")}


def found(text, lists=LISTS):
    normal = texts.normal(text).text
    return [(normal[each.start : each.end], each.queue) for each in Finder(lists).find(normal)]


def test_the_longest_word_is_counted_and_none_inside_it():
    assert found("返品ラベルが届かない") == [("返品ラベル", "returns"), ("届か", "shipping")]


def test_latin_words_count_only_whole_unless_they_may_go_on():
    assert found("Groups and upset people want UPS and refunded money") == [("ups", "shipping"), ("refund", "returns")]


def test_hiragana_and_katakana_are_one_word_to_the_finder():
    assert found("ﾍﾝﾋﾟﾝしたい", {"returns": ("へんぴん",)}) == [("ヘンピン", "returns")]
    assert found("ぷりんたー", {"tech": ("プリンター",)}) == [("ぷりんたー", "tech")]


def test_the_shipped_lists_serve_all_five_queues_in_both_languages():
    lists = keywords.read()
    assert set(lists) == {"tech_support", "returns", "billing", "shipping", "general"}
    for words in lists.values():
        japanese = [word for word in words if texts.language(word) == "ja"]
        assert len(japanese) >= 30 and len(words) - len(japanese) >= 30


def test_width_and_case_of_a_listed_word_do_not_matter(tmp_path):
    path = tmp_path / "keywords.toml"
    path.write_text('[returns]\nja = ["ﾍﾝﾋﾟﾝ"]\nen = ["ReFund*"]\n', encoding="utf-8")
    assert keywords.read(path) == {"returns": ("ヘンピン", "refund*")}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('[a]\nja = ["返品"]\n[b]\nja = ["返品"]\n', "stands in"),
        ('[a]\nja = ["*"]\n', "empty word"),
        ("[a]\nja = 3\n", "one list of words"),
        ("[a\n", "TOML"),
    ],
)
def test_a_list_that_cannot_be_meant_is_explained(tmp_path, content, complaint):
    path = tmp_path / "keywords.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=complaint):
        keywords.read(path)
