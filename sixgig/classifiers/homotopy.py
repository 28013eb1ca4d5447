"""The homotopy of the lasso, compiled: one vector after the other, one atom joining or leaving a step."""

from __future__ import annotations

import numpy as np

from sixgig.classifiers.loops import (
    ROWS_PER_PASS,
    Floats,
    Floats32,
    Indices,
    dot,
    first_smallest,
    subtract_rows,
)
from sixgig.compilation import compiled

#: An atom with less than this squared norm outside the span of the support cannot join it.
_DEPENDENT = 1e-10
#: Further away than any breakpoint: a path is at most as long as the largest correlation.
_NEVER = 1e300
#: A correlation that falls as fast as the penalty, up to rounding, never meets it.
_PARALLEL = 1e-12


@compiled
def follow_paths(
    dictionary: Floats, gram: Floats32, vectors: Floats, products: Floats, alphas: Floats, paths: Floats
) -> None:
    """Fill in the lasso codes of every vector at every alpha.

    Codes are piecewise linear in alpha (Osborne, Presnell and Turlach, 2000; Efron, Hastie, Johnstone and Tibshirani,
    2004, section 3.1). On the support all correlations with the residual are +-penalty; the penalty falls to the next
    place where an atom outside is as correlated as that (it joins) or a coefficient reaches zero (it leaves). The
    inverse of the support's Gram matrix is kept and changed by one rank a step. How fast correlations change is summed
    in float32, which settles who joins when up to about 1e-7; support and signs then give the code in float64.

    Args:
        dictionary: Atoms, one a row, [n_atoms, n_features].
        gram: float32 D D^T, [n_atoms, n_atoms].
        vectors: Vectors to code, [n_vectors, n_features].
        products: Their inner products with the atoms, [n_vectors, n_atoms].
        alphas: Penalties, descending.
        paths: Result, [n_alphas, n_vectors, n_atoms], zero on entry.
    """
    n_vectors, n_atoms = products.shape
    # No more atoms than features are independent.
    slots = min(n_atoms, dictionary.shape[1])
    atoms = np.zeros(slots + ROWS_PER_PASS, np.intp)
    narrow = np.zeros(slots + ROWS_PER_PASS, np.float32)
    values, change, signs, border = np.zeros(slots), np.zeros(slots), np.zeros(slots), np.zeros(slots)
    inverse = np.zeros((slots, slots))
    correlations, distance = np.zeros(n_atoms), np.zeros(n_atoms)
    slope, nothing = np.zeros(n_atoms, np.float32), np.zeros(n_atoms, np.float32)
    closed = np.zeros(n_atoms, np.bool_)
    barred = np.zeros(n_atoms, np.intp)
    for vector in range(n_vectors):
        correlations[:] = products[vector]
        closed[:] = False
        n_barred = 0
        first, penalty = 0, 0.0
        for j in range(n_atoms):
            if abs(correlations[j]) > penalty:
                first, penalty = j, abs(correlations[j])
        level = 0
        while level < len(alphas) and penalty <= alphas[level]:
            level += 1
        if level == len(alphas):
            continue
        count = _join(dictionary, correlations, first, atoms, values, signs, inverse, border, 0)
        closed[first] = True
        barred[0], n_barred = first, 1
        dropped = -1
        for _ in range(8 * n_atoms):
            # The slope of correlations with the residual is minus that of the correlations of what is fitted.
            if count:
                for i in range(count):
                    change[i] = dot(inverse[i, :count], signs[:count])
                    narrow[i] = change[i]
                subtract_rows(slope, nothing, gram, atoms, narrow, count)
            else:
                slope[:] = 0.0
            length, event, which = penalty - alphas[level], 0, -1
            for i in range(count):
                # A coefficient that has just joined is zero and moves away from it: its sign is that of its change.
                if values[i] * change[i] < 0 and -values[i] / change[i] < length:
                    length, event, which = -values[i] / change[i], 1, i
            _distances(correlations, slope, penalty, distance)
            for i in range(n_barred):
                distance[barred[i]] = _NEVER
            if dropped >= 0:
                distance[dropped] = _NEVER
            dropped = -1
            atom, near = first_smallest(distance)
            if near < length:
                length, event, which = near, 2, atom
            for i in range(count):
                values[i] += length * change[i]
            _move(correlations, slope, length)
            if event == 0:
                penalty = alphas[level]
                # From support, signs and float64 inverse alone: neither float32 nor the last digits of the products,
                # which depend on the threads of the linear algebra, get from the way here into the code.
                for i in range(count):
                    border[i] = dot(dictionary[atoms[i]], vectors[vector]) - penalty * signs[i]
                for i in range(count):
                    paths[level, vector, atoms[i]] = dot(inverse[i, :count], border[:count])
                level += 1
                if level == len(alphas):
                    break
                continue
            penalty -= length
            if event == 1:
                dropped = atoms[which]
                count = _leave(atoms, values, signs, inverse, which, count)
                closed[dropped] = False
                n_barred = 0
                for j in range(n_atoms):
                    if closed[j]:
                        barred[n_barred] = j
                        n_barred += 1
            else:
                count = _join(dictionary, correlations, which, atoms, values, signs, inverse, border, count)
                closed[which] = True
                barred[n_barred] = which
                n_barred += 1


