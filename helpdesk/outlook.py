"""What the next weeks will bring to each queue: the desk's past, its calendars, and the forecast made of both.

`read` takes what is needed out of the database in one moment; `foresee` computes outside of it. A forecast depends on
nothing but the numbers it is made of, so it is kept by these numbers and never stale.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
from sqlmodel import Session

from helpdesk import forecast, hours, queues
from helpdesk.forecast import AFTER, OFF, WEEKDAY, Days, Foreseen
from helpdesk.tallies import volumes
from helpdesk.tallies.volumes import Key, Volumes
from models import Calendar

PAST_DAYS: Final = 420
"""A year and some weeks: what is older says little about next week."""
WEEKS: Final = (2, 4, 6)
_KEPT: Final = 400
_kept: dict[bytes, Foreseen | None] = {}


@dataclass(frozen=True)
class Past:
    """What a forecast is made of. `days` are those of the past and `coming` those after it, by queue."""

    volumes: Volumes
    first: date  # of the coming days: today
    names: Mapping[int, str]
    days: Mapping[int, Days]
    coming: Mapping[int, Days]
    holidays: Mapping[date, str]  # public ones among the coming days, by name


@dataclass(frozen=True)
class Outlook:
    """Forecasts by queue and way; None where its past is too short. `first` is today."""

    past: Past
    first: date
    weeks: int
    told: Mapping[Key, Foreseen | None]

    @property
    def days(self) -> list[date]:
        """The days that are foreseen."""
        return [self.first + timedelta(days=ahead) for ahead in range(7 * self.weeks)]

    def of(self, queue_id: int | None = None, way: str | None = None) -> list[Foreseen]:
        """The forecasts there are, of a queue or way or of all."""
        return [told for (queue, how), told in self.told.items()
                if told is not None and queue_id in (None, queue) and way in (None, how)]  # fmt: skip

    def short(self, queue_id: int | None = None) -> list[tuple[str, str]]:
        """Where nothing is foreseen: the queue's name, and the way, "" for all of its ways."""
        gaps = [key for key, told in self.told.items() if told is None and queue_id in (None, key[0])]
        found = [(self.past.names[queue], how if self.of(queue) else "") for queue, how in gaps]
        return list(dict.fromkeys(found))


def read(db: Session, weeks: int, *, language: str, timezone: str, now: datetime) -> Past:
    """The past, and what kind of day each was and will be."""
    last = volumes.yesterday(now, timezone)
    told = volumes.read(db, last, most=PAST_DAYS, timezone=timezone, now=now)
    calendars = {each.id: each for each in hours.everyone(db)}
    everyone = queues.everyone(db)
    region = _region(list(calendars.values()), timezone)
    known = max(0, (last - told.first).days + 1)
    kinds: dict[int | None, tuple[Days, Days]] = {}
    for calendar_id in {queue.calendar_id for queue in everyone}:
        whole = kinds_of(calendars.get(calendar_id), region, last - timedelta(days=known - 1), known + 7 * weeks)
        kinds[calendar_id] = whole.cut(0, known), whole.cut(known, known + 7 * weeks)
    coming = [last + timedelta(days=ahead + 1) for ahead in range(7 * weeks)]
    names = {day: hours.holiday(region, day, language=language) for day in coming}
    return Past(
        told, coming[0], {queue.id or 0: queue.called(language) for queue in everyone},
        {queue.id or 0: kinds[queue.calendar_id][0] for queue in everyone},
        {queue.id or 0: kinds[queue.calendar_id][1] for queue in everyone},
        {day: name for day, name in names.items() if name},
    )  # fmt: skip


def kinds_of(calendar: Calendar | None, region: str, first: date, count: int) -> Days:
    """What each of some days is: closed by its calendar or a public holiday, the first working day after one of those,
    or a day like any other of its weekday."""
    weekdays = [(first + timedelta(days=ahead)).weekday() for ahead in range(count)]
    off = _off(calendar, region, first - timedelta(days=4), count + 4)  # four: a long weekend may lie before
    kinds = []
    for place, weekday in enumerate(weekdays):
        before = place + 3
        while before > place and (first + timedelta(days=before - 4)).weekday() >= 5:
            before -= 1
        is_after = weekday < 5 and off[before] and (first + timedelta(days=before - 4)).weekday() < 5
        kinds.append(OFF if off[place + 4] else AFTER if is_after else WEEKDAY)
    return Days(np.asarray(weekdays, dtype=np.int64), np.asarray(kinds, dtype=np.int64))


def foresee(past: Past, weeks: int) -> Outlook:
    """A forecast for each queue and way by which anything ever came."""
    told = {
        (queue_id, way): _of(counts, past.days[queue_id], past.coming[queue_id])
        for (queue_id, way), counts in sorted(past.volumes.counts.items()) if queue_id in past.names and counts.any()
    }  # fmt: skip
    return Outlook(past, past.first, weeks, told)


def missed(told: Sequence[Foreseen]) -> tuple[float | None, float | None, float | None, int]:
    """The errors of several together, by their days: WAPE, the naive one, and how many days lay within the range; each
    weighed by how much came. The last is of how many days they are."""
    known = [(each.errors, float(each.days.sum())) for each in told if each.errors.missed_days is not None]
    weight = sum(share for _, share in known)
    if not weight:
        return None, None, None, 0
    wape, naive = (sum((getattr(each, name) or 0.0) * share for each, share in known) / weight
                   for name in ("missed_days", "naive_days"))  # fmt: skip
    judged = [each.within_days for each, _ in known if each.within_days is not None]
    within = sum(judged) / len(judged) if judged else None
    return wape, naive, within, max(each.days for each, _ in known)


def _of(counts: forecast.Numbers, days: Days, coming: Days) -> Foreseen | None:
    parts = (counts, days.weekdays, days.kinds, coming.weekdays, coming.kinds)
    key = hashlib.sha256(b"|".join(each.tobytes() for each in parts)).digest()
    if key not in _kept:
        while len(_kept) >= _KEPT:
            _kept.pop(next(iter(_kept)), None)
        _kept[key] = forecast.foresee(counts, days, coming)
    return _kept[key]


def _region(calendars: Sequence[Calendar], timezone: str) -> str:
    """Whose holidays customers have where a queue has no business hours: those of the desk's other calendars."""
    return next((each.holidays for each in calendars if each.holidays), "JP" if timezone == "Asia/Tokyo" else "")


def _off(calendar: Calendar | None, region: str, first: date, count: int) -> list[bool]:
    if calendar is None:
        return [bool(hours.holiday(region, first + timedelta(days=ahead))) for ahead in range(count)]
    return [
        each.reason == "holiday" or (each.reason == "own" and not each.hours)
        for each in hours.days(calendar, first, count, language="en")
    ]
