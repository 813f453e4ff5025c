"""What many texts are about: the words of fixed topics, and matters that show themselves.

The idea: a fixed topic has a list of words that a person can read and correct (topics.py hears them), so a report says
the same thing every week. What no list foresaw is found by factoring the texts' words (non-negative matrix
factorization of tf-idf weights, Lee and Seung 1999): a group is words that come together, named by them. Both are for
looking at many texts; nothing is decided about one.
"""

import re
import tomllib
import unicodedata
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from classifiers import naming
from classifiers.naming import NAMED_BY
from classifiers.words import Words

LISTS = Path(__file__).parent / "data" / "topics.toml"
LEAST_TEXTS = 40  # of one language; among fewer no group is worth a name
LEAST_WORD = 4  # texts a word must stand in to take part
MOST_WORDS = 1_500
MOST_GROUPS = 8
BELONGS = 0.35  # share of a text's weight that must fall to one group


@dataclass(frozen=True, slots=True)
class Begin:
    """A topic a desk begins with."""

    key: str
    name: str
    name_en: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Texts that showed themselves to be about one matter: what it is called, its words as they stand in texts, and the
    places of its texts in what was given, those that are most about it first."""

    language: str
    names: tuple[str, ...]
    words: tuple[str, ...]
    texts: tuple[int, ...]


@lru_cache(maxsize=1)
def shipped() -> tuple[Begin, ...]:
    """The topics a desk begins with, in order."""
    return tuple(
        Begin(key, told["name"], told["name_en"], tuple(told["words"]))
        for key, told in _lists().items()
        if told["name"]
    )


def has(shown: str, words: Sequence[str]) -> bool:
    """Whether a text in its `folded` form has one of the words. A Japanese word may stand inside of another, a Latin
    one is a word of its own; width and case do not matter."""
    found = _pattern(tuple(words))
    return found is not None and found.search(shown) is not None


def places(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Where a topic's words stand in a text, for marks; none where folding moved its letters."""
    shown, found = folded(text), _pattern(tuple(words))
    return [match.span() for match in found.finditer(shown)] if found and len(shown) == len(text) else []


def folded(text: str) -> str:
    """One spelling for width and case."""
    return unicodedata.normalize("NFKC", text).lower()


def groups(given: Sequence[Words], texts: Sequence[str] = ()) -> list[Group]:
    """Matters that show themselves, a language at a time, the largest first; none among too few texts.

    `texts` are what the words are of; where they are at hand, a group is called as they have it. The number of groups
    grows with the texts. The same texts give the same groups.
    """
    found: list[Group] = []
    for language in ("ja", "en"):
        at = [place for place, each in enumerate(given) if each.language == language]
        if len(at) >= LEAST_TEXTS:
            found += _groups(language, at, given, texts)
    return sorted(found, key=lambda group: (-len(group.texts), group.words))


