"""Whether two inquiries tell of the same problem, how sure that is, and which of their words say so.

The idea: people describe one fault in different words, so a text is known by its words and by where it lies among
meanings. Its meaning is a direction, the sum of its word vectors, rare words loudest; the room of directions is
divided once, by the corpus, into a few hundred neighborhoods. Words and neighborhoods (alone, and in pairs, which are
rarer) become numbers alike, the `keys` under which a case is kept; whoever looks for one like it asks for cases with
the same keys, the rarest telling most, and compares the meanings of the few that come back. So looking takes as long
in a million cases as in a thousand.

What a word's rarity is, the neighborhoods and the confidence come from `shipped/cases.npz`; `python -m
classifiers.ship` makes it. `version` changes with anything that changes keys or meanings: cases kept under another
version have to be kept anew.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers import english, vectors
from classifiers import text as texts

LANGUAGES = ("ja", "en")
SIZES = {"ja": 128, "en": 64}  # numbers of a meaning
NEIGHBORHOODS = 512
NEAREST = 4  # neighborhoods a text belongs to
WORDS_KEPT = 14  # words a case is found by
WORDS_ASKED = 10  # words looked for
MOST_ASKED = WORDS_ASKED + NEAREST + NEAREST * (NEAREST - 1) // 2
AXES = 2  # directions shared by all texts, taken out of every meaning
LEAST_WORDS = 2  # a text with fewer known words has no meaning to speak of
COMMON = math.log(1 / 0.04)  # a word that stands in more than 4 % of all cases is not looked for
TELLING = 2.5  # the least rarity of a word that is evidence, or shown as such
ENOUGH = 25.0  # so much rarity in common is all one can ask, however long the text
MOST_KIN = 2  # pairs of words near in meaning that are shown
KIN = 0.7  # from this cosine on, two words are said to be near in meaning

FORMAT = 1
SHIPPED = Path(__file__).parent / "shipped"

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Term:
    """A telling word of a text, from `start` to before `end` as written; both -1 when it stands in the subject.
    `rarity` is the logarithm of how many texts one must read to meet it."""

    key: int
    words: str
    start: int
    end: int
    rarity: float


@dataclass(frozen=True, slots=True)
class Gist:
    """What is compared of a text: its terms, the rarest first, its neighborhoods as keys, and its meaning, one signed
    byte a dimension, empty when it has none."""

    language: str
    terms: tuple[Term, ...]
    places: tuple[int, ...]
    meaning: bytes

    @property
    def keys(self) -> list[int]:
        """The numbers a case is found by: at most 24, none twice."""
        return [term.key for term in self.terms[:WORDS_KEPT]] + list(self.places)


@dataclass(frozen=True, slots=True)
class Shared:
    """A word of the one text and a word of the other that speak for likeness: the same, or near in meaning."""

    words: str
    others: str
    same: bool
    start: int
    end: int
    other_start: int
    other_end: int


class Cases:
    """The map of meanings, held open: `shipped()` has the one that comes with the desk."""

    def __init__(self, content: bytes, card: Mapping[str, Any]) -> None:
        """Raises ValueError when the bytes are not those of the card, or not of this format."""
        digest = hashlib.sha256(content).hexdigest()
        if card.get("sha256") != digest or card.get("format") != FORMAT or card.get("normal_form") != texts.VERSION:
            raise ValueError("the file of cases is not the one on its card; run python -m classifiers.ship")
        self._japanese, self._english = vectors.japanese(), english.shipped()
        told = f"{digest} {self._japanese.digest} {self._english.digest}"
        self.version = hashlib.sha256(told.encode()).hexdigest()[:12]
        self.card = dict(card)
        arrays = _unpacked(content)
        self._maps = {language: _Map.of(arrays, language) for language in LANGUAGES}
        self._confidence = {language: tuple(card["confidence"][language]) for language in LANGUAGES}

    def gist(self, text: str, *, subject: str = "", language: str = "") -> Gist:
        """What is compared of one inquiry. Takes any text; one with nothing to read has neither terms nor meaning."""
        reading = _read(text, subject, language, self._japanese)
        found = self._maps[reading.language]
        terms = tuple(
            sorted(
                (
                    Term(word.key, word.written, word.start, word.end, found.rarity(word.key))
                    for word in reading.words.values()
                ),
                key=lambda term: (-term.rarity, term.key),
            )
        )
        direction = found.settled(_direction(reading, found, self._japanese, self._english))
        if direction is None:
            return Gist(reading.language, terms, (), b"")
        return Gist(reading.language, terms, found.places(direction, reading.language), _bytes(direction))

    def asked(self, gist: Gist, *, seen: Mapping[int, int], among: int) -> list[tuple[int, float]]:
        """The keys to look for and how much each tells, the loudest first, at most `MOST_ASKED`. `seen` says in how
        many of the `among` cases of its language a key stands; what stands nearly everywhere is not worth a look."""
        found = self._maps[gist.language]
        total = found.count + among

        def weight(key: int) -> float:
            return math.log((total + 1) / (found.counts.get(key, 0) + seen.get(key, 0) + 1))

        words = sorted(((term.key, weight(term.key)) for term in gist.terms), key=lambda each: -each[1])
        met = [each for each in words if seen.get(each[0]) and each[1] > COMMON][:WORDS_ASKED]
        places = [(key, weight(key)) for key in gist.places if seen.get(key)]
        return sorted(met + places, key=lambda each: -each[1])

    def confidence(self, gist: Gist, keys: Sequence[bytes], meanings: Sequence[bytes]) -> NDArray[np.float64]:
        """How probable it is that each case, given by packed keys and meaning, tells of the same problem. In [0, 1];
        measured on judged pairs of one language, and comparable only within it."""
        bias, *weights = self._confidence[gist.language]
        return np.asarray(1 / (1 + np.exp(-bias - self.likeness(gist, keys, meanings) @ np.array(weights))))

    def likeness(self, gist: Gist, keys: Sequence[bytes], meanings: Sequence[bytes]) -> NDArray[np.float64]:
        """What confidence is made of, one line a case: the cosine of the meanings, and the share of the weight of the
        text's words that stand in the case."""
        return np.column_stack([_cosines(gist, meanings), _overlaps(gist, keys)])

    def because(self, gist: Gist, other: Gist, *, most: int = 5) -> list[Shared]:
        """The words of two texts that speak for their likeness, the loudest first: shared ones, and such that are near
        in meaning ("leaks" and "dripping")."""
        ours = {term.key: term for term in gist.terms if term.rarity >= TELLING}
        theirs = {term.key: term for term in other.terms if term.rarity >= TELLING}
        shared = [_both(term, theirs[key]) for key, term in ours.items() if key in theirs]
        if gist.language != other.language or len(shared) >= most:
            return shared[:most]
        alone = [term for key, term in ours.items() if key not in theirs]
        free = [term for key, term in theirs.items() if key not in ours]
        return (shared + self._kin(gist.language, alone, free)[:MOST_KIN])[:most]

    def _kin(self, language: str, ours: Sequence[Term], theirs: Sequence[Term]) -> list[Shared]:
        rows, columns = self._known(language, ours), self._known(language, theirs)
        if not rows or not columns:
            return []
        likeness = np.stack([each for _, each in rows]) @ np.stack([each for _, each in columns]).T
        found = []
        for row in range(len(rows)):
            column = int(likeness[row].argmax())
            if likeness[row, column] >= KIN and int(likeness[:, column].argmax()) == row:
                loud = float(likeness[row, column]) * min(rows[row][0].rarity, columns[column][0].rarity)
                found.append((loud, _both(rows[row][0], columns[column][0], same=False)))
        return [shared for _, shared in sorted(found, key=lambda each: -each[0])]

    def _known(self, language: str, terms: Sequence[Term]) -> list[tuple[Term, Floats]]:
        """The terms of which a meaning is known, with that as a direction."""
        found = []
        for term in terms:
            vector: NDArray[Any] | None = None
            if language == "ja" and term.key < _STRINGS:
                vector = self._japanese.of([term.key - _ROWS])[0]
            elif language == "en":
                vector = self._english.of(texts.folded(term.words))
            if vector is not None and (length := float(np.linalg.norm(vector))) > 0:
                found.append((term, np.asarray(vector / length, np.float32)))
        return found


