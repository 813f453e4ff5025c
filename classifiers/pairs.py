"""The map by which similar cases are found: made of all inquiries of the corpus, measured on pairs of one problem told
twice, and its confidence learned from what people judged.

The pairs are in `corpus/pairs`. `python -m classifiers.ship` makes the map with everything else.
"""

import hashlib
import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from classifiers import cases, corpus_rows, registry
from classifiers.corpus_rows import CORPUS, rows
from classifiers.text import VERSION as normal_form

LIMITS = [
    "The pairs were written by one hand, each half in another voice; real repeats share more of their words.",
    "The corpus is of many trades: words that are common in one desk's trade count as rare until its own cases are "
    "counted, which is done as they are kept.",
    "A case is judged by its first words. What came out later in the conversation is not read.",
    "Confidence is the share judged to be the same problem by one reader.",
]


def build(made_at: datetime, *, folder: Path = registry.SHIPPED, corpus: Path = CORPUS) -> cases.Cases:
    """Make the map by which similar cases are found, and measure it on the pairs kept for that."""
    inquiries = {row["id"]: row for row in corpus_rows.inquiries(corpus)}
    content = cases.learn((row["language"], str(row.get("subject") or ""), row["text"]) for row in inquiries.values())
    card: dict[str, Any] = {
        "made_at": made_at.isoformat(),
        "sha256": hashlib.sha256(content).hexdigest(),
        "format": cases.FORMAT,
        "normal_form": normal_form,
        "confidence": {language: [0.0, 1.0, 1.0] for language in cases.LANGUAGES},
    }
    judged, plain = rows(corpus / "pairs" / "judged.jsonl"), cases.Cases(content, card)
    card["confidence"] = {
        language: _confidence(language, plain, judged, inquiries, corpus) for language in cases.LANGUAGES
    }
    made = cases.Cases(content, card)
    card |= {
        "learned_from": "Words and neighborhoods: all inquiries of classifiers/corpus. Confidence: pairs/judged.jsonl.",
        "found": {
            language: figures(made, language, list(inquiries.values()), corpus=corpus) for language in cases.LANGUAGES
        },
        "limits": LIMITS,
    }
    (folder / "cases.npz").write_bytes(content)
    (folder / "cases.json").write_bytes(registry.as_json(registry.rounded(card)))
    return cases.Cases(content, json.loads((folder / "cases.json").read_bytes()))


def figures(
    made: cases.Cases, language: str, inquiries: list[dict[str, Any]], *, split: str = "check", corpus: Path = CORPUS
) -> dict[str, Any]:
    """How often the other half of a pair is found among all inquiries of the language, asked as a desk asks: by keys,
    then by confidence. `at_5` is the share whose other half is among the first five."""
    pairs = rows(corpus / "pairs" / f"{language}.jsonl")
    texts = [("", pair["other"]) for pair in pairs]
    texts += [(str(row.get("subject") or ""), row["text"]) for row in inquiries if row["language"] == language]
    kept = [made.gist(text, subject=subject, language=language) for subject, text in texts]
    seen = Counter(key for gist in kept for key in gist.keys)
    ranks = []
    for place, pair in enumerate(pairs):
        if pair["split"] != split:
            continue
        asking = made.gist(pair["one"], language=language)
        weights = dict(made.asked(asking, seen=seen, among=len(kept)))
        loud = np.array([sum(weights.get(key, 0.0) for key in gist.keys) for gist in kept])
        near = [int(each) for each in np.argsort(-loud, kind="stable")[:200] if loud[each] > 0]
        sure = made.confidence(
            asking, [cases.packed(kept[each].keys) for each in near], [kept[each].meaning for each in near]
        )
        ranked = [near[each] for each in np.argsort(-sure, kind="stable")]
        ranks.append(ranked.index(place) if place in ranked else len(kept))
    return {
        "pairs": len(ranks),
        "among": len(kept),
        "at_1": float(np.mean([rank < 1 for rank in ranks])),
        "at_5": float(np.mean([rank < 5 for rank in ranks])),
        "at_50": float(np.mean([rank < 50 for rank in ranks])),
    }


def _confidence(
    language: str, made: cases.Cases, judged: list[dict[str, Any]], inquiries: dict[str, Any], corpus: Path
) -> list[float]:
    """Bias and weights of likeness in meaning and of shared words, from what came back first and was judged."""
    from sklearn.linear_model import LogisticRegression

    pairs = {row["id"]: row for row in rows(corpus / "pairs" / f"{language}.jsonl")}
    features, truth = [], []
    for row in judged:
        if row["pair"] not in pairs:
            continue  # of the other language
        asking = made.gist(pairs[row["pair"]]["one"], language=language)
        other = pairs.get(row["text"]) or inquiries[row["text"]]
        subject = str(other.get("subject") or "")
        gist = made.gist(other.get("other") or other["text"], subject=subject, language=language)
        features.append(made.likeness(asking, [cases.packed(gist.keys)], [gist.meaning])[0])
        truth.append(bool(row["same"]))
    fitted = LogisticRegression(C=3.0).fit(np.array(features), truth)
    return [float(fitted.intercept_[0]), *map(float, fitted.coef_[0])]
