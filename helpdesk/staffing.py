"""How many agents are needed in each half hour of a week, and where the shift plan has too few of them.

The one idea: a need is computed from what the desk expects, measures and promises, by formulas that stand beside it.

- Calls: the forecast of the half hour, the handling time and patience measured in the last eight weeks, and the level
  the queue promises, by Erlang C, or A where callers hang up (`helpdesk/erlang.py`); nobody busier than may be.
- What is written can wait until it is promised: the work of each half hour is spread evenly over the open hours until
  then (Yao, Demers, Shenker, "A scheduling model for reduced CPU energy", 1995, whose average-rate rule keeps every
  promise without knowing what comes), and is done first by those who would wait for calls anyway.
- Of those planned some are in a break, a meeting, or ill (`shrinkage`), so more are planned than are needed.

Who is planned for several queues counts where most is missing. `read` takes one picture of the database; the rest is
arithmetic on rows of 7 days by 48 half hours, by the clock on the desk's wall.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import erlang, hours, measures, outlook, policies, queues, shifts, writing
from helpdesk.errors import Invalid
from helpdesk.events import emit
from helpdesk.facts import ShiftsChanged
from helpdesk.forecast import HALVES, Numbers
from helpdesk.outlook import Outlook, Past
from helpdesk.shifts import DAY, Planned
from helpdesk.tallies.volumes import CALLS, WRITTEN
from models import Agent, Calendar, CallDay, Channel, Priority, PromiseKind, Queue, StaffingBasis, Stretch

WEEKS: Final = 6
"""So many can be looked at, the running one first."""
MEASURED: Final = timedelta(weeks=8)
FEW: Final = 20
"""Calls, or callers who hung up, fewer than which say nothing about a queue of its own."""
USUAL_HANDLE: Final = 300.0
USUAL_PROMISE: Final = 8 * 3600
"""Seconds of business time in which what is written is answered where nothing is promised."""
CALLS_LEAST: Final = 0.1
"""Calls a half hour; for fewer nobody is kept waiting."""
HALF: Final = 1800.0
ASSUMED: Final = ("shrinkage_percent", "occupancy_percent", "written_minutes", "least")
BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "volume": (-90, 400), "handle": (10, 7200), "level": (1, 99), "within": (1, 3600), "shrinkage_percent": (0, 80),
    "occupancy_percent": (30, 100), "written_minutes": (1, 240), "least": (0, 200),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Basis:
    """What the need of a queue is computed from. `handle` and `patience` are seconds (patience None: nobody hangs up);
    `measured` says of `handle` whether it is of the queue's "own" calls, of "all", or a "usual" one. `writing` stands
    beside what is assumed of inquiries in writing, and changes nothing: it is the least they take."""

    handle: float
    patience: float | None
    level: float
    within: float
    promise: float
    shrinkage_percent: int
    occupancy_percent: int
    written_minutes: int
    least: int
    measured: str = "own"
    writing: float | None = None  # seconds a reply took to be written, measured

    @property
    def there(self) -> float:
        """Of those planned so many are at the desk."""
        return 1 - self.shrinkage_percent / 100


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What is asked for trial: per cent more inquiries, and other assumptions in the place of a queue's own."""

    volume: int = 0
    instead: Mapping[str, float] = field(default_factory=dict)

    def apply(self, basis: Basis) -> Basis:
        """The basis as it would be."""
        return replace(basis, **self.instead)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Ground:
    """One picture of everything: the past, what queues promise, when they are open, who waits, and who is planned."""

    past: Past
    monday: date
    now_half: int  # half hours since this week's first forecast day began
    bases: Mapping[int, Basis]
    open: Mapping[int, Numbers]  # by queue: 42 days x 48, which share of each half hour is open
    waiting: Mapping[int, int]  # unanswered in writing now
    planned: Sequence[Planned]


@dataclass(frozen=True)
class Need:
    """A queue's week, arrays of 7 x 48: calls expected, agents at the desk for calls, work in writing (in agents), the
    agents to be planned, those that are, and the share of callers answered in time with as many as needed and with as
    many as planned. Days that are over have nothing."""

    calls: Numbers
    on_calls: Numbers
    written: Numbers
    wanted: Numbers
    planned: Numbers
    level_planned: Numbers
    basis: Basis

    @property
    def missing(self) -> Numbers:
        """How many are missing."""
        return np.asarray(np.maximum(self.wanted - self.planned, 0.0))

    @property
    def spare(self) -> Numbers:
        """How many are too many."""
        return np.asarray(np.maximum(self.planned - self.wanted, 0.0))

    @property
    def expected_level(self) -> float | None:
        """Of the week's calls, how many would be answered in time with this plan; None without calls. Left out are half
        hours with too few for anybody to be wanted, such as at night: nobody is planned then, and none is missing."""
        counted = np.where(self.calls >= CALLS_LEAST, self.calls, 0.0)
        calls = float(counted.sum())
        return float((counted * self.level_planned).sum()) / calls if calls > 0.05 else None


