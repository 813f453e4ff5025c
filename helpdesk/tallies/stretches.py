"""A ticket's stretches: from being opened, or opened again, until it was resolved.

The one idea: like a call's stays they are folded from all the ticket's facts, every time one comes, so an act that was
taken back, a mail that was stopped and a fact that comes late leave what is true, in whatever order they came. Nothing
is added up here; whatever is counted is a sum over these rows.

An answer is an agent's own words to the customer that were not stopped, or a call that an agent took. What a customer
said is a mail that no machine wrote, or a call. A transfer is a move to another queue, unless out of the waiting place
for what nobody was sure of, and from one agent to another. A ticket that goes on in another one has no stretches.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.hours import Timetable
from helpdesk.measures import SETTLED
from helpdesk.outgoing import SOON
from models import (
    Calendar,
    Call,
    Direction,
    Event,
    Message,
    MessageKind,
    MessageState,
    Promise,
    PromiseKind,
    Queue,
    Routing,
    Stretch,
    Ticket,
    TicketState,
)

FACTS = ("ticket_moved", "ticket_assigned", "ticket_resolved", "ticket_reopened", "ticket_pended")
"""Those of a ticket's facts that are folded."""
COLUMNS = tuple(name for name in Stretch.model_fields if name != "ticket_id")
_UNSAID = (MessageState.WITHDRAWN, MessageState.FAILED, MessageState.AWAITING, MessageState.HELD)


class Hours:
    """The business hours of every queue, as they were when this was made, and which queues only sort."""

    def __init__(self, db: Session) -> None:
        tables = {each.id: Timetable(Calendar(**each.model_dump())) for each in db.scalars(sa.select(Calendar))}
        always = Timetable(None)
        rows = db.execute(sa.select(col(Queue.id), col(Queue.calendar_id), col(Queue.is_triage))).all()
        self._calendars = tables
        self._queues = {queue_id: tables.get(calendar_id, always) for queue_id, calendar_id, _ in rows}
        self.triage = frozenset(queue_id for queue_id, _, is_triage in rows if is_triage)
        self._always = always

    def between(self, queue_id: int, calendar_id: int | None, start: datetime, end: datetime) -> int:
        """Whole seconds of the business time of a calendar, or else of a queue."""
        table = self._calendars.get(calendar_id) if calendar_id is not None else None
        return int((table or self._queues.get(queue_id, self._always)).between(start, end))


@dataclass(slots=True)
class Told:
    """All that is known of one ticket, oldest first."""

    id: int
    queue_id: int
    channel: str
    priority: int
    state: str
    assignee_id: int | None
    merged_into_id: int | None
    created_at: datetime
    last_contact_at: datetime
    resolved_at: datetime | None
    language: str
    facts: list[tuple[str, datetime, int | None, Mapping[str, Any]]] = field(default_factory=list)
    said: list[datetime] = field(default_factory=list)  # by the customer
    answers: list[tuple[datetime, int]] = field(default_factory=list)  # by whom
    promises: list[tuple[str, datetime | None, datetime | None]] = field(default_factory=list)  # kept, broken
    calendar_id: int | None = None  # by whose hours its promises count
    decisions: list[tuple[int, str]] = field(default_factory=list)  # which queue, and why


