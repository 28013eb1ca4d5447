"""Arm or classifier: which of the two explains how the estimates of a cohort differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.statistics.blocks import estimates_of
from sixgig.tables.over_cohorts import FACTORS as FACTORS_TABLE

#: Factors in the order of the table.
FACTORS = ("arm", "classifier", "interaction")
#: Why the shares of a cohort are not defined.
FEW_ARMS = "fewer than two arms with every classifier"
ONE_CLASSIFIER = "one classifier only"
ALL_EQUAL = "all estimates are equal"


def explain_variance(summary: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Split the variance between the methods of every cohort into arm, classifier and their interaction.

    The layout of arms and classifiers has one estimate in every cell, so its sums of squares add up to the total, and
    the interaction cannot be told from noise. Folds and repeats are not independent samples; there are no p values
    here, and the shares describe the estimates of this study. Controls do not count. An arm that lacks an estimate with
    one of the cohort's classifiers is left out, because the layout has to be balanced; or classifiers that the study
    asks of some arms only, where more estimates remain without them.

    Args:
        summary: ``tables.SUMMARY`` of any number of cohorts.
        metric: The metric to explain.

    Returns:
        Rows of ``tables.FACTORS``, three per cohort. Where a share is not defined its status says why.
    """
    rows: list[dict[str, Any]] = []
    estimates = estimates_of(summary, metric)
    for cohort in summary["cohort"].unique():
        own = estimates[(estimates["cohort"] == cohort) & ~estimates["control"]]
        widths = (own["ci_high"] - own["ci_low"]).dropna()
        grid = own.pivot(index="arm", columns="classifier", values="estimate")
        run = summary.loc[summary["cohort"] == cohort, "arm"].astype(str).unique()
        arms = [arm for arm in run if not arm.startswith("control_")]
        grid = grid.reindex(index=arms, columns=own["classifier"].unique())
        complete = _complete(grid, summary[summary["cohort"] == cohort]) if len(own) else grid.iloc[:0]
        left_out = [str(arm) for arm in grid.index if arm not in complete.index]
        left_out += [f"classifier {name}" for name in grid.columns if name not in complete.columns]
        status = _status(complete, left_out)
        defined = not status.startswith("undefined")
        parts = sums_of_squares(complete.to_numpy(dtype=np.float64)) if defined else {}
        total = sum(parts.values())
        for factor, levels, df in zip(FACTORS, _levels(complete), _degrees(complete), strict=True):
            rows.append(
                {
                    "cohort": cohort,
                    "metric": metric,
                    "factor": factor,
                    "levels": levels,
                    "df": df,
                    "sum_of_squares": parts.get(factor),
                    "eta_squared": parts[factor] / total if defined else None,
                    "lowest": own["estimate"].min() if len(own) else None,
                    "highest": own["estimate"].max() if len(own) else None,
                    "interval_width": widths.median() if len(widths) else None,
                    "status": status,
                }
            )
    return FACTORS_TABLE.check(pd.DataFrame(rows, columns=FACTORS_TABLE.column_names), f"factors of {metric}")


def sums_of_squares(grid: NDArray[np.float64]) -> dict[str, float]:
    """Sums of squares of a two-way layout with one value in every cell.

    Args:
        grid: Estimates, [n_arms, n_classifiers].

    Returns:
        The sum of squares of each of :data:`FACTORS`; together they are the total about the mean.
    """
    mean, n_arms, n_classifiers = grid.mean(), *grid.shape
    arms = grid.mean(axis=1, keepdims=True) - mean
    classifiers = grid.mean(axis=0, keepdims=True) - mean
    rest = grid - mean - arms - classifiers
    return {
        "arm": float(n_classifiers * (arms**2).sum()),
        "classifier": float(n_arms * (classifiers**2).sum()),
        "interaction": float((rest**2).sum()),
    }


def _complete(grid: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the larger of two layouts without gaps: of the arms with all classifiers, or with those asked of all arms.

    Args:
        grid: Estimates of a cohort, [n_arms, n_classifiers], NaN where there is none.
        rows: Its rows of ``tables.SUMMARY``, which failed methods have and those that nobody asked for have not.
    """
    asked = set(zip(rows["arm"], rows["classifier"], strict=True))
    of_all = [name for name in grid.columns if all((arm, name) in asked for arm in grid.index)]
    layouts = [grid.dropna(), grid[of_all].dropna()]
    return max(layouts, key=lambda layout: layout.size if min(layout.shape) > 1 else 0)


def _levels(grid: pd.DataFrame) -> tuple[int, int, int]:
    n_arms, n_classifiers = grid.shape if len(grid) else (0, grid.shape[1])
    return n_arms, n_classifiers, n_arms * n_classifiers


def _degrees(grid: pd.DataFrame) -> tuple[int, int, int]:
    arms, classifiers = (max(0, number - 1) for number in _levels(grid)[:2])
    return arms, classifiers, arms * classifiers


def _status(grid: pd.DataFrame, left_out: list[str]) -> str:
    """Why the shares are not defined, or which arms and classifiers they are without."""
    n_arms, n_classifiers, _ = _levels(grid)
    without = f"without {', '.join(left_out)}" if left_out else ""
    if n_arms < 2:
        return f"undefined: {FEW_ARMS}"
    if n_classifiers < 2:
        return f"undefined: {ONE_CLASSIFIER}"
    values = grid.to_numpy()
    if (values == values[0, 0]).all():
        return f"undefined: {ALL_EQUAL}"
    return without or "ok"