@compiled
def _distances(correlations: Floats, slope: Floats32, penalty: float, distance: Floats) -> None:
    """Set how far the penalty falls until each atom is as correlated with the residual as the support is."""
    for j in range(distance.shape[0]):
        rising = 1.0 + np.float64(slope[j])
        falling = 1.0 - np.float64(slope[j])
        to_plus = max(penalty - correlations[j], 0.0) / rising if rising > _PARALLEL else _NEVER
        to_minus = max(penalty + correlations[j], 0.0) / falling if falling > _PARALLEL else _NEVER
        distance[j] = min(to_plus, to_minus)


@compiled
def _move(correlations: Floats, slope: Floats32, length: float) -> None:
    for j in range(correlations.shape[0]):
        correlations[j] += length * slope[j]


@compiled
def _join(
    dictionary: Floats,
    correlations: Floats,
    atom: int,
    atoms: Indices,
    values: Floats,
    signs: Floats,
    inverse: Floats,
    border: Floats,
    count: int,
) -> int:
    """Put an atom into the support, unless it depends on the atoms there; return the new size of the support."""
    weights = np.empty(count + 1)
    for i in range(count):
        border[i] = dot(dictionary[atoms[i]], dictionary[atom])
    rest = dot(dictionary[atom], dictionary[atom])
    for i in range(count):
        weights[i] = dot(inverse[i, :count], border[:count])
        rest -= weights[i] * border[i]
    if rest <= _DEPENDENT or count == len(values):
        return count
    weights[count] = -1.0
    inverse[count, : count + 1] = 0.0
    inverse[: count + 1, count] = 0.0
    for i in range(count + 1):
        factor = weights[i] / rest
        for k in range(count + 1):
            inverse[i, k] += factor * weights[k]
    atoms[count] = atom
    values[count] = 0.0
    signs[count] = 1.0 if correlations[atom] > 0 else -1.0
    return count + 1


@compiled
def _leave(atoms: Indices, values: Floats, signs: Floats, inverse: Floats, slot: int, count: int) -> int:
    """Take the atom in a slot out of the support, put the last into its place; return the new size of the support."""
    column = inverse[:count, slot].copy()
    for i in range(count):
        factor = column[i] / column[slot]
        for k in range(count):
            inverse[i, k] -= factor * column[k]
    last = count - 1
    if slot != last:
        for i in range(count):
            inverse[slot, i] = inverse[last, i]
        for i in range(count):
            inverse[i, slot] = inverse[i, last]
        atoms[slot], values[slot], signs[slot] = atoms[last], values[last], signs[last]
    return last
