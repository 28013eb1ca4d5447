import pickle

import numpy as np
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from sixgig.classifiers.columns import as_columns
from sixgig.classifiers.svm import classifier as svm
from sixgig.classifiers.svm.classifier import ScoredSVC


def data(n_classes, seed=0):
    X, y = make_classification(
        300, 12, n_informative=6, n_classes=n_classes, class_sep=0.8, flip_y=0.1, random_state=seed
    )
    return X[:200], y[:200], X[200:], y[200:]


def _by_design(estimator):
    return {"check_classifiers_train": "predict weighs classes alike, predict_proba gives them their shares"}


@parametrize_with_checks([ScoredSVC()], expected_failed_checks=_by_design)
def test_obeys_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("kernel", "gamma", "C", "class_weight", "offset", "n_classes"),
    [
        ("linear", "scale", 0.1, "balanced", 0.0, 2),
        ("linear", "scale", 5.0, None, 50.0, 4),
        ("rbf", "scale", 5.0, "balanced", 0.0, 4),
        ("rbf", "scale", 0.1, {0: 1.0, 1: 3.0}, 50.0, 2),
        ("rbf", "auto", 5.0, None, 0.0, 2),
        ("rbf", "auto", 0.1, "balanced", 50.0, 4),
        ("rbf", 0.3, 0.1, None, 0.0, 4),
        ("rbf", 0.3, 5.0, {0: 1.0, 1: 3.0}, 50.0, 4),
    ],
)
def test_decides_as_svc_and_its_probabilities_rise_with_the_decision(kernel, gamma, C, class_weight, offset, n_classes):
    X, y, X_test, _ = data(n_classes)
    X, X_test = X + offset, X_test + offset
    ours = ScoredSVC(kernel, C=C, gamma=gamma, class_weight=class_weight, random_state=0).fit(X, y)
    plain = SVC(kernel=kernel, C=C, gamma=gamma, class_weight=class_weight, break_ties=True).fit(X, y)
    np.testing.assert_allclose(ours.decision_function(X_test), plain.decision_function(X_test), atol=1e-6)
    assert np.array_equal(ours.predict(X_test), plain.predict(X_test))
    scores = ours.predict_proba(X_test)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)
    assert np.array_equal(
        ours.classes_[as_columns(ours.decision_function(X_test)).argmax(axis=1)], ours.predict(X_test)
    )
    if n_classes == 2:
        slope, (first, second) = ours.probabilities_.slope, ours.probabilities_.intercepts
        np.testing.assert_allclose(scores[:, 1], expit(slope * ours.decision_function(X_test) + second - first))


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_features_in_float32_or_whole_numbers_are_computed_with_in_float64(kernel):
    X, y, X_test, _ = data(2)
    for kind in (np.float32, np.int8):
        rows, test_rows = (values.astype(kind) for values in (10 * X, 10 * X_test))
        wide = ScoredSVC(kernel).fit(rows.astype(np.float64), y).decision_function(test_rows.astype(np.float64))
        assert np.array_equal(ScoredSVC(kernel).fit(rows, y).decision_function(test_rows), wide)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_candidates_equal_separate_fits(n_classes):
    X, y, X_test, _ = data(n_classes)
    candidates = [
        {"kernel": "rbf", "C": 5.0, "gamma": 0.2},
        {"kernel": "linear", "C": 0.1},
        {"kernel": "rbf", "C": 1.0, "gamma": "scale"},
        {"kernel": "rbf", "C": 0.5, "gamma": 0.2, "class_weight": None},
        {"kernel": "linear", "C": 10.0, "calibration_folds": 2},
    ]
    found = ScoredSVC().predict_candidates(X, y, X_test, candidates)
    for predicted, candidate in zip(found, candidates, strict=True):
        assert np.array_equal(predicted, ScoredSVC(**candidate).fit(X, y).predict(X_test))
    [alone] = ScoredSVC(C=0.1).predict_candidates(X, y, X_test, [{}])
    assert np.array_equal(alone, found[1])


def test_one_matrix_product_serves_the_whole_grid(monkeypatch):
    X, y, X_test, _ = data(2)
    made, widths = [], []

    class Counted(svm.Products):
        def __init__(self, rows, training):
            made.append(len(rows))
            super().__init__(rows, training)

        def rbf(self, gamma, out):
            widths.append(gamma)
            return super().rbf(gamma, out)

    monkeypatch.setattr(svm, "Products", Counted)
    grid = [
        {"kernel": kernel, "C": C, "gamma": gamma} for kernel in ("linear", "rbf") for C in (1, 9) for gamma in (1, 2)
    ]
    ScoredSVC().predict_candidates(X, y, X_test, grid)
    assert made == [200, 100]
    assert widths == [1, 1, 2, 2]  # training subjects and test subjects once for each width
    made.clear()
    ScoredSVC("rbf", gamma=1.0, calibration_folds=3).fit(X, y)
    assert made == [200]  # the held-out folds of the probabilities take their parts of it


def test_batches_change_nothing(monkeypatch):
    X, y, X_test, _ = data(3)
    model = ScoredSVC("rbf").fit(X, y)
    expected = model.decision_function(X_test)
    monkeypatch.setattr(svm, "_BATCH", 17)
    np.testing.assert_allclose(model.decision_function(X_test), expected, atol=1e-12)


def test_works_inside_scikit_learn():
    X, y, X_test, _ = data(3)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    pipeline = make_pipeline(StandardScaler(), ScoredSVC(random_state=0))
    grid = {"scoredsvc__kernel": ["linear", "rbf"], "scoredsvc__C": [0.1, 1.0]}
    found = GridSearchCV(pipeline, grid, cv=folds).fit(X, y)
    again = pickle.loads(pickle.dumps(found.best_estimator_))
    assert np.array_equal(again.predict_proba(X_test), found.predict_proba(X_test))
    assert np.array_equal(clone(again).fit(X, y).predict_proba(X_test), found.predict_proba(X_test))
    scores = cross_val_predict(again, X, y, cv=folds, method="predict_proba")
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)
    assert (scores.argmax(axis=1) == y).mean() > 0.5


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_features_without_variance_decide_nothing(kernel):
    y = np.array([0] * 8 + [1] * 4)
    model = ScoredSVC(kernel, random_state=0).fit(np.full((12, 3), 7.0), y)
    np.testing.assert_allclose(model.decision_function(np.full((2, 3), 7.0)), 0.0, atol=1e-9)
    assert np.ptp(model.predict_proba(np.full((2, 3), 7.0)), axis=0).max() == 0


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="number of classes has to be greater than one"):
        ScoredSVC().fit(np.eye(4), np.zeros(4))


def test_a_class_with_one_subject_leaves_the_shares_as_intercepts():
    X, y, *_ = data(2)
    rows = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:1]]
    found = ScoredSVC().fit(X[rows], y[rows]).probabilities_
    assert found.slope == 1.0
    np.testing.assert_allclose(np.exp(found.intercepts), [1 - 1 / len(rows), 1 / len(rows)])
