"""Structures of parts: boundaries that lie, nests without end, parts of every kind."""

import base64

from tests.hostile import WORDS, crlf, kind, letter, parts, piece

PLAIN, PAGE = b"Content-Type: text/plain; charset=utf-8", b"Content-Type: text/html; charset=utf-8"
PDF = b"Content-Type: application/pdf; name=a.pdf"
_TWO = b"--b\r\n" + PLAIN + b"\r\n\r\nhello\r\n--b\r\n" + PDF + b"\r\n\r\nPDF\r\n"


# Boundaries ---------------------------------------------------------------------------------------------------------


@kind(words=["hello"], files=[("a.pdf", b"PDF\r\n")])
def no_boundary_declared(me: bytes) -> bytes:
    return letter(me, b"Content-Type: multipart/mixed\n", _TWO)


@kind(words=["hello"], files=[("a.pdf", b"PDF\r\n")])
def another_boundary_declared(me: bytes) -> bytes:
    return letter(me, b"Content-Type: multipart/mixed; boundary=other\n", _TWO)


@kind(words=["hello"], files=[("a.pdf", b"PDF\r\n")])
def an_empty_boundary_declared(me: bytes) -> bytes:
    return letter(me, b'Content-Type: multipart/mixed; boundary=""\n', _TWO)


@kind(words=["hello"], files=[("a.pdf", b"PDF\r\n")], problems=["no_closing_boundary"])
def a_boundary_that_is_never_closed(me: bytes) -> bytes:
    return letter(me, b"Content-Type: multipart/mixed; boundary=b\n", _TWO)


@kind(words=["just words"], problems=["no_boundary"])
def parts_that_are_not_there(me: bytes) -> bytes:
    return letter(me, b"Content-Type: multipart/mixed; boundary=b\n", b"just words")


@kind(words=["hello"], files=[("a.pdf", b"PDF")])
def a_boundary_of_signs(me: bytes) -> bytes:
    body = _TWO.replace(b"--b", b"--(.*)[+]?'=_b") + b"--(.*)[+]?'=_b--"
    return letter(me, b'Content-Type: multipart/mixed; boundary="(.*)[+]?\'=_b"\n', body)


@kind(words=["hello"], files=[("a.pdf", b"PDF")])
def a_boundary_of_three_hundred_letters(me: bytes) -> bytes:
    long = b"x" * 300
    return letter(
        me,
        b"Content-Type: multipart/mixed; boundary=" + long + b"\n",
        _TWO.replace(b"--b", b"--" + long) + b"--" + long + b"--",
    )


@kind(words=["hello"], files=[("a.pdf", b"PDF")])
def a_boundary_followed_by_blanks(me: bytes) -> bytes:
    return letter(me, b"Content-Type: multipart/mixed; boundary=b\n", _TWO.replace(b"--b\r", b"--b \t\r") + b"--b-- ")


@kind(words=["one\ntwo"])
def a_boundary_that_begins_like_the_outer_one(me: bytes) -> bytes:
    inner = b"--bb\r\n\r\none\r\n--bb\r\nContent-Type: text/html\r\n\r\n<p>one</p>\r\n--bb--"
    return parts(me, piece(b"Content-Type: multipart/alternative; boundary=bb", inner), b"\r\ntwo")


@kind(words=["hello"], gone=["preamble", "epilogue"])
def words_before_the_first_and_after_the_last_boundary(me: bytes) -> bytes:
    return letter(
        me, b"Content-Type: multipart/mixed; boundary=b\n", b"preamble\r\n--b\r\n\r\nhello\r\n--b--\r\nepilogue\r\n"
    )


@kind(words=["--b is how I end", "two"])
def a_boundary_in_the_middle_of_a_line(me: bytes) -> bytes:
    return parts(me, b"\r\nthis --b is how I end", b"\r\ntwo")


