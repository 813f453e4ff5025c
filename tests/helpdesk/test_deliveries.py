"""How mails leave: one copy for each recipient, by the right server, and one bad server keeps nobody else waiting."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import col, select

from helpdesk import deliveries, mailboxes, outgoing, seals
from helpdesk.errors import Rejected, Unreachable
from helpdesk.mail import dkim, send
from helpdesk.runtime.work import NotYet
from helpdesk.settings import Settings
from models import Delivery, DkimKey, MailboxSecurity, Message, MessageState, Parked
from tests.cast import BEN, DESK_ADDRESS, RETURNS_ADDRESS, SATO, TANAKA, OpenDesk, part, text_of
from tests.dovecot import make_certificate
from tests.postbox import Postbox

SECRET = "a password of some length"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificate(folder)
    return folder


@pytest.fixture
def provider(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Postbox]:
    """Another mail server, which wants STARTTLS and a password."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "authority.pem"))
    with Postbox(certificates=certificates, password=SECRET) as opened:
        yield opened


def written(desk: OpenDesk, **form: str) -> Message:
    """Ben answers Ms. Tanaka."""
    if not desk.tickets():
        desk.mail(to=RETURNS_ADDRESS)
    answer = desk.as_(BEN).post("/tickets/1/reply", data={"body": "はい"} | form)
    if asks := re.search(r'name="confirmed" value="([^"]*)"', answer.text):  # about those who are new to the ticket
        answer = desk.as_(BEN).post("/tickets/1/reply", data={"body": "はい", "confirmed": asks[1]} | form)
    assert answer.status_code == 200, text_of(answer.text)
    return desk.messages(1)[-1]


def states(desk: OpenDesk, message: Message) -> dict[str, str]:
    """What became of the mail for each recipient."""
    rows = desk.read(lambda db: db.exec(select(Delivery).where(Delivery.message_id == message.id)).all())
    return {row.address: row.state.value for row in rows}


def mailbox(desk: OpenDesk, provider: Postbox, **more: Any) -> int:
    """The returns address lives at the provider."""
    standing: dict[str, Any] = {
        "name": "返品", "address": RETURNS_ADDRESS, "host": "localhost", "port": 1, "user": "returns-account",
        "secret": SECRET, "smtp_host": "localhost", "smtp_port": provider.port,
    }  # fmt: skip
    form = mailboxes.Form(**standing | more)
    made = desk.write(lambda db: mailboxes.create(
        db, form, by=desk.agent(SATO), settings=desk.settings, now=desk.clock()))  # fmt: skip
    return int(made.id)


# --- one copy each -----------------------------------------------------------------------------------------------


def test_who_is_told_to_come_later_gets_the_mail_later_and_the_others_get_it_once(
    desk: OpenDesk, postbox: Postbox
) -> None:
    message = written(desk, cc="full@example.com, gone@example.com")
    ben = desk.screen_of(BEN, "/tickets/1")
    postbox.later, postbox.refuses = {"full@example.com"}, {"gone@example.com"}
    for _ in range(2):
        with pytest.raises(Unreachable):
            desk.post(message)
    assert states(desk, message) == {TANAKA.email: "accepted", "full@example.com": "waiting",
                                     "gone@example.com": "refused"}  # fmt: skip
    assert desk.messages(1)[-1].state == MessageState.SENDING
    assert desk.as_(BEN).post(f"/messages/{message.id}/undo").status_code == 409  # somebody has it
    ben.check()
    postbox.later.clear()
    desk.post(message)
    assert set(postbox.copies().values()) == {1}
    assert [envelope.rcpt_tos for envelope, _ in postbox.mails] == [[TANAKA.email], ["full@example.com"]]
    sent = desk.messages(1)[-1]
    assert sent.state == MessageState.SENT and sent.error == "gone@example.com: 5.1.1 Nobody of that name"
    ben.check()


