"""What many examples hold, counted once for all that is learned from them.

The idea: a training fits several models on nearly the same texts, one a fold and one that answers. So every text is
read and counted once, a few hundred at a time, and only numbers are kept of it: letters and words as rows of sparse
tables, all else as short rows beside them. Each fitting takes its rows and finds in them alone what is rare. The
numbers are those of a scikit-learn pipeline over the readings (`Seen.pipeline`), which would count them anew each
time.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers import features
from classifiers.answers import Example
from classifiers.features import Reading
from classifiers.keywords import Finder
from classifiers.tables import Floats
from classifiers.vectors import Hashes, Vectors

COMMON_FROM = 1_000  # examples; from here on a gram must be met twice to be learned
AT_ONCE = 500  # examples read together
WEIGHTS = {
    "grams": 1.3,
    "terms": 1.0,
    "asked": 0.6,
    "meaning": 0.5,
    "english": 0.5,
    "counts": 0.15,
    "phrases": 0.2,
}
TABLES = ("grams", "terms", "asked")  # the kinds that have a vocabulary of their own
SOFTNESS = 1.0  # LinearSVC's C
NEARLY = 0.01  # LinearSVC's tolerance: at its own, 0.0001, no answer is another, and it takes nearly twice as long
PARTS = 16  # of the grams, told apart one after the other: all at once would take most of the memory


@dataclass(frozen=True, slots=True)
class Table:
    """How often each text holds each gram or term, texts x columns, as 1 + log of the count; `spelled` says of columns
    what they are."""

    counts: Any
    spelled: Callable[[NDArray[np.intp]], list[str]]


Common = tuple[NDArray[np.intp], Floats]  # the columns of a table that are learned, and how rare each is


@dataclass(frozen=True, slots=True)
class Learned:
    """What one fitting found: of every table its words in order and how rare each is, and the borders (a LinearSVC)
    over `TABLES` and then the plain kinds."""

    words: Mapping[str, list[str]]
    rarity: Mapping[str, Floats]
    borders: Any


class Seen:
    """The tables of all examples, in their order, and the normal forms of their `texts`. `blocks` says how loud each
    kind is beside the others, `borders` makes the borders of a seed, a LinearSVC unless given."""

    def __init__(
        self,
        readings: Iterable[Reading],
        vectors: Vectors,
        finder: Finder,
        blocks: Mapping[str, float] = WEIGHTS,
        borders: Callable[[int], Any] | None = None,
    ) -> None:
        self.finder, self.vectors, self.blocks, self.borders = finder, vectors, blocks, borders or _borders
        self.texts: list[str] = []
        languages: list[str] = []
        grams, terms, asked = _Grams(), _Terms(), _Terms()
        plain: dict[str, list[Any]] = {name: [] for name in self._plain_kinds()}
        coming = iter(readings)
        while some := list(islice(coming, AT_ONCE)):
            features.count(some)
            for each in some:
                self.texts.append(each.normal.text)
                languages.append(each.language)
                grams.take(each)
                terms.take(features.terms(each))
                asked.take(features.asked(each))
            for name, found in self._plain_kinds().items():
                plain[name].append(_sparse_rows(found(some) * blocks[name]))
        rarest = self._rarest = 2 if len(self.texts) >= COMMON_FROM else 1
        self.tables = {
            "grams": grams.table(self.texts, languages, rarest=rarest),
            "terms": terms.table(),
            "asked": asked.table(),
        }
        self.plain = {name: _stacked(rows) for name, rows in plain.items()}

    def answers(
        self,
        learned: NDArray[np.intp],
        held: NDArray[np.intp],
        truth: NDArray[Any],
        *,
        seed: int,
        weights: Floats | None = None,
    ) -> tuple[Any, Floats]:
        """What borders fitted on some texts alone (rows of numbers, their labels, how much each counts) say of others:
        the borders, and the distances of those others. Rarity is learned from the former alone, too."""
        common = {name: self._common(table, learned) for name, table in self.tables.items()}
        borders = self.borders(seed).fit(self._rows(learned, common), truth, sample_weight=weights)
        some = (held[start : start + AT_ONCE] for start in range(0, len(held), AT_ONCE))
        return borders, np.concatenate([borders.decision_function(self._rows(each, common)) for each in some])

    def learn(self, examples: Sequence[Example], *, seed: int, truth: Any = None) -> Learned:
        """Fit the borders on the first texts, whose examples these are. The columns stand in the order of their words,
        so that what was read before or beside them does not move a digit. `truth` is other than one label a text where
        given."""
        rows, words, common = np.arange(len(examples)), {}, {}
        for name, table in self.tables.items():
            known, rarity = self._common(table, rows)
            spelled = table.spelled(known)
            order = sorted(range(len(known)), key=spelled.__getitem__)
            common[name] = known[order], rarity[order]
            if len(known):  # else these are texts without a word that anybody knows
                words[name] = [spelled[place] for place in order]
        truth = [example.label for example in examples] if truth is None else truth
        borders = self.borders(seed).fit(self._rows(rows, common), truth, sample_weight=sample_weights(examples))
        return Learned(words, {name: common[name][1] for name in words}, borders)

    def pipeline(self, learned: Learned) -> Any:
        """What was learned, as scikit-learn itself would apply it to readings."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import FeatureUnion, Pipeline
        from sklearn.preprocessing import FunctionTransformer

        analyzers = {"grams": features.grams, "terms": features.terms, "asked": features.asked}
        parts: list[tuple[str, Any]] = []
        for name, words in learned.words.items():
            table = TfidfVectorizer(analyzer=analyzers[name], sublinear_tf=True, vocabulary=words)
            table.idf_ = learned.rarity[name]
            parts.append((name, table))
        parts += [(name, FunctionTransformer(found)) for name, found in self._plain_kinds().items()]
        union = FeatureUnion(parts, transformer_weights={name: self.blocks[name] for name, _ in parts})
        return Pipeline([("seen", union), ("borders", learned.borders)])

    def _common(self, table: Table, rows: NDArray[np.intp]) -> Common:
        """The columns that enough of these texts hold to be learned, and how rare each is among them: the logarithm of
        how many texts one must read to meet it, and one, as scikit-learn has it."""
        held = np.zeros(table.counts.shape[1], np.int64)
        for start in range(0, len(rows), AT_ONCE):
            held += np.bincount(table.counts[rows[start : start + AT_ONCE]].indices, minlength=len(held))
        known = np.flatnonzero(held >= self._rarest)
        return known, np.log((1 + len(rows)) / (1 + held[known])) + 1.0

    def _rows(self, rows: NDArray[np.intp], common: Mapping[str, Common]) -> Any:
        """What is known of these texts, weighed, as one sparse table. It is filled a few hundred rows at a time: the
        parts of all of them side by side, and once more together, would be the most a training ever holds."""
        from scipy.sparse import csr_matrix, hstack

        scales = {
            name: _scale(self.tables[name].counts.shape[1], *each) for name, each in common.items() if len(each[0])
        }
        most = sum(int(np.diff(self.tables[name].counts.indptr)[rows].sum()) for name in scales)
        most += sum(int(np.diff(part.indptr)[rows].sum()) for part in self.plain.values())
        data, columns, ends, width = np.empty(most), np.empty(most, np.int32), [np.zeros(1, np.int64)], 0
        for start in range(0, len(rows), AT_ONCE):
            some, at = rows[start : start + AT_ONCE], int(ends[-1][-1])
            parts = [
                _weighed(self.tables[name].counts[some], scale, len(common[name][0]), self.blocks[name])
                for name, scale in scales.items()
            ]
            part = hstack([*parts, *(each[some] for each in self.plain.values())], format="csr")
            data[at : at + part.nnz], columns[at : at + part.nnz], width = part.data, part.indices, part.shape[1]
            ends.append(at + part.indptr[1:].astype(np.int64))
        filled = int(ends[-1][-1])
        return csr_matrix((data[:filled], columns[:filled], np.concatenate(ends)), shape=(len(rows), width))

    def _plain_kinds(self) -> dict[str, Callable[[Sequence[Reading]], Floats]]:
        return {
            "meaning": lambda readings: np.array([features.meaning(each, self.vectors) for each in readings]),
            "english": lambda readings: np.array([features.english_meaning(each) for each in readings]),
            "counts": lambda readings: np.array([features.counts(each, self.finder.queues) for each in readings]),
            "phrases": lambda readings: np.array([features.phrases(each) for each in readings]),
        }


