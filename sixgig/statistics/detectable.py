"""What a comparison could miss: the smallest true difference that it is likely to find."""

from __future__ import annotations

from functools import cache

import numpy as np

#: Points at which the distribution of the variance is averaged over.
_POINTS = 4000


def power(noncentrality: float, df: float, alpha: float) -> float:
    """Return the probability that a two-sided t-test rejects.

    The noncentral t distribution is a normal one, averaged over the chi-square distribution of the estimated variance
    (Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 2, 1995, section 31.2). SciPy's and
    statsmodels' own functions return NaN or a wrong root for few degrees of freedom at the small levels that a family
    of many pairs asks for, so the average is computed here.

    Args:
        noncentrality: True difference over the standard error of its estimate.
        df: Degrees of freedom.
        alpha: Level of the test.
    """
    from scipy.special import chdtri, ndtr
    from scipy.stats import t as student

    critical = float(student.isf(alpha / 2, df))
    upper_tails = (np.arange(_POINTS) + 0.5) / _POINTS
    limits = critical * np.sqrt(chdtri(df, upper_tails) / df)
    return float(np.mean(ndtr(noncentrality - limits) + ndtr(-noncentrality - limits)))


def detectable_difference(error: float, df: float, alpha: float, comparisons: int = 1, wanted: float = 0.8) -> float:
    """Return the true difference that the corrected resampled t-test finds with a wanted probability.

    The level is that of Bonferroni, ``alpha`` over the number of comparisons, with which Holm's correction begins. The
    probability is therefore at least the wanted one whatever the other pairs show; without correction the difference
    would be smaller, and would promise more than the corrected verdict can keep.

    Args:
        error: Corrected standard error of the mean difference, as estimated from the folds.
        df: Degrees of freedom.
        alpha: Level of the family.
        comparisons: Pairs in the family.
        wanted: Wanted probability.

    Returns:
        The difference, above zero; NaN when there is no error to estimate it from.
    """
    # With several seeds the degrees of freedom are no integers: those that are nearly equal share a search.
    return error * _noncentrality(round(df, 1), alpha / comparisons, wanted) if error > 0 else float("nan")


@cache
def _noncentrality(df: float, alpha: float, wanted: float) -> float:
    from scipy.optimize import brentq
    from scipy.stats import t as student

    # 30 degrees of freedom need about critical + 1; one degree needs up to critical * 3.
    high = 4 * float(student.isf(alpha / 2, df)) + 10
    return float(brentq(lambda value: power(value, df, alpha) - wanted, 0, high, xtol=1e-9))
