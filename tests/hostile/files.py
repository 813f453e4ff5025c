"""Attachments: names that trick, bytes that are broken, wrappings that lie."""

import base64
import struct
import zlib

from tests.hostile import WORDS, Builder, Kind, add, crlf, kind, letter, parts, piece

PDF = b"%PDF-1.4\r\nwords\r\n%%EOF"

# Names: (name of the kind, fields of the part, safe name) ------------------------------------------------------------


def _word(text: str) -> bytes:
    return b'Content-Type: application/pdf; name="=?utf-8?B?' + base64.b64encode(text.encode()) + b'?="'


NAMES: list[tuple[str, bytes, str]] = [
    ("a_name_that_climbs", _word("../../etc/passwd"), "passwd"),
    ("a_name_that_climbs_backwards", _word("..\\..\\windows\\system32\\a.pdf"), "a.pdf"),
    ("a_name_with_a_windows_path", _word("C:\\Users\\x\\見積.pdf"), "見積.pdf"),
    ("a_name_with_a_slash_inside", _word("見積/請求.pdf"), "見積_請求.pdf"),
    ("a_name_that_turns_its_direction", _word("a\u202efdp.exe"), "afdp.exe"),
    ("a_name_with_zero_bytes", _word("a\0b\x07.pdf"), "ab.pdf"),
    ("a_name_with_line_breaks", _word("a\r\nBcc: x@example.com\r\n.pdf"), "a Bcc_ x@example.com .pdf"),
    ("a_name_windows_keeps_for_itself", _word("CON.txt"), "_CON.txt"),
    ("another_name_windows_keeps_for_itself", _word("lpt1"), "_lpt1"),
    ("a_name_of_dots", _word(".."), "attachment-1.pdf"),
    ("a_name_of_blanks", _word("   "), "attachment-1.pdf"),
    ("a_hidden_name", _word(".htaccess"), "htaccess"),
    ("a_name_with_a_stream", _word("a.txt:evil.exe"), "a.txt_evil.exe"),
    ("a_name_ending_in_dots", _word("virus.exe. . ."), "virus.exe"),
    ("a_name_with_wildcards", _word("a?b*c|d.pdf"), "a_b_c_d.pdf"),
    ("a_name_with_markup", _word("<img src=x onerror=alert(1)>.png"), "_img src=x onerror=alert(1)_.png"),
    ("a_name_with_a_template", _word("{{7+7}}.pdf"), "{{7+7}}.pdf"),
    ("a_name_with_emoji", _word("📦返品.pdf"), "📦返品.pdf"),
    ("a_name_with_invisible_letters", _word("請\u200b求\ufeff書.pdf"), "請求書.pdf"),
    ("a_decomposed_name", _word("か\u3099.pdf"), "が.pdf"),
    (
        "a_name_in_utf8_parameters",
        b"Content-Type: application/pdf\nContent-Disposition: attachment; filename*=UTF-8''%E8%A6%8B%E7%A9%8D.pdf",
        "見積.pdf",
    ),
    (
        "a_name_in_pieces",
        b"Content-Type: application/pdf\nContent-Disposition: attachment;"
        b" filename*0*=UTF-8''%E8%A6; filename*1*=%8B%E7%A9%8D; filename*2=.pdf",
        "見積.pdf",
    ),
    (
        "a_name_in_pieces_out_of_order",
        b"Content-Type: application/pdf\nContent-Disposition: attachment;"
        b" filename*1*=%8B.pdf; filename*0*=UTF-8''%E8%A6",
        "見.pdf",
    ),
    (
        "a_name_with_a_missing_piece",
        b"Content-Type: application/pdf\nContent-Disposition: attachment; filename*0=a; filename*2=b.pdf",
        "ab.pdf",
    ),
    (
        "a_name_in_jis_parameters",
        b"Content-Type: application/pdf\nContent-Disposition: attachment;"
        b" filename*=ISO-2022-JP''%1B%24B8%2B%40Q-j%1B%28B.pdf",
        "見積㈱.pdf",
    ),
    (
        "a_name_in_an_unknown_charset",
        b"Content-Type: application/pdf\nContent-Disposition: attachment; filename*=unicode_escape''%5Cx41.pdf",
        "x41.pdf",
    ),
    (
        "a_name_in_a_jis_word",
        b"Content-Type: application/pdf\nContent-Disposition: attachment;"
        b' filename="=?ISO-2022-JP?B?GyRCOCtAURsoQi5wZGY=?="',
        "見積.pdf",
    ),
    (
        "a_name_in_two_words",
        b'Content-Type: application/pdf; name="=?utf-8?B?6KaL?=\n =?utf-8?B?56mNLnBkZg==?="',
        "見積.pdf",
    ),
    (
        "a_name_split_within_a_character",
        b'Content-Type: application/pdf; name="=?utf-8?B?6KY=?=\n =?utf-8?B?iy5wZGY=?="',
        "見.pdf",
    ),
    (
        "a_raw_name_in_shift_jis",
        b'Content-Type: application/pdf; name="' + "一覧表.pdf".encode("cp932") + b'"',
        "一覧表.pdf",
    ),
    ("a_raw_name_in_utf8", b'Content-Type: application/pdf; name="' + "見積.pdf".encode() + b'"', "見積.pdf"),
    ("a_name_only_in_the_type", b"Content-Type: application/pdf; name=a.pdf\nContent-Disposition: attachment", "a.pdf"),
    (
        "two_names",
        b"Content-Type: application/pdf; name=type.exe\nContent-Disposition: attachment; filename=shown.pdf",
        "shown.pdf",
    ),
    ("a_name_with_an_open_quote", b'Content-Type: application/pdf; name="open.pdf', "open.pdf"),
    ("a_name_with_a_semicolon", b'Content-Type: application/pdf; name="a;b.pdf"', "a;b.pdf"),
    (
        "a_name_without_quotes_and_with_blanks",
        b"Content-Type: application/pdf; name=my old file.pdf",
        "my old file.pdf",
    ),
    ("a_name_of_an_executable", b"Content-Type: image/png; name=photo.png.exe", "photo.png.exe"),
    ("an_empty_name", b'Content-Type: application/pdf; name=""', "attachment-1.pdf"),
]


