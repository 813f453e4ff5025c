"""If this then that: what the desk does by itself when a fact was stated, or something has been so for long enough.

The one idea: rules are asked once a transaction, when its verb is done and just before it commits. So they see what the
verb left behind, what they do lives or dies with it, and none of them can stand in its way: each runs in a savepoint of
its own, and what fails is taken back, kept and shown.

Nothing runs for ever. A fact knows what it was caused by: from what a person did, at most `DEEPEST` rules follow one
from another and none of them twice; and what no person did, such as a time that passed, lets no rule run that has run
on this ticket since a person last had to do with it.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import acts, hours, terms
from helpdesk.errors import DeskError, Invalid, NotFound
from helpdesk.events import Fact, RuleChanged, RuleRan, RunTakenBack, emit, name_of, recall
from helpdesk.settings import Settings
from helpdesk.terms import Matter
from models import (
    Agent,
    Calendar,
    Call,
    Direction,
    Event,
    Macro,
    Message,
    Queue,
    Rule,
    RuleRun,
    RuleWait,
    RunEnd,
    Ticket,
    TicketField,
    TicketState,
)
from models.database import hold_still

DEEPEST = 3
"""Rules that follow one from another."""
MOST = 300
NAME_MAX = 100
LONGEST_MINUTES = 60 * 24 * 180
LOOK_SECONDS = 2.0
"""How long another process may go on with the rules it knows."""
HANDFUL = 25
"""Rules that waited and are run in one transaction."""
TRIAL_DAYS = 31
TRIAL_MOST = 2000
"""Facts a trial looks at, the newest."""
TRIAL_SHOWN = 50
SEEDED = 5000
"""Tickets of which a rule that begins to wait knows at once that it waits for them, those that moved last."""

logger = logging.getLogger(__name__)


# --- what a rule answers


@dataclass(frozen=True, slots=True)
class Trigger:
    """A fact by its name; `test` says whether it is meant, where not each of its kind is."""

    fact: str
    test: Callable[[Any, Matter], bool] | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that goes on. `begins` are facts with which it may begin; `holds` says whether it goes on now. Where it
    `restarts`, it begins anew with each of them, and otherwise goes on. `since` is when it began, of a ticket that is
    looked at while it goes on."""

    begins: frozenset[str]
    holds: Callable[[Ticket], bool]
    since: Callable[[Ticket], datetime | None]
    restarts: bool = True


def _by_person(message: Message | None) -> bool:
    return message is not None and not message.is_automatic and not message.is_from_stranger


TRIGGERS: dict[str, Trigger] = {
    "opened": Trigger("ticket_opened"),
    "customer_wrote": Trigger("message_received", lambda _, matter: _by_person(matter.message)),
    "answered": Trigger("message_queued", lambda fact, _: fact.by_id is not None),
    "moved": Trigger("ticket_moved"),
    "assigned": Trigger("ticket_assigned", lambda fact, _: fact.agent_id is not None),
    "unassigned": Trigger("ticket_assigned", lambda fact, _: fact.agent_id is None),
    "prioritized": Trigger("ticket_prioritized"),
    "tagged": Trigger("ticket_tagged"),
    "field_set": Trigger("field_set"),
    "noted": Trigger("note_added"),
    "pended": Trigger("ticket_pended"),
    "resolved": Trigger("ticket_resolved"),
    "reopened": Trigger("ticket_reopened"),
    "call_ended": Trigger("call_ended"),
    "wrapped_up": Trigger("call_wrapped_up"),
    "bounced": Trigger("message_bounced", lambda fact, _: fact.reason == "final"),
    "at_risk": Trigger("promise_at_risk"),
    "breached": Trigger("promise_breached"),
}
WAITS: dict[str, Wait] = {
    "unanswered_for": Wait(
        frozenset({"ticket_opened", "message_received", "message_withdrawn", "ticket_reopened"}),
        lambda ticket: ticket.state == TicketState.OPEN and ticket.awaits_us,
        lambda ticket: ticket.last_contact_at,
        restarts=False,
    ),
    "silent_for": Wait(
        frozenset({"message_queued", "message_rescheduled"}),
        lambda ticket: ticket.state != TicketState.RESOLVED and not ticket.awaits_us,
        lambda ticket: ticket.last_contact_at,
    ),
    "unsolved_for": Wait(
        frozenset({"ticket_opened", "ticket_reopened"}),
        lambda ticket: ticket.state != TicketState.RESOLVED,
        lambda ticket: ticket.created_at,
        restarts=False,
    ),
    "pending_for": Wait(
        frozenset({"ticket_pended"}),
        lambda ticket: ticket.state == TicketState.PENDING,
        lambda ticket: None,
    ),
    "resolved_for": Wait(
        frozenset({"ticket_resolved"}),
        lambda ticket: ticket.state == TicketState.RESOLVED,
        lambda ticket: ticket.resolved_at,
    ),
}
_CHANGES = frozenset().union(
    *(wait.begins for wait in WAITS.values()), {"ticket_assigned", "ticket_merged", "call_ended", "call_wrapped_up"}
)
"""Facts after which something may have begun, or ended."""
_BY_PEOPLE = frozenset({"call_ringing", "call_changed", "call_ended", "call_wrapped_up"})
_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
"""When a rule that has run is due again, until what it waited for ends."""


