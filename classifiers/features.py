"""What a model sees of an inquiry: its letters, its words, what the words mean, the key words and the turns of phrase.

The idea: an inquiry is read once, here, and the same reading serves fitting (through scikit-learn), answering (through
numpy alone) and explaining. That is why a shipped answer cannot differ from the fitted one.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from classifiers import english
from classifiers import text as texts
from classifiers.keywords import Finder, Found
from classifiers.phrases import Said, shipped
from classifiers.vectors import Vectors, Word

GRAMS = {"ja": (1, 3), "en": (2, 5)}  # the shortest and longest runs of characters, chosen by cross-validation


@dataclass(frozen=True, slots=True)
class Token:
    """A word of Latin letters in a normal form, from `start` to before `end`."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One inquiry as a model sees it; all places are in the normal form."""

    normal: texts.Normal
    language: str
    tokens: tuple[Token, ...]
    words: tuple[Word, ...]
    keywords: tuple[Found, ...]
    said: tuple[Said, ...]


def read(text: str, *, subject: str, vectors: Vectors, finder: Finder) -> Reading:
    """Read one inquiry: the subject and the text together, in normal form."""
    return read_many([(subject, text)], vectors=vectors, finder=finder)[0]


def read_many(inquiries: Sequence[tuple[str, str]], *, vectors: Vectors, finder: Finder) -> list[Reading]:
    """Read many inquiries, each given as (subject, text); the same readings as one by one, sooner."""
    normals = [texts.normal(text, subject=subject) for subject, text in inquiries]
    readings = []
    for normal, words in zip(normals, vectors.words_many([normal.text for normal in normals]), strict=True):
        language = texts.language(normal.text)
        reading = Reading(
            normal=normal,
            language=language,
            tokens=tuple(Token(found[0], found.start(), found.end()) for found in _TOKEN.finditer(normal.text)),
            words=tuple(words),
            keywords=tuple(finder.find(normal.text)),
            said=tuple(shipped().find(normal.text, language=language)),
        )
        readings.append(reading)
    return readings


def hear(reading: Reading, *, finder: Finder) -> Reading:
    """A reading as a model with other key words sees it. All else is the same for all, and is not read again."""
    return replace(reading, keywords=tuple(finder.find(reading.normal.text)))


def gram_lengths(reading: Reading) -> range:
    """How long the runs of characters are that are read in a text's language."""
    shortest, longest = GRAMS[reading.language]
    return range(shortest, longest + 1)


def grams(reading: Reading) -> list[str]:
    """All runs of one to three characters in Japanese, two to five in English, in order of length and then of place."""
    text = reading.normal.text
    return [text[at : at + n] for n in gram_lengths(reading) for at in range(len(text) - n + 1)]


def terms(reading: Reading) -> list[str]:
    """Words of Latin letters alone and in pairs, pairs divided by a space, in order of place."""
    words = [token.word for token in reading.tokens]
    return words + [f"{one} {two}" for one, two in zip(words, words[1:], strict=False)]


def meaning(reading: Reading, vectors: Vectors) -> NDArray[np.float64]:
    """The mean of the word vectors, scaled to length one; all zero when no word is known."""
    if not reading.words:
        return np.zeros(vectors.size)
    mean = vectors.of([word.row for word in reading.words]).mean(axis=0, dtype=np.float64)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9))


def english_meaning(reading: Reading) -> NDArray[np.float64]:
    """The meaning of an English text by its words, of length one; all zero for a Japanese one."""
    table = english.shipped()
    return table.meaning([token.word for token in reading.tokens] if reading.language == "en" else [])


def counts(reading: Reading, queues: Iterable[str]) -> NDArray[np.float64]:
    """log(1 + how many key words speak for it), for every queue with a list."""
    heard = [found.queue for found in reading.keywords]
    return np.log1p(np.array([heard.count(queue) for queue in queues], np.float64))


def phrases(reading: Reading) -> NDArray[np.float64]:
    """log(1 + how often it is said), for every turn of phrase that has a name."""
    return shipped().counts(reading.said)


_TOKEN = re.compile(r"[a-z][a-z0-9]*(?:'[a-z]+)?|0")
