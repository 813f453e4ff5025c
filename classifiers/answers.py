"""What goes into a classifier and what comes out of it: plain facts, nothing that has to be loaded."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Example:
    """A text whose label is known.

    `acceptable` names every label that would have been right (empty: only `label`). Examples of one `situation` are
    never parted between learning and checking; with three or more named `author`s, neither are those of one author.
    `source` says who vouches ("shipped", "agent", "accepted"); `weight` is how much it counts in fitting, `usual` where
    confidence and thresholds are set: 1 for mail as it comes, less for what was written to be hard.
    """

    text: str
    label: str
    language: str
    subject: str = ""
    acceptable: tuple[str, ...] = ()
    situation: str = ""
    author: str = ""
    source: str = "shipped"
    weight: float = 1.0
    usual: float = 1.0

    def accepts(self, label: str) -> bool:
        """Whether a label would have been right."""
        return label == self.label or label in self.acceptable


@dataclass(frozen=True, slots=True)
class Reason:
    """Words that spoke for the label, as the customer wrote them, and how loudly.

    `start` and `end` bound them in the text as it was given; both are -1 when the words stand in the subject.
    Weights are comparable inside one prediction only.
    """

    words: str
    weight: float
    start: int
    end: int

    def told(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        return {"words": self.words, "weight": self.weight, "start": self.start, "end": self.end}


@dataclass(frozen=True, slots=True)
class Prediction:
    """The most probable label and how sure the model is; `abstained` when it is not sure enough to act on.

    `confidence` is the probability of `label` in [0, 1], `probabilities` holds every label, `because` the words that
    spoke for it, loudest first, `version` the model and `language` the text's. `threshold` is what the
    confidence had to reach, for this label in this language; over 1 when no confidence would have done.
    """

    label: str
    confidence: float
    probabilities: dict[str, float]
    abstained: bool
    because: tuple[Reason, ...]
    version: str
    language: str
    threshold: float = 1.01
