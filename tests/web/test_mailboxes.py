"""The page on which supervisors set up mailboxes: what is wrong is said where it is wrong, and secrets stay in."""

from typing import Any

import pytest
from sqlmodel import select

from models import Event, Fetched, Mailbox, MailboxState
from tests.boxes import LATER
from tests.cast import AIKO, MONDAY, SATO, OpenDesk, part, text_of
from tests.dovecot import PASSWORD, Account
from tests.mails import mail
from tests.provider import Provider

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
OTHER_PASSWORD = "another secret 123"
TYPED = {
    "name": "サポート", "address": "", "host": "localhost", "port": "993", "security": "tls", "auth": "password",
    "user": "support@desk.example.jp", "secret": OTHER_PASSWORD, "folder": "INBOX", "after": "seen", "move_to": "",
    "queue_id": "", "takes_from": "",
}  # fmt: skip


def typed(account: Account | None = None, **more: Any) -> dict[str, str]:
    """The form filled in, rightly for an account of the IMAP server where one is given."""
    right = {"port": str(account.server.tls_port), "user": account.user, "secret": PASSWORD} if account else {}
    return TYPED | right | {name: str(value) for name, value in more.items()}


def box(desk: OpenDesk) -> Mailbox:
    return desk.read(lambda db: db.exec(select(Mailbox)).one())


def error_at(html: str, field: str) -> str:
    """What stands beside a field."""
    return text_of(part(html, f"f-{field}-error"))


def test_a_mailbox_is_set_up_and_its_mail_comes_in(desk: OpenDesk, account: Account) -> None:
    answer = desk.as_(SATO).post("/admin/mailboxes/new", data=typed(account, queue_id=desk.queue("returns").id))
    assert answer.url.path == "/admin/mailboxes" and "返品・交換" in part(answer.text, "mailboxes")
    account.put(mail(), at=LATER)
    desk.client.portal.call(desk.app.state.desk.collector.once)
    desk.read_everything()
    assert [desk.queue_of(ticket) for ticket in desk.tickets()] == ["returns"]
    shown = text_of(part(desk.as_(SATO).get("/admin/mailboxes").text, "mailboxes"))
    assert "接続済み" in shown and "取り込み 1通" in shown


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"address": "nobody"}, "address"),
        ({"host": "mail example"}, "host"),
        ({"host": ""}, "host"),
        ({"port": "0"}, "port"),
        ({"port": "９９３x"}, "port"),
        ({"port": "-1"}, "port"),
        ({"security": "none"}, "security"),
        ({"user": ""}, "user"),
        ({"user": "a\r\nb"}, "user"),
        ({"secret": ""}, "secret"),
        ({"folder": ""}, "folder"),
        ({"after": "move"}, "move_to"),
        ({"after": "move", "move_to": "INBOX"}, "move_to"),
        ({"queue_id": "999"}, "queue_id"),
        ({"queue_id": "x"}, "queue_id"),
        ({"takes_from": "yesterday"}, "takes_from"),
        ({"auth": "xoauth2", "refresh_token": "r", "token_url": "https://example.com/t"}, "client_id"),
        ({"auth": "xoauth2", "client_id": "app", "token_url": "https://example.com/t"}, "refresh_token"),
        ({"auth": "xoauth2", "client_id": "app", "refresh_token": "r", "token_url": "http://example.com"}, "token_url"),
    ],
    ids=str,
)
@pytest.mark.parametrize("door", ["/admin/mailboxes/new", "/admin/mailboxes/new/test"])
@SQLITE
def test_what_is_wrong_is_said_beside_its_field(
    standing_desk: OpenDesk, changed: dict[str, str], field: str, door: str
) -> None:
    answer = standing_desk.as_(SATO).post(door, data=TYPED | changed)
    assert answer.status_code == 422 and error_at(answer.text, field)
    assert answer.text.count('class="field-error"') == 1
    assert standing_desk.count(Mailbox) == 0 and OTHER_PASSWORD not in answer.text
    assert 'value="support@desk.example.jp"' in answer.text or field == "user"


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({}, "", "接続できました。"),
        ({"secret": "wrong"}, "secret", "ユーザー名またはパスワードが正しくありません。"),
        ({"folder": "Nowhere"}, "folder", "この名前のフォルダーはメールボックスにありません。"),
        ({"after": "move", "move_to": "Nowhere"}, "move_to", "移動先フォルダーがない"),
        ({"host": "127.0.0.1"}, "host", "サーバー証明書の名前が一致しない"),
        ({"host": "no-such-host.invalid"}, "host", "この名前のサーバーは見つかりません。"),
        ({"port": "1"}, "port", "メールサーバーが応答しません。"),
        ({"security": "starttls"}, "", ""),
    ],
    ids=str,
)
@SQLITE
def test_the_test_really_connects_and_says_what_is_wrong(
    desk: OpenDesk, account: Account, changed: dict[str, str], field: str, words: str
) -> None:
    if changed == {"security": "starttls"}:  # on the port where it is spoken
        changed, words = changed | {"port": str(account.server.plain_port)}, "接続できました。"
    answer = desk.as_(SATO).post("/admin/mailboxes/new/test", data=typed(account, **changed))
    assert answer.status_code == 200
    assert words in text_of(part(answer.text, "tried")) and (not field or words in error_at(answer.text, field))
    assert desk.count(Mailbox) == 0 and PASSWORD not in answer.text


