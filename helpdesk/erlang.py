"""How many agents a number of calls needs: the arithmetic of waiting lines.

The one idea: callers come independently of each other (Poisson), talks are of any length around their mean (as if
exponential), and whoever finds nobody free waits in order. Without patience that is Erlang's formula C of 1917
(M/M/n); with callers who hang up after an exponential time it is Palm's model A of 1957 (M/M/n+M), in the exact form of
Mandelbaum and Zeltyn, "Service engineering in action: the Palm/Erlang-A queue" (2007). Numbers of agents are found by
trying one more until the promise holds.

Lengths are seconds, `load` is in erlangs (calls a second times seconds a call), shares are in [0, 1].
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

MOST: Final = 5_000
"""Agents; nobody is asked for more."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_PANEL: Final = 6.0
"""Over so many times its own length a function is followed by one panel of nodes."""


@dataclass(frozen=True, slots=True)
class Served:
    """How callers fare with a number of agents: `level` of them are answered within the promised seconds, of all who
    call; `wait` is the mean wait of all in seconds (infinite where the line only grows), `abandoned` how many hang up,
    `occupancy` how much of their time agents talk or wrap up."""

    agents: int
    level: float
    wait: float
    abandoned: float
    occupancy: float
    why: str = "level"
    """What asked for so many, see `needed`: "nobody", "level" or "occupancy"."""


def blocked(load: float, agents: int) -> float:
    """Erlang's formula B: the share of calls that find all agents busy where nobody can wait (ITU-T E.501)."""
    share = 1.0
    for number in range(1, agents + 1):
        share = load * share / (number + load * share)
    return share


def delayed(load: float, agents: int) -> float:
    """Erlang's formula C: the share of callers who wait at all; 1 where the line only grows."""
    if load >= agents:
        return 1.0
    share = blocked(load, agents)
    return agents * share / (agents - load * (1 - share))


def served(load: float, handle: float, agents: int, *, within: float, patience: float | None = None) -> Served:
    """How `agents` serve a load of calls of `handle` seconds each. `patience` is the mean number of seconds after which
    a caller would hang up; None: nobody ever does."""
    if load <= 0:
        return Served(agents, 1.0, 0.0, 0.0, 0.0)
    if agents < 1:
        return Served(agents, 0.0, patience or math.inf, 1.0 if patience else 0.0, 1.0)
    if patience is not None:
        return _with_patience(load, handle, agents, within, patience)
    if load >= agents:
        return Served(agents, 0.0, math.inf, 0.0, 1.0)
    waits = delayed(load, agents)
    level = 1 - waits * math.exp(-(agents - load) * within / handle)
    return Served(agents, level, waits * handle / (agents - load), 0.0, load / agents)


@lru_cache(maxsize=20_000)
def needed(load: float, handle: float, *, level: float, within: float, patience: float | None = None,
           occupancy: float = 1.0) -> Served:  # fmt: skip
    """The fewest agents with whom so large a share of callers is answered within so many seconds, and none of whom is
    busy for more than `occupancy` of the time. Without a load nobody is needed."""
    if load <= 0:
        return Served(0, 1.0, 0.0, 0.0, 0.0, "nobody")

    def with_agents(agents: int) -> Served:
        return served(load, handle, agents, within=within, patience=patience)

    agents = _fewest(lambda number: with_agents(number).level >= level, round(load) or 1)
    told, why = with_agents(agents), "level"
    if told.occupancy > occupancy + 1e-12:
        agents, why = _fewest(lambda number: with_agents(number).occupancy <= occupancy + 1e-12, agents), "occupancy"
        told = with_agents(agents)
    return Served(agents, told.level, told.wait, told.abandoned, told.occupancy, why)


def patience_of(waited: float, abandoned: int) -> float | None:
    """The mean patience of callers, in seconds, from how long all of them waited together and how many of them hung up:
    the likeliest exponential one, of which an answer only says that it is longer (Mandelbaum and Zeltyn, section 4).
    None where nobody hung up."""
    return waited / abandoned if abandoned > 0 and waited > 0 else None


def _fewest(is_enough: Callable[[int], bool], near: int) -> int:
    """The smallest number from 1 to `MOST` that is enough, as all larger ones are; sought from `near` outwards."""
    low, high, step = 0, near, 1
    while high < MOST and not is_enough(high):
        low, high, step = high, min(MOST, high + step), step * 2
    while high - low > 1:
        middle = max(low + 1, high - step) if low == 0 and high > 2 * step else (low + high) // 2
        low, high, step = (low, middle, step * 2) if is_enough(middle) else (middle, high, step)
    return high


def _with_patience(load: float, handle: float, agents: int, within: float, patience: float) -> Served:
    arrivals, service = load / handle, 1 / handle
    lost = blocked(load, agents)
    many = _series(agents * patience / handle, arrivals * patience)
    waits = many * lost / (1 + (many - 1) * lost)
    busy = load / agents
    abandoned = max(0.0, waits * (1 / (busy * many) + 1 - 1 / busy))
    # Of the wait that a caller with endless patience would have, the density is `scale` times `_pull`.
    scale = arrivals * waits / (arrivals * many / (agents * service))
    level = 1 - waits + scale * _until(arrivals, agents * service, patience, within)
    return Served(agents, min(1.0, level), abandoned * patience, abandoned, load * (1 - abandoned) / agents)


def _series(x: float, y: float) -> float:
    """A(x, y) = 1 + y / (x + 1) + y² / ((x + 1) (x + 2)) + ..., of positive terms alone."""
    total, term, number = 1.0, 1.0, 0
    while term > total * 1e-15:
        number += 1
        term *= y / (x + number)
        total += term
    return total


def _until(arrivals: float, service: float, patience: float, within: float) -> float:
    """The integral from 0 to `within` of exp(arrivals * H(t) - service * t) * exp(-t / patience), H(t) being the mean
    of patience cut off at t: of those for whom an agent is free at t, who is still there."""
    if within <= 0:
        return 0.0
    panels = max(1, math.ceil(within * max(arrivals, service, 1 / patience) / _PANEL))
    edges = np.linspace(0.0, within, panels + 1)
    half = (edges[1:] - edges[:-1])[:, None] / 2
    at = (edges[1:] + edges[:-1])[:, None] / 2 + half * _NODES
    there = np.exp(-at / patience)
    value = np.exp(arrivals * patience * (1 - there) - service * at) * there
    return float((value * _WEIGHTS * half).sum())
