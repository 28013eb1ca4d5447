"""Test subjects over training subjects of a fold, which the corrected resampled t-test needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from sixgig.tables.cohorts import SPLITS
from sixgig.tables.roles import EVALUATION


def fold_ratio(splits: pd.DataFrame) -> float:
    """Return the mean over folds of test subjects over training subjects, for folds that are not equal.

    Nadeau and Bengio's variance takes one ratio. The mean of those of unequal folds is above 1 / (k - 1), that of k
    equal ones, so that the test is the more careful the more the folds differ.

    Args:
        splits: Rows of splits.csv.
    """
    rows = splits[splits["role"] == EVALUATION]
    sizes = rows.groupby(["repeat", "fold"])["subject_id"].nunique()
    whole = rows.groupby("repeat")["subject_id"].nunique()
    others = whole.reindex(sizes.index.get_level_values("repeat")).to_numpy() - sizes.to_numpy()
    return float((sizes.to_numpy() / others).mean())


def fold_ratios(folds: int, cohorts: Sequence[str], splits: Mapping[str, Path]) -> dict[str, float]:
    """Return the ratio of every cohort: 1 / (k - 1) for k folds, :func:`fold_ratio` where folds are sites.

    Args:
        folds: Folds of the study file.
        cohorts: All cohorts.
        splits: Cohort whose folds are sites -> splits.csv; without rows when it failed.
    """
    ratios = dict.fromkeys(cohorts, 1 / (folds - 1))
    for cohort, path in splits.items():
        table = SPLITS.read(path)
        if (table["role"] == EVALUATION).any():
            ratios[cohort] = fold_ratio(table)
    return ratios
