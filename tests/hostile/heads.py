"""Heads that are damaged, doubled, endless, or not there."""

import random

from tests.hostile import PARKED, crlf, kind, letter, utf8

# Where the head begins ----------------------------------------------------------------------------------------------


@kind(subject="order", words=["hello"])
def a_stray_line_among_the_fields(me: bytes) -> bytes:
    return crlf(b"Received: by x\nthis line is no field\nFrom: " + me + b"\nSubject: order\n\nhello")


@kind(subject="order", words=["hello"])
def a_byte_order_mark_before_the_head(me: bytes) -> bytes:
    return b"\xef\xbb\xbf" + letter(me, b"Subject: order\n")


@kind(subject="order", words=["hello"])
def blank_lines_before_the_head(me: bytes) -> bytes:
    return b"\r\n\r\n" + letter(me, b"Subject: order\n")


@kind(subject="order", words=["hello"])
def an_mbox_line_before_the_head(me: bytes) -> bytes:
    return b"From someone@example.com Mon Jan  6 10:00:00 2025\r\n" + letter(me, b"Subject: order\n")


@kind(subject="order", words=["hello"])
def a_quoted_mbox_line_before_the_head(me: bytes) -> bytes:
    return b">From someone Mon Jan  6 10:00:00 2025\r\n" + letter(me, b"Subject: order\n")


@kind(subject="order", words=["hello"])
def a_gap_after_the_trace_fields(me: bytes) -> bytes:
    return b"Received: from a by b\r\n\r\n" + letter(me, b"Subject: order\n")


@kind(subject="order", words=["Dear desk, it broke.", "Please help."])
def no_blank_line_before_the_body(me: bytes) -> bytes:
    return crlf(b"From: " + me + b"\nSubject: order\nDear desk, it broke.\nPlease help.\n")


@kind(subject="only a head")
def a_head_and_nothing_else(me: bytes) -> bytes:
    return crlf(b"From: " + me + b"\nSubject: only a head\n")


@kind(subject="x")
def a_head_that_ends_in_the_middle_of_a_line(me: bytes) -> bytes:
    return crlf(b"From: " + me + b"\nSubject: x\nContent-Ty")


# What is no mail ----------------------------------------------------------------------------------------------------


@kind(PARKED, sender=None)
def words_without_any_head(me: bytes) -> bytes:
    return b"hello there, nobody signed this\r\n"


@kind(PARKED, sender=None)
def nothing_at_all(me: bytes) -> bytes:
    return b"\r\n"


@kind(PARKED, sender=None)
def nothing_but_blanks(me: bytes) -> bytes:
    return b" \t\r\n" * 1000


@kind(PARKED, sender=None)
def nothing_but_zero_bytes(me: bytes) -> bytes:
    return bytes(5000)


@kind(PARKED, sender=None, files=None)
def noise(me: bytes) -> bytes:
    return random.Random(7).randbytes(20_000).replace(b"@", b"a")


@kind(PARKED, sender=None, files=None)
def a_picture_instead_of_a_mail(me: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(64)) * 20 + b"IEND\xaeB`\x82"


@kind(PARKED, sender=None, subject="")
def a_web_request_instead_of_a_mail(me: bytes) -> bytes:
    return b"GET /etc/passwd HTTP/1.1\r\nHost: desk.example.jp\r\nUser-Agent: x\r\n\r\n"


@kind(PARKED, sender=None)
def a_mail_in_json(me: bytes) -> bytes:
    return b'{"from": "hanako", "subject": "order", "text": "hello"}\r\n'


# Line ends ----------------------------------------------------------------------------------------------------------


@kind(subject="order", words=["one\ntwo"])
def line_feeds_alone(me: bytes) -> bytes:
    return letter(me, b"Subject: order\n", b"one\r\ntwo").replace(b"\r\n", b"\n")


@kind(subject="order", words=["one\ntwo"])
def carriage_returns_alone(me: bytes) -> bytes:
    return letter(me, b"Subject: order\n", b"one\r\ntwo").replace(b"\r\n", b"\r")


@kind(subject="order", words=["one\ntwo\nthree"])
def line_ends_of_all_sorts(me: bytes) -> bytes:
    return b"From: " + me + b"\nSubject: order\r\n\none\r\ntwo\nthree"


@kind(subject="a long subject", words=["hello"])
def a_subject_folded_with_tabs(me: bytes) -> bytes:
    return letter(me, b"Subject: a\n\tlong\n\t subject\n")


