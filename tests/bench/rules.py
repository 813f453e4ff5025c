"""What a hundred rules cost a fact: the processor's time of asking every one of them about a customer's mail.

Each has five terms that rules of desks have, and the last alone does not hold, so that none is decided early. The floor
is the same transaction without a rule.
"""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session

from helpdesk import agents, queues, tickets
from helpdesk.commands.opening import prepare
from helpdesk.events import emit
from helpdesk.facts import MessageReceived
from helpdesk.rules import making
from helpdesk.rules.asking import settle
from helpdesk.rules.book import Shelf
from helpdesk.settings import Settings
from models import Agent, Channel, Direction, Message, MessageState, Role, Ticket
from models.database import Database
from tests.bench.figures import percentile, tell

NOW = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)
TEXT = "お世話になっております。先日購入した掃除機の電源が入りません。交換か返金をお願いできますでしょうか。" * 6


def measure(folder: Path, *, quick: bool, customers: int) -> None:
    """Tell the milliseconds a fact costs more with a hundred rules."""
    settings = Settings(data=folder, database_url=f"sqlite:///{folder / 'rules.db'}")
    database = Database(settings.database)
    prepare(database)
    ticket_id, message_id = database.write_now(_ticket)
    count, facts = (20, 50) if quick else (100, 400)
    floor = _facts(database, settings, ticket_id, message_id, facts)
    database.write_now(_rules, count, settings)
    database.info["rules"].drop()
    asked = _facts(database, settings, ticket_id, message_id, facts)
    took = [max(each - percentile(floor, 0.5), 0.0) for each in asked]
    tell("rules_fact_p50", percentile(took, 0.5), "ms", floor=percentile(floor, 0.5), bar="value < 2", rules=count)
    tell("rules_fact_p95", percentile(took, 0.95), "ms", floor=percentile(floor, 0.95), rules=count)
    database.close()


def _ticket(db: Session) -> tuple[int, int]:
    queue = queues.make_defaults(db)[0]
    ticket = tickets.start(db, subject="電源が入らない", channel=Channel.MAIL, queue_id=queue.id or 0, customer_id=None,
                           language="ja", text=TEXT, now=NOW)  # fmt: skip
    message = Message(ticket_id=ticket.id or 0, direction=Direction.IN, state=MessageState.RECEIVED, text=TEXT,
                      reply_text=TEXT, sender_address="customer@example.com", created_at=NOW)  # fmt: skip
    db.add(message)
    db.flush()
    return ticket.id or 0, message.id or 0


def _rules(db: Session, count: int, settings: Settings) -> None:
    by: Agent = agents.create(db, name="佐藤 健", email="sato@example.jp", password="a long password", queue_ids=[],
                              role=Role.SUPERVISOR, language="ja", now=NOW)  # fmt: skip
    for number in range(count):
        form = making.Form(
            name=f"規則 {number}", trigger="customer_wrote", acts=[{"do": "resolve"}],
            all_of=[
                {"what": "language", "is": "is", "value": ["ja"]},
                {"what": "text", "is": "contains", "value": ["デンゲン", f"語{number}"]},
                {"what": "sender", "is": "contains_not", "value": [f"@{number}.example.net"]},
                {"what": "confidence", "is": "at_most", "value": 90} if number % 2 else
                {"what": "open_now", "is": "yes", "value": None},
                {"what": "text", "is": "contains", "value": [f"ない言葉{number}"]},  # and so it does nothing
            ],
        )  # fmt: skip
        making.switch(db, making.save(db, None, form, by=by, settings=settings, now=NOW), True, by=by, now=NOW)


def _facts(database: Database, settings: Settings, ticket_id: int, message_id: int, count: int) -> list[float]:
    """Milliseconds of the processor for each fact, its transaction included."""
    database.info.setdefault("rules", Shelf())
    found: list[float] = []

    def state(db: Session, at: datetime) -> None:
        began = time.thread_time()
        ticket: Any = db.get(Ticket, ticket_id)
        emit(db, MessageReceived(ticket_id=ticket_id, queue_id=ticket.queue_id, message_id=message_id, at=at))
        settle(db, settings=settings, now=at)
        found.append((time.thread_time() - began) * 1000)

    for number in range(count + 10):
        database.write_now(state, NOW + timedelta(seconds=number))
    return found[10:]
