"""What stands out in a report, said only where it is more than noise.

The one idea: days, not tickets, are the observations. A hundred tickets of one bad morning are one bad morning, so how
far days lie apart (the dispersion, at least that of chance alone) widens every test. All tests of a report are
corrected together: of what is said at most 5 % is expected to be chance (Benjamini and Hochberg 1995). What is certain
but small is not said either, see `WORTH`.

- How an agent's wrap-up compares: for each day the logarithm of the agent's mean over that of all others; Student's
  t-test that these are 0 on average.
- How many came, against an earlier period: quasi-Poisson, with the weekdays' shares of both periods together.
- A level that changed in a period: the best split of its weeks in two, tested as above and multiplied by the number of
  splits there were to choose from (Bonferroni).
- A week that stands out: its Pearson residual against the level it belongs to, scaled by the median absolute
  deviation of all weeks, so that the week itself does not widen it. The weeks of one line are corrected among
  themselves first (Holm 1979): they are one question, and a year of quiet ones must not drown what else there is.
- A share, against an earlier period: the two proportions with the dispersion of days.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlmodel import Session

from helpdesk.tallies import figures, totals
from helpdesk.tallies.figures import Loaded, Service

SURE: Final = 0.05
WORTH: Final = 1.2
"""A length or a number that is not a fifth more or less than the other is not worth a sentence."""
WORTH_POINTS: Final = 0.03  # of a share
FEWEST: Final = 30  # cases
FEWEST_DAYS: Final = 7
FEWEST_WEEKS: Final = 8
SIDE: Final = 4  # weeks on either side of a changed level
SHOWN: Final = 10

Days = Mapping[date, int]


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` names the sentence; `kind` and `name` whom it is about: "all", "queue", "tag" or "agent". `ratio` is the
    one to the other, or for shares the difference; `cases` how many it is of."""

    code: str
    kind: str
    name: str
    now: float
    before: float
    ratio: float
    cases: int
    p: float
    at: date | None = None  # the Monday of a week, or of the first week of a new level
    agent_id: int | None = None
    queue_id: int | None = None


def of(db: Session, told: Service, *, language: str, timezone: str, now: datetime) -> list[Finding]:
    """What stands out, the surest first. The day that runs is left out: it is not a whole one."""
    from helpdesk import agents, queues

    today = now.astimezone(ZoneInfo(timezone)).date()
    begun = totals.first_day(db, timezone=timezone) or today  # before it there was no desk, and not a quiet one
    earlier = told.loaded_before if told.loaded_before and told.loaded_before.first >= begun else None
    last = min(told.loaded.last, today - timedelta(days=1))
    names = {queue.id or 0: queue.called(language) for queue in queues.everyone(db)}
    tags = figures.tags(db, (tag_id for _, tag_id in told.loaded.tags))
    people = agents.names(db, language=language)
    tested = _agents(told.loaded, people, today)
    series = [("queue", queue_id, name) for queue_id, name in names.items()]
    series += [("tag", tag_id, name) for tag_id, name in tags.items()]
    for kind, number, name in series:
        days = _days_of(told.loaded, kind, number, today)
        queue_id = number if kind == "queue" else None
        tested += _levels(kind, name, days, max(told.loaded.first, begun), last, queue_id)
        if earlier is not None:
            before = _days_of(earlier, kind, number, today - (told.loaded.first - earlier.first))
            tested += _volume(kind, name, days, before, told.loaded, earlier, today, queue_id)
    if earlier is not None:
        for queue_id, name in names.items():
            tested += _shares(name, queue_id, told.loaded, earlier)
    sure = surest([each.p for each in tested])
    said = [each for place, each in enumerate(tested) if place in sure and _is_worth(each)]
    return sorted(said, key=lambda each: (each.p, -abs(math.log(each.ratio)) if each.ratio > 0 else 0.0))[:SHOWN]


