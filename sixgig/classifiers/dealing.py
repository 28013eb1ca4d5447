"""Deals groups (subjects) whose samples are of several classes into folds, each with its share of every class.

The idea is that of scikit-learn's ``StratifiedGroupKFold``: one group after another goes where it evens out the classes
most, the groups that weigh most first. Here the number of groups that hold a class counts as well as that of its
samples, and a deal in which a fold lacks a class is not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

#: Deals tried before there is said to be none; each further one cares more about the groups of a class.
_DEALS = 12
#: Groups of every class that a training set needs, so that a search inside it can both train on the class and test it.
TRAINED = 2


def count_classes(classes: Indices, groups: Indices) -> NDArray[np.intp]:
    """Count the samples of every group and class, [n_groups, n_classes].

    Args:
        classes: Class index of every sample, [n].
        groups: Group index of every sample, [n].
    """
    counts = np.zeros((int(groups.max()) + 1, int(classes.max()) + 1), dtype=np.intp)
    np.add.at(counts, (groups, classes), 1)
    return counts


def deal(counts: NDArray[np.intp], shares: Floats, rng: np.random.Generator, emphasis: float = 1.0) -> Indices:
    """Deal groups into parts.

    Args:
        counts: Samples of every group and class, [n_groups, n_classes].
        shares: Share of every part, [n_parts], above 0; they add up to 1.
        rng: Shuffles groups that weigh the same.
        emphasis: How much the number of groups that hold a class counts beside the number of its samples.

    Returns:
        Part of every group, [n_groups].
    """
    held = counts > 0
    alone = held & (held.sum(axis=1, keepdims=True) == 1)
    columns = np.hstack([counts.astype(np.float64), held, alone])
    totals = columns.sum(axis=0)
    weights = np.repeat([1.0, emphasis, emphasis], counts.shape[1])[totals > 0]
    columns = columns[:, totals > 0] / totals[totals > 0]
    order = rng.permutation(len(columns))
    order = order[np.argsort(-((columns**2) @ weights)[order], kind="stable")]
    part, load = np.zeros(len(columns), dtype=np.intp), np.zeros((len(shares), columns.shape[1]))
    for group in order:
        own = columns[group]
        # What the sum over parts of (load - share)^2 / share grows by when the group joins each of them.
        growth = ((own * (2 * (load - shares[:, None]) + own)) @ weights) / shares
        # Sums of the same numbers in another order must not decide.
        part[group] = int(np.round(growth, 12).argmin())
        load[part[group]] += own
    return part


def deal_folds(
    counts: NDArray[np.intp], folds: int, rng: np.random.Generator, trained: int = TRAINED
) -> Indices | None:
    """Deal groups into folds that all hold every class, and leave it to at least ``trained`` groups outside them.

    Args:
        counts: Samples of every group and class, [n_groups, n_classes].
        folds: Number of folds, at least 2.
        rng: Shuffles.
        trained: Groups of every class that have to remain outside of each fold.

    Returns:
        Fold of every group, [n_groups]; None when no such deal was found.
    """
    held = counts > 0
    for number in range(_DEALS):
        fold = deal(counts, np.full(folds, 1 / folds), rng, emphasis=10.0 ** (number // 3))
        inside = np.array([held[fold == index].sum(axis=0) for index in range(folds)])
        if inside.min() >= 1 and (held.sum(axis=0) - inside).min() >= trained:
            return fold
    return None


class GroupedFolds:
    """Folds that keep groups whole, as scikit-learn's splitters give them.

    Where every sample is a group of its own they are those of ``StratifiedKFold``. Fewer folds are made when some of
    the wanted number would lack a class.

    Args:
        folds: Folds wanted, at least 2.
        seed: Seed of the shuffle.
    """

    def __init__(self, folds: int, seed: int | np.random.RandomState | None) -> None:
        self.folds, self.seed = folds, seed

    def split(self, X: Any, y: NDArray[Any], groups: NDArray[Any] | None = None) -> Iterator[tuple[Indices, Indices]]:
        """Yield the training and the test rows of every fold.

        Args:
            X: Not used beyond its length.
            y: Class of every sample, [n].
            groups: Group of every sample, [n]; None makes each a group of its own.

        Raises:
            ValueError: There are no two folds that both hold every class.
        """
        if not has_groups(groups):
            from sklearn.model_selection import StratifiedKFold

            yield from StratifiedKFold(self.folds, shuffle=True, random_state=self.seed).split(X, y)
            return
        _, classes = np.unique(y, return_inverse=True)
        _, members = np.unique(np.asarray(groups), return_inverse=True)
        counts = count_classes(classes, members)
        entropy = self.seed.randint(2**31) if isinstance(self.seed, np.random.RandomState) else self.seed
        rng = np.random.default_rng(entropy)
        for folds in range(min(self.folds, int((counts > 0).sum(axis=0).min())), 1, -1):
            fold = deal_folds(counts, folds, rng, trained=1)
            if fold is not None:
                for index in range(folds):
                    inside = fold[members] == index
                    yield np.flatnonzero(~inside), np.flatnonzero(inside)
                return
        raise ValueError("its subjects cannot be dealt into two parts that both hold images of every class")


def whole_folds(
    y: NDArray[Any], wholes: NDArray[Any], groups: NDArray[Any] | None, folds: int, seed: int
) -> list[tuple[Indices, Indices]] | None:
    """Return folds that keep sites whole, as :class:`GroupedFolds` deals them; None where they cannot be dealt.

    Args:
        y: Class of every sample, [n].
        wholes: What stays together, such as the site of every sample, [n].
        groups: Subject of every sample, [n]; None makes each its own.
        folds: Folds wanted.
        seed: Seed of the shuffle.
    """
    subjects = np.arange(len(y)) if groups is None else np.asarray(groups)
    try:
        found = list(GroupedFolds(folds, seed).split(y, y, wholes))
    except ValueError:
        return None
    for train, _ in found:
        if any(len(np.unique(subjects[train][y[train] == name])) < TRAINED for name in np.unique(y)):
            return None
    return found


def has_groups(groups: NDArray[Any] | None) -> bool:
    """Whether any group holds more than one sample."""
    return groups is not None and len(np.unique(groups)) < len(groups)
