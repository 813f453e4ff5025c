"""The normal form: what is folded, what is taken away, and where everything stood."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers import text as texts


def plain(text: str, subject: str = "") -> str:
    return texts.normal(text, subject=subject).text


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("ﾌﾟﾘﾝﾀｰが動かない", "プリンターが動かない"),
        ("Ｗｉ－Ｆｉにつながらない", "wi-fiにつながらない"),
        ("注文番号１２３４５６と98765", "注文番号0と0"),
        ("詳しくは https://example.com/a?b=1 を", "詳しくは url を"),
        ("tanaka@example.jp まで", "@ まで"),
        ("one\n\n\ttwo　three", "one two three"),
        ("I won’t wait", "i won't wait"),
        ("a\x00b", "a b"),
    ],
)
def test_different_spellings_of_one_thing_become_one(written, read):
    assert plain(written) == read


def test_the_subject_stands_before_the_text():
    normal = texts.normal("届きません", subject="ご注文の件")
    assert normal.text == "ご注文の件\n届きません"
    assert normal.text[normal.body :] == "届きません"


def test_quoted_mail_is_left_out():
    assert plain("まだ届きません。\n\n> 発送しました\n> 佐藤").strip() == "まだ届きません。"
    assert plain("Still nothing.\n\nOn Mon, 4 May 2026, Desk wrote:\nWe have shipped it").strip() == "still nothing."


def test_a_signature_is_left_out():
    mail = "請求書を再発行してください。\n\n――――――――\nみどり商事株式会社 高村\nTEL 03-5550-0121\n"
    assert plain(mail).strip() == "請求書を再発行してください。"
    assert plain("Where is my parcel?\n\nKind regards,\nJo Smith\nHarwell Ltd").strip() == "where is my parcel?"


def test_set_greetings_are_left_out():
    assert (
        plain("いつもお世話になっております。返品したいです。よろしくお願いいたします。").strip() == "返品したいです。"
    )
    assert plain("Dear Support,\nI want a refund. Thanks in advance!").strip() == "i want a refund."


def test_a_rule_in_the_middle_of_a_matter_cuts_nothing_off():
    assert "二つ目" in plain("一つ目は色です。\n-----\n二つ目は大きさです。")


def test_a_text_of_nothing_but_quotes_is_read_all_the_same():
    assert "発送" in plain("> 発送しました")


def test_a_long_text_is_cut_at_the_stated_length():
    assert len(plain("あ" * (texts.LONGEST + 5_000))) == texts.LONGEST


@given(st.text(max_size=300), st.text(max_size=50))
def test_every_character_stays_inside_its_source(text, subject):
    normal = texts.normal(text, subject=subject)
    assert len(normal.text) == len(normal.starts) == len(normal.ends)
    for place, (start, end) in enumerate(zip(normal.starts, normal.ends, strict=True)):
        assert 0 <= start <= end <= len(subject if place < normal.body else text)


@given(st.text(alphabet=st.characters(min_codepoint=0x3041, max_codepoint=0x30FE), max_size=60))
def test_a_text_and_its_compatibility_form_are_read_alike(text):
    assert plain(text) == plain(unicodedata.normalize("NFKC", text))


def test_places_lead_back_to_the_words_as_written():
    written = "先週のﾌﾟﾘﾝﾀｰを返品"
    normal = texts.normal(written)
    start = normal.text.index("プリンター")
    first, last = normal.place(start, start + len("プリンター"))
    assert written[first:last] == "ﾌﾟﾘﾝﾀｰ"


def test_a_masked_number_still_stands_for_all_its_digits():
    written = "注文１２３４５の件"
    normal = texts.normal(written)
    first, last = normal.place(normal.text.index("0"), normal.text.index("0") + 1)
    assert written[first:last] == "１２３４５"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("届きません", "ja"),
        ("ｶｴｼﾀｲ", "ja"),
        ("iPhone 15 Pro MaxとBluetoothがつながらない", "ja"),
        ("Where is my order?", "en"),
        ("The label says 特価 on it, what does that mean?", "en"),
        ("Ｗｈｅｒｅ ｉｓ ｉｔ", "en"),
        ("", "ja"),
        ("12345", "ja"),
    ],
)
def test_the_language_is_told_by_the_letters(text, language):
    assert texts.language(text) == language


@pytest.mark.parametrize(
    ("text", "share"),
    [("返品したい", 1.0), ("Where is my order?", 1.0), ("12345", 0.0), ("", 0.0), ("特価 abcdefg", 14 / 21),
     ("特 abcdefghijklmn", 14 / 21)],
)  # fmt: skip
def test_how_plainly_the_letters_tell_it_is_the_share_that_do(text, share):
    assert texts.language_share(text) == pytest.approx(share)
