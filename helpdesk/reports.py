"""Reports of calls: the figures of `helpdesk/measures/` over a period, by queue, agent, half hour or day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session

from helpdesk import agents, measures, queues
from helpdesk.errors import Invalid
from helpdesk.measures import Calls, Interval, Work
from helpdesk.tallies import called
from models import Agent

PERIODS = ("today", "yesterday", "week", "month", "last_week", "last_month", "days")
WAYS = ("queue", "agent", "day", "half_hour")
MOST_DAYS = {"queue": 400, "agent": 400, "day": 400, "half_hour": 31}
CALLS = (
    "offered", "answered", "answered_in_time", "abandoned", "short_abandoned", "passed_on", "refused", "waiting",
    "service_level", "service_level_of_offered", "service_level_with_abandoned", "service_level_without_early",
    "service_level_of_answered", "answer_seconds", "abandonment", "abandon_seconds", "handled", "handle_seconds",
    "wrap_up_seconds", "transfer_rate", "first_contact_resolution",
)  # fmt: skip
"""The columns of a report, by their names in `measures.Calls`."""
WORK = ("offered", "accepted", "declined", "timed_out", "answer_rate", "handled", "handle_seconds", "wrap_up_seconds",
        "transfer_rate", "occupancy", "utilisation", "signed_in_seconds", "ready_seconds", "busy_seconds",
        "after_seconds", "away_seconds")  # fmt: skip
"""Those of a report by agent, in `measures.Work`, and how long they were in each state."""
_LENGTHS = {"signed_in_seconds": "signed_in", "ready_seconds": "in_ready", "busy_seconds": "in_busy",
            "after_seconds": "in_wrap_up", "away_seconds": "in_away"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Period:
    """Days of the desk's calendar, both of them in it."""

    name: str
    first: date
    last: date

    def interval(self, timezone: str) -> Interval:
        """From the first midnight to the last."""
        return Interval(measures.day(self.first, timezone).begin, measures.day(self.last, timezone).end)


@dataclass(frozen=True, slots=True)
class Row:
    """One line: of a queue or agent by its name, or of an interval."""

    name: str
    interval: Interval
    queue_id: int | None
    told: Calls | Work

    def value(self, column: str) -> float | int | None:
        """What stands in a column of `CALLS` or `WORK`."""
        if column in _LENGTHS:
            return getattr(self.told, _LENGTHS[column]) / measures.SECOND  # type: ignore[no-any-return]
        return getattr(self.told, column)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Report:
    """`total` is of everything, whatever the rows are by."""

    columns: tuple[str, ...]
    rows: list[Row]
    total: Row
    interval: Interval


def period(name: str, first: str, last: str, *, now: datetime, timezone: str) -> Period:
    """The period that was asked for; "days" is from `first` to `last`, as 2026-11-21. Raises `Invalid("not_a_period")`
    with the field."""
    today = now.astimezone(ZoneInfo(timezone)).date()
    if name not in PERIODS:
        raise Invalid("not_a_period", field="period")
    if name == "last_week":  # Monday to Sunday
        monday = today - timedelta(days=today.weekday() + 7)
        return Period(name, monday, monday + timedelta(days=6))
    if name == "last_month":
        until = today.replace(day=1) - timedelta(days=1)
        return Period(name, until.replace(day=1), until)
    if name != "days":
        until = today - timedelta(days=1) if name == "yesterday" else today
        return Period(name, until - timedelta(days={"week": 6, "month": 29}.get(name, 0)), until)
    days = []
    for field, text in (("from", first), ("to", last)):
        try:
            days.append(date.fromisoformat(text))
        except ValueError as error:
            raise Invalid("not_a_period", field=field) from error
        if not 2000 <= days[-1].year < 9000:
            raise Invalid("not_a_period", field=field)
    if days[0] > days[1]:
        raise Invalid("not_a_period", field="to")
    return Period(name, days[0], days[1])


def before(asked: Period) -> Period:
    """As many days right before it."""
    length = asked.last - asked.first + timedelta(days=1)
    return Period("days", asked.first - length, asked.first - timedelta(days=1))


def calls(db: Session, asked: Period, by: str, *, queue_id: int | None, language: str, timezone: str,
          now: datetime) -> Report:  # fmt: skip
    """The report; lines in which nothing happened are left out. With `queue_id` of one queue only, where the figures
    are of calls. Raises `Invalid("too_many_days")` for a period that is too long for its lines."""
    if by not in WAYS:
        raise Invalid("not_a_period", field="by")
    if (asked.last - asked.first).days >= MOST_DAYS[by]:
        raise Invalid("too_many_days", field="to")
    interval = asked.interval(timezone)
    if by == "agent":
        return _by_agent(db, interval, language=language, timezone=timezone, now=now)
    names = {queue.id or 0: queue.called(language) for queue in queues.everyone(db)}
    ids = [queue_id] if queue_id is not None else list(names)
    cuts = {"queue": lambda: [interval], "day": lambda: measures.days(interval, timezone),
            "half_hour": lambda: measures.half_hours(interval)}[by]()  # fmt: skip
    told = called.of_queues(db, cuts, ids, timezone=timezone, now=now)
    if by == "queue":
        rows = [Row(names[each], interval, each, told.get((0, each), Calls())) for each in ids]
    else:
        rows = [
            Row("", cut, queue_id, of_all)
            for cut, of_all in zip(cuts, measures.totals(told, len(cuts)), strict=True)
            if of_all != Calls()
        ]
    return Report(CALLS, rows, Row("", interval, queue_id, measures.total(told.values())), interval)


def table(report: Report, *, digits: int = 3) -> Iterator[list[str | float | int]]:
    """The report's lines for a file, the total last: its name or the begin of its interval, then the columns, shares in
    [0, 1] and lengths in seconds; "" where there is nothing to say."""
    for row in [*report.rows, report.total]:
        values = (row.value(column) for column in report.columns)
        yield [row.name, row.interval.begin.isoformat(), row.interval.end.isoformat(),
               *("" if value is None else round(value, digits) for value in values)]  # fmt: skip


def _by_agent(db: Session, interval: Interval, *, language: str, timezone: str, now: datetime) -> Report:
    staff: list[Agent] = agents.everyone(db)
    told = called.of_agents(db, interval, [agent.id or 0 for agent in staff], timezone=timezone, now=now)
    rows = [
        Row(agents.called(agent, language), interval, None, told[agent.id or 0]) for agent in staff
        if agent.is_active or told[agent.id or 0] != Work()
    ]  # fmt: skip
    return Report(WORK, rows, Row("", interval, None, sum(told.values(), Work())), interval)
