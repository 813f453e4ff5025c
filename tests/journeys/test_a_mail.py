"""A mail, from the sender's SMTP session to the ticket on the screen, and the answer back to the customer."""

import smtplib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import col, select

from helpdesk.errors import Rejected, Unreachable
from helpdesk.mail import parse, threads
from helpdesk.runtime import work
from helpdesk.settings import Settings
from models import (
    Attachment,
    ContactPoint,
    Direction,
    Inbound,
    InboundState,
    Message,
    MessageState,
    Parked,
    Routing,
    Ticket,
    TicketState,
)
from tests.cast import (
    AIKO,
    BEN,
    DESK_ADDRESS,
    MONDAY,
    RETURNS_ADDRESS,
    SATO,
    STRANGER,
    TANAKA,
    Busy,
    Clock,
    OpenDesk,
    part,
    text_of,
)
from tests.conftest import open_desk
from tests.postbox import Postbox
from web.words import WORDS

RETURN_WORDS = (
    "先日購入した靴を返品したいです。サイズが合わなかったため、返品の手続きと返送先を教えてください。"
    "未使用で箱も残っています。返金をお願いします。"
)
VAGUE_WORDS = "お送りします。"


def until(happened: Callable[[], bool], *, seconds: float = 20) -> None:
    """Wait for the work engine, which runs in threads of its own. Fails after `seconds`."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def answer_to(mail: Any, body: str, **headers: str) -> dict[str, Any]:
    """What the customer's mail program makes of "reply"."""
    return {"subject": f"Re: {mail['Subject']}", "body": body,
            "headers": {"In-Reply-To": mail["Message-ID"], "References": mail["Message-ID"]} | headers}  # fmt: skip


# --- arriving ----------------------------------------------------------------------------------------------------


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
    sender.join(10)
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
        b"From: tanaka@example.com\r\nSubject: =?ISO-2022-JP?B?GyRCSlZJSiROJCo0aiQkGyhC?=\r\n"
        b"Content-Type: text/plain; charset=ISO-2022-JP\r\n\r\n"
    ) + "①返品をお願いします。髙橋".encode("cp932").replace(b"\x87\x40", b"") + b"\r\n"
    desk.mail(raw=raw)
    (message,) = desk.messages()
    assert message.subject == "返品のお願い" and "返品をお願いします" in message.text


# --- routed ------------------------------------------------------------------------------------------------------


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
    desk.mail(subject="写真", body=VAGUE_WORDS)
    (ticket,) = desk.tickets()
    decision = desk.read(lambda db: db.exec(select(Routing)).one())
    assert (desk.queue_of(ticket), ticket.routed_by) == ("triage", "nobody_sure")
    assert decision.confidence is not None and decision.label and decision.version
    assert aiko.tickets == [ticket.id] and ben.tickets == []
    unsure = desk.app.state.renderer.gettext("ja")(WORDS["routing"]["nobody_sure"])
    assert unsure in text_of(desk.as_(AIKO).get(f"/tickets/{ticket.id}").text)
    aiko.check()


def test_an_agents_move_is_kept_as_a_correction_and_the_row_changes_screens(desk: OpenDesk) -> None:
    desk.mail(subject="写真", body=VAGUE_WORDS)
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
    assert "Chosen by an agent" in page and AIKO.name in page
    aiko.check()
    ben.check()


def test_a_ticket_of_another_queue_cannot_be_moved(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    answer = desk.as_(AIKO).post("/tickets/1/move", data={"queue_id": desk.queue("tech_support").id})
    assert answer.status_code == 404 and desk.queue_of(desk.tickets()[0]) == "returns"


# --- answered ----------------------------------------------------------------------------------------------------


def test_an_agents_reply_goes_out_by_smtp_with_headers_that_thread(desk: OpenDesk, postbox: Postbox) -> None:
    asked = desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS)
    (ticket,) = desk.tickets()
    ben = desk.screen_of(BEN, f"/tickets/{ticket.id}")
    file = ("図.txt", b"abc", "text/plain")
    message = desk.reply(BEN, ticket.id or 0, "充電台をご確認ください。", files={"attachments": file})
    assert message.state == MessageState.QUEUED
    ben.check()
    desk.post(message)
    envelope, mail = postbox.mails[0]
    assert envelope.rcpt_tos == [TANAKA.email]
    assert mail["To"] == TANAKA.email and mail["Subject"] == f"Re: 電源が入らない [#{ticket.id}]"
    assert mail["Message-ID"] == message.internet_id and mail["In-Reply-To"] == asked == mail["References"]
    tag = threads.tag_of(ticket)
    assert mail["Reply-To"].addresses[0].addr_spec == f"returns+{tag}@desk.example.jp" == envelope.mail_from
    assert mail["From"].addresses[0].addr_spec == RETURNS_ADDRESS and mail["Date"].datetime == desk.clock()
    body = mail.get_body(("plain",)).get_content()
    assert "充電台をご確認ください。" in body and "> 掃除機の電源が入りません。" in body
    (attached,) = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content().strip()) == ("図.txt", "abc")
    assert desk.messages()[-1].state == MessageState.SENT
    assert desk.tickets()[0].assignee_id == desk.agent(BEN).id and not desk.tickets()[0].awaits_us
    ben.check()


