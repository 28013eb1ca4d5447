"""Class probabilities from decision values: one slope, and one intercept per class, fitted on held-out subjects.

A classifier that weighs every class alike has decision values with a zero where two classes would be equally likely if
they were equally frequent. A temperature keeps that zero, so its scores promise a rare class too often. The intercepts
move it to where the classes are equally likely at the shares of the training subjects. With two classes this is Platt's
sigmoid (Advances in Large Margin Classifiers, 1999), with more it is bias-corrected temperature scaling (Alexandari,
Kundaje and Shrikumar, ICML 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

#: Least slope, for values of standard deviation 1: a higher value never makes a class less likely.
_LEAST_SLOPE = 1e-3


@dataclass(frozen=True)
class Probabilities:
    """softmax(slope * values + intercepts).

    Attributes:
        slope: Above 0.
        intercepts: One per class, [n_classes].
    """

    slope: float
    intercepts: Floats

    def of(self, values: Floats) -> Floats:
        """Return the probabilities of decision values, [n, n_classes]; rows add up to one."""
        result: Floats = softmax(self.slope * values + self.intercepts, axis=1)
        return result


def fit_probabilities(values: Floats, classes: Indices) -> Probabilities:
    """Return the slope and the intercepts that make softened classes most likely.

    A subject counts as (n_c + 1) / (n_c + n_classes) of its class c, and as 1 / (n_c + n_classes) of each other, as in
    Platt (1999, section 2.2): values that separate few subjects perfectly do not become certainties.

    Args:
        values: Decision values of held-out subjects, [n, n_classes]; higher is more like the class.
        classes: True class of each row, as a column index, [n]; every class occurs.
    """
    n_classes = values.shape[1]
    counts = np.bincount(classes, minlength=n_classes)
    unit = float(values.std()) or 1.0
    scaled, own = values / unit, np.eye(n_classes)[classes]
    targets = (1 + own * counts[classes][:, None]) / (counts[classes] + n_classes)[:, None]
    targets /= targets.sum(axis=1, keepdims=True)
    start = np.log(counts / counts.sum())

    def loss(parameters: Floats) -> tuple[float, Floats]:
        logits = parameters[0] * scaled + start + np.r_[0.0, parameters[1:]]
        excess = (softmax(logits, axis=1) - targets) / len(classes)
        value = float(np.mean(logsumexp(logits, axis=1) - (targets * logits).sum(axis=1)))
        return value, np.r_[(excess * scaled).sum(), excess.sum(axis=0)[1:]]

    bounds = [(_LEAST_SLOPE, None), *[(None, None)] * (n_classes - 1)]
    found = minimize(loss, np.r_[1.0, np.zeros(n_classes - 1)], jac=True, bounds=bounds, method="L-BFGS-B").x
    return Probabilities(float(found[0] / unit), start + np.r_[0.0, found[1:]])
