"""Linear and RBF kernels that share their inner products, for a grid of support vector machines.

The squared distances of the RBF are |a|^2 + |b|^2 - 2 a.b, as in libsvm. They lose digits when the mean of the features
is large compared with their spread; features that come out of :class:`sixgig.classifiers.reduction.Reduction` are
centred.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Doubles in the rows that become a kernel at a time: 2 MiB, which stays in a core's cache.
_BLOCK = 262_144


class Products:
    """Inner products of subjects with the training subjects, [n_subjects, n_train], and the kernels made of them.

    Args:
        rows: Features of the subjects, [n_subjects, n_features].
        training: Features of the training subjects, [n_train, n_features]; the same array as ``rows`` for the
            training kernel, which is then symmetric to the last bit and costs half.

    Attributes:
        values: The inner products, which are the linear kernel.
    """

    def __init__(self, rows: Floats, training: Floats) -> None:
        self.values: Floats = rows @ training.T
        self._scratch: Floats | None = None
        self._symmetric = rows is training
        self._row_squares: Floats = np.einsum("ij,ij->i", rows, rows)
        self._training_squares: Floats = np.einsum("ij,ij->i", training, training)

    def rbf(self, gamma: float, out: Floats) -> Floats:
        """Write exp(-gamma |a - b|^2) into ``out`` and return it.

        Args:
            gamma: Width, above zero.
            out: [n_subjects, n_train]; may be ``values`` itself when the products are no longer needed.
        """
        step = max(1, _BLOCK // max(1, out.shape[1]))
        for start in range(0, len(out), step):
            rows = slice(start, start + step)
            block = out[rows]
            np.multiply(self.values[rows], 2 * gamma, out=block)
            # The sum of two norms is the same for (a, b) and (b, a), to the last bit; two subtractions would not be.
            block -= gamma * (self._row_squares[rows, None] + self._training_squares)
            np.minimum(block, 0.0, out=block)  # a distance is not negative, whatever rounding says
            np.exp(block, out=block)
        if self._symmetric:
            np.fill_diagonal(out, 1.0)
        return out

    def kernel(self, name: str, gamma: float, *, last: bool = False) -> Floats:
        """Return the linear kernel, which is ``values``, or the RBF kernel, [n_subjects, n_train].

        Args:
            name: ``linear`` or ``rbf``.
            gamma: Width of ``rbf``.
            last: Whether this is the last kernel asked for. It then takes the place of ``values``; else it lies in an
                array of its own, which the next RBF kernel overwrites.

        Raises:
            ValueError: There is no such kernel.
        """
        if name == "linear":
            return self.values
        if name != "rbf":
            raise ValueError(f"kernel {name!r} is neither linear nor rbf")
        if last:
            return self.rbf(gamma, self.values)
        if self._scratch is None:
            self._scratch = np.empty_like(self.values)
        return self.rbf(gamma, self._scratch)


def width(gamma: float | str, X: Floats) -> float:
    """Return the RBF width as a number; ``scale`` and ``auto`` mean what they mean for scikit-learn's ``SVC``.

    Args:
        gamma: A number above zero, ``scale`` (one over the number of features times their variance) or ``auto`` (one
            over the number of features).
        X: Features of the training subjects, [n_train, n_features].

    Raises:
        ValueError: It is none of these.
    """
    if gamma == "auto":
        return 1.0 / X.shape[1]
    if gamma == "scale":
        variance = float(X.var())
        return 1.0 / (X.shape[1] * variance) if variance > 0 else 1.0
    if isinstance(gamma, str) or not gamma > 0:
        raise ValueError(f"gamma {gamma!r} is neither a number above zero, scale nor auto")
    return float(gamma)
