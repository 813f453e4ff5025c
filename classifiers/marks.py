"""Marks that customers write into a comment: "5 stars", "2/10", "星1", "10点中9点".

The idea: models read every figure as one and the same, since order numbers and dates say nothing of a feeling. Where a
comment, or a sentence of it, begins with a mark, the figure says more than all words beside it.
"""

import re
import unicodedata
from dataclasses import dataclass

GLAD, ANGRY = 0.8, 0.45  # the share of the best mark from which on it is praise, and up to which it is a complaint


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark as it stands in the text, from `start` to `end`, and the feeling it tells."""

    feeling: str
    start: int
    end: int


def of(text: str) -> Mark | None:
    """The first mark in figures that a sentence of the text begins with. One above the best, or of no scale known, is
    none: "24/7"; nor is what a hotel has: "5 star"."""
    plain = "".join(unicodedata.normalize("NFKC", letter)[:1] or letter for letter in text)  # every letter in its place
    for found in _MARK.finditer(plain):
        given = {name: float(value) for name, value in found.groupdict().items() if value and name != "whole"}
        if "stars" in given:
            mark, best = given["stars"], 5.0
        elif "given" in given:
            mark, best = given["given"], given["best"]
        else:
            mark, best = given["mark"], given["of"]
        if mark <= best:
            share = mark / best
            feeling = "positive" if share >= GLAD else "negative" if share <= ANGRY else "neutral"
            return Mark(feeling, found.start("whole"), found.end("whole"))
    return None


_MARK = re.compile(
    r"(?:^|[.!?。\n])\s*(?P<whole>"
    r"(?P<mark>\d{1,3}(?:\.\d)?)\s?(?:/|out of)\s?(?P<of>5|10|100)(?![\d/])(?:\s?stars?\b)?"
    r"|(?:星\s?(?=\d)|(?=1\s?star\b|\d(?:\.\d)?\s?stars\b))(?P<stars>\d(?:\.\d)?)(?!\d)(?:\s?stars?\b|つ)?"
    r"|(?P<best>5|10|100)点(?:中|満点[中で])、?(?P<given>\d{1,3})(?![\d,])点?)",
    re.IGNORECASE,
)