def read(db: Session, ticket_ids: Iterable[int]) -> list[Told]:
    """What is known of these tickets, by number. Six statements."""
    ids = sorted(set(ticket_ids))
    if not ids:
        return []
    found = {
        row.id: Told(row.id, row.queue_id, row.channel.value, row.priority, row.state.value, *row[5:])
        for row in db.execute(
            sa.select(col(Ticket.id), col(Ticket.queue_id), col(Ticket.channel), col(Ticket.priority),
                      col(Ticket.state), col(Ticket.assignee_id), col(Ticket.merged_into_id), col(Ticket.created_at),
                      col(Ticket.last_contact_at), col(Ticket.resolved_at), col(Ticket.language))
            .where(col(Ticket.id).in_(ids))
        )
    }  # fmt: skip
    for ticket_id, fact, at, by_id, data in db.execute(
        sa.select(col(Event.ticket_id), col(Event.fact), col(Event.at), col(Event.actor_id), col(Event.data))
        .where(col(Event.ticket_id).in_(ids), col(Event.fact).in_(FACTS)).order_by(col(Event.id))
    ):  # fmt: skip
        if ticket_id in found:
            found[ticket_id].facts.append((fact, at, by_id, data))
    for ticket_id, direction, author_id, created_at, leaves_at, sent_at, state in db.execute(
        sa.select(col(Message.ticket_id), col(Message.direction), col(Message.author_id), col(Message.created_at),
                  col(Message.leaves_at), col(Message.sent_at), col(Message.state))
        .where(
            col(Message.ticket_id).in_(ids), sa.not_(col(Message.is_automatic)),
            sa.or_(
                sa.and_(col(Message.direction) == Direction.IN, sa.not_(col(Message.is_from_stranger))),
                sa.and_(col(Message.kind).in_((MessageKind.REPLY, MessageKind.NEW)),
                        col(Message.author_id).is_not(None), col(Message.state).not_in(_UNSAID)),
            ),
        )
    ):  # fmt: skip
        if direction == Direction.IN:
            found[ticket_id].said.append(created_at)
        elif leaves_at is None or leaves_at - created_at <= SOON:
            found[ticket_id].answers.append((created_at, author_id))
        elif state == MessageState.SENT and sent_at is not None:  # written to leave later
            found[ticket_id].answers.append((sent_at, author_id))
    for ticket_id, direction, agent_id, started_at, answered_at in db.execute(
        sa.select(col(Call.ticket_id), col(Call.direction), col(Call.agent_id), col(Call.started_at),
                  col(Call.answered_at)).where(col(Call.ticket_id).in_(ids))
    ):  # fmt: skip
        if direction == "in":
            found[ticket_id].said.append(started_at)
        if answered_at is not None and agent_id is not None:
            found[ticket_id].answers.append((answered_at, agent_id))
    for ticket_id, kind, kept_at, breached_at, calendar_id in db.execute(
        sa.select(col(Promise.ticket_id), col(Promise.kind), col(Promise.kept_at), col(Promise.breached_at),
                  col(Promise.calendar_id))
        .where(col(Promise.ticket_id).in_(ids), col(Promise.kind) != PromiseKind.NEXT_RESPONSE)
        .order_by(col(Promise.id))
    ):  # fmt: skip
        found[ticket_id].promises.append((kind.value, kept_at, breached_at))
        found[ticket_id].calendar_id = calendar_id
    for ticket_id, queue_id, reason in db.execute(
        sa.select(col(Routing.ticket_id), col(Routing.queue_id), col(Routing.reason))
        .where(col(Routing.ticket_id).in_(ids)).order_by(col(Routing.id))
    ):  # fmt: skip
        found[ticket_id].decisions.append((queue_id, reason))
    return [found[ticket_id] for ticket_id in ids if ticket_id in found]


def fold(told: Told, hours: Hours) -> list[dict[str, Any]]:
    """The stretches of one ticket as rows, the first first."""
    if told.merged_into_id is not None:
        return []
    spans = _spans(told, hours.triage)
    said, answers = sorted(told.said), sorted(told.answers)
    asked_at = said[0] if said and (not answers or said[0] <= answers[0][0]) else None
    rows = []
    for number, span in enumerate(spans, 1):
        row: dict[str, Any] = dict.fromkeys(COLUMNS)
        row |= {
            "ticket_id": told.id, "number": number, "queue_id": span.queue_id, "channel": told.channel,
            "priority": told.priority, "opened_at": told.created_at, "began_at": span.began_at,
            "ended_at": span.ended_at, "is_reopened": number < len(spans), "agent_id": span.agent_id,
            "transfers": max(0, span.transfers), "language": told.language, "placed_by": "", "is_corrected": False,
            "is_settled_there": False, "asks": number == 1 and asked_at is not None,
        }  # fmt: skip
        if span.ended_at is not None:
            row["resolve_seconds"] = _seconds(told.created_at, span.ended_at)
            row["resolve_open_seconds"] = hours.between(span.queue_id, told.calendar_id, told.created_at, span.ended_at)
            if number == len(spans):
                row["resolve_kept"] = _kept(told, PromiseKind.RESOLUTION)
        rows.append(row)
    if told.decisions:
        placed_id, placed_by = told.decisions[0]
        moved = any(reason == "by_agent" and queue_id != placed_id for queue_id, reason in told.decisions[1:])
        rows[0] |= {
            "placed_id": placed_id, "placed_by": placed_by, "is_corrected": moved,
            "is_settled_there": not moved and told.state == TicketState.RESOLVED,
        }  # fmt: skip
    if asked_at is not None and answers:
        at, responder_id = max(answers[0][0], told.created_at), answers[0][1]
        rows[0] |= {
            "answered_at": at, "responder_id": responder_id, "answer_seconds": _seconds(told.created_at, at),
            "answer_open_seconds": hours.between(rows[0]["queue_id"], told.calendar_id, told.created_at, at),
            "answer_kept": _kept(told, PromiseKind.FIRST_RESPONSE),
            "came_back": any(at < each <= at + SETTLED for each in said),
        }  # fmt: skip
    return rows


