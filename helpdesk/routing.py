"""Which queue an inquiry belongs to, and why.

The first voice that is sure decides: the address written to or the number dialed, then the caller's open ticket, then
the classifier. Doubt has a queue of its own. Every decision is kept with its reason, the classifier's opinion beside
it even where it was not asked, so that its worth can be measured later.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from classifiers import Prediction
from helpdesk import agents, queues
from helpdesk.errors import NotAllowed
from helpdesk.events import TicketMoved, emit
from models import Agent, Queue, Routing, Ticket

KEPT_REASONS = 8  # words kept beside a decision
_GUESSED = {"by_classifier", "nobody_sure"}


@dataclass(frozen=True, slots=True)
class Decision:
    """A queue and the voice that chose it."""

    queue_id: int
    reason: str  # by_address, by_dialed_number, by_open_ticket, by_classifier, nobody_sure, no_words_yet, by_agent
    prediction: Prediction | None = None
    threshold: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)

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
    threshold: float | None = None,
) -> Decision:
    """Choose the queue of a new ticket. Without a rule and without words it waits in triage."""
    if rule := written_to or dialed:
        assert rule.id is not None
        return Decision(rule.id, "by_address" if written_to else "by_dialed_number", prediction, threshold)
    by_slug = {queue.slug: queue for queue in queues.everyone(db)}
    if prediction and not prediction.abstained and (chosen := by_slug.get(prediction.label)):
        assert chosen.id is not None
        return Decision(chosen.id, "by_classifier", prediction, threshold)
    triage = queues.triage(db)
    assert triage.id is not None
    return Decision(triage.id, "nobody_sure" if prediction else "no_words_yet", prediction, threshold)


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
        because=[asdict(reason) for reason in guess.because[:KEPT_REASONS]] if guess else [],
        message_id=message_id,
        by_id=by_id,
        decided_at=now,
    )
    db.add(row)
    ticket.queue_id, ticket.routed_by, ticket.confidence = decision.queue_id, decision.reason, decision.confidence
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
    if ticket.assignee_id is not None and not agents.serves(db, agents.get(db, ticket.assignee_id), to.id):
        ticket.assignee_id = None
    emit(
        db,
        TicketMoved(ticket_id=ticket.id, queue_id=to.id, from_queue_id=before, reason="by_agent", by_id=by.id, at=now),
    )


def hear_notes(db: Session, ticket: Ticket, guess: Prediction, threshold: float, *, now: datetime) -> None:
    """The classifier's opinion of an agent's notes, once a call has words.

    It decides only where nothing else has: a ticket in triage for want of words moves when the classifier is sure.
    Elsewhere it is kept as an opinion, and the queue stays.
    """
    if ticket.routed_by == "by_agent":
        return
    heard = decide(db, prediction=guess, threshold=threshold)
    before = ticket.queue_id
    if ticket.routed_by in {"no_words_yet", "nobody_sure"}:
        keep(db, ticket, heard, now=now)
    else:
        keep(db, ticket, Decision(before, ticket.routed_by, guess, threshold), now=now)
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
