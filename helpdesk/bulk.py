"""One thing done to many tickets: those ticked in a list, or all of a view.

The ids are frozen when it is asked for. A few are done at once; more are due work that takes a batch a transaction, in
which each ticket says what became of it: so a restart goes on where it stopped, and each is done once. A ticket whose
rules refuse is listed with the reason and the others go on. What each act changed is kept as it was and as it became,
and for `UNDO` the whole is taken back, except tickets that somebody changed since.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import access, agents, queues, routing, tickets
from helpdesk.errors import Conflict, DeskError, Invalid, NotFound
from helpdesk.events import BulkActChanged, TicketMoved, emit
from helpdesk.runtime import work
from models import Agent, BulkAct, BulkItem, BulkItemState, BulkState, Ticket, TicketState
from models.database import hold_still

AT_ONCE = 20
MOST = 20_000
BATCH = 25
"""Tickets in one transaction: a call that rings meanwhile waits for so many."""
TOLD = 100
"""Refusals a page lists."""
UNDO = timedelta(hours=1)
_OPEN = (BulkState.RUNNING, BulkState.UNDOING)


@dataclass(frozen=True, slots=True)
class _Act:
    """What is done, which columns of a ticket it changes, and how it is taken back to what they were."""

    check: Callable[[Session, Agent, str], object]
    do: Callable[[Session, Ticket, str, Agent, datetime], None]
    changes: tuple[str, ...]
    back: Callable[[Session, Ticket, dict[str, Any], Agent, datetime], None]


@dataclass(frozen=True, slots=True)
class Told:
    """How an act stands, for whoever asked for it."""

    id: int
    what: str
    value: str
    value_name: str
    state: str
    total: int
    done: int
    refused: int
    undone: int
    kept: int
    left: int
    may_undo: bool
    refusals: list[dict[str, Any]]  # {"ticket_id", "subject", "error"}, the first `TOLD`


def begin(db: Session, what: str, value: str, ticket_ids: Sequence[int], *, by: Agent, now: datetime) -> BulkAct:
    """Do it to these tickets, at once where they are few. Raises `Invalid` where none is chosen or the value is none.

    Tickets the agent may not see are refused one by one, as if there were none of that number.
    """
    if what not in ACTS:
        raise Invalid("unknown_choice", field="what")
    ACTS[what].check(db, by, value)
    ids = sorted(set(ticket_ids))[:MOST]
    known = set(db.scalars(sa.select(col(Ticket.id)).where(col(Ticket.id).in_(ids)))) if len(ids) <= AT_ONCE else None
    ids = [ticket_id for ticket_id in ids if known is None or ticket_id in known]
    if not ids:
        raise Invalid("no_ticket_chosen", field="ticket")
    assert by.id is not None
    act = BulkAct(agent_id=by.id, what=what, value=value, total=len(ids), created_at=now)
    db.add(act)
    db.flush()
    db.execute(sa.insert(BulkItem), [
        {"bulk_id": act.id, "ticket_id": ticket_id, "state": BulkItemState.WAITING, "error": "", "before": {},
         "after": {}}
        for ticket_id in ids
    ])  # fmt: skip
    _say(db, act, "begun", now=now)
    _start(db, act, now=now)
    return act


def go_on(db: Session, bulk_id: int, *, now: datetime) -> bool:
    """Do the next batch. False when nothing is left to do."""
    act = db.get(BulkAct, bulk_id)
    if act is None:
        return False
    hold_still(db, act)
    if act.state not in _OPEN:
        return False
    is_back = act.state == BulkState.UNDOING
    by = agents.get(db, act.agent_id)
    wanted = BulkItemState.DONE if is_back else BulkItemState.WAITING
    items = list(db.exec(select(BulkItem).where(BulkItem.bulk_id == bulk_id, BulkItem.state == wanted)
                         .order_by(col(BulkItem.ticket_id)).limit(BATCH)))  # fmt: skip
    for item in items:
        (_take_back if is_back else _do)(db, act, item, by, now)
    if len(items) < BATCH:
        act.state = BulkState.UNDONE if is_back else BulkState.DONE
        act.ended_at = now
    db.flush()
    _say(db, act, act.state.value if len(items) < BATCH else "went_on", now=now)
    return len(items) == BATCH


def cancel(db: Session, act: BulkAct, *, now: datetime) -> None:
    """Leave alone what was not done yet. What is done already stays, and can be taken back."""
    hold_still(db, act)
    if act.state == BulkState.RUNNING:
        act.state, act.ended_at = BulkState.CANCELLED, now
        _say(db, act, "cancelled", now=now)


def undo(db: Session, act: BulkAct, *, now: datetime) -> None:
    """Take the whole back. Raises `Conflict` while it runs, and once `UNDO` is over. Twice changes nothing."""
    hold_still(db, act)
    if act.state in (BulkState.UNDOING, BulkState.UNDONE):
        return
    if not _may_undo(act, now):
        raise Conflict("too_late_to_undo", bulk_id=act.id)
    act.state = BulkState.UNDOING
    _say(db, act, "undoing", now=now)
    _start(db, act, now=now)


def get(db: Session, agent: Agent, bulk_id: int) -> BulkAct:
    """One of the agent's own. Raises `NotFound`."""
    act = db.get(BulkAct, bulk_id)
    if act is None or act.agent_id != agent.id:
        raise NotFound("not_found", bulk_id=bulk_id)
    return act


