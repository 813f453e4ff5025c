"""What one agent is told: a mention, a ticket given to them, a promise about to break.

The idea: a verb that concerns somebody in particular says so once, here, in its own transaction. By which ways it
reaches them, the page, the desktop, a mail or a telephone, is decided from the fact afterwards, by their own choice.
"""

from datetime import datetime

from sqlmodel import Session

from helpdesk.events import AgentNotified, emit
from models import Notification, NotificationKind


def tell(
    db: Session,
    agent_id: int,
    kind: NotificationKind,
    *,
    ticket_id: int | None = None,
    note_id: int | None = None,
    by_id: int | None = None,
    now: datetime,
) -> None:
    """Tell an agent something. Nobody is told what they did themselves."""
    if agent_id == by_id:
        return
    row = Notification(agent_id=agent_id, kind=kind, ticket_id=ticket_id, note_id=note_id, by_id=by_id, at=now)
    db.add(row)
    db.flush()
    assert row.id is not None
    emit(db, AgentNotified(agent_id=agent_id, notification_id=row.id, what=kind, by_id=by_id, at=now))
