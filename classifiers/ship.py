"""Making the shipped models: the corpus in, router, urgency, sentiment and the map of cases out, each with its card.

The idea: the model that comes with the desk is no mystery file. Anyone can make it again from the texts in `corpus/`
and gets the same bytes; the card says what it learned from, what it was measured on, and where it must not be trusted.

    python -m classifiers.ship
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers import endings, evaluate, keywords, model, pairs, registry, sentiment, topic_model, topics, urgency
from classifiers.answers import Example
from classifiers.corpus_rows import CORPUS, rows
from classifiers.evaluate import Report
from classifiers.model import Fit, Unseen
from classifiers.telling import TellingBorders

HANDS = {"ja": "first", "en": "first"}  # two files of one hand; every other file is an author of its own, but
NATURAL = ("f", "g", "h")  # these wrote in both languages, and comments, and wrote as mail comes, not to be hard
SOUGHT = ("k", "x")  # in both languages, too: of the kinds that models before had been wrong about
PLAIN = ("m", "o", "q", "r")  # whose comments one model learns alone: that of all texts would read inquiries like them
STRANGERS = ("i", "j", "l", "n", "p", "s")  # whose texts are all for testing: nothing is learned or chosen by them
PAIRED = ("h", "i", "k")  # who wrote of urgent matters and of those that only sound so: more than a desk's day brings
ALIKE = {"y": "x", "z": "x"}  # voices of one hand
CALM = ("m", "o", "x")  # one in seventeen of whose inquiries is urgent: urgency learns none, they show what it is worth
HARD = {"ja": 0.5, "en": 0.25}
"""How much a text of any other author counts where confidence and thresholds are set, a natural one counting 1, as a
desk's own outcomes do. In English hard texts alone would leave a third of plain mail undecided; in Japanese they leave
little, and count for more."""


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
                    examples.append(_example(row, author=_hand(path)))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path.name}, line {row['line']}: {error!r}") from error
    return examples


def build(made_at: datetime, *, folder: Path = registry.SHIPPED, corpus: Path = CORPUS) -> Fit:
    """Train the router on the corpus, measure it on the test split, write model and card into `folder`.

    The model depends on the corpus, key words and turns of phrase alone; `made_at` (aware) only dates it. Takes about
    half a minute.
    """
    fit = model.fit(seeds("train", folder=corpus), made_at=made_at)
    measured = evaluate.report(fit.router, seeds("test", folder=corpus))
    _write(folder, "router", fit, card(fit, measured))
    registry.shipped.cache_clear()
    registry.shipped_version.cache_clear()
    return fit


def build_urgency(made_at: datetime, *, folder: Path = registry.SHIPPED, corpus: Path = CORPUS) -> Fit:
    """The same for urgency, from the rows that say whether they are urgent."""
    lists = keywords.read(urgency.LISTS)
    fit = model.fit(urgency_examples("train", folder=corpus), made_at=made_at, lists=lists, blocks=urgency.BLOCKS)
    place = fit.router.labels.index("urgent")
    said = _first_round(fit)[:, place]
    count = len(said)
    truth = fit.unseen.truth[:count] == "urgent"
    found, figures = {}, {}
    usual = np.isin(fit.unseen.authors[:count], sorted(set(wholly_noted(folder=corpus)) - set(PAIRED)))
    for language in sorted(set(fit.unseen.languages.tolist())):
        mine = fit.unseen.languages[:count] == language
        chosen = mine & usual if (mine & usual & truth).any() else mine
        found[language] = urgency.cut(truth[chosen], said[chosen], recall=urgency.RECALL[language])
        natural = mine & usual & np.isin(fit.unseen.authors[:count], NATURAL)
        kinds = {"": mine & usual, "/natural": natural, "/chosen rows": mine & ~usual}
        for name, some in kinds.items():
            figures[language + name] = _found(truth[some], said[some] >= found[language])
    fit = model.with_thresholds(fit, urgency.cuts(fit.router.cuts, found), made_at=made_at)

    def figures_of(examples: list[Example]) -> dict[str, dict[str, Any]]:
        told = np.array([urgency.of(e.text, subject=e.subject, model=fit.router).urgent for e in examples])
        urgent = np.array([e.label == "urgent" for e in examples])
        return _by_language(examples, lambda some: _found(urgent[some], told[some]))

    facts = {
        **{name: fact for name, fact in fit.card.items() if name not in ("precision_asked", "cross_validation")},
        "purpose": "Says whether a customer's inquiry cannot wait, and why. It orders a list; it never acts.",
        "learned_from": "Rows of the train split of classifiers/corpus that say whether they are urgent.",
        "recall_asked": urgency.RECALL,
        "unseen_authors": figures,
        "calm": figures_of(urgency_examples("train", "test", folder=corpus, calm=True)),
        "test_split": figures_of(urgency_examples("test", folder=corpus)),
        "limits": URGENCY_LIMITS,
    }
    _write(folder, "urgency", fit, facts)
    urgency.shipped.cache_clear()
    return fit


def build_sentiment(made_at: datetime, *, folder: Path = registry.SHIPPED, corpus: Path = CORPUS) -> tuple[Fit, Fit]:
    """The same for sentiment, from inquiries and survey comments whose feeling was noted: the model of all texts, and
    the one of comments alone."""
    lists = keywords.read(sentiment.LISTS)
    every, is_comment = sentiment_examples("train", folder=corpus), comments_among("train", folder=corpus)
    plain = is_comment & np.isin([example.author for example in every], PLAIN)
    examples, comment = [every[place] for place in np.flatnonzero(~plain)], is_comment[~plain]
    fit = model.fit(examples, made_at=made_at, lists=lists, blocks=sentiment.BLOCKS)
    comments = [every[place] for place in np.flatnonzero(is_comment)]
    second = model.fit(comments, made_at=made_at, lists=lists, blocks=sentiment.BLOCKS, borders=TellingBorders)

    said, also = _first_round(fit), _with_endings(second, comments, lists)[~plain[is_comment]]
    languages, natural = fit.unseen.languages[: len(said)], np.isin(fit.unseen.authors[: len(said)], NATURAL)
    truth = fit.unseen.truth[: len(said)]
    both = said.copy()
    both[comment] = sentiment.together(said[comment], also)
    kinds = {"comments": comment, "inquiries": ~comment}
    kinds |= {f"natural {name}": some & natural for name, some in kinds.items()}

    def unseen(said: NDArray[np.float64], names: list[str]) -> dict[str, Any]:
        found = {}
        for language in sorted(set(languages.tolist())):
            for name in names:
                some = kinds[name] & (languages == language)
                if some.any():
                    found[f"{language}/{name}"] = _feelings(truth[some], said[some], fit.router.labels)
        return found

    tested, of_survey = sentiment_examples("test", folder=corpus), comments_among("test", folder=corpus)
    answers = [fit.router.predict(e.text, subject=e.subject).probabilities for e in tested]
    told = [
        sentiment.of(e.text, comment=True, model=fit.router, of_comments=second.router).probabilities
        for e, is_comment in zip(tested, of_survey, strict=True)
        if is_comment
    ]

    def on_test(some: list[Example], answers: list[dict[str, float]]) -> dict[str, Any]:
        said = np.array([[each[label] for label in fit.router.labels] for each in answers])
        labels = np.array([each.label for each in some])
        return _by_language(some, lambda places: _feelings(labels[places], said[places], fit.router.labels))

    facts = {
        **{name: fact for name, fact in fit.card.items() if name not in ("precision_asked", "cross_validation")},
        "purpose": "How a customer feels in a text: positive, neutral or negative. For lists and reports over many "
        "texts.",
        "learned_from": "Inquiries and survey comments of classifiers/corpus whose feeling was noted; train split.",
        "unseen": unseen(said, list(kinds)),
        "test_split": on_test(tested, answers),
        "limits": SENTIMENT_LIMITS,
    }
    _write(folder, "sentiment", fit, facts)
    facts = {
        **{name: fact for name, fact in second.card.items() if name not in ("precision_asked", "cross_validation")},
        "purpose": "The same for comments of a survey, beside the model of all texts: both count, and are what the "
        "figures are of, on the authors from whom both learned.",
        "learned_from": "Survey comments of classifiers/corpus; train split.",
        "unseen": unseen(both, ["comments", "natural comments"]),
        "test_split": on_test([e for e, is_comment in zip(tested, of_survey, strict=True) if is_comment], told),
        "limits": SENTIMENT_LIMITS,
    }
    _write(folder, "comments", second, facts)
    sentiment.shipped.cache_clear()
    sentiment.shipped_of_comments.cache_clear()
    return fit, second


def build_topics(made_at: datetime, *, folder: Path = registry.SHIPPED, corpus: Path = CORPUS) -> topic_model.TopicFit:
    """The same for the topics of comments, from those whose topics were noted."""
    fit = topic_model.fit(topical("train", folder=corpus), made_at=made_at)
    card = {
        **fit.card,
        "purpose": "What a comment is about: none, one or more of ten topics. For reports over many texts.",
        "learned_from": "Survey comments of classifiers/corpus whose topics were noted; train split.",
        "test_split": topic_model.figures(fit.taught, topical("test", folder=corpus)),
        "strangers": topic_model.figures(
            fit.taught, [each for each in topical("test", folder=corpus) if each.example.author in STRANGERS]
        ),
        "limits": TOPIC_LIMITS,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "topics.npz").write_bytes(fit.content)
    (folder / "topics.json").write_bytes(registry.as_json(card))
    topics.shipped.cache_clear()
    return fit


def topical(split: str, *, folder: Path = CORPUS) -> list[topic_model.Topical]:
    """The comments of one split whose topics were noted. Raises ValueError with the row of an unknown one."""
    return [
        topic_model.topical(row, Example(row["text"], row["sentiment"], row["language"], author=_hand(path)))
        for path in sorted(folder.glob("comments_*.jsonl"))
        for row in rows(path)
        if row["split"] == split and "topics" in row
    ]


def urgency_examples(*splits: str, folder: Path = CORPUS, calm: bool = False) -> list[Example]:
    """The rows of some splits that say whether they are urgent, of the authors it may learn from; or of `CALM`."""
    return [
        urgency.example(row["text"], row["urgent"], **_origin(row, path))
        for path in sorted(folder.glob("*.jsonl"))
        for row in rows(path)
        if row["split"] in splits and "urgent" in row and (_hand(path) in CALM) == calm
    ]


def wholly_noted(*, folder: Path = CORPUS) -> list[str]:
    """The authors every inquiry of whom says whether it is urgent; of others mostly rows with words of urgency do."""
    paths = [path for path in sorted(folder.glob("*.jsonl")) if not _is_comment(path)]
    noted = {path: all("urgent" in row for row in rows(path)) for path in paths}
    hands = {_hand(path) for path in paths}
    return sorted(each for each in hands if all(noted[path] for path in paths if _hand(path) == each))


def sentiment_examples(split: str, *, folder: Path = CORPUS) -> list[Example]:
    """The rows of one split whose feeling was noted, comments included."""
    return [
        sentiment.example(row["text"], row["sentiment"], comment=_is_comment(path), **_origin(row, path))
        for path, row in _felt(split, folder)
    ]


def comments_among(split: str, *, folder: Path = CORPUS) -> NDArray[np.bool_]:
    """Which of `sentiment_examples` are survey comments."""
    return np.array([_is_comment(path) for path, _ in _felt(split, folder)])


def card(fit: Fit, measured: Report) -> dict[str, Any]:
    """The shipped router's card: what `fit` knows, what the test split showed, and what to beware of."""
    return {
        **fit.card,
        "purpose": "Suggests one of five queues for a customer's inquiry in Japanese or English.",
        "learned_from": "The train split of classifiers/corpus, texts written for this project; no customer's words.",
        "test_split": {name: registry.rounded(asdict(figures)) for name, figures in measured.languages.items()},
        "limits": LIMITS,
    }


