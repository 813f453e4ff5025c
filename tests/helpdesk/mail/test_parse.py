"""Whole mails: recorded shapes with invented people, damaged structures, and bytes that mean harm."""

import base64
import struct
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk.mail import parse
from helpdesk.mail.parse import Address
from tests.patience import PATIENCE_SECONDS, an_end

MESSAGES = Path(__file__).parent / "messages"
FROM = b"From: hanako@example.com\r\n"


def message(name: str) -> parse.Email:
    return parse.read((MESSAGES / name).read_bytes())


def mail(head: bytes, body: bytes) -> parse.Email:
    return parse.read(FROM + head + b"\r\n\r\n" + body)


def parts(*pieces: bytes, kind: bytes = b"mixed", end: bytes = b"--b--\r\n") -> parse.Email:
    body = b"".join(b"--b\r\n" + piece + b"\r\n" for piece in pieces) + end
    return mail(b"Content-Type: multipart/" + kind + b'; boundary="b"', body)


# Recorded mails -----------------------------------------------------------------------------------------------------


def test_a_reply_from_japanese_outlook():
    email = message("outlook-jp-reply.eml")
    assert email.sender == Address("髙橋\u3000美咲", "misaki@sample-shoji.example.jp")
    assert email.subject == "RE: 【窓口】交換の件について、色のご連絡 [#204]"
    assert parse.subject_stem(email.subject) == "【窓口】交換の件について、色のご連絡 [#204]"
    assert email.sent_at == datetime(2025, 1, 6, 2, 30, tzinfo=UTC)
    assert email.in_reply_to == ("<ticket-204.1@madoguchi.example.jp>",)
    assert email.references == ("<ticket-204.1@madoguchi.example.jp>", "<first@sample-shoji.example.jp>")
    assert email.reply_text == (
        "いつもお世話になっております。\n株式会社サンプル商事の髙橋です。\n\nご案内ありがとうございます。\n"
        "型番ＡＢ－１００を①台、ﾍﾞｰｼﾞｭで交換をお願いします。\nお手数ですがよろしくお願いいたします。"
    )
    assert email.signature.startswith("━━━") and "㈱サンプル商事" in email.signature and email.signature.endswith("━━━")
    assert email.quoted_text.startswith("-----Original Message-----")
    assert parse.phone_hints(email) == ("03-5550-0123",)
    assert (email.problems, email.unreadable, email.may_answer_automatically) == ((), "", True)


def test_a_reply_from_an_iphone_in_shift_jis():
    email = message("iphone-sjis-reply.eml")
    assert email.sender == Address("田中 花子", "hana..ko.@docomo.ne.jp")
    assert email.reply_text == "届きました～。ありがとうございます♪\nもう１点、①番の部品が入っていませんでした。"
    assert email.signature == "iPhoneから送信"
    assert email.quoted_text.startswith("2025/01/06 10:00、サポート窓口")


def test_a_reply_from_japanese_gmail_with_a_wrapped_header():
    email = message("gmail-jp-reply.eml")
    assert email.reply_text == "窓口の皆様\n\n返金の件、承知しました。振込先は前回と同じ口座でお願いします。\n\n鈴木"
    assert email.quoted_text.startswith("2025年1月6日(月) 10:00 まどぐちサポートセンター東京第一営業所\n<support@")
    assert email.cc == (Address("経理部, 東京", "keiri@example.com"), Address("Sato, Ken", "ken@example.org"))
    assert email.html.startswith('<div dir="ltr">窓口の皆様')


def test_a_postfix_bounce():
    email = message("postfix-bounce.eml")
    assert (email.is_bounce, email.bounced_message_id, email.bounce_status) == (
        True,
        "<ticket-77.3@madoguchi.example.jp>",
        "5.1.1",
    )
    assert [item.name for item in email.attachments] == ["attachment-1.txt", "お問い合わせ.eml"]
    assert email.attachments[1].content.startswith(b"Return-Path: <support@madoguchi.example.jp>\r\n")
    assert "hello" not in email.text


def test_a_carriers_text_only_bounce():
    email = message("carrier-bounce.eml")
    assert (email.is_bounce, email.bounced_message_id) == (True, "<ticket-31.1@madoguchi.example.jp>")


def test_an_out_of_office_answer():
    email = message("out-of-office.eml")
    assert (email.is_bounce, email.automatic_reason, email.may_answer_automatically) == (False, "auto_generated", False)


