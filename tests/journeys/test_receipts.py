"""Receipts: whom the desk answers by itself, and that no two machines ever begin to talk to each other."""

from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from smtplib import SMTP
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import Session, col, select

from helpdesk import receipts
from helpdesk.settings import Settings
from models import AutomaticAnswer, Message, MessageKind, MessageState, Parked, Queue, TicketState
from tests.cast import BEN, RETURNS_ADDRESS, SATO, STRANGER, TANAKA, Clock, OpenDesk, part, text_of
from tests.conftest import open_desk
from tests.postbox import Postbox

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def kind_desk(desk: OpenDesk) -> OpenDesk:
    """A desk whose returns queue acknowledges."""
    desk.write(acknowledge)
    return desk


def acknowledge(db: Session, address: str = RETURNS_ADDRESS) -> None:
    """Let the queue of returns send receipts, from this address."""
    queue = db.exec(select(Queue).where(Queue.slug == "returns")).one()
    queue.acknowledges, queue.address = True, address


def sent(desk: OpenDesk) -> list[Message]:
    """The receipts, oldest first."""
    return [message for message in desk.messages() if message.kind == MessageKind.RECEIPT]


def write(desk: OpenDesk, number: int = 1, **fields: Any) -> str:
    """A mail to the queue that acknowledges; `number` makes it another."""
    return desk.mail(**({"subject": f"返品 {number}", "to": RETURNS_ADDRESS} | fields))


# --- whom ------------------------------------------------------------------------------------------------------------


def test_a_first_mail_is_answered_with_the_tickets_number_marked_as_a_machines(
    kind_desk: OpenDesk, postbox: Postbox
) -> None:
    desk = kind_desk
    ben = desk.screen_of(BEN)
    asked = write(desk)
    (receipt,) = sent(desk)
    ben.check()
    page = desk.screen_of(BEN, "/tickets/1")
    desk.post(receipt)
    page.check()
    envelope, mail = postbox.mails[0]
    assert envelope.mail_from in ("", "<>") and envelope.rcpt_tos == [TANAKA.email]
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"]) == ("auto-replied", "All")
    assert mail["In-Reply-To"] == asked and mail["Subject"] == "【自動返信】お問い合わせを受け付けました [#1]"
    words = mail.get_body(("plain",)).get_content()
    assert "受付番号：1" in words and "件名：返品 1" in words and "掃除機の電源" not in words
    (ticket,) = desk.tickets()
    assert ticket.awaits_us and ticket.snippet.startswith("掃除機") and desk.count(AutomaticAnswer) == 1
    shown = part(desk.as_(BEN).get("/tickets/1").text, f"message-{receipt.id}")
    assert 'data-kind="receipt"' in shown and f"Automatic receipt to {TANAKA.email}" in text_of(shown)


def test_it_speaks_the_language_of_the_mail(kind_desk: OpenDesk) -> None:
    write(kind_desk, subject="Return", body="I would like to return the shoes I bought last week, please.")
    (receipt,) = sent(kind_desk)
    assert receipt.subject == "[Automatic reply] We have received your message [#1]"
    assert "Reference: 1" in receipt.text and "Thank you for writing to 窓口" in receipt.text


def test_a_queues_own_words_are_said_in_their_language_with_what_they_name(kind_desk: OpenDesk) -> None:
    desk, returns = kind_desk, kind_desk.queue("returns")
    form = {"name": returns.name, "name_en": returns.name_en, "address": RETURNS_ADDRESS, "acknowledges": "on",
            "acknowledgment_ja": "{desk}：{ticket}番、{subject}。{unknown}は{そのまま}。"}  # fmt: skip
    page = desk.as_(SATO).get(f"/admin/queues/{returns.id}").text
    assert "checked" in page[page.index('name="acknowledges"') :][:120] and "受付番号：{ticket}" in page
    assert desk.as_(SATO).post(f"/admin/queues/{returns.id}", data=form).status_code == 200
    write(desk)
    write(desk, subject="Return", body="I would like to return the shoes I bought last week.", sender=STRANGER)
    japanese, english = sent(desk)
    assert japanese.text == "窓口：1番、返品 1。{unknown}は{そのまま}。" and "Reference: 2" in english.text
    del form["acknowledges"]
    desk.as_(SATO).post(f"/admin/queues/{returns.id}", data=form)
    write(desk, 3)
    assert len(sent(desk)) == 2


