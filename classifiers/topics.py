"""What a comment is about: topics that were learned, topics that are words, and both as people correct them.

The idea: a model of the router's kind has learned ten topics, of which a text may have none, one or more; it hears a
desk's own words for them. A topic that a desk adds is about whatever holds one of its words. When somebody says that a
text is, or is not, about a topic, that is kept, and is learned as the least change of the model's numbers that agrees
with what was said: texts alike follow at once, and the shipped model stays as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from classifiers import features, themes, words
from classifiers.answers import Reason
from classifiers.features import Reading
from classifiers.keywords import Finder, spelled
from classifiers.router import AT_ONCE, Refused, Router
from classifiers.tables import Floats
from classifiers.words import Words

HAS_WORD, HAS_NONE = 2.0, -2.5  # log odds of a topic nobody has taught, of a text with one of its words, and of others
AWAY = -8.0  # log odds of a topic where only another one's words stand that was split from it
MOST_MARKS = 400  # of a topic, the newest
HOLD = 0.1  # how hard the numbers hold against what was said; 0.1 to 2 are much alike on authors not learned from
ROUNDS = 30
WIDTH = 1 << 14  # places for words; two that share one by chance are told apart by the rest of their texts


@dataclass(frozen=True, slots=True)
class Mark:
    """What somebody said of one text: that it is about a topic, or is not."""

    text: str
    is_about: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A topic that texts are read for: its words, the learned topics it stands for, if any, and what was said of it,
    the newest first. Of topics that stand for the same one a text belongs to those whose words it has, and to the first
    where it has none of them."""

    key: str
    words: tuple[str, ...]
    labels: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Taught:
    """A learned model. `odds` are, by language, slope and height by which a distance from a border becomes log odds;
    `cuts` the log odds from which on the likeliest topic of a text counts, and any other."""

    router: Router
    odds: Mapping[str, tuple[float, float]]
    cuts: Mapping[str, tuple[float, float]]

    @classmethod
    def of(cls, router: Router, card: Mapping[str, Any]) -> "Taught":
        """The model with what its card says. Raises `Refused` when that is not there."""
        try:
            pairs = [
                {str(language): (float(one), float(two)) for language, (one, two) in card[name].items()}
                for name in ("odds", "cuts")
            ]
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise Refused(f"model {router.version}: its card says no odds and cuts ({error}). Restore it.") from error
        return cls(router, *pairs)


@lru_cache(maxsize=1)
def shipped() -> Taught:
    """The model that comes with the desk, read once a process. Raises `Refused` when its file was changed."""
    from classifiers import registry

    model, card = registry.SHIPPED / "topics.npz", registry.SHIPPED / "topics.json"
    return Taught.of(registry.load(model, card), registry.read_card(card))