def test_a_mail_forwarded_from_gmail_is_kept_whole():
    email = message("gmail-forward.eml")
    assert email.is_forward
    assert email.reply_text == email.text
    assert email.text.startswith("このメールが届きましたが、") and email.text.endswith("--\n通販ショップ")


def test_a_newsletter_shows_without_calling_home():
    email = message("newsletter.eml")
    assert (
        email.text == "冬のセール\n\n最大50%OFF & 送料無料。\n\n会場はこちら\n\nロゴ"
    )  # the hidden instruction is not read
    assert 'data-remote-src="https://track.example.net/open.gif?id=42"' in email.html
    assert 'src="cid:logo@example.net"' in email.html
    assert "script" not in email.html and "onclick" not in email.html and "evil" not in email.html
    assert [(item.name, item.is_inline, item.content_id) for item in email.attachments] == [
        ("logo.png", True, "logo@example.net")
    ]


def test_a_quotation_with_japanese_file_names():
    email = message("pdf-jp-name.eml")
    assert [(item.name, item.content_type) for item in email.attachments] == [
        ("㈱サンプル_御見積書①.pdf", "application/pdf"),
        ("写真一覧表.xlsx", "application/octet-stream"),
    ]
    assert email.attachments[0].content.startswith(b"%PDF-1.4") and email.attachments[0].content.endswith(b"%%EOF\n")


# Structure ----------------------------------------------------------------------------------------------------------


def test_a_mail_without_any_words_or_any_sender_is_parked():
    assert parse.read(b"").unreadable == "empty"
    assert parse.read(b" \r\n\0\r\n").unreadable == "empty"
    assert parse.read(b"Subject: x\r\n\r\nhello").unreadable == "no_sender"


def test_what_the_standard_library_writes_is_read_back():
    written = EmailMessage()
    written["From"], written["To"], written["Subject"] = (
        "田中 花子 <hanako@example.com>",
        "support@example.jp",
        "返品の件" * 20,
    )
    written.set_content("本文です。\n二行目です。\n")
    written.add_alternative("<p>本文です。</p>", subtype="html")
    for name, data in (("写真.jpg", bytes(range(256))), ("一覧.csv", "名前,数\n".encode("cp932"))):
        written.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    email = parse.read(written.as_bytes())
    assert (email.sender, email.subject) == (Address("田中 花子", "hanako@example.com"), "返品の件" * 20)
    assert (email.text, email.html) == ("本文です。\n二行目です。", "<p>本文です。</p>\n")
    assert [(item.name, item.content) for item in email.attachments] == [
        ("写真.jpg", bytes(range(256))),
        ("一覧.csv", "名前,数\n".encode("cp932")),
    ]


def test_text_around_an_attachment_stays_in_order():
    email = parts(
        b"\r\nbefore", b'Content-Type: image/png; name="a.png"\r\n\r\nPNG', b"Content-Type: text/plain\r\n\r\nafter"
    )
    assert email.text == "before\nafter"
    assert [item.name for item in email.attachments] == ["a.png"]


def test_a_text_file_is_an_attachment_and_not_the_body():
    email = parts(
        b"\r\nsee log",
        b'Content-Type: text/plain; name="log.txt"\r\nContent-Disposition: attachment\r\n\r\nlog',
        b"Content-Type: text/html\r\nContent-Disposition: attachment\r\n\r\n<b>page</b>",
    )
    assert email.text == "see log" and email.html == ""
    assert [item.name for item in email.attachments] == ["log.txt", "attachment-2.html"]


def test_html_speaks_when_the_plain_part_is_empty_or_only_apologizes():
    for plain in (b"", b"  \r\n", "このメールはHTML形式です。".encode()):
        email = parts(
            b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + plain,
            b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>" + "返品したい".encode() + b"</p>",
            kind=b"alternative",
        )
        assert email.text == "返品したい"


def test_html_in_jis_is_decoded_by_its_own_label():
    page = b'<meta http-equiv="Content-Type" content="text/html; charset=iso-2022-jp"><p>\x1b$BJVIJ\x1b(B</p>'
    assert mail(b"Content-Type: text/html", page).text == "返品"


