"""How long agents write a reply is measured from facts, from beginning to write until sending; nothing is guessed."""

from datetime import timedelta
from typing import Any

import pytest

from helpdesk import writing
from helpdesk.writing import LOCKED, UNLOCKED
from tests.cast import BEN, MONDAY, RETURNS_ADDRESS, SATO, OpenDesk, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("held", "seconds"),
    [
        ([(10, LOCKED)], 600),
        ([(30, LOCKED), (10, LOCKED)], 600),  # it ended by itself; what was written before is not seen
        ([(10, LOCKED), (4, UNLOCKED)], None),
        ([(20, LOCKED), (12, UNLOCKED), (5, LOCKED)], 300),
        ([(61, LOCKED)], None),
        ([(-1, LOCKED)], None),
        ([], None),
    ],
)
def test_a_reply_takes_from_the_last_beginning_until_it_is_sent(held: Any, seconds: float | None) -> None:
    assert writing.span([(MONDAY - timedelta(minutes=ago), fact) for ago, fact in held], MONDAY) == seconds


@SQLITE
def test_staffing_shows_what_was_measured_beside_what_is_assumed(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    ben, minutes = desk.as_(BEN), [3, 5, 9, 4]

    def write_one(number: int) -> None:
        ben.post("/tickets/1/lock", data={"what": "take"})
        desk.clock.advance(minutes=minutes[number % 4])
        desk.reply(BEN, 1, f"{number}番目の返信です。")
        desk.clock.advance(minutes=1)

    for number in range(19):
        write_one(number)
    since = MONDAY - timedelta(days=1)
    assert desk.read(lambda db: writing.by_queue(db, since=since, least=20)) == {}, "too few say nothing"
    write_one(19)
    returns = desk.queue("returns").id
    told = desk.read(lambda db: writing.by_queue(db, since=since, least=20))
    assert {each: (one.count, one.seconds) for each, one in told.items()} == {returns: (20, 270), None: (20, 270)}
    page = text_of(desk.as_(SATO).get("/reports/staffing").text)
    assert "返信の入力時間" in page and "誰がどの問い合わせを見ているかは記録していない" in page
