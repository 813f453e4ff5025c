"""What an agent has just done to a ticket, as the one line that offers to take it back.

What belongs together is told together: a macro by its name, with each thing it did; the others by what they did last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from helpdesk import asides, changes, looks, queues
from helpdesk.conversations.histories import Names, of_fact, spoken_of
from helpdesk.events import recall
from helpdesk.facts import MacroRan, name_of
from helpdesk.rules import history as ran
from models import Agent, Event

STAYS = ("note", "call_back")
"""What a macro does that its undo does not take back: words to colleagues, and a call that is promised."""


@dataclass(frozen=True, slots=True)
class Done:
    """What the viewer did last, as one line: `code` and `facts` as in an entry. `is_undone`: they took something back;
    else it can be, by its event's number. Of a macro, `parts` are the things it did, as code and facts, and `stays` is
    what of it is not taken back."""

    event_id: int
    at: datetime
    code: str
    facts: dict[str, Any]
    is_undone: bool
    parts: Sequence[tuple[str, dict[str, Any]]] = ()
    stays: Sequence[str] = ()


def shown(row: Event | None, told: Sequence[Event], names: Names, named: Mapping[int, ran.Named]) -> Done | None:
    """The line of what `changes.offered` found. `told` are the ticket's events about it, `named` the runs they name."""
    if row is None:
        return None
    number, act_id, entry = row.id or 0, recall(row).act_id, of_fact(row, names, {})
    if act_id.startswith(changes.UNDONE):
        return Done(number, row.at, entry.fact, entry.facts, is_undone=True)
    act = [each for each in told if act_id and recall(each).act_id == act_id]
    macro = next((named[each.id or 0] for each in act if each.fact == _MACRO and each.id in named), None)
    if macro is None:
        return Done(number, row.at, entry.fact, entry.facts, is_undone=False)
    lines = [of_fact(each, names, {}) for each in act if changes.can_be_undone(recall(each))]
    parts = [(each.fact, each.facts) for each in lines]
    stays = [each for each in STAYS if each in macro.did]
    return Done(number, row.at, "macro_ran", {"name": macro.name}, False, parts, stays)


def elsewhere(db: Session, ticket_id: int, *, agent: Agent, language: str, now: datetime) -> Done | None:
    """What the agent did last to a ticket that may be out of their sight now, where it can be taken back."""
    row = changes.latest(db, ticket_id, viewer_id=agent.id or 0, now=now)
    if row is None:
        return None
    told = changes.act_of(db, row)
    called = asides.names(db, None, {each for one in told for each in spoken_of(recall(one))}, language=language)
    names = Names(
        {queue.id or 0: queue.called(language) for queue in queues.everyone(db)}, looks.staff(db, language), called
    )
    return shown(row, told, names, ran.named(db, told, language=language))


_MACRO = name_of(MacroRan)
