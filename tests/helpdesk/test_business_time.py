"""Business time against an oracle that shares nothing with it: it asks of each minute whether the office is open."""

import os
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest

from helpdesk import hours
from helpdesk.hours import WEEK, Timetable
from models import Calendar

CASES = int(os.environ.get("BUSINESS_TIME_CASES", "120"))
ZONES = ("Asia/Tokyo", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe", "Asia/Kolkata",
         "Europe/Lisbon", "Pacific/Auckland", "America/Sao_Paulo", "UTC")  # fmt: skip
"""Some change their clocks at midnight, some by half an hour, some never, and some no more."""
CHANGES = (
    "2026-03-08",
    "2026-03-29",
    "2026-04-05",
    "2026-10-04",
    "2026-10-25",
    "2026-11-01",
    "2018-11-04",
    "2018-02-18",
)
JAPANESE = holidays.country_holidays("JP", years=range(2017, 2029))
MINUTE = timedelta(minutes=1)


class Oracle:
    """What a person with the calendar in one hand and a clock in the other would say."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar, self.zone = calendar, ZoneInfo(calendar.timezone)

    def hours_on(self, day: date) -> list[list[str]]:
        if day.isoformat() in self.calendar.days:
            return self.calendar.days[day.isoformat()]
        if self.calendar.holidays == "JP" and day in JAPANESE:
            return []
        return self.calendar.week.get("mon tue wed thu fri sat sun".split()[day.weekday()], [])

    def is_open(self, minute: datetime) -> bool:
        wall = minute.astimezone(self.zone)
        clock = wall.strftime("%H:%M")
        for begin, end in self.hours_on(wall.date()):
            if begin < end and begin <= clock < end:
                return True
            if begin >= end and clock >= begin:
                return True
        return any(begin >= end and clock < end for begin, end in self.hours_on(wall.date() - timedelta(days=1)))

    def walk(self, at: datetime, minutes: int) -> datetime:
        """Minute by minute, until so many of them were open."""
        while minutes:
            minutes -= self.is_open(at)
            at += MINUTE
        return at

    def passed(self, start: datetime, end: datetime) -> int:
        count = 0
        while start < end:
            count += self.is_open(start)
            start += MINUTE
        return count


def any_clock(chance: random.Random) -> str:
    return f"{chance.randrange(24):02}:{chance.choice((0, 0, 15, 30, 45, 59)):02}"


def any_hours(chance: random.Random) -> list[list[str]]:
    """Hours of a day with breaks, now and then past midnight, all night, or round the clock."""
    kind = chance.random()
    if kind < 0.15:
        return []
    if kind < 0.3:
        return [[any_clock(chance), any_clock(chance)]]
    if kind < 0.35:
        return [["00:00", "00:00"]]
    edges = sorted({any_clock(chance) for _ in range(chance.choice((2, 4, 4, 6)))})
    spans = [[begin, end] for begin, end in zip(edges[::2], edges[1::2], strict=False)]
    if spans and chance.random() < 0.15:
        spans[-1][1] = "00:00"
    return spans


def any_calendar(chance: random.Random, around: date) -> Calendar:
    days = {
        (around + timedelta(days=chance.randrange(-3, 10))).isoformat(): any_hours(chance)
        for _ in range(chance.choice((0, 0, 1, 3)))
    }
    week = {day: any_hours(chance) for day in WEEK} | {"wed": [["10:00", "17:00"]]}
    return Calendar(
        name="", timezone=chance.choice(ZONES), week=week,
        days=days, holidays=chance.choice(("JP", "")), created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def any_moment(chance: random.Random) -> datetime:
    """Often near a day on which clocks are changed or the year ends, always a whole minute."""
    if chance.random() < 0.6:
        day = datetime.fromisoformat(chance.choice((*CHANGES, "2026-12-29", "2026-04-29", "2026-09-19")))
    else:
        day = datetime(2026, 1, 1) + timedelta(days=chance.randrange(600))
    return (day + timedelta(minutes=chance.randrange(-2880, 2880))).replace(tzinfo=UTC)


@pytest.mark.parametrize("part", range(4))
def test_due_times_equal_those_of_who_counts_the_minutes(part: int) -> None:
    chance = random.Random(20261116 + part)
    for _ in range(CASES // 4):
        at, wanted = any_moment(chance), chance.choice((1, 20, 60, 240, 480, 1440))
        calendar = any_calendar(chance, at.date())
        oracle, table = Oracle(calendar), Timetable(calendar)
        due = oracle.walk(at, wanted)
        told = (calendar.model_dump(), at, wanted)
        assert table.after(at, wanted * 60) == due, told
        # A rest in the middle: some time passes, the clock stands still, and goes on with what is left.
        rests, goes_on = at + MINUTE * chance.randrange(600), timedelta(minutes=chance.randrange(3000))
        used = table.between(at, rests)
        assert used == oracle.passed(at, rests) * 60, told
        if used < wanted * 60:
            later = rests + goes_on
            assert table.after(later, wanted * 60 - used) == oracle.walk(later, wanted - int(used // 60)), told


def test_going_back_is_the_way_there_backwards() -> None:
    chance = random.Random(7)
    for _ in range(CASES):
        at, wanted = any_moment(chance), chance.choice((1, 20, 60, 240, 480)) * 60
        table = Timetable(any_calendar(chance, at.date()))
        due = table.after(at, wanted)
        assert due is not None
        later = due + MINUTE * chance.randrange(2000)
        assert table.before(later, table.between(at, later) - wanted) == due


def test_seconds_count_too() -> None:
    table = Timetable(Calendar(name="", week={"mon": [["09:00", "12:00"]]}, holidays="", created_at=datetime.now(UTC)))
    at = datetime(2026, 11, 16, 2, 59, 30, 250_000, tzinfo=UTC)  # thirty seconds before noon in Tokyo
    assert table.after(at, 29.75) == datetime(2026, 11, 16, 3, 0, tzinfo=UTC)
    assert table.after(at, 30) == datetime(2026, 11, 23, 0, 0, 0, 250_000, tzinfo=UTC)
    assert table.between(at, at + timedelta(days=7)) == 3 * 3600


def test_a_calendar_that_never_opens_is_never_due() -> None:
    closed = Timetable(Calendar(name="", week={}, holidays="", created_at=datetime.now(UTC)))
    assert closed.after(datetime(2026, 11, 16, tzinfo=UTC), 60) is None
    assert closed.before(datetime(2026, 11, 16, tzinfo=UTC), 60) is None
    assert closed.between(datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 12, 16, tzinfo=UTC)) == 0


def test_without_a_calendar_all_time_counts() -> None:
    at = datetime(2026, 11, 16, tzinfo=UTC)
    assert Timetable(None).after(at, 90) == at + timedelta(seconds=90)
    assert Timetable(None).before(at, 90) == at - timedelta(seconds=90)
    assert Timetable(None).between(at, at + timedelta(days=2)) == 2 * 86400
    assert Timetable(None).between(at, at - timedelta(days=2)) == 0


def test_business_time_agrees_with_whether_it_is_open() -> None:
    chance = random.Random(3)
    for _ in range(60):
        at = any_moment(chance)
        calendar = any_calendar(chance, at.date())
        table = Timetable(calendar)
        for step in range(0, 3000, 97):
            moment = at + MINUTE * step
            assert (table.between(moment, moment + MINUTE) == 60) is hours.is_open(calendar, moment)