def triggers() -> list[str]:
    """What a rule may answer, in the order in which a person should be offered it."""
    return [*(code for code, trigger in TRIGGERS.items() if trigger.fact in Fact.kinds), *WAITS]


# --- rules made ready to be asked


@dataclass(frozen=True, slots=True)
class Ready:
    """One rule that is switched on."""

    id: int
    trigger: str
    means: terms.Test
    rule: Rule


@dataclass(frozen=True)
class Book:
    """All rules that are switched on, by what they answer."""

    by_fact: Mapping[str, Sequence[tuple[Trigger, Ready]]] = field(default_factory=dict)
    waiting: Sequence[Ready] = ()

    def listens_to(self, fact: Fact) -> bool:
        """Whether the fact can matter to any rule."""
        name = _name(type(fact))
        return name in self.by_fact or bool(self.waiting and name in _CHANGES)


class Shelf:
    """The book, as one process has it. It is made anew when a rule was changed here, and elsewhere soon after."""

    def __init__(self) -> None:
        self._book = Book()
        self._looked_at = -LOOK_SECONDS

    def book(self, db: Session) -> Book:
        """The rules to ask."""
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            self._book, self._looked_at = _bind(db), time.monotonic()
        return self._book

    def drop(self) -> None:
        """Something was changed."""
        self._looked_at = -LOOK_SECONDS


_NAMES: dict[type[Fact], str] = {}


def _name(kind: type[Fact]) -> str:
    if (name := _NAMES.get(kind)) is None:
        name = _NAMES[kind] = name_of(kind)
    return name


def _bind(db: Session) -> Book:
    active = sa.and_(col(Rule.is_active), col(Rule.deleted_at).is_(None))
    rows = list(db.exec(select(Rule).where(active).order_by(col(Rule.position), col(Rule.id))))
    if not rows:
        return Book()
    fields = terms.fields_of(db)
    by_fact: dict[str, list[tuple[Trigger, Ready]]] = {}
    waiting = []
    for rule in rows:
        ready = _ready(rule, fields)
        if rule.trigger in WAITS:
            waiting.append(ready)
        elif trigger := TRIGGERS.get(rule.trigger):
            by_fact.setdefault(trigger.fact, []).append((trigger, ready))
    return Book(by_fact, waiting)


def _ready(rule: Rule, fields: Mapping[str, TicketField]) -> Ready:
    # A row of its own, which no session holds: it is read by many threads, long after this one.
    apart = Rule(**rule.model_dump())
    return Ready(rule.id or 0, rule.trigger, terms.compiled(rule.all_of, rule.any_of, fields), apart)


# --- asking them


@dataclass(slots=True)
class _Root:
    """What a person, or the clock, set off, and which rules have run because of it. `ran` None: not looked up yet."""

    is_human: bool
    ran: set[int] | None = None


