"""Tickets by the hundred thousand, written by bulk SQL: a year of a busy desk, of which some is still open.

One in `OPEN_EVERY` is open and one in forty pending, the newest first; the rest is resolved. They stand in five queues,
a third of the open ones with nobody, and every twentieth has a tag, a field and a due time. All is invented.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel

from helpdesk import queues
from models import Agent, FieldKind, FieldValue, Message, Routing, Tag, Ticket, TicketField, TicketTag
from models.database import Database

CHUNK = 20_000
SUBJECTS = ("靴のサイズを交換したい", "充電ができません", "領収書の宛名について", "荷物が届きません", "使い方")
TAGS = ("至急", "重要顧客", "不具合")


def fill(database: Database, count: int, *, customers: int, open_share: float = 0.1, words: bool = True) -> None:
    """Add `count` tickets, the last of them the newest; with `words` each has a mail and a routing decision."""
    now = datetime.now(UTC)
    queue_ids = database.read_now(lambda db: [queue.id or 0 for queue in queues.everyone(db)])
    agent_ids: list[int] = database.read_now(lambda db: list(db.scalars(sa.select(_table(Agent).c.id))))
    tag_ids, field_id = database.write_now(_vocabulary, now=now)
    first = 1 + (database.read_now(lambda db: db.scalar(sa.select(sa.func.max(_table(Ticket).c.id)))) or 0)
    for begin in range(0, count, CHUNK):
        numbers = range(begin, min(begin + CHUNK, count))
        rows = [_ticket(first + n, n, count, customers, queue_ids, agent_ids, open_share, now) for n in numbers]
        database.write_now(_insert, Ticket, rows)
        marked = [row for row in rows if row["id"] % 20 == 0]
        tagged = [{"ticket_id": row["id"], "tag_id": tag_ids[row["id"] // 20 % len(tag_ids)]} for row in marked]
        said = [{"ticket_id": row["id"], "field_id": field_id, "value": ("red", "blue")[row["id"] % 40 // 20]}
                for row in marked]  # fmt: skip
        database.write_now(_insert, TicketTag, tagged)
        database.write_now(_insert, FieldValue, said)
        if words:
            database.write_now(_insert, Message, list(_mails(rows)))
            database.write_now(_insert, Routing, list(_decisions(rows)))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if not database.is_sqlite else "PRAGMA optimize")


def _ticket(ticket_id: int, n: int, count: int, customers: int, queue_ids: list[int], agent_ids: list[int],
            open_share: float, now: datetime) -> dict[str, Any]:  # fmt: skip
    age = timedelta(seconds=(count - n) * 31_536_000 / count)
    every = max(1, round(1 / open_share))
    state = "open" if n % every == 0 else "pending" if n % 40 == 1 else "resolved"
    nobody = state == "open" and n // every % 3 == 0
    return {
        "id": ticket_id, "subject": f"{SUBJECTS[n % 5]} {n}", "state": state, "channel": ("mail", "phone")[n % 4 == 3],
        "queue_id": queue_ids[n // 7 % len(queue_ids)],
        "assignee_id": None if nobody else agent_ids[n // 11 % len(agent_ids)],
        "customer_id": 1 + n * 7 % customers, "language": ("ja", "en")[n % 5 == 0], "routed_by": "by_classifier",
        "confidence": 0.9, "priority": (2, 2, 2, 1, 3, 2, 4)[n % 7], "is_urgent": n % 50 == 0, "sentiment": "",
        "snippet": "先日購入したものですが、お願いできますでしょうか。", "awaits_us": state == "open",
        "token": f"{ticket_id:020x}",
        "created_at": now - age - timedelta(hours=n % 48), "last_contact_at": now - age,
        "resolved_at": now - age if state == "resolved" else None,
        "due_at": now - age + timedelta(days=2) if state == "open" and n % 3 else None, "due_kind": "",
        "merged_into_id": None, "pending_until": None,
    }  # fmt: skip


def _mails(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {
            "ticket_id": row["id"], "direction": "in", "state": "received", "kind": "mail",
            "internet_id": f"<{row['id']}@example.jp>", "in_reply_to": "", "references": [], "sender_name": "客",
            "sender_address": f"customer-{row['customer_id']:07}@example.jp", "to": [], "cc": [], "bcc": [],
            "subject": row["subject"], "text": row["snippet"], "reply_text": row["snippet"], "problems": [],
            "undoes": {}, "created_at": row["created_at"],
        }  # fmt: skip


def _decisions(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {"ticket_id": row["id"], "queue_id": row["queue_id"], "reason": "by_classifier", "label": "returns",
               "confidence": 0.9, "decided_at": row["created_at"], "probabilities": {}, "because": []}  # fmt: skip


def _vocabulary(db: Session, *, now: datetime) -> tuple[list[int], int]:
    tags = [Tag(name=name, key=name, created_at=now) for name in TAGS]
    field = TicketField(key="colour", name="色", name_en="Colour", kind=FieldKind.CHOICE, created_at=now,
                        choices=[{"key": key, "name": key, "name_en": key} for key in ("red", "blue")])  # fmt: skip
    found = list(db.scalars(sa.select(_table(Tag).c.id).where(_table(Tag).c.key.in_(TAGS))))
    if found:
        return found, db.scalars(sa.select(_table(TicketField).c.id).where(_table(TicketField).c.key == "colour")).one()
    db.add_all([*tags, field])
    db.flush()
    return [tag.id or 0 for tag in tags], field.id or 0


def _insert(db: Session, kind: type[SQLModel], rows: list[dict[str, Any]]) -> None:
    if rows:
        db.execute(sa.insert(_table(kind)), rows)


def _table(kind: type[SQLModel]) -> sa.Table:
    table: sa.Table = kind.__table__  # type: ignore[attr-defined]
    return table
