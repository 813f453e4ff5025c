"""An office in which tickets are dealt out: its people, a day's events, and an account of what was seen to happen.

The account (`Office`) is kept apart from whoever deals: after every event it asks of every waiting ticket and every
agent whether the one may have the other.
"""

import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

QUEUES, AGENTS, MINUTE = 8, 60, 60.0


@dataclass(frozen=True)
class Arrival:
    """A ticket: when it comes (seconds), where, in which language, and how long its answer takes."""

    at: float
    queue: int
    language: str
    takes: float


@dataclass(frozen=True)
class Shift:
    """An agent's state from a time on: "ready", "away", "gone" (without a word) or "offline"."""

    at: float
    agent: int
    state: str


@dataclass(frozen=True)
class Person:
    languages: tuple[str, ...]
    most: int
    levels: dict[int, int]  # queue -> turn


@dataclass(frozen=True)
class Scenario:
    people: list[Person]
    arrivals: list[Arrival]
    shifts: list[Shift]


def scenario(
    *, arrivals: int, people: int = AGENTS, queue_count: int = QUEUES, load: float = 0.85, seed: int = 7
) -> Scenario:
    """Made of chance, the same for the same seed. `load` is the share of all hands' time that the work takes."""
    chance = random.Random(seed)
    staff = []
    for number in range(people):
        languages = chance.choice((("ja",), ("ja",), ("ja", "en"), ("en", "ja"), ("en",)))
        served = {number % queue_count, *chance.sample(range(queue_count), min(queue_count, chance.choice((1, 2, 3))))}
        levels = {each: chance.choice((1, 1, 2)) for each in sorted(served)}
        staff.append(Person(languages, chance.choice((1, 2, 2, 3)), levels))
    mean = 20 * MINUTE
    rate = load * 0.72 * sum(each.most for each in staff) / mean
    now, coming = 0.0, []
    for _ in range(arrivals):
        now += chance.expovariate(rate)
        takes = min(chance.lognormvariate(0, 0.7) * mean / 1.28, 4 * mean)
        coming.append(Arrival(now, chance.randrange(queue_count), "en" if chance.random() < 0.18 else "ja", takes))
    shifts = []
    for number in range(people):
        at, is_there = chance.uniform(0, 10 * MINUTE), True
        while at < now + 600 * MINUTE:
            state = "ready" if is_there else chance.choice(("away", "away", "away", "offline", "gone"))
            shifts.append(Shift(at, number, state))
            at += chance.expovariate(1 / (90 * MINUTE if is_there else 35 * MINUTE))
            is_there = not is_there
        shifts.append(Shift(at, number, "ready"))  # in the end everybody comes, and all is done
    return Scenario(staff, coming, sorted(shifts, key=lambda each: each.at))


@dataclass
class Office:
    """Who is there and what waits, by what was seen to happen; it shares nothing with the dealer."""

    plan: Scenario
    state: dict[int, str] = field(default_factory=lambda: defaultdict(lambda: "offline"))
    in_hand: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    waiting: set[int] = field(default_factory=set)
    waits: dict[int, float] = field(default_factory=dict)
    since: dict[int, float] = field(default_factory=dict)
    wrongs: list[str] = field(default_factory=list)
    checks: int = 0

    def may(self, agent: int, ticket: int) -> bool:
        """Whether this agent may have this ticket now."""
        person, wanted = self.plan.people[agent], self.plan.arrivals[ticket]
        if self.state[agent] != "ready" or wanted.queue not in person.levels or len(self.in_hand[agent]) >= person.most:
            return False
        spoken = {language for each in self.plan.people if wanted.queue in each.levels for language in each.languages}
        return wanted.language in person.languages or wanted.language not in spoken

    def given(self, ticket: int, agent: int, at: float) -> None:
        """The dealer gave it."""
        if ticket not in self.waiting:
            self.wrongs.append(f"{at:.0f}: ticket {ticket} was given and did not wait")
        if not self.may(agent, ticket):
            self.wrongs.append(f"{at:.0f}: ticket {ticket} was given to agent {agent}, who may not have it")
        self.waiting.discard(ticket)
        self.in_hand[agent].add(ticket)
        self.waits[ticket] = self.waits.get(ticket, 0.0) + at - self.since[ticket]

    def check(self, at: float) -> None:
        """Nobody waits for whom somebody is free."""
        kinds: dict[tuple[int, str], int] = {}
        for ticket in self.waiting:
            wanted = self.plan.arrivals[ticket]
            kinds.setdefault((wanted.queue, wanted.language), ticket)
        for ticket in kinds.values():
            self.checks += 1
            if free := [agent for agent in range(len(self.plan.people)) if self.may(agent, ticket)]:
                self.wrongs.append(f"{at:.0f}: ticket {ticket} waits while agents {free} are free")


Dealer = Callable[[str, Any, float], Iterable[tuple[str, int, int]]]
"""Told "arrives", "done", "state" or "tick", with whom it concerns, it answers what moved: ("given" or "back", ticket,
agent)."""


def play(plan: Scenario, dealer: Dealer, *, ticks: float = 5 * MINUTE) -> Office:
    """The whole of it, event by event. Work rests while its agent is not there."""
    office, order = Office(plan), count()
    heap: list[tuple[float, int, str, Any]] = []

    def push(at: float, what: str, whom: Any) -> None:
        heapq.heappush(heap, (at, next(order), what, whom))

    for number, arrival in enumerate(plan.arrivals):
        push(arrival.at, "arrives", number)
    for shift in plan.shifts:
        push(shift.at, "state", shift)
    push(ticks, "tick", None)
    left = {number: arrival.takes for number, arrival in enumerate(plan.arrivals)}
    ends: dict[int, float] = {}
    done = 0
    while heap and done < len(plan.arrivals):
        at, _, what, whom = heapq.heappop(heap)
        if what == "done":
            ticket, agent, end = whom
            if ends.get(ticket) != end:
                continue
            del ends[ticket]
            office.in_hand[agent].discard(ticket)
            done += 1
            whom = ticket
        elif what == "arrives":
            office.waiting.add(whom)
            office.since[whom] = at
        elif what == "state":
            was, office.state[whom.agent] = office.state[whom.agent], whom.state
            for ticket in sorted(office.in_hand[whom.agent]):
                if was == "ready" and ticket in ends:
                    left[ticket] = max(0.0, ends.pop(ticket) - at)
                if whom.state == "ready":
                    ends[ticket] = at + left[ticket]
                    push(ends[ticket], "done", (ticket, whom.agent, ends[ticket]))
        else:
            push(at + ticks, "tick", None)
        for how, ticket, agent in dealer(what, whom, at):
            if how == "back":
                office.in_hand[agent].discard(ticket)
                office.waiting.add(ticket)
                office.since[ticket] = at
                ends.pop(ticket, None)
                continue
            office.given(ticket, agent, at)
            ends[ticket] = at + left[ticket]
            push(ends[ticket], "done", (ticket, agent, ends[ticket]))
        office.check(at)
    return office
