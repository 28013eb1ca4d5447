"""Sparse codes by SPAMS, on one thread; it has atoms and vectors in the columns of Fortran arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def omp(atoms: Any, vectors: Any, n_nonzero: int) -> Callable[[], Any]:
    """Return a call for codes [n, n_atoms] in float32; it computes the Gram matrix each time.

    What SPAMS calls OMP is orthogonal least squares: it picks the atom that leaves the smallest residual.
    """
    import spams

    columns, targets = (np.asfortranarray(array.T, dtype=np.float32) for array in (atoms, vectors))

    def run() -> Any:
        return spams.omp(targets, columns, L=n_nonzero, eps=0.0, return_reg_path=False, numThreads=1).T

    return run


def lasso(atoms: Any, vectors: Any, gram: Any, alpha: float) -> Callable[[], Any]:
    """Return a call for codes [n, n_atoms] by homotopy in float64; the Gram matrix is given."""
    import spams

    targets = np.asfortranarray(vectors.T)
    squares = np.asfortranarray(gram)

    def run() -> Any:
        products = np.asfortranarray(atoms @ targets)
        return spams.lasso(targets, Q=squares, q=products, lambda1=alpha, mode=2, numThreads=1).T

    return run
