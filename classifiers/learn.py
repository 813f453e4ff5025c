"""Learning again from what a desk has found out, and judging fairly whether the new model may speak.

The idea: the shipped texts and the desk's own examples are learned together, never the corrections alone. Before that a
twin that has seen nothing of the newest examples is asked about them beside the model in force (of many examples the
new model itself, which then learns them the next time); both are asked about the shipped test texts. The new model may
speak where it is worse in neither language on either. It runs in a process of its own, so that fitting takes no breath
from a desk that answers telephones:

    python -m classifiers.learn FOLDER < job

The first line of the job is its `Order` as JSON, each further one an example, the oldest first; an empty line ends it.
Whoever gave the order keeps the pipe open while it wants the answer: when it closes, the work is dropped. FOLDER then
holds `report.json`, and with a model `router.npz` and `router.json`.
"""

import gc
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from math import comb
from pathlib import Path
from typing import Any, TextIO

from classifiers import corpus_rows, keywords, model, registry, ship
from classifiers import text as texts
from classifiers.answers import Example, Prediction
from classifiers.features import Reading
from classifiers.keywords import Lists
from classifiers.model import Fit
from classifiers.router import AT_ONCE, Router

FEWEST_OF_A_LABEL = 8
"""Examples of its own from which on a queue that no shipped text knows becomes a label; keywords serve it till then."""
HELD_OUT = 0.2
MOST_HELD_OUT = 500
MARGIN = 0.01
CHANCE = 0.1
OWN_WEIGHT = 1.0
"""A correction, a silent acceptance and a shipped text weigh alike. Learning from corrections alone makes a model
worse, because what was right all along is then forgotten. Of an author the model had never met, 50, 200 and some 400
texts were added as a desk's own: weighing the shipped ones a half or a quarter, or the own ones threefold, moved the
rest of that author's by less than chance, and lighter shipped texts cost one to three points on everybody else's."""
NICENESS = 10
"""Whatever answers customers goes before, by ten to one; at the lowest priority a busy machine would never finish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to learn, besides the examples. `labels` are the queues there are; `lists` the key words of those that have
    some of their own; `model` and `card` the files of the version in force; `floor` those of the shipped one, so that
    many small steps down do not add up to a fall; `corpus` the folder of shipped texts;
    `niceness` how far the process stands back (POSIX `nice`)."""

    made_at: str
    labels: tuple[str, ...]
    lists: Mapping[str, Sequence[str]]
    model: str
    card: str
    floor: tuple[str, str] | None = None
    corpus: str = str(corpus_rows.CORPUS)
    niceness: int = NICENESS


@dataclass(frozen=True, slots=True)
class Own:
    """An example of the desk's own, and when it became known (ISO 8601, UTC)."""

    example: Example
    at: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Two models asked about the same texts of one language. `right` are shares by the new and the present model;
    `better` and `worse` count the texts only one of them answered acceptably; `harmful` the texts that only the new
    one would have sent to a wrong queue by itself, `spared` those only the present one would have."""

    count: int
    right: float
    right_before: float
    better: int
    worse: int
    harmful: int
    spared: int
    coverage: float
    coverage_before: float
    precision: float | None
    precision_before: float | None

    @property
    def is_worse(self) -> bool:
        """Whether fewer answers are right, or more go wrong unseen, by more than a margin and more than chance.

        The margin is one answer in a hundred. Chance is an exact sign test over the texts on which the two differ
        (McNemar 1947, one-sided): what a coin would do once in ten times is no finding. So two held-out examples can
        neither stop a model nor make one, and five hundred notice a loss of some two points.
        """
        return is_worse(self.worse, self.better, self.count) or is_worse(self.harmful, self.spared, self.count)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it. `reason` is a code: "not_worse"; "worse_on_own", "worse_on_test", "worse_than_shipped";
    "no_examples", "nothing_usable", "one_label" when no model was made. `figures`, ready for JSON, hold `Compared`
    by language under "own" (held-out examples of the desk), "test" (shipped test texts) and "floor" (the same, beside
    the shipped model), and under "worse" which of them stood in the way."""

    promote: bool
    reason: str
    figures: dict[str, Any]


