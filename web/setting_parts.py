"""Settings that hold several things in one column, taken apart, so that the history tells which of them changed.

The one idea: each such column becomes lines of a label and words, and a change is those lines that differ. What is
secret is in no such column (see helpdesk/settings_watched.py).
"""

import os.path
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from helpdesk import segments
from models import TicketField
from web import segment_words
from web.render import phone
from web.words import N_, sentence

Say = Callable[[str], str]
Parts = dict[str, str]
"""Label -> what it says, in words."""


class Naming:
    """Who calls things by their names: `queues`, `agents` and `tags` by id, fields by their keys; `say` translates into
    `language`."""

    def __init__(self, say: Say, language: str, queues: Mapping[int | None, str], fields: Mapping[str, TicketField],
                 agents: Mapping[int | None, str], tags: Mapping[int | None, str]) -> None:  # fmt: skip
        self.say, self.language, self.queues, self.fields = say, language, queues, fields
        self.agents, self.tags = agents, tags

    def word(self, group: str, code: object, **facts: object) -> str:
        """A code of `WORDS` in words."""
        return sentence(self.say, group, str(code), facts)

    def joined(self, words: Sequence[str]) -> str:
        """One after the other."""
        return self.say(N_(", ")).join(words)


def of(kind: str, column: str, value: Any, label: str, naming: Naming) -> Parts | None:
    """What such a column says; None for one that says a single thing. `label` is the column's own."""
    apart = _APART.get(f"{kind}.{column}")
    return None if apart is None else apart(value, label, naming) if value else {}


def around(was: str, now: str, longest: int) -> tuple[str, str]:
    """Two long texts cut to where they begin to differ, with a little of what stands before."""
    same = len(os.path.commonprefix([was, now]))
    start = max(0, same - longest // 4) if was and now else 0
    return _window(was, start, longest), _window(now, start, longest)


def _window(text: str, start: int, longest: int) -> str:
    end = start + longest - 2
    return ("…" if start else "") + text[start:end] + ("…" if len(text) > end else "")


def _options(value: Mapping[str, Any], _label: str, naming: Naming) -> Parts:
    told = {}
    for name, each in value.items():
        if name in ("direction", "event", "security"):
            text = naming.word("exchange_choice", f"{name}:{each}")
        elif isinstance(each, list):
            pairs = [f"{line[0]} = {phone(line[1])}" if isinstance(line, list) else str(line) for line in each]
            text = naming.joined(pairs)
        else:
            text = str(each)
        told[naming.word("exchange_option", name)] = text
    return told


def _mapping(value: Mapping[str, Any], _label: str, naming: Naming) -> Parts:
    told = {
        naming.word("setting_part", "its_field", name=theirs): naming.word("exchange_field", ours)
        for ours, theirs in value.items()
        if ours != "values"
    }
    for field, meanings in value.get("values", {}).items():
        part = naming.word("exchange_field", field)
        told |= {
            naming.word("setting_part", "its_word", name=theirs, part=part): naming.word("exchange_word", ours)
            for theirs, ours in meanings.items()
        }
    return told


def _conditions(value: Sequence[Mapping[str, Any]], _label: str, naming: Naming) -> Parts:
    told = {}
    for each in value:
        what, wanted = each["what"], [str(one) for one in each["is"]]
        if what == "queue":
            label = naming.say(N_("In one of these queues"))
            names = [naming.queues.get(int(one), f"#{one}") if one.isdecimal() else one for one in wanted]
        elif what == "channel":
            label, names = naming.say(N_("When it came by")), [naming.word("channel", one) for one in wanted]
        else:
            field = naming.fields.get(what)
            label = naming.word("setting_part", "says", name=field.called(naming.language) if field else what)
            choices = _called(field.choices if field else (), naming)
            names = [choices.get(one) or (naming.word("yes_no", one) if one in ("yes", "no") else one)
                     for one in wanted]  # fmt: skip
        told[label] = naming.joined(names)
    return told


def _choices(value: Sequence[Mapping[str, str]], label: str, naming: Naming) -> Parts:
    return {
        naming.word("setting_part", "of", setting=label, part=each["key"]): _both(each["name"], each["name_en"])
        for each in value
    } | {naming.word("setting_part", "order", setting=label): naming.joined([each["key"] for each in value])}


def _criteria(value: Sequence[Mapping[str, Any]], label: str, naming: Naming) -> Parts:
    told = {}
    for each in value:
        part = naming.word("setting_part", "of", setting=label, part=each["id"])
        words = [_both(each["name"], each["name_en"]), f"×{each['weight']}", _both(each["hint"], each["hint_en"])]
        told[part] = " · ".join(word for word in words if word)
    return told | {
        naming.word("setting_part", "order", setting=label): naming.joined([str(each["id"]) for each in value])
    }


def _by_language(value: Mapping[str, Any], label: str, naming: Naming) -> Parts:
    shown = {
        language: f"{each:.0%}" if isinstance(each, float) else str(each) for language, each in value.items() if each
    }
    return {
        naming.word("setting_part", "of", setting=label, part=naming.word("language", language)): each
        for language, each in shown.items()
    }


def _questions(value: Mapping[str, str], _label: str, naming: Naming) -> Parts:
    return {naming.word("survey_words", name): words for name, words in value.items() if words}


def _alarms(value: Mapping[str, float], _label: str, naming: Naming) -> Parts:
    return {naming.word("alarm_limit", figure): f"{limit:g}" for figure, limit in value.items()}


def _called(choices: Sequence[Mapping[str, str]], naming: Naming) -> dict[str, str]:
    return {each["key"]: each["name_en"] if naming.language == "en" else each["name"] for each in choices}


def _both(japanese: str, english: str) -> str:
    return f"{japanese} / {english}" if english and english != japanese else japanese


def _segment(value: Mapping[str, Any], _label: str, naming: Naming) -> Parts:
    return segment_words.lines(segments.read(value), naming)


_APART: dict[str, Callable[[Any, str, Naming], Parts]] = {
    "exchange.options": _options, "exchange.mapping": _mapping, "field.conditions": _conditions,
    "field.choices": _choices, "review_form.criteria": _criteria, "queue.thresholds": _by_language,
    "queue.acknowledgment": _by_language, "queue.alarms": _alarms, "survey.questions": _questions,
    "segment.conditions": _segment,
}  # fmt: skip
