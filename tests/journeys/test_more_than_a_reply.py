"""Reply to all, forward, write first: who gets what, and who is answered afterwards."""

from email.message import EmailMessage
from typing import Any

import pytest
from sqlmodel import select

from models import Attachment, Message, MessageKind, Ticket, TicketState
from tests.cast import (
    AIKO,
    BEN,
    DESK_ADDRESS,
    RETURNS_ADDRESS,
    RETURNS_NUMBER,
    SATO,
    SUZUKI,
    TANAKA,
    OpenDesk,
    part,
    text_of,
)
from tests.mails import answer_to
from tests.postbox import Postbox

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
MAKER = "repairs@maker.example.net"
PICTURE = b"\x89PNG\r\n\x1a\n" + b"0" * 40


def with_many(desk: OpenDesk) -> None:
    """Ms. Tanaka's mail, to the desk and others, with a picture in its text and a file."""
    mail = EmailMessage()
    mail["From"], mail["Message-ID"] = "田中 美咲 <tanaka@example.com>", "<many@example.com>"
    mail["To"] = f"返品 <{RETURNS_ADDRESS}>, hanako@example.com"
    mail["Cc"], mail["Subject"] = f"boss@example.com, {DESK_ADDRESS.upper()}, support+t9.x@desk.example.jp", "壊れた箱"
    mail.set_content("箱が壊れていました。")
    mail.add_alternative('<p>箱が<b>壊れて</b>いました。<img src="cid:box@x"></p>', subtype="html")
    html = mail.get_body(("html",))
    assert html is not None
    html.add_related(PICTURE, "image", "png", cid="<box@x>", filename="box.png", disposition="inline")
    mail.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="納品書.pdf")
    desk.mail(raw=mail.as_bytes(), to=RETURNS_ADDRESS)


def send(desk: OpenDesk, **form: Any) -> Message:
    answer = desk.as_(BEN).post("/tickets/1/reply", data=form)
    assert answer.status_code == 200, text_of(answer.text)
    return desk.messages(1)[-1]


def test_a_reply_to_all_goes_to_everybody_but_the_desk(desk: OpenDesk, postbox: Postbox) -> None:
    with_many(desk)
    form = part(desk.as_(BEN).get("/tickets/1").text, "write-1")
    assert 'name="all_to" type="text" inputmode="email" value="tanaka@example.com, hanako@example.com"' in form
    desk.post(send(desk, body="承りました。", mode="all", all_to="tanaka@example.com, hanako@example.com",
                   all_cc="boss@example.com"))  # fmt: skip
    envelope, mail = postbox.mails[0]
    assert envelope.rcpt_tos == ["tanaka@example.com", "hanako@example.com", "boss@example.com"]
    assert (mail["To"], mail["Cc"]) == ("tanaka@example.com, hanako@example.com", "boss@example.com")


