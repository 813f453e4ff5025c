"""A mail of ours as it is written: the same words as text and as HTML, pictures in their place, nothing let in."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from helpdesk.mail import compose, replies
from models import Attachment, Direction, Message, MessageKind, MessageState, Ticket

NOW = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)
TICKET = Ticket(id=42, subject="注文の件", channel="mail", queue_id=1, token="0" * 20, created_at=NOW,
                last_contact_at=NOW)  # fmt: skip


def message(**told: Any) -> Message:
    standing: dict[str, Any] = {
        "id": 1, "ticket_id": 42, "direction": Direction.OUT, "state": MessageState.QUEUED, "kind": MessageKind.REPLY,
        "internet_id": compose.new_id("desk.example.jp", 42), "sender_name": "窓口", "created_at": NOW,
        "sender_address": "support@desk.example.jp", "to": ["tanaka@example.com"], "subject": "Re: 注文の件 [#42]",
    }  # fmt: skip
    return Message(**standing | told)


def composed(told: Message, **more: Any) -> EmailMessage:
    mail = message_from_bytes(
        compose.compose(told, TICKET, timezone="Asia/Tokyo", **more).as_bytes(), policy=policy.default
    )
    assert isinstance(mail, EmailMessage)
    return mail


def page(mail: EmailMessage) -> str:
    found = mail.get_body(("html",))
    assert found is not None
    return str(found.get_content())


def file(name: str, content_type: str, **told: Any) -> Attachment:
    return Attachment(message_id=1, name=name, content_type=content_type, size_bytes=3, sha256="0" * 64, **told)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("一行目\n二行目\n\n次の段落", "<p>一行目<br>\n二行目</p>\n<p>次の段落</p>"),
        ("<b>&\"'", "<p>&lt;b&gt;&amp;&quot;&#x27;</p>"),
        ("  字下げ", "<p>&nbsp;&nbsp;字下げ</p>"),
        ("https://example.com/a?b=1&c=2。", '<p><a href="https://example.com/a?b=1&amp;c=2">'
                                           "https://example.com/a?b=1&amp;c=2</a>。</p>"),
        ("(https://example.com/a).", '<p>(<a href="https://example.com/a">https://example.com/a</a>).</p>'),
        ("javascript:alert(1)", "<p>javascript:alert(1)</p>"),
        ("[a.png]", "<p>[a.png]</p>"),
        ("", ""),
    ],
    ids=["paragraphs", "escaped", "indented", "link", "link in brackets", "no link", "no such picture", "nothing"],
)  # fmt: skip
def test_what_was_written_becomes_plain_html(text: str, html: str) -> None:
    assert compose.to_html(text) == html


def test_quoted_lines_become_quotes_within_quotes_and_not_deeper_than_anybody_reads() -> None:
    made = compose.to_html("> 二度目\n> > 一度目\n答え")
    assert re.sub(r' style="[^"]*"', "", made) == (
        '<blockquote type="cite">\n<p>二度目</p>\n<blockquote type="cite">\n<p>一度目</p>\n</blockquote>\n'
        "</blockquote>\n<p>答え</p>"
    )
    assert compose.to_html(">" * 10_000 + " x").count("<blockquote") == compose.QUOTES_DEEP


def test_a_mail_says_the_same_as_text_and_as_html_in_utf_8() -> None:
    told = message(text="充電台をご確認ください。\nhttps://example.com/")
    heard = Message(ticket_id=42, direction=Direction.IN, state=MessageState.RECEIVED, sender_name="田中 美咲",
                    sender_address="tanaka@example.com", text="電源が入りません。", reply_text="電源が入りません。",
                    created_at=NOW)  # fmt: skip
    mail = composed(told, signature="窓口\n電話 03-0000-0000", quoted=heard)
    assert mail.get_content_type() == "multipart/alternative"
    text, html = mail.iter_parts()
    assert (text.get_content_charset(), html.get_content_charset()) == ("utf-8", "utf-8")
    plain = text.get_content()
    for words in ("充電台をご確認ください。", "電話 03-0000-0000", "電源が入りません。", "2026/11/16 10:00"):
        assert words in plain and words in html.get_content(), words
    assert "-- \n窓口" in plain.replace("\r\n", "\n") and "> 電源が入りません。" in plain
    assert '<a href="https://example.com/">' in html.get_content() and "<blockquote" in html.get_content()
    assert all(line.isascii() and len(line) < 999 for line in mail.as_bytes().splitlines())


def test_a_picture_named_in_the_text_stands_there_and_other_files_beside_the_mail() -> None:
    told = message(text="この部分です。\n[図.png]\nご確認ください。")
    shown = file("図.png", "image/png", is_inline=True, content_id="abc@desk.example.jp")
    mail = composed(told, files=[(shown, b"png"), (file("説明.pdf", "application/pdf"), b"pdf")])
    assert mail.get_content_type() == "multipart/mixed"
    assert '<img src="cid:abc@desk.example.jp" alt="図.png">' in page(mail)
    parts = {part.get_filename(): part for part in mail.walk() if part.get_filename()}
    assert parts["図.png"]["Content-ID"] == "<abc@desk.example.jp>"
    assert parts["図.png"].get_content_disposition() == "inline"
    assert parts["説明.pdf"].get_content_disposition() == "attachment"
    text = mail.get_body(("plain",))
    assert text is not None and "[図.png]" in text.get_content()


def test_a_name_of_a_file_puts_no_markup_into_the_mail() -> None:
    name = '"><script>alert(1)</script>.png'
    told = message(text=f"[{name}]")
    mail = composed(told, files=[(file(name, "image/png", is_inline=True, content_id="a@b"), b"png")])
    assert "<script" not in page(mail)


@pytest.mark.parametrize(
    ("name", "kind", "text", "is_placed"),
    [
        ("a.png", "image/png", "見て [a.png]", True),
        ("a.png", "image/png", "見て a.png", False),
        ("a.svg", "image/svg+xml", "[a.svg]", False),
        ("a.html", "text/html", "[a.html]", False),
    ],
)
def test_only_plain_pictures_stand_in_the_text(name: str, kind: str, text: str, is_placed: bool) -> None:
    assert compose.is_placed(name, kind, text) == is_placed


def test_message_ids_carry_the_ticket_and_more_than_eighty_random_bits() -> None:
    made = {compose.new_id("desk.example.jp", 42) for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"<t42\.[0-9a-f]{24}@desk\.example\.jp>", each) for each in made)


def test_a_receipt_is_marked_so_that_no_machine_answers_it_and_a_reply_is_not() -> None:
    receipt = composed(message(kind=MessageKind.RECEIPT, text="受け付けました。"))
    assert (receipt["Auto-Submitted"], receipt["X-Auto-Response-Suppress"]) == ("auto-replied", "All")
    reply = composed(message(text="はい"))
    assert reply["Auto-Submitted"] is None and reply["X-Auto-Response-Suppress"] is None


def test_blind_copies_are_named_nowhere_and_the_oldest_reference_comes_first() -> None:
    told = message(text="はい", bcc=["boss@example.com"], in_reply_to="<2@x>", references=["<2@x>", "<1@x>"])
    mail = composed(told)
    assert b"boss" not in mail.as_bytes()
    assert (mail["In-Reply-To"], mail["References"]) == ("<2@x>", "<1@x> <2@x>")
    assert mail["Reply-To"].addresses[0].addr_spec == f"support+t42.{'0' * 20}@desk.example.jp"


@pytest.mark.parametrize(("language", "at"), [("ja", "2026/11/16 10:00"), ("en", "16 Nov 2026 10:00")])
def test_the_quoted_mail_is_dated_as_its_reader_writes_and_found_again_in_an_answer(language: str, at: str) -> None:
    heard = message(text="It is broken.", sender_name="T. Tanaka", sender_address="tanaka@example.com")
    head, line = compose.quote(heard, language=language, timezone="Asia/Tokyo").splitlines()
    assert head == f"{at} T. Tanaka <tanaka@example.com>:" and line == "> It is broken."
    answer = replies.split(f"Thank you.\n\n{head}\n{line}\n", is_reply=True, is_forward=False)
    assert answer.reply == "Thank you."


@pytest.mark.parametrize(
    ("language", "rule", "at"),
    [("ja", "転送メッセージ", "2026/11/16 10:00"), ("en", "Forwarded message", "16 Nov 2026 10:00")],
)
def test_a_forwarded_mail_has_its_head_its_words_and_its_pictures(language: str, rule: str, at: str) -> None:
    heard = Message(ticket_id=42, direction=Direction.IN, state=MessageState.RECEIVED, sender_name="田中 美咲",
                    sender_address="tanaka@example.com", to=["support@desk.example.jp"], cc=["b@example.com"],
                    subject="電源", text="電源が入りません。", created_at=NOW)  # fmt: skip
    head = compose.forwarded_head(heard, language=language, timezone="Asia/Tokyo")
    html = '<p>電源が<b>入りません</b>。<img src="cid:old@x"><img data-remote-src="https://example.com/a.png"></p>'
    told = message(kind=MessageKind.FORWARD, text="x", reply_text="お願いします。", html=html,
                   quoted_text=f"{head}\n\n{heard.text}")  # fmt: skip
    picture = file("old.png", "image/png", is_inline=True, content_id="old@x")
    mail = composed(told, files=[(picture, b"png")])
    plain = mail.get_body(("plain",))
    assert plain is not None
    for words in (rule, "田中 美咲 <tanaka@example.com>", at, "電源", "b@example.com"):
        assert words in plain.get_content() and words.replace("<", "&lt;").replace(">", "&gt;") in page(mail), words
    assert "お願いします。" in page(mail) and "<b>入りません</b>" in page(mail) and 'src="cid:old@x"' in page(mail)
    assert any(part["Content-ID"] == "<old@x>" for part in mail.walk())
