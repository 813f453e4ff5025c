"""An office of sixty agents and eight queues: does a ticket ever wait while somebody who may take it is free?

`python -m tests.dealing --arrivals 10000` plays it through the real verbs on a real database. Agents speak one language
or two, serve some queues, take breaks, go home, and vanish without a word; transactions are broken off and done again,
and the desk's process is lost and opened anew. After every event an account that is kept apart from the desk
(`tests/workforce.py`) asks of every waiting ticket and every agent whether the one may have the other.

What was waited is set against a lower bound for any dealer and two imagined ones (`tests/imagined.py`): a sparing one,
by whom whoever can do least else is given a ticket, whatever turn and level say, so that the others stay free for what
nobody else can do, and a pooled one, where everybody serves every queue in every language.
"""

import argparse
import random
import shutil
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import agents, assigning, policies, queues, tickets
from helpdesk.events import last_number
from models import Agent, Assigning, Channel, Event, Membership, Presence, Ticket, TicketState
from models.database import Database
from tests.cast import MONDAY
from tests.imagined import Pooled, Sparing, least
from tests.workforce import Office, Scenario, play, scenario

STATES = {
    "ready": (Presence.READY, ""),
    "away": (Presence.AWAY, "break"),
    "gone": (Presence.AWAY, "system"),
    "offline": (Presence.OFFLINE, ""),
}
MANNERS = (Assigning.ROUND_ROBIN, Assigning.LEAST_BUSY)


class Lost(Exception):
    """The machine stopped in the middle of a transaction."""


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


def main() -> None:
    """Print what was waited."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arrivals", type=int, default=10_000)
    parser.add_argument("--load", type=float, default=0.85)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    from helpdesk.commands.opening import prepare

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
