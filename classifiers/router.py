"""A fitted model that answers: text in, `Prediction` out, with numpy alone.

The idea: the model is linear, so an answer is a sum over what was read, and that same sum, laid back over the letters
it came from, is the explanation. A model travels as one .npz file of numbers and words; nothing in it can run.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers import english, features
from classifiers import text as texts
from classifiers.answers import Prediction, Reason
from classifiers.features import Reading
from classifiers.keywords import Finder, Lists
from classifiers.phrases import shipped as shipped_phrases
from classifiers.tables import BETWEEN, Block, Coefficients, Floats, Met, gram_table, term_table
from classifiers.vectors import Vectors

FORMAT = 3
NEVER = 1.01  # a threshold no confidence reaches: too little was known to promise anything
MOST_BYTES = 400_000_000  # unpacked; more is no model of ours
MOST_REASONS = 4
AT_ONCE = 256  # inquiries read together: what was worked out of each is held until all of them are answered
_LONGEST_SAID = 12  # characters; a longer turn of phrase is shown by its words
_FAINTEST = 0.2  # a reason this much weaker than the first is not worth showing


class Refused(ValueError):
    """A model file that must not be used. The message says what was found, what was expected and what to do."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A reading, what of it a model knows (grams, terms, terms of what is asked), the distance of every label from its
    border, and how probable each label is."""

    reading: Reading
    met: tuple[Met, Met, Met]
    scores: Floats
    probabilities: Floats


@dataclass(frozen=True, slots=True)
class Weights:
    """All that was learned. `meaning` and `english` are labels x dimensions, `counts` labels x queues with key words,
    `phrases` labels x turns of phrase, `intercept` a number a label. `temperatures` are by language; `thresholds`
    give, by language and label, the confidence below which the model abstains."""

    labels: tuple[str, ...]
    grams: Block
    terms: Block
    asked: Block
    meaning: Coefficients
    english: Coefficients
    counts: Coefficients
    phrases: Coefficients
    intercept: Coefficients
    temperatures: Mapping[str, float]
    thresholds: Mapping[str, Mapping[str, float]]
    keywords: Lists


class Router:
    """A model held open: its weights, the word vectors and the key words it was fitted with.

    `cuts` are the thresholds by language and label, which `Prediction.threshold` quotes; `thresholds` is the highest of
    them that can be reached in each language and `threshold` in all, for showing. `Prediction.abstained` is what to
    act on.
    """

    def __init__(self, weights: Weights, *, version: str, vectors: Vectors) -> None:
        self.version = version
        self.labels = weights.labels
        self.cuts = {language: dict(row) for language, row in weights.thresholds.items()}
        self.thresholds = {
            language: max((value for value in row.values() if value <= 1), default=NEVER)
            for language, row in self.cuts.items()
        }
        self.threshold = max((value for value in self.thresholds.values() if value <= 1), default=NEVER)
        self.weights = weights
        self.vectors = vectors
        self._finder = Finder(weights.keywords)
        self._words = weights.terms.vocabulary
        self._grams, self._terms, self._asked = (
            gram_table(weights.grams),
            term_table(weights.terms, self._words),
            term_table(weights.asked, weights.asked.vocabulary),
        )
        plain = (weights.meaning, weights.english, weights.counts, weights.phrases)
        self._plain = np.hstack(plain).astype(np.float64)
        self._contrasts = tuple(
            np.array([_contrast(rows, label) for label in range(len(self.labels))]) for rows in plain
        )

    def predict(self, text: str, *, subject: str = "") -> Prediction:
        """The label for one inquiry. Takes any text, the empty one included; it is read up to `text.LONGEST`."""
        return self.answer(self.read(text, subject=subject), text, subject)

    def answer(self, reading: Reading, text: str, subject: str = "", *, explain: bool = True) -> Prediction:
        """The label for one inquiry that has been read; `text` and `subject` are as it was read from."""
        return self.tell(self.weigh([reading])[0], text, subject, explain=explain)

    def predict_many(self, inquiries: list[tuple[str, str]], *, explain: bool = True) -> list[Prediction]:
        """The labels for many inquiries, each given as (subject, text). Without reasons it takes half the time."""
        return [
            self.tell(weighed, text, subject, explain=explain)
            for some in (inquiries[start : start + AT_ONCE] for start in range(0, len(inquiries), AT_ONCE))
            for weighed, (subject, text) in zip(self.weigh(self.read_many(some)), some, strict=True)
        ]

    def weigh(self, readings: Sequence[Reading]) -> list[Weighed]:
        """How probable each label is, for several inquiries that have been read; sooner than one by one, and the same
        to the last digit."""
        if not readings:
            return []
        features.count(readings)
        mets = zip(
            self._grams.met([features.counted_grams(each) for each in readings]),
            self._terms.met([features.counted_terms(each) for each in readings]),
            self._asked.met([features.counted_asked(each) for each in readings]),
            strict=True,
        )
        return [
            Weighed(reading, met, scores, self.probabilities(scores, language=reading.language))
            for reading, met in zip(readings, mets, strict=True)
            for scores in [self._scores(reading, met)]
        ]

    def tell(self, weighed: Weighed, text: str, subject: str = "", *, explain: bool = True) -> Prediction:
        """The label for what was weighed; `text` and `subject` are as it was read from."""
        probabilities, language = weighed.probabilities, weighed.reading.language
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        label = self.labels[best]
        threshold = self.cuts.get(language, {}).get(label, NEVER)
        return Prediction(
            label=label,
            confidence=confidence,
            probabilities=dict(zip(self.labels, probabilities.tolist(), strict=True)),
            abstained=confidence < threshold or not self._understands(weighed.reading),
            because=self.because(weighed, label, text, subject) if explain else (),
            version=self.version,
            language=language,
            threshold=threshold,
        )

    def read(self, text: str, *, subject: str = "") -> Reading:
        """What this model sees of an inquiry."""
        return features.read(text, subject=subject, vectors=self.vectors, finder=self._finder)

    def read_many(self, inquiries: Sequence[tuple[str, str]]) -> list[Reading]:
        """`read` for many inquiries, each given as (subject, text); sooner than one by one."""
        return features.read_many(inquiries, vectors=self.vectors, finder=self._finder)

    def hear(self, reading: Reading) -> Reading:
        """What another model has read, as this one sees it: a text three models answer to is read once."""
        return features.hear(reading, finder=self._finder)

    def scores(self, reading: Reading) -> Floats:
        """One number a label, the distance from the border between it and all others."""
        return self.weigh([reading])[0].scores

    def distances(self, readings: Sequence[Reading]) -> Floats:
        """`scores` of many readings, a row each, for who asks for nothing else: no explanation can be made of them. A
        third of the time; the last digit may be another than there."""
        found: Floats = np.tile(self.weights.intercept.astype(np.float64), (len(readings), 1))
        for table, every in (
            (self._grams, features.many_grams),
            (self._terms, features.many_terms),
            (self._asked, features.many_asked),
        ):
            if len(table.rows) and readings:
                found += table.sums(every(readings))
        plain = (
            features.meanings(readings, self.vectors),
            features.english_meanings(readings),
            features.many_counts(readings, self._finder.queues),
            features.many_phrases(readings),
        )
        return np.asarray(found + np.hstack(plain) @ self._plain.T)

    def _scores(self, reading: Reading, met: tuple[Met, Met, Met]) -> Floats:
        total, length = features.english_total(reading)
        counts = features.counts(reading, self._finder.queues)
        meaning = features.meaning(reading, self.vectors)
        plain = np.concatenate([meaning, total / length, counts, features.phrases(reading)])
        return np.asarray(
            met[0].scores() + met[1].scores() + met[2].scores() + self._plain @ plain + self.weights.intercept
        )

    def probabilities(self, scores: Floats, *, language: str) -> Floats:
        """Scores as probabilities that add up to one: softmax at the temperature found on unseen texts of a
        language."""
        temperatures = self.weights.temperatures
        temperature = temperatures.get(language) or max(temperatures.values())
        powers = np.exp((scores - scores.max()) / temperature)
        return np.asarray(powers / powers.sum())

    def _understands(self, reading: Reading) -> bool:
        """Whether anything in the text is a word to this model; of gibberish it has an opinion, but no knowledge."""
        words = [token.word for token in reading.tokens if len(token.word) > 1]  # neither "0" nor a letter alone
        known = sum(word in self._words for word in words)
        strange = len(words) - known
        return known + 2 * len(reading.words) + 2 * len(reading.keywords) > strange

    def because(self, weighed: Weighed, label: str, text: str, subject: str = "") -> tuple[Reason, ...]:
        """The words that spoke for a label, loudest first, with their places in the text as given."""
        reading, met = weighed.reading, weighed.met
        loudness = np.append(0.0, np.cumsum(self._loudness(reading, met, self.labels.index(label))))
        spans = [(span, float(loudness[span[1]] - loudness[span[0]])) for span in _spans(reading)]
        # Of words equally loud the first to stand there comes first, whatever the last digit of a sum says.
        loudest = sorted((each for each in spans if each[1] > 0), key=lambda each: -round(each[1], 9))[:MOST_REASONS]
        reasons = []
        for (start, end), weight in loudest:
            if weight < _FAINTEST * loudest[0][1]:
                break
            first, last = reading.normal.place(start, end)
            if start < reading.normal.body:
                reasons.append(Reason(subject[first:last], weight, -1, -1))
            else:
                reasons.append(Reason(text[first:last], weight, first, last))
        return tuple(reasons)

    def _loudness(self, reading: Reading, met: tuple[Met, Met, Met], label: int) -> Floats:
        """How much every letter of the normal form spoke for a label, compared with the average of the others."""
        layers = [(*known.counted.spans(), _shares(known, label)) for known in met]
        meaning, english_meaning, counts, phrases = (contrast[label] for contrast in self._contrasts)
        if reading.tokens and reading.language == "en":
            direction = english_meaning / features.english_total(reading)[1]
            shares = english.shipped().along([token.word for token in reading.tokens], direction)
            layers.append((*features.spans(reading.tokens), shares))
        if reading.words:
            vectors = features.word_vectors(reading, self.vectors).astype(np.float64)
            length = max(float(np.linalg.norm(vectors.mean(axis=0))), 1e-9) * len(vectors)
            layers.append((*features.spans(reading.words), vectors @ meaning / length))
        if reading.keywords:
            queues = [self._finder.queues.index(found.queue) for found in reading.keywords]
            layers.append((*features.spans(reading.keywords), _each(queues, counts)))
        if said := [each for each in reading.said if each.end > each.start]:
            layers.append((*features.spans(said), _each([each.number for each in said], phrases)))
        starts, ends, shares = (np.concatenate(parts) for parts in zip(*layers, strict=True))
        shares = shares / (ends - starts)
        count = len(reading.normal.text)
        rises = np.bincount(starts, shares, count + 1) - np.bincount(ends, shares, count + 1)
        return np.cumsum(rises)[:count]


def pack(weights: Weights, *, vectors: Vectors) -> bytes:
    """The one file a model travels as; the same weights give the same bytes."""
    settings = {
        "format": FORMAT,
        "text": texts.VERSION,
        "vectors": vectors.digest,
        "labels": list(weights.labels),
        "english": english.shipped().digest,
        "phrases": shipped_phrases().digest,
        "temperatures": dict(sorted(weights.temperatures.items())),
        "thresholds": {language: dict(sorted(row.items())) for language, row in sorted(weights.thresholds.items())},
        "keywords": {queue: list(words) for queue, words in sorted(weights.keywords.items())},
    }
    file = io.BytesIO()
    np.savez_compressed(
        file,
        settings=_bytes(json.dumps(settings, ensure_ascii=False, sort_keys=True)),
        grams=np.frombuffer(weights.grams.words, np.uint8),
        grams_idf=weights.grams.idf,
        grams_coefficients=weights.grams.coefficients,
        terms=np.frombuffer(weights.terms.words, np.uint8),
        terms_idf=weights.terms.idf,
        terms_coefficients=weights.terms.coefficients,
        asked=np.frombuffer(weights.asked.words, np.uint8),
        asked_idf=weights.asked.idf,
        asked_coefficients=weights.asked.coefficients,
        meaning=weights.meaning,
        english=weights.english,
        counts=weights.counts,
        phrases=weights.phrases,
        intercept=weights.intercept,
    )
    return file.getvalue()


def unpack(content: bytes, *, version: str, sha256: str, vectors: Vectors) -> Router:
    """The model in a file. `sha256` is what the file was when it was made, from the model card beside it.

    Raises `Refused` when the bytes are others, or hold anything but a whole model made for this release.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise Refused(
            f"model {version}: the file's SHA-256 is {found[:12]}..., its card says {sha256[:12]}...; it was changed or"
            " cut short. Put the original file back, or roll back to the version before."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MOST_BYTES:
            raise Refused(f"model {version}: {size} bytes unpacked, more than {MOST_BYTES}; train with fewer examples.")
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays: dict[str, Any] = {name: file[name] for name in file.files}
        settings = json.loads(arrays["settings"].tobytes().decode())
        _same(version, "format", settings["format"], FORMAT)
        _same(version, "normal form of text", settings["text"], texts.VERSION)
        _same(version, "word vectors", settings["vectors"], vectors.digest)
        _same(version, "English word vectors", settings["english"], english.shipped().digest)
        _same(version, "turns of phrase", settings["phrases"], shipped_phrases().digest)
        labels = tuple(str(label) for label in settings["labels"])
        weights = Weights(
            labels=labels,
            grams=_block(arrays, "grams", labels),
            terms=_block(arrays, "terms", labels),
            asked=_block(arrays, "asked", labels),
            meaning=_floats(arrays, "meaning", (len(labels), vectors.size)),
            english=_floats(arrays, "english", (len(labels), english.shipped().size)),
            counts=_floats(arrays, "counts", (len(labels), len(settings["keywords"]))),
            phrases=_floats(arrays, "phrases", (len(labels), len(shipped_phrases().names))),
            intercept=_floats(arrays, "intercept", (len(labels),)),
            temperatures={str(name): float(value) for name, value in settings["temperatures"].items()},
            thresholds={
                str(name): {str(label): float(value) for label, value in row.items()}
                for name, row in settings["thresholds"].items()
            },
            keywords={str(queue): tuple(words) for queue, words in settings["keywords"].items()},
        )
        temperatures = weights.temperatures.values()
        if len(labels) < 2 or not temperatures or not all(0 < each < 1e6 for each in temperatures):
            raise Refused(f"model {version}: {len(labels)} labels and temperatures {[*temperatures]} make no model.")
    except Refused:
        raise
    except (KeyError, ValueError, TypeError, AttributeError, OSError, zipfile.BadZipFile) as error:
        raise Refused(f"model {version}: the file is no model of ours ({error}). Train again, or roll back.") from error
    return Router(weights, version=version, vectors=vectors)


# --- Explaining ----------------------------------------------------------------------------------------------------


def _contrast(coefficients: Coefficients | Floats, label: int) -> Floats:
    """What counts for a label more than for the others: its row less the mean of all other rows."""
    rows = coefficients.astype(np.float64)
    return np.asarray(rows[label] - (rows.sum(axis=0) - rows[label]) / (len(rows) - 1))


def _each(found: list[int], contrast: Floats) -> Floats:
    """What each of those found adds, which are counted by log(1 + how often); repeats share evenly."""
    times = np.bincount(found, minlength=len(contrast))
    return np.asarray((np.log1p(times) / np.maximum(times, 1) * contrast)[found])


def _shares(met: Met, label: int) -> Floats:
    """What each of the grams or terms found, in their order, added to the contrast; repeats share evenly."""
    shares = np.zeros(len(met.known))
    shares[met.known] = met.values / met.counts * _contrast(met.coefficients.T, label)
    return shares[met.counted.where()]


def _spans(reading: Reading) -> list[tuple[int, int]]:
    """The words of a reading, whoever found them, as stretches that do not overlap."""
    found = [(word.start, word.end) for word in reading.words]
    found += [(keyword.start, keyword.end) for keyword in reading.keywords]
    found += [(token.start, token.end) for token in reading.tokens if token.word != "0"]
    found += [(each.start, each.end) for each in reading.said if 0 < each.end - each.start <= _LONGEST_SAID]
    spans: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((start, end))
    return spans


# --- Files ---------------------------------------------------------------------------------------------------------


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8)


def _same(version: str, what: str, found: object, expected: object) -> None:
    if found != expected:
        raise Refused(
            f"model {version}: made for {what} {str(found)[:12]}, this release has {str(expected)[:12]}. Train again."
        )


def _block(arrays: Mapping[str, Any], name: str, labels: Sequence[str]) -> Block:
    blob = arrays[name].tobytes()
    blob.decode()
    count = blob.count(BETWEEN.encode()) + 1 if blob else 0
    idf = arrays[f"{name}_idf"]
    if idf.dtype != np.float64 or idf.shape != (count,) or not np.isfinite(idf).all():
        raise ValueError(f"{name}_idf has the wrong kind, shape or values")
    return Block(blob, idf, _floats(arrays, f"{name}_coefficients", (len(labels), count)))


def _floats(arrays: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> Coefficients:
    array = arrays[name]
    if array.dtype != np.float32 or array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"{name} has the wrong kind, shape or values")
    return np.asarray(array)