@kind(subject="a long subject", words=["hello"])
def a_subject_folded_over_a_blank_looking_line(me: bytes) -> bytes:
    return letter(me, b"Subject: a long\n \n subject\n")


# Fields twice, misspelled, unusable ---------------------------------------------------------------------------------


@kind(sender="second@example.com", subject="order")
def of_two_senders_the_first_is_unusable(me: bytes) -> bytes:
    return crlf(b"From: undisclosed\nFrom: second@example.com\nSubject: order\n\nhello")


@kind(sender="reply@example.com", problems=["sender_not_in_from"])
def no_from_but_an_address_for_answers(me: bytes) -> bytes:
    return crlf(b"Reply-To: reply@example.com\nSender: list@example.com\nSubject: x\n\nhello")


@kind(sender="sender@example.com")
def no_from_but_a_sender(me: bytes) -> bytes:
    return crlf(b"Sender: sender@example.com\nSubject: x\n\nhello")


@kind(subject="the second")
def of_two_subjects_the_first_is_blank(me: bytes) -> bytes:
    return letter(me, b"Subject:   \nSubject: the second\n")


@kind(subject="the first")
def of_two_subjects_the_first_counts(me: bytes) -> bytes:
    return letter(me, b"Subject: the first\nSubject: the second\n")


@kind(subject="order", words=["hello"])
def names_of_fields_in_odd_letters(me: bytes) -> bytes:
    return crlf(b"fRoM: " + me + b"\nSUBJECT : order\nCONTENT-TYPE : TEXT/PLAIN\n\nhello")


@kind(subject="order")
def no_blank_after_the_colon(me: bytes) -> bytes:
    return crlf(b"From:" + me + b"\nSubject:order\n\nhello")


@kind(subject="order", words=["hello"])
def fields_without_a_name(me: bytes) -> bytes:
    return letter(me, b": nameless\n:\nSubject: order\n")


@kind(subject="order", words=["hello"])
def a_field_name_in_japanese(me: bytes) -> bytes:
    return letter(me, "件名: にせ\n".encode() + b"Subject: order\n")


@kind(subject="", words=["hello"])
def no_subject(me: bytes) -> bytes:
    return letter(me, b"To: support@desk.example.jp\n")


@kind(subject="order", problems=["date_unreadable"])
def a_date_in_the_year_99999(me: bytes) -> bytes:
    return letter(me, b"Subject: order\nDate: Mon, 99 Foo 99999 99:99:99 +9999\n")


@kind(subject="order")
def a_date_of_nine_thousand_digits(me: bytes) -> bytes:
    return letter(me, b"Subject: order\nDate: " + b"9" * 9000 + b"\n")


@kind(subject="order")
def of_two_dates_the_second_is_one(me: bytes) -> bytes:
    return letter(me, b"Subject: order\nDate: yesterday\nDate: Mon, 6 Jan 2025 10:00:00 +0900\n")


@kind(subject="order")
def a_message_id_of_five_thousand_letters(me: bytes) -> bytes:
    return letter(me, b"Subject: order\nMessage-ID: <" + b"a" * 5000 + b"@example.com>\n")


@kind(subject="order")
def a_message_id_with_zero_bytes_and_blanks(me: bytes) -> bytes:
    return letter(me, b"Subject: order\nMessage-ID: <a\0 b\xff\t@example.com>\n")


@kind(subject="order")
def a_message_id_without_brackets(me: bytes) -> bytes:
    return letter(me, b"Subject: order\nMessage-ID: abc-1@example.com\n")


@kind(subject="order")
def ids_to_answer_that_are_no_ids(me: bytes) -> bytes:
    return letter(me, b"Subject: order\nIn-Reply-To: your mail of Monday\nReferences: <<>><<<a@b>>> < > <\n")


# What a subject smuggles --------------------------------------------------------------------------------------------


@kind(subject="a Bcc: all@example.com b", words=["hello"])
def a_subject_with_line_breaks_inside_a_word(me: bytes) -> bytes:
    return letter(me, b"Subject: =?utf-8?Q?a=0D=0ABcc:_all@example.com=0D=0A=0D=0Ab?=\n")


@kind(subject="abc")
def a_subject_with_zero_bytes_and_bells(me: bytes) -> bytes:
    return letter(me, b"Subject: =?utf-8?Q?a=00b=07c?=\n")