LIMITS = [
    "The corpus was written for this project, much of it made to be hard; two of its authors wrote as mail comes. "
    "Cross-validation answers every text by a model that had learned nothing from its author; even so all authors "
    "worked from one description. Expect other figures on your own mail, and start by suggesting.",
    "Thresholds by language were chosen so that, on authors not learned from, 97 % of the answers given are "
    "acceptable, and at least 95 % of those for each queue, where a text of the two natural authors counts as much as "
    "two Japanese or four English ones that were made to be hard. `usual` tells of the former alone, `hard` of the "
    "latter: of English mail as hard as those, five answers in a hundred are wrong. `strangers` tells what remains "
    "when the thresholds, too, are chosen without the author who is answered. How much natural texts count was "
    "decided by looking at these very figures.",
    "English is weaker than Japanese, and its threshold leaves more to people: authors differ more, and tell stories.",
    "The turns of phrase were written from the definitions of the queues by someone who had read part of the corpus, "
    "and the English word vectors were learned on the sentences, not the labels, of three of its authors: figures on "
    "those lean to the hopeful.",
    "Words that point to one queue while the wish belongs to another are the usual mistake, above all fault against "
    "return, return against parcel, and two wishes in one message.",
    "The texts of two authors were written after mistakes made on others had been read, part of one's retelling "
    "what was missed in the first two natural ones: figures on those lean to the hopeful.",
    "Texts in other languages, sarcasm and transcripts with many recognition errors were not measured.",
    "It knows five queues. For others, train with examples of your own.",
]
URGENCY_LIMITS = [
    "Where a deadline begins to be near is a matter of opinion, and nobody noted the rows twice.",
    "The cut was chosen on authors every inquiry of whom was noted; by earlier authors only rows with words of "
    "urgency were, and on these it finds less.",
    "Part of the turns of phrase was written after reading mistakes made on the very authors it is judged by: expect "
    "less on texts of others. Where one inquiry in eight is urgent, one alarm in five is false in English and one in "
    "three in Japanese; where one in seventeen is, nearly four in ten (`calm`).",
    "It does not know the date. A deadline without a word of nearness is not seen.",
]
TOPIC_LIMITS = [
    "Comments that name no thing are about something to people alone: on authors it has not met, a quarter of the "
    "topics stays unseen in Japanese, and three in ten in English.",
    "The ten topics are those of a shop and its service. Others are found by their words alone.",
    "Of mails and notes nothing was measured: it learned from comments.",
    "Report over many texts; correct what is wrong, it learns.",
]
SENTIMENT_LIMITS = [
    "Inquiries are mostly neutral, and few are glad: shares of feelings there say more than single answers.",
    "Comments were written and noted by ten hands in Japanese and nine in English, and many are ironic, mixed or "
    "negated; of a hand it has never met it understands three in four.",
    "Part of the words was written after reading mistakes made on comments of the first two hands, and three hands "
    "wrote after reading some made on the natural ones.",
    "Report over thirty texts or more, never on one person.",
]


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