def test_a_mail_to_the_desk_alone_offers_no_reply_to_all(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    page = desk.as_(BEN).get("/tickets/1").text
    assert 'name="all_to"' not in page and "Reply to all" not in text_of(page)


def test_without_a_script_the_fields_of_the_chosen_mode_count(desk: OpenDesk, postbox: Postbox) -> None:
    with_many(desk)
    everything = {"to": TANAKA.email, "cc": "", "all_to": "hanako@example.com", "all_cc": "", "forward_to": MAKER,
                  "forward_cc": "", "forward_subject": "見てください", "bcc": ""}  # fmt: skip
    got = []
    for mode in ("reply", "all", "forward"):
        desk.post(send(desk, body=f"{mode}です", mode=mode, **everything))
        got.append((postbox.mails[-1][0].rcpt_tos, postbox.last["Subject"]))
    assert got == [([TANAKA.email], "Re: 壊れた箱 [#1]"), (["hanako@example.com"], "Re: 壊れた箱 [#1]"),
                   ([MAKER], "見てください [#1]")]  # fmt: skip


def test_blind_copies_arrive_and_are_named_to_nobody(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    message = send(desk, body="はい", bcc="boss@example.com, tanaka@example.com")
    desk.post(message)
    envelope, mail = postbox.mails[0]
    assert envelope.rcpt_tos == [TANAKA.email, "boss@example.com"] and b"boss" not in mail.as_bytes()
    assert "boss@example.com" in part(desk.as_(BEN).get("/tickets/1").text, f"message-{message.id}")


def test_a_forward_carries_the_mail_its_pictures_and_files_and_neither_reopens_nor_answers(
    desk: OpenDesk, postbox: Postbox
) -> None:
    with_many(desk)
    desk.as_(BEN).post("/tickets/1/resolve")
    ben = desk.screen_of(BEN, "/tickets/1")
    (heard,) = desk.messages(1)
    assert "forward_to" in part(desk.as_(BEN).get(f"/tickets/1?forward={heard.id}").text, "write-1")
    message = send(desk, body="修理できますか。", mode="forward", forward_to=MAKER, about=str(heard.id))
    desk.post(message)
    mail = postbox.last
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None and html is not None and mail["Subject"] == "Fwd: 壊れた箱 [#1]"
    for words in ("修理できますか。", "田中 美咲 <tanaka@example.com>", "箱が壊れていました。", "hanako@example.com"):
        assert words in plain.get_content(), words
    assert "<b>壊れて</b>" in html.get_content() and 'src="cid:box@x"' in html.get_content()
    kept = {part.get_filename(): part.get_payload(decode=True) for part in mail.walk() if part.get_filename()}
    assert kept == {"box.png": PICTURE, "納品書.pdf": b"%PDF-"}
    (ticket,) = desk.tickets()
    assert ticket.state == TicketState.RESOLVED and ticket.assignee_id is None
    assert not mail["In-Reply-To"]
    ben.check()


def test_what_those_answer_whom_it_was_forwarded_to_joins_and_the_customer_is_answered_still(
    desk: OpenDesk, postbox: Postbox
) -> None:
    with_many(desk)
    desk.post(send(desk, body="修理できますか。", mode="forward", forward_to=MAKER))
    desk.mail(f"メーカー <{MAKER}>", **answer_to(postbox.last, "一週間かかります。"), to=RETURNS_ADDRESS)
    assert len(desk.tickets()) == 1 and not desk.messages(1)[-1].is_from_stranger
    assert f'name="to" type="text" inputmode="email" value="{TANAKA.email}"' in desk.as_(BEN).get("/tickets/1").text
    desk.post(send(desk, body="一週間お待ちください。"))
    assert postbox.mails[-1][0].rcpt_tos == [TANAKA.email]
    assert postbox.last["In-Reply-To"] == "<many@example.com>"
    maker = desk.messages(1)[-2]
    page = desk.as_(BEN).get(f"/tickets/1?reply={maker.id}").text
    assert f'value="{MAKER}"' in part(page, "write-1")
    desk.post(send(desk, body="お願いします。", to=MAKER, about=str(maker.id)))
    assert postbox.mails[-1][0].rcpt_tos == [MAKER] and postbox.last["In-Reply-To"] == maker.internet_id


@pytest.mark.parametrize(("typed", "why"), [("", "recipient_missing"), ("nobody", "not_an_address")])
def test_a_forward_to_nobody_is_refused_with_the_reason(desk: OpenDesk, typed: str, why: str) -> None:
    with_many(desk)
    form = {"body": "x", "mode": "forward", "forward_to": typed}
    answer = desk.as_(BEN).post("/tickets/1/reply", data=form, headers={"x-region": "x"})
    assert (answer.status_code, answer.text) == (422, why) and len(desk.messages(1)) == 1


def test_a_picture_named_in_the_text_is_shown_there(desk: OpenDesk, postbox: Postbox) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    files = {"attachments": ("台.png", PICTURE, "image/png")}
    desk.as_(BEN).post("/tickets/1/reply", data={"body": "ここです。\n[台.png]"}, files=files)
    desk.post(desk.messages(1)[-1])
    html = postbox.last.get_body(("html",))
    (row,) = desk.read(lambda db: db.exec(select(Attachment)).all())
    assert html is not None and f'<img src="cid:{row.content_id}" alt="台.png">' in html.get_content()


# --- writing first -----------------------------------------------------------------------------------------------


def first(desk: OpenDesk, **more: str) -> Any:
    form = {"to": TANAKA.email, "subject": "部品が届きました", "body": "ご来店ください。", "cc": "", "bcc": "",
            "queue_id": str(desk.queue("returns").id), "later": "", "customer_id": ""}  # fmt: skip
    return desk.as_(BEN).post("/tickets/new", data=form | more)


def test_a_first_mail_opens_a_ticket_and_its_answer_joins(desk: OpenDesk, postbox: Postbox) -> None:
    ben = desk.screen_of(BEN)
    page = desk.as_(BEN).get(f"/tickets/new?customer_id={desk.customer(TANAKA).id}").text
    assert f'value="{TANAKA.email}"' in page and TANAKA.name in page
    assert "技術サポート" not in page  # Ben does not serve it
    assert first(desk, customer_id=str(desk.customer(TANAKA).id)).url.path == "/tickets/1"
    (ticket,) = desk.tickets()
    assert (ticket.customer_id, ticket.assignee_id) == (desk.customer(TANAKA).id, desk.agent(BEN).id)
    assert ticket.channel.value == "mail" and not ticket.awaits_us and desk.queue_of(ticket) == "returns"
    ben.check()
    (message,) = desk.messages(1)
    assert message.kind == MessageKind.NEW
    desk.post(message)
    assert (postbox.last["Subject"], postbox.last["In-Reply-To"]) == ("部品が届きました [#1]", None)
    assert postbox.last["From"].addresses[0].addr_spec == RETURNS_ADDRESS
    desk.mail(TANAKA, **answer_to(postbox.last, "明日伺います。"), to=RETURNS_ADDRESS)
    assert len(desk.tickets()) == 1 and desk.tickets()[0].awaits_us
    ben.check()


def test_a_first_mail_finds_its_customer_by_the_address_and_is_one_where_pressed_twice(desk: OpenDesk) -> None:
    first(desk, to=SUZUKI.email)
    first(desk, to=SUZUKI.email)
    (ticket,) = desk.tickets()
    assert ticket.customer_id == desk.customer(SUZUKI).id and len(desk.messages()) == 1


@SQLITE
@pytest.mark.parametrize(
    ("changed", "field"),
    [({"to": ""}, "to"), ({"to": "nobody"}, "to"), ({"cc": "nobody"}, "cc"), ({"subject": " "}, "subject"),
     ({"body": " "}, "body"), ({"later": "gestern"}, "later"), ({"later": "2020-01-01T00:00"}, "later")],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(
    desk: OpenDesk, changed: dict[str, str], field: str
) -> None:
    answer = first(desk, **changed)
    assert answer.status_code == 422 and f'id="f-{field}-error"' in answer.text
    assert changed.keys() & {"body"} or "ご来店ください。" in answer.text
    assert not desk.tickets() and not desk.messages()


def test_nobody_writes_first_from_a_queue_they_do_not_serve(desk: OpenDesk) -> None:
    assert first(desk, queue_id=str(desk.queue("tech_support").id)).status_code == 403
    assert not desk.tickets()


def test_a_ticket_of_a_call_begins_its_mails_with_a_subject_that_can_be_written(
    desk: OpenDesk, postbox: Postbox
) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    desk.as_(AIKO).post(f"/calls/{desk.call('CA-1').id}/accept")
    ticket_id = desk.read(lambda db: db.exec(select(Ticket.id)).one())
    page = part(desk.as_(AIKO).get(f"/tickets/{ticket_id}").text, f"write-{ticket_id}")
    assert 'name="subject"' in page and "Re:" not in page
    form = {"body": "お電話ありがとうございました。", "mode": "new", "to": TANAKA.email, "subject": "お電話の件"}
    assert desk.as_(AIKO).post(f"/tickets/{ticket_id}/reply", data=form).status_code == 200
    desk.post(desk.messages(ticket_id)[-1])
    assert postbox.last["Subject"] == f"お電話の件 [#{ticket_id}]"


def test_a_queues_sender_name_stands_in_its_mails(desk: OpenDesk, postbox: Postbox) -> None:
    queue = desk.queue("returns")
    form = {"name": queue.name, "name_en": queue.name_en, "address": RETURNS_ADDRESS, "sender_name": "あおば返品係",
            "agent_id": [desk.agent(BEN).id]}  # fmt: skip
    assert desk.as_(SATO).post(f"/admin/queues/{queue.id}", data=form).status_code == 200
    desk.mail(to=RETURNS_ADDRESS)
    desk.post(send(desk, body="はい"))
    assert postbox.last["From"].addresses[0].display_name == "あおば返品係"


def test_who_writes_english_gets_mail_from_the_queues_english_name(desk: OpenDesk, postbox: Postbox) -> None:
    queue, page = desk.queue("returns"), f"/admin/queues/{desk.queue('returns').id}"
    form = {"name": queue.name, "name_en": queue.name_en, "address": RETURNS_ADDRESS, "sender_name": "あおば返品係",
            "sender_name_en": "Aoba Returns", "acknowledges": "on", "agent_id": [desk.agent(BEN).id]}  # fmt: skip
    assert desk.as_(SATO).post(page, data=form).status_code == 200
    assert 'value="Aoba Returns"' in desk.as_(SATO).get(page).text
    desk.mail(subject="My order", body="I would like to return the kettle that I bought from you.", to=RETURNS_ADDRESS)
    desk.mail(subject="返品", body="掃除機を返品したいです。", to=RETURNS_ADDRESS)
    for ticket_id, name in ((1, "Aoba Returns"), (2, "あおば返品係")):
        receipt = next(each for each in desk.messages(ticket_id) if each.direction == "out")
        for message in (receipt, desk.reply(BEN, ticket_id, "はい")):
            desk.post(message)
            assert postbox.last["From"].addresses[0].display_name == name
            assert postbox.last["Reply-To"].addresses[0].display_name in ("", name)
    desk.as_(SATO).post(page, data=form | {"sender_name_en": ""})
    desk.post(desk.reply(BEN, 1, "Yes."))
    assert postbox.last["From"].addresses[0].display_name == "あおば返品係", "a queue with one name says it to all"


def test_what_a_colleague_noted_of_a_call_is_no_subject_of_a_mail(desk: OpenDesk, postbox: Postbox) -> None:
    desk.twilio.rings("CA-1", caller=TANAKA.phone, to=RETURNS_NUMBER)
    call = desk.call("CA-1")
    assert (ben := desk.as_(BEN)).post(f"/calls/{call.id}/accept").status_code == 200
    desk.twilio.says("CA-1", "completed", sequence=3)
    ben.post(f"/calls/{call.id}/wrap-up", data={"note": "怒っている。返金は断ること", "disposition": "follow_up"})
    page = ben.get("/tickets/1").text
    assert "怒っている" in part(page, "ticket-1-title") and "怒っている" not in part(page, "write-1")
    assert 'name="subject" type="text" value="お電話でのお問い合わせの件"' in page
    desk.post(send(desk, body="お電話ありがとうございました。", mode="new", to=TANAKA.email, subject=""))
    desk.post(send(desk, body="続きです。", mode="reply", to=TANAKA.email))
    assert [mail["Subject"] for _, mail in postbox.mails] == [
        "お電話でのお問い合わせの件 [#1]", "Re: お電話でのお問い合わせの件 [#1]",
    ]  # fmt: skip


def test_a_mail_after_a_call_goes_on_under_the_subject_it_was_given(desk: OpenDesk, postbox: Postbox) -> None:
    desk.twilio.rings("CA-1", caller=TANAKA.phone, to=RETURNS_NUMBER)
    desk.twilio.says("CA-1", "completed", sequence=3)
    desk.post(send(desk, body="交換品をお送りします。", mode="new", to=TANAKA.email, subject="交換のご案内"))
    assert "Re: 交換のご案内 [#1]" in part(desk.as_(BEN).get("/tickets/1").text, "write-1")
    desk.mail(TANAKA, to=RETURNS_ADDRESS, **answer_to(postbox.mails[0][1], "よろしくお願いします。"))
    desk.post(send(desk, body="本日お送りしました。", mode="reply", to=TANAKA.email))
    assert postbox.mails[-1][1]["Subject"] == "Re: 交換のご案内 [#1]"
