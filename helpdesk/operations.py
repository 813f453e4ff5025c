"""Figures an operator watches: is anything waiting that should not."""

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import calls, inbox
from helpdesk.events import last_number
from models import Inbound, InboundState, Message, MessageState, Ticket, TicketState


def figures(db: Session) -> dict[str, int]:
    """Gauges by name."""

    def count(condition: sa.ColumnElement[bool], table: type) -> int:
        return db.scalar(sa.select(sa.func.count()).select_from(table).where(condition)) or 0

    return {
        "desk_inbound_waiting": count(col(Inbound.state) == InboundState.WAITING, Inbound),
        "desk_parked": inbox.open_count(db),
        "desk_mail_queued": count(col(Message.state) == MessageState.QUEUED, Message),
        "desk_tickets_open": count(col(Ticket.state) == TicketState.OPEN, Ticket),
        "desk_calls_waiting": calls.waiting_count(db),
        "desk_events": last_number(db),
    }