def is_worse(losses: int, gains: int, count: int) -> bool:
    """Whether so many losses against so many gains, among `count` texts, are more than the margin and chance."""
    return losses - gains > MARGIN * count and sign_test(losses, gains) <= CHANCE


def sign_test(losses: int, gains: int) -> float:
    """How often a coin tossed `losses + gains` times would fall on loss at least so often; 1 where nothing differs."""
    tosses = losses + gains
    return sum(comb(tosses, k) for k in range(losses, tosses + 1)) / 2**tosses if tosses else 1.0


def learn(order: Order, own: Sequence[Own]) -> tuple[Report, Fit | None]:
    """A new model from the shipped texts and the desk's own examples, oldest first, and whether it may speak.

    Takes about half a minute for the shipped texts alone. Raises `Refused` when the model in force cannot be loaded.
    """
    made_at = datetime.fromisoformat(order.made_at)
    began = time.monotonic()
    known = set(order.labels)
    shipped = [e for e in ship.seeds("train", folder=Path(order.corpus)) if e.label in known]
    test = [e for e in ship.seeds("test", folder=Path(order.corpus)) if e.label in known]
    usable, figures, normals = _usable(own, shipped, known)
    figures["shipped"] = len(shipped)
    everything = [*shipped, *(each.example for each in usable)]
    present = registry.load(Path(order.model), Path(order.card))
    if not usable and set(present.labels) <= known:
        return Report(False, "nothing_usable" if own else "no_examples", figures), None
    if _is_too_little(everything):
        return Report(False, "one_label", figures), None
    until = str(registry.read_card(Path(order.card)).get("learned_until", ""))
    older, newest = _split(usable, until)
    lists = _lists(order.lists, {e.label for e in everything})

    learned = [*shipped, *(each.example for each in older)]  # the newest stand last
    seen = model.see(everything, lists=lists, normals=normals)
    normals.clear()
    is_itself_judged = len(everything) >= model.MANY and {e.label for e in learned} == {e.label for e in everything}
    if is_itself_judged:  # of so many the newest few hundred add nothing that would be worth fitting twice
        fit = model.fit(learned, made_at=made_at, seen=seen)
        fit = _carded(fit, older, figures)
    else:
        fit = model.fit(everything, made_at=made_at, seen=seen)
        fit = _carded(fit, usable, figures)
    own_asked = [each.example for each in newest]
    compared: dict[str, dict[str, Compared]] = {"own": {}, "test": {}, "floor": {}}
    if own_asked:
        judged = fit.router
        if not is_itself_judged:
            judged = model.twin(fit, len(learned), everything)
        compared |= compare(judged, {"own": present}, own_asked)
    others = {"test": present}
    if order.floor and order.floor != (order.model, order.card):
        others["floor"] = registry.load(Path(order.floor[0]), Path(order.floor[1]))
    compared |= compare(fit.router, others, test)
    worse = [
        f"{name}:{language}"
        for name, by_language in compared.items()
        for language, each in by_language.items()
        if each.is_worse
    ]
    reasons = {"own": "worse_on_own", "test": "worse_on_test", "floor": "worse_than_shipped"}
    figures |= {
        "held_out": len(own_asked),
        "worse": worse,
        "seconds": round(time.monotonic() - began, 1),
        **{
            name: {language: _rounded(asdict(each)) for language, each in by_language.items()}
            for name, by_language in compared.items()
        },
        "labels": {"new": sorted(set(fit.router.labels) - set(present.labels)),
                   "gone": sorted(set(present.labels) - set(fit.router.labels))},
    }  # fmt: skip
    return Report(not worse, reasons[worse[0].partition(":")[0]] if worse else "not_worse", figures), fit


