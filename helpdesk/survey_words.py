"""The words of a survey: what is asked in which language, what a score is called, and where the answer leads.

The one idea: the address in a mail proves itself by a code made with the desk's key, so it stands nowhere in the
database and no agent can read it off a ticket.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import seals, subjects
from helpdesk.settings import Settings
from models import Ask, Scale, Survey, Ticket

SCORES: Final[Mapping[Scale, range]] = {Scale.STARS: range(1, 6), Scale.ELEVEN: range(11), Scale.NONE: range(0)}
SUBJECTS: Final = {"ja": "対応についてのアンケート [#{ticket}]", "en": "How did we do? [#{ticket}]"}
WORDS: Final[Mapping[tuple[Scale, str], str]] = {
    (Scale.STARS, "ja"): """{desk}です。お問い合わせいただき、ありがとうございました。

「{subject}」への対応はいかがでしたか。
あてはまるものを1つお選びください。1回の操作で完了します。""",
    (Scale.STARS, "en"): """Thank you for contacting {desk}.

How satisfied are you with the way we dealt with “{subject}”?
One click is all it takes.""",
    (Scale.ELEVEN, "ja"): """{desk}です。お問い合わせいただき、ありがとうございました。

私どもを、ご友人や同僚の方にすすめたいと思われますか。
0（まったく思わない）から10（強くそう思う）でお選びください。""",
    (Scale.ELEVEN, "en"): """Thank you for contacting {desk}.

How likely are you to recommend us to a friend or colleague?
Please choose from 0 (not at all) to 10 (very likely).""",
    (Scale.NONE, "ja"): """{desk}です。いつもご利用いただき、ありがとうございます。

私どもの応対やサービスについて、ご意見やご感想をお聞かせください。
ひとことでもかまいません。""",
    (Scale.NONE, "en"): """Thank you for being a customer of {desk}.

What do you think of our service?
A few words are enough.""",
}
"""What is asked where a survey has no words of its own."""
STARS: Final = {
    "ja": {5: "とても満足", 4: "満足", 3: "どちらともいえない", 2: "不満", 1: "とても不満"},
    "en": {5: "Very satisfied", 4: "Satisfied", 3: "Neither", 2: "Dissatisfied", 1: "Very dissatisfied"},
}
ANSWER: Final = {"ja": "回答する", "en": "Answer"}
"""What leads to the page where there is no score to choose in the mail."""
SMS_WORDS: Final = {
    "ja": "{desk}：対応はいかがでしたか。1回の操作で回答できます。\n{link}\n配信停止は「停止」と返信",
    "en": "{desk}: how did we do? One click is all it takes.\n{link}\nReply STOP to opt out",
}
SMS_WORDS_ALONE: Final = {
    "ja": "{desk}：対応についてご意見をお聞かせください。\n{link}\n配信停止は「停止」と返信",
    "en": "{desk}: what do you think of our service?\n{link}\nReply STOP to opt out",
}
"""The same where a survey asks for words alone."""
STOP: Final = {"ja": "今後アンケートを受け取らない", "en": "Do not ask me again"}


@dataclass(frozen=True, slots=True)
class Links:
    """What a survey's mail leads to: an address a score, the best first, or one for words alone; and the one that
    ends it."""

    scores: Sequence[tuple[str, str]]  # words, address
    stop: tuple[str, str]
    one_click: str  # RFC 8058


def sms_words(db: Session, row: Ask, *, settings: Settings) -> str:
    """The short message of an ask: who asks, where to answer, how to end it."""
    return _sms(db.get(Survey, row.survey_id), row.language, row.id or 0, settings)


def sms_alike(survey: Survey, language: str, settings: Settings) -> str:
    """A short message as long as the longest of a survey, to be counted."""
    return _sms(survey, language, 99_999_999, settings)


def _sms(survey: Survey | None, language: str, ask_id: int, settings: Settings) -> str:
    link = f"{settings.public_url.rstrip('/')}/s/{token(ask_id, settings)}"
    told = SMS_WORDS_ALONE if survey is not None and survey.scale == Scale.NONE else SMS_WORDS
    return filled(told[spoken(language)], {"desk": settings.name[:20], "link": link})


def question(survey: Survey, ticket: Ticket | None, language: str, *, desk: str) -> str:
    """What is asked, in the customer's language; `ticket` None where there is none yet."""
    said_in = spoken(language)
    words = survey.questions.get(said_in) or WORDS[survey.scale, said_in]
    subject = subjects.outside(ticket, said_in) if ticket else {"ja": "お問い合わせ", "en": "your inquiry"}[said_in]
    return filled(words, {"desk": desk, "subject": subject[:80], "ticket": str(ticket.id if ticket else "")})


def subject(ticket_id: int, language: str) -> str:
    """Of the mail about a ticket."""
    return filled(SUBJECTS[spoken(language)], {"ticket": str(ticket_id)})


def links(db: Session, message_id: int, settings: Settings) -> Links | None:
    """What the mail of an ask leads to; None where the survey is gone."""
    found = db.execute(
        sa.select(Ask, Survey).join(Survey, col(Survey.id) == Ask.survey_id).where(col(Ask.message_id) == message_id)
    ).first()
    if found is None:
        return None
    row, survey = found
    return links_of(row, survey, settings)


def links_of(row: Ask, survey: Survey, settings: Settings) -> Links:
    """The same for an ask at hand."""
    base, code = settings.public_url.rstrip("/"), token(row.id or 0, settings)
    scores = [
        (label(survey.scale, score, row.language), f"{base}/s/{code}?score={score}")
        for score in reversed(SCORES[survey.scale])
    ] or [(ANSWER[spoken(row.language)], f"{base}/s/{code}")]
    stop = STOP[spoken(row.language)], f"{base}/s/{code}/stop"
    return Links(scores, stop, f"{base}/hooks/survey/{code}/stop")


def label(scale: Scale, score: int, language: str) -> str:
    """A score in words: "5 とても満足", "10"."""
    return f"{score} {STARS[spoken(language)][score]}" if scale == Scale.STARS else str(score)


def token(ask_id: int, settings: Settings) -> str:
    """What stands in the address of an ask."""
    return f"{ask_id}-{seals.code(f'ask:{ask_id}', settings=settings)}"


def filled(words: str, facts: Mapping[str, str]) -> str:
    """Words with their {facts} in place."""
    return re.sub(r"\{(\w+)\}", lambda found: facts.get(found[1], found[0]), words)


def spoken(language: str) -> str:
    """The language in which somebody is asked."""
    return language if language in SUBJECTS else "en"