def _first_round(fit: Fit) -> NDArray[np.float64]:
    """What models that had not seen them said of the examples, of several drawings the first: every row once."""
    count = len(fit.unseen.truth) // fit.unseen.rounds
    return fit.unseen.probabilities(dict(fit.router.weights.temperatures))[:count]


def _with_endings(second: Fit, comments: list[Example], lists: keywords.Lists) -> NDArray[np.float64]:
    """What models of comments that had not seen them said of these, the last sentence counted in."""
    ends = [endings.of(each.text, language=each.language) for each in comments]
    having = [place for place, end in enumerate(ends) if end]
    every = [*comments, *(replace(comments[place], text=ends[place]) for place in having)]
    answered = np.arange(len(comments))
    answered[having] = np.arange(len(comments), len(every))
    seen = model.see(every, lists=lists, blocks=sentiment.BLOCKS, borders=TellingBorders)
    scores = model.unseen_scores(comments, second.router.labels, seen, 0, answered=answered)
    alone = Unseen(comments, scores, second.router.labels, 1)
    temperatures = dict(second.router.weights.temperatures)
    return endings.together(_first_round(second), alone.probabilities(temperatures))


def _feelings(truth: NDArray[np.str_], said: NDArray[np.float64], labels: tuple[str, ...]) -> dict[str, Any]:
    """Accuracy and macro-F1 of three feelings; `poles` is the accuracy of negative against positive, neutral aside."""
    best = np.array(labels)[said.argmax(axis=1)]
    f1 = [
        2 * ((truth == label) & (best == label)).sum() / max((truth == label).sum() + (best == label).sum(), 1)
        for label in sentiment.LABELS
    ]
    gladder = said[:, labels.index("positive")] > said[:, labels.index("negative")]
    felt = truth != "neutral"
    return {
        "count": len(truth),
        "accuracy": round(float((truth == best).mean()), 4),
        "macro_f1": round(float(np.mean(f1)), 4),
        "poles": round(float((gladder == (truth == "positive"))[felt].mean()), 4) if felt.any() else None,
    }