def settle(db: Session, *, settings: Settings, now: datetime) -> None:
    """Ask the rules about the facts of this transaction, and about what they do themselves. To be called when its verb
    is done, before it is committed."""
    facts: list[Fact] | None = db.info.get("facts")
    shelf: Shelf | None = db.info.get("rules")
    if not facts or shelf is None:
        return
    book = shelf.book(db)
    if not book.by_fact and not book.waiting:
        return
    causes: list[tuple[_Root, int]] = db.info.pop("causes", [])
    at = len(causes)  # what stands before was caused by rules that had waited
    people = None
    number = 0
    while number < len(facts):
        fact = facts[number]
        if number >= len(causes):
            if people is None:
                people = _by_people(db, facts[at:])
            causes.append((_Root(getattr(fact, "ticket_id", None) in people), 0))
        if book.listens_to(fact):
            _ask(db, book, fact, facts, causes, number, settings=settings, now=now)
        number += 1
    if book.waiting:
        _wait(db, book, facts, now=now)


def _ask(db: Session, book: Book, fact: Fact, facts: list[Fact], causes: list[tuple[_Root, int]], number: int, *,
         settings: Settings, now: datetime) -> None:  # fmt: skip
    asked = book.by_fact.get(_name(type(fact)), ())
    ticket_id = getattr(fact, "ticket_id", None)
    root, depth = causes[number]
    if not asked or ticket_id is None or depth >= DEEPEST:
        return
    ticket = db.get(Ticket, ticket_id)
    if ticket is None or ticket.merged_into_id is not None:
        return
    matter = Matter(db, ticket, fact, now=now)
    for trigger, ready in asked:
        if root.ran is not None and ready.id in root.ran:
            continue
        try:
            if (trigger.test is not None and not trigger.test(fact, matter)) or not ready.means(matter):
                continue
        except Exception:
            logger.exception("rule %s could not be asked", ready.id)
            continue
        if root.ran is None:
            root.ran = set() if root.is_human else _ran_since_people(db, ticket_id)
            if ready.id in root.ran:
                continue
        root.ran.add(ready.id)
        made = run(db, ready.rule, matter, fact=_name(type(fact)), depth=depth + 1, settings=settings, now=now)
        causes.extend((root, depth + 1) for _ in range(len(facts) - len(causes)))
        if made is not None:
            matter.forget()
        if ready.rule.stops:
            break


def run(db: Session, rule: Rule, matter: Matter, *, fact: str, depth: int = 1, stretch: datetime | None = None,
        settings: Settings, now: datetime) -> RuleRun | None:  # fmt: skip
    """Do what a rule says, all of it or nothing. What it did or why it could not, as kept; None where everything was as
    it would have it."""
    facts: list[Fact] = db.info.pop("facts", [])
    ticket, did, error = matter.ticket, [], ""
    made: list[Fact] = []
    doing = acts.Doing(db, ticket, None, settings, now, rule, fact)
    try:
        with db.begin_nested():
            hold_still(db, ticket)
            did = acts.do_all(doing, rule.acts)
            db.flush()
            made = db.info.pop("facts", [])  # a savepoint that ends would write them
    except Exception as broken:
        did, made, error = [], [], broken.code if isinstance(broken, DeskError) else "unexpected"
        db.info.pop("facts", None)
        if not isinstance(broken, DeskError):
            logger.exception("rule %s failed on ticket %s", rule.id, ticket.id)
    facts.extend(made)
    db.info["facts"] = facts
    if not did and not error:
        return None
    kept = RuleRun(
        rule_id=rule.id, ticket_id=ticket.id or 0, fact=fact, stretch=stretch, depth=depth, did=did, error=error,
        how=RunEnd.FAILED if error else RunEnd.DONE, at=now,
    )  # fmt: skip
    db.add(kept)
    db.flush()
    emit(db, RuleRan(ticket_id=ticket.id or 0, queue_id=ticket.queue_id, rule_id=rule.id or 0, run_id=kept.id or 0,
                     state=kept.how.value, at=now))  # fmt: skip
    return kept