@SQLITE
def test_the_test_speaks_tls_or_says_that_the_server_does_not(desk: OpenDesk, account: Account) -> None:
    answer = desk.as_(SATO).post("/admin/mailboxes/new/test", data=typed(account, port=account.server.plain_port))
    assert "TLS接続ができません" in error_at(answer.text, "security")


@SQLITE
def test_the_test_uses_the_stored_password_and_changes_nothing(desk: OpenDesk, account: Account) -> None:
    desk.as_(SATO).post("/admin/mailboxes/new", data=typed(account))
    before = desk.everything_kept()
    answer = desk.as_(SATO).post("/admin/mailboxes/1/test", data=typed(account, secret="", name="別名"))
    assert "接続できました。" in text_of(part(answer.text, "tried")) and desk.everything_kept() == before


@SQLITE
def test_a_stored_password_goes_to_no_other_server(desk: OpenDesk, account: Account) -> None:
    desk.as_(SATO).post("/admin/mailboxes/new", data=typed(account))
    for changed in ({"host": "elsewhere.example.com"}, {"port": "994"}, {"user": "other@desk.example.jp"}):
        for door in ("/admin/mailboxes/1", "/admin/mailboxes/1/test"):
            answer = desk.as_(SATO).post(door, data=typed(account, secret="", **changed))
            assert answer.status_code == 422 and "保存済みの値は使われません" in error_at(answer.text, "secret")
    assert box(desk).host == "localhost"


@SQLITE
def test_a_secret_is_never_shown_again_and_an_empty_field_keeps_it(desk: OpenDesk, account: Account) -> None:
    desk.as_(SATO).post("/admin/mailboxes/new", data=typed(account))
    page = desk.as_(SATO).get("/admin/mailboxes/1").text
    assert PASSWORD not in page and box(desk).secret not in page and "保存済みです" in page
    answer = desk.as_(SATO).post("/admin/mailboxes/1", data=typed(account, secret="", name="新しい名前"))
    assert answer.url.path == "/admin/mailboxes" and "新しい名前" in answer.text
    (looked,) = desk.client.portal.call(desk.app.state.desk.collector.once)
    assert looked.error == ""
    assert PASSWORD not in desk.everything_kept()


@SQLITE
def test_a_mailbox_with_tokens_keeps_them_as_secretly(
    desk: OpenDesk, account: Account, imap_providers: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(imap_providers.authority))
    imap_providers.refresh_tokens = {"a-refresh-token": account.user}
    form = typed(account, auth="xoauth2", secret="", client_id="app", client_secret="app secret",
                 token_url=imap_providers.url, refresh_token="a-refresh-token")  # fmt: skip
    tried = desk.as_(SATO).post("/admin/mailboxes/new/test", data=form)
    assert "接続できました。" in tried.text
    desk.as_(SATO).post("/admin/mailboxes/new", data=form)
    page = desk.as_(SATO).get("/admin/mailboxes/1").text
    for secret in ("a-refresh-token", "app secret"):
        assert secret not in page + tried.text + desk.everything_kept()
    refused = desk.as_(SATO).post("/admin/mailboxes/1/test", data=form | {"client_secret": "wrong"})
    assert "認証サービスが" in error_at(refused.text, "refresh_token") and "invalid_client" in refused.text


