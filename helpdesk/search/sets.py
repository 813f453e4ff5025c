"""Sets of tickets, each of them one number: bit n says whether ticket n is in it.

The idea: a common word stands in most tickets of a desk, and an agent may see all of a few queues. To look up among the
tickets each that was found takes longer than all the rest of a search. As numbers both are some kilobytes; what they
have in common, and how many that are, is said in microseconds, so counts are exact and hardly grow with the desk. A set
is read by one statement that answers one value, is kept, and is mended by what the log of facts names since: it is as
true as the picture of the database it is asked in.

Sets count, and say which tickets are worth reading. What is shown is read from the tickets' rows, by the rule of
helpdesk/access.py.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.events import last_number
from helpdesk.search import documents, index, keeping
from helpdesk.search.index import Asked
from models import Event, Ticket, TicketState
from models.looking import ask, is_sqlite, listed, numbers

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray

COUNTED: Final = 100_000
"""Documents of one question that are looked at, the newest; only desks with more tickets have so many."""
MOST_EVENTS: Final = 5_000
MOST_CHANGED: Final = 200
"""Tickets that are looked at again to mend sets: with more it takes as long to read them anew."""
QUICKER: Final = 400
"""Documents that are read one after the other in the time in which one is looked up: a question is asked anew where
fewer fit it than this for each ticket that changed."""
MOST_BYTES: Final = 8_000_000
"""Of sets of what fits that are kept; some 1,300 questions of a desk with 50,000 tickets."""

QUEUE, ASSIGNEE, STATE = "queue_id", "assignee_id", "state"
"""What tickets are kept in sets by."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """The tickets whose words fit. `is_more`: there are more documents than are looked at, and these are the newest."""

    tickets: int
    is_more: bool = False
    followed: int = 0
    """The last event that is known here."""


def fitting(db: Session, asked: Asked) -> Fitting:
    """The tickets with the words that are asked for, by the database's own index of words."""
    followed = keeping.followed(db)
    if followed is None or not db.info.get("is_reading"):
        return _fitting(db, asked, 0)  # no log tells what the past brings, or what is not committed
    kept: _Kept = db.info["kept"].setdefault("fitting", _Kept())
    key = index.spelled(db, asked)
    known = kept.get(key)
    if known is None or known.followed != followed:
        known = (known and _mended(db, asked, known, followed)) or _fitting(db, asked, followed)
        kept.put(key, known)
    return known


def newest_fitting(db: Session, asked: Asked, most: int) -> Fitting:
    """The same of the newest `most` documents alone, which is quick for words that nobody asks for twice."""
    text = index.tickets(db, asked, most=most)
    return Fitting(_set(text), text.count(",") + 1 >= most)


def standing(db: Session, column: str, values: Iterable[Any]) -> int:
    """The tickets with one of these values in QUEUE, ASSIGNEE or STATE."""
    found = 0
    kept = _standing(db)
    for value in values:
        key = (column, value)
        if (tickets := kept.sets.get(key)) is None:
            having, given = _having(column, value is None, is_sqlite(db)), {"value": value}
            text = db.connection().execute(having, {} if value is None else given).scalar()
            tickets = kept.sets[key] = _set(text)
        found |= tickets
    return found


def everything(db: Session) -> int:
    """All tickets there are."""
    return standing(db, STATE, TicketState)


def where(db: Session, condition: sa.ColumnElement[bool], among: int) -> int:
    """Those of a set whose rows fit a condition. Only where they are few are they looked up one by one."""
    ours = is_sqlite(db)
    statement = sa.select(_joined(ours)).where(condition)
    if among.bit_count() <= _FEW:
        ids = numbers(newest(among, _FEW), ours)
        statement = statement.where(col(Ticket.id).in_(listed("ids", ours)))
        return _set(db.connection().execute(statement, {"ids": ids}).scalar())
    return _set(db.connection().execute(statement).scalar()) & among


def newest(tickets: int, most: int) -> list[int]:
    """The highest numbers in a set, the highest first."""
    width = 64 * most
    while True:
        above = max(0, tickets.bit_length() - width)
        digits = bin(tickets >> above)[2:]
        if not above or digits.count("1") >= most:
            break
        width *= 8
    last, at = above + len(digits) - 1, -1
    found: list[int] = []
    while len(found) < most and (at := digits.find("1", at + 1)) >= 0:
        found.append(last - at)
    return found


def of(ids: Iterable[int]) -> int:
    """A set of these tickets."""
    ids = list(ids)
    if len(ids) > _SINGLE:
        return _packed(ids)
    found = 0
    for number in ids:
        found |= 1 << number
    return found


_FEW: Final = 2_000
"""Tickets that are looked up by their numbers; of more, all that fit a condition are read."""
_SINGLE: Final = 32
"""Numbers that are put into a set one by one."""


def _set(text: str | None) -> int:
    """The set of numbers with commas between them, which is how a database hands over many as one value: SQLite lets go
    of the interpreter at every row, and takes it back only when nobody else computes."""
    if not text:
        return 0
    if text.count(",") < _SINGLE:
        return of(map(int, text.split(",")))
    import numpy  # it is loaded beside the first page

    return _packed(numpy.fromstring(text, dtype=numpy.int64, sep=","))


