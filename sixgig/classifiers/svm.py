"""Support vector machine with linear and RBF kernels in one search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sixgig.classifiers import Grid
from sixgig.classifiers.reduction import first_steps
from sixgig.classifiers.temperature import held_out_temperature, scores

#: libsvm can take minutes over a penalty that is far too large for the scale of the features; it warns when stopped.
_MAX_ITERATIONS = 200_000


class ScoredSVC(ClassifierMixin, BaseEstimator):
    """scikit-learn's SVC, with class scores that agree with its predictions.

    The score of a class is softmax(decision / T), for two classes sigmoid(decision / T). T is fitted on decision
    values of held-out training subjects (``calibration_folds`` further fits, only here: the inner search does
    without). With more than two classes the decision values are scikit-learn's one-vs-rest summary of the pairwise
    machines, and the class with the highest one is predicted.

    Args:
        kernel: ``linear`` or ``rbf``.
        C: Penalty.
        gamma: RBF width.
        class_weight: ``balanced`` weighs every class alike, as balanced accuracy does.
        calibration_folds: Folds for T; 0 leaves T at 1.
        random_state: Seed of these folds.

    Attributes:
        classes_: Classes in column order.
        temperature_: T.
    """

    def __init__(
        self,
        kernel: str = "linear",
        C: float = 1.0,
        gamma: float | str = "scale",
        class_weight: str | dict[Any, float] | None = "balanced",
        calibration_folds: int = 3,
        random_state: int | None = None,
    ) -> None:
        self.kernel = kernel
        self.C = C
        self.gamma = gamma
        self.class_weight = class_weight
        self.calibration_folds = calibration_folds
        self.random_state = random_state

    def _machine(self) -> SVC:
        return SVC(
            kernel=self.kernel,
            C=self.C,
            gamma=self.gamma,
            class_weight=self.class_weight,
            break_ties=True,
            max_iter=_MAX_ITERATIONS,
        )

    def fit(self, X: Any, y: Any) -> ScoredSVC:
        """Fit the machine and the temperature on X, [n_subjects, n_features]."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, classes = np.unique(y, return_inverse=True)
        self.machine_ = self._machine().fit(X, y)

        def decide(train: NDArray[np.intp], held_out: NDArray[np.intp]) -> NDArray[np.float64]:
            return _columns(self._machine().fit(X[train], y[train]).decision_function(X[held_out]))

        self.temperature_ = held_out_temperature(decide, classes, self.calibration_folds, self.random_state, 1.0)
        return self

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return SVC's decision values: [n] for two classes, [n, n_classes] for more."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        values: NDArray[np.float64] = self.machine_.decision_function(X)
        return values

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the predicted class of each row."""
        return self.classes_[_columns(self.decision_function(X)).argmax(axis=1)]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the class scores, [n, n_classes]; rows add up to one."""
        return scores(_columns(self.decision_function(X)), self.temperature_)

    def predict_candidates(
        self,
        X_train: NDArray[np.float64],
        y_train: NDArray[Any],
        X_test: NDArray[np.float64],
        candidates: Sequence[dict],
    ) -> list[NDArray[Any]]:
        """Return the predictions of every candidate, without fitting temperatures (see ``search``)."""
        machine = self._machine()
        return [machine.set_params(**candidate).fit(X_train, y_train).predict(X_test) for candidate in candidates]


def _columns(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give two classes a column each, whose softmax is the sigmoid of the decision value."""
    return np.column_stack([-values / 2, values / 2]) if values.ndim == 1 else values


def build(options: Mapping[str, Any], seed: int) -> tuple[Pipeline, Grid]:
    """Return the pipeline and its grid; simple candidates come first, because the first of equals is chosen."""
    pipeline = Pipeline([*first_steps(options["pca"]), ("classifier", ScoredSVC(random_state=seed))])
    widths = {"linear": {}, "rbf": {"classifier__gamma": list(options["gamma"])}}
    return pipeline, [
        {"classifier__kernel": [kernel], "classifier__C": list(options["C"])} | widths[kernel]
        for kernel in options["kernels"]
    ]
