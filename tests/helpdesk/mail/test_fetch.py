"""Mailboxes are emptied: by a real IMAP server, through a line that breaks where it hurts most."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from helpdesk import mailboxes
from helpdesk.mail import imap
from helpdesk.mail.fetch import Collector, Looked, Pace
from helpdesk.mailboxes import Form
from helpdesk.runtime import leases
from helpdesk.settings import Settings
from models import (
    Agent,
    Fetched,
    FetchedState,
    Inbound,
    Lease,
    Mailbox,
    MailboxAfter,
    MailboxAuth,
    MailboxSecurity,
    MailboxState,
    Parked,
)
from models.database import Database
from tests.cast import DESK_ADDRESS, MONDAY, RETURNS_ADDRESS, SATO, TANAKA, Clock, OpenDesk
from tests.conftest import open_desk
from tests.dovecot import PASSWORD, Account, Server, Wire
from tests.provider import Provider

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
QUICK = Pace(sweep=0.05, lease=2.0, unreachable=(0.05, 0.2), rejected=(0.05, 0.2))
LATER = MONDAY + timedelta(minutes=5)


def mail(number: int = 1, *, to: str = DESK_ADDRESS, body: str = "掃除機の電源が入りません。", **headers: str) -> bytes:
    """A mail by Ms. Tanaka, as it lies in a mailbox."""
    written = EmailMessage()
    written["From"], written["To"], written["Subject"] = f"{TANAKA.name} <{TANAKA.email}>", to, f"ご相談 {number}"
    written["Message-ID"] = f"<imap-{number}@example.com>"
    for name, value in headers.items():
        written[name.replace("_", "-")] = value
    written.set_content(body)
    return written.as_bytes()


def until(holds: Callable[[], Any], *, seconds: float = 15) -> Any:
    """What it answers as soon as that is true; an end when it stays false."""
    end = time.monotonic() + seconds
    while not (answer := holds()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)
    return answer


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


def subject_of(raw: bytes) -> str:
    from email import message_from_bytes, policy

    return str(message_from_bytes(raw, policy=policy.default)["subject"])


@pytest.fixture
def boxes(desk: OpenDesk, account: Account) -> Boxes:
    """An open desk beside an account with an empty mailbox."""
    return Boxes(desk, account)


# --- taking and telling


def test_a_mail_in_the_mailbox_becomes_a_ticket_and_is_marked_seen(boxes: Boxes) -> None:
    boxes.add()
    boxes.account.put(mail(), at=LATER)
    assert boxes.once().fetched == 1
    boxes.desk.read_everything()
    (ticket,) = boxes.desk.tickets()
    assert (ticket.subject, ticket.customer_id) == ("ご相談 1", boxes.desk.customer(TANAKA).id)
    assert boxes.account.flags() == [{r"\Seen"}]


def test_a_second_look_takes_nothing_again(boxes: Boxes) -> None:
    boxes.add(after=MailboxAfter.NOTHING)
    boxes.account.put(mail(), at=LATER)
    assert [boxes.once().fetched, boxes.once().fetched] == [1, 0]
    assert boxes.kept() == ["ご相談 1"] and boxes.account.flags() == [set()]


def test_a_mail_somebody_has_already_read_is_taken_all_the_same(boxes: Boxes) -> None:
    boxes.add()
    boxes.account.put(mail(), at=LATER, flags=r"(\Seen)")
    assert boxes.once().fetched == 1


@pytest.mark.parametrize("has_move", [True, False])
@SQLITE
def test_mails_are_moved_to_a_folder_with_a_japanese_name(boxes: Boxes, wire: Wire, has_move: bool) -> None:
    if not has_move:
        wire.mends = lambda said: said.replace(b" MOVE", b"")
    spelled = '"&VU8wRDCKVQ9bkTDI-.&UeZ0Bm4IMH8-"'
    boxes.account.make(spelled)
    boxes.add(port=wire.port, after=MailboxAfter.MOVE, move_to=imap_name(spelled.strip('"')))
    boxes.account.put(mail(1), at=LATER)
    boxes.account.put(mail(2), at=LATER)
    assert boxes.once() == Looked(1, "サポート", 2)
    assert any(" MOVE " in said for said in wire.said) == has_move
    assert boxes.account.count() == 0 and boxes.account.count(spelled) == 2


def imap_name(coded: str) -> str:
    """A folder's name back from IMAP's spelling, by Python's own UTF-7, so that ours is not its own judge."""
    return coded.replace("&", "+").replace(",", "/").encode("ascii").decode("utf-7")


