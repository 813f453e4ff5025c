"""The promises on tickets: made, paused, kept, at risk, broken.

The one idea: nobody calls this module to say what happened. Once a transaction has stated its facts, `conclude` reads
them, ticket by ticket, and makes the clocks agree with what the ticket is now: they run while it is open, rest while it
is pending or resolved, and count by the policy that fits it. So no verb can forget a promise, and taking something back
takes back what it kept. What time alone brings about is in one column of one index, and `raise_due` does it once.

Whoever changes queue or priority changes what is promised, not what has passed: business time that was used stays used.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import notifications, policies
from helpdesk.events import emit
from helpdesk.facts import (
    CallChanged,
    CallEnded,
    Fact,
    MessageFailed,
    MessageQueued,
    MessageReceived,
    MessageSent,
    MessageWithdrawn,
    PromiseAtRisk,
    PromiseBreached,
    PromiseChanged,
    TicketMerged,
    TicketOpened,
    TicketUnmerged,
    name_of,
)
from helpdesk.policies import Book, Terms
from models import (
    Agent,
    Call,
    Direction,
    Message,
    MessageKind,
    MessageState,
    NotificationKind,
    Promise,
    PromiseKind,
    Role,
    Ticket,
    TicketState,
)

BATCH = 100
ANSWERS = (PromiseKind.FIRST_RESPONSE, PromiseKind.NEXT_RESPONSE)
HEARD = {
    "ticket_opened", "ticket_moved", "ticket_prioritized", "ticket_pended", "ticket_resolved", "ticket_reopened",
    "ticket_merged", "ticket_unmerged", "ticket_split", "message_received", "message_queued", "message_sent",
    "message_withdrawn", "message_failed", "call_changed", "call_ended",
}  # fmt: skip
"""The facts after which a ticket's clocks are looked at."""
OTHERS = {"ticket_moved", "ticket_prioritized"}
"""The facts that make another ticket of it, as far as promises go."""
_TABLE: sa.Table = Promise.__table__  # type: ignore[attr-defined]
_INSERT = sa.insert(_TABLE)
_COLUMNS = [column.name for column in _TABLE.c if column.name != "id"]
_CLOCK = ("policy_id", "calendar_id", "promised_seconds", "started_at", "counted_at", "left_seconds", "due_at",
          "at_risk_at", "next_at", "warned_at", "breached_at")  # fmt: skip
"""What a promise takes over from another that is due sooner."""
_UNSAID = (MessageState.WITHDRAWN, MessageState.FAILED, MessageState.AWAITING)


def opening(db: Session, ticket: Ticket) -> None:
    """Write on a ticket that a customer is about to open when we must answer, so that its row is written once."""
    book = policies.book(db)
    if not book.is_empty:
        ticket.due_at, ticket.due_kind = _plan(book, ticket).due


def conclude(db: Session, told: Sequence[Fact]) -> None:
    """The transaction is about to commit, and this is all it stated: let the clocks agree with it."""
    policies.heard(db, told)
    book = policies.book(db)
    if book.is_empty:
        return
    by_ticket: dict[int, list[Fact]] = {}
    for fact in told:
        if name_of(type(fact)) in HEARD and (ticket_id := getattr(fact, "ticket_id", None)):
            by_ticket.setdefault(ticket_id, []).append(fact)
    if not by_ticket:
        return
    made: list[dict[str, Any]] = []
    new = {ticket_id for ticket_id, facts in by_ticket.items() if any(isinstance(each, TicketOpened) for each in facts)}
    rows = _rows(db, by_ticket.keys() - new)
    _merge(db, book, by_ticket, rows)
    _unmerge(db, by_ticket, rows)
    for ticket_id, facts in by_ticket.items():
        ticket = db.get(Ticket, ticket_id)
        if ticket is None:
            continue
        if ticket_id in new and _is_usual(ticket, facts):
            plan = _plan(book, ticket)
            made += [values | {"ticket_id": ticket_id} for values in plan.rows]
            if (ticket.due_at, ticket.due_kind) != plan.due:
                ticket.due_at, ticket.due_kind = plan.due
            continue
        own = rows.setdefault(ticket_id, [])
        _settle(db, book, ticket, own, facts)
        if ticket_id in new:
            made += [_values(each) for each in own if each.id is None]
        else:
            db.add_all(own)
    if made:
        db.flush()  # their tickets may not be there yet
        db.connection().execute(_INSERT, made)


