"""What a segment asks of customers, in words: a line a condition, for pages and for the history alike."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

from helpdesk import dates, filters, segments
from helpdesk.segments import Asked
from web.words import N_

if TYPE_CHECKING:
    from web.setting_parts import Naming

GROUPS: Final = {
    "state": "ticket_state", "waiting": "waiting_for", "priority": "priority", "due": "due_when", "contact": "past",
    "created": "past", "channel": "channel", "language": "view_language", "urgent": "yes_no",
}  # fmt: skip
"""Whose values have words."""


def lines(asked: Asked, naming: "Naming") -> dict[str, str]:
    """Label -> what is asked for; {} where everybody belongs."""
    told = {
        naming.word("segment_kind", kind): _of_people(kind, asked.people[kind], naming)
        for kind in segments.KINDS if kind in asked.people
    }  # fmt: skip
    for part, conditions in (("all", asked.tickets.all), ("any", asked.tickets.any)):
        told |= {
            naming.word("segment_part", part, kind=_label(kind, naming)): _of_tickets(kind, values, naming)
            for kind, values in conditions.items()
        }
    return told


def said(asked: Asked, naming: "Naming") -> str:
    """The same in one line."""
    told = [naming.say(N_("%(kind)s: %(what)s")) % {"kind": label, "what": what}
            for label, what in lines(asked, naming).items()]  # fmt: skip
    return " · ".join(told) or naming.word("segment_part", "everybody")


def _of_people(kind: str, values: Sequence[str], naming: "Naming") -> str:
    if kind in segments.DAYS:
        first, last = segments.days_of(values[0])
        return _range("", _day(first, naming), _day(last, naming), naming)
    if kind == "tickets":
        least, most = ("" if each is None else f"{each:,}" for each in segments.numbers_of(values[0]))
        return _range("number_", least, most, naming)
    group = {"language": "view_language", "reach": "segment_reach"}.get(kind)
    return naming.joined([naming.word(group, each) if group else each for each in values])


def _range(of: str, first: str, last: str, naming: "Naming") -> str:
    """Both ends belong to it."""
    ends = "one" if first == last else "between" if first and last else "from" if first else "until"
    return naming.word("segment_range", of + ends, first=first, last=last)


def _day(day: date | None, naming: "Naming") -> str:
    return dates.whole(day, naming.language) if day else ""


def _label(kind: str, naming: "Naming") -> str:
    if kind.startswith(filters.FIELD):
        of_field = (each for each in naming.fields.values() if f"{filters.FIELD}{each.id}" == kind)
        return next((each.called(naming.language) for each in of_field), kind)
    return naming.word("ticket_condition", kind)


def _of_tickets(kind: str, values: Sequence[str], naming: "Naming") -> str:
    names: Mapping[int | None, str] = {"queue": naming.queues, "tag": naming.tags, "assignee": naming.agents}.get(
        kind, {}
    )

    def called(value: str) -> str:
        if group := GROUPS.get(kind):
            return naming.word(group, value)
        if kind == "assignee" and not value.isdecimal():
            return naming.word("assignee_kind", value)
        if kind in ("queue", "tag", "assignee"):
            return names.get(int(value), f"#{value}")
        return _choice(kind, value, naming) if kind.startswith(filters.FIELD) else value

    return naming.joined([called(value) for value in values])


def _choice(kind: str, value: str, naming: "Naming") -> str:
    """What a choice of one of the desk's own fields is called."""
    for each in naming.fields.values():
        if f"{filters.FIELD}{each.id}" == kind:
            name = "name_en" if naming.language == "en" else "name"
            found = next((one[name] or one["name"] for one in each.choices if one["key"] == value), "")
            return found or (naming.word("yes_no", value) if value in ("yes", "no") else value)
    return value