@pytest.mark.parametrize("name", ["問い合わせ", "Posteingang/Ärger & Co", "&", "a\\\"b", "📮"])
def test_folder_names_are_spelled_so_that_they_can_be_read_again(name: str) -> None:
    coded = imap.utf7(name)
    assert coded.isascii()
    back = "".join(
        part if number % 2 == 0 else "&" if not part else imap_name(f"&{part}-")
        for number, part in enumerate(re.split(r"&([^-]*)-", coded))
    )
    assert back == name


def test_folder_names_are_spelled_as_the_standard_shows() -> None:
    assert imap.utf7("~peter/mail/台北/日本語") == "~peter/mail/&U,BTFw-/&ZeVnLIqe-"  # RFC 3501, 5.1.3


def test_the_mailboxs_queue_decides(boxes: Boxes) -> None:
    boxes.add(queue_id=boxes.desk.queue("billing").id)
    boxes.account.put(mail(), at=LATER)
    boxes.once()
    boxes.desk.read_everything()
    assert [boxes.desk.queue_of(ticket) for ticket in boxes.desk.tickets()] == ["billing"]


@SQLITE
def test_without_a_queue_of_its_own_the_address_it_was_delivered_to_decides(boxes: Boxes) -> None:
    boxes.add()
    boxes.account.put(b"Delivered-To: " + RETURNS_ADDRESS.encode() + b"\r\n" + mail(to="undisclosed:;"), at=LATER)
    boxes.once()
    boxes.desk.read_everything()
    assert [boxes.desk.queue_of(ticket) for ticket in boxes.desk.tickets()] == ["returns"]


@SQLITE
def test_an_answer_to_the_tickets_own_address_joins_it_whoever_writes(boxes: Boxes) -> None:
    boxes.desk.mail(TANAKA)
    (ticket,) = boxes.desk.tickets()
    boxes.add()
    tagged = f"support+t{ticket.id}.{ticket.token}@desk.example.jp"
    boxes.account.put(mail(2, to=f"Support <{tagged}>").replace(TANAKA.email.encode(), b"other@example.net"), at=LATER)
    boxes.once()
    boxes.desk.read_everything()
    assert [message.is_from_stranger for message in boxes.desk.messages(ticket.id)] == [False, False]


@SQLITE
def test_the_desk_accepts_the_mailboxs_address_by_smtp_too(boxes: Boxes) -> None:
    boxes.add(address="Hello@desk.example.jp")
    boxes.desk.mail(TANAKA, to="hello@desk.example.jp")
    assert len(boxes.desk.tickets()) == 1


# --- breaking between


def test_a_line_that_breaks_before_the_marking_neither_loses_nor_doubles(boxes: Boxes, wire: Wire) -> None:
    boxes.add(port=wire.port)
    boxes.account.put(mail(), at=LATER)
    wire.on("UID STORE", "cut")
    assert boxes.once().error == "imap_lost"
    assert boxes.kept() == ["ご相談 1"] and boxes.account.unseen() == 1  # ours, and the server does not know
    assert boxes.once() == Looked(1, "サポート", 0)
    assert boxes.kept() == ["ご相談 1"] and boxes.account.unseen() == 0


def test_nothing_is_told_to_the_server_before_it_is_committed(boxes: Boxes, wire: Wire) -> None:
    boxes.add(port=wire.port)
    boxes.account.put(mail(), at=LATER)
    seen: list[list[str]] = []
    wire.on("UID STORE", lambda: seen.append(boxes.kept()))
    boxes.once()
    assert seen == [["ご相談 1"]]


def test_a_line_that_breaks_in_the_middle_of_a_mail_is_tried_again(boxes: Boxes, wire: Wire) -> None:
    boxes.add(port=wire.port)
    boxes.account.put(mail(1), at=LATER)
    boxes.account.put(mail(2), at=LATER)
    wire.on("BODY.PEEK[]", "cut", times=2)
    assert [boxes.once().error for _ in range(3)] == ["imap_lost", "imap_lost", ""]
    assert sorted(boxes.kept()) == ["ご相談 1", "ご相談 2"] and boxes.account.unseen() == 0