def test_when_no_attempt_is_left_those_who_have_it_count_and_the_others_are_named(
    desk: OpenDesk, postbox: Postbox
) -> None:
    message = written(desk, cc="full@example.com")
    postbox.later = {"full@example.com"}
    with pytest.raises(Unreachable) as error:
        desk.post(message)
    desk.app.state.desk.jobs.gave_up("send_mail", [message.id], error.value)
    told = desk.messages(1)[-1]
    assert told.state == MessageState.SENT and "full@example.com: 4.2.2 Mailbox full, later" in told.error
    assert desk.count(Parked) == 1


def test_a_replay_reaches_only_those_who_have_not_got_it(desk: OpenDesk, postbox: Postbox) -> None:
    message = written(desk, to="gone@example.com")
    postbox.refuses = {"gone@example.com"}
    with pytest.raises(Rejected) as error:
        desk.post(message)
    desk.app.state.desk.jobs.gave_up("send_mail", [message.id], error.value)
    assert states(desk, message) == {"gone@example.com": "refused"}
    postbox.refuses.clear()
    assert desk.as_(SATO).post("/admin/parked/1/replay").status_code == 200
    desk.post(message)
    assert states(desk, message) == {"gone@example.com": "accepted"} and len(postbox.mails) == 1


def test_an_address_named_twice_gets_one_copy(desk: OpenDesk, postbox: Postbox) -> None:
    desk.post(written(desk, to=f"{TANAKA.email}, {TANAKA.email}", cc=TANAKA.email, bcc=TANAKA.email))
    assert [envelope.rcpt_tos for envelope, _ in postbox.mails] == [[TANAKA.email]]


def test_the_same_work_twice_at_once_is_done_by_one(desk: OpenDesk, postbox: Postbox) -> None:
    message = written(desk)
    with desk.database.alone(f"mail:{message.id}") as is_mine:
        assert is_mine
        with pytest.raises(NotYet):
            desk.post(message)
    assert not postbox.mails
    desk.post(message)
    assert len(postbox.mails) == 1


def test_after_a_death_between_the_last_yes_and_the_end_nothing_is_sent_again(desk: OpenDesk, postbox: Postbox) -> None:
    message = written(desk)
    claims = {"rests": lambda *_: 0.0, "now": desk.clock()}
    assert desk.write(lambda db: deliveries.claim(db, message.id or 0, **claims)) == 0

    def yes(db: Any) -> None:
        db.exec(select(Delivery)).one().state = "accepted"

    desk.write(yes)
    desk.post(message)
    assert not postbox.mails and desk.messages(1)[-1].state == MessageState.SENT


def test_a_second_attempt_is_the_same_mail_to_the_last_byte_with_the_domains_signature(
    desk: OpenDesk, postbox: Postbox
) -> None:
    private, public = dkim.make_key()
    key = DkimKey(domain="desk.example.jp", selector="mado", private_key=seals.seal(private, settings=desk.settings),
                  public_key=public, is_active=True, created_at=desk.clock())  # fmt: skip
    desk.write(lambda db: db.add(key))
    message = written(desk, body="[図.png]", cc="full@example.com")
    claims = {"rests": lambda *_: 0.0, "now": desk.clock()}
    desk.write(lambda db: deliveries.claim(db, message.id or 0, **claims))
    first, second = (
        desk.read(lambda db: deliveries.prepare(db, message.id, desk.settings.attachments, desk.settings).raw)
        for _ in range(2)
    )
    assert first == second and b"d=desk.example.jp" in first.partition(b"\r\n\r\n")[0]
    desk.post(message)
    assert "s=mado" in postbox.last["DKIM-Signature"]


# --- receipts ----------------------------------------------------------------------------------------------------


