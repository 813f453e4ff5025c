"""Which stretches of which indexes hold the tickets that a question asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from helpdesk import preferences
from helpdesk.filters import CHOICES, NO_ONE
from helpdesk.filters.questions import Question
from helpdesk.filters.sorting import Sort
from models import Ticket, TicketState


@dataclass(frozen=True, slots=True)
class Stretch:
    """What the first columns of its index are, and what else must hold there alone."""

    prefix: tuple[Any, ...]
    rest: tuple[Any, ...] = ()
    is_urgent: bool = False  # of the index of what is urgent, which holds queue and assignee as well


def cover(question: Question, order: Sort) -> tuple[list[Stretch], list[sa.ColumnElement[bool]]]:
    """The stretches that hold every ticket asked for, none twice, and what must hold besides."""
    left = dict(question.asked.all)
    states = left.pop("state", CHOICES["state"])
    queue_ids = [int(value) for value in left.pop("queue", ())]
    by_contact = order.column == "last_contact_at"
    is_open = by_contact and states == (TicketState.OPEN,)
    if is_open and left.get("urgent") == ("yes",):
        left.pop("urgent")
        besides = (*question.seen(), *_in_queues(question, queue_ids))
        return [_urgent(question)], [*question.every_of(left), *besides]
    prefixes = [_state(state, by_contact) for state in states]
    whose = left.get("assignee", ())
    if whose and NO_ONE.isdisjoint(whose):
        left.pop("assignee")
        return _of_people(question, whose, queue_ids, prefixes), question.every_of(left)
    if is_open and tuple(whose) == ("nobody",):
        left.pop("assignee")
        return _of_nobody(question, queue_ids), question.every_of(left)
    if question.served is None and not queue_ids and by_contact:
        return [Stretch(prefix) for prefix in prefixes], question.every_of(left)
    return _of_queues(question, queue_ids, prefixes), question.every_of(left)


def newest(stretch: Stretch, *columns: Any, most: int) -> "sa.Select[Any]":
    """Columns of the tickets of a stretch with the newest contact."""
    order = (col(Ticket.last_contact_at).desc(), col(Ticket.id).desc())
    return sa.select(*columns).where(*stretch.prefix).order_by(*order).limit(most)


def together(parts: "Sequence[sa.Select[Any]]") -> "sa.Select[Any]":
    """The rows of all; each part may have an order and a limit of its own."""
    if len(parts) == 1:
        return parts[0]
    subqueries = [part.subquery() for part in parts]
    every = sa.union_all(*(sa.select(*each.c) for each in subqueries)).subquery()
    return sa.select(*every.c)


def _urgent(question: Question) -> Stretch:
    shown = sa.true() if preferences.shown(question.db, "urgency") else sa.false()
    return Stretch((_text("state = 'open'"), col(Ticket.is_urgent), shown), is_urgent=True)


def _of_people(
    question: Question, whose: Sequence[str], queue_ids: Sequence[int], prefixes: Sequence[tuple[Any, ...]]
) -> list[Stretch]:
    """What these have; of others only what the agent may see."""
    found: list[Stretch] = []
    for agent_id in dict.fromkeys(question.agent.id if value == "me" else int(value) for value in whose):
        is_own = agent_id == question.agent.id
        whom = question.me if is_own else agent_id
        rest = (*(() if is_own else question.seen()), *_in_queues(question, queue_ids))
        found += [Stretch((col(Ticket.assignee_id) == whom, *prefix), rest) for prefix in prefixes]
    return found


def _of_nobody(question: Question, queue_ids: Sequence[int]) -> list[Stretch]:
    """What is open and nobody's, in queues the agent sees."""
    of_nobody = (_text("state = 'open'"), _text("assignee_id IS NULL"))
    return [Stretch((col(Ticket.queue_id) == queue_id, *of_nobody)) for queue_id in _seen_of(question, queue_ids)]


def _of_queues(question: Question, queue_ids: Sequence[int], prefixes: Sequence[tuple[Any, ...]]) -> list[Stretch]:
    """What is in queues the agent sees, and what is theirs in queues they do not serve."""
    found = [
        Stretch((col(Ticket.queue_id) == queue_id, *prefix))
        for queue_id in _seen_of(question, queue_ids)
        for prefix in prefixes
    ]
    if question.served is not None and not set(queue_ids or (0,)) <= set(question.served):
        elsewhere = (question.plain("queue_id").not_in(question.served), *_in_queues(question, queue_ids))
        found += [Stretch((col(Ticket.assignee_id) == question.me, *prefix), elsewhere) for prefix in prefixes]
    return found


def _seen_of(question: Question, queue_ids: Sequence[int]) -> list[int]:
    """Those of the queues asked for that the agent sees; none asked for: all they see."""
    seen = question.every_queue if question.served is None else question.served
    return [queue_id for queue_id in seen if not queue_ids or queue_id in queue_ids]


def _in_queues(question: Question, queue_ids: Sequence[int]) -> tuple[sa.ColumnElement[bool], ...]:
    return (question.plain("queue_id").in_(queue_ids),) if queue_ids else ()


def _state(state: str, by_contact: bool) -> tuple[sa.ColumnElement[bool], ...]:
    """With what the indexes of other orders are limited to, said in their own words."""
    is_state = col(Ticket.state) == state
    return (is_state,) if by_contact or state == TicketState.RESOLVED else (is_state, _text("state <> 'resolved'"))


def _text(words: str) -> sa.ColumnElement[bool]:
    """A condition word for word as a partial index has it."""
    return sa.text(f"ticket.{words}")  # type: ignore[return-value]