def _named(fields: bytes) -> Builder:
    return lambda me: parts(me, WORDS, piece(fields, PDF))


for _name, _fields, _safe in NAMES:
    add(Kind(_name, _named(_fields), words=("添付をご覧ください。",), files=((_safe, PDF),)))

_LONG = "見" * 65 + ".pdf"


@kind(files=[(_LONG, PDF)])
def a_name_of_fifteen_hundred_letters(me: bytes) -> bytes:
    return parts(me, WORDS, piece(b'Content-Type: application/pdf; name="' + "見".encode() * 1500 + b'.pdf"', PDF))


@kind(files=[("a" * 200, PDF)])
def a_name_whose_extension_has_no_end(me: bytes) -> bytes:
    return parts(
        me, WORDS, piece(b'Content-Type: application/pdf; name="' + b"a" * 500 + b"." + b"b" * 500 + b'"', PDF)
    )


@kind(files=[("a.pdf", b"one"), ("a.pdf", b"two")])
def two_files_of_one_name(me: bytes) -> bytes:
    head = b"Content-Type: application/pdf; name=a.pdf"
    return parts(me, WORDS, piece(head, b"one"), piece(head, b"two"))


# Bytes --------------------------------------------------------------------------------------------------------------

_EVERY = bytes(range(256)) * 3
_64 = b"Content-Type: application/octet-stream; name=a.bin\nContent-Transfer-Encoding: base64"


@kind(files=[("a.bin", _EVERY)])
def base64_without_padding(me: bytes) -> bytes:
    return parts(me, WORDS, piece(_64, base64.b64encode(_EVERY).rstrip(b"=")))


@kind(files=[("a.bin", _EVERY)], problems=["base64_mended"])
def base64_that_lost_its_padding(me: bytes) -> bytes:
    return parts(me, WORDS, piece(_64, base64.b64encode(_EVERY + b"")[:-4] + base64.b64encode(_EVERY[-3:]) + b"=="))


@kind(files=[("a.bin", _EVERY)])
def base64_with_foreign_signs(me: bytes) -> bytes:
    return parts(me, WORDS, piece(_64, base64.encodebytes(_EVERY).replace(b"\n", b" *\xff\r\n\r\n")))


@kind(files=[("a.bin", b"abcd")])
def base64_in_two_runs(me: bytes) -> bytes:
    return parts(me, WORDS, piece(_64, b"YWI=\r\nY2Q="))


