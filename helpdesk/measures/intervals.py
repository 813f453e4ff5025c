"""The stretches of time that figures are taken of: days of the desk's own calendar, half hours, the last one."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

RECENT = timedelta(minutes=30)
SETTLED = timedelta(days=7)
"""Who has not come back about it by then was helped at the first contact."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From `begin` up to, and without, `end`."""

    begin: datetime
    end: datetime


def today(now: datetime, timezone: str) -> Interval:
    """The whole day of the desk's own calendar, tonight included: who comes a moment later is counted as well."""
    return day(now.astimezone(ZoneInfo(timezone)).date(), timezone)


def day(of: date, timezone: str) -> Interval:
    """A day of the desk's own calendar, which now and then has 23 or 25 hours."""
    return Interval(_midnight(of, timezone), _midnight(of + timedelta(days=1), timezone))


def settled_day(now: datetime, timezone: str) -> Interval:
    """The last day whose callers have all had their seven days to come back."""
    return day((now - SETTLED).astimezone(ZoneInfo(timezone)).date() - timedelta(days=1), timezone)


def recent(now: datetime) -> Interval:
    """The last half hour, this very instant included."""
    return Interval(now - RECENT, now + timedelta(microseconds=1))


def last_half_hours(now: datetime, count: int) -> list[Interval]:
    """So many half hours of the clock, the present one last."""
    begun = now.replace(minute=now.minute // 30 * 30, second=0, microsecond=0)
    return [Interval(begun - step * RECENT, begun - (step - 1) * RECENT) for step in reversed(range(count))]


def half_hours(interval: Interval) -> list[Interval]:
    """The half hours of an interval, the last one cut off at its end."""
    found, at = [], interval.begin
    while at < interval.end:
        found.append(Interval(at, min(at + RECENT, interval.end)))
        at += RECENT
    return found


def days(interval: Interval, timezone: str) -> list[Interval]:
    """The days of an interval, the first and last one cut off at its ends."""
    found, at = [], interval.begin
    while at < interval.end:
        night = day(at.astimezone(ZoneInfo(timezone)).date(), timezone).end
        found.append(Interval(at, min(night, interval.end)))
        at = night
    return found


def _midnight(of: date, timezone: str) -> datetime:
    return datetime(of.year, of.month, of.day, tzinfo=ZoneInfo(timezone)).astimezone(UTC)
