"""The form in which rules and macros are put together, without a script: each button sends the whole form, and what was
typed stands in it again with one line more or less. Nothing is kept before the last button.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData

from helpdesk import acts, terms

GROUPS = ("all", "any")
LINES_MAX = 40
WORDS_MAX = 5000


@dataclass
class Draft:
    """What stands in the form. `terms` by group."""

    plain: dict[str, str] = field(default_factory=dict)
    terms: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {group: [] for group in GROUPS})
    acts: list[dict[str, Any]] = field(default_factory=list)


def read(form: FormData, names: tuple[str, ...], fields: Mapping[str, Any]) -> Draft:
    """What was sent, whatever it is: the verbs check it. `fields` are the desk's own, "field:4" -> the field."""
    draft = Draft({name: str(form.get(name, ""))[:WORDS_MAX] for name in names})
    for group in GROUPS:
        for number in _lines(form, group, "what"):
            what = str(form.get(f"{group}-{number}-what", ""))
            kind = terms.kind_of(what, fields)
            if kind:
                operator = str(form.get(f"{group}-{number}-is", ""))
                value = _value(form, f"{group}-{number}", kind)
                draft.terms[group].append({"what": what, "is": operator, "value": value})
    for number in _lines(form, "acts", "do"):
        do = str(form.get(f"acts-{number}-do", ""))
        act = acts.found(do)
        if act is not None:
            draft.acts.append({"do": do, "value": _object(form, f"acts-{number}", act.kind)})
    return draft


def step(draft: Draft, asked: str, form: FormData) -> bool:
    """Do what a button of the form asks: "add-all", "drop-all-0", "up-acts-1" and so on. False for the last one."""
    what, _, rest = asked.partition("-")
    name, _, number = rest.partition("-")
    lines = draft.acts if name == "acts" else draft.terms.get(name)
    if what == "add" and lines is not None:
        if (chosen := str(form.get(f"{name}-new", ""))) and len(lines) < LINES_MAX:
            lines.append({"do": chosen, "value": None} if name == "acts" else _first(chosen))
        return True
    at = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else -1
    if lines is None or not 0 <= at < len(lines):
        return what in ("drop", "up")
    if what == "drop":
        del lines[at]
    elif what == "up" and at:
        lines[at - 1], lines[at] = lines[at], lines[at - 1]
    return True


def _first(what: str) -> dict[str, Any]:
    term = terms.TERMS.get(what)
    return {"what": what, "is": terms.OPERATORS[term.kind][0] if term else "", "value": None}


def _lines(form: FormData, group: str, last: str) -> list[int]:
    found = {
        int(parts[1])
        for name in form
        if len(parts := name.split("-")) == 3 and parts[0] == group and parts[2] == last and parts[1].isdecimal()
    }
    return sorted(found)[:LINES_MAX]


def _value(form: FormData, name: str, kind: str) -> Any:
    values = [str(each)[:WORDS_MAX] for each in form.getlist(f"{name}-value")]
    if kind == "text":
        return _words(values[0]) if values else []
    return values if kind == "choice" else values[0] if values else None


def _object(form: FormData, name: str, kind: str) -> Any:
    if kind == "post":
        url, secret = (str(form.get(f"{name}-{part}", ""))[:WORDS_MAX] for part in ("url", "secret"))
        return {"url": url, "secret": secret, "fields": [str(each) for each in form.getlist(f"{name}-fields")]}
    values = [str(each)[:WORDS_MAX] for each in form.getlist(f"{name}-value")]
    if kind == "number" and values and values[0].isascii() and values[0].isdecimal():
        return int(values[0][:8]) * UNITS.get(str(form.get(f"{name}-unit", "")), 1)
    return values if kind == "field" else values[0] if values else None


def _words(typed: str) -> list[str]:
    """Between commas, of either language, and on lines of their own."""
    for mark in ("\n", "、", "，"):
        typed = typed.replace(mark, ",")
    return [each.strip() for each in typed.split(",") if each.strip()]


UNITS = {"minutes": 1, "hours": 60, "days": 1440}


def unit_of(minutes: Any) -> tuple[str, str]:
    """Minutes as they stand in the form: a number and its unit."""
    if not isinstance(minutes, int) or not minutes:
        return ("" if minutes is None else str(minutes), "hours")
    unit = "days" if minutes % 1440 == 0 else "hours" if minutes % 60 == 0 else "minutes"
    return (str(minutes // UNITS[unit]), unit)
