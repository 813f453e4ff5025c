"""What a model sees of an inquiry: its letters, its words, what it asks for, what the words mean, the key words and the
turns of phrase.

The idea: an inquiry is read once, here, and the same reading serves fitting (through scikit-learn), answering (through
numpy alone) and explaining. That is why a shipped answer cannot differ from the fitted one.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import accumulate, chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifiers import asking, english
from classifiers import text as texts
from classifiers.keywords import Finder, Found, Letters
from classifiers.phrases import Said, shipped
from classifiers.vectors import STEP, Hashes, Vectors, Word

GRAMS = {"ja": (1, 3), "en": (2, 5)}  # the shortest and longest runs of characters, chosen by cross-validation


class Token(NamedTuple):
    """A word of Latin letters in a normal form, from `start` to before `end`."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What was found in a text, each thing once, and how often; of everything found, in order, `where()` says which of
    the `things` it is, and `spans()` where it begins and ends."""

    things: Hashes | list[str]
    counts: NDArray[np.intp]
    where: Callable[[], NDArray[np.intp]]
    spans: Callable[[], tuple[NDArray[np.intp], NDArray[np.intp]]]


@dataclass(frozen=True, slots=True)
class Many:
    """What was found in many texts (`texts` of them), each text's things once: of each of the `things` how often, and
    in which `text`, in their order."""

    texts: int
    things: Hashes | list[str]
    counts: NDArray[np.intp]
    text: NDArray[np.intp]


@dataclass(slots=True)
class Worked:
    """What was worked out of a reading when a model first answered to it. It is the same for every model."""

    letters: Letters | None = None
    grams: Counted | None = None
    terms: Counted | None = None
    asked: Counted | None = None
    vectors: NDArray[np.float32] | None = None
    meaning: NDArray[np.float64] | None = None
    english: tuple[NDArray[np.float64], float] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One inquiry as a model sees it; all places are in the normal form. `asked` are the sentences that ask."""

    normal: texts.Normal
    language: str
    tokens: tuple[Token, ...]
    words: tuple[Word, ...]
    asked: tuple[tuple[int, int], ...]
    keywords: tuple[Found, ...]
    said: tuple[Said, ...]
    worked: Worked = field(default_factory=Worked, compare=False, repr=False)


def read(text: str, *, subject: str, vectors: Vectors, finder: Finder) -> Reading:
    """Read one inquiry: the subject and the text together, in normal form."""
    return read_many([(subject, text)], vectors=vectors, finder=finder)[0]


def read_many(inquiries: Sequence[tuple[str, str]], *, vectors: Vectors, finder: Finder) -> list[Reading]:
    """Read many inquiries, each given as (subject, text); the same readings as one by one, sooner."""
    normals = [texts.normal(text, subject=subject) for subject, text in inquiries]
    return read_normals(normals, vectors=vectors, finder=finder)


def read_normals(normals: Sequence[texts.Normal], *, vectors: Vectors, finder: Finder) -> list[Reading]:
    """`read_many` for inquiries whose normal form is known."""
    readings = []
    for normal, words in zip(normals, vectors.words_many([normal.text for normal in normals]), strict=True):
        language, letters = texts.language(normal.text), Letters.of(normal.text)
        reading = Reading(
            normal=normal,
            language=language,
            tokens=tuple(Token(found[0], found.start(), found.end()) for found in _TOKEN.finditer(normal.text)),
            words=tuple(words),
            asked=tuple(asking.asked(normal.text, language=language)),
            keywords=tuple(finder.find_in(letters)),
            said=tuple(shipped().find(normal.text, language=language)),
            worked=Worked(letters),
        )
        readings.append(reading)
    return readings


def hear(reading: Reading, *, finder: Finder) -> Reading:
    """A reading as a model with other key words sees it. All else is the same for all, and is not read again."""
    if reading.worked.letters is None:
        reading.worked.letters = Letters.of(reading.normal.text)
    return replace(reading, keywords=tuple(finder.find_in(reading.worked.letters)))


def gram_lengths(language: str) -> range:
    """How long the runs of characters are that are read in a language."""
    shortest, longest = GRAMS[language]
    return range(shortest, longest + 1)


def grams(reading: Reading) -> list[str]:
    """All runs of one to three characters in Japanese, two to five in English, in order of length and then of place."""
    text = reading.normal.text
    return [text[at : at + n] for n in gram_lengths(reading.language) for at in range(len(text) - n + 1)]


def gram_at(text: str, language: str, place: int) -> str:
    """One of the `grams` of a normal form by its place among them."""
    for n in gram_lengths(language):
        count = max(len(text) - n + 1, 0)
        if place < count:
            return text[place : place + n]
        place -= count
    raise IndexError("no such gram")


