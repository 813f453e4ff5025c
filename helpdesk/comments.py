"""Single comments: what is guessed of one, and those that were gathered elsewhere and come in by a file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col

from classifiers import text as texts
from classifiers import themes
from helpdesk import preferences, survey_answers
from helpdesk.errors import Invalid
from helpdesk.events import FeedbackGiven, emit
from models import Agent, Answer, AnswerSource, Scale
from models.database import Database

IMPORT_MOST: Final = 20_000  # lines of a file


@dataclass(frozen=True, slots=True)
class Read:
    """What was guessed of a comment."""

    language: str
    sentiment: tuple[str, float]


def read(comment: str, database: Database) -> Read:
    """The language and feeling of a comment, guessed; no feeling where that guess is switched off."""
    words = comment.strip()
    if not words:
        return Read("", ("", 0.0))
    is_asked = database.read_now(preferences.shown, "sentiment")
    return Read(texts.language(words), felt(words) if is_asked else ("", 0.0))


def felt(words: str) -> tuple[str, float]:
    """The feeling of a comment and how sure that is; ("", 0) where the model is damaged."""
    from classifiers import Refused, sentiment

    try:
        found = sentiment.of(words, comment=True)
    except Refused:  # said in the log when the desk started
        return "", 0.0
    return found.label, found.confidence


def bring_in(db: Session, rows: Iterable[Mapping[str, str]], *, by: Agent, now: datetime) -> tuple[int, int]:
    """Keep comments that were gathered elsewhere: how many were new, and how many were here already.

    A row has "comment" and perhaps "score" (1 to 5), "at" (ISO 8601) and "customer_id"; what it says makes it the same
    row again. Raises `Invalid("import_line", line=...)` for one that cannot be read, and keeps nothing then.
    """
    import hashlib
    import json

    fresh: dict[str, Answer] = {}
    seen = 0
    for number, row in enumerate(rows, 2):
        if number > IMPORT_MOST + 1:
            raise Invalid("import_too_long", field="file")
        comment = (row.get("comment") or "").replace("\x00", "").strip()[: survey_answers.COMMENT_MAX]
        score, at = _score(row.get("score") or "", number), _time(row.get("at") or "", number, now)
        if not comment and score is None:
            continue
        seen += 1
        told = json.dumps([comment, score, row.get("at") or ""], ensure_ascii=False)
        key = hashlib.sha256(told.encode()).hexdigest()
        feeling = felt(comment) if comment and key not in fresh else ("", 0.0)
        fresh.setdefault(key, Answer(
            source=AnswerSource.IMPORT, external_id=key, scale=Scale.STARS, score=score, comment=comment,
            language=texts.language(comment) if comment else "", sentiment=feeling[0], sentiment_confidence=feeling[1],
            at=at, changed_at=now,
        ))  # fmt: skip
    here: set[str] = set()
    keys = list(fresh)
    for begin in range(0, len(keys), 500):
        known = sa.select(col(Answer.external_id)).where(
            col(Answer.source) == AnswerSource.IMPORT, col(Answer.external_id).in_(keys[begin : begin + 500])
        )
        here.update(db.scalars(known))
    new = [row for key, row in fresh.items() if key not in here]
    db.add_all(new)
    db.flush()
    if new:
        emit(db, FeedbackGiven(answer_id=new[0].id or 0, by_id=by.id, at=now))
    return len(new), seen - len(new)


def _score(typed: str, line: int) -> int | None:
    typed = themes.folded(typed).strip()
    if not typed:
        return None
    if typed not in ("1", "2", "3", "4", "5"):
        raise Invalid("import_line", field="file", line=line)
    return int(typed)


def _time(typed: str, line: int, now: datetime) -> datetime:
    if not typed.strip():
        return now
    try:
        at = datetime.fromisoformat(typed.strip())
    except ValueError as error:
        raise Invalid("import_line", field="file", line=line) from error
    return (at if at.tzinfo else at.replace(tzinfo=now.tzinfo)).astimezone(now.tzinfo)
