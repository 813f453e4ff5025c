"""The index kept true by following the log of facts.

The idea: nobody tells the index what to do. For each thing a fact names, what is kept is made to agree with what is
true now, so a repeated fact changes nothing, and an edit, a merge or an erased customer leave the index as they came.
The bookmark moves with what is written last; whoever comes second to a handful drops it. What was there before the
index, or before another VERSION of its terms, is taken in beside the work, the newest first, and only while there is
little news.

A look costs much the same however much it finds. So whoever follows lets news gather for a moment, takes it in large
handfuls, and writes them in small ones: a telephone that rings meanwhile waits for the writer.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import facts
from helpdesk.events import last_number
from helpdesk.facts import name_of
from helpdesk.search import documents, index, letters
from helpdesk.search.documents import Things
from helpdesk.search.index import Terms
from models import Bookmark, Call, Customer, Event, SearchDoc, Ticket
from models.database import Database
from models.looking import ask

STRIDE = 400
"""Events looked through in one reading."""
HANDFUL = 64
"""Things that are new, looked at together."""
OLD_HANDFUL = 24
"""Things of the past looked at together; a ticket may have grown large by now."""
WEIGHT = 150_000
"""Characters of terms written in one transaction, some milliseconds: a ring that comes meanwhile waits for so many."""
BUSY = 16
"""Things that were new at one look. While there are so many, the past waits."""

_SILENT = frozenset(
    name_of(kind)
    for kind in (
        facts.TicketMoved, facts.TicketAssigned, facts.TicketResolved, facts.TicketReopened, facts.TicketLinked,
        facts.MessageHeld, facts.MessageRescheduled, facts.MessageDelayed, facts.MessageApproved, facts.MessageSent,
        facts.MessageFailed, facts.ReplyLocked, facts.ReplyUnlocked, facts.AddressCleared, facts.UrgencyJudged,
        facts.CallRinging, facts.CallbackChanged, facts.AgentNotified, facts.ReturnChanged,
    )
)  # fmt: skip
"""Facts that add no word and take none away."""
_KINDS: Final[tuple[tuple[str, Any], ...]] = (
    ("customers", Customer), ("tickets", Ticket), ("calls", Call),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction writes: the documents of each place, a place being all numbers a thing may have."""

    bookmark: str
    begins: int
    ends: int
    places: dict[tuple[int, int], dict[int, Terms]]


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of what was there before is in the index; `share` in [0, 1]."""

    share: float
    is_complete: bool


def catch_up(
    database: Database, *, go_on: Callable[[], bool] = lambda: True, most: int = 0, handful: int = HANDFUL
) -> int:
    """Take in all that the log tells since the bookmark, and what was there before, so many things at a look.

    Goes on until nothing is left, `go_on` says no, or `most` looks found something. Returns how many did.
    """
    done = 0
    while go_on() and (not most or done < most):
        batch = _look(database, news, handful) or _look(database, past, handful)
        if batch is None:
            break
        _write(database, batch)
        done += 1
    return done


def follow(database: Database, *, go_on: Callable[[], bool] = lambda: True) -> int:
    """Take in what the log tells since the bookmark. Returns how many things that were."""
    taken = 0
    while (batch := _look(database, news, HANDFUL)) is not None:
        _write(database, batch)
        taken += len(batch.places)
        is_full = len(batch.places) >= HANDFUL or batch.ends - batch.begins >= STRIDE
        if not is_full or not go_on():
            break  # what came meanwhile gathers until the next look
    return taken


def look_back(database: Database, *, go_on: Callable[[], bool] = lambda: True, most: int) -> bool:
    """Take in some of what was there before, at most so many handfuls. Returns whether more may be left."""
    for _ in range(most):
        if not go_on():
            return True
        batch = _look(database, past, OLD_HANDFUL)
        if batch is None:
            return False
        _write(database, batch)
    return True


def begin(db: Session) -> None:
    """Lay the bookmarks: the log is followed from now on, and everything until now is the past. Once."""
    if _is_begun(db):
        return
    db.execute(sa.delete(Bookmark).where(col(Bookmark.name).startswith("search:", autoescape=True)))
    for name, table in _KINDS:
        newest = db.scalar(sa.select(sa.func.max(table.id))) or 0
        db.add(Bookmark(name=_bookmark(name), number=newest + 1))
    db.add(Bookmark(name=_LOG, number=last_number(db)))
    db.flush()


def begin_anew(db: Session) -> None:
    """Forget everything that is kept, and begin with an empty index."""
    db.execute(sa.delete(Bookmark).where(col(Bookmark.name).startswith("search:", autoescape=True)))
    index.clear(db)
    begin(db)


def progress(db: Session) -> Progress:
    """How far the past is taken in."""
    marks = dict(ask(db, _MARKS))
    if _LOG not in marks:
        return Progress(0.0, False)
    left = sum(marks.get(_bookmark(name), 0) for name, _ in _KINDS)
    if not left:
        return Progress(1.0, True)
    newest = sum((db.scalar(sa.select(sa.func.max(table.id))) or 0) + 1 for _, table in _KINDS)
    return Progress(max(0.0, 1 - left / newest), False)


def followed(db: Session) -> int | None:
    """The number of the last event whose words are in the index; None while what was there before is still taken in."""
    marks = dict(ask(db, _MARKS))
    log = marks.pop(_LOG, None)
    return None if any(marks.values()) else log


def count(db: Session) -> int:
    """How many documents are kept."""
    return db.scalar(sa.select(sa.func.count()).select_from(SearchDoc)) or 0


def news(db: Session, handful: int = HANDFUL) -> Batch | None:
    """What the next facts changed; None when the log tells nothing new."""
    begins = _marks(db)[_LOG]
    found = db.connection().execute(_EVENTS, {"begins": begins}).all()
    if not found:
        return None
    things, ends = Things(), begins
    for number, fact, ticket_id, call_id, data in found:
        if len(things) >= handful:
            break
        ends = number
        if fact not in _SILENT:
            if ticket_id:
                things.tickets.add(ticket_id)
            if call_id:
                things.calls.add(call_id)
            if customer_id := data.get("customer_id"):
                things.customers.add(customer_id)
            things.customers.update(data.get("customer_ids", ()))
    if not things and len(found) < STRIDE and ends - begins < STRIDE // 2:
        return None  # a bookmark a little behind costs the next reading little
    return Batch(_LOG, begins, ends, documents.of(db, things))


def past(db: Session, handful: int = OLD_HANDFUL) -> Batch | None:
    """The next handful of what was there before the index, newest first; None when all of it is in."""
    marks = _marks(db)
    for name, table in _KINDS:
        if not (above := marks.get(_bookmark(name), 0)):
            continue
        found = db.scalars(sa.select(table.id).where(table.id < above).order_by(table.id.desc()).limit(handful)).all()
        things = Things()
        getattr(things, name).update(found)
        ends = found[-1] if len(found) == handful else 0
        return Batch(_bookmark(name), above, ends, documents.of(db, things))
    return None


def keep(db: Session, batch: Batch) -> bool:
    """Write a batch and move its bookmark. False, and nothing done, when somebody else moved it meanwhile."""
    mark = db.get(Bookmark, batch.bookmark, with_for_update=True)
    if mark is None or mark.number != batch.begins:
        return False
    index.put(db, batch.places)
    mark.number = batch.ends
    db.flush()
    return True


class _NotBegun(Exception):
    """No bookmark lies in the log yet."""


def _look(database: Database, what: Callable[[Session, int], Batch | None], handful: int) -> Batch | None:
    try:
        return database.read_now(what, handful)
    except _NotBegun:
        database.write_now(begin)
        return database.read_now(what, handful)


def _write(database: Database, batch: Batch) -> None:
    """In several transactions where it is much. Only the last moves the bookmark, so what is cut off is repeated."""
    for part in parts(batch):
        if not database.write_now(keep, part):
            break


def parts(batch: Batch) -> Iterator[Batch]:
    places: dict[tuple[int, int], dict[int, Terms]] = {}
    weight = 0
    for place, found in batch.places.items():
        if weight > WEIGHT:
            yield replace(batch, ends=batch.begins, places=places)
            places, weight = {}, 0
        places[place] = found
        weight += sum(len(column) for terms in found.values() for column in terms)
    yield replace(batch, places=places)


def _is_begun(db: Session) -> bool:
    return db.get(Bookmark, _LOG) is not None


def _marks(db: Session) -> dict[str, int]:
    marks: dict[str, int] = dict(ask(db, _MARKS))
    if _LOG not in marks:
        raise _NotBegun
    return marks


def _bookmark(name: str) -> str:
    return f"search:{letters.VERSION}:{name}"


_LOG: Final = _bookmark("log")
# Built once: they are asked whenever there is news.
_MARKS = sa.select(col(Bookmark.name), col(Bookmark.number)).where(
    sa.or_(*(col(Bookmark.name) == sa.literal(name) for name in (_LOG, *(_bookmark(name) for name, _ in _KINDS))))
)
_EVENTS = (
    sa.select(col(Event.id), col(Event.fact), col(Event.ticket_id), col(Event.call_id), col(Event.data))
    .where(col(Event.id) > sa.bindparam("begins"))
    .order_by(col(Event.id))
    .limit(STRIDE)
)
