"""Class scores from decision values: a softmax with one temperature, fitted on held-out training subjects.

One number never changes which class is on top, so the predicted class is always the one with the highest score. Such
scores weigh every class alike: they are no probabilities where classes are not equally frequent, and no table or figure
calls them so (``probabilities`` in a classifier's ``look.yaml``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax

from sixgig.classifiers.dealing import GroupedFolds

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

#: Temperatures considered, as natural logarithms; the upper end is a practically uniform score.
_LOG_BOUNDS = (np.log(1e-4), np.log(1e3))


def fit_temperature(values: Floats, classes: Indices) -> float:
    """Return the temperature T that makes softmax(values / T) most likely (Guo et al., ICML 2017, section 4.2).

    Args:
        values: Decision values, [n, n_classes]; higher is more like the class.
        classes: True class of each row, as a column index, [n].
    """
    rows = np.arange(len(classes))

    def loss(log_temperature: float) -> float:
        logits = values / np.exp(log_temperature)
        return float(np.mean(logsumexp(logits, axis=1) - logits[rows, classes]))

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_BOUNDS, method="bounded", options={"xatol": 1e-3}).x))


def held_out_temperature(
    decide: Callable[[Indices, Indices], Floats],
    classes: Indices,
    folds: int,
    random_state: int | np.random.RandomState | None,
    fallback: float,
    groups: NDArray[Any] | None = None,
) -> float:
    """Fit the temperature on decision values that were made without the subject itself.

    Args:
        decide: Takes training rows and held-out rows; returns the decision values of the latter, [n, n_classes].
        classes: Class index of every training sample.
        folds: Folds wanted; fewer are used when a class has fewer samples.
        random_state: Seed of the folds.
        fallback: Returned when ``folds`` is below two, or a class is alone or has a single sample; or when the groups
            cannot be dealt into two parts that hold every class.
        groups: Subject of every sample where one may have several: they are held out together.
    """
    values = held_out_values(decide, classes, folds, random_state, groups)
    return fallback if values is None else fit_temperature(values, classes)


def held_out_values(
    decide: Callable[[Indices, Indices], Floats],
    classes: Indices,
    folds: int,
    random_state: int | np.random.RandomState | None,
    groups: NDArray[Any] | None = None,
) -> Floats | None:
    """Return decision values that were made without the subject itself, [n, n_classes].

    Args:
        decide: See :func:`held_out_temperature`, as are the others.
        classes: Class index of every training sample.
        folds: Folds wanted.
        random_state: Seed of the folds.
        groups: Subject of every sample.

    Returns:
        The values; None where :func:`held_out_temperature` returns its fallback.
    """
    counts = np.bincount(classes)
    folds = min(folds, int(counts.min()))
    if folds < 2 or len(counts) < 2:
        return None
    values = np.empty((len(classes), len(counts)))
    try:
        parts = list(GroupedFolds(folds, random_state).split(classes, classes, groups))
    except ValueError:
        return None
    for train, held_out in parts:
        values[held_out] = decide(train, held_out)
    return values


def scores(values: Floats, temperature: float) -> Floats:
    """Return softmax(values / temperature), [n, n_classes]; rows add up to one."""
    result: Floats = softmax(values / temperature, axis=1)
    return result
