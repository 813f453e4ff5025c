"""The report of service: what was asked of the desk, how soon it answered and resolved, and how well calls were served.

The one idea: whatever is shown is a `Figure` of one of the lines (everything, a queue, a channel, an agent), made by
one formula from totals that can be added. Each knows how many cases it is of and how widely they are spread. Days
that are over come from kept totals, the day that runs is counted now, by the same function (`totals.of_day`); figures
of calls are `measures.Calls` and `measures.Work`, which the live board shows.

A figure belongs to the day on which the thing happened: opened, first answered, resolved, entered a queue.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import agents, measures, queues
from helpdesk.accuracy import Share
from helpdesk.errors import Invalid
from helpdesk.measures import Calls, Work
from helpdesk.reports import Period
from helpdesk.tallies import spread, totals
from helpdesk.tallies.spread import Counts
from helpdesk.tallies.totals import Asked
from models import AgentDay, CallDay, Channel, Stretch, Tag, TagDay, TicketDay

AGAINST: Final = ("before", "year", "nothing")
"""What a period is held against: the days of equal number right before it, those of a year before with the same
weekdays (52 weeks), or nothing."""
MOST_DAYS: Final = 400
MOST_LIVE: Final = 3
"""Days counted while somebody waits; more of them, and the report says what it is without."""
AGES: Final = (1, 3, 7, 30)
"""Days of age at which the backlog is cut."""
_CALL_COLUMNS = tuple(totals.CALLS)
_WORK = ("handled", "transferred", "talk", "hold", "wrap_up", "accepted", "declined", "timed_out", "in_ready",
         "in_busy", "in_wrap_up", "in_away", "ringing")  # fmt: skip


@dataclass(slots=True)
class Sums:
    """Totals of tickets and calls that belong together. `settled` is how many were first answered on days after which
    everybody has had seven days to come back, `calm` after how many of these nobody did."""

    numbers: dict[str, int] = field(default_factory=lambda: dict.fromkeys(totals.TICKETS, 0))
    counts: Counts = field(default_factory=spread.empty)
    settled: int = 0
    calm: int = 0
    calls: Calls = field(default_factory=Calls)
    work: Work = field(default_factory=Work)


@dataclass(frozen=True, slots=True)
class Figure:
    """`kind` is "count", "share" (in [0, 1]), "seconds" or "ratio"; `value` None of nothing. `cases` is of how many it
    is; `low` and `high` are the 95 % interval of a share (Wilson), and the middle half of lengths."""

    code: str
    kind: str
    value: float | None
    cases: int
    low: float | None = None
    high: float | None = None


Formula = Callable[[Sums], tuple[float | None, int, float | None, float | None]]


def _count(name: str) -> Formula:
    return lambda sums: (sums.numbers[name], sums.numbers[name], None, None)


def _share(held: str, of: Callable[[Mapping[str, int]], int]) -> Formula:
    def formula(sums: Sums) -> tuple[float | None, int, float | None, float | None]:
        return _of(Share(sums.numbers[held], of(sums.numbers)))

    return formula


def _length(kind: str, share: float) -> Formula:
    def formula(sums: Sums) -> tuple[float | None, int, float | None, float | None]:
        begin = spread.KINDS.index(kind) * spread.STEPS
        cases = int(sums.counts[begin : begin + spread.STEPS].sum())
        low, high = (spread.percentile(sums.counts, kind, edge) for edge in (0.25, 0.75))
        return spread.percentile(sums.counts, kind, share), cases, low, high

    return formula


def _of(share: Share) -> tuple[float | None, int, float | None, float | None]:
    return (share.value, share.of, *share.interval) if share.of else (None, 0, None, None)


def _of_calls(name: str, of: Callable[[Calls], int]) -> Formula:
    return lambda sums: (getattr(sums.calls, name), of(sums.calls), None, None)


def _level(sums: Sums) -> tuple[float | None, int, float | None, float | None]:
    calls = sums.calls
    of = calls.answered + calls.abandoned - calls.short_abandoned + calls.passed_on_late
    return _of(Share(calls.answered_in_time, max(0, of)))


def _lost(sums: Sums) -> tuple[float | None, int, float | None, float | None]:
    calls = sums.calls
    held, of = calls.abandoned - calls.short_abandoned, calls.offered - calls.short_abandoned - calls.waiting
    return _of(Share(held, max(0, of)))


def _transfers(sums: Sums) -> tuple[float | None, int, float | None, float | None]:
    resolved = sums.numbers["resolved"]
    return (sums.numbers["transfers"] / resolved if resolved else None), resolved, None, None


def _backlog_growth(sums: Sums) -> tuple[float | None, int, float | None, float | None]:
    return sums.numbers["begun"] - sums.numbers["resolved"], sums.numbers["begun"], None, None


FIGURES: Final[Mapping[str, tuple[str, Formula]]] = {
    # opened: tickets opened on these days, by customers or by the desk
    "opened": ("count", _count("opened")),
    # answered: tickets that customers began and in which an agent's first answer was given on these days
    "answered": ("count", _count("answered")),
    # answer_median: half of these waited no longer, from the opening to the first answer, in the queue's business hours
    "answer_median": ("seconds", _length("answer_open", 0.5)),
    "answer_p90": ("seconds", _length("answer_open", 0.9)),  # nine of ten
    "answer_wall_median": ("seconds", _length("answer", 0.5)),  # by the clock on the wall, nights included
    # answer_kept: first answers in the time that was promised / first answers to which something was promised
    "answer_kept": ("share", _share("answer_kept", lambda told: told["answer_kept"] + told["answer_late"])),
    # resolved: how often tickets were resolved on these days
    "resolved": ("count", _count("resolved")),
    # resolve_median: from the opening to the resolving that was not followed by opening it again
    "resolve_median": ("seconds", _length("resolve_open", 0.5)),
    "resolve_p90": ("seconds", _length("resolve_open", 0.9)),
    "resolve_wall_median": ("seconds", _length("resolve", 0.5)),
    "resolve_kept": ("share", _share("resolve_kept", lambda told: told["resolve_kept"] + told["resolve_late"])),
    # reopen_rate: resolved on these days and opened again since / resolved on these days
    "reopen_rate": ("share", _share("reopened", lambda told: told["resolved"])),
    # transfers: moves to another queue and hand-overs to another agent of what was resolved / resolved
    "transfers": ("ratio", _transfers),
    # first_contact: the customer did not write or call again in the ticket within seven days / first answers on days
    # whose seven days are over
    "first_contact": ("share", lambda sums: _of(Share(sums.calm, sums.settled))),
    # growth: opened and opened again, less resolved
    "growth": ("count", _backlog_growth),
    # The rest are figures of calls, see helpdesk/measures/figures.py.
    "offered": ("count", _of_calls("offered", lambda calls: calls.offered)),
    "service_level": ("share", _level),
    "answer_seconds": ("seconds", _of_calls("answer_seconds", lambda calls: calls.answered)),
    "abandonment": ("share", _lost),
    "handle_seconds": ("seconds", _of_calls("handle_seconds", lambda calls: calls.handled)),
    "wrap_up_seconds": ("seconds", _of_calls("wrap_up_seconds", lambda calls: calls.handled)),
    "first_contact_resolution": (
        "share", lambda sums: _of(Share(sums.calls.first_resolved, sums.calls.first_contacts))),
}  # fmt: skip
"""Every figure of a queue: its kind and its formula. Codes are those of the words under a "?"."""
OF_CALLS: Final = ("offered", "service_level", "answer_seconds", "abandonment", "handle_seconds", "wrap_up_seconds",
                   "first_contact_resolution")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """Everything, a queue, or a channel: its figures, and those of the days it is held against."""

    key: str
    name: str
    now: Mapping[str, Figure]
    before: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class AgentLine:
    """One agent: tickets first answered and resolved, mean lengths of business time in seconds, and the telephone."""

    agent_id: int
    name: str
    answered: int
    answer_mean: float | None
    resolved: int
    resolve_mean: float | None
    reopened: Share
    work: Work


@dataclass(frozen=True, slots=True)
class DayLine:
    """A day: what came, what was done, and what was not resolved at its end (None: nobody knows yet)."""

    day: date
    opened: int
    calls: int
    answered: int
    resolved: int
    backlog: int | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is not resolved now, by its age: (from how many days on, how many). `median_days` is of all of it."""

    count: int
    ages: Sequence[tuple[int, int]]
    median_days: float | None
    unanswered: int  # customers who wait for a first answer


