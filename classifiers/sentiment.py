"""How a customer feels in this text: positive, neutral or negative, how sure that is, and which words say so.

The idea: the same kind of model as the router, taught by other examples. A plain report of a fault is neutral unless
dissatisfaction shows; praise with a wish in it is what prevails. An inquiry without a word of feeling is neutral, a
survey comment without one hardly ever: so of comments a second model is asked, too, which has learned from comments
alone, counts for more than the first, and reads the last sentence once more by itself. A mark that a comment gives in
figures counts for more than both. It is a guess for lists and reports, over many texts; nobody is to be judged by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from classifiers import denials, endings, marks
from classifiers.answers import Example, Reason
from classifiers.features import Reading
from classifiers.router import Router, Weighed

LABELS = ("negative", "neutral", "positive")
BLOCKS = {
    "grams": 1.0,
    "terms": 0.5,
    "asked": 0.3,
    "meaning": 0.5,
    "english": 0.4,
    "counts": 0.6,
    "phrases": 0.8,
}
LISTS = Path(__file__).parent / "data" / "sentiment.toml"
WEIGHTS = {"negative": 1.3, "neutral": 1.0, "positive": 1.6}  # how much an example counts: the rare feelings count more
SECOND = 0.7  # how much the model of comments counts where both are asked; chosen on authors held out
MARKED = 0.7  # how much a mark written in figures ("2/10") counts beside both
DENIED = 0.7  # how much a plain denial ("満足していません") counts beside both
COMMENT = 2.0  # how much a survey comment counts beside an inquiry: they are fewer, and less often neutral

Share = TypeVar("Share", float, NDArray[np.float64])


@dataclass(frozen=True, slots=True)
class Sentiment:
    """The prevailing feeling; `probabilities` holds all three, `because` the words that spoke for it, loudest first.
    Of a comment `version` names both models, with a "+" between."""

    label: str
    confidence: float
    probabilities: dict[str, float]
    because: tuple[Reason, ...]
    version: str


@lru_cache(maxsize=1)
def shipped() -> Router:
    """The model that comes with the desk, read once a process. Raises `Refused` when its file was changed."""
    from classifiers import registry

    return registry.load(registry.SHIPPED / "sentiment.npz", registry.SHIPPED / "sentiment.json")


@lru_cache(maxsize=1)
def shipped_of_comments() -> Router:
    """The second model for comments. Raises `Refused` when its file was changed."""
    from classifiers import registry

    return registry.load(registry.SHIPPED / "comments.npz", registry.SHIPPED / "comments.json")


def of(
    text: str,
    *,
    subject: str = "",
    comment: bool = False,
    model: Router | None = None,
    of_comments: Router | None = None,
    reading: Reading | None = None,
) -> Sentiment:
    """The feeling of one text. Takes any text; one with nothing to read is neutral, with little confidence.

    `comment` says that it answers a survey. `reading` is what another model has read of the same text and subject,
    where one has.
    """
    model = model or shipped()
    reading = reading or model.read(text, subject=subject)
    if not comment:
        return of_many([(subject, text)], [reading], model=model)[0]
    second = of_comments or shipped_of_comments()
    last = endings.of(text, language=reading.language)
    first = model.weigh([model.hear(reading)])[0]
    other, *ended = second.weigh([second.hear(reading), *([second.read(last)] if last else [])])
    one, two = _shares(model, first), _shares(second, other)
    for shares in (_shares(second, each) for each in ended):
        two = {label: endings.together(two[label], shares[label]) for label in LABELS}
    probabilities = {label: together(one[label], two[label]) for label in LABELS}
    told = _told(second, other, probabilities, f"{model.version}+{second.version}", subject, text)
    return _marked(_denied(told, text, reading.language), text)


def of_many(
    inquiries: Sequence[tuple[str, str]], readings: Sequence[Reading], *, model: Router | None = None
) -> list[Sentiment]:
    """`of` for several inquiries, each given as (subject, text), that this model or another has read; sooner than one
    by one."""
    model = model or shipped()
    found = model.weigh([model.hear(each) for each in readings])
    return [
        _told(model, each, _shares(model, each), model.version, *inquiry)
        for each, inquiry in zip(found, inquiries, strict=True)
    ]


def together(whole: Share, comments: Share) -> Share:
    """What the model of all texts and that of comments say together of a comment."""
    return (1 - SECOND) * whole + SECOND * comments


def _shares(model: Router, weighed: Weighed) -> dict[str, float]:
    return dict(zip(model.labels, weighed.probabilities.tolist(), strict=True))


def _told(
    model: Router, weighed: Weighed, probabilities: dict[str, float], version: str, subject: str, text: str
) -> Sentiment:
    if not text.strip() and not subject.strip():
        even = dict.fromkeys(LABELS, 1 / len(LABELS))
        return Sentiment("neutral", even["neutral"], even, (), version)
    label = max(LABELS, key=probabilities.__getitem__)
    because = model.because(weighed, label, text, subject) if label != "neutral" else ()
    return Sentiment(label, probabilities[label], probabilities, because, version)


def _denied(found: Sentiment, text: str, language: str) -> Sentiment:
    """The same with the denial that a Japanese comment ends in: praise that is denied is a complaint, and trouble that
    is denied no anger. It is the first reason of the feeling it tells."""
    denial = denials.of(text) if language == "ja" else None
    if denial is None:
        return found
    said = dict(found.probabilities)
    if denial.of_praise:
        said = {label: (1 - DENIED) * share for label, share in said.items()}
        said["negative"] += DENIED
    else:
        spared = DENIED * said["negative"]
        said["negative"] -= spared
        said["neutral"] += spared / 2
        said["positive"] += spared / 2
    label = max(LABELS, key=said.__getitem__)
    reason = Reason(text[denial.start : denial.end], 1.0, denial.start, denial.end)
    words = found.because if found.label == label else ()
    apart = tuple(each for each in words if each.end <= denial.start or each.start >= denial.end)
    is_reason = label == "negative" if denial.of_praise else label == "positive"
    because = ((reason,) if is_reason else ()) + apart
    return Sentiment(label, said[label], said, because if label != "neutral" else (), found.version)


def _marked(found: Sentiment, text: str) -> Sentiment:
    """The same with the mark that a comment gives, if it does: it is the first reason of the feeling it tells."""
    mark = marks.of(text)
    if mark is None:
        return found
    said = {label: (1 - MARKED) * share for label, share in found.probabilities.items()}
    said[mark.feeling] += MARKED
    reason = Reason(text[mark.start : mark.end], 1.0, mark.start, mark.end)
    words = () if found.label != mark.feeling else found.because
    apart = tuple(each for each in words if each.end <= mark.start or each.start >= mark.end)
    because = (reason, *apart) if mark.feeling != "neutral" else ()
    return Sentiment(mark.feeling, said[mark.feeling], said, because, found.version)


def example(
    text: str,
    feeling: str,
    *,
    language: str,
    subject: str = "",
    situation: str = "",
    author: str = "",
    comment: bool = False,
) -> Example:
    """An example to learn from; a `comment` is one of a survey. Raises ValueError for an unknown feeling."""
    if feeling not in LABELS:
        raise ValueError(f"sentiment {feeling!r}; known are {', '.join(LABELS)}")
    weight = WEIGHTS[feeling] * (COMMENT if comment else 1.0)
    return Example(text, feeling, language, subject=subject, situation=situation, author=author, weight=weight)
