"""Turns of phrase: what a customer wants or what happened, said in words that are the same in every trade.

The idea: "before I buy", "I'd rather keep it" and "still not on my card" decide an inquiry, and a model that counts
letters needs hundreds of examples to see them apart from their neighbours. Here each has a name and a few patterns, in
data/phrases.toml; the model learns what a name is worth. Patterns belong to the release, unlike key words: a model made
for others is refused.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby, islice
from operator import add
from pathlib import Path
from string import ascii_lowercase
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).parent / "data" / "phrases.toml"
MOST = 20  # times one name is counted in a text: more says no more


class Said(NamedTuple):
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
        self.patterns: list[re.Pattern[str]] = []
        self._places: dict[str, _Places] = {}
        for language, by_name in tomllib.loads(content.decode()).items():
            places = self._places[language] = _Places(_AT_LETTERS.get(language, 2))
            for name, patterns in by_name.items():
                places.add(len(self.names), patterns)
                self.patterns.append(re.compile(quick(patterns)))
                self.names += (f"{language}:{name}",)

    def find(self, text: str, *, language: str) -> list[Said]:
        """What is said in a normal form, name by name; only a text's own language is searched.

        The same as each pattern's `finditer`, several times sooner: a pattern is tried only where it can begin.
        """
        if language not in self._places:
            return []
        found, met, ends = [], dict[int, int](), dict[int, int]()
        for at, number in self._places[language].of(text):
            if at >= ends.get(number, 0) and (each := self.patterns[number].match(text, at)):
                met[number], ends[number] = met.get(number, 0) + 1, each.end()
                if met[number] <= MOST:
                    found.append(Said(number, at, each.end()))
        for number in self._places[language].anywhere:
            found += [Said(number, *each.span()) for each in islice(self.patterns[number].finditer(text), MOST)]
        return sorted(found, key=lambda each: each.number)

    def counts(self, said: tuple[Said, ...]) -> NDArray[np.float64]:
        """log(1 + how often each name is said)."""
        numbers = np.array([each.number for each in said], np.intp)
        return np.log1p(np.bincount(numbers, minlength=len(self.names)).astype(np.float64))


class _Places:
    """Where in a text which patterns may begin, by the first letters of what they match.

    `at_words` are tried where a word begins, `at_letters` (by how many letters, `depth` at most) at every letter,
    `at_start` at the very first, `anywhere` everywhere because nothing is known of how they begin. Letters lead to
    numbers of patterns.
    """

    def __init__(self, depth: int) -> None:
        self.at_words: dict[str, list[int]] = {}
        self.at_letters: dict[int, dict[str, list[int]]] = {count: {} for count in range(1, depth + 1)}
        self.at_start: list[int] = []
        self.anywhere: list[int] = []

    def add(self, number: int, patterns: Sequence[str]) -> None:
        """A pattern and its number."""
        words, letters, starts = set[str](), set[str](), False
        for each in (each for pattern in patterns for each in _alternatives(pattern)):
            if each.startswith("^"):
                starts = True
                continue
            heads = _heads(each, _AT_WORDS if each.startswith(_BORDER) else len(self.at_letters))
            if "" in heads:
                self.anywhere.append(number)
                return
            if each.startswith(_BORDER) and all(_WORD.match(head) and len(head) > 1 for head in heads):
                words |= heads
            else:
                letters |= {head[: len(self.at_letters)] for head in heads}
        for head in words:
            self.at_words.setdefault(head, []).append(number)
        for head in letters:
            self.at_letters[len(head)].setdefault(head, []).append(number)
        if starts:
            self.at_start.append(number)

    def of(self, text: str) -> list[tuple[int, int]]:
        """Places to try and the pattern's number, from left to right."""
        words, found = self.at_words, list[tuple[int, int]]()
        single = self.at_letters[1]
        for letter in single.keys() & set(text):
            found += [
                (each.start(), number) for each in re.finditer(re.escape(letter), text) for number in single[letter]
            ]
        runs: Iterable[str] = text
        for count in range(2, len(self.at_letters) + 1):
            runs, letters = list(map(add, runs, text[count - 1 :])), self.at_letters[count]
            if letters:
                found += [(at, number) for at, run in enumerate(runs) if run in letters for number in letters[run]]
        if words:
            for each in _WORDS.finditer(text):
                at = each.start()
                for beginning in (text[at : at + 4], text[at : at + 3], text[at : at + 2]):
                    if beginning in words:
                        found += [(at, number) for number in words[beginning]]
        found += [(0, number) for number in self.at_start]
        return sorted(set(found))


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
_AT_WORDS, _AT_LETTERS = 4, {"en": 3, "ja": 2}  # letters looked at, where there are so many
_HEX = re.compile(r"\\x([0-9a-f]{2})")
_WORDS, _WORD = re.compile(r"\b\w"), re.compile(r"\w")