@dataclass(frozen=True)
class Loaded:
    """The totals of some days, as they are added up. Keys as in `totals.Day`, with the day before them."""

    first: date
    last: date
    tickets: Mapping[tuple[date, int, str], Mapping[str, int]]
    spreads: Mapping[tuple[int, str], Counts]
    weekdays: Any  # 7 x 50: opened and offered in each half hour of a weekday
    agents: Mapping[int, Mapping[str, int]]  # by agent, of all the days
    wraps: Mapping[tuple[date, int], tuple[int, int]]  # by day and agent: how many handled, and their wrap-up
    calls: Mapping[tuple[date, int], Calls]
    tags: Mapping[tuple[date, int], int]
    left_out: Sequence[date]  # not counted yet


@dataclass(frozen=True)
class Service:
    """The whole report."""

    period: Period
    before: Period | None
    asked: Asked
    total: Line
    queues: list[Line]
    channels: list[Line]
    agents: list[AgentLine]
    days: list[DayLine]
    week: list[list[int]]  # by weekday from Monday, and hour
    backlog: Backlog
    left_out: int  # days that are not counted yet
    loaded: Loaded
    loaded_before: Loaded | None


def report(
    db: Session, period: Period, asked: Asked = totals.ANY, *, against: str = "before", language: str = "ja",
    timezone: str, now: datetime,
) -> Service:  # fmt: skip
    """The report of a period. Raises `Invalid("too_many_days")` for one that is too long, `Invalid("not_a_period")`
    for something to hold it against that there is not."""
    if against not in AGAINST:
        raise Invalid("not_a_period", field="against")
    if (period.last - period.first).days >= MOST_DAYS:
        raise Invalid("too_many_days", field="to")
    loaded = load(db, period.first, period.last, asked, timezone=timezone, now=now)
    before = earlier(period, against)
    loaded_before = (
        load(db, before.first, before.last, asked, timezone=timezone, now=now, with_agents=False) if before else None
    )
    settled = measures.settled_day(now, timezone).begin.astimezone(ZoneInfo(timezone)).date()
    names = {queue.id or 0: queue.called(language) for queue in queues.everyone(db)}

    def line(key: str, name: str, **only: Any) -> Line:
        return Line(key, name, figures(sums(loaded, settled, **only)),
                    figures(sums(loaded_before, settled, **only)) if loaded_before else {})  # fmt: skip

    by_queue = [line(f"queue-{queue_id}", name, queue_id=queue_id) for queue_id, name in names.items()
                if asked.queue_id in (None, queue_id)]  # fmt: skip
    by_channel = [line(channel.value, channel.value, channel=channel.value) for channel in Channel
                  if asked.channel in (None, channel.value)]  # fmt: skip
    backlog = backlog_now(db, asked, now=now)
    return Service(
        period, before, asked, line("all", ""), [each for each in by_queue if _is_any(each)],
        [each for each in by_channel if _is_any(each)], _agents(db, loaded, language),
        _days(db, loaded, asked, backlog, timezone, now),
        [[int(day[2 * hour] + day[2 * hour + 1]) for hour in range(24)] for day in loaded.weekdays],
        backlog, len(loaded.left_out), loaded, loaded_before,
    )  # fmt: skip


