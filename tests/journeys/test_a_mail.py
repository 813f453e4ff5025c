"""A mail, from the sender's SMTP session to the ticket on the screen."""

import smtplib
import threading

import pytest
from sqlmodel import col, select

from helpdesk.settings import Settings
from models import ContactPoint, Inbound, Message, Parked, Routing
from tests.cast import (
    AIKO,
    BEN,
    DESK_ADDRESS,
    MONDAY,
    RETURNS_ADDRESS,
    SATO,
    TANAKA,
    Busy,
    Clock,
    OpenDesk,
    part,
    text_of,
)
from tests.conftest import open_desk
from tests.patience import PATIENCE_SECONDS
from web.words import WORDS

RETURN_WORDS = (
    "先日購入した靴を返品したいです。サイズが合わなかったため、返品の手続きと返送先を教えてください。"
    "未使用で箱も残っています。返金をお願いします。"
)
VAGUE_WORDS = "お送りします。"


# --- arriving ---------------------------------------------------------------------------------------------------------


def test_a_mail_to_a_queues_address_appears_live_for_those_who_serve_it(desk: OpenDesk) -> None:
    ben, aiko, sato = desk.screen_of(BEN), desk.screen_of(AIKO), desk.screen_of(SATO)
    desk.mail(subject="返品したい", body="サイズが合わないので返品したいです。", to=RETURNS_ADDRESS)
    (ticket,) = desk.tickets()
    assert desk.queue_of(ticket) == "returns" and ticket.routed_by == "by_address"
    assert ben.tickets == sato.tickets == [ticket.id]
    assert aiko.tickets == []
    for screen in (ben, aiko, sato):
        screen.check()


def test_its_sender_is_matched_by_address_and_its_words_are_on_the_ticket(desk: OpenDesk) -> None:
    desk.mail("田中 <Tanaka@EXAMPLE.com>", subject="使い方", body="電源が入りません。\n\nよろしくお願いします。")
    (ticket,) = desk.tickets()
    assert (ticket.customer_id, ticket.subject, ticket.channel.value) == (desk.customer(TANAKA).id, "使い方", "mail")
    assert ticket.snippet.startswith("電源が入りません。") and ticket.awaits_us
    page = text_of(desk.as_(SATO).get(f"/tickets/{ticket.id}").text)
    assert "電源が入りません。" in page and "使い方" in page and "コードレス掃除機 KZ-200" in page


def test_two_hundred_and_fifty_is_said_only_after_the_bytes_are_committed(desk: OpenDesk) -> None:
    busy = Busy(desk)
    busy.begin()
    busy.wait_until_begun()
    raw = b"From: a@example.com\r\nSubject: x\r\n\r\nx\r\n"

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", desk.app.state.desk.mail_port) as smtp:
            smtp.sendmail("a@example.com", [DESK_ADDRESS], raw)

    sender = threading.Thread(target=send)
    sender.start()
    sender.join(0.3)
    assert sender.is_alive() and desk.count(Inbound) == 0  # nothing could be stored, so nothing is promised
    busy.end()
    sender.join(PATIENCE_SECONDS)
    assert not sender.is_alive() and desk.count(Inbound) == 1


def test_what_cannot_be_stored_is_answered_with_a_temporary_error_and_taken_at_the_next_try(desk: OpenDesk) -> None:
    """The condition is real: the table is gone for a moment, as with a disk that refuses."""
    desk.write(lambda db: db.connection().exec_driver_sql("ALTER TABLE inbound RENAME TO inbound_away"))
    raw = b"From: tanaka@example.com\r\nMessage-ID: <1@example.com>\r\nSubject: x\r\n\r\nhello\r\n"
    with smtplib.SMTP("127.0.0.1", desk.app.state.desk.mail_port) as smtp:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            smtp.sendmail("tanaka@example.com", [DESK_ADDRESS], raw)
        assert refused.value.smtp_code == 451
        desk.write(lambda db: db.connection().exec_driver_sql("ALTER TABLE inbound_away RENAME TO inbound"))
        smtp.sendmail("tanaka@example.com", [DESK_ADDRESS], raw)
    desk.read_everything()
    assert len(desk.tickets()) == 1


