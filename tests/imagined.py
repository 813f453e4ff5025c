"""What might have been: other dealers in the office of `tests/workforce.py`, and how little could be waited at all.

The lower bound holds for any dealer, even one who knows the future: a ticket waits at least until somebody is there who
serves its queue and speaks its language; and of the tickets that are in the office at a time, at least as many as would
be if all hands were one machine that always takes what is done soonest (SRPT), no more are in hand than all agents
together take. The two other dealers have the same people and hours and say more of what could be had, though neither is
a bound. Both are first come, first served.
"""

import heapq
from collections import Counter, defaultdict
from typing import Any

from tests.workforce import Arrival, Person, Scenario


class Imagined:
    """An office in memory: who waits, who is there, who holds what. Whom it gives a ticket to, `_deal` says."""

    def __init__(self, plan: Scenario) -> None:
        self.plan = plan
        self.line: list[int] = []
        self.office: dict[int, set[int]] = defaultdict(set)
        self.ready: set[int] = set()
        self.holder: dict[int, int] = {}

    def __call__(self, what: str, whom: Any, at: float) -> list[tuple[str, int, int]]:
        if what == "arrives":
            self.line.append(whom)
        elif what == "done":
            self.office[self.holder.pop(whom)].discard(whom)
        elif what == "state":
            (self.ready.add if whom.state == "ready" else self.ready.discard)(whom.agent)
        return self._deal()

    def _deal(self) -> list[tuple[str, int, int]]:
        """The moves that follow, made."""
        raise NotImplementedError


class Pooled(Imagined):
    """Everybody serves everything; first come, first served."""

    def __init__(self, plan: Scenario) -> None:
        everything = {each.queue: 1 for each in plan.arrivals}
        people = [Person(("ja", "en"), each.most, everything) for each in plan.people]
        super().__init__(Scenario(people, plan.arrivals, plan.shifts))

    def _deal(self) -> list[tuple[str, int, int]]:
        moves = []
        while self.line:
            free = [each for each in sorted(self.ready) if len(self.office[each]) < self.plan.people[each].most]
            if not free:
                break
            ticket, agent = self.line.pop(0), min(free, key=lambda each: len(self.office[each]))
            self.office[agent].add(ticket)
            self.holder[ticket] = agent
            moves.append(("given", ticket, agent))
        return moves


class Sparing(Imagined):
    """Whoever could take the fewest of all tickets is given it; first come, first served."""

    def __init__(self, plan: Scenario) -> None:
        super().__init__(plan)
        kinds = Counter((each.queue, each.language) for each in plan.arrivals)
        self.could = [
            sum(
                count
                for (queue, language), count in kinds.items()
                if queue in each.levels and language in each.languages
            )
            for each in plan.people
        ]
        self.last: dict[int, int] = defaultdict(int)
        self.dealt = 0

    def _deal(self) -> list[tuple[str, int, int]]:
        moves, left, stuck = [], [], set[tuple[int, str]]()
        for ticket in self.line:
            wanted = self.plan.arrivals[ticket]
            kind = (wanted.queue, wanted.language)
            free = [] if kind in stuck else [each for each in sorted(self.ready) if self._may(each, wanted)]
            if not free:
                stuck.add(kind)
                left.append(ticket)
                continue
            agent = min(free, key=lambda each: (self.could[each], self.last[each]))
            self.dealt += 1
            self.last[agent] = self.dealt
            self.office[agent].add(ticket)
            self.holder[ticket] = agent
            moves.append(("given", ticket, agent))
        self.line = left
        return moves

    def _may(self, agent: int, wanted: Arrival) -> bool:
        person = self.plan.people[agent]
        is_able = wanted.queue in person.levels and wanted.language in person.languages
        return is_able and len(self.office[agent]) < person.most


def least(plan: Scenario) -> float:
    """Seconds that all tickets together wait at the least, whoever deals."""
    return max(_until_somebody_is_there(plan), beyond_all_hands(plan))


def _day(plan: Scenario) -> list[tuple[float, Any]]:
    """Shifts and arrivals in the order of time; who comes at the same second as a ticket is there before it."""
    events = [(each.at, 0, each) for each in plan.shifts] + [(each.at, 1, each) for each in plan.arrivals]
    return [(at, each) for at, _, each in sorted(events, key=lambda event: event[:2])]


def _until_somebody_is_there(plan: Scenario) -> float:
    ready: set[int] = set()
    lonely: list[Arrival] = []
    total = 0.0

    def serves(agent: int, wanted: Arrival) -> bool:
        person = plan.people[agent]
        return wanted.queue in person.levels and wanted.language in person.languages

    for at, event in _day(plan):
        if isinstance(event, Arrival):
            if not any(serves(agent, event) for agent in ready):
                lonely.append(event)
            continue
        (ready.add if event.state == "ready" else ready.discard)(event.agent)
        total += sum(at - each.at for each in lonely if event.agent in ready and serves(event.agent, each))
        lonely = [each for each in lonely if not (event.agent in ready and serves(event.agent, each))]
    return total


def beyond_all_hands(plan: Scenario) -> float:
    """Seconds that tickets together wait because more are there than all hands take, served as soon as can be."""
    hands = sum(each.most for each in plan.people)
    ready: set[int] = set()
    left: list[float] = []
    total = last = 0.0
    for at, event in _day(plan):
        speed = sum(plan.people[agent].most for agent in ready)
        here = last
        while left and speed and here < at:
            ends = here + left[0] / speed
            stop = min(ends, at)
            total += max(0, len(left) - hands) * (stop - here)
            done = (stop - here) * speed
            here = stop
            if ends <= at:
                heapq.heappop(left)
            else:
                heapq.heapreplace(left, left[0] - done)
        total += max(0, len(left) - hands) * (at - here)
        last = at
        if isinstance(event, Arrival):
            heapq.heappush(left, event.takes)
        else:
            (ready.add if event.state == "ready" else ready.discard)(event.agent)
    return total