def _by_people(db: Session, facts: Iterable[Fact]) -> set[int | None]:
    """Tickets that a person, of ours or a customer, had to do with in these facts."""
    found: set[int | None] = set()
    for fact in facts:
        name = _name(type(fact))
        is_said = name == "message_received" and _by_person(db.get(Message, getattr(fact, "message_id", 0)))
        if fact.by_id is not None or name in _BY_PEOPLE or is_said:
            found.add(getattr(fact, "ticket_id", None))
    return found


def _ran_since_people(db: Session, ticket_id: int) -> set[int]:
    """Rules that have run on a ticket since a person last had to do with it."""
    said = select(sa.func.max(Message.created_at)).where(
        Message.ticket_id == ticket_id, Message.direction == Direction.IN, sa.not_(col(Message.is_automatic)),
        sa.not_(col(Message.is_from_stranger)),
    )  # fmt: skip
    did = select(sa.func.max(Event.at)).where(Event.ticket_id == ticket_id, col(Event.actor_id).is_not(None))
    called = select(sa.func.max(Call.started_at)).where(Call.ticket_id == ticket_id)
    last = [at for at in (db.scalar(each) for each in (said, did, called)) if at is not None]
    ran = select(RuleRun.rule_id).where(RuleRun.ticket_id == ticket_id, RuleRun.how == RunEnd.DONE)
    if last:
        ran = ran.where(col(RuleRun.at) >= max(last))
    return {rule_id for rule_id in db.exec(ran.distinct()) if rule_id is not None}


# --- rules that wait


def _wait(db: Session, book: Book, facts: Sequence[Fact], *, now: datetime) -> None:
    """Begin to wait, and stop waiting, where these facts say so."""
    told: dict[int, set[str]] = {}
    for fact in facts:
        if (name := _name(type(fact))) in _CHANGES and (ticket_id := getattr(fact, "ticket_id", None)) is not None:
            told.setdefault(ticket_id, set()).add(name)
    for ticket_id, names in told.items():
        ticket = db.get(Ticket, ticket_id)
        if ticket is None:
            continue
        there = {row.rule_id: row for row in db.exec(select(RuleWait).where(RuleWait.ticket_id == ticket_id))}
        for ready in book.waiting:
            wait, row = WAITS[ready.trigger], there.get(ready.id)
            if ticket.merged_into_id is not None or not wait.holds(ticket):
                if row is not None:
                    db.delete(row)
            elif names & wait.begins and (row is None or wait.restarts):
                row = row or RuleWait(rule_id=ready.id, ticket_id=ticket_id, since=now, due_at=now)
                row.since, row.due_at = now, _due(db, ready.rule, ticket, now)
                db.add(row)
    db.flush()


def is_anything_due(db: Session, *, now: datetime) -> bool:
    """Whether a rule has waited long enough."""
    return db.scalar(select(RuleWait.rule_id).where(RuleWait.due_at <= now).limit(1)) is not None


def do_due(db: Session, *, settings: Settings, now: datetime) -> int:
    """Run what has waited long enough, a handful of it; how many were looked at. Two processes each take their own."""
    due = select(RuleWait).where(RuleWait.due_at <= now).order_by(col(RuleWait.due_at), col(RuleWait.rule_id))
    rows = list(db.exec(due.limit(HANDFUL).with_for_update(skip_locked=True)))
    fields = terms.fields_of(db) if rows else {}
    causes: list[tuple[_Root, int]] = db.info.setdefault("causes", [])
    for row in rows:
        rule, ticket = db.get(Rule, row.rule_id), db.get(Ticket, row.ticket_id)
        wait = WAITS.get(rule.trigger) if rule is not None and rule.is_active and rule.deleted_at is None else None
        if rule is None or ticket is None or wait is None or not wait.holds(ticket):
            db.delete(row)
            continue
        since = row.since
        if wait.restarts:
            db.delete(row)
        else:
            row.due_at = _FOREVER  # until it ends: once for each stretch
        db.flush()
        matter = Matter(db, ticket, None, now=now)
        ran = _ran_since_people(db, row.ticket_id)
        if rule.id in ran or not _ready(rule, fields).means(matter):
            continue
        run(db, rule, matter, fact=rule.trigger, stretch=since, settings=settings, now=now)
        root = _Root(False, ran | {rule.id or 0})
        facts: list[Fact] = db.info.get("facts", [])
        causes.extend((root, 1) for _ in range(len(facts) - len(causes)))
    return len(rows)


