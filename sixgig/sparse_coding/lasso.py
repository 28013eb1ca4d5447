"""Lasso codes for many vectors and several penalties: a compiled homotopy, checked by the duality gap."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from sixgig.sparse_coding.homotopy import follow_paths
from sixgig.sparse_coding.loops import Floats, Floats32, Vector, gram_matrix

#: Up to this number of atoms the Gram matrix is float64, which is still small.
_SMALL = 1024


def lasso_gram(dictionary: Floats, gram: Floats32 | None = None) -> Vector:
    """Return D D^T of atoms (rows) in the type in which paths are followed, [n_atoms, n_atoms].

    float64 for small dictionaries, so that atoms that hardly differ, as they do in features of few dimensions, join in
    their true order; float32 for large ones, where moving rows through memory takes the time.

    Args:
        dictionary: Atoms, one per row, [n_atoms, n_features].
        gram: Its ``gram_matrix``, when it has been computed already.
    """
    if len(dictionary) <= _SMALL:
        return dictionary @ dictionary.T
    return gram_matrix(dictionary) if gram is None else gram


def batch_lasso(
    dictionary: Floats, vectors: Floats, alpha: float, *, gram: Vector | None = None, tolerance: float = 1e-5
) -> Floats:
    """Minimise 1/2 ||y - D x||^2 + alpha ||x||_1 for every vector y; see :func:`batch_lasso_path`."""
    return batch_lasso_path(dictionary, vectors, [alpha], gram=gram, tolerance=tolerance)[0]


def batch_lasso_path(
    dictionary: Floats,
    vectors: Floats,
    alphas: Sequence[float],
    *,
    gram: Vector | None = None,
    tolerance: float = 1e-5,
) -> list[Floats]:
    """Minimise 1/2 ||y - D x||^2 + alpha ||x||_1 for every vector y and every alpha.

    scikit-learn's ``Lasso`` divides the first term by the length of y, so its alpha is this one over that length.

    :func:`sixgig.sparse_coding.homotopy.follow_paths` walks from the alpha at which the code is empty down to the
    smallest wanted. Every code is then checked by its duality gap, in float64 and without the Gram matrix; a code that
    went wrong at ties between atoms is finished by :func:`proximal_lasso`.

    Args:
        dictionary: Atoms, one per row, [n_atoms, n_features].
        vectors: Vectors to code, [n_vectors, n_features].
        alphas: Penalties above zero, in any order.
        gram: ``lasso_gram`` of the dictionary, when it has been computed already. Paths are followed in its type.
        tolerance: Largest duality gap, relative to the objective.

    Returns:
        One code matrix [n_vectors, n_atoms] per alpha, in the order asked for.

    Raises:
        ValueError: An alpha is not above zero.
    """
    if not all(alpha > 0 for alpha in alphas):
        raise ValueError(f"alpha must be above zero, got {list(alphas)}")
    dictionary, vectors = np.ascontiguousarray(dictionary), np.ascontiguousarray(vectors)
    if gram is None:
        gram = lasso_gram(dictionary)
    descending = sorted(set(alphas), reverse=True)
    paths = np.zeros((len(descending), len(vectors), len(dictionary)))
    products = vectors.astype(gram.dtype) @ dictionary.astype(gram.dtype).T
    follow_paths(dictionary, gram, vectors, products, np.asarray(descending), paths)
    found = {}
    for alpha, codes in zip(descending, paths, strict=True):
        gap, objective = duality_gap(dictionary, vectors, alpha, codes)
        wrong = np.flatnonzero(~(gap <= tolerance * objective))
        if len(wrong):
            start = np.where(np.isfinite(codes[wrong]), codes[wrong], 0.0)
            codes[wrong] = proximal_lasso(dictionary, vectors[wrong], alpha, start=start, tolerance=tolerance)
        found[alpha] = codes
    return [found[alpha] for alpha in alphas]


def proximal_lasso(
    dictionary: Floats,
    vectors: Floats,
    alpha: float,
    *,
    start: Floats,
    tolerance: float,
    max_iterations: int = 5000,
) -> Floats:
    """Improve codes by accelerated proximal gradient until their duality gap is small.

    FISTA (Beck and Teboulle, 2009), with the momentum of a vector restarted when it points uphill (O'Donoghue and
    Candes, 2015, section 3.2). This is slow on correlated atoms, but ties do no harm. Codes that are not finished after
    ``max_iterations`` are counted in a warning in the log.

    Args:
        dictionary: Atoms, one per row, [n_atoms, n_features].
        vectors: Vectors to code, [n_vectors, n_features].
        alpha: Penalty.
        start: Codes to start from, [n_vectors, n_atoms].
        tolerance: Largest duality gap, relative to the objective.
        max_iterations: Maximum number of iterations.
    """
    codes = start.copy()
    step = 1.0 / max(_largest_eigenvalue(dictionary), np.finfo(float).tiny)
    active = np.arange(len(codes))
    x, ahead, momentum = codes.copy(), codes.copy(), np.ones(len(codes))
    for iteration in range(max_iterations + 1):
        if iteration % 10 == 0:
            gap, objective = duality_gap(dictionary, vectors[active], alpha, x)
            codes[active] = x
            going = ~(gap <= tolerance * objective)
            active, x, ahead, momentum = active[going], x[going], ahead[going], momentum[going]
            if not len(active):
                return codes
        moved = ahead + step * ((vectors[active] - ahead @ dictionary) @ dictionary.T)
        new = np.sign(moved) * np.maximum(np.abs(moved) - step * alpha, 0.0)
        uphill = np.einsum("nm,nm->n", ahead - new, new - x) > 0
        grown = np.where(uphill, 1.0, (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0)
        speed = np.where(uphill, 0.0, (momentum - 1.0) / grown)
        ahead = new + speed[:, None] * (new - x)
        x, momentum = new, grown
    codes[active] = x
    logging.getLogger(__name__).warning(
        "lasso: %d of %d codes did not reach the tolerance in %d iterations", len(active), len(codes), max_iterations
    )
    return codes


def _largest_eigenvalue(dictionary: Floats) -> float:
    """Return the largest eigenvalue of D^T D, from the smaller side."""
    wide = dictionary.shape[0] > dictionary.shape[1]
    return float(np.linalg.eigvalsh(dictionary.T @ dictionary if wide else dictionary @ dictionary.T)[-1])


def duality_gap(dictionary: Floats, vectors: Floats, alpha: float, codes: Floats) -> tuple[Floats, Floats]:
    """Return each code's duality gap and objective, [n_vectors] each.

    The dual point is the residual r shrunk until no atom's inner product with it exceeds alpha.
    """
    residuals = vectors - csr_array(codes) @ dictionary  # codes are nearly all zeros
    squared = np.einsum("nd,nd->n", residuals, residuals)
    objective = 0.5 * squared + alpha * np.abs(codes).sum(axis=1)
    largest = np.abs(residuals @ dictionary.T).max(axis=1, initial=0.0)
    shrink = alpha / np.maximum(largest, alpha)
    dual = shrink * np.einsum("nd,nd->n", residuals, vectors) - 0.5 * shrink**2 * squared
    return objective - dual, objective
