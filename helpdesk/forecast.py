"""How many inquiries will come in each half hour of the next weeks, and between which numbers.

The one idea: a half hour's expected number is a product of parts that everybody can check by hand:

    level x weekday x half hour,   a holiday being a weekday of its own, the day after it a weekday and a factor,

and a trend, if there is one, bends the level. Each part is a ratio of sums over the desk's own past, the recent weeks
counting more, with single days that lie far from all others held to the edge of what is usual; so a burst of one day or
a day on which nobody could get through moves nothing. Inquiries that are few half an hour lean on the day's own shape.

Why nothing heavier: on counts of half hours with weekly rhythm such a product is as good as ARIMA or smoothing with
states (Taylor, "A comparison of univariate time series methods for forecasting intraday arrivals at a call center",
Management Science 2008, finds simple methods hard to beat beyond a few days), it needs four weeks instead of years, and
a supervisor can be told why Tuesday has 31.

How far it may be wrong is measured, not assumed: from each of the last weeks the following ones are foreseen with what
was known then (`look_back`), and the range is as wide as those errors were, wider for later weeks. Numbers are spread
as a negative binomial: by chance, as counts are, and by what chance cannot explain.

Arrays have a row a day and 48 columns, the half hours by the clock on the desk's wall. No database, no clock.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

HALVES: Final = 48
FEWEST_DAYS: Final = 28
"""Of a past that anything can be said from."""
SURE: Final = 0.8
"""Of all half hours (and days) so many should lie within the range."""
WEEKDAY, OFF, AFTER = 0, 1, 2
"""Kinds of a day: as its weekday says, closed or a holiday, the first working day after one."""
ORIGINS: Final = 8
"""Weeks from which the past is foreseen again."""
FAR: Final = 3.0
"""Spreads from the expected number beyond which a day is held to the edge."""
LEVEL_WEEKS, SHAPE_WEEKS = 2.0, 8.0
"""After so many weeks what was counts half: of the level, and of weekdays and half hours."""
TREND_WEEKS: Final = 12
DAMPED: Final = 0.85
"""A trend goes on by so much of itself each week."""
LEAN: Final = 40.0
"""Inquiries of the day's general shape that a weekday's own is mixed with."""
_OFF_PRIOR: Final = 5.0
"""Inquiries, and at least a day's, of imagined holidays that were as quiet as the quietest weekday."""

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Whole = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Days:
    """What a day is, for each of some days in a row: 0 (Monday) to 6, and its kind."""

    weekdays: Whole
    kinds: Whole

    def cut(self, begin: int, end: int) -> "Days":
        """Some of them."""
        return Days(self.weekdays[begin:end], self.kinds[begin:end])


@dataclass(frozen=True, slots=True)
class Model:
    """The parts. `level` is of a day whose weekday's factor is 1, at the end of the past; `trend` the share by which
    it grew each week, 0 where that is not more than chance; `off` the factor of a holiday, in its weekday's place."""

    level: float
    trend: float
    weekdays: Numbers
    off: float
    after: float
    shapes: Numbers  # 8 x 48: each weekday's, and a holiday's; each sums to 1
    spread: float  # of days around what was expected, in units of chance

    def factors(self, days: Days) -> Numbers:
        """What kind of day it is, as a factor."""
        own = self.weekdays[days.weekdays]
        weekend = days.weekdays >= 5
        off = np.where(weekend, np.minimum(own, self.off), self.off)
        return np.where(days.kinds == OFF, off, np.where(days.kinds == AFTER, own * self.after, own))

    def expect(self, days: Days) -> Numbers:
        """The expected number of each half hour of the days that follow the past."""
        ahead = np.arange(len(days.weekdays)) / 7
        grown = self.trend * DAMPED * (1 - DAMPED**ahead) / (1 - DAMPED)
        totals = self.level * np.exp(grown) * self.factors(days)
        return np.asarray(totals[:, None] * self.shapes[np.where(days.kinds == OFF, 7, days.weekdays)])