def is_anything_due(db: Session, *, now: datetime) -> bool:
    """Whether `raise_due` has something to say; costs one look at an index."""
    return db.exec(select(Promise.id).where(col(Promise.next_at) <= now).limit(1)).first() is not None


def raise_due(db: Session, *, now: datetime) -> int:
    """State once of every promise that it is at risk, or broken, and tell whom its policy names. Returns of how many;
    what another process has in hand is left to it."""
    book = policies.book(db)
    late = db.exec(
        select(Promise, Ticket)
        .join(Ticket, col(Ticket.id) == Promise.ticket_id)
        .where(col(Promise.next_at) <= now)
        .order_by(col(Promise.next_at), col(Promise.id))
        .limit(BATCH)
        .with_for_update(of=Promise, skip_locked=True)
    ).all()
    for promise, ticket in late:
        assert promise.due_at is not None and ticket.id is not None
        policy = book.of(promise.policy_id)
        if promise.due_at <= now:
            _broken(db, promise, ticket, now=now)
            kind = NotificationKind.BREACHED
            who, named = (policy.breached_told, policy.breached_agent_id) if policy else ((), None)
        else:
            promise.warned_at, promise.next_at = now, promise.due_at
            emit(db, PromiseAtRisk(**_named(promise, ticket), at=now))
            kind = NotificationKind.AT_RISK
            who, named = (policy.at_risk_told, policy.at_risk_agent_id) if policy else ((), None)
        for agent_id in _told(db, ticket, who, named):
            notifications.tell(db, agent_id, kind, ticket_id=ticket.id, now=now)
    return len(late)


def recount(db: Session, *, above: int, now: datetime) -> int:
    """Let the clocks of open tickets agree with policies and calendars that were changed: some tickets above an id, in
    its order. Returns the last one's id; 0 where there are no more."""
    book = policies.book(db)
    found = db.exec(
        select(Ticket)
        .where(
            col(Ticket.id) > above,
            Ticket.state != TicketState.RESOLVED,
            sa.exists().where(col(Promise.ticket_id) == Ticket.id, col(Promise.kept_at).is_(None)),
        )
        .order_by(col(Ticket.id))
        .limit(BATCH)
        .with_for_update()
    ).all()
    rows = _rows(db, {ticket.id or 0 for ticket in found})
    for ticket in found:
        assert ticket.id is not None
        own, before = rows.get(ticket.id, []), (ticket.due_at, ticket.due_kind)
        _agree(db, book, ticket, own, at=now, calendars_too=True)
        _run_or_rest(db, book, ticket, own, at=now)
        db.add_all(own)
        _write_due(ticket, own)
        if (ticket.due_at, ticket.due_kind) != before:
            emit(db, PromiseChanged(ticket_id=ticket.id, queue_id=ticket.queue_id, at=now))
    return (found[-1].id or 0) if found else 0


@dataclass(frozen=True, slots=True)
class Clock:
    """A promise as the head of its ticket shows it. `state` is "running", "at_risk", "broken", "resting", "kept" or
    "kept_late"; `at` is when it is due, was broken, began to rest, or was kept; `counts` whether the time left is told,
    which it is on the last day."""

    kind: str
    state: str
    at: datetime
    counts: bool = False


