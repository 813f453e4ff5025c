"""Words that speak for a queue, counted: useful on the first day, before a single example has been learned.

The idea: an administrator knows which words a queue hears. The lists in data/keywords.toml can be edited by hand; each
queue's count becomes one number beside the others a model reads, and the model learns how far to trust it.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import add
from pathlib import Path
from string import ascii_letters, digits
from typing import NamedTuple

from classifiers import text as texts
from classifiers.answers import Reason

DATA = Path(__file__).parent / "data" / "keywords.toml"

LONGEST = 50  # characters of one key word of a desk's own
Lists = Mapping[str, Sequence[str]]  # queue -> its words, both languages together, in normal form


class Found(NamedTuple):
    """One key word met in a normal form, from `start` to before `end`, and the queue it speaks for."""

    queue: str
    start: int
    end: int


def read(path: Path = DATA) -> dict[str, tuple[str, ...]]:
    """The lists of a file, queue by queue, in normal form and without repeats.

    Raises ValueError when the file is not TOML of the described form or when two queues claim the same word.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} cannot be read as TOML: {error}") from error
    lists: dict[str, tuple[str, ...]] = {}
    owner: dict[str, str] = {}
    for queue, by_language in tables.items():
        if not isinstance(by_language, dict) or not all(isinstance(each, list) for each in by_language.values()):
            raise ValueError(f"{path.name}: [{queue}] must hold one list of words a language, such as ja = [...]")
        words = [spelled(str(word)) for each in by_language.values() for word in each]
        for word in words:
            if not word.rstrip("*"):
                raise ValueError(f"{path.name}: [{queue}] has an empty word")
            if owner.setdefault(word, queue) != queue:
                raise ValueError(f"{path.name}: {word!r} stands in [{owner[word]}] and in [{queue}]; keep one")
        lists[queue] = tuple(dict.fromkeys(words))
    return lists


def cleaned(words: Sequence[str]) -> list[str]:
    """A desk's own key words as they are kept: without blanks and repeats, widths and kana notwithstanding.

    Raises ValueError with the word that would be met everywhere, being a single kana or letter, or that is too long.
    """
    found: dict[str, str] = {}
    for word in (each.strip() for each in words):
        folded = spelled(word)
        bare = folded.rstrip("*")
        if not bare:
            continue
        if len(word) > LONGEST or (len(bare) < 2 and not "\u3400" <= bare <= "\u9fff"):
            raise ValueError(word)
        found.setdefault(folded.translate(_HIRAGANA), word)
    return list(found.values())


def spoken(
    lists: tuple[tuple[str, tuple[str, ...]], ...], text: str, *, subject: str = ""
) -> dict[str, tuple[Reason, ...]]:
    """For every queue whose key words stand in a message, those words where each is met first, as it was written.

    Matching is blind to widths, letter case and the two kanas; greeting, quotation and signature are not read.
    `start` and `end` are -1 in the subject. `lists` are words as people type them, by queue.
    """
    normal = texts.normal(text, subject=subject)
    met: dict[str, dict[str, Reason]] = {}
    for found in _finder(lists).find(normal.text):
        first, last = normal.place(found.start, found.end)
        in_subject = found.start < normal.body
        words = (subject if in_subject else text)[first:last]
        reason = Reason(words, 1.0, -1, -1) if in_subject else Reason(words, 1.0, first, last)
        word = normal.text[found.start : found.end].translate(_HIRAGANA)
        met.setdefault(found.queue, {}).setdefault(word, reason)
    return {queue: tuple(words.values()) for queue, words in met.items()}


class Finder:
    """Lists made ready for searching: built once, asked for every text. `queues` is the order of the counts."""

    def __init__(self, lists: Lists) -> None:
        self.lists = {queue: tuple(lists[queue]) for queue in sorted(lists)}
        self.queues = tuple(self.lists)
        self._by_beginning: dict[str, list[tuple[str, str, bool]]] = {}
        for queue, words in self.lists.items():
            for word in words:
                bare, goes_on = word.rstrip("*").translate(_HIRAGANA), word.endswith("*")
                self._by_beginning.setdefault(bare[:2], []).append((bare, queue, goes_on))
        self._single = {beginning for beginning in self._by_beginning if len(beginning) == 1}
        for group in self._by_beginning.values():
            group.sort(key=lambda each: -len(each[0]))

    def find(self, text: str) -> list[Found]:
        """The key words of a normal form from left to right, the longest first, none inside another."""
        return self.find_in(Letters.of(text))

    def find_in(self, letters: "Letters") -> list[Found]:
        """`find`, in a text that several finders read."""
        found: list[Found] = []
        text, end, known, single = letters.text, 0, self._by_beginning, self._single.intersection(letters.text)
        for at, pair in enumerate(letters.pairs):
            if (pair in known or pair[0] in single) and at >= end and not _goes_on(text, at):
                if word := self._at(text, at, pair):
                    found.append(word)
                    end = word.end
        return found

    def _at(self, text: str, at: int, pair: str) -> Found | None:
        for beginning in (pair, pair[0]):
            for bare, queue, goes_on in self._by_beginning.get(beginning, ()):
                if text.startswith(bare, at):
                    end = at + len(bare)
                    if goes_on or not _goes_on(text, end):
                        return Found(queue, at, end)
        return None


class Letters(NamedTuple):
    """A normal form laid out for finders: in hiragana, and at every letter that and the next."""

    text: str
    pairs: list[str]

    @classmethod
    def of(cls, text: str) -> "Letters":
        if not text.isascii():
            text = text.translate(_HIRAGANA)
        return cls(text, [*map(add, text, text[1:] + " ")])


# --- Private -------------------------------------------------------------------------------------------------------


_DIGITS, _BLANKS = re.compile(r"\d+"), re.compile(r"\s+")
_HIRAGANA = {katakana: katakana - 0x60 for katakana in range(0x30A1, 0x30F7)}  # letter for letter, length unchanged


@lru_cache(maxsize=8)
def _finder(lists: tuple[tuple[str, tuple[str, ...]], ...]) -> Finder:
    return Finder({queue: [spelled(word) for word in words if spelled(word).rstrip("*")] for queue, words in lists})


def spelled(word: str) -> str:
    """A key word in normal form, which the lists of a model hold."""
    # A key word is no message: its letters are folded and its digits masked as a text's are, nothing is taken for a
    # greeting.
    return _BLANKS.sub(" ", _DIGITS.sub("0", texts.folded(word.strip())))


def _goes_on(text: str, at: int) -> bool:
    """Whether a word of Latin letters stands on both sides of a place; Japanese has no such borders."""
    return 0 < at < len(text) and text[at] in _LATIN and text[at - 1] in _LATIN


_LATIN = frozenset(ascii_letters + digits)