@dataclass(slots=True)
class _Span:
    began_at: datetime
    queue_id: int
    ended_at: datetime | None = None
    agent_id: int | None = None
    transfers: int = 0


def _spans(told: Told, triage: frozenset[int]) -> list[_Span]:
    moves = [data for fact, _, _, data in told.facts if fact == "ticket_moved"]
    first = moves[0]["from_queue_id"] if moves else told.queue_id
    spans, queue_id, assignee_id = [_Span(told.created_at, first)], first, None
    for fact, at, by_id, data in told.facts:
        span, reason = spans[-1], data.get("reason", "")
        at = max(at, span.began_at)
        if fact == "ticket_moved":
            sorted_out = data["from_queue_id"] in triage or (reason == "taken_back" and data["queue_id"] in triage)
            if span.ended_at is None and not sorted_out:
                span.transfers += -1 if reason == "taken_back" else 1
            queue_id = data["queue_id"]
        elif fact == "ticket_assigned":
            both = data.get("from_agent_id") is not None and data.get("agent_id") is not None
            span.transfers += both and span.ended_at is None
            assignee_id = data.get("agent_id")
        elif fact == "ticket_resolved":
            if reason == "taken_back" and len(spans) > 1 and span.ended_at is None:
                spans.pop()  # what had opened it again was taken back
            elif span.ended_at is None:
                span.ended_at, span.agent_id = at, by_id or assignee_id
        elif span.ended_at is not None:
            if reason == "taken_back":
                span.ended_at = span.agent_id = None  # it had not been resolved after all
            else:
                spans.append(_Span(at, queue_id))
        if spans[-1].ended_at is None:
            spans[-1].queue_id = queue_id
    last = spans[-1]
    if told.state == TicketState.RESOLVED:
        if last.ended_at is None:  # its facts are older than the log
            last.ended_at = max(told.resolved_at or told.last_contact_at, last.began_at)
            last.agent_id = told.assignee_id
    else:
        last.ended_at = None
    if last.ended_at is None:
        last.queue_id, last.agent_id = told.queue_id, told.assignee_id
    return spans


def _kept(told: Told, kind: PromiseKind) -> bool | None:
    ours = [each for each in told.promises if each[0] == kind]
    if not ours:
        return None
    _, kept_at, breached_at = ours[-1]
    return False if breached_at is not None else True if kept_at is not None else None


def _seconds(start: datetime, end: datetime) -> int:
    return max(0, (end - start) // timedelta(seconds=1))


def write(
    db: Session, told: Sequence[Told], rows: Sequence[Mapping[str, Any]]
) -> tuple[list[datetime], list[datetime]]:
    """Make the rows of these tickets what was folded. Returns the moments whose days are other ones now, and those of
    which it is only another thing who came back: that is counted once seven days are over."""
    ids = [each.id for each in told]
    known = {
        (row["ticket_id"], row["number"]): dict(row)
        for row in db.execute(sa.select(*_TABLE.c).where(_TABLE.c.ticket_id.in_(ids))).mappings()
    }
    now = {(row["ticket_id"], row["number"]): dict(row) for row in rows}
    moments: list[datetime] = []
    returns: list[datetime] = []
    gone = [key for key in known if known[key] != now.get(key)]
    new = [now[key] for key in now if now[key] != known.get(key)]
    for key in {*gone, *((row["ticket_id"], row["number"]) for row in new)}:
        before, after = known.get(key, {}), now.get(key, {})
        for at, shown in _SHOWN.items():
            if any(before.get(name) != after.get(name) for name in (*_ALWAYS, at, *shown)):
                moments += [row[at] for row in (before, after) if row.get(at) is not None]
        if before.get("came_back") != after.get("came_back") and after.get("answered_at"):
            returns.append(after["answered_at"])
    if gone:
        db.execute(sa.delete(_TABLE).where(sa.tuple_(_TABLE.c.ticket_id, _TABLE.c.number).in_(gone)))
    if new:
        db.execute(sa.insert(_TABLE), new)
    return moments, returns


_ALWAYS = ("queue_id", "channel", "priority")
_SHOWN = {
    "began_at": ("number", "asks", "language", "placed_by", "placed_id", "is_corrected", "is_settled_there"),
    "answered_at": ("responder_id", "answer_seconds", "answer_open_seconds", "answer_kept"),
    "ended_at": ("agent_id", "resolve_seconds", "resolve_open_seconds", "resolve_kept", "is_reopened", "transfers"),
}
"""What is counted on the day of each moment: if nothing of it changes, that day does not."""
_TABLE: sa.Table = Stretch.__table__  # type: ignore[attr-defined]