@lru_cache(maxsize=1)
def shipped() -> Cases:
    """The map that comes with the desk, read once a process. Raises ValueError when its file was changed."""
    import json

    card = json.loads((SHIPPED / "cases.json").read_text(encoding="utf-8"))
    return Cases((SHIPPED / "cases.npz").read_bytes(), card)


def everyone(language: str) -> int:
    """The key under which all cases of a language are counted. No text has it."""
    return LANGUAGES.index(language)


def packed(keys: Iterable[int]) -> bytes:
    """Keys as bytes, eight each, as a row keeps them."""
    return np.array(list(keys), "<i8").tobytes()


def unpacked(content: bytes) -> list[int]:
    """The keys in such bytes."""
    return np.frombuffer(content, "<i8").tolist()  # type: ignore[no-any-return]


# --- Reading ---------------------------------------------------------------------------------------------------------

_ROWS = 1 << 40  # the key of a word of the Japanese table is this and its row
_PLACES = 1 << 41  # of neighborhoods: this, the language, one or two of them
_STRINGS = 1 << 62  # of anything else: this and 62 bits of a hash

_TOKEN = {  # the halves of codes are none; in Japanese Wi-Fi is one word, in English high-pitched is two
    "ja": re.compile(r"(?<![a-z0-9])(?<!0-)[a-z]{2,}(?:-[a-z]+)*(?![a-z0-9])(?!-0)"),
    "en": re.compile(r"(?<![a-z0-9])(?<!0-)[a-z]{2,}(?:'[a-z]+)?(?![a-z0-9])(?!-0)"),
}
_KATAKANA = re.compile(r"[ァ-ヺー]{3,}")
_CODE = re.compile(  # E4, AP-40, IX18B: what is printed on a thing or shown by it. Not order numbers, which are longer.
    r"(?<![0-9A-Za-z０-９Ａ-Ｚａ-ｚ@.-])(?=[0-9０-９-]*[A-Za-zＡ-Ｚａ-ｚ])(?=[A-Za-zＡ-Ｚａ-ｚ-]*[0-9０-９])"
    r"[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]+(?:-[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]+)?(?![0-9A-Za-z０-９Ａ-Ｚａ-ｚ@-])"
)
_LONGEST_CODE, _MOST_DIGITS = 9, 4
_ENDINGS = ("ings", "edly", "ing", "ed", "es", "ly", "s", "e")