@dataclass(frozen=True)
class Week:
    """The week's needs by queue, and what was left out because its past is too short."""

    monday: date
    names: Mapping[int, str]
    needs: Mapping[int, Need]
    short: Sequence[tuple[str, str]]  # see outlook.Outlook

    @property
    def days(self) -> list[date]:
        """Monday to Sunday."""
        return [self.monday + timedelta(days=ahead) for ahead in range(7)]

    def sums(self, queue_id: int | None, name: str) -> Numbers:
        """One of a need's arrays, of a queue or of all together."""
        found = [getattr(need, name) for each, need in self.needs.items() if queue_id in (None, each)]
        return np.asarray(np.sum(found, axis=0)) if found else np.zeros((7, HALVES))


def mondays(now: datetime, timezone: str) -> list[date]:
    """The weeks that can be planned, by their Mondays, the running one first."""
    today = now.astimezone(ZoneInfo(timezone)).date()
    first = today - timedelta(days=today.weekday())
    return [first + timedelta(weeks=ahead) for ahead in range(WEEKS)]


def read(db: Session, monday: date, *, language: str, timezone: str, now: datetime) -> Ground:
    """Everything a week's need is computed from."""
    past = outlook.read(db, WEEKS, language=language, timezone=timezone, now=now)
    everyone = queues.everyone(db)
    book = policies.book(db)
    calendars = {each.id: each for each in hours.everyone(db)}
    told = _told(db, now)
    wrote = writing.by_queue(db, since=now - MEASURED, least=FEW)
    shown: dict[int, Numbers] = {}
    bases = {}
    for queue in everyone:
        terms = book.terms(queue.id or 0, int(Priority.NORMAL), Channel.MAIL)
        promise = terms.seconds(PromiseKind.FIRST_RESPONSE) if terms else 0.0
        calendar = calendars.get(queue.calendar_id or (terms.calendar_id if terms else None))
        shown[queue.id or 0] = open_halves(calendar, past.first, 7 * WEEKS)
        basis = _basis(db, queue, told, promise or float(USUAL_PROMISE))
        seen = wrote.get(queue.id)
        bases[queue.id or 0] = replace(basis, writing=seen.seconds if seen else None)
    local = now.astimezone(ZoneInfo(timezone))
    planned = shifts.of_days(db, monday - timedelta(days=1), monday + timedelta(days=6), language=language)
    return Ground(past, monday, local.hour * 2 + local.minute // 30, bases, shown, _waiting(db), planned)


def work_out(ground: Ground, what_if: WhatIf | None = None, *, queue_id: int | None = None) -> Week:
    """The week's need beside its plan. What is tried holds for one queue, or for all."""
    asked = what_if or WhatIf()
    told = outlook.foresee(ground.past, WEEKS)
    needs = {}
    for each, basis in ground.bases.items():
        tried = queue_id in (None, each)
        more = 1 + asked.volume / 100 if tried else 1.0
        if need := _need(ground, told, each, asked.apply(basis) if tried else basis, more):
            needs[each] = need
    planned = share_out(ground.planned, ground.monday, {each: need.wanted for each, need in needs.items()})
    needs = {each: _with_plan(need, planned[each]) for each, need in needs.items()}
    return Week(ground.monday, ground.past.names, needs, told.short())


def asked_for(query: Mapping[str, str]) -> WhatIf:
    """What an address wants to be tried; what is left empty is as it is. Raises `Invalid` with the field."""
    found: dict[str, float] = {}
    for name, (low, high) in BOUNDS.items():
        text = query.get(name, "").strip()
        if not text:
            continue
        if not text.lstrip("+-").isdecimal() or len(text) > 5 or not low <= int(text) <= high:
            raise Invalid("out_of_bounds", field=name)
        found[name] = int(text)
    volume = int(found.pop("volume", 0))
    return WhatIf(volume, {name: value / 100 if name == "level" else value for name, value in found.items()})


def assume(db: Session, queue: Queue, what_if: WhatIf, *, by: Agent, now: datetime) -> StaffingBasis:
    """Keep what was tried as the queue's own, of what nothing measures (`ASSUMED`)."""
    assert queue.id is not None
    row = db.get(StaffingBasis, queue.id) or StaffingBasis(queue_id=queue.id)
    for name in ASSUMED:
        if name in what_if.instead:
            setattr(row, name, int(what_if.instead[name]))
    db.add(row)
    db.flush()
    emit(db, ShiftsChanged(what="assumed", by_id=by.id, at=now))
    return row


def open_halves(calendar: Calendar | None, first: date, days: int) -> Numbers:
    """Which share of each half hour is open, a row a day; always without a calendar."""
    if calendar is None:
        return np.ones((days, HALVES))
    minutes = np.zeros((days + 1) * DAY)
    for place, each in enumerate(hours.days(calendar, first, days, language="en")):
        for begin, end in each.hours:
            begins, ends = (int(clock[:2]) * 60 + int(clock[3:]) for clock in (begin, end))
            base = place * DAY
            minutes[base + begins : base + (ends if ends > begins else ends + DAY)] = 1
    return np.asarray(minutes[: days * DAY].reshape(days, HALVES, 30).mean(axis=2))


def spread_out(work: Numbers, opened: Numbers, promise: float) -> Numbers:
    """Work (in seconds, by half hour in a row) spread evenly over the open half hours until it is promised, the first
    one that is open included. What comes too late for the last of them stays out."""
    places = np.flatnonzero(opened > 0)
    if not len(places):
        return np.zeros(len(work))
    window = max(1, round(promise / HALF))
    change = np.zeros(len(places) + window + 1)
    first = np.searchsorted(places, np.arange(len(work)))
    inside = first < len(places)
    np.add.at(change, first[inside], work[inside] / window)
    np.add.at(change, first[inside] + window, -work[inside] / window)
    found = np.zeros(len(work))
    found[places] = np.cumsum(change)[: len(places)]
    return found


def share_out(planned: Iterable[Planned], monday: date, wanted: Mapping[int, Numbers]) -> dict[int, Numbers]:
    """How many are planned for each queue, 7 x 48: whoever has several queues counts where most is missing, those with
    the fewest queues first; where nothing is missing, by what is wanted."""
    groups: dict[frozenset[int], Numbers] = {}
    for each in planned:
        own = each.queue_ids & wanted.keys()
        if own:
            _add(groups.setdefault(frozenset(own), np.zeros(7 * HALVES)), each, monday)
    found = {queue_id: np.zeros(7 * HALVES) for queue_id in wanted}
    for own, heads in sorted(groups.items(), key=lambda item: (len(item[0]), sorted(item[0]))):
        ids = sorted(own)
        lacks = np.stack([np.maximum(wanted[each].ravel() - found[each], 0.0) for each in ids])
        total = lacks.sum(axis=0)
        first = np.minimum(heads, total)
        share = np.divide(lacks, total, out=np.zeros_like(lacks), where=total > 0)
        wants = np.stack([wanted[each].ravel() for each in ids]) + 1e-9
        rest = wants / wants.sum(axis=0)
        for row, queue_id in enumerate(ids):
            found[queue_id] += first * share[row] + (heads - first) * rest[row]
    return {queue_id: row.reshape(7, HALVES) for queue_id, row in found.items()}


# --- a queue's need --------------------------------------------------------------------------------------------------


def _need(ground: Ground, told: Outlook, queue_id: int, basis: Basis, more: float) -> Need | None:
    by_phone, in_writing = (told.told.get((queue_id, way)) for way in (CALLS, WRITTEN))
    if by_phone is None and in_writing is None and not basis.least:
        return None
    opened = ground.open[queue_id]
    none = np.zeros((7 * WEEKS, HALVES))
    calls = (by_phone.expected if by_phone else none) * more
    work = (in_writing.expected if in_writing else none).ravel() * more
    work[: ground.now_half] = 0  # what came today is answered or waits
    if ground.now_half < len(work):
        work[ground.now_half] += ground.waiting.get(queue_id, 0)
    written = spread_out(work * basis.written_minutes * 60, opened.ravel(), basis.promise).reshape(none.shape)
    first = (ground.monday - told.first).days
    week = [_row(each, first) for each in (calls, written, opened)]
    return _week_of(week[0], week[1], week[2], basis)


def _row(rows: Numbers, first: int) -> Numbers:
    """The seven days from the place `first` on, which may lie before the first row; these have nothing."""
    found = np.zeros((7, HALVES))
    begin = max(0, -first)
    found[begin:] = rows[first + begin : first + 7]
    return found


def _week_of(calls: Numbers, written: Numbers, opened: Numbers, basis: Basis) -> Need:
    on_calls, wanted = np.zeros(calls.shape), np.zeros(calls.shape)
    busiest = basis.occupancy_percent / 100
    in_agents = written / HALF
    for place in zip(*np.nonzero((calls >= CALLS_LEAST) | (in_agents > 0) | (opened > 0)), strict=True):
        load, count = float(calls[place]) * basis.handle / HALF, 0
        if calls[place] >= CALLS_LEAST:
            asked = float(f"{load:.3g}")  # three digits: the same question is asked once
            count = erlang.needed(asked, basis.handle, level=basis.level, within=basis.within, patience=basis.patience,
                                  occupancy=busiest).agents  # fmt: skip
        count = max(count, basis.least if opened[place] > 0 else 0)
        idle = max(0.0, count * busiest - load)  # of those for calls, who may write meanwhile
        on_calls[place] = count
        wanted[place] = (count + max(0.0, float(in_agents[place]) - idle) / busiest) / basis.there
    return Need(calls, on_calls, in_agents, wanted, np.zeros(calls.shape), np.ones(calls.shape), basis)


def _with_plan(need: Need, planned: Numbers) -> Need:
    """The need beside the plan, and the level so many would keep, between whole numbers of agents in proportion."""
    level, basis = np.ones(planned.shape), need.basis
    for place in zip(*np.nonzero(need.calls > 0.005), strict=True):
        there, load = float(planned[place]) * basis.there, float(need.calls[place]) * basis.handle / HALF
        whole = int(there)
        told = [erlang.served(load, basis.handle, count, within=basis.within, patience=basis.patience).level
                for count in (whole, whole + 1)]  # fmt: skip
        level[place] = told[0] + (there - whole) * (told[1] - told[0])
    return replace(need, planned=planned, level_planned=level)


def _add(heads: Numbers, each: Planned, monday: date) -> None:
    """One more in the half hours of a shift, in part where it begins or ends within one."""
    base = (each.day - monday).days * HALVES
    begins, ends = base + each.begins / 30, base + each.ends / 30
    for half in range(max(0, int(begins)), min(len(heads), int(np.ceil(ends)))):
        heads[half] += min(ends, half + 1) - max(begins, half)


# --- what is measured ------------------------------------------------------------------------------------------------


def _told(db: Session, now: datetime) -> dict[int | None, tuple[int, float, float, int]]:
    """By queue, and of all as None: calls handled, their seconds, the seconds callers waited, and how many hung up."""
    since = (now - MEASURED).date()
    sums = (CallDay.handled, CallDay.talk, CallDay.hold, CallDay.wrap_up, CallDay.answered_after,
            CallDay.abandoned_after, CallDay.abandoned, CallDay.short_abandoned)  # fmt: skip
    query = sa.select(col(CallDay.queue_id), *(sa.func.sum(col(each)) for each in sums))
    found: dict[int | None, tuple[int, float, float, int]] = {}
    total = (0, 0.0, 0.0, 0)
    for queue_id, *row in db.execute(query.where(col(CallDay.day) >= since).group_by(col(CallDay.queue_id))):
        handled, talk, hold, wrap_up, answered, gone, abandoned, short = map(int, row)
        found[queue_id] = (handled, (talk + hold + wrap_up) / measures.SECOND, (answered + gone) / measures.SECOND,
                           abandoned - short)  # fmt: skip
        total = tuple(one + other for one, other in zip(total, found[queue_id], strict=True))  # type: ignore[assignment]
    return found | {None: total}


def _basis(db: Session, queue: Queue, told: Mapping[int | None, tuple[int, float, float, int]],
           promise: float) -> Basis:  # fmt: skip
    row = db.get(StaffingBasis, queue.id) or StaffingBasis(queue_id=queue.id or 0)
    own, every = told.get(queue.id, (0, 0.0, 0.0, 0)), told[None]
    measured, (handled, seconds, _, _) = ("own", own) if own[0] >= FEW else ("all", every)
    handle = seconds / handled if handled >= FEW else USUAL_HANDLE
    _, _, waited, gave_up = own if own[3] >= FEW else every
    patience = erlang.patience_of(waited, gave_up) if gave_up >= FEW else None
    return Basis(
        max(10.0, round(handle)), round(patience) if patience else None, queue.service_percent / 100,
        float(queue.service_seconds), promise, row.shrinkage_percent, row.occupancy_percent, row.written_minutes,
        row.least, measured if handled >= FEW else "usual",
    )  # fmt: skip


def _waiting(db: Session) -> dict[int, int]:
    """Unanswered in writing, by queue."""
    rows = db.execute(
        sa.select(col(Stretch.queue_id), sa.func.count())
        .where(col(Stretch.ended_at).is_(None), col(Stretch.asks), col(Stretch.answered_at).is_(None),
               col(Stretch.channel) != Channel.PHONE.value)
        .group_by(col(Stretch.queue_id))
    )  # fmt: skip
    return {queue_id: count for queue_id, count in rows}
