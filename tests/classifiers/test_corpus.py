"""The corpus: read, split by situation, with no text on both sides, and of invented people only."""

import re
from collections import defaultdict

import pytest

from classifiers import corpus_rows, sentiment

QUEUES = {"tech_support", "returns", "billing", "shipping", "general"}
CHANNELS = {"mail", "form", "call_note", "transcript", "survey"}
FILES = sorted(corpus_rows.CORPUS.glob("*.jsonl"))
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_INVENTED = re.compile(r"@(?:[\w-]+\.)*example(?:\.(?:com|net|org|jp|co\.jp|co\.uk|ne\.jp|or\.jp|ac\.jp))?$|@example\b")
_ALIKE = 0.5  # share of the five-letter runs of two texts that are common; from here on they tell the same


@pytest.fixture(scope="module")
def every_row():
    return [{**row, "file": path.name} for path in FILES for row in corpus_rows.rows(path)]


def test_every_row_has_a_name_of_its_own(every_row):
    names = [row["id"] for row in every_row]
    assert len(names) == len(set(names)) > 4_000


def test_every_row_says_what_it_should(every_row):
    for row in every_row:
        assert row["text"].strip() and row["situation"] and row["split"] in ("train", "test"), row["id"]
        assert row["language"] in ("ja", "en") and row["channel"] in CHANNELS, row["id"]
        assert isinstance(row.get("urgent", False), bool), row["id"]
        assert row.get("sentiment", "neutral") in sentiment.LABELS, row["id"]
        if not row["file"].startswith("comments_"):
            assert row["label"] in QUEUES and set(row["acceptable"]) <= QUEUES, row["id"]
            assert row["label"] in row["acceptable"], row["id"]


def test_no_situation_is_on_both_sides_of_the_split(every_row):
    sides = defaultdict(set)
    for row in every_row:
        sides[row["situation"]].add(row["split"])
    assert not [situation for situation, both in sides.items() if len(both) > 1]


def test_no_two_texts_across_the_split_are_nearly_the_same(every_row):
    runs = [_runs(row["text"]) for row in every_row]
    having = defaultdict(list)
    for number, row in enumerate(every_row):
        if row["split"] == "train":
            for run in runs[number]:
                having[run].append(number)
    near = []
    for number, row in enumerate(every_row):
        if row["split"] == "test":
            common = defaultdict(int)
            for run in runs[number]:
                if len(having[run]) < 400:  # runs that everybody writes prove nothing, and cost time
                    for other in having[run]:
                        common[other] += 1
            for other, count in common.items():
                if count / (len(runs[number]) + len(runs[other]) - count) > _ALIKE:
                    near.append((row["id"], every_row[other]["id"]))
    assert not near


def test_nobody_real_is_written_to(every_row):
    for row in every_row:
        for address in _ADDRESS.findall(row["text"] + " " + (row.get("subject") or "")):
            assert _INVENTED.search(address.rstrip(".")), (row["id"], address)


def _runs(text: str) -> set[str]:
    bare = re.sub(r"\s", "", text)
    return {bare[at : at + 5] for at in range(max(1, len(bare) - 4))}
