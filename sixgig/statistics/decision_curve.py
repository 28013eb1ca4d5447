"""Decision curves (Vickers and Elkin, Medical Decision Making 26, 2006)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Threshold probabilities of a curve.
THRESHOLDS: Floats = np.arange(1, 100) / 100


def net_benefit(probability: Floats, positive: NDArray[np.bool_], prevalence: float) -> Floats:
    """Return the net benefit of treating those whose probability reaches each of :data:`THRESHOLDS`, [n_thresholds].

    It is sensitivity x prevalence - (1 - specificity) x (1 - prevalence) x t / (1 - t): true positives in a population
    of one, less the false positives, weighed by what the threshold t says a needless treatment costs against a missed
    one. Treating nobody has 0.

    Args:
        probability: Out-of-fold probability of the positive class at that prevalence, [n].
        positive: Which rows are positive, [n].
        prevalence: Share of positive subjects in the population.
    """
    treated = probability >= THRESHOLDS[:, None]
    found, wrong = treated[:, positive].mean(axis=1), treated[:, ~positive].mean(axis=1)
    result: Floats = found * prevalence - wrong * (1 - prevalence) * THRESHOLDS / (1 - THRESHOLDS)
    return result


def treat_all(prevalence: float) -> Floats:
    """Return the net benefit of treating everybody, [n_thresholds]."""
    return prevalence - (1 - prevalence) * THRESHOLDS / (1 - THRESHOLDS)
