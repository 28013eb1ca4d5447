"""What training again with another seed changes: the spread between seeds, and what it adds to an interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

_FOLD = ["repeat", "fold"]


class SeedSpread(NamedTuple):
    """How far the scores of one method, or differences of two, lie apart between seeds.

    Attributes:
        n_seeds: Seeds that have scores, at least 1.
        sd: Sample standard deviation between seeds of the mean over folds; NaN with one seed.
        variance: What it adds to the squared standard error of the mean over seeds, ``sd**2 / n_seeds``. 0 with one
            seed: then nobody knows it, and the interval is about this trained network.
        df: Degrees of freedom of that, ``n_seeds - 1``.
    """

    n_seeds: int
    sd: float
    variance: float
    df: int


def seed_scores(metrics: pd.DataFrame, cohort: str, arm: str, classifier: str, metric: str) -> pd.DataFrame:
    """Return the scores of a method of every seed: columns ``seed``, ``repeat``, ``fold``, ``value``.

    Args:
        metrics: ``tables.METRICS``; without its column ``seed`` everything is seed 0.
        cohort: The cohort.
        arm: The arm.
        classifier: The classifier.
        metric: The metric.
    """
    named = {"cohort": cohort, "arm": arm, "classifier": classifier, "metric": metric}
    chosen = np.logical_and.reduce([metrics[name] == value for name, value in named.items()])
    rows = metrics[chosen & metrics["value"].notna()]
    if "seed" not in rows:
        rows = rows.assign(seed=0)
    return rows[["seed", *_FOLD, "value"]].reset_index(drop=True)


def mean_over_seeds(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return metrics.csv with one value per fold, the mean over the seeds in which it is defined; as it is with one."""
    if "seed" not in metrics:
        return metrics
    keys = [name for name in metrics.columns if name not in ("seed", "value")]
    return metrics.groupby(keys, sort=False, as_index=False)[["value"]].mean()


def seed_variance(scores: pd.DataFrame, others: pd.DataFrame | None = None) -> SeedSpread:
    """Return the spread between seeds of a method's mean score, or of the mean difference of two methods.

    Scores of all folds of one seed come from the same trained weights, so folds do not show what another training would
    have given: the spread of the fold means between seeds does. It is added to the variance of the mean over folds (of
    scores that are means over seeds): squared error = corrected variance over folds + sd**2 / n_seeds. The second part
    also holds what folds and seeds do together, which the first has already in part: the sum is a little large.

    With two methods, scores are paired by the number of the seed, which is right for methods that share their trained
    weights (sparse codes of a trained arm) and for those that do not. A method with one seed (a frozen network) is
    paired with every seed of the other.

    Args:
        scores: Columns ``seed``, ``repeat``, ``fold``, ``value``; see :func:`seed_scores`.
        others: The same of the second method, whose scores are subtracted; None for one method.

    Returns:
        The spread, over folds that have a score in every seed.

    Raises:
        ValueError: There are no scores, or the two methods share no seed or no fold.
    """
    table = _by_seed(scores)
    if others is not None:
        second = _by_seed(others)
        if table.shape[1] == 1:
            table = pd.DataFrame(dict.fromkeys(second.columns, table.iloc[:, 0]))
        elif second.shape[1] == 1:
            second = pd.DataFrame(dict.fromkeys(table.columns, second.iloc[:, 0]))
        shared = [seed for seed in table.columns if seed in second.columns]
        if len(shared) < 2 <= min(table.shape[1], second.shape[1]):  # others failed: taken as independent
            return _unpaired(seed_variance(scores), seed_variance(others))
        table = table[shared] - second[shared]
    means = table.dropna().mean(axis=0).to_numpy(dtype=np.float64)
    if not len(means) or not np.isfinite(means).all():
        raise ValueError("there is no fold that has a score in every seed")
    n = len(means)
    if n == 1:
        return SeedSpread(1, float("nan"), 0.0, 0)
    sd = float(means.std(ddof=1))
    return SeedSpread(n, sd, sd**2 / n, n - 1)


