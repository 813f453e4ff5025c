"""Whose mail it is, by From or by Reply-To, as the queue, the mailbox or the desk's other addresses were told; and what
the reader had to mend in it."""

from typing import Any

import pytest
from sqlmodel import select

from models import Inbound, Message, Queue
from tests.boxes import Boxes
from tests.cast import BEN, DESK_ADDRESS, RETURNS_ADDRESS, SATO, SUZUKI, TANAKA, OpenDesk, part, text_of
from tests.mails import mail

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
FORM = "お問い合わせフォーム <form@shop.example.jp>"


def takes(desk: OpenDesk, is_on: bool = True) -> None:
    """A supervisor says so on the form of returns."""
    queue = desk.queue("returns")
    form = {"name": queue.name, "name_en": queue.name_en, "address": queue.address, "agent_id": desk.agent(BEN).id}
    form |= {"takes_reply_to": "on"} if is_on else {}
    assert desk.as_(SATO).post(f"/admin/queues/{queue.id}", data=form).status_code == 200


def filled_in(desk: OpenDesk, *, to: str = RETURNS_ADDRESS, **headers: str) -> Message:
    """Somebody fills in the form on the website, by default Ms. Tanaka."""
    told = {"Reply-To": f"{TANAKA.name} <{TANAKA.email}>"} | headers
    desk.mail(FORM, subject="返品したい", to=to, headers=told)
    return desk.messages()[-1]


def test_where_a_queue_was_told_so_the_customer_is_whoever_reply_to_names(desk: OpenDesk) -> None:
    takes(desk)
    message = filled_in(desk)
    assert (message.sender_name, message.sender_address) == (TANAKA.name, TANAKA.email)
    assert (message.header_from, message.reply_to) == ("form@shop.example.jp", "")
    assert desk.tickets()[0].customer_id == desk.customer(TANAKA).id
    page = desk.as_(BEN).get("/tickets/1").text
    assert "Sent through form@shop.example.jp" in text_of(part(page, f"message-{message.id}"))
    assert f'name="to" type="text" inputmode="email" value="{TANAKA.email}"' in page
    assert 'name="takes_reply_to" value="on" aria-describedby="f-takes_reply_to-hint" checked' in (
        desk.as_(SATO).get(f"/admin/queues/{desk.queue('returns').id}").text
    )


def test_where_nobody_said_so_it_is_whoever_from_names_and_reply_to_is_shown(desk: OpenDesk) -> None:
    takes(desk)
    takes(desk, False)
    message = filled_in(desk)
    assert (message.sender_address, message.header_from) == ("form@shop.example.jp", "")
    assert message.reply_to == TANAKA.email and desk.tickets()[0].customer_id is None
    page = desk.as_(BEN).get("/tickets/1").text
    assert f"Asks for answers to {TANAKA.email}" in text_of(part(page, f"message-{message.id}"))


def test_an_answer_from_the_same_form_joins_the_ticket_of_whom_it_names_and_of_nobody_else(desk: OpenDesk) -> None:
    takes(desk)
    filled_in(desk)
    answer = {"Reply-To": TANAKA.email}
    desk.mail(FORM, subject="Re: 返品したい [#1]", body="追伸です。", to=RETURNS_ADDRESS, headers=answer)
    answer = {"Reply-To": SUZUKI.email}
    desk.mail(FORM, subject="Re: 返品したい [#1]", body="別人です。", to=RETURNS_ADDRESS, headers=answer)
    assert [message.ticket_id for message in desk.messages()] == [1, 1, 2]


@SQLITE
@pytest.mark.parametrize(
    "headers",
    [
        {"Reply-To": RETURNS_ADDRESS},
        {"Reply-To": f"returns+x@{RETURNS_ADDRESS.partition('@')[2]}"},
        {"Reply-To": "no-reply@shop.example.jp"},
        {"Reply-To": "members@lists.example.org", "List-Id": "<members.lists.example.org>"},
        {"Reply-To": "members@lists.example.org", "Precedence": "bulk"},
        {"Reply-To": "FORM@shop.example.jp"},
        {"Reply-To": "nobody"},
    ],
    ids=["our own address", "ours with a tag", "nobody reads it", "a list", "bulk", "the same", "none"],
)
def test_what_is_nobodys_address_in_reply_to_is_never_taken_for_the_customers(
    desk: OpenDesk, headers: dict[str, str]
) -> None:
    takes(desk)
    message = filled_in(desk, **headers)
    assert (message.sender_address, message.header_from) == ("form@shop.example.jp", "")


