"""Another open ticket of the same customer that may be about the same matter.

A hint and nothing more: people write twice when nobody answers, and say it in nearly the same words. What decides is
how many pairs of letters two texts share (Dice's coefficient), which needs no words and so knows no language.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

RECENT = timedelta(days=14)
ALIKE = 0.6
SHORTEST = 6  # letters that tell one matter from another
READ = 140

_MARKS = re.compile(r"^(?:\s*(?:re|fwd?|fw|返信|転送)\s*[:：]\s*|\s*\[[^\]]*\]\s*)+|\[#\d+\]", re.IGNORECASE)
_OF_ANYTHING = frozenset(
    "お問い合わせ 問い合わせ お問合せ ご相談 質問 お願い 電話 inquiry question contact help support hello".split()
)


def likely(
    subject: str, words: str, others: Iterable[tuple[int, str, str, datetime]], *, denied: Collection[int],
    now: datetime,
) -> int | None:  # fmt: skip
    """The number of the likeliest duplicate, if there is one among `others`: (number, subject, first words, last
    contact), all of them open and of the same customer. Those in `denied` were looked at."""
    ranked = [
        (max(alike(_bare(subject), _bare(their_subject)), alike(words, their_words)), number)
        for number, their_subject, their_words, at in others
        if number not in denied and at >= now - RECENT
    ]
    share, number = max(ranked, default=(0.0, 0))
    return number if share >= ALIKE else None


def alike(one: str, other: str) -> float:
    """How much two texts share, in [0, 1]; 0 for texts too short to tell."""
    first, second = _plain(one), _plain(other)
    if min(len(first), len(second)) < SHORTEST:
        return 0.0
    pairs, theirs = Counter(zip(first, first[1:], strict=False)), Counter(zip(second, second[1:], strict=False))
    return 2 * (pairs & theirs).total() / (pairs.total() + theirs.total())


def _bare(subject: str) -> str:
    told = _MARKS.sub("", subject).strip()
    return "" if _plain(told) in _OF_ANYTHING else told


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text[:READ]).casefold()
    return "".join(letter for letter in folded if letter.isalnum())
