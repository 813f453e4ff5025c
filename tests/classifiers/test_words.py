"""The words of a text, as they are counted."""

import re

from classifiers import features, registry, words
from classifiers.keywords import Finder


def of(text: str, subject: str = "") -> words.Words:
    return words.found([(subject, text)], vectors=registry.shipped().vectors)[0]


def test_a_japanese_word_is_one_whatever_its_ending() -> None:
    one, other = of("品物を送ってください"), of("品物を送りました")
    shared = set(one.written) & set(other.written)
    assert {"品物", "送っ"} <= {one.written[word] for word in shared}


def test_width_case_and_repetition_make_no_other_word() -> None:
    assert of("Ｗｉ－Ｆｉ Router router ﾙｰﾀｰ").written == of("wi-fi router ルーター").written


def test_numbers_addresses_greetings_and_signatures_are_no_words() -> None:
    signature = "-- \n株式会社ミナト\nTEL 03-1234-5678"
    text = f"お世話になっております。\n電源が入りません。 https://example.com/router 12345 HY251103-1\n\n{signature}"
    assert set(of(text).written.values()) & {"お世話", "url", "ミナト", "router", "12345"} == set()
    assert "電源" in of(text).written.values() and not re.search("hy|[0-9]", " ".join(of(text).written.values()))


def test_the_subject_counts_and_the_language_is_the_texts() -> None:
    assert "電源" in of("ありがとう", subject="電源").written.values()
    assert of("The router does not start").language == "en"
    assert {"router", "start"} <= set(of("The router does not start").written)
    assert of("").written == {}


def test_the_words_of_a_reading_are_those_that_are_counted() -> None:
    told = ("冷蔵庫が冷えません。FAX の設定は？ see http://example.com", "My order 123 hasn't arrived", "")
    inquiries = [("", text) for text in told]
    vectors = registry.shipped().vectors
    readings = features.read_many(inquiries, vectors=vectors, finder=Finder({}))
    assert [words.of(each) for each in readings] == words.found(inquiries, vectors=vectors)