@pytest.mark.slow
@pytest.mark.parametrize("words", ["UID STORE", "BODY.PEEK[]", "RFC822.SIZE"])
@SQLITE
def test_a_process_killed_in_the_middle_neither_loses_nor_doubles(
    boxes: Boxes, wire: Wire, database_url: str, tmp_path: Path, words: str
) -> None:
    boxes.add(port=wire.port)
    boxes.account.put_many([mail(number) for number in range(60)], at=LATER)  # several batches
    command = [sys.executable, "-m", "helpdesk", "mail", "fetch", "--once"]
    environment = os.environ | {"DESK_DATABASE_URL": database_url, "DESK_DATA": str(tmp_path)}
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wire.on(words, lambda: first.send_signal(signal.SIGKILL), after=words != "RFC822.SIZE")
    assert first.wait(60) == -signal.SIGKILL
    boxes.desk.write(lambda db: db.delete(db.get(Lease, "mailbox-1")))  # which would run out by itself
    assert boxes.once().error == ""
    assert sorted(boxes.kept()) == sorted(f"ご相談 {number}" for number in range(60))
    assert boxes.account.unseen() == 0 and {row.state for row in boxes.fetched()} == {FetchedState.SETTLED}


def test_a_mail_the_server_does_not_hand_over_stops_none_behind_it(boxes: Boxes, wire: Wire) -> None:
    boxes.add(port=wire.port)
    for number in (1, 2, 3):
        boxes.account.put(mail(number), at=LATER)
    wire.on("UID FETCH 1:3 (UID BODY", "{tag} NO [SERVERBUG] Internal error", times=1)
    wire.on("UID FETCH 2 (UID BODY", "{tag} NO [SERVERBUG] Internal error", times=99)
    boxes.once()
    assert boxes.kept() == ["ご相談 1", "ご相談 3"] and boxes.account.unseen() == 1
    for _ in range(mailboxes.ATTEMPTS):
        boxes.once()
    (parked,) = boxes.parked()  # once, however often it is tried
    assert (parked.error, parked.source) == ("not_handed_over", "サポート")
    assert [row.state.value for row in boxes.fetched()] == ["settled", "given_up", "settled"]


@SQLITE
def test_a_mail_that_breaks_the_line_every_time_stops_none_behind_it(boxes: Boxes, wire: Wire) -> None:
    boxes.add(port=wire.port)
    for number in (1, 2, 3):
        boxes.account.put(mail(number), at=LATER)
    wire.on("UID FETCH 1:3 (UID BODY", "cut")
    wire.on("UID FETCH 2 (UID BODY", "cut", times=99)
    for _ in range(mailboxes.ATTEMPTS + 2):
        boxes.once()
    assert boxes.kept() == ["ご相談 1", "ご相談 3"]
    assert [parked.error for parked in boxes.parked()] == ["not_handed_over"]
    assert boxes.once() == Looked(1, "サポート", 0)


@SQLITE
def test_what_was_given_up_has_another_chance_when_a_supervisor_tries_again(boxes: Boxes, wire: Wire) -> None:
    boxes.add(port=wire.port)
    boxes.account.put(mail(), at=LATER)
    wire.on("(UID BODY", "{tag} NO broken", times=mailboxes.ATTEMPTS)
    for _ in range(mailboxes.ATTEMPTS + 1):
        boxes.once()
    assert boxes.kept() == [] and len(boxes.parked()) == 1
    boxes.desk.write(lambda db: mailboxes.resume(db, mailboxes.get(db, 1), by=supervisor(db), now=LATER))
    assert boxes.once().fetched == 1 and boxes.kept() == ["ご相談 1"]


@SQLITE
def test_a_mail_deleted_by_somebody_meanwhile_is_no_trouble(boxes: Boxes, wire: Wire) -> None:
    boxes.add(port=wire.port)
    boxes.account.put(mail(), at=LATER)
    wire.on("UID FETCH 1 (UID BODY", boxes.account.expunge)
    assert boxes.once().error == ""
    boxes.account.put(mail(2), at=LATER)
    assert boxes.once().fetched == 1 and boxes.kept()[-1] == "ご相談 2"


@SQLITE
@pytest.mark.parametrize("asked", ["(UID BODY.PEEK[])", "(UID RFC822.SIZE"])
def test_a_mail_the_server_forgets_to_answer_about_is_asked_for_again(boxes: Boxes, wire: Wire, asked: str) -> None:
    boxes.add(port=wire.port)
    for number in (1, 2, 3):
        boxes.account.put(mail(number), at=LATER)
    wire.on(asked, "{tag} OK Fetch completed.")
    assert boxes.once() == Looked(1, "サポート", 0) and boxes.kept() == []
    boxes.account.put(mail(4), at=LATER)
    boxes.once()
    assert sorted(boxes.kept()) == [f"ご相談 {number}" for number in (1, 2, 3, 4)] and boxes.account.unseen() == 0