def earlier(period: Period, against: str) -> Period | None:
    """The days a period is held against."""
    length = timedelta(days=(period.last - period.first).days + 1)
    step = {"before": length, "year": timedelta(weeks=52)}.get(against)
    return Period("days", period.first - step, period.last - step) if step else None


def figures(told: Sums) -> dict[str, Figure]:
    """Every figure of these totals, by its code."""
    return {code: Figure(code, kind, *formula(told)) for code, (kind, formula) in FIGURES.items()}


def sums(loaded: Loaded, settled: date, *, queue_id: int | None = None, channel: str | None = None) -> Sums:
    """The totals of everything, of a queue or of a channel; the telephone's have the calls. `settled` is the last day
    after which everybody has had seven days to come back."""
    found = Sums()
    for (day, queue, via), numbers in loaded.tickets.items():
        if queue_id not in (None, queue) or channel not in (None, via):
            continue
        for name, value in numbers.items():
            found.numbers[name] += value
        if day <= settled:
            found.settled += numbers["answered"]
            found.calm += numbers["stayed_away"]
    for (queue, via), counts in loaded.spreads.items():
        if queue_id in (None, queue) and channel in (None, via):
            found.counts = found.counts + counts
    if channel in (None, Channel.PHONE.value):
        found.calls = measures.total(calls for (_, queue), calls in loaded.calls.items() if queue_id in (None, queue))
    return found


