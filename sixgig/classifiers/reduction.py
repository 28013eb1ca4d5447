"""What every classifier does to the features first: standardise, then principal components."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

#: Variances below this share of the largest are rounding noise of the eigenvalue solver.
_NOISE = 1e-12


class Reduction(TransformerMixin, BaseEstimator):
    """Principal components without whitening, scaled together to a mean squared norm of one.

    One common factor instead of whitening keeps the shape of the data and makes the penalties of the classifiers
    mean the same for every arm, whatever the number and the scale of its features. There are often more features than
    subjects, so the eigenvalue problem is solved on the smaller side (subjects x subjects or features x
    features). Data without any variance gives one component of zeros.

    Args:
        keep: A float is the share of the variance to keep, above 0 and up to 1; an integer is the most components to
            keep.
        constant: Value of one further component that is the same for all subjects; 0 adds none.

    Attributes:
        mean_: Training mean, [n_features].
        components_: Directions times the common factor, [n_components, n_features].
        n_components_: Components kept.
    """

    def __init__(self, keep: float | int = 0.95, constant: float = 0.0) -> None:
        self.keep = keep
        self.constant = constant

    def fit(self, X: Any, y: Any = None) -> Reduction:
        """Learn the components of X, [n_subjects, n_features]."""
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        self.mean_ = X.mean(axis=0)
        centred = X - self.mean_
        wide = centred.shape[0] < centred.shape[1]
        variances, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
        variances, vectors = variances[::-1], vectors[:, ::-1]
        usable = int(np.count_nonzero(variances > _NOISE * max(variances[0], 0.0)))
        if variances[0] <= 0 or usable == 0:
            self.n_components_ = 1
            self.components_ = np.zeros((1, X.shape[1]))
            return self
        variances = variances[:usable]
        if isinstance(self.keep, int | np.integer):
            kept = min(int(self.keep), usable)
        else:
            shares = np.cumsum(variances) / variances.sum()
            # The last share is 1 up to rounding, so a search for 1.0 may run off the end.
            kept = min(int(np.searchsorted(shares, self.keep)) + 1, usable)
        variances, vectors = variances[:kept], vectors[:, :kept]
        directions = (vectors / np.sqrt(variances)).T @ centred if wide else vectors.T
        self.n_components_ = kept
        self.components_ = directions / np.sqrt(variances.sum() / X.shape[0])
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the scaled components of X, [n_subjects, n_components (+ 1 with a constant)]."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        components = (X - self.mean_) @ self.components_.T
        if not self.constant:
            return components
        return np.column_stack([components, np.full(len(X), self.constant)])


def first_steps(keep: float | int, constant: float = 0.0) -> list[tuple[str, Any]]:
    """Return the pipeline steps before the classifier; constant features become zeros, not NaN.

    Args:
        keep: Share of the variance (a float), or the most components (an integer), to keep.
        constant: Value of one further component that is the same for all subjects; 0 adds none.
    """
    return [("scale", StandardScaler()), ("pca", Reduction(keep, constant))]
