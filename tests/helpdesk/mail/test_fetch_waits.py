"""A desk that keeps watch over its mailboxes: new mail, servers that go and come, pauses, and one watcher at a time."""

import time

import pytest

from helpdesk import mailboxes
from helpdesk.mail import imap
from helpdesk.mail.fetch import IDLE_SECONDS, Collector, Pace
from helpdesk.mailboxes import Form
from helpdesk.runtime import leases
from helpdesk.settings import Settings
from models import MailboxState
from tests.boxes import LATER, Boxes, supervisor
from tests.cast import Clock
from tests.conftest import open_desk
from tests.dovecot import PASSWORD, Account, Server, Wire
from tests.mails import mail
from tests.patience import PATIENCE_SECONDS, until

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@SQLITE
def test_a_new_mail_is_a_ticket_as_soon_as_the_server_speaks_of_it(boxes: Boxes, wire: Wire) -> None:
    boxes.add(port=wire.port)
    boxes.begin()
    until(lambda: [said for said in wire.said if said.endswith("IDLE")])
    boxes.account.put(mail(), at=LATER)
    until(boxes.desk.tickets)
    assert IDLE_SECONDS > 2 * PATIENCE_SECONDS  # so it was the server's word, and nobody asked in between
    assert not [said for said in wire.said if said.endswith("NOOP")]


@SQLITE
def test_without_idle_the_mailbox_is_asked_every_so_often(boxes: Boxes, wire: Wire) -> None:
    wire.mends = lambda said: said.replace(b" IDLE", b"")
    boxes.desk.settings.mail_poll_seconds = 0.1  # type: ignore[assignment]
    boxes.add(port=wire.port)
    boxes.begin()
    until(lambda: boxes.row().state == MailboxState.CONNECTED)
    boxes.account.put(mail(), at=LATER)
    until(boxes.desk.tickets)
    assert not [said for said in wire.said if said.endswith("IDLE")]


@SQLITE
def test_a_mail_that_arrives_while_others_are_taken_is_not_overlooked(boxes: Boxes, wire: Wire) -> None:
    boxes.add(port=wire.port)
    boxes.account.put(mail(1), at=LATER)
    wire.on("IDLE", lambda: boxes.account.put(mail(2), at=LATER))  # just before the desk begins to wait
    boxes.begin()
    until(lambda: len(boxes.desk.tickets()) == 2)


@pytest.mark.slow
@SQLITE
def test_a_server_that_is_restarted_is_found_again(boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server.start() as own:
        monkeypatch.setenv("SSL_CERT_FILE", str(own.authority))
        boxes.account = Account(own, boxes.account.user)
        boxes.add()
        boxes.begin()
        until(lambda: boxes.row().state == MailboxState.CONNECTED)
        own.down()
        until(lambda: boxes.row().state == MailboxState.FAILING)
        assert boxes.row().error in ("imap_lost", "imap_closed", "imap_unreachable")
        own.up()
        boxes.account.put(mail(), at=LATER)
        until(boxes.desk.tickets)
        until(lambda: (boxes.row().state, boxes.row().error) == (MailboxState.CONNECTED, ""))


@SQLITE
def test_a_line_that_is_cut_is_made_anew(boxes: Boxes, wire: Wire) -> None:
    boxes.add(port=wire.port)
    boxes.begin()
    until(lambda: [said for said in wire.said if said.endswith("IDLE")])
    wire.cut()
    until(lambda: wire.connections == 2)
    boxes.account.put(mail(), at=LATER)
    until(boxes.desk.tickets)


@SQLITE
def test_a_wrong_password_is_said_and_tried_again_gently(boxes: Boxes, wire: Wire) -> None:
    boxes.add(port=wire.port, secret="not the password")
    boxes.begin(Pace(sweep=0.05, lease=2.0, unreachable=(0.01, 0.02)))  # after a "no", a minute at least
    until(lambda: boxes.row().error == "imap_wrong_password")
    assert boxes.row().state == MailboxState.FAILING and "AUTHENTICATIONFAILED" in boxes.row().detail
    until(lambda: wire.connections == 1)
    time.sleep(0.3)
    assert wire.connections == 1
    form = Form(name="サポート", host="localhost", port=wire.port, user=boxes.account.user, secret=PASSWORD)
    boxes.desk.write(lambda db: mailboxes.change(
        db, mailboxes.get(db, 1), form, by=supervisor(db), settings=boxes.desk.settings, now=LATER))  # fmt: skip
    boxes.collector.wake()  # as the page does; the pause does not matter any more
    until(lambda: boxes.row().state == MailboxState.CONNECTED)


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (imap.Unreachable("imap_lost"), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]),
        (imap.Rejected("imap_wrong_password"), [60, 120, 240, 480, 960, 1800, 1800]),
    ],
)
def test_the_pauses_grow_and_have_an_end(error: Exception, pauses: list[float]) -> None:
    assert [Pace().pause(error, failures) for failures in range(1, len(pauses) + 1)] == pauses
    assert Pace().pause(error, 10_000) == pauses[-1]


@SQLITE
def test_a_paused_mailbox_is_left_alone_and_a_continued_one_catches_up(boxes: Boxes, wire: Wire) -> None:
    boxes.add(port=wire.port)
    boxes.begin()
    until(lambda: boxes.row().state == MailboxState.CONNECTED)
    boxes.desk.write(lambda db: mailboxes.pause(db, mailboxes.get(db, 1), by=supervisor(db), now=LATER))
    boxes.collector.wake()
    until(lambda: any(said.endswith("LOGOUT") for said in wire.said))
    boxes.account.put(mail(), at=LATER)
    boxes.desk.write(lambda db: mailboxes.resume(db, mailboxes.get(db, 1), by=supervisor(db), now=LATER))
    boxes.collector.wake()
    until(boxes.desk.tickets)


@SQLITE
def test_a_desk_with_a_mailbox_closes_at_once(settings: Settings, clock: Clock, account: Account, wire: Wire) -> None:
    with open_desk(settings, clock) as desk:
        boxes = Boxes(desk, account)
        boxes.add(port=wire.port)
        boxes.begin()
        until(lambda: [said for said in wire.said if said.endswith("IDLE")])
        began = time.monotonic()
    assert time.monotonic() - began < PATIENCE_SECONDS < IDLE_SECONDS and wire.said[-1].endswith("LOGOUT")


def test_two_processes_never_empty_the_same_mailbox_at_once(boxes: Boxes, wire: Wire) -> None:
    boxes.add(port=wire.port)
    boxes.begin()
    until(lambda: boxes.row().state == MailboxState.CONNECTED)
    other = Collector(boxes.desk.database, boxes.desk.settings, clock=boxes.desk.clock, arrived=lambda: None)
    assert [looked.error for looked in boxes.desk.client.portal.call(other.once)] == ["mailbox_held"]
    assert wire.connections == 1
    boxes.desk.client.portal.call(boxes.collector.stop)  # and gives it back
    assert [looked.error for looked in boxes.desk.client.portal.call(other.once)] == [""]


def test_the_mailbox_of_a_process_that_died_is_taken_over_when_its_lease_is_out(boxes: Boxes) -> None:
    boxes.add()
    boxes.desk.write(lambda db: leases.renew(db, "mailbox-1", "dead", seconds=30, now=boxes.desk.clock()))
    assert boxes.once().error == "mailbox_held"
    boxes.desk.clock.advance(seconds=31)
    assert boxes.once().error == ""
