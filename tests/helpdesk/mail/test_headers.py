"""Heads, encoded words, parameters and addresses, as damaged as they arrive."""

import base64

import pytest

from helpdesk.mail import parse
from helpdesk.mail.addresses import Address, read_addresses
from helpdesk.mail.headers import decode_base64, decode_text, parameters


def read(head: bytes, body: bytes = b"hello"):
    return parse.read(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body)


def subject_of(value: bytes) -> str:
    return read(b"From: a@example.com\nSubject: " + value).subject


# Heads --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        b"this line is no field\n",
        b"\xef\xbb\xbf",
        b"\n\n",
        b"From hanako@example.com Mon Jan  6 10:00:00 2025\n",
        b"X-Only: 1\n\n",
    ],
)
def test_a_damaged_head_loses_neither_sender_nor_subject_nor_body(damage):
    if damage.startswith(b"this"):
        raw = b"From: hanako@example.com\n" + damage + b"Subject: order\nDate: Mon, 6 Jan 2025 10:00:00 +0900\n\nhello"
    else:
        raw = damage + b"From: hanako@example.com\nSubject: order\nDate: Mon, 6 Jan 2025 10:00:00 +0900\n\nhello"
    email = parse.read(raw)
    assert (email.sender, email.subject, email.text) == (Address("", "hanako@example.com"), "order", "hello")


def test_a_missing_blank_line_does_not_swallow_the_body():
    email = parse.read(b"From: a@example.com\nSubject: x\nDear desk, it broke.\nPlease help.\n")
    assert email.text == "Dear desk, it broke.\nPlease help."
    assert "no_blank_line" in email.problems


def test_line_ends_of_every_kind_are_read():
    for end in (b"\n", b"\r\n", b"\r"):
        email = parse.read(end.join((b"From: a@example.com", b"Subject: x", b"", b"one", b"two")))
        assert (email.subject, email.text) == ("x", "one\ntwo")


def test_of_several_from_fields_the_first_usable_one_counts():
    email = read(b"From: Undisclosed\nFrom: =?utf-8?q?Hanako?= <h@Example.COM>\nFrom: other@example.com")
    assert email.sender == Address("Hanako", "h@example.com")


def test_the_sender_is_from_then_reply_to_then_sender():
    assert read(b"From: nobody\nReply-To: r@example.com\nSender: s@example.com").sender == Address("", "r@example.com")
    assert read(b"Sender: s@example.com").sender == Address("", "s@example.com")
    assert read(b"Subject: x").unreadable == "no_sender"


def test_a_date_becomes_utc_and_an_impossible_one_becomes_none():
    assert (
        read(b"From: a@example.com\nDate: Mon, 6 Jan 2025 10:00:00 +0900 (JST)").sent_at.isoformat()
        == "2025-01-06T01:00:00+00:00"
    )
    for date in (b"yesterday", b"Mon, 99 Foo 99999 99:99:99 +9999", b"Mon, 6 Jan 1900 10:00:00 +0900", b"9" * 5000):
        email = read(b"From: a@example.com\nDate: " + date)
        assert email.sent_at is None and "date_unreadable" in email.problems


def test_references_come_newest_first_and_at_most_a_hundred():
    head = b"From: a@example.com\nReferences: " + b" ".join(b"<%d@x>" % n for n in range(150))
    assert read(head).references[:2] == ("<149@x>", "<148@x>")
    assert len(read(head).references) == 100


def test_a_message_id_folded_over_lines_or_without_brackets_is_mended():
    assert read(b"From: a@example.com\nMessage-ID:\n <abc\n def@x>").message_id == "<abcdef@x>"
    assert read(b"From: a@example.com\nMessage-ID: abc@x").message_id == "<abc@x>"
    assert read(b"From: a@example.com").message_id == ""


