"""What stops a machine whatever its mail says about itself: limits that no person meets.

The one idea: nothing is thrown away. What goes beyond a limit is set aside with its reason, a supervisor sees it, and
what a supervisor lets pass is not held again.
"""

from datetime import datetime

from sqlmodel import Session, select

from helpdesk import inbox
from helpdesk.settings import Settings
from models import Inbound, Parked


def holds_strangers(db: Session, inbound: Inbound, settings: Settings, *, now: datetime) -> bool:
    """Whether mail of somebody who quotes a ticket without taking part in it is set aside; then it is."""
    if settings.mail_strangers != "park" or _was_let_pass(db, inbound, "stranger"):
        return False
    inbox.park(db, inbound, "stranger", now=now)
    return True


def _was_let_pass(db: Session, inbound: Inbound, reason: str) -> bool:
    """Whether a supervisor has seen that it was set aside for this and let it be read."""
    let_pass = select(Parked.id).where(
        Parked.inbound_id == inbound.id, Parked.error == reason, Parked.settlement == "replayed"
    )
    return db.exec(let_pass).first() is not None
