"""Orthogonal matching pursuit for many vectors: float32 screens the atoms, float64 decides and solves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sixgig.runtime.compilation import compiled
from sixgig.sparse_coding.loops import (
    BLOCK,
    ROWS_PER_PASS,
    Floats,
    Floats32,
    Indices,
    block_magnitudes,
    dot,
    gram_matrix,
    subtract_rows,
)

#: A new atom whose part outside the span of the chosen ones has less than this squared norm adds nothing but noise.
_DEPENDENT = 1e-10
#: How far a float32 correlation may be off, relative to ||y|| + ||x||_1: about 16 roundings.
_SCREEN = 2e-6


def batch_omp(
    dictionary: Floats, vectors: Floats, n_nonzero: int, *, gram: Floats32 | None = None, tolerance: float = 1e-10
) -> Floats:
    """Code vectors by orthogonal matching pursuit with at most ``n_nonzero`` atoms each; see :func:`batch_omp_path`.

    Returns:
        Codes, [n_vectors, n_atoms]. A zero vector has a zero code.
    """
    return batch_omp_path(dictionary, vectors, [n_nonzero], gram=gram, tolerance=tolerance)[0]


def batch_omp_path(
    dictionary: Floats,
    vectors: Floats,
    n_nonzeros: Sequence[int],
    *,
    gram: Floats32 | None = None,
    tolerance: float = 1e-10,
) -> list[Floats]:
    """Code vectors for several sparsities in one pursuit, since the atoms for k are the first k of any longer one.

    This is Batch-OMP (Rubinstein, Zibulevsky and Elad, 2008, Technion CS-2008-08): the correlations of the residual
    with all atoms come from the Gram matrix, and the Cholesky factor of the chosen atoms grows by one row per step.
    Gram matrix and correlations are float32, which halves the amount of data moved through memory. Atoms within the
    rounding of the largest correlation are compared again in float64, as are all products of chosen atoms and the
    coefficients, so that supports and codes are those of float64. Among equal atoms the first is chosen.

    Args:
        dictionary: Atoms of unit l2 norm (or zero), one per row, [n_atoms, n_features].
        vectors: Vectors to code, [n_vectors, n_features].
        n_nonzeros: Sparsities wanted, each at least 1, in any order.
        gram: ``gram_matrix`` of the dictionary, when it has been computed already.
        tolerance: A vector is done when its squared residual is at most this share of its squared norm.

    Returns:
        One code matrix [n_vectors, n_atoms] per sparsity, in the order asked for.
    """
    dictionary, vectors = np.ascontiguousarray(dictionary), np.ascontiguousarray(vectors)
    n_atoms = len(dictionary)
    if gram is None:
        gram = gram_matrix(dictionary)
    sizes = sorted({min(size, n_atoms) for size in n_nonzeros})
    codes = np.zeros((len(sizes), len(vectors), n_atoms))
    products = vectors.astype(np.float32) @ dictionary.astype(np.float32).T
    _pursue(dictionary, vectors, gram, products, np.asarray(sizes), tolerance, codes)
    found = dict(zip(sizes, codes, strict=True))
    return [found[min(size, n_atoms)] for size in n_nonzeros]


@compiled
def _pursue(
    dictionary: Floats,
    vectors: Floats,
    gram: Floats32,
    products: Floats32,
    sizes: Indices,
    tolerance: float,
    codes: Floats,
) -> None:
    """Fill codes [n_sizes, n_vectors, n_atoms] for the ascending sizes, one vector after another."""
    n_vectors, n_atoms = products.shape
    steps = sizes[-1]
    factor = np.zeros((steps, steps))
    weights = np.zeros(steps)
    solution = np.zeros(steps)
    chosen = np.zeros(steps + ROWS_PER_PASS, np.intp)
    narrow = np.zeros(steps + ROWS_PER_PASS, np.float32)
    correlations = np.zeros(n_atoms, np.float32)
    taken = np.zeros(n_atoms, np.bool_)
    for vector in range(n_vectors):
        squared_norm = dot(vectors[vector], vectors[vector])
        left = squared_norm
        margin = _SCREEN * np.sqrt(squared_norm)
        correlations[:] = products[vector]
        written = count = 0
        while count < steps and left > tolerance * squared_norm:
            atom, correlation = _most_correlated(
                dictionary, vectors[vector], correlations, margin, taken, chosen, solution, count
            )
            # An atom that is uncorrelated with the residual or depends on those chosen ends the pursuit.
            if not correlation**2 > tolerance * squared_norm * _DEPENDENT:
                break
            if not _extend(dictionary, chosen, factor, atom, count):
                break
            aligned = dot(dictionary[atom], vectors[vector])
            for i in range(count):
                aligned -= factor[count, i] * weights[i]
            weights[count] = aligned / factor[count, count]
            left -= weights[count] ** 2
            chosen[count] = atom
            taken[atom] = True
            count += 1
            _back_substitute(factor, weights, solution, count)
            if count == sizes[written]:
                for i in range(count):
                    codes[written, vector, chosen[i]] = solution[i]
                written += 1
            if count < steps:
                size = 0.0
                for i in range(count):
                    narrow[i] = solution[i]
                    size += abs(solution[i])
                margin = _SCREEN * (np.sqrt(squared_norm) + size)
                subtract_rows(correlations, products[vector], gram, chosen, narrow, count)
                for i in range(count):
                    correlations[chosen[i]] = 0.0
        for later in range(written, len(sizes)):
            for i in range(count):
                codes[later, vector, chosen[i]] = solution[i]
        for i in range(count):
            taken[chosen[i]] = False


@compiled
def _most_correlated(
    dictionary: Floats,
    vector: Floats,
    correlations: Floats32,
    margin: float,
    taken: NDArray[np.bool_],
    chosen: Indices,
    solution: Floats,
    count: int,
) -> tuple[int, float]:
    """Return the first atom with the largest absolute correlation, and that; float64 decides between close ones."""
    n_atoms = correlations.shape[0]
    tops = np.empty((n_atoms + BLOCK - 1) // BLOCK, np.float32)
    largest = block_magnitudes(correlations, tops)
    least = np.float32(largest - margin)
    close, best = 0, -1
    for block in range(tops.shape[0]):
        if tops[block] >= least:
            for j in range(block * BLOCK, min((block + 1) * BLOCK, n_atoms)):
                if abs(correlations[j]) >= least and not taken[j]:
                    close += 1
                    if close == 1:
                        best = j
    if close == 1:
        return best, float(largest)
    residual = vector.copy()
    for i in range(count):
        for feature in range(residual.shape[0]):
            residual[feature] -= solution[i] * dictionary[chosen[i], feature]
    size = 0.0
    for j in range(n_atoms):
        if abs(correlations[j]) >= least and not taken[j]:
            exact = abs(dot(dictionary[j], residual))
            if exact > size:
                best, size = j, exact
    return best, size


@compiled
def _extend(dictionary: Floats, chosen: Indices, factor: Floats, atom: int, count: int) -> bool:
    """Add the atom's row to the Cholesky factor of the chosen atoms; False when it depends on them."""
    rest = dot(dictionary[atom], dictionary[atom])
    for i in range(count):
        value = dot(dictionary[chosen[i]], dictionary[atom])
        for k in range(i):
            value -= factor[i, k] * factor[count, k]
        value /= factor[i, i]
        factor[count, i] = value
        rest -= value * value
    if rest <= _DEPENDENT:
        return False
    factor[count, count] = np.sqrt(rest)
    return True


@compiled
def _back_substitute(factor: Floats, weights: Floats, solution: Floats, count: int) -> None:
    """Solve L^T x = w for the first ``count`` atoms."""
    for i in range(count):
        solution[i] = weights[i]
    # Row by row of L, whose rows are contiguous, instead of column by column.
    for i in range(count - 1, -1, -1):
        solution[i] /= factor[i, i]
        for k in range(i):
            solution[k] -= factor[i, k] * solution[i]
