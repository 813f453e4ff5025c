"""How long a ticket rests: the few answers that are nearly always meant, and any day besides.

Times are the desk's own wall clock: "tomorrow morning" is nine o'clock there, whatever the clocks did at night.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

from helpdesk.errors import Invalid

MORNING, EVENING = time(9), time(18)
LAST_EVENING = time(17)  # after it, this evening is now
UNTIL_THEY_WRITE = "customer"


def choices(now: datetime, zone: str) -> Mapping[str, datetime]:
    """What is offered now, soonest first: code and time."""
    local = now.astimezone(ZoneInfo(zone))
    return _choices(local.date(), local.time() < LAST_EVENING, zone)


@lru_cache(maxsize=8)  # every page of a ticket offers them, and they are others twice a day
def _choices(today: date, has_evening: bool, zone: str) -> Mapping[str, datetime]:
    offered = {"evening": datetime.combine(today, EVENING)} if has_evening else {}
    offered["tomorrow"] = datetime.combine(today + timedelta(days=1), MORNING)
    if today.weekday() != 6:  # on a Sunday that is tomorrow
        offered["monday"] = datetime.combine(today + timedelta(days=7 - today.weekday()), MORNING)
    offered["three_days"] = datetime.combine(today + timedelta(days=3), MORNING)
    moments = {code: at.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for code, at in offered.items()}
    return MappingProxyType(dict(sorted(moments.items(), key=lambda pair: pair[1])))


def read(code: str, typed: str, now: datetime, zone: str) -> datetime | None:
    """When it wakes: a choice by its code, or what was typed as a date ("2026-11-21", nine o'clock) or a date and time.
    None: when the customer writes. Raises `Invalid`."""
    if code == UNTIL_THEY_WRITE:
        return None
    if code and code != "date":
        found = choices(now, zone).get(code)
        if found is None:
            raise Invalid("unknown_choice", field="until")
        return found
    if not typed.strip():
        raise Invalid("value_missing", field="until")
    try:
        at = datetime.fromisoformat(typed.strip())
    except ValueError as error:
        raise Invalid("not_a_time", field="until") from error
    if at.tzinfo is not None:
        raise Invalid("not_a_time", field="until")
    if len(typed.strip()) <= 10:
        at = datetime.combine(at.date(), MORNING)
    return at.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
