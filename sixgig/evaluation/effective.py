"""How many independent subjects of each class stand behind a score, once folds, repeats and images are allowed for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Variance that the training sample adds, as a share of the binomial variance of the class's subjects, ...
TRAINING = 0.15
#: ... and of that of the smallest class, whose subjects decide where every class's border lies.
SMALLEST = 0.10
#: Variance that the draw of folds adds; repeats average it.
FOLDS = 0.25


def effective_numbers(
    right: Floats, classes: NDArray[np.intp], subjects: NDArray[np.intp], n_classes: int, *, repeats: int, folds: int
) -> Floats:
    """Return the number of independent tests of each class that would be as uncertain as the scores are.

    One test of n subjects has the binomial variance p(1 - p) / n. Repeats test the same subjects again, so that their
    mean is not taken to be more certain than one repeat. To this come what the training sample and the draw of the
    folds add, which is not estimable from one study (Bengio and Grandvalet, JMLR 5, 2004); the shares
    :data:`TRAINING`, :data:`SMALLEST` and :data:`FOLDS` are from simulations, see ``docs/method.md``::

        1 / n_effective = (1 + TRAINING + FOLDS / repeats) / n + SMALLEST / n_smallest

    With one fold (a held-out test set) models are given, and nothing is added.

    Where rows are images, n is the number of images over the design effect: the variance of the class's share of right
    answers between subjects, over the binomial one, at least 1.

    Args:
        right: Whether each row was predicted rightly, mean over repeats, [n_rows].
        classes: Class of every row, [n_rows].
        subjects: Subject of every row, [n_rows].
        n_classes: Classes of the cohort.
        repeats: Repeats of the cross-validation.
        folds: Test folds of a repeat.

    Returns:
        [n_classes]; 0 for a class without rows.
    """
    numbers = np.zeros(n_classes)
    for index in range(n_classes):
        inside = classes == index
        if inside.any():
            numbers[index] = _independent(right[inside], subjects[inside])
    if folds < 2:
        return numbers
    held = numbers > 0
    inverse = (1 + TRAINING + FOLDS / repeats) / numbers[held] + SMALLEST / numbers[held].min()
    numbers[held] = 1 / inverse
    return numbers


def _independent(right: Floats, subjects: NDArray[np.intp]) -> float:
    """Return the number of rows over their design effect (Kish, Survey Sampling, 1965, section 8.2)."""
    _, codes, sizes = np.unique(subjects, return_inverse=True, return_counts=True)
    n, share = len(right), float(right.mean())
    if len(sizes) == n:
        return float(n)
    totals = np.bincount(codes, right)
    binomial = share * (1 - share) / n
    if binomial == 0 or len(sizes) == 1:  # nothing is known of how alike a subject's images are
        return float(len(sizes))
    found = len(sizes) / (len(sizes) - 1) * ((totals - sizes * share) ** 2).sum() / n**2
    return float(n / max(found / binomial, 1.0))
