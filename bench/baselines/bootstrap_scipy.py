"""A BCa interval of balanced accuracy by SciPy, and McNemar's test by statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np


def balanced_accuracy(true: Any, predicted: Any, n_resamples: int, seed: int) -> Any:
    """Return estimate, lower and upper end, [3]; SciPy resamples subjects whatever their class."""
    from scipy.stats import bootstrap

    def statistic(labels: Any, found: Any, axis: int = -1) -> Any:
        right = labels == found
        recalls = [
            np.sum(right & (labels == label), axis=axis) / np.sum(labels == label, axis=axis)
            for label in np.unique(true)
        ]
        return np.mean(recalls, axis=0)

    found = bootstrap(
        (true, predicted), statistic, paired=True, vectorized=True, n_resamples=n_resamples, method="BCa", rng=seed,
        batch=1000,
    ).confidence_interval  # fmt: skip
    return np.array([statistic(true, predicted), found.low, found.high])


def mcnemar(right_a: Any, right_b: Any) -> Any:
    """Return the exact p value of each pair, [n_pairs]; rows of ``right_a`` and ``right_b`` are pairs of methods."""
    from statsmodels.stats.contingency_tables import mcnemar as test

    tables = (
        [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
        for a, b in zip(right_a, right_b, strict=True)
    )
    return np.array([test(table, exact=True).pvalue for table in tables])
