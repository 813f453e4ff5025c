"""Learning: labeled examples in, a calibrated router out.

The idea: letters, words, meanings and key words side by side, one linear border a label, and one temperature a
language that turns distances from the borders into honest probabilities. Temperature and thresholds are taken from
scores on examples the model had not seen, folded so that no situation is on both sides. Always fitted afresh from
everything known: learning from corrections alone makes such a model worse. scikit-learn is imported here, inside
`fit`, and nowhere else.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers import english, features, keywords
from classifiers import text as texts
from classifiers.answers import Example
from classifiers.evaluate import calibration_error
from classifiers.features import Reading
from classifiers.keywords import Finder, Lists
from classifiers.phrases import shipped as shipped_phrases
from classifiers.router import FORMAT, NEVER, Router, Weights, pack
from classifiers.seen import AT_ONCE, COMMON_FROM, TABLES, WEIGHTS, Learned, Seen, sample_weights
from classifiers.tables import Block, Floats
from classifiers.vectors import Vectors, japanese

PRECISION = 0.97  # what the thresholds are chosen for, on unseen examples, any acceptable label counting as right
FEWEST_TO_PROMISE = 100  # unseen examples of a language; below, the model never acts in it
LEEWAY = 0.015  # how far below the precision asked for chance may have hidden the truth, five times in six
INDULGENCE = 0.02  # how far below the precision asked for one label may stay, while all together keep it
FEWEST_KEPT = 30  # of them, the fewest a precision may be read from
FOLDS = 5
MANY = 12_000  # examples; from here on a desk's own outcomes count, and fewer folds keep learning short
FOLDS_OF_MANY = 2
FEWEST_AUTHORS = 3  # from here on a model is judged by how it reads an author it has never met
STEPS = 40  # of the search for a temperature: to some eight digits
ROUNDS = 3  # times the folds are drawn anew, so that a threshold of a small set does not hang on one drawing


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model, not yet kept anywhere. `router` answers; `content` is the file it travels as and `card` its model
    card, ready for JSON. `unseen` holds what models that had not seen them answered to the examples, in their order,
    `rounds` times over; `seen` is what was counted of the examples, for a `twin`."""

    router: Router
    content: bytes
    card: dict[str, Any]
    unseen: "Unseen"
    seen: Seen
    learned: Learned

    @property
    def version(self) -> str:
        return self.router.version

    @property
    def pipeline(self) -> Any:
        """The same model as a scikit-learn pipeline, which takes `Reading`s."""
        return self.seen.pipeline(self.learned)


def fit(
    examples: Sequence[Example],
    *,
    seed: int = 0,
    made_at: datetime,
    lists: Lists | None = None,
    precision: float = PRECISION,
    vectors: Vectors | None = None,
    blocks: Mapping[str, float] = WEIGHTS,
    seen: Seen | None = None,
    borders: Callable[[int], Any] | None = None,
) -> Fit:
    """Learn a router from examples. `made_at` (aware) goes into version and card; `lists` are the key words,
    `blocks` how loud each kind of feature is beside the others. `borders` makes the borders of a seed, a LinearSVC
    unless given. `seen` holds what was counted of these examples, perhaps of more after them, where that was done
    before; its key words, vectors, blocks and borders hold then.

    The same examples in the same order, seed and lists give the same bytes. Takes about a second for 1,000 examples.
    Raises ValueError when there are fewer than two labels, or a label with fewer than two examples.
    """
    _enough(examples)
    seen = seen or see(examples, lists=lists, vectors=vectors, blocks=blocks, borders=borders)
    labels = tuple(sorted({example.label for example in examples}))

    rounds = ROUNDS if len(examples) < COMMON_FROM else 1
    scores = [unseen_scores(examples, labels, seen, seed + number) for number in range(rounds)]
    unseen = Unseen(list(examples) * rounds, np.vstack(scores), labels, rounds)
    temperatures = unseen.temperatures()
    sure = unseen.sure(temperatures)
    languages = sorted({example.language for example in examples})
    thresholds = {language: unseen.thresholds(sure, language, precision) for language in languages}

    learned = seen.learn(examples, seed=seed)
    weights = weights_of(learned, labels, seen.finder, temperatures, thresholds, seen.blocks)
    card = {
        "seed": seed,
        "labels": list(labels),
        "temperatures": {language: round(value, 4) for language, value in temperatures.items()},
        "precision_asked": precision,
        "features": {name: len(getattr(weights, name).idf) for name in TABLES},
        "examples": _census(examples),
        "cross_validation": {
            "folds": FOLDS,
            "rounds": rounds,
            "by_author": unseen.by_author(),
            **{language: unseen.figures(sure, language, row) for language, row in thresholds.items()},
            "strangers": {language: unseen.of_strangers(language, precision) for language in thresholds},
        },
    }
    return _sealed(weights, seen.vectors, made_at, card, unseen, seen, learned)


