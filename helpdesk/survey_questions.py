"""Further questions of a survey, each answered in free words.

The one idea: what is said to one of them is an answer of its own, without a score. So each is read for its topics and
its feeling by itself, and satisfaction is what was said to the first question alone. The questions stand beside the
survey's words, a line each; their place ties an answer to its question, and so it stays once somebody has answered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from helpdesk.errors import Invalid
from models import Answer, AnswerSource, Ask, Survey

MOST: Final = 5
LONGEST: Final = 200
KEYS: Final = {"ja": "more_ja", "en": "more_en"}
"""Where they stand in `Survey.questions`, by language."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a customer wrote to one of them, and what was guessed of it: language, feeling and how sure that is."""

    text: str
    language: str = ""
    sentiment: tuple[str, float] = ("", 0.0)


def checked(typed: Mapping[str, str]) -> dict[str, str]:
    """What is kept of what was typed, a line a question; nothing of a language without any. Raises `Invalid` with the
    field: for too many or too long ones, and where the languages have not as many."""
    kept = {key: lines for key in KEYS.values() if (lines := _lines(typed.get(key, "")))}
    for key, lines in kept.items():
        if len(lines) > MOST or max(map(len, lines)) > LONGEST:
            raise Invalid("too_many_questions", field=key)
    if len({len(lines) for lines in kept.values()}) > 1:
        raise Invalid("questions_differ", field=KEYS["en"])
    return {key: "\n".join(lines) for key, lines in kept.items()}


def asked(questions: Mapping[str, str], language: str) -> list[str]:
    """The questions in a language, or in the other one where they have only that."""
    own, other = KEYS["ja" if language == "ja" else "en"], KEYS["en" if language == "ja" else "ja"]
    return _lines(questions.get(own) or questions.get(other, ""))


def said(db: Session, row: Ask) -> dict[int, Answer]:
    """What was said to them so far, by their place from 1 on."""
    numbers = [_id(row, place) for place in range(1, MOST + 1)]
    found = select(Answer).where(Answer.source == AnswerSource.PAGE, col(Answer.external_id).in_(numbers))
    return {place_of(each): each for each in db.exec(found)}


def keep(db: Session, row: Ask, survey: Survey, told: Sequence[Told], *, now: datetime) -> bool:
    """Keep what somebody wrote, in the order of the questions; what is left empty takes earlier words away. Returns
    whether anything is new."""
    before, is_new = said(db, row) if told else {}, False
    for place, each in enumerate(told[: len(asked(survey.questions, row.language))], 1):
        answer = before.get(place)
        if each.text == (answer.comment if answer else ""):
            continue
        if answer is None:
            answer = Answer(
                source=AnswerSource.PAGE, external_id=_id(row, place), survey_id=survey.id, ticket_id=row.ticket_id,
                customer_id=row.customer_id, queue_id=row.queue_id, agent_id=row.agent_id, scale=survey.scale, at=now,
                changed_at=now,
            )  # fmt: skip
        answer.comment, answer.language, answer.changed_at = each.text, each.language if each.text else "", now
        answer.sentiment, answer.sentiment_confidence = each.sentiment if each.text else ("", 0.0)
        db.add(answer)
        is_new = True
    return is_new


def place_of(answer: Answer) -> int:
    """Which question it answers, from 1 on; 0: the first one, with the score."""
    _, _, place = answer.external_id.partition(":")
    return int(place) if answer.source == AnswerSource.PAGE and place else 0


def question_of(answer: Answer, questions: Mapping[str, str] | None) -> str:
    """The words of the question; "" for the first one, and where the survey is gone."""
    lines = asked(questions or {}, answer.language or "ja")
    place = place_of(answer)
    return lines[place - 1] if 0 < place <= len(lines) else ""


def _id(row: Ask, place: int) -> str:
    return f"{row.id}:{place}"


def _lines(typed: str) -> list[str]:
    return [line for each in typed.splitlines() if (line := " ".join(each.split()))]
