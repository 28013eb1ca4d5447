"""Nearest neighbours by cosine, with votes that weigh every class alike."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.utils import compute_class_weight, gen_batches
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sixgig.classifiers.directions import DIGITS, Floats, longest, scaling_steps, unit_vectors
from sixgig.classifiers.registry import Grid
from sixgig.classifiers.temperature import held_out_temperature, scores

Indices = NDArray[np.intp]

_LOG = logging.getLogger(__name__)
#: Subjects whose similarities to all training subjects are held at a time.
_BATCH = 1024
#: What the nearest neighbour's vote counts more, so that it decides between classes with equal votes.
_FIRST = 1e-9


class CosineNeighbours(ClassifierMixin, BaseEstimator):
    """Lets the training vectors of highest cosine vote; a vote weighs less the more frequent its class is.

    The votes of class c among the k nearest, each worth n / (n_classes n_c), are scaled to add up to k. Scores begin as
    (votes_c + 1 / n_classes) / (k + 1), so that no class is ever impossible, and are then raised to the power 1 / T and
    scaled to add up to one, with T fitted on held-out training vectors. Of classes with equal votes the one with the
    nearest neighbour is predicted; of equally near training vectors the earlier one counts. A vector of zeros, which
    has no direction, gets the same score for every class, and the first of them as prediction.

    Args:
        n_neighbors: Training vectors that vote. Where there are fewer, all vote, and the log says so.
        class_weight: What a vote is worth: ``balanced``, a number by class, or None for votes that all count the same.
        calibration_folds: Folds for T; 0 leaves T at 1.
        random_state: Seed of these folds.

    Attributes:
        classes_: Classes in column order.
        n_neighbors_: Training vectors that do vote.
        temperature_: T.
    """

    def __init__(
        self,
        n_neighbors: int = 5,
        class_weight: str | dict[Any, float] | None = "balanced",
        calibration_folds: int = 3,
        random_state: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.class_weight = class_weight
        self.calibration_folds = calibration_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: Any = None) -> CosineNeighbours:
        """Keep the training vectors and fit the temperature.

        Args:
            X: Training features, [n_samples, n_features].
            y: Class of each sample, [n_samples].
            groups: Subject of each sample, where one may have several: T is fitted on whole subjects held out.

        Raises:
            ValueError: There is one class only, or a parameter or a value is not valid.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        if self.n_neighbors < 1:
            raise ValueError(f"n_neighbors must be at least 1, got {self.n_neighbors}")
        self.classes_, classes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("the number of classes has to be greater than one; got 1 class")
        self.longest_ = longest(X)
        self.vectors_, self.training_classes_ = unit_vectors(X, self.longest_), y
        self.n_neighbors_ = min(int(self.n_neighbors), len(X))
        if self.n_neighbors_ < self.n_neighbors:
            _LOG.warning("%d neighbours asked for, %d training samples: all of these vote", self.n_neighbors, len(X))

        def decide(train: Indices, held_out: Indices) -> Floats:
            return self._values(self.vectors_[held_out], self.vectors_[train], y[train], [self.n_neighbors])[0]

        self.temperature_ = held_out_temperature(
            decide, classes, self.calibration_folds, self.random_state, 1.0, groups
        )
        return self

    def _values(self, vectors: Floats, training: Floats, y: NDArray[Any], numbers: Sequence[int]) -> list[Floats]:
        """Return the logarithms of the smoothed votes, [n, n_classes], for each of several numbers of neighbours."""
        names, members = np.unique(y, return_inverse=True)
        worth = compute_class_weight(self.class_weight, classes=names, y=y)
        parts = [_votes(vectors[rows], training, members, worth, numbers) for rows in gen_batches(len(vectors), _BATCH)]
        return [np.log(np.concatenate(votes)) for votes in zip(*parts, strict=True)]

    def _decide(self, X: Any) -> Floats:
        check_is_fitted(self)
        vectors = unit_vectors(validate_data(self, X, dtype=np.float64, reset=False), self.longest_)
        return self._values(vectors, self.vectors_, self.training_classes_, [self.n_neighbors])[0]

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class with most votes for each row."""
        best = self._decide(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> Floats:
        """Return the class scores, [n, n_classes]; rows add up to one."""
        return scores(self._decide(X), self.temperature_)

    def predict_candidates(
        self, X_train: Floats, y_train: NDArray[Any], X_test: Floats, candidates: Sequence[Mapping[str, Any]]
    ) -> list[NDArray[Any]]:
        """Return the predictions of every number of neighbours, from one sorting (see ``search``).

        Args:
            X_train: [n_train, n_features].
            y_train: [n_train].
            X_test: [n_test, n_features].
            candidates: Each a ``n_neighbors``.

        Raises:
            ValueError: A candidate is not valid, or is of another parameter.
        """
        others = {key for candidate in candidates for key in candidate} - {"n_neighbors"}
        if others:
            raise ValueError(f"only n_neighbors can be searched, not {', '.join(sorted(others))}")
        names, reference = np.unique(y_train), longest(X_train)
        numbers = [int(candidate.get("n_neighbors", self.n_neighbors)) for candidate in candidates]
        vectors, training = unit_vectors(X_test, reference), unit_vectors(X_train, reference)
        return [names[values.argmax(axis=1)] for values in self._values(vectors, training, y_train, numbers)]


def _votes(vectors: Floats, training: Floats, members: Indices, worth: Floats, numbers: Sequence[int]) -> list[Floats]:
    """Return the smoothed vote shares, [n, n_classes], for each of several numbers of neighbours.

    Args:
        vectors: Unit vectors, [n, n_features].
        training: Unit vectors that vote, [n_train, n_features].
        members: Class index of those, [n_train].
        worth: Worth of a vote by class, [n_classes].
        numbers: Numbers of neighbours.
    """
    n_classes = len(worth)
    similarities = np.round(vectors @ training.T, DIGITS)
    order = np.argsort(-similarities, axis=1, kind="stable")[:, : max(numbers)]
    neighbours = members[order]
    ballots = np.eye(n_classes)[neighbours] * worth  # [n, k, n_classes]
    nowhere = ~vectors.any(axis=1)
    found = []
    for number in numbers:
        votes = ballots[:, :number].sum(axis=1)
        k = min(number, len(members))
        votes *= k / votes.sum(axis=1, keepdims=True)
        votes[nowhere] = k / n_classes
        shares = np.round((votes + 1 / n_classes) / (k + 1), DIGITS + 2)
        shares[~nowhere] += _preference(neighbours[~nowhere, :number], n_classes)
        found.append(shares / shares.sum(axis=1, keepdims=True))
    return found


def _preference(neighbours: Indices, n_classes: int) -> Floats:
    """Return next to nothing, [n, n_classes], and more for classes whose first neighbour is nearer.

    Args:
        neighbours: Class of every neighbour, the nearest first, [n, k].
        n_classes: Number of classes.
    """
    present = neighbours[:, :, None] == np.arange(n_classes)
    first = np.where(present.any(axis=1), present.argmax(axis=1), neighbours.shape[1])
    ranks: Floats = first.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable").astype(np.float64)
    return _FIRST * (n_classes - ranks)


def build(options: Mapping[str, Any], seed: int) -> tuple[Pipeline, Grid]:
    """Return the pipeline and its grid; few neighbours come first, because of equally good numbers the first wins."""
    steps = scaling_steps(options["scaling"])
    pipeline = Pipeline([*steps, ("classifier", CosineNeighbours(random_state=seed))])
    return pipeline, [{"classifier__n_neighbors": sorted(options["n_neighbors"])}]
