"""Which mails are taken of a mailbox with years of them, many at a time and large ones with care."""

from datetime import timedelta

import pytest
from sqlmodel import select

from models import Inbound, MailboxAfter
from tests.boxes import LATER, Boxes
from tests.cast import MONDAY
from tests.dovecot import Wire
from tests.mails import mail, subject_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


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
