"""What counts as an answer to the customer, and which promises wait for one."""

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Call, Direction, Message, MessageKind, MessageState, Promise, PromiseKind, Ticket

ANSWERS = (PromiseKind.FIRST_RESPONSE, PromiseKind.NEXT_RESPONSE)
"""The promises that an answer keeps."""
_UNSAID = (MessageState.WITHDRAWN, MessageState.FAILED, MessageState.AWAITING)


def unanswered(rows: Iterable[Promise]) -> Iterator[Promise]:
    """Those of the promises that wait for an answer, running or resting."""
    return (each for each in rows if each.kind in ANSWERS and each.kept_at is None)


def is_answer(message: Message) -> bool:
    """An agent's own words to the customer; neither a receipt nor a forward."""
    return (
        message.direction == Direction.OUT
        and message.kind in (MessageKind.REPLY, MessageKind.NEW)
        and message.author_id is not None
        and not message.is_automatic
    )


def is_for_later(message: Message) -> bool:
    """Whether it leaves at a time that was chosen, and says nothing before."""
    from helpdesk import outgoing

    return outgoing.is_scheduled(message)


def other_answer(db: Session, ticket: Ticket, promise: Promise, *, but: int) -> Message | None:
    """The first message, other than that one, that answers what was promised."""
    query = _answers(ticket).where(col(Message.id) != but, col(Message.created_at) >= promise.started_at)
    later = db.exec(query.order_by(col(Message.id)).limit(20))
    return next((each for each in later if not is_for_later(each) or each.state == MessageState.SENT), None)


def was_answered(db: Session, ticket: Ticket) -> bool:
    """Whether an agent has ever written or spoken to its customer."""
    if db.exec(_answers(ticket).limit(1)).first() is not None:
        return True
    taken = select(Call.id).where(
        Call.ticket_id == ticket.id, col(Call.answered_at).is_not(None), col(Call.agent_id).is_not(None)
    )
    return db.exec(taken.limit(1)).first() is not None


def _answers(ticket: Ticket) -> Any:
    """`is_answer` as the database asks it, of what did not stay unsaid."""
    return select(Message).where(
        Message.ticket_id == ticket.id,
        Message.direction == Direction.OUT,
        col(Message.kind).in_((MessageKind.REPLY, MessageKind.NEW)),
        col(Message.author_id).is_not(None),
        sa.not_(col(Message.is_automatic)),
        col(Message.state).not_in(_UNSAID),
    )
