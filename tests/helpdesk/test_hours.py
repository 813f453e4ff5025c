"""Business hours: what the clock on the wall says, holidays, nights, and days on which clocks are changed."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk import hours
from helpdesk.errors import Invalid
from models import Calendar, Queue
from tests.cast import BEN, MONDAY, SATO, OpenDesk, text_of

TOKYO = ZoneInfo("Asia/Tokyo")
WEEKDAYS = {day: [["09:00", "12:00"], ["13:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}


def calendar(**fields: object) -> Calendar:
    """A shop's hours: weekdays from nine to six with a break, no holidays."""
    told = {"name": "平日", "week": WEEKDAYS, "holidays": "", "created_at": MONDAY} | fields
    return Calendar(**told)


def tokyo(text: str) -> datetime:
    """ "2026-11-16 09:00" by the wall clock in Tokyo."""
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO).astimezone(UTC)


@pytest.mark.parametrize(
    "at, is_open",
    [
        ("2026-11-16 08:59", False),
        ("2026-11-16 09:00", True),
        ("2026-11-16 11:59", True),
        ("2026-11-16 12:00", False),
        ("2026-11-16 13:00", True),
        ("2026-11-16 18:00", False),
        ("2026-11-21 10:00", False),
    ],
)
def test_open_from_the_first_minute_to_before_the_last(at: str, is_open: bool) -> None:
    assert hours.is_open(calendar(), tokyo(at)) is is_open


@pytest.mark.parametrize(
    "week, at, is_off",
    [
        (WEEKDAYS, "2026-11-20 18:00", False),  # after work on Friday
        (WEEKDAYS, "2026-11-21 00:00", True),
        (WEEKDAYS, "2026-11-23 08:59", True),  # Monday, before anybody comes
        (WEEKDAYS, "2026-11-23 09:00", False),
        (WEEKDAYS, "2026-11-24 08:59", False),  # before work after a day of work
        ({"fri": [["18:00", "02:00"]]}, "2026-11-21 01:59", False),  # the night that began on Friday
        ({"fri": [["18:00", "02:00"]]}, "2026-11-21 02:00", True),
        ({}, "2026-11-21 10:00", False),
    ],
)
def test_a_day_off_lasts_until_the_next_day_with_hours_opens(week: dict[str, object], at: str, is_off: bool) -> None:
    assert hours.is_day_off(calendar(week=week), tokyo(at)) is is_off


@pytest.mark.parametrize(
    "at, opens",
    [
        ("2026-11-16 10:00", "2026-11-16 10:00"),
        ("2026-11-16 07:00", "2026-11-16 09:00"),
        ("2026-11-16 12:30", "2026-11-16 13:00"),
        ("2026-11-20 18:00", "2026-11-23 09:00"),
    ],
)
def test_the_next_opening(at: str, opens: str) -> None:
    assert hours.next_opening(calendar(), tokyo(at)) == tokyo(opens)


def test_public_holidays_are_closed_and_have_names_in_both_languages() -> None:
    shop = calendar(holidays="JP")
    assert not hours.is_open(shop, tokyo("2026-11-23 10:00"))  # 勤労感謝の日, a Monday
    assert hours.next_opening(shop, tokyo("2026-11-20 18:00")) == tokyo("2026-11-24 09:00")
    (monday,) = hours.days(shop, date(2026, 11, 23), 1, language="ja")
    assert (monday.reason, monday.name, monday.hours) == ("holiday", "勤労感謝の日", ())
    assert hours.holiday("JP", date(2026, 11, 23), language="en") == "Labor Thanksgiving Day"


def test_a_day_with_hours_of_its_own_goes_before_the_week_and_the_holidays() -> None:
    days = {"2026-11-23": [["10:00", "15:00"]], "2026-11-24": []}
    shop = calendar(holidays="JP", days=days)
    assert hours.is_open(shop, tokyo("2026-11-23 10:00")) and not hours.is_open(shop, tokyo("2026-11-23 15:00"))
    assert hours.next_opening(shop, tokyo("2026-11-23 15:00")) == tokyo("2026-11-25 09:00")


