"""Whom to call back: the missed and abandoned calls of one customer, or of one unknown number, folded into one row.

The one idea: a row is what the caller's calls say, computed anew whenever one of them ends, is answered or gets its
customer. So late and repeated callbacks leave the same board, and a later call that is answered, in either direction,
settles the matter by itself. What people add (an owner, a note, "nobody need call") and what was promised in words
stays.

A caller who withholds the number and whom nobody recognized cannot be called back, and is not here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from helpdesk import agents, hours, queues, romaji
from helpdesk.customers import contact_points
from helpdesk.errors import Conflict, Invalid, NotAllowed, NotFound
from helpdesk.events import emit
from helpdesk.facts import CallbackChanged
from helpdesk.settings import Settings
from models import Agent, Calendar, Call, Callback, CallbackState, Customer, Outcome, Queue
from models.database import hold_still

FILTERS = ("open", "overdue", "mine", "free", "settled")
PAGE = 50
NOTE_MAX = 2000
LOOK_BACK = timedelta(days=14)
"""Calls older than that are not made into a new row; one that is there already keeps them."""
_MISSED = (Outcome.MISSED, Outcome.ABANDONED)
_OPEN = select(Callback).where(Callback.key == sa.bindparam("key"), Callback.state == CallbackState.OPEN)
_SETTLED_AT = sa.select(sa.func.max(col(Callback.done_at))).where(
    col(Callback.key) == sa.bindparam("key"), col(Callback.state) != CallbackState.OPEN
)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the board. `level` is "urgent" when the promise is overdue, "soon" in its last half hour."""

    id: int
    customer_id: int | None
    customer_name: str
    company: str
    number: str  # E.164; "" when only the customer is known
    number_display: str
    queue_id: int
    queue_name: str
    ticket_id: int | None
    calls: int
    attempts: int
    asked_by_customer: bool
    first_at: datetime
    last_at: datetime
    promised_at: datetime | None
    level: str
    owner_id: int | None
    owner_name: str
    state: str
    note: str
    done_at: datetime | None
    done_by: str


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Row]
    next_cursor: str | None


def heard(db: Session, call: Call, *, now: datetime) -> None:
    """A call ended, was answered or got its customer: make the board what the caller's calls say now."""
    if call.is_withheld and call.customer_id is None:
        return
    unknown = _key(None, call.number)
    if call.number and (call.customer_id is None or _is_still_unknown(db, unknown, call)):
        _refresh(db, unknown, None, call.number, now=now)
    if call.customer_id is not None:
        _refresh(db, _key(call.customer_id, ""), call.customer_id, call.number, now=now)


def forget(db: Session, number: str, customer_id: int | None, *, now: datetime) -> None:
    """A call that was told of with this number (E.164) and customer turned out to be withheld: the board is what their
    other calls say. Whom nobody can call by now is not on it, whatever they were promised."""
    if customer_id is not None:
        _refresh(db, _key(customer_id, ""), customer_id, number, now=now)
    if not number:
        return
    key = _key(None, number)
    _refresh(db, key, None, number, now=now)
    row = db.exec(_OPEN, params={"key": key}).first()
    if row is not None and not _calls(db, None, number, since=row.first_at):
        _say(db, row, "gone", now=now)
        db.delete(row)


def promise(
    db: Session,
    *,
    customer_id: int | None,
    number: str,
    queue_id: int,
    ticket_id: int | None = None,
    call_id: int | None = None,
    asked_by_customer: bool = True,
    at: datetime | None = None,
    by_id: int | None = None,
    now: datetime,
) -> Callback:
    """Somebody is to be called back, because they asked for it or an agent said so.

    `number` is E.164, or "" where only the customer is known; `at` is the time that was agreed, by default what the
    queue promises from now on. Who is on the board already stays there once, with the earlier promise of the two.
    Raises `Invalid("nobody_to_call")` with neither customer nor number.
    """
    if customer_id is None and not number:
        raise Invalid("nobody_to_call", field="number")
    key = _key(customer_id, number)
    until = at or _due(db, queues.get(db, queue_id), now)
    row = db.exec(_OPEN, params={"key": key}).first()
    is_new = row is None
    if row is None:
        row = Callback(key=key, customer_id=customer_id, queue_id=queue_id, calls=0, first_at=now, last_at=now)
        db.add(row)
    row.number, row.ticket_id = number or row.number, ticket_id or row.ticket_id
    row.call_id, row.last_at = call_id or row.call_id, now
    row.asked_by_customer = row.asked_by_customer or asked_by_customer
    row.promised_at = min(filter(None, (row.promised_at, until)))
    db.flush()
    _say(db, row, "made" if is_new else "changed", by_id=by_id, now=now)
    return row


