"""Every report there is, in one table: what it is called, what can be asked of it, and the function that answers.

The one idea: whoever wants a report asks here by its key with plain words, as they stand in an address, a tile or a
schedule; they are read and checked once, for all of them. A new report is a function `(Asked) -> Sheet` and one line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from sqlmodel import Session

from helpdesk import queues, reports
from helpdesk.errors import Invalid, NotFound
from helpdesk.measures import Interval
from helpdesk.reporting import calls, evaluation, feedback, forecast, products, staffing, tallies
from helpdesk.reporting.values import Sheet
from helpdesk.tallies.figures import AGAINST

DAYS_MAX: Final = 400


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to know. `choices` are the report's own parameters, by name."""

    period: reports.Period
    queue_id: int | None
    choices: Mapping[str, str]
    language: str
    timezone: str
    now: datetime

    @property
    def interval(self) -> Interval:
        """The period's."""
        return self.period.interval(self.timezone)

    @property
    def today(self) -> date:
        """The day that runs, on the desk's calendar."""
        return self.now.astimezone(ZoneInfo(self.timezone)).date()

    @property
    def before(self) -> Interval:
        """As many days right before it."""
        return reports.before(self.period).interval(self.timezone)


@dataclass(frozen=True, slots=True)
class Choice:
    """A parameter: its values are codes of the sentences' group `words`, the first one unless somebody chooses."""

    name: str
    words: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """An entry. `gather` reads the database; what it answers is a function that may take its time outside of it.

    `path` is the page with all that belongs to this report alone, "" where there is none. `figures`, `charts` and
    `tables` are the keys a sheet may have, for who composes a dashboard.
    """

    key: str
    gather: Callable[[Session, "Asked"], Callable[[], Sheet]]
    figures: tuple[str, ...]
    charts: tuple[str, ...]
    tables: tuple[str, ...]
    choices: tuple[Choice, ...] = ()
    path: str = ""

    def parts(self) -> tuple[tuple[str, str], ...]:
        """What a tile may show: pairs of a kind and a key."""
        return (
            *(("figure", key) for key in self.figures),
            *(("chart", key) for key in self.charts),
            *(("table", key) for key in self.tables),
        )


REPORTS: Final[Mapping[str, Report]] = MappingProxyType({
    each.key: each
    for each in (
        Report("calls", calls.gather, calls.FIGURES, calls.CHARTS, calls.TABLES,
               (Choice("by", "report_by", ("queue", "agent", "day", "half_hour")),), "/reports/calls"),
        Report("service", tallies.gather, tallies.FIGURES, tallies.CHARTS, tallies.TABLES,
               (Choice("against", "service_against", AGAINST),), "/reports/service"),
        Report("routing", evaluation.gather, evaluation.FIGURES, evaluation.CHARTS, evaluation.TABLES, (),
               "/reports/routing"),
        Report("forecast", forecast.gather, forecast.FIGURES, forecast.CHARTS, forecast.TABLES,
               (Choice("weeks", "forecast_weeks", ("2", "4", "6")),), "/reports/forecast"),
        Report("staffing", staffing.gather, staffing.FIGURES, staffing.CHARTS, staffing.TABLES,
               (Choice("week", "staffing_week", staffing.WEEKS),), "/reports/staffing"),
        Report("feedback", feedback.gather, feedback.FIGURES, feedback.CHARTS, feedback.TABLES,
               (Choice("source", "feedback_source", ("all", "comments", "mails", "notes")),), "/reports/feedback"),
        Report("topics", feedback.gather_topics, (), feedback.TOPIC_CHARTS, feedback.TOPIC_TABLES,
               (Choice("source", "feedback_source", ("all", "comments", "mails", "notes")),), "/reports/feedback"),
        Report("products", products.gather, products.FIGURES, products.CHARTS, products.TABLES, (),
               "/reports/products"),
    )
})  # fmt: skip


def report(key: str) -> Report:
    """Raises `NotFound`."""
    if (found := REPORTS.get(key)) is None:
        raise NotFound("not_found", report=key)
    return found


def asked(db: Session, key: str, query: Mapping[str, str], *, language: str, timezone: str, now: datetime,
          period: str = "month") -> Asked:  # fmt: skip
    """What plain words ask of a report; `period` where they name none. Raises `Invalid` with the field, `NotFound`."""
    entry = report(key)
    of = reports.period(query.get("period") or period, query.get("from", ""), query.get("to", ""), now=now,
                        timezone=timezone)  # fmt: skip
    if (of.last - of.first).days >= DAYS_MAX:
        raise Invalid("too_many_days", field="to")
    queue_id = None
    if typed := query.get("queue", ""):
        if not (typed.isascii() and typed.isdecimal()) or len(typed) > 9:
            raise NotFound("not_found")
        queue_id = queues.get(db, int(typed)).id
    chosen = {}
    for choice in entry.choices:
        value = query.get(choice.name) or choice.values[0]
        if value not in choice.values:
            raise Invalid("unknown_choice", field=choice.name)
        chosen[choice.name] = value
    return Asked(of, queue_id, chosen, language, timezone, now)


def is_ready(work: Callable[[], Sheet], seconds: float) -> bool:
    """Whether the sheet of a `gather` takes no longer than these. Only what customers wrote takes its time, and is read
    beside the work."""
    return not isinstance(work, feedback.TopicsWork) or work.is_ready(seconds)


def kept(key: str, query: Mapping[str, str]) -> dict[str, str]:
    """Of plain words those that this report asks by, without empty ones: what a tile or a schedule remembers."""
    names = ("period", "from", "to", "queue", *(choice.name for choice in report(key).choices))
    return {name: value for name in names if (value := query.get(name, ""))}
