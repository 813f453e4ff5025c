"""What is promised for which tickets, and by whose hours it is counted.

The one idea: of the policies in their order, the first that fits a ticket holds, and no other. They are few and asked
for with every mail, so a process reads them once (`book`) and again when a fact says that they, a calendar or a queue's
hours are others now.
"""

import re
import threading
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session, col, select

from helpdesk.errors import Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import CalendarChanged, Fact, PolicyChanged, QueueChanged, name_of
from helpdesk.hours import Timetable
from models import Agent, Assigning, Calendar, Channel, Event, Policy, Priority, PromiseKind, Queue

T = TypeVar("T")
TOLD = ("assignee", "supervisors")
LONGEST = 60 * 24 * 366
"""Minutes: nobody promises anything for later than in a year of always being there."""
KINDS = (PromiseKind.FIRST_RESPONSE, PromiseKind.NEXT_RESPONSE, PromiseKind.RESOLUTION)
_TERMS = (PolicyChanged, CalendarChanged, QueueChanged)
_TERM_NAMES = [name_of(kind) for kind in _TERMS]
_SPOKEN = r"(?:(?P<h>\d{1,4})(?:h|hr|hrs|hours?|時間))?(?:(?P<m>\d{1,6})(?:m|min|mins|minutes?|分))?"
_MEMORY = 256


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one ticket: the policy, and the calendar its time is counted by (None: always)."""

    policy: Policy
    calendar_id: int | None

    def seconds(self, kind: PromiseKind) -> float:
        """Business time in which this is promised; 0 where it is not."""
        return 60.0 * int(getattr(self.policy, f"{kind.value}_minutes"))


@dataclass
class Book:
    """Every policy, calendar and queue's rule as they were when it was read. `policies` are in order, those that are
    switched off included; `giving` are the queues whose tickets the desk gives out, `returns` after how many minutes
    queues take tickets back."""

    policies: Sequence[Policy]
    calendar_of: Mapping[int, int | None]
    tables: Mapping[int | None, Timetable]
    giving: frozenset[int]
    returns: Mapping[int, int]
    last_event: int
    _known: dict[Any, Any] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever promised."""
        return not self.policies

    def terms(self, queue_id: int, priority: int, channel: Channel) -> Terms | None:
        """What is promised for such tickets; None: nothing."""

        def find() -> Terms | None:
            fitting = (each for each in self.policies if each.is_active and fits(each, queue_id, priority, channel))
            policy = next(fitting, None)
            return Terms(policy, policy.calendar_id or self.calendar_of.get(queue_id)) if policy else None

        return self.remembered((queue_id, priority, channel), find)

    def of(self, policy_id: int) -> Policy | None:
        """One policy."""
        return next((each for each in self.policies if each.id == policy_id), None)

    def table(self, calendar_id: int | None) -> Timetable:
        """The business time of a calendar; one that is gone is open always."""
        return self.tables.get(calendar_id) or self.tables[None]

    def after(self, calendar_id: int | None, at: datetime, seconds: float) -> datetime | None:
        """`Timetable.after`, remembered."""
        return self.remembered((calendar_id, at, seconds), lambda: self.table(calendar_id).after(at, seconds))

    def remembered(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What was made for a key before, or is made now: mails that are read together are due together."""
        if key not in self._known:
            if len(self._known) >= _MEMORY:
                self._known.clear()
            self._known[key] = make()
        return cast(T, self._known[key])


_lock = threading.Lock()


def book(db: Session) -> Book:
    """The policies in force. Read once a process, and within a transaction that changes them anew."""
    own: Book | None = db.info.get("policies")
    if own is not None:
        return own
    kept: dict[str, Any] = db.info.get("kept", {})
    with _lock:
        found, edition = kept.get("policies"), kept.get("policies_edition", 0)
    if "policies_changed" in db.info:
        db.info["policies"] = read = _read(db)
        return read
    if found is not None:
        return cast(Book, found)
    read = _read(db)
    with _lock:
        if kept.get("policies_edition", 0) == edition:  # or somebody changed them while they were read
            kept["policies"] = read
    return read


def heard(db: Session, told: Sequence[Fact]) -> bool:
    """Whether these facts of the running transaction change what is promised; then they are read anew."""
    if not any(isinstance(fact, _TERMS) for fact in told):
        return False
    db.info["policies_changed"] = True
    db.info.pop("policies", None)
    return True


def refresh(db: Session) -> None:
    """Read them anew where another process has changed them."""
    known: Book | None = db.info.get("kept", {}).get("policies")
    if known is None:
        return
    news = select(Event.id).where(col(Event.id) > known.last_event, col(Event.fact).in_(_TERM_NAMES)).limit(1)
    if db.exec(news).first() is not None:
        _put_away(db)
    else:
        known.last_event = db.scalar(sa.select(sa.func.max(col(Event.id)))) or 0


def fits(policy: Policy, queue_id: int, priority: int, channel: Channel) -> bool:
    """Whether a policy is meant for such tickets."""
    return (
        policy.queue_id in (None, queue_id)
        and policy.priority in (None, priority)
        and policy.channel in (None, channel)
    )


def everyone(db: Session) -> list[Policy]:
    """All policies in order."""
    return list(db.exec(select(Policy).order_by(col(Policy.position), col(Policy.id))))


def get(db: Session, policy_id: int) -> Policy:
    """Raises `NotFound`."""
    found = db.get(Policy, policy_id)
    if found is None:
        raise NotFound("not_found", policy_id=policy_id)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A policy as it is to be. Minutes are of business time, 0 is not promised; ids and codes may be None."""

    name: str
    queue_id: int | None = None
    priority: int | None = None
    channel: Channel | None = None
    calendar_id: int | None = None
    first_response_minutes: int = 0
    next_response_minutes: int = 0
    resolution_minutes: int = 0
    at_risk_percent: int = 75
    at_risk_told: Sequence[str] = ()
    at_risk_agent_id: int | None = None
    breached_told: Sequence[str] = ()
    breached_agent_id: int | None = None


def save(db: Session, policy: Policy | None, form: Form, *, by: Agent | None, now: datetime) -> Policy:
    """Make a policy, the last in order, or change one. Raises `Invalid` with the field."""
    values = _checked(db, form)
    is_new = policy is None
    if policy is None:
        last = max((each.position for each in everyone(db)), default=-1)
        policy = Policy(name="", position=last + 1, created_at=now)
        db.add(policy)
    before = {name: getattr(policy, name) for name in values}
    for name, value in values.items():
        setattr(policy, name, value)
    db.flush()
    if is_new or before != values:
        _say(db, policy, "made" if is_new else "changed", by=by, now=now)
    return policy


def switch(db: Session, policy: Policy, on: bool, *, by: Agent, now: datetime) -> None:
    """Let a policy hold, or not. The same again changes nothing."""
    if policy.is_active == on:
        return
    policy.is_active = on
    db.flush()
    _say(db, policy, "on" if on else "off", by=by, now=now)


def move(db: Session, policy: Policy, step: int, *, by: Agent, now: datetime) -> None:
    """One place up (-1) or down (1) in the order; at the end of it nothing happens."""
    order = everyone(db)
    here = order.index(policy)
    there = here + step
    if step not in (-1, 1) or not 0 <= there < len(order):
        return
    order[here], order[there] = order[there], order[here]
    for position, each in enumerate(order):
        each.position = position
    db.flush()
    _say(db, policy, "moved", by=by, now=now)


def read_length(text: str, *, field: str) -> int:
    """A length of business time as people type it, in minutes: "90", "1:30", "1h 30m", "8時間", wide too; "" is 0.

    Raises `Invalid("not_a_length")`.
    """
    plain = unicodedata.normalize("NFKC", text).strip().casefold().replace(" ", "")
    for pattern in (r"(?P<m>\d{1,6})", r"(?P<h>\d{1,4}):(?P<m>[0-5]\d)", _SPOKEN):
        if plain and (found := re.fullmatch(pattern, plain)):
            told = found.groupdict(default="0")
            return int(told.get("h") or 0) * 60 + int(told.get("m") or 0)
    if plain:
        raise Invalid("not_a_length", field=field, found=text[:40])
    return 0


def written_length(minutes: int) -> str:
    """The same as `read_length` reads it: "1:30"; "" for 0."""
    return f"{minutes // 60}:{minutes % 60:02}" if minutes else ""


def preview(db: Session, policy: Policy, *, now: datetime) -> dict[PromiseKind, datetime | None]:
    """When a ticket that came now, and fitted this policy, would be due; None: never, its calendar does not open."""
    calendar_id = policy.calendar_id
    if calendar_id is None and policy.queue_id is not None:
        calendar_id = db.scalar(sa.select(col(Queue.calendar_id)).where(col(Queue.id) == policy.queue_id))
    table = Timetable(db.get(Calendar, calendar_id) if calendar_id is not None else None)
    return {
        kind: table.after(now, 60.0 * minutes)
        for kind in (PromiseKind.FIRST_RESPONSE, PromiseKind.RESOLUTION)
        if (minutes := getattr(policy, f"{kind.value}_minutes"))
    }


def _checked(db: Session, form: Form) -> dict[str, Any]:
    if not form.name.strip():
        raise Invalid("policy_name_missing", field="name")
    for kind in KINDS:
        minutes = getattr(form, name := f"{kind.value}_minutes")
        if not 0 <= minutes <= LONGEST:
            raise Invalid("not_a_length", field=name)
    if not any(getattr(form, f"{kind.value}_minutes") for kind in KINDS):
        raise Invalid("nothing_promised", field="first_response_minutes")
    if not 1 <= form.at_risk_percent <= 99:
        raise Invalid("not_a_part_of_time", field="at_risk_percent")
    if form.priority is not None and form.priority not in [each.value for each in Priority]:
        raise Invalid("unknown_choice", field="priority")
    for table, name in ((Queue, "queue_id"), (Calendar, "calendar_id"), (Agent, "at_risk_agent_id"),
                        (Agent, "breached_agent_id")):  # fmt: skip
        if (number := getattr(form, name)) is not None and db.get(table, number) is None:
            raise Invalid("unknown_choice", field=name)
    told = {name: [each for each in TOLD if each in getattr(form, name)] for name in ("at_risk_told", "breached_told")}
    return {
        **{name: getattr(form, name) for name in Form.__dataclass_fields__ if name not in told},
        "name": form.name.strip()[:100], **told,
    }  # fmt: skip


def _say(db: Session, policy: Policy, what: str, *, by: Agent | None, now: datetime) -> None:
    assert policy.id is not None
    emit(db, PolicyChanged(policy_id=policy.id, what=what, by_id=by.id if by else None, at=now))


def _read(db: Session) -> Book:
    last = db.scalar(sa.select(sa.func.max(col(Event.id)))) or 0
    kept = [Policy(**each.model_dump()) for each in everyone(db)]
    rules = db.execute(
        sa.select(col(Queue.id), col(Queue.calendar_id), col(Queue.assigning), col(Queue.returns_minutes))
    ).all()
    calendars = db.exec(select(Calendar)).all() if kept else []
    tables: dict[int | None, Timetable] = {each.id: Timetable(Calendar(**each.model_dump())) for each in calendars}
    return Book(
        policies=kept,
        calendar_of={queue_id: calendar_id for queue_id, calendar_id, _, _ in rules},
        tables=tables | {None: Timetable(None)},
        giving=frozenset(queue_id for queue_id, _, assigning, _ in rules if assigning != Assigning.MANUAL),
        returns={queue_id: minutes for queue_id, _, _, minutes in rules if minutes},
        last_event=last,
    )


def _put_away(db: Session) -> None:
    kept: dict[str, Any] = db.info.get("kept", {})
    with _lock:
        kept["policies_edition"] = kept.get("policies_edition", 0) + 1
        kept.pop("policies", None)


@event.listens_for(Session, "after_commit")
def _forget(db: Session) -> None:
    db.info.pop("policies", None)
    if db.info.pop("policies_changed", None):
        _put_away(db)


@event.listens_for(Session, "after_rollback")
def _never_mind(db: Session) -> None:
    db.info.pop("policies", None)
    db.info.pop("policies_changed", None)
