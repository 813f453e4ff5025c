"""How often the classifier was right, by what people made of its answers.

Only confirmed answers count (helpdesk/confirmed.py says which); everything else is opinion.

The one idea: a single statement folds a period's confirmed answers into piles of equal ones (language, what was said,
what it was, confidence in hundredths). Every figure is a sum over piles, so a hundred thousand tickets cost the
database a moment and this process next to nothing, and the figures at a threshold nobody has saved yet come from the
very function that gives them after saving.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import queues
from helpdesk.confirmed import Guess, Last, query, slugs_of
from models import Ticket

if TYPE_CHECKING:
    from classifiers import Router

FEW = 20
"""Of fewer a share is not shown: its interval would be wider than forty points."""
BINS = 10
NEVER = 1.01  # a threshold no confidence reaches, as in classifiers/router.py
_Z = 1.959964  # of the standard normal distribution: 95 % lie within

Cuts = Mapping[tuple[str, str], float]
"""(language, slug) -> the confidence from which an answer is acted on."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with the 95 % interval after Wilson (1927), which stays inside [0, 1] and needs no many."""

    held: int
    of: int

    @property
    def value(self) -> float | None:
        """The share in [0, 1]; None of nothing."""
        return self.held / self.of if self.of else None

    @property
    def is_few(self) -> bool:
        """Whether it says too little to be shown as a share."""
        return self.of < FEW

    @property
    def interval(self) -> tuple[float, float]:
        """(p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)"""
        if not self.of:
            return 0.0, 1.0
        p, n, z2 = self.held / self.of, self.of, _Z * _Z
        middle, half = p + z2 / (2 * n), _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(0.0, (middle - half) / (1 + z2 / n)), min(1.0, (middle + half) / (1 + z2 / n))


@dataclass(frozen=True, slots=True)
class Pile:
    """Confirmed answers that are alike."""

    language: str
    said: str  # the label
    was: str  # the slug of the queue it belongs to
    voice: str  # "routed": it was acted on; "triage": it waited; "beside": an address, a number or an agent decided
    version: str
    hundredths: int  # its confidence, rounded down
    is_read: bool  # False: too little of the text was understood, and no threshold would have let it act
    is_sure: bool  # whether it reaches the threshold in force now
    count: int
    confidence: float  # the sum over all of them


@dataclass(frozen=True, slots=True)
class Headline:
    """The finding in three shares: of those routed on its own so many stayed; of those it might have routed so many
    waited in triage; and how many answers were confirmed at all."""

    confirmed: int
    stayed: Share
    waited: Share


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """One queue in one language at a threshold; `slug` "" stands for all queues together.

    precision: of the answers that reach the threshold, those that were right. recall: of what belongs here, what was
    found by an answer that reaches it. coverage: of the answers naming this queue, those that reach it.
    """

    language: str
    slug: str
    precision: Share
    recall: Share
    coverage: Share


@dataclass(frozen=True, slots=True)
class Point:
    """What one threshold would do."""

    at: float
    precision: Share
    coverage: Share


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about one confidence: how sure they were on average, and how often they were right."""

    low: float
    high: float
    said: float
    held: Share


@dataclass(frozen=True, slots=True)
class Calibration:
    """`error` is the expected calibration error (Naeini et al. 2015): the gaps between said and held, weighted by
    their counts; None of nothing."""

    bins: list[Bin]
    error: float | None


@dataclass(frozen=True, slots=True)
class VersionFigures:
    """What one version of the model did in the period."""

    version: str
    answers: int
    stayed: Share


@dataclass(frozen=True, slots=True)
class Row:
    """One queue in one language, with the threshold in force and the one that came with the model; None where there is
    neither. `is_set` says that a supervisor chose it."""

    figures: QueueFigures
    at: float | None
    measured: float | None
    is_set: bool

    @property
    def acts(self) -> bool:
        """Whether any confidence would do."""
        return self.at is not None and self.at <= 1


@dataclass(frozen=True, slots=True)
class LanguageReport:
    """Everything about one language; `answers` is how many of its answers are confirmed."""

    language: str
    answers: int
    total: QueueFigures
    rows: list[Row]
    calibration: Calibration

    @property
    def usual_hundredths(self) -> int:
        """The mean of the thresholds that can be reached, for a form to begin with."""
        reachable = [row.at for row in self.rows if row.at is not None and row.acts]
        return round(100 * sum(reachable) / len(reachable)) if reachable else 90


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one period. `piles` are what they were made from."""

    headline: Headline
    languages: list[LanguageReport]
    cells: Counter[tuple[str, str]]
    versions: list[VersionFigures]
    piles: list[Pile]


