"""Text whose charset is missing, wrong, Japanese in its own way, or a trap."""

import base64

from tests.hostile import Builder, Kind, add, kind, letter, parts, piece, utf8


def encoded(text: bytes, charset: bytes, encoding: bytes = b"B") -> bytes:
    """One encoded word."""
    return b"=?" + charset + b"?" + encoding + b"?" + base64.b64encode(text) + b"?="


# Subjects: (name, field, what is meant) -----------------------------------------------------------------------------

_JIS = "お問い合わせ".encode("iso-2022-jp")
SUBJECTS: list[tuple[str, bytes, str]] = [
    ("a_subject_in_jis", encoded(_JIS, b"ISO-2022-JP"), "お問い合わせ"),
    (
        "a_subject_in_several_jis_words",
        b"=?ISO-2022-JP?B?GyRCJDMkcyRLGyhC?=\n =?ISO-2022-JP?B?GyRCJEEkTxsoQg==?=",
        "こんにちは",
    ),
    (
        "a_jis_shift_carried_over_words",
        b"=?ISO-2022-JP?B?GyRCJDMkcyRL?=\n =?ISO-2022-JP?B?JEEkTxsoQg==?=",
        "こんにちは",
    ),
    ("a_jis_word_without_its_last_escape", encoded(b"\x1b$B$3$s$K$A$O", b"iso-2022-jp"), "こんにちは"),
    ("a_jis_word_with_row_13", encoded(b"\x1b$B-!-j-_\x1b(B", b"iso-2022-jp"), "①㈱㍻"),
    ("a_jis_word_with_half_width_kana", encoded(b"\x1b(ICO>8\x1b(B", b"iso-2022-jp"), "ﾃﾏｾｸ"),
    ("a_jis_word_with_rare_names", encoded(b"\x1b$B|byu\x1b(B", b"iso-2022-jp"), "髙﨑"),
    ("shift_jis_in_a_jis_word", encoded("返品".encode("cp932"), b"ISO-2022-JP"), "返品"),
    ("jis_in_quotes_printable", b"=?ISO-2022-JP?Q?=1B$BJVIJ=1B(B?=", "返品"),
    ("a_raw_jis_subject", b"\x1b$BJVIJ\x1b(B", "返品"),
    ("a_raw_shift_jis_subject", "返品と交換の件".encode("cp932"), "返品と交換の件"),
    ("a_raw_euc_subject", "返品と交換の件".encode("euc-jp"), "返品と交換の件"),
    ("a_raw_utf8_subject", "返品と交換の件".encode(), "返品と交換の件"),
    ("raw_bytes_inside_a_word", b"=?utf-8?Q?\xe3\x81\x82=E3=81=84?=", "あい"),
    ("a_character_split_over_two_words", b"=?utf-8?B?44GT44KT4w==?= =?utf-8?B?gas=?=", "こんに"),
    ("a_word_that_never_ends", b"=?utf-8?B?44GC", "あ"),
    ("a_word_of_an_unknown_charset", b"=?x-martian?Q?abc?=", "abc"),
    ("a_word_with_a_language", b"=?utf-8*ja?q?=E3=81=82?=", "あ"),
    ("a_word_with_blanks_inside", b"=?utf-8?Q?a b?= d", "a b d"),
    ("words_without_a_blank_between", b"=?utf-8?Q?b?==?utf-8?Q?c?=", "bc"),
    ("a_word_inside_a_word_is_not_read_twice", encoded(b"=?utf-8?Q?=41?=", b"utf-8"), "=?utf-8?Q?=41?="),
    ("an_empty_word", b"=?utf-8?B??= x", "x"),
    ("a_word_of_broken_base64", b"=?utf-8?B?44GC*44GE?=", "あい"),
    ("utf8_called_windows_1251", encoded("返品".encode(), b"windows-1251"), "返品"),
    ("utf8_called_latin_1", encoded("返品 é".encode(), b"iso-8859-1"), "返品 é"),
    ("utf8_called_ascii", encoded("返品".encode(), b"us-ascii"), "返品"),
    ("a_subject_in_gb2312", encoded("退货".encode("gb2312"), b"gb2312"), "退货"),
    ("a_subject_in_big5", encoded("退貨".encode("big5"), b"Big5"), "退貨"),
    ("a_subject_in_korean", encoded("반품".encode("cp949"), b"ks_c_5601-1987"), "반품"),
    ("a_subject_in_cyrillic", encoded("возврат".encode("koi8-r"), b"KOI8-R"), "возврат"),
    ("curly_quotes_called_latin_1", encoded(b"\x93ok\x94 \x80", b"iso-8859-1"), "“ok” €"),
    ("a_subject_in_utf7", b"=?utf-7?Q?+j9RUwQ-?=", "返品"),
    ("half_a_surrogate_in_utf7", b"=?utf-7?Q?a+2AA-b?=", "a\ufffdb"),
    ("the_wave_dash_of_windows", encoded(b"\x81\x60\x81\x7c", b"shift_jis"), "～－"),
    ("a_decomposed_subject_becomes_whole", "か\u3099".encode(), "が"),
    ("thirty_thousand_words", b"=?a?b?" * 10_000, ""),
]


