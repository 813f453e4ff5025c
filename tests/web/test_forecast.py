"""The forecast as supervisors see it: the weeks to come, how sure they are, and what it says when it cannot know."""

import csv
import io
import re
from datetime import date, timedelta

import numpy as np
import pytest

from helpdesk.tallies import volumes
from helpdesk.tallies.volumes import CALLS, WRITTEN
from tests import kept_days
from tests.cast import AIKO, BEN, RETURNS_ADDRESS, SATO, SUZUKI, TANAKA, OpenDesk, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@SQLITE
def test_supervisors_read_what_the_next_weeks_bring_and_how_far_off_it_may_be(desk: OpenDesk) -> None:
    kept_days.lay(desk, 84, calls={"tech_support": 60}, mails={"tech_support": 40, "returns": 25})
    today = volumes.yesterday(desk.clock(), "Asia/Tokyo") + timedelta(days=1)
    shown = text_of(desk.as_(SATO).get("/reports/forecast").text)
    assert "今後14日間で" in shown and "過去の週で試したところ" in shown and "直近7日間の見込みと実績" in shown
    told = desk.as_(SATO).get("/reports/forecast/halves.csv?weeks=4").content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(told)))[1:]
    tech = desk.queue("tech_support").name
    assert {(row[0], row[1]) for row in rows} == {(tech, "電話"), (tech, "メールなど"), ("返品・交換", "メールなど")}
    assert {row[2] for row in rows} <= {(today + timedelta(days=ahead)).isoformat() for ahead in range(28)}
    monday = today + timedelta(days=14)  # the Monday before it is a holiday
    assert "11/23(月)は祝日（勤労感謝の日）" in shown
    of_day = [row for row in rows if row[:3] == [tech, "電話", monday.isoformat()]]
    expected = sum(float(row[4]) for row in of_day)
    assert 60 * 1.35 * 0.85 < expected < 60 * 1.35 * 1.15
    assert sum(int(row[5]) for row in of_day) < expected < sum(int(row[6]) for row in of_day)
    peak = max(of_day, key=lambda row: float(row[4]))
    assert peak[3] in ("9:30", "10:00", "9:00")
    # One queue only, and one day of it.
    answer = desk.as_(SATO).get(f"/reports/forecast?weeks=4&queue={desk.queue('returns').id}&day={monday}")
    assert f'value="{monday}" selected' in answer.text and "9:30" in answer.text
    assert desk.as_(SATO).get("/reports/forecast?day=2020-01-01").status_code == 404
    assert desk.as_(SATO).get("/reports/forecast?weeks=3").status_code in (400, 422)
    for path in ("/reports/forecast", "/reports/forecast/halves.csv", "/reports/forecast.xlsx"):
        assert desk.as_(BEN).get(path).status_code == 403
    for kind in ("pdf", "xlsx", "csv"):
        assert desk.as_(SATO).get(f"/reports/forecast.{kind}?weeks=2").status_code == 200


@SQLITE
def test_a_young_desk_is_told_how_much_of_a_past_is_needed(desk: OpenDesk) -> None:
    desk.mail(TANAKA, subject="返品1", to=RETURNS_ADDRESS)
    desk.mail(SUZUKI, subject="返品2", to=RETURNS_ADDRESS)
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    desk.clock.advance(seconds=30)
    desk.twilio.says("CA-1", "no-answer")
    desk.clock.advance(days=1)
    shown = text_of(desk.as_(SATO).get("/reports/forecast").text)
    assert "まだ予測できません" in shown and "少なくとも28日分の実績" in shown
    desk.as_(SATO).post("/account", data={"language": "en", "theme": "light"})
    both = sorted(desk.queue(slug).name_en for slug in ("returns", "tech_support"))
    read = text_of(desk.as_(SATO).get("/reports/forecast").text)
    names = re.search(r"fewer than 28 days are known: ([^.]*)\.", read)
    assert names and sorted(names[1].split(", ")) == both
    # What came yesterday is read as it came, a call being a call and not its ticket.
    last = volumes.yesterday(desk.clock(), "Asia/Tokyo")
    told = desk.read(lambda db: volumes.read(db, last, most=30, timezone="Asia/Tokyo", now=desk.clock()))
    sums = {key: int(counts.sum()) for key, counts in told.counts.items() if counts.any()}
    assert sums[desk.queue("returns").id, WRITTEN] == 2
    assert sum(count for (_, way), count in sums.items() if way == CALLS) == 1 and sum(sums.values()) == 3


def test_a_day_that_is_not_counted_yet_and_all_before_it_are_left_out(desk: OpenDesk) -> None:
    first = kept_days.lay(desk, 60, calls={}, mails={"returns": 25})
    from models import CountedDay

    gone = [first + timedelta(days=ahead) for ahead in (3, 4, 5, 6, 50)]

    def forget(db: object) -> None:
        for day in gone:
            db.delete(db.get(CountedDay, day))  # type: ignore[attr-defined]

    desk.write(forget)
    last = volumes.yesterday(desk.clock(), "Asia/Tokyo")
    told = desk.read(lambda db: volumes.read(db, last, most=400, timezone="Asia/Tokyo", now=desk.clock()))
    assert (told.first, told.left_out) == (first + timedelta(days=5), 5)  # three are counted while one waits
    counts = told.counts[desk.queue("returns").id or 0, WRITTEN].sum(axis=1)
    assert not counts[[0, 1]].any() and not counts[45] and np.median(counts) > 10


def test_holidays_of_the_calendar_are_expected_to_be_what_they_were() -> None:
    from helpdesk import outlook
    from helpdesk.forecast import AFTER, OFF, WEEKDAY
    from models import Calendar
    from tests.cast import MONDAY

    office = Calendar(name="平日", week={}, holidays="JP", days={"2026-12-29": []}, created_at=MONDAY)
    told = outlook.kinds_of(office, "", date(2026, 11, 20), 44)
    kinds = {date(2026, 11, 20) + timedelta(days=place): kind for place, kind in enumerate(told.kinds.tolist())}
    assert (kinds[date(2026, 11, 23)], kinds[date(2026, 11, 24)], kinds[date(2026, 11, 25)]) == (OFF, AFTER, WEEKDAY)
    assert (kinds[date(2026, 12, 29)], kinds[date(2026, 12, 30)], kinds[date(2027, 1, 1)]) == (OFF, AFTER, OFF)
    always = outlook.kinds_of(None, "JP", date(2026, 11, 20), 7).kinds.tolist()  # a long weekend, then Tuesday
    assert always == [WEEKDAY, WEEKDAY, WEEKDAY, OFF, AFTER, WEEKDAY, WEEKDAY]
    friday = outlook.kinds_of(None, "JP", date(2026, 3, 20), 4).kinds.tolist()  # a holiday on Friday, a weekend, Monday
    assert friday == [OFF, WEEKDAY, WEEKDAY, AFTER]
