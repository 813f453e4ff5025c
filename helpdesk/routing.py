"""Which queue an inquiry belongs to, and why.

The first voice that is sure decides: the address written to or the number dialed, then the caller's open ticket, then
the classifier. A queue that the classifier has not learned yet speaks by its key words. Doubt has a queue of its own.
Every decision is kept with its reason, the classifier's opinion beside it even where it was not asked, so that its
worth can be measured later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from classifiers import Prediction, Reason, keywords
from helpdesk import agents, queues
from helpdesk.errors import Conflict, NotAllowed
from helpdesk.events import emit
from helpdesk.facts import TicketMoved
from models import Agent, Queue, Routing, Ticket

KEPT_REASONS = 8  # words kept beside a decision
KEYWORDS_READ = 4_000  # characters; who writes more has said by then what it is about
_GUESSED = {"by_classifier", "nobody_sure"}


@dataclass(frozen=True, slots=True)
class Decision:
    """A queue and the voice that chose it."""

    queue_id: int
    reason: str  # by_address, by_dialed_number, by_overflow and so on: web/words/tickets.py names them
    prediction: Prediction | None = None
    threshold: float | None = None  # the one in force when it was decided; None where nothing was predicted
    words: tuple[Reason, ...] = ()  # key words that decided, where they did

    @property
    def confidence(self) -> float | None:
        """How sure the classifier was, where it was its decision to make."""
        return self.prediction.confidence if self.prediction and self.reason in _GUESSED else None


def decide(
    db: Session,
    *,
    written_to: Queue | None = None,
    dialed: Queue | None = None,
    prediction: Prediction | None = None,
    subject: str = "",
    text: str = "",
) -> Decision:
    """Choose the queue of a new ticket. Without a rule and without words it waits in triage.

    `subject` and `text` are the inquiry's own words, read for the key words of queues that the model does not know.
    """
    rule = written_to or dialed
    every = queues.everyone(db) if prediction or not rule else []  # a ringing call needs none of them
    guessed = next((queue for queue in every if prediction and queue.slug == prediction.label), None)
    threshold = threshold_in_force(guessed, prediction) if prediction else None
    if rule:
        assert rule.id is not None
        return Decision(rule.id, "by_address" if written_to else "by_dialed_number", prediction, threshold)
    is_sure = guessed is not None and prediction is not None and _is_sure(prediction, threshold)
    if spoken := _by_keywords(every, prediction, subject, text, is_sure=is_sure):
        queue, words = spoken
        assert queue.id is not None
        return Decision(queue.id, "by_keywords", prediction, threshold, words)
    if is_sure and guessed is not None:
        assert guessed.id is not None
        return Decision(guessed.id, "by_classifier", prediction, threshold)
    triage = queues.triage(db)
    assert triage.id is not None
    return Decision(triage.id, "nobody_sure" if prediction else "no_words_yet", prediction, threshold)


def threshold_in_force(queue: Queue | None, prediction: Prediction) -> float:
    """From which confidence on a prediction decides: what a supervisor asked of the queue it names, or as measured."""
    chosen = queue.thresholds.get(prediction.language) if queue else None
    return prediction.threshold if chosen is None else chosen


def _is_sure(prediction: Prediction, threshold: float | None) -> bool:
    # It may abstain although its confidence would do: of gibberish it has an opinion, but no knowledge.
    knows_nothing = prediction.abstained and prediction.confidence >= prediction.threshold
    return threshold is not None and prediction.confidence >= threshold and not knows_nothing


def _by_keywords(
    every: Sequence[Queue], prediction: Prediction | None, subject: str, text: str, *, is_sure: bool
) -> tuple[Queue, tuple[Reason, ...]] | None:
    """A queue whose key words stand in the inquiry, among those the model does not know, and the words.

    The confidence of a model that has never heard of a queue says nothing against it, but one word may be said in
    passing. So where the model is sure of another queue, two different key words must stand there, or one in the
    subject; where it is not, one is enough. Of several queues the one with the most different words speaks.
    """
    known = set(prediction.probabilities) if prediction else set()
    new = [queue for queue in every if queue.keywords and not queue.is_triage and queue.slug not in known]
    if not new or not (subject or text):
        return None
    lists = tuple((queue.slug, tuple(queue.keywords)) for queue in new)
    met = keywords.spoken(lists, text[:KEYWORDS_READ], subject=subject)
    if not met:
        return None
    best = max((queue for queue in new if queue.slug in met), key=lambda queue: len(met[queue.slug]))
    words = met[best.slug]
    if is_sure and len(words) < 2 and all(word.start >= 0 for word in words):
        return None
    return best, words


def keep(
    db: Session,
    ticket: Ticket,
    decision: Decision,
    *,
    message_id: int | None = None,
    by_id: int | None = None,
    now: datetime,
) -> Routing:
    """Write the decision beside the ticket and put it in force."""
    guess = decision.prediction
    row = Routing(
        ticket_id=ticket.id or 0,
        queue_id=decision.queue_id,
        reason=decision.reason,
        threshold=decision.threshold,
        label=guess.label if guess else "",
        confidence=guess.confidence if guess else None,
        version=guess.version if guess else "",
        probabilities={label: round(p, 4) for label, p in guess.probabilities.items()} if guess else {},
        because=[reason.told() for reason in (decision.words or (guess.because if guess else ()))[:KEPT_REASONS]],
        message_id=message_id,
        by_id=by_id,
        decided_at=now,
    )
    db.add(row)
    in_force = (decision.queue_id, decision.reason, decision.confidence)
    if (ticket.queue_id, ticket.routed_by, ticket.confidence) != in_force:  # a new ticket was written with it
        ticket.queue_id, ticket.routed_by, ticket.confidence = in_force
    return row


def move(db: Session, ticket: Ticket, to: Queue, *, by: Agent, now: datetime) -> None:
    """An agent says where the ticket belongs. Kept as a correction, from which the next model learns.

    An assignee who does not serve the new queue lets go of the ticket. Moving it where it is confirms the queue when
    it was a guess, and otherwise changes nothing.
    """
    assert to.id is not None and ticket.id is not None
    if not agents.serves(db, by, ticket.queue_id) and ticket.assignee_id != by.id:
        raise NotAllowed("agent_not_in_queue", agent_id=by.id, queue_id=ticket.queue_id)
    if ticket.queue_id == to.id and ticket.routed_by == "by_agent":
        return
    before, source = ticket.queue_id, latest(db, ticket.id)
    keep(
        db, ticket, Decision(to.id, "by_agent"), message_id=source.message_id if source else None, by_id=by.id, now=now
    )
    let_go = None
    if ticket.assignee_id is not None and not agents.serves(db, agents.get(db, ticket.assignee_id), to.id):
        let_go, ticket.assignee_id = ticket.assignee_id, None
    emit(
        db,
        TicketMoved(
            ticket_id=ticket.id, queue_id=to.id, from_queue_id=before, reason="by_agent", from_agent_id=let_go,
            by_id=by.id, at=now,
        ),
    )  # fmt: skip


def move_back(db: Session, ticket: Ticket, moved: TicketMoved, *, by: Agent, now: datetime) -> None:
    """Forget that an agent moved it: the decision before is in force again, and no model learns from the other.

    Raises `Conflict` where another decision was made since.
    """
    assert ticket.id is not None
    decisions = history(db, ticket.id)
    if len(decisions) < 2 or decisions[-1].reason != "by_agent" or ticket.queue_id != moved.queue_id:
        raise Conflict("moved_on", ticket_id=ticket.id)
    db.delete(decisions[-1])
    before = decisions[-2]
    ticket.queue_id, ticket.routed_by, ticket.confidence = moved.from_queue_id, before.reason, None
    if before.reason in _GUESSED:
        ticket.confidence = before.confidence
    let_go, ticket.assignee_id = ticket.assignee_id, moved.from_agent_id or ticket.assignee_id
    emit(
        db,
        TicketMoved(
            ticket_id=ticket.id, queue_id=ticket.queue_id, from_queue_id=moved.queue_id, reason="taken_back",
            from_agent_id=let_go if let_go != ticket.assignee_id else None, by_id=by.id, at=now,
        ),
    )  # fmt: skip


def place(db: Session, ticket: Ticket, to: Queue, *, now: datetime) -> None:
    """A supervisor's rule says where the ticket belongs. No model learns from it, and an agent may say otherwise.

    An assignee who does not serve the new queue lets go of the ticket.
    """
    assert to.id is not None and ticket.id is not None
    if ticket.queue_id == to.id:
        return
    before, source = ticket.queue_id, latest(db, ticket.id)
    keep(db, ticket, Decision(to.id, "by_rule"), message_id=source.message_id if source else None, now=now)
    let_go = None
    if ticket.assignee_id is not None and not agents.serves(db, agents.get(db, ticket.assignee_id), to.id):
        let_go, ticket.assignee_id = ticket.assignee_id, None
    told = TicketMoved(
        ticket_id=ticket.id, queue_id=to.id, from_queue_id=before, reason="by_rule", from_agent_id=let_go, at=now
    )  # fmt: skip
    emit(db, told)


def overflow(db: Session, ticket: Ticket, to: Queue, *, now: datetime) -> None:
    """The call that opened the ticket waits in another queue, because its own is closed, full or too slow."""
    assert to.id is not None and ticket.id is not None
    if ticket.queue_id == to.id:
        return
    before = ticket.queue_id
    keep(db, ticket, Decision(to.id, "by_overflow"), now=now)
    emit(db, TicketMoved(ticket_id=ticket.id, queue_id=to.id, from_queue_id=before, reason="by_overflow", at=now))


def hear_notes(db: Session, ticket: Ticket, guess: Prediction, *, note: str, now: datetime) -> None:
    """The classifier's opinion of an agent's notes, once a call has words.

    It decides only where nothing else has: a ticket in triage for want of words moves when the classifier is sure.
    Elsewhere it is kept as an opinion, and the queue stays.
    """
    if ticket.routed_by in {"by_agent", "by_rule"}:
        return
    heard = decide(db, prediction=guess, text=note)
    before = ticket.queue_id
    if ticket.routed_by in {"no_words_yet", "nobody_sure"}:
        keep(db, ticket, heard, now=now)
    else:
        keep(db, ticket, Decision(before, ticket.routed_by, guess, heard.threshold), now=now)
    if ticket.queue_id != before:
        emit(
            db,
            TicketMoved(
                ticket_id=ticket.id or 0,
                queue_id=ticket.queue_id,
                from_queue_id=before,
                reason=ticket.routed_by,
                at=now,
            ),
        )


def latest(db: Session, ticket_id: int) -> Routing | None:
    """The decision in force."""
    return db.exec(
        select(Routing).where(Routing.ticket_id == ticket_id).order_by(col(Routing.id).desc()).limit(1)
    ).first()


def history(db: Session, ticket_id: int) -> list[Routing]:
    """All decisions about a ticket, oldest first."""
    return list(db.exec(select(Routing).where(Routing.ticket_id == ticket_id).order_by(col(Routing.id))))
