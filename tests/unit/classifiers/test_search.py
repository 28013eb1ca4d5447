import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from sixgig.classifiers.registry import build_classifier
from sixgig.classifiers.search import search


def data(seed=0):
    generator = np.random.default_rng(seed)
    y = np.arange(120) % 3
    return generator.normal(size=(120, 20)) + 0.8 * np.eye(3)[y] @ generator.normal(size=(3, 20)), y


@pytest.mark.parametrize("name", ["svm", "src"])
def test_chooses_as_grid_search_does(name):
    X, y = data()
    pipeline, grid = build_classifier(name, {}, seed=5)
    found = search(pipeline, grid, X, y, inner_folds=3, seed=5)
    folds = StratifiedKFold(3, shuffle=True, random_state=5)
    expected = GridSearchCV(pipeline, grid, cv=folds, scoring="balanced_accuracy").fit(X, y)
    assert found.score == pytest.approx(expected.best_score_)
    assert {f"classifier__{key}": value for key, value in found.parameters.items()} == expected.best_params_
    np.testing.assert_allclose(found.pipeline.predict_proba(X), expected.predict_proba(X))


class RowCounter(TransformerMixin, BaseEstimator):
    seen: list = []  # noqa: RUF012 shared on purpose: clones must report to the test

    def fit(self, X, y=None):
        self.seen.append(len(X))
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X


def test_the_first_steps_are_fitted_once_per_inner_fold_on_its_training_rows():
    X, y = data()
    RowCounter.seen.clear()
    pipeline = Pipeline([("spy", RowCounter()), ("classifier", KNeighborsClassifier())])
    found = search(pipeline, [{"classifier__n_neighbors": [1, 3, 5, 7]}], X, y, inner_folds=3, seed=0)
    assert RowCounter.seen == [80, 80, 80, 120]
    assert found.pipeline[-1].n_neighbors == found.parameters["n_neighbors"]


def test_nothing_to_choose_costs_no_search():
    X, y = data()
    RowCounter.seen.clear()
    pipeline = Pipeline([("spy", RowCounter()), ("classifier", KNeighborsClassifier())])
    found = search(pipeline, [{"classifier__n_neighbors": [4]}], X, y, inner_folds=3, seed=0)
    assert RowCounter.seen == [120]
    assert found.parameters == {"n_neighbors": 4}
    assert np.isnan(found.score)
    assert search(pipeline, [], X, y, inner_folds=3, seed=0).parameters == {}


def test_a_grid_over_another_step_is_refused():
    X, y = data()
    pipeline, _ = build_classifier("svm", {}, seed=0)
    with pytest.raises(ValueError, match="not pca__keep"):
        search(pipeline, [{"pca__keep": [2, 3]}], X, y, inner_folds=3, seed=0)