@SQLITE
@pytest.mark.parametrize(
    "head",
    [
        {"Auto-Submitted": "auto-generated"},
        {"Precedence": "bulk"},
        {"List-Id": "<news.example.com>"},
        {"X-Auto-Response-Suppress": "OOF"},
        {"X-Loop": "somebody@example.com"},
        {"Return-Path": "<>"},
        {"X-Spam-Flag": "YES"},
        {"Date": "Sat, 14 Nov 2026 10:00:00 +0900"},
    ],
    ids=lambda head: next(iter(head)),
)
def test_no_machine_is_answered_nor_what_lay_for_days(kind_desk: OpenDesk, head: dict[str, str]) -> None:
    write(kind_desk, headers=head)
    assert len(kind_desk.tickets()) == 1 and not sent(kind_desk)


@pytest.mark.parametrize("sender", ["no-reply@example.com", RETURNS_ADDRESS, "returns+x@desk.example.jp"])
def test_neither_robots_nor_ourselves_are_answered(kind_desk: OpenDesk, sender: str) -> None:
    write(kind_desk, sender=sender)
    assert len(kind_desk.tickets()) == 1 and not sent(kind_desk)


def test_neither_a_null_envelope_nor_a_claim_nor_a_second_mail_is_answered(kind_desk: OpenDesk) -> None:
    desk = kind_desk
    asked = write(desk)
    write(desk, subject="Re: 返品 1", headers={"In-Reply-To": asked})
    write(desk, subject="私の件 [#1]", sender=STRANGER)
    with SMTP("127.0.0.1", desk.app.state.desk.mail_port) as smtp:
        smtp.sendmail("", [RETURNS_ADDRESS], b"From: a@example.com\r\nSubject: x\r\n\r\nhello\r\n")
    desk.read_everything()
    assert len(desk.tickets()) == 3 and [receipt.ticket_id for receipt in sent(desk)] == [1]


def test_other_queues_and_a_desk_that_cannot_send_say_nothing(kind_desk: OpenDesk) -> None:
    kind_desk.mail()
    kind_desk.settings.smtp_url = SecretStr("")
    write(kind_desk)
    assert len(kind_desk.tickets()) == 2 and not sent(kind_desk)


def test_a_subject_that_leads_somewhere_is_not_passed_on(kind_desk: OpenDesk) -> None:
    write(kind_desk, subject="Prize! http://evil.example.net/x", body="claim")
    assert "evil" not in sent(kind_desk)[0].text + sent(kind_desk)[0].subject


def test_one_address_gets_five_a_day_and_more_the_next(kind_desk: OpenDesk) -> None:
    desk = kind_desk
    for number in range(8):
        write(desk, number)
    assert len(desk.tickets()) == 8 and len(sent(desk)) == receipts.A_DAY == 5
    write(desk, 9, sender=STRANGER)
    assert len(sent(desk)) == 6
    desk.clock.advance(hours=25)
    write(desk, 10)
    assert len(sent(desk)) == 7


def test_two_processes_together_send_no_more_than_one_would(
    settings: Settings, clock: Clock, kind_desk: OpenDesk
) -> None:
    """Two desks on one database, each with its own door, and mails of one sender at both."""
    with open_desk(settings, clock) as other:

        def deliver(pair: tuple[OpenDesk, int]) -> None:
            desk, start = pair
            with SMTP("127.0.0.1", desk.app.state.desk.mail_port) as smtp:
                for number in range(start, start + 6):
                    raw = f"From: {TANAKA.email}\r\nSubject: {number}\r\nMessage-ID: <{number}@example.com>\r\n\r\nx"
                    smtp.sendmail(TANAKA.email, [RETURNS_ADDRESS], raw.encode())
            desk.read_everything()

        with ThreadPoolExecutor(2) as doors:
            list(doors.map(deliver, [(kind_desk, 0), (other, 100)]))
        for each in (kind_desk, other):
            each.read_everything()
    assert len(kind_desk.tickets()) == 12 and len(sent(kind_desk)) == receipts.A_DAY