def clocks(db: Session, ticket: Ticket, *, now: datetime) -> list[Clock]:
    """What is promised on a ticket now: what is open, what is due first first, or else how it was kept last."""
    if policies.book(db).is_empty or ticket.id is None:
        return []
    rows = of(db, ticket.id)
    is_over = ticket.state == TicketState.RESOLVED
    shown = [each for each in rows if each.kept_at is None and not is_over]
    for kinds in (ANSWERS, (PromiseKind.RESOLUTION,)):
        if not any(each.kind in kinds for each in shown):
            shown += [each for each in rows if each.kind in kinds and each.kept_at is not None][-1:]
    told = [clock for each in shown if (clock := _clock(each, now)) is not None]
    return sorted(told, key=lambda clock: (clock.state.startswith("kept"), clock.at))


def of(db: Session, ticket_id: int) -> list[Promise]:
    """What was promised on a ticket, oldest first."""
    return list(db.exec(select(Promise).where(Promise.ticket_id == ticket_id).order_by(col(Promise.id))))


def clock_of(db: Session, ticket: Ticket) -> dict[str, Any]:
    """By when somebody is waiting for an answer, as columns of the promise (times as ISO 8601); {} where nobody is."""
    promise = _awaited(of(db, ticket.id or 0))
    values = {name: getattr(promise, name) for name in _CLOCK} if promise else {}
    return {name: each.isoformat() if isinstance(each, datetime) else each for name, each in values.items()}


@dataclass(frozen=True, slots=True)
class Plan:
    """The promises on a ticket that a customer opens, as rows without their ticket, and the earliest of them."""

    rows: list[dict[str, Any]]
    due: tuple[datetime | None, str]


def _plan(book: Book, ticket: Ticket) -> Plan:
    def make() -> Plan:
        rows: list[Promise] = []
        _make(book, ticket, rows, (PromiseKind.FIRST_RESPONSE, PromiseKind.RESOLUTION), at=ticket.created_at)
        return Plan([_values(each) for each in rows], _due(rows))

    return book.remembered((ticket.queue_id, ticket.priority, ticket.channel, ticket.created_at), make)


def _is_usual(ticket: Ticket, told: Sequence[Fact]) -> bool:
    """Whether a customer opened it, and that is all that happened."""
    return ticket.state == TicketState.OPEN and all(
        isinstance(fact, MessageReceived) or (isinstance(fact, TicketOpened) and fact.by_id is None) for fact in told
    )


# --- a ticket's clocks -------------------------------------------------------------------------------------------


def _settle(db: Session, book: Book, ticket: Ticket, rows: list[Promise], told: Sequence[Fact]) -> None:
    for fact in told:
        _HEAR.get(type(fact), _nothing)(db, book, ticket, rows, fact)
    if not any(isinstance(fact, TicketOpened) for fact in told):
        is_other = any(name_of(type(fact)) in OTHERS for fact in told)
        _agree(db, book, ticket, rows, at=told[-1].at, makes=is_other)
    _run_or_rest(db, book, ticket, rows, at=told[-1].at)
    _write_due(ticket, rows)


def _opened(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Any) -> None:
    """Whoever waits for our words is promised them. What the desk began waits for none."""
    by_customer = (PromiseKind.FIRST_RESPONSE,) if fact.by_id is None or ticket.awaits_us else ()
    _make(book, ticket, rows, (*by_customer, PromiseKind.RESOLUTION), at=ticket.created_at)


def _received(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Any) -> None:
    message = db.get(Message, fact.message_id)
    if message is not None and not message.is_automatic and not message.is_from_stranger:
        _heard(book, ticket, rows, at=fact.at)


def _queued(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Any) -> None:
    message = db.get(Message, fact.message_id)
    if message is not None and _is_answer(message) and not _is_for_later(message):
        _answered(db, ticket, rows, at=fact.at, answer_id=message.id)


def _sent(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Any) -> None:
    """What was to leave later answers when it leaves; anything else did when it was written, and answers nothing that
    was asked after that."""
    message = db.get(Message, fact.message_id)
    if message is not None and _is_answer(message):
        at = fact.at if _is_for_later(message) else message.created_at
        _answered(db, ticket, [each for each in rows if each.started_at <= at], at=at, answer_id=message.id)