@kind(files=[("a.bin", _EVERY)])
def base64_with_a_footer_below(me: bytes) -> bytes:
    # 769 bytes end in padding, which is where the encoded text ends and the words of a relay begin.
    return parts(me, WORDS, piece(_64, base64.encodebytes(_EVERY) + b"\r\n"))


@kind(files=[("a.bin", b"ab")])
def base64_with_a_scanners_words_below(me: bytes) -> bytes:
    return parts(me, WORDS, piece(_64, b"YWI=\r\n-- \r\nThis mail was checked by a scanner\r\n"))


@kind(files=[("a.bin", b"")])
def a_file_without_bytes(me: bytes) -> bytes:
    return parts(me, WORDS, piece(_64, b""))


@kind(files=[("a.bin", _EVERY)])
def a_file_in_quoted_printable(me: bytes) -> bytes:
    data = b"".join(b"=%02X" % byte + (b"=\r\n" if place % 20 == 19 else b"") for place, byte in enumerate(_EVERY))
    return parts(me, WORDS, piece(_64.replace(b"base64", b"quoted-printable"), data))


@kind(files=[("a.txt", b"#0abc")])
def a_file_in_uuencode(me: bytes) -> bytes:
    return parts(
        me,
        WORDS,
        piece(
            b"Content-Type: text/plain; name=a.txt\nContent-Transfer-Encoding: x-uuencode",
            b"begin 644 a.txt\r\n%(S!A8F,\r\n`\r\nend\r\n",
        ),
    )


@kind(files=[("a.bin", b"\0\x01\r\n\xfe\xff")])
def a_binary_file_as_it_is(me: bytes) -> bytes:
    return parts(
        me,
        WORDS,
        piece(
            b"Content-Type: application/octet-stream; name=a.bin\nContent-Transfer-Encoding: binary",
            b"\0\x01\r\n\xfe\xff",
        ),
    )


def _zip_of_zeros() -> bytes:
    squeezed = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = squeezed.compress(bytes(10_000_000)) + squeezed.flush()
    name = b"zeros.txt"
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, 0, len(data), 10_000_000, len(name), 0)
    return local + name + data


_BOMB = _zip_of_zeros()


@kind(files=[("bomb.zip", _BOMB)])
def an_archive_that_would_grow_a_thousandfold(me: bytes) -> bytes:
    return parts(
        me,
        WORDS,
        piece(
            b"Content-Type: application/zip; name=bomb.zip\nContent-Transfer-Encoding: base64",
            base64.encodebytes(_BOMB),
        ),
    )


@kind(files=[("a.svg", b"<svg onload=alert(1)>"), ("a.html", b"<script>alert(1)</script>")])
def pictures_and_pages_with_scripts_as_files(me: bytes) -> bytes:
    return parts(
        me,
        WORDS,
        piece(b"Content-Type: image/svg+xml; name=a.svg", b"<svg onload=alert(1)>"),
        piece(b"Content-Type: text/html; name=a.html", b"<script>alert(1)</script>"),
    )


@kind(files=[("photo.png", b"MZ\x90\0")])
def a_program_called_a_picture(me: bytes) -> bytes:
    return parts(me, WORDS, piece(b"Content-Type: image/png; name=photo.png", b"MZ\x90\0"))


@kind(files=[("a.pdf", PDF)])
def a_file_whose_type_is_nonsense(me: bytes) -> bytes:
    return parts(me, WORDS, piece(b'Content-Type: <script>/"x"; name=a.pdf', PDF))


@kind(files=[("a.pdf", PDF)])
def a_content_id_with_markup(me: bytes) -> bytes:
    return parts(
        me, WORDS, piece(b'Content-Type: application/pdf; name=a.pdf\nContent-ID: <"><script>alert(1)</script>', PDF)
    )


@kind(files=[(f"{n}.txt", b"%d" % n) for n in range(300)])
def three_hundred_files(me: bytes) -> bytes:
    return parts(me, WORDS, *(piece(b"Content-Type: text/plain; name=%d.txt" % n, b"%d" % n) for n in range(300)))


@kind(files=[("hanako.vcf", b"BEGIN:VCARD")])
def a_visiting_card(me: bytes) -> bytes:
    return parts(me, WORDS, piece(b"Content-Type: text/vcard; name=hanako.vcf", b"BEGIN:VCARD"))


# winmail.dat --------------------------------------------------------------------------------------------------------

