"""What a text tells besides its queue: whether it cannot wait, how its writer feels, which language it is in.

The idea: an impression is a remark beside a text, for people to see. It is made where the text is read anyway, without
the database, and kept with its reasons, once a text; an agent's "not urgent" is kept with it, and nothing guessed later
takes its place. Nothing else reads it: no queue, no order of work and no mail depends on it.

Of an agent's note about a call only urgency and language are asked. The matter is the customer's, and a deadline in it
is as real in the agent's words; the tone is the agent's own, and a feeling told by somebody else would be hearsay.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlmodel import Session, select

from classifiers import Reason
from classifiers import text as texts
from helpdesk.errors import NotFound
from helpdesk.events import emit
from helpdesk.facts import UrgencyJudged
from models import Agent, Call, Impression, Ticket
from models.database import Prepared

if TYPE_CHECKING:
    from classifiers.features import Reading
    from classifiers.sentiment import Sentiment
    from classifiers.urgency import Urgency

OF_MESSAGES = frozenset({"urgency", "sentiment", "language"})
OF_NOTES = frozenset({"urgency", "language"})
KEPT_REASONS = 8  # words kept beside a guess

logger = logging.getLogger(__name__)

_TABLE: sa.Table = Impression.__table__  # type: ignore[attr-defined]
_LATER = ("id", "denied_by_id", "denied_at")
_INSERT = Prepared(sa.insert(_TABLE).inline(), [name for name in _TABLE.c.keys() if name not in _LATER])
_OF_CALL = select(Impression.id).where(Impression.call_id == sa.bindparam("call_id"))


@dataclass(frozen=True, slots=True)
class Guess:
    """What was guessed of one text; None or "" where it was not asked."""

    urgency: "Urgency | None" = None
    sentiment: "Sentiment | None" = None
    language: str = ""
    language_confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """How good a guess was found to be in one language, on `count` texts its model had not seen; shares in [0, 1].

    Of urgency `first` is the share found of what is urgent and `second` the share that is urgent of what is called so;
    of feelings `first` is the share of three feelings told right and `second` that of gladness told from anger.
    """

    guess: str
    language: str
    count: int
    first: float
    second: float


def ready() -> frozenset[str]:
    """Load the models, once a process; what can be guessed from now on. One that is damaged is reported and left out:
    mail is read without it."""
    from classifiers import Refused, sentiment, urgency

    found = {"language"}
    for name, load in (("urgency", urgency.shipped), ("sentiment", sentiment.shipped)):
        try:
            load()
            found.add(name)
        except Refused as error:
            logger.error("no %s will be guessed: %s", name, error)
    return frozenset(found)


def of(text: str, *, subject: str = "", asked: Collection[str]) -> Guess | None:
    """What is `asked` of one text; None when that is nothing, or when there are no words. Touches no database."""
    return of_many([(subject, text)], asked=asked)[0]


def of_many(
    inquiries: Sequence[tuple[str, str]], *, asked: Collection[str], readings: "Sequence[Reading | None] | None" = None
) -> list[Guess | None]:
    """`of` for several, each given as (subject, text); sooner than one by one.

    `readings` are what the router has read of the same texts and subjects, where it has: they are not read again.
    """
    guesses: list[Guess | None] = [None] * len(inquiries)
    places = [place for place, (subject, text) in enumerate(inquiries) if asked and (text.strip() or subject.strip())]
    if not places:
        return guesses
    from classifiers import sentiment, urgency

    told = [inquiries[place] for place in places]
    read = [readings[place] if readings else None for place in places]
    if "urgency" in asked or "sentiment" in asked:
        model = (urgency if "urgency" in asked else sentiment).shipped()
        fresh = iter(model.read_many([each for each, known in zip(told, read, strict=True) if known is None]))
        read = [next(fresh) if known is None else known for known in read]
    heard = [each for each in read if each is not None]
    urgencies = urgency.of_many(told, heard) if "urgency" in asked else [None] * len(told)
    sentiments = sentiment.of_many(told, heard) if "sentiment" in asked else [None] * len(told)
    for place, (subject, text), urgent, feels in zip(places, told, urgencies, sentiments, strict=True):
        whole = f"{subject}\n{text}" if "language" in asked else ""
        share = texts.language_share(whole) if whole else 0.0
        guesses[place] = Guess(urgent, feels, texts.language(whole) if whole else "", share)
    return guesses


def keep(
    db: Session,
    ticket: Ticket,
    guess: Guess | None,
    *,
    message_id: int | None = None,
    call_id: int | None = None,
    now: datetime,
) -> None:
    """Write down what was guessed of a customer's new message, or of a call's note, and show it on the ticket.

    Once a text: no later guess takes the place of one that agents have seen and perhaps answered. Of a text nothing
    was guessed of, nothing is kept, and the ticket shows nothing of an older one either. A note leaves the feeling
    where the customer's own words left it.
    """
    if ticket.is_urgent != is_urgent(guess):  # of a new ticket it is written already
        ticket.is_urgent = is_urgent(guess)
    if call_id is None and ticket.sentiment != feeling(guess):
        ticket.sentiment = feeling(guess)
    if guess is not None:
        values = {"ticket_id": ticket.id, "message_id": message_id, "call_id": call_id, "made_at": now}
        _INSERT.run(db, values | _columns(guess))  # a session would first write all it holds


def is_urgent(guess: Guess | None) -> bool:
    """What a ticket's list shows of it."""
    return guess is not None and guess.urgency is not None and guess.urgency.urgent


