"""What a queue still lacks for inquiries to reach it and be answered.

The idea: a queue without an agent is a place where inquiries are lost; without a number it merely takes no calls, which
may be as wished. So what is lacking has a weight, and only the first kind keeps a queue from working.
"""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk.settings import Settings
from models import Agent, Exchange, Mailbox, Membership, Queue


@dataclass(frozen=True, slots=True)
class Lack:
    """A code of WORDS["lack"], and the step of the guide that mends it. `stops`: nothing is answered without it."""

    code: str
    step: str
    stops: bool = False


def lacks(db: Session, queue: Queue, *, labels: Collection[str], settings: Settings) -> list[Lack]:
    """In the order of the guide. `labels` are the queues the classifier knows: it leads inquiries there by itself."""
    found: list[Lack] = []
    is_led_to = bool(queue.keywords) or queue.slug in labels
    serving = db.exec(
        select(Agent).join(Membership, col(Membership.agent_id) == Agent.id).where(
            Membership.queue_id == queue.id, col(Agent.is_active)
        )
    ).all()  # fmt: skip
    if not (queue.phone or queue.address or is_led_to):
        found.append(Lack("no_way", "reach", stops=True))
    else:
        found += [] if queue.phone else [Lack("no_number", "reach")]
        found += [] if queue.address else [Lack("no_address", "reach")]
    if queue.phone and not _hears_calls(db, settings):
        found.append(Lack("no_telephone_system", "reach", stops=not queue.address))
    if not serving:
        found.append(Lack("no_agent", "people", stops=True))
    elif queue.phone and not any(agent.phone or agent.extension for agent in serving):
        found.append(Lack("no_telephone", "people"))
    if queue.calendar_id is None:
        found.append(Lack("no_hours", "hours"))
    if queue.address and not collected(db, queue):
        found.append(Lack("no_mailbox", "mailbox", stops=not settings.mail_port and not queue.phone))
    if not is_led_to:
        found.append(Lack("no_words", "words"))
    return found


def collected(db: Session, queue: Queue) -> list[Mailbox]:
    """The mailboxes whose mail comes to this queue: by its address, or because they say so."""
    address = sa.func.lower(sa.func.coalesce(sa.func.nullif(col(Mailbox.address), ""), col(Mailbox.user)))
    own = col(Mailbox.queue_id) == queue.id
    return list(db.exec(select(Mailbox).where(sa.or_(own, address == queue.address) if queue.address else own)))


def _hears_calls(db: Session, settings: Settings) -> bool:
    if settings.twilio_auth_token.get_secret_value() or settings.push_tokens:
        return True
    return db.exec(select(Exchange.id).where(col(Exchange.is_active)).limit(1)).first() is not None