@dataclass(frozen=True, slots=True)
class Preview:
    """What another threshold would do, for one queue or ("") for all of a language: `then` beside `now`."""

    language: str
    slug: str
    at: float
    now: QueueFigures
    then: QueueFigures


LANGUAGES = ("ja", "en")


def report(db: Session, router: "Router | None", *, since: datetime, until: datetime) -> Report:
    """The figures of the answers given after `since` and up to `until`. See the parts for their formulas."""
    piles = tally(db, since=since, until=until, cuts=cuts(db, router))
    served = [queue for queue in queues.everyone(db) if not queue.is_triage]
    own = measured(router)
    return Report(
        headline(piles),
        [
            LanguageReport(
                language,
                sum(pile.count for pile in piles if pile.language == language),
                figures(piles, language),
                [
                    Row(
                        figures(piles, language, queue.slug),
                        queue.thresholds.get(language, own.get((language, queue.slug))),
                        own.get((language, queue.slug)),
                        language in queue.thresholds,
                    )
                    for queue in served
                ],
                calibration(piles, language),
            )
            for language in LANGUAGES
        ],
        confusion(piles),
        versions(piles),
        piles,
    )


def preview(piles: Sequence[Pile], language: str, slug: str, at: float) -> Preview:
    """What the figures of these piles would be at another threshold, before anybody saves it."""
    then = moved(piles, language, slug, at)
    return Preview(language, slug, at, figures(piles, language, slug), figures(then, language, slug))


def shipped_figures() -> dict[str, Any]:
    """What the shipped model reached on the test texts it came with, from its card: by language, for a desk that has
    no figures of its own yet. See `classifiers.evaluate.LanguageFigures` for the names."""
    from classifiers import registry

    return dict(registry.read_card(registry.SHIPPED / "router.json")["test_split"])


# --- thresholds ------------------------------------------------------------------------------------------------------


def cuts(db: Session, router: "Router | None") -> dict[tuple[str, str], float]:
    """The thresholds in force: a supervisor's where there is one, else those the model was measured for."""
    found = measured(router)
    for queue in queues.everyone(db):
        if not queue.is_triage:
            found |= {(language, queue.slug): value for language, value in queue.thresholds.items()}
    return found


def measured(router: "Router | None") -> dict[tuple[str, str], float]:
    """The thresholds that came with the model. One over 1 means that no confidence would do."""
    if router is None:
        return {}
    return {(language, slug): value for language, row in router.cuts.items() for slug, value in row.items()}


# --- what was confirmed ----------------------------------------------------------------------------------------------


def tally(db: Session, *, since: datetime, until: datetime, cuts: Cuts) -> list[Pile]:
    """All confirmed answers given after `since` and up to `until`, in piles. One statement, over the index of time."""
    slugs = slugs_of(db)
    # round(x - 1/2) is floor on both databases; the hair on top keeps 0.29, which is stored a little below, at 29.
    hundredth = sa.cast(sa.func.round(col(Guess.confidence) * 100 - 0.5 + 1e-7), sa.Integer)
    unread = sa.and_(
        col(Guess.reason) == "nobody_sure", col(Guess.confidence) >= sa.func.coalesce(col(Guess.threshold), NEVER)
    )
    reached = [
        sa.and_(col(Ticket.language) == language, col(Guess.label) == slug, col(Guess.confidence) >= at)
        for (language, slug), at in cuts.items()
    ]
    is_sure = sa.and_(sa.not_(unread), sa.or_(sa.false(), *reached))
    kinds = (  # what tells most apart first, which is quicker to sort
        hundredth, col(Last.queue_id), col(Guess.queue_id), col(Guess.label), col(Ticket.language), col(Guess.version),
        col(Guess.reason), sa.case((unread, 0), else_=1), sa.case((is_sure, 1), else_=0),
    )  # fmt: skip
    asked = query(db, since, until, *kinds, sa.func.count(), sa.func.sum(col(Guess.confidence))).group_by(
        *(sa.text(str(place)) for place in range(1, len(kinds) + 1))
    )
    return [
        Pile(language, said, slugs[was], _voice(reason, said, slugs.get(put, "")), version, hundredths, bool(read),
             bool(sure), count, confidence)
        for hundredths, was, put, said, language, version, reason, read, sure, count, confidence in db.execute(asked)
    ]  # fmt: skip


def _voice(reason: str, said: str, put: str) -> str:
    """An answer kept beside an older decision bears its reason, but it put the ticket nowhere."""
    if reason == "by_classifier" and said == put:
        return "routed"
    return "triage" if reason == "nobody_sure" else "beside"