def test_mail_to_no_queue_is_as_the_setting_says(desk: OpenDesk) -> None:
    assert filled_in(desk, to=DESK_ADDRESS).sender_address == "form@shop.example.jp"
    desk.settings.mail_takes_reply_to = True
    assert filled_in(desk, to=DESK_ADDRESS).sender_address == TANAKA.email
    assert filled_in(desk, to=RETURNS_ADDRESS).sender_address == "form@shop.example.jp"  # returns has its own switch


@pytest.mark.parametrize("is_on", [True, False])
def test_of_mail_in_a_mailbox_the_mailbox_decides(boxes: Boxes, is_on: bool) -> None:
    boxes.add(takes_reply_to=is_on, address=RETURNS_ADDRESS)
    boxes.desk.write(_queue_takes_it, not is_on)
    raw = mail(to=RETURNS_ADDRESS, Reply_To=SUZUKI.email)
    boxes.account.put(raw)
    boxes.once()
    boxes.desk.read_everything()
    assert boxes.desk.messages()[-1].sender_address == (SUZUKI.email if is_on else TANAKA.email)


def _queue_takes_it(db: Any, is_on: bool) -> None:
    db.exec(select(Queue).where(Queue.slug == "returns")).one().takes_reply_to = is_on


def test_a_mail_put_on_a_ticket_by_hand_has_the_same_sender(desk: OpenDesk) -> None:
    takes(desk)
    desk.settings.mail_tickets_per_hour = 1
    filled_in(desk)
    filled_in(desk)
    (held,) = [row for row in desk.read(_inbounds) if row.outcome == "too_many_tickets"]
    shown = text_of(desk.as_(SATO).get(f"/admin/mail/{held.id}").text)
    assert f"<{TANAKA.email}>" in shown and "送信元（From） form@shop.example.jp" in shown
    form = {"way": "queue", "queue_id": desk.queue("returns").id}
    assert desk.as_(SATO).post(f"/admin/mail/{held.id}/assign", data=form).status_code == 200
    assert desk.messages()[-1].sender_address == TANAKA.email and len(desk.messages()) == 2


def _inbounds(db: Any) -> Any:
    return db.exec(select(Inbound)).all()


# --- mended --------------------------------------------------------------------------------------------------------

ODD = (
    b"From: tanaka@example.com\r\nTo: returns@desk.example.jp\r\nSubject: x\r\nMessage-ID: <odd@example.com>\r\n"
    b"Date: yesterday\r\nContent-Type: text/plain; charset=x-klingon\r\n\r\n\x83\x65\x83\x58\x83\x67\r\n"
)


def test_what_was_mended_in_a_mail_stands_in_its_details_and_in_the_ledger_in_both_languages(desk: OpenDesk) -> None:
    desk.mail(raw=ODD, to=RETURNS_ADDRESS)
    (message,) = desk.messages()
    assert message.problems == ["charset_unknown", "date_unreadable"]
    english, japanese = ("Its date could not be read.", "日付を読み取れませんでした。")
    shown = part(desk.as_(BEN).get("/tickets/1").text, f"to-{message.id}")
    assert english in text_of(shown) and "the likeliest was taken" in text_of(shown)
    assert japanese in desk.as_(SATO).get("/tickets/1").text
    ledger = desk.as_(SATO).get(f"/admin/mail/{message.inbound_id}?again=1").text
    assert ledger.count(japanese) == 2 and "data-differs" not in ledger
    desk.mail(subject="普通", to=RETURNS_ADDRESS)
    assert desk.messages()[-1].problems == []
