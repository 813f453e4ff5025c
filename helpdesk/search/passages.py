"""Where what was found stands: short passages with the words marked.

The index knows which tickets, not where in them; so the few that are shown are read again, the newest words first.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from helpdesk.search import documents, letters

AROUND: Final = 44
"""Characters shown before the first mark."""
SHOWN: Final = 150
READ: Final = 20_000
"""Characters of one text that are looked through."""

Part = tuple[str, bool]
"""Some text, and whether it is marked."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Words of a ticket: `source` is "mail", "note" or "call"; who wrote them, "" where nobody knows."""

    source: str
    who: str
    parts: Sequence[Part]


class Marker:
    """Finds some words in texts. Built once for a search."""

    def __init__(self, words: Sequence[str]) -> None:
        patterns = [f"(?P<w{number}>{_pattern(word)})" for number, word in enumerate(words) if _pattern(word)]
        self.count = len(patterns)
        self._words = re.compile("|".join(patterns)) if patterns else None
        sketches = [_sketch(word) for word in words if _pattern(word)]
        self._sketch = re.compile("|".join(sketches), re.DOTALL) if sketches and all(sketches) else None

    def stands_in(self, text: str) -> bool:
        """Whether any of the words does."""
        return self._words is not None and self._words.search(_folded(text)) is not None

    def marked(self, text: str) -> list[Part]:
        """All of a text, with the words marked."""
        return self._cut(text, 0, len(text), self._places(text))

    def passage(self, text: str) -> tuple[int, list[Part]]:
        """The part of a text where most of the words stand together, on one line, and how many stand in the text at
        all; nothing where none does."""
        text = text[:READ]
        places = self._places(text)
        if not places:
            return 0, []
        most, start = 0, 0
        for at, _, _ in places:
            near = len({word for begin, _, word in places if at <= begin < at + SHOWN - AROUND})
            if near > most:
                most, start = near, at
        begin = max(0, start - AROUND)
        end = min(len(text), begin + SHOWN)
        parts = self._cut(text, begin, end, places)
        return len({word for _, _, word in places}), [("…", False), *parts] if begin else parts

    def _places(self, text: str) -> list[tuple[int, int, str]]:
        if self._words is None or not text:
            return []
        is_plain = letters.is_plain(text)
        if is_plain and self._sketch and not self._sketch.search(text):
            return []
        folded = letters.fold(text)
        if (first := self._words.search(folded)) is None:
            return []
        again, places = (folded, range(len(text) + 1)) if is_plain else letters.fold_with_places(text)
        if again != folded:
            return []
        found = [first, *self._words.finditer(folded, first.end())] if first.end() > first.start() else []
        return [(places[each.start()], _end(text, places, each.end()), str(each.lastgroup)) for each in found[:200]]

    def _cut(self, text: str, begin: int, end: int, places: Sequence[tuple[int, int, str]]) -> list[Part]:
        parts: list[Part] = []
        at = begin
        for start, stop, _ in places:
            if start < at or start >= end:
                continue
            parts += [(_line(text[at:start]), False), (_line(text[start:stop]), True)]
            at = stop
        parts.append((_line(text[at:end]) + ("…" if end < len(text) else ""), False))
        return [part for part in parts if part[0]]


def _end(text: str, places: Sequence[int], end: int) -> int:
    """Where the character before `end` ends in the text as written."""
    return next((place for place in places[end:] if place > places[end - 1]), len(text))


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@lru_cache(maxsize=512)
def _pattern(word: str) -> str:
    """What a word looks like in folded text, as a regular expression; "" for one without letters."""
    ways = []
    for spelling in letters.spellings(word):
        runs = [run for run in _RUN.findall(letters.fold(spelling)) if run]
        if runs:
            ways.append(r"[\W_]{0,3}".join(map(_run, runs)))
    joined = re.sub(r"[\W_]", "", letters.fold(word))
    if word.lstrip().startswith("+") and (numbers := list(documents.codes(word))):
        joined = numbers[-2].removeprefix(documents.CODE)  # as it is dialed at home; the last are its four digits
    if 4 <= len(joined) <= letters.LONGEST_TERM and joined.isascii() and any(map(str.isdigit, joined)):
        digits = r"[-() ./_]{0,2}".join(joined)
        if joined.startswith("0") and joined.isdigit():
            digits = r"(?:0|\+ ?81[-() ]{0,3}0?\)?[- ]?)" + digits[1:]
        ways.append(rf"(?<![0-9a-z])(?:{digits})(?![0-9a-z])" if len(joined) > 4 else rf"{digits}(?![0-9a-z])")
    return "|".join(dict.fromkeys(ways))


@lru_cache(maxsize=512)
def _sketch(word: str) -> str:
    """What any way to write a word looks like at least, as a regular expression for plain text as it was written, to
    pass over most texts without folding them; "" where there is no such thing."""
    ways = []
    for spelling in letters.spellings(word):
        if runs := _RUN.findall(letters.fold(spelling)):
            run = max(runs, key=len)
            kept = letters.stem(run).removesuffix("y") if run.isascii() else run
            ways.append("".join(map(letters.unfolded, kept)))
    joined = re.sub(r"[\W_]", "", letters.fold(word))
    if joined.isascii() and any(map(str.isdigit, joined)):
        return ""  # numbers are divided in many ways
    return "|".join(dict.fromkeys(ways)) if all(ways) else ""


_folded = lru_cache(maxsize=20_000)(letters.fold)
"""Of subjects: each search ranks two hundred, and most of them were ranked for others before."""
_RUN: Final = re.compile(r"[0-9a-z]+|[^\W_a-z0-9]+")


def _run(run: str) -> str:
    if not run.isascii():
        return re.escape(run)
    stem = letters.stem(run)
    more = "(?:y|ies)" if stem.endswith("y") and stem.isalpha() else ""
    base = re.escape(stem[:-1] if more else stem)
    plural = more or ("(?:e?s)?" if stem.isalpha() else "")
    long = "[0-9a-z]*" if len(stem) == letters.LONGEST_TERM else ""
    return rf"(?<![0-9a-z]){base}{plural}{long}(?![0-9a-z])"
