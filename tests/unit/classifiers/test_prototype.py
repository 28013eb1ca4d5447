import numpy as np
import pytest
from scipy.special import softmax
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import Normalizer
from sklearn.utils.estimator_checks import parametrize_with_checks

from sixgig.classifiers.prototype.classifier import PrototypeClassifier
from sixgig.classifiers.registry import build_classifier


def data(n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=150)
    X = 20 + rng.normal(size=(150, 6)) + rng.normal(size=(n_classes, 6))[y]
    return X[:100], y[:100], X[100:], y[100:]


@parametrize_with_checks([PrototypeClassifier()])
def test_obeys_scikit_learn(estimator, check):
    check(estimator)


def test_by_hand():
    pipeline, grid = build_classifier("prototype", {}, seed=0)
    assert grid == []
    X, y = np.array([[11.0, 10], [9, 10], [10, 13], [10, 7]]), ["a", "b", "a", "b"]
    model = pipeline.set_params(classifier__calibration_folds=0).fit(X, y)
    # Minus the mean (10, 10) and at unit length: (1, 0), (-1, 0), (0, 1), (0, -1).
    np.testing.assert_allclose(model[-1].prototypes_, [[0.5, 0.5], [-0.5, -0.5]])
    # (13, 14) becomes (0.6, 0.8), at squared distances of 0.01 + 0.09 and 1.21 + 1.69.
    np.testing.assert_allclose(model.predict_proba([[13.0, 14.0]]), softmax([[-0.1, -2.9]], axis=1))


def test_predicts_as_the_nearest_centroid_of_centred_unit_vectors():
    X, y, X_test, _ = data()
    unit, unit_test = (Normalizer().transform(rows - X.mean(axis=0)) for rows in (X, X_test))
    expected = NearestCentroid().fit(unit, y).predict(unit_test)
    model, _ = build_classifier("prototype", {}, seed=0)
    assert np.array_equal(model.fit(X, y).predict(X_test), expected)
    assert np.array_equal(model.predict_proba(X_test).argmax(axis=1), expected)


def test_without_the_training_mean_an_offset_hides_the_classes():
    X, y, X_test, y_test = data()
    X, X_test = X + 1000, X_test + 1000
    right = {}
    for scaling in ("none", "centre", "standard"):
        model, _ = build_classifier("prototype", {"scaling": scaling}, seed=0)
        right[scaling] = model.fit(X, y).score(X_test, y_test)
    assert min(right["centre"], right["standard"]) > 0.6
    scores = build_classifier("prototype", {"scaling": "none"}, seed=0)[0]
    values = scores.set_params(classifier__calibration_folds=0).fit(X, y).predict_proba(X_test)
    assert np.ptp(values) < 1e-3  # all vectors point the same way


def test_units_of_features_count_unless_they_are_divided_by_their_deviations():
    X, y, X_test, _ = data()
    unit = np.array([1.0, 1, 1, 1, 1, 1e4])
    for scaling, same in (("standard", True), ("centre", False)):
        model, _ = build_classifier("prototype", {"scaling": scaling}, seed=0)
        before = model.fit(X, y).predict_proba(X_test)
        assert np.allclose(model.fit(X * unit, y).predict_proba(X_test * unit), before, atol=1e-6) == same


def test_the_size_of_a_class_does_not_favour_it():
    X, y, X_test, _ = data()
    model = PrototypeClassifier(calibration_folds=0).fit(X - 20, y)
    often = np.r_[np.arange(100), np.repeat(np.flatnonzero(y == 1), 9)]
    again = PrototypeClassifier(calibration_folds=0).fit(X[often] - 20, y[often])
    np.testing.assert_allclose(again.predict_proba(X_test - 20), model.predict_proba(X_test - 20), atol=1e-9)


def test_scores_are_calibrated():
    X, y, X_test, y_test = data(2)
    brier = {}
    for folds in (0, 3):
        model = PrototypeClassifier(calibration_folds=folds, random_state=0).fit(X - X.mean(axis=0), y)
        brier[folds] = np.mean((model.predict_proba(X_test - X.mean(axis=0))[:, 1] - y_test) ** 2)
    assert brier[3] < brier[0]


def test_equally_near_prototypes_give_the_first_class():
    model = PrototypeClassifier().fit([[1.0, 0], [-1, 0], [1, 0], [-1, 0]], ["b", "a", "b", "a"])
    assert model.predict([[0.0, 5.0], [0.0, 0.0]]).tolist() == ["a", "a"]
    np.testing.assert_allclose(model.predict_proba([[0.0, 5.0]]), 0.5)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="got 1 class"):
        PrototypeClassifier().fit(np.eye(4), np.zeros(4))