def see(
    examples: Sequence[Example],
    *,
    lists: Lists | None = None,
    vectors: Vectors | None = None,
    blocks: Mapping[str, float] = WEIGHTS,
    borders: Callable[[int], Any] | None = None,
    normals: Mapping[tuple[str, str], texts.Normal] | None = None,
) -> Seen:
    """What a model with these key words sees of the examples, counted, for fitting several on the same. `normals` are
    the normal forms, by subject and text, of those where they are known."""
    finder, vectors = Finder(lists if lists is not None else keywords.read()), vectors or japanese()
    return Seen(read(examples, vectors=vectors, finder=finder, normals=normals), vectors, finder, blocks, borders)


def read(
    examples: Sequence[Example],
    *,
    vectors: Vectors,
    finder: Finder,
    normals: Mapping[tuple[str, str], texts.Normal] | None = None,
) -> Iterator[Reading]:
    """The examples as read, a few hundred at a time: what was read of thirty thousand would take half a gigabyte.

    Where each letter stood is left out: nothing is explained here.
    """
    known = normals or {}
    for start in range(0, len(examples), AT_ONCE):
        some = [known.get((e.subject, e.text)) or normal(e) for e in examples[start : start + AT_ONCE]]
        yield from features.read_normals(some, vectors=vectors, finder=finder)


def normal(example: Example) -> texts.Normal:
    """The normal form of an example, without the places of its letters."""
    return replace(texts.normal(example.text, subject=example.subject), starts=[], ends=[])


def twin(fit: Fit, count: int, examples: Sequence[Example], *, seed: int = 0) -> Router:
    """The same model learned from the first `count` of the examples it was fitted on alone, with the temperatures and
    thresholds of `fit`: what `fit` would have answered had it not seen the rest. It costs one fitting, no folds.

    Raises ValueError when those have fewer than two labels.
    """
    some = examples[:count]
    labels = tuple(sorted({example.label for example in some}))
    if len(labels) < 2:
        raise ValueError(f"a twin chooses between two or more labels of its model, not {', '.join(labels)}")
    known, seen = fit.router.weights, fit.seen
    weights = weights_of(
        seen.learn(some, seed=seed), labels, seen.finder, dict(known.temperatures), {**fit.router.cuts}, seen.blocks
    )
    return Router(weights, version=f"{fit.version}-twin", vectors=fit.router.vectors)


def with_thresholds(fit: Fit, thresholds: dict[str, dict[str, float]], *, made_at: datetime) -> Fit:
    """The same model, acting from other confidences on; it is another version."""
    weights = replace(fit.router.weights, thresholds=thresholds)
    return _sealed(weights, fit.router.vectors, made_at, fit.card, fit.unseen, fit.seen, fit.learned)


def _sealed(
    weights: Weights,
    vectors: Vectors,
    made_at: datetime,
    facts: dict[str, Any],
    unseen: "Unseen",
    seen: Seen,
    learned: Learned,
) -> Fit:
    content = pack(weights, vectors=vectors)
    card = {
        **facts,
        **card_of(content, vectors=vectors, made_at=made_at),
        "thresholds": {
            language: {label: round(value, 4) for label, value in row.items()}
            for language, row in weights.thresholds.items()
        },
    }
    return Fit(Router(weights, version=card["version"], vectors=vectors), content, card, unseen, seen, learned)


def card_of(content: bytes, *, vectors: Vectors, made_at: datetime) -> dict[str, Any]:
    """What every model's card says: which file this is, when it was made, and what has to be the same to read it."""
    digest = hashlib.sha256(content).hexdigest()
    return {
        "version": f"{made_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest[:8]}",
        "made_at": made_at.astimezone(UTC).isoformat(),
        "sha256": digest,
        "format": FORMAT,
        "normal_form": texts.VERSION,
        "word_vectors_sha256": vectors.digest,
        "english_word_vectors_sha256": english.shipped().digest,
        "turns_of_phrase_sha256": shipped_phrases().digest,
    }


