"""The rules that are switched on, made ready to be asked.

The one idea: they are read once and kept in memory by what they answer, so that a fact no rule answers costs nothing.
Whoever changes one makes the own process read them anew at once, and the others soon after.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import terms
from helpdesk.facts import Fact
from helpdesk.rules.triggers import CHANGES, TRIGGERS, WAITS, Trigger, name
from models import Rule, TicketField

LOOK_SECONDS = 2.0
"""How long another process may go on with the rules it knows."""


@dataclass(frozen=True, slots=True)
class Ready:
    """One rule that is switched on."""

    id: int
    trigger: str
    means: terms.Test
    rule: Rule


@dataclass(frozen=True)
class Book:
    """All rules that are switched on, by what they answer."""

    by_fact: Mapping[str, Sequence[tuple[Trigger, Ready]]] = field(default_factory=dict)
    waiting: Sequence[Ready] = ()

    def listens_to(self, fact: Fact) -> bool:
        """Whether the fact can matter to any rule."""
        called = name(type(fact))
        return called in self.by_fact or bool(self.waiting and called in CHANGES)


class Shelf:
    """The book, as one process has it. It is made anew when a rule was changed here, and elsewhere soon after."""

    def __init__(self) -> None:
        self._book = Book()
        self._looked_at = -LOOK_SECONDS

    def book(self, db: Session) -> Book:
        """The rules to ask."""
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            self._book, self._looked_at = _bind(db), time.monotonic()
        return self._book

    def drop(self) -> None:
        """Something was changed."""
        self._looked_at = -LOOK_SECONDS


def changed(db: Session) -> None:
    """A rule was changed in this transaction."""
    db.info["rules_changed"] = True


def after_commit(db: Session) -> None:
    """To be called with each session that has committed: whoever changed a rule makes this process read them anew."""
    if db.info.pop("rules_changed", False) and (shelf := db.info.get("rules")) is not None:
        shelf.drop()


def _bind(db: Session) -> Book:
    active = sa.and_(col(Rule.is_active), col(Rule.deleted_at).is_(None))
    rows = list(db.exec(select(Rule).where(active).order_by(col(Rule.position), col(Rule.id))))
    if not rows:
        return Book()
    fields = terms.fields_of(db)
    by_fact: dict[str, list[tuple[Trigger, Ready]]] = {}
    waiting = []
    for rule in rows:
        made = ready(rule, fields)
        if rule.trigger in WAITS:
            waiting.append(made)
        elif trigger := TRIGGERS.get(rule.trigger):
            by_fact.setdefault(trigger.fact, []).append((trigger, made))
    return Book(by_fact, waiting)


def ready(rule: Rule, fields: Mapping[str, TicketField]) -> Ready:
    """One rule as it is asked; its acts are those it has now."""
    # A row of its own, which no session holds: it is read by many threads, long after this one.
    apart = Rule(**rule.model_dump())
    return Ready(rule.id or 0, rule.trigger, terms.compiled(rule.all_of, rule.any_of, fields), apart)
