"""Borders in which what tells two sides apart counts for more than what both sides say.

The idea: before a border is fitted, each column is scaled by how unevenly it is spread over the label and all others,
the absolute logarithm of the ratio of its shares (Wang and Manning 2012, NB-SVM). A word met a few times, always on one
side, then needs less to be believed; with some thousand short comments that is worth about a point. What comes
out is as linear as before: the scales are multiplied into the coefficients, and an answer costs nothing more.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOOR = 0.3  # the scale of a column that tells nothing
SOFTNESS = 1.0  # LinearSVC's C


class TellingBorders:
    """One border a label against all others, with the face of a LinearSVC: `classes_` (sorted), `coef_` (labels x
    columns), `intercept_`. With two labels, too, each has its own."""

    classes_: NDArray[np.str_]
    coef_: NDArray[np.float64]
    intercept_: NDArray[np.float64]

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def fit(self, rows: Any, truth: Sequence[str], sample_weight: Any = None) -> "TellingBorders":
        """Learn from sparse `rows` and their labels."""
        from scipy.sparse import diags
        from sklearn.svm import LinearSVC

        labels, present = np.asarray(truth), abs(rows)
        self.classes_ = np.unique(labels)
        coefficients, heights = [], []
        for label in self.classes_:
            mine = labels == label
            scale = np.abs(np.log(_shares(present[mine]) / _shares(present[~mine]))) + FLOOR
            border = LinearSVC(C=SOFTNESS, random_state=self.seed)
            border.fit(rows @ diags(scale), mine, sample_weight=sample_weight)
            coefficients.append(border.coef_[0] * scale)
            heights.append(border.intercept_[0])
        self.coef_, self.intercept_ = np.vstack(coefficients), np.array(heights)
        return self

    def decision_function(self, rows: Any) -> NDArray[np.float64]:
        """How far each row is on the side of each label; rows x labels."""
        return np.asarray(rows @ self.coef_.T + self.intercept_)


def _shares(rows: Any) -> NDArray[np.float64]:
    """What each column holds of all that these rows hold, each counted once more, so that none holds nothing."""
    sums = 1.0 + np.asarray(rows.sum(axis=0)).ravel()
    return np.asarray(sums / sums.sum())