# --- Before --------------------------------------------------------------------------------------------------------


def _enough(examples: Sequence[Example]) -> None:
    counted = Counter(example.label for example in examples)
    if len(counted) < 2:
        raise ValueError(f"examples of {len(counted)} label(s); a model chooses between at least two")
    scarce = sorted(label for label, count in counted.items() if count < 2)
    if scarce:
        raise ValueError(f"only one example of {', '.join(scarce)}; add more, or leave the label out")


# --- The numbers --------------------------------------------------------------------------------------------------


def weights_of(
    learned: Learned,
    labels: tuple[str, ...],
    finder: Finder,
    temperatures: dict[str, float],
    thresholds: dict[str, dict[str, float]],
    blocks: Mapping[str, float],
) -> Weights:
    """The fitted numbers without scikit-learn around them, block weights multiplied in."""
    coefficients, intercept = learned.borders.coef_, learned.borders.intercept_
    if len(labels) == 2:  # scikit-learn keeps one border between two labels; here each label has its own side
        coefficients, intercept = np.vstack([-coefficients, coefficients]), np.concatenate([-intercept, intercept])
    empty = Block(b"", np.zeros(0), np.zeros((len(labels), 0), np.float32))
    tables: dict[str, Block] = dict.fromkeys(TABLES, empty)
    plain: dict[str, NDArray[np.float32]] = {}
    at = 0
    for name, words in learned.words.items():
        columns = coefficients[:, at : at + len(words)] * blocks[name]
        tables[name] = Block("\x00".join(words).encode(), learned.rarity[name], columns.astype(np.float32))
        at += len(words)
    sizes = {"english": english.shipped().size, "counts": len(finder.queues), "phrases": len(shipped_phrases().names)}
    sizes = {"meaning": coefficients.shape[1] - at - sum(sizes.values()), **sizes}
    for name, size in sizes.items():
        plain[name] = (coefficients[:, at : at + size] * blocks[name]).astype(np.float32)
        at += size
    return Weights(
        labels=labels,
        grams=tables["grams"],
        terms=tables["terms"],
        asked=tables["asked"],
        meaning=plain["meaning"],
        english=plain["english"],
        counts=plain["counts"],
        phrases=plain["phrases"],
        intercept=intercept.astype(np.float32),
        temperatures=temperatures,
        thresholds=thresholds,
        keywords=finder.lists,
    )


# --- Honesty -------------------------------------------------------------------------------------------------------


def unseen_scores(
    examples: Sequence[Example],
    labels: tuple[str, ...],
    seen: Seen,
    seed: int,
    *,
    answered: NDArray[np.intp] | None = None,
) -> Floats:
    """Scores of every example by a model that saw nothing of its situation, nor of its author; examples x labels.
    `answered` names for each the row of `seen` that is scored in its place, of texts that stand after the examples."""
    answered = np.arange(len(examples)) if answered is None else answered
    truth = np.array([example.label for example in examples])
    weights = sample_weights(examples)
    scores = np.zeros((len(examples), len(labels)))  # all of one situation: nothing is ever unseen, nothing promised
    for learned, held in _folds(examples, seen.texts, truth, seed):
        if len(set(truth[learned])) < 2:
            continue  # nothing to tell apart: these rows keep equal scores, and count as not knowing
        borders, got = seen.answers(learned, answered[held], truth[learned], seed=seed, weights=weights[learned])
        if got.ndim == 1:
            got = np.column_stack([-got, got])
        known = np.array([labels.index(label) for label in borders.classes_])
        scores[held] = got.min(axis=1, keepdims=True) - 1.0
        scores[held[:, None], known] = got
    return scores


