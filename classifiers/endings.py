"""How a comment ends: what prevails in a customer often comes last, "The clerk was kind. It still does not work."

The idea: of a Japanese comment of several sentences the last one is read once more by itself, and counts beside the
whole. Of English comments this gained nothing, and they are read once.
"""

import re
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

LAST = 0.3  # how much the last sentence counts beside the whole; chosen on authors held out
SHORTEST = 3  # characters of a sentence; less is a mark or a sigh

Share = TypeVar("Share", float, NDArray[np.float64])


def of(text: str, *, language: str) -> str:
    """The last sentence of a text that has several, as it stands; empty where there is none to read by itself."""
    if language != "ja":
        return ""
    sentences = [each for each in map(str.strip, _END.split(text)) if len(each) >= SHORTEST]
    return sentences[-1] if len(sentences) > 1 else ""


def together(whole: Share, last: Share) -> Share:
    """What is said of a comment and of its last sentence, together."""
    return (1 - LAST) * whole + LAST * last


_END = re.compile(r"(?<=[。｡!?！？\n])")
