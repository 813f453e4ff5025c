"""What stops a machine whatever its mail says about itself: limits that no person meets.

The one idea: nothing is thrown away. What goes beyond a limit is set aside with its reason, a supervisor sees one line
for all of it, and what a supervisor lets pass is not held again.
"""

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from helpdesk import inbox
from helpdesk.customers import contact_points
from helpdesk.facts import TicketReopened, name_of
from helpdesk.settings import Settings
from models import Event, Inbound, Parked, SenderHour, Ticket, TicketState
from models.database import Prepared

REOPENINGS_AN_HOUR: Final = 5
"""How often mail reopens one ticket; beyond that two machines talk to each other."""

_HOURS: sa.Table = SenderHour.__table__  # type: ignore[attr-defined]
_COUNT = {
    name: Prepared(
        dialect.insert(_HOURS)
        .on_conflict_do_update(index_elements=["key", "hour"], set_={"opened": _HOURS.c.opened + 1})
        .returning(_HOURS.c.opened, _HOURS.c.parked_id),
        ("key", "hour", "opened"),
    )
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


def holds_strangers(db: Session, inbound: Inbound, settings: Settings, *, now: datetime) -> bool:
    """Whether mail of somebody who quotes a ticket without taking part in it is set aside; then it is."""
    if settings.mail_strangers != "park" or _was_let_pass(db, inbound, "stranger"):
        return False
    inbox.park(db, inbound, "stranger", now=now)
    return True


def opens_too_many(db: Session, inbound: Inbound, sender: str, settings: Settings, *, now: datetime) -> bool:
    """Count a ticket that this sender is about to open. Whether it is one too many; then the mail is set aside.

    Who counts has the sender's row until the end of the transaction, so that of two workers the second waits.
    """
    key = contact_points.email_key(sender) or sender
    hour = now.replace(minute=0, second=0, microsecond=0)
    values = {"key": key, "hour": hour, "opened": 1}
    opened, line_id = tuple(_COUNT[db.get_bind().dialect.name].run(db, values).one())
    if opened <= settings.mail_tickets_per_hour or _was_let_pass(db, inbound, "too_many_tickets"):
        return False
    line = db.get(Parked, line_id) if line_id is not None else None
    if line is not None and line.settled_at is None:
        inbox.park(db, inbound, "too_many_tickets", within=line, now=now)
        return True
    parked = inbox.park(db, inbound, "too_many_tickets", key, now=now)
    this_hour = sa.update(SenderHour).where(col(SenderHour.key) == key, col(SenderHour.hour) == hour)
    db.execute(this_hour.values(parked_id=parked.id))
    return True


def reopens_too_often(db: Session, inbound: Inbound, ticket: Ticket, *, now: datetime) -> bool:
    """Whether this mail would reopen a ticket that mail has reopened again and again; then it is set aside."""
    if ticket.state != TicketState.RESOLVED:
        return False
    times = select(sa.func.count()).where(
        Event.ticket_id == ticket.id,
        Event.fact == name_of(TicketReopened),
        col(Event.actor_id).is_(None),
        col(Event.at) > now - timedelta(hours=1),
    )
    if (db.scalar(times) or 0) < REOPENINGS_AN_HOUR or _was_let_pass(db, inbound, "reopened_too_often"):
        return False
    inbox.park(db, inbound, "reopened_too_often", f"#{ticket.id}", now=now)
    return True


def forget(db: Session, *, now: datetime) -> None:
    """Let go of what was counted in hours that are over."""
    db.execute(sa.delete(SenderHour).where(col(SenderHour.hour) < now - timedelta(days=1)))


def _was_let_pass(db: Session, inbound: Inbound, reason: str) -> bool:
    """Whether a supervisor has seen that it was set aside for this and let it be read."""
    let_pass = select(Parked.id).where(
        Parked.inbound_id == inbound.id, Parked.error == reason, Parked.settlement == "replayed"
    )
    return db.exec(let_pass).first() is not None