class Reader:
    """Topics made ready for reading: built once, asked for many texts. `keys` are theirs, in order."""

    def __init__(self, asked: Sequence[Asked], *, taught: Taught | None = None) -> None:
        """Raises `Refused` when the shipped model was changed."""
        self.asked = tuple(asked)
        self.keys = tuple(each.key for each in self.asked)
        self._taught = taught or shipped()
        self._labels = self._taught.router.labels
        self._finder = Finder(self._heard())
        self._rivals = [
            [other for other, its in enumerate(self.asked) if other != place and set(its.labels) & set(each.labels)]
            for place, each in enumerate(self.asked)
        ]
        self._by_words = [  # where it matters, since looking for them takes longer than all else
            bool(rivals) or not self._places(each) for each, rivals in zip(self.asked, self._rivals, strict=True)
        ]
        self._said = [{themes.folded(mark.text): mark.is_about for mark in each.marks[::-1]} for each in self.asked]
        self._learned = self._learn() if any(self._said) else None

    def about(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        """The keys of the topics that each text is about, in the order of the topics."""
        return [keys for keys, _ in self._read(texts)]

    def read(self, texts: Sequence[str]) -> list[tuple[tuple[str, ...], Words]]:
        """`about`, and of each text its words for counting: it is read once for both."""
        return [(keys, words.of(reading)) for keys, reading in self._read(texts)]

    def _read(self, texts: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Reading]]:
        for start in range(0, len(texts), AT_ONCE):
            some = texts[start : start + AT_ONCE]
            readings = self._readings(some)
            for about, reading in zip(self._chosen(some, readings).tolist(), readings, strict=True):
                yield tuple(compress(self.keys, about)), reading

    def because(self, text: str, key: str) -> tuple[Reason, ...]:
        """The words of a text that speak for a topic: those of its list as they stand, then what the model heard
        besides, loudest first."""
        topic = self.asked[self.keys.index(key)]
        found = [Reason(text[start:end], 1.0, start, end) for start, end in themes.places(text, topic.words)]
        places = self._places(topic)
        if not places:
            return tuple(found)
        weighed = self._taught.router.weigh(self._readings([text]))[0]
        label = self._labels[max(places, key=weighed.scores.__getitem__)]
        told = self._taught.router.because(weighed, label, text)
        return (*found, *(each for each in told if not any(_meet(each, word) for word in found)))

    def _heard(self) -> dict[str, list[str]]:
        """The words of the learned topics as the desk has them; of those it does not ask for, as they came."""
        came = self._taught.router.weights.keywords
        own: dict[str, list[str]] = {label: [] for label in self._labels}
        for each in self.asked:
            for label in set(each.labels) & set(own):
                own[label] += [word for typed in each.words if (word := spelled(typed)).rstrip("*")]
        return {label: words or list(came[label]) for label, words in own.items()}

    def _readings(self, texts: Sequence[str]) -> list[Reading]:
        inquiries = [("", text) for text in texts]
        return features.read_many(inquiries, vectors=self._taught.router.vectors, finder=self._finder)

    def _chosen(self, texts: Sequence[str], readings: Sequence[Reading]) -> NDArray[np.bool_]:
        """Which topics each text is about, texts x topics: those as likely as is asked, the likeliest learned one from
        a lower cut on; in any case what was said of this very text."""
        shown = [themes.folded(text) for text in texts] if self._learned or any(self._by_words) else []
        odds = self._odds(shown, readings)
        if self._learned is not None:
            said, counts = self._learned
            odds += said.alike(readings) @ counts
        first, others = np.array([self._taught.cuts[each.language] for each in readings]).T
        learned = [number for number, each in enumerate(self.asked) if each.labels]
        least = np.zeros_like(odds)
        least[:, learned] = others[:, None]
        if learned:
            best = np.array(learned)[odds[:, learned].argmax(axis=1)]
            least[np.arange(len(texts)), best] = first
        chosen = odds >= least
        for number, said_of in enumerate(self._said):
            for row in [row for row, text in enumerate(shown) if text in said_of] if said_of else ():
                chosen[row, number] = said_of[shown[row]]
        chosen[[row for row, text in enumerate(texts) if not text.strip()]] = False
        return np.asarray(chosen)

    def _odds(self, shown: Sequence[str], readings: Sequence[Reading]) -> Floats:
        """The log odds that each text is about each topic before anything was said, texts x topics; `shown` are their
        folded forms."""
        scores = self._taught.router.distances(readings)
        slope, height = np.array([self._taught.odds[each.language] for each in readings]).T
        has = np.zeros((len(readings), len(self.asked)), bool)
        for number in np.flatnonzero(self._by_words).tolist():
            has[:, number] = [themes.has(text, self.asked[number].words) for text in shown]
        odds = np.empty(has.shape)
        for number, each in enumerate(self.asked):
            places, rivals = self._places(each), self._rivals[number]
            if not places:
                odds[:, number] = np.where(has[:, number], HAS_WORD, HAS_NONE)
                continue
            likely = slope * scores[:, places].max(axis=1) + height
            theirs = has[:, rivals].any(axis=1) | (bool(rivals) and rivals[0] < number)
            odds[:, number] = np.where(theirs & ~has[:, number], np.minimum(likely, AWAY), likely)
        return odds

    def _places(self, topic: Asked) -> list[int]:
        return [self._labels.index(label) for label in topic.labels if label in self._labels]

    def _learn(self) -> "tuple[_Said, Floats]":
        """The texts something was said of, and how much each counts for each topic: texts x topics."""
        texts = list(dict.fromkeys(text for said in self._said for text in list(said)[-MOST_MARKS:]))
        found = self._readings(texts)
        kept = _Said(found, self._taught.router)
        alike, odds = kept.alike(found), self._odds(texts, found)
        counts = np.zeros((len(texts), len(self.asked)))
        for number, topic in enumerate(self.asked):
            rows = [row for row, text in enumerate(texts) if text in self._said[number]]
            if rows:
                cuts = [self._taught.cuts[found[row].language][1] if topic.labels else 0.0 for row in rows]
                before = odds[rows, number] - cuts
                wanted = np.array([1.0 if self._said[number][texts[row]] else -1.0 for row in rows])
                counts[rows, number] = _least_change(alike[np.ix_(rows, rows)], before, wanted)
        return kept, counts