def _felt(split: str, folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    return [
        (path, row)
        for path in sorted(folder.glob("*.jsonl"))
        for row in rows(path)
        if row["split"] == split and "sentiment" in row
    ]


def _is_comment(path: Path) -> bool:
    return path.name.startswith("comments_")


def _hand(path: Path) -> str:
    """Who wrote a file."""
    last = path.stem.rpartition("_")[2]
    if last in ALIKE:
        return ALIKE[last]
    return last if last in (*NATURAL, *SOUGHT, *PLAIN, *STRANGERS) else HANDS.get(path.stem, path.stem)


def _origin(row: dict[str, Any], path: Path) -> dict[str, str]:
    return {
        "language": row["language"],
        "subject": str(row.get("subject") or ""),
        "situation": str(row.get("situation") or ""),
        "author": _hand(path),
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
        usual=1.0 if author in NATURAL else HARD[str(row["language"])],
    )


if __name__ == "__main__":
    now = datetime.now(UTC).replace(microsecond=0)
    made = build(now)
    print(evaluate.report(made.router, seeds("test")))
    for each in (made, build_urgency(now), *build_sentiment(now)):
        print(f"\nWritten: {', '.join(each.router.labels)}: {len(each.content)} bytes, version {each.version}")
    print(f"\nWritten: topics, version {build_topics(now).card['version']}")
    print(f"\nWritten: the map of cases, version {pairs.build(now).version}")