def _taken_back(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Any) -> None:
    """Nobody got it, so it kept nothing, unless something else was said meanwhile."""
    for promise in rows:
        if promise.kept_at is None or promise.answer_id != fact.message_id:
            continue
        promise.kept_at = promise.answer_id = None
        if other := _other_answer(db, ticket, promise, but=fact.message_id):
            _keep(db, ticket, promise, at=other.created_at, answer_id=other.id)
        else:
            promise.next_at = _next(promise)


def _called(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Any) -> None:
    """A call that an agent answered is an answer; one that nobody took asks for one."""
    call = db.get(Call, fact.call_id)
    if call is None:
        return
    if call.answered_at is not None and call.agent_id is not None:
        for promise in rows:
            if promise.started_at <= (call.ended_at or fact.at):
                _answered(db, ticket, [promise], at=max(call.answered_at, promise.started_at))
    elif isinstance(fact, CallEnded) and call.direction == "in":
        _heard(book, ticket, rows, at=call.started_at)


def _separated(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Any) -> None:
    """A ticket that is one of its own again: where nobody wrote meanwhile its customer has waited all the time."""
    since = datetime.fromisoformat(fact.since) if fact.since and fact.merged_id == ticket.id else None
    for promise in rows:
        if ticket.state == TicketState.OPEN and promise.kept_at is None and promise.paused_at == since is not None:
            _run(book, promise, at=since)


def _nothing(db: Session, book: Book, ticket: Ticket, rows: list[Promise], fact: Any) -> None:
    pass


_HEAR: dict[type[Fact], Callable[[Session, Book, Ticket, list[Promise], Any], None]] = {
    TicketOpened: _opened,
    MessageReceived: _received,
    MessageQueued: _queued,
    MessageSent: _sent,
    MessageWithdrawn: _taken_back,
    MessageFailed: _taken_back,
    CallChanged: _called,
    CallEnded: _called,
    TicketUnmerged: _separated,
}


def _heard(book: Book, ticket: Ticket, rows: list[Promise], *, at: datetime) -> None:
    """The customer said something: that is to be answered, unless an answer is due already."""
    if not any(each.kind in ANSWERS and each.kept_at is None for each in rows):
        _make(book, ticket, rows, (PromiseKind.NEXT_RESPONSE,), at=at)


def _answered(
    db: Session, ticket: Ticket, rows: Iterable[Promise], *, at: datetime, answer_id: int | None = None
) -> None:
    for promise in rows:
        if promise.kind in ANSWERS and promise.kept_at is None:
            _keep(db, ticket, promise, at=at, answer_id=answer_id)


def _agree(
    db: Session, book: Book, ticket: Ticket, rows: list[Promise], *, at: datetime, makes: bool = False,
    calendars_too: bool = False,
) -> None:  # fmt: skip
    """Let what is promised be what the policy that fits the ticket now says; what it promises besides only if `makes`,
    and then no earlier than since there is that policy."""
    terms = _terms(book, ticket)
    for promise in [each for each in rows if each.kept_at is None]:
        seconds = terms.seconds(promise.kind) if terms else 0.0
        if terms is None or not seconds:
            rows.remove(promise)
            if promise.id is not None:
                db.delete(promise)
            continue
        now_says = (terms.policy.id, terms.calendar_id, seconds)
        if now_says == (promise.policy_id, promise.calendar_id, promise.promised_seconds) and not calendars_too:
            continue
        if promise.paused_at is None:
            if not calendars_too:  # else what was counted by wrong hours is counted anew, by the right ones
                _count(book, promise, at=at)
            promise.left_seconds += seconds - promise.promised_seconds
            start = promise.counted_at
        else:
            promise.left_seconds += seconds - promise.promised_seconds
            start = at
        promise.policy_id, promise.calendar_id, promise.promised_seconds = (
            terms.policy.id or 0,
            terms.calendar_id,
            seconds,
        )
        if promise.paused_at is None:
            _run(book, promise, at=start)
            _take_back_alarms(promise, at=at)
    missing = {PromiseKind.RESOLUTION, PromiseKind.FIRST_RESPONSE} - {each.kind for each in rows}
    if not makes or terms is None or not any(terms.seconds(kind) for kind in missing):
        return
    since = max(ticket.created_at, terms.policy.created_at)
    if PromiseKind.RESOLUTION in missing and ticket.state != TicketState.RESOLVED:
        _make(book, ticket, rows, (PromiseKind.RESOLUTION,), at=since)
    waits = ticket.awaits_us and not any(each.kind in ANSWERS and each.kept_at is None for each in rows)
    if PromiseKind.FIRST_RESPONSE in missing and waits and not _was_answered(db, ticket):
        _make(book, ticket, rows, (PromiseKind.FIRST_RESPONSE,), at=since)


