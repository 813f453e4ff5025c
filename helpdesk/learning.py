"""Learning from the desk's own outcomes: which examples there are, who asked for a training, which version speaks.

The idea: agents teach by working. A ticket they move, or resolve where the classifier put it, is an example; a training
mixes these with the shipped texts in a process of its own (helpdesk/training.py) and states what came of it. The
registry's files are the truth of which version speaks; `Turn` rows tell its history, and the fact `RouterChanged` wakes
every process that answers.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session, col, select

from classifiers.text import language as language_of
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import QueueChanged, RouterChanged, TrainingChanged
from helpdesk.mail.parse import subject_stem
from helpdesk.runtime import work
from helpdesk.settings import Settings
from models import Agent, Call, Message, Queue, Routing, Ticket, TicketState, Training, TrainingState, Turn

if TYPE_CHECKING:
    from classifiers.registry import Registry

MOST = 50_000  # examples learned from, the newest; older ones say little about the desk of today
MOST_OF_A_QUEUE = 15_000  # of them, so that one busy queue does not push out the others
READ_MAX = 20_000  # characters of a text, as many as were read for the decision
UNDECIDED = (TrainingState.WAITING, TrainingState.RUNNING)
ACCEPTED = ("by_classifier", "by_keywords")  # decisions of ours that a resolved ticket lets stand
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class LearnedExample:
    """A text whose queue is known. `source` is "agent" (moved or confirmed by hand; `author` is that agent's id) or
    "accepted" (resolved where the desk itself had put it, and never moved); `at` is when it became known."""

    text: str
    label: str
    language: str
    subject: str
    source: str
    author: int | None
    at: datetime
    ticket_id: int


@dataclass(frozen=True, slots=True)
class _Outcome:
    ticket_id: int
    queue_id: int
    message_id: int | None
    source: str
    author: int | None
    at: datetime


def ask(db: Session, *, by: Agent | None, now: datetime, is_nightly: bool = False) -> Training:
    """Have the classifier trained soon, by whichever process takes up due work. `by` None: the clock or a command.

    The nightly one ends at once where there is too little that is new. Returns the training, or the one that waits or
    runs already.
    """
    undecided = select(Training).where(col(Training.state).in_(UNDECIDED)).order_by(col(Training.id).desc())
    if known := db.exec(undecided).first():
        known.is_nightly = known.is_nightly and is_nightly
        return known
    training = Training(asked_by_id=by.id if by else None, is_nightly=is_nightly, asked_at=now)
    db.add(training)
    db.flush()
    assert training.id is not None
    work.enqueue(db, "train_router", training.id, key=f"train:{training.id}")
    tell(db, training, now=now)
    return training


def night_of(now: datetime, settings: Settings) -> date:
    """The night whose training is due at `now`: that of today from the set time on, and before it yesterday's."""
    here = now.astimezone(ZoneInfo(settings.timezone))
    return here.date() if f"{here:%H:%M}" >= settings.train_at else here.date() - timedelta(days=1)


def ask_tonight(db: Session, night: date) -> None:
    """Have `ask` done once for this night, however many processes say so."""
    work.enqueue(db, "train_nightly", key=f"train:{night.isoformat()}")


def tell(db: Session, training: Training, *, now: datetime) -> None:
    """State where a training stands."""
    assert training.id is not None
    emit(db, TrainingChanged(training_id=training.id, state=training.state.value, reason=training.reason, at=now,
                             by_id=training.asked_by_id))  # fmt: skip


def trainings(db: Session, limit: int = 20) -> list[Training]:
    """The newest first."""
    return list(db.exec(select(Training).order_by(col(Training.id).desc()).limit(limit)))


def turns(db: Session, limit: int = 20) -> list[Turn]:
    """Which version spoke from when on, the newest first."""
    return list(db.exec(select(Turn).order_by(col(Turn.id).desc()).limit(limit)))


def promote(
    db: Session, registry: "Registry", version: str, *, by: Agent | None, now: datetime, reason: str = "by_hand"
) -> None:
    """Let a version speak from the commit on. One that speaks already changes nothing.

    Raises `NotFound` when there is no such version, `Conflict("model_unusable")` when its file is not the one that was
    made; the present one goes on then.
    """
    from classifiers import Refused

    if version not in registry.versions():
        raise NotFound("no_such_model", version=version[:80])
    try:
        registry.sound(version)
    except Refused as error:
        raise Conflict("model_unusable", version=version) from error
    before = registry.points_at()
    if version == before:
        return
    _turn(db, version, before, reason, by=by, now=now)
    event.listen(db, "after_commit", lambda _: registry.point_at(version), once=True)


def roll_back(db: Session, registry: "Registry", *, by: Agent | None, now: datetime) -> str:
    """Let the version speak that spoke before, from the commit on. Returns it.

    Raises `Conflict("nothing_before")` when the shipped one speaks and nothing was promoted before it.
    """
    version, before = registry.before(), registry.points_at()
    if version is None:
        raise Conflict("nothing_before")
    _turn(db, version, before, "rolled_back", by=by, now=now)
    event.listen(db, "after_commit", lambda _: registry.point_back(), once=True)
    return version


def set_threshold(
    db: Session, queue: Queue, language: str, value: float | None, *, by: Agent | None, now: datetime
) -> None:
    """From which confidence on the classifier decides for a queue in one language; None: as it was measured.

    `value` is a probability; 1 leaves nearly everything to people. Raises `Invalid("not_a_share")`.
    """
    if language not in ("ja", "en"):
        raise Invalid("unsupported_language", field="language")
    if value is not None and not 0 <= value <= 1:  # not a number is neither
        raise Invalid("not_a_share", field="value")
    kept = {name: each for name, each in queue.thresholds.items() if name != language}
    chosen = kept if value is None else {**kept, language: float(value)}
    if chosen == queue.thresholds:
        return
    queue.thresholds = chosen
    db.add(queue)
    assert queue.id is not None
    emit(db, QueueChanged(queue_id=queue.id, what="threshold", at=now, by_id=by.id if by else None))


def own_examples(db: Session, *, limit: int = MOST, most_of_a_queue: int = MOST_OF_A_QUEUE) -> list[LearnedExample]:
    """What the desk's own outcomes teach, the newest first: at most `limit`, and so many of one queue.

    A ticket's newest word of an agent counts, and where there is none, that it was resolved where the desk put it. Its
    text is the message, or else the call's note, that the decision was read from. Triage is no answer, and a queue
    that is gone teaches nothing.
    """
    served = sa.select(col(Queue.id), col(Queue.slug)).where(col(Queue.is_triage).is_(False))
    labels = {queue_id: slug for queue_id, slug in db.execute(served)}
    outcomes = sorted([*_said(db, limit), *_accepted(db, limit)], key=lambda each: each.at, reverse=True)
    examples: list[LearnedExample] = []
    counted: Counter[str] = Counter()
    for start in range(0, len(outcomes), _CHUNK):
        chunk = outcomes[start : start + _CHUNK]
        written = _written(db, [each.message_id for each in chunk if each.message_id])
        noted = _noted(db, [each.ticket_id for each in chunk if not each.message_id])
        for outcome in chunk:
            found = written.get(outcome.message_id) if outcome.message_id else noted.get(outcome.ticket_id)
            label = labels.get(outcome.queue_id)
            if found is None or label is None or counted[label] >= most_of_a_queue:
                continue
            subject, text = found
            counted[label] += 1
            examples.append(
                LearnedExample(
                    text,
                    label,
                    language_of(f"{subject}\n{text}"),
                    subject,
                    outcome.source,
                    outcome.author,
                    outcome.at,
                    outcome.ticket_id,
                )  # fmt: skip
            )
            if len(examples) == limit:
                return examples
    return examples


def _turn(db: Session, version: str, before: str, reason: str, *, by: Agent | None, now: datetime) -> None:
    db.add(Turn(version=version, before=before, reason=reason, by_id=by.id if by else None, at=now))
    db.flush()
    emit(db, RouterChanged(version=version, before=before, reason=reason, at=now, by_id=by.id if by else None))


def _said(db: Session, limit: int) -> Iterable[_Outcome]:
    """Every ticket's newest word of an agent."""
    newest = sa.select(sa.func.max(col(Routing.id))).where(col(Routing.reason) == "by_agent").group_by(
        col(Routing.ticket_id)
    )  # fmt: skip
    return _read(db, sa.select(Routing).where(col(Routing.id).in_(newest)), "agent", limit)


def _accepted(db: Session, limit: int) -> Iterable[_Outcome]:
    """Tickets that were resolved where the desk itself had put them."""
    newest = (
        sa.select(sa.func.max(col(Routing.id)))
        .where(col(Routing.ticket_id) == col(Ticket.id), col(Routing.reason).in_(ACCEPTED))
        .correlate(Ticket)
        .scalar_subquery()
    )
    chosen = (
        sa.select(Routing)
        .join(Ticket, col(Ticket.id) == col(Routing.ticket_id))
        .where(
            col(Ticket.state) == TicketState.RESOLVED,
            col(Ticket.merged_into_id).is_(None),
            col(Ticket.routed_by).in_(ACCEPTED),
            col(Routing.id) == newest,
        )
    )
    return _read(db, chosen, "accepted", limit)


def _read(db: Session, chosen: Any, source: str, limit: int) -> Iterable[_Outcome]:
    rows = db.execute(
        chosen.with_only_columns(
            col(Routing.ticket_id), col(Routing.queue_id), col(Routing.message_id), col(Routing.by_id),
            col(Routing.decided_at),
        ).order_by(col(Routing.decided_at).desc(), col(Routing.id).desc()).limit(limit)
    )  # fmt: skip
    return [_Outcome(ticket, queue, message, source, by, at) for ticket, queue, message, by, at in rows]


def _written(db: Session, message_ids: list[int]) -> dict[int, tuple[str, str]]:
    """Subject and text of messages, as the classifier read them."""
    parts = sa.select(col(Message.id), col(Message.subject), col(Message.reply_text))
    rows = db.execute(parts.where(col(Message.id).in_(message_ids)))
    return {
        message_id: (subject_stem(subject), text[:READ_MAX])
        for message_id, subject, text in rows
        if subject.strip() or text.strip()
    }


def _noted(db: Session, ticket_ids: list[int]) -> dict[int, tuple[str, str]]:
    """The note of a ticket's first call that has one."""
    rows = db.execute(
        sa.select(col(Call.ticket_id), col(Call.note))
        .where(col(Call.ticket_id).in_(ticket_ids), col(Call.note) != "")
        .order_by(col(Call.id).desc())
    )
    return {ticket_id: ("", note[:READ_MAX]) for ticket_id, note in rows if note.strip()}
