"""Making the shipped models: the corpus in, router, urgency, sentiment and the map of cases out, each with its card.

The idea: the model that comes with the desk is no mystery file. Anyone can make it again from the texts in `corpus/`
and gets the same bytes; the card says what it learned from, what it was measured on, and where it must not be trusted.

    python -m classifiers.ship
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers import cases, evaluate, keywords, model, registry, sentiment, urgency
from classifiers.answers import Example
from classifiers.evaluate import Report
from classifiers.model import Fit
from classifiers.text import VERSION as normal_form

CORPUS = Path(__file__).parent / "corpus"
AUTHORS = {"ja": "first", "en": "first"}  # two files of one hand; every other file is an author of its own


def seeds(split: str, *, folder: Path = CORPUS) -> list[Example]:
    """The corpus rows of one split, "train" or "test", Japanese first, in the order of names.

    Raises ValueError, naming file and line, when a row is not of the described form.
    """
    examples = []
    paths = sorted(folder.glob("*.jsonl"), key=lambda path: (not path.name.startswith("ja"), path.name))
    for path in paths:
        if _is_comment(path):
            continue  # what customers say of the service: see sentiment.py
        for row in rows(path):
            try:
                if row["split"] == split:
                    examples.append(_example(row, author=AUTHORS.get(path.stem, path.stem)))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path.name}, line {row['line']}: {error!r}") from error
    return examples


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of one file of the corpus as they stand, each with its `line`, from 1. Raises ValueError."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            try:
                found.append({**json.loads(line), "line": number})
            except (ValueError, TypeError) as error:
                raise ValueError(f"{path.name}, line {number}: {error!r}") from error
    return found


def build(made_at: datetime, *, folder: Path = registry.SHIPPED) -> Fit:
    """Train the router on the corpus, measure it on the test split, write model and card into `folder`.

    The model depends on the corpus, key words and turns of phrase alone; `made_at` (aware) only dates it. Takes about
    half a minute.
    """
    fit = model.fit(seeds("train"), made_at=made_at)
    measured = evaluate.report(fit.router, seeds("test"))
    _write(folder, "router", fit, card(fit, measured))
    registry.shipped.cache_clear()
    registry.shipped_version.cache_clear()
    return fit


def build_urgency(made_at: datetime, *, folder: Path = registry.SHIPPED, corpus: Path = CORPUS) -> Fit:
    """The same for urgency, from the rows that say whether they are urgent."""
    lists = keywords.read(urgency.LISTS)
    fit = model.fit(urgency_examples("train", folder=corpus), made_at=made_at, lists=lists, blocks=urgency.BLOCKS)
    place = fit.router.labels.index("urgent")
    count = len(fit.unseen.truth) // fit.unseen.rounds  # of several drawings the first: every row once
    said = fit.unseen.probabilities(dict(fit.router.weights.temperatures))[:count, place]
    truth = fit.unseen.truth[:count] == "urgent"
    found, figures = {}, {}
    usual = np.isin(fit.unseen.authors[:count], wholly_noted(folder=corpus))
    for language in sorted(set(fit.unseen.languages.tolist())):
        mine = fit.unseen.languages[:count] == language
        chosen = mine & usual if (mine & usual & truth).any() else mine
        found[language] = urgency.cut(truth[chosen], said[chosen])
        for name, some in ((language, mine & usual), (f"{language}/chosen rows", mine & ~usual)):
            figures[name] = _found(truth[some], said[some] >= found[language])
    fit = model.with_thresholds(fit, urgency.cuts(fit.router.cuts, found), made_at=made_at)
    tested = urgency_examples("test", folder=corpus)
    verdicts = [urgency.of(e.text, subject=e.subject, model=fit.router) for e in tested]
    facts = {
        **{name: fact for name, fact in fit.card.items() if name not in ("precision_asked", "cross_validation")},
        "purpose": "Says whether a customer's inquiry cannot wait, and why. It orders a list; it never acts.",
        "learned_from": "Rows of the train split of classifiers/corpus that say whether they are urgent.",
        "recall_asked": urgency.RECALL,
        "unseen_authors": figures,
        "test_split": _by_language(
            tested,
            lambda some: _found(
                np.array([tested[i].label == "urgent" for i in some]), np.array([verdicts[i].urgent for i in some])
            ),
        ),
        "limits": URGENCY_LIMITS,
    }
    _write(folder, "urgency", fit, facts)
    urgency.shipped.cache_clear()
    return fit


def build_sentiment(made_at: datetime, *, folder: Path = registry.SHIPPED, corpus: Path = CORPUS) -> Fit:
    """The same for sentiment, from inquiries and survey comments whose feeling was noted."""
    examples = sentiment_examples("train", folder=corpus)
    fit = model.fit(examples, made_at=made_at, lists=keywords.read(sentiment.LISTS), blocks=sentiment.BLOCKS)
    best = [fit.router.labels[number] for number in fit.unseen.best]
    comment = np.array([author.startswith("comments_") for author in fit.unseen.authors])
    unseen = {}
    for language in sorted(set(fit.unseen.languages.tolist())):
        mine = fit.unseen.languages == language
        for name, some in (("comments", mine & comment), ("inquiries", mine & ~comment)):
            if some.any():
                rows_of = np.flatnonzero(some)
                unseen[f"{language}/{name}"] = _feelings(
                    [str(fit.unseen.truth[i]) for i in rows_of],
                    [best[i] for i in rows_of],
                    fit.unseen.scores[rows_of],
                    fit.router.labels,
                )
    tested = sentiment_examples("test", folder=corpus)
    answers = [fit.router.predict(e.text, subject=e.subject) for e in tested]
    facts = {
        **{name: fact for name, fact in fit.card.items() if name not in ("precision_asked", "cross_validation")},
        "purpose": "How a customer feels in a text: positive, neutral or negative. For lists and reports over many "
        "texts.",
        "learned_from": "Inquiries and survey comments of classifiers/corpus whose feeling was noted; train split.",
        "unseen": unseen,
        "test_split": _by_language(
            tested,
            lambda some: _feelings(
                [tested[i].label for i in some],
                [answers[i].label for i in some],
                np.array([[answers[i].probabilities[label] for label in fit.router.labels] for i in some]),
                fit.router.labels,
            ),
        ),
        "limits": SENTIMENT_LIMITS,
    }
    _write(folder, "sentiment", fit, facts)
    sentiment.shipped.cache_clear()
    return fit


def urgency_examples(split: str, *, folder: Path = CORPUS) -> list[Example]:
    """The rows of one split that say whether they are urgent."""
    return [
        urgency.example(row["text"], row["urgent"], **_origin(row, path))
        for path in sorted(folder.glob("*.jsonl"))
        for row in rows(path)
        if row["split"] == split and "urgent" in row
    ]


def wholly_noted(*, folder: Path = CORPUS) -> list[str]:
    """The authors every inquiry of whom says whether it is urgent; of others mostly rows with words of urgency do."""
    paths = [path for path in sorted(folder.glob("*.jsonl")) if not _is_comment(path)]
    return [path.stem for path in paths if all("urgent" in row for row in rows(path))]


def sentiment_examples(split: str, *, folder: Path = CORPUS) -> list[Example]:
    """The rows of one split whose feeling was noted, comments included."""
    return [
        sentiment.example(row["text"], row["sentiment"], comment=_is_comment(path), **_origin(row, path))
        for path in sorted(folder.glob("*.jsonl"))
        for row in rows(path)
        if row["split"] == split and "sentiment" in row
    ]


def card(fit: Fit, measured: Report) -> dict[str, Any]:
    """The shipped router's card: what `fit` knows, what the test split showed, and what to beware of."""
    return {
        **fit.card,
        "purpose": "Suggests one of five queues for a customer's inquiry in Japanese or English.",
        "learned_from": "The train split of classifiers/corpus, texts written for this project; no customer's words.",
        "test_split": {name: _rounded(asdict(figures)) for name, figures in measured.languages.items()},
        "limits": LIMITS,
    }