def load(
    db: Session, first: date, last: date, asked: Asked = totals.ANY, *, timezone: str, now: datetime,
    with_agents: bool = True,
) -> Loaded:  # fmt: skip
    """The totals of these days: kept ones as they are kept, the day that runs and a few others counted now. With an
    agent, tickets are counted from rows: nobody has so many."""
    today = now.astimezone(ZoneInfo(timezone)).date()
    last_over = min(last, today - timedelta(days=1))
    begun = totals.first_day(db, timezone=timezone) or today
    gaps = totals.missing(db, max(first, begun), last_over, timezone=timezone, now=now) if last_over >= begun else []
    live = [*([today] if first <= today <= last else []), *gaps[:MOST_LIVE]]
    pot = _Pot()
    kept_days = (first, last_over, set(gaps))
    if asked.agent_id is None:
        pot.kept_tickets(db, kept_days, asked)
        pot.kept_calls(db, kept_days, asked)
    else:
        interval = measures.Interval(measures.day(first, timezone).begin, measures.day(last, timezone).end)
        for (day, *key), cell in totals.tickets_of(db, interval, asked, timezone=timezone).items():
            pot.add_cell(day, (key[0], key[1]), cell)  # type: ignore[arg-type]
    if with_agents:
        pot.kept_agents(db, kept_days, asked)
    for day in live:
        told = totals.of_day(db, day, timezone=timezone, now=now, asked=asked)
        pot.add_day(told, with_tickets=asked.agent_id is None)
    return Loaded(first, last, pot.tickets, pot.spreads, pot.weekdays, pot.agents, pot.wraps, pot.calls, pot.tags,
                  gaps[MOST_LIVE:])  # fmt: skip