def test_a_sent_mail_is_never_sent_again(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    message = desk.reply(BEN, 1, "はい")
    desk.post(message)
    desk.post(message)
    assert len(postbox.mails) == 1


def test_a_button_pressed_twice_sends_one_mail_and_the_same_words_later_are_another(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    file = {"attachments": ("図.txt", b"abc", "text/plain")}
    first = desk.reply(BEN, 1, "はい", files=file)
    assert desk.reply(BEN, 1, "はい", files=file).id == first.id
    others = [desk.reply(BEN, 1, "はい"), desk.reply(BEN, 1, "はい、どうぞ"), desk.reply(SATO, 1, "はい、どうぞ")]
    desk.clock.advance(minutes=2)
    others.append(desk.reply(SATO, 1, "はい、どうぞ"))
    assert len({first.id, *(other.id for other in others)}) == 5


def test_a_reply_without_words_or_to_no_address_is_refused(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    sly = "a@b.example\r\nBcc: c@d.example"
    for form in ({"body": "   "}, {"body": "x", "to": "no address"}, {"body": "x", "to": sly}):
        assert desk.as_(BEN).post("/tickets/1/reply", data=form).status_code == 422
    assert len(desk.messages()) == 1


def test_without_an_outgoing_server_the_page_says_so_and_a_reply_is_refused(desk: OpenDesk) -> None:
    desk.settings.smtp_url = SecretStr("")
    desk.mail(to=RETURNS_ADDRESS)
    page = text_of(desk.as_(BEN).get("/tickets/1").text)
    assert "No outgoing mail server is set up yet" in page
    assert desk.as_(BEN).post("/tickets/1/reply", data={"body": "x"}).status_code == 422


@pytest.mark.parametrize("way", ["ids", "tag", "token"])
def test_the_customers_answer_joins_the_ticket(desk: OpenDesk, postbox: Postbox, way: str) -> None:
    desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS)
    ben = desk.screen_of(BEN)
    desk.post(desk.reply(BEN, 1, "ご確認ください。"))
    sent = postbox.last
    desk.clock.advance(minutes=30)
    if way == "ids":
        desk.mail(TANAKA, **answer_to(sent, "直りません。"), to=RETURNS_ADDRESS)
    elif way == "tag":  # a mail program that keeps no threading header and no subject
        desk.mail(TANAKA, subject="こんにちは", body="直りません。", to=sent["Reply-To"].addresses[0].addr_spec)
    else:
        desk.mail(TANAKA, subject=f"Fwd: {sent['Subject']}", body="直りません。")
    (ticket,) = desk.tickets()
    assert [message.direction for message in desk.messages(1)] == [Direction.IN, Direction.OUT, Direction.IN]
    assert ticket.snippet == "直りません。" and ticket.awaits_us and not desk.messages(1)[-1].is_from_stranger
    ben.check()


def test_the_subjects_number_alone_joins_nobody_who_does_not_take_part(desk: OpenDesk) -> None:
    desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS)
    desk.mail(STRANGER, subject="Re: 電源が入らない [#1]", body="私にも教えてください。")
    assert len(desk.tickets()) == 2 and len(desk.messages(1)) == 1


def test_the_number_of_another_systems_ticket_in_the_subject_is_no_obstacle(desk: OpenDesk) -> None:
    desk.mail(subject="Re: [#999999999999] 見積", to=RETURNS_ADDRESS)
    desk.mail(subject="別件", to=f"returns+t999999999999.{'0' * 20}@desk.example.jp")
    assert len(desk.tickets()) == 2 and desk.count(Parked) == 0


def test_a_made_up_tag_or_id_joins_nothing(desk: OpenDesk) -> None:
    desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS)
    desk.mail(TANAKA, subject="別件", to=f"returns+t1.{'0' * 20}@desk.example.jp")
    desk.mail(TANAKA, subject="別件2", headers={"In-Reply-To": "<nobody-knows@example.com>"})
    assert len(desk.tickets()) == 3


