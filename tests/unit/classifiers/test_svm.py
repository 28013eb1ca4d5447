import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.svm import SVC

from sixgig.classifiers.svm import ScoredSVC


def data(n_classes, seed=0):
    X, y = make_classification(
        300, 12, n_informative=6, n_classes=n_classes, class_sep=0.8, flip_y=0.1, random_state=seed
    )
    return X[:200], y[:200], X[200:], y[200:]


@pytest.mark.parametrize("n_classes", [2, 4])
def test_predicts_as_svc_and_scores_agree_with_the_prediction(n_classes):
    X, y, X_test, _ = data(n_classes)
    model = ScoredSVC("rbf", C=2.0, random_state=0).fit(X, y)
    plain = SVC(kernel="rbf", C=2.0, class_weight="balanced", break_ties=True).fit(X, y)
    assert np.array_equal(model.predict(X_test), plain.predict(X_test))
    scores = model.predict_proba(X_test)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)
    assert np.array_equal(scores.argmax(axis=1), model.predict(X_test))


def test_scores_are_calibrated():
    X, y, X_test, y_test = data(2)
    brier = {}
    for folds in (0, 3):
        model = ScoredSVC("linear", C=10.0, calibration_folds=folds, random_state=0).fit(X, y)
        brier[folds] = np.mean((model.predict_proba(X_test)[:, 1] - y_test) ** 2)
    assert brier[3] < brier[0]
    assert brier[3] < 0.25


def test_candidates_equal_separate_fits():
    X, y, X_test, _ = data(3)
    candidates = [{"kernel": "linear", "C": 0.1}, {"kernel": "rbf", "C": 5.0, "gamma": 0.2}]
    for predicted, candidate in zip(ScoredSVC().predict_candidates(X, y, X_test, candidates), candidates, strict=True):
        assert np.array_equal(predicted, ScoredSVC(**candidate).fit(X, y).predict(X_test))


def test_a_class_with_one_subject_leaves_the_temperature_alone():
    X, y, *_ = data(2)
    rows = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:1]]
    assert ScoredSVC().fit(X[rows], y[rows]).temperature_ == 1.0