class _Pot:
    """Where totals of days are added up."""

    def __init__(self) -> None:
        self.tickets: dict[tuple[date, int, str], dict[str, int]] = {}
        self.spreads: dict[tuple[int, str], Counts] = defaultdict(spread.empty)
        self.weekdays = np.zeros((7, spread.HALVES), dtype=np.int64)
        self.agents: dict[int, dict[str, int]] = {}
        self.wraps: dict[tuple[date, int], tuple[int, int]] = {}
        self.calls: dict[tuple[date, int], Calls] = {}
        self.tags: dict[tuple[date, int], int] = defaultdict(int)

    def kept_tickets(self, db: Session, kept: tuple[date, date, set[date]], asked: Asked) -> None:
        table, where = TicketDay, _kept(TicketDay, kept, asked)
        columns = [sa.func.sum(getattr(table, name)) for name in totals.TICKETS]
        key = (col(table.day), col(table.queue_id), col(table.channel))
        for day, queue_id, channel, *values in db.execute(sa.select(*key, *columns).where(*where).group_by(*key)):
            if day not in kept[2]:
                self.tickets[day, queue_id, channel] = dict(zip(totals.TICKETS, map(int, values), strict=True))
        rows: dict[tuple[int, str, int], list[bytes]] = defaultdict(list)
        for day, queue_id, channel, packed in db.execute(sa.select(*key, col(table.spread)).where(*where)):
            if day not in kept[2]:
                rows[queue_id, channel, day.weekday()].append(packed)
        for (queue_id, channel, weekday), packed_rows in rows.items():
            counts = spread.unpacked(packed_rows)
            self.spreads[queue_id, channel] += counts
            self.weekdays[weekday] += spread.halves(counts)
        by_tag = (col(TagDay.day), col(TagDay.tag_id))
        if asked.priority is None and asked.channel is None:
            query = sa.select(*by_tag, sa.func.sum(col(TagDay.opened))).where(*_kept(TagDay, kept, asked))
            for day, tag_id, count in db.execute(query.group_by(*by_tag)):
                if day not in kept[2]:
                    self.tags[day, tag_id] += int(count)

    def kept_calls(self, db: Session, kept: tuple[date, date, set[date]], asked: Asked) -> None:
        if not asked.has_calls:
            return
        columns = [getattr(CallDay, name) for name in _CALL_COLUMNS]
        query = sa.select(col(CallDay.day), col(CallDay.queue_id), col(CallDay.halves), *columns)
        for day, queue_id, halves, *values in db.execute(query.where(*_kept(CallDay, kept, asked))):
            if day not in kept[2]:
                self.calls[day, queue_id] = Calls(**dict(zip(_CALL_COLUMNS, values, strict=True)))
                self.weekdays[day.weekday()] += spread.unpacked_halves(halves)

    def kept_agents(self, db: Session, kept: tuple[date, date, set[date]], asked: Asked) -> None:
        where = [*_kept(AgentDay, kept, asked), col(AgentDay.day).not_in(sorted(kept[2]))]
        if asked.agent_id is not None:
            where.append(col(AgentDay.agent_id) == asked.agent_id)
        columns = [sa.func.sum(getattr(AgentDay, name)) for name in totals.WORK]
        whose = col(AgentDay.agent_id)
        for agent_id, *values in db.execute(sa.select(whose, *columns).where(*where).group_by(whose)):
            self.agents[agent_id] = dict(zip(totals.WORK, map(int, values), strict=True))
        key = (col(AgentDay.day), whose)
        daily = sa.select(*key, sa.func.sum(AgentDay.handled), sa.func.sum(AgentDay.wrap_up))
        for day, agent_id, handled, wrap_up in db.execute(
            daily.where(*where, col(AgentDay.handled) > 0).group_by(*key)
        ):
            self.wraps[day, agent_id] = int(handled), int(wrap_up)

    def add_day(self, told: totals.Day, *, with_tickets: bool) -> None:
        for (queue_id, channel, _), cell in told.tickets.items() if with_tickets else ():
            self.add_cell(told.day, (queue_id, channel), cell)
        for (agent_id, _), numbers in told.agents.items():
            own = self.agents.setdefault(agent_id, dict.fromkeys(totals.WORK, 0))
            for name, value in numbers.items():
                own[name] += value
            if numbers["handled"]:
                before = self.wraps.get((told.day, agent_id), (0, 0))
                self.wraps[told.day, agent_id] = before[0] + numbers["handled"], before[1] + numbers["wrap_up"]
        for queue_id, calls in told.calls.items():
            self.calls[told.day, queue_id] = calls
            self.weekdays[told.day.weekday()] += np.asarray(told.halves[queue_id], dtype=np.int64)
        for (tag_id, _), count in told.tags.items():
            self.tags[told.day, tag_id] += count

    def add_cell(self, day: date, key: tuple[int, str], cell: totals.Cell) -> None:
        own = self.tickets.setdefault((day, *key), dict.fromkeys(totals.TICKETS, 0))
        for name, value in cell.numbers.items():
            own[name] += value
        self.spreads[key] += cell.counts
        self.weekdays[day.weekday()] += spread.halves(cell.counts)


