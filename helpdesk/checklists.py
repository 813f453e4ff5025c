"""What is still to be done before a ticket can be settled: a list of things to tick off.

Items are numbered by where they stand among those that are there, from 0. What was removed keeps its row, and goes
back to where it stood.
"""

import unicodedata
from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import ChecklistChanged
from models import Agent, ChecklistItem, Ticket
from models.database import hold_still

TEXT_MAX = 200
ITEMS_MAX = 50


def of(db: Session, ticket_id: int) -> list[ChecklistItem]:
    """What is on the list, in order."""
    rows = select(ChecklistItem).where(ChecklistItem.ticket_id == ticket_id, col(ChecklistItem.removed_at).is_(None))
    return list(db.exec(rows.order_by(col(ChecklistItem.position), col(ChecklistItem.id))))


def get(db: Session, ticket: Ticket, item_id: int) -> ChecklistItem:
    """An item of this ticket, removed or not. Raises `NotFound`."""
    found = db.get(ChecklistItem, item_id)
    if found is None or found.ticket_id != ticket.id:
        raise NotFound("not_found", item_id=item_id)
    return found


def add_items(
    db: Session, ticket: Ticket, texts: Iterable[str], *, by: Agent | None, now: datetime
) -> list[ChecklistItem]:
    """Put these at the end; empty ones are left out, and what stands there undone already is not put there again.

    Raises `Invalid` where one is too long or the list would be.
    """
    assert ticket.id is not None
    words = [" ".join(unicodedata.normalize("NFC", text).split()) for text in texts]
    if any(len(text) > TEXT_MAX for text in words):
        raise Invalid("too_long", field="item")
    hold_still(db, ticket)
    there = of(db, ticket.id)
    undone = {item.text for item in there if item.done_at is None}
    new = [text for text in dict.fromkeys(words) if text and text not in undone]
    if len(there) + len(new) > ITEMS_MAX:
        raise Invalid("too_many_items", field="item")
    made = [
        ChecklistItem(ticket_id=ticket.id, text=text, position=len(there) + number, created_at=now)
        for number, text in enumerate(new)
    ]
    db.add_all(made)
    db.flush()
    for item in made:
        _say(db, ticket, item, "added", by, now)
    return made


def tick(db: Session, ticket: Ticket, item: ChecklistItem, done: bool, *, by: Agent | None, now: datetime) -> None:
    """Say that it is done, or is not after all. The same again changes nothing."""
    _there(item)
    if (item.done_at is not None) == done:
        return
    item.done_at, item.done_by_id = (now, by.id if by else None) if done else (None, None)
    _say(db, ticket, item, "ticked" if done else "unticked", by, now)


def move(db: Session, ticket: Ticket, item: ChecklistItem, to: int, *, by: Agent | None, now: datetime) -> None:
    """Let it stand at that place; past either end is the end."""
    _there(item)
    hold_still(db, ticket)
    there = of(db, ticket.id or 0)
    before, to = there.index(item), max(0, min(to, len(there) - 1))
    if before == to:
        return
    there.insert(to, there.pop(before))
    _number(there)
    _say(db, ticket, item, "moved", by, now, before=before)


def remove(db: Session, ticket: Ticket, item: ChecklistItem, *, by: Agent | None, now: datetime) -> None:
    """Take it off the list. Twice changes nothing."""
    if item.removed_at is not None:
        return
    hold_still(db, ticket)
    there = of(db, ticket.id or 0)
    before = there.index(item)
    there.remove(item)
    item.removed_at = now
    _number(there)
    _say(db, ticket, item, "removed", by, now, before=before)


def restore(db: Session, ticket: Ticket, item: ChecklistItem, to: int, *, by: Agent | None, now: datetime) -> None:
    """Put what was removed back to a place. Twice changes nothing."""
    if item.removed_at is None:
        return
    hold_still(db, ticket)
    there = of(db, ticket.id or 0)
    item.removed_at = None
    there.insert(max(0, min(to, len(there))), item)
    _number(there)
    _say(db, ticket, item, "restored", by, now)


def _there(item: ChecklistItem) -> None:
    if item.removed_at is not None:
        raise Conflict("item_removed", item_id=item.id)


def _number(items: list[ChecklistItem]) -> None:
    for number, item in enumerate(items):
        if item.position != number:
            item.position = number


def _say(
    db: Session, ticket: Ticket, item: ChecklistItem, what: str, by: Agent | None, now: datetime, *,
    before: int | None = None,
) -> None:  # fmt: skip
    db.add(item)
    db.flush()
    told = ChecklistChanged(
        ticket_id=ticket.id or 0, queue_id=ticket.queue_id, item_id=item.id or 0, what=what, before=before,
        by_id=by.id if by else None, at=now,
    )  # fmt: skip
    emit(db, told)
