"""The tables under ``statistics/`` of a study, each read when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import pandas as pd

from sixgig.results.files import read_table
from sixgig.tables.budget import BUDGET
from sixgig.tables.clinical import CLINICAL, DECISION_CURVE
from sixgig.tables.contrasts import ARM_SCORES, ARM_SUMMARY, CONTRASTS
from sixgig.tables.feature_map import FEATURE_MAP
from sixgig.tables.over_cohorts import FACTORS, OMNIBUS, RANKS
from sixgig.tables.pairs import BAYESIAN, DELONG, MCNEMAR, PAIRWISE
from sixgig.tables.test_pairs import TEST_PAIRS


class StatisticsTables:
    """What a study's statistics stage wrote.

    Attributes:
        folder: The study's folder.
    """

    folder: Path

    @cached_property
    def contrasts(self) -> pd.DataFrame:
        """``statistics/contrasts.csv``: the planned contrasts between arms, on which verdicts rest."""
        return read_table(CONTRASTS, self.folder / "statistics/contrasts.csv")

    @cached_property
    def arm_summary(self) -> pd.DataFrame:
        """``statistics/arm_summary.csv``: every arm as a procedure that chooses its classifier inside."""
        return read_table(ARM_SUMMARY, self.folder / "statistics/arm_summary.csv")

    @cached_property
    def arm_scores(self) -> pd.DataFrame:
        """``statistics/arm_scores.csv``: the scores behind it, one per test fold."""
        return read_table(ARM_SCORES, self.folder / "statistics/arm_scores.csv")

    @cached_property
    def pairwise(self) -> pd.DataFrame:
        """``statistics/pairwise.csv``: corrected resampled t-tests over the folds."""
        return read_table(PAIRWISE, self.folder / "statistics/pairwise.csv")

    @cached_property
    def bayesian(self) -> pd.DataFrame:
        """``statistics/bayesian.csv``: Bayesian correlated t-tests over the folds."""
        return read_table(BAYESIAN, self.folder / "statistics/bayesian.csv")

    @cached_property
    def mcnemar(self) -> pd.DataFrame:
        """``statistics/mcnemar.csv``: exact McNemar tests over the subjects."""
        return read_table(MCNEMAR, self.folder / "statistics/mcnemar.csv")

    @cached_property
    def delong(self) -> pd.DataFrame:
        """``statistics/delong.csv``: DeLong tests over the subjects of cohorts with two classes."""
        return read_table(DELONG, self.folder / "statistics/delong.csv")

    @cached_property
    def test_pairs(self) -> pd.DataFrame:
        """``statistics/test_pairs.csv``: paired tests on held-out test sets and external cohorts."""
        return read_table(TEST_PAIRS, self.folder / "statistics/test_pairs.csv")

    @cached_property
    def omnibus(self) -> pd.DataFrame:
        """``statistics/omnibus.csv``: do the methods differ over the cohorts."""
        return read_table(OMNIBUS, self.folder / "statistics/omnibus.csv")

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """``statistics/ranks.csv``: average ranks of the methods over the cohorts."""
        return read_table(RANKS, self.folder / "statistics/ranks.csv")

    @cached_property
    def factors(self) -> pd.DataFrame:
        """``statistics/factors.csv``: what arm and classifier explain of the variance between methods."""
        return read_table(FACTORS, self.folder / "statistics/factors.csv")

    @cached_property
    def budget(self) -> pd.DataFrame:
        """``statistics/budget.csv``: what the estimate of every method took."""
        return read_table(BUDGET, self.folder / "statistics/budget.csv")

    @cached_property
    def clinical(self) -> pd.DataFrame:
        """``statistics/clinical.csv``: errors at the operating point, predictive values and calibration.

        Rows of out-of-fold predictions; those of test sets are :attr:`clinical_tests`.
        """
        return _held_in(self._all_clinical)

    @cached_property
    def clinical_tests(self) -> pd.DataFrame:
        """The same on held-out test sets and external cohorts, with ``tested_on``; no rows without any."""
        return _tested(self._all_clinical)

    @cached_property
    def decision_curve(self) -> pd.DataFrame:
        """``statistics/decision_curve.csv``: net benefit by threshold probability, of cohorts with two classes.

        Rows of out-of-fold predictions; those of test sets are :attr:`decision_curve_tests`.
        """
        return _held_in(self._all_curves)

    @cached_property
    def decision_curve_tests(self) -> pd.DataFrame:
        """The same on held-out test sets and external cohorts, with ``tested_on``; no rows without any."""
        return _tested(self._all_curves)

    @cached_property
    def _all_clinical(self) -> pd.DataFrame:
        return read_table(CLINICAL, self.folder / "statistics/clinical.csv")

    @cached_property
    def _all_curves(self) -> pd.DataFrame:
        return read_table(DECISION_CURVE, self.folder / "statistics/decision_curve.csv")

    @cached_property
    def feature_map(self) -> pd.DataFrame:
        """``statistics/feature_map.csv``: evaluation samples of some arms in two dimensions."""
        return read_table(FEATURE_MAP, self.folder / "statistics/feature_map.csv")


def _held_in(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of out-of-fold predictions."""
    if "tested_on" not in rows:
        return rows
    return rows[rows["tested_on"].isna()].drop(columns="tested_on").reset_index(drop=True)


def _tested(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of test sets."""
    if "tested_on" not in rows:
        return rows.iloc[:0].assign(tested_on=pd.Series(dtype="string"))
    return rows[rows["tested_on"].notna()].reset_index(drop=True)