def values_spread(values: Mapping[int, float], others: Mapping[int, float] | None = None) -> SeedSpread:
    """Return the same of one value per seed, such as a metric on a test set, or of differences of two methods'.

    Args:
        values: Value by number of the seed; seeds in which it is undefined do not count.
        others: The same of the second method, paired as in :func:`seed_variance`; None for one method.
    """
    tables = [
        pd.DataFrame({"seed": list(own), "repeat": 0, "fold": 0, "value": list(own.values())}).dropna()
        for own in (values, others)
        if own is not None
    ]
    if not all(len(table) for table in tables):
        return SeedSpread(1, float("nan"), 0.0, 0)
    return seed_variance(*tables)


def widened(
    estimate: float, low: float, high: float, spread: SeedSpread, alpha: float, limits: tuple[float, float]
) -> tuple[float, float]:
    """Return the ends of an interval of a mean over seeds with the spread between them.

    Each side counts as a normal quantile times an error; see :func:`with_seeds` for what is added to it.

    Args:
        estimate: The mean over seeds.
        low: Lower end of the interval that knows nothing of seeds.
        high: Its upper end.
        spread: See :func:`seed_variance`; with one seed, or without an interval, the ends stay as they are.
        alpha: 1 minus the level of the interval.
        limits: What the value cannot be below or above.
    """
    from scipy.stats import norm
    from scipy.stats import t as student

    if spread.variance == 0 or np.isnan([low, high]).any():
        return low, high
    q = 1 - alpha / 2

    def wider(side: float) -> float:
        error, df = with_seeds(side / norm.ppf(q), np.inf, spread)
        return float(student.ppf(q, df)) * error

    return max(estimate - wider(estimate - low), limits[0]), min(estimate + wider(high - estimate), limits[1])


def with_seeds(error: float, df: float, spread: SeedSpread) -> tuple[float, float]:
    """Return standard error and degrees of freedom of a mean, with the spread between seeds.

    The degrees of freedom are Satterthwaite's (Biometrics Bulletin 2, 1946) for a sum of two estimated variances.

    Args:
        error: Standard error of the mean over folds.
        df: Its degrees of freedom.
        spread: See :func:`seed_variance`; with one seed both are returned as they are.
    """
    if spread.variance == 0:
        return error, df
    total = error**2 + spread.variance
    weighed = (error**4 / df if df > 0 else 0.0) + spread.variance**2 / spread.df
    return float(np.sqrt(total)), float(total**2 / weighed)


def chosen_scores(choices: pd.DataFrame, metrics: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the scores by seed of a procedure that chooses arm and classifier on every fold.

    Args:
        choices: ``cohort``, ``arm``, ``classifier``, ``repeat`` and ``fold``: what was chosen where.
        metrics: ``tables.METRICS``; without its column ``seed`` everything is seed 0.
        metric: The metric.

    Returns:
        Columns ``seed``, ``repeat``, ``fold``, ``value``, for :func:`seed_variance`. Where one of the chosen arms has
        one seed and another several, the first has its score in every seed.
    """
    keys = ["cohort", "arm", "classifier", *_FOLD]
    rows = metrics[(metrics["metric"] == metric) & metrics["value"].notna()]
    rows = rows if "seed" in rows else rows.assign(seed=0)
    found = choices[keys].merge(rows[[*keys, "seed", "value"]], on=keys, how="left")
    table = _by_seed(found)
    once = table.notna().sum(axis=1) == 1
    table[once] = table[once].bfill(axis=1).ffill(axis=1)
    return table.melt(ignore_index=False, value_name="value", var_name="seed").dropna().reset_index()


def _unpaired(a: SeedSpread, b: SeedSpread) -> SeedSpread:
    """Return the spread of a difference of two methods that share no seeds."""
    n, variance = min(a.n_seeds, b.n_seeds), a.variance + b.variance
    return SeedSpread(n, float(np.sqrt(variance * n)), variance, min(a.df, b.df))


def _by_seed(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the scores with a row per fold and a column per seed."""
    return scores.pivot(index=_FOLD, columns="seed", values="value")