class _Said:
    """The texts something was said of, to compare others with: by their words, the rare ones loudest, and by what they
    mean. Only what is much alike follows: of a likeness from 0 to 1 the third power counts, for with the plain one
    everything that was ever denied made a topic rarer everywhere."""

    def __init__(self, found: Sequence[Reading], router: Router) -> None:
        self._vectors, terms = router.vectors, router.weights.terms
        self._rarity = dict(zip(terms.vocabulary, terms.idf.tolist(), strict=True))
        self._unheard = max(self._rarity.values(), default=1.0)
        self._rows = self._gists(found)

    def alike(self, found: Sequence[Reading]) -> Floats:
        """How much each text is alike those, from 0 to 1; texts x those."""
        return np.asarray(np.maximum((self._gists(found) @ self._rows.T).toarray() / 2, 0.0) ** 3)

    def _gists(self, found: Sequence[Reading]) -> Any:
        """A row a text: its words, each at one of `WIDTH` places, and its meaning, both of length one where there are
        some."""
        from scipy.sparse import csr_matrix, hstack

        values, places, ends, meanings = [], [], [0], []
        for reading in found:
            counted = features.counted_terms(reading)
            rare = np.array([self._rarity.get(str(word), self._unheard) for word in counted.things], np.float64)
            loud = (1.0 + np.log(counted.counts)) * rare
            values.append(loud / max(float(np.linalg.norm(loud)), 1e-12))
            places += [crc32(str(word).encode()) % WIDTH for word in counted.things]
            ends.append(len(places))
            total, length = features.english_total(reading)
            meanings.append(np.concatenate([features.meaning(reading, self._vectors), total / length]))
        words = csr_matrix((np.concatenate(values), places, ends), shape=(len(found), WIDTH))
        return hstack([words, csr_matrix(np.array(meanings))]).tocsr()


def _least_change(alike: Floats, before: Floats, wanted: Floats) -> Floats:
    """How much each text must count for most of what is `wanted` (1 or -1) to come true with the least change: logistic
    loss from the log odds `before` on, plus the squared length of the change, by Newton's method (Zhu and Hastie
    2005)."""
    says = np.zeros(len(wanted))
    for _ in range(ROUNDS):
        right = 1.0 / (1.0 + np.exp(-wanted * (before + alike @ says)))
        slope = HOLD * says - wanted * (1.0 - right)
        step = np.linalg.solve(HOLD * np.eye(len(says)) + (right * (1.0 - right))[:, None] * alike, slope)
        says = says - step
        if np.abs(step).max() < 1e-6:
            break
    return np.asarray(says)


def _meet(one: Reason, other: Reason) -> bool:
    return one.start < other.end and other.start < one.end
