"""The homotopy of the lasso, compiled: one vector after another, one atom joining or leaving in each step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sixgig.runtime.compilation import compiled
from sixgig.sparse_coding.loops import ROWS_PER_PASS, Floats, Indices, Vector, first_smallest, subtract_rows
from sixgig.sparse_coding.support import (
    Support,
    empty_support,
    exact_code,
    join,
    keep,
    leave,
    nothing_kept,
    restore,
    set_change,
)

#: Further away than any breakpoint: a path is at most as long as the largest correlation.
_NEVER = 1e300
#: A correlation that falls as fast as the penalty, up to rounding, never meets it.
_PARALLEL = 1e-12
#: The penalty at the end of a stretch of the path, as a share of that at its start; and where most atoms are near.
_STRETCH, _LONG_STRETCH = 0.7, 0.2
#: How much a correlation is assumed to change at most, as a share of the fall of the penalty: at first, and after that
#: failed.
_FIRST_BOUND, _SECOND_BOUND = 0.5, 1.0
#: How far the correlation of an atom that was left out may exceed the penalty, as a share of it, with products of four
#: and of eight bytes. The duality gap grows by no more than this share of the objective.
_SLACK_4, _SLACK_8 = 1e-6, 1e-12
#: Floats that one iteration of a compiled loop takes; rows are padded to a multiple, since a remainder is slow.
_TURN = 32


class Near(NamedTuple):
    """The atoms that may join in a stretch of the path, in the order of their index; see :func:`_fill`.

    Attributes:
        atoms: Index of each, [n_atoms + _TURN].
        place_of: Position of each atom that is near, [n_atoms].
        correlations: Inner products with the residual, [n_atoms + _TURN].
        slope: How fast they change as the penalty falls, [n_atoms + _TURN].
        distance: How far it falls until each is as correlated as the support is, [n_atoms + _TURN].
        barred: ``_NEVER`` for those that cannot join, 0 for the others, [n_atoms + _TURN].
        gram: Inner products with the atoms of the support, one per row, [n_slots + ROWS_PER_PASS, n_atoms + _TURN].
    """

    atoms: Indices
    place_of: Indices
    correlations: Floats
    slope: Vector
    distance: Floats
    barred: Floats
    gram: Vector


@compiled
def follow_paths(
    dictionary: Floats, gram: Vector, vectors: Floats, products: Vector, alphas: Floats, paths: Floats
) -> None:
    """Fill in the lasso codes of every vector at every alpha.

    Codes are piecewise linear in alpha (Osborne, Presnell and Turlach, 2000; Efron, Hastie, Johnstone and Tibshirani,
    2004, section 3.1). On the support all correlations with the residual are +-penalty; the penalty falls to the next
    place where an atom outside is as correlated as that (it joins) or a coefficient reaches zero (it leaves). The
    inverse of the support's Gram matrix is kept and changed by one rank a step.

    Most atoms never come near the penalty. So the path is followed in stretches, each with those atoms alone that can
    join by the sequential strong rule (Tibshirani, Bien, Friedman, Hastie, Simon, Taylor and Tibshirani, 2012):
    correlations change no faster than the penalty; here half as fast, until that fails. The rule may fail, so at the
    end of a stretch the correlations of all atoms are computed, and when one that was left out exceeds the penalty,
    the stretch is repeated with it. Otherwise the code is optimal over all atoms, whatever happened on the way. Where
    the rule would leave out less than half, all atoms are followed, and stretches are longer.

    Products in float32 decide which atom joins when up to about 1e-7, products in float64 up to rounding; support and
    signs then give the code in float64. The last digits of the products, which depend on the threads of the linear
    algebra, affect the last digits of a code only through atoms that join so close to each other that their order
    depends on them.

    Args:
        dictionary: Atoms, one per row, [n_atoms, n_features].
        gram: D D^T in float32 or float64, [n_atoms, n_atoms].
        vectors: Vectors to code, [n_vectors, n_features].
        products: Their inner products with the atoms in the same type, [n_vectors, n_atoms].
        alphas: Penalties, descending.
        paths: Result, [n_alphas, n_vectors, n_atoms], zero on entry.
    """
    n_vectors, n_atoms = products.shape
    # No more atoms than features are independent.
    n_slots = min(n_atoms, dictionary.shape[1])
    support, kept, near = (
        empty_support(n_slots, dictionary.shape[1]),
        nothing_kept(n_slots),
        _no_atoms(gram, n_slots),
    )
    slack = _SLACK_4 if gram.itemsize == 4 else _SLACK_8
    before, after = np.zeros(n_atoms), np.zeros(n_atoms)
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
        count = join(support, dictionary, first, np.sign(before[first]), 0)
        bound = _FIRST_BOUND
        # A path that goes in circles ends in a wrong code, which the duality gap reveals.
        steps = 8 * n_atoms
        while level < len(alphas) and steps > 0:
            target = max(alphas[level], _STRETCH * penalty)
            if 2 * _leave_out(far, before, target - bound * (penalty - target)) < n_atoms:
                far[:] = False
                target = max(alphas[level], _LONG_STRETCH * penalty)
            for i in range(count):
                far[support.atoms[i]] = False
            keep(support, kept, count)
            n_kept = count
            while True:
                n_near = _fill(near, far, before, gram, support, count)
                count, steps = _descend(dictionary, gram, support, near, n_near, penalty, target, count, steps)
                if n_near == n_atoms:
                    after[:] = near.correlations[:n_atoms]
                    break
                after[:] = products[vector]
                if count:
                    subtract_rows(after, products[vector], gram, support.atoms, support.values, count)
                if not _take_back(far, after, target * (1.0 + slack)):
                    break
                bound = _SECOND_BOUND
                count = n_kept
                restore(support, kept, dictionary, count)
            penalty = target
            if penalty == alphas[level]:
                exact_code(support, vectors[vector], penalty, paths[level, vector], count)
                level += 1
            before, after = after, before


@compiled
def _no_atoms(gram: Vector, n_slots: int) -> Near:
    n_atoms = gram.shape[0]
    return Near(
        np.zeros(n_atoms + _TURN, np.intp),
        np.zeros(n_atoms, np.intp),
        np.zeros(n_atoms + _TURN),
        np.zeros(n_atoms + _TURN, gram.dtype),
        np.zeros(n_atoms + _TURN),
        np.zeros(n_atoms + _TURN),
        np.zeros((n_slots + ROWS_PER_PASS, n_atoms + _TURN), gram.dtype),
    )


@compiled
def _leave_out(far: NDArray[np.bool_], correlations: Floats, least: float) -> int:
    """Mark the atoms with a correlation below ``least`` as far, and return how many they are."""
    n_far = 0
    for j in range(far.shape[0]):
        far[j] = abs(correlations[j]) < least
        n_far += far[j]
    return n_far


@compiled
def _take_back(far: NDArray[np.bool_], correlations: Floats, most: float) -> bool:
    """Mark the far atoms with a correlation above ``most`` as near, and return whether there are any."""
    any_above = False
    for j in range(far.shape[0]):
        if far[j] and abs(correlations[j]) > most:
            far[j] = False
            any_above = True
    return any_above


@compiled
def _fill(near: Near, far: NDArray[np.bool_], correlations: Floats, gram: Vector, support: Support, count: int) -> int:
    """Put all atoms that are not far into ``near``, and return how many they are.

    The positions after them, up to a multiple of ``_TURN``, are barred, and their correlations do not change.
    """
    n_near = 0
    for j in range(far.shape[0]):
        if not far[j]:
            near.atoms[n_near] = j
            near.correlations[n_near] = correlations[j]
            near.place_of[j] = n_near
            n_near += 1
    near.correlations[n_near : _whole(n_near)] = 0.0
    near.barred[:n_near] = 0.0
    near.barred[n_near : _whole(n_near)] = _NEVER
    for i in range(count):
        support.places[i] = near.place_of[support.atoms[i]]
        near.barred[support.places[i]] = _NEVER
        _gather(near, gram[support.atoms[i]], n_near, i)
    return n_near


@compiled
def _gather(near: Near, row: Vector, n_near: int, slot: int) -> None:
    """Copy, for the atom in a slot, its row of the Gram matrix at the atoms that are near."""
    target, atoms = near.gram[slot], near.atoms
    if n_near == row.shape[0]:
        target[:n_near] = row
    else:
        for k in range(n_near):
            target[k] = row[atoms[k]]
    target[n_near : _whole(n_near)] = 0.0


@compiled
def _whole(n_near: int) -> int:
    return (n_near + _TURN - 1) // _TURN * _TURN


@compiled
def _descend(
    dictionary: Floats,
    gram: Vector,
    support: Support,
    near: Near,
    n_near: int,
    penalty: float,
    target: float,
    count: int,
    steps: int,
) -> tuple[int, int]:
    """Follow the path of the near atoms from one penalty to another.

    Returns:
        The new size of the support, and how many of ``steps`` are left.
    """
    width = _whole(n_near)
    correlations, slope = near.correlations[:width], near.slope[:width]
    distance, barred = near.distance[:width], near.barred[:width]
    values, change = support.values, support.change
    dropped = -1
    while steps > 0:
        steps -= 1
        set_change(support, count)
        _set_slope(near.gram, change, slope, count)
        length, event, which = penalty - target, 0, -1
        for i in range(count):
            # A coefficient that has just joined is zero and moves away from it: its sign is that of its change.
            if values[i] * change[i] < 0 and -values[i] / change[i] < length:
                length, event, which = -values[i] / change[i], 1, i
        _set_distance(correlations, slope, barred, penalty, distance)
        if dropped >= 0:
            distance[dropped] = _NEVER
        dropped = -1
        place, nearest = first_smallest(distance)
        if nearest < length:
            length, event, which = nearest, 2, place
        for i in range(count):
            values[i] += length * change[i]
        for j in range(width):
            correlations[j] += length * slope[j]
        if event == 0:
            break
        penalty -= length
        if event == 1:
            dropped = support.places[which]
            barred[dropped] = 0.0
            near.gram[which, :width] = near.gram[count - 1, :width]
            count = leave(support, which, count)
        else:
            barred[which] = _NEVER
            joined = join(support, dictionary, near.atoms[which], np.sign(correlations[which]), count)
            if joined > count:
                support.places[count] = which
                _gather(near, gram[near.atoms[which]], n_near, count)
                count = joined
    return count, steps


@compiled
def _set_slope(gram: Vector, change: Floats, slope: Vector, count: int) -> None:
    """Set how fast correlations with the residual change: minus the change of those with the fit."""
    slope[:] = 0.0
    weights = np.zeros(ROWS_PER_PASS, gram.dtype)  # of the rows' type: with another one every entry would be converted
    for i in range(0, count, ROWS_PER_PASS):
        # Rows after the support have no weight. Four per iteration, so that the sum is loaded and stored less often.
        for row in range(ROWS_PER_PASS):
            weights[row] = change[i + row] if i + row < count else 0.0
        w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
        for k in range(slope.shape[0]):
            slope[k] -= (w0 * gram[i, k] + w1 * gram[i + 1, k]) + (w2 * gram[i + 2, k] + w3 * gram[i + 3, k])


@compiled
def _set_distance(correlations: Floats, slope: Vector, barred: Floats, penalty: float, distance: Floats) -> None:
    """Set how far the penalty falls until each atom is as correlated with the residual as the support is."""
    for j in range(distance.shape[0]):
        rising = 1.0 + np.float64(slope[j])
        falling = 1.0 - np.float64(slope[j])
        to_plus = max(penalty - correlations[j], 0.0) / rising if rising > _PARALLEL else _NEVER
        to_minus = max(penalty + correlations[j], 0.0) / falling if falling > _PARALLEL else _NEVER
        distance[j] = max(min(to_plus, to_minus), barred[j])