@dataclass(frozen=True, slots=True)
class _Word:
    key: int
    written: str
    start: int
    end: int
    normal: str  # what the English table is asked for; "" for codes


@dataclass(frozen=True, slots=True)
class _Reading:
    language: str
    words: dict[int, _Word]  # each once, where it stands first


def _read(text: str, subject: str, language: str, japanese: vectors.Vectors) -> _Reading:
    normal = texts.normal(text, subject=subject)
    language = language if language in LANGUAGES else texts.language(normal.text)
    words: dict[int, _Word] = {}

    def note(key: int, start: int, end: int, said: str) -> None:
        if start < normal.body < end:  # over the line between subject and text
            return
        first, last = normal.place(start, end)
        written = (subject if start < normal.body else text)[first:last]
        place = (-1, -1) if start < normal.body else (first, last)
        if (known := words.get(key)) is None or (known.start < 0 <= place[0]):
            words[key] = _Word(key, written, *place, said)

    if language == "ja":
        met = bytearray(len(normal.text))
        for word in japanese.words(normal.text):
            met[word.start : word.end] = b"\1" * (word.end - word.start)
            note(_ROWS + word.row, word.start, word.end, "")
        for found in _KATAKANA.finditer(normal.text):
            if not any(met[found.start() : found.end()]):
                note(_hashed("ja", found[0]), found.start(), found.end(), "")
    for found in _TOKEN[language].finditer(normal.text):
        said = found[0].replace("-", "") if language == "ja" else _stem(found[0])
        note(_hashed(language, said), found.start(), found.end(), found[0])
    _note_codes(text, subject, normal, words)
    return _Reading(language, words)


