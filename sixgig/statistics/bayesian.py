"""The Bayesian correlated t-test: how probable it is that two methods are practically equivalent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sixgig.evaluation.seeds import SeedSpread
from sixgig.statistics.resampled import corrected_mean


class Posterior(NamedTuple):
    """Probabilities of the true mean difference; they add up to 1, or are all NaN.

    Attributes:
        below: It is below minus the region's half width.
        within: It is in the region of practical equivalence.
        above: It is above the region's half width.
    """

    below: float
    within: float
    above: float


def correlated_t_posterior(
    differences: NDArray[np.float64],
    n_test_over_n_train: float,
    half_width: float,
    spread: SeedSpread | None = None,
) -> Posterior:
    """Compute the posterior of the mean difference of two methods over one cohort's folds.

    With a flat prior, and folds that correlate by rho = n_test / n, the posterior is a Student t distribution with
    n - 1 degrees of freedom, located at the mean and scaled by sqrt((1/n + rho / (1 - rho)) s^2) (Corani and Benavoli,
    Machine Learning 100, 2015; Benavoli et al., JMLR 18, 2017). rho / (1 - rho) is n_test / n_train, so the scale is
    the error of Nadeau and Bengio's test.

    Differences that are all equal give no scale: the posterior would be a single point, and would claim certainty. The
    probabilities are NaN then.

    Args:
        differences: Score of one method minus the other's, one per repeat and fold.
        n_test_over_n_train: Test subjects over training subjects in a fold, 1 / (k - 1) for k folds.
        half_width: Differences of up to this size count as practically none.
        spread: See :func:`sixgig.statistics.resampled.corrected_mean`.

    Raises:
        ValueError: See :func:`sixgig.statistics.resampled.corrected_mean`; or the half width is below zero.
    """
    from scipy.stats import t as student

    if not half_width >= 0:
        raise ValueError(f"the region of practical equivalence needs a half width of at least zero, got {half_width}")
    found = corrected_mean(differences, n_test_over_n_train, spread)
    if found.error == 0:
        return Posterior(*[float("nan")] * 3)
    below = float(student.cdf((-half_width - found.mean) / found.error, found.df))
    above = float(student.sf((half_width - found.mean) / found.error, found.df))
    return Posterior(below, max(1 - below - above, 0.0), above)
