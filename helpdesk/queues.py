"""The desk's waiting lines: which one a number or address means, and what waits in them now."""

import re
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk.customers import contact_points
from helpdesk.errors import Conflict, Invalid, NotFound
from models import Queue, Ticket, TicketState

DEFAULTS = (  # slug, Japanese, English, is_triage
    ("tech_support", "技術サポート", "Tech support", False),
    ("returns", "返品・交換", "Returns", False),
    ("billing", "請求・支払い", "Billing", False),
    ("shipping", "配送", "Shipping", False),
    ("general", "総合窓口", "General", False),
    ("triage", "振り分け待ち", "Triage", True),
)

_EVERYONE = select(Queue).order_by(col(Queue.position), col(Queue.id))
_WRITTEN_TO = select(Queue).where(col(Queue.address).in_(sa.bindparam("addresses", expanding=True)))
_DIALED = select(Queue).where(Queue.phone == sa.bindparam("phone"))


@dataclass(frozen=True, slots=True)
class Count:
    """What is open in one queue."""

    open: int = 0
    unassigned: int = 0


def make_defaults(db: Session) -> list[Queue]:
    """The five queues the shipped classifier knows, and triage, where there are no queues yet."""
    for position, (slug, name, name_en, is_triage) in enumerate(DEFAULTS):
        if db.exec(select(Queue.id).where(Queue.slug == slug)).first() is None:
            db.add(Queue(slug=slug, name=name, name_en=name_en, is_triage=is_triage, position=position))
    db.flush()
    return everyone(db)


def change(
    db: Session,
    queue: Queue,
    *,
    region: str,
    phone: str | None = None,
    address: str | None = None,
    name: str | None = None,
    name_en: str | None = None,
    greeting: str | None = None,
    signature: str | None = None,
) -> None:
    """Change what is given; "" takes a number or address away. Raises `Invalid`, or `Conflict("taken")`."""
    if phone is not None:
        queue.phone = contact_points.to_e164(phone, region=region) if phone else None
    if address is not None:
        if address and not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
            raise Invalid("not_an_address", field="address")
        queue.address = address.lower() or None
    for field, value in (("phone", queue.phone), ("address", queue.address)):
        other = select(Queue.id).where(getattr(Queue, field) == value, col(Queue.id) != queue.id)
        if value and db.exec(other).first() is not None:
            raise Conflict("taken", field=field)
    queue.name, queue.name_en = name or queue.name, name_en or queue.name_en
    queue.greeting = queue.greeting if greeting is None else greeting
    queue.signature = queue.signature if signature is None else signature
    db.flush()


def everyone(db: Session) -> list[Queue]:
    """All queues in the desk's order."""
    return list(db.exec(_EVERYONE))


def get(db: Session, queue_id: int) -> Queue:
    """Raises `NotFound`."""
    queue = db.get(Queue, queue_id)
    if queue is None:
        raise NotFound("not_found", queue_id=queue_id)
    return queue


def triage(db: Session) -> Queue:
    """Where an inquiry waits that nobody was sure about; the first queue where none is marked so."""
    return db.exec(select(Queue).order_by(col(Queue.is_triage).desc(), col(Queue.position)).limit(1)).one()


def dialed(db: Session, e164: str) -> Queue | None:
    """The queue whose number was dialed."""
    return db.exec(_DIALED, params={"phone": e164}).first() if e164 else None


def written_to(db: Session, addresses: list[str]) -> Queue | None:
    """The queue whose address the mail was sent to; the first address that is a queue's decides."""
    if not addresses:
        return None
    found = {queue.address: queue for queue in db.exec(_WRITTEN_TO, params={"addresses": addresses})}
    return next((found[address] for address in addresses if address in found), None)


def counts(db: Session) -> dict[int, Count]:
    """What is open, by queue id. Reads the index of open tickets only."""
    rows = db.execute(
        sa.select(col(Ticket.queue_id), sa.func.count(), sa.func.count(col(Ticket.assignee_id)))
        .where(col(Ticket.state) == TicketState.OPEN)
        .group_by(col(Ticket.queue_id))
    )
    return {queue_id: Count(open, open - assigned) for queue_id, open, assigned in rows}


def urgent(db: Session) -> dict[int, int]:
    """How many open tickets are taken for urgent, by queue id. Reads the index of those only."""
    rows = db.execute(
        sa.select(col(Ticket.queue_id), sa.func.count())
        .where(col(Ticket.state) == TicketState.OPEN, col(Ticket.is_urgent))
        .group_by(col(Ticket.queue_id))
    )
    return {queue_id: count for queue_id, count in rows}