def test_a_receipt_leaves_at_once_with_a_null_sender_and_cannot_be_taken_back(desk: OpenDesk, postbox: Postbox) -> None:
    desk.settings.undo_seconds = 10
    asked = desk.mail(to=RETURNS_ADDRESS)

    def write(db: Any) -> Message:
        (ticket,) = desk.tickets()
        (heard,) = desk.messages(1)
        return outgoing.receipt(db, ticket, "受け付けました。", to=TANAKA.email, answers=heard, settings=desk.settings,
                                now=desk.clock())  # fmt: skip

    receipt = desk.write(write)
    assert desk.as_(BEN).post(f"/messages/{receipt.id}/undo").status_code == 409
    desk.post(receipt)
    envelope, mail = postbox.mails[0]
    assert (envelope.mail_from, envelope.rcpt_tos) == ("<>", [TANAKA.email])
    assert mail["Auto-Submitted"] == "auto-replied" and mail["X-Auto-Response-Suppress"] == "All"
    assert mail["In-Reply-To"] == asked and desk.tickets()[0].awaits_us and desk.tickets()[0].assignee_id is None


# --- servers -----------------------------------------------------------------------------------------------------


def test_what_a_mailboxs_address_writes_leaves_by_its_server_and_the_rest_by_the_desks(
    desk: OpenDesk, postbox: Postbox, provider: Postbox
) -> None:
    mailbox(desk, provider)
    desk.post(written(desk))
    desk.mail(subject="別件", body="返品したいのですが、どうすればよいですか。", to=DESK_ADDRESS)
    assert desk.as_(SATO).post("/tickets/2/reply", data={"body": "はい"}).status_code == 200
    desk.write(lambda db: setattr(db.get(Message, desk.messages(2)[-1].id), "sender_address", DESK_ADDRESS))
    desk.post(desk.messages(2)[-1])
    assert [mail["From"].addresses[0].addr_spec for _, mail in provider.mails] == [RETURNS_ADDRESS]
    assert [mail["From"].addresses[0].addr_spec for _, mail in postbox.mails] == [DESK_ADDRESS]
    assert provider.users == [("returns-account", "LOGIN")] or provider.users == [("returns-account", "PLAIN")]


def test_a_mailbox_may_have_another_account_for_sending(desk: OpenDesk, provider: Postbox) -> None:
    mailbox(desk, provider, secret="of collecting", smtp_user="sender", smtp_secret=SECRET)
    desk.post(written(desk))
    assert [user for user, _ in provider.users] == ["sender"] and len(provider.mails) == 1
    assert SECRET not in desk.everything_kept()


def test_a_server_that_offers_no_tls_hears_no_password(desk: OpenDesk, postbox: Postbox) -> None:
    mailbox(desk, postbox)
    with pytest.raises(Unreachable, match="smtp_no_starttls"):
        desk.post(written(desk))
    assert not postbox.users and not postbox.mails


def test_a_certificate_nobody_vouches_for_gets_neither_mail_nor_password(
    desk: OpenDesk, provider: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox(desk, provider)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Unreachable, match="smtp_certificate"):
        desk.post(written(desk))
    assert not provider.users and not provider.mails


def test_a_password_that_is_wrong_now_keeps_the_mails_until_somebody_mends_it(
    desk: OpenDesk, provider: Postbox
) -> None:
    number = mailbox(desk, provider)
    provider.password = "changed at the provider"
    message = written(desk)
    with pytest.raises(Unreachable, match="smtp_wrong_password"):
        desk.post(message)
    shown = text_of(part(desk.as_(BEN).get("/tickets/1").text, f"message-{message.id}"))
    assert "does not accept the sign-in" in shown
    provider.password = SECRET
    assert number and desk.messages(1)[-1].state == MessageState.QUEUED


def test_a_token_is_used_where_collecting_uses_one() -> None:
    access = mailboxes.Access(
        host="imap.example.com", port=993, security=MailboxSecurity.TLS, user="a@example.com",
        auth=mailboxes.MailboxAuth.XOAUTH2, secret="refresh", client_id="c", client_secret="s", token_url="https://x/",
        scope="", folder="INBOX", after=mailboxes.MailboxAfter.SEEN, move_to="", smtp_host="smtp.example.com",
    )  # fmt: skip
    assert mailboxes.sends_by_token(access)
    server = mailboxes.smtp_server(access, token="token")
    assert (server.user, server.token, server.password, server.needs_tls) == ("a@example.com", "token", "", True)


