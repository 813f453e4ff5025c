"""One thing done to many tickets: those ticked in a list, or all of a view.

The ids are frozen when it is asked for. A few are done at once; more are due work that takes a batch a transaction, in
which each ticket says what became of it: so a restart goes on where it stopped, and each is done once. A ticket whose
rules refuse is listed with the reason and the others go on. To each ticket it is an act like any other, with its own
facts in the log, and for `UNDO` the whole is taken back by them (helpdesk/changes.py), except tickets that somebody
changed since.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import access, agents, assigning, changes, queues, routing, tags, tickets
from helpdesk.errors import Conflict, DeskError, Invalid, NotFound
from helpdesk.events import emit, one_act, recall
from helpdesk.facts import BulkActChanged
from helpdesk.runtime import work
from models import Agent, BulkAct, BulkItem, BulkItemState, BulkState, Event, Priority, Ticket
from models.database import hold_still

AT_ONCE = 20
MOST = 20_000
BATCH = 25
"""Tickets in one transaction: a call that rings meanwhile waits for so many."""
TOLD = 100
"""Refusals a page lists."""
UNDO = timedelta(hours=1)
DESK = "desk"
"""To assign to this: the desk gives each to who may take it."""
_AROUND = 200
"""Events of a ticket that its undo looks through."""
_OPEN = (BulkState.RUNNING, BulkState.UNDOING)


@dataclass(frozen=True, slots=True)
class _Act:
    """Whether a value is one, and what is done with it."""

    check: Callable[[Session, Agent, str], object]
    do: Callable[[Session, Ticket, str, Agent, datetime], object]


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
        {"bulk_id": act.id, "ticket_id": ticket_id, "state": BulkItemState.WAITING, "error": ""}
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


def forget(db: Session, *, now: datetime, limit: int = 1000) -> int:
    """Let go of which tickets an act was done to, once it can no longer be taken back; its figures stay. At most
    `limit` rows of one act at a time; returns how many."""
    over = db.scalar(
        sa.select(col(BulkAct.id))
        .where(
            col(BulkAct.ended_at) < now - UNDO,
            col(BulkAct.state).not_in(_OPEN),
            sa.exists().where(col(BulkItem.bulk_id) == BulkAct.id),
        )
        .order_by(col(BulkAct.id))
        .limit(1)
    )
    if over is None:
        return 0
    ids = db.scalars(sa.select(col(BulkItem.ticket_id)).where(col(BulkItem.bulk_id) == over).limit(limit)).all()
    db.execute(sa.delete(BulkItem).where(col(BulkItem.bulk_id) == over, col(BulkItem.ticket_id).in_(ids)))
    return len(ids)


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
    stated = len(db.info.get("facts", ()))

    def change() -> None:
        with one_act(db, _name(act, item)):
            ACTS[act.what].do(db, access.ticket(db, by, item.ticket_id), act.value, by, now)

    if error := _tried(change):
        item.state, item.error = BulkItemState.REFUSED, error
        act.refused += 1
        return
    item.state = BulkItemState.DONE if len(db.info.get("facts", ())) > stated else BulkItemState.SAME
    act.done += 1


def _take_back(db: Session, act: BulkAct, item: BulkItem, by: Agent, now: datetime) -> None:
    ticket = db.get_one(Ticket, item.ticket_id)
    rows = db.exec(select(Event).where(Event.ticket_id == item.ticket_id, Event.actor_id == by.id)
                   .order_by(col(Event.id).desc()).limit(_AROUND))  # fmt: skip
    event_id = next((row.id for row in rows if recall(row).act_id == _name(act, item)), None) or 0
    if error := _tried(lambda: changes.undo(db, ticket, event_id, by, now)):
        item.state, item.error = BulkItemState.KEPT, "moved_on" if error == "not_found" else error
        act.kept += 1
        return
    item.state = BulkItemState.UNDONE
    act.undone += 1


def _name(act: BulkAct, item: BulkItem) -> str:
    """What its facts about one ticket are known by in the log."""
    return f"bulk:{act.id}:{item.ticket_id}"


def _tried(change: Callable[[], object]) -> str:
    """Make the change; the code of the rule that refuses it, or "". Verbs ask their rules before they change anything,
    so no savepoint is needed, with which facts would be written before their time."""
    try:
        change()
    except DeskError as error:
        return error.code
    return ""


def _value_name(db: Session, act: BulkAct, language: str) -> str:
    """What the value is called."""
    if act.what == "assign" and act.value not in ("", DESK):
        return agents.get(db, int(act.value)).name
    if act.what == "move":
        return queues.get(db, int(act.value)).called(language)
    if act.what in ("tag", "untag"):
        return tags.get(db, int(act.value)).name
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
    if value == DESK:
        if assigning.give(db, ticket, by=by, now=now) is None:
            raise Conflict("nobody_free", ticket_id=ticket.id)
        return
    tickets.assign(db, ticket, agents.get(db, int(value)) if value else None, by=by, now=now)


def _pend(db: Session, ticket: Ticket, value: str, by: Agent, now: datetime) -> None:
    tickets.pend(db, ticket, now + timedelta(days=int(value)), by=by, now=now)


def _one_of(*values: str) -> Callable[[Session, Agent, str], None]:
    def check(_db: Session, _by: Agent, value: str) -> None:
        if value not in values:
            raise Invalid("unknown_choice", field="value")

    return check


ACTS: Mapping[str, _Act] = {
    "assign": _Act(lambda db, by, value: agents.get(db, _number(value)) if value not in ("", DESK) else None, _assign),
    "move": _Act(
        lambda db, by, value: queues.get(db, _number(value)),
        lambda db, ticket, value, by, now: routing.move(db, ticket, queues.get(db, int(value)), by=by, now=now),
    ),
    "priority": _Act(
        _one_of(*(str(int(each)) for each in Priority)),
        lambda db, ticket, value, by, now: tickets.prioritize(db, ticket, int(value), by=by, now=now),
    ),
    "tag": _Act(
        lambda db, by, value: tags.get(db, _number(value)),
        lambda db, ticket, value, by, now: tags.add(db, ticket, tags.get(db, int(value)), by=by, now=now),
    ),
    "untag": _Act(
        lambda db, by, value: tags.get(db, _number(value)),
        lambda db, ticket, value, by, now: tags.remove(db, ticket, int(value), by=by, now=now),
    ),
    "pend": _Act(_one_of("1", "3", "7", "30"), _pend),
    "resolve": _Act(_no_value, lambda db, ticket, value, by, now: tickets.resolve(db, ticket, by=by, now=now)),
    "reopen": _Act(_no_value, lambda db, ticket, value, by, now: tickets.reopen(db, ticket, by_id=by.id, now=now)),
}
"""By name, in the order in which they are offered."""
