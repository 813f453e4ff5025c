"""Turns of phrase: what a customer wants or what happened, said in words that are the same in every trade.

The idea: "before I buy", "I'd rather keep it" and "still not on my card" decide an inquiry, and a model that counts
letters needs hundreds of examples to see them apart from their neighbours. Here each has a name and a few patterns, in
data/phrases.toml; the model learns what a name is worth. Patterns belong to the release, unlike key words: a model made
for others is refused.
"""

import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).parent / "data" / "phrases.toml"
MOST = 20  # times one name is counted in a text: more says no more


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of phrase in a normal form, from `start` to before `end`; `number` is its place among the names."""

    number: int
    start: int
    end: int


class Phrases:
    """The patterns, made ready. `names` is the order of the counts, "language:name"; `digest` the file's SHA-256."""

    def __init__(self, path: Path = DATA) -> None:
        content = path.read_bytes()
        self.digest = hashlib.sha256(content).hexdigest()
        self.names: tuple[str, ...] = ()
        self._patterns: dict[str, list[tuple[int, re.Pattern[str]]]] = {}
        for language, by_name in tomllib.loads(content.decode()).items():
            for name, patterns in by_name.items():
                self._patterns.setdefault(language, []).append((len(self.names), re.compile(quick(patterns))))
                self.names += (f"{language}:{name}",)

    def find(self, text: str, *, language: str) -> list[Said]:
        """What is said in a normal form, name by name; only a text's own language is searched."""
        found = []
        for number, pattern in self._patterns.get(language, ()):
            for met, each in enumerate(pattern.finditer(text)):
                if met == MOST:
                    break
                found.append(Said(number, each.start(), each.end()))
        return found

    def counts(self, said: tuple[Said, ...]) -> NDArray[np.float64]:
        """log(1 + how often each name is said)."""
        numbers = np.array([each.number for each in said], np.intp)
        return np.log1p(np.bincount(numbers, minlength=len(self.names)).astype(np.float64))


def quick(patterns: Sequence[str]) -> str:
    """One expression that finds what any of the patterns finds, the earlier one first, several times sooner.

    Python tries every alternative at every letter. Neighbours that all begin at the border of a word are put behind one
    question for that border, which most letters do not pass.
    """
    every = [each for pattern in patterns for each in _alternatives(pattern)]
    found = []
    for at_border, some in groupby(every, key=lambda each: each.startswith(_BORDER)):
        if at_border:
            found.append(_BORDER + "(?:" + "|".join(each.removeprefix(_BORDER) for each in some) + ")")
        else:
            found += some
    return "|".join(found)


_BORDER = r"\b"


def _alternatives(pattern: str) -> list[str]:
    """The pattern, parted at each bar that stands in no bracket."""
    parts, depth, last, at = [], 0, 0, 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "\\":
            at += 1
        elif letter == "[":
            end = at + 2 if pattern[at + 1] == "^" else at + 1
            end += pattern[end] == "]"  # standing first it is a letter
            while pattern[end] != "]":
                end += 2 if pattern[end] == "\\" else 1
            at = end
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == "|" and depth == 0:
            parts.append(pattern[last:at])
            last = at + 1
        at += 1
    return [*parts, pattern[last:]]


@lru_cache(maxsize=1)
def shipped() -> Phrases:
    """The patterns that come with the desk, read once a process."""
    return Phrases()
