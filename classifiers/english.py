"""What English words mean, as vectors: the counterpart of vectors.py, small because English words stand apart by
themselves.

The idea: a sentence encoder far too slow and large for a desk was asked once about some 43,000 sentences and words, and
for every word the vector was found that, summed over a sentence, comes nearest to its answer. A few thousand vectors
of 64 numbers keep most of what the encoder knows about inquiries, at the price of a sum. distil.py makes the
table; data/english_NOTICE.txt says from what.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).parent / "data" / "english_64_int8.npz"


class EnglishVectors:
    """The table, held open. `size` is the number of dimensions, `digest` the SHA-256 of its file. The vectors are
    scaled by how much a word says, so that a plain sum is a weighted one."""

    def __init__(self, path: Path = DATA) -> None:
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with np.load(path, allow_pickle=False) as file:
            words = file["words"].tobytes().decode().split("\n")
            self._table = file["vectors"].astype(np.float32) * file["scale"].astype(np.float32)[:, None]
        self._places = {word: place for place, word in enumerate(words)}
        self.size = int(self._table.shape[1])

    def of(self, word: str) -> NDArray[np.float32] | None:
        """The vector of one word in normal form, or None."""
        place = self._places.get(word)
        return None if place is None else np.asarray(self._table[place])

    def along(self, words: Sequence[str], direction: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each word adds to the sum in a direction, repeats sharing evenly; 0 for words nobody knows."""
        found = np.array([self._places.get(word, -1) for word in words], np.intp)
        places, where, counts = np.unique(found, return_inverse=True, return_counts=True)
        gain = self._table[places] @ direction * (1 + np.log(counts)) / counts
        gain[places < 0] = 0.0
        return np.asarray(gain[where])

    def meaning(self, words: Sequence[str]) -> NDArray[np.float64]:
        """The sum of the vectors, repeats damped, scaled to length one; all zero when no word is known."""
        total, length = self.total(words)
        return total / length

    def total(self, words: Sequence[str]) -> tuple[NDArray[np.float64], float]:
        """The sum before it is scaled, and its length."""
        counted = Counter(place for word in words if (place := self._places.get(word)) is not None)
        if not counted:
            return np.zeros(self.size), 1.0
        times = 1.0 + np.log(np.fromiter(counted.values(), np.float64, len(counted)))
        total = times @ self._table[list(counted)].astype(np.float64)
        return np.asarray(total), max(float(np.linalg.norm(total)), 1e-9)


@lru_cache(maxsize=1)
def shipped() -> EnglishVectors:
    """The table that comes with the desk, read once a process."""
    return EnglishVectors()
