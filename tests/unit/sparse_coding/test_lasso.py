import numpy as np
import pytest
from sklearn.linear_model import Lasso

from sixgig.sparse_coding import lasso
from sixgig.sparse_coding.lasso import batch_lasso, batch_lasso_path, duality_gap, proximal_lasso
from sixgig.sparse_coding.loops import gram_matrix


def problem(n_features=20, n_atoms=50, n_vectors=15, shared=0.0, seed=0):
    """Return random atoms and vectors, one a row; ``shared`` is a part common to all, which correlates them."""
    generator = np.random.default_rng(seed)
    common = shared * generator.normal(size=n_features)
    dictionary = generator.normal(size=(n_atoms, n_features)) + common
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    vectors = generator.normal(size=(n_vectors, n_features)) + common
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return dictionary, vectors


def objective(dictionary, vectors, alpha, codes):
    return 0.5 * ((vectors - codes @ dictionary) ** 2).sum(axis=1) + alpha * np.abs(codes).sum(axis=1)


@pytest.mark.parametrize("alpha", [0.3, 0.05, 0.005])
@pytest.mark.parametrize("shared", [0.0, 2.0])
def test_the_objective_equals_that_of_scikit_learn(alpha, shared):
    dictionary, vectors = problem(shared=shared)
    codes = batch_lasso(dictionary, vectors, alpha)
    model = Lasso(alpha=alpha / dictionary.shape[1], fit_intercept=False, tol=1e-8, max_iter=100_000)
    expected = np.array([model.fit(dictionary.T, vector).coef_ for vector in vectors])
    np.testing.assert_allclose(
        objective(dictionary, vectors, alpha, codes), objective(dictionary, vectors, alpha, expected), rtol=1e-4
    )


def test_orthonormal_atoms_give_soft_thresholding():
    products = np.array([[0.9, -0.5, 0.1, 0.0]])
    codes = batch_lasso(np.eye(4), products, 0.2)
    np.testing.assert_allclose(codes, [[0.7, -0.3, 0.0, 0.0]], atol=1e-12)


def test_the_path_gives_the_codes_of_separate_runs_in_the_order_asked_for():
    dictionary, vectors = problem()
    alphas = [0.02, 0.2, 0.05, 5.0]
    paths = batch_lasso_path(dictionary, vectors, alphas)
    for codes, alpha in zip(paths, alphas, strict=True):
        np.testing.assert_allclose(codes, batch_lasso(dictionary, vectors, alpha), atol=1e-8)
    assert not paths[3].any()  # no correlation exceeds 5


def test_the_duality_gap_bounds_the_distance_to_the_optimum():
    dictionary, vectors = problem()
    best = objective(dictionary, vectors, 0.1, batch_lasso(dictionary, vectors, 0.1, tolerance=1e-10))
    rough = np.where(np.abs(vectors @ dictionary.T) > 0.4, 0.1 * vectors @ dictionary.T, 0.0)
    gap, value = duality_gap(dictionary, vectors, 0.1, rough)
    np.testing.assert_allclose(value, objective(dictionary, vectors, 0.1, rough), rtol=1e-9)
    assert (gap >= value - best - 1e-12).all()


def test_proximal_steps_reach_the_same_optimum(caplog):
    dictionary, vectors = problem()
    codes = proximal_lasso(dictionary, vectors, 0.05, start=np.zeros((15, 50)), tolerance=1e-6)
    expected = objective(dictionary, vectors, 0.05, batch_lasso(dictionary, vectors, 0.05))
    np.testing.assert_allclose(objective(dictionary, vectors, 0.05, codes), expected, rtol=1e-5)
    proximal_lasso(dictionary, vectors, 0.05, start=np.zeros((15, 50)), tolerance=1e-12, max_iterations=3)
    assert "15 of 15 codes did not reach the tolerance in 3 iterations" in caplog.text


def test_codes_that_the_homotopy_gets_wrong_are_repaired(monkeypatch):
    dictionary, vectors = problem()
    expected = batch_lasso(dictionary, vectors, 0.05)
    homotopy = lasso.follow_paths

    def broken(*arguments):
        homotopy(*arguments)
        arguments[-1][:, 0], arguments[-1][:, 1] = np.nan, 1.0

    monkeypatch.setattr(lasso, "follow_paths", broken)
    repaired = batch_lasso(dictionary, vectors, 0.05)
    np.testing.assert_allclose(
        objective(dictionary, vectors, 0.05, repaired), objective(dictionary, vectors, 0.05, expected), rtol=1e-4
    )


def test_equal_atoms_zero_atoms_and_zero_vectors_do_no_harm():
    dictionary, vectors = problem(n_features=5, n_atoms=8)
    dictionary = np.vstack([dictionary, dictionary[:4], np.zeros(5)])
    vectors[2] = 0.0
    vectors[3] = dictionary[1]
    codes = batch_lasso(dictionary, vectors, 0.01)
    gap, value = duality_gap(dictionary, vectors, 0.01, codes)
    assert (gap <= 1e-5 * value + 1e-12).all()
    assert not codes[2].any()


def test_alpha_must_be_above_zero():
    dictionary, vectors = problem()
    with pytest.raises(ValueError, match="alpha must be above zero"):
        batch_lasso(dictionary, vectors, 0.0)


def excess(dictionary, vectors, alpha, codes):
    """Return how far the largest correlation with a residual exceeds alpha, as a share of it; 0 at the optimum."""
    return np.abs((vectors - codes @ dictionary) @ dictionary.T).max() / alpha - 1


def test_atoms_that_hardly_differ_join_in_their_true_order(monkeypatch):
    """Few dimensions: float32 cannot tell atoms apart, and the classes of a code hang on which of them join."""
    dictionary, vectors = problem(n_features=3, n_atoms=300, n_vectors=300, shared=30.0)
    assert excess(dictionary, vectors, 0.05, batch_lasso(dictionary, vectors, 0.05)) < 1e-7
    monkeypatch.setattr(lasso, "_SMALL", 0)
    assert excess(dictionary, vectors, 0.05, batch_lasso(dictionary, vectors, 0.05)) > 1e-6


def test_large_dictionaries_in_float32_reach_the_same_objective(monkeypatch):
    dictionary, vectors = problem(n_features=40, n_atoms=200, shared=0.5)
    exact = batch_lasso_path(dictionary, vectors, [0.2, 0.02])
    monkeypatch.setattr(lasso, "_SMALL", 0)
    for alpha, codes, expected in zip(
        [0.2, 0.02], batch_lasso_path(dictionary, vectors, [0.2, 0.02]), exact, strict=True
    ):
        np.testing.assert_allclose(
            objective(dictionary, vectors, alpha, codes), objective(dictionary, vectors, alpha, expected), rtol=1e-6
        )


def test_a_large_dictionary_has_one_gram_matrix_for_all_coders(monkeypatch):
    dictionary, _ = problem()
    gram = gram_matrix(dictionary)
    assert lasso.lasso_gram(dictionary, gram).dtype == np.float64
    monkeypatch.setattr(lasso, "_SMALL", 0)
    assert lasso.lasso_gram(dictionary, gram) is gram
    assert lasso.lasso_gram(dictionary).dtype == np.float32