def _run_or_rest(db: Session, book: Book, ticket: Ticket, rows: Sequence[Promise], *, at: datetime) -> None:
    """Clocks run while the ticket is open. That it is resolved keeps the promise that it would be; where it goes on in
    another ticket nothing is kept, and nothing due."""
    is_solved = ticket.state == TicketState.RESOLVED and ticket.merged_into_id is None
    solved_at = (ticket.resolved_at if is_solved else None) or at  # earlier than now where a reopening was taken back
    for promise in rows:
        if promise.kind == PromiseKind.RESOLUTION and promise.kept_at is not None and not is_solved:
            promise.kept_at = None
        if promise.kept_at is not None:
            continue
        if ticket.state == TicketState.OPEN and promise.paused_at is not None:
            _run(book, promise, at=at)
        elif ticket.state != TicketState.OPEN and promise.paused_at is None:
            _rest(db, book, ticket, promise, at=max(promise.counted_at, min(solved_at, at)))
        if is_solved and promise.kind == PromiseKind.RESOLUTION:
            promise.kept_at = min(solved_at, at)


def _merge(db: Session, book: Book, by_ticket: dict[int, list[Fact]], rows: dict[int, list[Promise]]) -> None:
    """Whoever waited for an answer in a ticket that goes on in another waits there, for the sooner of the two."""
    for ticket_id, facts in by_ticket.items():
        for fact in facts:
            if not isinstance(fact, TicketMerged) or ticket_id != fact.into_id:
                continue
            theirs = _awaited(rows.get(fact.merged_id, ()))
            ours = _awaited(rows.setdefault(ticket_id, []))
            if theirs is None or theirs.due_at is None:
                continue
            if ours is None:
                had = any(each.kind == PromiseKind.FIRST_RESPONSE for each in rows[ticket_id])
                kind = PromiseKind.NEXT_RESPONSE if had else theirs.kind
                copied = _values(theirs) | {"ticket_id": ticket_id, "kind": kind}
                rows[ticket_id].append(Promise(**copied))
            elif ours.due_at is None or theirs.due_at < ours.due_at:
                for name in _CLOCK:
                    setattr(ours, name, getattr(theirs, name))


def _unmerge(db: Session, by_ticket: dict[int, list[Fact]], rows: dict[int, list[Promise]]) -> None:
    """Where nothing came of a merge, whoever was in the other ticket waits by the time that was theirs before."""
    for ticket_id, facts in by_ticket.items():
        for fact in facts:
            if not isinstance(fact, TicketUnmerged) or ticket_id != fact.into_id or fact.clock is None:
                continue
            theirs = next(_unanswered(rows.get(fact.merged_id, ())), None)
            own = rows.setdefault(ticket_id, [])
            ours = next((each for each in _unanswered(own) if theirs and each.started_at == theirs.started_at), None)
            if ours is None:
                continue
            if not fact.clock:  # it was made for the merge
                own.remove(ours)
                db.delete(ours)
            for name, value in fact.clock.items():
                setattr(ours, name, datetime.fromisoformat(value) if isinstance(value, str) else value)


def _awaited(rows: Iterable[Promise]) -> Promise | None:
    return next((each for each in _unanswered(rows) if each.paused_at is None), None)


def _unanswered(rows: Iterable[Promise]) -> Iterator[Promise]:
    return (each for each in rows if each.kind in ANSWERS and each.kept_at is None)


