"""Sparse codes by scikit-learn."""

from __future__ import annotations

from typing import Any

from sklearn.decomposition import sparse_encode
from sklearn.linear_model import orthogonal_mp


def omp(atoms: Any, vectors: Any, n_nonzero: int) -> Any:
    """Return codes [n, n_atoms] of vectors [n, d]; scikit-learn has atoms and vectors in columns."""
    return orthogonal_mp(atoms.T, vectors.T, n_nonzero_coefs=n_nonzero).T


def lasso(atoms: Any, vectors: Any, gram: Any, alpha: float) -> Any:
    """Return codes [n, n_atoms] by coordinate descent, which is faster here than its LARS; the Gram matrix is given."""
    return sparse_encode(vectors, atoms, gram=gram, algorithm="lasso_cd", alpha=alpha, max_iter=2000)