@kind(words=["hello"])
def an_inner_part_with_the_outer_boundary(me: bytes) -> bytes:
    return parts(me, piece(b"Content-Type: multipart/mixed; boundary=b", b"--b\r\n\r\nhello\r\n--b--"))


@kind(words=["hello"])
def a_boundary_line_that_is_folded(me: bytes) -> bytes:
    return letter(me, b'Content-Type: multipart/mixed;\n\tboundary=\n "b"\n', b"--b\r\n\r\nhello\r\n--b--\r\n")


@kind(words=["hello"])
def a_boundary_in_japanese(me: bytes) -> bytes:
    mark = "境界".encode()
    return letter(
        me,
        b'Content-Type: multipart/mixed; boundary="' + mark + b'"\n',
        b"--" + mark + b"\r\n\r\nhello\r\n--" + mark + b"--\r\n",
    )


@kind(words=["just a head"])
def a_part_without_a_blank_line(me: bytes) -> bytes:
    return parts(me, b"just a head and some words\r\nmore of them", WORDS)


@kind(words=["hello"])
def a_mail_cut_off_in_the_middle_of_a_head(me: bytes) -> bytes:
    return letter(me, b"Content-Type: multipart/mixed; boundary=b\n", b"--b\r\n\r\nhello\r\n--b\r\nContent-Ty")


# Depth and number ---------------------------------------------------------------------------------------------------


def _nested(me: bytes, levels: int) -> bytes:
    opened = b"".join(b"Content-Type: multipart/mixed; boundary=n%d.\r\n\r\n--n%d.\r\n" % (n, n) for n in range(levels))
    closed = b"".join(b"\r\n--n%d.--" % n for n in reversed(range(levels)))
    return b"From: " + me + b"\r\nSubject: x\r\n" + opened + b"\r\nat the bottom" + closed


@kind(words=["at the bottom"])
def fifty_nested_parts(me: bytes) -> bytes:
    return _nested(me, 50)


@kind(files=None, problems=["too_deep"])
def five_thousand_nested_parts(me: bytes) -> bytes:
    return _nested(me, 5000)


@kind(words=["word 1\nword 2", "word 990"])
def nine_hundred_and_ninety_parts(me: bytes) -> bytes:
    return parts(me, *(b"\r\nword %d" % (n + 1) for n in range(990)))


@kind(words=["word 1"], problems=["too_many_parts"], files=None)
def twenty_thousand_parts(me: bytes) -> bytes:
    return parts(me, *(b"\r\nword %d" % (n + 1) for n in range(20_000)))


@kind(words=["x"], files=None)
def a_hundred_thousand_empty_parts(me: bytes) -> bytes:
    return letter(me, b"Content-Type: multipart/mixed; boundary=b\n", b"--b\r\n\r\nx\r\n" + b"--b\r\n" * 100_000)


@kind(files=None)
def eighty_thousand_boundaries_that_are_none(me: bytes) -> bytes:
    return letter(me, b"Content-Type: multipart/mixed; boundary=b\n", b"--bx\r\n" * 80_000)


@kind(files=None)
def ten_thousand_nested_mails(me: bytes) -> bytes:
    return b"From: " + me + b"\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 10_000


# Which part speaks --------------------------------------------------------------------------------------------------


@kind(words=["返品したい"])
def a_page_beside_an_empty_text(me: bytes) -> bytes:
    return parts(me, piece(PLAIN, b" \r\n"), piece(PAGE, "<p>返品したい</p>".encode()), subtype=b"alternative")


@kind(words=["返品したい"], gone=["HTML形式"])
def a_page_beside_an_apology(me: bytes) -> bytes:
    return parts(
        me,
        piece(PLAIN, "このメールはHTML形式です。".encode()),
        piece(PAGE, "<p>返品したい</p>".encode()),
        subtype=b"alternative",
    )


@kind(words=["words"], gone=["page"])
def a_page_before_its_text(me: bytes) -> bytes:
    return parts(me, piece(PAGE, b"<p>page</p>"), piece(PLAIN, b"words"), subtype=b"alternative")