def _groups(language: str, at: Sequence[int], given: Sequence[Words], texts: Sequence[str]) -> list[Group]:
    from scipy.sparse import csr_matrix
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    # So many rounds are meant: that the last digits still move then is nothing an operator can act on.
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    held = Counter(word for place in at for word in given[place].written)
    most = max(LEAST_WORD, int(len(at) * 0.4))  # what stands everywhere tells nothing apart
    shown = {word: spelled for place in at for word, spelled in given[place].written.items()}
    kept = [
        word for word, count in held.most_common() if LEAST_WORD <= count <= most and shown[word] not in _plain()
    ][:MOST_WORDS]  # fmt: skip
    if len(kept) < NAMED_BY * 2:
        return []
    column = {word: number for number, word in enumerate(kept)}
    rows, columns = [], []
    for row, place in enumerate(at):
        for word in given[place].written:
            if word in column:
                rows.append(row)
                columns.append(column[word])
    rarity = np.log(len(at) / np.array([held[word] for word in kept])) + 1
    weights = csr_matrix((rarity[columns], (rows, columns)), shape=(len(at), len(kept)))
    lengths = np.sqrt(np.asarray(weights.multiply(weights).sum(axis=1)).ravel())
    weights = csr_matrix(weights.multiply(1 / np.maximum(lengths, 1e-9)[:, None]))
    many = int(min(MOST_GROUPS, max(2, len(at) // 25), len(kept) // NAMED_BY))
    model = NMF(many, init="nndsvd", random_state=0, max_iter=150, tol=1e-3)
    said = model.fit_transform(weights)
    share = said / np.maximum(said.sum(axis=1, keepdims=True), 1e-9)
    found = []
    for number in range(many):
        best = np.argsort(-model.components_[number], kind="stable")[: 3 * NAMED_BY]
        belong = [row for row in np.argsort(-said[:, number], kind="stable") if share[row, number] >= BELONGS]
        if len(belong) >= LEAST_WORD:
            loudest = [kept[word] for word in best if model.components_[number][word] > 0]
            written = tuple(dict.fromkeys(shown[word] for word in loudest[: 2 * NAMED_BY]))
            written = tuple(sorted(written, key=_stands_alone, reverse=True))[:NAMED_BY]
            ours = tuple(at[row] for row in belong)
            ran = [folded(texts[place]) for place in ours if texts]
            names = naming.named(loudest, [given[place].written for place in ours], ran, _nameless()) or written
            found.append(Group(language, names, written, ours))
    return found


def _stands_alone(word: str) -> bool:
    """Whether a word can be read alone: 返品 can, 届き and 入っ are pieces of verbs, and 時 says too little."""
    return word.isascii() or (len(word) > 1 and not "ぁ" <= word[-1] <= "ん")


@lru_cache(maxsize=1)
def _lists() -> dict[str, Any]:
    return tomllib.loads(LISTS.read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _plain() -> frozenset[str]:
    """Words that name nothing, in their folded spelling."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset([*_lists()["plain"]["words"], *ENGLISH_STOP_WORDS])


@lru_cache(maxsize=1)
def _nameless() -> frozenset[str]:
    """Words that could stand over any group, as they would name it."""
    return frozenset(_lists()["nameless"]["words"])


@lru_cache(maxsize=256)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str] | None:
    parts = []
    for word in dict.fromkeys(folded(each).strip() for each in words):
        if word:
            plain = re.escape(word)
            parts.append(rf"(?<![a-z0-9]){plain}(?![a-z0-9])" if re.fullmatch(r"[\x20-\x7e]+", word) else plain)
    return re.compile("|".join(parts)) if parts else None


_MAIL = re.compile(r"[A-Za-z0-9._%+\-]+[@＠][A-Za-z0-9.\-]+\.[A-Za-z]{2,}")
_NUMBER = re.compile(r"(?:[+＋]?[0-9０-９][0-9０-９\-－ー‐()（） ]{2,}[0-9０-９])")
_NAMED = re.compile(r"[一-龥々ァ-ヶ]{1,6}(?:様|さん|さま|氏)(?![々一-龥])")


def masked(text: str, names: Sequence[str] = ()) -> str:
    """The text without what tells who it is of or about: addresses, numbers of four digits and more, names before a
    title, and the `names` that are known."""
    text = _NUMBER.sub(lambda found: _hidden(found[0]), _MAIL.sub("●@●", text))
    parts = {part for name in names for part in (name, *name.split()) if len(part) > 1}
    for part in sorted(parts, key=len, reverse=True):
        text = re.sub(re.escape(part), "●●", text, flags=re.IGNORECASE)
    return _NAMED.sub(lambda found: found[0] if found[0] in _NOBODY else f"●●{_title(found[0])}", text)


_NOBODY = frozenset("お客様 皆様 皆さん 客様 担当者様 担当様 店員さん 業者さん 配達員さん 奥様 息子さん 娘さん".split())


def _hidden(number: str) -> str:
    return "●" * 4 if sum(letter.isdigit() for letter in number) >= 4 else number


def _title(named: str) -> str:
    return next(title for title in ("さん", "さま", "様", "氏") if named.endswith(title))
