"""Tests between two methods, read from either side."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

#: Arm and classifier.
_Method = tuple[str, str]
#: Columns that change their sign when a pair is read from the other side.
_SIGNED = ("difference", "t", "z", "effect_size")
#: Columns of a and of b that change places.
_TWINS = (
    ("arm_a", "arm_b"),
    ("classifier_a", "classifier_b"),
    ("p_a_better", "p_b_better"),
    ("only_a_right", "only_b_right"),
    ("auc_a", "auc_b"),
)
_OTHER_WAY = {"a better": "b better", "b better": "a better"}


class Pairs:
    """Rows of the tests between two methods of one cohort, on one metric.

    Args:
        table: Returns the table of a test by its name: ``pairwise``, ``bayesian``, ``mcnemar`` or ``delong``.
        metric: The metric.
    """

    def __init__(self, table: Callable[[str], pd.DataFrame], metric: str) -> None:
        self._table, self._metric = table, metric
        self._known: dict[str, dict[tuple[str, ...], pd.Series]] = {}

    def row(self, cohort: str, a: _Method, b: _Method, test: str = "pairwise") -> pd.Series | None:
        """Return the row of a test of ``a`` against ``b``, also where the file holds ``b`` against ``a``.

        Args:
            cohort: The cohort.
            a: Arm and classifier.
            b: Arm and classifier.
            test: Name of the test.

        Returns:
            The row, read as ``a`` minus ``b``, or None when the pair was not tested.
        """
        rows = self._rows(test)
        direct = rows.get((cohort, *a, *b))
        if direct is not None:
            return direct
        reverse = rows.get((cohort, *b, *a))
        return None if reverse is None else turned(reverse)

    def _rows(self, test: str) -> dict[tuple[str, ...], pd.Series]:
        """Rows of one test by cohort and pair."""
        if test not in self._known:
            frame = self._table(test)
            if "metric" in frame:
                frame = frame[frame["metric"] == self._metric]
            names = ["cohort", "arm_a", "classifier_a", "arm_b", "classifier_b"]
            self._known[test] = {tuple(str(row[name]) for name in names): row for _, row in frame.iterrows()}
        return self._known[test]


def turned(row: pd.Series) -> pd.Series:
    """Return a row of any test of two methods as ``b`` against ``a``."""
    found = row.copy()
    for name in _SIGNED:
        if name in row:
            found[name] = -row[name]
    if "ci_low" in row:
        found["ci_low"], found["ci_high"] = -row["ci_high"], -row["ci_low"]
    if "verdict" in row:
        found["verdict"] = _OTHER_WAY.get(row["verdict"], row["verdict"])
    for one, other in _TWINS:
        if one in row:
            found[one], found[other] = row[other], row[one]
    return found
