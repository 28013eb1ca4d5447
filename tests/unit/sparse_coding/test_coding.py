import numpy as np
import pytest

from sixgig.sparse_coding import coding
from sixgig.sparse_coding.coding import Evidence, code, explain, prepare, unit_rows

SETTINGS = [
    {"coding": "lasso", "alpha": 0.1},
    {"coding": "omp", "n_nonzero": 3},
    {"coding": "crc", "ridge": 0.1},
    {"coding": "omp", "n_nonzero": 1},
]


def problem():
    generator = np.random.default_rng(0)
    atoms = unit_rows(generator.normal(size=(12, 6)))
    return atoms, np.arange(12) % 3, unit_rows(generator.normal(size=(5, 6)))


def test_what_is_prepared_depends_on_the_codings_and_changes_no_code():
    atoms, classes, vectors = problem()
    bare = prepare(atoms, classes, 3, [])
    assert (bare.gram, bare.path_gram, bare.spectrum) == (None, None, None)
    assert prepare(atoms, classes, 3, ["crc", "lasso"]).gram is None
    ready = prepare(atoms, classes, 3, ["omp", "lasso", "crc"])
    for one, other in zip(code(bare, vectors, SETTINGS), code(ready, vectors, SETTINGS), strict=True):
        np.testing.assert_array_equal(one, other)


def test_evidence_is_that_of_the_codes_in_the_order_of_the_settings(monkeypatch):
    atoms, classes, vectors = problem()
    dictionary = prepare(atoms, classes, 3, ["omp", "lasso", "crc"])
    monkeypatch.setattr(coding, "_MAX_DOUBLES", 2 * 12 * len(SETTINGS))  # blocks of two vectors
    for setting, codes, evidence in zip(
        SETTINGS, code(dictionary, vectors, SETTINGS), explain(dictionary, vectors, SETTINGS), strict=True
    ):
        for index in range(3):
            part = np.where(classes == index, codes, 0.0)
            residual = np.linalg.norm(vectors - part @ atoms, axis=1)
            if setting["coding"] == "crc":
                residual /= np.linalg.norm(part, axis=1)
            np.testing.assert_allclose(evidence.residuals[:, index], residual, rtol=1e-9)
            np.testing.assert_allclose(evidence.masses[:, index], np.abs(part).sum(axis=1), atol=1e-12)


def test_no_vectors_give_no_evidence():
    atoms, classes, vectors = problem()
    evidence = explain(prepare(atoms, classes, 3, ["omp"]), vectors[:0], SETTINGS[1:2])[0]
    assert evidence.residuals.shape == (0, 3)


def test_the_most_frequent_class_is_decided_where_no_atom_explains_the_vector():
    evidence = Evidence(np.array([[0.5, 0.2], [1.0, 1.0]]), np.array([[0.1, 0.9], [0.0, 0.0]]))
    assert evidence.decide(np.array([0.3, 0.7])).tolist() == [1, 1]
    assert evidence.decide(np.array([0.7, 0.3])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("masses", "index"), [([[1, 0, 0]], 1.0), ([[1, 1, 1]], 0.0), ([[1, 1, 0]], 0.25), ([[0, 0, 0]], 0.0), ([[2]], 1.0)]
)
def test_concentration_is_that_of_the_definition(masses, index):
    masses = np.asarray(masses, dtype=float)
    assert Evidence(masses, masses).concentration()[0] == pytest.approx(index)


def test_rows_get_unit_norm_whatever_their_size_and_zeros_stay():
    rows = unit_rows(np.array([[3e-200, 4e-200], [3e200, -4e200], [0.0, 0.0]]))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.6, -0.8], [0.0, 0.0]])
