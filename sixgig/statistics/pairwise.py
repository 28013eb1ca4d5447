"""Every pair of methods (arm and classifier) of a cohort, compared on the same folds."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import pandas as pd

from sixgig.evaluation.metrics import METRICS
from sixgig.statistics.bayesian import correlated_t_posterior
from sixgig.statistics.detectable import detectable_difference
from sixgig.statistics.fold_differences import fold_differences, seed_spreads
from sixgig.statistics.multiplicity import decide, holm
from sixgig.statistics.resampled import corrected_resampled_t_test, least_deviation, ratio_of
from sixgig.tables.format import Table
from sixgig.tables.pairs import BAYESIAN, PAIRWISE


def compare_pairs(
    metrics: pd.DataFrame, metric: str, n_test_over_n_train: float | Mapping[str, float], alpha: float = 0.05
) -> pd.DataFrame:
    """Compare all pairs of methods of every cohort by the corrected resampled t-test.

    A pair with fewer than two shared scores is left out with a warning in the log. A pair with the same non-zero
    difference in every fold is ``not testable``. Holm's correction covers the other pairs of the cohort.

    Args:
        metrics: ``tables.METRICS`` of any number of cohorts.
        metric: Metric to compare.
        n_test_over_n_train: Test subjects over training subjects in a fold, 1 / (k - 1) for k folds; or the same by
            cohort.
        alpha: Level at which Holm's p value decides the verdict; intervals have a confidence of one minus it.

    Returns:
        Rows of ``tables.PAIRWISE``, in the order in which cohorts and methods first appear. The difference is a minus
        b; the verdict takes the direction of the metric into account.

    Raises:
        ConfigError: There is no such metric.
    """
    rows: list[dict[str, Any]] = []
    spread = seed_spreads(metrics, metric)
    for cohort, found in groupby(fold_differences(metrics, metric), key=lambda item: item[0].cohort):
        pairs, ratio, family = list(found), ratio_of(n_test_over_n_train, cohort), []
        least = least_deviation(differences for _, differences in pairs)
        for pair, differences in pairs:
            if len(differences) < 2:
                logging.getLogger(__name__).warning(
                    "%s: %s and %s share fewer than two folds with a defined %s, so they are not compared",
                    *pair, metric,
                )  # fmt: skip
                continue
            test = corrected_resampled_t_test(
                differences, ratio, confidence=1 - alpha, spread=spread(pair), least=least
            )
            family.append(
                pair.columns()
                | {"metric": metric, "n_scores": len(differences)}
                | {name: getattr(test, name) for name in ("difference", "ci_low", "ci_high", "t", "df", "p_value")}
                | {"effect_size": test.effect_size, "error": test.error}
            )
        rows += _judged(family, metric, alpha)
    return _table(PAIRWISE, rows, metric)


def weigh_pairs(
    metrics: pd.DataFrame, metric: str, n_test_over_n_train: float | Mapping[str, float], half_width: float = 0.01
) -> pd.DataFrame:
    """Compare all pairs of methods of every cohort by the Bayesian correlated t-test.

    The pairs are those of :func:`compare_pairs`. Probabilities are not corrected for their number: they are statements
    about one pair each.

    Args:
        metrics: ``tables.METRICS`` of any number of cohorts.
        metric: Metric to compare.
        n_test_over_n_train: Test subjects over training subjects in a fold, 1 / (k - 1) for k folds; or the same by
            cohort.
        half_width: Differences of up to this size are practically none.

    Returns:
        Rows of ``tables.BAYESIAN``; "better" takes the direction of the metric into account.

    Raises:
        ConfigError: There is no such metric.
    """
    rows, spread = [], seed_spreads(metrics, metric)
    for pair, differences in fold_differences(metrics, metric):
        if len(differences) < 2:
            continue
        posterior = correlated_t_posterior(
            differences, ratio_of(n_test_over_n_train, pair.cohort), half_width, spread(pair)
        )
        below, within, above = posterior
        a, b = (above, below) if METRICS[metric].higher_is_better else (below, above)
        probabilities = {"p_a_better": a, "p_equivalent": within, "p_b_better": b}
        rows.append(pair.columns() | {"metric": metric, "rope": half_width, **probabilities})
    return _table(BAYESIAN, rows, metric)


def _judged(family: list[dict[str, Any]], metric: str, alpha: float) -> list[dict[str, Any]]:
    """Return the rows of one cohort, completed by what depends on their number."""
    corrected = holm([row["p_value"] for row in family])
    testable = sum(row["error"] > 0 for row in family)
    for row, p_holm in zip(family, corrected, strict=True):
        row["p_holm"] = p_holm
        row["detectable"] = detectable_difference(row.pop("error"), row["df"], alpha, testable)
        row["verdict"] = decide(row["difference"], p_holm, alpha, METRICS[metric].higher_is_better)
    return family


def _table(table: Table, rows: list[dict[str, Any]], metric: str) -> pd.DataFrame:
    return table.check(pd.DataFrame(rows, columns=table.column_names), f"pairs by {metric}")