# --- what stops machines ---------------------------------------------------------------------------------------------


def test_what_one_sender_writes_beyond_twenty_tickets_an_hour_is_one_line_to_let_pass(desk: OpenDesk) -> None:
    sato = desk.screen_of(SATO, "/admin/parked")
    for number in range(25):
        write(desk, number)
    write(desk, 99, sender=STRANGER)
    assert len(desk.tickets()) == 21 and desk.count(Parked) == 5
    sato.check()
    page = text_of(desk.as_(SATO).get("/admin/parked").text)
    assert page.count("同じ差出人から") == 1 and "ほか4件" in page and TANAKA.email in page
    assert desk.as_(SATO).post("/admin/parked/1/replay").status_code == 200
    desk.read_everything()
    assert len(desk.tickets()) == 26
    write(desk, 26)
    assert len(desk.tickets()) == 26  # what was let pass is not a licence
    sato.check()
    desk.clock.advance(hours=1)
    write(desk, 27)
    assert len(desk.tickets()) == 27


def test_who_dismisses_the_line_dismisses_all_of_it(desk: OpenDesk) -> None:
    for number in range(23):
        write(desk, number)
    desk.as_(SATO).post("/admin/parked/1/dismiss")
    write(desk, 24)
    page = text_of(desk.as_(SATO).get("/admin/parked").text)
    assert page.count("同じ差出人から") == 2  # the settled one, and a new one
    open_lines = desk.read(lambda db: db.exec(select(Parked).where(col(Parked.settled_at).is_(None))).all())
    assert len(open_lines) == 1


def test_a_ticket_is_reopened_by_mail_five_times_an_hour(desk: OpenDesk) -> None:
    asked = write(desk)
    for number in range(6):
        desk.as_(BEN).post("/tickets/1/resolve")
        desk.mail(TANAKA, subject="Re: 返品 1", body=f"了解 {number}", headers={"In-Reply-To": asked})
    assert desk.tickets()[0].state == TicketState.RESOLVED and len(desk.messages(1)) == 6
    (parked,) = desk.read(lambda db: db.exec(select(Parked)).all())
    assert parked.error == "reopened_too_often"
    desk.as_(SATO).post("/admin/parked/1/replay")
    desk.read_everything()
    assert desk.tickets()[0].state == TicketState.OPEN and len(desk.messages(1)) == 7


# --- two desks -------------------------------------------------------------------------------------------------------


def carry(here: OpenDesk, there: OpenDesk, box: Postbox | None) -> int:
    """Send what waits here, and let it be read there; how many that were. A `box` is a server on the way that leaves
    of a mail only who writes and the words."""
    waiting = [message for message in here.messages() if message.state == MessageState.QUEUED]
    for message in waiting:
        here.post(message)
        if box is not None:
            plain = EmailMessage()
            plain["From"], plain["Subject"] = box.last["From"], "お知らせ"
            plain.set_content(box.last.get_body(("plain",)).get_content())
            there.mail(raw=plain.as_bytes(), to=there.queue("returns").address)
    there.read_everything()
    return len(waiting)


@pytest.mark.parametrize(("strips", "most"), [(False, 1), (True, 2 * receipts.A_DAY)])
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_two_desks_that_acknowledge_each_other_stop(fresh_desk: Any, postbox: Postbox, strips: bool, most: int) -> None:
    """Each desk's mail leaves to the other one's door; a mail in the name of the one reaches the other."""
    with fresh_desk("a") as first, fresh_desk("b") as second:
        for desk, other, name in ((first, second, "one"), (second, first, "two")):
            desk.write(acknowledge, f"returns@{name}.example.jp")
            port = postbox.port if strips else other.app.state.desk.mail_port
            desk.settings.smtp_url = SecretStr(f"smtp://127.0.0.1:{port}")
        words = "お問い合わせいたします。よろしくお願いいたします。"
        first.mail("returns@two.example.jp", subject="はじめまして", body=words, to="returns@one.example.jp")
        carried, box = 0, postbox if strips else None
        while moved := carry(first, second, box) + carry(second, first, box):
            carried += moved
            assert carried <= most
        assert carried == most and len(second.tickets()) > 0
        assert all(len(sent(desk)) <= receipts.A_DAY for desk in (first, second))