LIMITS = [
    "The corpus was written for this project, much of it made to be hard. Cross-validation answers every text by a "
    "model that had learned nothing from its author; even so all authors worked from one description. Expect other "
    "figures on your own mail, and start by suggesting.",
    "Thresholds by language were chosen so that, on authors not learned from, 97 % of the answers given are "
    "acceptable, and at least 95 % of those for each queue. `strangers` tells what remains of that when the "
    "thresholds, too, are chosen without the author who is answered.",
    "English is weaker than Japanese, and its threshold leaves more to people: authors differ more, and tell stories.",
    "The turns of phrase were written from the definitions of the queues by someone who had read part of the corpus, "
    "and the English word vectors were learned on the sentences, not the labels, of three of its authors: figures on "
    "those lean to the hopeful.",
    "Words that point to one queue while the wish belongs to another are the usual mistake, above all fault against "
    "return, return against parcel, and two wishes in one message.",
    "Texts in other languages, sarcasm and transcripts with many recognition errors were not measured.",
    "It knows five queues. For others, train with examples of your own.",
]
URGENCY_LIMITS = [
    "Where a deadline begins to be near is a matter of opinion, and nobody noted the rows twice.",
    "The cut was chosen on authors every inquiry of whom was noted; by earlier authors only rows with words of "
    "urgency were, and on these it finds less.",
    "Part of the turns of phrase was written after reading mistakes made on the very authors it is judged by: expect "
    "less on texts of others. About four alarms in ten are false.",
    "It does not know the date. A deadline without a word of nearness is not seen.",
]
CASES_LIMITS = [
    "The pairs were written by one hand, each half in another voice; real repeats share more of their words.",
    "The corpus is of many trades: words that are common in one desk's trade count as rare until its own cases are "
    "counted, which is done as they are kept.",
    "A case is judged by its first words. What came out later in the conversation is not read.",
    "Confidence is the share judged to be the same problem by one reader.",
]
SENTIMENT_LIMITS = [
    "Inquiries are mostly neutral, and few are glad: shares of feelings there say more than single answers.",
    "Comments were written and noted by two hands a language, and many are ironic, mixed or negated; of a hand it has "
    "never met it understands little more than half. English comments should not be reported on until a desk has "
    "corrected some hundreds of its own.",
    "Report over thirty texts or more, never on one person.",
]


