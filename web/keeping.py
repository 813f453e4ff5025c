"""Parts of pages as they were drawn before.

    {% keep entry, ticket.viewer_id %}{% include "tickets/_entry.html" %}{% endkeep %}

The one idea: what is between the tags is drawn from the values after `keep` and the day alone, so equal values look
alike, whoever looks. Nothing has to be forgotten when something changes, because then the values are others. A part
that shows how long something takes still has no place here: `keep none` draws it each time.

    {% keep ticket.can numbering ticket %}<form action="/tickets/{{ ticket.id }}/note"> ... {% endkeep %}

Much of a ticket's page is the same for every ticket but for its number. Such a part is drawn of the ticket with another
number in its place, and that is replaced in what was kept: the first ticket of a day draws it for all that follow.

Where `checks` is on, as in every test on SQLite, a part that was kept is drawn again all the same and must be what was
kept.
"""

import secrets
import threading
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from markupsafe import Markup

MOST_LETTERS = 4_000_000
"""Of all that one environment keeps; then what was drawn first goes."""
STAND_IN = 10**17 + secrets.randbelow(9 * 10**17)
"""Stands for a number while a part is drawn for all numbers. No row has it, and nobody can know it to write it."""
_STAND_IN = str(STAND_IN)


class Keeping(Extension):
    """The tag. `zone` is the desk's own, by which a day begins."""

    tags = {"keep"}
    checks = False

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.zone = ZoneInfo("UTC")
        self._drawn: dict[Any, str] = {}
        self._letters = 0
        self._forgetting = threading.Lock()

    def parse(self, parser: Parser) -> nodes.Node:
        """`{% keep VALUE, ... [numbering NAME] %}` up to `{% endkeep %}`."""
        line = next(parser.stream).lineno
        values = parser.parse_tuple()
        numbered = parser.stream.skip_if("name:numbering") and parser.parse_assign_target(name_only=True)
        body = parser.parse_statements(("name:endkeep",), drop_needle=True)
        told: list[nodes.Expr] = [nodes.ContextReference(), nodes.Const(f"{parser.name}:{line}"), values]
        if not numbered:
            return nodes.CallBlock(self.call_method("_kept", told), [], [], body).set_lineno(line)
        told.append(nodes.Name(numbered.name, "load"))
        drawn_of = [nodes.Name(numbered.name, "param")]
        return nodes.CallBlock(self.call_method("_kept_for_all", told), drawn_of, [], body).set_lineno(line)

    def _kept_for_all(
        self, context: Context, place: str, values: Any, numbered: Any, caller: Callable[[Any], str]
    ) -> str:
        if values is None:
            return caller(numbered)
        found = self._found(context, place, values, lambda: caller(replace(numbered, id=STAND_IN)))
        found = Markup(found.replace(_STAND_IN, str(numbered.id)))
        if self.checks:
            assert caller(numbered) == found, f"{place} depends on more than its values"
        return found

    def _kept(self, context: Context, place: str, values: Any, caller: Callable[[], str]) -> str:
        if values is None:
            return caller()
        found = self._found(context, place, values, caller)
        if self.checks:
            assert caller() == found, f"{place} depends on more than its values"
        return found

    def _found(self, context: Context, place: str, values: Any, draw: Callable[[], str]) -> str:
        """As it was drawn before, or is drawn now."""
        now = context.get("now")
        key = place, now.astimezone(self.zone).date() if isinstance(now, datetime) else None, frozen(values)
        found = self._drawn.get(key)
        if found is None:
            found = draw()
            with self._forgetting:
                self._letters += len(found) - len(self._drawn.get(key, ""))
                self._drawn[key] = found
                while self._letters > MOST_LETTERS:
                    self._letters -= len(self._drawn.pop(next(iter(self._drawn))))
        return found


def frozen(value: Any) -> Any:
    """The same as something a dictionary can be asked for: equal for equal values, whatever they are made of."""
    kind: Any = type(value)
    if kind in _PLAIN:
        return value
    if kind is list or kind is tuple:
        return tuple([frozen(each) for each in value])
    if kind is dict:
        return tuple([(name, frozen(each)) for name, each in value.items()])
    parts = _parts(kind)
    if parts is None:
        return value
    if kind not in _IN_PARTS:
        try:
            hash(value)
            return value
        except TypeError:  # a list or a dictionary is among what it is made of, as in others of its kind
            _IN_PARTS.add(kind)
    return kind, tuple([frozen(each) for each in parts(value)])


_PLAIN = {str, int, bool, type(None), datetime, float, frozenset}
_IN_PARTS: set[Any] = set()
"""Kinds of values that are no key as they are."""


@lru_cache(maxsize=256)
def _parts(kind: Any) -> Callable[[Any], tuple[Any, ...]] | None:
    """What takes a value of this kind apart; None where there is nothing to take apart."""
    if not is_dataclass(kind):
        return None
    made: Any = kind
    names = [each.name for each in fields(made)]
    if not (made.__dataclass_params__.frozen and made.__dataclass_params__.eq):
        _IN_PARTS.add(kind)  # its key may become another, or tells nothing of what is in it
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda value: (get(value),)
