"""Need against plan: work is spread until its promise, people count where most is missing, and formulas add up."""

from datetime import date

import numpy as np
import pytest

from helpdesk import erlang, staffing
from helpdesk.forecast import HALVES
from helpdesk.shifts import Planned
from helpdesk.staffing import Basis
from models import Calendar
from tests.cast import MONDAY as NOW

MONDAY = date(2026, 11, 16)
BASIS = Basis(
    handle=240, patience=None, level=0.8, within=20, promise=4 * 3600, shrinkage_percent=25, occupancy_percent=85,
    written_minutes=10, least=0,
)  # fmt: skip


def planned(agent_id: int, begins: int, ends: int, *queue_ids: int, day: date = MONDAY) -> Planned:
    return Planned(agent_id, agent_id, "", day, begins * 60, ends * 60, frozenset(queue_ids), False)


def wanted(**at: float) -> np.ndarray:
    """A week in which so many are wanted in the half hours of Monday, "h20" being the one from ten o'clock."""
    found = np.zeros((7, HALVES))
    for name, count in at.items():
        found[0, int(name[1:])] = count
    return found


def test_work_in_writing_is_spread_over_the_open_hours_until_its_promise() -> None:
    opened = np.zeros(96)
    opened[18:36] = opened[66:84] = 1  # nine to six, two days
    work = np.zeros(96)
    work[20], work[34], work[40] = 3600, 1600, 800
    told = staffing.spread_out(work, opened, 4 * 3600)
    assert told[20] == pytest.approx(3600 / 8) and told[27] == pytest.approx(3600 / 8) and told[28] == 0
    # What comes at five is done by half past eleven tomorrow; what comes at night from tomorrow morning on.
    assert told[35] == pytest.approx(200) and told[36] == 0
    assert told[66] == pytest.approx(200 + 100) and told[71] == pytest.approx(300) and told[72] == pytest.approx(100)
    assert told.sum() == pytest.approx(work.sum()) and not told[opened == 0].any()
    # Nothing is done later than promised: by each half hour at least what was due then.
    due = np.zeros(96)
    due[[27, 71, 73]] = 3600, 1600, 800
    assert (np.cumsum(told) >= np.cumsum(due) - 1e-6).all()
    assert not staffing.spread_out(work, np.zeros(96), 3600).any()


def test_a_half_hour_needs_what_erlang_says_and_more_are_planned_than_are_there() -> None:
    calls, nothing = wanted(h20=100.0), np.zeros((7, HALVES))
    need = staffing._week_of(calls, nothing, nothing, BASIS)
    alone = erlang.needed(100 * 240 / 1800, 240.0, level=0.8, within=20.0, occupancy=0.85).agents
    assert need.on_calls[0, 20] == alone and need.wanted[0, 20] == pytest.approx(alone / 0.75)
    # Who waits for calls writes meanwhile, as far as nobody is busier than may be; the rest needs others.
    idle = alone * 0.85 - 100 * 240 / 1800
    some = staffing._week_of(calls, wanted(h20=idle * 1800), nothing, BASIS)
    assert some.wanted[0, 20] == pytest.approx(need.wanted[0, 20], abs=1e-9)
    more = staffing._week_of(calls, wanted(h20=(idle + 1) * 1800), nothing, BASIS)
    assert more.wanted[0, 20] - need.wanted[0, 20] == pytest.approx(1 / 0.85 / 0.75, abs=1e-9)
    # Less than one call in ten half hours needs nobody; the least are there while it is open.
    assert not staffing._week_of(wanted(h20=0.05), nothing, nothing, BASIS).wanted.any()
    kept = staffing._week_of(nothing, nothing, wanted(h20=1.0), staffing.replace(BASIS, least=2)).wanted
    assert kept[0, 20] == pytest.approx(2 / 0.75) and kept.sum() == kept[0, 20]


def test_the_level_of_a_plan_is_that_of_those_who_are_there() -> None:
    need = staffing._week_of(wanted(h20=100.0), np.zeros((7, HALVES)), np.zeros((7, HALVES)), BASIS)
    levels = [staffing._with_plan(need, wanted(h20=count)).expected_level for count in (0, 18, 20, 24, 60)]
    assert levels[0] == 0 and levels[-1] == pytest.approx(1, abs=1e-6)
    assert levels == sorted(levels)  # type: ignore[type-var]
    exact = erlang.served(100 * 240 / 1800, 240, 18, within=20).level
    assert levels[3] == pytest.approx(exact, abs=1e-9)  # 24 planned, a quarter of them away


def test_who_has_several_queues_counts_where_most_is_missing() -> None:
    wants = {1: wanted(h20=1.0, h21=1.0), 2: wanted(h20=1.0, h21=3.0)}
    both = [planned(7, 10, 11, 1), planned(8, 10, 11, 1, 2)]
    told = staffing.share_out(both, MONDAY, wants)
    assert (told[1][0, 20], told[2][0, 20]) == pytest.approx((1, 1))  # queue 1 has somebody of its own
    alone = staffing.share_out([planned(8, 10, 11, 1, 2)], MONDAY, wants)
    assert (alone[1][0, 21], alone[2][0, 21]) == pytest.approx((0.25, 0.75))
    # Nobody counts twice, and nobody is lost.
    assert sum(each.sum() for each in told.values()) == pytest.approx(4)


def test_a_shift_counts_in_its_half_hours_past_midnight_too() -> None:
    late = Planned(1, 1, "", date(2026, 11, 15), 22 * 60 + 15, 26 * 60, frozenset({1}), False)  # Sunday to two o'clock
    told = staffing.share_out([late, planned(2, 9, 10, 1)], MONDAY, {1: wanted()})[1]
    assert list(told[0, :5]) == [1, 1, 1, 1, 0] and list(told[0, 17:21]) == [0, 1, 1, 0] and told.sum() == 6
    quarter = Planned(3, 3, "", MONDAY, 10 * 60 + 15, 10 * 60 + 45, frozenset({1}), False)
    assert list(staffing.share_out([quarter], MONDAY, {1: wanted()})[1][0, 20:22]) == [0.5, 0.5]


def test_open_half_hours_are_those_of_the_calendar() -> None:
    office = Calendar(name="平日", week={"mon": [["09:15", "12:00"]], "tue": [["22:00", "02:00"]]}, holidays="JP",
                      days={}, created_at=NOW)  # fmt: skip
    told = staffing.open_halves(office, MONDAY, 8)
    assert told[0, 18] == 0.5 and told[0, 19:24].all() and told[0].sum() == 5.5
    assert told[1, 44:].all() and told[2, :4].all() and told[2].sum() == 4
    assert not told[7].any()  # the next Monday is a holiday
    assert staffing.open_halves(None, MONDAY, 2).all()
