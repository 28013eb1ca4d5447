"""Lasso codes for many vectors and several penalties at once, from the Gram matrix."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: An atom with less than this squared norm outside the span of the support cannot join it.
_DEPENDENT = 1e-10
#: Doubles in the largest temporary array: 128 MiB.
_MAX_DOUBLES = 1 << 24
#: Slots for atoms that a support starts with and grows by.
_SLOTS = 16


def batch_lasso(
    gram: Floats, products: Floats, squared_norms: Floats, alpha: float, *, tolerance: float = 1e-5
) -> Floats:
    """Minimise 1/2 ||y - D x||^2 + alpha ||x||_1 for every vector y; see :func:`batch_lasso_path`."""
    return batch_lasso_path(gram, products, squared_norms, [alpha], tolerance=tolerance)[0]


def batch_lasso_path(
    gram: Floats, products: Floats, squared_norms: Floats, alphas: Sequence[float], *, tolerance: float = 1e-5
) -> list[Floats]:
    """Minimise 1/2 ||y - D x||^2 + alpha ||x||_1 for every vector y and every alpha.

    scikit-learn's ``Lasso`` divides the first term by the length of y, so its alpha is this one over that length.

    The codes are piecewise linear in alpha; the homotopy (Osborne, Presnell and Turlach, 2000; Efron, Hastie,
    Johnstone and Tibshirani, 2004, section 3.1) walks from the alpha at which the code is empty down to the smallest
    wanted, one atom joining or leaving the support a step, all vectors together. Every code is then checked by its
    duality gap; one that ties between atoms led astray is finished by :func:`proximal_lasso`.

    Args:
        gram: D^T D, [n_atoms, n_atoms].
        products: Y D, [n_vectors, n_atoms].
        squared_norms: Squared l2 norm of every vector, [n_vectors].
        alphas: Penalties above zero, in any order.
        tolerance: Largest duality gap, relative to the objective.

    Returns:
        One code matrix [n_vectors, n_atoms] per alpha, in the order asked for.

    Raises:
        ValueError: An alpha is not above zero.
    """
    if not all(alpha > 0 for alpha in alphas):
        raise ValueError(f"alpha must be above zero, got {list(alphas)}")
    descending = sorted(set(alphas), reverse=True)
    chunk = max(1, _MAX_DOUBLES // (4 * len(gram) ** 2))
    parts = [
        _homotopy(gram, products[start : start + chunk], np.asarray(descending))
        for start in range(0, len(products), chunk)
    ]
    paths = np.concatenate(parts, axis=1) if parts else np.zeros((len(descending), *products.shape))
    found = {}
    for alpha, codes in zip(descending, paths, strict=True):
        gap, objective = duality_gap(gram, products, squared_norms, alpha, codes)
        wrong = np.flatnonzero(~(gap <= tolerance * objective))
        if len(wrong):
            start = np.where(np.isfinite(codes[wrong]), codes[wrong], 0.0)
            codes[wrong] = proximal_lasso(
                gram, products[wrong], squared_norms[wrong], alpha, start=start, tolerance=tolerance
            )
        found[alpha] = codes
    return [found[alpha] for alpha in alphas]


def _homotopy(gram: Floats, products: Floats, alphas: Floats) -> Floats:
    """Follow the path of every vector through the descending alphas; codes [n_alphas, n_vectors, n_atoms]."""
    n_vectors, n_atoms = products.shape
    paths = np.zeros((len(alphas), n_vectors, n_atoms))
    walk = _Walk(gram, products, alphas)
    for _ in range(8 * n_atoms):
        for level, vectors, codes in walk.arrive():
            paths[level, vectors] = codes
        if not len(walk.vectors):
            break
        walk.advance()
    return paths


class _Walk:
    """Where every vector is on its path. Row i of each array belongs to vector ``vectors[i]``.

    The support is kept in slots that need no order: ``atoms`` [n, slots] names the atom (-1: free), ``signs`` its
    sign, and ``inverse`` [n, slots, slots] is the inverse of the support's Gram matrix, zero in free slots.
    """

    def __init__(self, gram: Floats, products: Floats, alphas: Floats) -> None:
        self._gram, self._alphas = gram, alphas
        n = len(products)
        self.vectors = np.arange(n)
        self.codes = np.zeros_like(products)
        self.correlations = products.copy()
        self.penalty = np.abs(products).max(axis=1, initial=0.0)
        # The code is empty down to an alpha equal to the largest correlation.
        self.level = np.searchsorted(-alphas, -self.penalty)
        self.atoms = np.full((n, _SLOTS), -1)
        self.signs = np.zeros((n, _SLOTS))
        self.inverse = np.zeros((n, _SLOTS, _SLOTS))
        # Atoms that may not join: those in the support, those that depend on it, and for one step the one that left.
        self.barred = np.zeros(products.shape, dtype=bool)
        self.left = np.full(n, -1)
        self._join(np.arange(n), np.abs(products).argmax(axis=1))

    def arrive(self) -> list[tuple[int, NDArray[np.intp], Floats]]:
        """Return (index of alpha, vectors, codes) of those that reached an alpha, and drop those that are done."""
        arrived = []
        for level, alpha in enumerate(self._alphas):
            here = np.flatnonzero((self.level == level) & (self.penalty <= alpha))
            if len(here):
                arrived.append((level, self.vectors[here], self.codes[here]))
                self.level[here] += 1
        going = self.level < len(self._alphas)
        if not going.all():
            for name, array in vars(self).items():
                if not name.startswith("_"):  # the Gram matrix and the alphas belong to no vector
                    setattr(self, name, array[going])
        return arrived

    def advance(self) -> None:
        """Move every vector to the next place where an atom joins or leaves, or to its next alpha."""
        n = len(self.vectors)
        rows = np.arange(n)
        used = self.atoms >= 0
        change = np.einsum("nst,nt->ns", self.inverse, self.signs)
        direction = np.zeros_like(self.codes)
        row, slot = np.nonzero(used)
        direction[row, self.atoms[row, slot]] = change[row, slot]
        slope = direction @ self._gram
        to_alpha = self.penalty - self._alphas[self.level]
        to_leave, leaving = self._first_to_leave(change, used)
        to_join, joining = self._first_to_join(slope)
        length = np.minimum(np.minimum(to_alpha, to_leave), to_join)
        self.codes += length[:, None] * direction
        self.correlations -= length[:, None] * slope
        # Assigned, not subtracted, so that arriving is exact.
        arrives = length >= to_alpha
        self.penalty = np.where(arrives, self._alphas[self.level], self.penalty - length)
        self.left[:] = -1
        leaves = rows[~arrives & (to_leave <= to_join)]
        self._leave(leaves, leaving[leaves])
        joins = rows[~arrives & (to_leave > to_join)]
        self._join(joins, joining[joins])

    def _first_to_leave(self, change: Floats, used: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.intp]]:
        """Return how far the first coefficient is from zero, and its slot."""
        current = np.take_along_axis(self.codes, np.maximum(self.atoms, 0), axis=1)
        # A coefficient that has just joined is zero and moves away from it: its sign is that of its change.
        shrinking = used & (current * change < 0)
        far = np.full(change.shape, np.inf)
        np.divide(-current, change, out=far, where=shrinking)
        slot = far.argmin(axis=1)
        return far[np.arange(len(far)), slot], slot

    def _first_to_join(self, slope: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """Return how far the first further atom is from being as correlated as the support, and the atom."""
        far = np.full(slope.shape, np.inf)
        free = ~self.barred
        dropped = np.flatnonzero(self.left >= 0)
        free[dropped, self.left[dropped]] = False
        penalty = self.penalty[:, None]
        for sign in (1.0, -1.0):
            room, speed = penalty - sign * self.correlations, 1.0 - sign * slope
            distance = np.full(slope.shape, np.inf)
            np.divide(np.maximum(room, 0.0), speed, out=distance, where=free & (speed > 1e-12))
            far = np.minimum(far, distance)
        atom = far.argmin(axis=1)
        return far[np.arange(len(far)), atom], atom

    def _join(self, rows: NDArray[np.intp], atoms: NDArray[np.intp]) -> None:
        """Put an atom into the support of each row, unless it depends on the atoms there."""
        if not len(rows):
            return
        self.barred[rows, atoms] = True
        if (self.atoms[rows] >= 0).all(axis=1).any():
            self._grow()
        used = self.atoms[rows] >= 0
        border = np.where(used, self._gram[np.maximum(self.atoms[rows], 0), atoms[:, None]], 0.0)
        weights = np.einsum("nst,nt->ns", self.inverse[rows], border)
        rest = self._gram[atoms, atoms] - np.einsum("ns,ns->n", weights, border)
        independent = rest > _DEPENDENT
        rows, atoms, used, weights, rest = (array[independent] for array in (rows, atoms, used, weights, rest))
        slot = used.argmin(axis=1)
        weights[np.arange(len(rows)), slot] = -1.0
        self.inverse[rows] += weights[:, :, None] * weights[:, None, :] / rest[:, None, None]
        self.atoms[rows, slot] = atoms
        self.signs[rows, slot] = np.sign(self.correlations[rows, atoms])

    def _leave(self, rows: NDArray[np.intp], slots: NDArray[np.intp]) -> None:
        """Take the atom in a slot out of the support of each row."""
        if not len(rows):
            return
        atoms = self.atoms[rows, slots]
        column = self.inverse[rows, :, slots]
        pivot = column[np.arange(len(rows)), slots]
        self.inverse[rows] -= column[:, :, None] * column[:, None, :] / pivot[:, None, None]
        self.inverse[rows, slots, :] = 0.0
        self.inverse[rows, :, slots] = 0.0
        self.codes[rows, atoms] = 0.0
        self.atoms[rows, slots] = -1
        self.signs[rows, slots] = 0.0
        self.barred[rows, atoms] = False
        self.left[rows] = atoms

    def _grow(self) -> None:
        more = ((0, 0), (0, _SLOTS))
        self.atoms = np.pad(self.atoms, more, constant_values=-1)
        self.signs = np.pad(self.signs, more)
        self.inverse = np.pad(self.inverse, (*more, (0, _SLOTS)))


def proximal_lasso(
    gram: Floats,
    products: Floats,
    squared_norms: Floats,
    alpha: float,
    *,
    start: Floats,
    tolerance: float,
    max_iterations: int = 5000,
) -> Floats:
    """Improve codes by accelerated proximal gradient until their duality gap is small.

    FISTA (Beck and Teboulle, 2009), with the momentum of a vector restarted when it points uphill (O'Donoghue and
    Candes, 2015, section 3.2). Slow on correlated atoms, but ties cannot lead it astray. Codes that do not get there
    in ``max_iterations`` are counted in a warning in the log.

    Args:
        gram: See :func:`batch_lasso_path`.
        products: See there.
        squared_norms: See there.
        alpha: Penalty.
        start: Codes to start from, [n_vectors, n_atoms].
        tolerance: See :func:`batch_lasso_path`.
        max_iterations: Most iterations.
    """
    codes = start.copy()
    step = 1.0 / max(float(np.linalg.eigvalsh(gram)[-1]), np.finfo(float).tiny)
    active = np.arange(len(codes))
    x, ahead, momentum = codes.copy(), codes.copy(), np.ones(len(codes))
    for iteration in range(max_iterations + 1):
        if iteration % 10 == 0:
            gap, objective = duality_gap(gram, products[active], squared_norms[active], alpha, x)
            codes[active] = x
            going = ~(gap <= tolerance * objective)
            active, x, ahead, momentum = active[going], x[going], ahead[going], momentum[going]
            if not len(active):
                return codes
        moved = ahead + step * (products[active] - ahead @ gram)
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
