"""Mailboxes are emptied through a line that breaks, by processes that are killed, of mails no server hands over."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from helpdesk import mailboxes
from helpdesk.mail.fetch import Collector, Looked
from helpdesk.settings import Settings
from models import FetchedState, Lease, MailboxAfter, MailboxState
from models.database import Database
from tests.boxes import LATER, Boxes, supervisor
from tests.dovecot import Wire
from tests.mails import mail
from tests.patience import PATIENCE_SECONDS

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


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
    wire.on(words, lambda: first.send_signal(signal.SIGKILL), after=words != "RFC822.SIZE")
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert first.wait(PATIENCE_SECONDS) == -signal.SIGKILL
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
