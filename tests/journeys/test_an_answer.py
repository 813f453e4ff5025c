"""An agent's answer, out by SMTP, and what the customer answers to it, back into the same ticket."""

import pytest
from pydantic import SecretStr

from helpdesk.mail import threads
from models import Direction, MessageState, Parked, TicketState
from tests.cast import BEN, RETURNS_ADDRESS, SATO, STRANGER, TANAKA, OpenDesk, part, text_of
from tests.mails import answer_to
from tests.postbox import Postbox


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
    assert mail["Reply-To"].addresses[0].addr_spec == f"returns+{tag}@desk.example.jp"
    assert envelope.mail_from == f"returns+{tag}.m{message.id}@desk.example.jp"
    assert mail["From"].addresses[0].addr_spec == RETURNS_ADDRESS and mail["Date"].datetime == desk.clock()
    body = mail.get_body(("plain",)).get_content()
    assert "充電台をご確認ください。" in body and "> 掃除機の電源が入りません。" in body
    (attached,) = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content().strip()) == ("図.txt", "abc")
    assert desk.messages()[-1].state == MessageState.SENT
    assert desk.tickets()[0].assignee_id == desk.agent(BEN).id and not desk.tickets()[0].awaits_us
    ben.check()


JAPANESE, ENGLISH = "返品窓口　担当: {agent}", "{agent}, Returns\nPhone 03-5550-0102"
ENGLISH_TOO = "Hello,\nthe plug of the heater does not fit. Can I send it back?\nThank you"


@pytest.mark.parametrize(
    ("japanese", "english", "below"),
    [
        (JAPANESE, ENGLISH, ["返品窓口　担当: Ben Carter", "Ben Carter, Returns\nPhone 03-5550-0102"]),
        (JAPANESE, "", ["返品窓口　担当: Ben Carter"] * 2),
        ("", ENGLISH, ["Ben Carter, Returns\nPhone 03-5550-0102"] * 2),
        ("", "", [None, None]),
    ],
    ids=["both", "one", "the other", "none"],
)
def test_a_queue_signs_in_the_language_of_the_customer_and_with_what_it_has(
    desk: OpenDesk, postbox: Postbox, japanese: str, english: str, below: list[str | None]
) -> None:
    queue = desk.queue("returns")
    form = {"name": queue.name, "name_en": queue.name_en, "phone": queue.phone, "address": queue.address,
            "agent_id": desk.agent(BEN).id, "signature": japanese, "signature_en": english}  # fmt: skip
    assert desk.as_(SATO).post(f"/admin/queues/{queue.id}", data=form).status_code == 200
    page = desk.as_(SATO).get(f"/admin/queues/{queue.id}").text
    assert [part(page, each).split(">")[1].split("<")[0] for each in ("f-signature", "f-signature_en")] == [
        japanese, english]  # fmt: skip
    desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS)
    desk.mail(STRANGER, subject="A plug", body=ENGLISH_TOO, to=RETURNS_ADDRESS)
    for ticket, signed in zip(desk.tickets(), below, strict=True):
        shown = text_of(part(desk.as_(BEN).get(f"/tickets/{ticket.id}").text, f"compose-{ticket.id}"))
        assert signed is None or " ".join(signed.split()) in shown
        desk.post(desk.reply(BEN, ticket.id or 0, "OK"))
        words = postbox.last.get_body(("plain",)).get_content().replace("\r\n", "\n")
        assert ("-- " in words) == bool(signed)
        assert words.startswith(f"OK\n\n-- \n{signed}\n" if signed else "OK\n")


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
    assert "解決済みの#1の続きです" in text_of(desk.as_(SATO).get(f"/tickets/{new.id}").text)
    assert "続きは#2にあります" in text_of(desk.as_(SATO).get(f"/tickets/{old.id}").text)


def test_an_automatic_answer_is_shown_but_reopens_and_awaits_nothing(desk: OpenDesk) -> None:
    asked = desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/resolve")
    desk.mail(TANAKA, subject="不在通知 Re: 電源が入らない", body="ただいま不在です。",
              headers={"In-Reply-To": asked, "Auto-Submitted": "auto-replied"})  # fmt: skip
    assert desk.tickets()[0].state == TicketState.RESOLVED and desk.messages(1)[-1].is_automatic
    assert "Automatic" in text_of(desk.as_(BEN).get("/tickets/1").text)
