"""The part of a study's results about pairs of methods: the tests under ``statistics/``, read from either side."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property

import pandas as pd


from sixgig.tables.pairs import BAYESIAN, DELONG, MCNEMAR, PAIRWISE
from sixgig.results.statistics_files import StatisticsFiles

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


class PairTests(StatisticsFiles):
    """Reads the tests between two methods of one cohort; see :class:`sixgig.results.study.Study`."""

    @cached_property
    def pairwise(self) -> pd.DataFrame:
        """``statistics/pairwise.csv``: corrected resampled t-tests over the folds."""
        return self._statistics(PAIRWISE)

    @cached_property
    def bayesian(self) -> pd.DataFrame:
        """``statistics/bayesian.csv``: Bayesian correlated t-tests over the folds."""
        return self._statistics(BAYESIAN)

    @cached_property
    def mcnemar(self) -> pd.DataFrame:
        """``statistics/mcnemar.csv``: exact McNemar tests over the subjects."""
        return self._statistics(MCNEMAR)

    @cached_property
    def delong(self) -> pd.DataFrame:
        """``statistics/delong.csv``: DeLong tests over the subjects of cohorts with two classes."""
        return self._statistics(DELONG)

    def pair(self, cohort: str, a: _Method, b: _Method, test: str = "pairwise") -> pd.Series | None:
        """The row of a test of ``a`` against ``b`` on the study's metric, turned round when the file holds it so.

        Args:
            cohort: The cohort.
            a: Arm and classifier.
            b: Arm and classifier.
            test: ``pairwise``, ``bayesian``, ``mcnemar`` or ``delong``.

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
        """Rows of one test on the study's metric, by cohort and pair."""
        if test not in self._known_rows:
            frame: pd.DataFrame = getattr(self, test)
            if "metric" in frame:
                frame = frame[frame["metric"] == self.metric]
            names = ["cohort", "arm_a", "classifier_a", "arm_b", "classifier_b"]
            self._known_rows[test] = {tuple(str(row[name]) for name in names): row for _, row in frame.iterrows()}
        return self._known_rows[test]

    @cached_property
    def _known_rows(self) -> dict[str, dict[tuple[str, ...], pd.Series]]:
        return {}

    @property
    @abstractmethod
    def metric(self) -> str:
        """The study's metric."""


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
