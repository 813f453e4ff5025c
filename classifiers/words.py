"""The words of a text, for counting how often each is met: those the router reads, and nothing it passes over.

The idea: a Japanese word counts by its meaning, so that 送って and 送り are one word whichever way it is written, and a
Latin one by its normal form. Particles, endings, numbers, greetings, quotes and signatures are not words here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from sys import intern

from classifiers import text as texts
from classifiers.features import Reading
from classifiers.vectors import Vectors, Word

SHORTEST = 3  # letters of a Latin word
_LATIN = re.compile(r"[a-z]+(?:[-'][a-z]+)*")  # order numbers fall apart into pieces too short to count
_OWN_MASKS = {"url"}


@dataclass(frozen=True, slots=True)
class Words:
    """What one text holds: its language ("ja", "en"), and each word once, its identity -> as it was written first."""

    language: str
    written: dict[str, str]


def found(inquiries: Sequence[tuple[str, str]], *, vectors: Vectors) -> list[Words]:
    """The words of each inquiry, given as (subject, text). A tenth of a second for 300 mails."""
    normals = [texts.normal(text, subject=subject).text for subject, text in inquiries]
    return [
        Words(texts.language(normal), _written(normal, japanese))
        for normal, japanese in zip(normals, vectors.words_many(normals), strict=True)
    ]


def of(reading: Reading) -> Words:
    """The same of an inquiry that a model has read."""
    return Words(reading.language, _written(reading.normal.text, reading.words))


def _written(normal: str, japanese: Sequence[Word]) -> dict[str, str]:
    written: dict[str, str] = {}  # of a word that many texts have there is one string
    for word in japanese:
        written.setdefault(intern(f"#{word.row}"), intern(normal[word.start : word.end]))
    for each in map(intern, _LATIN.findall(normal)):
        if len(each) >= SHORTEST and each not in _OWN_MASKS:
            written.setdefault(each, each)
    return written
