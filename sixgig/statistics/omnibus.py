"""Do the methods of a study differ over its cohorts? One row with the answer, and the ranks behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sixgig.arms.registry import is_control
from sixgig.evaluation.metrics import METRICS
from sixgig.statistics.blocks import Blocks, blocks
from sixgig.statistics.friedman import all_equal, cohorts_for_power, friedman_test, power, wilcoxon_test
from sixgig.statistics.ranks import (
    group_numbers,
    indistinct_groups,
    nemenyi_critical_difference,
    place_among,
    rank_methods,
)
from sixgig.tables.over_cohorts import OMNIBUS, RANKS

#: Fewer cohorts than this allow no verdict over cohorts.
MIN_COHORTS = 5
#: Difference, in standard deviations of a method's scatter between cohorts, for which the power is given.
POWER_SHIFT = 1.0


def compare_over_cohorts(
    summary: pd.DataFrame, metric: str, alpha: float = 0.05, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the methods of a study with its cohorts as blocks.

    Folds, repeats and seeds are never blocks. Three or more methods are compared by Friedman's test with Iman and
    Davenport's F, and told apart by Nemenyi's critical difference, only if that test finds a difference; two methods by
    Wilcoxon's signed ranks. Below :data:`MIN_COHORTS` cohorts there is no p value and no verdict: the ranks, Kendall's
    W and the critical difference describe the study.

    Args:
        summary: ``tables.SUMMARY``.
        metric: The metric to compare.
        alpha: Level of the test and of the critical difference.
        seed: Seed of the simulated power.

    Returns:
        One row of ``tables.OMNIBUS``, and the rows of ``tables.RANKS``: ranked methods, best first, then controls, then
        methods that are left out.

    Raises:
        ConfigError: There is no such metric.
    """
    found = blocks(summary, metric)
    higher = METRICS[metric].higher_is_better
    ranks = rank_methods(found.scores, higher) if found.cohorts and found.methods else np.empty_like(found.scores)
    omnibus = _omnibus(found, metric, alpha, seed)
    groups = _groups(ranks, omnibus) if omnibus["status"] == "ok" else [""] * len(found.methods)
    rows = [
        _row(metric, method, "arm", ranks[:, column], groups[column], "ok")
        for column, method in enumerate(found.methods)
    ]
    rows.sort(key=lambda row: row["average_rank"])
    if found.methods:
        for column, method in enumerate(found.controls):
            places = place_among(found.control_scores[:, column], found.scores, higher)
            rows.append(_row(metric, method, "control", places, "", "ok"))
    for method, cohorts in found.left_out.items():
        role = "control" if is_control(method[0]) else "arm"
        status = f"left out: no estimate on {', '.join(cohorts)}"
        rows.append(_row(metric, method, role, None, "", status))
    place = f"methods over cohorts by {metric}"
    return (
        OMNIBUS.check(pd.DataFrame([omnibus], columns=OMNIBUS.column_names), place),
        RANKS.check(pd.DataFrame(rows, columns=RANKS.column_names), place),
    )


def _row(
    metric: str, method: tuple[str, str], role: str, ranks: np.ndarray | None, groups: str, status: str
) -> dict[str, Any]:
    some = ranks is not None and len(ranks) > 0
    return {
        "metric": metric,
        "arm": method[0],
        "classifier": method[1],
        "role": role,
        "average_rank": float(ranks.mean()) if some and ranks is not None else None,
        "best_rank": float(ranks.min()) if some and ranks is not None else None,
        "worst_rank": float(ranks.max()) if some and ranks is not None else None,
        "groups": groups or None,
        "status": status,
    }


def _omnibus(found: Blocks, metric: str, alpha: float, seed: int) -> dict[str, Any]:
    n_cohorts, n_methods = found.scores.shape
    row: dict[str, Any] = {
        "metric": metric,
        "test": {0: "none", 1: "none", 2: "wilcoxon"}.get(n_methods, "friedman"),
        "n_methods": n_methods,
        "n_cohorts": n_cohorts,
        "alpha": alpha,
        "verdict": "no verdict",
    }
    if n_methods < 2:
        return row | {"status": "undefined: fewer than two methods have an estimate on every cohort"}
    if n_methods > 2:
        critical = nemenyi_critical_difference(n_methods, n_cohorts, alpha)
        row |= {"critical_difference": critical, "cd_share": critical / (n_methods - 1)}
    if n_cohorts > 1:  # one cohort has no test, and so no power
        row["power"] = power(n_methods, n_cohorts, shift=POWER_SHIFT, alpha=alpha, seed=seed)
    row["cohorts_for_power"] = cohorts_for_power(
        n_methods, least=MIN_COHORTS, shift=POWER_SHIFT, alpha=alpha, seed=seed
    )
    if all_equal(found.scores):
        return row | {"status": "undefined: all methods are equal on every cohort"}
    few = n_cohorts < MIN_COHORTS
    row["status"] = f"not enough cohorts: {n_cohorts} of at least {MIN_COHORTS}" if few else "ok"
    if n_methods > 2 and n_cohorts > 1:
        test = friedman_test(found.scores)
        row |= {"kendall_w": test.kendall_w, "chi2": test.chi2, "df_methods": test.df_methods}
        row |= {"df_error": test.df_error, "f": test.f if np.isfinite(test.f) else None}
        p_value = test.p_value
    elif n_cohorts > 1:
        p_value = wilcoxon_test(found.scores)
    if not few:
        row |= {"p_value": p_value, "verdict": "difference found" if p_value < alpha else "within noise"}
    return row


def _groups(ranks: np.ndarray, omnibus: dict[str, Any]) -> list[str]:
    """Numbers of the groups of every method; one group for all unless the test over cohorts finds a difference."""
    n_methods = ranks.shape[1]
    if omnibus["verdict"] != "difference found":
        return ["1"] * n_methods
    # Two methods have no critical difference: the test itself tells them apart.
    critical = omnibus.get("critical_difference", 0.0)
    return group_numbers(indistinct_groups(ranks.mean(axis=0), critical), n_methods)
