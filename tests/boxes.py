"""A desk's mailboxes beside an account of a real IMAP server, set up and looked at by the tests."""

from datetime import timedelta
from typing import Any

from sqlmodel import col, select

from helpdesk import mailboxes
from helpdesk.mail.fetch import Collector, Looked, Pace
from helpdesk.mailboxes import Form
from models import Agent, Fetched, Inbound, Mailbox, MailboxAuth, Parked
from tests.cast import MONDAY, SATO, OpenDesk
from tests.dovecot import PASSWORD, Account
from tests.mails import subject_of
from tests.provider import Provider

QUICK = Pace(sweep=0.05, lease=2.0, unreachable=(0.05, 0.2), rejected=(0.05, 0.2))
LATER = MONDAY + timedelta(minutes=5)


class Boxes:
    """A desk's mailboxes, set up and looked at by the tests."""

    def __init__(self, desk: OpenDesk, account: Account) -> None:
        self.desk, self.account = desk, account
        self.collector: Collector = desk.app.state.desk.collector

    def add(self, **more: Any) -> int:
        """Set one up for the account, without anybody waking the desk."""
        form = Form(**{
            "name": "サポート", "host": "localhost", "port": self.account.server.tls_port, "user": self.account.user,
            "secret": PASSWORD, **more,
        })  # fmt: skip
        settings, clock = self.desk.settings, self.desk.clock
        return self.desk.write(
            lambda db: mailboxes.create(db, form, by=supervisor(db), settings=settings, now=clock())
        ).id  # fmt: skip

    def once(self) -> Looked:
        """One look into each; the only one's result."""
        (looked,) = self.desk.client.portal.call(self.collector.once)
        return looked

    def begin(self, pace: Pace = QUICK) -> None:
        """Let the desk do it by itself from here on, as it does where it works, but faster than in life."""
        self.collector.pace = pace
        self.desk.client.portal.call(self.collector.start)

    def row(self, mailbox_id: int = 1) -> Mailbox:
        return self.desk.read(mailboxes.get, mailbox_id)

    def kept(self) -> list[str]:
        """The subjects of everything kept, in order."""
        rows = self.desk.read(lambda db: db.exec(select(Inbound.raw).order_by(col(Inbound.id))).all())
        return [subject_of(raw) for raw in rows]

    def fetched(self) -> list[Fetched]:
        return self.desk.read(lambda db: list(db.exec(select(Fetched).order_by(col(Fetched.uid)))))

    def parked(self) -> list[Parked]:
        return self.desk.read(lambda db: list(db.exec(select(Parked).order_by(col(Parked.id)))))


def supervisor(db: Any) -> Agent:
    return db.exec(select(Agent).where(Agent.email == SATO.email)).one()


def oauth(provider: Provider, **more: Any) -> dict[str, Any]:
    return {"auth": MailboxAuth.XOAUTH2, "secret": "refresh-0", "client_id": "app", "client_secret": "app secret",
            "token_url": provider.url, "scope": "https://outlook.office.com/IMAP.AccessAsUser.All", **more}  # fmt: skip
