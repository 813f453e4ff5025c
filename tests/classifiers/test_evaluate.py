"""The figures of a report, checked by hand on answers made to measure."""

import pytest

from classifiers import Example, Prediction, evaluate


class Script:
    """Answers as written down beforehand: text -> (label, confidence, abstained)."""

    def __init__(self, answers):
        self.answers = answers

    def predict(self, text, *, subject=""):
        label, confidence, abstained = self.answers[text]
        return Prediction(label, confidence, {label: confidence}, abstained, (), "v1", "ja")


ANSWERS = Script(
    {
        "1": ("a", 0.95, False),
        "2": ("a", 0.95, False),
        "3": ("b", 0.65, False),
        "4": ("b", 0.35, True),
    }
)
EXAMPLES = [
    Example("1", "a", "ja"),
    Example("2", "b", "ja", acceptable=("b", "a")),
    Example("3", "a", "ja"),
    Example("4", "b", "en"),
]


def test_strict_and_lenient_shares_coverage_and_precision():
    every = evaluate.report(ANSWERS, EXAMPLES).languages["all"]
    assert (every.count, every.strict, every.lenient, every.coverage) == (4, 0.5, 0.75, 0.75)
    assert every.precision == pytest.approx(2 / 3)


def test_precision_and_recall_of_a_label():
    figures = evaluate.report(ANSWERS, EXAMPLES).languages["ja"].labels["a"]
    assert (figures.expected, figures.predicted, figures.precision, figures.recall) == (2, 2, 0.5, 0.5)


def test_calibration_error_weighs_the_bins():
    # 0.95 said and 1.0 held by two of four; 0.65 said and 0 held by one; 0.35 said and 1.0 held by one.
    error = evaluate.report(ANSWERS, EXAMPLES).languages["all"].calibration_error
    assert error == pytest.approx(0.05 * 2 / 4 + 0.65 / 4 + 0.65 / 4)


def test_a_router_that_only_abstains_has_no_precision():
    english = evaluate.report(ANSWERS, EXAMPLES).languages["en"]
    assert english.coverage == 0 and english.precision is None


def test_the_report_reads_as_a_table():
    page = str(evaluate.report(ANSWERS, EXAMPLES))
    assert page.startswith("Router v1") and "75.0" in page and "ja, by label" in page


def test_without_examples_there_is_no_report():
    with pytest.raises(ValueError, match="no examples"):
        evaluate.report(ANSWERS, [])