# --- figures, each a sum over piles ----------------------------------------------------------------------------------


def share(piles: Iterable[Pile], *, held: Any) -> Share:
    """How many of these are as `held` says."""
    counted, right = 0, 0
    for pile in piles:
        counted += pile.count
        right += pile.count if held(pile) else 0
    return Share(right, counted)


def is_right(pile: Pile) -> bool:
    """Whether the answer was where the ticket belongs."""
    return pile.said == pile.was


def headline(piles: Sequence[Pile]) -> Headline:
    """The finding above all others, from what really happened; today's thresholds do not matter here."""
    asked = [pile for pile in piles if pile.voice != "beside"]
    routed = [pile for pile in asked if pile.voice == "routed"]
    return Headline(
        confirmed=sum(pile.count for pile in piles),
        stayed=share(routed, held=is_right),
        waited=share(asked, held=lambda pile: pile.voice == "triage"),
    )


def figures(piles: Sequence[Pile], language: str, slug: str = "") -> QueueFigures:
    """One queue, or all, in one language at the thresholds in force in these piles."""
    here = [pile for pile in piles if pile.language == language]
    said = [pile for pile in here if slug in ("", pile.said)]
    return QueueFigures(
        language,
        slug,
        precision=share((pile for pile in said if pile.is_sure), held=is_right),
        recall=share(
            (pile for pile in here if slug in ("", pile.was)), held=lambda pile: pile.is_sure and is_right(pile)
        ),
        coverage=share(said, held=lambda pile: pile.is_sure),
    )


def moved(piles: Sequence[Pile], language: str, slug: str, at: float) -> list[Pile]:
    """The piles as they would be with another threshold, in whole hundredths, for one queue or ("") all of a language.

    Tickets are what they were; only which answers would have been acted on changes.
    """
    least = round(at * 100)
    return [
        replace(pile, is_sure=pile.is_read and pile.hundredths >= least)
        if pile.language == language and slug in ("", pile.said)
        else pile
        for pile in piles
    ]


def curve(piles: Sequence[Pile], language: str, slug: str = "") -> list[Point]:
    """What every threshold from 0 to 1 in hundredths would do, the lowest first; steps that change nothing are left
    out. Each point is what `figures` says of the piles `moved` there."""
    said = [pile for pile in piles if pile.language == language and slug in ("", pile.said)]
    counts: Counter[int] = Counter()
    rights: Counter[int] = Counter()
    for pile in said:
        counts[pile.hundredths] += pile.count if pile.is_read else 0
        rights[pile.hundredths] += pile.count if pile.is_read and is_right(pile) else 0
    every, points = sum(pile.count for pile in said), []
    above, right = 0, 0
    for at in range(100, -1, -1):
        if counts[at]:
            above, right = above + counts[at], right + rights[at]
            points.append(Point(at / 100, Share(right, above), Share(above, every)))
    return points[::-1]


def calibration(piles: Sequence[Pile], language: str = "") -> Calibration:
    """Ten equal bins of confidence, the empty ones left out; all answers, acted on or not."""
    here = [pile for pile in piles if language in ("", pile.language)]
    counts, rights, sums = [0] * BINS, [0] * BINS, [0.0] * BINS
    for pile in here:
        place = min(pile.hundredths * BINS // 100, BINS - 1)
        counts[place] += pile.count
        rights[place] += pile.count if is_right(pile) else 0
        sums[place] += pile.confidence
    every = sum(counts)
    bins = [
        Bin(place / BINS, (place + 1) / BINS, sums[place] / counts[place], Share(rights[place], counts[place]))
        for place in range(BINS)
        if counts[place]
    ]
    gaps = (abs(each.said - (each.held.value or 0)) * each.held.of for each in bins)
    return Calibration(bins, sum(gaps) / every if every else None)


def confusion(piles: Iterable[Pile], language: str = "") -> Counter[tuple[str, str]]:
    """(said, was) -> how many."""
    cells: Counter[tuple[str, str]] = Counter()
    for pile in piles:
        if language in ("", pile.language):
            cells[pile.said, pile.was] += pile.count
    return cells


def versions(piles: Sequence[Pile]) -> list[VersionFigures]:
    """What each version that spoke in the period did, the newest name first."""
    return [
        VersionFigures(
            version,
            sum(pile.count for pile in piles if pile.version == version),
            share((pile for pile in piles if pile.version == version and pile.voice == "routed"), held=is_right),
        )
        for version in sorted({pile.version for pile in piles}, reverse=True)
    ]
