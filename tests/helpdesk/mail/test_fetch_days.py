"""How many mails a mailbox had on a day is told beside what was stored; what nobody needs to know any more goes."""

import re
from datetime import date, timedelta

import pytest

from helpdesk import inbox, ledger, mailboxes
from models import Fetched, FetchedState, Inbound, MailboxAfter, MailboxDay
from tests.boxes import LATER, Boxes
from tests.cast import MONDAY, SATO, part, text_of
from tests.mails import mail

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
FIRST = date(2026, 11, 16)


def had(boxes: Boxes) -> dict[date, tuple[int, int, int]]:
    """Of each day: how many the server had, how many were stored, and how many came again."""
    desk = boxes.desk
    page = desk.read(lambda db: ledger.page(db, settings=desk.settings, now=desk.clock()))
    found = next(source for source in page.sources if source.source == "mailbox:1")
    return {day.day: (day.had or 0, day.kept, day.repeats) for day in found.busy}


def test_what_a_mailbox_had_is_counted_once_on_the_day_it_was_first_listed(boxes: Boxes) -> None:
    boxes.account.put(mail(1), at=MONDAY - timedelta(days=400))  # old: the desk does not want it
    boxes.add()
    boxes.account.put(mail(2), at=LATER)
    boxes.account.put(mail(3), at=LATER)
    for _ in range(3):
        boxes.once()
    assert had(boxes) == {FIRST: (2, 2, 0)}
    boxes.desk.clock.advance(days=1)
    boxes.account.put(mail(4), at=LATER)
    boxes.account.put(mail(2), at=LATER)  # which the desk has already
    boxes.once()
    assert had(boxes) == {FIRST: (2, 2, 0), FIRST + timedelta(days=1): (2, 1, 1)}
    shown = text_of(part(boxes.desk.as_(SATO).get("/admin/mail").text, "ledger"))
    assert "サポート" in shown and "メールボックスから取り込み" in shown


def test_a_mail_that_is_too_large_is_set_aside_in_the_ledger_by_its_head(boxes: Boxes) -> None:
    boxes.add(folder="INBOX")
    boxes.account.put(mail(1), at=LATER)
    boxes.desk.settings.mail_max_bytes = 10_000
    boxes.account.put(mail(2, body="x" * 20_000), at=LATER)
    boxes.once()
    assert had(boxes) == {FIRST: (2, 2, 0)}  # of the large one the head, which is set aside
    page = boxes.desk.as_(SATO).get("/admin/mail/list?source=mailbox:1&day=2026-11-16&what=parked").text
    assert "ご相談 2" in page and len(re.findall('class="ledger-subject"', page)) == 1
    assert "assign-title" not in boxes.desk.as_(SATO).get("/admin/mail/2").text  # it is collected whole later


def test_what_was_settled_long_ago_is_forgotten_and_nothing_is_taken_twice_for_it(boxes: Boxes) -> None:
    boxes.add(after=MailboxAfter.NOTHING)
    for number in (1, 2, 3):
        boxes.account.put(mail(number), at=LATER)
    boxes.once()
    assert forgotten(boxes, days=89) == 0 and len(boxes.fetched()) == 3
    assert forgotten(boxes, days=2) == 3 and boxes.fetched() == []
    boxes.account.put(mail(4), at=LATER)
    assert boxes.once().fetched == 1 and boxes.desk.count(Inbound) == 4
    boxes.account.put(mail(2), at=LATER)  # under another number it is still known
    boxes.once()
    repeats = [row for row in boxes.fetched() if row.is_repeat]
    assert boxes.desk.count(Inbound) == 4 and len(repeats) == 1
    left = len(boxes.fetched())
    assert forgotten(boxes, days=91) == left and boxes.once().fetched == 0 and boxes.desk.count(Inbound) == 4


def test_what_the_server_was_not_told_or_has_still_to_hand_over_is_never_forgotten(boxes: Boxes) -> None:
    boxes.add()
    boxes.account.put(mail(1), at=LATER)
    boxes.once()
    states = [FetchedState.KEPT, FetchedState.FAILED, FetchedState.TOO_LARGE, FetchedState.GIVEN_UP]
    (row,) = boxes.fetched()

    def more(db: object) -> None:
        for number, state in enumerate(states, 1):
            db.add(Fetched(**row.model_dump() | {"uid": row.uid + number, "state": state}))  # type: ignore[attr-defined]
        ahead = Fetched(**row.model_dump() | {"uid": row.uid + 9, "state": FetchedState.SETTLED})
        db.add(ahead)  # type: ignore[attr-defined]  # of which a process that died left nothing but the row

    boxes.desk.write(more)
    assert forgotten(boxes, days=400) == 1
    assert [found.uid - row.uid for found in boxes.fetched()] == [1, 2, 3, 4, 9]


@SQLITE
def test_housekeeping_forgets_in_small_steps_and_ends(boxes: Boxes) -> None:
    boxes.add(after=MailboxAfter.NOTHING)
    for number in range(7):
        boxes.account.put(mail(number), at=LATER)
    boxes.once()
    before = boxes.desk.clock() + timedelta(days=1)
    steps = [boxes.desk.write(lambda db: mailboxes.forget(db, before=before, limit=3)) for _ in range(4)]
    assert steps == [3, 3, 1, 0]


def test_a_mailbox_that_was_deleted_keeps_its_place_in_the_ledger(boxes: Boxes) -> None:
    boxes.add()
    boxes.account.put(mail(1), at=LATER)
    boxes.once()
    boxes.desk.read_everything()
    boxes.desk.as_(SATO).post("/admin/mailboxes/1/delete")
    assert boxes.desk.count(MailboxDay) == 0
    shown = text_of(part(boxes.desk.as_(SATO).get("/admin/mail").text, "ledger"))
    assert "#1" in shown and "メールボックスから取り込み" in shown
    assert "ご相談 1" in boxes.desk.as_(SATO).get("/admin/mail/1").text


def forgotten(boxes: Boxes, *, days: int) -> int:
    """How many are forgotten when housekeeping comes so much later."""
    boxes.desk.clock.advance(days=days)
    before = boxes.desk.clock() - timedelta(days=boxes.desk.settings.raw_keep_days)
    boxes.desk.write(lambda db: inbox.forget(db, before=before))
    return boxes.desk.write(lambda db: mailboxes.forget(db, before=before))
