"""What holds for any bytes, and for any words sent properly in any charset Japan has used."""

import base64
import quopri
from email.header import Header
from email.message import EmailMessage
from email.mime.text import MIMEText
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk.mail import parse, replies
from helpdesk.mail.files import safe_name
from tests.hostile import KINDS
from tests.hostile.promises import broken

MESSAGES = Path(__file__).parent / "messages"
SMALL = [raw for one in KINDS if len(raw := one.raw()) < 3_000]
LINES = sorted({line for raw in SMALL for line in raw.split(b"\r\n") if len(line) < 200})
EASY = settings(max_examples=150, deadline=None)

# Letters that each charset has, as senders' tables have them; none whose spelling the tables disagree on.
PLAIN = "abcXYZ 0123456789.,!?()"
KANA = "あいうえおがぎぐげごぱぴぷぺぽアイウエオガギグゲゴヴー"
KANJI = "日本語返品交換掃除機電源入注文届遅連絡願致件名様田中鈴木佐藤"
MARKS = "、。「」・：；？！々〇"
WINDOWS = "①②⑳㈱㍻№℡髙﨑～－∥ﾊﾝｶｸｶﾞ"
LETTERS = {
    "iso-2022-jp": ("iso2022_jp", PLAIN + KANA + KANJI + MARKS),
    "shift_jis": ("cp932", PLAIN + KANA + KANJI + MARKS + WINDOWS),
    "windows-31j": ("cp932", PLAIN + KANA + KANJI + MARKS + WINDOWS),
    "euc-jp": ("euc_jp", PLAIN + KANA + KANJI + MARKS),
    "utf-8": ("utf-8", PLAIN + KANA + KANJI + MARKS + WINDOWS + "😀👍éß한국어中"),
    "utf-16": ("utf-16", PLAIN + KANA + KANJI + WINDOWS),
}


def sentences(letters: str) -> st.SearchStrategy[str]:
    """Words with nothing blank at their ends, at least one letter of them Japanese."""
    words = st.text(st.sampled_from(letters), min_size=1, max_size=60).map(lambda text: " ".join(text.split()))
    return words.map(lambda text: f"件{text}名")


def sent() -> st.SearchStrategy[tuple[str, str, str, list[str]]]:
    """A charset, its codec, and a subject and lines that it can say."""
    return st.sampled_from(sorted(LETTERS)).flatmap(lambda charset: st.tuples(
        st.just(charset), st.just(LETTERS[charset][0]), sentences(LETTERS[charset][1]),
        st.lists(sentences(LETTERS[charset][1]), min_size=1, max_size=5)))  # fmt: skip


def word(text: str, charset: str, codec: str) -> bytes:
    return b"=?" + charset.encode() + b"?B?" + base64.b64encode(text.encode(codec)) + b"?="


@EASY
@given(sent(), st.sampled_from(["base64", "quoted-printable", "8bit"]))
def test_words_sent_in_any_japanese_charset_arrive(mail, encoding):
    charset, codec, subject, lines = mail
    body = "\r\n".join(lines).encode(codec)
    if encoding == "base64":
        body = base64.encodebytes(body)
    elif encoding == "quoted-printable" and charset != "utf-16":
        body = quopri.encodestring(body)
    elif charset == "utf-16":
        encoding = "8bit"
    raw = (b"From: " + word("田中", charset, codec) + b" <tanaka@example.com>\r\nSubject: "
           + word(subject, charset, codec)
           + b"\r\nContent-Type: text/plain; charset=" + charset.encode() + b"\r\nContent-Transfer-Encoding: "
           + encoding.encode() + b"\r\n\r\n" + body)  # fmt: skip
    email = parse.read(raw)
    assert email.sender == parse.Address("田中", "tanaka@example.com")
    assert (email.subject, email.text) == (parse.charsets.nfc(subject), parse.charsets.nfc("\n".join(lines)))


@EASY
@given(sent())
def test_what_the_standard_library_writes_in_a_japanese_charset_is_read_back(mail):
    charset, _, subject, lines = mail
    try:
        "".join((subject, *lines)).encode("iso2022_jp")  # which is what it writes for every Japanese charset
    except UnicodeEncodeError:
        charset = "utf-8"
    charset = charset if charset in ("iso-2022-jp", "shift_jis", "euc-jp") else "utf-8"
    written = MIMEText("\n".join(lines), "plain", charset)
    written["Subject"] = Header(subject, charset)
    written["From"] = "tanaka@example.com"
    email = parse.read(written.as_bytes())
    assert (email.subject, email.text) == (parse.charsets.nfc(subject), parse.charsets.nfc("\n".join(lines)))


@EASY
@given(st.lists(st.tuples(sentences(LETTERS["utf-8"][1]), st.binary(max_size=300)), min_size=1, max_size=4))
def test_files_the_standard_library_attaches_come_out_with_name_and_bytes(files):
    written = EmailMessage()
    written["From"] = "tanaka@example.com"
    written.set_content("本文")
    for name, data in files:
        written.add_attachment(data, maintype="application", subtype="octet-stream", filename=f"{name}.bin")
    email = parse.read(written.as_bytes())
    expected = [safe_name(f"{name}.bin", "application/octet-stream", number=1) for name, _ in files]
    assert [file.name for file in email.attachments] == expected
    assert [file.content for file in email.attachments] == [data for _, data in files]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(LINES) | st.binary(max_size=60), max_size=30), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_lines_of_hostile_mails_in_any_order_break_no_promise(lines, end):
    assert broken(parse.read(end.join(lines))) == ""


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SMALL), st.integers(0, 3000), st.integers(0, 300), st.binary(max_size=60))
def test_hostile_mails_with_a_hole_in_them_break_no_promise(raw, start, length, noise):
    assert broken(parse.read(raw[:start] + noise + raw[start + length :])) == ""


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=3000))
def test_noise_breaks_no_promise(raw):
    assert broken(parse.read(b"From: a@example.com\r\n" + raw)) == ""


_QUOTES = ["> 引用", ">> 引用の引用", "＞ 全角", "| 罫線", "", "-- ", "━━━━━━", "本文です。",
           "田中 花子", "TEL 03-5550-0123",
           "2025年1月6日(月) 10:00 窓口 <s@example.jp>:", "差出人: 窓口", "送信日時: 2025年1月6日", "件名: x",
           "宛先: 田中",
           "-----Original Message-----", "iPhoneから送信", "On Mon, Jan 6, 2025 a <a@b.example> wrote:",
           "- ねじ", "***"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_QUOTES) | st.text(max_size=20), max_size=30), st.booleans(), st.booleans())
def test_no_line_with_words_is_lost_or_made_up_between_reply_quote_and_signature(lines, is_reply, is_forward):
    text = parse.charsets.nfc("\n".join(lines))
    split = replies.split(text, is_reply=is_reply, is_forward=is_forward)
    together = "\n".join((split.reply, split.quoted, split.signature))
    assert sorted(filter(None, (line.strip() for line in text.split("\n")))) == sorted(
        filter(None, (line.strip() for line in together.split("\n")))
    )
    if is_forward:
        assert split.reply.strip("\n").rstrip() == text.strip("\n").rstrip()