def test_jis_in_quoted_printable_is_read():
    email = mail(
        b"Content-Type: text/plain; charset=ISO-2022-JP\r\nContent-Transfer-Encoding: quoted-printable",
        b"=1B$BJVIJ=1B(B =3D",
    )
    assert email.text == "返品 ="


def test_flowed_text_is_joined_without_blanks_in_japanese():
    body = "この文は \r\nひとつです。\r\n> 引用も \r\n> ひとつ。\r\n-- \r\n田中".encode()
    email = mail(b"Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes", body)
    assert email.text == "この文はひとつです。\n> 引用もひとつ。\n-- \n田中"


@pytest.mark.parametrize(
    "declared",
    [
        b"multipart/mixed",
        b"multipart/mixed; boundary=other",
        b'multipart/mixed; boundary=""',
        b"multipart/mixed; boundary=b",
    ],
)
def test_a_missing_wrong_or_unclosed_boundary_loses_no_body(declared):
    body = (
        b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: text/plain; name=a.txt\r\n\r\nfile\r\n"
    )
    email = mail(b"Content-Type: " + declared, body)
    assert email.text == "hello"
    assert [(item.name, item.content) for item in email.attachments] == [("a.txt", b"file\r\n")]


def test_a_multipart_mail_that_is_no_multipart_is_read_as_text():
    email = mail(b"Content-Type: multipart/mixed; boundary=x", b"just words")
    assert email.text == "just words" and "no_boundary" in email.problems


def test_a_boundary_that_begins_like_another_is_told_apart():
    inner = (
        b"Content-Type: multipart/alternative; boundary=bb\r\n\r\n"
        b"--bb\r\n\r\none\r\n--bb\r\nContent-Type: text/html\r\n\r\n<p>one</p>\r\n--bb--"
    )
    email = parts(inner, b"\r\ntwo")
    assert email.text == "one\ntwo"


def test_an_attached_mail_keeps_its_exact_bytes_and_stays_out_of_the_text():
    inner = b"Subject:   odd   spacing\r\nFrom: x@example.com\r\n\r\ninner words\r\n"
    email = parts(b"\r\nplease see", b"Content-Type: message/rfc822\r\n\r\n" + inner)
    assert email.text == "please see"
    assert (email.attachments[0].name, email.attachments[0].content) == ("odd spacing.eml", inner)


def test_broken_base64_gives_the_whole_attachment():
    data = base64.b64encode(bytes(range(200)))[:-2]
    email = parts(
        b"\r\nx",
        b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + data[:50]
        + b"*#"
        + data[50:],
    )
    assert email.attachments[0].content == bytes(range(199))  # the last byte lost its digits, the others did not
    assert "base64_mended" in email.problems


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\見積.pdf", "見積.pdf"),
        ("見積/請求.pdf", "見積_請求.pdf"),
        ("a\u202efdp.exe", "afdp.exe"),
        ("a\0b\x07.pdf", "ab.pdf"),
        ("CON.txt", "_CON.txt"),
        ("..", "attachment-1.pdf"),
        ("a?b*c:d.pdf", "a_b_c_d.pdf"),
        ("  .hidden ", "hidden"),
    ],
)
def test_an_attachment_name_is_safe_to_save(given, kept):
    encoded = base64.b64encode(given.encode()).decode()
    email = parts(b"\r\nx", f'Content-Type: application/pdf; name="=?utf-8?B?{encoded}?="\r\n\r\nPDF'.encode())
    assert email.attachments[0].name == kept


def test_a_long_attachment_name_keeps_its_extension_within_two_hundred_bytes():
    email = parts(
        b"\r\nx",
        b'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="'
        + "見".encode() * 1500
        + b'.pdf"\r\n\r\nPDF',
    )
    name = email.attachments[0].name
    assert len(name.encode()) <= 200 and name.endswith("見.pdf")


def test_a_raw_file_name_is_read_in_the_charset_of_the_body():
    email = parts(
        b"Content-Type: text/plain; charset=gb2312\r\n\r\nx",
        b'Content-Type: application/pdf; name="' + "报价单".encode("gb2312") + b'.pdf"\r\n\r\nPDF',
    )
    assert email.attachments[0].name == "报价单.pdf"


