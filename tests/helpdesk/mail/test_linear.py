"""Eight times the bytes, about eight times the work, on endless repetitions of what is hard to read.

Processor time of n against 8n, the best of some readings each. A quadratic step would cost 64 times as much; the
bound is 24, three times what a straight line costs, so that neither a busy machine nor a cache too small for the larger
mail decides. A step too short to measure passes. The sizes stay below the reader's own limits, which would hide the
slope. Ampersands and open elements are missing: the sanitizer takes the square of their number, and `html.ENTITIES` and
`html.TAGS` say how many it gets.
"""

import time

import pytest

from helpdesk.mail import parse
from tests.patience import PATIENCE_SECONDS

HEAD = b"From: a@example.com\r\nSubject: Re: x\r\nIn-Reply-To: <a@b>\r\nContent-Type: text/%s; charset=%s\r\n\r\n"
TEXT, PAGE, JIS = HEAD % (b"plain", b"utf-8"), HEAD % (b"html", b"utf-8"), HEAD % (b"plain", b"iso-2022-jp")
FIELD = b"From: a@example.com\r\n"
# What stands before, what is repeated, how many times, what stands behind.
ENDLESS: dict[str, tuple[bytes, bytes, int, bytes]] = {
    "blanks": (TEXT + b"a", b" ", 200_000, b"b"),
    "line ends": (TEXT + b"a", b"\n", 200_000, b"b"),
    "lines that may open a quote": (TEXT, b"On Mon, Jan 6, 2025 at 10:00\n", 4_000, b""),
    "japanese dates": (TEXT, "2025年1月6日(月) 10:00\n".encode(), 4_000, b""),
    "names that may open a quote": (TEXT, b'"a" <b@example.com>\n', 4_000, b""),
    "dashes": (TEXT, b"-", 200_000, b""),
    "rules": (TEXT, b"-----\n", 4_000, b""),
    "quote marks": (TEXT, b"> ", 100_000, b""),
    "quotes and answers": (TEXT, b"> a\nb\n", 2_000, b""),
    "fields": (TEXT, b"From: a\nSent: b\nTo: c\nx\n", 2_000, b""),
    "marks over letters": (TEXT + b"a", "\u0316\u0301".encode(), 20_000, b""),
    "japanese": (TEXT, "掃除機の電源が入りません。\n".encode(), 4_000, b""),
    "flowed lines": (TEXT.replace(b"utf-8", b"utf-8; format=flowed"), b"> a \n", 20_000, b""),
    "jis escapes": (JIS, b"\x1b$B$3\x1b(B", 30_000, b""),
    "open jis escapes": (JIS, b"\x1b$B", 60_000, b""),
    "open jis lines": (JIS + b"\x1b$B", b"$3\n", 3_000, b""),
    "lost jis escapes": (JIS, b"$B$3(B\n", 20_000, b""),
    "shifted kana": (JIS, b"\x0e1\x0f", 3_000, b""),
    "half characters": (HEAD % (b"plain", b"shift_jis"), b"\x81", 100_000, b""),
    "bytes of no charset": (HEAD % (b"plain", b"x"), b"\xff\xfe\x80", 50_000, b""),
    "halves of characters in utf-7": (HEAD % (b"plain", b"utf-7"), b"+2AA-", 30_000, b""),
    "soft line ends": (TEXT.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"), b"=\r\n",
                       100_000, b""),
    "padding": (TEXT.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"), b"YQ==", 50_000, b""),
    "uuencode": (TEXT.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n"), b"M\r\n",
                 50_000, b""),
    "angle brackets": (PAGE, b"<", 100_000, b""),
    "elements": (PAGE, b"<p>x</p>", 5_000, b""),
    "open comments": (PAGE, b"<!--", 30_000, b""),
    "open quotes": (PAGE, b'<a href="', 3_000, b""),
    "open scripts": (PAGE, b"<script>", 5_000, b""),
    "attributes": (PAGE + b"<p ", b"a=b ", 30_000, b">"),
    "hidden classes": (PAGE + b"<style>", b".a,.b{display:none}", 2_000, b"</style><p class=a>x</p>"),
    "style sheets": (PAGE, b"<style>{{{</style>", 2_000, b""),
    "pieces of a style": (PAGE + b"<p style='", b"color:red;", 10_000, b"'>x</p>"),
    "blank letters in a page": (PAGE + "あ".encode(), b" \n", 60_000, "い".encode()),
    "encoded words": (FIELD + b"Subject: ", b"=?utf-8?Q?a?= ", 2_000, b"\r\n\r\nx"),
    "open encoded words": (FIELD + b"Subject: ", b"=?a?b?", 4_000, b"\r\n\r\nx"),
    "comments in addresses": (FIELD + b"To: ", b"(", 30_000, b"\r\n\r\nx"),
    "brackets in addresses": (FIELD + b"To: ", b"<", 30_000, b"\r\n\r\nx"),
    "quotes in addresses": (FIELD + b"To: ", b'"a', 15_000, b"\r\n\r\nx"),
    "groups in addresses": (FIELD + b"To: ", b"a:", 15_000, b"\r\n\r\nx"),
    "recipients without an at sign": (FIELD + b"To: ", b"a,", 900, b"\r\n\r\nx"),
    "parameters": (FIELD + b"Content-Type: text/plain", b';a="', 10_000, b"\r\n\r\nx"),
    "pieces of a name": (FIELD + b"Content-Disposition: attachment", b"; filename*0*=a", 90, b"\r\n\r\nx"),
    "folded lines": (FIELD + b"X: a", b"\n b", 1_400, b"\r\n\r\nx"),
    "stray lines": (FIELD, b"no field\n", 9_000, b"Subject: x\r\n\r\nx"),
    "boundaries": (FIELD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", b"--b\r\n\r\n", 450, b""),
    "boundaries that are none": (FIELD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", b"--bx\r\n",
                                 40_000, b""),
    "dashes of no boundary": (FIELD + b"Content-Type: multipart/mixed\r\n\r\n", b"--a\n", 10_000, b""),
    "nested parts": (FIELD, b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", 45, b"\r\n\r\nx"),
    "calendar lines": (FIELD + b"Content-Type: text/calendar\r\n\r\nBEGIN:VEVENT\r\n", b'A;B="', 60_000, b""),
    "folded calendar lines": (FIELD + b"Content-Type: text/calendar\r\n\r\nBEGIN:VEVENT\r\nSUMMARY:",
                              b"\n a", 2_000, b""),
    "reports": (FIELD + b"Content-Type: message/delivery-status\r\n\r\n", b"Action: x\r\nStatus: 5.\r\n", 1_000, b""),
    "json": (TEXT + b'{"notificationType":', b"[", 9_000, b""),
}  # fmt: skip


def seconds(raw: bytes) -> float:
    """Of the processor, for one reading."""
    began = time.thread_time()
    parse.read(raw, seconds=PATIENCE_SECONDS)
    return time.thread_time() - began


@pytest.mark.parametrize("name", ENDLESS)
def test_eight_times_as_much_takes_about_eight_times_as_long(name: str) -> None:
    before, repeated, count, behind = ENDLESS[name]
    once, eight = (before + repeated * (count * times // 4) + behind for times in (1, 8))
    parse.read(once)  # what is made once for all mails is made now
    small = large = float("inf")
    for _ in range(20):
        small, large = min(small, seconds(once)), min(large, seconds(eight))
        if large < 24 * small + 0.003:
            break
    assert large < 24 * small + 0.003, f"{small:.4f} s, {large:.4f} s"


def test_after_its_time_is_over_the_reader_leaves_out_what_remains_and_says_so() -> None:
    files = b"".join(b"--b\r\nContent-Type: text/html\r\n\r\n<p>word %d</p>\r\n" % n for n in range(900))
    raw = (FIELD + b"Subject: many\r\nMessage-ID: <1@example.com>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
           b"--b\r\n\r\nfirst words\r\n" + files)  # fmt: skip
    whole, late = parse.read(raw), parse.read(raw, seconds=0)
    assert "time_cut" in late.problems and "time_cut" not in whole.problems
    assert late.sender == whole.sender and late.subject == "many" and late.message_id == "<1@example.com>"
    assert late.text.endswith(parse.CUT) and not late.unreadable
    assert whole.text.startswith("first words") and "word 899" in whole.text

    some = parse.read(raw, seconds=0.0001)  # what no machine reads nine hundred pages in
    assert "time_cut" in some.problems and "word 899" not in some.text
