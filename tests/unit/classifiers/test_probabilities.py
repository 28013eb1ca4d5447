import numpy as np
import pytest
from scipy.special import expit
from sklearn.calibration import _SigmoidCalibration
from sklearn.linear_model import LogisticRegression

from sixgig.classifiers.columns import as_columns
from sixgig.classifiers.probabilities import fit_probabilities
from sixgig.classifiers.registry import build_classifier, gives_probabilities
from sixgig.classifiers.search import search


def test_two_classes_are_platts_sigmoid():
    """scikit-learn's own Platt scaling, with its softened targets, is the reference."""
    rng = np.random.default_rng(0)
    classes = (rng.random(80) < 0.2).astype(int)
    values = rng.normal(size=80) * 3 + 2 * classes
    found = fit_probabilities(as_columns(values), classes).of(as_columns(values))[:, 1]
    assert found == pytest.approx(_SigmoidCalibration().fit(values, classes).predict(values), abs=1e-4)


def test_three_classes_come_at_their_shares():
    """Maximum likelihood with an intercept per class: mean probabilities are the softened shares."""
    rng = np.random.default_rng(1)
    classes = np.repeat([0, 1, 2], [150, 60, 15])
    values = rng.normal(size=(225, 3)) + 1.5 * np.eye(3)[classes]
    found = fit_probabilities(values, classes).of(values)
    assert found.mean(axis=0) == pytest.approx(np.array([150, 60, 15]) / 225, abs=0.01)
    assert found.sum(axis=1) == pytest.approx(1.0)


def test_a_higher_value_never_makes_a_class_less_likely():
    """Held-out values of features without a signal often point the wrong way."""
    classes = np.repeat([0, 1], 20)
    found = fit_probabilities(as_columns(np.r_[np.linspace(1, 2, 20), np.linspace(-2, -1, 20)]), classes)
    assert found.slope > 0


def test_perfect_separation_is_no_certainty():
    classes = np.repeat([0, 1], [18, 2])
    found = fit_probabilities(as_columns(np.where(classes == 1, 1.0, -1.0)), classes)
    assert found.of(as_columns(np.array([1.0])))[0, 1] == pytest.approx(3 / 4, abs=0.01)  # Platt: (2 + 1) / (2 + 2)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_svm_keeps_its_promises_at_the_shares_of_the_classes(share):
    """Slope near 1 and intercept near 0 on new subjects, over a few training sets; a temperature left -1.7 at 10:90."""
    rng = np.random.default_rng(2)

    def draw(n):
        y = (np.arange(n) < share * n).astype(int)
        X = rng.normal(size=(n, 10))
        X[:, 0] += 2 * y
        return X, y

    promised, happened = [], []
    for seed in range(8):
        X, y = draw(200)
        pipeline, _ = build_classifier("svm", {}, seed=seed)
        fitted = search(pipeline, [], X, y, inner_folds=3, seed=seed).pipeline
        X, y = draw(1000)
        promised.append(fitted.predict_proba(X)[:, 1])
        happened.append(y)
        assert np.array_equal(fitted.predict(X) == 1, fitted[-1].decision_function(fitted[:-1].transform(X)) > 0)
    logits = np.log(np.concatenate(promised)) - np.log1p(-np.concatenate(promised))
    model = LogisticRegression(C=1e6).fit(logits[:, None], np.concatenate(happened))
    assert model.coef_[0, 0] == pytest.approx(1, abs=0.2)
    assert np.mean(expit(logits)) == pytest.approx(share, abs=0.02)


def test_which_scores_are_called_probabilities():
    assert gives_probabilities("svm")
    assert not any(gives_probabilities(name) for name in ("logistic", "knn", "prototype", "src", "mil"))