def assign(db: Session, row: Callback, to: Agent | None, *, by: Agent, now: datetime) -> None:
    """Make one agent answerable for the call, or nobody. Raises `NotAllowed` for who does not serve its queue."""
    _hold_still(db, row)
    if row.owner_id == (to.id if to else None):
        return
    if to is not None and not agents.serves(db, to, row.queue_id):
        raise NotAllowed("agent_not_in_queue", agent_id=to.id, queue_id=row.queue_id)
    row.owner_id = to.id if to else None
    _say(db, row, "assigned" if to else "released", by_id=by.id, now=now)


def settle(db: Session, row: Callback, state: CallbackState, *, note: str, by: Agent, now: datetime) -> None:
    """Somebody says that it is done, or that nobody need call. The same again changes nothing but the note."""
    _hold_still(db, row, settled_too=True)
    if row.state not in (CallbackState.OPEN, state):
        raise Conflict("callback_is_settled", callback_id=row.id)
    if row.state == CallbackState.OPEN:
        row.state, row.done_at, row.done_by_id = state, now, by.id
    row.note = note.strip()[:NOTE_MAX]
    _say(db, row, state.value, by_id=by.id, now=now)


def reopen(db: Session, row: Callback, *, by: Agent, now: datetime) -> None:
    """Take "done" or "nobody need call" back. Raises `Conflict("callback_again")` when they have called since."""
    _hold_still(db, row, settled_too=True)
    if row.state == CallbackState.OPEN:
        return
    if db.exec(_OPEN, params={"key": row.key}).first() is not None:
        raise Conflict("callback_again", callback_id=row.id)
    row.state, row.done_at, row.done_by_id, row.reopened_at = CallbackState.OPEN, None, None, now
    _say(db, row, "reopened", by_id=by.id, now=now)


def raise_overdue(db: Session, *, now: datetime) -> int:
    """State once of every promise that was not kept that it is overdue. Returns of how many."""
    late = db.execute(
        sa.update(Callback)
        .where(col(Callback.state) == CallbackState.OPEN, col(Callback.promised_at) <= now,
               col(Callback.alarmed_at).is_(None))
        .values(alarmed_at=now)
        .returning(col(Callback.id), col(Callback.queue_id), col(Callback.owner_id))
    ).all()  # fmt: skip
    for callback_id, queue_id, owner_id in sorted(late):
        emit(db, CallbackChanged(callback_id=callback_id, queue_id=queue_id, what="overdue", owner_id=owner_id, at=now))
    return len(late)


def is_any_overdue(db: Session, *, now: datetime) -> bool:
    """Whether `raise_overdue` has something to say; costs one look at an index."""
    late = select(Callback.id).where(Callback.state == CallbackState.OPEN, col(Callback.promised_at) <= now,
                                     col(Callback.alarmed_at).is_(None))  # fmt: skip
    return db.exec(late.limit(1)).first() is not None


def open_query(queue_ids: Sequence[int], *, due_by: Any = None) -> sa.Select[int]:
    """How many wait to be called in these queues; with `due_by` only whom was promised a call by then."""
    open_ones = (
        sa.select(sa.func.count()).select_from(Callback)
        .where(col(Callback.state) == CallbackState.OPEN, col(Callback.queue_id).in_(queue_ids))
    )  # fmt: skip
    return open_ones if due_by is None else open_ones.where(col(Callback.promised_at) <= due_by)


def page(db: Session, agent: Agent, chosen: str, *, queue_id: int | None = None, cursor: str = "",
         settings: Settings, now: datetime) -> Page:  # fmt: skip
    """The board of the queues the agent serves: what was promised first comes first, of what is settled the newest.

    Raises `NotFound` for a filter there is not.
    """
    if chosen not in FILTERS:
        raise NotFound("not_found", filter=chosen)
    owner, doer = aliased(Agent), aliased(Agent)
    name = Queue.name_en if agent.language == "en" else Queue.name
    seen = [queue_id] if queue_id in (ids := agents.queue_ids(db, agent)) else ids
    is_settled = chosen == "settled"
    # What was never promised a time comes last; the key is the same as the order, so that pages follow each other.
    at = col(Callback.done_at) if is_settled else sa.func.coalesce(col(Callback.promised_at), sa.literal(_LAST))
    key = sa.tuple_(at, col(Callback.id))
    shown: list[Any] = [
        Callback,
        *(sa.func.coalesce(column, "") for column in (Customer.company, name)),
        *(sa.func.coalesce(column, "") for of in (Customer, owner, doer) for column in (of.name, of.reading)),
    ]
    query = (
        sa.select(*shown)
        .join(Queue, col(Queue.id) == Callback.queue_id)
        .join(Customer, col(Customer.id) == Callback.customer_id, isouter=True)
        .join(owner, col(owner.id) == Callback.owner_id, isouter=True)
        .join(doer, col(doer.id) == Callback.done_by_id, isouter=True)
        .where(col(Callback.queue_id).in_(seen), *_condition(chosen, agent, now))
        .order_by(*((at.desc(), col(Callback.id).desc()) if is_settled else (at, col(Callback.id))))
        .limit(PAGE + 1)
    )  # fmt: skip
    if cursor:
        last = sa.tuple_(*_parse(cursor))
        query = query.where(key < last if is_settled else key > last)
    found = db.execute(query).all()
    rows = [_row(*told, language=agent.language, settings=settings, now=now) for told in found[:PAGE]]
    if len(found) <= PAGE:
        return Page(rows, None)
    end = found[PAGE - 1][0]
    return Page(rows, f"{((end.done_at if is_settled else end.promised_at) or _LAST).isoformat()}~{end.id}")


