"""The classifiers at the command line: one answer a line, in order, whatever the lines are."""

import json
import subprocess
import sys

import pytest

from classifiers import registry
from helpdesk import classify

LINES = [
    '{"text": "返品したいです。サイズが合いません。", "subject": "返品", "channel": "mail"}',
    "not json",
    "",
    '{"text": 3}',
    '{"text": "Where is my parcel? It is urgent, I need it today.", "subject": null}',
    '["text"]',
    '{"text": ""}',
]


@pytest.fixture
def run(tmp_path):
    def run(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "helpdesk", *arguments]
        environment = {"DESK_DATA": str(tmp_path), "PYTHONIOENCODING": "ascii", "PATH": ""}
        return subprocess.run(command, input=given, capture_output=True, env=environment, timeout=120)

    return run


def test_every_line_is_answered_in_order_and_a_bad_one_stops_nothing():
    answers = list(classify.answers(LINES, router=registry.shipped()))
    assert [answer.get("label", answer.get("line")) for answer in answers][:4] == ["returns", 2, 4, "shipping"]
    assert [answer["line"] for answer in answers if "error" in answer] == [2, 4, 6]
    assert answers[-1]["abstained"]


def test_an_answer_says_everything_that_is_guessed():
    answer = next(classify.answers(LINES[4:], router=registry.shipped()))
    assert set(answer) == {
        "label", "confidence", "probabilities", "abstained", "urgent", "sentiment", "language", "version", "because",
    }  # fmt: skip
    assert answer["urgent"] is True and answer["language"] == "en" and answer["sentiment"] in ("neutral", "negative")
    assert answer["confidence"] == max(answer["probabilities"].values())
    assert set(answer["because"][0]) == {"words", "weight", "start", "end"}


def test_a_comment_of_a_survey_has_topics() -> None:
    line = '{"text": "対応は丁寧ですが値段が高い", "channel": "survey"}'
    answer = next(classify.answers([line], router=registry.shipped()))
    assert answer["topics"] == ["応対品質", "価格"] and answer["sentiment"] in ("negative", "neutral", "positive")


def test_answers_come_before_the_next_line_is_asked_for():
    asked = []

    def lines():
        for number in range(3):
            asked.append(number)
            yield '{"text": "返品したい"}'

    answers = classify.answers(lines(), router=registry.shipped())
    next(answers)
    assert asked == [0]


def test_the_command_reads_and_writes_lines_whatever_the_locale(run):
    done = run("classify", given="\n".join(LINES).encode() + b'\n{"text": "\xff broken bytes"}\n')
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert done.returncode == 0 and len(answers) == 7
    assert answers[0]["label"] == "returns" and answers[0]["because"][0]["words"]


def test_evaluate_prints_the_report_and_names_the_lines_it_could_not_read(run, tmp_path):
    file = tmp_path / "lines.jsonl"
    rows = [
        {"text": "返品したいです", "label": "returns"},
        {"text": "hello"},
        {"text": "荷物が届きません", "label": "shipping"},
    ]
    file.write_text("\n".join(json.dumps(row) for row in rows) + "\noops\n", encoding="utf-8")
    page = run("evaluate", str(file)).stdout.decode()
    assert '"line": 2' in page and '"line": 4' in page
    assert "strict" in page and "ja, by label" in page and "100.0" in page


def test_evaluate_refuses_a_file_with_nothing_in_it(run, tmp_path):
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    assert run("evaluate", str(tmp_path / "empty.jsonl")).returncode == 1
    assert run("evaluate", str(tmp_path / "none.jsonl")).returncode == 2