def surest(p: Sequence[float]) -> set[int]:
    """The places of those that pass together, after Benjamini and Hochberg."""
    ranked = sorted(range(len(p)), key=lambda place: p[place])
    passed = [rank for rank, place in enumerate(ranked, 1) if p[place] <= SURE * rank / len(p)]
    return set(ranked[: max(passed, default=0)])


def _is_worth(found: Finding) -> bool:
    if found.code.endswith(("_better", "_worse")):
        return abs(found.ratio) >= WORTH_POINTS
    return found.ratio >= WORTH or found.ratio <= 1 / WORTH


# --- agents ----------------------------------------------------------------------------------------------------------


def _agents(loaded: Loaded, people: Mapping[int, str], today: date) -> list[Finding]:
    by_day: dict[date, dict[int, tuple[int, int]]] = defaultdict(dict)
    for (day, agent_id), told in loaded.wraps.items():
        if day < today:
            by_day[day][agent_id] = told
    totals = {day: tuple(map(sum, zip(*own.values(), strict=True))) for day, own in by_day.items()}
    found = []
    for agent_id in sorted({agent_id for own in by_day.values() for agent_id in own} & people.keys()):
        ratios, mine, others = [], [0, 0], [0, 0]
        for day, own in by_day.items():
            if agent_id not in own:
                continue
            handled, wrapped = own[agent_id]
            rest, rest_wrapped = totals[day][0] - handled, totals[day][1] - wrapped
            if rest:
                ratios.append(math.log((wrapped / handled + 1e6) / (rest_wrapped / rest + 1e6)))
                mine, others = [mine[0] + handled, mine[1] + wrapped], [others[0] + rest, others[1] + rest_wrapped]
        if len(ratios) < FEWEST_DAYS or mine[0] < FEWEST or not others[1]:
            continue
        own_mean, their_mean = mine[1] / mine[0] / 1e6, others[1] / others[0] / 1e6
        ratio = own_mean / their_mean
        code = "wrap_up_longer" if ratio > 1 else "wrap_up_shorter"
        found.append(Finding(code, "agent", people[agent_id], own_mean, their_mean, ratio, mine[0], _t_test(ratios),
                             agent_id=agent_id))  # fmt: skip
    return found


def _t_test(values: Sequence[float]) -> float:
    """Student's test that the mean is 0, two-sided."""
    n = len(values)
    mean = sum(values) / n
    spread = math.sqrt(sum((each - mean) ** 2 for each in values) / (n - 1))
    if spread == 0:
        return 0.0 if mean else 1.0
    return t_tail(mean / (spread / math.sqrt(n)), n - 1)


def t_tail(t: float, degrees: float) -> float:
    """How likely so large a t, or a larger one to either side, is."""
    from scipy import special

    return float(special.betainc(degrees / 2, 0.5, degrees / (degrees + t * t)))


# --- how many came ---------------------------------------------------------------------------------------------------


def _days_of(loaded: Loaded, kind: str, number: int, until: date) -> dict[date, int]:
    found: dict[date, int] = defaultdict(int)
    if kind == "tag":
        for (day, tag_id), count in loaded.tags.items():
            if tag_id == number and day < until:
                found[day] += count
        return found
    for (day, queue_id, _), numbers in loaded.tickets.items():
        if queue_id == number and day < until:
            found[day] += numbers["opened"]
    return found