def test_signing_in_by_token_says_what_providers_expect(provider: Postbox) -> None:
    provider.password = "token-1"
    server = send.Server("localhost", provider.port, needs_tls=True, user="a@example.com", token="token-1")
    send.knock(server)
    assert provider.users == [("a@example.com", "token-1")]
    provider.password = "token-2"
    with pytest.raises(Unreachable, match="smtp_wrong_password"):
        send.knock(server)


def test_a_server_that_cannot_be_reached_is_left_alone_and_the_others_are_not(
    desk: OpenDesk, postbox: Postbox, settings: Settings
) -> None:
    first, second = written(desk), written(desk, body="もう一通")
    settings.smtp_url = SecretStr("smtp://127.0.0.1:9")
    with pytest.raises(Unreachable):
        desk.post(first)
    with pytest.raises(NotYet) as wait:
        desk.post(second)  # is not even tried, and no attempt of it is counted
    assert 0 < wait.value.seconds <= deliveries.PAUSES[0]
    settings.smtp_url = SecretStr(postbox.url)
    desk.post(second)
    assert len(postbox.mails) == 1
    settings.smtp_url = SecretStr("smtp://127.0.0.1:9")
    desk.clock.now += deliveries.PATIENCE * 2
    with pytest.raises(Unreachable):
        desk.post(first)  # has waited long enough for its attempts to count


# --- the page ----------------------------------------------------------------------------------------------------

TYPED = {
    "name": "返品", "address": RETURNS_ADDRESS, "host": "localhost", "port": "993", "security": "tls",
    "auth": "password", "user": "returns-account", "secret": SECRET, "folder": "INBOX", "after": "seen", "move_to": "",
    "queue_id": "", "takes_from": "", "smtp_host": "smtp.example.com", "smtp_port": "587",
    "smtp_security": "starttls", "smtp_user": "", "smtp_secret": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "is_kept"),
    [
        ({}, True),
        ({"smtp_host": "mail.thief.example"}, False),
        ({"smtp_port": "2525"}, False),
        ({"smtp_user": "thief"}, False),
        ({"smtp_host": "mail.thief.example", "smtp_secret": "its own"}, True),  # the kept one is not sent there
        ({"host": "mail.thief.example"}, False),
    ],
    ids=str,
)
def test_a_kept_password_goes_to_no_other_outgoing_server(
    desk: OpenDesk, changed: dict[str, str], is_kept: bool
) -> None:
    assert desk.as_(SATO).post("/admin/mailboxes/new", data=TYPED).status_code == 200
    answer = desk.as_(SATO).post("/admin/mailboxes/1", data=TYPED | {"secret": ""} | changed)
    assert answer.status_code == (200 if is_kept else 422)
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"smtp_host": "mail example"}, "smtp_host"), ({"smtp_port": "0"}, "smtp_port"),
     ({"smtp_port": "x"}, "smtp_port"), ({"smtp_user": "a\r\nb"}, "smtp_user")],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_with_sending_is_said_beside_its_field(
    standing_desk: OpenDesk, changed: dict[str, str], field: str
) -> None:
    answer = standing_desk.as_(SATO).post("/admin/mailboxes/new", data=TYPED | changed)
    assert answer.status_code == 422 and f'id="f-{field}-error"' in answer.text


def test_writing_works_where_only_a_mailbox_can_send(desk: OpenDesk, provider: Postbox, settings: Settings) -> None:
    settings.smtp_url = SecretStr("")
    mailbox(desk, provider)
    desk.post(written(desk))
    newest = select(Message).order_by(col(Message.id).desc())
    assert len(provider.mails) == 1 and desk.read(lambda db: db.exec(newest).first()).state == MessageState.SENT
