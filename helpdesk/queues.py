"""The desk's waiting lines: which one a number or address means, and what waits in them now."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session, col, select

from classifiers import keywords as key_words
from helpdesk.customers import contact_points
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import AgentChanged, QueueChanged
from models import Agent, Queue, Role, Ticket, TicketState
from models.looking import remembered

MOST_KEYWORDS = 200
MOST_MINUTES = 60 * 24 * 30

DEFAULTS = (  # slug, Japanese, English, is_triage
    ("tech_support", "技術サポート", "Tech support", False),
    ("returns", "返品・交換", "Returns", False),
    ("billing", "請求・支払い", "Billing", False),
    ("shipping", "配送", "Shipping", False),
    ("general", "総合窓口", "General", False),
    ("triage", "振り分け待ち", "Triage", True),
)

_EVERYONE = select(Queue).order_by(col(Queue.position), col(Queue.id))
_SEEN = remembered(Queue, lambda every: every.order_by(col(Queue.position), col(Queue.id)))
_DIALED = select(Queue).where(Queue.phone == sa.bindparam("phone"))


@dataclass(frozen=True, slots=True)
class Count:
    """What is open in one queue."""

    open: int = 0
    unassigned: int = 0
    of_agent: int = 0  # the agent's asked for


def make_defaults(db: Session) -> list[Queue]:
    """The five queues the shipped classifier knows, and triage, where there are no queues yet."""
    for position, (slug, name, name_en, is_triage) in enumerate(DEFAULTS):
        if db.exec(select(Queue.id).where(Queue.slug == slug)).first() is None:
            db.add(Queue(slug=slug, name=name, name_en=name_en, is_triage=is_triage, position=position))
    db.flush()
    _forget(db)
    return everyone(db)


def make(db: Session, *, slug: str, name: str, name_en: str, by: Agent | None, now: datetime) -> Queue:
    """A new waiting line, the last but triage. `slug` is its short name for commands and the classifier's label.

    Its key words lead inquiries there until the classifier has learned it from agents' moves. Raises `Invalid` with
    the field, and every other that is wrong in `fields`, or `Conflict("taken")`.
    """
    wrong = _unnamed(name=name, name_en=name_en)
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,39}", slug):
        wrong["slug"] = "not_a_short_name"
    _refuse(wrong)
    if db.exec(select(Queue.id).where(Queue.slug == slug)).first() is not None:
        raise Conflict("taken", field="slug")
    last = max((queue.position for queue in everyone(db) if not queue.is_triage), default=-1)
    for queue in everyone(db):
        queue.position += queue.position > last
    made = Queue(slug=slug, name=name.strip(), name_en=name_en.strip(), position=last + 1)
    db.add(made)
    db.flush()
    _forget(db)
    _say(db, made, "made", by=by, now=now)
    for agent_id in db.exec(select(Agent.id).where(Agent.role == Role.SUPERVISOR, col(Agent.is_active))):
        emit(db, AgentChanged(agent_id=agent_id or 0, at=now))  # who sees every queue hears this one from now on
    return made


def change(
    db: Session,
    queue: Queue,
    *,
    region: str,
    now: datetime,
    by: Agent | None = None,
    phone: str | None = None,
    address: str | None = None,
    name: str | None = None,
    name_en: str | None = None,
    greeting: str | None = None,
    signature: str | None = None,
    signature_en: str | None = None,
    sender_name: str | None = None,
    sender_name_en: str | None = None,
    keywords: Sequence[str] | None = None,
    acknowledges: bool | None = None,
    acknowledgment: dict[str, str] | None = None,
    takes_reply_to: bool | None = None,
    safety: Mapping[str, Any] | None = None,
    calls: Mapping[str, Any] | None = None,
    giving: Mapping[str, Any] | None = None,
) -> None:
    """Change what is given; "" takes a number or address away. `safety` is what the queue asks before a mail leaves,
    `calls` how it takes calls and `giving` how its tickets find their agents, by the names of columns. Raises
    `Invalid`, or `Conflict("taken")`."""
    _refuse(_unnamed(name=name, name_en=name_en))
    if phone is not None:
        queue.phone = contact_points.to_e164(phone, region=region) if phone else None
    if address is not None:
        if address and not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
            raise Invalid("not_an_address", field="address")
        queue.address = address.lower() or None
    with db.no_autoflush:  # asked before it is written, or the database would answer first
        for field, value in (("phone", queue.phone), ("address", queue.address)):
            other = select(Queue.id).where(getattr(Queue, field) == value, col(Queue.id) != queue.id)
            if value and db.exec(other).first() is not None:
                raise Conflict("taken", field=field)
    queue.name, queue.name_en = name or queue.name, name_en or queue.name_en
    queue.greeting = queue.greeting if greeting is None else greeting
    queue.signature = queue.signature if signature is None else signature
    queue.signature_en = queue.signature_en if signature_en is None else signature_en
    queue.sender_name = queue.sender_name if sender_name is None else " ".join(sender_name.split())[:200]
    queue.sender_name_en = queue.sender_name_en if sender_name_en is None else " ".join(sender_name_en.split())[:200]
    if keywords is not None:
        queue.keywords = _keywords(keywords)
    queue.acknowledges = queue.acknowledges if acknowledges is None else acknowledges
    queue.takes_reply_to = queue.takes_reply_to if takes_reply_to is None else takes_reply_to
    if acknowledgment is not None:
        queue.acknowledgment = {language: words for language, words in acknowledgment.items() if words}
    if calls and calls.get("overflow_id") == queue.id and queue.id is not None:
        raise Invalid("overflows_into_itself", field="overflow_id")
    if giving and not 0 <= giving.get("returns_minutes", 0) <= MOST_MINUTES:
        raise Invalid("not_a_length", field="returns_minutes")
    for name, value in (*(calls or {}).items(), *(giving or {}).items()):
        setattr(queue, name, value)
    for name, value in (safety or {}).items():
        setattr(queue, name, _banned(value) if name == "banned_words" else value)
    if db.is_modified(queue):
        db.flush()
        _say(db, queue, "changed", by=by, now=now)


def _unnamed(**names: str | None) -> dict[str, str]:
    """What is wrong with the names that are given, by field; None is none given."""
    return {field: "queue_name_missing" for field, name in names.items() if name is not None and not name.strip()}


def _refuse(wrong: dict[str, str]) -> None:
    """Raises `Invalid` with the first field, and with all of them in `fields`, where anything is wrong."""
    if wrong:
        field, code = next(iter(wrong.items()))
        raise Invalid(code, field=field, fields=wrong)


def _keywords(words: Sequence[str]) -> list[str]:
    if len(words) > MOST_KEYWORDS:
        raise Invalid("too_many_keywords", field="keywords")
    try:
        return key_words.cleaned(words)
    except ValueError as error:
        raise Invalid("not_a_keyword", field="keywords") from error


def _banned(words: Sequence[str]) -> list[str]:
    """Each once, as typed."""
    kept = list(dict.fromkeys(word.strip() for word in words if word.strip()))
    if len(kept) > MOST_KEYWORDS:
        raise Invalid("too_many_keywords", field="banned_words")
    if any(len(word) > 100 for word in kept):
        raise Invalid("not_a_banned_word", field="banned_words")
    return kept


def _say(db: Session, queue: Queue, what: str, *, by: Agent | None, now: datetime) -> None:
    assert queue.id is not None
    emit(db, QueueChanged(queue_id=queue.id, what=what, at=now, by_id=by.id if by else None))


def everyone(db: Session) -> list[Queue]:
    """All queues in the desk's order. Asked once a transaction, however often it is needed."""
    found: list[Queue] | None = db.info.get("queues")
    if found is None:
        found = _SEEN.all(db) if db.info.get("is_reading") else list(db.exec(_EVERYONE))
        db.info["queues"] = found
    return found[:]