def gram_hashes(text: str, language: str) -> Hashes:
    """The `grams` of a normal form as the hashes of vectors.py, in their order."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    lengths, runs, hashes = gram_lengths(language), [], codes
    for length in range(1, lengths.stop):
        if length > 1:
            hashes = hashes[:-1] * STEP + codes[length - 1 :]
        if length in lengths:
            runs.append(hashes)
    return np.concatenate(runs)


def count(readings: Sequence[Reading]) -> None:
    """Work out `counted_grams` of several readings at once, where it has not been."""
    readings = [each for each in readings if each.worked.grams is None]
    if not readings:
        return
    every = _gram_hashes(readings)
    things, counts, borders = _once(every)
    for reading, hashes, first, last in zip(readings, every, borders, borders[1:], strict=False):
        reading.worked.grams = _counted_grams(reading, hashes, things[first:last], counts[first:last])


def many_grams(readings: Sequence[Reading]) -> Many:
    """`counted_grams` of many readings, side by side."""
    things, counts, borders = _once(_gram_hashes(readings))
    return Many(len(readings), things, counts, np.repeat(np.arange(len(readings)), np.diff(borders)))


def many_terms(readings: Sequence[Reading]) -> Many:
    """`counted_terms` of many readings, side by side."""
    return _many([terms(each) for each in readings])


def many_asked(readings: Sequence[Reading]) -> Many:
    """`counted_asked` of many readings, side by side."""
    return _many([asked(each) for each in readings])


def counted_grams(reading: Reading) -> Counted:
    """`grams`, each once, as the hashes of vectors.py; worked out once a reading."""
    if reading.worked.grams is None:
        count([reading])
    assert reading.worked.grams is not None
    return reading.worked.grams


def _gram_hashes(readings: Sequence[Reading]) -> list[Hashes]:
    return [gram_hashes(each.normal.text, each.language) for each in readings]


def _once(every: Sequence[Hashes]) -> tuple[Hashes, NDArray[np.intp], list[int]]:
    """The hashes of each text once and in order, one text after the other; how often each, and where each begins."""
    ends = list(accumulate(map(len, every)))
    together = np.concatenate(every)
    for start, end in zip([0, *ends], ends, strict=False):
        together[start:end].sort()
    is_first = np.append(True, together[1:] != together[:-1])
    is_first[[end for end in ends[:-1] if end < len(together)]] = True
    firsts = np.flatnonzero(is_first[: len(together)])
    return together[firsts], np.diff(firsts, append=len(together)), firsts.searchsorted([0, *ends]).tolist()


def _many(found: Sequence[Sequence[str]]) -> Many:
    once = [Counter(each) for each in found]
    lengths = [len(each) for each in once]
    counts = np.fromiter(chain(*(each.values() for each in once)), np.intp, sum(lengths))
    return Many(len(found), list(chain(*once)), counts, np.repeat(np.arange(len(found)), lengths))


def _counted_grams(reading: Reading, every: Hashes, things: Hashes, counts: NDArray[np.intp]) -> Counted:
    letters, lengths = len(reading.normal.text), gram_lengths(reading.language)  # not the reading: it holds this

    @cache
    def spans() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        starts = [np.arange(max(letters - length + 1, 0)) for length in lengths]
        ends = [start + length for start, length in zip(starts, lengths, strict=True)]
        return np.concatenate(starts), np.concatenate(ends)

    return Counted(things, counts, cache(lambda: np.asarray(things.searchsorted(every))), spans)


def terms(reading: Reading) -> list[str]:
    """Words of Latin letters alone, then in pairs divided by a space, then Japanese words, each in order of place.

    A Japanese word is the number of its row in the table of vectors after a "#": spellings, endings and words of nearly
    one meaning share a row, and are one term.
    """
    return _written(reading.tokens, reading.words)


def asked(reading: Reading) -> list[str]:
    """The terms of the sentences that ask for something, sentence by sentence."""
    return [word for sentence in _asking(reading) for word in _written(*sentence)]


def counted_terms(reading: Reading) -> Counted:
    """`terms`, each once; worked out once a reading."""
    if reading.worked.terms is None:
        tokens, words = reading.tokens, reading.words  # not the reading: it holds this
        reading.worked.terms = _counted(terms(reading), lambda: spans(_placed(tokens, words)))
    return reading.worked.terms


def counted_asked(reading: Reading) -> Counted:
    """`asked`, each once; worked out once a reading."""
    if reading.worked.asked is None:
        sentences = _asking(reading)
        reading.worked.asked = _counted(
            asked(reading), lambda: spans([term for sentence in sentences for term in _placed(*sentence)])
        )
    return reading.worked.asked


def spans(found: Sequence[Token | Word | Found | Said]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where each begins, and where each ends."""
    return np.array([each.start for each in found], np.intp), np.array([each.end for each in found], np.intp)


def latin_words(normal: str) -> list[str]:
    """The words of Latin letters of a normal form, numbers as "0"."""
    return _TOKEN.findall(normal)


def meaning(reading: Reading, vectors: Vectors) -> NDArray[np.float64]:
    """The mean of the word vectors, scaled to length one, all zero when no word is known; worked out once a reading."""
    if reading.worked.meaning is None:
        mean = np.zeros(vectors.size)
        if reading.words:
            mean = word_vectors(reading, vectors).mean(axis=0, dtype=np.float64)
        reading.worked.meaning = np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9))
    return reading.worked.meaning


