"""Waiting lines: what the formulas say is what tables, another way of computing and a simulation say."""

import heapq
import math
import random

import pytest

from helpdesk import erlang

TABLE_OF_ONE_PER_CENT = ((1, 0.0101), (2, 0.153), (5, 1.361), (10, 4.461), (20, 12.031), (50, 37.901), (100, 84.064))
"""Lines and the load in erlangs at which one call in a hundred is lost, as printed in every table of formula B."""


@pytest.mark.parametrize(("agents", "load"), TABLE_OF_ONE_PER_CENT)
def test_formula_b_is_the_one_of_the_tables(agents: int, load: float) -> None:
    assert erlang.blocked(load, agents) == pytest.approx(0.01, rel=0.012)  # loads are printed to three digits


def test_a_hundred_calls_of_three_minutes_in_half_an_hour_need_fourteen_agents() -> None:
    """The example of textbooks: 10 erlangs, 80 % within 20 seconds."""
    told = erlang.needed(10, 180, level=0.8, within=20)
    assert told.agents == 14 and told.why == "level"
    assert erlang.delayed(10, 14) == pytest.approx(0.1741, abs=1e-4)
    assert (told.level, told.wait, told.occupancy) == pytest.approx((0.888, 7.8, 0.714), rel=0.01)
    assert erlang.served(10, 180, 13, within=20).level < 0.8


def test_nobody_is_busier_than_may_be_and_nobody_is_needed_for_nothing() -> None:
    told = erlang.needed(100, 180, level=0.8, within=60, occupancy=0.85)
    assert told.why == "occupancy" and told.occupancy <= 0.85
    assert erlang.served(100, 180, told.agents - 1, within=60).occupancy > 0.85
    assert erlang.needed(0, 180, level=0.8, within=20).agents == 0


def test_a_line_that_only_grows_answers_nobody_in_time() -> None:
    told = erlang.served(10, 180, 10, within=20)
    assert told.level == 0 and math.isinf(told.wait)


@pytest.mark.parametrize(("load", "agents", "patience"), [(10, 9, 120), (10, 13, 60), (80, 84, 300), (3, 1, 30)])
def test_callers_who_hang_up_are_counted_as_the_line_s_states_say(load: float, agents: int, patience: float) -> None:
    """Held against the balance of how often so many callers are there, one state after the other."""
    handle, weights = 240.0, [1.0]
    for there in range(1, 3000):
        gone = min(there, agents) / handle + max(0, there - agents) / patience
        weights.append(weights[-1] * load / handle / gone)
    whole = sum(weights)
    line = sum((there - agents) * weight for there, weight in enumerate(weights) if there > agents) / whole
    told = erlang.served(load, handle, agents, within=20, patience=patience)
    assert told.wait == pytest.approx(line / (load / handle), rel=1e-9)
    assert told.abandoned == pytest.approx(line / patience / (load / handle), rel=1e-9)
    # Who does not hang up is answered at some time.
    whenever = erlang.served(load, handle, agents, within=100 * patience, patience=patience)
    assert whenever.level == pytest.approx(1 - told.abandoned, abs=1e-9)
    # Answered at once: whoever finds an agent free.
    at_once = erlang.served(load, handle, agents, within=0, patience=patience)
    assert at_once.level == pytest.approx(sum(weights[:agents]) / whole, rel=1e-9)


def test_endless_patience_is_formula_c() -> None:
    patient, endless = erlang.served(10, 180, 13, within=20, patience=1e7), erlang.served(10, 180, 13, within=20)
    assert (patient.level, patient.wait) == pytest.approx((endless.level, endless.wait), rel=1e-4)


@pytest.mark.parametrize("patience", [None, 90.0])
def test_a_simulated_afternoon_is_served_as_the_formulas_say(patience: float | None) -> None:
    load, handle, agents, within, calls = 8.0, 200.0, 10 if patience is None else 8, 20.0, 40_000
    draw, at = random.Random(11), 0.0
    free = [0.0] * agents
    in_time = lost = 0
    for _ in range(calls):
        at += draw.expovariate(load / handle)
        begins = max(at, free[0])
        if patience is not None and begins - at > draw.expovariate(1 / patience):
            lost += 1
            continue
        in_time += begins - at <= within
        heapq.heapreplace(free, begins + draw.expovariate(1 / handle))
    told = erlang.served(load, handle, agents, within=within, patience=patience)
    assert in_time / calls == pytest.approx(told.level, abs=0.02)
    assert lost / calls == pytest.approx(told.abandoned, abs=0.01)


def test_patience_is_learned_from_those_who_hung_up_and_those_who_did_not() -> None:
    draw, waited, hung_up = random.Random(3), 0.0, 0
    for _ in range(20_000):
        offered, patience = draw.expovariate(1 / 40), draw.expovariate(1 / 150)
        waited += min(offered, patience)
        hung_up += patience < offered
    assert erlang.patience_of(waited, hung_up) == pytest.approx(150, rel=0.03)
    assert erlang.patience_of(500, 0) is None