_LAST = datetime(9999, 1, 1, tzinfo=UTC)


def _condition(chosen: str, agent: Agent, now: datetime) -> list[sa.ColumnElement[bool]]:
    if chosen == "settled":
        return [col(Callback.state) != CallbackState.OPEN]
    more: dict[str, list[sa.ColumnElement[bool]]] = {
        "overdue": [col(Callback.promised_at) <= now],
        "mine": [col(Callback.owner_id) == agent.id],
        "free": [col(Callback.owner_id).is_(None)],
    }
    return [col(Callback.state) == CallbackState.OPEN, *more.get(chosen, [])]


def _row(row: Callback, company: str, queue: str, *names: str, language: str, settings: Settings,
         now: datetime) -> Row:  # fmt: skip
    customer, owner, doer = (romaji.spoken(names[at], names[at + 1], language) for at in (0, 2, 4))
    level = ""
    if row.state == CallbackState.OPEN and row.promised_at is not None:
        left = row.promised_at - now
        level = "urgent" if left <= timedelta(0) else "soon" if left <= timedelta(minutes=30) else ""
    return Row(
        row.id or 0, row.customer_id, customer, company, row.number,
        contact_points.national(row.number, settings.region) if row.number else "", row.queue_id, queue, row.ticket_id,
        row.calls, row.attempts, row.asked_by_customer, row.first_at, row.last_at, row.promised_at, level, row.owner_id,
        owner, row.state.value, row.note, row.done_at, doer,
    )  # fmt: skip


def _parse(cursor: str) -> tuple[Any, Any]:
    at, _, callback_id = cursor.partition("~")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), int(callback_id)
    except (ValueError, OverflowError) as error:
        raise NotFound("not_found", cursor=cursor) from error


def _key(customer_id: int | None, number: str) -> str:
    return f"customer:{customer_id}" if customer_id is not None else f"number:{number}"


def _due(db: Session, queue: Queue, since: datetime) -> datetime:
    """By when who could not be answered is called back: so many minutes of the queue after it is open."""
    calendar = db.get(Calendar, queue.calendar_id) if queue.calendar_id else None
    opens = hours.next_opening(calendar, since) if calendar else since
    return (opens or since) + timedelta(minutes=queue.callback_minutes)


def _hold_still(db: Session, row: Callback, *, settled_too: bool = False) -> None:
    """Lock the row and read it again: what two press at once is decided one after the other."""
    hold_still(db, row)
    if row.state != CallbackState.OPEN and not settled_too:
        raise Conflict("callback_is_settled", callback_id=row.id)


def _say(db: Session, row: Callback, what: str, *, by_id: int | None = None, now: datetime) -> None:
    assert row.id is not None
    emit(db, CallbackChanged(callback_id=row.id, queue_id=row.queue_id, what=what, owner_id=row.owner_id, by_id=by_id,
                             at=now))  # fmt: skip


def _is_still_unknown(db: Session, unknown: str, call: Call) -> bool:
    """The number of this call turned out to be a customer's. What it left on the board is the customer's from now on,
    with its owner, unless calls of that number remain that are nobody's, or the customer is there already."""
    row = db.exec(_OPEN, params={"key": unknown}).first()
    if row is None:
        return False
    known = _key(call.customer_id, "")
    if _calls(db, None, call.number, since=row.first_at) or db.exec(_OPEN, params={"key": known}).first() is not None:
        return True
    row.key, row.customer_id = known, call.customer_id
    db.flush()
    return False