def test_a_stranger_who_quotes_a_real_id_is_marked_and_never_answered(desk: OpenDesk, postbox: Postbox) -> None:
    asked = desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS)
    ben = desk.screen_of(BEN, "/tickets/1")
    desk.mail(STRANGER, subject="Re: 電源が入らない", body="住所を教えてください。", headers={"In-Reply-To": asked})
    (ticket,) = desk.tickets()
    last = desk.messages(1)[-1]
    assert ticket.state == TicketState.OPEN and last.is_from_stranger
    assert "Another sender" in text_of(part(desk.as_(BEN).get("/tickets/1").text, f"message-{last.id}"))
    ben.check()
    desk.post(desk.reply(BEN, 1, "お答えします。"))
    assert postbox.mails[-1][0].rcpt_tos == [TANAKA.email]  # the reply answers the customer, not the stranger


def test_an_answer_reopens_a_resolved_ticket(desk: OpenDesk) -> None:
    asked = desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS)
    ben = desk.screen_of(BEN)
    desk.as_(BEN).post("/tickets/1/resolve")
    assert ben.tickets == [1]
    desk.clock.advance(days=desk.settings.reopen_days - 1)
    desk.mail(TANAKA, subject="Re: 電源が入らない", body="まただめです。", headers={"In-Reply-To": asked})
    assert [ticket.state for ticket in desk.tickets()] == [TicketState.OPEN]
    ben.check()


def test_an_answer_to_a_ticket_resolved_long_ago_opens_a_new_one_that_names_it(desk: OpenDesk) -> None:
    asked = desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/resolve")
    desk.clock.advance(days=desk.settings.reopen_days + 1)
    desk.mail(TANAKA, subject="Re: 電源が入らない", headers={"In-Reply-To": asked}, to=RETURNS_ADDRESS)
    old, new = desk.tickets()
    assert (old.state, new.state) == (TicketState.RESOLVED, TicketState.OPEN)
    assert "Goes on from #1" in text_of(desk.as_(BEN).get(f"/tickets/{new.id}").text)
    assert "Goes on in #2" in text_of(desk.as_(BEN).get(f"/tickets/{old.id}").text)


def test_an_automatic_answer_is_shown_but_reopens_and_awaits_nothing(desk: OpenDesk) -> None:
    asked = desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/resolve")
    desk.mail(TANAKA, subject="不在通知 Re: 電源が入らない", body="ただいま不在です。",
              headers={"In-Reply-To": asked, "Auto-Submitted": "auto-replied"})  # fmt: skip
    assert desk.tickets()[0].state == TicketState.RESOLVED and desk.messages(1)[-1].is_automatic
    assert "Automatic" in text_of(desk.as_(BEN).get("/tickets/1").text)


# --- when it does not go out -------------------------------------------------------------------------------------


def test_a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    message = desk.reply(BEN, 1, "はい")
    postbox.is_busy = True
    with pytest.raises(Unreachable):
        desk.post(message)
    assert desk.messages()[-1].state == MessageState.QUEUED  # another attempt follows
    postbox.is_busy = False
    postbox.refuses.add(TANAKA.email)
    ben = desk.screen_of(BEN, "/tickets/1")
    with pytest.raises(Rejected):
        desk.post(message)
    failed = desk.messages()[-1]
    assert (failed.state, failed.error) == (MessageState.FAILED, "smtp_refused")
    shown = text_of(part(desk.as_(BEN).get("/tickets/1").text, f"message-{message.id}"))
    assert "Could not be sent" in shown and "The mail server refused the message." in shown
    ben.check()


