"""An answer that does not go out at once, or comes back: it is tried again, shown, and sent by a replay."""

from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import col, select

from helpdesk import deliveries
from helpdesk.errors import Rejected, Unreachable
from helpdesk.runtime import work
from helpdesk.settings import Settings
from models import Inbound, InboundState, MessageState, Parked, Ticket
from tests.cast import BEN, RETURNS_ADDRESS, SATO, TANAKA, Clock, OpenDesk, part, text_of
from tests.conftest import open_desk
from tests.mails import bounce
from tests.patience import until
from tests.postbox import Postbox


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
    monkeypatch.setattr(deliveries, "PAUSES", (0.05, 0.05))
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
        assert "メールの送信 ·" in page and "send_mail" not in page
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
        draft = outgoing.Draft("はい", [TANAKA.email])
        outgoing.write(db, ticket, draft, by=ben, settings=desk.settings, now=desk.clock())
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
    assert (failed.state, failed.error) == (MessageState.FAILED, "bounced")
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
