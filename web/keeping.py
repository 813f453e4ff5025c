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
from datetime import date, datetime
from functools import cached_property, lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, nodes, pass_context
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from markupsafe import Markup

from models.looking import Once

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
        self._today: tuple[Any, date | None] = (None, None)
        environment.filters |= {"kept": self._kept, "with_stand_in": _with_stand_in, "keeping": self._keeping}
        environment.tests["missing"] = lambda found: type(found) is _Missing

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """`{% keep VALUE, ... [numbering NAME] %}` up to `{% endkeep %}`. What is kept is asked for by a filter, and
        only where it is missing the part is drawn: to make a macro of it each time costs more than a small one."""
        line = next(parser.stream).lineno
        values = parser.parse_tuple()
        numbered = parser.stream.skip_if("name:numbering") and parser.parse_assign_target(name_only=True)
        body = parser.parse_statements(("name:endkeep",), drop_needle=True)
        found, text = parser.free_identifier(line), parser.free_identifier(line)

        def filtered(value: nodes.Expr, name: str, *told: nodes.Expr) -> nodes.Filter:
            return nodes.Filter(value, name, list(told), [], None, None, lineno=line)

        own: list[nodes.Expr] = []
        if numbered:
            own = [nodes.Name(numbered.name, "load", lineno=line)]
            stand_in, here = filtered(own[0], "with_stand_in", found), nodes.Name(numbered.name, "param", lineno=line)
            body = [nodes.With([here], [stand_in], body, lineno=line)]
        place = nodes.Const(f"{parser.name}:{line}")
        draw: list[nodes.Node] = [
            nodes.AssignBlock(text, None, body, lineno=line),
            nodes.Assign(found, filtered(text, "keeping", found, *own), lineno=line),
        ]
        is_missing = nodes.Test(found, "missing", [], [], None, None)
        return [
            nodes.Assign(found, filtered(values, "kept", place, *own), lineno=line),
            nodes.If(is_missing, draw, [], [], lineno=line),
            nodes.Output([found], lineno=line),
        ]

    @pass_context
    def _kept(self, context: Context, values: Any, place: str, numbered: Any = None) -> "str | _Missing":
        """As it was drawn before, or what is to be drawn."""
        if values is None:
            return _Missing(None)
        key = place, self._day(context.get("now")), frozen(values)
        found = self._drawn.get(key)
        if found is None:
            return _Missing(key)
        if numbered is not None:
            found = _numbered(found, numbered)
        return _Missing(key, found) if self.checks else found

    def _keeping(self, drawn: str, missing: "_Missing", numbered: Any = None) -> str:
        """What was drawn, kept from now on."""
        key, known = missing.key, missing.known
        if key is None:
            return drawn
        if known is not None:
            assert drawn == known, f"{key[0]} depends on more than its values"
            return known
        with self._forgetting:
            self._letters += len(drawn) - len(self._drawn.get(key, ""))
            self._drawn[key] = drawn
            while self._letters > MOST_LETTERS:
                self._letters -= len(self._drawn.pop(next(iter(self._drawn))))
        return drawn if numbered is None else _numbered(drawn, numbered)

    def _day(self, now: Any) -> date | None:
        """The desk's day, worked out once for a page."""
        known, day = self._today
        if known is not now or now is None:
            day = now.astimezone(self.zone).date() if isinstance(now, datetime) else None
            self._today = now, day
        return day


class _Missing:
    """A part to be drawn: to be kept under `key`, if any; `known` is what it must look like."""

    __slots__ = ("key", "known")

    def __init__(self, key: Any, known: str | None = None) -> None:
        self.key, self.known = key, known


def _with_stand_in(numbered: Any, missing: _Missing) -> Any:
    return replace(numbered, id=STAND_IN) if missing.key is not None and missing.known is None else numbered


def _numbered(drawn: str, numbered: Any) -> Markup:
    return Markup(drawn.replace(_STAND_IN, str(numbered.id)))


class Settled(dict[str, Any]):
    """Values by name that nobody changes any more, and their key, which is worked out once."""

    @cached_property
    def key(self) -> Once[Any]:
        return Once((name, frozen(each)) for name, each in self.items())


def frozen(value: Any) -> Any:
    """The same as something a dictionary can be asked for: equal for equal values, whatever they are made of."""
    kind: Any = type(value)
    if kind in _PLAIN:
        return value
    if kind is Settled:
        return value.key
    if kind is list or kind is tuple:
        return tuple([frozen(each) for each in value])
    if kind is dict or kind is MappingProxyType:
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