def _packed(ids: "list[int] | NDArray[int64]") -> int:
    import numpy

    digits = numpy.zeros(max(ids) + 1 if isinstance(ids, list) else ids.max() + 1, dtype=numpy.uint8)
    digits[ids] = 1
    return int.from_bytes(numpy.packbits(digits, bitorder="little").tobytes(), "little")


# --- What fits -------------------------------------------------------------------------------------------------------


class _Kept:
    """Sets of what fits by the question, the last asked last; at `MOST_BYTES` the first are let go."""

    def __init__(self) -> None:
        self._sets: dict[str, Fitting] = {}
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: str) -> Fitting | None:
        return self._sets.get(key)

    def put(self, key: str, found: Fitting) -> None:
        with self._lock:
            if (before := self._sets.pop(key, None)) is not None:
                self._bytes -= before.tickets.bit_length() // 8
            self._sets[key] = found
            self._bytes += found.tickets.bit_length() // 8
            while self._bytes > MOST_BYTES and len(self._sets) > 1:
                first = self._sets.pop(next(iter(self._sets)))
                self._bytes -= first.tickets.bit_length() // 8


def _fitting(db: Session, asked: Asked, followed: int) -> Fitting:
    newest_id = ask(db, _NEWEST)[0][0] or 0
    if newest_id <= COUNTED:
        return Fitting(_set(index.tickets(db, asked)), False, followed)
    text = index.tickets(db, asked, most=COUNTED + 1)
    is_more = text.count(",") >= COUNTED
    return Fitting(_set(text.rpartition(",")[0] if is_more else text), is_more, followed)


def _mended(db: Session, asked: Asked, known: Fitting, followed: int) -> Fitting | None:
    """None where too much has changed since."""
    changed = _named(db, known.followed, followed)
    if changed is None or known.tickets.bit_count() < QUICKER * len(changed):
        return None
    if changed:
        homes = documents.homes(db, changed)
        changed = {*changed, *homes, *homes.values()}
    tickets = known.tickets & ~of(changed) | _set(index.tickets(db, asked, among=list(changed))) if changed else None
    return Fitting(known.tickets if tickets is None else tickets, known.is_more, followed)


def _named(db: Session, after: int, last: int) -> set[int] | None:
    """The tickets that events name from behind one number up to another; None where they are too many to look at, or
    where the log is behind."""
    if not 0 <= last - after <= MOST_EVENTS:
        return None
    text = ask(db, _events(is_sqlite(db)), after=after, last=last)[0][0]
    found = set(json.loads(f"[{text}]")) if text else set()
    return found if len(found) <= MOST_CHANGED else None


# --- Where tickets stand ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Standing:
    """Sets by column and value as the log has them up to `number`; those that nobody asked for yet are missing."""

    number: int
    sets: dict[tuple[str, Any], int]


def _standing(db: Session) -> _Standing:
    """The sets as they are in this picture of the database. Who has an older one than is kept makes them anew."""
    number = last_number(db)
    if not db.info.get("is_reading"):
        return _Standing(number, {})
    kept: _Standing = db.info["kept"].get("standing") or _Standing(number, {})
    if kept.number == number:
        db.info["kept"]["standing"] = kept
        return kept
    if number < kept.number:
        return _Standing(number, {})
    changed = _named(db, kept.number, number)
    if changed is None:
        mended = _Standing(number, {})
    else:
        mended = _Standing(number, _set_anew(db, kept.sets, changed) if changed else dict(kept.sets))
    db.info["kept"]["standing"] = mended
    return mended


def _set_anew(db: Session, sets: dict[tuple[str, Any], int], changed: set[int]) -> dict[tuple[str, Any], int]:
    ours = is_sqlite(db)
    left = ~of(changed)
    mended = {key: tickets & left for key, tickets in list(sets.items())}
    for ticket_id, *values in ask(db, _stand(ours), ids=numbers(changed, ours)):
        for key in zip((QUEUE, ASSIGNEE, STATE), values, strict=True):
            if key in mended:
                mended[key] |= 1 << ticket_id
    return mended


# --- Statements, built once ------------------------------------------------------------------------------------------


def _joined(ours: bool, column: Any = None) -> Any:
    column = col(Ticket.id) if column is None else column
    if ours:
        return sa.func.group_concat(column).label("ids")
    return sa.func.string_agg(sa.cast(column, sa.String), ",").label("ids")


_NEWEST = sa.select(sa.func.max(col(Ticket.id)))


@lru_cache
def _having(column: str, is_null: bool, ours: bool) -> Any:
    stands: Any = col(getattr(Ticket, column))
    return sa.select(_joined(ours)).where(stands.is_(None) if is_null else stands == sa.bindparam("value"))


@lru_cache
def _stand(ours: bool) -> Any:
    return sa.select(col(Ticket.id), *(col(getattr(Ticket, each)) for each in (QUEUE, ASSIGNEE, STATE))).where(
        col(Ticket.id).in_(listed("ids", ours))
    )


@lru_cache
def _events(ours: bool) -> Any:
    number = col(Event.id)
    return sa.select(_joined(ours, col(Event.ticket_id))).where(
        number > sa.bindparam("after"), number <= sa.bindparam("last")
    )