# --- one clock ---------------------------------------------------------------------------------------------------


def _make(book: Book, ticket: Ticket, rows: list[Promise], kinds: Iterable[PromiseKind], *, at: datetime) -> None:
    terms = _terms(book, ticket)
    for kind in kinds:
        if terms is not None and (seconds := terms.seconds(kind)):
            promise = Promise(
                ticket_id=ticket.id or 0, kind=kind, policy_id=terms.policy.id or 0, calendar_id=terms.calendar_id,
                promised_seconds=seconds, started_at=at, counted_at=at, left_seconds=seconds,
            )  # fmt: skip
            _run(book, promise, at=at)
            rows.append(promise)


def _run(book: Book, promise: Promise, *, at: datetime) -> None:
    """Let its clock run from an instant on, with what is left."""
    policy = book.of(promise.policy_id)
    percent = policy.at_risk_percent if policy else 75
    spare = promise.promised_seconds * (1 - percent / 100)
    promise.counted_at, promise.paused_at = at, None
    promise.due_at = _at(book, promise, at, promise.left_seconds)
    promise.at_risk_at = _at(book, promise, at, promise.left_seconds - spare) if promise.due_at else None
    promise.next_at = _next(promise)


def _at(book: Book, promise: Promise, at: datetime, left: float) -> datetime | None:
    """When so much more business time has passed; less than none is in the past."""
    if left >= 0:
        return book.after(promise.calendar_id, at, left)
    found = book.table(promise.calendar_id).before(at, -left)
    return promise.started_at if found is None else max(found, promise.started_at)


def _rest(db: Session, book: Book, ticket: Ticket, promise: Promise, *, at: datetime) -> None:
    """Let its clock rest. One that was over already was broken, though nobody had looked yet."""
    if promise.due_at is not None and promise.due_at < at and promise.breached_at is None:
        _broken(db, promise, ticket, now=at)
    _count(book, promise, at=at)
    promise.paused_at, promise.due_at, promise.at_risk_at, promise.next_at = at, None, None, None


def _count(book: Book, promise: Promise, *, at: datetime) -> None:
    """Take what has passed off what is left."""
    promise.left_seconds -= book.table(promise.calendar_id).between(promise.counted_at, at)
    promise.counted_at = max(promise.counted_at, at)


def _keep(db: Session, ticket: Ticket, promise: Promise, *, at: datetime, answer_id: int | None) -> None:
    if promise.due_at is not None and promise.due_at < at and promise.breached_at is None:
        _broken(db, promise, ticket, now=at)
    promise.kept_at, promise.answer_id, promise.next_at = at, answer_id, None


def _broken(db: Session, promise: Promise, ticket: Ticket, *, now: datetime) -> None:
    promise.breached_at, promise.next_at = promise.due_at, None
    if promise.id is None:
        db.add(promise)
        db.flush()
    last = max((fact.at for fact in db.info.get("facts", ())), default=now)  # the log is in the order of time
    emit(db, PromiseBreached(**_named(promise, ticket), at=max(now, last)))


def _take_back_alarms(promise: Promise, *, at: datetime) -> None:
    """More time was given: what is not late any more may become so again."""
    if promise.due_at is None or promise.due_at > at:
        promise.breached_at = None
    if promise.at_risk_at is None or promise.at_risk_at > at:
        promise.warned_at = None
    promise.next_at = _next(promise)


def _next(promise: Promise) -> datetime | None:
    if promise.paused_at or promise.kept_at or promise.breached_at or promise.due_at is None:
        return None
    return (
        promise.due_at if promise.warned_at or promise.at_risk_at is None else min(promise.at_risk_at, promise.due_at)
    )


def _write_due(ticket: Ticket, rows: Sequence[Promise]) -> None:
    due = _due(rows)
    if (ticket.due_at, ticket.due_kind) != due:
        ticket.due_at, ticket.due_kind = due


