"""How a mailbox is opened: certificates, passwords that nobody may read, and access tokens."""

import os

import pytest

from helpdesk.mail.fetch import Looked
from models import MailboxAuth, MailboxSecurity
from tests.boxes import LATER, Boxes, oauth
from tests.dovecot import Wire
from tests.mails import mail
from tests.provider import Provider

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@SQLITE
def test_starttls_is_spoken_where_it_is_asked_for(boxes: Boxes) -> None:
    boxes.add(port=boxes.account.server.plain_port, security=MailboxSecurity.STARTTLS)
    boxes.account.put(mail(), at=LATER)
    assert boxes.once().fetched == 1


@SQLITE
def test_no_password_is_said_to_a_server_nobody_vouches_for(
    boxes: Boxes, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    boxes.add(port=wire.port)
    assert boxes.once().error == "imap_certificate" and wire.said == []


@SQLITE
def test_the_password_is_in_no_table_and_in_no_log(boxes: Boxes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    boxes.add(secret="a secret nobody may see", auth=MailboxAuth.PASSWORD)
    boxes.once()
    assert "a secret nobody may see" not in boxes.desk.everything_kept() + caplog.text
    assert (boxes.desk.settings.data / "secret.key").stat().st_mode & 0o777 == 0o600


@SQLITE
def test_without_the_key_the_mailbox_says_that_its_password_is_wanted_again(boxes: Boxes) -> None:
    boxes.add()
    (boxes.desk.settings.data / "secret.key").unlink()
    assert boxes.once().error == "secret_lost"


def test_a_mailbox_is_opened_with_a_token_instead_of_a_password(boxes: Boxes, provider: Provider) -> None:
    boxes.add(**oauth(provider))
    boxes.account.put(mail(), at=LATER)
    assert boxes.once() == Looked(1, "サポート", 1)
    assert provider.asked == [{
        "client_id": "app", "client_secret": "app secret", "grant_type": "refresh_token", "refresh_token": "refresh-0",
        "scope": "https://outlook.office.com/IMAP.AccessAsUser.All",
    }]  # fmt: skip


@SQLITE
def test_an_access_token_is_used_as_long_as_it_is_good_and_a_refused_one_is_asked_for_anew(
    boxes: Boxes, provider: Provider
) -> None:
    boxes.add(**oauth(provider))
    boxes.once()
    boxes.once()
    assert len(provider.asked) == 1
    provider.access_tokens.clear()  # the provider has taken it back
    assert boxes.once().error == "imap_wrong_token"
    assert boxes.once().error == "" and len(provider.asked) == 2


@SQLITE
def test_a_refresh_token_that_changes_is_kept(boxes: Boxes, provider: Provider) -> None:
    provider.renews = True
    boxes.add(**oauth(provider))
    for _ in range(3):
        boxes.collector._tokens.clear()  # an hour later each
        assert boxes.once().error == ""
    assert [asked["refresh_token"] for asked in provider.asked] == ["refresh-0", "refresh-1", "refresh-2"]
    assert "refresh-2" not in boxes.desk.everything_kept()


@SQLITE
def test_a_provider_that_says_no_or_nothing_is_told_apart(boxes: Boxes, provider: Provider) -> None:
    boxes.add(**oauth(provider, secret="a token of yesterday"))
    assert boxes.once().error == "oauth_refused"
    assert boxes.row().detail == "invalid_grant" and "of yesterday" not in boxes.desk.everything_kept()
    provider.is_down = True
    assert boxes.once().error == "oauth_unreachable"