def _volume(kind: str, name: str, days: Days, before: Days, loaded: Loaded, earlier: Loaded, today: date,
            queue_id: int | None) -> list[Finding]:  # fmt: skip
    length = (min(loaded.last, today - timedelta(days=1)) - loaded.first).days + 1
    if length < FEWEST_DAYS:
        return []
    counts = [_counts(days, loaded.first, length), _counts(before, earlier.first, length)]
    sums = [sum(count for _, count in each) for each in counts]
    if min(sums) == 0 or sum(sums) < FEWEST:
        return []
    shares: dict[int, float] = defaultdict(float)
    for each in counts:
        for weekday, count in each:
            shares[weekday] += count / sum(sums)
    held = [defaultdict(int), defaultdict(int)]  # type: ignore[var-annotated]
    for place, each in enumerate(counts):
        for weekday, _ in each:
            held[place][weekday] += 1
    chi, seen = 0.0, 0
    for place, each in enumerate(counts):
        whole = sum(shares[weekday] for weekday in held[place])
        for weekday, count in each:
            expected = sums[place] * shares[weekday] / whole / held[place][weekday]
            if expected > 0:
                chi, seen = chi + (count - expected) ** 2 / expected, seen + 1
    degrees = max(1, seen - len(shares) - 1)
    dispersion = max(1.0, chi / degrees)
    ratio = sums[0] / sums[1]
    p = t_tail(math.log(ratio) / math.sqrt(dispersion * (1 / sums[0] + 1 / sums[1])), degrees)
    return [Finding("volume_rose" if ratio > 1 else "volume_fell", kind, name, sums[0], sums[1], ratio, sum(sums), p,
                    queue_id=queue_id)]  # fmt: skip


def _counts(days: Days, first: date, length: int) -> list[tuple[int, int]]:
    every = (first + timedelta(days=ahead) for ahead in range(length))
    return [(day.weekday(), days.get(day, 0)) for day in every]


# --- levels and weeks ------------------------------------------------------------------------------------------------


def _levels(kind: str, name: str, days: Days, first: date, last: date, queue_id: int | None) -> list[Finding]:
    """A level that changed for good, and single weeks above their level."""
    monday = first + timedelta(days=-first.weekday() % 7)
    weeks = []
    while monday + timedelta(days=6) <= last:
        weeks.append((monday, sum(days.get(monday + timedelta(days=ahead), 0) for ahead in range(7))))
        monday += timedelta(days=7)
    counts = [count for _, count in weeks]
    if len(weeks) < FEWEST_WEEKS or sum(counts) < FEWEST:
        return []
    found = []
    split, p = best_split(counts)
    levels = [_median(counts)] * len(counts)
    before, after = _mean(counts[:split]), _mean(counts[split:])
    if p < SURE and before and after / before >= WORTH or before and after and before / after >= WORTH and p < SURE:
        levels = [_median(counts[:split])] * split + [_median(counts[split:])] * (len(counts) - split)
    found.append(Finding("level_rose" if after > before else "level_fell", kind, name, after, before,
                         after / before if before and after else 1.0, sum(counts), p, at=weeks[split][0],
                         queue_id=queue_id))  # fmt: skip
    residuals = [(count - level) / math.sqrt(max(level, 1.0)) for count, level in zip(counts, levels, strict=True)]
    scale = max(1.0, 1.4826 * _median([abs(each) for each in residuals]))
    loudest = sorted(zip(residuals, weeks, levels, strict=True), key=lambda each: (-each[0], each[1]))
    for place, (residual, (monday, count), level) in enumerate(loudest):
        p = min(1.0, math.erfc(max(0.0, residual) / scale / math.sqrt(2)) * (len(weeks) - place))
        if place and p >= SURE:
            break
        found.append(Finding("week_stands_out", kind, name, count, level, count / max(level, 1.0), count, p, at=monday,
                             queue_id=queue_id))  # fmt: skip
    return found


def best_split(counts: Sequence[int]) -> tuple[int, float]:
    """Before which week the level changed most, and how likely so much is by chance. One week that is far from the
    others moves no level: levels are compared by what lies between their quartiles."""
    best = (SIDE, 1.0)
    choices = range(SIDE, len(counts) - SIDE + 1)
    for split in choices:
        parts = _trimmed(counts[:split]), _trimmed(counts[split:])
        sums = sum(parts[0]), sum(parts[1])
        if not all(sums):
            continue
        means = sums[0] / len(parts[0]), sums[1] / len(parts[1])
        chi = sum((count - mean) ** 2 / mean for part, mean in zip(parts, means, strict=True) for count in part)
        # Without their extremes weeks lie closer together than they are: the width is that of all of them.
        every = [abs(count - mean) / math.sqrt(mean) for part, mean in
                 ((counts[:split], means[0]), (counts[split:], means[1])) for count in part]  # fmt: skip
        degrees = len(parts[0]) + len(parts[1]) - 2
        dispersion = max(1.0, chi / degrees, (1.4826 * _median(every)) ** 2)
        t = math.log(means[1] / means[0]) / math.sqrt(dispersion * (1 / sums[0] + 1 / sums[1]))
        p = min(1.0, t_tail(t, degrees) * len(choices))
        if p < best[1]:
            best = split, p
    return best