def sample_weights(examples: Sequence[Example]) -> Floats:
    """How much each example counts in fitting."""
    return np.array([example.weight for example in examples], np.float64)


def _borders(seed: int) -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=SOFTNESS, tol=NEARLY, random_state=seed)


# --- Counting ------------------------------------------------------------------------------------------------------


class _Grams:
    """All runs of characters, by their hashes. They are spelled out only where a column is learned, from a text that
    holds it."""

    def __init__(self) -> None:
        self._hashes: list[Hashes] = []
        self._counts: list[NDArray[np.uint32]] = []
        self._ends = array("q", [0])

    def take(self, reading: Reading) -> None:
        counted = features.counted_grams(reading)
        self._hashes.append(np.asarray(counted.things))
        self._counts.append(counted.counts.astype(np.uint32))
        self._ends.append(self._ends[-1] + len(counted.things))

    def table(self, texts: Sequence[str], languages: Sequence[str], *, rarest: int) -> Table:
        """The table, without what fewer texts hold than `rarest`. Nothing is kept for another one."""
        ends = np.array(self._ends, np.int64)
        hashes = np.concatenate([*self._hashes, np.zeros(0, np.uint64)])
        self._hashes.clear()
        columns, names = _numbered(hashes, rarest=rarest)
        del hashes
        kept = columns >= 0
        columns, ends = columns[kept], np.append(0, np.cumsum(kept))[ends]
        data = np.concatenate([*self._counts, np.zeros(0, np.uint32)])[kept]
        self._counts.clear()
        owner = np.zeros(len(names), np.int32)
        owner[columns] = np.repeat(np.arange(len(texts), dtype=np.int32), np.diff(ends))

        def spelled(wanted: NDArray[np.intp]) -> list[str]:
            found = [""] * len(wanted)
            order = np.argsort(owner[wanted], kind="stable")
            holders, firsts = np.unique(owner[wanted][order], return_index=True)
            for holder, some in zip(holders.tolist(), np.split(order, firsts[1:]), strict=True):
                text, language = texts[holder], languages[holder]
                every = features.gram_hashes(text, language)
                sorter = np.argsort(every)
                places = sorter[np.searchsorted(every, names[wanted[some]], sorter=sorter)]
                for at, place in zip(some.tolist(), places.tolist(), strict=True):
                    found[at] = features.gram_at(text, language, place)
            return found

        return Table(_table(data, columns, ends, len(names)), spelled)


