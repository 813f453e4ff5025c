"""How good a router is, on examples it has not seen: by language and by label, and whether its confidence is honest.

The idea: two questions are kept apart. "Is the label right?" is asked strictly (the one label) and leniently (any
acceptable one). "Is it right when it dares?" is asked at the threshold: coverage is the share answered, precision the
share of those that were acceptable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from classifiers.answers import Example, Prediction

BINS = 10

Floats = NDArray[np.float64]


class Answers(Protocol):
    """Whatever predicts."""

    def predict(self, text: str, *, subject: str = "") -> Prediction: ...


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One label in one language, strictly: shares in [0, 1], None when nothing was predicted or expected."""

    expected: int
    predicted: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class LanguageFigures:
    """One language. All figures are shares in [0, 1]; `calibration_error` is the expected calibration error over ten
    equal bins of confidence (Naeini et al. 2015), an acceptable label counting as right; `precision` is None when the
    router abstained throughout. `fault_or_return` is the share of the texts of tech_support and returns where the more
    probable of these two is acceptable, None where the router or the texts lack one."""

    count: int
    strict: float
    lenient: float
    macro_f1: float
    calibration_error: float
    coverage: float
    precision: float | None
    fault_or_return: float | None
    labels: dict[str, LabelFigures]


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one router, by language; "all" holds every example. `str` gives a table to read."""

    version: str
    languages: dict[str, LanguageFigures]

    def __str__(self) -> str:
        lines = [f"Router {self.version}", ""]
        lines.append(
            "language      n  strict  lenient  macro-F1   ECE  coverage  precision at threshold  fault or return"
        )
        for name, each in self.languages.items():
            lines.append(
                f"{name:<8}{each.count:7}{_percent(each.strict):>8}{_percent(each.lenient):>9}{_percent(each.macro_f1):>10}"
                f"{_percent(each.calibration_error):>6}{_percent(each.coverage):>10}{_percent(each.precision):>11}{_percent(each.fault_or_return):>29}"
            )
        for name, each in self.languages.items():
            lines += ["", f"{name + ', by label':<24}{'expected':>9}{'predicted':>10}{'precision':>10}{'recall':>8}"]
            for label, figures in each.labels.items():
                lines.append(
                    f"{label:<24}{figures.expected:9}{figures.predicted:10}"
                    f"{_percent(figures.precision):>10}{_percent(figures.recall):>8}"
                )
        return "\n".join(lines)


def report(router: Answers, examples: Sequence[Example]) -> Report:
    """Ask the router about every example and compare. Raises ValueError when there are no examples."""
    if not examples:
        raise ValueError("no examples to evaluate on")
    answered = [(example, router.predict(example.text, subject=example.subject)) for example in examples]
    languages = sorted({example.language for example in examples})
    parts = {"all": answered} | {name: [each for each in answered if each[0].language == name] for name in languages}
    return Report(answered[0][1].version, {name: _figures(part) for name, part in parts.items()})


Answered = Sequence[tuple[Example, Prediction]]


def _figures(answered: Answered) -> LanguageFigures:
    labels = sorted({e.label for e, _ in answered} | {p.label for _, p in answered})
    by_label = {label: _label(answered, label) for label in labels}
    dared = [(e, p) for e, p in answered if not p.abstained]
    return LanguageFigures(
        count=len(answered),
        strict=_share([p.label == e.label for e, p in answered]) or 0.0,
        lenient=_share([e.accepts(p.label) for e, p in answered]) or 0.0,
        macro_f1=sum(_f1(each) for each in by_label.values()) / len(by_label),
        calibration_error=_calibration_error(answered),
        coverage=len(dared) / len(answered),
        precision=_share([e.accepts(p.label) for e, p in dared]),
        fault_or_return=_fault_or_return(answered),
        labels=by_label,
    )


def _fault_or_return(answered: Answered) -> float | None:
    pair = ("tech_support", "returns")
    right = [
        e.accepts(max(pair, key=lambda label: p.probabilities[label]))
        for e, p in answered
        if e.label in pair and all(label in p.probabilities for label in pair)
    ]
    return _share(right)


def _label(answered: Answered, label: str) -> LabelFigures:
    expected = [p for e, p in answered if e.label == label]
    predicted = [e for e, p in answered if p.label == label]
    return LabelFigures(
        expected=len(expected),
        predicted=len(predicted),
        precision=_share([e.label == label for e in predicted]),
        recall=_share([p.label == label for p in expected]),
    )


def _f1(figures: LabelFigures) -> float:
    precision, recall = figures.precision or 0.0, figures.recall or 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def calibration_error(said: Floats, held: NDArray[np.bool_]) -> float:
    """How far confidences are from how often they held: the mean gap over ten equal bins, weighted by their size."""
    bins = np.minimum((said * BINS).astype(int), BINS - 1)
    gaps = [abs(said[bins == each].mean() - held[bins == each].mean()) * (bins == each).mean() for each in set(bins)]
    return float(sum(gaps))


def _calibration_error(answered: Answered) -> float:
    said = np.array([p.confidence for _, p in answered])
    return calibration_error(said, np.array([e.accepts(p.label) for e, p in answered]))


def _share(true: Sequence[bool]) -> float | None:
    return sum(true) / len(true) if true else None


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
