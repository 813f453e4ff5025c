"""Topics of many texts: fixed ones by their words, others that show themselves, and quotes nobody is known by."""

import pytest

from classifiers import themes
from classifiers.words import Words


@pytest.mark.parametrize(
    ("text", "words", "has"),
    [
        ("20分待たされました", ("待た",), True),
        ("ｱﾌﾟﾘが遅い", ("アプリ",), True),  # half-width kana are the same word
        ("The APP is slow.", ("app",), True),
        ("I was happy", ("app",), False),  # a Latin word inside of another is not the word
        ("Slowly but surely", ("slow",), False),
        ("", ("slow",), False),
        ("slow", (), False),
    ],
)
def test_a_text_has_a_word_whatever_its_width_and_case(text: str, words: tuple[str, ...], has: bool) -> None:
    assert themes.has(themes.folded(text), words) is has


def test_a_desk_begins_with_topics_in_both_languages() -> None:
    begun = themes.shipped()
    assert len({each.key for each in begun}) == len(begun) >= 8
    for each in begun:
        assert any(word.isascii() for word in each.words) and any(not word.isascii() for word in each.words)
        assert each.name and each.name_en


def about(language: str, *words: str) -> Words:
    return Words(language, {word: word for word in words})


def test_matters_show_themselves_and_keep_their_texts() -> None:
    boxes = [about("ja", "梱包", "箱", "潰れ", "中身", "緩衝材", f"語{n}") for n in range(30)]
    phones = [about("ja", "電話", "保留", "つながら", "音声", "ガイダンス", f"別{n}") for n in range(25)]
    mixed = [text for pair in zip(boxes, phones, strict=False) for text in pair] + boxes[25:]
    mixed += [about("ja", f"一度{n}", f"きり{n}") for n in range(40)]
    first, second = themes.groups(mixed)
    assert set(first.words) == {"梱包", "箱", "潰れ", "中身", "緩衝材"} and "保留" in second.words
    assert {place for place, text in enumerate(mixed) if "箱" in text.written} == set(first.texts)
    assert len(second.texts) == 25 and themes.groups(mixed) == [first, second]


def test_too_few_texts_have_no_matter_of_their_own() -> None:
    assert themes.groups([about("ja", "梱包", "箱")] * (themes.LEAST_TEXTS - 1)) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("山田様のご対応、a.b+c@example.co.jp まで", "●●様のご対応、●@● まで"),
        ("03-1234-5678 に電話、注文12345の件", "●●●● に電話、注文●●●●の件"),
        ("３日で２回、100円", "３日で２回、100円"),
        ("お客様番号を聞かれた。皆様親切", "お客様番号を聞かれた。皆様親切"),
        ("佐藤です。Suzuki called", "●●です。●● called"),
    ],
)
def test_a_quote_hides_who_it_is_of(text: str, shown: str) -> None:
    assert themes.masked(text, ["佐藤 健", "suzuki"]) == shown
