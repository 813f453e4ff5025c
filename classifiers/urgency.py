"""Whether an inquiry cannot wait, how sure that is, and why: a deadline, safety, the law, work at a stop, a plain
demand.

The idea: word lists and turns of phrase name the reasons, and a model of the router's kind, which counts them beside
everything else, decides whether they are meant ("by tomorrow" is; "no rush, tomorrow is fine" is not). The cut is
chosen so that little that is urgent goes unseen, at the price of some false alarms; it orders a list and never sends
anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifiers import phrases
from classifiers.answers import Example, Reason
from classifiers.features import Reading
from classifiers.router import NEVER, Router, Weighed

LABELS = ("calm", "urgent")
BLOCKS = {
    "grams": 1.0,
    "terms": 0.8,
    "asked": 0.5,
    "meaning": 0.5,
    "english": 0.4,
    "counts": 0.6,
    "phrases": 0.8,
}
LISTS = Path(__file__).parent / "data" / "urgency.toml"
CODES = ("deadline", "safety", "legal", "business_stopped", "demand")
WEIGHT = 3.0  # how much an urgent example counts: they are few, and missing one costs more than a false alarm
SAID = {"soon": "deadline", "danger": "safety", "stopped": "business_stopped", "now": "demand"}  # in data/phrases.toml
RECALL = {"ja": 0.88, "en": 0.88}
"""What the cuts are chosen to find, on unseen authors whose every inquiry was noted. One in eight of theirs is urgent.
Where one in seventeen is, as a desk may rather expect, alarms are true less often: these are the highest at which six
in ten still are."""


@dataclass(frozen=True, slots=True)
class Urgency:
    """`urgent` when `confidence`, the probability of it, reaches the cut of the language. `reasons` are codes, the
    words of which stand in the text; it may be empty when the model alone says so, and is empty when it is not
    urgent."""

    urgent: bool
    confidence: float
    reasons: tuple[str, ...]
    because: tuple[Reason, ...]
    version: str


@lru_cache(maxsize=1)
def shipped() -> Router:
    """The model that comes with the desk, read once a process. Raises `Refused` when its file was changed."""
    from classifiers import registry

    return registry.load(registry.SHIPPED / "urgency.npz", registry.SHIPPED / "urgency.json")


def of(text: str, *, subject: str = "", model: Router | None = None, reading: Reading | None = None) -> Urgency:
    """Whether one inquiry is urgent. Takes any text; one with nothing to read is not.

    `reading` is what another model has read of the same text and subject, where one has.
    """
    model = model or shipped()
    return of_many([(subject, text)], [reading or model.read(text, subject=subject)], model=model)[0]


def of_many(
    inquiries: Sequence[tuple[str, str]], readings: Sequence[Reading], *, model: Router | None = None
) -> list[Urgency]:
    """`of` for several inquiries, each given as (subject, text), that this model or another has read; sooner than one
    by one."""
    model = model or shipped()
    found = model.weigh([model.hear(each) for each in readings])
    return [_told(model, each, *inquiry) for each, inquiry in zip(found, inquiries, strict=True)]


def _told(model: Router, weighed: Weighed, subject: str, text: str) -> Urgency:
    reading, found = weighed.reading, model.tell(weighed, text, subject, explain=False)
    confidence = found.probabilities["urgent"]
    nothing = not text.strip() and not subject.strip()
    if nothing or confidence < model.cuts.get(found.language, {}).get("urgent", NEVER):
        return Urgency(False, 0.0 if nothing else confidence, (), (), found.version)
    names = [phrases.shipped().names[each.number].partition(":")[2] for each in reading.said]
    met = {keyword.queue for keyword in reading.keywords} | {SAID[name] for name in names if name in SAID}
    because = list(model.because(weighed, "urgent", text, subject))
    for keyword in reading.keywords:  # the words of a reason are always shown
        start, end = reading.normal.place(keyword.start, keyword.end)
        shown = keyword.start >= reading.normal.body
        if shown and not any(each.start < end and start < each.end for each in because):
            because.append(Reason(text[start:end], 0.0, start, end))
    return Urgency(True, confidence, tuple(code for code in CODES if code in met), tuple(because), found.version)


def example(
    text: str, urgent: bool, *, language: str, subject: str = "", situation: str = "", author: str = ""
) -> Example:
    """An example to learn from."""
    return Example(
        text,
        LABELS[urgent],
        language,
        subject=subject,
        situation=situation,
        author=author,
        weight=WEIGHT if urgent else 1.0,
    )


def cut(urgent: NDArray[np.bool_], probabilities: NDArray[np.float64], *, recall: float) -> float:
    """The highest cut at which that share of the urgent is found; `NEVER` when there are none."""
    if not urgent.any():
        return NEVER
    return float(np.quantile(probabilities[urgent], 1 - recall, method="lower"))


def cuts(thresholds: Mapping[str, Mapping[str, float]], found: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Thresholds by language with the cut in place of what a router would ask."""
    return {language: {**row, "urgent": found[language]} for language, row in thresholds.items()}