def test_an_address_that_is_not_the_desks_is_refused_so_nothing_is_relayed(desk: OpenDesk) -> None:
    with smtplib.SMTP("127.0.0.1", desk.app.state.desk.mail_port) as smtp:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            smtp.sendmail("tanaka@example.com", ["somebody@elsewhere.example.org"], b"Subject: x\r\n\r\nx")
    assert [code for code, _ in refused.value.recipients.values()] == [550]
    assert desk.count(Inbound) == 0


def test_a_mail_beyond_the_limit_is_refused(settings: Settings, clock: Clock) -> None:
    settings.mail_max_bytes = 20_000
    with open_desk(settings, clock) as desk, smtplib.SMTP("127.0.0.1", desk.app.state.desk.mail_port) as smtp:
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            smtp.sendmail("a@example.com", [DESK_ADDRESS], b"Subject: x\r\n\r\n" + b"x" * 30_000)
        assert refused.value.smtp_code == 552 and desk.count(Inbound) == 0


def test_the_same_mail_delivered_twice_is_one_message(desk: OpenDesk) -> None:
    for _ in range(2):
        desk.mail(message_id="<twice@example.com>")
    assert len(desk.messages()) == len(desk.tickets()) == desk.count(Inbound) == 1


def test_two_mails_that_share_a_message_id_but_not_their_words_are_two(desk: OpenDesk) -> None:
    desk.mail(message_id="<same@example.com>", body="一通目です。")
    desk.mail(message_id="<same@example.com>", body="二通目です。")
    assert len(desk.messages()) == 2


def test_mails_without_a_message_id_are_taken_and_a_repeat_of_all_bytes_is_none(desk: OpenDesk) -> None:
    for number in (1, 2, 2):
        desk.mail(raw=f"From: a@example.com\r\nSubject: {number}\r\n\r\nhello\r\n".encode())
    assert [message.subject for message in desk.messages()] == ["1", "2"]


def test_a_mail_to_several_addresses_of_the_desk_is_one_ticket_of_the_first_queue(desk: OpenDesk) -> None:
    raw = b"From: a@example.com\r\nTo: x@example.org\r\nSubject: x\r\n\r\nhello\r\n"
    with smtplib.SMTP("127.0.0.1", desk.app.state.desk.mail_port) as smtp:
        smtp.sendmail("a@example.com", [DESK_ADDRESS, RETURNS_ADDRESS], raw)
    desk.read_everything()
    (ticket,) = desk.tickets()
    assert desk.queue_of(ticket) == "returns"


def test_japanese_in_its_old_charset_is_read(desk: OpenDesk) -> None:
    raw = (
        (
            b"From: tanaka@example.com\r\nSubject: =?ISO-2022-JP?B?GyRCSlZJSiROJCo0aiQkGyhC?=\r\n"
            b"Content-Type: text/plain; charset=ISO-2022-JP\r\n\r\n"
        )
        + "①返品をお願いします。髙橋".encode("cp932").replace(b"\x87\x40", b"")
        + b"\r\n"
    )
    desk.mail(raw=raw)
    (message,) = desk.messages()
    assert message.subject == "返品のお願い" and "返品をお願いします" in message.text


def test_words_no_database_likes_are_kept(desk: OpenDesk) -> None:
    desk.mail(raw=b"From: odd@example.com\r\nSubject: a\x00b\r\n\r\nc\x00d \xf0\x9f\x98\x80\r\n")
    desk.mail(raw=b"From: odd@example.com\r\nSubject: =?utf-8?b?77+/AA==?=\r\n\r\n" + "😀 \u202e x".encode() + b"\r\n")
    assert len(desk.messages()) == 2 and desk.count(Parked) == 0
    assert all("\x00" not in message.text + message.subject for message in desk.messages())


def test_time_is_the_desks_own_and_the_senders_is_kept_beside_it(desk: OpenDesk) -> None:
    desk.mail(headers={"Date": "Sun, 15 Nov 2026 10:00:00 +0900"})
    (message,) = desk.read(lambda db: db.exec(select(Message)).all())
    assert message.created_at == MONDAY and message.sent_at.isoformat() == "2026-11-15T01:00:00+00:00"


# --- routed -----------------------------------------------------------------------------------------------------------