def build_cases(made_at: datetime, *, folder: Path = registry.SHIPPED, corpus: Path = CORPUS) -> cases.Cases:
    """Make the map by which similar cases are found, and measure it on the pairs kept for that."""
    inquiries = {row["id"]: row for path in sorted(corpus.glob("*.jsonl")) for row in rows(path) if "label" in row}
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
            language: pair_figures(made, language, list(inquiries.values()), corpus=corpus)
            for language in cases.LANGUAGES
        },
        "limits": CASES_LIMITS,
    }
    (folder / "cases.npz").write_bytes(content)
    (folder / "cases.json").write_bytes(registry.as_json(_rounded(card)))
    return cases.Cases(content, json.loads((folder / "cases.json").read_bytes()))


def pair_figures(
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


def _write(folder: Path, name: str, fit: Fit, facts: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.npz").write_bytes(fit.content)
    (folder / f"{name}.json").write_bytes(registry.as_json(facts))


def _by_language(examples: list[Example], figures: Callable[[list[int]], dict[str, Any]]) -> dict[str, Any]:
    languages = sorted({example.language for example in examples})
    places = {name: [i for i, example in enumerate(examples) if example.language == name] for name in languages}
    return {name: figures(some) for name, some in places.items()}


def _found(truth: NDArray[np.bool_], said: NDArray[np.bool_]) -> dict[str, Any]:
    """Recall and precision of what was called urgent; None when there was nothing to find or to call."""
    hits = int((truth & said).sum())
    return {
        "count": len(truth),
        "urgent": int(truth.sum()),
        "recall": round(hits / truth.sum(), 4) if truth.any() else None,
        "precision": round(hits / said.sum(), 4) if said.any() else None,
    }


def _feelings(
    truth: list[str], best: list[str], scores: NDArray[np.float64], labels: tuple[str, ...]
) -> dict[str, Any]:
    """Accuracy and macro-F1 of three feelings; `poles` is the accuracy of negative against positive, neutral aside."""
    f1 = []
    for label in sentiment.LABELS:
        hits = sum(t == b == label for t, b in zip(truth, best, strict=True))
        f1.append(2 * hits / max(truth.count(label) + best.count(label), 1))
    low, high = labels.index("negative"), labels.index("positive")
    poles = [
        ("positive" if row[high] > row[low] else "negative") == t
        for t, row in zip(truth, scores, strict=True)
        if t != "neutral"
    ]
    return {
        "count": len(truth),
        "accuracy": round(sum(t == b for t, b in zip(truth, best, strict=True)) / len(truth), 4),
        "macro_f1": round(sum(f1) / len(f1), 4),
        "poles": round(sum(poles) / len(poles), 4) if poles else None,
    }


def _is_comment(path: Path) -> bool:
    return path.name.startswith("comments_")


def _origin(row: dict[str, Any], path: Path) -> dict[str, str]:
    return {
        "language": row["language"],
        "subject": str(row.get("subject") or ""),
        "situation": str(row.get("situation") or ""),
        "author": AUTHORS.get(path.stem, path.stem),
    }


def _example(row: dict[str, Any], *, author: str) -> Example:
    acceptable = tuple(row.get("acceptable") or ())
    if row["language"] not in ("ja", "en") or (acceptable and row["label"] not in acceptable):
        raise ValueError("language must be ja or en, and acceptable labels must hold the label")
    return Example(
        text=str(row["text"]),
        label=str(row["label"]),
        language=str(row["language"]),
        subject=str(row.get("subject") or ""),
        acceptable=acceptable,
        situation=str(row.get("situation") or ""),
        author=author,
    )


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    now = datetime.now(UTC).replace(microsecond=0)
    made = build(now)
    print(evaluate.report(made.router, seeds("test")))
    for each in (made, build_urgency(now), build_sentiment(now)):
        print(f"\nWritten: {', '.join(each.router.labels)}: {len(each.content)} bytes, version {each.version}")
    print(f"\nWritten: the map of cases, version {build_cases(now).version}")