def _due(db: Session, rule: Rule, ticket: Ticket, since: datetime) -> datetime:
    queue = db.get(Queue, ticket.queue_id) if rule.in_hours else None
    calendar = db.get(Calendar, queue.calendar_id) if queue and queue.calendar_id else None
    if calendar is None:
        return since + timedelta(minutes=rule.after_minutes)
    return hours.Timetable(calendar).after(since, rule.after_minutes * 60) or _FOREVER


# --- by supervisors


@dataclass(frozen=True, kw_only=True)
class Form:
    """A rule as it is typed."""

    name: str
    trigger: str
    after_minutes: int = 0
    in_hours: bool = False
    all_of: list[dict[str, Any]] = field(default_factory=list)
    any_of: list[dict[str, Any]] = field(default_factory=list)
    acts: list[dict[str, Any]] = field(default_factory=list)
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One on the supervisors' list, with what it did in the last 30 days."""

    rule: Rule
    runs: int
    failures: int
    last_at: datetime | None
    waits: int
    is_broken: bool  # it names what is gone


def everyone(db: Session, *, settings: Settings, now: datetime) -> list[Row]:
    """All that are not deleted, in the order in which they are asked."""
    failed = sa.func.sum(sa.case((col(RuleRun.how) == RunEnd.FAILED, 1), else_=0))
    counted = sa.select(col(RuleRun.rule_id), sa.func.count(), failed, sa.func.max(col(RuleRun.at))).where(
        col(RuleRun.rule_id).is_not(None), col(RuleRun.at) > now - timedelta(days=30)
    )
    runs: dict[int | None, tuple[int, int, datetime | None]] = {
        rule_id: (count, failures, last_at)
        for rule_id, count, failures, last_at in db.execute(counted.group_by(col(RuleRun.rule_id)))
    }
    waiting = sa.select(col(RuleWait.rule_id), sa.func.count()).where(col(RuleWait.due_at) < _FOREVER)
    waits = {rule_id: count for rule_id, count in db.execute(waiting.group_by(col(RuleWait.rule_id)))}
    rows = db.exec(select(Rule).where(col(Rule.deleted_at).is_(None)).order_by(col(Rule.position), col(Rule.id)))
    offered = terms.offered(db)
    return [
        Row(rule, *runs.get(rule.id, (0, 0, None)), waits.get(rule.id or 0, 0),
            _is_broken(db, rule, offered, settings=settings))
        for rule in rows
    ]  # fmt: skip


def _is_broken(db: Session, rule: Rule, offered: terms.Offered, *, settings: Settings) -> bool:
    try:
        terms.checked(offered, rule.all_of, "all")
        terms.checked(offered, rule.any_of, "any")
    except Invalid:
        return True
    return acts.points_to_nothing(db, rule.acts, settings=settings)


def deleted(db: Session) -> list[Rule]:
    """Those that can be brought back, last deleted first."""
    rows = select(Rule).where(col(Rule.deleted_at).is_not(None)).order_by(col(Rule.deleted_at).desc())
    return list(db.exec(rows.limit(20)))


def get(db: Session, rule_id: int) -> Rule:
    """Raises `NotFound`."""
    found = db.get(Rule, rule_id)
    if found is None:
        raise NotFound("not_found", rule_id=rule_id)
    return found


