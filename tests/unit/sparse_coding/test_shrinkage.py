import numpy as np
import pytest

from sixgig.sparse_coding.omp import batch_omp
from sixgig.sparse_coding.shrinkage import ksvd, representatives, shrink


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def three_bundles(seed=0):
    """Return unit vectors in three narrow bundles, the second of them turned round in every other vector."""
    generator = np.random.default_rng(seed)
    bundle = np.arange(60) % 3
    centres = unit(generator.normal(size=(3, 12)))
    vectors = unit(centres[bundle] + 0.05 * generator.normal(size=(60, 12)))
    vectors[(bundle == 1) & (np.arange(60) % 2 == 0)] *= -1
    return vectors, bundle


def test_the_subset_has_a_vector_of_every_bundle():
    vectors, bundle = three_bundles()
    chosen = representatives(vectors, 3)
    assert sorted(bundle[chosen]) == [0, 1, 2]
    assert np.array_equal(representatives(vectors, 5)[:3], chosen)


def test_vectors_of_zeros_are_chosen_last_and_none_twice():
    vectors = np.vstack([np.zeros((2, 3)), np.eye(3), np.eye(3)])
    assert sorted(np.asarray(representatives(vectors, 3)) % 3) == [0, 1, 2]
    assert sorted(representatives(vectors, 8)) == list(range(8))
    assert {0, 1}.isdisjoint(representatives(vectors, 6))


@pytest.mark.parametrize("seed", [1, 3, 5])
def test_ksvd_comes_near_the_atoms_that_made_the_vectors(seed):
    """A small version of the synthetic experiment of the paper's section V."""
    generator = np.random.default_rng(seed)
    true = unit(generator.normal(size=(8, 20)))
    codes = np.zeros((400, 8))
    for row in codes:
        row[generator.choice(8, 2, replace=False)] = generator.uniform(0.5, 2.0, size=2)
    vectors = unit(codes @ true)
    start = vectors[representatives(vectors, 8)]
    learned = ksvd(vectors, start)
    np.testing.assert_allclose(np.linalg.norm(learned, axis=1), 1.0)
    found = [(np.abs(atoms @ true.T).max(axis=0) > 0.98).sum() for atoms in (start, learned)]
    assert found[1] >= 5
    assert found[0] <= 3


def test_ksvd_codes_better_than_the_subset_it_starts_from():
    generator = np.random.default_rng(1)
    vectors = unit(generator.normal(size=(80, 4)) @ generator.normal(size=(4, 15)) + 1.0)
    start = vectors[representatives(vectors, 6)]
    errors = [np.linalg.norm(vectors - batch_omp(atoms, vectors, 3) @ atoms) for atoms in (start, ksvd(vectors, start))]
    assert errors[1] < 0.8 * errors[0]


def test_an_atom_that_nobody_uses_becomes_a_vector_that_was_coded_badly():
    vectors = np.vstack([np.tile([1.0, 0.0, 0.0], (5, 1)), [[0.0, 1.0, 0.0]]])
    learned = ksvd(vectors, np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    np.testing.assert_allclose(learned, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], atol=1e-12)


@pytest.mark.parametrize("method", ["subset", "ksvd"])
def test_small_classes_stay_whole_and_atoms_keep_their_class(method):
    vectors, _ = three_bundles()
    classes = np.array([0] * 50 + [1] * 4 + [2] * 6)
    atoms, owners = shrink(vectors, classes, 5, method)
    assert np.bincount(owners).tolist() == [5, 4, 5]
    np.testing.assert_array_equal(atoms[owners == 1], vectors[classes == 1])
    again, _ = shrink(vectors, classes, 5, method)
    assert atoms.tobytes() == again.tobytes()


def test_without_a_number_all_vectors_are_atoms_in_their_order():
    vectors, classes = three_bundles()
    atoms, owners = shrink(vectors, classes, None, "subset")
    assert atoms is vectors
    assert owners is classes


@pytest.mark.parametrize(
    ("count", "method", "message"), [(0, "subset", "at least 1"), (3, "random", "'subset' or 'ksvd', got 'random'")]
)
def test_wrong_requests_are_refused(count, method, message):
    with pytest.raises(ValueError, match=message):
        shrink(np.eye(3), np.zeros(3, dtype=int), count, method)
