"""What is one word however it is written, and that every part of a text is found."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.search import letters

ANY = st.text(
    st.sampled_from("あいうカガガパｶﾞﾊﾟヴァィ゛ーｰ−‐々東京都髙﨑𠮷渡邊Ａa１1éÉßİ①㈱ﬁ한글ह्ताاب🙂 、。\n-'’\u0301\u200b")
    | st.characters(),
    max_size=40,
)
JAPANESE = st.text(
    st.sampled_from("あいうかきくけこさしすタチツテトナニヌ東京都電源返品交換請求書髙﨑斎"), min_size=2, max_size=30
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("サーバー", "ｻｰﾊﾞｰ"),
        ("ばいおりん", "ヴァイオリン"),
        ("ﾊﾞｲｵﾘﾝ", "ｳﾞｧｲｵﾘﾝ"),
        ("ウィンドウ", "ウインドウ"),
        ("キャノン", "キヤノン"),
        ("髙橋", "高橋"),
        ("宮﨑", "宮崎"),
        ("齋藤", "斎藤"),
        ("渡邉", "渡辺"),
        ("𠮷田", "吉田"),
        ("邊", "辺"),
        ("國體", "国体"),
        ("Café", "cafe"),
        ("ＡＢＣ", "abc"),
        ("①", "1"),
        ("㈱", "(株)"),
        ("サ−バ−", "サーバー"),
        ("０３ー１２３４", "03-1234"),
        ("はがき", "ハガキ"),
        ("ﾊﾟｿｺﾝ", "パソコン"),
        ("つづく", "ツズク"),
        ("葛\U000e0100城", "葛城"),
        ("デ\u3099ータ", "デ\u3099ータ"),
    ],
)
def test_two_ways_of_writing_are_one(one: str, other: str) -> None:
    assert letters.fold(one) == letters.fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ビル", "ビール"),
        ("おばさん", "おばあさん"),
        ("かき", "かぎ"),
        ("土", "士"),
        ("末", "未"),
        ("キー", "キ"),
        ("Polish", "police"),
    ],
)
def test_two_words_stay_two(one: str, other: str) -> None:
    assert letters.fold(one) != letters.fold(other)


@pytest.mark.parametrize(
    ("typed", "ways"),
    [
        ("サーバー", ["サーバ"]),
        ("サーバ", ["サーバ"]),
        ("キー", ["キー"]),
        ("コピー", ["コピー"]),
        ("プリンター", ["プリンタ"]),
        ("プリンターの", ["プリンターの", "プリンタの"]),
        ("プリンタの", ["プリンタの", "プリンターの"]),
        ("電源", ["電源"]),
        ("サーバーエラー", ["サーバーエラ", "サーバエラ"]),
        ("ｻｰﾊﾞｰ", ["サーバ"]),
        ("プリンタドライバ", ["プリンタドライバ", "プリンタードライバ"]),
        ("プリンタードライバー", ["プリンタードライバ", "プリンタドライバ"]),
        ("カメラ", ["カメラ"]),
        ("A-1", ["A-1"]),
    ],
)
def test_the_long_mark_at_the_end_may_be_left_out(typed: str, ways: list[str]) -> None:
    assert letters.spellings(typed) == ways


def test_a_word_of_three_parts_is_asked_for_with_marks_at_two_of_them_and_in_bounded_ways() -> None:
    assert "ユーザーサーバーエラ" in letters.spellings("ユーザサーバエラー")
    assert len(letters.spellings("マルチメディアプレイヤコントローラドライバアダプタ")) <= letters.MOST_SPELLINGS


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("invoices", "invoice"),
        ("boxes", "box"),
        ("addresses", "address"),
        ("batteries", "battery"),
        ("status", "status"),
        ("this", "this"),
        ("glass", "glass"),
        ("bus", "bus"),
        ("x200s", "x200s"),
        ("a" * 99, "a" * 40),
    ],
)
def test_english_words_lose_their_plural(word: str, stem: str) -> None:
    assert letters.stem(word) == stem


@given(ANY)
def test_every_way_to_write_words_is_the_same_words(text: str) -> None:
    ways = letters.writings(text)
    assert ways[0] == text and {letters.fold(way) for way in ways} == {letters.fold(text)}


@pytest.mark.parametrize(
    "way", ["ロボット R-5", "ろぼっと R-5", "ﾛﾎﾞｯﾄ R-5", "ロボット\u3000Ｒ－５", "ロボット\u3000ｒ－５"]
)
def test_words_are_written_in_full_and_half_width_katakana_and_hiragana(way: str) -> None:
    assert way in letters.writings("ﾛﾎﾞｯﾄ R-5")


@given(ANY)
def test_terms_are_the_same_with_their_places_and_without(text: str) -> None:
    assert letters.terms_of(text) == [term for term, _, _ in letters.terms(letters.fold(text))]


@given(ANY)
def test_every_folded_character_knows_where_it_came_from(text: str) -> None:
    folded, places = letters.fold_with_places(text)
    assert len(places) == len(folded) + 1 and places == sorted(places) and places[-1] == len(text)
    if all(unicodedata.category(letter) not in ("Mn", "Mc", "Me") for letter in text):
        assert folded == letters.fold(text)


@given(JAPANESE)
def test_folding_again_changes_nothing(text: str) -> None:
    assert letters.fold(letters.fold(text)) == letters.fold(text)


@given(JAPANESE, st.data())
def test_any_two_neighbors_of_a_japanese_text_are_one_of_its_terms(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text) - 2))
    assert letters.fold(text[at : at + 2]) in letters.terms_of(text)