def feeling(guess: Guess | None) -> str:
    """ "positive", "neutral", "negative"; "" where it was not guessed."""
    return guess.sentiment.label if guess is not None and guess.sentiment is not None else ""


def hear_note(db: Session, call: Call, note: str, guess: Guess | None, *, now: datetime) -> None:
    """Keep what was guessed of the note a call was wrapped up with. Of any other note than the kept one, nothing is."""
    ticket = db.get(Ticket, call.ticket_id) if call.ticket_id else None
    if ticket is None or guess is None or call.note != note.strip():
        return
    if db.exec(_OF_CALL, params={"call_id": call.id}).first() is None:
        keep(db, ticket, guess, call_id=call.id, now=now)


def judge(db: Session, ticket: Ticket, impression_id: int, *, urgent: bool, by: Agent, now: datetime) -> None:
    """An agent says that a text taken for urgent is not, or takes that back. Kept with author and time, to learn from.

    The same again changes nothing. Raises `NotFound` for anything but a text of this ticket that was taken for urgent.
    """
    row = db.get(Impression, impression_id)
    if row is None or row.ticket_id != ticket.id or not row.is_urgent:
        raise NotFound("not_found", impression_id=impression_id)
    if urgent == (row.denied_by_id is None):
        return
    row.denied_by_id, row.denied_at = (None, None) if urgent else (by.id, now)
    if db.scalar(select(sa.func.max(Impression.id)).where(Impression.ticket_id == ticket.id)) == row.id:
        ticket.is_urgent = urgent
    assert ticket.id is not None and row.id is not None
    emit(
        db,
        UrgencyJudged(
            ticket_id=ticket.id,
            queue_id=ticket.queue_id,
            impression_id=row.id,
            state="urgent" if urgent else "not_urgent",
            by_id=by.id,
            at=now,
        ),
    )


def measured() -> list[Measured]:
    """What the cards of the shipped models say about inquiries; nothing about a model whose card cannot be read."""
    from classifiers import Refused, registry

    found = []
    for guess, group, ending, names in (
        ("urgency", "unseen_authors", "", ("recall", "precision")),
        ("sentiment", "unseen", "/inquiries", ("accuracy", "poles")),
    ):
        try:
            figures = registry.read_card(registry.SHIPPED / f"{guess}.json").get(group, {})
        except Refused as error:
            logger.error("no figures of %s: %s", guess, error)
            continue
        for language in ("ja", "en"):
            told = figures.get(language + ending, {})
            if {"count", *names} <= told.keys():
                found.append(Measured(guess, language, told["count"], told[names[0]], told[names[1]]))
    return found


def _columns(guess: Guess) -> dict[str, Any]:
    urgency, sentiment = guess.urgency, guess.sentiment
    return {
        "language": guess.language,
        "language_confidence": round(guess.language_confidence, 4),
        "is_urgent": is_urgent(guess),
        "urgency": round(urgency.confidence, 4) if urgency else 0.0,
        "urgency_reasons": list(urgency.reasons) if urgency else [],
        "urgency_because": _reasons(urgency.because) if urgency else [],
        "sentiment": feeling(guess),
        "sentiment_confidence": round(sentiment.confidence, 4) if sentiment else 0.0,
        "sentiment_because": _reasons(sentiment.because) if sentiment else [],
        "version": " ".join(each.version for each in (urgency, sentiment) if each),
    }


def _reasons(because: tuple[Reason, ...]) -> list[dict[str, Any]]:
    return [reason.told() for reason in because[:KEPT_REASONS]]
