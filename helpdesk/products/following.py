"""Which products inquiries name, kept true by following the log of facts.

The one idea is that of the search and of the service figures: nobody tells it what to do. Of every ticket a fact names
the customer's words are read again and the rows made to agree, so what is done twice changes nothing, and a merge, an
edit or a longer list of products leave the rows as if it had always been so. What was there before is read beside the
work, from the newest ticket to the oldest that a report can ask for.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk.events import last_number
from helpdesk.products import catalogue
from helpdesk.products.reading import Reader
from models import Bookmark, Call, Direction, Event, Message, Ticket, TicketProduct
from models.database import Database

STRIDE: Final = 400
"""Events looked through in one reading."""
HANDFUL: Final = 100
"""Tickets read at one look."""
LOG, PAST = "products:log", "products:past"
LOOKED_BACK: Final = timedelta(days=400)
PER_TICKET: Final = 12
"""Products one inquiry can be about: who pastes a price list asks about none of them."""
_TOLD: Final = {"ticket_opened", "message_received", "call_wrapped_up", "ticket_merged", "ticket_unmerged",
                "ticket_split"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Batch:
    bookmark: str
    begins: int
    ends: int
    tickets: Sequence[int]
    rows: Sequence[dict[str, Any]]
    is_new_list: bool = False


def follow(database: Database, *, go_on: Callable[[], bool] = lambda: True) -> int:
    """Take in all that the log tells since the bookmark. Returns how many tickets were read."""
    read = 0
    if database.read_now(lambda db: db.get(Bookmark, LOG)) is None:
        database.write_now(begin)
    while go_on() and (batch := database.read_now(_news)) is not None:
        database.write_now(_keep, batch)
        read += len(batch.tickets)
    return read


def look_back(database: Database, *, now: datetime, most: int, go_on: Callable[[], bool] = lambda: True) -> bool:
    """Read some handfuls of the tickets that were there before. Returns whether there may be more."""
    for _ in range(most):
        batch = database.read_now(_past, now)
        if batch is None:
            return False
        database.write_now(_keep, batch)
        if not go_on():
            break
    return True


def begin(db: Session) -> None:
    """Lay the bookmarks: the log is followed from now on, everything until now is the past."""
    for name, number in ((LOG, last_number(db)), (PAST, _newest(db))):
        if db.get(Bookmark, name) is None:
            db.add(Bookmark(name=name, number=number))
    db.flush()


def _news(db: Session) -> _Batch | None:
    mark = db.get(Bookmark, LOG)
    assert mark is not None
    found = db.execute(
        sa.select(col(Event.id), col(Event.fact), col(Event.ticket_id)).where(col(Event.id) > mark.number)
        .order_by(col(Event.id)).limit(STRIDE)
    ).all()  # fmt: skip
    if not found:
        return None
    ids = sorted({row.ticket_id for row in found if row.ticket_id and row.fact in _TOLD})
    is_new_list = any(row.fact == "catalogue_changed" for row in found)
    return _Batch(LOG, mark.number, found[-1].id, ids, _read(db, ids), is_new_list)


def _past(db: Session, now: datetime) -> _Batch | None:
    mark = db.get(Bookmark, PAST)
    if mark is None or mark.number <= 0:
        return None
    rows = db.execute(
        sa.select(col(Ticket.id), col(Ticket.created_at)).where(col(Ticket.id) < mark.number)
        .order_by(col(Ticket.id).desc()).limit(HANDFUL)
    ).all()  # fmt: skip
    ids = [row.id for row in rows]
    is_over = len(rows) < HANDFUL or rows[-1].created_at < now - LOOKED_BACK
    return _Batch(PAST, mark.number, 0 if is_over else ids[-1], ids, _read(db, ids))


def _read(db: Session, ids: Sequence[int]) -> list[dict[str, Any]]:
    """The rows that these tickets should have."""
    if not ids:
        return []
    products = catalogue.everything(db)
    if not products:
        return []
    reader = Reader(products, catalogue.lots_of(db, [each.id or 0 for each in products]))
    tickets = db.execute(
        sa.select(col(Ticket.id), col(Ticket.subject), col(Ticket.created_at), col(Ticket.merged_into_id))
        .where(sa.or_(col(Ticket.id).in_(ids), col(Ticket.merged_into_id).in_(ids)))
    ).all()  # fmt: skip
    home = {row.id: row.merged_into_id or row.id for row in tickets}
    texts: dict[int, list[str]] = defaultdict(list)
    for row in tickets:
        texts[home[row.id]].append(row.subject)
    for ticket_id, text in _said(db, list(home)):
        texts[home[ticket_id]].append(text)
    rows: list[dict[str, Any]] = []
    for row in tickets:
        if row.id not in ids or row.merged_into_id is not None:
            continue
        found: dict[int, dict[str, Any]] = {}
        for text in texts[row.id]:
            for named in reader.find(text):
                of = found.setdefault(named.product_id, {
                    "ticket_id": row.id, "product_id": named.product_id, "lot_id": None, "at": row.created_at,
                    "because": [],
                })  # fmt: skip
                of["lot_id"] = of["lot_id"] or named.lot_id
                because = {"what": named.what, "words": named.words}
                of["because"] += [because] if because not in of["because"] and len(of["because"]) < 3 else []
        if len(found) <= PER_TICKET:
            rows += found.values()
    return rows


def _said(db: Session, ids: Sequence[int]) -> list[tuple[int, str]]:
    said = sa.select(col(Message.ticket_id), col(Message.reply_text)).where(
        col(Message.ticket_id).in_(ids), col(Message.direction) == Direction.IN
    )
    noted = sa.select(col(Call.ticket_id), col(Call.note)).where(col(Call.ticket_id).in_(ids), col(Call.note) != "")
    return [(number, text) for query in (said, noted) for number, text in db.execute(query)]


def _keep(db: Session, batch: _Batch) -> None:
    """Write a batch and move its bookmark; nothing where somebody else moved it meanwhile."""
    mark = db.get(Bookmark, batch.bookmark, with_for_update=True)
    if mark is None or mark.number != batch.begins:
        return
    wanted = {(row["ticket_id"], row["product_id"]): row for row in batch.rows}
    for there in db.exec(select(TicketProduct).where(col(TicketProduct.ticket_id).in_(batch.tickets))):
        row = wanted.pop((there.ticket_id, there.product_id), None)
        if row is None:
            db.delete(there)
        elif (there.lot_id, there.because) != (row["lot_id"], row["because"]):
            there.lot_id, there.because = row["lot_id"], row["because"]
    db.add_all(TicketProduct(**row) for row in wanted.values())
    mark.number = batch.ends
    if batch.is_new_list and (past := db.get(Bookmark, PAST, with_for_update=True)) is not None:
        past.number = _newest(db)
    db.flush()


def _newest(db: Session) -> int:
    return (db.scalar(sa.select(sa.func.max(col(Ticket.id)))) or 0) + 1
