"""What reviewers say of a ticket, and the one answer of the agent it is about.

The one idea: a second reviewer judges for themselves. What another one said of the same ticket is shown to a reviewer
only after they have said their own, so that their agreement means something.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from helpdesk import access, agents, notifications
from helpdesk.errors import Conflict, Invalid, NotAllowed, NotFound
from helpdesk.events import emit
from helpdesk.facts import ReviewChanged
from helpdesk.reviews import form
from helpdesk.reviews.form import Criterion
from models import Agent, NotificationKind, Review, ReviewPick, Ticket

COMMENT_MAX = 4000
LISTED = 200


@dataclass(frozen=True, slots=True)
class Pick:
    """A ticket on the list. `scores` are those of everybody who reviewed it, hidden from who is still to; `mine` is the
    viewer's own review."""

    row: ReviewPick
    subject: str
    agent_name: str
    reviews: int
    mine: Review | None
    scores: list[float]

    @property
    def waits(self) -> bool:
        """Whether nobody has reviewed it."""
        return self.reviews == 0


@dataclass(frozen=True, slots=True)
class Said:
    """A review in words: its criteria as they were asked, each with its points or None where it did not apply."""

    review: Review
    ticket_id: int
    subject: str
    agent_name: str
    reviewer_name: str
    lines: list[tuple[Criterion, int | None]]


def listed(db: Session, viewer: Agent) -> list[Pick]:
    """What was drawn: what nobody has reviewed first, then the newest."""
    reviewed = sa.select(sa.func.count()).where(col(Review.pick_id) == ReviewPick.id).correlate(ReviewPick)
    order = (reviewed.scalar_subquery() > 0, col(ReviewPick.drawn_at).desc(), col(ReviewPick.id))
    rows = db.execute(
        sa.select(ReviewPick, col(Ticket.subject), Agent)
        .join(Ticket, col(Ticket.id) == ReviewPick.ticket_id).join(Agent, col(Agent.id) == ReviewPick.agent_id)
        .order_by(*order).limit(LISTED)
    ).all()  # fmt: skip
    made: dict[int, list[Review]] = {}
    ids = [pick.id for pick, _, _ in rows]
    for each in db.exec(select(Review).where(col(Review.pick_id).in_(ids)).order_by(col(Review.id))):
        made.setdefault(each.pick_id, []).append(each)
    found = []
    for pick, subject, whose in rows:
        said = made.get(pick.id, [])
        mine = next((each for each in said if each.reviewer_id == viewer.id), None)
        scores = [each.score for each in said] if mine or pick.agent_id == viewer.id else []
        found.append(Pick(pick, subject, agents.called(whose, viewer.language), len(said), mine, scores))
    return found


def get(db: Session, pick_id: int) -> ReviewPick:
    """Raises `NotFound`."""
    found = db.get(ReviewPick, pick_id)
    if found is None:
        raise NotFound("not_found", pick_id=pick_id)
    return found


def of_pick(db: Session, pick: ReviewPick, viewer: Agent) -> list[Said]:
    """What was said of a pick, as far as the viewer may know: their own, and once there is one, that of others."""
    said = _said(db, viewer, col(Review.pick_id) == pick.id)
    return said if any(each.review.reviewer_id == viewer.id for each in said) else []


def of_agent(db: Session, agent: Agent) -> list[Said]:
    """What was said of an agent's tickets, newest first, for themselves."""
    return _said(db, agent, col(ReviewPick.agent_id) == agent.id)