def _note_codes(text: str, subject: str, normal: texts.Normal, words: dict[int, _Word]) -> None:
    own = set(normal.starts[normal.body :])
    for source, is_text in ((text[: texts.LONGEST], True), (subject[: texts.LONGEST_SUBJECT], False)):
        for found in _CODE.finditer(source):
            code = texts.folded(found[0]).replace("-", "")
            if len(code) > _LONGEST_CODE or sum(map(str.isdigit, code)) > _MOST_DIGITS:
                continue
            if is_text and found.start() not in own:
                continue
            key = _hashed("", code)
            place = found.span() if is_text else (-1, -1)
            words.setdefault(key, _Word(key, found[0], *place, ""))


def _hashed(language: str, word: str) -> int:
    digest = hashlib.blake2b(f"{language} {word}".encode(), digest_size=8).digest()
    return _STRINGS | int.from_bytes(digest, "big") >> 2


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    """An English word without its ending: leaks, leaked and leaking are one."""
    word = word.partition("'")[0]
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    return word


def _both(ours: Term, theirs: Term, *, same: bool = True) -> Shared:
    return Shared(ours.words, theirs.words, same, ours.start, ours.end, theirs.start, theirs.end)


# --- Meaning ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Map:
    """What is known of one language: in how many of `count` texts a key stands, and how its meanings lie."""

    count: int
    counts: dict[int, int]
    mean: Floats
    axes: Floats
    centers: Floats

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], language: str) -> "_Map":
        keys, counts = arrays[f"{language}_keys"], arrays[f"{language}_counts"]
        return cls(
            int(arrays[f"{language}_count"][0]),
            dict(zip(keys.tolist(), counts.tolist(), strict=True)),
            arrays[f"{language}_mean"],
            arrays[f"{language}_axes"],
            _units(arrays[f"{language}_centers"].astype(np.float32)),
        )

    def rarity(self, key: int) -> float:
        return math.log((self.count + 1) / (self.counts.get(key, 0) + 1))

    def settled(self, direction: Floats | None) -> Floats | None:
        """A direction without what all texts have in common."""
        if direction is None:
            return None
        own = direction - self.mean
        own = own - self.axes.T @ (self.axes @ own)
        return np.asarray(own / max(float(np.linalg.norm(own)), 1e-9), np.float32)

    def places(self, direction: Floats, language: str) -> tuple[int, ...]:
        """The nearest neighborhoods, and their pairs, as keys."""
        likeness = self.centers @ direction
        nearest = np.argpartition(-likeness, NEAREST)[:NEAREST].tolist()
        base = _PLACES | LANGUAGES.index(language) << 32
        alone = [base | place for place in nearest]
        return tuple(alone + [base | (min(p) + 1) << 16 | max(p) for p in combinations(nearest, 2)])


def _direction(
    reading: _Reading, found: _Map, japanese: vectors.Vectors, in_english: english.EnglishVectors
) -> Floats | None:
    """The sum of what the words mean, of length one; None when too few are known."""
    if reading.language == "ja":
        keys = [key for key in reading.words if key < _STRINGS]
        if len(keys) < LEAST_WORDS:
            return None
        table = _units(japanese.of([key - _ROWS for key in keys]))
        total = np.array([found.rarity(key) for key in keys], np.float32) @ table
    else:
        known = [vector for word in reading.words.values() if (vector := in_english.of(word.normal)) is not None]
        if len(known) < LEAST_WORDS:
            return None
        total = np.sum(known, axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)


def _bytes(direction: Floats) -> bytes:
    """A direction as signed bytes: an angle is kept to about half a degree."""
    return np.round(direction * (127 / max(float(np.abs(direction).max()), 1e-9))).astype(np.int8).tobytes()