# Words --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"=?ISO-2022-JP?B?GyRCJDMkcyRLGyhC?=\n =?ISO-2022-JP?B?GyRCJEEkTxsoQg==?=", "こんにちは"),
        (b"=?ISO-2022-JP?B?GyRCJDMkcyRL?=\n =?ISO-2022-JP?B?JEEkTxsoQg==?=", "こんにちは"),  # state carried over
        (b"=?utf-8?B?44GT44KT4w==?= =?utf-8?B?gas=?=", "こんに"),  # a character split over two words
        (b"=?utf-8?Q?Re:_=E3=81=82_b?= c", "Re: あ b c"),
        (b"=?utf-8*ja?Q?=E3=81=82?=", "あ"),
        (b"=?utf-8?Q?a b?= d", "a b d"),  # a raw blank inside a word
        (b"=?utf-8?B?44GC", "あ"),  # the end is missing
        (b"=?utf-8?Q?\xe3\x81\x82=E3=81=84?=", "あい"),  # raw 8-bit bytes inside a word
        (b"=?iso-2022-jp?B?" + base64.b64encode("返品".encode("cp932")) + b"?=", "返品"),
        (b"\x1b$B8+@Q\x1b(B", "見積"),
        ("見積書の件".encode("cp932"), "見積書の件"),
        ("見積書の件".encode(), "見積書の件"),
        (b"=?x-unknown?Q?abc?=", "abc"),
        (b"=?utf-8?B??=", ""),
        (b"a =?utf-8?Q?b?==?utf-8?Q?c?=", "a bc"),
        (b"plain =? text ?=", "plain =? text ?="),
        (b"50%=?utf-8?Q?OFF?=", "50%OFF"),
    ],
)
def test_encoded_words_are_read_however_they_are_broken(value, expected):
    assert subject_of(value) == expected


def test_a_subject_has_no_controls_overrides_or_line_breaks_and_a_thousand_characters():
    assert subject_of(b"=?utf-8?Q?a=00b=0D=0Ac=E2=80=AEd?=") == "ab cd"
    assert len(subject_of(b"x" * 5000)) == 1000


@pytest.mark.parametrize(
    ("subject", "stem"),
    [
        ("Re: 見積", "見積"),
        ("RE：見積", "見積"),
        ("ＲＥ：見積", "見積"),
        ("Re[2]: x", "x"),
        ("Re^2: x", "x"),
        ("Re(3): x", "x"),
        ("返信: Fw: 転送：x", "x"),
        ("Fwd: AW: x", "x"),
        ("Re: re: RE: x", "x"),
        ("Report: x", "Report: x"),
        ("x Re: y", "x Re: y"),
        ("Re:", ""),
        ("", ""),
        ("重要: x", "重要: x"),
        ("Re : x", "x"),
    ],
)
def test_reply_and_forward_prefixes_come_off_the_subject(subject, stem):
    assert parse.subject_stem(subject) == stem


# Parameters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (b'attachment; filename="a b.pdf"', "a b.pdf"),
        (b"attachment; filename*=UTF-8''%E8%A6%8B%E7%A9%8D.pdf", "見積.pdf"),
        (b"attachment; filename*0*=UTF-8''%E8%A6; filename*1*=%8B%E7%A9%8D; filename*2=.pdf", "見積.pdf"),
        (b"attachment; filename*1*=%8B.pdf; filename*0*=UTF-8''%E8%A6", "見.pdf"),  # out of order
        (b"attachment; filename=x.pdf; filename*=UTF-8''%E8%A6%8B.pdf", "見.pdf"),  # the extended one wins
        (b"attachment; filename*=ISO-2022-JP''%1B%24B-j%1B%28B.pdf", "㈱.pdf"),  # row 13
        (b'attachment; filename="=?ISO-2022-JP?B?GyRCOCtAURsoQi5wZGY=?="', "見積.pdf"),  # Outlook
        (b'attachment; filename="=?utf-8?B?6KaL?=\n =?utf-8?B?56mNLnBkZg==?="', "見積.pdf"),
        (
            b'attachment; filename="' + "一覧表.txt".encode("cp932") + b'"',
            "一覧表.txt",
        ),  # its second byte is a backslash
        (b'attachment; filename="' + "見積.pdf".encode() + b'"', "見積.pdf"),
        (b'attachment; filename="a;b\\"c.pdf"', 'a;b"c.pdf'),
        (b'attachment; filename="unclosed.pdf', "unclosed.pdf"),
    ],
)
def test_file_names_are_decoded_in_every_dialect(value, name):
    assert parameters(value)[1]["filename"] == name