def test_hours_past_midnight_belong_to_the_day_they_began() -> None:
    bar = calendar(week={"fri": [["22:00", "02:00"]]}, days={"2026-11-21": []})
    assert hours.is_open(bar, tokyo("2026-11-20 23:59"))
    assert hours.is_open(bar, tokyo("2026-11-21 01:59")), "though that Saturday is closed"
    assert not hours.is_open(bar, tokyo("2026-11-21 02:00")) and not hours.is_open(bar, tokyo("2026-11-20 01:00"))


def test_what_never_opens_has_no_next_opening() -> None:
    assert hours.next_opening(calendar(week={}), tokyo("2026-11-16 09:00")) is None


ZONES = ["Asia/Tokyo", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
CLOCK = st.integers(0, 23 * 4 + 3).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")


def stretch(clocks: list[str]) -> list[list[str]]:
    """Hours without overlap out of any four clocks; where the first is the latest, they go past midnight."""
    a, b, c, d = sorted(clocks)
    return [[b, c], [d, a]] if clocks[0] == d else [[a, b], [c, d]]


HOURS = st.lists(CLOCK, min_size=4, max_size=4, unique=True).map(stretch)


def slow(shop: Calendar, at: datetime) -> bool:
    """The oracle: look at the wall clock, and at a list of every open minute of that day and the day before."""
    wall = at.astimezone(ZoneInfo(shop.timezone))
    for back in (0, 1):
        day = wall.date() - timedelta(days=back)
        told = shop.days.get(day.isoformat(), shop.week.get(f"{day:%a}".lower(), []))
        if any((back, wall.hour * 60 + wall.minute) in minutes(begin, end) for begin, end in told):
            return True
    return False


@lru_cache
def minutes(begin: str, end: str) -> frozenset[tuple[int, int]]:
    """Every minute from one time to another: whether it is of the day after, and which of its day."""
    found, minute = set(), int(begin[:2]) * 60 + int(begin[3:])
    while True:
        found.add((minute // 1440, minute % 1440))
        minute += 1
        if f"{minute // 60 % 24:02}:{minute % 60:02}" == end:
            return frozenset(found)


@given(
    week=st.dictionaries(st.sampled_from(hours.WEEK), HOURS),
    zone=st.sampled_from(ZONES),
    # Around the days on which clocks are changed, and on others.
    start=st.sampled_from([datetime(2026, 3, 28), datetime(2026, 10, 24), datetime(2026, 3, 7), datetime(2026, 4, 4),
                           datetime(2026, 10, 31), datetime(2026, 7, 1)]),  # fmt: skip
    own=st.dictionaries(st.integers(0, 3), HOURS | st.just([])),
    offset=st.integers(0, 1439),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_open_and_the_next_opening_are_what_a_slow_look_at_every_minute_finds(
    week: dict[str, list[list[str]]], zone: str, start: datetime, own: dict[int, list[list[str]]], offset: int
) -> None:
    days = {(start + timedelta(days=ahead)).date().isoformat(): told for ahead, told in own.items()}
    shop = calendar(week=week, timezone=zone, days=days)
    first = start.replace(tzinfo=UTC) + timedelta(minutes=offset)
    opens: datetime | None = None
    for step in range(0, 2 * 1440):
        at = first + timedelta(minutes=step)
        is_open = slow(shop, at)
        assert hours.is_open(shop, at) == is_open, at
        if is_open and opens is None:
            opens = at
    found = hours.next_opening(shop, first)
    if opens is not None:
        assert found == opens
    else:
        assert found is None or found >= first + timedelta(days=2)


# --- as people write them ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, read",
    [
        ("9:00-18:00", [["09:00", "18:00"]]),
        ("09:00-12:00, 13:00-18:00", [["09:00", "12:00"], ["13:00", "18:00"]]),
        ("９：００〜１２：００、１３：００〜１８：００", [["09:00", "12:00"], ["13:00", "18:00"]]),
        ("13:00-18:00 9:00-12:00", [["09:00", "12:00"], ["13:00", "18:00"]]),
        ("22:00-6:00", [["22:00", "06:00"]]),
        ("0:00-24:00", [["00:00", "00:00"]]),
        ("", []),
        ("休み", []),
        ("closed", []),
    ],
)
def test_hours_are_read_as_people_write_them(text: str, read: list[list[str]]) -> None:
    assert hours.read_hours(text) == read
    assert hours.read_hours(hours.written(read)) == read


@pytest.mark.parametrize("text", ["9-18", "25:00-26:00", "9:00", "9:60-10:00", "朝から", "9:00-12:00, 11:00-13:00"])
def test_what_are_no_hours_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        hours.read_hours(text)


def test_a_day_that_is_open_round_the_clock_is() -> None:
    shop = calendar(week={"mon": [["00:00", "00:00"]]})
    assert hours.is_open(shop, tokyo("2026-11-16 00:00")) and hours.is_open(shop, tokyo("2026-11-16 23:59"))
    assert not hours.is_open(shop, tokyo("2026-11-17 00:00"))


# --- the page ----------------------------------------------------------------------------------------------------

DAYS = "2026-12-30 10:00-15:00\n2026/12/31 休み"
FORM = {"name": "平日", "timezone": "Asia/Tokyo", "holidays": "JP", "days": DAYS} | {
    day: "9:00-18:00" for day in hours.WEEK[:5]
}


def test_a_supervisor_writes_hours_and_sees_the_next_two_weeks_as_they_will_be(desk: OpenDesk) -> None:
    page = desk.as_(SATO).post("/admin/calendars/new", data=FORM)
    assert page.status_code == 200
    told = text_of(page.text)
    assert "11/23(月)" in told and "勤労感謝の日" in told and "11/29(日) 休み" in told and "09:00-18:00" in told
    assert "2026-12-30 10:00-15:00" in page.text and "2026-12-31 closed" in page.text
    (row,) = desk.read(hours.everyone)
    assert row.week["mon"] == [["09:00", "18:00"]] and "sat" not in row.week
    assert "受付中" in text_of(desk.as_(SATO).get("/admin/calendars").text)


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("mon", "9時から", "時間は「9:00-12:00, 13:00-18:00」のように入力してください"),
        ("timezone", "Tokyo", "タイムゾーン"),
        ("days", "年末 休み", "各行の先頭に"),
        ("name", " ", "カレンダーの名前"),
        ("tue", "9:00-12:00, 11:00-13:00", "重なって"),
    ],
)
def test_a_mistake_is_said_beside_its_field_and_what_was_typed_stays(
    standing_desk: OpenDesk, field: str, value: str, words: str
) -> None:
    page = standing_desk.as_(SATO).post("/admin/calendars/new", data=FORM | {field: value})
    assert page.status_code == 422 and words in text_of(page.text)
    assert value in page.text and not standing_desk.count(Calendar)


def test_a_calendar_that_is_deleted_leaves_its_queues_open_always(desk: OpenDesk) -> None:
    desk.as_(SATO).post("/admin/calendars/new", data=FORM)
    (row,) = desk.read(hours.everyone)
    queue_id = desk.queue("returns").id
    desk.write(lambda db: setattr(db.get(Queue, queue_id), "calendar_id", row.id))
    assert desk.as_(SATO).post(f"/admin/calendars/{row.id}/delete").status_code == 200
    assert desk.queue("returns").calendar_id is None and not desk.count(Calendar)


def test_only_supervisors_see_and_change_hours(desk: OpenDesk) -> None:
    for path in ("/admin/calendars", "/admin/calendars/new"):
        assert desk.as_(BEN).get(path).status_code == 403
    assert desk.as_(BEN).post("/admin/calendars/new", data=FORM).status_code == 403
    assert not desk.count(Calendar)
