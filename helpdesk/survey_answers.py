"""Hearing what customers say when they were asked.

The one idea: opening the address of a mail changes nothing, for mail filters open every link. What was chosen is kept
when the page posts it, and whoever answers again changes the answer.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import outgoing, survey_questions, survey_words
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import FeedbackGiven
from helpdesk.settings import Settings
from models import Answer, AnswerSource, Ask, AskState, OptOut, Scale, Survey, Ticket
from models.database import hold_still

OPEN_FOR: Final = timedelta(days=60)
"""How long after it was sent an address can be answered."""
COMMENT_MAX: Final = 5_000


@dataclass(frozen=True, slots=True)
class Opened:
    """A survey as the customer sees it."""

    scale: Scale
    language: str
    question: str
    score: int | None
    comment: str
    is_answered: bool
    is_stopped: bool
    by_sms: bool = False
    more: Sequence[tuple[str, str]] = ()  # further questions, and what was said to each

    @property
    def asks_comment(self) -> bool:
        """Whether there is a place for words about everything. Without a score it stands only where no question of
        the survey's own does: else the first question would be asked twice."""
        return self.scale != Scale.NONE or not self.more


def opened(db: Session, token: str, *, settings: Settings, now: datetime) -> Opened:
    """What the address of a mail shows. Raises `NotFound` for one that is none, and for one that is too old."""
    row, survey = _of_token(db, token, settings=settings, now=now)
    said = _answer(db, row)
    asked = survey_questions.asked(survey.questions, row.language)
    told = survey_questions.said(db, row) if asked else {}
    ticket = db.get(Ticket, row.ticket_id) if row.ticket_id else None
    desk, _ = (
        outgoing.sender_of(db, ticket, default=settings.mail_from, desk_name=settings.name)
        if ticket
        else (settings.name, "")
    )
    return Opened(
        survey.scale, row.language, survey_words.question(survey, ticket, row.language, desk=desk),
        said.score if said else None, said.comment if said else "", said is not None,
        bool(row.key) and db.get(OptOut, row.key) is not None, row.key.startswith("+"),
        [(each, told[place].comment if place in told else "") for place, each in enumerate(asked, 1)],
    )  # fmt: skip


def answer(
    db: Session,
    token: str,
    *,
    score: int | None,
    comment: str,
    language: str = "",
    sentiment: tuple[str, float] = ("", 0.0),
    more: Sequence[survey_questions.Told] = (),
    settings: Settings,
    now: datetime,
) -> None:
    """Keep what the customer says; who answers again changes the answer. `language` and `sentiment` are the comment's,
    `more` is what was said to the further questions.

    Raises `Invalid("score_missing")`, for a survey without one `Invalid("answer_missing")`, and `NotFound` as `opened`
    does.
    """
    row, survey = _of_token(db, token, settings=settings, now=now)
    if survey.scale == Scale.NONE:
        score = None
        if not plain(comment) and not any(each.text for each in more):
            raise Invalid("answer_missing", field="comment")
    elif score is None or score not in survey_words.SCORES[survey.scale]:
        raise Invalid("score_missing", field="score")
    hold_still(db, row)
    said = _answer(db, row)
    if said is None:
        said = Answer(
            source=AnswerSource.PAGE, external_id=str(row.id), survey_id=survey.id, ticket_id=row.ticket_id,
            customer_id=row.customer_id, queue_id=row.queue_id, agent_id=row.agent_id, scale=survey.scale, at=now,
            changed_at=now,
        )  # fmt: skip
    words = plain(comment)
    is_same = said.id is not None and (said.score, said.comment) == (score, words)
    if not is_same:
        said.score, said.comment, said.changed_at = score, words, now
        said.language = language if words else ""
        said.sentiment, said.sentiment_confidence = sentiment if words else ("", 0.0)
        row.state = AskState.ANSWERED
        db.add(said)
        db.flush()
    if not survey_questions.keep(db, row, survey, more, now=now) and is_same:
        return
    assert said.id is not None
    emit(db, FeedbackGiven(ticket_id=row.ticket_id, queue_id=row.queue_id, answer_id=said.id, at=now))


def plain(typed: str) -> str:
    """What is kept of a comment."""
    return typed.replace("\x00", "").strip()[:COMMENT_MAX]


def stop(db: Session, token: str, *, settings: Settings, now: datetime) -> None:
    """Never ask whoever got this mail again. Twice changes nothing."""
    row, _ = _of_token(db, token, settings=settings, now=now, for_ever=True)
    if row.key and db.get(OptOut, row.key) is None:
        db.add(OptOut(key=row.key, at=now))


def resume(db: Session, token: str, *, settings: Settings, now: datetime) -> None:
    """They may be asked again after all."""
    row, _ = _of_token(db, token, settings=settings, now=now, for_ever=True)
    if found := db.get(OptOut, row.key):
        db.delete(found)


def of_tickets(db: Session, ids: sa.Select[tuple[int]]) -> Sequence[Answer]:
    """What was said about these tickets, the oldest first."""
    is_said = sa.or_(col(Answer.score).is_not(None), col(Answer.comment) != "")
    return db.exec(
        select(Answer).where(col(Answer.ticket_id).in_(ids), is_said).order_by(col(Answer.id)).limit(100)
    ).all()


def of_customer(db: Session, customer_id: int, *, seen: sa.ColumnElement[bool], limit: int) -> Sequence[Answer]:
    """What a customer said when asked, about tickets and on lists, of the answers in `seen`; the newest first."""
    is_said = sa.or_(col(Answer.score).is_not(None), col(Answer.comment) != "")
    theirs = select(Answer).where(Answer.customer_id == customer_id, seen, is_said)
    return db.exec(theirs.order_by(col(Answer.at).desc(), col(Answer.id).desc()).limit(limit)).all()


def questions_of(db: Session, answers: Sequence[Answer]) -> dict[int, str]:
    """The further question that each answers, by its id; those to the first one are not among them."""
    further = [each for each in answers if survey_questions.place_of(each)]
    ids = {each.survey_id for each in further}
    known = {each.id: each.questions for each in db.exec(select(Survey).where(col(Survey.id).in_(ids)))} if ids else {}
    return {each.id or 0: survey_questions.question_of(each, known.get(each.survey_id)) for each in further}


def _of_token(
    db: Session, token: str, *, settings: Settings, now: datetime, for_ever: bool = False
) -> tuple[Ask, Survey]:
    number = re.fullmatch(r"([0-9]{1,9})-[a-z2-7]{16,64}", token)
    if number is None or not hmac.compare_digest(survey_words.token(int(number[1]), settings), token):
        raise NotFound("link_gone")
    row = db.get(Ask, int(number[1]))
    survey = db.get(Survey, row.survey_id) if row else None
    if row is None or survey is None or row.sent_at is None or (not for_ever and now - row.sent_at > OPEN_FOR):
        raise NotFound("link_gone")
    return row, survey


def _answer(db: Session, row: Ask) -> Answer | None:
    asked = select(Answer).where(Answer.source == AnswerSource.PAGE, Answer.external_id == str(row.id))
    return db.exec(asked).first()
