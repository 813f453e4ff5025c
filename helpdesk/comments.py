"""Single comments: what is guessed of one, and those that were gathered elsewhere and come in by a file."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col

from classifiers import text as texts
from helpdesk import imports, preferences, survey_answers, survey_words
from helpdesk.errors import Invalid
from helpdesk.events import emit
from helpdesk.facts import FeedbackGiven
from models import Agent, Answer, AnswerSource, Scale
from models.database import Database

WANTED: Final = imports.Wanted(
    {
        "comment": ("comment", "text", "コメント", "自由記述", "ご意見", "ご意見・ご感想", "感想", "回答"),
        "score": ("score", "rating", "評価", "満足度", "点数"),
        "at": ("date", "日時", "回答日時", "日付", "回答日", "タイムスタンプ", "timestamp"),
    },
    (("comment",),), "import_columns", rows_max=20_000, bytes_max=20_000_000,
)  # fmt: skip
"""The columns of a file, as surveys of others call them."""


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


def brought(rows: Sequence[imports.Row], *, timezone: str, now: datetime) -> list[Answer]:
    """The comments of a file, read for their language and feeling, not kept yet: reading takes its time, which nobody
    else who writes has to wait for.

    A row has "comment" and perhaps "score" (1 to 5) and "at". What it says makes it the same row again, and a file that
    says the same twice means two people. Raises `Invalid("import_line", line=...)` for one that cannot be read.
    """
    said: list[Answer] = []
    met: Counter[str] = Counter()
    for row in rows:
        comment = row.cells["comment"][: survey_answers.COMMENT_MAX]
        typed = row.cells.get("at", "")
        try:
            score = _score(row.cells.get("score", ""))
            at = imports.moment_of(typed, timezone=timezone) if typed else now
        except ValueError as error:
            raise Invalid("import_line", field="file", line=row.number) from error
        if not comment and score is None:
            continue
        told = json.dumps([comment, score, typed], ensure_ascii=False)
        met[told] += 1
        key = hashlib.sha256((told if met[told] == 1 else f"{told} {met[told]}").encode()).hexdigest()
        feeling = felt(comment) if comment else ("", 0.0)
        said.append(Answer(
            source=AnswerSource.IMPORT, external_id=key, scale=Scale.STARS, score=score, comment=comment,
            language=texts.language(comment) if comment else "", sentiment=feeling[0], sentiment_confidence=feeling[1],
            at=at, changed_at=now,
        ))  # fmt: skip
    return said


def bring_in(db: Session, said: Sequence[Answer], *, by: Agent, now: datetime) -> tuple[int, int]:
    """Keep comments that were gathered elsewhere: how many were new, and how many were here already."""
    here: set[str] = set()
    keys = [each.external_id for each in said]
    for begin in range(0, len(keys), 500):
        known = sa.select(col(Answer.external_id)).where(
            col(Answer.source) == AnswerSource.IMPORT, col(Answer.external_id).in_(keys[begin : begin + 500])
        )
        here.update(db.scalars(known))
    new = [each for each in said if each.external_id not in here]
    db.add_all(new)
    db.flush()
    if new:
        emit(db, FeedbackGiven(answer_id=new[0].id or 0, by_id=by.id, at=now))
    return len(new), len(said) - len(new)


def _score(typed: str) -> int | None:
    """Raises `ValueError` for what is none."""
    if not typed:
        return None
    score = imports.whole_of(typed)
    if score not in survey_words.SCORES[Scale.STARS]:
        raise ValueError("not from 1 to 5")
    return score