def test_invites_are_attachments_and_encrypted_parts_are_marked():
    email = parts(
        b"\r\nx",
        b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR",
        b"Content-Type: application/pkcs7-mime; name=smime.p7m\r\n\r\nx",
    )
    assert [item.name for item in email.attachments] == ["attachment-1.ics", "smime.p7m"]
    assert "encrypted" in email.problems
    signed = parts(b"\r\nx", b"Content-Type: application/pgp-signature; name=signature.asc\r\n\r\nx", kind=b"signed")
    assert "encrypted" not in signed.problems


# winmail.dat --------------------------------------------------------------------------------------------------------


def attribute(level: int, identity: int, data: bytes) -> bytes:
    return struct.pack("<BHHI", level, identity, 6, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def unicode_property(name: int, text: str) -> bytes:
    data = (text + "\0").encode("utf-16-le")
    return struct.pack("<HHII", 0x1F, name, 1, len(data)) + data + bytes(-len(data) % 4)


TNEF = struct.pack("<IH", 0x223E9F78, 1)


def winmail(*attributes: bytes) -> parse.Email:
    data = base64.encodebytes(TNEF + b"".join(attributes))
    return parts(
        b"\r\nsee file",
        b"Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n" + data,
    )


def test_winmail_dat_is_unpacked():
    email = winmail(
        attribute(1, 0x9007, struct.pack("<II", 932, 0)),
        attribute(2, 0x9002, bytes(14)),
        attribute(2, 0x8010, "見積~1.PDF".encode("cp932") + b"\0"),
        attribute(2, 0x800F, b"%PDF-data"),
        attribute(
            2,
            0x9005,
            struct.pack("<I", 2) + struct.pack("<HHI", 3, 0x0E20, 9) + unicode_property(0x3707, "髙橋様_見積書.pdf"),
        ),
        attribute(2, 0x9002, bytes(14)),
        attribute(2, 0x8010, "写真.jpg".encode("cp932") + b"\0"),
        attribute(2, 0x800F, b"JPEG"),
    )
    assert [(item.name, item.content) for item in email.attachments] == [
        ("髙橋様_見積書.pdf", b"%PDF-data"),
        ("写真.jpg", b"JPEG"),
    ]
    assert email.text == "see file"


def test_a_damaged_winmail_dat_gives_what_precedes_the_damage_and_stays_itself():
    email = winmail(
        attribute(2, 0x9002, bytes(14)),
        attribute(2, 0x8010, b"a.txt\0"),
        attribute(2, 0x800F, b"abc"),
        b"\x02\x0f\x80\x06\0\xff\xff\xff\x7f",
    )
    assert [item.name for item in email.attachments] == ["a.txt", "winmail.dat"]
    assert "tnef_damaged" in email.problems


def test_a_winmail_dat_that_claims_endless_properties_ends_with_its_data():
    many = struct.pack("<I", 0xFFFFFFFF)
    email = winmail(
        attribute(1, 0x9003, many + struct.pack("<HHI", 0x101F, 0x3707, 0xFFFFFFFF)),
        attribute(2, 0x9002, b""),
        attribute(2, 0x9005, many * 8),
    )
    assert (email.text, email.unreadable) == ("see file", "")


# Harm ---------------------------------------------------------------------------------------------------------------

PLAIN = FROM + b"In-Reply-To: <a@b>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
JIS = FROM + b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n"
MIXED = FROM + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
HOSTILE = {
    "subject of 10 MB": b"Subject: " + b"x" * 10_000_000 + b"\r\n" + PLAIN,
    "words in a subject": b"Subject: " + b"=?a?b?" * 300_000 + b"\r\n" + PLAIN,
    "nested comments": b"To: " + b"(" * 300_000 + b"\r\n" + PLAIN,
    "balanced comments": b"To: " + b"(" * 30_000 + b")" * 30_000 + b"\r\n" + PLAIN,
    "blanks": PLAIN + b" " * 1_000_000,
    "blank lines": PLAIN + b"\n" * 1_000_000,
    "On Mon": PLAIN + b"On Mon, 6 Jan 2025 10:00\n" * 40_000,
    "dashes": PLAIN + b"-" * 200_000 + b"\n-----" * 100_000,
    "quote marks": PLAIN + b"> " * 400_000,
    "entities": PLAIN.replace(b"plain", b"html") + b"&amp;" * 1_000_000,
    "huge entity": PLAIN.replace(b"plain", b"html") + b"&#" + b"9" * 1_000_000 + b";",
    "open elements": PLAIN.replace(b"plain", b"html") + b"<div>" * 200_000,
    "nested parts": FROM
    + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5000)),
    "many parts": MIXED + b"--b\r\n\r\nx\r\n" * 100_000,
    "boundaries that are none": MIXED + b"--bx\n" * 1_000_000,
    "nested mails": FROM + b"Content-Type: message/rfc822\r\n\r\n" * 20_000,
    "head without end": FROM + b"a: b\n" * 2_000_000,
    "folded lines": FROM + b"Subject: x\n" + b" y\n" * 2_000_000,
    "gaps in the head": b"x: y\nz: y\n\n" * 500_000,
    "escapes": JIS + b"\x1b$B" * 700_000,
    "lost escapes": JIS + b"$B" * 700_000,
    "recipients": b"To: " + b",".join(b"u%d@example.com" % n for n in range(100_000)) + b"\r\n" + PLAIN,
    "references": b"References: " + b"<" * 65_000 + b"\r\n" + PLAIN,
    "unclosed parameters": FROM + b"Content-Type: text/plain" + b';a="' * 20_000 + b"\r\n\r\nx",
    "shift_jis parameter": FROM + b'Content-Type: text/plain; name="' + b"\x81\x5c" * 30_000 + b"\r\n\r\nx",
    "padding": FROM + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=" * 2_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_is_read_in_bounded_time_and_size(name):
    with an_end():  # the slowest takes about a second
        email = parse.read(HOSTILE[name], seconds=PATIENCE_SECONDS)
    assert not any(problem.startswith("reader_failed") for problem in email.problems)
    assert len(email.subject) <= 1000 and len(email.text) <= parse.TEXT_CHARACTERS and len(email.to) <= 500
    assert len(email.attachments) <= 1000 and len(email.references) <= 100


