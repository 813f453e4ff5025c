"""Forecasts: what is planted in a past is found again, odd days move nothing, and errors are what they are said."""

from typing import Any

import numpy as np
import pytest

from helpdesk import forecast
from helpdesk.forecast import AFTER, OFF, Days

WEEK = np.array([1.35, 1.1, 1.0, 0.95, 1.1, 0.35, 0.15]) * 7 / 6
SHAPE = np.array([0.0] * 18 + [3.0, 5, 4, 3, 2, 2, 1, 2, 3, 4, 4, 3, 3, 2, 2, 1, 1, 0.5] + [0.0] * 12)


def a_past(weeks: int, level: float, *, growth: float = 0.0, seed: int = 5, wild: float = 0.08) -> tuple[Any, Days]:
    """Counts by day and half hour: a week's rhythm, a holiday every thirty days, days that are busier for no reason."""
    draw, days = np.random.default_rng(seed), np.arange(7 * weeks)
    weekdays, kinds = days % 7, np.zeros(7 * weeks, dtype=np.int64)
    for day in range(16, len(days), 30):
        if weekdays[day] < 5:
            kinds[day] = OFF
            kinds[day + 1 : day + 2] = AFTER if weekdays[day] < 4 else 0
    factors = np.where(kinds == OFF, 0.2, np.where(kinds == AFTER, 1.3, 1.0) * WEEK[weekdays])
    means = level * np.exp(growth * days / 7) * factors * np.exp(draw.normal(0, wild, len(days)))
    return draw.poisson(means[:, None] * SHAPE / SHAPE.sum()).astype(float), Days(weekdays, kinds)


def split(past: Any, days: Days, weeks: int) -> tuple[Any, Days, Days, Any]:
    """The past without its last weeks, and these."""
    end = len(past) - 7 * weeks
    return past[:end], days.cut(0, end), days.cut(end, len(past)), past[end:]


def foreseen(past: Any, days: Days, coming: Days) -> forecast.Foreseen:
    told = forecast.foresee(past, days, coming)
    assert told is not None
    return told


def test_what_is_planted_is_found() -> None:
    model = forecast.fit(*a_past(40, 300))
    assert model.level == pytest.approx(300, rel=0.08) and model.trend == 0
    assert np.abs(model.weekdays - WEEK / WEEK.mean()).max() < 0.12
    assert model.off == pytest.approx(0.2, abs=0.06) and model.after == pytest.approx(1.3, abs=0.15)
    assert np.abs(model.shapes[0] - SHAPE / SHAPE.sum()).max() < 0.01
    assert forecast.fit(*a_past(40, 300, growth=0.02)).trend == pytest.approx(0.02, abs=0.008)


def test_odd_days_and_a_day_on_which_nobody_got_through_move_nothing() -> None:
    past, days = a_past(30, 300)
    odd = past.copy()
    odd[100] *= 8
    odd[150] = 0
    odd[-3] *= 6
    plain, moved = forecast.fit(past, days), forecast.fit(odd, days)
    assert moved.level == pytest.approx(plain.level, rel=0.06)
    assert np.abs(moved.weekdays - plain.weekdays).max() < 0.1


def test_it_is_nearer_than_last_week_and_its_range_holds_what_it_promises() -> None:
    within, missed, naive = [], [], []
    for seed in range(6):
        past, days = a_past(26, 200, seed=seed)
        known, before, coming, came = split(past, days, 4)
        told = foreseen(known, before, coming)
        by_day = came.sum(axis=1)
        missed.append(np.abs(by_day - told.days).sum() / by_day.sum())
        naive.append(np.abs(by_day - np.tile(known[-7:].sum(axis=1), 4)).sum() / by_day.sum())
        within.append(((told.low_days <= by_day) & (by_day <= told.high_days)).mean())
        # What it says of itself is what it turns out to be.
        assert told.errors.missed_days == pytest.approx(missed[-1], abs=0.06)
        assert told.errors.missed is not None and told.errors.missed < told.errors.naive  # type: ignore[operator]
    assert np.mean(missed) < 0.75 * np.mean(naive)
    assert 0.7 < np.mean(within) < 0.92


def test_a_holiday_to_come_is_quiet_and_the_day_after_is_not() -> None:
    past, days = a_past(30, 300)
    coming = Days(np.arange(14) % 7, np.zeros(14, dtype=np.int64))
    plain = foreseen(past, days, coming).days
    coming.kinds[[1, 2]] = OFF, AFTER
    told = foreseen(past, days, coming).days
    assert told[1] < 0.3 * plain[1] and told[2] > 1.1 * plain[2] and told[3] == pytest.approx(plain[3])


def test_a_holiday_nobody_has_seen_yet_is_taken_for_a_quiet_weekday() -> None:
    past, days = a_past(2, 300)  # none of its days is a holiday
    past, days = np.tile(past, (3, 1)), Days(np.tile(days.weekdays, 3), np.zeros(42, dtype=np.int64))
    coming = Days(np.array([0]), np.array([OFF]))
    assert foreseen(past, days, coming).days[0] == pytest.approx(foreseen(past, days, Days(
        np.array([6]), np.array([0]))).days[0], rel=0.05)  # fmt: skip


def test_a_past_of_less_than_four_weeks_says_nothing_and_one_without_tests_says_no_error() -> None:
    past, days = a_past(10, 300)
    past[:45] = 0  # the queue is younger than the desk
    assert forecast.foresee(past, days, Days(np.arange(14) % 7, np.zeros(14, dtype=np.int64))) is None
    past, days = a_past(4, 300)
    told = foreseen(past, days, Days(np.arange(14) % 7, np.zeros(14, dtype=np.int64)))
    assert told.errors.missed is None and told.errors.within_days is None
    assert (told.high_days > told.low_days)[:5].all()


def test_later_weeks_are_not_surer_and_a_range_holds_whole_numbers() -> None:
    past, days = a_past(40, 200, wild=0.15)
    known, before, coming, _ = split(past, days, 6)
    told = foreseen(known, before, coming)
    assert list(told.doubt.days) == sorted(told.doubt.days)
    assert (told.low <= np.ceil(told.expected)).all() and (told.high >= np.floor(told.expected)).all()
    assert (told.high == np.floor(told.high)).all() and (told.low >= 0).all()
    # Counts by chance alone: of a mean of 10, between 6 and 14 (Poisson).
    low, high = forecast.between(np.array([10.0]), 0.0)
    assert (low[0], high[0]) == (6, 14)


def test_queues_together_are_surer_than_the_sum_of_their_ranges() -> None:
    told = []
    for seed in (1, 2, 3):
        past, days = a_past(26, 100, seed=seed)
        told.append(foreseen(*split(past, days, 2)[:3]))
    expected, low, high = forecast.together(told)
    assert expected[0] == pytest.approx(sum(each.days[0] for each in told))
    assert low[0] >= sum(each.low_days[0] for each in told) and high[0] <= sum(each.high_days[0] for each in told)
