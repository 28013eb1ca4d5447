"""Wilson intervals of metrics that are shares of subjects: accuracy, recalls, and their mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sixgig.evaluation.metrics import Outcomes

#: Name of the method in tables.
WILSON = "wilson"


def wilson_of_metric(metric: str, repeats: Sequence[Outcomes]) -> Callable[[float], tuple[float, float]] | None:
    """Return what gives the interval of a metric at a level; None for a metric that is no share of subjects.

    Recalls have Wilson's score interval, with the subjects of the class as trials and the mean over repeats as the
    share: predictions of one subject in several repeats are not several subjects. Balanced accuracy is the mean of
    recalls of different subjects, whose intervals are combined (MOVER: Zou and Donner, Statistics in Medicine 27, 2008,
    section 2).

    Args:
        metric: Its name.
        repeats: Predictions of the same subjects in every repeat, each subject once.
    """
    data = repeats[0]
    parts = [data.true == index for index in range(len(data.classes))]
    if metric == "accuracy":
        parts = [np.ones(len(data.true), dtype=bool)]
    elif metric == "sensitivity":
        parts = [parts[data.positive]]
    elif metric == "specificity":
        parts = [parts[1 - data.positive]]
    elif metric != "balanced_accuracy":
        return None
    shares = [float(np.mean([(one.predicted == one.true)[part].mean() for one in repeats])) for part in parts]
    return lambda level: mean_of_shares(np.array(shares), np.array([int(part.sum()) for part in parts]), level)


def mean_of_shares(shares: NDArray[np.float64], numbers: NDArray[np.int_], level: float) -> tuple[float, float]:
    """Return the interval of the mean of independent shares, [n_shares], of so many subjects each, [n_shares]."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(shares * numbers, numbers, alpha=1 - level, method=WILSON)
    mean, n = shares.mean(), len(shares)
    below, above = np.sqrt(((shares - low) ** 2).sum()) / n, np.sqrt(((high - shares) ** 2).sum()) / n
    return float(mean - below), float(mean + above)
