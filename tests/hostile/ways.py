"""What happens on the way in: lines and dots as no client sends them, sizes, addresses that are not ours.

`tests/hostile/test_kinds.py` opens a desk that takes two megabytes a mail.
"""

from tests.hostile import REFUSED, kind, letter, utf8

MAX_BYTES = 2_000_000


@kind(REFUSED, sender=None)
def a_mail_above_the_limit(me: bytes) -> bytes:
    return utf8(me, "too much\n" * 300_000)


@kind(words=["xxx"], problems=["text_cut"])
def a_line_of_a_million_and_a_half_letters(me: bytes) -> bytes:
    return utf8(me, "x" * 1_500_000)


@kind(REFUSED, sender=None, to="somebody@elsewhere.example")
def a_recipient_who_is_not_here(me: bytes) -> bytes:
    return letter(me)


@kind(REFUSED, sender=None, to="root@localhost")
def a_recipient_on_the_machine_itself(me: bytes) -> bytes:
    return letter(me)


@kind(REFUSED, sender=None, to="support%elsewhere.example@desk.example.jp")
def a_recipient_to_be_passed_on(me: bytes) -> bytes:
    return letter(me)


@kind(words=["before", "MAIL FROM:<smuggled@example.com>", "after"], as_is=True)
def a_dot_between_bare_line_feeds(me: bytes) -> bytes:
    return letter(me, b"Subject: x\n", b"before\n.\nMAIL FROM:<smuggled@example.com>\nRCPT TO:<x>\nDATA\nafter")


@kind(words=["before", "MAIL FROM:<smuggled@example.com>", "after"], as_is=True)
def a_dot_before_a_full_line_end(me: bytes) -> bytes:
    return letter(me, b"Subject: x\n", b"before\n.\r\nMAIL FROM:<smuggled@example.com>\r\nafter")


@kind(words=["before", "MAIL FROM:<smuggled@example.com>", "after"], as_is=True)
def a_dot_before_a_bare_line_feed(me: bytes) -> bytes:
    return letter(me, b"Subject: x\n", b"before\r\n.\nMAIL FROM:<smuggled@example.com>\r\nafter")


@kind(words=["before", "MAIL FROM:<smuggled@example.com>", "after"], as_is=True)
def a_dot_between_carriage_returns(me: bytes) -> bytes:
    return letter(me, b"Subject: x\n", b"before\r.\rMAIL FROM:<smuggled@example.com>\r\nafter")


@kind(words=[".\n..\n.hidden"])
def lines_that_begin_with_dots(me: bytes) -> bytes:
    return letter(me, b"Subject: x\n", b"words\r\n.\r\n..\r\n.hidden\r\n")


@kind(words=["hello"], to="support+t1.0000000000000000@desk.example.jp")
def a_tag_that_nobody_gave(me: bytes) -> bytes:
    return letter(me, b"Subject: x\n")


@kind(words=["hello"])
def an_id_of_another_desks_mail(me: bytes) -> bytes:
    return letter(
        me,
        b"Subject: Re: [#1] x\nIn-Reply-To: <ticket-1.1@desk.example.jp>\nReferences: <ticket-1.1@desk.example.jp>\n",
    )
