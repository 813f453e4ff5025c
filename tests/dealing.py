"""An office of sixty agents and eight queues: does a ticket ever wait while somebody who may take it is free?

`python -m tests.dealing --arrivals 10000` plays it through the real verbs on a real database. Agents speak one language
or two, serve some queues, take breaks, go home, and vanish without a word; transactions are broken off and done again,
and the desk's process is lost and opened anew. After every event an account that is kept apart from the desk (`Office`)
asks of every waiting ticket and every agent whether the one may have the other.

What was waited is set against two figures. The lower bound holds for any dealer, even one who knows the future: a
ticket waits at least until somebody is there who serves its queue and speaks its language; and of the tickets that are
in the office at a time, at least as many as would be if all hands were one machine that always takes what is done
soonest (SRPT), no more are in hand than all agents together take. Two other offices with the same people and hours say
more of what could be had, though neither is a bound. In the sparing one whoever can do least else is given a ticket,
whatever turn and level say, so that the others stay free for what nobody else can do. In the pooled one everybody
serves every queue in every language. Both are first come, first served.
"""

import argparse
import heapq
import random
import shutil
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import agents, assigning, policies, queues, tickets
from helpdesk.events import last_number
from models import Agent, Assigning, Channel, Event, Membership, Presence, Ticket, TicketState
from models.database import Database
from tests.cast import MONDAY

QUEUES, AGENTS, MINUTE = 8, 60, 60.0
STATES = {
    "ready": (Presence.READY, ""),
    "away": (Presence.AWAY, "break"),
    "gone": (Presence.AWAY, "system"),
    "offline": (Presence.OFFLINE, ""),
}
MANNERS = (Assigning.ROUND_ROBIN, Assigning.LEAST_BUSY)


class Lost(Exception):
    """The machine stopped in the middle of a transaction."""


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


# --- the account that is kept apart -------------------------------------------------------------------------------


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


# --- the desk as dealer -------------------------------------------------------------------------------------------


class Desk:
    """The real verbs. One transaction in `breaks` is broken off and done again; one in `losses` events the process is
    lost, and what it had in memory with it."""

    def __init__(self, url: str, plan: Scenario, *, breaks: float = 0.02, losses: float = 0.001, seed: int = 1) -> None:
        self.url, self.plan, self.database = url, plan, Database(url)
        self.chance, self.breaks, self.losses = random.Random(seed), breaks, losses
        self.broken = self.lost = 0
        self.seconds: list[float] = []
        self.queue_ids, self.agent_ids = self.database.write_now(self._settle)
        self.number = self.database.read_now(last_number)
        self.ticket_ids: dict[int, int] = {}
        self.numbers: dict[int, int] = {}

    def __call__(self, what: str, whom: Any, at: float) -> list[tuple[str, int, int]]:
        now = MONDAY + timedelta(seconds=at)
        if self.chance.random() < self.losses:
            self.lost += 1
            self.database.close()
            self.database = Database(self.url)
        if self.chance.random() < self.breaks:
            self.broken += 1
            try:
                self.database.write_now(self._do, what, whom, now, fails=True)
            except Lost:
                pass
        begun = time.process_time()
        told = self.database.write_now(self._do, what, whom, now)
        self.seconds.append(time.process_time() - begun)
        if what == "arrives":
            self.ticket_ids[whom], self.numbers[told] = told, whom
        return self._moves()

    def _do(self, db: Session, what: str, whom: Any, now: Any, *, fails: bool = False) -> Any:
        told: Any = None
        if what == "arrives":
            arrival = self.plan.arrivals[whom]
            opened = tickets.start(
                db, subject=f"{whom}", channel=Channel.MAIL, queue_id=self.queue_ids[arrival.queue], customer_id=None,
                language=arrival.language, now=now,
            )  # fmt: skip
            tickets.announce(db, opened, now=now)
            told = opened.id
        elif what == "done":
            found = db.get(Ticket, self.ticket_ids[whom])
            assert found is not None
            tickets.resolve(db, found, by=agents.get(db, found.assignee_id or 0), now=now)
        elif what == "state":
            state, reason = STATES[whom.state]
            agents.set_state(db, self.agent_ids[whom.agent], state, reason=reason, now=now)
        elif assigning.is_any_left(db, now=now):
            assigning.take_back(db, now=now)
        if fails:
            db.flush()
            raise Lost
        return told

    def _moves(self) -> list[tuple[str, int, int]]:
        """What the log says was given and taken back since."""
        rows = self.database.read_now(
            lambda db: db.execute(
                sa.select(col(Event.id), col(Event.ticket_id), col(Event.data))
                .where(col(Event.id) > self.number, col(Event.fact) == "ticket_assigned")
                .order_by(col(Event.id))
            ).all()
        )
        by_id = {agent_id: number for number, agent_id in enumerate(self.agent_ids)}
        moves = []
        for number, ticket_id, data in rows:
            self.number = number
            to, before = data["agent_id"], data["from_agent_id"]
            moves.append(("back", self.numbers[ticket_id], by_id[before]) if to is None
                         else ("given", self.numbers[ticket_id], by_id[to]))  # fmt: skip
        return moves

    def _settle(self, db: Session) -> tuple[list[int], list[int]]:
        queue_count = 1 + max(each.queue for each in self.plan.arrivals)
        queue_ids = []
        for number in range(queue_count):
            made = queues.make(
                db, slug=f"line_{number}", name=f"窓口{number}", name_en=f"Line {number}", by=None, now=MONDAY
            )
            made.assigning, made.returns_minutes = MANNERS[number % 2], 60
            queue_ids.append(made.id or 0)
        agent_ids = []
        for number, person in enumerate(self.plan.people):
            row = Agent(name=f"{number}", email=f"agent{number}@desk.example.jp", languages=list(person.languages),
                        most_tickets=person.most, created_at=MONDAY)  # fmt: skip
            db.add(row)
            db.flush()
            agent_ids.append(row.id or 0)
            for queue, level in person.levels.items():
                if queue < queue_count:
                    db.add(Membership(queue_id=queue_ids[queue], agent_id=row.id or 0, level=level))
        policies.save(db, None, policies.Form(name="標準", first_response_minutes=120), by=None, now=MONDAY)
        return queue_ids, agent_ids

    def differences(self, office: Office) -> list[str]:
        """What the database says otherwise than the account that was kept apart."""
        rows = self.database.read_now(
            lambda db: db.execute(sa.select(col(Ticket.id), col(Ticket.state), col(Ticket.assignee_id))).all()
        )
        told = {
            self.numbers[ticket_id]: (state, assignee)
            for ticket_id, state, assignee in rows
            if ticket_id in self.numbers
        }
        held = {ticket: self.agent_ids[agent] for agent, own in office.in_hand.items() for ticket in own}
        return [
            f"ticket {ticket}: {state} {assignee}"
            for ticket, (state, assignee) in told.items()
            if (state == TicketState.OPEN and assignee != held.get(ticket))
            or (state != TicketState.OPEN and ticket in held)
        ]


