"""Learning from 20,000 outcomes: how long and how much memory it takes, and what a ringing call feels of it.

The outcomes are invented of the shipped texts: two of one queue under each other, as a customer who writes twice.
"""

import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session, select

from classifiers import Example, ship
from helpdesk import learning, queues
from helpdesk.learning import UNDECIDED
from helpdesk.runtime.work import Worker
from models import Agent, Direction, Message, MessageState, Routing, Ticket, Training
from models.database import Database
from tests.bench import company, ring, servers
from tests.bench.figures import say, tell

OUTCOMES = 20_000
SLUG = "returns"
PATIENCE = 600.0  # seconds for one training on a slow machine


def measure(folder: Path, *, quick: bool, customers: int) -> None:
    """Ring at rest, ring while the desk learns, and tell what learning took."""
    data = folder / "learning"
    team = company.open_for_business(data, customers=min(customers, 20_000))[SLUG]
    database = Database(f"sqlite:///{data / 'desk.db'}")
    count = 2_000 if quick else OUTCOMES
    say(f"inventing {count:,} outcomes ...")
    database.write_now(_fill, _texts(count), now=datetime.now(UTC))
    calls = 20 if quick else 100
    try:
        with servers.desk(data) as desk, servers.floor(data) as floor:
            desk.wait_until_ready()
            listeners = ring.Listeners()
            try:
                ring.ring_at(desk, floor, listeners, SLUG, team, range(1, 1 + calls), name="ring_at_rest")
                worker = Worker(database)
                worker.connect()
                asked = database.write_now(learning.ask, by=None, now=datetime.now(UTC)).id
                say("learning, and ringing meanwhile ...")
                ring.ring_at(desk, floor, listeners, SLUG, team, range(1 + calls, 1 + 2 * calls),
                             name="ring_while_learning")  # fmt: skip
                still = database.read_now(lambda db: db.get(Training, asked)).state in UNDECIDED  # type: ignore[union-attr]
                done = _wait(database, asked or 0)
                worker.stop()
            finally:
                listeners.close()
    finally:
        database.close()
    took = (done.ended_at - done.started_at).total_seconds() if done.ended_at and done.started_at else 0.0
    told = done.figures
    tell("learning_seconds", took, "s", floor=float(told.get("seconds", took)), bar="value < 60",
         floor_is="without reading and handing over", examples=told.get("own_count"), shipped=told.get("shipped"),
         memory_mb=told.get("memory_mb"), state=done.state.value, reason=done.reason,
         rang_till_the_end=still)  # fmt: skip


def _wait(database: Database, training_id: int) -> Training:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        done = database.read_now(lambda db: db.get(Training, training_id))
        assert done is not None
        if done.state not in UNDECIDED:
            return done
        time.sleep(0.5)
    raise TimeoutError("the training did not end")


def _texts(count: int) -> list[Example]:
    dice = random.Random(7)
    known: dict[tuple[str, str], list[Example]] = {}
    for example in ship.seeds("train"):
        known.setdefault((example.label, example.language), []).append(example)
    kinds = sorted(known)
    made = []
    for number in range(count):
        one, two = dice.sample(known[kinds[number % len(kinds)]], 2)
        made.append(Example(f"{one.text}\n{two.text}", one.label, one.language, subject=one.subject))
    return made


def _fill(db: Session, texts: list[Example], *, now: datetime) -> None:
    """A ticket, a message and an agent's word each."""
    by_slug = {queue.slug: queue.id for queue in queues.everyone(db)}
    agent_id = db.exec(select(Agent.id)).first()
    first = (db.scalar(sa.select(sa.func.max(Ticket.id))) or 0) + 1  # type: ignore[arg-type]
    tickets, messages, routings = [], [], []
    for place, example in enumerate(texts):
        at, queue_id = now - timedelta(seconds=len(texts) - place), by_slug[example.label]
        tickets.append({
            "id": first + place, "subject": example.subject or "-", "state": "resolved", "channel": "mail",
            "queue_id": queue_id, "language": example.language, "routed_by": "by_agent", "is_urgent": False,
            "sentiment": "", "snippet": "", "awaits_us": False, "token": f"bench-{place}", "created_at": at,
            "last_contact_at": at,
        })  # fmt: skip
        messages.append({
            "id": first + place, "ticket_id": first + place, "direction": Direction.IN, "state": MessageState.RECEIVED,
            "internet_id": "", "in_reply_to": "", "references": [], "sender_name": "", "sender_address": "", "to": [],
            "cc": [], "subject": example.subject, "text": example.text, "reply_text": example.text, "quoted_text": "",
            "signature": "", "html": "", "is_automatic": False, "is_from_stranger": False, "error": "",
            "created_at": at,
        })  # fmt: skip
        routings.append({
            "ticket_id": first + place, "queue_id": queue_id, "reason": "by_agent", "label": "", "version": "",
            "probabilities": {}, "because": [], "message_id": first + place, "by_id": agent_id, "decided_at": at,
        })  # fmt: skip
    for table, rows in ((Ticket, tickets), (Message, messages), (Routing, routings)):
        db.execute(sa.insert(table), rows)
