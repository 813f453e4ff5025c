"""Handing a ticket over: to another queue, another agent or both, with the reason written down for who takes it."""

from datetime import datetime

from sqlmodel import Session

from helpdesk import routing, tickets
from helpdesk.errors import Invalid
from helpdesk.events import one_act
from models import Agent, Queue, Ticket


def transfer(
    db: Session, ticket: Ticket, *, to_queue: Queue | None, to_agent: Agent | None, reason: str, by: Agent,
    now: datetime,
) -> None:  # fmt: skip
    """Move, assign, and note why, as one act. The note is there before the ticket leaves the queue.

    Raises `Invalid` where neither changes or no reason is given, and what the two verbs raise.
    """
    moves = to_queue is not None and to_queue.id != ticket.queue_id
    assigns = to_agent is not None and to_agent.id != ticket.assignee_id
    if not moves and not assigns:
        raise Invalid("transfer_to_nowhere", field="queue_id")
    if not reason.strip():
        raise Invalid("transfer_reason_missing", field="reason")
    with one_act(db):
        tickets.note(db, ticket, reason, by=by, now=now)
        if moves and to_queue is not None:
            routing.move(db, ticket, to_queue, by=by, now=now)
        if assigns:
            tickets.assign(db, ticket, to_agent, by=by, now=now)
