"""How lengths are spread, in little room: counts in steps of six per cent, and half hours of a day.

The one idea: a median of a year cannot be put together from the medians of its days, but it can from counts of equal
steps. Each step is 6 % longer than the one before it, so a median or a 90th percentile read from them is at most 3 %
from the exact one, whatever the lengths are; counts and sums are exact.
"""

import math
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

KINDS = ("answer", "answer_open", "resolve", "resolve_open")
"""The lengths that are spread; `open` ones are business time."""
STEPS = 256
RATIO = 1.06
SHORTEST = 15.0
"""Seconds; what is shorter is one step. The last step begins after more than a year."""
HALVES = 50
"""Half hours of the longest day there is."""
_LOG = math.log(RATIO)
_SIZE = len(KINDS) * STEPS + HALVES

Counts = np.ndarray[Any, np.dtype[np.int64]]


def empty() -> Counts:
    """Nothing was counted."""
    return np.zeros(_SIZE, dtype=np.int64)


def step_of(seconds: float) -> int:
    """The step a length belongs to."""
    if seconds < SHORTEST:
        return 0
    return min(STEPS - 1, 1 + int(math.log(seconds / SHORTEST) / _LOG + 1e-9))


def count(counts: Counts, kind: str, seconds: float) -> None:
    """One more of this length."""
    counts[KINDS.index(kind) * STEPS + step_of(seconds)] += 1


def count_half(counts: Counts, half: int) -> None:
    """One more in a half hour of the day, from 0."""
    counts[len(KINDS) * STEPS + min(half, HALVES - 1)] += 1


def halves(counts: Counts) -> Counts:
    """How many in each half hour."""
    return counts[len(KINDS) * STEPS :]


def percentile(counts: Counts, kind: str, share: float) -> float | None:
    """The length that so many (0.5: half) do not exceed, in seconds, to 3 %; 0 for one below `SHORTEST`, None of
    nothing."""
    begin = KINDS.index(kind) * STEPS
    own = counts[begin : begin + STEPS]
    total = int(own.sum())
    if not total:
        return None
    reached = np.cumsum(own)
    step = int(np.searchsorted(reached, max(1, math.ceil(share * total))))
    if step == 0:
        return 0.0
    return float(SHORTEST * RATIO ** (step - 0.5))


def packed(counts: Counts) -> bytes:
    """As a row keeps it."""
    return zlib.compress(counts.astype("<u4").tobytes(), 1)


def unpacked(rows: Iterable[bytes]) -> Counts:
    """The sum of what rows keep."""
    total = empty()
    for row in rows:
        if row:
            total += np.frombuffer(zlib.decompress(row), dtype="<u4")
    return total


def packed_halves(counts: Sequence[int]) -> bytes:
    """Half hours alone."""
    return np.asarray([*counts, *[0] * (HALVES - len(counts))], dtype="<u4").tobytes()


def unpacked_halves(row: bytes) -> Counts:
    """The same, read."""
    return np.frombuffer(row, dtype="<u4").astype(np.int64) if row else np.zeros(HALVES, dtype=np.int64)