@kind(words=["one", "two", "three"], files=[("a.pdf", b"PDF")])
def words_around_a_file(me: bytes) -> bytes:
    return parts(me, piece(PLAIN, b"one"), piece(PDF, b"PDF"), piece(PLAIN, b"two"), piece(PAGE, b"<p>three</p>"))


@kind(words=["hello"], files=[("logo.png", b"PNG")])
def a_picture_inside_the_page(me: bytes) -> bytes:
    return parts(
        me,
        piece(PAGE, b'<p>hello <img src="cid:logo@x"></p>'),
        piece(b"Content-Type: image/png; name=logo.png\nContent-ID: <logo@x>", b"PNG"),
        subtype=b"related",
    )


@kind(words=["hello"], files=[("list.txt", b"one\r\ntwo")])
def a_text_file(me: bytes) -> bytes:
    return parts(
        me,
        piece(PLAIN, b"hello"),
        piece(PLAIN + b"\nContent-Disposition: attachment; filename=list.txt", b"one\r\ntwo"),
    )


@kind(words=["hello"], files=[("list.txt", b"one\r\ntwo")])
def a_text_file_called_inline(me: bytes) -> bytes:
    return parts(
        me, piece(PLAIN, b"hello"), piece(PLAIN + b"\nContent-Disposition: inline; filename=list.txt", b"one\r\ntwo")
    )


@kind(files=[("a.pdf", b"%PDF-1.4\r\n\0\xff")])
def a_file_and_no_words(me: bytes) -> bytes:
    return letter(me, b"Subject: x\nContent-Type: application/pdf; name=a.pdf\n", b"%PDF-1.4\r\n\0\xff")


@kind(files=[("attachment-1.jpg", b"JPEG")])
def a_picture_alone(me: bytes) -> bytes:
    return letter(me, b"Content-Type: image/jpeg\n", b"JPEG")


@kind(words=["hello"], files=[("attachment-1.bin", b"<b>x</b>")])
def a_text_of_an_unknown_kind(me: bytes) -> bytes:
    return parts(me, piece(PLAIN, b"hello"), piece(b"Content-Type: text/x-strange", b"<b>x</b>"))


@kind(words=["hello"])
def a_transfer_encoding_on_the_whole(me: bytes) -> bytes:
    return parts(me, piece(PLAIN, b"hello"), head=b"Subject: x\nContent-Transfer-Encoding: base64\n")


# Mails inside mails -------------------------------------------------------------------------------------------------

INNER = b"From: other@example.com\r\nSubject:   odd   spacing\r\n\r\ninner words\r\n"


@kind(words=["please see"], gone=["inner words"], files=[("odd spacing.eml", INNER)])
def an_attached_mail(me: bytes) -> bytes:
    return parts(me, piece(PLAIN, b"please see"), piece(b"Content-Type: message/rfc822", INNER))


