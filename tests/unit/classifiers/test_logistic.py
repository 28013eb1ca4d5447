import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sixgig.classifiers.logistic.classifier import ScoredLogistic
from sixgig.classifiers.registry import build_classifier
from sixgig.classifiers.search import inner_scores


def data(n_classes, seed=0):
    X, y = make_classification(300, 8, n_informative=6, n_classes=n_classes, flip_y=0.1, random_state=seed)
    return X[:200], y[:200], X[200:], y[200:]


@parametrize_with_checks([ScoredLogistic()])
def test_obeys_scikit_learn(estimator, check):
    check(estimator)


def test_probabilities_minimise_the_penalised_multinomial_loss():
    X, y, X_test, _ = data(3)
    weights = (len(y) / (3 * np.bincount(y)))[y]

    def loss(flat):
        W, b = flat[:24].reshape(3, 8), flat[24:]
        logits = X @ W.T + b
        likelihood = weights @ (logsumexp(logits, axis=1) - logits[np.arange(len(y)), y])
        return 0.5 * (W**2).sum() + 2.0 * likelihood

    found = minimize(loss, np.zeros(27), method="BFGS", options={"gtol": 1e-4}).x
    expected = softmax(X_test @ found[:24].reshape(3, 8).T + found[24:], axis=1)
    model = ScoredLogistic(C=2.0, calibration_folds=0).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X_test), expected, atol=2e-3)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_decides_as_scikit_learn_whatever_the_temperature(n_classes):
    X, y, X_test, _ = data(n_classes)
    plain = LogisticRegression(C=5.0, class_weight="balanced", max_iter=2000).fit(X, y)
    ours = ScoredLogistic(C=5.0, random_state=0).fit(X, y)
    assert ours.temperature_ != 1.0
    assert np.array_equal(ours.predict(X_test), plain.predict(X_test))
    assert np.array_equal(ours.predict_proba(X_test).argmax(axis=1), ours.predict(X_test))
    raw = ScoredLogistic(C=5.0, calibration_folds=0).fit(X, y).predict_proba(X_test)
    np.testing.assert_allclose(raw, plain.predict_proba(X_test), atol=1e-12)


def test_scores_of_a_weak_penalty_are_calibrated():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X, X_test = (rng.normal(size=(60, 40)) + 0.3 * y[:, None] for _ in range(2))
    brier = {}
    for folds in (0, 3):
        model = ScoredLogistic(C=1000.0, calibration_folds=folds, random_state=0).fit(X, y)
        brier[folds] = np.mean((model.predict_proba(X_test)[:, 1] - y) ** 2)
    assert brier[3] < brier[0] - 0.03
    assert brier[3] < 0.25


def test_a_rare_class_is_found_as_often_as_a_frequent_one():
    rng = np.random.default_rng(1)
    y = np.r_[np.zeros(180, int), np.ones(20, int)]
    X = rng.normal(size=(200, 1)) + y[:, None]
    recalls = {
        weight: (ScoredLogistic(class_weight=weight).fit(X, y).predict(X) == y)[y == 1].mean()
        for weight in ("balanced", None)
    }
    assert recalls["balanced"] > 0.6 > 0.2 > recalls[None]


def test_the_search_is_that_of_scikit_learn():
    X, y, *_ = data(3)
    folds = StratifiedKFold(3, shuffle=True, random_state=1)
    pipeline, grid = build_classifier("logistic", {"C": [10, 0.01, 1]}, seed=0)
    assert grid == [{"classifier__C": [0.01, 1, 10]}]
    ours = inner_scores(pipeline, grid, X, y, folds)
    theirs = GridSearchCV(pipeline, grid, cv=folds, scoring="balanced_accuracy").fit(X, y)
    np.testing.assert_allclose(ours.mean(axis=0), theirs.cv_results_["mean_test_score"])


def test_works_behind_a_scaler_with_named_classes():
    X, y, X_test, y_test = data(2)
    names = np.array(["benign", "malignant"])
    named = make_pipeline(StandardScaler(), ScoredLogistic(random_state=0)).fit(X, names[y])
    numbered = make_pipeline(StandardScaler(), ScoredLogistic(random_state=0)).fit(X, y)
    assert np.array_equal(named.predict(X_test), names[numbered.predict(X_test)])
    assert named.score(X_test, names[y_test]) > 0.6


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="only one class"):
        ScoredLogistic().fit(np.eye(4), np.zeros(4))