@SQLITE
def test_an_open_page_hears_that_a_mailbox_fails_and_shows_why(desk: OpenDesk, account: Account) -> None:
    desk.as_(SATO).post("/admin/mailboxes/new", data=typed(account, secret="wrong"))
    screen = desk.screen_of(SATO, "/admin/mailboxes")
    desk.client.portal.call(desk.app.state.desk.collector.once)
    screen.check()
    assert "mailboxes" in screen.stale
    shown = text_of(part(desk.as_(SATO).get("/admin/mailboxes").text, "mailboxes"))
    assert "未接続" in shown and "ユーザー名またはパスワードが正しくありません。" in shown


@SQLITE
def test_pausing_continuing_and_deleting_are_done_by_buttons_and_remembered(desk: OpenDesk, account: Account) -> None:
    desk.as_(SATO).post("/admin/mailboxes/new", data=typed(account))
    account.put(mail(), at=LATER)
    collector = desk.app.state.desk.collector
    assert "一時停止中" in desk.as_(SATO).post("/admin/mailboxes/1/pause").text
    assert desk.client.portal.call(collector.once) == [] and not box(desk).is_active
    desk.as_(SATO).post("/admin/mailboxes/1/resume")
    assert [looked.fetched for looked in desk.client.portal.call(collector.once)] == [1]
    assert box(desk).state == MailboxState.CONNECTED
    desk.as_(SATO).post("/admin/mailboxes/1/delete")
    assert desk.count(Mailbox) == desk.count(Fetched) == 0
    assert account.count() == 1  # on the server it stays
    desk.read_everything()
    assert len(desk.tickets()) == 1
    told = desk.read(lambda db: db.exec(select(Event).where(Event.fact == "mailbox_changed")).all())
    by = desk.agent(SATO).id
    assert [(event.data["state"], event.actor_id) for event in told] == [
        ("new", by), ("paused", by), ("new", by), ("new", None), ("connected", None), ("deleted", by)]  # fmt: skip


@SQLITE
def test_another_account_in_the_same_mailbox_begins_from_now_on(desk: OpenDesk, account: Account) -> None:
    other = Account(account.server, f"other-{account.user}")
    other.put(mail(1), at=MONDAY)
    desk.as_(SATO).post("/admin/mailboxes/new", data=typed(account))
    account.put(mail(2), at=LATER)
    collector = desk.app.state.desk.collector
    desk.client.portal.call(collector.once)
    desk.clock.advance(minutes=10)
    desk.as_(SATO).post("/admin/mailboxes/1", data=typed(other))
    assert [looked.fetched for looked in desk.client.portal.call(collector.once)] == [0]
    other.put(mail(3), at=desk.clock())
    assert [looked.fetched for looked in desk.client.portal.call(collector.once)] == [1]


@SQLITE
def test_agents_neither_see_nor_touch_mailboxes(desk: OpenDesk) -> None:
    desk.as_(SATO).post("/admin/mailboxes/new", data=TYPED)
    agent = desk.as_(AIKO)
    for path in ("/admin/mailboxes", "/admin/mailboxes/new", "/admin/mailboxes/1"):
        assert agent.get(path).status_code == 403, path
    for path in ("new", "new/test", "1", "1/test", "1/pause", "1/resume", "1/delete"):
        assert agent.post(f"/admin/mailboxes/{path}", data=TYPED).status_code == 403, path
    assert "/admin/mailboxes" not in agent.get("/inbox").text
    assert desk.count(Mailbox) == 1 and box(desk).is_active


@SQLITE
def test_a_mailbox_there_is_not_is_not_found(desk: OpenDesk) -> None:
    assert desk.as_(SATO).get("/admin/mailboxes/7").status_code == 404
    for path in ("7", "7/test", "7/pause", "7/resume", "7/delete"):
        assert desk.as_(SATO).post(f"/admin/mailboxes/{path}", data=TYPED).status_code == 404


@SQLITE
def test_the_notice_of_a_mail_too_large_offers_no_reading_of_its_head_alone(desk: OpenDesk, account: Account) -> None:
    desk.settings.mail_max_bytes = 20_000
    desk.as_(SATO).post("/admin/mailboxes/new", data=typed(account))
    account.put(mail(body="大" * 20_000), at=LATER)
    desk.client.portal.call(desk.app.state.desk.collector.once)
    page = desk.as_(SATO).get("/admin/parked").text
    assert "/raw" in page and "/replay" not in page