@kind(words=["please see"], gone=["inner words"], files=[("odd spacing.eml", INNER)])
def an_attached_mail_in_base64(me: bytes) -> bytes:
    return parts(
        me,
        piece(PLAIN, b"please see"),
        piece(b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64", base64.encodebytes(INNER)),
    )


@kind(gone=["inner words"], files=[("odd spacing.eml", INNER)])
def a_mail_that_is_another_mail(me: bytes) -> bytes:
    return letter(me, b"Subject: Fwd: x\nContent-Type: message/rfc822\n", INNER)


@kind(words=["two mails"], gone=["inner words"], files=[("odd spacing.eml", INNER), ("odd spacing.eml", INNER)])
def a_digest(me: bytes) -> bytes:
    inner = b"--d\r\n\r\n" + INNER + b"\r\n--d\r\n\r\n" + INNER + b"\r\n--d--"
    return parts(me, piece(PLAIN, b"two mails"), piece(b"Content-Type: multipart/digest; boundary=d", inner))


@kind(files=[("attachment-1.bin", b"the second half")])
def half_of_a_mail(me: bytes) -> bytes:
    return letter(me, b'Content-Type: message/partial; id="a"; number=2; total=2\n', b"the second half")


@kind(words=["hello"], files=[("attachment-1.bin", None)])
def a_body_that_lies_elsewhere(me: bytes) -> bytes:
    return parts(
        me,
        piece(PLAIN, b"hello"),
        piece(
            b'Content-Type: message/external-body; access-type=URL; URL="http://evil.example/x"',
            b"Content-Type: text/plain\r\n\r\n",
        ),
    )


# Signed and encrypted -----------------------------------------------------------------------------------------------


@kind(words=["hello"], files=[("signature.asc", b"SIG")])
def a_signed_mail(me: bytes) -> bytes:
    return parts(
        me,
        piece(PLAIN, b"hello"),
        piece(b"Content-Type: application/pgp-signature; name=signature.asc", b"SIG"),
        subtype=b'signed; protocol="application/pgp-signature"',
    )


@kind(
    files=[("attachment-1.bin", b"Version: 1"), ("encrypted.asc", b"-----BEGIN PGP MESSAGE-----")],
    problems=["encrypted"],
)
def a_mail_encrypted_with_pgp(me: bytes) -> bytes:
    return parts(
        me,
        piece(b"Content-Type: application/pgp-encrypted", b"Version: 1"),
        piece(b"Content-Type: application/octet-stream; name=encrypted.asc", b"-----BEGIN PGP MESSAGE-----"),
        subtype=b"encrypted",
    )


@kind(files=[("smime.p7m", b"0\x82")], problems=["encrypted"])
def a_mail_encrypted_with_smime(me: bytes) -> bytes:
    return letter(
        me,
        b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n"
        b"Content-Transfer-Encoding: base64\n",
        b"MII=",
    )


# Calendars ----------------------------------------------------------------------------------------------------------

_INVITE = crlf(
    """BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VTIMEZONE
TZID:Asia/Tokyo
BEGIN:STANDARD
DTSTART:19700101T000000
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:1@example.com
ORGANIZER;CN="田中 花子":mailto:hanako@example.com
SUMMARY:交換品の
 受け取り\\, 相談
LOCATION:会議室Ａ
DTSTART;TZID=Asia/Tokyo:20261120T100000
DTEND;TZID=Asia/Tokyo:20261120T110000
END:VEVENT
END:VCALENDAR
""".encode()
)


@kind(
    words=["hello", "交換品の受け取り, 相談", "2026-11-20 10:00–11:00", "田中 花子", "会議室Ａ"],
    files=[("attachment-1.ics", _INVITE)],
)
def an_invitation(me: bytes) -> bytes:
    return parts(
        me,
        piece(PLAIN, b"hello"),
        piece(b"Content-Type: text/calendar; charset=utf-8; method=REQUEST", _INVITE),
        subtype=b"alternative",
    )


@kind(words=["交換品の受け取り, 相談"], files=[("attachment-1.ics", _INVITE)])
def an_invitation_alone(me: bytes) -> bytes:
    return letter(me, b"Content-Type: text/calendar; charset=utf-8; method=REQUEST\n", _INVITE)


@kind(words=["交換品の受け取り, 相談"], files=[("invite.ics", _INVITE)])
def an_invitation_as_a_file(me: bytes) -> bytes:
    return parts(
        me,
        WORDS,
        piece(
            b"Content-Type: application/ics; name=invite.ics\nContent-Transfer-Encoding: base64",
            base64.encodebytes(_INVITE),
        ),
    )


@kind(words=["添付をご覧ください。"], files=[("attachment-1.ics", None)])
def an_invitation_without_end(me: bytes) -> bytes:
    return parts(
        me, WORDS, piece(b"Content-Type: text/calendar", b"BEGIN:VCALENDAR\r\n" * 20_000 + b"SUMMARY:" + b"x" * 900_000)
    )
