import numpy as np
import pytest
from sklearn.linear_model import lars_path

from sixgig.sparse_coding.homotopy import follow_paths
from sixgig.sparse_coding.loops import gram_matrix


def problem(n_features, n_atoms, shared, seed=0):
    generator = np.random.default_rng(seed)
    dictionary = generator.normal(size=(n_atoms, n_features)) + shared * generator.normal(size=n_features)
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    vectors = generator.normal(size=(6, n_features))
    return dictionary, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("shape", [(20, 60), (60, 20), (15, 400)])
@pytest.mark.parametrize("shared", [0.0, 2.0])
def test_codes_lie_on_the_path_of_scikit_learn(shape, shared):
    dictionary, vectors = problem(*shape, shared)
    products = (vectors @ dictionary.T).astype(np.float32)
    alphas = np.array([0.2, 0.05, 0.01])
    paths = np.zeros((3, *products.shape))
    follow_paths(dictionary, gram_matrix(dictionary), vectors, products, alphas, paths)
    for row, vector in enumerate(vectors):
        knots, _, coefficients = lars_path(dictionary.T, vector, method="lasso")
        knots = knots * len(vector)
        for level, alpha in enumerate(alphas):
            if alpha < knots[0]:
                expected = [np.interp(alpha, knots[::-1], line[::-1]) for line in coefficients]
                np.testing.assert_allclose(paths[level, row], expected, atol=1e-6)
            else:
                assert not paths[level, row].any()


def test_a_code_is_exact_although_the_gram_matrix_is_float32():
    """On the support, correlations with the residual equal +-alpha up to float64."""
    dictionary, vectors = problem(40, 200, 1.0)
    paths = np.zeros((1, 6, 200))
    products = (vectors @ dictionary.T).astype(np.float32)
    follow_paths(dictionary, gram_matrix(dictionary), vectors, products, np.array([0.02]), paths)
    correlations = (vectors - paths[0] @ dictionary) @ dictionary.T
    np.testing.assert_allclose(correlations[paths[0] != 0], 0.02 * np.sign(paths[0][paths[0] != 0]), rtol=1e-9)
    assert np.abs(correlations).max() < 0.02 * (1 + 1e-5)


def test_an_atom_that_left_the_support_has_no_coefficient():
    dictionary, vectors = problem(15, 400, 2.0)
    products = (vectors @ dictionary.T).astype(np.float32)
    left = 0
    for row, vector in enumerate(vectors):
        knots, _, coefficients = lars_path(dictionary.T, vector, method="lasso")
        atoms, steps = np.nonzero((coefficients[:, :-1] != 0) & (coefficients[:, 1:] == 0))
        for atom, step in zip(atoms[:3], steps[:3] + 1, strict=True):
            alpha = np.mean(knots[step : step + 2]) * len(vector)  # between leaving and whatever comes next
            paths = np.zeros((1, 1, 400))
            one = slice(row, row + 1)
            follow_paths(dictionary, gram_matrix(dictionary), vectors[one], products[one], np.array([alpha]), paths)
            assert paths[0, 0, atom] == 0
            left += 1
    assert left > 5


def test_the_last_digits_of_the_products_do_not_get_into_the_code():
    """They depend on how many threads the linear algebra has."""
    dictionary, vectors = problem(40, 200, 1.0)
    products = (vectors @ dictionary.T).astype(np.float32)
    found = []
    for disturbed in (products, np.nextafter(products, np.float32(9)), np.nextafter(products, np.float32(-9))):
        paths = np.zeros((1, 6, 200))
        follow_paths(dictionary, gram_matrix(dictionary), vectors, disturbed, np.array([0.02]), paths)
        found.append(paths.tobytes())
    assert found[0] == found[1] == found[2]


def test_an_atom_that_joins_although_it_was_left_out_is_found():
    """Penalties are the ends of the stretches, so that what is left out of each can be told from the codes."""
    dictionary, vectors = problem(100, 150, 2.0)
    gram, products = gram_matrix(dictionary), (vectors @ dictionary.T).astype(np.float32)
    surprises = 0
    for row in range(len(vectors)):
        alphas = float(np.abs(products[row]).max()) * 0.7 ** np.arange(1, 12)
        paths, one = np.zeros((len(alphas), 1, 150)), slice(row, row + 1)
        follow_paths(dictionary, gram, vectors[one], products[one], alphas, paths)
        correlations = np.abs((vectors[row] - paths[:, 0] @ dictionary) @ dictionary.T)
        np.testing.assert_array_less(correlations, np.broadcast_to(alphas[:, None] * (1 + 1e-5), correlations.shape))
        for step in range(len(alphas) - 1):
            start, end = alphas[step], alphas[step + 1]
            left_out = (correlations[step] < end - 0.5 * (start - end)) & (paths[step, 0] == 0)
            if left_out.sum() >= len(left_out) / 2:
                surprises += int((left_out & (paths[step + 1, 0] != 0)).sum())
    assert surprises > 0


def test_codes_over_many_atoms_do_not_depend_on_where_stretches_end():
    dictionary, vectors = problem(30, 1000, 0.0)
    gram, products = gram_matrix(dictionary), (vectors @ dictionary.T).astype(np.float32)
    alone, among_others = np.zeros((1, 6, 1000)), np.zeros((4, 6, 1000))
    follow_paths(dictionary, gram, vectors, products, np.array([0.05]), alone)
    follow_paths(dictionary, gram, vectors, products, np.array([0.4, 0.21, 0.11, 0.05]), among_others)
    assert (alone != 0).any(axis=2).all()
    np.testing.assert_allclose(among_others[3], alone[0], atol=1e-9)