def told(db: Session, act: BulkAct, *, language: str, now: datetime) -> Told:
    """How it stands, with the tickets that were refused or had moved on."""
    rows = db.execute(
        sa.select(col(BulkItem.ticket_id), col(Ticket.subject), col(BulkItem.error))
        .join(Ticket, col(Ticket.id) == BulkItem.ticket_id)
        .where(col(BulkItem.bulk_id) == act.id, col(BulkItem.state).in_((BulkItemState.REFUSED, BulkItemState.KEPT)))
        .order_by(col(BulkItem.ticket_id))
        .limit(TOLD)
    )
    seen = access.seen_tickets(db, agents.get(db, act.agent_id))
    refusals = [{"ticket_id": row[0], "subject": row[1], "error": row[2]} for row in rows]
    visible = set(db.scalars(sa.select(col(Ticket.id)).where(
        col(Ticket.id).in_([each["ticket_id"] for each in refusals]), seen))) if refusals else set()  # fmt: skip
    for each in refusals:  # a subject is not told to who may not know of it
        each["subject"] = each["subject"] if each["ticket_id"] in visible else ""
    finished = act.undone + act.kept if act.state == BulkState.UNDOING else act.done + act.refused
    return Told(
        act.id or 0, act.what, act.value, _value_name(db, act, language), act.state.value, act.total, act.done,
        act.refused, act.undone, act.kept, max(0, act.total - finished), _may_undo(act, now), refusals,
    )  # fmt: skip


def _may_undo(act: BulkAct, now: datetime) -> bool:
    ended = act.state in (BulkState.DONE, BulkState.CANCELLED) and act.ended_at is not None
    return ended and act.done > 0 and act.ended_at is not None and now < act.ended_at + UNDO


def _start(db: Session, act: BulkAct, *, now: datetime) -> None:
    if act.total <= AT_ONCE:
        while go_on(db, act.id or 0, now=now):
            pass
        return
    work.enqueue(db, "bulk", act.id, key=f"bulk:{act.id}:{act.state.value}")


def _do(db: Session, act: BulkAct, item: BulkItem, by: Agent, now: datetime) -> None:
    rule = ACTS[act.what]

    def change() -> None:
        ticket = access.ticket(db, by, item.ticket_id)
        item.before = _written(ticket, rule.changes)
        rule.do(db, ticket, act.value, by, now)
        db.flush()
        item.after = _written(ticket, rule.changes)

    error = _tried(db, change)
    if error:
        item.state, item.error = BulkItemState.REFUSED, error
        act.refused += 1
        return
    item.state = BulkItemState.SAME if item.before == item.after else BulkItemState.DONE
    act.done += 1


