"""One JSON line a figure, and the little arithmetic behind it."""

import json
import sys
from collections.abc import Sequence
from typing import Any


def tell(
    figure: str,
    value: float,
    unit: str,
    *,
    floor: float,
    bar: str = "",
    higher_is_better: bool = False,
    **more: Any,
) -> None:
    """Print a figure. `ratio` is how many times worse than the floor it is, whichever way is better."""
    ratio = floor / value if higher_is_better else value / floor
    line = {"figure": figure, "value": value, "unit": unit, "floor": floor, "ratio": ratio}
    line |= {"bar": bar} if bar else {}
    rounded = {name: _short(told) if isinstance(told, float) else told for name, told in (line | more).items()}
    print(json.dumps(rounded, ensure_ascii=False), flush=True)


def say(text: str) -> None:
    """Progress, for whoever waits."""
    print(text, file=sys.stderr, flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed (nearest rank); of few values the 99th is the largest."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, -(-int(share * 1000) * len(ranked) // 1000) - 1))]


def _short(value: float) -> float:
    return float(f"{value:.4g}")
