"""What a report answers: findings, figures, charts and tables as plain values.

The one idea: a value knows its kind (a share, seconds, a count) and whether it names a person, and says nothing in any
language. What must be said is a `Word`, a code of the desk's sentences with its facts; whoever shows the sheet hands
`written` and `said` the voice of a reader. A chart is made of the very numbers that stand in the table below it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from helpdesk import dates
from helpdesk.measures import Interval

Kind = Literal["count", "share", "ratio", "seconds", "number", "tenths", "points", "text", "day", "moment"]
"""A ratio is shown in per cent as a share is, and may be more than 1; tenths are numbers told to one
digit, a nought too, so that those below each other stand alike."""
Drawn = Literal["line", "bars", "stacked", "heat", "intervals"]
Say = Callable[[str, str, Mapping[str, object] | None], str]
"""A sentence of a group by its code, with facts, in one reader's language."""


class Word(NamedTuple):
    """Something to say. Facts may be values with a kind: `("share", 0.42)` becomes "42 %"."""

    group: str
    code: str
    facts: Mapping[str, object] = {}


class Names(NamedTuple):
    """Names one after the other inside a sentence, with the comma of the language."""

    names: "Sequence[Text]"


class Fact(NamedTuple):
    """A value inside a sentence."""

    kind: Kind
    value: "Value"


Text = str | Word
"""Words of the desk, or a name that is the same in every language."""
Value = Text | int | float | date | datetime | None


@dataclass(frozen=True, slots=True)
class Voice:
    """Who is spoken to."""

    say: Say
    language: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `formula` says how its numbers come about."""

    name: Text
    kind: Kind = "count"
    formula: Text = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in the order of their columns; the first column names the row."""

    key: str
    title: Text
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Value]]
    total: Sequence[Value] | None = None
    is_personal: bool = False
    """Names people, or quotes them: not for a wall and not for programs that ask for figures."""
    is_quoting: bool = False
    """Holds customers' words of any queue: for supervisors, whoever a dashboard is shared with."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with what makes it believable: of how many it is, its 95 % interval, and the period before."""

    key: str
    name: Text
    value: Value
    kind: Kind = "count"
    of: int | None = None
    interval: tuple[float, float] | None = None
    before: Value = None
    formula: Text = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One row of values beside the chart's places; None where there is nothing to say. `low` and `high` are intervals,
    `of` how many each value is of; `tone` "good", "bad" or "" chooses a colour that means something."""

    name: Text
    values: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    of: Sequence[int] = ()
    tone: Literal["good", "bad", "quiet", ""] = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing: `places` lie along it, each series has a value for each. The title says the finding.

    "heat" is a field: its series are the rows, its places the columns. "intervals" lists places downwards, with the
    values of each series as dots on one scale.
    """

    key: str
    drawn: Drawn
    title: Text
    places: Sequence[Text | date]
    series: tuple[Series, ...]
    kind: Kind = "count"
    along: Text = ""  # what the places are
    is_personal: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return all(value is None or value == 0 for each in self.series for value in each.values)

    def table(self) -> Table:
        """Its numbers, for whoever does not see the drawing."""
        columns = [Column(self.along, "text")]
        for each in self.series:
            columns.append(Column(each.name, self.kind))
            columns += [Column(Word("chart", "low"), self.kind), Column(Word("chart", "high"), self.kind)] * bool(
                each.low
            )
            columns += [Column(Word("chart", "of"), "count")] * bool(each.of)
        rows = []
        for place, name in enumerate(self.places):
            row: list[Value] = [name]
            for each in self.series:
                row.append(each.values[place])
                row += [each.low[place], each.high[place]] if each.low else []
                row += [each.of[place]] if each.of else []
            rows.append(row)
        return Table(self.key, self.title, tuple(columns), rows, is_personal=self.is_personal)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a report answers for one period."""

    interval: Interval
    findings: Sequence[Text] = ()
    figures: Sequence[Figure] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[Text] = field(default_factory=tuple)
    """How it was counted, and what it cannot say."""
    before: Interval | None = None
    """The earlier days that figures are held against."""

    def without_people(self) -> "Sheet":
        """The same without names and quotes."""
        return replace(
            self, charts=[each for each in self.charts if not each.is_personal],
            tables=[each for each in self.tables if not each.is_personal],
        )  # fmt: skip


def days(interval: Interval, timezone: str) -> tuple[date, date]:
    """The first and the last day of an interval, on the desk's calendar."""
    zone = ZoneInfo(timezone)
    return interval.begin.astimezone(zone).date(), (interval.end - timedelta(microseconds=1)).astimezone(zone).date()


def from_to(interval: Interval, voice: Voice) -> str:
    """The days of an interval as people read them."""
    return " – ".join(dict.fromkeys(written("day", day, voice) for day in days(interval, voice.timezone)))


def running(interval: Interval, now: datetime, timezone: str) -> list[Text]:
    """What has to be said where the last day is not over: fewer so far than the day before is no fall."""
    if not interval.begin <= now < interval.end:
        return []
    local = now.astimezone(ZoneInfo(timezone))
    return [Word("report", "running", {"day": Fact("day", local.date()), "time": f"{local:%H:%M}"})]


def leading(values: Sequence[float | None]) -> int | None:
    """The place of the largest value, for a sentence that names it; None where there is none, or several share it."""
    most = max((value for value in values if value), default=None)
    places = [place for place, value in enumerate(values) if value and value == most]
    return places[0] if len(places) == 1 else None


def said(text: object, voice: Voice) -> str:
    """A text in the reader's language; a day without its year, as it stands along a drawing."""
    if isinstance(text, Word):
        facts = {
            name: written(*fact, voice) if isinstance(fact, Fact) else said(fact, voice)
            for name, fact in text.facts.items()
        }
        return voice.say(text.group, text.code, facts)
    if isinstance(text, date):
        return dates.short(text, voice.language)
    if isinstance(text, Names):
        return ("、" if voice.language == "ja" else ", ").join(said(each, voice) for each in text.names)
    return str(text)


def written(kind: Kind, value: object, voice: Voice) -> str:
    """A value as people read it; a dash where there is nothing to say."""
    if value is None or value == "":
        return "–"
    if isinstance(value, Word):
        return said(value, voice)
    if isinstance(value, datetime):
        return dates.moment(value.astimezone(ZoneInfo(voice.timezone)), voice.language)
    if isinstance(value, date):
        return dates.whole_with_weekday(value, voice.language)
    if isinstance(value, int | float):
        return _NUMBERS.get(kind, _count)(value)
    return str(value)


def percent(share: float | None) -> str:
    """A share in [0, 1] as whole per cent. It never rounds up to a certainty that is not there."""
    if share is None:
        return ""
    return f"{min(round(share * 100), 99) if share < 1 else 100} %"


def signed(value: float, *, places: int = 0) -> str:
    """A difference with its sign, which is the minus of printers and not a hyphen: "+28", "−4", "−0.1"."""
    return f"{value:+,.{places}f}".replace("-", "−")


def seconds(count: float | None) -> str:
    """A length of time as m:ss, or h:mm:ss from an hour on. Nothing and less than nothing are 0:00."""
    whole = max(0, int(count or 0))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _count(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


_NUMBERS: Mapping[str, Callable[[float], str]] = {
    "share": percent,
    "seconds": seconds,
    "ratio": lambda value: f"{value * 100:,.0f} %",
    "number": lambda value: f"{value:,.2f}",
    "tenths": lambda value: f"{value:,.1f}",
    "points": signed,
}
