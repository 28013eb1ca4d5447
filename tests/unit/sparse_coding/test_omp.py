import numpy as np
import pytest
from sklearn.linear_model import orthogonal_mp_gram

from sixgig.sparse_coding.loops import gram_matrix
from sixgig.sparse_coding.omp import batch_omp, batch_omp_path


def problem(n_features=30, n_atoms=60, n_vectors=25, shared=0.0, seed=0):
    """Return unit-norm atoms and vectors, one a row; ``shared`` is a part common to all, which correlates them."""
    generator = np.random.default_rng(seed)
    common = shared * generator.normal(size=n_features)
    dictionary = generator.normal(size=(n_atoms, n_features)) + common
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    return dictionary, generator.normal(size=(n_vectors, n_features)) + common


def by_definition(dictionary, vector, n_nonzero):
    """Orthogonal matching pursuit as it is defined, all in float64."""
    support, code, residual = [], np.zeros(len(dictionary)), vector
    for _ in range(n_nonzero):
        support.append(int(np.abs(dictionary @ residual).argmax()))
        values = np.linalg.lstsq(dictionary[support].T, vector)[0]
        residual = vector - values @ dictionary[support]
    code[support] = values
    return code


@pytest.mark.parametrize("n_nonzero", [1, 3, 10, 20])
@pytest.mark.parametrize("shape", [(30, 60), (40, 333)])
def test_codes_equal_those_of_scikit_learn(n_nonzero, shape):
    dictionary, vectors = problem(*shape)
    codes = batch_omp(dictionary, vectors, n_nonzero)
    expected = orthogonal_mp_gram(dictionary @ dictionary.T, dictionary @ vectors.T, n_nonzero_coefs=n_nonzero).T
    assert np.array_equal(codes != 0, expected != 0)
    np.testing.assert_allclose(codes, expected, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("shared", [3.0, 300.0])
def test_correlated_atoms_are_chosen_as_in_float64(shared):
    """With a large common part, correlations with the residual differ by less than float32 can tell."""
    dictionary, vectors = problem(n_features=40, n_atoms=300, shared=shared)
    codes = batch_omp(dictionary, vectors, 8)
    expected = np.array([by_definition(dictionary, vector, 8) for vector in vectors])
    assert np.array_equal(codes != 0, expected != 0)
    np.testing.assert_allclose(codes, expected, rtol=1e-4)


def test_float64_decides_between_atoms_that_float32_takes_for_equal():
    nearly = np.array([[1.0, 0.0, 0.0], [1.0, 1e-6, 0.0], [0.0, 0.0, 1.0]])
    nearly /= np.linalg.norm(nearly, axis=1, keepdims=True)
    assert nearly.astype(np.float32)[0, 0] == nearly.astype(np.float32)[1, 0] == 1.0
    codes = batch_omp(nearly, np.array([[1.0, 1e-5, 0.1], [1.0, -1e-5, 0.1]]), 1)
    assert [np.flatnonzero(code).tolist() for code in codes] == [[1], [0]]


def test_of_equal_atoms_the_first_is_chosen():
    dictionary, vectors = problem(n_atoms=70)
    twice = np.vstack([dictionary, dictionary, -dictionary])
    codes = batch_omp(twice, vectors, 6)
    assert not codes[:, 70:].any()
    np.testing.assert_array_equal(codes[:, :70], batch_omp(dictionary, vectors, 6))


def test_the_path_gives_the_codes_of_separate_runs_in_the_order_asked_for():
    dictionary, vectors = problem()
    sizes = [7, 2, 12, 7]
    for codes, size in zip(batch_omp_path(dictionary, vectors, sizes), sizes, strict=True):
        np.testing.assert_array_equal(codes, batch_omp(dictionary, vectors, size))


def test_a_gram_matrix_that_is_there_already_changes_nothing():
    dictionary, vectors = problem()
    expected = batch_omp(dictionary, vectors, 5)
    np.testing.assert_array_equal(batch_omp(dictionary, vectors, 5, gram=gram_matrix(dictionary)), expected)


def test_a_vector_is_coded_alike_alone_and_among_others():
    dictionary, vectors = problem()
    together = batch_omp(dictionary, vectors, 5)
    for vector, expected in zip(vectors, together, strict=True):
        np.testing.assert_array_equal(batch_omp(dictionary, vector[None], 5)[0], expected)


def test_a_vector_made_of_two_orthogonal_atoms_is_found_exactly_and_the_pursuit_stops():
    vectors = np.array([[0.0, 3.0, 0.0, -1.0]])
    codes = batch_omp(np.eye(4), vectors, 4)
    np.testing.assert_allclose(codes, vectors, atol=1e-12)
    assert np.count_nonzero(codes) == 2


def test_zero_vectors_zero_atoms_and_equal_atoms_do_no_harm():
    dictionary, vectors = problem(n_features=4, n_atoms=6)
    dictionary = np.vstack([dictionary, dictionary[:3], np.zeros(4)])
    vectors[3] = 0.0
    codes = batch_omp(dictionary, vectors, 9)
    assert np.isfinite(codes).all()
    assert not codes[3].any()
    assert not codes[:, -1].any()
    np.testing.assert_allclose(codes @ dictionary, vectors, atol=1e-5)
    assert np.count_nonzero(codes, axis=1).max() <= 4


def test_a_dictionary_of_zeros_and_no_vectors_give_empty_codes():
    assert not batch_omp(np.zeros((3, 2)), np.ones((2, 2)), 2).any()
    assert batch_omp(np.eye(3), np.empty((0, 3)), 2).shape == (0, 3)
