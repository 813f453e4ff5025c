"""What a view asks of tickets, and how the database answers however many tickets there are.

A filter is two sets of conditions: all of the first must hold, and of the second at least one. Finding its tickets
never costs more than a fixed amount of work, in one of two ways. Where an index has the order asked for, it is walked
from the newest on, and after `finding.WALK` tickets the search pauses and says so; the next page goes on from there.
Where a tag, a field or a customer leaves few tickets, or no index has the order, those are taken together and sorted;
where they are more than `questions.TOGETHER`, the newest of them are, and the page says that.

Here is what a filter may ask. `questions` says what it means to the database on behalf of one agent, `stretches` which
indexes hold the answer; `finding` gives the tickets a page at a time in the orders of `sorting`, `counting` how many
there are. `spelled` keeps their statements.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.errors import Invalid
from models import Channel, Priority, Tag, TicketField, TicketState

VALUES_MAX = 50
WORDS_MAX = 100

DAYS = ("1", "3", "7", "30", "90", "365")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "state": tuple(state.value for state in TicketState),
    "waiting": ("us", "them"),
    "priority": tuple(str(int(priority)) for priority in reversed(Priority)),
    "channel": tuple(channel.value for channel in Channel),
    "language": ("ja", "en"),
    "contact": (*(f"within:{days}" for days in DAYS), *(f"before:{days}" for days in DAYS)),
    "created": (*(f"within:{days}" for days in DAYS), *(f"before:{days}" for days in DAYS)),
    "due": ("overdue", "within:1", "within:3", "within:7", "any", "none"),
    "urgent": ("yes", "no"),
}
"""Kinds of conditions with their values; the others name rows (queue, assignee, tag) or hold words."""
_TIMED = frozenset({"contact", "created", "due"})
KINDS = ("state", "queue", "assignee", "waiting", "priority", "tag", "due", "contact", "created", "channel",
         "language", "customer", "company", "subject", "urgent")  # fmt: skip
FIELD = "field:"
"""A condition on one of the desk's own fields is this and the field's id."""
NO_ONE = frozenset({"nobody", "somebody"})
"""Values of an assignee that name nobody in particular."""
_NUMBER = "[0-9]{1,9}"
_ROWS = {"queue": _NUMBER, "tag": _NUMBER, "assignee": f"me|{'|'.join(sorted(NO_ONE))}|{_NUMBER}"}
"""How conditions that name rows are spelled."""

Conditions = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions by kind; of the values of one kind any may hold."""

    all: Conditions = field(default_factory=dict)
    any: Conditions = field(default_factory=dict)

    def is_timeless(self) -> bool:
        """Whether it asks the same whenever it is asked."""
        return _TIMED.isdisjoint(self.all) and _TIMED.isdisjoint(self.any)

    def stored(self) -> dict[str, dict[str, list[str]]]:
        """As a row keeps it."""
        return {"all": {kind: list(values) for kind, values in self.all.items()},
                "any": {kind: list(values) for kind, values in self.any.items()}}  # fmt: skip


def read(stored: Mapping[str, Any]) -> Filter:
    """A filter as a row keeps it."""
    return Filter(*({kind: tuple(values) for kind, values in (stored.get(part) or {}).items()}
                    for part in ("all", "any")))  # fmt: skip


def checked(db: Session, given: Filter) -> Filter:
    """The filter with nothing empty in it. Raises `Invalid("not_a_condition")` with the kind as its field."""
    fields = {f"{FIELD}{each.id}" for each in own_fields(db)}
    return Filter(_checked(given.all, fields), _checked(given.any, fields))


def own_fields(db: Session) -> list[TicketField]:
    """The desk's own fields of tickets, in their order."""
    return list(db.scalars(sa.select(TicketField).where(col(TicketField.is_active))
                           .order_by(col(TicketField.position), col(TicketField.id))))  # fmt: skip


def tags(db: Session) -> list[Tag]:
    """The desk's tags by name."""
    return list(db.scalars(sa.select(Tag).where(col(Tag.is_active)).order_by(col(Tag.name)).limit(500)))


def _checked(conditions: Conditions, fields: set[str]) -> Conditions:
    kept: dict[str, tuple[str, ...]] = {}
    for kind, values in conditions.items():
        typed = tuple(dict.fromkeys(value.strip() for value in values if value.strip()))
        if not typed:
            continue
        if (kind not in KINDS and kind not in fields) or not _are_values(kind, typed):
            raise Invalid("not_a_condition", field=kind)
        kept[kind] = typed
    return kept


def _are_values(kind: str, typed: tuple[str, ...]) -> bool:
    """Whether a condition of that kind can have these values."""
    if len(typed) > VALUES_MAX or any(len(value) > WORDS_MAX or "\x00" in value for value in typed):
        return False
    if kind in CHOICES:
        return set(typed) <= set(CHOICES[kind])
    return kind not in _ROWS or all(re.fullmatch(_ROWS[kind], value) for value in typed)
