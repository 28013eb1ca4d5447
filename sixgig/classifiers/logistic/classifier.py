"""Multinomial logistic regression with class scores that are calibrated on held-out training subjects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sixgig.classifiers.columns import DecidesByValues, as_columns
from sixgig.classifiers.reduction import first_steps
from sixgig.classifiers.registry import Grid
from sixgig.classifiers.temperature import held_out_temperature

#: L-BFGS needs few steps where the penalty is strong; with next to none it takes hundreds.
_MAX_ITERATIONS = 2000


class ScoredLogistic(DecidesByValues, ClassifierMixin, BaseEstimator):
    """scikit-learn's multinomial ``LogisticRegression`` (l2 penalty, L-BFGS), with a temperature for its scores.

    The score of a class is softmax(logit / T). The logits of a weakly penalised model that separates its training
    subjects are far too sure, so T is fitted on those of held-out training subjects (``calibration_folds`` further
    fits). As with every classifier here, balanced weights make a score of one half the point where two classes would be
    equally likely if they were equally frequent. Of classes with equal logits the first is predicted.

    Args:
        C: Inverse weight of the squared l2 norm.
        class_weight: ``balanced`` weighs every class alike, as balanced accuracy does.
        calibration_folds: Folds for T; 0 leaves T at 1, which gives scikit-learn's probabilities.
        random_state: Seed of these folds.

    Attributes:
        classes_: Classes in column order.
        temperature_: T.
    """

    def __init__(
        self,
        C: float = 1.0,
        class_weight: str | dict[Any, float] | None = "balanced",
        calibration_folds: int = 3,
        random_state: int | None = None,
    ) -> None:
        self.C = C
        self.class_weight = class_weight
        self.calibration_folds = calibration_folds
        self.random_state = random_state

    def _model(self) -> LogisticRegression:
        return LogisticRegression(C=self.C, class_weight=self.class_weight, max_iter=_MAX_ITERATIONS)

    def fit(self, X: Any, y: Any, groups: Any = None) -> ScoredLogistic:
        """Fit the weights and the temperature.

        Args:
            X: Training features, [n_samples, n_features].
            y: Class of each sample, [n_samples].
            groups: Subject of each sample, where one may have several: T is fitted on whole subjects held out.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, classes = np.unique(y, return_inverse=True)
        self.model_ = self._model().fit(X, y)

        def decide(train: NDArray[np.intp], held_out: NDArray[np.intp]) -> NDArray[np.float64]:
            return as_columns(self._model().fit(X[train], y[train]).decision_function(X[held_out]))

        self.temperature_ = held_out_temperature(
            decide, classes, self.calibration_folds, self.random_state, 1.0, groups
        )
        return self

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the logits: [n] for two classes, [n, n_classes] for more."""
        check_is_fitted(self)
        values: NDArray[np.float64] = self.model_.decision_function(
            validate_data(self, X, dtype=np.float64, reset=False)
        )
        return values

    def predict_candidates(
        self,
        X_train: NDArray[np.float64],
        y_train: NDArray[Any],
        X_test: NDArray[np.float64],
        candidates: list[Mapping[str, Any]],
    ) -> list[NDArray[Any]]:
        """Return the predictions of every candidate, without fitting temperatures (see ``search``).

        Args:
            X_train: [n_train, n_features].
            y_train: [n_train].
            X_test: [n_test, n_features].
            candidates: Parameters of this estimator, each a candidate.
        """
        plain = (type(self)(**{**self.get_params(), **own, "calibration_folds": 0}) for own in candidates)
        return [model.fit(X_train, y_train).predict(X_test) for model in plain]


def build(options: Mapping[str, Any], seed: int) -> tuple[Pipeline, Grid]:
    """Return the pipeline and its grid; the strongest penalty comes first, because of equally good ones the first wins.

    Standardised features and principal components scaled by one factor make a value of C mean the same for every arm.
    """
    pipeline = Pipeline([*first_steps(options["pca"]), ("classifier", ScoredLogistic(random_state=seed))])
    return pipeline, [{"classifier__C": sorted(options["C"])}]