def compare(new: Router, others: Mapping[str, Router], examples: Sequence[Example]) -> dict[str, dict[str, Compared]]:
    """A new model beside each of some others, asked about the same texts; by the others' names and by language."""
    ours, theirs = list[Prediction](), {name: list[Prediction]() for name in others}
    for start in range(0, len(examples), AT_ONCE):
        asked = [(example.subject, example.text) for example in examples[start : start + AT_ONCE]]
        readings = new.read_many(asked)
        ours += _answers(new, readings, asked)
        for name, router in others.items():
            theirs[name] += _answers(router, [router.hear(each) for each in readings], asked)
    languages = sorted({example.language for example in examples})
    return {
        name: {
            language: _compared(
                [row for row in zip(examples, ours, answers, strict=True) if row[0].language == language]
            )
            for language in languages
        }
        for name, answers in theirs.items()
    }


def _answers(router: Router, readings: Sequence[Reading], asked: Sequence[tuple[str, str]]) -> list[Prediction]:
    weighed = router.weigh(readings)
    return [
        router.tell(each, text, subject, explain=False) for each, (subject, text) in zip(weighed, asked, strict=True)
    ]


def _compared(rows: list[tuple[Example, Prediction, Prediction]]) -> Compared:
    right = [(e.accepts(o.label), e.accepts(t.label)) for e, o, t in rows]
    dared = [(not o.abstained, not t.abstained) for _, o, t in rows]
    harm = [(c and not a, d and not b) for (a, b), (c, d) in zip(right, dared, strict=True)]
    count = len(rows)

    def precision(place: int) -> float | None:
        kept = [each[place] for each, dare in zip(right, dared, strict=True) if dare[place]]
        return sum(kept) / len(kept) if kept else None

    return Compared(
        count=count,
        right=sum(ours for ours, _ in right) / count,
        right_before=sum(theirs for _, theirs in right) / count,
        better=sum(ours and not theirs for ours, theirs in right),
        worse=sum(theirs and not ours for ours, theirs in right),
        harmful=sum(ours and not theirs for ours, theirs in harm),
        spared=sum(theirs and not ours for ours, theirs in harm),
        coverage=sum(ours for ours, _ in dared) / count,
        coverage_before=sum(theirs for _, theirs in dared) / count,
        precision=precision(0),
        precision_before=precision(1),
    )


# --- What is learned from ------------------------------------------------------------------------------------------


def _usable(
    own: Sequence[Own], shipped: Sequence[Example], known: set[str]
) -> tuple[list[Own], dict[str, Any], dict[tuple[str, str], texts.Normal]]:
    """The examples that can teach: with letters in them, of a queue there is, each text once with its newest label; the
    figures of them; and their normal forms, by subject and text, which reading them begins with.

    A label that neither the shipped texts nor enough examples know is left to its keywords.
    """
    newest: dict[str, Own] = {}
    normals: dict[tuple[str, str], texts.Normal] = {}
    blank = 0
    for each in own:
        asked = (each.example.subject, each.example.text)
        spelled = normals.setdefault(asked, model.normal(each.example)).text
        if sum(letter.isalpha() for letter in spelled) < 2:
            blank += 1
            continue
        newest.pop(spelled, None)  # so that it stands where it was said last
        newest[spelled] = Own(replace(each.example, situation=f"own:{spelled}", author=""), each.at)
    counted = Counter(each.example.label for each in newest.values())
    taught = {example.label for example in shipped}
    labels = {label for label in known if counted[label] and (label in taught or counted[label] >= FEWEST_OF_A_LABEL)}
    usable = [each for each in newest.values() if each.example.label in labels]
    return (
        usable,
        {
            "own_count": len(usable),
            "own_by_label": dict(sorted(Counter(each.example.label for each in usable).items())),
            "own_by_source": dict(sorted(Counter(each.example.source for each in usable).items())),
            "left_out": {
                "unreadable": blank,
                "repeated": len(own) - blank - len(newest),
                "too_few": dict(sorted((label, counted[label]) for label in set(counted) & known - labels)),
                "queue_gone": sum(count for label, count in counted.items() if label not in known),
            },
        },
        normals,
    )


