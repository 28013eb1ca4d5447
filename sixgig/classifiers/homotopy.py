"""The homotopy of the lasso, compiled: one vector after the other, one atom joining or leaving a step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
#: The penalty at the end of a stretch of the path, as a share of that at its start.
_STRETCH = 0.7
_LONG = 0.2
#: An atom whose correlation changes by less than this share of the penalty's fall need not be followed.
_SLOPE = 0.5
#: Entries that one turn of a compiled loop over float32 takes (and half as many of float64): rows are filled up with zeros
#: to a multiple of it, since what is left over is done one by one.
_TURN = 32
#: How far above the penalty the correlation of an atom that was left out may be, relative to it.
_SLACK = 1e-6


class Support(NamedTuple):
    """The atoms with a coefficient, one a slot; how many slots are in use is kept beside it.

    Attributes:
        atoms: Index of each, [n_slots + ROWS_PER_PASS].
        places: Where each stands among the atoms that are near, [n_slots].
        values: Coefficients, [n_slots + ROWS_PER_PASS].
        signs: Signs of the correlations with the residual, [n_slots].
        rows: The atoms themselves, side by side so that they stay in the cache, [n_slots, n_features].
        inverse: Inverse of their Gram matrix, [n_slots, n_slots].
        border: Room for products with the atoms, [n_slots].
        change: Room for how fast coefficients change, [n_slots].
    """

    atoms: Indices
    places: Indices
    values: Floats
    signs: Floats
    rows: Floats
    inverse: Floats
    border: Floats
    change: Floats
    weights: Floats


class Near(NamedTuple):
    """The atoms that may join within a stretch of the path; how many there are is kept beside it.

    Attributes:
        atoms: Index of each, ascending, [n_atoms].
        correlations: With the residual, [n_atoms].
        slope: How fast they change, [n_atoms].
        distance: How far the penalty falls until each is as correlated as the support is, [n_atoms].
        barred: ``_NEVER`` for those that cannot join, 0 for others, [n_atoms].
        gram: Their inner products with the atoms of the support, [n_slots, n_atoms].
    """

    atoms: Indices
    correlations: Floats
    slope: Floats32
    distance: Floats
    barred: Floats
    gram: Floats32


@compiled
def follow_paths(
    dictionary: Floats, gram: Floats32, vectors: Floats, products: Floats, alphas: Floats, paths: Floats
) -> None:
    n_vectors, n_atoms = products.shape
    n_features = dictionary.shape[1]
    # No more atoms than features are independent.
    slots = min(n_atoms, n_features)
    support = Support(
        np.zeros(slots + ROWS_PER_PASS, np.intp),
        np.zeros(slots, np.intp),
        np.zeros(slots + ROWS_PER_PASS),
        np.zeros(slots + _TURN),
        np.zeros((slots, n_features)),
        np.zeros((slots, slots + _TURN)),
        np.zeros(slots + _TURN),
        np.zeros(slots + _TURN),
        np.zeros(slots + _TURN),
    )
    near = Near(
        np.zeros(n_atoms + _TURN, np.intp),
        np.zeros(n_atoms + _TURN),
        np.zeros(n_atoms + _TURN, np.float32),
        np.zeros(n_atoms + _TURN),
        np.zeros(n_atoms + _TURN),
        np.zeros((slots + ROWS_PER_PASS, n_atoms + _TURN), np.float32),
    )
    old_atoms, old_values, old_signs = np.zeros(slots, np.intp), np.zeros(slots), np.zeros(slots)
    old_inverse = np.zeros((slots, slots + _TURN))
    before, after = np.zeros(n_atoms), np.zeros(n_atoms)
    place_of = np.zeros(n_atoms, np.intp)
    far = np.zeros(n_atoms, np.bool_)
    for vector in range(n_vectors):
        before[:] = products[vector]
        first, penalty = 0, 0.0
        for j in range(n_atoms):
            if abs(before[j]) > penalty:
                first, penalty = j, abs(before[j])
        level = 0
        while level < len(alphas) and penalty <= alphas[level]:
            level += 1
        if level == len(alphas):
            continue
        count = _join(dictionary, support, first, before[first], 0)
        steps = 8 * n_atoms
        slope_bound = _SLOPE
        while level < len(alphas) and steps > 0:
            target = max(alphas[level], _STRETCH * penalty)
            least = target - slope_bound * (penalty - target)
            n_far = 0
            for j in range(n_atoms):
                far[j] = abs(before[j]) < least
                n_far += far[j]
            if 2 * n_far < n_atoms:
                far[:] = False
                target = max(alphas[level], _LONG * penalty)
            for i in range(count):
                far[support.atoms[i]] = False
            old_count = count
            old_atoms[:count], old_values[:count] = support.atoms[:count], support.values[:count]
            old_signs[:count], old_inverse[:count, :count] = support.signs[:count], support.inverse[:count, :count]
            while True:
                n_near = 0
                for j in range(n_atoms):
                    if not far[j]:
                        near.atoms[n_near] = j
                        near.correlations[n_near] = before[j]
                        near.barred[n_near] = 0.0
                        place_of[j] = n_near
                        n_near += 1
                width = _whole(n_near, _TURN)
                near.correlations[n_near:width] = 0.0
                near.barred[n_near:width] = _NEVER
                for i in range(count):
                    support.places[i] = place_of[support.atoms[i]]
                    near.barred[support.places[i]] = _NEVER
                    _gather(near, gram[support.atoms[i]], n_near, i)
                count, steps = _descend(dictionary, gram, support, near, n_near, penalty, target, count, steps)
                if n_near == n_atoms:
                    after[:] = near.correlations[:n_atoms]
                    break
                if count:
                    subtract_rows(after, products[vector], gram, support.atoms, support.values, count)
                else:
                    after[:] = products[vector]
                missed = 0
                for j in range(n_atoms):
                    if far[j] and abs(after[j]) > target * (1.0 + _SLACK):
                        far[j] = False
                        missed += 1
                if missed == 0:
                    break
                slope_bound = 1.0
                count = old_count
                support.atoms[:count], support.values[:count] = old_atoms[:count], old_values[:count]
                support.signs[:count], support.inverse[:count, :count] = old_signs[:count], old_inverse[:count, :count]
                support.inverse[:count, count:] = 0.0
                for i in range(count):
                    support.rows[i] = dictionary[support.atoms[i]]
            penalty = target
            if penalty == alphas[level]:
                for i in range(count):
                    support.border[i] = dot(support.rows[i], vectors[vector]) - penalty * support.signs[i]
                for i in range(count):
                    paths[level, vector, support.atoms[i]] = dot(support.inverse[i, :count], support.border[:count])
                level += 1
            before, after = after, before


@compiled
def _descend(dictionary, gram, support, near, n_near, penalty, target, count, steps):
    width = _whole(n_near, _TURN)
    correlations, slope, distance, barred = near.correlations[:width], near.slope[:width], near.distance[:width], near.barred[:width]
    values, change = support.values, support.change
    dropped = -1
    while steps > 0:
        steps -= 1
        if count:
            wide = _whole(count, _TURN // 2)
            _multiply(support.inverse, support.signs[:wide], change[:count])
        _slopes(near.gram, change, count, slope)
        length, event, which = penalty - target, 0, -1
        for i in range(count):
            # A coefficient that has just joined is zero and moves away from it: its sign is that of its change.
            if values[i] * change[i] < 0 and -values[i] / change[i] < length:
                length, event, which = -values[i] / change[i], 1, i
        _distances(correlations, slope, barred, penalty, distance)
        if dropped >= 0:
            distance[dropped] = _NEVER
        dropped = -1
        place, nearest = first_smallest(distance)
        if nearest < length:
            length, event, which = nearest, 2, place
        for i in range(count):
            values[i] += length * change[i]
        _move(correlations, slope, length)
        if event == 0:
            break
        penalty -= length
        if event == 1:
            dropped = support.places[which]
            barred[dropped] = 0.0
            last = count - 1
            if which != last:
                near.gram[which, :width] = near.gram[last, :width]
            count = _leave(support, which, count)
        else:
            barred[which] = _NEVER
            atom = near.atoms[which]
            joined = _join(dictionary, support, atom, correlations[which], count)
            if joined > count:
                support.places[count] = which
                _gather(near, gram[atom], n_near, count)
                count = joined
    return count, steps


@compiled
def _distances(correlations: Floats, slope: Floats32, barred: Floats, penalty: float, distance: Floats) -> None:
    """Set how far the penalty falls until each atom is as correlated with the residual as the support is."""
    for j in range(distance.shape[0]):
        rising = 1.0 + np.float64(slope[j])
        falling = 1.0 - np.float64(slope[j])
        to_plus = max(penalty - correlations[j], 0.0) / rising if rising > _PARALLEL else _NEVER
        to_minus = max(penalty + correlations[j], 0.0) / falling if falling > _PARALLEL else _NEVER
        distance[j] = max(min(to_plus, to_minus), barred[j])


@compiled
def _move(correlations: Floats, slope: Floats32, length: float) -> None:
    for j in range(correlations.shape[0]):
        correlations[j] += length * slope[j]


@compiled
def _join(dictionary, support, atom, correlation, count):
    """Put an atom into the support, unless it depends on the atoms there; return the new size of the support."""
    border, inverse, weights = support.border, support.inverse, support.weights
    row = dictionary[atom]
    _multiply(support.rows, row, border[:count])
    rest = dot(row, row)
    wide = _whole(count, _TURN // 2)
    _multiply(inverse, border[:wide], weights[:count])
    rest -= dot(weights[:count], border[:count])
    if rest <= _DEPENDENT or count == support.rows.shape[0]:
        return count
    wide = _whole(count + 1, _TURN // 2)
    weights[count] = -1.0
    weights[count + 1 : wide] = 0.0
    inverse[count] = 0.0
    _add_square(inverse, weights[:wide], 1.0 / rest, count + 1)
    support.atoms[count] = atom
    support.values[count] = 0.0
    support.signs[count] = 1.0 if correlation > 0 else -1.0
    support.rows[count] = dictionary[atom]
    return count + 1


@compiled
def _leave(support, slot, count):
    """Take the atom in a slot out of the support, put the last into its place; return the new size of the support."""
    inverse = support.inverse
    column, wide = support.weights, _whole(count, _TURN // 2)
    column[:wide] = inverse[slot, :wide]
    _add_square(inverse, column[:wide], -1.0 / column[slot], count)
    last = count - 1
    if slot != last:
        for i in range(count):
            inverse[slot, i] = inverse[last, i]
        for i in range(count):
            inverse[i, slot] = inverse[i, last]
        support.atoms[slot], support.places[slot] = support.atoms[last], support.places[last]
        support.values[slot], support.signs[slot] = support.values[last], support.signs[last]
        support.rows[slot] = support.rows[last]
    inverse[:last, last] = 0.0
    return last


@compiled
def _whole(count, turn):
    return (count + turn - 1) // turn * turn


@compiled
def _multiply(matrix, vector, result):
    for i in range(result.shape[0]):
        total = 0.0
        for k in range(vector.shape[0]):
            total += matrix[i, k] * vector[k]
        result[i] = total


@compiled
def _add_square(matrix, vector, factor, count):
    for i in range(count):
        weight = factor * vector[i]
        for k in range(vector.shape[0]):
            matrix[i, k] += weight * vector[k]


@compiled
def _gather(near, row, n_near, slot):
    target, atoms = near.gram[slot], near.atoms
    if n_near == row.shape[0]:
        target[:n_near] = row
    else:
        for k in range(n_near):
            target[k] = row[atoms[k]]
    target[n_near : _whole(n_near, _TURN)] = 0.0


@compiled
def _slopes(gram, change, count, slope):
    slope[:] = 0.0
    for i in range(0, count, 4):
        w0 = np.float32(change[i])
        w1 = np.float32(change[i + 1] if i + 1 < count else 0.0)
        w2 = np.float32(change[i + 2] if i + 2 < count else 0.0)
        w3 = np.float32(change[i + 3] if i + 3 < count else 0.0)
        for k in range(slope.shape[0]):
            slope[k] -= (w0 * gram[i, k] + w1 * gram[i + 1, k]) + (w2 * gram[i + 2, k] + w3 * gram[i + 3, k])