def _subject(value: bytes) -> Builder:
    return lambda me: letter(me, b"Subject: " + value + b"\n")


for _name, _value, _meant in SUBJECTS:
    add(Kind(_name, _subject(_value), subject=_meant if _meant else None, words=("hello",)))


# Codecs of the interpreter that are no charsets ---------------------------------------------------------------------

TRAPS = [
    "unicode_escape",
    "raw_unicode_escape",
    "zlib_codec",
    "hex_codec",
    "rot13",
    "base64_codec",
    "bz2_codec",
    "quopri",
    "uu",
    "punycode",
    "idna",
    "undefined",
    "mbcs",
    "oem",
    "charmap",
    "utf_8_sig",
]


def _trap(codec: str) -> Builder:
    def build(me: bytes) -> bytes:
        return letter(
            me,
            b"Subject: =?"
            + codec.encode()
            + b"?Q?\\x41order?=\nContent-Type: text/plain; charset="
            + codec.encode()
            + b"\n",
            rb"\x41 \u0041 uryyb",
        )

    return build


for _codec in TRAPS:
    add(Kind(f"the_codec_{_codec}_as_a_charset", _trap(_codec), subject="\\x41order", words=(r"\x41 \u0041 uryyb",)))

# Bodies -------------------------------------------------------------------------------------------------------------

