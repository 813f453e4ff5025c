"""Mail that means harm, or only looks odd: nothing of it is lost, nothing of it stops the desk."""

import json
import smtplib
from html import unescape

import pytest
from pydantic import SecretStr

from helpdesk.mail import parse
from helpdesk.runtime import work
from helpdesk.settings import Settings
from models import Inbound, MessageState, Parked, TicketState
from tests.cast import BEN, DESK_ADDRESS, RETURNS_ADDRESS, SATO, STRANGER, TANAKA, Clock, OpenDesk, part, text_of
from tests.conftest import open_desk
from tests.mails import bounce
from tests.patience import PATIENCE_SECONDS, an_end, until
from tests.postbox import Postbox

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def envelope(desk: OpenDesk, sender: bytes, recipient: bytes, raw: bytes) -> None:
    """A mail whose envelope is written byte by byte."""
    with smtplib.SMTP("127.0.0.1", desk.app.state.desk.mail_port) as smtp:
        smtp.ehlo()
        assert smtp.sock is not None
        for line, expected in ((b"MAIL FROM:<" + sender + b"> SMTPUTF8", 250), (b"RCPT TO:<" + recipient + b">", 250),
                               (b"DATA", 354), (raw + b"\r\n.", 250)):  # fmt: skip
            smtp.sock.sendall(line + b"\r\n")
            code, words = smtp.getreply()
            assert code == expected, (line[:40], code, words)
    desk.read_everything()


# --- kept --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["From", "Subject", "Date"])
def test_mails_that_share_id_and_words_but_not_sender_subject_or_date_are_two(desk: OpenDesk, field: str) -> None:
    fields = {"From": TANAKA.email, "Subject": "返品", "Date": "Mon, 16 Nov 2026 10:00:00 +0900"}
    other = {"From": STRANGER.email, "Subject": "故障", "Date": "Mon, 16 Nov 2026 11:00:00 +0900"}
    for told in (fields, fields | {field: other[field]}):
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        desk.mail(raw=(f"{head}Message-ID: <form@example.com>\r\n"
                       "Content-Type: text/plain; charset=utf-8\r\n\r\nお願いします。\r\n").encode())  # fmt: skip
    assert len(desk.messages()) == 2


def test_a_second_delivery_with_other_trace_headers_and_other_folding_is_the_same_mail(desk: OpenDesk) -> None:
    desk.mail(raw=b"Received: by one\r\nFrom: tanaka@example.com\r\nSubject: a long\r\n one\r\nMessage-ID: <1@a>\r\n"
                  b"\r\nhello\r\n")  # fmt: skip
    desk.mail(raw=b"Received: by two\r\nSubject: a long one\r\nFrom: tanaka@example.com\r\nMessage-ID: <1@a>\r\n"
                  b"\r\nhello\r\n")  # fmt: skip
    assert len(desk.messages()) == 1


def test_mails_without_a_blank_line_below_their_head_are_told_apart_by_all_their_bytes(desk: OpenDesk) -> None:
    for words in (b"one", b"two"):
        desk.mail(raw=b"From: tanaka@example.com\r\nMessage-ID: <1@a>\r\nSubject: x\r\n" + words + b"\r\n")
    assert desk.count(Inbound) == 2


@pytest.mark.parametrize(("sender", "recipient"), [
    (b"tana\x00ka@example.com", DESK_ADDRESS.encode()),
    (b"tana\xffka@example.com", DESK_ADDRESS.encode()),
    (b"tanaka@example.com", DESK_ADDRESS.replace("@", "+a\x00b@").encode()),
    (b"tanaka@example.com", DESK_ADDRESS.encode().replace(b"@", b"+a\xffb@")),
])  # fmt: skip
def test_an_envelope_no_database_likes_is_taken(desk: OpenDesk, sender: bytes, recipient: bytes) -> None:
    envelope(desk, sender, recipient, b"From: tanaka@example.com\r\nSubject: x\r\n\r\nhello\r\n")
    assert len(desk.tickets()) == 1 and desk.count(Parked) == 0