def draft(db: Session, form: Form, *, settings: Settings, now: datetime) -> Rule:
    """The rule as it would be kept, and in no database. Raises `Invalid` with the field."""
    if not form.name.strip():
        raise Invalid("name_needed", field="name")
    if form.trigger not in triggers():
        raise Invalid("unknown_choice", field="trigger")
    if form.trigger in WAITS and not 1 <= form.after_minutes <= LONGEST_MINUTES:
        raise Invalid("not_a_wait", field="after")
    offered = terms.offered(db)
    return Rule(
        name=" ".join(form.name.split())[:NAME_MAX], trigger=form.trigger,
        after_minutes=form.after_minutes if form.trigger in WAITS else 0,
        in_hours=form.in_hours and form.trigger in WAITS,
        all_of=terms.checked(offered, form.all_of, "all"), any_of=terms.checked(offered, form.any_of, "any"),
        acts=acts.checked(db, form.acts, "rule", settings=settings), stops=form.stops,
        changed_at=now, created_at=now,
    )  # fmt: skip


def save(db: Session, rule: Rule | None, form: Form, *, by: Agent, settings: Settings, now: datetime) -> Rule:
    """Make one, which is switched off and stands last, or change one. Raises `Invalid` with the field."""
    told = draft(db, form, settings=settings, now=now)
    is_new = rule is None
    if rule is None:
        there = db.execute(sa.select(sa.func.count(), sa.func.max(col(Rule.position)))).one()
        if there[0] >= MOST:
            raise Invalid("too_many_rules", field="name")
        rule = told
        rule.position = (there[1] or 0) + 1
        db.add(rule)
    else:
        for name in ("name", "trigger", "after_minutes", "in_hours", "all_of", "any_of", "acts", "stops"):
            setattr(rule, name, getattr(told, name))
        _forget_waits(db, rule)
    rule.changed_by_id, rule.changed_at = by.id, now
    db.flush()
    if rule.is_active:
        _seed(db, rule, now=now)
    _say(db, rule, "made" if is_new else "changed", by=by, now=now)
    return rule


def switch(db: Session, rule: Rule, is_on: bool, *, by: Agent, now: datetime) -> None:
    """Let it run, or no longer. A rule that waits waits for what began before only where its time is still to come, so
    that switching on sets off nothing at once. The same again changes nothing."""
    if rule.is_active == is_on:
        return
    rule.is_active = is_on
    _forget_waits(db, rule)
    if is_on:
        _seed(db, rule, now=now)
    _say(db, rule, "on" if is_on else "off", by=by, now=now)


def move(db: Session, rule: Rule, by_places: int, *, by: Agent, now: datetime) -> None:
    """Ask it earlier (-1) or later (1). Past either end changes nothing."""
    rows = list(db.exec(select(Rule).where(col(Rule.deleted_at).is_(None)).order_by(col(Rule.position), col(Rule.id))))
    at = rows.index(rule)
    to = max(0, min(len(rows) - 1, at + by_places))
    if to == at:
        return
    rows.insert(to, rows.pop(at))
    for position, each in enumerate(rows, 1):
        each.position = position
    _say(db, rule, "ordered", by=by, now=now)


def delete(db: Session, rule: Rule, *, by: Agent, now: datetime) -> None:
    """Take it away; it can be brought back. What it did stays."""
    if rule.deleted_at is None:
        rule.deleted_at, rule.is_active = now, False
        _forget_waits(db, rule)
        _say(db, rule, "deleted", by=by, now=now)


def restore(db: Session, rule: Rule, *, by: Agent, now: datetime) -> None:
    """Bring it back, switched off."""
    if rule.deleted_at is not None:
        rule.deleted_at, rule.is_active = None, False
        _say(db, rule, "restored", by=by, now=now)


def after_commit(db: Session) -> None:
    """To be called with each session that has committed: whoever changed a rule makes this process read them anew."""
    if db.info.pop("rules_changed", False) and (shelf := db.info.get("rules")) is not None:
        shelf.drop()


def _say(db: Session, rule: Rule, state: str, *, by: Agent, now: datetime) -> None:
    db.info["rules_changed"] = True
    emit(db, RuleChanged(rule_id=rule.id or 0, state=state, by_id=by.id, at=now))


def _forget_waits(db: Session, rule: Rule) -> None:
    db.execute(sa.delete(RuleWait).where(col(RuleWait.rule_id) == rule.id))