def save(db: Session, pick: ReviewPick, points: Mapping[int, int | None], comment: str, *, by: Agent,
         now: datetime) -> Review:  # fmt: skip
    """Review a ticket, or say it otherwise until the agent has answered. `points` by criterion, None: not applicable.

    Raises `NotAllowed("own_review")` for one's own ticket, `Conflict` after the answer, `Invalid` with the field.
    """
    access.supervisor(by)
    if pick.agent_id == by.id:
        raise NotAllowed("own_review", pick_id=pick.id)
    assert pick.id is not None and by.id is not None
    row = db.exec(select(Review).where(Review.pick_id == pick.id, Review.reviewer_id == by.id)).first()
    if row is not None and row.replied_at is not None:
        raise Conflict("review_answered", review_id=row.id)
    asked = form.now(db) if row is None else form.Form(row.most, form.read(row.asked))
    given = {each.id: points.get(each.id) for each in asked.criteria}
    for number, value in given.items():
        if value is not None and not 1 <= value <= asked.most:
            raise Invalid("unknown_choice", field=f"points-{number}")
    if not any(given.values()):
        raise Invalid("points_missing", field="points")
    if len(comment.strip()) > COMMENT_MAX:
        raise Invalid("too_long_here", field="comment")
    is_new = row is None
    row = row or Review(pick_id=pick.id, reviewer_id=by.id, made_at=now, changed_at=now)
    row.asked, row.most = [each.stored() for each in asked.criteria], asked.most
    row.points = {str(number): value for number, value in given.items() if value is not None}
    row.score = weighted(asked.criteria, row.points, asked.most)
    row.comment, row.changed_at = comment.replace("\r\n", "\n").strip(), now
    db.add(row)
    db.flush()
    emit(db, ReviewChanged(what="made" if is_new else "changed", review_id=row.id, agent_id=pick.agent_id, by_id=by.id,
                           at=now))  # fmt: skip
    if is_new:
        notifications.tell(db, pick.agent_id, NotificationKind.REVIEWED, ticket_id=pick.ticket_id, by_id=by.id, now=now)
    return row


def answer(db: Session, agent: Agent, review_id: int, text: str, *, now: datetime) -> None:
    """What the agent says to a review of their own ticket, once. Raises `NotFound` for those of others, `Conflict`
    where they have answered, `Invalid` with the field."""
    row = db.get(Review, review_id)
    pick = db.get(ReviewPick, row.pick_id) if row else None
    if row is None or pick is None or pick.agent_id != agent.id:
        raise NotFound("not_found", review_id=review_id)
    if row.replied_at is not None:
        raise Conflict("review_answered", review_id=review_id)
    words = text.replace("\r\n", "\n").strip()
    if not words:
        raise Invalid("body_missing", field=f"reply-{review_id}")
    if len(words) > COMMENT_MAX:
        raise Invalid("too_long_here", field=f"reply-{review_id}")
    row.reply, row.replied_at = words, now
    emit(db, ReviewChanged(what="answered", review_id=review_id, agent_id=agent.id, by_id=agent.id, at=now))


def weighted(criteria: Sequence[Criterion], points: Mapping[str, int], most: int) -> float:
    """The score, 0 to 100: how far from 1 to `most` the points lie on average, by the weights of what applied."""
    applied = [(each.weight, points[str(each.id)]) for each in criteria if str(each.id) in points]
    total = sum(weight for weight, _ in applied)
    return round(100 * sum(weight * (value - 1) / (most - 1) for weight, value in applied) / total, 1)


def _said(db: Session, viewer: Agent, *conditions: Any) -> list[Said]:
    whose: Any = aliased(Agent)
    reviewer: Any = aliased(Agent)
    rows = db.execute(
        sa.select(Review, col(ReviewPick.ticket_id), col(Ticket.subject), whose, reviewer)
        .join(ReviewPick, col(ReviewPick.id) == Review.pick_id)
        .join(Ticket, col(Ticket.id) == ReviewPick.ticket_id)
        .join(whose, whose.id == ReviewPick.agent_id).join(reviewer, reviewer.id == Review.reviewer_id)
        .where(*conditions).order_by(col(Review.made_at).desc(), col(Review.id).desc()).limit(LISTED)
    )  # fmt: skip
    return [
        Said(row, ticket_id, subject, agents.called(agent, viewer.language), agents.called(other, viewer.language),
             [(each, row.points.get(str(each.id))) for each in form.read(row.asked)])
        for row, ticket_id, subject, agent, other in rows
    ]  # fmt: skip