TNEF = struct.pack("<IH", 0x223E9F78, 1)
_DAT = b"Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64"


def attribute(level: int, identity: int, data: bytes) -> bytes:
    """One attribute of a winmail.dat."""
    return struct.pack("<BHHI", level, identity, 6, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def unicode_property(name: int, text: str) -> bytes:
    """One text property of a file in it."""
    data = (text + "\0").encode("utf-16-le")
    return struct.pack("<HHII", 0x1F, name, 1, len(data)) + data + bytes(-len(data) % 4)


def _winmail(me: bytes, data: bytes) -> bytes:
    return parts(me, WORDS, piece(_DAT, base64.encodebytes(data)))


_FILE = (
    attribute(2, 0x9002, bytes(14))
    + attribute(2, 0x8010, "見積.PDF".encode("cp932") + b"\0")
    + attribute(2, 0x800F, PDF)
)


@kind(words=["添付をご覧ください。"], files=[("見積.PDF", PDF)])
def a_winmail_dat(me: bytes) -> bytes:
    return _winmail(me, TNEF + attribute(1, 0x9007, struct.pack("<II", 932, 0)) + _FILE)


@kind(files=[("髙橋様_見積書.pdf", PDF)])
def a_winmail_dat_with_a_long_name(me: bytes) -> bytes:
    named = struct.pack("<I", 1) + unicode_property(0x3707, "髙橋様_見積書.pdf")
    return _winmail(me, TNEF + _FILE + attribute(2, 0x9005, named))


@kind(files=[("passwd", PDF)])
def a_winmail_dat_with_a_name_that_climbs(me: bytes) -> bytes:
    named = struct.pack("<I", 1) + unicode_property(0x3707, "../../etc/passwd")
    return _winmail(me, TNEF + _FILE + attribute(2, 0x9005, named))


@kind(words=["添付をご覧ください。"], files=[("見積.PDF", PDF), ("winmail.dat", None)], problems=["tnef_damaged"])
def a_winmail_dat_cut_off(me: bytes) -> bytes:
    return _winmail(me, TNEF + _FILE + b"\x02\x0f\x80\x06\0\xff\xff\xff\x7f")


@kind(words=["添付をご覧ください。"], files=None)
def a_winmail_dat_that_claims_endless_properties(me: bytes) -> bytes:
    many = struct.pack("<I", 0xFFFFFFFF)
    return _winmail(
        me,
        TNEF
        + attribute(1, 0x9003, many + struct.pack("<HHI", 0x101F, 0x3707, 0xFFFFFFFF))
        + _FILE
        + attribute(2, 0x9005, many * 8),
    )


@kind(files=[("winmail.dat", b"no such thing")], problems=["tnef_unreadable"])
def a_winmail_dat_that_is_none(me: bytes) -> bytes:
    return _winmail(me, b"no such thing")


@kind(words=["添付をご覧ください。"], files=None)
def a_winmail_dat_of_fifty_thousand_files(me: bytes) -> bytes:
    return _winmail(me, TNEF + (attribute(2, 0x9002, b"") + attribute(2, 0x8010, b"a\0")) * 20_000)


@kind(words=["添付をご覧ください。"], files=[("winmail.dat", None)])
def a_winmail_dat_inside_a_winmail_dat(me: bytes) -> bytes:
    inner = (
        attribute(2, 0x9002, bytes(14)) + attribute(2, 0x8010, b"winmail.dat\0") + attribute(2, 0x800F, TNEF + _FILE)
    )
    return _winmail(me, TNEF + inner)


@kind(words=["こんにちは"], files=[])
def a_winmail_dat_that_holds_the_words(me: bytes) -> bytes:
    body = attribute(1, 0x9007, struct.pack("<II", 932, 0)) + attribute(1, 0x800C, "こんにちは".encode("cp932") + b"\0")
    return letter(me, b"Subject: x\n" + _DAT + b"\n", base64.encodebytes(TNEF + body))


@kind(words=["hello"], files=[("begin.txt", b"x")])
def a_file_below_a_very_long_preamble(me: bytes) -> bytes:
    return letter(
        me,
        b"Content-Type: multipart/mixed; boundary=b\n",
        crlf(b"nobody reads this\n" * 50_000)
        + b"--b\r\n\r\nhello\r\n--b\r\nContent-Type: text/plain; name=begin.txt\r\n\r\nx\r\n--b--",
    )
