"""What reviews come to: averages by agent and criterion with their number and spread, and how far reviewers agree.

The one idea: a number that rests on a handful of tickets says more about chance than about a person. So nothing is
averaged below `LEAST` reviews; how many there are is said instead. The first review of a ticket counts; what a second
reviewer said of it is for calibration alone.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import agents
from helpdesk.reviews import form
from helpdesk.reviews.form import Criterion
from models import Agent, Review, ReviewPick, Ticket

LEAST = 5
DAYS = (30, 90, 365)


@dataclass(frozen=True, slots=True)
class Mean:
    """Of so many reviews, in per cent from worst to best. `value` and `spread` (the standard deviation) are None below
    `LEAST`."""

    number: int
    value: float | None = None
    spread: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """An agent's averages: of all, and by the criteria of the present form."""

    agent_id: int
    name: str
    score: Mean
    criteria: list[Mean]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two reviewers of the same tickets agree on a criterion, in points of its scale: the share of pairs that said
    the same, that were at most one point apart, and the mean distance; None below `LEAST` pairs."""

    criterion: Criterion
    pairs: int
    same: float | None = None
    near: float | None = None
    distance: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    criteria: list[Criterion]
    lines: list[Line]
    agreement: list[Agreement]
    twice: int  # tickets that two reviewers read


def figures(db: Session, *, days: int, language: str, now: datetime) -> Figures:
    """The averages and agreements of the reviews of these days."""
    criteria = list(form.now(db).criteria)
    by_pick = _by_pick(db, now - timedelta(days=days))
    names = agents.names(db, language=language)
    of_agent: dict[int, list[Review]] = defaultdict(list)
    for agent_id, said in by_pick:
        of_agent[agent_id].append(said[0])
    lines = [_line(agent_id, names.get(agent_id, ""), said, criteria) for agent_id, said in of_agent.items()]
    pairs = [(said[0], said[1]) for _, said in by_pick if len(said) > 1]
    return Figures(criteria, sorted(lines, key=lambda line: line.name),
                   [_agreement(each, pairs) for each in criteria], len(pairs))  # fmt: skip


def of_agent(db: Session, agent: Agent, *, days: int, now: datetime) -> tuple[list[Criterion], Line]:
    """An agent's own averages."""
    criteria = list(form.now(db).criteria)
    said = [said[0] for agent_id, said in _by_pick(db, now - timedelta(days=days)) if agent_id == agent.id]
    return criteria, _line(agent.id or 0, agents.called(agent, agent.language), said, criteria)


def table(db: Session, *, days: int, now: datetime, language: str) -> tuple[list[str], Iterator[list[object]]]:
    """Every review of these days for a file: the names of its criteria, and a line for each: time, ticket, agent,
    reviewer, how it was drawn, week, seed, score, points by criterion ("" where it did not apply), comment, answer."""
    rows = db.execute(
        sa.select(Review, ReviewPick)
        .join(ReviewPick, col(ReviewPick.id) == Review.pick_id)
        .where(col(Review.made_at) > now - timedelta(days=days)).order_by(col(Review.id))
    ).all()  # fmt: skip
    names = agents.names(db, language=language)
    asked = {each.id: each for review, _ in rows for each in form.read(review.asked)}
    heads = [asked[number].called(language) for number in sorted(asked)]

    def lines() -> Iterator[list[object]]:
        for review, pick in rows:
            yield [
                review.made_at.isoformat(), pick.ticket_id, names.get(pick.agent_id, ""),
                names.get(review.reviewer_id, ""), pick.drawn_by.value, pick.week, pick.seed, review.score,
                *(review.points.get(str(number), "") for number in sorted(asked)), review.comment, review.reply,
            ]  # fmt: skip

    return heads, lines()


def _by_pick(db: Session, since: datetime) -> list[tuple[int, list[Review]]]:
    """The agent of each pick and its reviews, the first made first."""
    found: dict[int, tuple[int, list[Review]]] = {}
    rows = db.execute(
        sa.select(Review, col(ReviewPick.agent_id))
        .join(ReviewPick, col(ReviewPick.id) == Review.pick_id).join(Ticket, col(Ticket.id) == ReviewPick.ticket_id)
        .where(col(Review.made_at) > since).order_by(col(Review.id))
    )  # fmt: skip
    for review, agent_id in rows:
        found.setdefault(review.pick_id, (agent_id, []))[1].append(review)
    return list(found.values())


def _line(agent_id: int, name: str, said: Sequence[Review], criteria: Sequence[Criterion]) -> Line:
    means = []
    for each in criteria:
        values = [_share(review, each.id) for review in said if str(each.id) in review.points]
        means.append(_mean(values))
    return Line(agent_id, name, _mean([review.score for review in said]), means)


def _share(review: Review, number: int) -> float:
    return 100 * (review.points[str(number)] - 1) / (review.most - 1)


def _mean(values: Sequence[float]) -> Mean:
    if len(values) < LEAST:
        return Mean(len(values))
    return Mean(len(values), statistics.fmean(values), statistics.stdev(values))


def _agreement(criterion: Criterion, pairs: Sequence[tuple[Review, Review]]) -> Agreement:
    number = str(criterion.id)
    apart = [
        abs(first.points[number] - second.points[number])
        for first, second in pairs
        if number in first.points and number in second.points and first.most == second.most
    ]
    if len(apart) < LEAST:
        return Agreement(criterion, len(apart))
    return Agreement(criterion, len(apart), sum(each == 0 for each in apart) / len(apart),
                     sum(each <= 1 for each in apart) / len(apart), statistics.fmean(apart))  # fmt: skip
