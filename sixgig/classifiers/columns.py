"""Classifiers that decide by values with a zero in the middle: classes and scores from the values, once for all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sixgig.classifiers.temperature import scores


def as_columns(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give each of two classes a column; their softmax is the sigmoid of the decision value.

    Args:
        values: Decision values as scikit-learn gives them: [n] for two classes, [n, n_classes] for more.
    """
    return np.column_stack([-values / 2, values / 2]) if values.ndim == 1 else values


class DecidesByValues:
    """Mixin of estimators with ``decision_function``, ``classes_`` and the fitted temperature ``temperature_``."""

    classes_: NDArray[Any]
    temperature_: float

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class with the highest value of each row."""
        values = self._values(X)  # says it first when the estimator is not fitted
        return self.classes_[values.argmax(axis=1)]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the class scores, [n, n_classes]; rows add up to one."""
        return scores(self._values(X), self.temperature_)

    def _values(self, X: Any) -> NDArray[np.float64]:
        return as_columns(self.decision_function(X))  # type: ignore[attr-defined]