# --- what might have been -----------------------------------------------------------------------------------------


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
    """Seconds that all tickets together wait at the least, whoever deals; see above."""
    return max(_until_somebody_is_there(plan), _beyond_all_hands(plan))


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


def _beyond_all_hands(plan: Scenario) -> float:
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


def main() -> None:
    """Print what was waited."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arrivals", type=int, default=10_000)
    parser.add_argument("--load", type=float, default=0.85)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    from helpdesk.__main__ import prepare

    plan = scenario(arrivals=asked.arrivals, load=asked.load, seed=asked.seed)
    folder = Path(tempfile.mkdtemp())
    try:
        url = f"sqlite:///{folder / 'desk.db'}"
        fresh = Database(url)
        prepare(fresh)
        fresh.close()
        desk = Desk(url, plan)
        office = play(plan, desk)
        wrongs = office.wrongs + desk.differences(office)
        desk.database.close()
    finally:
        shutil.rmtree(folder)
    pooled = play((wish := Pooled(plan)).plan, wish)
    sparing = play(plan, Sparing(plan))
    _tell("the desk", office.waits)
    _tell("sparing who can do more", sparing.waits)
    _tell("one pooled queue (a wish)", pooled.waits)
    print(f"{'lower bound for any dealer':<28} mean {least(plan) / len(plan.arrivals):8.1f} s")
    milliseconds = sorted(1000 * each for each in desk.seconds)
    print(f"{len(milliseconds)} transactions, {desk.broken} broken off, {desk.lost} losses of the process; "
          f"median {statistics.median(milliseconds):.1f} ms, 99 of 100 within "
          f"{milliseconds[int(len(milliseconds) * 0.99)]:.1f} ms of processor time")  # fmt: skip
    print(f"{office.checks} looks at what waits, {len(wrongs)} wrongs")
    for wrong in wrongs[:20]:
        print("  ", wrong)
    raise SystemExit(bool(wrongs))


def _tell(name: str, waits: dict[int, float]) -> None:
    told = sorted(waits.values())
    shares = [told[min(len(told) - 1, int(len(told) * share))] for share in (0.5, 0.9, 0.99)]
    now = sum(each < 1e-6 for each in told) / len(told)
    print(f"{name:<28} mean {statistics.fmean(told):8.1f} s, half within {shares[0]:.1f}, 90 % {shares[1]:.0f}, "
          f"99 % {shares[2]:.0f}; {now:.0%} at once")  # fmt: skip


if __name__ == "__main__":
    main()