def test_a_large_attachment_is_read_whole():
    data = bytes(25_000_000)
    raw = (
        MIXED
        + b"--b\r\n\r\nhi\r\n--b\r\nContent-Type: application/zip; name=a.zip\r\n"
        + b"Content-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(data)
        + b"--b--"
    )
    with an_end():
        email = parse.read(raw)
    assert email.attachments[0].content == data


_LINES = st.sampled_from(
    [
        b"From: a@example.com",
        b"Subject: =?iso-2022-jp?B?GyRC",
        b"Content-Type: multipart/mixed; boundary=b",
        b"Content-Type: text/html; charset=shift_jis",
        b"Content-Type: message/rfc822",
        b"Content-Type: application/ms-tnef; name=winmail.dat",
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: quoted-printable",
        b"Content-Transfer-Encoding: x-uuencode",
        b"Content-Disposition: attachment; filename*0*=jis''%1b",
        b"Content-Type: text/plain; charset=utf-7; format=flowed",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b",
        b"Content-Type: message/delivery-status",
        b"Date: Mon, 32 Jan 2025",
        b"To: (((",
        b"",
        b"",
        b"--b",
        b"--b--",
        b"\x1b$B$3",
        b"<p style='",
        b"> x",
        b"-- ",
        b"\x82\xa0\xff",
        b"&#x110000;",
        b'{"notificationType":',
        TNEF,
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_LINES | st.binary(max_size=40), max_size=25), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_no_bytes_make_the_reader_fail(lines, end):
    email = parse.read(end.join(lines))
    assert not any(problem.startswith("reader_failed") for problem in email.problems)
    "".join(
        (email.subject, email.text, email.reply_text, email.html, *(item.name for item in email.attachments))
    ).encode("utf-8")
    assert "\0" not in email.text + email.subject + email.html


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=2000), st.sampled_from(sorted(MESSAGES.glob("*.eml"))), st.integers(0, 3000), st.integers(0, 400)
)
def test_recorded_mails_with_a_hole_in_them_are_still_read(noise, path, start, length):
    raw = path.read_bytes()
    email = parse.read(raw[:start] + noise + raw[start + length :])
    assert not any(problem.startswith("reader_failed") for problem in email.problems)


@pytest.mark.parametrize("path", sorted(MESSAGES.glob("*.eml")), ids=lambda path: path.stem)
def test_recorded_mails_cut_off_anywhere_are_still_read(path):
    raw = path.read_bytes()
    for end in range(0, len(raw), 97):
        email = parse.read(raw[:end])
        assert not any(problem.startswith("reader_failed") for problem in email.problems)
