"""Mailboxes of a real IMAP server are emptied: what is taken, where it goes, and what the server is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpdesk.mail.fetch import Looked
from models import MailboxAfter
from tests.boxes import LATER, Boxes
from tests.cast import RETURNS_ADDRESS, TANAKA
from tests.dovecot import Wire
from tests.mails import mail

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


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
    spelled = '"&VU8wRFQIMI8wWw-.&UeZ0Bm4IMH8-"'
    boxes.account.make(spelled)
    boxes.add(port=wire.port, after=MailboxAfter.MOVE, move_to="問い合わせ.処理済み")
    boxes.account.put(mail(1), at=LATER)
    boxes.account.put(mail(2), at=LATER)
    assert boxes.once() == Looked(1, "サポート", 2)
    assert any(" MOVE " in said for said in wire.said) == has_move
    assert boxes.account.count() == 0 and boxes.account.count(spelled) == 2


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
