"""Every pair of methods (arm and classifier) of a cohort, compared on the same folds."""

from __future__ import annotations

import logging
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from sixgig import tables
from sixgig.errors import ConfigError
from sixgig.metrics import METRICS
from sixgig.statistics.resampled import corrected_resampled_t_test

_METHOD = ["arm", "classifier"]


def compare_pairs(metrics: pd.DataFrame, metric: str, n_test_over_n_train: float, alpha: float = 0.05) -> pd.DataFrame:
    """Compare all pairs of methods of every cohort by the corrected resampled t-test.

    Scores are paired on repeat and fold; folds in which either score is undefined are left out. A method without any
    defined score (it failed) is in no pair, and a pair with fewer than two shared scores is left out with a warning in
    the log. Holm's correction covers the pairs of one cohort.

    Args:
        metrics: ``tables.METRICS`` of any number of cohorts.
        metric: Metric to compare.
        n_test_over_n_train: Test subjects over training subjects in a fold, 1 / (k - 1) for k folds.
        alpha: Level at which Holm's p value decides the verdict.

    Returns:
        Rows of ``tables.PAIRWISE``, in the order in which cohorts and methods first appear. The difference is a minus
        b; the verdict minds the direction of the metric.

    Raises:
        ConfigError: There is no such metric.
    """
    if metric not in METRICS:
        raise ConfigError(f"metric {metric!r}", "there is no such metric", f"use one of {', '.join(METRICS)}")
    rows = metrics[(metrics["metric"] == metric) & metrics["value"].notna()]
    families = [
        _family(str(cohort), part, metric, n_test_over_n_train, alpha)
        for cohort, part in rows.groupby("cohort", sort=False)
    ]
    found = [row for family in families for row in family]
    return tables.PAIRWISE.check(pd.DataFrame(found, columns=tables.PAIRWISE.column_names), f"pairs by {metric}")


def _family(cohort: str, rows: pd.DataFrame, metric: str, ratio: float, alpha: float) -> list[dict[str, Any]]:
    """Return one row per pair of methods of one cohort, with Holm's correction over them."""
    scores = {
        key: part.set_index(["repeat", "fold"])["value"].astype(float)
        for key, part in rows.groupby(_METHOD, sort=False)
    }
    family: list[dict[str, Any]] = []
    for a, b in combinations(scores, 2):
        difference = np.asarray((scores[a] - scores[b]).dropna().sort_index(), dtype=np.float64)
        if len(difference) < 2:
            logging.getLogger(__name__).warning(
                "%s: %s and %s share fewer than two folds with a defined %s, so they are not compared",
                cohort,
                a,
                b,
                metric,
            )
            continue
        test = corrected_resampled_t_test(difference, ratio)
        family.append(
            {
                "cohort": cohort,
                "metric": metric,
                "arm_a": a[0],
                "classifier_a": a[1],
                "arm_b": b[0],
                "classifier_b": b[1],
                "difference": test.difference,
                "ci_low": test.ci_low,
                "ci_high": test.ci_high,
                "t": test.t,
                "df": test.df,
                "p_value": test.p_value,
                "effect_size": test.effect_size,
                "n_scores": len(difference),
            }
        )
    for row, p_holm in zip(family, _holm([row["p_value"] for row in family]), strict=True):
        row["p_holm"] = p_holm
        row["verdict"] = _verdict(row["difference"], p_holm, alpha, METRICS[metric].higher_is_better)
    return family


def _holm(p_values: list[float]) -> list[float]:
    """Return p values after Holm's correction (Holm, 1979)."""
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]] if p_values else []


def _verdict(difference: float, p_holm: float, alpha: float, higher_is_better: bool) -> str:
    if p_holm >= alpha or difference == 0 or np.isnan(difference):
        return "within noise"
    return "a better" if (difference > 0) == higher_is_better else "b better"