def _is_too_little(examples: Sequence[Example]) -> bool:
    labels = Counter(example.label for example in examples)
    return len(labels) < 2 or min(labels.values()) < 2


def _split(usable: list[Own], until: str) -> tuple[list[Own], list[Own]]:
    """The older examples, and the newest that judge: a fifth, five hundred at most, and none that the model in force
    has learned from, or it would be asked what it was told."""
    count = min(MOST_HELD_OUT, max(1, round(len(usable) * HELD_OUT))) if usable else 0
    newest = [each for each in usable[len(usable) - count :] if each.at > until]
    return usable[: len(usable) - len(newest)], newest


def _lists(own: Mapping[str, Sequence[str]], labels: set[str]) -> Lists:
    """The shipped key words of the labels there are, and the desk's own before them."""
    lists = {queue: list(words) for queue, words in keywords.read().items() if queue in labels}
    for queue, words in own.items():
        if queue in labels:
            mine = [keywords.spelled(word) for word in words]
            for others in lists.values():
                others[:] = [word for word in others if word not in mine]
            lists[queue] = [*mine, *lists.get(queue, [])]
    return lists


def _carded(fit: Fit, usable: list[Own], figures: dict[str, Any]) -> Fit:
    """The model card with what a desk's own model adds to it."""
    card = fit.card | {
        "purpose": "Suggests a queue of this desk for a customer's inquiry in Japanese or English.",
        "learned_from": "The train split of classifiers/corpus and the desk's own outcomes.",
        "learned_until": max((each.at for each in usable), default=""),
        "own": {name: figures[name] for name in ("own_count", "own_by_label", "own_by_source")},
    }
    return replace(fit, card=card)


def _rounded(told: dict[str, Any]) -> dict[str, Any]:
    return {name: round(each, 4) if isinstance(each, float) else each for name, each in told.items()}


# --- The process ---------------------------------------------------------------------------------------------------


def read(lines: TextIO) -> tuple[Order, list[Own]]:
    """An order and its examples, up to the empty line. Raises ValueError when they are not of the described form."""
    told = json.loads(lines.readline())
    floor = told.pop("floor", None)
    order = Order(**{**told, "labels": tuple(told["labels"]), "floor": tuple(floor) if floor else None})
    own = []
    while line := lines.readline().strip():
        row = json.loads(line)
        example = Example(
            text=row["text"], label=row["label"], language=row["language"], subject=row["subject"],
            source=row["source"], weight=OWN_WEIGHT,
        )  # fmt: skip
        own.append(Own(example, row["at"]))
    return order, own


def main(folder: Path, lines: TextIO) -> None:
    """Read the order, learn, write what came of it."""
    gc.disable()  # what is read stays to the end: looking through all of it again and again took a third of the reading
    order, own = read(lines)
    if hasattr(os, "nice"):  # not on Windows
        os.nice(order.niceness)
    threading.Thread(target=_end_with, args=(lines,), daemon=True).start()
    report, fit = learn(order, own)
    report.figures["memory_mb"] = _memory_mb()
    if fit is not None:
        (folder / "router.npz").write_bytes(fit.content)
        (folder / "router.json").write_bytes(registry.as_json(fit.card))
    (folder / "report.json").write_bytes(registry.as_json(asdict(report)))


def _memory_mb() -> int | None:
    """The most this process ever held, in 10^6 bytes; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


def _end_with(lines: TextIO) -> None:
    """End when the pipe closes: nobody waits for the answer any more."""
    while lines.read(1):
        pass
    os._exit(3)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.stdin)
