"""The classifiers at the command line: lines of JSON in, lines of JSON out, one for one and in order.

The idea: a line that cannot be read is answered like any other, with an error and its number, so that a file of a
million lines is not lost to one. Nothing is kept back: each answer leaves before the next line is waited for.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from classifiers import Example, Router, evaluate, sentiment, themes, topics, urgency
from classifiers import text as texts

LONGEST_LINE = 1_000_000  # characters


class BadLine(ValueError):
    """A line that says nothing we can answer; the message says why."""


def answers(lines: Iterable[str], *, router: Router) -> Iterator[dict[str, Any]]:
    """For every line `{"text", "subject"?, "channel"?}` what the desk would guess of it; empty lines are passed over.
    Of the channel only "survey" is heard: a comment's feeling is read otherwise than an inquiry's, and it has topics.

    Yields label, confidence, probabilities, abstained, urgent, sentiment, language, version and because, a list of
    `{"words", "weight", "start", "end"}` (start and end are -1 in the subject), of a comment also topics, a list of
    names; or `{"error", "line"}`.
    """
    for number, line in _numbered(lines):
        try:
            yield _answer(_row(line), router)
        except BadLine as error:
            yield {"error": str(error), "line": number}


def report(
    lines: Iterable[str], *, router: Router, mistakes: list[dict[str, Any]] | None = None
) -> evaluate.Report | None:
    """How right the router is on lines `{"text", "label", "subject"?, "acceptable"?}`; None when none could be read.

    Lines that cannot be read are put into `mistakes` as `{"error", "line"}`.
    """
    examples = []
    for number, line in _numbered(lines):
        try:
            examples.append(_example(_row(line)))
        except BadLine as error:
            if mistakes is not None:
                mistakes.append({"error": str(error), "line": number})
    return evaluate.report(router, examples) if examples else None


def _numbered(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, start=1):
        if line.strip().strip("\ufeff"):
            yield number, line.lstrip("\ufeff")


def _row(line: str) -> dict[str, Any]:
    if len(line) > LONGEST_LINE:
        raise BadLine(f"longer than {LONGEST_LINE} characters")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadLine(f"not JSON: {error}") from error
    if not isinstance(row, dict):
        raise BadLine("not a JSON object")
    if not isinstance(row.get("text"), str):
        raise BadLine('"text" is missing or no string')
    for name in ("subject", "channel"):
        if not isinstance(row.get(name) or "", str):
            raise BadLine(f'"{name}" is no string')
    return row


def _answer(row: dict[str, Any], router: Router) -> dict[str, Any]:
    text, subject = row["text"], row.get("subject") or ""
    reading = router.read(text, subject=subject)  # once, for three answers
    found = router.answer(reading, text, subject)
    comment = row.get("channel") == "survey"
    answer = {
        "label": found.label,
        "confidence": found.confidence,
        "probabilities": found.probabilities,
        "abstained": found.abstained,
        "urgent": urgency.of(text, subject=subject, reading=reading).urgent,
        "sentiment": sentiment.of(text, subject=subject, reading=reading, comment=comment).label,
        "language": found.language,
        "version": found.version,
        "because": [asdict(reason) for reason in found.because],
    }
    return answer | {"topics": [_topics()[key] for key in _reader().about([text])[0]]} if comment else answer


@lru_cache(maxsize=1)
def _topics() -> dict[str, str]:
    return {each.key: each.name for each in themes.shipped()}


@lru_cache(maxsize=1)
def _reader() -> topics.Reader:
    """The topics that come with a desk, as they come."""
    return topics.Reader([topics.Asked(each.key, each.words, (each.key,)) for each in themes.shipped()])


def _example(row: dict[str, Any]) -> Example:
    label, acceptable = row.get("label"), row.get("acceptable") or []
    if not isinstance(label, str) or not label:
        raise BadLine('"label" is missing or no string')
    if not isinstance(acceptable, list) or not all(isinstance(each, str) for each in acceptable):
        raise BadLine('"acceptable" is no list of strings')
    language = row.get("language")
    subject = row.get("subject") or ""
    if language not in ("ja", "en"):
        language = texts.language(texts.normal(row["text"], subject=subject).text)
    return Example(row["text"], label, language, subject=subject, acceptable=tuple(acceptable))