def test_one_refused_recipient_of_two_is_told_and_the_other_has_the_mail(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/reply", data={"body": "はい", "cc": "gone@example.com"})
    postbox.refuses.add("gone@example.com")
    desk.post(desk.messages()[-1])
    assert postbox.mails[0][0].rcpt_tos == [TANAKA.email]
    assert desk.messages()[-1].state == MessageState.SENT and "gone@example.com" in desk.messages()[-1].error


@pytest.mark.slow
def test_the_work_engine_sends_tries_again_parks_and_sends_what_is_replayed(
    settings: Settings, clock: Clock, postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "PAUSES", (0.05, 0.05))  # the pauses are the only thing made shorter
    with open_desk(settings, clock, works=True) as desk:
        desk.mail(to=RETURNS_ADDRESS)
        desk.reply(BEN, 1, "一通目")
        until(lambda: desk.messages(1)[-1].state == MessageState.SENT)
        assert len(postbox.mails) == 1
        settings.smtp_url = SecretStr("smtp://127.0.0.1:9")
        desk.reply(BEN, 1, "二通目")
        until(lambda: desk.count(Parked) == 1 and desk.messages(1)[-1].state == MessageState.FAILED)
        page = text_of(desk.as_(SATO).get("/admin/parked").text)
        assert "送信サーバー" in page or "メールサーバー" in page
        settings.smtp_url = SecretStr(postbox.url)
        assert desk.as_(SATO).post("/admin/parked/1/replay").status_code == 200
        until(lambda: desk.messages(1)[-1].state == MessageState.SENT)
        assert len(postbox.mails) == 2 and desk.messages(1)[-1].error == ""
        assert postbox.last["Message-ID"] == desk.messages(1)[-1].internet_id


def test_work_is_due_exactly_when_the_reply_is_committed(desk: OpenDesk) -> None:
    from helpdesk import outgoing

    desk.mail(to=RETURNS_ADDRESS)
    due = "SELECT count(*) FROM {}workflow_status".format("" if desk.database.is_sqlite else "dbos.")

    def waiting() -> int:
        return int(desk.read(lambda db: db.connection().exec_driver_sql(due).scalar_one()))

    def write(db: Any, *, fails: bool) -> None:
        ticket, ben = db.get(Ticket, 1), desk.agent(BEN)
        outgoing.reply(db, ticket, outgoing.Draft("はい", [TANAKA.email]), by=ben, internet_id="<1@desk.example.jp>",
                      sender=("窓口", DESK_ADDRESS), now=desk.clock())  # fmt: skip
        db.flush()
        if fails:
            raise RuntimeError("the transaction goes back")

    with pytest.raises(RuntimeError):
        desk.database.write_now(write, fails=True)
    assert waiting() == 0 and len(desk.messages()) == 1
    desk.database.write_now(write, fails=False)
    assert waiting() == 1 and len(desk.messages()) == 2


def test_a_bounce_marks_the_sent_message_and_opens_no_ticket(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    message = desk.reply(BEN, 1, "はい")
    desk.post(message)
    ben = desk.screen_of(BEN, "/tickets/1")
    desk.mail(raw=bounce(message.internet_id, "5.1.1"))
    assert len(desk.tickets()) == 1
    failed = desk.messages()[-1]
    assert failed.state == MessageState.FAILED and "5.1.1" in failed.error
    assert "Could not be sent" in text_of(part(desk.as_(BEN).get("/tickets/1").text, f"message-{message.id}"))
    ben.check()


def test_a_delay_is_no_failure_and_a_bounce_of_nothing_we_sent_is_set_aside(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    message = desk.reply(BEN, 1, "はい")
    desk.post(message)
    desk.mail(raw=bounce(message.internet_id, "4.4.1", action="delayed"))
    assert desk.messages()[-1].state == MessageState.SENT
    desk.mail(raw=bounce("<not-ours@elsewhere.example.org>", "5.1.1"))
    row = desk.read(lambda db: db.exec(select(Inbound).order_by(col(Inbound.id).desc())).first())
    assert (row.state, row.outcome) == (InboundState.IGNORED, "bounce_of_nothing")
    assert len(desk.tickets()) == 1


def bounce(message_id: str, status: str, *, action: str = "failed") -> bytes:
    """What a mail server writes when it cannot deliver (RFC 3464)."""
    return "\r\n".join([
        "From: MAILER-DAEMON@mx.example.com", f"To: {RETURNS_ADDRESS}", "Subject: Undelivered Mail Returned to Sender",
        "Auto-Submitted: auto-replied", "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"', "", "--b",
        "Content-Type: text/plain", "", "I am sorry to have to inform you.", "--b",
        "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.example.com", "",
        f"Final-Recipient: rfc822; {TANAKA.email}", f"Action: {action}", f"Status: {status}", "--b",
        "Content-Type: message/rfc822", "", f"Message-ID: {message_id}", f"From: {RETURNS_ADDRESS}", "Subject: Re: x",
        "", "x", "--b--", "",
    ]).encode()  # fmt: skip


# --- what cannot be read -----------------------------------------------------------------------------------------


def test_a_mail_nobody_can_read_is_kept_shown_to_a_supervisor_and_replayed_after_mending(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sato = desk.screen_of(SATO, "/admin/parked")
    raw = b"Subject: nobody wrote this\r\n\r\nhello\r\n"
    desk.mail(raw=raw)
    assert not desk.tickets()
    (parked,) = desk.read(lambda db: db.exec(select(Parked)).all())
    page = desk.as_(SATO).get("/admin/parked").text
    assert "差出人" in text_of(page) and f"/admin/inbound/{parked.inbound_id}/raw" in page
    sato.check()
    shown = desk.as_(SATO).get(f"/admin/inbound/{parked.inbound_id}/raw")
    assert raw.strip() in shown.content and shown.headers["content-disposition"].startswith("attachment")
    for address in ("/admin/parked", f"/admin/inbound/{parked.inbound_id}/raw"):
        assert desk.as_(AIKO).get(address).status_code == 403
    assert desk.as_(AIKO).post(f"/admin/parked/{parked.id}/replay").status_code == 403
    # Mended: a reader that knows whom a mail without a sender is from.
    read = parse.read
    monkeypatch.setattr(parse, "read", lambda raw: read(b"From: tanaka@example.com\r\n" + raw))
    assert desk.as_(SATO).post(f"/admin/parked/{parked.id}/replay").status_code == 200
    desk.read_everything()
    assert [ticket.customer_id for ticket in desk.tickets()] == [desk.customer(TANAKA).id]
    assert desk.as_(SATO).post(f"/admin/parked/{parked.id}/replay").status_code == 409
    sato.check()


def test_a_reader_that_breaks_is_tried_three_times_and_then_parked_with_the_place(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(raw: bytes) -> Any:
        raise ZeroDivisionError("with 田中 in its words")

    monkeypatch.setattr(parse, "read", breaks)
    desk.mail()
    for _ in range(2):
        desk.read_everything()
    (parked,) = desk.read(lambda db: db.exec(select(Parked)).all())
    assert parked.error == "ZeroDivisionError" and "breaks" in parked.detail and "田中" not in parked.detail
    monkeypatch.undo()
    desk.as_(SATO).post(f"/admin/parked/{parked.id}/replay")
    desk.read_everything()
    assert len(desk.tickets()) == 1


def test_what_is_dismissed_stays_settled(desk: OpenDesk) -> None:
    desk.mail(raw=b"Subject: x\r\n\r\nhello\r\n")
    sato = desk.screen_of(SATO)
    assert desk.as_(SATO).post("/admin/parked/1/dismiss").status_code == 200
    desk.read_everything()
    assert not desk.tickets()
    assert desk.as_(SATO).post("/admin/parked/1/replay").status_code == 409
    sato.check()


# --- attachments and HTML ----------------------------------------------------------------------------------------

WITH_FILES = (
    'From: tanaka@example.com\r\nTo: returns@desk.example.jp\r\nMessage-ID: <files@example.com>\r\nSubject: files\r\n'
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\n'
    "Content-Type: text/html; charset=utf-8\r\n\r\n<p onclick='alert(1)'>見て<script>alert(1)</script>"
    '<img src="https://evil.example.net/pixel.gif"></p>\r\n--m\r\n'
    'Content-Type: text/html; name="a.html"\r\nContent-Disposition: attachment; filename="../../a.html"\r\n\r\n'
    "<script>alert(2)</script>\r\n--m--\r\n"
).encode()


def test_attachments_are_stored_and_only_ever_downloaded(desk: OpenDesk) -> None:
    desk.mail(raw=WITH_FILES, to=RETURNS_ADDRESS)
    (file,) = desk.read(lambda db: db.exec(select(Attachment)).all())
    assert file.name == "a.html"
    answer = desk.as_(BEN).get(f"/attachments/{file.id}")
    assert b"<script>alert(2)</script>" in answer.content
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_html_is_shown_only_in_a_sandbox_and_says_nothing_to_anybody_outside(desk: OpenDesk) -> None:
    desk.mail(raw=WITH_FILES, to=RETURNS_ADDRESS)
    (message,) = desk.messages()
    answer = desk.as_(BEN).get(f"/messages/{message.id}/html")
    assert "<script" not in answer.text and "onclick" not in answer.text and "見て" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy and "default-src 'none'" in policy and "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    page = desk.as_(BEN).get("/tickets/1").text
    frame = page[page.index("<iframe") : page.index("</iframe>")]
    assert " sandbox" in frame and "allow" not in frame.split("sandbox")[1].split(" ")[0]
    assert "<script>alert" not in page


def test_agents_of_other_queues_and_the_signed_out_see_nothing_of_it(desk: OpenDesk) -> None:
    desk.mail(raw=WITH_FILES, to=RETURNS_ADDRESS)
    assert desk.queue("returns").id == 2
    for what in ("/tickets/1", "/tickets/1/region", "/messages/1/html", "/messages/1/text", "/messages/1/source",
                 "/attachments/1", "/inbox?view=queue-2"):  # fmt: skip
        assert desk.as_(BEN).get(what).status_code == desk.as_(SATO).get(what).status_code == 200, what
        assert desk.as_(AIKO).get(what).status_code == 404, what
        answer = desk.client.get(what, headers={"accept": "text/html"})
        assert answer.status_code == 303 and answer.headers["location"].startswith("/sign-in"), what


def test_agents_of_other_queues_and_the_signed_out_can_do_nothing_to_it(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    assert desk.as_(AIKO).get("/inbox").status_code == 200
    before = desk.number()
    form = {"body": "x", "queue_id": "1", "agent_id": "1", "customer_id": "1", "name": "x"}
    for verb in ("reply", "note", "assign", "move", "resolve", "reopen", "customer", "customer/new"):
        assert desk.as_(AIKO).post(f"/tickets/1/{verb}", data=form).status_code == 404, verb
        assert desk.client.post(f"/tickets/1/{verb}", data=form, headers={"accept": "*/*"}).status_code == 401, verb
    assert desk.number() == before and len(desk.messages()) == 1


def test_whom_a_supervisor_gives_the_ticket_sees_it_and_only_members_can_be_given_it(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    refused = desk.as_(SATO).post("/tickets/1/assign", data={"agent_id": desk.agent(AIKO).id})
    assert refused.status_code == 403 and desk.tickets()[0].assignee_id is None
    ben = desk.screen_of(BEN, "/inbox?view=mine")
    assert desk.as_(SATO).post("/tickets/1/assign", data={"agent_id": desk.agent(BEN).id}).status_code == 200
    ben.check()
    assert ben.tickets == [1]


def test_a_customer_linked_by_an_agent_is_known_by_that_address_from_then_on(desk: OpenDesk) -> None:
    desk.mail("山本 <yamamoto@example.net>", subject="返品", to=RETURNS_ADDRESS)
    ben = desk.screen_of(BEN, "/tickets/1")
    assert desk.as_(BEN).post("/tickets/1/customer", data={"customer_id": desk.customer(TANAKA).id}).status_code == 200
    ben.check()
    assert desk.read(lambda db: db.exec(select(ContactPoint.key).where(
        ContactPoint.customer_id == desk.customer(TANAKA).id)).all())[-1] == "yamamoto@example.net"  # fmt: skip
    desk.mail("山本 <yamamoto@example.net>", subject="もう一つ", to=RETURNS_ADDRESS)
    assert desk.tickets()[1].customer_id == desk.customer(TANAKA).id


def test_words_no_database_likes_are_kept(desk: OpenDesk) -> None:
    desk.mail(raw=b"From: odd@example.com\r\nSubject: a\x00b\r\n\r\nc\x00d \xf0\x9f\x98\x80\r\n")
    desk.mail(raw=b"From: odd@example.com\r\nSubject: =?utf-8?b?77+/AA==?=\r\n\r\n" + "😀 \u202e x".encode() + b"\r\n")
    assert len(desk.messages()) == 2 and desk.count(Parked) == 0
    assert all("\x00" not in message.text + message.subject for message in desk.messages())


def test_time_is_the_desks_own_and_the_senders_is_kept_beside_it(desk: OpenDesk) -> None:
    desk.mail(headers={"Date": "Sun, 15 Nov 2026 10:00:00 +0900"})
    (message,) = desk.read(lambda db: db.exec(select(Message)).all())
    assert message.created_at == MONDAY and message.sent_at.isoformat() == "2026-11-15T01:00:00+00:00"
