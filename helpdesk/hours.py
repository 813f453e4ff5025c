"""When somebody is there: the arithmetic of business hours.

The one idea: hours are what the clock on the wall of the office says. Whether a calendar is open at an instant is asked
of that clock and of nothing else, so a day with 23 or 25 hours needs no rule of its own.

Whoever counts business time (`Timetable`) works on stretches of instants: each day of the wall's clock is translated
once into those during which the calendar is open, and kept.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlmodel import Session, col, select

from helpdesk.errors import Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import CalendarChanged
from models import Agent, Calendar, Policy, Queue

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FARTHEST = 400
"""Days looked ahead for the next opening; what opens later never does."""
_MINUTE = timedelta(minutes=1)
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FEW_HOURS = timedelta(hours=3)
"""More than any zone changes its clocks by, but for those that moved over the date line."""

Hours = list[list[str]]
"""[["09:00", "12:00"], ["13:00", "18:00"]]; an end that is not after its begin lies on the next day."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a calendar. `reason` is "week", "own" (a day with hours of its own), "holiday" or "never"; `name` is
    the holiday's, in the language that was asked for."""

    day: date
    hours: tuple[tuple[str, str], ...]
    reason: str
    name: str


def is_open(calendar: Calendar, at: datetime) -> bool:
    """Whether somebody is there at this instant (aware)."""
    wall = at.astimezone(ZoneInfo(calendar.timezone))
    minute = wall.hour * 60 + wall.minute
    today, yesterday = wall.date(), wall.date() - timedelta(days=1)
    return any(begin <= minute < (end if end > begin else 1440) for begin, end in _hours(calendar, today)) or any(
        end <= begin and minute < end for begin, end in _hours(calendar, yesterday)
    )


def next_opening(calendar: Calendar, at: datetime) -> datetime | None:
    """The first instant from `at` on at which the calendar is open: `at` itself where it is. UTC, to the minute.

    None when it does not open within `FARTHEST` days.
    """
    if is_open(calendar, at):
        return at
    zone = ZoneInfo(calendar.timezone)
    first = at.astimezone(zone).date()
    for ahead in range(FARTHEST):
        day = first + timedelta(days=ahead)
        for moment in _beginnings(calendar, day, zone):
            if moment > at and is_open(calendar, moment):
                return moment
    return None


def is_day_off(calendar: Calendar, at: datetime) -> bool:
    """Whether nobody is there all day by the calendar's clock. A day off lasts until the next one that has hours opens,
    and one before which somebody worked past midnight begins when they leave. A calendar without a week has none: it
    would have no other day."""
    if not calendar.week or is_open(calendar, at):
        return False
    wall = at.astimezone(ZoneInfo(calendar.timezone))
    if not (today := _hours(calendar, wall.date())):
        return True
    begins = min(begin for begin, _ in today)
    return wall.hour * 60 + wall.minute < begins and not _hours(calendar, wall.date() - timedelta(days=1))


class Timetable:
    """Business time of one calendar, as it was when this was made; None is open always.

    It holds the days it has translated, so keep it while the calendar stays the same. Instants are aware, lengths are
    seconds, exact to the microsecond.
    """

    def __init__(self, calendar: Calendar | None) -> None:
        self._calendar = calendar
        self._zone = ZoneInfo(calendar.timezone) if calendar else UTC
        self._days: dict[date, tuple[tuple[int, int], ...]] = {}

    def after(self, at: datetime, seconds: float) -> datetime | None:
        """The first instant by which so many seconds of business time have passed since `at`: `at` itself for none.

        None where the calendar is not open for so long within `FARTHEST` days of any opening.
        """
        left, here = _micros(seconds), _instant(at)
        if left <= 0:
            return at
        if self._calendar is None:
            return _moment(here + left)
        day, empty = at.astimezone(self._zone).date(), 0
        while empty < FARTHEST:
            for begin, end in self._open(day):
                begin = max(begin, here)
                if end - begin >= left:
                    return _moment(begin + left)
                left -= max(0, end - begin)
            empty = 0 if self._open(day) else empty + 1
            day += timedelta(days=1)
        return None

    def before(self, at: datetime, seconds: float) -> datetime | None:
        """The first instant from which no more than so many seconds of business time pass until `at`.

        None where the calendar was not open for so long.
        """
        left, here = _micros(seconds), _instant(at)
        if self._calendar is None:
            return _moment(here - max(0, left))
        day, empty = at.astimezone(self._zone).date(), 0
        while empty < FARTHEST:
            for begin, end in reversed(self._open(day)):
                end = min(end, here)
                if end <= begin:
                    continue
                if end - begin > left:
                    return _moment(end - left)
                left -= end - begin
            empty = 0 if self._open(day) else empty + 1
            day -= timedelta(days=1)
        return None

    def between(self, start: datetime, end: datetime) -> float:
        """Seconds of business time from one instant to another; 0 where the second is not later."""
        first, last = _instant(start), _instant(end)
        if last <= first:
            return 0.0
        if self._calendar is None:
            return (last - first) / 1_000_000
        day, until = start.astimezone(self._zone).date(), end.astimezone(self._zone).date()
        total = 0
        while day <= until:
            total += sum(max(0, min(to, last) - max(begin, first)) for begin, to in self._open(day))
            day += timedelta(days=1)
        return total / 1_000_000

    def _open(self, day: date) -> tuple[tuple[int, int], ...]:
        """The stretches of a day of the wall's clock during which it is open, in order, in microseconds since 1970."""
        found = self._days.get(day)
        if found is None:
            assert self._calendar is not None
            found = self._days[day] = _stretches(self._calendar, day, self._zone)
        return found