def test_base64_is_mended_rather_than_cut_off():
    whole = base64.b64encode(b"The quick brown fox").decode()
    assert decode_base64(b"VGhl*IHF1aWNrIGJy\r\nb3duIGZveA") == (b"The quick brown fox", True)  # foreign, no padding
    assert decode_base64(whole.encode()) == (b"The quick brown fox", False)
    assert decode_base64(b"YWI=\r\nY2Q=") == (b"abcd", True)  # two texts, one after the other
    assert decode_base64(b"YWI=\r\n-- \r\nChecked by a scanner") == (b"ab", True)  # a footer is no base64
    assert decode_base64(b"YWJjZ") == (b"abc", True)


# Addresses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"hanako@Example.JP", ("", "hanako@example.jp")),
        (b"Hanako.T@Example.JP (Tanaka Hanako)", ("Tanaka Hanako", "Hanako.T@example.jp")),
        (b'"Tanaka, Hanako" <h@example.jp>', ("Tanaka, Hanako", "h@example.jp")),
        (b"Shop @ Tokyo <shop@example.jp>", ("Shop @ Tokyo", "shop@example.jp")),
        (b"<a..b@docomo.ne.jp>", ("", "a..b@docomo.ne.jp")),
        (b".a@docomo.ne.jp", ("", ".a@docomo.ne.jp")),
        (b"a.@ezweb.ne.jp", ("", "a.@ezweb.ne.jp")),
        (b'"a..b."@docomo.ne.jp', ("", '"a..b."@docomo.ne.jp')),
        (b"=?utf-8?Q?Taro_<taro@example.jp>?=", ("Taro", "taro@example.jp")),  # hidden in a word
        (b'"=?utf-8?B?55Sw5Lit?=" <t@example.jp>', ("田中", "t@example.jp")),
        (b"=?utf-8?Q?a=2Cb=3Cc?= <d@example.jp>", ("a,b<c", "d@example.jp")),  # specials in words separate nothing
        (b"'taro@example.jp' <taro@example.jp>", ("", "taro@example.jp")),
        (b"Taro <taro@example.jp", ("Taro", "taro@example.jp")),
        (b"Taro taro@example.jp", ("Taro", "taro@example.jp")),
        (b"<mailto:taro@example.jp>", ("", "taro@example.jp")),
        (b"\x1b$B;3ED\x1b(B <y@example.jp>", ("山田", "y@example.jp")),
        ("山田".encode("cp932") + b" <y@example.jp>", ("山田", "y@example.jp")),
        (b"user@xn--eckwd4c7c.example", ("", "user@xn--eckwd4c7c.example")),
        (b'"He said \\"hi\\"" <h@example.jp>', ('He said "hi"', "h@example.jp")),
        (b'O"Neil <o@example.jp>', ('O"Neil', "o@example.jp")),
    ],
)
def test_an_address_is_kept_as_its_sender_writes_it(value, expected):
    assert read_addresses(value) == (Address(*expected),)


@pytest.mark.parametrize(
    "value", [b"", b"undisclosed-recipients:;", b"nobody", b"@", b"a@", b"<>", b"Taro <>", b"@example.com"]
)
def test_what_is_no_address_gives_none(value):
    assert read_addresses(value) == ()


def test_lists_and_groups_are_split_at_the_right_commas():
    value = b'"A, B" <ab@example.jp>, team: c@example.jp, d@example.jp;, e@example.jp (x, y); f@example.jp'
    assert [each.address[0] for each in read_addresses(value)] == ["a", "c", "d", "e", "f"]


def test_at_most_five_hundred_recipients_are_kept_and_none_twice():
    value = b", ".join(b"u%d@example.jp" % (n // 2) for n in range(4000))
    assert len(read_addresses(value)) == 500


def test_shielded_specials_never_leak():
    assert decode_text(b"=?utf-8?Q?a=2C=40?=") == "a,@"
