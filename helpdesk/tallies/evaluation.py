"""The report of routing and automation: what deciding by itself saved, and what came of what the desk did by itself.

Both are sums over the same kept days as the report of service, counted by `totals.of_day`.

What routing saved is an estimate, and says so: every ticket that the desk placed, that nobody moved and that was
resolved there would have been read and placed by somebody; every one that an agent had to move was read once in vain.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import queues
from helpdesk.accuracy import Share
from helpdesk.errors import Invalid
from helpdesk.reports import Period
from helpdesk.tallies import automation, figures, totals
from helpdesk.tallies.automation import Came
from models import AutomationDay, CannedReply, Macro, RoutingDay, Rule, Survey
from models.base import called

SECONDS: Final = 30
"""What placing a ticket by hand takes, unless somebody measured it."""
MOST_SECONDS: Final = 3600
TRIAGE: Final = ("nobody_sure", "no_words_yet")
BY_HAND: Final = ("by_agent", "")
_CAME: Final = ("count", "settled", "wrote", "resolved", "reopened", "answered", "undone")


@dataclass(frozen=True, slots=True)
class Placed:
    """First decisions: how many, of these how many were settled where they were put, and how many an agent moved. What
    is neither is still open, or went on otherwise."""

    count: int = 0
    stayed: int = 0
    corrected: int = 0

    def __add__(self, other: "Placed") -> "Placed":
        return Placed(self.count + other.count, self.stayed + other.stayed, self.corrected + other.corrected)

    @property
    def right(self) -> Share:
        """Settled where they were put / (that + moved by an agent)."""
        return Share(self.stayed, self.stayed + self.corrected)


@dataclass(frozen=True, slots=True)
class RoutingLine:
    """A queue in one language, a language, or everything: what the desk placed, and what it left to people. `slug` ""
    is everything."""

    name: str
    language: str
    placed: Placed
    triage: Placed

    @property
    def triage_share(self) -> Share:
        """Left in triage because nothing was sure / all that the desk decided on."""
        return Share(self.triage.count, self.triage.count + self.placed.count)


@dataclass(frozen=True, slots=True)
class AutomationLine:
    """One rule, macro, survey or prepared reply, or a queue's receipts."""

    kind: str
    name: str
    came: Came


@dataclass(frozen=True)
class Evaluation:
    """`reasons` is by why the desk decided. `saved_seconds` = (stayed - corrected) * seconds a placement by hand."""

    period: Period
    seconds: int
    total: RoutingLine
    before: RoutingLine | None
    languages: list[RoutingLine]
    queues: list[RoutingLine]
    reasons: list[tuple[str, Placed]]
    saved_seconds: int
    automation: list[AutomationLine]
    left_out: int


def report(
    db: Session,
    period: Period,
    *,
    seconds: int = SECONDS,
    queue_id: int | None = None,
    language: str,
    timezone: str,
    now: datetime,
) -> Evaluation:
    """The report of a period; of one queue what was placed there alone, since what the desk does by itself belongs to
    none. Raises `Invalid("too_many_days")`, or `Invalid("not_a_number")` for seconds that cannot
    be."""
    if (period.last - period.first).days >= figures.MOST_DAYS:
        raise Invalid("too_many_days", field="to")
    if not 1 <= seconds <= MOST_SECONDS:
        raise Invalid("unknown_choice", field="seconds")
    names = {queue.id or 0: queue.called(language) for queue in queues.everyone(db)}
    placed, done, left_out = _load(db, period, timezone=timezone, now=now)
    earlier = figures.earlier(period, "before")
    before = _load(db, earlier, timezone=timezone, now=now)[0] if earlier else {}
    if queue_id is not None:
        placed, before = ({key: one for key, one in each.items() if key[0] == queue_id} for each in (placed, before))
        done = {}
    total = _line("", "", placed)
    order = {queue_id: place for place, queue_id in enumerate(names)}
    pairs = sorted({key[:2] for key in placed}, key=lambda pair: (order.get(pair[0], len(order)), pair[1]))
    by_queue = [
        _line(names.get(pair[0], ""), pair[1], {key: each for key, each in placed.items() if key[:2] == pair})
        for pair in pairs
    ]
    reasons: dict[str, Placed] = defaultdict(Placed)
    for (_, _, reason), each in placed.items():
        reasons[reason] += each
    return Evaluation(
        period, seconds, total, _line("", "", before) if any(each.count for each in before.values()) else None,
        [_line("", spoken, {key: value for key, value in placed.items() if key[1] == spoken})
         for spoken in sorted({key[1] for key in placed})],
        [each for each in by_queue if each.placed.count],
        sorted(reasons.items(), key=lambda item: -item[1].count),
        (total.placed.stayed - total.placed.corrected) * seconds, _named(db, done, names, language), left_out,
    )  # fmt: skip