def days(calendar: Calendar, first: date, count: int, *, language: str) -> list[Day]:
    """What holds on each of `count` days from `first` on."""
    return [_day(calendar, first + timedelta(days=ahead), language) for ahead in range(count)]


def prepare(db: Session, *, now: datetime) -> None:
    """Have the public holidays of every calendar at hand, before a telephone rings."""
    for calendar in everyone(db):
        holiday(calendar.holidays, now.astimezone(ZoneInfo(calendar.timezone)).date())


def everyone(db: Session) -> list[Calendar]:
    """All calendars, by name."""
    return list(db.exec(select(Calendar).order_by(col(Calendar.name), col(Calendar.id))))


def get(db: Session, calendar_id: int) -> Calendar:
    """Raises `NotFound`."""
    found = db.get(Calendar, calendar_id)
    if found is None:
        raise NotFound("not_found", calendar_id=calendar_id)
    return found


def save(
    db: Session,
    calendar: Calendar | None,
    *,
    name: str,
    timezone: str,
    week: Mapping[str, str],
    holidays: str,
    days: str,
    by: Agent,
    now: datetime,
) -> Calendar:
    """Make a calendar, or change one. `week` maps "mon" ... "sun" to hours as `read_hours` reads them; `days` holds a
    day with its own hours on each line, "2026-12-29 10:00-15:00" or "2026-12-31 closed". Raises `Invalid` with the
    field."""
    if not name.strip():
        raise Invalid("calendar_name_missing", field="name")
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid("not_a_zone", field="timezone") from error
    if holidays and holidays not in countries():
        raise Invalid("unknown_choice", field="holidays")
    read_week = {day: read_hours(week.get(day, ""), field=day) for day in WEEK}
    own = _read_days(days)
    if calendar is None:
        calendar = Calendar(name="", created_at=now)
        db.add(calendar)
    calendar.name, calendar.timezone, calendar.holidays = name.strip()[:100], timezone, holidays
    calendar.week = {day: hours for day, hours in read_week.items() if hours}
    calendar.days = own
    db.flush()
    emit(db, CalendarChanged(calendar_id=calendar.id or 0, by_id=by.id, at=now))
    return calendar


def delete(db: Session, calendar: Calendar, *, by: Agent, now: datetime) -> None:
    """Take a calendar away; queues that kept it are open always from now on."""
    emit(db, CalendarChanged(calendar_id=calendar.id or 0, by_id=by.id, at=now))
    for queue in db.exec(select(Queue).where(Queue.calendar_id == calendar.id)):
        queue.calendar_id = None
    for policy in db.exec(select(Policy).where(Policy.calendar_id == calendar.id)):
        policy.calendar_id = None
    db.flush()
    db.delete(calendar)


def read_hours(text: str, *, field: str = "hours") -> Hours:
    """ "9:00-12:00, 13:00-18:00" as stored; "" and "closed" are no hours at all. Full-width digits and 〜 are read too.

    Raises `Invalid("not_hours")` for anything else, and `Invalid("hours_overlap")`.
    """
    import unicodedata

    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    if plain in ("", "closed", "休", "休み", "休業", "定休日", "-"):
        return []
    found: Hours = []
    for part in re.split(r"[,、;\s]+(?=\d)", plain):
        span = re.fullmatch(r"(\d{1,2}):(\d{2})\s*[-–—―−~〜ー]\s*(\d{1,2}):(\d{2})", part.strip().rstrip(",、;"))
        if span is None:
            raise Invalid("not_hours", field=field, found=part[:40])
        begin, end = int(span[1]) * 60 + int(span[2]), int(span[3]) * 60 + int(span[4])
        if int(span[2]) > 59 or int(span[4]) > 59 or begin >= 1440 or end > 1440:
            raise Invalid("not_hours", field=field, found=part[:40])
        found.append([_clock(begin), _clock(end % 1440)])
    found.sort()
    ends = [(_minutes(begin), _minutes(end)) for begin, end in found]
    for (begin, end), (after, _) in zip(ends, ends[1:], strict=False):
        if end <= begin or after < end:
            raise Invalid("hours_overlap", field=field)
    return found


