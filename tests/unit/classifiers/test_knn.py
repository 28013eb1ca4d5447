import logging

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sixgig.classifiers.knn import classifier as knn
from sixgig.classifiers.knn.classifier import CosineNeighbours
from sixgig.classifiers.registry import build_classifier
from sixgig.classifiers.search import inner_scores


def data(n_classes=3, n=150, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    X = rng.normal(size=(n, 5)) + rng.normal(size=(n_classes, 5))[y]
    return X[: n - 50], y[: n - 50], X[n - 50 :], y[n - 50 :]


@parametrize_with_checks([CosineNeighbours()])
def test_obeys_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("k", [1, 4, 9])
def test_votes_are_those_of_scikit_learn_by_cosine(k):
    X, y, X_test, _ = data()
    theirs = KNeighborsClassifier(k, metric="cosine").fit(X, y).predict_proba(X_test)
    ours = CosineNeighbours(k, class_weight=None, calibration_folds=0).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X_test), (k * theirs + 1 / 3) / (k + 1), atol=1e-8)
    sure = np.sort(theirs, axis=1)[:, -1] > np.sort(theirs, axis=1)[:, -2]
    assert sure.sum() >= 25
    assert np.array_equal(ours.predict(X_test)[sure], theirs.argmax(axis=1)[sure])


def test_a_vote_weighs_less_the_more_frequent_its_class_is():
    # Four of class a and two of class b: a vote for a is worth 6 / (2 x 4) = 0.75, one for b 6 / (2 x 2) = 1.5.
    angles = np.radians([1, 2, 50, 60, 3, 80])
    X, y = np.column_stack([np.cos(angles), np.sin(angles)]), np.array(["a", "a", "a", "a", "b", "b"])
    model = CosineNeighbours(3, calibration_folds=0).fit(X, y)
    # The nearest three are a, a, b: 1.5 against 1.5, scaled to 3 votes, and half a vote for each class.
    np.testing.assert_allclose(model.predict_proba([[1.0, 0.0]]), [[0.5, 0.5]], atol=1e-8)
    assert model.predict([[1.0, 0.0]]) == ["a"]  # the nearest of all decides
    five = CosineNeighbours(5, calibration_folds=0).fit(X, y).predict_proba([[1.0, 0.0]])
    # a, a, b, a, a: 3 against 1.5, scaled to 10 / 3 and 5 / 3.
    np.testing.assert_allclose(five, [[(10 / 3 + 0.5) / 6, (5 / 3 + 0.5) / 6]], atol=1e-8)


def test_the_class_of_the_nearest_neighbour_wins_a_tie_and_its_score_is_highest():
    X = np.array([[1.0, 0.02], [1.0, 0.01], [1.0, 0.03], [1.0, 0.05]])
    y = np.array(["a", "b", "c", "a"])
    model = CosineNeighbours(3, class_weight=None, calibration_folds=0).fit(X, y)
    assert model.predict([[1.0, 0.0], [1.0, 0.028]]).tolist() == ["b", "c"]
    assert model.predict_proba([[1.0, 0.0]]).argmax(axis=1).tolist() == [1]


def test_of_equal_training_vectors_the_earlier_one_counts():
    X = np.tile([[1.0, 2.0]], (4, 1))
    for first, second in (("a", "b"), ("b", "a")):
        model = CosineNeighbours(1, calibration_folds=0).fit(X, [first, second, first, second])
        assert model.predict([[2.0, 4.0]]) == [first]


def test_length_does_not_count_and_the_order_of_test_rows_does_not_either():
    X, y, X_test, _ = data()
    model = CosineNeighbours(5, random_state=0).fit(X, y)
    scores = model.predict_proba(X_test)
    np.testing.assert_array_equal(model.predict_proba(7 * X_test[::-1]), scores[::-1])


def test_more_neighbours_than_training_samples_are_capped_and_the_log_says_so(caplog):
    X, y, X_test, _ = data()
    with caplog.at_level(logging.WARNING):
        many = CosineNeighbours(500, calibration_folds=0).fit(X, y)
    assert "500 neighbours asked for, 100 training samples: all of these vote" in caplog.text
    assert many.n_neighbors_ == 100
    # All vote and every class weighs alike, so all are equally likely.
    np.testing.assert_allclose(many.predict_proba(X_test), 1 / 3, atol=1e-8)
    found = CosineNeighbours().predict_candidates(X, y, X_test, [{"n_neighbors": 100}, {"n_neighbors": 500}])
    assert np.array_equal(*found)


def test_a_vector_without_direction_decides_nothing():
    X, y, *_ = data(2)
    model = CosineNeighbours(3, random_state=0).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(np.zeros((1, 5))), 0.5)


def test_candidates_equal_separate_fits(monkeypatch):
    X, y, X_test, _ = data()
    monkeypatch.setattr(knn, "_BATCH", 17)
    numbers = [1, 2, 7, 30]
    found = CosineNeighbours().predict_candidates(X, y, X_test, [{"n_neighbors": k} for k in numbers])
    for predicted, k in zip(found, numbers, strict=True):
        assert np.array_equal(predicted, CosineNeighbours(k).fit(X, y).predict(X_test))
    with pytest.raises(ValueError, match="only n_neighbors can be searched, not class_weight"):
        CosineNeighbours().predict_candidates(X, y, X_test, [{"class_weight": None}])


def test_the_search_is_that_of_scikit_learn():
    X, y, *_ = data()
    folds = StratifiedKFold(3, shuffle=True, random_state=1)
    pipeline, grid = build_classifier("knn", {"n_neighbors": [9, 1]}, seed=0)
    assert grid == [{"classifier__n_neighbors": [1, 9]}]
    ours = inner_scores(pipeline, grid, X, y, folds)
    theirs = GridSearchCV(pipeline, grid, cv=folds, scoring="balanced_accuracy").fit(X, y)
    np.testing.assert_allclose(ours.mean(axis=0), theirs.cv_results_["mean_test_score"])


@pytest.mark.parametrize(
    ("scaling", "change"),
    [
        ("none", lambda X, T: (X, T)),
        ("centre", lambda X, T: (X - X.mean(axis=0), T - X.mean(axis=0))),
        ("standard", lambda X, T: [StandardScaler().fit(X).transform(rows) for rows in (X, T)]),
    ],
)
def test_scaling_comes_before_the_cosine(scaling, change):
    X, y, X_test, _ = data()
    X, X_test = 3 + X * [1, 1, 1, 1, 50], 3 + X_test * [1, 1, 1, 1, 50]
    pipeline, _ = build_classifier("knn", {"scaling": scaling}, seed=0)
    own, own_test = change(X, X_test)
    expected = CosineNeighbours(random_state=0).fit(own, y).predict_proba(own_test)
    np.testing.assert_allclose(pipeline.fit(X, y).predict_proba(X_test), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("settings", "y", "message"),
    [({"n_neighbors": 0}, [0, 0, 1, 1], "at least 1, got 0"), ({}, [0] * 4, "got 1 class")],
)
def test_what_cannot_be_fitted_is_refused(settings, y, message):
    with pytest.raises(ValueError, match=message):
        CosineNeighbours(**settings).fit(np.eye(4), y)