def _seed(db: Session, rule: Rule, *, now: datetime) -> None:
    """Wait for what goes on already and is not due yet."""
    wait = WAITS.get(rule.trigger)
    if wait is None:
        return
    began = now - timedelta(days=400 if rule.in_hours else 0, minutes=rule.after_minutes)
    tickets = select(Ticket).where(col(Ticket.last_contact_at) > began, col(Ticket.merged_into_id).is_(None))
    state = (
        Ticket.state == TicketState.RESOLVED
        if rule.trigger == "resolved_for"
        else Ticket.state == TicketState.PENDING
        if rule.trigger == "pending_for"
        else col(Ticket.state).in_((TicketState.OPEN, TicketState.PENDING))
    )
    for ticket in db.exec(tickets.where(state).order_by(col(Ticket.last_contact_at).desc()).limit(SEEDED)):
        since = (wait.since(ticket) or _began(db, ticket, wait)) if wait.holds(ticket) else None
        if since is not None and (due := _due(db, rule, ticket, since)) > now:
            db.add(RuleWait(rule_id=rule.id or 0, ticket_id=ticket.id or 0, since=since, due_at=due))
    db.flush()


def _began(db: Session, ticket: Ticket, wait: Wait) -> datetime | None:
    told = select(Event.at).where(Event.ticket_id == ticket.id, col(Event.fact).in_(wait.begins))
    return db.exec(told.order_by(col(Event.id).desc()).limit(1)).first()


# --- looking before, and taking back


@dataclass(frozen=True, slots=True)
class Tried:
    """What a rule would have met in the last month. `facts` is how many were looked at, `matched` of how many tickets
    it would have done something; `tickets` are the newest of these. `is_cut`: the month had more."""

    facts: int
    matched: int
    tickets: list[tuple[Ticket, datetime]]
    is_cut: bool


def trial(db: Session, rule: Rule, *, now: datetime) -> Tried:
    """Look which tickets of the last month the rule would have met, and do nothing. The facts are those of the month;
    what its terms ask is asked of the tickets as they are now. A rule that waits would have met those in which what it
    waits for went on for long enough."""
    wait = WAITS.get(rule.trigger)
    names = wait.begins if wait else {TRIGGERS[rule.trigger].fact}
    told = (
        select(Event)
        .where(col(Event.fact).in_(names), col(Event.at) > now - timedelta(days=TRIAL_DAYS))
        .where(col(Event.ticket_id).is_not(None))
        .order_by(col(Event.id).desc())
        .limit(TRIAL_MOST)
    )
    means = _ready(rule, terms.fields_of(db)).means
    rows = list(db.exec(told))
    found: dict[int, datetime] = {}
    seen: set[int] = set()
    for row in rows:
        ticket = db.get(Ticket, row.ticket_id or 0)
        if ticket is None or ticket.merged_into_id is not None or ticket.id in found:
            continue
        at = row.at
        if wait is not None:
            if ticket.id in seen:
                continue
            seen.add(ticket.id or 0)
            at = _due(db, rule, ticket, row.at)
            if at > now or _ended(db, ticket, wait, rule.trigger, row, at):
                continue
        fact = recall(row) if wait is None else None
        matter = Matter(db, ticket, fact, now=at)
        trigger = TRIGGERS.get(rule.trigger)
        if trigger and trigger.test and not trigger.test(fact, matter):
            continue
        if means(matter):
            found[ticket.id or 0] = at
    newest = list(found.items())[:TRIAL_SHOWN]
    shown = [(ticket, at) for ticket_id, at in newest if (ticket := db.get(Ticket, ticket_id)) is not None]
    return Tried(len(rows), len(found), shown, len(rows) == TRIAL_MOST)


_ENDS = {
    "unanswered_for": ("message_queued", "ticket_resolved", "ticket_pended"),
    "silent_for": ("message_received", "ticket_resolved"),
    "unsolved_for": ("ticket_resolved",),
    "pending_for": ("ticket_reopened", "ticket_resolved"),
    "resolved_for": ("ticket_reopened",),
}


def _ended(db: Session, ticket: Ticket, wait: Wait, trigger: str, begun: Event, at: datetime) -> bool:
    after = sa.select(col(Event.id)).where(
        col(Event.ticket_id) == ticket.id, col(Event.id) > begun.id, col(Event.at) <= at,
        col(Event.fact).in_(_ENDS[trigger]),
    )  # fmt: skip
    return db.scalar(after.limit(1)) is not None


