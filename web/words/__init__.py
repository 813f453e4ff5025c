"""The one place where the desk's codes become sentences.

Verbs, exceptions and events carry codes and facts ("agent_not_in_queue", "ticket_moved"). Only the face speaks, and it
speaks from this table: `WORDS[group][code]` is an English sentence whose translations live in `locale/`. A code that is
not here is shown as it is, so a new one is visible and never blank.

Each module of this package has the groups of one topic, and a new one is taken in by lying here.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules

from web.words.marks import N_ as N_


def joined(parts: Mapping[str, Mapping[str, dict[str, str]]]) -> dict[str, dict[str, str]]:
    """All groups of all parts, which have names for the error. Raises `ValueError` where two have the same group."""
    words: dict[str, dict[str, str]] = {}
    for name, groups in parts.items():
        if twice := sorted(words.keys() & groups.keys()):
            raise ValueError(f"{name} has groups again that stand elsewhere: {', '.join(twice)}")
        words.update(groups)
    return words


WORDS = joined({
    each.name: import_module(f"{__name__}.{each.name}").WORDS for each in iter_modules(__path__) if each.name != "marks"
})  # fmt: skip


class _Facts(dict[str, object]):
    """Facts a sentence may name; one that was not recorded leaves a dash, because history must stay readable."""

    def __missing__(self, name: str) -> str:
        return "–"


def sentence(gettext: Callable[[str], str], group: str, code: str, facts: dict[str, object] | None = None) -> str:
    """What to say for a code of one group, in the language of `gettext`.

    The answer is plain text, to be escaped like any other. An unknown code is returned as it is.
    """
    message = WORDS[group].get(code)
    if group == "fact" and not (facts or {}).get("by"):
        message = WORDS["fact_unsigned"].get(code, message)
    if message is None:
        return code
    translated = gettext(message)
    return translated % _Facts(facts or {}) if "%(" in message else translated


def codes(group: str) -> tuple[str, ...]:
    """The codes of a group in the order in which a person should be offered them."""
    return tuple(WORDS[group])
