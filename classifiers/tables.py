"""A learned vocabulary laid out for answering: what of a text is known, how rare it is and what it speaks for.

The idea: the rarity and the coefficients of one gram or term stand side by side in memory, because fetching them is
what takes time.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers import features
from classifiers.vectors import Hashes, hashed

BETWEEN = "\x00"  # never in a normal form

Floats = NDArray[np.float64]
Coefficients = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Block:
    """A TF-IDF vocabulary with its learned weights: the `words` divided by NUL, UTF-8, `idf` (n) and `coefficients`
    (labels x n), as scikit-learn has them with sublinear counts and rows of length one."""

    words: bytes
    idf: Floats
    coefficients: Coefficients

    @property
    def vocabulary(self) -> dict[str, int]:
        """Every gram or term and its place. Made anew each time: a hundred thousand strings are many megabytes."""
        words = self.words.decode().split(BETWEEN) if len(self.idf) else []
        return {word: place for place, word in enumerate(words)}


@dataclass(frozen=True, slots=True)
class Table:
    """A block laid out for answering. `find` gives the rows of what was counted, -1 for what nobody knows; a row holds
    the idf and the coefficients of all labels side by side, because fetching them from memory is what takes time."""

    find: Callable[[Any], NDArray[np.intp]]
    rows: Floats

    def met(self, counted: Sequence[features.Counted]) -> "list[Met]":
        """What of the grams or terms found in each of several texts is known, and how much each weighs. All are looked
        up together; what is added up is added text by text, so that an answer does not depend on its neighbours."""
        things = [each.things for each in counted]
        places = self.find(np.concatenate(things) if isinstance(things[0], np.ndarray) else list(chain(*things)))
        known = places >= 0
        rows, counts = self.rows[places[known]], np.concatenate([each.counts for each in counted])[known]
        values, coefficients = (1.0 + np.log(counts)) * rows[:, 0], rows[:, 1:]
        ends = list(accumulate(map(len, things)))
        after = np.append(0, np.cumsum(known))[[0, *ends]].tolist()
        found, places = [], places[known]
        for text, start, end, first, last in zip(counted, [0, *ends], ends, after, after[1:], strict=False):
            own = values[first:last]
            own /= max(math.sqrt(own @ own), 1e-12)
            met = Met(places[first:last], own, counts[first:last], coefficients[first:last], known[start:end], text)
            found.append(met)
        return found

    def sums(self, many: features.Many) -> Floats:
        """What the grams or terms of many texts add to the score of every label, texts x labels, without keeping what
        was met: a third of the time that `met` takes. The last digit may be another than there."""
        places = self.find(many.things)
        known = np.flatnonzero(places >= 0)
        text, places, counts = many.text[known], places[known], many.counts[known]
        rows = self.rows[places]
        values = (1.0 + np.log(counts)) * rows[:, 0]
        values /= np.maximum(np.sqrt(np.bincount(text, values * values, many.texts)), 1e-12)[text]
        return np.column_stack([np.bincount(text, values * column, many.texts) for column in rows[:, 1:].T])


@dataclass(frozen=True, slots=True)
class Met:
    """Known grams or terms of one text: TF-IDF, counts and coefficients (known x labels); `known` says which of the
    things `counted` they are, `places` where in the table they stand."""

    places: NDArray[np.intp]
    values: Floats
    counts: NDArray[np.intp]
    coefficients: Floats
    known: NDArray[np.bool_]
    counted: features.Counted

    def scores(self) -> Floats:
        """What they add to the score of every label."""
        return np.asarray(self.values @ self.coefficients)


def gram_table(block: Block) -> Table:
    """Grams are found by their hashes: a text's few hundred different ones at once, in the order of the hashes."""
    hashes = hashed(np.frombuffer(block.words, np.uint8), between=BETWEEN) if len(block.idf) else _NOTHING
    order = np.argsort(hashes)
    hashes = hashes[order]

    def find(things: Hashes) -> NDArray[np.intp]:
        if not len(hashes):
            return np.full(len(things), -1)
        spots = np.minimum(hashes.searchsorted(things), len(hashes) - 1)
        spots[hashes[spots] != things] = -1
        return spots

    return Table(find, _rows(block)[order])


def term_table(block: Block, vocabulary: dict[str, int]) -> Table:
    def find(things: list[str]) -> NDArray[np.intp]:
        return np.fromiter(map(vocabulary.get, things, repeat(-1)), np.intp, len(things))

    return Table(find, _rows(block))


def _rows(block: Block) -> Floats:
    return np.column_stack([block.idf, block.coefficients.T])


_NOTHING = np.zeros(0, np.uint64)
