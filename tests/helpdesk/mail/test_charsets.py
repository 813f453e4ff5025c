"""Bytes whose label is missing, wrong or Japanese in a way the standard codecs do not know."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.mail import charsets


def text_of(data: bytes, declared: str = "", **about: str) -> str:
    return charsets.decode(data, declared, **about)[0]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x1b$B$3$s$K$A$O\x1b(B", "こんにちは"),
        (b"\x1b$B-!-j-_\x1b(B", "①㈱㍻"),  # row 13, which no codec of the standard library has
        (b"\x1b(ICO>\xb8\x1b(B", "ﾃﾏｾｸ"),  # half-width kana, one of them with its high bit set
        (b"\x1b$B|byu\x1b(B", "髙﨑"),  # IBM extensions in the NEC rows
        (b"\x1b$B\x96~\x1b(B", "髙"),  # the same character in the IBM rows, reached by an 8-bit byte
        (b"\x1b$B$3$s$K$A$O", "こんにちは"),  # the final escape was lost
        (b"\x1b$B$3$s\r\nabc", "こん\r\nabc"),  # lost at a line end
        (b"abc\x0e1234\x0fdef", "abcｱｲｳｴdef"),  # shift-out kana
        (b"\x1b(J\\1,000\x1b(B", "¥1,000"),
        (b"\x1b$(D0!\x1b(B", "丂"),  # JIS X 0212
        (b"$B$3$s$K$A$O(B abc", "こんにちは abc"),  # a relay removed the control characters
        (b"\x1b$@$3\x1b(J", "こ"),
    ],
)
def test_iso_2022_jp_is_read_as_it_is_really_sent(data, expected):
    assert text_of(data, "ISO-2022-JP") == expected


def test_escapes_are_recognized_without_any_label():
    assert text_of(b"\x1b$B8+@Q\x1b(B 2025") == "見積 2025"


def test_au_pictures_are_not_taken_for_the_rare_kanji_they_overlap():
    data = b"\x1b$By!\x1b(B"
    assert text_of(data, "iso-2022-jp") == "纊"
    assert text_of(data, "iso-2022-jp", carrier="au") == "〓"


def test_docomo_pictures_become_emoji_and_unknown_ones_a_geta():
    assert text_of("晴れ\ue63e \ue6ac".encode(), "utf-8", carrier="docomo") == "晴れ☀ 〓"
    assert text_of(b"\xf8\x9f", "shift_jis", carrier="docomo") == "☀"
    assert text_of("\ue63e".encode(), "utf-8") == "\ue63e"  # anybody else's private character stays


@pytest.mark.parametrize(
    ("domain", "carrier"),
    [("docomo.ne.jp", "docomo"), ("ezweb.ne.jp", "au"), ("sub.au.com", "au"), ("notdocomo.ne.jp", ""), ("", "")],
)
def test_the_carrier_is_told_by_the_domain(domain, carrier):
    assert charsets.carrier_of(domain) == carrier


@pytest.mark.parametrize("label", ["shift_jis", "Shift-JIS", "x-sjis", "windows-31j", "MS932", "SJIS"])
def test_every_name_of_shift_jis_means_the_windows_one(label):
    assert text_of("～－∥①㈱髙﨑ﾊﾝｶｸ".encode("cp932"), label) == "～－∥①㈱髙﨑ﾊﾝｶｸ"


def test_euc_jp_has_its_machine_dependent_characters():
    assert text_of(b"\xad\xa1\xad\xea\xfc\xe2\x8e\xb1\xa4\xa2", "euc-jp") == "①㈱髙ｱあ"


@pytest.mark.parametrize("label", ["windows-1251", "iso-8859-1", "us-ascii", "koi8-r", "no-such-charset", ""])
def test_valid_utf8_wins_over_any_single_byte_label(label):
    assert text_of("修理をお願いします".encode(), label) == "修理をお願いします"


def test_shift_jis_bytes_under_a_jis_label_are_recognized():
    assert charsets.decode("返品について".encode("cp932"), "iso-2022-jp") == ("返品について", "charset_wrong")


def test_one_bad_byte_is_replaced_where_it_stands():
    data = "注文番号は".encode() + b"\xff" + "です。よろしくお願いします。".encode()
    assert charsets.decode(data, "utf-8") == ("注文番号は\ufffdです。よろしくお願いします。", "bytes_replaced")


def test_a_cut_off_last_character_does_not_turn_the_text_into_another_charset():
    assert text_of("返品をお願いします".encode()[:-1], "utf-8") == "返品をお願いしま\ufffd"


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("請求書", "cp932"),
        ("ﾃｽﾄです", "cp932"),
        ("お問い合わせの件", "euc_jp"),
        ("résumé Ängström für Müller", "latin-1"),
        ("Привет, мы получили заказ и хотим вернуть его обратно в ваш магазин", "cp1251"),
    ],
)
def test_unlabeled_bytes_are_guessed(text, codec):
    assert charsets.decode(text.encode(codec)) == (text, "charset_unknown")


def test_the_body_charset_is_the_best_hint_for_a_raw_header():
    assert text_of("重要通知".encode("gb18030"), hint="gb2312") == "重要通知"


def test_turkish_sent_as_latin_is_told_from_icelandic():
    assert text_of("siparişimi gönderdığınız".encode("cp1254"), "iso-8859-1") == "siparişimi gönderdığınız"
    assert text_of("það er ágætt".encode("latin-1"), "iso-8859-1") == "það er ágætt"


@pytest.mark.parametrize(
    "label", ["unicode_escape", "raw_unicode_escape", "rot13", "idna", "punycode", "mbcs", "undefined"]
)
def test_a_label_cannot_choose_an_arbitrary_codec(label):
    assert charsets.known(label) == ""
    assert charsets.decode(b"a\\u0041\\x42", label) == ("a\\u0041\\x42", "charset_unknown")


def test_stored_text_is_nfc_without_controls_and_keeps_the_spelling_of_names():
    assert charsets.nfc("か\u3099\r\nX\0\x07\rY") == "が\nX\nY"
    assert charsets.nfc("髙橋㈱①ﾊﾝｶｸ") == "髙橋㈱①ﾊﾝｶｸ"


@given(st.text(alphabet="あア亜ｱ①㈱髙～－ ab\n"))
def test_what_shift_jis_euc_jp_and_jis_say_alike_is_read_alike(text):
    sjis = text.encode("cp932")
    jis = b"".join(_jis(character) for character in text)
    euc = b"".join(_euc(character) for character in text)
    assert text_of(sjis, "shift_jis") == text_of(jis, "iso-2022-jp") == text_of(euc, "euc-jp") == text


def _pair(character: str) -> bytes:
    lead, trail = character.encode("cp932")
    row = (lead - (0x81 if lead < 0xA0 else 0xC1)) * 2 + 0x21
    return bytes((row + 1, trail - 0x7E) if trail >= 0x9F else (row, trail - (0x20 if trail >= 0x80 else 0x1F)))


def _jis(character: str) -> bytes:
    if character == "ｱ":
        return b"\x1b(I1\x1b(B"
    if character == "髙":
        return b"\x1b$B|b\x1b(B"
    return character.encode() if character.isascii() else b"\x1b$B" + _pair(character) + b"\x1b(B"


def _euc(character: str) -> bytes:
    if character == "ｱ":
        return b"\x8e\xb1"
    if character == "髙":
        return b"\xfc\xe2"
    return character.encode() if character.isascii() else bytes(byte | 0x80 for byte in _pair(character))


@given(
    st.binary(max_size=300),
    st.sampled_from(["", "utf-8", "iso-2022-jp", "shift_jis", "euc-jp", "utf-7", "utf-16", "gb2312", "x"]),
)
def test_no_bytes_under_any_label_make_the_decoder_raise(data, label):
    for carrier in ("", "docomo", "au"):
        charsets.nfc(text_of(data, label, carrier=carrier)).encode("utf-8")
