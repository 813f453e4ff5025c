"""Taking back what was done to a ticket.

The one idea: the log of facts is what an undo reads. A fact says what it changed (`_Kind.of`) and knows its inverse
(`_Kind.back`), which is an ordinary verb that states its own fact. An undo is refused when a later fact changed the
same thing, because then it would take back somebody else's act; what several facts stated as one act (`events.one_act`)
is taken back as one. What was taken back is not taken back again: whoever wants it does it once more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from helpdesk import checklists, facts, fields, links, merging, returns, routing, splitting, tags, tickets, watchers
from helpdesk.errors import Conflict, NotAllowed, NotFound
from helpdesk.events import WITH_A_MAIL, one_act, recall
from helpdesk.facts import Fact, name_of
from models import Agent, Event, FieldChange, Ticket, TicketState
from models.database import hold_still

OFFERED = timedelta(minutes=10)
"""How long a page offers to take an act back."""
UNDONE = "undo:"
"""What the act of an undo begins with; the number of the event that was taken back follows."""
_AROUND = 200  # events of one act lie next to each other

Thing = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    of: Callable[[Any], Sequence[Thing]]
    back: Callable[[Session, Ticket, Any, Agent, datetime], None] | None = None


def undo(db: Session, ticket: Ticket, event_id: int, by: Agent, now: datetime) -> None:
    """Take back the act an event of this ticket belongs to, whoever did it.

    Raises `NotFound` for an event of another ticket, `Conflict("cannot_be_undone")` for a fact with no inverse or an
    undo, and `Conflict("moved_on")` where the same thing was changed since.
    """
    assert ticket.id is not None
    hold_still(db, ticket)
    row = db.get(Event, event_id)
    if row is None or row.ticket_id != ticket.id:
        raise NotFound("not_found", event_id=event_id)
    act = [(each.id or 0, recall(each)) for each in act_of(db, row)]
    if not any(can_be_undone(fact) for _, fact in act):
        raise Conflict("cannot_be_undone", event_id=event_id)
    changed = {thing for _, fact in act for thing in things(fact)}
    later = db.exec(
        select(Event).where(
            Event.ticket_id == ticket.id, col(Event.id) > max(number for number, _ in act), col(Event.fact).in_(_NAMES)
        )
    )
    if any(not changed.isdisjoint(things(recall(each))) for each in later):
        raise Conflict("moved_on", ticket_id=ticket.id)
    with one_act(db, f"{UNDONE}{event_id}"):
        for _, fact in reversed(act):
            if back := _KINDS[type(fact)].back if type(fact) in _KINDS else None:
                try:
                    back(db, ticket, fact, by, now)
                except (NotAllowed, NotFound) as error:  # the agent it was taken from serves here no longer
                    raise Conflict("moved_on", ticket_id=ticket.id) from error


def can_be_undone(fact: Fact) -> bool:
    """Whether there is a way back, as far as the fact itself tells."""
    kind = _KINDS.get(type(fact))
    if kind is None or kind.back is None or fact.act_id.startswith(UNDONE) or fact.by_id is None:
        return False
    return not isinstance(fact, facts.TicketResolved | facts.TicketReopened | facts.TicketPended) or bool(fact.was)


def things(fact: Fact) -> Sequence[Thing]:
    """What of the ticket a fact changed."""
    kind = _KINDS.get(type(fact))
    return kind.of(fact) if kind else ()


def offered(told: Sequence[Event], *, viewer_id: int, now: datetime) -> Event | None:
    """Of a ticket's events, oldest first: the viewer's newest, where it can be taken back or is itself an undo, and
    nobody has changed the same since."""
    changed: set[Thing] = set()
    for row in reversed(told):
        fact = recall(row)
        if row.at < now - OFFERED:
            return None
        if row.actor_id == viewer_id:
            if fact.act_id.startswith(WITH_A_MAIL):
                return None  # beside the mail's own undo it would be taken for that
            is_undo = fact.act_id.startswith(UNDONE)
            return row if is_undo or (can_be_undone(fact) and changed.isdisjoint(things(fact))) else None
        changed.update(things(fact))
    return None


def latest(db: Session, ticket_id: int, *, viewer_id: int, now: datetime) -> Event | None:
    """The same for a ticket whose events are not at hand."""
    rows = select(Event).where(Event.ticket_id == ticket_id, col(Event.fact).in_(_NAMES))
    newest = db.exec(rows.order_by(col(Event.id).desc()).limit(20)).all()
    return offered(list(reversed(newest)), viewer_id=viewer_id, now=now)


def act_of(db: Session, row: Event) -> list[Event]:
    """The event and what was stated with it of the same ticket, oldest first."""
    number, act_id = row.id or 0, recall(row).act_id
    if not act_id:
        return [row]
    near = col(Event.id).between(number - _AROUND, number + _AROUND)
    rows = db.exec(select(Event).where(Event.ticket_id == row.ticket_id, near).order_by(col(Event.id)))
    return [each for each in rows if recall(each).act_id == act_id]


def _state_back(db: Session, ticket: Ticket, fact: Any, by: Agent, now: datetime) -> None:
    state, at = TicketState(fact.was), datetime.fromisoformat(fact.was_at) if fact.was_at else None
    if state == TicketState.PENDING and at is not None and at <= now:
        state, at = TicketState.OPEN, None  # it would have woken by now
    if ticket.merged_into_id is not None:
        raise Conflict("ticket_merged", ticket_id=ticket.id, into_id=ticket.merged_into_id)
    tickets.restore(
        db, ticket, state, at=at, awaits_us=fact.awaited, by_id=by.id, now=now, reason="taken_back"
    )  # fmt: skip


def _assignment_back(db: Session, ticket: Ticket, fact: Any, by: Agent, now: datetime) -> None:
    before = db.get(Agent, fact.from_agent_id) if fact.from_agent_id else None
    tickets.assign(db, ticket, before, by=by, now=now)


def _field_back(db: Session, ticket: Ticket, fact: Any, by: Agent, now: datetime) -> None:
    change = db.get(FieldChange, fact.change_id)
    if change is None:
        raise Conflict("moved_on", ticket_id=ticket.id)
    fields.put(db, ticket, fields.get(db, fact.field_id), change.before, by=by, now=now)


def _item_back(db: Session, ticket: Ticket, fact: Any, by: Agent, now: datetime) -> None:
    item = checklists.get(db, ticket, fact.item_id)
    if fact.what in ("added", "restored"):
        checklists.remove(db, ticket, item, by=by, now=now)
    elif fact.what == "removed":
        checklists.restore(db, ticket, item, fact.before or 0, by=by, now=now)
    elif fact.what == "moved":
        checklists.move(db, ticket, item, fact.before or 0, by=by, now=now)
    else:
        checklists.tick(db, ticket, item, fact.what == "unticked", by=by, now=now)


def _return_back(db: Session, ticket: Ticket, fact: Any, by: Agent, now: datetime) -> None:
    found = returns.of_this(db, ticket, fact.return_id)
    if found.state != fact.what:
        raise Conflict("moved_on", ticket_id=ticket.id)
    at = datetime.fromisoformat(fact.was_at) if fact.was_at else None
    returns.step(db, ticket, found, fact.was or "withdrawn", by=by, now=now, ended_at=at)


def _link_back(db: Session, ticket: Ticket, fact: Any, by: Agent, now: datetime) -> None:
    other = db.get(Ticket, fact.other_id)
    if other is None or fact.reason not in links.REASONS:
        raise Conflict("cannot_be_undone", ticket_id=ticket.id)
    verb = links.unlink if isinstance(fact, facts.TicketLinked) else links.link
    verb(db, ticket, other, fact.reason, by=by, now=now)


def _watch_back(db: Session, ticket: Ticket, fact: Any, by: Agent, now: datetime) -> None:
    if isinstance(fact, facts.TicketWatched):
        watchers.unwatch(db, ticket, fact.watcher_id, by=by, now=now)
    elif agent := db.get(Agent, fact.watcher_id):
        watchers.watch(db, ticket, agent, by=by, now=now)


def _merge_back(db: Session, ticket: Ticket, fact: Any, by: Agent, now: datetime) -> None:
    merged = db.get(Ticket, fact.merged_id)
    into = db.get(Ticket, fact.into_id)
    if merged is None or into is None:
        raise Conflict("moved_on", ticket_id=ticket.id)
    if isinstance(fact, facts.TicketMerged):
        if merged.merged_into_id != into.id:
            raise Conflict("moved_on", ticket_id=ticket.id)
        merging.unmerge(db, merged, by=by, now=now)
    else:
        merging.merge(db, merged, into, by=by, now=now)


_STATE = _Kind(lambda fact: [("state",)], _state_back)
_TAG = _Kind(
    lambda fact: [("tag", fact.tag_id)],
    lambda db, ticket, fact, by, now: (tags.remove if isinstance(fact, facts.TicketTagged) else tags.put)(
        db, ticket, fact.tag_id, by=by, now=now
    ),
)
_LINK = _Kind(lambda fact: [("link", fact.other_id, fact.reason)], _link_back)
_WATCH = _Kind(lambda fact: [("watch", fact.watcher_id)], _watch_back)
_MERGE = _Kind(lambda fact: [("merge", fact.merged_id)], _merge_back)
_KINDS: dict[type[Fact], _Kind] = {
    facts.TicketMoved: _Kind(
        lambda fact: [("queue",), *([("assignee",)] if fact.from_agent_id else [])],
        lambda db, ticket, fact, by, now: routing.move_back(db, ticket, fact, by=by, now=now),
    ),
    facts.TicketAssigned: _Kind(lambda fact: [("assignee",)], _assignment_back),
    facts.TicketResolved: _STATE,
    facts.TicketReopened: _STATE,
    facts.TicketPended: _STATE,
    facts.TicketPrioritized: _Kind(
        lambda fact: [("priority",)],
        lambda db, ticket, fact, by, now: tickets.prioritize(db, ticket, fact.before, by=by, now=now),
    ),
    facts.TicketTagged: _TAG,
    facts.TicketUntagged: _TAG,
    facts.FieldSet: _Kind(lambda fact: [("field", fact.field_id)], _field_back),
    facts.ChecklistChanged: _Kind(lambda fact: [("item", fact.item_id)], _item_back),
    facts.ReturnChanged: _Kind(lambda fact: [("return", fact.return_id)], _return_back),
    facts.TicketLinked: _LINK,
    facts.TicketUnlinked: _LINK,
    facts.TicketWatched: _WATCH,
    facts.TicketUnwatched: _WATCH,
    facts.TicketMerged: _MERGE,
    facts.TicketUnmerged: _MERGE,
    facts.TicketSplit: _Kind(
        lambda fact: [("split", fact.message_id)],
        lambda db, ticket, fact, by, now: splitting.rejoin(db, fact, by=by, now=now),
    ),
}
_NAMES = [name_of(kind) for kind in _KINDS]
