"""Arms as procedures: on every test fold an arm has the classifier that the other folds choose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.arms.registry import is_control
from sixgig.errors import ConfigError
from sixgig.evaluation.metrics import METRICS
from sixgig.evaluation.seeds import SeedSpread, chosen_scores, mean_over_seeds, seed_variance
from sixgig.statistics.resampled import corrected_mean, ratio_of
from sixgig.tables.contrasts import ARM_SCORES, ARM_SUMMARY, BEST

#: Means that differ by less are equal, and the method that the study lists first is chosen.
_DIGITS = 9


@dataclass(frozen=True)
class Grid:
    """The scores of all methods of one cohort on all test folds.

    Attributes:
        cohort: The cohort.
        methods: Arm and classifier of every row, in the order of the table.
        folds: Repeat and fold of every column, [n_folds, 2].
        values: Scores, [n_methods, n_folds]; NaN where undefined.
    """

    cohort: str
    methods: list[tuple[str, str]]
    folds: NDArray[np.int64]
    values: NDArray[np.float64]


def grids(metrics: pd.DataFrame, metric: str) -> Iterator[Grid]:
    """Yield the scores of every cohort that has any; of several training runs (seeds) their mean.

    Args:
        metrics: ``tables.METRICS``.
        metric: The metric.

    Raises:
        ConfigError: There is no such metric.
    """
    if metric not in METRICS:
        raise ConfigError(f"metric {metric!r}", "there is no such metric", f"use one of {', '.join(METRICS)}")
    rows = mean_over_seeds(metrics[(metrics["metric"] == metric) & metrics["value"].notna()]).astype({"value": float})
    for cohort, own in rows.groupby("cohort", sort=False):
        values = own.set_index(["arm", "classifier", "repeat", "fold"])["value"]
        table = values.unstack(["repeat", "fold"]).sort_index(axis=1)
        order = list(dict.fromkeys(zip(own["arm"].astype(str), own["classifier"].astype(str), strict=True)))
        table = table.loc[order]
        folds = np.array(table.columns.to_list(), dtype=np.int64)
        yield Grid(str(cohort), order, folds, table.to_numpy(np.float64))


def choose_inside(
    values: NDArray[np.float64], repeats: NDArray[np.int64], higher_is_better: bool = True
) -> NDArray[np.int64]:
    """Return for every test fold the method with the best mean over the other folds of the same repeat.

    The choice sees no score of the fold that it is made for, so the chosen method's score there is free of the
    optimism of picking the highest (Varma and Simon, BMC Bioinformatics 7, 2006), but for what folds share: the
    subjects of this fold are among the training subjects of the others.

    Args:
        values: Scores, [n_methods, n_folds]; NaN where undefined.
        repeats: The repeat of every fold, [n_folds].
        higher_is_better: Direction of the metric.

    Returns:
        Row of the chosen method for every fold, [n_folds]; -1 where no method has a score on another fold. Of methods
        that are equal the first is chosen.
    """
    signed = values if higher_is_better else -values
    defined = ~np.isnan(signed)
    same = (repeats[:, None] == repeats) & ~np.eye(len(repeats), dtype=bool)
    total, count = np.nan_to_num(signed) @ same, defined.astype(float) @ same
    means = np.full(signed.shape, -np.inf)
    np.divide(total, count, out=means, where=count > 0)
    chosen = np.round(means, _DIGITS).argmax(axis=0).astype(np.int64)
    chosen[~(count > 0).any(axis=0)] = -1
    return chosen


def score_procedures(metrics: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Score every arm and control as a procedure, and the one that chooses the arm inside as well.

    Args:
        metrics: ``tables.METRICS``.
        metric: The metric.

    Returns:
        Rows of ``tables.ARM_SCORES``.

    Raises:
        ConfigError: There is no such metric.
    """
    parts = []
    for grid in grids(metrics, metric):
        arms = np.array([arm for arm, _ in grid.methods])
        groups = {str(arm): np.flatnonzero(arms == arm) for arm in dict.fromkeys(arms)}
        real = np.flatnonzero([not is_control(str(arm)) for arm in arms])
        if len(real):
            groups[BEST] = real
        for name, members in groups.items():
            chosen = choose_inside(grid.values[members], grid.folds[:, 0], METRICS[metric].higher_is_better)
            kept = np.flatnonzero(chosen >= 0)
            rows = members[chosen[kept]]
            part = {"cohort": grid.cohort, "arm": name, "metric": metric, "repeat": grid.folds[kept, 0]}
            part |= {"fold": grid.folds[kept, 1], "chosen_arm": [grid.methods[row][0] for row in rows]}
            part |= {"classifier": [grid.methods[row][1] for row in rows], "value": grid.values[rows, kept]}
            parts.append(pd.DataFrame(part, columns=ARM_SCORES.column_names))
    frame = pd.concat(parts) if parts else pd.DataFrame(columns=ARM_SCORES.column_names)
    return ARM_SCORES.check(frame.reset_index(drop=True), f"procedures by {metric}")


