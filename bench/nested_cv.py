"""Nested cross-validation (Bates, Hastie and Tibshirani, JASA 119, 2024): what other intervals are compared with.

Not a part of sixgig: it needs ``folds`` * (``folds`` + 1) / 2 trainings in each of many repetitions, and a score that
is a mean over subjects.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def nested_interval(
    losses_of: Callable[[Flags], Floats],
    labels: NDArray[np.intp],
    weights: Floats,
    rng: np.random.Generator,
    *,
    folds: int = 5,
    repetitions: int = 100,
    quantile: float = 1.96,
) -> tuple[float, float]:
    """Return the interval of the expected loss of a model that is trained on all subjects (algorithm 1, section 4.3).

    Folds are drawn inside each class, so that the variance of a fold's mean loss is the one within classes.

    Args:
        losses_of: Losses of all subjects, [n_models, n], by models that are trained on the given ones, [n_models, n].
        labels: Class of every subject, [n]; at least ``folds`` subjects each.
        weights: How much a subject's loss counts, with mean 1, [n]: n / (n_classes * n_class) for balanced accuracy.
        rng: Source of the folds.
        folds: Folds, K.
        repetitions: Draws of folds.
        quantile: Half width of the interval in standard errors.
    """
    n = len(labels)
    inner, outer, squares, variances = [], [], [], []
    pairs = list(combinations(range(folds), 2))
    for _ in range(repetitions):
        fold = np.empty(n, dtype=np.intp)
        for index in np.unique(labels):
            members = np.flatnonzero(labels == index)
            fold[members] = rng.permutation(np.arange(len(members)) % folds)
        trained = np.array([fold != held for held in range(folds)] + [(fold != a) & (fold != b) for a, b in pairs])
        losses = losses_of(trained) * weights
        for held in range(folds):
            out = losses[held, fold == held]
            own = [
                losses[folds + place, fold == (a if b == held else b)]
                for place, (a, b) in enumerate(pairs)
                if held in (a, b)
            ]
            inside = np.concatenate(own)
            squares.append((inside.mean() - out.mean()) ** 2)
            variances.append(_within(out, labels[fold == held]) / len(out))
            inner.append(inside.mean())
            outer.append(out.mean())
    nested, plain = float(np.mean(inner)), float(np.mean(outer))
    naive = np.sqrt(_within(losses[:folds][fold, np.arange(n)], labels) / n)
    error = np.sqrt((folds - 1) / folds * max(np.mean(squares) - np.mean(variances), 0.0))
    error = float(np.clip(error, naive, np.sqrt(folds) * naive))
    middle = nested - (1 + (folds - 2) / folds) * (nested - plain)
    return middle - quantile * error, middle + quantile * error


def _within(values: Floats, labels: NDArray[np.intp]) -> float:
    """Return the variance within classes; with one subject of a class that of all values."""
    sizes = np.bincount(labels)
    sizes = sizes[sizes > 0]
    if sizes.min() < 2:
        return float(values.var(ddof=1))
    parts = [values[labels == index] for index in np.unique(labels)]
    return float(sum(len(part) * part.var(ddof=1) for part in parts) / len(values))