def _line(name: str, language: str, placed: Mapping[tuple[int, str, str], Placed]) -> RoutingLine:
    own = sum((each for (_, _, reason), each in placed.items() if reason not in (*TRIAGE, *BY_HAND)), Placed())
    left = sum((each for (_, _, reason), each in placed.items() if reason in TRIAGE), Placed())
    return RoutingLine(name, language, own, left)


def _load(
    db: Session, period: Period, *, timezone: str, now: datetime
) -> tuple[dict[tuple[int, str, str], Placed], dict[tuple[str, int], Came], int]:
    today = now.astimezone(ZoneInfo(timezone)).date()
    last = min(period.last, today - timedelta(days=1))
    begun = totals.first_day(db, timezone=timezone) or today
    gaps = totals.missing(db, max(period.first, begun), last, timezone=timezone, now=now) if last >= begun else []
    placed: dict[tuple[int, str, str], Placed] = defaultdict(Placed)
    done: dict[tuple[str, int], Came] = defaultdict(Came)
    where = (col(RoutingDay.day) >= period.first, col(RoutingDay.day) <= last, col(RoutingDay.day).not_in(gaps))
    key = (col(RoutingDay.queue_id), col(RoutingDay.language), col(RoutingDay.reason))
    sums = (sa.func.sum(col(each)) for each in (RoutingDay.placed, RoutingDay.stayed, RoutingDay.corrected))
    for queue_id, language, reason, *counts in db.execute(sa.select(*key, *sums).where(*where).group_by(*key)):
        placed[queue_id, language, reason] += Placed(*map(int, counts))
    what = (col(AutomationDay.kind), col(AutomationDay.thing_id))
    numbers = (sa.func.sum(getattr(AutomationDay, name)) for name in _CAME)
    then = (col(AutomationDay.day) >= period.first, col(AutomationDay.day) <= last, col(AutomationDay.day).not_in(gaps))
    for kind, thing_id, *counts in db.execute(sa.select(*what, *numbers).where(*then).group_by(*what)):
        done[kind, thing_id] += Came(*map(int, counts))
    for day in [*([today] if period.first <= today <= period.last else []), *gaps[: figures.MOST_LIVE]]:
        told = totals.of_day(db, day, timezone=timezone, now=now)
        for each, counted in told.routing.items():
            placed[each] += Placed(*counted)
        for thing, came in told.automation.items():
            done[thing] += came
    return dict(placed), dict(done), len(gaps[figures.MOST_LIVE :])


def _named(db: Session, done: Mapping[tuple[str, int], Came], lines: Mapping[int, str], language: str
           ) -> list[AutomationLine]:  # fmt: skip
    tables: dict[str, tuple[Any, Any]] = {
        "rule": (Rule, called(Rule, language)), "macro": (Macro, called(Macro, language)),
        "survey": (Survey, col(Survey.name)), "canned": (CannedReply, called(CannedReply, language)),
    }  # fmt: skip
    names = {("receipt", queue_id): name for queue_id, name in lines.items()}
    for kind, (table, column) in tables.items():
        ids = [thing_id for each, thing_id in done if each == kind]
        for thing_id, name in db.execute(sa.select(col(table.id), column).where(col(table.id).in_(ids))):
            names[kind, thing_id] = name
    found = [AutomationLine(kind, names.get((kind, thing_id), ""), came) for (kind, thing_id), came in done.items()]
    return sorted(found, key=lambda each: (automation.KINDS.index(each.kind), -each.came.count, each.name))


def table(told: Evaluation) -> Iterable[Sequence[object]]:
    """For a file: part, what, language, count; of routing how many stayed, were moved and waited; of automation of how
    many is known what came of it, and what did."""
    for line in [told.total, *told.languages, *told.queues]:
        yield ("routing", line.name, line.language, line.placed.count, line.placed.stayed, line.placed.corrected,
               line.triage.count, "", "", "", "", "", "")  # fmt: skip
    for each in told.automation:
        came = each.came
        yield (each.kind, each.name, "", came.count, "", "", "", came.settled, came.wrote, came.resolved,
               came.reopened, came.answered, came.undone)  # fmt: skip