def procedure_spreads(
    scores: pd.DataFrame, metrics: pd.DataFrame, metric: str
) -> Callable[[str, str, str | None], SeedSpread | None]:
    """Return what tells how far a procedure's mean, or the difference of two, lies apart between seeds.

    Args:
        scores: Rows of :func:`score_procedures`: what every procedure chose on every fold.
        metrics: ``tables.METRICS``, from which they come.
        metric: The metric.

    Returns:
        A function of cohort, procedure, and a second one or None. It returns None in studies with one seed.
    """
    if "seed" not in metrics:
        return lambda cohort, a, b: None
    parts = scores.drop(columns="arm").rename(columns={"chosen_arm": "arm"}).groupby([scores["cohort"], scores["arm"]])
    known = {(str(cohort), str(arm)): chosen_scores(own, metrics, metric) for (cohort, arm), own in parts}

    def spread(cohort: str, a: str, b: str | None) -> SeedSpread | None:
        return seed_variance(known[cohort, a], None if b is None else known[cohort, b])

    return spread


def summarise_procedures(
    scores: pd.DataFrame,
    metrics: pd.DataFrame,
    metric: str,
    n_test_over_n_train: float | Mapping[str, float],
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Return the performance of every procedure with its interval, what it chose, and what picking the best adds.

    Args:
        scores: Rows of :func:`score_procedures`.
        metrics: ``tables.METRICS``, from which they come.
        metric: The metric.
        n_test_over_n_train: Test subjects over training subjects in a fold, 1 / (k - 1) for k folds; or the same by
            cohort.
        alpha: One minus the confidence of the intervals.

    Returns:
        Rows of ``tables.ARM_SUMMARY``.
    """
    sign = 1 if METRICS[metric].higher_is_better else -1
    plain: dict[tuple[str, str], float] = {}
    for grid in grids(metrics, metric):
        for (arm, _), values in zip(grid.methods, grid.values, strict=True):
            names = (arm,) if is_control(arm) else (arm, BEST)
            for name in names:
                mean = sign * float(np.nanmean(values))
                plain[grid.cohort, name] = max(mean, plain.get((grid.cohort, name), -np.inf))
    rows, spread = [], procedure_spreads(scores, metrics, metric)
    for key, own in scores.groupby(["cohort", "arm"], sort=False):
        cohort, arm = (str(name) for name in key)
        values = own["value"].dropna().to_numpy(np.float64)
        ratio = ratio_of(n_test_over_n_train, cohort)
        low, high = _interval(values, ratio, alpha, spread(cohort, arm, None))
        estimate = float(values.mean()) if len(values) else float("nan")
        picked = own["classifier"] if arm != BEST else own["chosen_arm"] + " + " + own["classifier"]
        chosen = ", ".join(f"{name} {number}" for name, number in Counter(picked).most_common())
        rows.append((cohort, arm, metric, estimate, low, high, chosen, plain[cohort, arm] - sign * estimate))
    return ARM_SUMMARY.check(pd.DataFrame(rows, columns=ARM_SUMMARY.column_names), f"procedures by {metric}")


def _interval(
    values: NDArray[np.float64], n_test_over_n_train: float, alpha: float, spread: SeedSpread | None
) -> tuple[float, float]:
    """Return the interval of a mean of fold scores, inside what scores can be; NaN without variance."""
    from scipy.stats import t as student

    if len(values) < 2:
        return float("nan"), float("nan")
    found = corrected_mean(values, n_test_over_n_train, spread)
    if found.error == 0:
        return float("nan"), float("nan")
    half = float(student.isf(alpha / 2, found.df)) * found.error
    least = -1.0 if values.min() < 0 else 0.0  # only correlations fall below 0
    return max(found.mean - half, least), min(found.mean + half, 1.0)
