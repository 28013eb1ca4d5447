"""Orthogonal matching pursuit for many vectors at once, from the Gram matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: A new atom whose part outside the span of the chosen ones has less than this squared norm adds nothing but noise.
_DEPENDENT = 1e-10
#: Doubles in the largest temporary array: 128 MiB.
_MAX_DOUBLES = 1 << 24


def batch_omp(
    gram: Floats, products: Floats, squared_norms: Floats, n_nonzero: int, *, tolerance: float = 1e-10
) -> Floats:
    """Code vectors by orthogonal matching pursuit with at most ``n_nonzero`` atoms each.

    Args:
        gram: D^T D of unit-norm atoms, [n_atoms, n_atoms].
        products: Y D, the inner products of every vector with every atom, [n_vectors, n_atoms].
        squared_norms: Squared l2 norm of every vector, [n_vectors].
        n_nonzero: Most atoms per code.
        tolerance: A vector is done when its squared residual is at most this share of its squared norm.

    Returns:
        Codes, [n_vectors, n_atoms]. A zero vector has a zero code.
    """
    return batch_omp_path(gram, products, squared_norms, [n_nonzero], tolerance=tolerance)[0]


def batch_omp_path(
    gram: Floats, products: Floats, squared_norms: Floats, n_nonzeros: Sequence[int], *, tolerance: float = 1e-10
) -> list[Floats]:
    """Code vectors for several sparsities in one pursuit, since the atoms for k are the first k of any longer one.

    This is Batch-OMP (Rubinstein, Zibulevsky and Elad, 2008, Technion CS-2008-08): all work happens on the Gram
    matrix, and the Cholesky factor L of the chosen atoms' Gram matrix grows by one row a step. The rows are kept for
    all atoms (row i holds L^-1 G for the i-th chosen atom), so that the next row of L is read off instead of solved
    for, and the inner products of the residual with all atoms are updated by one row. Vectors go through the steps
    together.

    Args:
        gram: See :func:`batch_omp`.
        products: See :func:`batch_omp`.
        squared_norms: See :func:`batch_omp`.
        n_nonzeros: Sparsities wanted, each at least 1, in any order.
        tolerance: See :func:`batch_omp`.

    Returns:
        One code matrix [n_vectors, n_atoms] per sparsity, in the order asked for.
    """
    n_vectors, n_atoms = products.shape
    steps = min(max(n_nonzeros), n_atoms)
    codes = [np.zeros((n_vectors, n_atoms)) for _ in n_nonzeros]
    chunk = max(1, _MAX_DOUBLES // (steps * n_atoms))
    for start in range(0, n_vectors, chunk):
        rows = slice(start, start + chunk)
        chosen, factor, weights, count = _pursue(gram, products[rows], squared_norms[rows], steps, tolerance)
        for code, n_nonzero in zip(codes, n_nonzeros, strict=True):
            size = min(n_nonzero, steps)
            values = _back_substitute(factor[:, :size, :size], weights[:, :size])
            vector, step = np.nonzero(np.arange(size) < count[:, None])
            code[start + vector, chosen[vector, step]] = values[vector, step]
    return codes


def _pursue(
    gram: Floats, products: Floats, squared_norms: Floats, steps: int, tolerance: float
) -> tuple[NDArray[np.intp], Floats, Floats, NDArray[np.intp]]:
    """Return the chosen atoms [n, steps], their Cholesky factors, L^-1 D^T y, and how many steps each vector took."""
    n_vectors, n_atoms = products.shape
    chosen = np.zeros((n_vectors, steps), dtype=np.intp)
    rows = np.zeros((n_vectors, steps, n_atoms))
    # Steps not taken leave the identity, so that back substitution gives zeros there.
    factor = np.tile(np.eye(steps), (n_vectors, 1, 1))
    weights = np.zeros((n_vectors, steps))
    count = np.zeros(n_vectors, dtype=np.intp)
    residual_products = products.copy()
    residual_norms = squared_norms.astype(np.float64, copy=True)
    diagonal = np.diagonal(gram)
    active = np.flatnonzero(residual_norms > 0)
    for step in range(steps):
        size = np.abs(residual_products[active])
        np.put_along_axis(size, chosen[active, :step], -1.0, axis=1)
        atom = size.argmax(axis=1)
        earlier = rows[active, :step]
        row = earlier[np.arange(len(active)), :, atom]
        remainder = diagonal[atom] - np.einsum("ns,ns->n", row, row)
        # An atom that is uncorrelated with the residual or depends on those chosen ends the pursuit of its vector.
        found = size[np.arange(len(active)), atom] ** 2 > tolerance * squared_norms[active] * _DEPENDENT
        going = found & (remainder > _DEPENDENT)
        active, atom, row, remainder, earlier = active[going], atom[going], row[going], remainder[going], earlier[going]
        if not len(active):
            break
        pivot = np.sqrt(remainder)
        new = (gram[atom] - np.einsum("ns,nsm->nm", row, earlier)) / pivot[:, None]
        weight = residual_products[active, atom] / pivot
        chosen[active, step] = atom
        rows[active, step] = new
        factor[active, step, :step] = row
        factor[active, step, step] = pivot
        weights[active, step] = weight
        count[active] = step + 1
        residual_products[active] -= weight[:, None] * new
        residual_norms[active] -= weight**2
        active = active[residual_norms[active] > tolerance * squared_norms[active]]
        if not len(active):
            break
    return chosen, factor, weights, count


def _back_substitute(factor: Floats, weights: Floats) -> Floats:
    """Solve L^T x = w for every vector, [n, size]."""
    values = np.zeros_like(weights)
    for step in reversed(range(weights.shape[1])):
        later = np.einsum("ns,ns->n", factor[:, step + 1 :, step], values[:, step + 1 :])
        values[:, step] = (weights[:, step] - later) / factor[:, step, step]
    return values