def _heads(pattern: str, most: int) -> set[str]:
    """What anything that an alternative matches begins with, up to so many letters; "" where that may be anything."""
    if not pattern or not most:
        return {""}
    if pattern[0] == "(":
        end = _bracket(pattern)
        inside, rest, repeat = pattern[1:end], *_repeated(pattern[end + 1 :])
        if inside[:2] in ("?!", "?=", "?<"):  # looks, and takes nothing
            return _heads(rest, most)
        if inside[:2] != "?:":
            return {""}
        after = "" if repeat in "*+" and repeat else rest
        found = {head for each in _alternatives(inside[2:]) for head in _heads(each + after, most)}
        return found | _heads(rest, most) if repeat in "?*" and repeat else found
    if pattern.startswith(_BORDER) or pattern[0] in "^$":
        return _heads(pattern.removeprefix(_BORDER) if pattern[0] == "\\" else pattern[1:], most)
    letters, rest = _letters(pattern)
    rest, repeat = _repeated(rest)
    if not letters:
        return {""}
    tails = {""} if repeat in "*+" and repeat else _heads(rest, most - 1)
    found = {letter + tail for letter in letters for tail in tails}
    return found | _heads(rest, most) if repeat in "?*" and repeat else found


def _repeated(rest: str) -> tuple[str, str]:
    """What follows a sign that says how often, and the sign: "" once, "?" perhaps, "+" once or more, "*" any number."""
    if not rest or rest[0] not in "?*+{":
        return rest, ""
    if rest[0] != "{":
        return rest[1:].lstrip("?+"), rest[0]
    return rest[rest.index("}") + 1 :].lstrip("?+"), "*" if rest[1] in "0," else "+"


def _letters(pattern: str) -> tuple[str, str]:
    """The letters one of which the pattern begins with, "" for too many to say, and what follows."""
    if pattern[0] == "\\":
        return ("" if pattern[1].isalnum() else pattern[1]), pattern[2:]
    if pattern[0] != "[":
        return ("" if pattern[0] == "." else pattern[0]), pattern[1:]
    end = _bracket(pattern)
    inside = _HEX.sub(lambda found: chr(int(found[1], 16)), pattern[1:end])
    if inside[0] == "^" or "\\" in inside or ("-" in inside.strip("-") and inside != "a-z"):
        return "", pattern[end + 1 :]
    return (ascii_lowercase if inside == "a-z" else inside), pattern[end + 1 :]


def _bracket(pattern: str) -> int:
    """Where the bracket ends that the pattern begins with, round or square."""
    depth, at = 0, 0
    while True:
        letter = pattern[at]
        if letter == "\\":
            at += 1
        elif letter == "[":
            at = _class_end(pattern, at)
            if not depth:
                return at
        elif letter in "()":
            depth += 1 if letter == "(" else -1
            if not depth:
                return at
        at += 1


def _class_end(pattern: str, at: int) -> int:
    end = at + 2 if pattern[at + 1] == "^" else at + 1
    end += pattern[end] == "]"  # standing first it is a letter
    while pattern[end] != "]":
        end += 2 if pattern[end] == "\\" else 1
    return end


def _alternatives(pattern: str) -> list[str]:
    """The pattern, parted at each bar that stands in no bracket."""
    parts, depth, last, at = [], 0, 0, 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "\\":
            at += 1
        elif letter == "[":
            at = _class_end(pattern, at)
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