@SQLITE
def test_a_kill_after_the_notice_of_a_large_mail_loses_none_before_it(boxes: Boxes, wire: Wire) -> None:
    boxes.desk.settings.mail_max_bytes = 20_000
    boxes.add(port=wire.port)
    boxes.account.put(mail(1), at=LATER)
    boxes.account.put(mail(2, body="大" * 20_000), at=LATER)
    wire.on("UID FETCH 1 (UID BODY", "cut")  # the head of the second is kept by then
    assert [boxes.once().error for _ in range(2)] == ["imap_lost", ""]
    assert sorted(boxes.kept()) == ["ご相談 1", "ご相談 2"] and len(boxes.parked()) == 1


@SQLITE
def test_a_mailbox_that_cannot_be_marked_is_emptied_all_the_same_and_says_so(boxes: Boxes, wire: Wire) -> None:
    boxes.add(port=wire.port, after=MailboxAfter.MOVE, move_to="Nowhere")
    boxes.account.put(mail(1), at=LATER)
    assert boxes.once().error == "imap_no_move_folder"
    boxes.account.put(mail(2), at=LATER)
    boxes.once()
    assert boxes.kept() == ["ご相談 1", "ご相談 2"] and boxes.row().state == MailboxState.CONNECTED
    boxes.account.make("Nowhere")
    assert boxes.once() == Looked(1, "サポート", 0)
    assert boxes.account.count() == 0 and boxes.account.count("Nowhere") == 2 and boxes.row().error == ""


# --- old mail, much mail, large mail


def test_of_an_old_mailbox_only_mail_from_now_on_is_taken(boxes: Boxes) -> None:
    boxes.account.put(mail(1), at=MONDAY - timedelta(days=400))
    boxes.account.put(mail(2), at=MONDAY - timedelta(minutes=1))
    boxes.account.put(mail(3), at=MONDAY + timedelta(seconds=1))
    boxes.add()
    assert boxes.once().fetched == 1 and boxes.kept() == ["ご相談 3"] and boxes.account.unseen() == 2
    assert boxes.once().fetched == 0


def test_mail_can_be_taken_from_a_chosen_day_on(boxes: Boxes) -> None:
    for number, days in ((1, 40), (2, 29), (3, 1)):
        boxes.account.put(mail(number), at=MONDAY - timedelta(days=days))
    boxes.add(takes_from=MONDAY - timedelta(days=30))
    boxes.once()
    assert boxes.kept() == ["ご相談 2", "ご相談 3"]


@SQLITE
def test_an_old_mail_that_somebody_moves_into_the_folder_later_is_taken(boxes: Boxes) -> None:
    boxes.add()
    boxes.once()
    boxes.account.put(mail(), at=MONDAY - timedelta(days=400))
    assert boxes.once().fetched == 1


def test_when_the_server_numbers_its_mails_anew_none_is_doubled(boxes: Boxes) -> None:
    boxes.add(after=MailboxAfter.NOTHING)
    for number in (1, 2, 3):
        boxes.account.put(mail(number), at=LATER)
    boxes.once()
    before = boxes.row().uidvalidity
    boxes.account.expunge()
    boxes.account.renumber()
    for number in (4, 2):  # a new one, with a number that another had, and one the desk has, with another number
        boxes.account.put(mail(number), at=LATER)
    boxes.once()
    assert boxes.row().uidvalidity != before
    assert sorted(boxes.kept()) == [f"ご相談 {number}" for number in (1, 2, 3, 4)]


@pytest.mark.slow
def test_a_backlog_of_five_hundred_mails_is_taken_many_at_a_time(boxes: Boxes, wire: Wire) -> None:
    boxes.add(port=wire.port)
    boxes.account.put_many([mail(number) for number in range(500)], at=LATER)
    assert boxes.once().fetched == 500
    assert len([said for said in wire.said if "STORE" in said]) == 20  # one after each commit
    assert boxes.kept() == [f"ご相談 {number}" for number in range(500)] and boxes.account.unseen() == 0


def test_a_mail_above_the_limit_is_parked_with_its_head_and_does_not_come_up_again(boxes: Boxes, wire: Wire) -> None:
    boxes.desk.settings.mail_max_bytes = 20_000
    boxes.add(port=wire.port)
    boxes.account.put(mail(1, body="大" * 20_000), at=LATER)
    boxes.account.put(mail(2), at=LATER)
    boxes.once()
    boxes.once()
    (parked,) = boxes.parked()
    raw = boxes.desk.read(lambda db: db.get(Inbound, parked.inbound_id).raw)
    assert parked.error == "too_large" and subject_of(raw) == "ご相談 1" and len(raw) < 1000
    assert not [said for said in wire.said if "FETCH 1 (UID BODY.PEEK[])" in said]
    assert boxes.account.unseen() == 1  # it waits there for a person
    assert boxes.kept() == ["ご相談 1", "ご相談 2"]


