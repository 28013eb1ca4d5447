"""An inner search by scikit-learn's ``GridSearchCV``: everything is fitted again for every candidate."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV


def scores(model: Any, grid: dict[str, list[Any]], X: Any, y: Any, folds: Any) -> Any:
    """Return the mean balanced accuracy of every candidate, [n_candidates]."""
    search = GridSearchCV(model, grid, cv=folds, scoring="balanced_accuracy", refit=False)
    return np.asarray(search.fit(X, y).cv_results_["mean_test_score"])