@dataclass(frozen=True, slots=True)
class Ran:
    """A run as it is shown."""

    run: RuleRun
    name: str
    by_name: str
    subject: str
    can_undo: bool


def runs(db: Session, rule_id: int | None = None, *, before: int | None = None, limit: int = 50) -> list[Ran]:
    """What was done, of one rule or of all and of macros, the newest first; those below the number `before`."""
    query = select(RuleRun).order_by(col(RuleRun.at).desc(), col(RuleRun.id).desc()).limit(limit)
    if rule_id is not None:
        query = query.where(RuleRun.rule_id == rule_id)
    if before is not None:
        query = query.where(col(RuleRun.id) < before)
    rows = list(db.exec(query))
    rules = _called(db, Rule, {row.rule_id for row in rows})
    macros = _called(db, Macro, {row.macro_id for row in rows})
    staff = _called(db, Agent, {row.by_id for row in rows} | {row.undone_by_id for row in rows})
    subjects = {each.id: each.subject for each in db.exec(
        select(Ticket).where(col(Ticket.id).in_({row.ticket_id for row in rows})))}  # fmt: skip
    return [
        Ran(row, rules.get(row.rule_id or 0) or macros.get(row.macro_id or 0, ""),
            staff.get(row.undone_by_id or row.by_id or 0, ""), subjects.get(row.ticket_id, ""), can_undo(row))
        for row in rows
    ]  # fmt: skip


def named(db: Session, told: Sequence[Event]) -> dict[int, tuple[str, bool]]:
    """Of facts that tell of a run, by the event's number: the name of its rule or macro, and whether it failed. Asks
    nothing where there is none."""
    mine = {row.id or 0: row for row in told if row.fact in ("rule_ran", "macro_ran", "run_taken_back")}
    if not mine:
        return {}
    numbers = {row.data.get("run_id") for row in mine.values()}
    found = {row.id: row for row in db.exec(select(RuleRun).where(col(RuleRun.id).in_(numbers)))}
    ran = {number: found[row.data["run_id"]] for number, row in mine.items() if row.data.get("run_id") in found}
    names = _called(db, Rule, {row.rule_id for row in ran.values()})
    macros = _called(db, Macro, {row.macro_id for row in ran.values()})
    return {
        number: (names.get(row.rule_id or 0) or macros.get(row.macro_id or 0, ""), row.how == RunEnd.FAILED)
        for number, row in ran.items()
    }


def can_undo(row: RuleRun) -> bool:
    """Whether any of it can be taken back, and was not yet."""
    return row.undone_at is None and row.how == RunEnd.DONE and acts.can_be_undone(row.did)


def get_run(db: Session, run_id: int) -> RuleRun:
    """Raises `NotFound`."""
    found = db.get(RuleRun, run_id)
    if found is None:
        raise NotFound("not_found", run_id=run_id)
    return found


def undo(db: Session, row: RuleRun, *, by: Agent, settings: Settings, now: datetime) -> None:
    """Take back what it did, as far as that can be: words that were written and told stay. Twice changes nothing.

    Raises `Conflict("ticket_moved_on")` where somebody has said otherwise since; then nothing of it is taken back.
    """
    if not can_undo(row):
        return
    ticket = db.get(Ticket, row.ticket_id)
    assert ticket is not None
    hold_still(db, ticket)
    acts.undo_all(acts.Doing(db, ticket, by, settings, now), row.did)
    row.undone_at, row.undone_by_id = now, by.id
    emit(db, RunTakenBack(ticket_id=row.ticket_id, queue_id=ticket.queue_id, run_id=row.id or 0, by_id=by.id, at=now))


def _called(db: Session, kind: Any, ids: set[int | None]) -> dict[int, str]:
    wanted = {each for each in ids if each is not None}
    return {each.id: each.name for each in db.exec(select(kind).where(kind.id.in_(wanted)))} if wanted else {}
