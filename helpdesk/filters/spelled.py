"""Statements that were spelled out, by what was asked and by whom: spelling one out costs as much as running it, or
twice that."""

from collections.abc import Mapping
from typing import Any

from helpdesk import preferences
from helpdesk.filters import Filter
from helpdesk.filters.questions import Question

_SPELLED: dict[Any, Any] = {}
_MOST = 2_000
_STEADY = {"state", "queue", "assignee", "waiting", "priority", "channel", "language", "urgent"}
"""Conditions that mean the same whenever they are asked."""


def first_page(question: Question, *told: Any) -> Any:
    """What the statement of a question's first page depends on, with what was told besides; None where it is another
    every time."""
    if question.asked.any or not question.asked.all.keys() <= _STEADY:
        return None
    return "page", told, question.agent.id, *_around(question), *question.asked.all.items()


def counts(question: Question, asked: Mapping[int, Filter], *told: Any) -> Any:
    """What the statement depends on that counts these filters, with what was told besides. A filter that names whoever
    asks by number is meant for this agent alone."""
    parts = tuple((key, tuple(each.all.items()), tuple(each.any.items())) for key, each in asked.items())
    own = str(question.agent.id)
    is_named = any(own in part.get("assignee", ()) for each in asked.values() for part in (each.all, each.any))
    return "counts", told, question.agent.id if is_named else None, *_around(question), parts


def known(asked_by: Any) -> Any:
    """The statement, None where it has to be spelled out."""
    return None if asked_by is None else _SPELLED.get(asked_by)


def keep(asked_by: Any, query: Any) -> None:
    """Remember a statement, unless it is another every time."""
    if asked_by is None:
        return
    if len(_SPELLED) >= _MOST:
        _SPELLED.clear()
    _SPELLED[asked_by] = query


def _around(question: Question) -> tuple[Any, ...]:
    """What every statement depends on: what the agent may see, how the desk looks, and which database it is."""
    served = None if question.served is None else tuple(question.served)
    return served, tuple(question.every_queue), preferences.shown(question.db, "urgency"), question.is_sqlite
