import numpy as np
import pytest
from sklearn.linear_model import orthogonal_mp_gram

from sixgig.classifiers import omp
from sixgig.classifiers.omp import batch_omp, batch_omp_path


def problem(n_features=30, n_atoms=60, n_vectors=25, seed=0):
    generator = np.random.default_rng(seed)
    dictionary = generator.normal(size=(n_features, n_atoms))
    dictionary /= np.linalg.norm(dictionary, axis=0)
    vectors = generator.normal(size=(n_vectors, n_features))
    return dictionary, vectors, dictionary.T @ dictionary, vectors @ dictionary, (vectors**2).sum(axis=1)


@pytest.mark.parametrize("n_nonzero", [1, 3, 10, 20])
def test_codes_equal_those_of_scikit_learn(n_nonzero):
    _, _, gram, products, norms = problem()
    codes = batch_omp(gram, products, norms, n_nonzero)
    expected = orthogonal_mp_gram(gram, products.T, n_nonzero_coefs=n_nonzero).T
    assert np.array_equal(codes != 0, expected != 0)
    np.testing.assert_allclose(codes, expected, rtol=1e-4, atol=1e-8)


def test_the_path_gives_the_codes_of_separate_runs_in_the_order_asked_for():
    _, _, gram, products, norms = problem()
    sizes = [7, 2, 12]
    for codes, size in zip(batch_omp_path(gram, products, norms, sizes), sizes, strict=True):
        np.testing.assert_allclose(codes, batch_omp(gram, products, norms, size), atol=1e-12)


def test_vectors_in_chunks_get_the_same_codes(monkeypatch):
    _, _, gram, products, norms = problem()
    whole = batch_omp(gram, products, norms, 5)
    monkeypatch.setattr(omp, "_MAX_DOUBLES", 5 * 60 * 4)
    np.testing.assert_allclose(batch_omp(gram, products, norms, 5), whole, atol=1e-12)


def test_a_vector_made_of_two_orthogonal_atoms_is_found_exactly_and_the_pursuit_stops():
    vectors = np.array([[0.0, 3.0, 0.0, -1.0]])
    codes = batch_omp(np.eye(4), vectors, (vectors**2).sum(axis=1), 4)
    np.testing.assert_allclose(codes, vectors, atol=1e-12)
    assert np.count_nonzero(codes) == 2


def test_zero_vectors_zero_atoms_and_equal_atoms_do_no_harm():
    dictionary, vectors, *_ = problem(n_features=4, n_atoms=6)
    dictionary = np.column_stack([dictionary, dictionary[:, :3], np.zeros(4)])
    vectors[3] = 0.0
    gram, products = dictionary.T @ dictionary, vectors @ dictionary
    codes = batch_omp(gram, products, (vectors**2).sum(axis=1), 9)
    assert np.isfinite(codes).all()
    assert not codes[3].any()
    assert not codes[:, -1].any()
    np.testing.assert_allclose(codes @ dictionary.T, vectors, atol=1e-5)
    assert np.count_nonzero(codes, axis=1).max() <= 4