@SQLITE
def test_a_mail_above_the_limit_is_fetched_whole_once_the_limit_allows(boxes: Boxes) -> None:
    boxes.desk.settings.mail_max_bytes = 20_000
    boxes.add()
    boxes.account.put(mail(1, body="大" * 20_000), at=LATER)
    boxes.once()
    boxes.desk.settings.mail_max_bytes = 30_000_000
    assert boxes.once().fetched == 1
    boxes.desk.read_everything()
    assert len(boxes.desk.messages()[0].text) >= 20_000 and boxes.account.unseen() == 0


@SQLITE
def test_any_bytes_are_kept_as_they_are(boxes: Boxes) -> None:
    raw = b'From: a@example.com\r\nSubject: ("x" {5}\r\n\r\n) FLAGS (\\Seen)\r\n* 9 EXISTS\r\n{3}\r\n\xff\xfe\x80\\\r\n'
    boxes.add()
    boxes.account.put(raw, at=LATER)
    boxes.once()
    assert boxes.desk.read(lambda db: db.exec(select(Inbound.raw)).all()) == [raw]


# --- waiting


@SQLITE
def test_a_new_mail_is_on_an_agents_screen_within_a_second_or_so(boxes: Boxes) -> None:
    boxes.add()
    boxes.begin()
    until(lambda: boxes.row().state == MailboxState.CONNECTED)
    boxes.account.put(mail(), at=LATER)
    began = time.monotonic()
    until(boxes.desk.tickets)
    # Dovecot itself waits half a second before it speaks.
    assert time.monotonic() - began < 2.0


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
    until(lambda: len(boxes.desk.tickets()) == 2, seconds=5)


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
def test_a_desk_with_a_mailbox_closes_at_once(
    settings: Settings, clock: Clock, account: Account, wire: Wire
) -> None:
    with open_desk(settings, clock) as desk:
        boxes = Boxes(desk, account)
        boxes.add(port=wire.port)
        boxes.begin()
        until(lambda: [said for said in wire.said if said.endswith("IDLE")])
        began = time.monotonic()
    assert time.monotonic() - began < 3 and wire.said[-1].endswith("LOGOUT")


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


# --- doors and keys


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


@pytest.fixture
def provider(imap_providers: Provider, account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider that knows the account by its refresh token."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(imap_providers.authority))
    imap_providers.asked.clear()
    imap_providers.refresh_tokens = {"refresh-0": account.user}
    yield imap_providers
    imap_providers.renews = imap_providers.is_down = False


def oauth(provider: Provider, **more: Any) -> dict[str, Any]:
    return {"auth": MailboxAuth.XOAUTH2, "secret": "refresh-0", "client_id": "app", "client_secret": "app secret",
            "token_url": provider.url, "scope": "https://outlook.office.com/IMAP.AccessAsUser.All", **more}  # fmt: skip


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


# --- the command


@SQLITE
def test_the_command_says_what_it_fetched_and_what_kept_it_from_it(
    boxes: Boxes, database_url: str, tmp_path: Path
) -> None:
    boxes.add()
    boxes.add(name="壊れた受信箱", secret="wr0ng")
    boxes.account.put(mail(), at=LATER)
    ended = subprocess.run(
        [sys.executable, "-m", "helpdesk", "mail", "fetch", "--once"], capture_output=True, text=True, timeout=60,
        env=os.environ | {"DESK_DATABASE_URL": database_url, "DESK_DATA": str(tmp_path), "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert ended.returncode == 1
    first, second = ended.stdout.splitlines()
    assert first == "サポート: 1 fetched, done"
    assert second.startswith("壊れた受信箱: 0 fetched, The server does not accept") and "wr0ng" not in second


def test_a_database_that_does_not_answer_is_no_reason_to_tell_the_server(
    boxes: Boxes, wire: Wire, settings: Settings
) -> None:
    boxes.add(port=wire.port)
    boxes.account.put(mail(), at=LATER)
    away = Database(settings.database)
    collector = Collector(away, settings, clock=boxes.desk.clock, arrived=lambda: None)

    wire.on("BODY.PEEK[]", away.close)
    assert [looked.error for looked in boxes.desk.client.portal.call(collector.once)] == ["unexpected"]
    assert not [said for said in wire.said if "STORE" in said] and boxes.account.unseen() == 1
