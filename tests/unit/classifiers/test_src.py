import pickle

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import Lasso, Ridge, orthogonal_mp
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from sixgig.classifiers.registry import build_classifier
from sixgig.classifiers.src.classifier import SRC
from sixgig.sparse_coding import coding as coding_module

#: Checks whose result depends on how vectors are coded; the others look at inputs, parameters and attributes.
OF_THE_CODES = (
    "check_classifiers_",
    "check_estimators_dtypes",
    "check_f_contiguous",
    "check_fit_idempotent",
    "check_fit2d_1sample",
    "check_methods_",
    "check_readonly",
)


def contract():
    """Yield scikit-learn's checks, without the one that only speaks about other array libraries and skips itself."""
    for coding in ("omp", "lasso", "crc"):
        for estimator, check in estimator_checks_generator(SRC(coding=coding)):
            name = check.func.__name__
            wanted = "" if coding == "omp" else OF_THE_CODES
            if name.startswith(wanted) and not name.startswith("check_array_api"):
                yield pytest.param(estimator, check, id=f"{coding}-{name}-{len(check.keywords)}")


@pytest.mark.parametrize(("estimator", "check"), contract())
def test_scikit_learn_estimator_contract(estimator, check):
    check(estimator)


def digits(n_train=150, n_test=60):
    X, y = load_digits(return_X_y=True)
    return X[:n_train], y[:n_train], X[n_train : n_train + n_test], y[n_train : n_train + n_test]


def code_by_definition(coding, atoms, vector):
    """Code a unit vector over atoms [n_features, n_atoms] with tools that share nothing with ours."""
    if coding == "omp":
        return orthogonal_mp(atoms, vector, n_nonzero_coefs=6)
    if coding == "crc":
        return Ridge(0.01, fit_intercept=False, solver="svd").fit(atoms, vector).coef_
    return Lasso(0.05 / len(vector), fit_intercept=False, tol=1e-8, max_iter=50_000).fit(atoms, vector).coef_


@pytest.mark.parametrize("coding", ["omp", "lasso", "crc"])
def test_agrees_with_the_definition_on_digits(coding):
    X, y, X_test, y_test = digits(n_train=200, n_test=200)
    model = SRC(coding=coding, n_nonzero=6, alpha=0.05, ridge=0.01).fit(X, y)
    atoms = X.T / np.linalg.norm(X, axis=1)
    expected = np.empty((len(X_test), 10))
    for row, image in enumerate(X_test):
        vector = image / np.linalg.norm(image)
        code = code_by_definition(coding, atoms, vector)
        for digit in range(10):
            part = np.where(y == digit, code, 0.0)
            expected[row, digit] = np.linalg.norm(vector - atoms @ part)
            if coding == "crc":
                expected[row, digit] /= np.linalg.norm(part)
    np.testing.assert_allclose(model.residuals(X_test), expected, atol=1e-4, rtol=1e-4)
    by_definition = (expected.argmin(axis=1) == y_test).mean()
    assert abs(model.score(X_test, y_test) - by_definition) <= 0.01
    assert by_definition > (0.85 if coding == "crc" else 0.9)


def test_scores_order_classes_by_residual_and_add_up_to_one():
    X, y, X_test, _ = digits()
    model = SRC(random_state=0).fit(X, y)
    scores = model.predict_proba(X_test)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)
    assert np.array_equal(model.classes_[scores.argmax(axis=1)], model.predict(X_test))
    assert model.scale_ != 0.1
    assert SRC(calibration_folds=0).fit(X, y).scale_ == 0.1


def test_a_vector_of_zeros_gets_the_class_shares():
    X, y, *_ = digits()
    y = np.where(y == 3, "three", "other")
    model = SRC().fit(X, y)
    zeros = np.zeros((1, X.shape[1]))
    np.testing.assert_allclose(model.predict_proba(zeros)[0], [np.mean(y == "other"), np.mean(y == "three")])
    assert model.predict(zeros).tolist() == ["other"]
    assert model.sci(zeros).tolist() == [0.0]


