"""The atoms that have a coefficient while a lasso path is followed, and the inverse of their Gram matrix."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sixgig.runtime.compilation import compiled
from sixgig.sparse_coding.loops import ROWS_PER_PASS, Floats, Indices, dot

#: An atom with less than this squared norm outside the span of the support cannot join it.
_DEPENDENT = 1e-10
#: Doubles that one iteration of a compiled loop takes. A remainder would be processed one by one, so rows of the
#: inverse are read to a multiple of it: after the support they are zero.
_TURN = 16


class Support(NamedTuple):
    """The atoms with a coefficient, one per slot; the number of slots in use is kept separately.

    Attributes:
        atoms: Index of each, [n_slots + ROWS_PER_PASS].
        places: Position of each among the atoms that are near, [n_slots].
        values: Coefficients, [n_slots + ROWS_PER_PASS].
        change: How fast coefficients change as the penalty falls, [n_slots].
        signs: Signs of the correlations with the residual, [n_slots + _TURN].
        rows: The atoms themselves, side by side so that they stay in the cache, [n_slots, n_features].
        inverse: Inverse of their Gram matrix, zero after the slots in use, [n_slots, n_slots + _TURN].
        border: Room for one number per slot, [n_slots + _TURN].
        weights: The same.
    """

    atoms: Indices
    places: Indices
    values: Floats
    change: Floats
    signs: Floats
    rows: Floats
    inverse: Floats
    border: Floats
    weights: Floats


class Kept(NamedTuple):
    """What :func:`restore` needs; see :class:`Support`."""

    atoms: Indices
    values: Floats
    signs: Floats
    inverse: Floats


@compiled
def empty_support(n_slots: int, n_features: int) -> Support:
    """Return a support with room for a number of atoms."""
    return Support(
        np.zeros(n_slots + ROWS_PER_PASS, np.intp),
        np.zeros(n_slots, np.intp),
        np.zeros(n_slots + ROWS_PER_PASS),
        np.zeros(n_slots),
        np.zeros(n_slots + _TURN),
        np.zeros((n_slots, n_features)),
        np.zeros((n_slots, n_slots + _TURN)),
        np.zeros(n_slots + _TURN),
        np.zeros(n_slots + _TURN),
    )


@compiled
def nothing_kept(n_slots: int) -> Kept:
    """Return room to keep a support of a number of slots."""
    return Kept(np.zeros(n_slots, np.intp), np.zeros(n_slots), np.zeros(n_slots), np.zeros((n_slots, n_slots)))


@compiled
def keep(support: Support, kept: Kept, count: int) -> None:
    """Copy what makes the support; its rows are in the dictionary."""
    kept.atoms[:count] = support.atoms[:count]
    kept.values[:count] = support.values[:count]
    kept.signs[:count] = support.signs[:count]
    kept.inverse[:count, :count] = support.inverse[:count, :count]


@compiled
def restore(support: Support, kept: Kept, dictionary: Floats, count: int) -> None:
    """Restore the support to what it was when it was kept, with ``count`` atoms."""
    support.atoms[:count] = kept.atoms[:count]
    support.values[:count] = kept.values[:count]
    support.signs[:count] = kept.signs[:count]
    support.inverse[:count, :count] = kept.inverse[:count, :count]
    support.inverse[:count, count:] = 0.0
    for i in range(count):
        support.rows[i] = dictionary[support.atoms[i]]


@compiled
def set_change(support: Support, count: int) -> None:
    """Set how fast coefficients change: inverse times signs (Efron et al., 2004, equation 2.6, not normalised)."""
    _multiply(support.inverse, support.signs[: _whole(count)], support.change[:count])


@compiled
def exact_code(support: Support, vector: Floats, penalty: float, code: Floats, count: int) -> None:
    """Fill in the code that has the support's atoms and signs: inverse (D y - penalty signs).

    Args:
        support: Its coefficients are not used.
        vector: The vector y, [n_features].
        penalty: Penalty.
        code: Result, [n_atoms], zero on entry.
        count: Atoms in the support.
    """
    _multiply(support.rows, vector, support.border[:count])
    for i in range(count):
        support.border[i] -= penalty * support.signs[i]
    _multiply(support.inverse, support.border[: _whole(count)], support.weights[:count])
    for i in range(count):
        code[support.atoms[i]] = support.weights[i]


@compiled
def join(support: Support, dictionary: Floats, atom: int, sign: float, count: int) -> int:
    """Put an atom into the support, unless it depends on the atoms in it; return the new size of the support."""
    border, inverse, weights = support.border, support.inverse, support.weights
    row = dictionary[atom]
    _multiply(support.rows, row, border[:count])
    _multiply(inverse, border[: _whole(count)], weights[:count])
    rest = dot(row, row) - dot(weights[:count], border[:count])
    if rest <= _DEPENDENT or count == len(support.places):
        return count
    weights[count] = -1.0
    weights[count + 1 : _whole(count + 1)] = 0.0
    inverse[count] = 0.0
    _add_square(inverse, weights[: _whole(count + 1)], 1.0 / rest, count + 1)
    support.atoms[count] = atom
    support.values[count] = 0.0
    support.signs[count] = sign
    support.rows[count] = row
    return count + 1


@compiled
def leave(support: Support, slot: int, count: int) -> int:
    """Take the atom in a slot out of the support and move the last one into its slot; return the new size."""
    inverse, column = support.inverse, support.weights[: _whole(count)]
    column[:] = inverse[slot, : _whole(count)]
    _add_square(inverse, column, -1.0 / column[slot], count)
    last = count - 1
    if slot != last:
        inverse[slot] = inverse[last]
        for i in range(last):
            inverse[i, slot] = inverse[i, last]
        support.atoms[slot], support.places[slot] = support.atoms[last], support.places[last]
        support.values[slot], support.signs[slot] = support.values[last], support.signs[last]
        support.rows[slot] = support.rows[last]
    inverse[:last, last] = 0.0
    return last


@compiled
def _whole(count: int) -> int:
    return (count + _TURN - 1) // _TURN * _TURN


# Slicing once per row in these loops would take longer than the arithmetic on the rows.


@compiled
def _multiply(matrix: Floats, vector: Floats, result: Floats) -> None:
    for i in range(result.shape[0]):
        total = 0.0
        for k in range(vector.shape[0]):
            total += matrix[i, k] * vector[k]
        result[i] = total


@compiled
def _add_square(matrix: Floats, vector: Floats, factor: float, count: int) -> None:
    """Add factor times vector vector^T to the first ``count`` rows."""
    for i in range(count):
        weight = factor * vector[i]
        for k in range(vector.shape[0]):
            matrix[i, k] += weight * vector[k]