@dataclass(frozen=True, slots=True)
class Errors:
    """How wrong it was when it foresaw the past, half hour by half hour and day by day. `missed` is the sum of errors
    by the sum of inquiries (WAPE), `naive` the same of “as on the same day of the last week known”; `within` how many
    lay in the range, which should be `SURE`. None where there was nothing to be wrong about."""

    days: int = 0
    missed: float | None = None
    naive: float | None = None
    within: float | None = None
    missed_days: float | None = None
    naive_days: float | None = None
    within_days: float | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """What chance does not explain, as shares of the expected number: of half hours, and of days by the week ahead."""

    halves: float = 0.0
    days: tuple[float, ...] = (0.0,)

    def of_day(self, ahead: Whole) -> Numbers:
        """For days so many days ahead, from 0."""
        return np.asarray([self.days[min(day // 7, len(self.days) - 1)] for day in ahead], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Expected numbers with their range, by half hour and by day; the parts, and how wrong it was before."""

    expected: Numbers
    low: Numbers
    high: Numbers
    low_days: Numbers
    high_days: Numbers
    model: Model
    errors: Errors
    doubt: Doubt
    last_week: tuple[Numbers, Numbers] | None = None
    """The seven days before, as they were expected a week ago and as they came, by day."""

    @property
    def days(self) -> Numbers:
        """Expected numbers of whole days."""
        return np.asarray(self.expected.sum(axis=1))


def foresee(past: Numbers, days: Days, coming: Days) -> Foreseen | None:
    """What is to be expected of the days that follow; None where the past is shorter than `FEWEST_DAYS`.

    `past` has a row for each of `days`, the last one being yesterday. Days before the first inquiry count as not there.
    """
    past, days = begun(past, days)
    if len(past) < FEWEST_DAYS:
        return None
    doubt, errors = look_back(past, days, weeks=math.ceil(len(coming.weekdays) / 7))
    model, week = fit(past, days), None
    if len(past) >= FEWEST_DAYS + 7:
        before = fit(past[:-7], days.cut(0, len(past) - 7)).expect(days.cut(len(past) - 7, len(past)))
        week = before.sum(axis=1), past[-7:].sum(axis=1)
    expected = model.expect(coming)
    ahead = np.arange(len(coming.weekdays))
    low, high = between(expected, doubt.halves)
    low_days, high_days = between(expected.sum(axis=1), doubt.of_day(ahead))
    return Foreseen(expected, low, high, low_days, high_days, model, errors, doubt, week)


def begun(past: Numbers, days: Days) -> tuple[Numbers, Days]:
    """Without the days before the first inquiry: there was no queue, and not a quiet one."""
    some = np.flatnonzero(past.sum(axis=1))
    first = int(some[0]) if len(some) else len(past)
    return past[first:], days.cut(first, len(past))


def fit(past: Numbers, days: Days) -> Model:
    """The parts that explain a past of at least two weeks."""
    totals = past.sum(axis=1)
    age = np.arange(len(past), 0, -1) / 7  # in weeks
    model = _begin(totals, days)
    held = totals
    for _ in range(4):
        factors = model.factors(days)
        expected = _around(held, factors, model.level) * factors
        odd = (totals - expected) / np.sqrt(np.maximum(expected, 1.0))
        spread = max(1.0, 1.4826 * float(np.median(np.abs(odd))))
        edge = FAR * spread * np.sqrt(np.maximum(expected, 1.0))
        held = np.clip(totals, expected - edge, expected + edge)
        model = _weigh(held, days, age, model, spread)
    share = np.divide(held, totals, out=np.ones_like(held), where=totals > 0)
    return Model(model.level, model.trend, model.weekdays, model.off, model.after,
                 _shapes(past * np.minimum(share, 1.0)[:, None], days, age), model.spread)  # fmt: skip


def look_back(past: Numbers, days: Days, *, weeks: int) -> tuple[Doubt, Errors]:
    """Foresee the last weeks from each of their beginnings, with what was known then: what chance does not explain of
    the errors, and the errors. A range that is judged was made of errors known before it."""
    ends = [end for back in range(ORIGINS, 0, -1) if (end := len(past) - 7 * back) >= FEWEST_DAYS]
    tries = []
    for end in ends:
        model = fit(past[:end], days.cut(0, end))
        until = min(len(past), end + 7 * weeks)
        naive = past[end - 7 : end][np.arange(until - end) % 7]
        tries.append(_Try(end, past[end:until], model.expect(days.cut(end, until)), naive))
    if not tries:  # the past itself is all there is to learn from; it flatters
        model = fit(past, days)
        expected = model.expect(days) * np.exp(-model.trend * np.arange(len(past), 0, -1) / 7)[:, None]
        return _doubt([_Try(0, past, expected, past)], 1), Errors()
    inside: list[Any] = [[], []]
    for place, each in enumerate(tries):
        known = [tries[before].until(each.end) for before in range(place)]
        if not known:
            continue  # nothing was known yet of how wrong it would be
        doubt = _doubt(known, weeks)
        low, high = between(each.expected, doubt.halves)
        counts = (each.expected > 0.01) | (each.seen > 0)
        inside[0].append(((low <= each.seen) & (each.seen <= high))[counts])
        low, high = between(each.expected.sum(axis=1), doubt.of_day(np.arange(len(each.seen))))
        inside[1].append((low <= each.seen.sum(axis=1)) & (each.seen.sum(axis=1) <= high))
    seen, expected, naive = (np.concatenate([getattr(each, name) for each in tries])
                             for name in ("seen", "expected", "naive"))  # fmt: skip
    within = [float(np.concatenate(each).mean()) if sum(map(len, each)) else None for each in inside]
    by_day = [each.sum(axis=1) for each in (seen, expected, naive)]
    return _doubt(tries, weeks), Errors(
        len(past) - tries[0].end, _missed(seen, expected), _missed(seen, naive), within[0],
        _missed(by_day[0], by_day[1]), _missed(by_day[0], by_day[2]), within[1],
    )  # fmt: skip


def together(told: Sequence[Foreseen]) -> tuple[Numbers, Numbers, Numbers]:
    """Several queues' days added up, with their range: as if they erred independently of each other by chance, and
    together by what it does not explain, which is the more careful of the two."""
    expected = np.sum([each.days for each in told], axis=0)
    ahead = np.arange(len(expected))
    common = np.sum([each.days * each.doubt.of_day(ahead) for each in told], axis=0)
    low, high = between(expected, np.divide(common, expected, out=np.zeros_like(expected), where=expected > 0))
    return expected, low, high


# --- the parts -------------------------------------------------------------------------------------------------------


def _begin(totals: Numbers, days: Days) -> Model:
    """From medians, which no odd day moves."""
    plain = days.kinds == WEEKDAY
    middle = np.asarray([
        float(np.median(totals[plain & (days.weekdays == weekday)])) if (plain & (days.weekdays == weekday)).any()
        else 0.0 for weekday in range(7)
    ])  # fmt: skip
    if middle.sum() <= 0:  # so few that most days have none: means are all there is
        middle = np.full(7, max(float(totals.mean()), 1e-9))
    level = float(middle.mean())
    return Model(level, 0.0, middle / level, float(middle.min() / level), 1.0, np.empty((0, 0)), 1.0)


def _weigh(held: Numbers, days: Days, age: Numbers, before: Model, spread: float) -> Model:
    """Each part anew, the others as they are: what came by what was to be expected without it."""
    fresh, recent = 0.5 ** (age / SHAPE_WEEKS), 0.5 ** (age / LEVEL_WEEKS)
    trend = _trend(held, before.factors(days), age)
    bent = np.exp(-trend * age)
    # The level as it was around each day, so that a slow rise is not taken for a weekday.
    around = _around(held, before.factors(days), before.level)
    plain, after, off = (days.kinds == kind for kind in (WEEKDAY, AFTER, OFF))
    weekdays = np.asarray([
        _ratio(held, around, fresh, plain & (days.weekdays == weekday), before.weekdays[weekday])
        for weekday in range(7)
    ])  # fmt: skip
    weekdays = weekdays / max(float(weekdays.mean()), 1e-9)
    quiet = float(weekdays.min())
    there = off & (days.weekdays < 5)
    prior = max(before.level, _OFF_PRIOR)
    off_factor = (float(held[there].sum()) + prior * quiet) / (float(around[there].sum()) + prior)
    usual = around * weekdays[days.weekdays]
    after_factor = (float(held[after].sum()) + before.level) / (float(usual[after].sum()) + before.level)
    told = Model(before.level, trend, weekdays, off_factor, after_factor, before.shapes, spread)
    level = float((recent * held).sum() / max((recent * bent * told.factors(days)).sum(), 1e-9))
    return Model(level, trend, weekdays, off_factor, after_factor, before.shapes, spread)


def _around(held: Numbers, factors: Numbers, level: float) -> Numbers:
    """The level of each day from three weeks around it, leaning on the general one where hardly anything came."""
    window = np.ones(21)
    sums, of = (np.convolve(each, window)[10 : 10 + len(held)] for each in (held, factors))
    return np.asarray((sums + level) / (of + 1.0))


def _ratio(held: Numbers, around: Numbers, weights: Numbers, which: Any, otherwise: float) -> float:
    of = float((weights * around)[which].sum())
    return float((weights * held)[which].sum()) / of if of > 0 else otherwise


def _trend(held: Numbers, factors: Numbers, age: Numbers) -> float:
    """By how much the level grows a week: the median of all slopes between two weeks (Theil and Sen), 0 unless more
    weeks rose than fell, or the other way round, than chance would have it (Mann and Kendall, 5 %)."""
    weeks = min(TREND_WEEKS, len(held) // 7)
    if weeks < 5:
        return 0.0
    sums, of = (each[len(held) - 7 * weeks :].reshape(weeks, 7).sum(axis=1) for each in (held, factors))
    if (sums <= 0).any() or (of <= 0).any():
        return 0.0
    level = np.log(sums / of)
    first, second = np.triu_indices(weeks, 1)
    rises = level[second] - level[first]
    score = float(np.sign(rises).sum())
    width = math.sqrt(weeks * (weeks - 1) * (2 * weeks + 5) / 18)
    if abs(score) - 1 < 1.96 * width:
        return 0.0
    return float(np.median(rises / (second - first)))


def _shapes(past: Numbers, days: Days, age: Numbers) -> Numbers:
    """How each weekday, and a holiday, is spread over its half hours."""
    fresh = (0.5 ** (age / SHAPE_WEEKS))[:, None] * past
    general = fresh.sum(axis=0)
    general = general / general.sum() if general.sum() > 0 else np.full(HALVES, 1 / HALVES)
    found = np.empty((8, HALVES))
    for row in range(8):
        which = days.kinds == OFF if row == 7 else (days.kinds != OFF) & (days.weekdays == row)
        own = fresh[which].sum(axis=0) + LEAN * general
        found[row] = own / own.sum()
    return found


# --- how wrong -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Try:
    """The past foreseen from a day: what came, what was expected, and what the naive answer was."""

    end: int
    seen: Numbers
    expected: Numbers
    naive: Numbers

    def until(self, end: int) -> "_Try":
        """What of it was known by then."""
        known = max(0, end - self.end)
        return _Try(self.end, self.seen[:known], self.expected[:known], self.naive[:known])


def _doubt(tries: Sequence[_Try], weeks: int) -> Doubt:
    """By how much errors were larger than those of pure chance, as shares of what was expected (by moments); the tenth
    of days that was farthest off is left out of it. Later weeks are not surer than earlier ones."""
    halves = _beyond(np.concatenate([each.seen.ravel() for each in tries]),
                     np.concatenate([each.expected.ravel() for each in tries]), trim=0.002)  # fmt: skip
    days, least = [], 0.0
    for week in range(weeks):
        some = [(each.seen[7 * week : 7 * week + 7].sum(axis=1), each.expected[7 * week : 7 * week + 7].sum(axis=1))
                for each in tries]  # fmt: skip
        seen, expected = (np.concatenate(part) for part in zip(*some, strict=True))
        if len(seen) >= 7:
            least = max(least, _beyond(seen, expected, trim=0.03))
        days.append(least)
    return Doubt(halves, tuple(days))


def _beyond(seen: Numbers, expected: Numbers, *, trim: float) -> float:
    """The share d for which errors are as large as those of counts with the variance m + (d m)²."""
    some = expected > 0
    if not some.any():
        return 0.0
    beyond = (seen[some] - expected[some]) ** 2 - expected[some]
    squares = expected[some] ** 2
    kept = np.argsort(beyond / squares)[: max(1, math.ceil(len(beyond) * (1 - trim)))]
    return math.sqrt(max(0.0, float(beyond[kept].sum() / squares[kept].sum())))


def _missed(seen: Numbers, expected: Numbers) -> float | None:
    return float(np.abs(seen - expected).sum() / seen.sum()) if seen.sum() > 0 else None


def between(expected: Numbers, doubt: Any) -> tuple[Numbers, Numbers]:
    """Between which whole numbers so many as `SURE` lie, of counts with the variance m + (doubt m)²."""
    edge = (1 - SURE) / 2
    wide = np.broadcast_to(np.maximum(doubt, 1e-3), expected.shape) if np.ndim(doubt) else np.full(
        expected.shape, max(float(doubt), 1e-3))  # fmt: skip
    return _quantile(expected, wide, edge), _quantile(expected, wide, 1 - edge)


def _quantile(mean: Numbers, doubt: Numbers, share: float) -> Numbers:
    """The smallest number that is not exceeded with this probability, negative binomial, by halving what Cantelli's
    inequality leaves of all numbers."""
    from scipy import special

    size = 1 / doubt**2
    chance = size / (size + mean)
    spread, odds = np.sqrt(mean + (doubt * mean) ** 2), math.sqrt(share / (1 - share))
    low, high = np.maximum(np.floor(mean - spread / odds) - 1, -1.0), np.ceil(mean + spread * odds)
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        reached = special.betainc(size, middle + 1, chance) >= share
        wide = high - low > 1
        high = np.where(wide & reached, middle, high)
        low = np.where(wide & ~reached, middle, low)
    return np.asarray(np.where(mean > 0, high, 0.0))