def _refresh(db: Session, key: str, customer_id: int | None, number: str, *, now: datetime) -> None:
    row = db.exec(_OPEN, params={"key": key}).first()
    settled_at = db.scalar(_SETTLED_AT, {"key": key})
    since = max(filter(None, (settled_at, now - LOOK_BACK)))
    if row is not None:
        since = min(since, row.first_at)
    told = _calls(db, customer_id, number, since=since)
    if customer_id is None:  # whoever the number is known as by now: they were reached
        told += _calls(db, None, number, since=since, of_anybody=True)
    again = row.reopened_at if row and row.reopened_at else None
    reached = [call for call in told if _was_answered(call) and (again is None or call.answered_at > again)]
    last = max(reached, key=lambda call: call.answered_at, default=None)
    own = [call for call in told if call.customer_id == customer_id]
    missed = [call for call in own if _was_missed(call) and (last is None or call.started_at > last.answered_at)
              and (row is not None or settled_at is None or call.started_at > settled_at)]  # fmt: skip
    tried = [call for call in told if call.direction == "out" and call.ended_at and not _was_answered(call)]
    if missed:
        _keep(db, row, key, customer_id, missed, tried, now=now)
    elif row is not None and last is not None and last.answered_at > row.last_at:
        row.state, row.done_at, row.done_by_id = CallbackState.DONE, last.answered_at, last.agent_id
        _say(db, row, "done", by_id=last.agent_id, now=now)
    elif row is not None and not row.asked_by_customer and row.calls and not row.reopened_at:
        _say(db, row, "gone", now=now)  # what was taken for missed was not
        db.delete(row)
        db.flush()
    elif row is not None and row.attempts != (attempts := len({call.id for call in tried})):
        row.attempts = attempts
        _say(db, row, "changed", now=now)


def _keep(db: Session, row: Callback | None, key: str, customer_id: int | None, missed: list[Any], tried: list[Any], *,
          now: datetime) -> None:  # fmt: skip
    """Write what the missed calls, oldest first, add up to."""
    newest = missed[-1]
    queue = db.get(Queue, newest.queue_id) if newest.queue_id else None
    queue = queue or queues.triage(db)
    is_new = row is None
    if row is None:
        row = Callback(key=key, customer_id=customer_id, queue_id=queue.id or 0, first_at=newest.started_at,
                       last_at=newest.started_at)  # fmt: skip
        db.add(row)
    due = _due(db, queue, newest.ended_at or newest.started_at)
    if row.asked_by_customer:
        due = min(filter(None, (row.promised_at, due)))
    first_at = missed[0].started_at
    told = {
        "queue_id": queue.id, "number": newest.number, "call_id": newest.id,
        "ticket_id": newest.ticket_id or row.ticket_id, "calls": len({call.id for call in missed}),
        "attempts": len({call.id for call in tried if call.started_at >= first_at}),
        "first_at": min(row.first_at, first_at) if row.asked_by_customer else first_at,
        "last_at": max(row.last_at, newest.started_at) if row.asked_by_customer else newest.started_at,
        "promised_at": due,
    }  # fmt: skip
    if row.alarmed_at is not None and due > now:
        told["alarmed_at"] = None
    changed = {name: value for name, value in told.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    if is_new or changed:
        db.flush()
        _say(db, row, "made" if is_new else "changed", now=now)


def _calls(
    db: Session, customer_id: int | None, number: str, *, since: datetime, of_anybody: bool = False
) -> list[Any]:
    """Calls with the customer, or with a number that is nobody's or, `of_anybody`, somebody's; oldest first."""
    whose = (
        col(Call.customer_id) == customer_id if customer_id is not None
        else sa.and_(col(Call.number) == number,
                     col(Call.customer_id).is_not(None) if of_anybody else col(Call.customer_id).is_(None))
    )  # fmt: skip
    query = (
        sa.select(col(Call.id), col(Call.direction), col(Call.outcome), col(Call.started_at), col(Call.answered_at),
                  col(Call.ended_at), col(Call.queue_id), col(Call.ticket_id), col(Call.number), col(Call.customer_id),
                  col(Call.agent_id), col(Call.is_withheld))
        .where(whose, col(Call.started_at) >= since)
        .order_by(col(Call.started_at).desc(), col(Call.id).desc())
        .limit(200)
    )  # fmt: skip
    return list(reversed(db.execute(query).all()))


def _was_answered(call: Any) -> bool:
    return call.answered_at is not None and call.outcome in (Outcome.OPEN, Outcome.ANSWERED)


def _was_missed(call: Any) -> bool:
    return call.direction == "in" and call.outcome in _MISSED and not call.is_withheld