@kind(subject="invoice exe.pdf")
def a_subject_that_turns_its_direction(me: bytes) -> bytes:
    return letter(me, "Subject: invoice \u202eexe.pdf\u202c\n".encode())


@kind(subject="x" * 1000, words=["hello"])
def a_subject_of_ninety_thousand_letters(me: bytes) -> bytes:
    return letter(me, b"Subject: " + b"x" * 90_000 + b"\n")


@kind(subject="<script>alert(1)</script>")
def a_subject_with_a_script(me: bytes) -> bytes:
    return letter(me, b"Subject: <script>alert(1)</script>\n")


@kind(subject="{{ 7*7 }} ${7*7} %s %(x)s {0}")
def a_subject_with_templates(me: bytes) -> bytes:
    return letter(me, b"Subject: {{ 7*7 }} ${7*7} %s %(x)s {0}\n")


@kind(subject="'; DROP TABLE ticket; --")
def a_subject_with_a_statement(me: bytes) -> bytes:
    return letter(me, b"Subject: '; DROP TABLE ticket; --\n")


# Too much of it -----------------------------------------------------------------------------------------------------


@kind(subject="order", words=["hello"])
def fifteen_thousand_trace_fields(me: bytes) -> bytes:
    return crlf(b"Subject: order\nFrom: " + me + b"\n" + b"Received: by relay.example.net\n" * 15_000 + b"\nhello")


@kind(subject="order", words=["hello"])
def the_sender_below_fifteen_hundred_trace_fields(me: bytes) -> bytes:
    return crlf(b"Received: by relay.example.net\n" * 1500 + b"From: " + me + b"\nSubject: order\n\nhello")


@kind(subject="order", words=["hello"])
def a_field_folded_over_fifteen_thousand_lines(me: bytes) -> bytes:
    return letter(me, b"Subject: order\nX-Long: a\n" + b" b\n" * 15_000)


@kind(subject="order", words=["hello"])
def ten_thousand_references(me: bytes) -> bytes:
    return letter(me, b"Subject: order\nReferences:" + b"".join(b" <%d@x.example>\n" % n for n in range(10_000)))


# Types that are hard to read ----------------------------------------------------------------------------------------


@kind(words=["返品したい"])
def comments_inside_the_content_type(me: bytes) -> bytes:
    return letter(me, b"Content-Type: text/plain (plain words); charset=utf-8 (the usual)\n", "返品したい".encode())


@kind(words=["返品したい"])
def comments_behind_the_transfer_encoding(me: bytes) -> bytes:
    return letter(
        me,
        b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64 (RFC 2045)\n",
        b"6L+U5ZOB44GX44Gf44GE",
    )


@kind(words=["返品したい"])
def parameters_with_needless_semicolons(me: bytes) -> bytes:
    return letter(me, b'Content-Type: text/plain;; ; charset = "utf-8";\n', "返品したい".encode())


@kind(words=["返品したい"])
def a_content_type_of_one_word(me: bytes) -> bytes:
    return letter(me, b"Content-Type: text\n", "返品したい".encode())


@kind(words=["返品したい"])
def a_content_type_that_is_nonsense(me: bytes) -> bytes:
    return letter(me, b"Content-Type: ???\n", "返品したい".encode())


@kind(words=["返品したい"])
def of_two_content_types_the_first_counts(me: bytes) -> bytes:
    return letter(
        me, b"Content-Type: text/plain; charset=utf-8\nContent-Type: application/pdf\n", "返品したい".encode()
    )


@kind(words=["返品したい"])
def a_charset_twice(me: bytes) -> bytes:
    return letter(me, b"Content-Type: text/plain; charset=shift_jis; charset=us-ascii\n", "返品したい".encode("cp932"))


@kind(words=["返品したい"])
def no_mime_version(me: bytes) -> bytes:
    return letter(me, b"Content-Type: text/plain; charset=iso-2022-jp\n", "返品したい".encode("iso-2022-jp"))


@kind(words=["hello"])
def twenty_thousand_unclosed_parameters(me: bytes) -> bytes:
    return letter(me, b"Content-Type: text/plain" + b';a="' * 15_000 + b"\n")


@kind(subject="first", words=["hello"])
def fields_of_an_earlier_sending(me: bytes) -> bytes:
    return utf8(me, "hello", b"Resent-From: other@example.com\nResent-Subject: none\nSubject: first\n")