_LONG = "掃除機の電源が入りません。型番はＡＢ１００です。"
BODIES: list[tuple[str, bytes, bytes, str]] = [  # name, charset as declared, bytes, what is meant
    ("a_body_in_jis", b"iso-2022-jp", _LONG.encode("iso-2022-jp"), _LONG),
    ("a_body_in_jis_that_nobody_declared", b"", _LONG.encode("iso-2022-jp"), _LONG),
    ("a_body_in_shift_jis_that_nobody_declared", b"", _LONG.encode("cp932"), _LONG),
    ("a_body_in_euc_that_nobody_declared", b"", _LONG.encode("euc-jp"), _LONG),
    ("a_body_in_utf8_that_nobody_declared", b"", _LONG.encode(), _LONG),
    ("a_body_in_shift_jis_called_jis", b"iso-2022-jp", _LONG.encode("cp932"), _LONG),
    ("a_body_in_shift_jis_called_utf8", b"utf-8", _LONG.encode("cp932"), _LONG),
    ("a_body_in_utf8_called_shift_jis", b"shift_jis", _LONG.encode(), _LONG),
    ("a_body_in_utf8_called_euc", b"euc-jp", _LONG.encode(), _LONG),
    ("a_body_in_euc_with_circled_numbers", b"euc-jp", b"\xad\xa1\xad\xea\xa4\xce\xb7\xef", "①㈱の件"),
    ("a_body_in_jis_called_ascii", b"us-ascii", _LONG.encode("iso-2022-jp"), _LONG),
    ("a_body_whose_escapes_were_stripped", b"iso-2022-jp", b"$B$3$s$K$A$O(B abc", "こんにちは abc"),
    ("a_body_in_jis_with_an_open_line", b"iso-2022-jp", b"\x1b$B$3$s\r\nabc", "こん\nabc"),
    ("a_body_in_utf16_with_a_mark", b"utf-16", "\ufeff返品".encode("utf-16-le"), "返品"),
    ("a_body_in_utf16_without_a_mark", b"utf-16le", "返品".encode("utf-16-le"), "返品"),
    ("one_bad_byte_in_utf8", b"utf-8", _LONG.encode() + b"\xff" + _LONG.encode(), _LONG + "\ufffd" + _LONG),
    ("a_cut_character_at_the_end", b"utf-8", _LONG.encode()[:-1], _LONG[:-1]),
    ("a_mark_before_the_body", b"utf-8", b"\xef\xbb\xbf" + _LONG.encode(), _LONG),
    ("overlong_utf8", b"utf-8", b"a\xc0\xafb " + _LONG.encode(), _LONG),
    ("surrogates_in_utf8", b"utf-8", b"a\xed\xa0\x80b " + _LONG.encode(), _LONG),
    ("a_body_with_zero_bytes", b"utf-8", b"one\0two " + _LONG.encode(), "onetwo " + _LONG),
    ("a_charset_with_a_path", b"../../etc/passwd", _LONG.encode(), _LONG),
    ("a_charset_of_sixty_thousand_letters", b"x" * 60_000, _LONG.encode(), _LONG),
    ("a_charset_in_quotes_and_capitals", b'"Shift-JIS"', _LONG.encode("cp932"), _LONG),
    ("a_body_in_windows_31j", b"windows-31j", "①㈱髙﨑～".encode("cp932"), "①㈱髙﨑～"),
    ("half_width_kana_in_eight_bits", b"shift_jis", "ﾊﾝｶｸ 返品".encode("cp932"), "ﾊﾝｶｸ 返品"),
    (
        "turkish_called_latin_1",
        b"iso-8859-1",
        "ürün arızalı, şikayet için değişim".encode("cp1254"),
        "ürün arızalı, şikayet için değişim",
    ),
    ("the_euro_of_latin_9", b"iso-8859-15", b"15 \xa4", "15 €"),
    ("hz_in_seven_bits", b"hz-gb-2312", b"~{MK;u~} ok", "退货 ok"),
    ("control_characters_in_a_body", b"utf-8", b"a\x08\x1b[31mb\x7fc", "a[31mbc"),
    ("every_byte_there_is", b"", bytes(range(1, 256)), "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
]


def _body(charset: bytes, data: bytes) -> Builder:
    declared = b"Content-Type: text/plain; charset=" + charset + b"\n" if charset else b""
    return lambda me: letter(me, b"Subject: x\n" + declared, data)


for _name, _charset, _data, _meant in BODIES:
    add(Kind(_name, _body(_charset, _data), subject="x", words=(_meant,)))


@kind(words=["返品 = 交換"])
def a_body_of_jis_in_quoted_printable(me: bytes) -> bytes:
    return letter(
        me,
        b"Content-Type: text/plain; charset=ISO-2022-JP\nContent-Transfer-Encoding: quoted-printable\n",
        b"=1B$BJVIJ=1B(B =3D =1B$B8r49=1B(B=",
    )


@kind(words=["価格は 100=ZZ 円、続き"])
def broken_quoted_printable(me: bytes) -> bytes:
    return letter(
        me,
        b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n",
        "価格は 100=ZZ 円=\r\n、続き".encode(),
    )


@kind(words=["返品したい"])
def base64_words_with_blanks_and_no_padding(me: bytes) -> bytes:
    return letter(
        me,
        b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: BASE64\n",
        b"6L+U 5ZOB\r\n 44GX!44Gf 44GE",
    )


@kind(words=["plain words, not base64 at all."])
def words_called_base64_that_are_none(me: bytes) -> bytes:
    return letter(
        me, b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n", b"plain words, not base64 at all."
    )


@kind(words=["返品したい"])
def an_unknown_transfer_encoding(me: bytes) -> bytes:
    return letter(
        me, b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bits\n", "返品したい".encode()
    )


@kind(words=["返品"])
def a_page_that_names_its_charset_itself(me: bytes) -> bytes:
    return letter(me, b"Content-Type: text/html\n", b'<meta charset="iso-2022-jp"><p>\x1b$BJVIJ\x1b(B</p>')


@kind(words=["返品"])
def a_page_that_names_another_charset_than_its_head(me: bytes) -> bytes:
    return letter(
        me,
        b"Content-Type: text/html; charset=shift_jis\n",
        b'<meta charset="utf-8"><p>' + "返品".encode("cp932") + b"</p>",
    )


@kind(sender="docomo-pictures@docomo.ne.jp", words=["晴れ☀"])
def pictures_of_docomo(me: bytes) -> bytes:
    return (
        b"From: docomo-pictures@docomo.ne.jp\r\nContent-Type: text/plain; charset=shift_jis\r\n\r\n"
        + "晴れ".encode("cp932")
        + b"\xf8\x9f"
    )


@kind(sender="au-pictures@ezweb.ne.jp", words=["晴れ〓です"])
def pictures_of_au(me: bytes) -> bytes:
    return (
        b"From: au-pictures@ezweb.ne.jp\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n\x1b$B@2$lu!$G$9\x1b(B"
    )


@kind(sender="softbank-pictures@softbank.ne.jp", words=["晴れ〓"])
def pictures_of_softbank(me: bytes) -> bytes:
    return (
        b"From: softbank-pictures@softbank.ne.jp\r\nContent-Type: text/plain; charset=shift_jis\r\n\r\n"
        + "晴れ".encode("cp932")
        + b"\xf9\x8b"
    )


@kind(words=["👨\u200d👩\u200d👧 🇯🇵"])
def joined_emoji(me: bytes) -> bytes:
    return utf8(me, "👨\u200d👩\u200d👧 🇯🇵")


@kind(words=["がぎぐ", "e\u0301".replace("e\u0301", "é")])
def decomposed_words_become_whole(me: bytes) -> bytes:
    return utf8(me, "か\u3099き\u3099く\u3099 e\u0301")


@kind(words=["Q"])
def a_letter_under_a_hundred_thousand_marks(me: bytes) -> bytes:
    return utf8(me, "Q" + "\u0316\u0301" * 60_000)


@kind(words=["一つ目", "二つ目"])
def parts_in_different_charsets(me: bytes) -> bytes:
    return parts(
        me,
        piece(b"Content-Type: text/plain; charset=shift_jis", "一つ目".encode("cp932")),
        piece(b"Content-Type: text/plain; charset=euc-jp", "二つ目".encode("euc-jp")),
    )


@kind(words=["この文はひとつです。", "> 引用もひとつ。"])
def flowed_japanese(me: bytes) -> bytes:
    return letter(
        me,
        b"Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\n",
        "この文は \r\nひとつです。\r\n> 引用も \r\n> ひとつ。\r\n".encode(),
    )
