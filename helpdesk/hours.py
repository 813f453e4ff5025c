"""When somebody is there: the arithmetic of business hours.

The one idea: hours are what the clock on the wall of the office says. Whether a calendar is open at an instant is asked
of that clock and of nothing else, so a day with 23 or 25 hours needs no rule of its own.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlmodel import Session, col, select

from helpdesk.errors import Invalid, NotFound
from helpdesk.events import CalendarChanged, emit
from models import Agent, Calendar, Queue

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FARTHEST = 400
"""Days looked ahead for the next opening; what opens later never does."""
_MINUTE = timedelta(minutes=1)

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