def _due(rows: Sequence[Promise]) -> tuple[datetime | None, str]:
    """When the earliest open promise is due, and which that is."""
    running = [(each.due_at, each.kind.value) for each in rows if each.kept_at is None and each.due_at is not None]
    return min(running, default=(None, ""))


def _values(promise: Promise) -> dict[str, Any]:
    return {name: getattr(promise, name) for name in _COLUMNS}


# --- what is asked of the rows -----------------------------------------------------------------------------------


def _terms(book: Book, ticket: Ticket) -> Terms | None:
    return book.terms(ticket.queue_id, ticket.priority, ticket.channel)


def _rows(db: Session, ticket_ids: Iterable[int]) -> dict[int, list[Promise]]:
    """The promises of these tickets, locked: two who change a ticket at once change its clocks one after the other."""
    found: dict[int, list[Promise]] = {}
    if wanted := sorted(ticket_ids):
        query = select(Promise).where(col(Promise.ticket_id).in_(wanted)).order_by(col(Promise.id)).with_for_update()
        for promise in db.exec(query):
            found.setdefault(promise.ticket_id, []).append(promise)
    return found


def _clock(promise: Promise, now: datetime) -> Clock | None:
    if promise.kept_at is not None:
        return Clock(promise.kind.value, "kept_late" if promise.breached_at else "kept", promise.kept_at)
    if promise.paused_at is not None:
        return Clock(promise.kind.value, "resting", promise.paused_at)
    if promise.due_at is None:
        return None
    if promise.due_at <= now:
        return Clock(promise.kind.value, "broken", promise.due_at)
    is_near = promise.at_risk_at is not None and promise.at_risk_at <= now
    counts = promise.due_at - now < timedelta(days=1)
    return Clock(promise.kind.value, "at_risk" if is_near else "running", promise.due_at, counts)


def _named(promise: Promise, ticket: Ticket) -> dict[str, Any]:
    return {"promise_id": promise.id, "what": promise.kind.value, "ticket_id": ticket.id, "queue_id": ticket.queue_id}


def _told(db: Session, ticket: Ticket, who: Sequence[str], named: int | None) -> list[int]:
    """The ids of those who hear of it, each once."""
    found: set[int] = {named} if named is not None else set()
    if "assignee" in who and ticket.assignee_id is not None:
        found.add(ticket.assignee_id)
    if "supervisors" in who:
        found.update(
            each
            for each in db.exec(select(Agent.id).where(Agent.role == Role.SUPERVISOR, col(Agent.is_active)))
            if each
        )
    return sorted(found)


def _is_answer(message: Message) -> bool:
    """An agent's own words to the customer; neither a receipt nor a forward."""
    return (
        message.direction == Direction.OUT
        and message.kind in (MessageKind.REPLY, MessageKind.NEW)
        and message.author_id is not None
        and not message.is_automatic
    )


def _is_for_later(message: Message) -> bool:
    from helpdesk import outgoing

    return outgoing.is_scheduled(message)


def _answers(ticket: Ticket) -> Any:
    return select(Message).where(
        Message.ticket_id == ticket.id,
        Message.direction == Direction.OUT,
        col(Message.kind).in_((MessageKind.REPLY, MessageKind.NEW)),
        col(Message.author_id).is_not(None),
        sa.not_(col(Message.is_automatic)),
        col(Message.state).not_in(_UNSAID),
    )


def _other_answer(db: Session, ticket: Ticket, promise: Promise, *, but: int) -> Message | None:
    query = _answers(ticket).where(col(Message.id) != but, col(Message.created_at) >= promise.started_at)
    later = db.exec(query.order_by(col(Message.id)).limit(20))
    return next((each for each in later if not _is_for_later(each) or each.state == MessageState.SENT), None)


def _was_answered(db: Session, ticket: Ticket) -> bool:
    if db.exec(_answers(ticket).limit(1)).first() is not None:
        return True
    taken = select(Call.id).where(
        Call.ticket_id == ticket.id, col(Call.answered_at).is_not(None), col(Call.agent_id).is_not(None)
    )
    return db.exec(taken.limit(1)).first() is not None
