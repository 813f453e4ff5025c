"""How a customer feels in this text: positive, neutral or negative, how sure that is, and which words say so.

The idea: the same kind of model as the router, taught by other examples. A plain report of a fault is neutral unless
dissatisfaction shows; praise with a wish in it is what prevails. It is a guess for lists and reports, over many texts;
nobody is to be judged by it.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from classifiers.answers import Example, Reason
from classifiers.features import Reading
from classifiers.router import Router

LABELS = ("negative", "neutral", "positive")
BLOCKS = {"grams": 1.0, "terms": 0.8, "meaning": 0.5, "english": 0.4, "counts": 0.6, "phrases": 0.2}
LISTS = Path(__file__).parent / "data" / "sentiment.toml"
WEIGHTS = {"negative": 1.3, "neutral": 1.0, "positive": 1.6}  # how much an example counts: the rare feelings count more


@dataclass(frozen=True, slots=True)
class Sentiment:
    """The prevailing feeling; `probabilities` holds all three, `because` the words that spoke for it, loudest first."""

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


def of(text: str, *, subject: str = "", model: Router | None = None, reading: Reading | None = None) -> Sentiment:
    """The feeling of one text. Takes any text; one with nothing to read is neutral, with little confidence.

    `reading` is what another model has read of the same text and subject, where one has.
    """
    model = model or shipped()
    reading = model.hear(reading) if reading else model.read(text, subject=subject)
    found = model.answer(reading, text, subject, explain=False)
    if not text.strip() and not subject.strip():
        even = dict.fromkeys(LABELS, 1 / len(LABELS))
        return Sentiment("neutral", even["neutral"], even, (), found.version)
    because = model.because(reading, found.label, text, subject) if found.label != "neutral" else ()
    return Sentiment(found.label, found.confidence, found.probabilities, because, found.version)


def example(
    text: str, feeling: str, *, language: str, subject: str = "", situation: str = "", author: str = ""
) -> Example:
    """An example to learn from. Raises ValueError for an unknown feeling."""
    if feeling not in LABELS:
        raise ValueError(f"sentiment {feeling!r}; known are {', '.join(LABELS)}")
    return Example(
        text, feeling, language, subject=subject, situation=situation, author=author, weight=WEIGHTS[feeling]
    )