def test_zero_and_duplicate_training_vectors_do_no_harm():
    X, y, X_test, y_test = digits()
    X, y = np.vstack([X, X[:50], np.zeros((2, 64))]), np.concatenate([y, y[:50], [0, 1]])
    for coding in ("omp", "lasso", "crc"):
        model = SRC(coding=coding).fit(X, y)
        assert np.isfinite(model.predict_proba(X_test)).all()
        assert model.score(X_test, y_test) > 0.85


def test_sci_is_one_for_a_pure_code_and_zero_for_an_even_one():
    model = SRC(n_nonzero=2, calibration_folds=0).fit(np.eye(3, 4), ["a", "b", "c"])
    assert model.sci([[0.0, 5.0, 0.0, 0.0]])[0] == pytest.approx(1.0)
    # Shares 1/2, 1/2, 0 of three classes: (3 * 1/2 - 1) / 2.
    assert model.sci([[1.0, 1.0, 0.0, 0.0]])[0] == pytest.approx(0.25)
    assert model.set_params(n_nonzero=3).sci([[1.0, 1.0, 1.0, 0.0]])[0] == pytest.approx(0.0)


def test_the_size_of_a_vector_does_not_matter():
    X, y, X_test, _ = digits()
    model = SRC().fit(X, y)
    np.testing.assert_allclose(model.residuals(X_test * 1e-200), model.residuals(X_test), atol=1e-9)


def test_works_in_a_pipeline_inside_a_grid_search():
    X, y, X_test, y_test = digits()
    pipeline = make_pipeline(StandardScaler(with_mean=False), SRC())
    found = GridSearchCV(pipeline, {"src__n_nonzero": [1, 5], "src__coding": ["omp", "lasso", "crc"]}, cv=3).fit(X, y)
    assert found.score(X_test, y_test) > 0.85


def test_candidates_share_work_but_not_results():
    X, y, X_test, _ = digits()
    candidates = [
        {"coding": "omp", "n_nonzero": 8},
        {"coding": "lasso", "alpha": 0.02},
        {"coding": "omp", "n_nonzero": 2},
        {"coding": "lasso", "alpha": 0.2},
        {"coding": "crc", "ridge": 0.001},
        {"coding": "crc", "ridge": 0.1},
    ]
    shared = SRC().predict_candidates(X, y, X_test, candidates)
    for predicted, candidate in zip(shared, candidates, strict=True):
        assert np.array_equal(predicted, SRC(**candidate).fit(X, y).predict(X_test))


def test_candidates_cannot_change_the_dictionary():
    X, y, X_test, _ = digits()
    with pytest.raises(ValueError, match="atoms_per_class and shrinkage cannot be searched"):
        SRC().predict_candidates(X, y, X_test, [{"atoms_per_class": 3}, {"atoms_per_class": 5}])


def test_vectors_in_blocks_get_the_same_residuals(monkeypatch):
    X, y, X_test, _ = digits()
    for coding in ("omp", "lasso", "crc"):
        model = SRC(coding=coding).fit(X, y)
        whole = model.residuals(X_test)
        with monkeypatch.context() as patch:
            patch.setattr(coding_module, "_MAX_DOUBLES", 7 * len(X))
            np.testing.assert_allclose(model.residuals(X_test), whole, rtol=1e-12)


def test_a_class_without_a_share_of_a_ridge_code_is_not_predicted():
    X, y = np.vstack([np.eye(3), np.zeros((1, 3))]), ["a", "a", "b", "nothing"]
    model = SRC(coding="crc", calibration_folds=0).fit(X, y)
    assert model.predict([[1.0, 0.5, 0.1], [0.0, 0.1, 1.0]]).tolist() == ["a", "b"]
    assert np.isfinite(model.residuals([[1.0, 0.5, 0.1]])).all()


