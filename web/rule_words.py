"""What a rule or a macro means, as a plain sentence in either language.

The one idea: supervisors decide by the sentence, not by the form. It is made of whole phrases that `web/words` has
for each term and act, joined by the frames there; in Japanese every act but the last ends in its joining form.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlmodel import Session

from helpdesk import acts, terms
from helpdesk.rules.triggers import WAITS
from models import TicketField
from web import words

Told = Mapping[str, Any]
Choices = Mapping[str, list[tuple[str, str]]]
NOTE_SHOWN = 40

_CODES = {
    "channel": "channel", "state": "ticket_state", "priority": "priority_level", "prioritize": "priority_level",
    "language": "language", "sentiment": "sentiment", "call_outcome": "call_outcome",
    "call_disposition": "disposition", "return_state": "return_state",
}  # fmt: skip
"""Which words name the codes that a choice is made of."""
_JOINING = (
    ("する", "し"), ("ける", "け"), ("える", "え"), ("める", "め"), ("せる", "せ"), ("れる", "れ"),
    ("す", "し"), ("る", "り"),
)  # fmt: skip
_MARKS = {
    "en": {"plain": "{when}: {acts}.", "then": "{first}, then {second}", "quoted": "“{value}”", "whole": "{acts}."},
    "ja": {"plain": "{when}、{acts}。", "then": "{first}、{second}", "quoted": "「{value}」", "whole": "{acts}。"},
}
"""How each language punctuates what is said in whole phrases."""


class Speaker:
    """Says rules in one language. `terms` and `acts` are what may be chosen, see there; `fields` the desk's own."""

    def __init__(self, gettext: Callable[[str], str], language: str, *, terms: Choices, acts: Choices,
                 fields: Mapping[str, TicketField]) -> None:  # fmt: skip
        self._gettext, self._language = gettext, language
        self._terms, self._acts, self._fields = terms, acts, fields

    def rule(self, rule: Any) -> str:
        """The whole rule: when, if, then."""
        told = {
            "when": self.when(rule.trigger, rule.after_minutes, rule.in_hours),
            "acts": self.acts(rule.acts, "rule"),
        }
        terms = self.conditions(rule.all_of, rule.any_of)
        said = self._say("rule_sentence", "if", terms=terms, **told) if terms else self._marked("plain", **told)
        return said + (" " * (self._language == "en") + self._say("rule_sentence", "stops") if rule.stops else "")

    def macro(self, told: Sequence[Told]) -> str:
        """What using it does."""
        said = self._marked("whole", acts=self.acts(told, "macro"))
        return said[:1].upper() + said[1:]

    def when(self, trigger: str, minutes: int, in_hours: bool) -> str:
        """When it is asked."""
        if trigger not in WAITS:
            return self._say("trigger", trigger)
        time = self.length(minutes)
        return self._say("trigger_after", trigger,
                         time=self._say("length", "in_hours", time=time) if in_hours else time)  # fmt: skip

    def length(self, minutes: int) -> str:
        """ "4 hours"."""
        size, code = next((each for each in ((1440, "day"), (60, "hour")) if minutes % each[0] == 0), (1, "minute"))
        count = minutes // size
        return self._say("length", code if count == 1 else f"{code}s", count=count)

    def conditions(self, all_of: Sequence[Told], any_of: Sequence[Told]) -> str:
        """All that must hold; "" where nothing must."""
        every = self._joined("and", [self.term(each) for each in all_of])
        some = self._joined("or", [self.term(each) for each in any_of])
        return self._say("rule_sentence", "both", all=every, any=some) if every and some else every or some

    def term(self, told: Told) -> str:
        """One condition."""
        what, operator = str(told["what"]), str(told["is"])
        if operator in ("yes", "no"):
            return self._say(f"term_{operator}", what)
        values = told["value"] if isinstance(told["value"], list) else [told["value"]]
        named = [self.named(what, str(value), self._terms) for value in values]
        said = named if operator in ("at_least", "at_most") else [self._quoted(each) for each in named]
        name = self.called(what)
        return self._say("term_is", operator, what=name[:1].lower() + name[1:] if self._language == "en" else name,
                         value=self._joined("or_value", said))  # fmt: skip

    def called(self, what: str) -> str:
        """The name of a term, or of the desk's own field."""
        if what.startswith("field:"):
            field = self._fields.get(what)
            return field.called(self._language) if field else self._say("rule_sentence", "gone")
        return self._say("term", what)

    def acts(self, told: Sequence[Told], user: str) -> str:
        """What is done, in order. `user` is "rule" or "macro": a macro's reply is a draft."""
        said = [self.act(each, user) for each in told]
        if self._language == "ja":
            said = [*(_joining(each) for each in said[:-1]), *said[-1:]]
        return self._joined("then", said)

    def act(self, told: Told, user: str) -> str:
        """One of them."""
        code, value = str(told["do"]), told.get("value")
        if code.startswith("field:"):
            values = value if isinstance(value, list) else [value]
            named = [self._quoted(self.named(code, str(each), self._acts)) for each in values]
            return self._say("act_does", "field", what=self.called(code), value=self._joined("or_value", named))
        if code == "assign" and value == acts.NOBODY:
            return self._say("act_does", "unassign")
        if code == "assign" and value == acts.DESK:
            return self._say("act_does", "assign_desk")
        if value == acts.ME:
            return self._say("act_does", f"{code}_me")
        if code == "pend":
            length = self.length(int(value or 0))
            return self._say("act_does", "pend", value=length) if value else self._say("act_does", "pend_open")
        if code == "call_back":
            return self._say("act_does", code, value=self.length(int(value or 0)))
        if code == "post":
            return self._say("act_does", code, value=self._quoted(str((value or {}).get("url", ""))))
        if code == "note":
            text = " ".join(str(value).split())
            return self._say("act_does", code, value=self._quoted(
                text if len(text) <= NOTE_SHOWN else f"{text[:NOTE_SHOWN]}…"))  # fmt: skip
        name = self._quoted(self.named(code, str(value), self._acts)) if value is not None else ""
        return self._say("act_does", "reply_draft" if code == "reply" and user == "macro" else code, value=name)

    def done(self, do: str, value: Any) -> str:
        """What was done, as far as its ids tell."""
        if value is None:
            return self.called(do) if do.startswith("field:") else self._say("act", do)
        return self.act({"do": do, "value": value}, "rule")

    def named(self, what: str, value: str, choices: Choices) -> str:
        """What a value of a choice is called; of free words, they themselves."""
        if what not in choices:
            return value
        for code, name in choices[what]:
            if code == value:
                return name or self.code(what, code)
        return self._say("rule_sentence", "gone")

    def code(self, what: str, code: str) -> str:
        """What a code without a name of its own is called."""
        if code in (acts.NOBODY, acts.ME, acts.DESK):
            return self._say("rule_sentence", code)
        if what.startswith("field:"):
            return self._say("operator", code)
        return words.sentence(self._gettext, _CODES[what], code) if what in _CODES else code

    def _quoted(self, value: str) -> str:
        return self._marked("quoted", value=value)

    def _joined(self, how: str, said: list[str]) -> str:
        whole = said[0] if said else ""
        for each in said[1:]:
            two = {"first": whole, "second": each}
            whole = self._marked(how, **two) if how == "then" else self._say("rule_sentence", how, **two)
        return whole

    def _marked(self, how: str, **said: str) -> str:
        return _MARKS[self._language][how].format_map(said)

    def _say(self, group: str, code: str, **facts: object) -> str:
        return words.sentence(self._gettext, group, code, facts)


def speaker(db: Session, language: str, gettext: Callable[[str], str], *, user: str) -> Speaker:
    """Who says what a "rule" or a "macro" means, with the names that hold now."""
    offered = terms.offered(db, language=language)
    return Speaker(gettext, language, terms=offered.choices, fields=offered.fields,
                   acts=acts.choices(db, language=language, user=user))  # fmt: skip


def _joining(said: str) -> str:
    for ending, other in _JOINING:
        if said.endswith(ending):
            return re.sub(f"{ending}$", other, said)
    return said