def get(db: Session, queue_id: int) -> Queue:
    """Raises `NotFound`."""
    is_known = db.info.get("is_reading")  # all of them, to whoever only reads
    queue = next((q for q in everyone(db) if q.id == queue_id), None) if is_known else db.get(Queue, queue_id)
    if queue is None:
        raise NotFound("not_found", queue_id=queue_id)
    return queue


def triage(db: Session) -> Queue:
    """Where an inquiry waits that nobody was sure about; the first queue where none is marked so."""
    return max(everyone(db), key=lambda queue: queue.is_triage)  # of equals the first


def dialed(db: Session, e164: str) -> Queue | None:
    """The queue whose number was dialed."""
    return db.exec(_DIALED, params={"phone": e164}).first() if e164 else None


def written_to(db: Session, addresses: list[str]) -> Queue | None:
    """The queue whose address the mail was sent to; the first address that is a queue's decides."""
    if not addresses:
        return None
    found: dict[str, Queue] | None = db.info.get("queues_by_address")
    if found is None:
        found = db.info["queues_by_address"] = {queue.address: queue for queue in everyone(db) if queue.address}
    return next((found[address] for address in addresses if address in found), None)


def counts(db: Session, *, agent_id: int | None = None) -> dict[int, Count]:
    """What is open, by queue id, and what of it is that agent's. Reads the index of open tickets only."""
    of_agent = sa.func.count().filter(col(Ticket.assignee_id) == agent_id)
    rows = db.execute(
        sa.select(col(Ticket.queue_id), sa.func.count(), sa.func.count(col(Ticket.assignee_id)), of_agent)
        .where(col(Ticket.state) == TicketState.OPEN)
        .group_by(col(Ticket.queue_id))
    )
    return {queue_id: Count(open, open - assigned, own) for queue_id, open, assigned, own in rows}


def urgent(db: Session) -> dict[int, int]:
    """How many open tickets are taken for urgent, by queue id. Reads the index of those only."""
    rows = db.execute(
        sa.select(col(Ticket.queue_id), sa.func.count())
        .where(col(Ticket.state) == TicketState.OPEN, col(Ticket.is_urgent))
        .group_by(col(Ticket.queue_id))
    )
    return {queue_id: count for queue_id, count in rows}


@event.listens_for(Session, "after_commit")
@event.listens_for(Session, "after_rollback")
def _forget(db: Session) -> None:
    db.info.pop("queues", None)
    db.info.pop("queues_by_address", None)