def test_rejection_marks_vectors_and_leaves_predictions_alone():
    X, y, X_test, _ = digits()
    model = SRC().fit(X, y)
    predicted, index = model.predict(X_test), model.sci(X_test)
    assert model.reliable(X_test).all()
    threshold = float(np.median(index))
    model.set_params(reject_below=threshold)
    assert np.array_equal(model.reliable(X_test), index >= threshold)
    assert 0 < model.reliable(X_test).sum() < len(X_test)
    assert np.array_equal(model.predict(X_test), predicted)
    assert not model.reliable(np.zeros((1, 64))).any()


def test_noise_is_rejected_more_often_than_digits():
    X, y, X_test, _ = digits()
    model = SRC(coding="lasso", reject_below=0.3).fit(X, y)
    noise = np.random.default_rng(0).permuted(X_test, axis=1)
    assert model.reliable(X_test).mean() > 0.8
    assert model.reliable(noise).mean() < 0.4


@pytest.mark.parametrize("shrinkage", ["subset", "ksvd"])
@pytest.mark.parametrize("coding", ["omp", "lasso", "crc"])
def test_a_shrunk_dictionary_still_tells_digits_apart(coding, shrinkage):
    X, y, X_test, y_test = digits(n_train=400, n_test=200)
    model = SRC(coding=coding, atoms_per_class=10, shrinkage=shrinkage).fit(X, y)
    assert model.dictionary_.atoms.shape == (100, 64)
    assert np.bincount(model.dictionary_.classes).tolist() == [10] * 10
    assert model.code(X_test).shape == (200, 100)
    assert model.score(X_test, y_test) > (0.75 if coding == "crc" else 0.8)


@pytest.mark.parametrize("coding", ["omp", "lasso", "crc"])
def test_clones_pickles_and_cross_validates(coding):
    X, y, X_test, _ = digits()
    model = SRC(coding=coding, atoms_per_class=12, random_state=0).fit(X, y)
    expected = model.predict_proba(X_test)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X_test), expected)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict_proba(X_test), expected)
    assert (cross_val_predict(model, X, y, cv=3) == y).mean() > 0.8


def test_threads_give_the_bytes_of_one():
    X, y, *_ = digits()
    for coding in ("omp", "lasso"):
        scores = []
        for jobs in (1, 3):
            with parallel_config("threading", n_jobs=jobs):
                model = SRC(coding=coding, random_state=0)
                scores.append(cross_val_predict(model, X, y, cv=4, method="predict_proba"))
        assert scores[0].tobytes() == scores[1].tobytes()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"coding": "ksvd"}, "'omp', 'lasso' or 'crc'"),
        ({"n_nonzero": 0}, "at least 1"),
        ({"alpha": 0.0}, "alpha must be above zero"),
        ({"ridge": -1.0}, "ridge must be above zero"),
        ({"atoms_per_class": 0}, "atoms_per_class must be at least 1"),
        ({"shrinkage": "random"}, "'subset' or 'ksvd'"),
        ({"reject_below": 2.0}, "between 0 and 1"),
    ],
)
def test_wrong_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        SRC(**parameters).fit(np.eye(2), [0, 1])


def test_two_classes_on_either_side_of_the_mean_are_told_apart():
    """Centred features alone cannot: a code with negative coefficients explains the mirrored class as well."""
    generator = np.random.default_rng(0)
    y = np.arange(200) % 2
    X = generator.normal(size=(200, 40)) + np.where(y == 1, 0.5, -0.5)[:, None]
    pipeline, _ = build_classifier("src", {}, seed=0)
    with_constant = pipeline.fit(X[:120], y[:120]).score(X[120:], y[120:])
    pipeline.set_params(pca__constant=0.0)
    without = pipeline.fit(X[:120], y[:120]).score(X[120:], y[120:])
    assert with_constant > 0.9
    assert without < 0.75
