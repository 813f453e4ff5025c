"""What the classifiers guessed of each text, what they learned from it, and which version of them spoke when."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, json_column, points_to


class Impression(Row, table=True):
    """What was guessed of one text besides its queue. Shown to agents; nothing is done because of it alone."""

    __table_args__ = (sa.Index("ix_impression_ticket", "ticket_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    ticket_id: int = points_to("ticket.id", ondelete="CASCADE")
    # The text: a customer's message, or an agent's note of a call. It is guessed at once, and the guess goes with it.
    message_id: int | None = points_to("message.id", default=None, index=True, unique=True, ondelete="CASCADE")
    call_id: int | None = points_to("call.id", default=None, index=True, unique=True, ondelete="CASCADE")
    language: str = ""  # "ja", "en"; "" where it was not asked for
    language_confidence: float = 0.0  # by its letters, see classifiers/text.py
    is_urgent: bool = False
    urgency: float = 0.0  # the probability of it
    urgency_reasons: list[str] = json_column(default_factory=list)  # codes, see classifiers/urgency.py
    urgency_because: list[dict[str, Any]] = json_column(default_factory=list)
    sentiment: str = ""  # "positive", "neutral", "negative"; "" where it was not asked for
    sentiment_confidence: float = 0.0
    sentiment_because: list[dict[str, Any]] = json_column(default_factory=list)
    version: str = ""  # of urgency and sentiment
    made_at: datetime
    denied_by_id: int | None = points_to("agent.id", default=None)  # who said that it is not urgent; to learn from
    denied_at: datetime | None = None


class TrainingState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    PROMOTED = "promoted"
    CANDIDATE = "candidate"  # made, and not better: a person may still promote it
    UNCHANGED = "unchanged"  # nothing to learn from
    FAILED = "failed"


class Training(Row, table=True):
    """One attempt to learn from the desk's own corrections, and what came of it."""

    id: int | None = Field(default=None, primary_key=True)
    state: TrainingState = choice(TrainingState, TrainingState.WAITING)
    asked_by_id: int | None = points_to("agent.id", default=None)  # None: the nightly one
    asked_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""  # a code: why it was promoted or was not
    version: str = Field(default="", index=True)  # of what was made
    compared_with: str = ""  # the version in force then
    examples: int = 0  # of the desk's own
    figures: dict[str, Any] = json_column(default_factory=dict)


class Turn(Row, table=True):
    """From when a version of the router spoke, and why."""

    id: int | None = Field(default=None, primary_key=True)
    version: str
    before: str = ""  # the version that spoke until then
    reason: str  # "trained", "by_hand", "rolled_back"
    by_id: int | None = points_to("agent.id", default=None)
    at: datetime


class SolvedCase(Row, table=True):
    """A resolved ticket that may help with one like it: the customer's words in short, and where its answer is."""

    ticket_id: int = points_to("ticket.id", ondelete="CASCADE", primary_key=True)
    language: str
    answer_id: int | None = points_to("message.id", default=None, ondelete="SET NULL")  # the reply that solved it
    words: str = ""  # the first of the customer's own
    meaning: bytes = b""  # its direction among word vectors, one signed byte a dimension
    kept_at: datetime


class CaseTerm(Row, table=True):
    """A telling term of a solved case: 63 bits of its hash, so that the index stays small at a million cases."""

    __table_args__ = ({"sqlite_with_rowid": False},)

    term: int = Field(sa_type=sa.BigInteger, primary_key=True)
    ticket_id: int = points_to("ticket.id", ondelete="CASCADE", primary_key=True, index=True)


class TermCount(Row, table=True):
    """In how many solved cases a term stands: what is rare tells most."""

    term: int = Field(sa_type=sa.BigInteger, primary_key=True)
    cases: int = 0


class Preference(Row, table=True):
    """A choice of this desk that a supervisor may change while it runs, such as which guesses are shown."""

    name: str = Field(primary_key=True)
    value: Any = json_column(default=None)
    changed_by_id: int | None = points_to("agent.id", default=None)
    changed_at: datetime