def written(hours: Iterable[Sequence[str]]) -> str:
    """Hours as people write them: "09:00-12:00, 13:00-18:00"; an end at midnight is 24:00."""
    return ", ".join(f"{begin}-{'24:00' if end == '00:00' else end}" for begin, end in hours)


def countries() -> list[str]:
    """Whose public holidays are known, by two letters."""
    return _countries()


@lru_cache(maxsize=1)
def _countries() -> list[str]:
    import holidays

    return sorted(code for code in holidays.list_supported_countries() if len(code) == 2)


def holiday(country: str, day: date, *, language: str = "ja") -> str:
    """The name of the public holiday on that day, "" where it is none."""
    return _holidays(country, day.year, language).get(day, "") if country else ""


@lru_cache(maxsize=64)
def _holidays(country: str, year: int, language: str) -> dict[date, str]:
    """The holidays of a year. Their package takes half a second to load, so it is done when first asked for."""
    import holidays

    spoken = "en_US" if language == "en" else language
    known = holidays.list_localized_countries().get(country, [])
    return dict(holidays.country_holidays(country, years=year, language=spoken if spoken in known else None))


def _day(calendar: Calendar, day: date, language: str) -> Day:
    own = calendar.days.get(day.isoformat())
    name = holiday(calendar.holidays, day, language=language)
    week = calendar.week.get(WEEK[day.weekday()], [])
    hours = own if own is not None else [] if name else week
    reason = "own" if own is not None else "holiday" if name else "week" if week else "never"
    return Day(day, tuple((begin, end) for begin, end in hours), reason, name)


def _hours(calendar: Calendar, day: date) -> list[tuple[int, int]]:
    """The hours of a day in minutes: those of that very day, or none on a holiday, or the week's."""
    told = calendar.days.get(day.isoformat())
    if told is None:
        told = calendar.week.get(WEEK[day.weekday()], [])
        if told and holiday(calendar.holidays, day):
            told = []
    return [(_minutes(begin), _minutes(end)) for begin, end in told]


def _beginnings(calendar: Calendar, day: date, zone: ZoneInfo) -> list[datetime]:
    """Instants of that day at which it may begin to be open, in order; on a day the clock is changed, every minute."""
    midnight = datetime.combine(day, time(), zone)
    morrow = datetime.combine(day + timedelta(days=1), time(), zone)
    start, end = midnight.astimezone(UTC), morrow.astimezone(UTC)
    if end - start != timedelta(days=1):
        return [start + _MINUTE * step for step in range(int((end - start) / _MINUTE))]
    return [start, *sorted(start + _MINUTE * begin for begin, _ in _hours(calendar, day))]


def _stretches(calendar: Calendar, day: date, zone: tzinfo) -> tuple[tuple[int, int], ...]:
    """When a calendar is open on a day of the wall's clock, as instants in microseconds.

    On most days that is a sum; on a day the clock is changed every minute is asked what it says on the wall.
    """
    minutes = sorted(
        [(begin, end if end > begin else 1440) for begin, end in _hours(calendar, day)]
        + [(0, end) for begin, end in _hours(calendar, day - timedelta(days=1)) if end <= begin]
    )
    told: list[tuple[int, int]] = []
    for begin, end in minutes:
        if told and begin <= told[-1][1]:
            told[-1] = (told[-1][0], max(told[-1][1], end))
        elif end > begin:
            told.append((begin, end))
    start = datetime.combine(day, time(), zone).astimezone(UTC)
    end_of_day = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
    before, after = start - _FEW_HOURS, end_of_day + _FEW_HOURS
    if before.astimezone(zone).utcoffset() == after.astimezone(zone).utcoffset():
        midnight = _instant(start)
        return tuple((midnight + begin * 60_000_000, midnight + end * 60_000_000) for begin, end in told)
    found: list[tuple[int, int]] = []
    for step in range(int((after - before) / _MINUTE)):
        wall = (before + _MINUTE * step).astimezone(zone)
        minute = wall.hour * 60 + wall.minute
        if wall.date() != day or not any(begin <= minute < end for begin, end in told):
            continue
        at = _instant(before) + step * 60_000_000
        if found and found[-1][1] == at:
            found[-1] = (found[-1][0], at + 60_000_000)
        else:
            found.append((at, at + 60_000_000))
    return tuple(found)


def _instant(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _moment(instant: int) -> datetime:
    return _EPOCH + timedelta(microseconds=instant)


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _read_days(text: str) -> dict[str, Hours]:
    found: dict[str, Hours] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        day, _, hours = line.strip().replace("\t", " ").partition(" ")
        try:
            key = date.fromisoformat(day.replace("/", "-")).isoformat()
        except ValueError as error:
            raise Invalid("not_a_day", field="days", found=line[:40]) from error
        found[key] = read_hours(hours, field="days")
    return dict(sorted(found.items()))


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:5])


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