def _cosines(gist: Gist, meanings: Sequence[bytes]) -> NDArray[np.float64]:
    size = SIZES[gist.language]
    if not gist.meaning:
        return np.zeros(len(meanings))
    blank = bytes(size)
    joined = b"".join(each if len(each) == size else blank for each in meanings)
    table = np.frombuffer(joined, np.int8).reshape(-1, size).astype(np.float32)
    own = np.frombuffer(gist.meaning, np.int8).astype(np.float32)
    lengths = np.maximum(np.linalg.norm(table, axis=1) * np.linalg.norm(own), 1e-9)
    return np.asarray(table @ own / lengths, np.float64)


def _overlaps(gist: Gist, keys: Sequence[bytes]) -> NDArray[np.float64]:
    """For each case, which share of the rarity of the text's words stands in it, too, at most of `ENOUGH`. In [0, 1].
    A long text need not be met in everything it tells."""
    telling = sorted((term.key, term.rarity) for term in gist.terms[:WORDS_KEPT] if term.rarity >= TELLING)
    if not telling:
        return np.zeros(len(keys))
    own, rarity = (np.array(each) for each in zip(*telling, strict=True))
    theirs = np.frombuffer(b"".join(keys), "<i8")
    spot = np.minimum(np.searchsorted(own, theirs), len(own) - 1)
    met = np.append(0.0, np.cumsum(np.where(own[spot] == theirs, rarity[spot], 0.0)))
    ends = np.cumsum([len(each) // 8 for each in keys], dtype=np.int64)
    found = np.diff(met[np.append(0, ends)])
    return np.asarray(np.minimum(found / min(float(rarity.sum()), ENOUGH), 1.0), np.float64)


def _units(rows: NDArray[Any]) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9), np.float32)


# --- Learning --------------------------------------------------------------------------------------------------------


def learn(inquiries: Iterable[tuple[str, str, str]]) -> bytes:
    """The map of meanings from texts given as (language, subject, text): what `Cases` reads. The same texts in the same
    order give the same map on one machine; the last digits may differ on another."""
    read: dict[str, list[_Reading]] = {language: [] for language in LANGUAGES}
    for language, subject, text in inquiries:
        read[language].append(_read(text, subject, language, vectors.japanese()))
    arrays: dict[str, NDArray[Any]] = {}
    for language, readings in read.items():
        seen = Counter(key for reading in readings for key in reading.words)
        kept = sorted(key for key, count in seen.items() if count > 1)
        plain = _Map(len(readings), dict(seen), *(np.zeros(0, np.float32),) * 3)
        directions = [_direction(reading, plain, vectors.japanese(), english.shipped()) for reading in readings]
        table = np.stack([each for each in directions if each is not None])
        mean = table.mean(axis=0)
        axes = np.linalg.svd(table - mean, full_matrices=False)[2][:AXES].astype(np.float32)
        own = table - mean
        own = _units(own - (own @ axes.T) @ axes)
        arrays |= {
            f"{language}_count": np.array([len(readings)], np.int64),
            f"{language}_keys": np.array(kept, np.int64),
            f"{language}_counts": np.array([seen[key] for key in kept], np.int32),
            f"{language}_mean": mean.astype(np.float32),
            f"{language}_axes": axes,
            f"{language}_centers": np.round(_centers(own) * 127).astype(np.int8),
        }
    return _packed(arrays)


def _centers(rows: Floats, *, rounds: int = 25) -> Floats:
    """The middles of the neighborhoods: k-means among directions, from a set beginning."""
    chance = np.random.default_rng(1)
    centers = rows[chance.choice(len(rows), NEIGHBORHOODS, replace=False)].copy()
    for _ in range(rounds):
        nearest = (rows @ centers.T).argmax(axis=1)
        for place in range(NEIGHBORHOODS):
            those = rows[nearest == place]
            centers[place] = those.sum(axis=0) if len(those) else rows[chance.integers(len(rows))]
        centers = _units(centers)
    return centers


def _packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    import io

    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def _unpacked(content: bytes) -> dict[str, NDArray[Any]]:
    import io

    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