def _kept(table: Any, kept: tuple[date, date, set[date]], asked: Asked) -> list[Any]:
    first, last, _ = kept
    where = [table.day >= first, table.day <= last]
    for name in ("queue_id", "channel", "priority"):
        value = getattr(asked, name)
        if value is not None and name in table.model_fields:
            where.append(getattr(table, name) == value)
    return where


def _is_any(line: Line) -> bool:
    return any(figure.cases for part in (line.now, line.before) for figure in part.values())


def _agents(db: Session, loaded: Loaded, language: str) -> list[AgentLine]:
    lines = []
    for agent_id, name in agents.names(db, language=language).items():
        told = loaded.agents.get(agent_id)
        if told is None or not any(told.values()):
            continue
        kept = told["resolved"] - told["reopened"]
        lines.append(AgentLine(
            agent_id, name, told["answered"], _mean(told["answer_open_seconds"], told["answered"]),
            told["resolved"], _mean(told["resolve_open_seconds"], kept), Share(told["reopened"], told["resolved"]),
            Work(**{name: told[name] for name in _WORK}),
        ))  # fmt: skip
    return lines


def _mean(total: int, count: int) -> float | None:
    return total / count if count else None


def _days(db: Session, loaded: Loaded, asked: Asked, backlog: Backlog, timezone: str, now: datetime) -> list[DayLine]:
    """What was not resolved at the end of a day is what is not resolved now, less what came since, and what was done
    since put back."""
    by_day: dict[date, dict[str, int]] = defaultdict(lambda: dict.fromkeys(totals.TICKETS, 0))
    for (day, _, _), numbers in loaded.tickets.items():
        for name, value in numbers.items():
            by_day[day][name] += value
    offered: dict[date, int] = defaultdict(int)
    for (day, _), calls in loaded.calls.items():
        offered[day] += calls.offered
    today = now.astimezone(ZoneInfo(timezone)).date()
    is_known = asked.agent_id is None and not loaded.left_out
    left = backlog.count if is_known else 0
    if is_known and loaded.last < today:
        since = load(db, loaded.last + timedelta(days=1), today, asked, timezone=timezone, now=now, with_agents=False)
        left -= sum(told["begun"] - told["resolved"] for told in since.tickets.values())
        is_known = not since.left_out
    lines = []
    for back in range((loaded.last - loaded.first).days + 1):
        day = loaded.last - timedelta(days=back)
        told = by_day[day]
        lines.append(DayLine(day, told["opened"], offered[day], told["answered"], told["resolved"],
                             left if is_known and day <= today else None))  # fmt: skip
        left -= told["begun"] - told["resolved"]
    return lines[::-1]


def backlog_now(db: Session, asked: Asked, *, now: datetime) -> Backlog:
    """What is not resolved, open and resting alike, by the days since it was opened."""
    where = totals.conditions(asked, Stretch.agent_id)
    rows = db.execute(
        sa.select(col(Stretch.opened_at), col(Stretch.asks), col(Stretch.answered_at), col(Stretch.number))
        .where(col(Stretch.ended_at).is_(None), *where).order_by(col(Stretch.opened_at))
    ).all()  # fmt: skip
    days = [(now - opened_at) / timedelta(days=1) for opened_at, _, _, _ in rows]
    edges = (0, *AGES)
    ages = [(low, sum(1 for each in days if each >= low and (place + 1 == len(edges) or each < edges[place + 1])))
            for place, low in enumerate(edges)]  # fmt: skip
    middle = float(np.median(days)) if days else None
    return Backlog(len(rows), ages, middle, sum(1 for _, asks, at, _ in rows if asks and at is None))


def tags(db: Session, ids: Iterable[int]) -> dict[int, str]:
    """The names of these tags."""
    rows = db.execute(sa.select(col(Tag.id), col(Tag.name)).where(col(Tag.id).in_(sorted(set(ids)))))
    return {tag_id: name for tag_id, name in rows if tag_id is not None}
