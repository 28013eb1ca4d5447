"""Lasso codes for many vectors at once, from the Gram matrix."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Iterations between two looks at the duality gap.
_CHECK_EVERY = 10


def batch_lasso(
    gram: Floats,
    products: Floats,
    squared_norms: Floats,
    alpha: float,
    *,
    start: Floats | None = None,
    tolerance: float = 1e-5,
    max_iterations: int = 5000,
) -> Floats:
    """Minimise 1/2 ||y - D x||^2 + alpha ||x||_1 for every vector y.

    scikit-learn's ``Lasso`` divides the first term by the length of y, so its alpha is this one over that length.

    Accelerated proximal gradient (FISTA; Beck and Teboulle, 2009) with the momentum of a vector restarted when it
    points uphill (O'Donoghue and Candes, 2015, section 3.2). A vector is done, and leaves the batch, when its duality
    gap is at most ``tolerance`` times its objective, so the objective is within that share of the optimum.

    Args:
        gram: D^T D, [n_atoms, n_atoms].
        products: Y D, [n_vectors, n_atoms].
        squared_norms: Squared l2 norm of every vector, [n_vectors].
        alpha: Penalty, above zero.
        start: Codes to start from, such as those for a larger alpha; zeros by default.
        tolerance: Relative duality gap.
        max_iterations: Give up after so many, with a warning in the log.

    Returns:
        Codes, [n_vectors, n_atoms].

    Raises:
        ValueError: ``alpha`` is not above zero.
    """
    if not alpha > 0:
        raise ValueError(f"alpha must be above zero, got {alpha}")
    codes = np.zeros_like(products) if start is None else start.copy()
    lipschitz = float(np.linalg.eigvalsh(gram)[-1])
    active = np.flatnonzero(np.abs(products).max(axis=1, initial=0.0) > alpha)
    codes[np.setdiff1d(np.arange(len(codes)), active)] = 0.0
    step = 1.0 / max(lipschitz, np.finfo(float).tiny)
    x, target, norms = codes[active], products[active], squared_norms[active]
    ahead, momentum = x.copy(), np.ones(len(active))
    for iteration in range(max_iterations):
        if not len(active):
            break
        if iteration % _CHECK_EVERY == 0:
            gap, objective = duality_gap(gram, target, norms, alpha, x)
            going = gap > tolerance * objective
            codes[active[~going]] = x[~going]
            active, x, target, norms = active[going], x[going], target[going], norms[going]
            ahead, momentum = ahead[going], momentum[going]
        moved = ahead + step * (target - ahead @ gram)
        new = np.sign(moved) * np.maximum(np.abs(moved) - step * alpha, 0.0)
        uphill = np.einsum("nm,nm->n", ahead - new, new - x) > 0
        grown = np.where(uphill, 1.0, (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0)
        speed = np.where(uphill, 0.0, (momentum - 1.0) / grown)
        ahead = new + speed[:, None] * (new - x)
        x, momentum = new, grown
    if len(active):
        codes[active] = x
        logging.getLogger(__name__).warning(
            "lasso: %d of %d codes did not reach the tolerance in %d iterations",
            len(active),
            len(codes),
            max_iterations,
        )
    return codes


def duality_gap(
    gram: Floats, products: Floats, squared_norms: Floats, alpha: float, codes: Floats
) -> tuple[Floats, Floats]:
    """Return each code's duality gap and objective, [n_vectors] each.

    The dual point is the residual r shrunk until no atom's inner product with it exceeds alpha; all terms come from the
    Gram matrix: ||r||^2 = ||y||^2 - 2 x.D^T y + x.G x and r.y = ||y||^2 - x.D^T y.
    """
    fitted = codes @ gram
    aligned = np.einsum("nm,nm->n", codes, products)
    residual = np.maximum(squared_norms - 2.0 * aligned + np.einsum("nm,nm->n", codes, fitted), 0.0)
    objective = 0.5 * residual + alpha * np.abs(codes).sum(axis=1)
    largest = np.abs(products - fitted).max(axis=1, initial=0.0)
    shrink = alpha / np.maximum(largest, alpha)
    dual = shrink * (squared_norms - aligned) - 0.5 * shrink**2 * residual
    return objective - dual, objective