def _folds(
    examples: Sequence[Example], spelled: Sequence[str], truth: NDArray[np.str_], seed: int
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows to learn from and rows to answer. Authors are held out whole when there are three or more, and what has no
    author is drawn by situation (where it has none, by its text, `spelled`); of many examples all are drawn so."""
    numbers: dict[str, int] = {}  # a table of the texts themselves would be as wide as the longest
    groups = np.array([
        numbers.setdefault(each.situation or text, len(numbers))
        for each, text in zip(examples, spelled, strict=False)
    ])  # fmt: skip
    authors = np.array([example.author for example in examples])
    named = sorted(set(authors.tolist()) - {""})
    folds = []
    if len(named) >= FEWEST_AUTHORS and len(examples) < MANY:
        for some in _held_together(examples):
            held = np.flatnonzero(np.isin(authors, some))
            strange = ~np.isin(groups, groups[held])
            folds.append((np.flatnonzero(~np.isin(authors, some) & strange), held))
        drawn = np.flatnonzero(authors == "")
    else:
        drawn = np.arange(len(examples))
    if not len(drawn):
        return folds
    most = FOLDS if len(examples) < MANY else FOLDS_OF_MANY
    count = min(most, len(set(groups[drawn].tolist())), min(Counter(truth[drawn].tolist()).values()))
    if count < 2:
        return folds
    dealt = _dealt(groups[drawn], truth[drawn], count, seed)
    for number in range(count):
        held = drawn[dealt == number]
        folds.append((np.flatnonzero(~np.isin(groups, groups[held])), held))
    return folds


def _dealt(groups: NDArray[np.intp], truth: NDArray[np.str_], count: int, seed: int) -> NDArray[np.intp]:
    """The fold, from 0, that each row is held out in. Groups stay together; they are dealt out by chance, label by
    label and the largest first, so that every fold gets its share of each label."""
    _, firsts, group = np.unique(groups, return_index=True, return_inverse=True)
    chance = np.random.default_rng(seed).permutation(len(firsts))
    order = np.lexsort((chance, -np.bincount(group), truth[firsts]))
    dealt = np.empty(len(firsts), np.intp)
    dealt[order] = np.arange(len(firsts)) % count
    return dealt[group]


def _held_together(examples: Sequence[Example]) -> list[list[str]]:
    """The authors, those of one language each beside one of another: they teach each other next to nothing, and a
    fold less is a fitting less."""
    wrote: dict[str, set[str]] = {}
    for example in examples:
        if example.author:
            wrote.setdefault(example.author, set()).add(example.language)
    alone: dict[str, list[str]] = {}
    for author in sorted(wrote):
        if len(wrote[author]) == 1:
            alone.setdefault(min(wrote[author]), []).append(author)
    several = [[author] for author in sorted(wrote) if len(wrote[author]) > 1]
    return several + [[author for author in some if author] for some in zip_longest(*alone.values())]


def _softmax_top(scores: Floats, temperature: float | Floats) -> Floats:
    """The probability of the best label of every row; `temperature` is one number, or one a row (n x 1)."""
    return np.asarray(1.0 / np.exp(_gaps(scores) / temperature).sum(axis=1))


def _gaps(scores: Floats) -> Floats:
    return np.asarray(scores - scores.max(axis=1, keepdims=True))


def _at_least(shares: Floats, counts: Floats) -> Floats:
    """The lower end of Wilson's interval for shares seen in so many cases: the truth is above it 84 times in 100."""
    z = 1.0
    middle = shares + z * z / (2 * counts)
    reach = z * np.sqrt(shares * (1 - shares) / counts + z * z / (4 * counts * counts))
    return np.asarray((middle - reach) / (1 + z * z / counts))


def _daring(dared: NDArray[np.bool_], right: NDArray[np.bool_]) -> dict[str, Any]:
    """The share that is acted on, and of these the share that is right."""
    return {
        "coverage": round(float(dared.mean()), 4),
        "precision": round(float(right[dared].mean()), 4) if dared.any() else None,
    }


class Unseen:
    """Examples beside their scores from models that had not seen them, every example once a round."""

    def __init__(self, examples: Sequence[Example], scores: Floats, labels: tuple[str, ...], rounds: int) -> None:
        self.scores, self.rounds, self.labels = scores, rounds, labels
        self.best = scores.argmax(axis=1)
        best = [labels[number] for number in self.best]
        self.right = np.array([e.accepts(label) for e, label in zip(examples, best, strict=True)])
        self.strictly_right = np.array([e.label == label for e, label in zip(examples, best, strict=True)])
        self.languages = np.array([example.language for example in examples])
        self.authors = np.array([example.author for example in examples])
        self.truth = np.array([example.label for example in examples])
        self.usual = np.array([example.usual for example in examples], np.float64)

    def temperatures(self) -> dict[str, float]:
        """For every language, the temperature at which "this sure" comes true most nearly that often; a language with
        too few examples takes that of all."""
        languages = sorted(set(self.languages.tolist()))
        rows = {language: self.languages == language for language in languages}
        enough = {language: mine.sum() >= FEWEST_TO_PROMISE * self.rounds for language, mine in rows.items()}
        whole = 0.0 if all(enough.values()) else self.temperature(np.ones(len(self.right), bool))
        return {language: self.temperature(rows[language]) if enough[language] else whole for language in languages}

    def temperature(self, mine: NDArray[np.bool_]) -> float:
        """Least log loss of the best label being acceptable (Guo et al. 2017, for the top label), each example counting
        as `usual` says, by golden section over the logarithm between 0.02 and 10."""
        right, usual, gaps = self.right[mine], self.usual[mine], _gaps(self.scores[mine])

        def loss(logarithm: float) -> float:
            sure = np.clip(1.0 / np.exp(gaps / float(np.exp(logarithm))).sum(axis=1), 1e-9, 1 - 1e-9)
            return float(-np.average(np.where(right, np.log(sure), np.log(1 - sure)), weights=usual))

        low, high = float(np.log(0.02)), float(np.log(10.0))
        ratio = (5**0.5 - 1) / 2
        one, two = high - ratio * (high - low), low + ratio * (high - low)
        of_one, of_two = loss(one), loss(two)
        for _ in range(STEPS):
            if of_one < of_two:
                high, two, of_two = two, one, of_one
                one = high - ratio * (high - low)
                of_one = loss(one)
            else:
                low, one, of_one = one, two, of_two
                two = low + ratio * (high - low)
                of_two = loss(two)
        return float(np.exp((low + high) / 2))

    def sure(self, temperatures: dict[str, float]) -> Floats:
        """The probability of the best label of every row, at the temperature of its language."""
        return _softmax_top(self.scores, np.array([[temperatures[each]] for each in self.languages]))

    def thresholds(self, sure: Floats, language: str, precision: float) -> dict[str, float]:
        """For every label, the confidence from which on it is acted on in a language.

        It is one for the language, the lowest from which on answers are right with the `precision` asked for, on mail
        as it usually comes (each example counts as its `usual` says); where a label by itself would stay more than
        `INDULGENCE` below that, its own is higher. Thresholds chosen label by label keep their word less well on
        authors they were not chosen on, and leave more undecided: chance has more to choose from.
        """
        mine = self.languages == language
        whole = self.threshold(sure, mine, precision)
        found = {}
        for number, label in enumerate(self.labels):
            own = mine & (self.best == number)
            order = np.argsort(-sure[own], kind="stable")
            shares, _ = self._shares(own, order)
            kept = np.flatnonzero(shares >= precision - INDULGENCE)
            found[label] = max(whole, float(sure[own][order][kept[-1]]) if len(kept) else NEVER)
        return found

    def threshold(self, sure: Floats, mine: NDArray[np.bool_], precision: float) -> float:
        """The lowest confidence from which on the share of right answers is the `precision`, less chance.

        On few answers a share may be luck: from the highest confidence down, the share must also stay above what would
        be seen once in six times at a true precision 1.5 points lower (Wilson 1927, one side, 84 %). `NEVER` when none
        does, or when there are too few examples to say.
        """
        if mine.sum() < FEWEST_TO_PROMISE * self.rounds:
            return NEVER
        order = np.argsort(-sure[mine], kind="stable")
        met = np.arange(1, len(order) + 1)
        shares, counts = self._shares(mine, order)
        least = _at_least(shares, counts / self.rounds)
        good = (shares >= precision) & (least >= precision - LEEWAY) & (met >= FEWEST_KEPT * self.rounds)
        kept = np.flatnonzero(good)
        return float(sure[mine][order][kept[-1]]) if len(kept) else NEVER

    def _shares(self, mine: NDArray[np.bool_], order: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Of the first one, two, three and so on, the share that is right, each counting as `usual` says, and how many
        examples of equal weight would tell as much (Kish 1965)."""
        usual = self.usual[mine][order]
        sums = np.cumsum(usual)
        shares = np.cumsum(self.right[mine][order] * usual) / sums
        return np.asarray(shares), np.asarray(sums**2 / np.cumsum(usual**2))

    def probabilities(self, temperatures: dict[str, float]) -> Floats:
        """The probability of every label, at the temperature of each row's language; examples x labels."""
        heat = np.array([[temperatures[each]] for each in self.languages])
        powers = np.exp((self.scores - self.scores.max(axis=1, keepdims=True)) / heat)
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def by_author(self) -> dict[str, Any]:
        """For every author held out whole, strict and lenient shares by language."""
        found: dict[str, Any] = {}
        for author in sorted(set(self.authors.tolist()) - {""}):
            for language in sorted(set(self.languages.tolist())):
                mine = (self.authors == author) & (self.languages == language)
                if mine.any():
                    found[f"{author}/{language}"] = {
                        "count": int(mine.sum()) // self.rounds,
                        "strict": round(float(self.strictly_right[mine].mean()), 4),
                        "lenient": round(float(self.right[mine].mean()), 4),
                    }
        return found

    def figures(self, sure: Floats, language: str, thresholds: dict[str, float]) -> dict[str, Any]:
        """What was found for one language: shares in [0, 1]; precision is None when nothing was kept. `usual` and
        `hard` hold the same for mail as it comes and for what was written to be hard, where there is some of both."""
        mine = self.languages == language
        asked = np.array([thresholds[label] for label in self.labels])
        dared = sure >= asked[self.best]
        parts = {name: self._figures(sure, some, dared) for name, some in self._kinds(mine).items()}
        return self._figures(sure, mine, dared) | parts

    def _figures(self, sure: Floats, mine: NDArray[np.bool_], dared: NDArray[np.bool_]) -> dict[str, Any]:
        return {
            "count": int(mine.sum()) // self.rounds,
            "strict": round(float(self.strictly_right[mine].mean()), 4),
            "lenient": round(float(self.right[mine].mean()), 4),
            "calibration_error": round(calibration_error(sure[mine], self.right[mine]), 4),
            **_daring(dared[mine], self.right[mine]),
        }

    def _kinds(self, mine: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
        usual = self.usual >= 1
        kinds = {"usual": mine & usual, "hard": mine & ~usual}
        return kinds if all(some.any() for some in kinds.values()) else {}

    def of_strangers(self, language: str, precision: float) -> dict[str, Any] | None:
        """Coverage and precision in one language when thresholds and temperature are chosen on all authors but the one
        who is answered, `usual` and `hard` texts apart as in `figures`; None with fewer than three authors."""
        mine = self.languages == language
        authors = sorted(set(self.authors[mine].tolist()) - {""})
        if len(authors) < FEWEST_AUTHORS:
            return None
        dared = np.zeros(len(mine), bool)
        for author in authors:
            theirs = mine & (self.authors == author)
            others, own = self._of(mine & (self.authors != author)), self._of(theirs)
            temperatures = others.temperatures()
            chosen = others.thresholds(others.sure(temperatures), language, precision)
            dared[theirs] = own.sure(temperatures) >= np.array([chosen[label] for label in self.labels])[own.best]
        named = mine & (self.authors != "")
        parts = {name: _daring(dared[some], self.right[some]) for name, some in self._kinds(named).items()}
        return _daring(dared[named], self.right[named]) | parts

    def _of(self, rows: NDArray[np.bool_]) -> "Unseen":
        some = copy(self)
        for name in ("scores", "best", "right", "strictly_right", "languages", "authors", "truth", "usual"):
            setattr(some, name, getattr(self, name)[rows])
        return some


# --- The card ------------------------------------------------------------------------------------------------------


def _census(examples: Sequence[Example]) -> dict[str, Any]:
    """How many examples, by language and label, and by who vouches."""
    by_language: dict[str, dict[str, int]] = {}
    for example in examples:
        row = by_language.setdefault(example.language, {})
        row[example.label] = row.get(example.label, 0) + 1
    return {
        "count": len(examples),
        "by_language": {name: dict(sorted(row.items())) for name, row in sorted(by_language.items())},
        "by_source": dict(sorted(Counter(example.source for example in examples).items())),
        "situations": len({example.situation for example in examples if example.situation}),
    }
