"""Nearest class mean of unit vectors (SimpleShot; Wang, Chao, Weinberger, van der Maaten, arXiv 1911.04623, 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sixgig.classifiers.directions import DIGITS, Floats, longest, scaling_steps, unit_vectors
from sixgig.classifiers.registry import Grid
from sixgig.classifiers.temperature import held_out_temperature, scores


class PrototypeClassifier(ClassifierMixin, BaseEstimator):
    """Scales vectors to unit l2 norm and predicts the class whose mean vector is nearest.

    After subtraction of the training mean (:func:`build` does that) this is the CL2N of the paper, section 3: the
    prototype of a class is the mean of its unit vectors, not scaled again, and distances are Euclidean. Nothing is
    searched, so it is the probe for cohorts that are too small for a search. Every class has one prototype, however
    many samples it has, so none is favoured for its size. Scores are softmax(-distance^2 / T), as in prototypical
    networks, with T fitted on held-out training vectors. Of equally near prototypes the first class is predicted; a
    vector of zeros, which has no direction, is as far as each prototype is long.

    Args:
        calibration_folds: Folds for T; 0 leaves T at 1.
        random_state: Seed of these folds.

    Attributes:
        classes_: Classes in column order.
        prototypes_: Mean unit vector of every class, [n_classes, n_features].
        temperature_: T.
    """

    def __init__(self, calibration_folds: int = 3, random_state: int | None = None) -> None:
        self.calibration_folds = calibration_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: Any = None) -> PrototypeClassifier:
        """Learn the prototypes and the temperature.

        Args:
            X: Centred training features, [n_samples, n_features].
            y: Class of each sample, [n_samples].
            groups: Subject of each sample, where one may have several: T is fitted on whole subjects held out.

        Raises:
            ValueError: There is one class only, or values are not finite.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, classes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("the number of classes has to be greater than one; got 1 class")
        self.longest_ = longest(X)
        vectors = unit_vectors(X, self.longest_)
        self.prototypes_ = _means(vectors, classes)

        def decide(train: NDArray[np.intp], held_out: NDArray[np.intp]) -> Floats:
            return _nearness(vectors[held_out], _means(vectors[train], classes[train]))

        self.temperature_ = held_out_temperature(
            decide, classes, self.calibration_folds, self.random_state, 1.0, groups
        )
        return self

    def _values(self, X: Any) -> Floats:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return _nearness(unit_vectors(X, self.longest_), self.prototypes_)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of the nearest prototype of each row."""
        best = self._values(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> Floats:
        """Return the class scores, [n, n_classes]; rows add up to one."""
        return scores(self._values(X), self.temperature_)


def _means(vectors: Floats, classes: NDArray[np.intp]) -> Floats:
    """Return the mean vector of every class, [n_classes, n_features]."""
    return np.stack([vectors[classes == index].mean(axis=0) for index in range(int(classes.max()) + 1)])


def _nearness(vectors: Floats, prototypes: Floats) -> Floats:
    """Return the negative squared distances, [n, n_classes], without digits that rounding decides."""
    products = 2 * vectors @ prototypes.T
    squares = (vectors**2).sum(axis=1, keepdims=True) + (prototypes**2).sum(axis=1)
    nearness: Floats = np.round(products - squares, DIGITS)
    return nearness


def build(options: Mapping[str, Any], seed: int) -> tuple[Pipeline, Grid]:
    """Return the pipeline and an empty grid."""
    steps = scaling_steps(options["scaling"])
    return Pipeline([*steps, ("classifier", PrototypeClassifier(random_state=seed))]), []