@pytest.mark.parametrize("place", ["body", "subject", "html"])
def test_half_a_character_of_utf_7_parks_nothing(desk: OpenDesk, place: str) -> None:
    half = b"before +2AA- after"
    head = b"From: Tanaka <tanaka@example.com>\r\nSubject: " + (
        b"=?utf-7?q?+2AA-_after?=" if place == "subject" else b"x")  # fmt: skip
    kind = b"text/html" if place == "html" else b"text/plain"
    body = b"<p>" + half + b"</p>" if place == "html" else half
    desk.mail(raw=head + b"\r\nContent-Type: " + kind + b"; charset=utf-7\r\n\r\n" + body + b"\r\n")
    assert desk.count(Parked) == 0
    (message,) = desk.messages()
    assert "after" in message.text + message.subject
    kept = message.text + message.subject + message.html
    assert kept.encode("utf-8")  # what a database, and a page, can hold
    assert "\ufffd" in kept


# --- threads -----------------------------------------------------------------------------------------------------


def test_whoever_knows_the_tickets_own_address_takes_part_from_any_address(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    desk.post(desk.reply(BEN, 1, "ご確認ください。"))
    desk.as_(BEN).post("/tickets/1/resolve")
    home = postbox.last["Reply-To"].addresses[0].addr_spec
    desk.mail("田中 <tanaka.private@example.net>", subject="Re: ご相談", body="自宅から返信します。", to=home)
    (ticket,) = desk.tickets()
    assert ticket.state == TicketState.OPEN and ticket.awaits_us
    assert not desk.messages(1)[-1].is_from_stranger
    desk.post(desk.reply(BEN, 1, "承知しました。"))
    assert postbox.mails[-1][0].rcpt_tos == ["tanaka.private@example.net"]


def test_a_stranger_who_quotes_an_id_of_a_resolved_ticket_opens_a_new_one_that_names_it(desk: OpenDesk) -> None:
    asked = desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/resolve")
    desk.mail(STRANGER, subject="Re: 電源が入らない", headers={"In-Reply-To": asked}, to=RETURNS_ADDRESS)
    old, new = desk.tickets()
    assert (old.state, new.state) == (TicketState.RESOLVED, TicketState.OPEN)
    assert len(desk.messages(old.id)) == 1 and len(desk.messages(new.id)) == 1
    assert "Says that it belongs to #1" in text_of(desk.as_(BEN).get(f"/tickets/{new.id}").text)
    assert "#2 says that it belongs here" in text_of(desk.as_(BEN).get(f"/tickets/{old.id}").text)


def test_a_strangers_robot_that_answers_a_resolved_ticket_opens_nothing(desk: OpenDesk) -> None:
    asked = desk.mail(to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/resolve")
    desk.mail(STRANGER, subject="不在通知", headers={"In-Reply-To": asked, "Auto-Submitted": "auto-replied"})
    (ticket,) = desk.tickets()
    assert ticket.state == TicketState.RESOLVED and not ticket.awaits_us


def test_a_stranger_on_an_open_ticket_makes_somebody_look(desk: OpenDesk, postbox: Postbox) -> None:
    asked = desk.mail(to=RETURNS_ADDRESS)
    desk.post(desk.reply(BEN, 1, "ご確認ください。"))
    assert not desk.tickets()[0].awaits_us
    ben = desk.screen_of(BEN)
    desk.mail(STRANGER, subject="Re: ご相談", body="住所を教えて。", headers={"In-Reply-To": asked})
    (ticket,) = desk.tickets()
    assert ticket.awaits_us and desk.messages(1)[-1].is_from_stranger
    assert ticket.snippet == "ご確認ください。"  # the list shows no stranger's words as the customer's
    ben.check()


# --- bounces -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sender", ["postmaster@example.com", "bounces@example.com"])
def test_a_mail_that_only_reads_like_a_bounce_is_a_ticket_when_nothing_of_ours_came_back(
    desk: OpenDesk, sender: str
) -> None:
    desk.mail(f"Yamada <{sender}>", subject="Delivery problem: parcel could not be delivered",
              body="The parcel could not be delivered to us. Where is it?", to=RETURNS_ADDRESS)  # fmt: skip
    (ticket,) = desk.tickets()
    assert ticket.awaits_us and desk.messages()[0].is_automatic
    assert ticket.subject == "Delivery problem: parcel could not be delivered"
    desk.mail(raw=bounce("<not-ours@elsewhere.example.org>", "5.1.1"))
    assert len(desk.tickets()) == 1  # a report says so itself


def test_a_bounce_in_words_alone_marks_the_mail_it_quotes(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    message = desk.reply(BEN, 1, "はい")
    desk.post(message)
    desk.mail("postmaster@example.com", subject="Undelivered mail",
              body=f"user unknown\n\nMessage-ID: {message.internet_id}\n", to=RETURNS_ADDRESS)  # fmt: skip
    assert len(desk.tickets()) == 1 and desk.messages(1)[-1].state == MessageState.FAILED


def test_a_services_bounce_with_half_a_character_parks_nothing(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    message = desk.reply(BEN, 1, "はい")
    desk.post(message)
    for named in (message.internet_id.strip("<>"), "a\ud800b@example.org"):
        told = {"notificationType": "Bounce", "mail": {"messageId": named},
                "bounce": {"bouncedRecipients": [{"status": "5.1.1\ud800\0"}]}}  # fmt: skip
        desk.mail("no-reply@sns.example.com", subject="AWS Notification Message", body=json.dumps(told))
    assert desk.count(Parked) == 0 and len(desk.tickets()) == 1
    assert desk.messages(1)[-1].state == MessageState.FAILED


def test_a_bounce_in_words_alone_that_nobody_signed_is_shown_to_a_supervisor(desk: OpenDesk) -> None:
    desk.mail(raw=b"Return-Path: <>\r\nFrom: <>\r\nSubject: Undelivered mail\r\n\r\nuser unknown\r\n")
    assert desk.count(Parked) == 1 and not desk.tickets()


# --- out ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["a@[1.2.3", "a@", "a@b..c", "a@.example.com", "a@b)c", "a@c:d", "a\x07b@example.com",
                                "a@[1.2.3]x", "a" * 300 + "@example.com", "a@" + "b" * 300])  # fmt: skip
@SQLITE
def test_a_reply_to_what_is_no_address_is_refused_on_the_page(desk: OpenDesk, postbox: Postbox, to: str) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    assert desk.as_(BEN).post("/tickets/1/reply", data={"body": "x", "to": to}).status_code == 422
    assert desk.as_(BEN).post("/tickets/1/reply", data={"body": "x", "cc": to}).status_code == 422
    assert len(desk.messages()) == 1


@pytest.mark.parametrize(("to", "head"), [
    ("a..b@docomo.example.jp", '"a..b"@docomo.example.jp'),
    (".a@docomo.example.jp", '".a"@docomo.example.jp'),
    ("a.@docomo.example.jp", '"a."@docomo.example.jp'),
    ('"a..b."@docomo.example.jp', '"a..b."@docomo.example.jp'),
    ("a@[192.0.2.1]", "a@[192.0.2.1]"),
    ("o'hara+desk@example.com", "o'hara+desk@example.com"),
])  # fmt: skip
@SQLITE
def test_a_reply_to_an_old_carrier_address_leaves_for_it(desk: OpenDesk, postbox: Postbox, to: str, head: str) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    assert desk.as_(BEN).post("/tickets/1/reply", data={"body": "x", "to": to}).status_code == 200
    desk.post(desk.messages()[-1])
    assert postbox.mails[0][0].rcpt_tos == [to.replace('"', "")]  # where SMTP asks for no quotes
    assert desk.messages()[-1].state == MessageState.SENT
    assert f"To: {head}\r\n".encode() in postbox.mails[0][0].content


@SQLITE
def test_a_reply_goes_to_a_hundred_addresses_at_most(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    many = [f"a{number}@example.com" for number in range(101)]
    refused = desk.as_(BEN).post("/tickets/1/reply", data={"body": "x", "to": many[0], "cc": ", ".join(many[1:])})
    assert refused.status_code == 422 and "100" in text_of(refused.text)
    assert len(desk.messages()) == 1
    taken = desk.as_(BEN).post("/tickets/1/reply", data={"body": "x", "to": many[0], "cc": ", ".join(many[1:100])})
    assert taken.status_code == 200 and len(desk.messages()) == 2


@pytest.mark.parametrize("kind", ["message/delivery-status", "message/rfc822", "multipart/mixed", "nonsense"])
@SQLITE
def test_a_file_of_any_kind_goes_out(desk: OpenDesk, postbox: Postbox, kind: str) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    message = desk.reply(BEN, 1, "報告書です。", files={"attachments": ("report.eml", b"Status: 5.1.1\n", kind)})
    desk.post(message)
    (attached,) = postbox.last.iter_attachments()
    assert attached.get_content_type() == "application/octet-stream"
    assert (attached.get_filename(), attached.get_content()) == ("report.eml", b"Status: 5.1.1\n")


def test_one_refused_recipient_of_two_is_shown_beside_sent_and_the_mail_goes_no_second_time(
    desk: OpenDesk, postbox: Postbox
) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/reply", data={"body": "はい", "cc": "gone@example.com"})
    postbox.refuses.add("gone@example.com")
    ben = desk.screen_of(BEN, "/tickets/1")
    message = desk.messages()[-1]
    desk.post(message)
    desk.post(message)
    sent = desk.messages()[-1]
    assert sent.state == MessageState.SENT and sent.sent_at is not None and len(postbox.mails) == 1
    shown = text_of(part(desk.as_(BEN).get("/tickets/1").text, f"message-{message.id}"))
    assert "Sent" in shown and "gone@example.com: 5.1.1 Nobody of that name" in shown
    ben.check()


def test_a_mail_that_cannot_be_made_fails_visibly_and_is_sent_by_a_replay(
    settings: Settings, clock: Clock, postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The condition is real: the attachment's bytes are gone from the disk for a moment."""
    monkeypatch.setattr(work, "PAUSES", ())
    with open_desk(settings, clock, works=True) as desk:
        desk.mail(to=RETURNS_ADDRESS)
        folder = desk.app.state.desk.settings.attachments
        settings.smtp_url = SecretStr("smtp://127.0.0.1:9")
        desk.reply(BEN, 1, "図です。", files={"attachments": ("a.txt", b"abc", "text/plain")})
        until(lambda: desk.messages(1)[-1].state == MessageState.FAILED)
        folder.rename(folder.with_name("away"))
        settings.smtp_url = SecretStr(postbox.url)
        assert replay(desk, 1) == 200
        until(lambda: desk.count(Parked) == 2 and desk.messages(1)[-1].state == MessageState.FAILED)
        shown = text_of(part(desk.as_(BEN).get("/tickets/1").text, f"message-{desk.messages(1)[-1].id}"))
        assert "Something went wrong on our side" in shown
        folder.with_name("away").rename(folder)
        assert replay(desk, 2) == 200
        until(lambda: desk.messages(1)[-1].state == MessageState.SENT)
        assert len(postbox.mails) == 1


def replay(desk: OpenDesk, parked_id: int) -> int:
    """A supervisor tries it again."""
    return int(desk.as_(SATO).post(f"/admin/parked/{parked_id}/replay").status_code)


# --- in bounded time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "piece"), [
    ("html", "&"), ("html", "& "), ("html", "&a"), ("html", "&abc;"), ("html", "&amp"), ("html", "&#26085"),
    ("html", "<"), ("html", "</"), ("plain", "<"), ("plain", "On Mon, Jan 6, 2025 at 10:00\n"),
    ("plain", "2025年1月6日(月) 10:00\n"),
])  # fmt: skip
def test_two_megabytes_of_one_sign_are_read_in_seconds(kind: str, piece: str) -> None:
    head = f"From: a@example.com\r\nSubject: Re: x\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n"
    raw = (head + piece * (2_000_000 // len(piece.encode()))).encode()
    with an_end():
        email = parse.read(raw, seconds=PATIENCE_SECONDS)
    assert email.text and not email.unreadable


@pytest.mark.parametrize("words", ["R&D &amp; &lt;b&gt; < 3 </ <", "&#26085;&#x672C;" * 60_000])
def test_signs_that_look_like_markup_are_shown_as_they_were_written(words: str) -> None:
    raw = f"From: a@example.com\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{words}</p>\r\n".encode()
    email = parse.read(raw)
    assert email.text == unescape(words) and "html_cut" not in email.problems