def test_the_classifier_routes_a_mail_to_the_desks_own_address_and_says_why_on_the_ticket(desk: OpenDesk) -> None:
    ben = desk.screen_of(BEN)
    desk.mail(subject="返品について", body=RETURN_WORDS)
    (ticket,) = desk.tickets()
    assert (desk.queue_of(ticket), ticket.routed_by) == ("returns", "by_classifier")
    decision = desk.read(lambda db: db.exec(select(Routing)).one())
    assert decision.label == "returns" and decision.confidence == ticket.confidence >= decision.threshold > 0
    assert decision.version == desk.app.state.desk.router.version and decision.because and decision.message_id
    assert sum(decision.probabilities.values()) == pytest.approx(1, abs=0.01)
    page = desk.as_(BEN).get(f"/tickets/{ticket.id}").text
    why = text_of(part(page, f"why-{ticket.id}"))
    for words in ("Decided by the classifier", "Confidence", decision.version, "Returns",
                  *(reason["words"] for reason in decision.because[:3])):  # fmt: skip
        assert words in why, (words, why)
    (message,) = desk.messages()
    heavy = next(reason for reason in decision.because if reason["start"] >= 0 and reason["weight"] > 0)
    assert message.reply_text[heavy["start"] : heavy["end"]] == heavy["words"]  # the mark stands where the words stand
    assert "<mark" in part(page, f"message-{message.id}")
    ben.check()


def test_what_nobody_is_sure_about_waits_in_triage_and_says_so(desk: OpenDesk) -> None:
    aiko, ben = desk.screen_of(AIKO), desk.screen_of(BEN)
    desk.mail(subject="先日の件", body=VAGUE_WORDS)
    (ticket,) = desk.tickets()
    decision = desk.read(lambda db: db.exec(select(Routing)).one())
    assert (desk.queue_of(ticket), ticket.routed_by) == ("triage", "nobody_sure")
    assert decision.confidence is not None and decision.label and decision.version
    assert aiko.tickets == [ticket.id] and ben.tickets == []
    unsure = desk.app.state.renderer.gettext("ja")(WORDS["routing"]["nobody_sure"])
    assert unsure in text_of(desk.as_(AIKO).get(f"/tickets/{ticket.id}").text)
    aiko.check()


def test_an_agents_move_is_kept_as_a_correction_and_the_row_changes_screens(desk: OpenDesk) -> None:
    desk.mail(subject="先日の件", body=VAGUE_WORDS)
    (ticket,) = desk.tickets()
    aiko, ben = desk.screen_of(AIKO), desk.screen_of(BEN)
    assert aiko.tickets == [ticket.id]
    answer = desk.as_(AIKO).post(f"/tickets/{ticket.id}/move", data={"queue_id": desk.queue("returns").id})
    assert answer.status_code == 200
    assert (aiko.tickets, ben.tickets) == ([], [ticket.id])
    first, second = desk.read(lambda db: db.exec(select(Routing).order_by(col(Routing.id))).all())
    assert (second.reason, second.queue_id, second.by_id) == ("by_agent", desk.queue("returns").id, desk.agent(AIKO).id)
    assert second.message_id == first.message_id and first.label  # the words it was read from, and the wrong guess
    assert desk.as_(AIKO).get(f"/tickets/{ticket.id}").status_code == 404
    page = text_of(desk.as_(BEN).get(f"/tickets/{ticket.id}").text)
    assert "Chosen by an agent" in page and "Yamada Aiko" in page
    aiko.check()
    ben.check()


def test_a_ticket_of_another_queue_cannot_be_moved(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    answer = desk.as_(AIKO).post("/tickets/1/move", data={"queue_id": desk.queue("tech_support").id})
    assert answer.status_code == 404 and desk.queue_of(desk.tickets()[0]) == "returns"


def test_a_customer_linked_by_an_agent_is_known_by_that_address_from_then_on(desk: OpenDesk) -> None:
    desk.mail("山本 <yamamoto@example.net>", subject="返品", to=RETURNS_ADDRESS)
    ben = desk.screen_of(BEN, "/tickets/1")
    assert desk.as_(BEN).post("/tickets/1/customer", data={"customer_id": desk.customer(TANAKA).id}).status_code == 200
    ben.check()
    assert desk.read(lambda db: db.exec(select(ContactPoint.key).where(
        ContactPoint.customer_id == desk.customer(TANAKA).id)).all())[-1] == "yamamoto@example.net"  # fmt: skip
    desk.mail("山本 <yamamoto@example.net>", subject="もう一つ", to=RETURNS_ADDRESS)
    assert desk.tickets()[1].customer_id == desk.customer(TANAKA).id
