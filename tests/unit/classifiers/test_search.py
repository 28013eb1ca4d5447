import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from sixgig.classifiers.registry import build_classifier
from sixgig.classifiers.search import search
from sixgig.classifiers.src import classifier as src_module
from sixgig.classifiers.src.classifier import SRC
from sixgig.sparse_coding.coding import explain


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


def of_dimension(n_components, n=90, seed=3):
    """Three classes whose features vary in ``n_components`` directions of 16."""
    generator = np.random.default_rng(seed)
    y = np.arange(n) % 3
    low = generator.normal(size=(n, n_components)) + 1.5 * generator.normal(size=(3, n_components))[y]
    return low @ generator.normal(size=(n_components, 16)), y


OMP = {"pca": 1.0, "coding": ["omp"], "n_nonzero": [5, 10, 20]}


@pytest.mark.parametrize(
    ("n_components", "asked", "used", "compared"),
    [
        (3, [5, 10, 20], [3], 1),  # 3 and the constant component: 4 dimensions
        (10, [20], [10], 2),
        (12, [20], [12], 3),
    ],
)
def test_src_does_not_compare_candidates_that_code_every_vector_exactly(n_components, asked, used, compared):
    X, y = of_dimension(n_components)
    pipeline, grid = build_classifier("src", OMP, seed=5)
    found = search(pipeline, grid, X, y, inner_folds=3, seed=5)
    assert found.effect.asked == {"n_nonzero": asked}
    assert found.effect.used == {"n_nonzero": used}
    assert found.effect.n_features == [n_components + 1]
    assert (found.effect.candidates, found.effect.compared) == (3, compared)
    assert found.parameters["n_nonzero"] <= n_components
    assert found.pipeline[-1].n_nonzero_ == found.parameters["n_nonzero"]
    vectors = found.pipeline[:-1].transform(X + np.random.default_rng(0).normal(size=X.shape))
    codes = found.pipeline[-1].code(vectors)
    assert (codes != 0).sum(axis=1).max() <= n_components
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    errors = np.linalg.norm(unit - codes @ found.pipeline[-1].dictionary_.atoms, axis=1)
    assert (errors > 1e-6).mean() > 0.9


def test_src_candidates_below_the_dimension_are_left_as_they_are():
    X, y = of_dimension(12)
    pipeline, grid = build_classifier("src", OMP | {"n_nonzero": [2, 5, 12]}, seed=5)
    found = search(pipeline, grid, X, y, inner_folds=3, seed=5)
    assert found.effect is None
    assert found.parameters["n_nonzero"] in (2, 5, 12)


def test_equal_candidates_of_src_predict_the_same_and_are_computed_once(monkeypatch):
    X, y = of_dimension(3)
    pipeline, _ = build_classifier("src", OMP, seed=5)
    vectors = pipeline[:-1].fit_transform(X)
    computed = []

    def spy(dictionary, vectors, settings):
        computed.append([setting["n_nonzero"] for setting in settings])
        return explain(dictionary, vectors, settings)

    monkeypatch.setattr(src_module, "explain", spy)
    candidates = [{"coding": "omp", "n_nonzero": number} for number in (2, 5, 10, 20)]
    found = pipeline[-1].predict_candidates(vectors[:60], y[:60], vectors[60:], candidates)
    assert computed == [[2, 3]]
    assert (found[1] == found[2]).all()
    assert (found[1] == found[3]).all()
    single = SRC(n_nonzero=3, calibration_folds=0).fit(vectors[:60], y[:60]).predict(vectors[60:])
    assert (found[3] == single).all()