def meanings(readings: Sequence[Reading], vectors: Vectors) -> NDArray[np.float64]:
    """`meaning` of many readings, a row each."""
    found = np.zeros((len(readings), vectors.size))
    some = [row for row, each in enumerate(readings) if each.words]
    if some:
        words = [readings[row].words for row in some]
        starts = [0, *accumulate(map(len, words))][:-1]
        every = vectors.of([word.row for each in words for word in each])
        means = np.add.reduceat(every, starts, axis=0, dtype=np.float64) / np.array([*map(len, words)])[:, None]
        found[some] = means / np.maximum(np.linalg.norm(means, axis=1), 1e-9)[:, None]
    return found


def word_vectors(reading: Reading, vectors: Vectors) -> NDArray[np.float32]:
    """The vectors of the Japanese words, one a line; looked up once a reading."""
    if reading.worked.vectors is None:
        reading.worked.vectors = vectors.of([word.row for word in reading.words])
    return reading.worked.vectors


def english_meaning(reading: Reading) -> NDArray[np.float64]:
    """The meaning of an English text by its words, of length one; all zero for a Japanese one."""
    table = english.shipped()
    return table.meaning([token.word for token in reading.tokens] if reading.language == "en" else [])


def english_meanings(readings: Sequence[Reading]) -> NDArray[np.float64]:
    """`english_meaning` of many readings, a row each."""
    found = np.zeros((len(readings), english.shipped().size))
    for row, each in enumerate(readings):
        if each.language == "en" and each.tokens:
            total, length = english_total(each)
            found[row] = total / length
    return found


def english_total(reading: Reading) -> tuple[NDArray[np.float64], float]:
    """`english_meaning` before it is scaled, and its length; worked out once a reading."""
    if reading.worked.english is None:
        words = [token.word for token in reading.tokens] if reading.language == "en" else []
        reading.worked.english = english.shipped().total(words)
    return reading.worked.english


def counts(reading: Reading, queues: Iterable[str]) -> NDArray[np.float64]:
    """log(1 + how many key words speak for it), for every queue with a list."""
    heard = [found.queue for found in reading.keywords]
    return np.log1p(np.array([heard.count(queue) for queue in queues], np.float64))


def many_counts(readings: Sequence[Reading], queues: Sequence[str]) -> NDArray[np.float64]:
    """`counts` of many readings, a row each."""
    number = {queue: place for place, queue in enumerate(queues)}
    return _times([[number[found.queue] for found in each.keywords] for each in readings], len(queues))


def phrases(reading: Reading) -> NDArray[np.float64]:
    """log(1 + how often it is said), for every turn of phrase that has a name."""
    return shipped().counts(reading.said)


def many_phrases(readings: Sequence[Reading]) -> NDArray[np.float64]:
    """`phrases` of many readings, a row each."""
    return _times([[each.number for each in reading.said] for reading in readings], len(shipped().names))


def _times(found: Sequence[Sequence[int]], width: int) -> NDArray[np.float64]:
    """log(1 + how often each number below `width` is found), a row a text."""
    cells = np.array([row * width + number for row, every in enumerate(found) for number in every], np.intp)
    return np.log1p(np.bincount(cells, minlength=len(found) * width).reshape(len(found), width).astype(np.float64))


def _counted(found: Sequence[str], spans: Callable[[], tuple[NDArray[np.intp], NDArray[np.intp]]]) -> Counted:
    places: dict[str, int] = {}
    where = np.array([places.setdefault(each, len(places)) for each in found], np.intp)
    return Counted(list(places), np.bincount(where, minlength=len(places)), lambda: where, spans)


def _asking(reading: Reading) -> list[tuple[list[Token], list[Word]]]:
    """The words of the sentences that ask for something, sentence by sentence: those of Latin letters, the Japanese."""
    return [
        ([token for token in reading.tokens if start <= token.start < end],
         [word for word in reading.words if start <= word.start < end])
        for start, end in reading.asked
    ]  # fmt: skip


def _written(tokens: Sequence[Token], words: Sequence[Word]) -> list[str]:
    """The terms of `_placed` without their places, which only an explanation needs: several times sooner."""
    latin = [token.word for token in tokens]
    return [*latin, *map(" ".join, zip(latin, latin[1:], strict=False)), *[f"#{word.row}" for word in words]]


def _placed(tokens: Sequence[Token], words: Sequence[Word]) -> list[Token]:
    pairs = zip(tokens, tokens[1:], strict=False)
    return [
        *tokens,
        *(Token(f"{one.word} {two.word}", one.start, two.end) for one, two in pairs),
        *(Token(f"#{word.row}", word.start, word.end) for word in words),
    ]


_TOKEN = re.compile(r"[a-z][a-z0-9]*(?:'[a-z]+)?|0")
