"""Classifiers.

The inner search of one training fold: every candidate on every inner fold, none in parallel, chosen by balanced
accuracy, whose values are compared. Two classes that differ in 64 directions of unequal variance and overlap; 5 folds.
scikit-learn searches by `GridSearchCV`, with its own estimators and with those of scikit-learn-intelex.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from bench.baselines.search_scikit_learn import scores
from bench.harness import BenchError, Row, Same, Variant
from sixgig.classifiers.knn.classifier import CosineNeighbours
from sixgig.classifiers.logistic.classifier import ScoredLogistic
from sixgig.classifiers.search import inner_scores
from sixgig.classifiers.svm.classifier import ScoredSVC

TITLE = "Classifiers"
_SEED, _FEATURES = 2026, 768


def draw(subjects: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Features [subjects, 768] with a mean squared norm of one, and two classes that overlap."""
    generator = np.random.default_rng(_SEED)
    y = np.arange(subjects) % 2
    spread = 1 / np.sqrt(1 + np.arange(_FEATURES))
    centres = np.zeros((2, _FEATURES))
    centres[:, :64] = 0.15 * generator.normal(size=(2, 64))
    X = (generator.normal(size=(subjects, _FEATURES)) + centres[y]) * spread
    X -= X.mean(axis=0)
    return X / np.sqrt((X**2).sum(axis=1).mean()), y


def rows(quick: bool) -> Iterator[Row]:
    """Yield a row for each classifier."""
    import sklearnex.linear_model
    import sklearnex.neighbors
    import sklearnex.svm

    warnings.simplefilter("ignore")
    X, y = draw(200 if quick else 2000)
    folds = StratifiedKFold(5, shuffle=True, random_state=_SEED)
    rounds = 2 if quick else 3

    def row(name: str, own: BaseEstimator, others: dict[str, Any], grid: dict[str, list[Any]], near: float) -> Row:
        pipeline = Pipeline([("classifier", own)])
        steps = [{f"classifier__{key}": values for key, values in grid.items()}]
        variants = [
            Variant(label, _search(model, grid, X, y, folds), aim=1.0) for label, model in others.items()
        ]  # fmt: skip
        ours = Variant("sixgig", lambda: inner_scores(pipeline, steps, X, y, folds).mean(axis=0))
        candidates = int(np.prod([len(values) for values in grid.values()]))
        size = f"{len(X):,} x {_FEATURES}, {candidates} candidates"
        return Row(f"{name}, {size}", ours, variants, _scores_within(near), 0.0, rounds, "search")

    for kernel in ("rbf", "linear"):
        options = {"class_weight": "balanced", "kernel": kernel}
        others = {"scikit-learn": SVC(**options), "scikit-learn-intelex": sklearnex.svm.SVC(**options)}
        yield row(f"SVM, {kernel}", ScoredSVC(), others, {"kernel": [kernel], "C": [1.0, 10.0]}, 2e-3)
    weighted: dict[str, Any] = {"class_weight": "balanced", "max_iter": 2000}
    logistic = {
        "scikit-learn": LogisticRegression(**weighted),
        "scikit-learn-intelex": sklearnex.linear_model.LogisticRegression(**weighted),
    }
    yield row("logistic regression", ScoredLogistic(), logistic, {"C": [0.01, 0.1, 1.0, 10.0]}, 2e-3)
    near = {
        "scikit-learn": KNeighborsClassifier(metric="cosine"),
        "scikit-learn-intelex": sklearnex.neighbors.KNeighborsClassifier(metric="cosine"),
    }
    yield row("kNN by cosine", CosineNeighbours(class_weight=None), near, {"n_neighbors": [1, 3, 5, 9, 15]}, 2e-3)


def _search(model: Any, grid: dict[str, list[Any]], X: Any, y: Any, folds: Any) -> Callable[[], Any]:
    return lambda: scores(model, grid, X, y, folds)


def _scores_within(tolerance: float) -> Same:
    def same(ours: Any, theirs: Any) -> str:
        apart = float(np.abs(np.asarray(ours) - np.asarray(theirs)).max())
        if not apart <= tolerance:
            raise BenchError("result", f"a score differs by {apart:.4f}", "compare like with like")
        return "equal scores" if apart < 1e-12 else f"scores within {apart:.1e}"

    return same