def _take_back(db: Session, act: BulkAct, item: BulkItem, by: Agent, now: datetime) -> None:
    rule = ACTS[act.what]
    ticket = db.get_one(Ticket, item.ticket_id)
    if _written(ticket, rule.changes) != item.after:
        item.state, item.error = BulkItemState.KEPT, "moved_on"
        act.kept += 1
        return
    error = _tried(db, lambda: rule.back(db, ticket, item.before, by, now))
    if error:
        item.state, item.error = BulkItemState.KEPT, error
        act.kept += 1
        return
    item.state = BulkItemState.UNDONE
    act.undone += 1


def _tried(db: Session, change: Callable[[], None]) -> str:
    """Make the change, or none of it; the code of the rule that it breaks, or ""."""
    stated = len(db.info.get("facts", ()))
    try:
        with db.begin_nested():
            change()
    except DeskError as error:
        del db.info.get("facts", [])[stated:]
        return error.code
    return ""


def _written(ticket: Ticket, columns: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(ticket, name) for name in columns}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _value_name(db: Session, act: BulkAct, language: str) -> str:
    """What the value is called."""
    if act.what == "assign" and act.value:
        return agents.get(db, int(act.value)).name
    if act.what == "move":
        return queues.get(db, int(act.value)).called(language)
    return ""


def _say(db: Session, act: BulkAct, what: str, *, now: datetime) -> None:
    assert act.id is not None
    emit(db, BulkActChanged(bulk_id=act.id, what=what, agent_id=act.agent_id, by_id=act.agent_id, at=now))


# --- the acts ---------------------------------------------------------------------------------------------------------


def _number(value: str) -> int:
    if not value.isdecimal() or len(value) > 9:
        raise Invalid("unknown_choice", field="value")
    return int(value)


def _no_value(_db: Session, _by: Agent, value: str) -> None:
    if value:
        raise Invalid("unknown_choice", field="value")


def _assign(db: Session, ticket: Ticket, value: str, by: Agent, now: datetime) -> None:
    tickets.assign(db, ticket, agents.get(db, int(value)) if value else None, by=by, now=now)


def _assign_back(db: Session, ticket: Ticket, before: dict[str, Any], by: Agent, now: datetime) -> None:
    whose = before["assignee_id"]
    tickets.assign(db, ticket, agents.get(db, whose) if whose else None, by=by, now=now)


def _move_back(db: Session, ticket: Ticket, before: dict[str, Any], by: Agent, now: datetime) -> None:
    """The agent may serve the queue it went to no longer, and takes back what they did themselves."""
    away = ticket.queue_id
    routing.keep(db, ticket, routing.Decision(before["queue_id"], "by_agent"), by_id=by.id, now=now)
    emit(db, TicketMoved(ticket_id=ticket.id or 0, queue_id=ticket.queue_id, from_queue_id=away, reason="by_agent",
                         by_id=by.id, at=now))  # fmt: skip
    _assign_back(db, ticket, before, by, now)


def _state_back(db: Session, ticket: Ticket, before: dict[str, Any], by: Agent, now: datetime) -> None:
    if before["state"] == TicketState.RESOLVED:
        tickets.resolve(db, ticket, by=by, now=now)
    else:
        tickets.reopen(db, ticket, by_id=by.id, now=now)
        ticket.awaits_us = before["awaits_us"]


_STATE = ("state", "awaits_us")
ACTS: Mapping[str, _Act] = {
    "assign": _Act(
        lambda db, by, value: agents.get(db, _number(value)) if value else None, _assign, ("assignee_id",), _assign_back
    ),
    "move": _Act(
        lambda db, by, value: queues.get(db, _number(value)),
        lambda db, ticket, value, by, now: routing.move(db, ticket, queues.get(db, int(value)), by=by, now=now),
        ("queue_id", "assignee_id"),
        _move_back,
    ),
    "resolve": _Act(
        _no_value, lambda db, ticket, value, by, now: tickets.resolve(db, ticket, by=by, now=now), _STATE, _state_back
    ),
    "reopen": _Act(
        _no_value, lambda db, ticket, value, by, now: tickets.reopen(db, ticket, by_id=by.id, now=now), _STATE,
        _state_back,
    ),
}  # fmt: skip
"""By name, in the order in which they are offered."""
