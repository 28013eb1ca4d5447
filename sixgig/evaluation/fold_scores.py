"""Scores of a method on every test fold."""

from __future__ import annotations

import pandas as pd

from sixgig.errors import ConfigError
from sixgig.evaluation.metrics import METRICS

#: Column of metrics.csv that tells training runs apart; absent where a study has one.
SEED = "seed"
_FOLD = ["repeat", "fold"]


def fold_scores(metrics: pd.DataFrame, cohort: str, arm: str, classifier: str, metric: str) -> pd.DataFrame:
    """Return the score of a method on every test fold, in order of repeat and fold.

    Where a study has several seeds, a fold's score is the mean over its training runs.

    Args:
        metrics: ``tables.METRICS`` of any number of cohorts and methods.
        cohort: The cohort.
        arm: The method's arm.
        classifier: The method's classifier.
        metric: Metric to look up.

    Returns:
        Columns ``repeat``, ``fold`` and ``value``. Folds in which the metric is undefined are left out; a method that
        failed has no rows.

    Raises:
        ConfigError: There is no such metric.
    """
    if metric not in METRICS:
        raise ConfigError(f"metric {metric!r}", "there is no such metric", f"use one of {', '.join(METRICS)}")
    own = {"cohort": cohort, "arm": arm, "classifier": classifier, "metric": metric}
    rows = metrics
    for column, value in own.items():
        rows = rows[rows[column] == value]
    defined = rows[rows["value"].notna()]
    means = defined.astype({"value": float}).groupby(_FOLD, sort=True)["value"].mean()
    return means.reset_index()
