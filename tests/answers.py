"""Answers of the classifier and what became of them, written down by the hundred as a desk would have written them."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlmodel import Session, select

from helpdesk import queues
from models import Agent, Channel, Direction, Message, MessageState, Routing, Ticket, TicketState
from tests.cast import MONDAY, SATO

SLUGS = ("tech_support", "returns", "billing", "shipping", "general")
TEXT = "届いた掃除機の電源が入りません。交換できますか。"


@dataclass(frozen=True)
class Given:
    """One answer: what was `said`, what it `was` ("" where nobody has confirmed anything) and how it was decided."""

    said: str
    was: str
    confidence: float
    language: str = "ja"
    reason: str = "by_classifier"
    threshold: float = 0.85
    version: str = "v1"
    at: datetime = MONDAY
    subject: str = "電源の件"
    text: str = TEXT


def write(db: Session, given: list[Given]) -> list[int]:
    """Write them down; returns the tickets' ids in their order.

    What was routed and right is resolved where it lies; all else that is confirmed was moved or confirmed by Sato.
    """
    known = {queue.slug: queue.id or 0 for queue in queues.everyone(db)}
    by = db.exec(select(Agent).where(Agent.email == SATO.email)).one()
    made = []
    for each in given:
        routed = each.reason == "by_classifier"
        resolved = routed and each.said == each.was
        put = known[each.said] if routed else known["triage"]
        ticket = Ticket(
            subject=each.subject, channel=Channel.MAIL, queue_id=known[each.was] if each.was else put,
            language=each.language, routed_by="by_agent" if each.was and not resolved else each.reason,
            state=TicketState.RESOLVED if resolved else TicketState.OPEN, created_at=each.at, last_contact_at=each.at,
        )  # fmt: skip
        db.add(ticket)
        db.flush()
        mail = Message(
            ticket_id=ticket.id or 0, direction=Direction.IN, state=MessageState.RECEIVED, subject=each.subject,
            text=each.text, reply_text=each.text, created_at=each.at,
        )  # fmt: skip
        db.add(mail)
        db.flush()
        start = each.text.find("電源")
        because = [{"words": "電源", "weight": 1.0, "start": start, "end": start + 2},
                   {"words": "件", "weight": 0.5, "start": -1, "end": -1}]  # fmt: skip
        db.add(Routing(
            ticket_id=ticket.id or 0, queue_id=put, reason=each.reason, label=each.said, confidence=each.confidence,
            threshold=each.threshold, version=each.version, probabilities={each.said: each.confidence},
            because=because, message_id=mail.id, decided_at=each.at,
        ))  # fmt: skip
        db.flush()
        if each.was and not resolved:
            db.add(Routing(ticket_id=ticket.id or 0, queue_id=known[each.was], reason="by_agent", by_id=by.id,
                           message_id=mail.id, decided_at=each.at + timedelta(minutes=5)))  # fmt: skip
        db.flush()
        made.append(ticket.id or 0)
    return made


def at_random(seed: int, many: int) -> list[Given]:
    """Answers of every kind, the same for the same seed."""
    chance = random.Random(seed)
    given = []
    for _ in range(many):
        confidence = chance.choice([round(chance.random(), 2), chance.random()])
        said = chance.choice(SLUGS)
        was = said if chance.random() < confidence else chance.choice((*SLUGS, ""))
        reason = "by_classifier" if confidence >= 0.85 else chance.choice(["nobody_sure", "nobody_sure", "by_address"])
        if chance.random() < (0.3 if confidence >= 0.85 else 0.05):
            reason = "nobody_sure"  # sure, and yet too little of the text was understood
        given.append(Given(
            said, was, confidence, language=chance.choice(["ja", "ja", "en"]), reason=reason,
            version=chance.choice(["v1", "v2"]), at=MONDAY - timedelta(days=chance.random() * 60),
        ))  # fmt: skip
    return given


def recently(many: int) -> list[Given]:
    """The same, of yesterday by the world's own time, for a desk that is not told the time."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    return [replace(each, at=yesterday - timedelta(minutes=n)) for n, each in enumerate(at_random(11, many), 1)]
