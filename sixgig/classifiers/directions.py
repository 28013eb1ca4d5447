"""Vectors of unit length for classifiers that compare directions, and what is done to features before."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

Floats = NDArray[np.float64]

#: Vectors shorter than this share of the longest are rounding noise about the training mean.
_NOISE = 1e-10
#: Similarities and distances that differ by less are equal: sums of the same numbers in another order must not decide.
DIGITS = 10


def scaling_steps(scaling: str) -> list[tuple[str, Any]]:
    """Return the pipeline steps before a classifier that compares directions.

    The direction of a vector depends on where zero is and on the unit of every feature. Features of networks lie in a
    narrow cone, and those that never change between subjects make its axis; without the mean, cosines tell subjects
    apart. Features of different units (radiomics, a table of one's own) have to be divided by their deviations too, or
    the one with the largest numbers is the direction. Principal components without whitening only turn the vectors, and
    cosines stay; so there are none.

    Args:
        scaling: ``standard``: minus the training mean, divided by the training deviation; ``centre``: minus the mean;
            ``none``.
    """
    return [] if scaling == "none" else [("scale", StandardScaler(with_std=scaling == "standard"))]


def longest(X: Floats) -> float:
    """Return the l2 norm of the longest row of X, [n, n_features]."""
    return float(np.linalg.norm(X, axis=1).max())


def unit_vectors(X: Floats, reference: float) -> Floats:
    """Scale rows to unit l2 norm; those that are nothing but rounding noise become zeros.

    Args:
        X: Rows, [n, n_features].
        reference: Norm of the longest training row, which says what noise is.
    """
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    there = norms > _NOISE * reference
    return np.where(there, X, 0.0) / np.where(there, norms, 1.0)