def _trimmed(counts: Sequence[int]) -> list[int]:
    """Without the highest and the lowest tenth, at least one of each."""
    cut = max(1, len(counts) // 10)
    return sorted(counts)[cut:-cut]


def _median(values: Iterable[float]) -> float:
    ranked = sorted(values)
    middle = len(ranked) // 2
    return ranked[middle] if len(ranked) % 2 else (ranked[middle - 1] + ranked[middle]) / 2


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else 0.0


# --- shares ----------------------------------------------------------------------------------------------------------


def _shares(name: str, queue_id: int, loaded: Loaded, earlier: Loaded) -> list[Finding]:
    found = []
    for code, is_good, held, of in (
        ("answer_kept", True, ("answer_kept",), ("answer_kept", "answer_late")),
        ("resolve_kept", True, ("resolve_kept",), ("resolve_kept", "resolve_late")),
        ("reopen_rate", False, ("reopened",), ("resolved",)),
    ):
        sides = [_held(each, queue_id, held, of) for each in (loaded, earlier)]
        found += _share(code, name, queue_id, sides, is_good=is_good)
    sides = [_answered_in_time(each, queue_id) for each in (loaded, earlier)]
    return found + _share("service_level", name, queue_id, sides, is_good=True)


def _held(loaded: Loaded, queue_id: int, held: Sequence[str], of: Sequence[str]) -> list[tuple[int, int]]:
    by_day: dict[date, list[int]] = defaultdict(lambda: [0, 0])
    for (day, queue, _), numbers in loaded.tickets.items():
        if queue == queue_id:
            by_day[day][0] += sum(numbers[each] for each in held)
            by_day[day][1] += sum(numbers[each] for each in of)
    return [(part, whole) for part, whole in by_day.values() if whole]


def _answered_in_time(loaded: Loaded, queue_id: int) -> list[tuple[int, int]]:
    rows = [(calls.answered_in_time, calls.answered + calls.abandoned - calls.short_abandoned + calls.passed_on_late)
            for (_, queue), calls in loaded.calls.items() if queue == queue_id]  # fmt: skip
    return [(part, whole) for part, whole in rows if whole > 0]


def _share(
    code: str, name: str, queue_id: int, sides: Sequence[Sequence[tuple[int, int]]], *, is_good: bool
) -> list[Finding]:
    sums = [(sum(part for part, _ in side), sum(whole for _, whole in side)) for side in sides]
    if min(whole for _, whole in sums) < FEWEST:
        return []
    shares = [part / whole for part, whole in sums]
    pooled = sum(part for part, _ in sums) / sum(whole for _, whole in sums)
    if not 0 < pooled < 1:
        return []
    chi, days = 0.0, 0
    for side, share in zip(sides, shares, strict=True):
        for part, whole in side:
            if 0 < share < 1:
                chi, days = chi + (part - whole * share) ** 2 / (whole * share * (1 - share)), days + 1
    dispersion = max(1.0, chi / max(1, days - 2))
    width = math.sqrt(dispersion * pooled * (1 - pooled) * sum(1 / whole for _, whole in sums))
    p = t_tail((shares[0] - shares[1]) / width, max(1, days - 2))
    is_better = (shares[0] > shares[1]) == is_good
    return [Finding(f"{code}_{'better' if is_better else 'worse'}", "queue", name, shares[0], shares[1],
                    shares[0] - shares[1], sums[0][1], p, queue_id=queue_id)]  # fmt: skip
