"""A mail of ours that comes back: said on its ticket, of the recipient it did not reach, and nowhere else."""

from smtplib import SMTP

import pytest
from sqlmodel import col, select, update

from helpdesk.mail import bounces, threads
from models import Delivery, DeliveryState, Inbound, Message, MessageKind, MessageState, Queue, UnreachableAddress
from tests.cast import BEN, RETURNS_ADDRESS, SATO, STRANGER, TANAKA, OpenDesk, text_of
from tests.mails import bounce
from tests.postbox import Postbox
from web.words import WORDS

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def answered(desk: OpenDesk, **form: str) -> Message:
    """Ms. Tanaka's ticket with an answer that has left; whom it goes to is not asked once more."""
    desk.write(lambda db: db.exec(update(Queue).values(warns_of_recipients=False)))
    desk.mail(subject="電源が入らない", to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/reply", data={"body": "はい", "to": TANAKA.email} | form)
    desk.post(desk.messages()[-1])
    return desk.messages()[-1]


def outcome(desk: OpenDesk) -> tuple[str, str]:
    """What came of the newest mail."""
    row = desk.read(lambda db: db.exec(select(Inbound).order_by(col(Inbound.id).desc())).first())
    return row.state.value, row.outcome


def recipients(desk: OpenDesk, message: Message) -> dict[str, DeliveryState]:
    """What became of each recipient."""
    rows = desk.read(lambda db: list(db.exec(select(Delivery).where(Delivery.message_id == message.id))))
    return {row.address: row.state for row in rows}


def marked(desk: OpenDesk) -> dict[str, str]:
    """The addresses that cannot be reached, with their statuses."""
    return {row.key: row.status for row in desk.read(lambda db: list(db.exec(select(UnreachableAddress))))}


def test_a_final_bounce_is_told_in_words_and_the_address_is_marked_until_somebody_clears_it(
    desk: OpenDesk, postbox: Postbox
) -> None:
    message = answered(desk)
    screens = [desk.screen_of(BEN, "/tickets/1"), desk.screen_of(BEN)]
    desk.mail(raw=bounce(message.internet_id, "5.1.1"))
    for screen in screens:
        screen.check()
    page = text_of(desk.as_(BEN).get("/tickets/1").text)
    assert f"The message to {TANAKA.email} came back undelivered · There is no such address. 5.1.1" in page
    assert f"Mail to {TANAKA.email} came back. There is no such address." in page
    assert desk.tickets()[0].awaits_us and desk.messages()[-1].state == MessageState.FAILED
    assert recipients(desk, message) == {TANAKA.email: DeliveryState.BOUNCED}
    assert outcome(desk) == ("done", "bounce") and marked(desk) == {TANAKA.email: "5.1.1"}
    customer = desk.as_(SATO).get(f"/customers/{desk.customer(TANAKA).id}").text
    assert "メールが届いていません。" in text_of(customer)
    assert desk.as_(BEN).post("/tickets/1/reachable", data={"address": TANAKA.email}).status_code == 200
    for screen in screens:
        screen.check()
    assert not marked(desk) and "came back. There" not in text_of(desk.as_(BEN).get("/tickets/1").text)
    desk.mail(raw=bounce(message.internet_id, "5.2.2") + b" ")
    desk.as_(SATO).post(f"/customers/{desk.customer(TANAKA).id}/reachable", data={"address": TANAKA.email})
    assert not marked(desk)


def test_a_delay_is_only_noted(desk: OpenDesk, postbox: Postbox) -> None:
    message = answered(desk)
    ben = desk.screen_of(BEN, "/tickets/1")
    desk.mail(raw=bounce(message.internet_id, "4.4.1", action="delayed"))
    ben.check()
    assert "has not been delivered yet" in text_of(desk.as_(BEN).get("/tickets/1").text)
    assert outcome(desk) == ("done", "bounce_delayed") and not marked(desk) and not desk.tickets()[0].awaits_us
    assert desk.messages()[-1].state == MessageState.SENT


def test_a_server_that_gave_up_after_trying_has_failed_but_the_address_is_not_marked(
    desk: OpenDesk, postbox: Postbox
) -> None:
    message = answered(desk)
    desk.mail(raw=bounce(message.internet_id, "4.4.7"))
    assert desk.messages()[-1].state == MessageState.FAILED and not marked(desk)


def test_of_two_recipients_the_one_who_got_it_keeps_it(desk: OpenDesk, postbox: Postbox) -> None:
    message = answered(desk, cc=STRANGER.email)
    desk.mail(raw=bounce(message.internet_id, "5.1.1"))
    assert recipients(desk, message) == {TANAKA.email: DeliveryState.BOUNCED, STRANGER.email: DeliveryState.ACCEPTED}
    last = desk.messages()[-1]
    assert last.state == MessageState.SENT and TANAKA.email in last.error and set(marked(desk)) == {TANAKA.email}


def test_nobody_is_marked_whom_the_mail_did_not_go_to(desk: OpenDesk, postbox: Postbox) -> None:
    message = answered(desk, cc=STRANGER.email)
    forged = bounce(message.internet_id, "5.1.1").replace(TANAKA.email.encode(), b"victim@example.org")
    desk.mail(raw=forged)
    assert not marked(desk) and desk.messages()[-1].state == MessageState.SENT


@SQLITE
@pytest.mark.parametrize("status", ["5.2.3", "5.3.4", "5.6.1"])
def test_a_mail_that_was_too_large_or_not_read_says_nothing_of_the_address(
    desk: OpenDesk, postbox: Postbox, status: str
) -> None:
    message = answered(desk)
    desk.mail(raw=bounce(message.internet_id, status))
    assert desk.messages()[-1].state == MessageState.FAILED and not marked(desk)


def test_the_envelope_says_which_mail_came_back_where_the_report_names_none(desk: OpenDesk, postbox: Postbox) -> None:
    message = answered(desk)
    returned_to = postbox.mails[-1][0].mail_from
    assert returned_to == f"returns+{threads.tag_of(desk.tickets()[0], message.id)}@desk.example.jp"
    notice = (
        "From: MAILER-DAEMON@ezweb.ne.jp\r\nSubject: =?utf-8?b?44Oh44O844Or44Ko44Op44O86YCa55+l?=\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n宛先のメールアドレスが見つかりませんでした。\r\n"
    )
    with SMTP("127.0.0.1", desk.app.state.desk.mail_port) as smtp:
        smtp.sendmail("", [returned_to], notice.encode())
    desk.read_everything()
    assert len(desk.tickets()) == 1 and desk.messages()[-1].state == MessageState.FAILED
    assert marked(desk) == {TANAKA.email: "5.1.1"}


def test_a_made_up_tag_marks_nothing(desk: OpenDesk, postbox: Postbox) -> None:
    message = answered(desk)
    desk.mail(raw=bounce("<unknown@example.org>", "5.1.1"), to=f"returns+t1.{'0' * 20}.m{message.id}@desk.example.jp")
    assert desk.messages()[-1].state == MessageState.SENT and outcome(desk) == ("ignored", "bounce_of_nothing")


def test_a_notice_of_a_daemon_about_nothing_of_ours_opens_no_ticket(desk: OpenDesk) -> None:
    words = "宛先が見つかりませんでした。送信できません。"
    desk.mail("MAILER-DAEMON@ezweb.ne.jp", subject="メールエラー通知", body=words, to=RETURNS_ADDRESS)
    assert not desk.tickets() and outcome(desk) == ("ignored", "bounce_of_nothing")


def test_a_receipt_that_comes_back_makes_no_noise(desk: OpenDesk, postbox: Postbox) -> None:
    def acknowledge(db):  # type: ignore[no-untyped-def]
        db.exec(select(Queue).where(Queue.slug == "returns")).one().acknowledges = True

    desk.write(acknowledge)
    desk.mail(to=RETURNS_ADDRESS)
    (receipt,) = [message for message in desk.messages() if message.kind == MessageKind.RECEIPT]
    desk.post(receipt)
    ben = desk.screen_of(BEN, "/tickets/1")
    desk.mail(raw=bounce(receipt.internet_id, "5.1.1"))
    ben.check()
    assert outcome(desk) == ("ignored", "bounce_of_receipt") and marked(desk) == {TANAKA.email: "5.1.1"}
    assert f"The message to {TANAKA.email} came back" not in text_of(desk.as_(BEN).get("/tickets/1").text)
    assert len(desk.tickets()) == 1 and desk.tickets()[0].awaits_us


@pytest.mark.parametrize(
    ("status", "code"),
    [("5.1.1", "5.1.1"), ("5.1.6", "5.1"), ("5.9.9", "5"), ("4.4.1", "4.4"), ("4.0.0", "4"), ("", ""), ("x", "")],
)
def test_a_status_is_said_as_the_nearest_that_has_words(status: str, code: str) -> None:
    assert bounces.plainly(status) == code


def test_every_status_that_has_words_is_known() -> None:
    assert set(WORDS["bounce"]) == bounces.KNOWN
