import numpy as np
import pytest

from sixgig.sparse_coding.support import empty_support, exact_code, join, keep, leave, nothing_kept, restore, set_change


def atoms(n_atoms=40, n_features=25):
    dictionary = np.random.default_rng(0).normal(size=(n_atoms, n_features))
    return dictionary / np.linalg.norm(dictionary, axis=1, keepdims=True)


def filled(dictionary, chosen):
    support = empty_support(min(dictionary.shape), dictionary.shape[1])
    count = 0
    for atom in chosen:
        count = join(support, dictionary, atom, 1.0 if atom % 2 else -1.0, count)
    return support, count


def check(support, dictionary, chosen):
    """What is kept of the support is what the definitions give for the atoms chosen, slot by slot."""
    rows, count = dictionary[chosen], len(chosen)
    assert support.atoms[:count].tolist() == chosen
    np.testing.assert_array_equal(support.rows[:count], rows)
    np.testing.assert_allclose(support.inverse[:count, :count], np.linalg.inv(rows @ rows.T), rtol=1e-8, atol=1e-10)
    assert not support.inverse[:count, count:].any()
    assert support.signs[:count].tolist() == [1.0 if atom % 2 else -1.0 for atom in chosen]


@pytest.mark.parametrize("count", [1, 15, 16, 17, 20])
def test_the_inverse_is_that_of_the_gram_matrix_of_what_joined(count):
    dictionary, chosen = atoms(), list(range(3, 3 + count))
    support, found = filled(dictionary, chosen)
    assert found == count
    check(support, dictionary, chosen)


@pytest.mark.parametrize("slot", [0, 7, 16])
def test_the_last_takes_the_place_of_what_left(slot):
    dictionary, chosen = atoms(), list(range(17))
    support, count = filled(dictionary, chosen)
    support.values[:17] = np.arange(17)
    count = leave(support, slot, count)
    chosen[slot] = chosen[-1]
    check(support, dictionary, chosen[:-1])
    assert support.values[:count].tolist() == [float(atom) for atom in chosen[:-1]]
    assert join(support, dictionary, 30, -1.0, count) == 17
    check(support, dictionary, [*chosen[:-1], 30])


def test_everything_may_leave_and_join_again():
    dictionary = atoms()
    support, count = filled(dictionary, [4, 9, 2])
    for _ in range(3):
        count = leave(support, 0, count)
    assert count == 0
    for atom in (9, 5):
        count = join(support, dictionary, atom, 1.0, count)
    check(support, dictionary, [9, 5])


def test_an_atom_that_depends_on_the_others_does_not_join():
    dictionary = atoms()
    dictionary[8] = (dictionary[1] - dictionary[2]) / np.linalg.norm(dictionary[1] - dictionary[2])
    support, count = filled(dictionary, [1, 2, 8, 3])
    assert count == 3
    check(support, dictionary, [1, 2, 3])


def test_no_more_atoms_join_than_there_are_features():
    dictionary = atoms(n_atoms=40, n_features=6)
    assert filled(dictionary, range(40))[1] == 6


def test_a_support_is_restored():
    dictionary = atoms()
    support, count = filled(dictionary, [4, 9, 2])
    support.values[:3] = [0.5, -1.0, 2.0]
    kept = nothing_kept(25)
    keep(support, kept, count)
    support.values[:3] = 7.0
    other = leave(support, 1, join(support, dictionary, 11, 1.0, count))
    for atom in range(20, 36):
        other = join(support, dictionary, atom, 1.0, other)
    restore(support, kept, dictionary, count)
    check(support, dictionary, [4, 9, 2])
    assert support.values[:3].tolist() == [0.5, -1.0, 2.0]


def test_change_and_code_solve_the_equations_of_the_support():
    dictionary, chosen = atoms(), [5, 8, 13, 21]
    support, count = filled(dictionary, chosen)
    vector, code = np.random.default_rng(1).normal(size=25), np.zeros(40)
    set_change(support, count)
    rows, signs = dictionary[chosen], np.array([1.0, -1.0, 1.0, 1.0])
    np.testing.assert_allclose(rows @ (support.change[:count] @ rows), signs, rtol=1e-10)
    exact_code(support, vector, 0.3, code, count)
    np.testing.assert_allclose(rows @ (vector - code @ dictionary), 0.3 * signs, rtol=1e-10)
    assert np.flatnonzero(code).tolist() == chosen