class _Terms:
    """Words, numbered as they come, and in the end as they stand in a dictionary: so the words of a text are in an
    order that no other text changes."""

    def __init__(self) -> None:
        self._numbers: defaultdict[str, int] = defaultdict()
        self._numbers.default_factory = self._numbers.__len__
        self._found, self._ends = array("i"), array("q", [0])

    def take(self, words: Sequence[str]) -> None:
        self._found.extend(map(self._numbers.__getitem__, words))
        self._ends.append(len(self._found))

    def table(self) -> Table:
        """The table; nothing is kept for another one."""
        numbers, words = self._numbers, sorted(self._numbers)
        width = max(len(words), 1)
        places = np.empty(width, np.int64)
        places[[numbers[word] for word in words]] = np.arange(len(words))
        owners = np.repeat(np.arange(len(self._ends) - 1, dtype=np.int64), np.diff(self._ends))
        each, counts = np.unique(owners * width + places[np.array(self._found)], return_counts=True)
        ends = np.searchsorted(each, np.arange(len(self._ends)) * width)
        columns = (each % width).astype(np.int32)
        return Table(_table(counts, columns, ends, width), lambda wanted: [words[column] for column in wanted])


def _numbered(hashes: Hashes, *, rarest: int) -> tuple[NDArray[np.int32], Hashes]:
    """The number of each hash, the same for the same one and -1 where there are fewer than `rarest` of it; the hash of
    each number."""
    numbers, names, count = np.empty(len(hashes), np.int32), [np.zeros(0, np.uint64)], 0
    parts = hashes.astype(np.uint8) % PARTS
    for part in range(PARTS):
        mine = np.flatnonzero(parts == part)
        found, where, held = np.unique(hashes[mine], return_inverse=True, return_counts=True)
        kept = held >= rarest
        numbers[mine] = np.where(kept, count + np.cumsum(kept) - 1, -1)[where]
        names.append(found[kept])
        count += int(kept.sum())
    return numbers, np.concatenate(names)


# --- Sparse rows ---------------------------------------------------------------------------------------------------


def _table(counts: NDArray[Any], columns: NDArray[np.int32], ends: NDArray[np.int64], width: int) -> Any:
    from scipy.sparse import csr_matrix

    data = counts.astype(np.float32)
    np.log(data, out=data)
    data += 1
    return csr_matrix((data, columns, ends), shape=(len(ends) - 1, max(width, 1)))


def _scale(width: int, known: NDArray[np.intp], rarity: Floats) -> tuple[NDArray[np.int32], Floats]:
    """For every column its place among the known, -1 for none, and its rarity."""
    places, weights = np.full(width, -1, np.int32), np.zeros(width)
    places[known], weights[known] = np.arange(len(known)), rarity
    return places, weights


def _weighed(counts: Any, scale: tuple[NDArray[np.int32], Floats], width: int, loudness: float) -> Any:
    """The known columns, weighed by rarity; every row of the length `loudness`."""
    from scipy.sparse import csr_matrix
    from sklearn.preprocessing import normalize

    places, weights = scale
    kept = places[counts.indices] >= 0
    columns = counts.indices[kept]
    ends = np.append(0, np.cumsum(kept))[counts.indptr]
    rows = csr_matrix((counts.data[kept] * weights[columns], places[columns], ends), shape=(counts.shape[0], width))
    normalize(rows, copy=False)
    rows.data *= loudness
    return rows


def _sparse_rows(rows: Floats) -> Any:
    from scipy.sparse import csr_matrix

    return csr_matrix(rows.astype(np.float32))


def _stacked(parts: Sequence[Any]) -> Any:
    from scipy.sparse import csr_matrix, vstack

    return vstack(parts, format="csr") if parts else csr_matrix((0, 0), dtype=np.float32)
