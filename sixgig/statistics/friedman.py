"""Tests of whether methods differ over cohorts, which are the blocks, and how likely they are to find a difference."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial, prod

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: A statistic closer than this share to the greatest possible one counts as equal to it: the rest is rounding.
_ROUNDING = 1e-9
#: Up to this many cohorts Wilcoxon's p value is computed from all combinations of signs, ties and zeros included.
_ALL_SIGNS = 13
#: The chance of finding the difference that :func:`cohorts_for_power` aims at.
WANTED_POWER = 0.8
#: Number of cohorts at which :func:`cohorts_for_power` gives up.
MOST_COHORTS = 160


@dataclass(frozen=True)
class FriedmanTest:
    """Result of :func:`friedman_test`.

    Attributes:
        chi2: Friedman's statistic, corrected for ties.
        f: Iman and Davenport's statistic; infinite when every cohort gives the same ranking.
        df_methods: Its first degrees of freedom, n_methods - 1.
        df_error: Its second degrees of freedom, (n_methods - 1)(n_cohorts - 1).
        p_value: p value of ``f``.
        kendall_w: Kendall's coefficient of concordance, from 0 (the cohorts agree on no ranking) to 1 (on one).
    """

    chi2: float
    f: float
    df_methods: int
    df_error: int
    p_value: float
    kendall_w: float


def friedman_test(scores: Floats) -> FriedmanTest:
    """Test whether any of three or more methods differs over cohorts, from the ranks within each cohort.

    Friedman's chi2 is corrected for ties; F = (N - 1) chi2 / (N (k - 1) - chi2) for k methods on N cohorts (Iman and
    Davenport 1980; Demsar, Journal of Machine Learning Research 7, 2006, section 3.2.2). When every cohort gives
    the same ranking F is infinite, and p is the exact chance of that: R^(1 - N), with R the number of rankings that
    have the same ties (k! without ties).

    Args:
        scores: One row per cohort, one column per method, [n_cohorts, n_methods], without missing values. The
            direction of the metric does not matter here.

    Raises:
        ValueError: Fewer than three methods or two cohorts, or all methods are equal on every cohort, for which
            the test is not defined.
    """
    from scipy.stats import f as fisher
    from scipy.stats import friedmanchisquare

    n_cohorts, n_methods = scores.shape
    if n_methods < 3 or n_cohorts < 2:
        raise ValueError(f"Friedman's test needs three methods and two cohorts, got {n_methods} and {n_cohorts}")
    if all_equal(scores):
        raise ValueError("Friedman's test is not defined when all methods are equal on every cohort")
    chi2 = float(friedmanchisquare(*scores.T).statistic)
    greatest = n_cohorts * (n_methods - 1)
    df_methods, df_error = n_methods - 1, (n_methods - 1) * (n_cohorts - 1)
    f = iman_davenport(chi2, n_methods, n_cohorts)
    rankings = factorial(n_methods) / prod(factorial(int(size)) for size in np.unique(scores[0], return_counts=True)[1])
    p_value = float(fisher.sf(f, df_methods, df_error)) if np.isfinite(f) else float(rankings ** (1 - n_cohorts))
    return FriedmanTest(chi2, f, df_methods, df_error, p_value, chi2 / greatest)


def iman_davenport(chi2: float, n_methods: int, n_cohorts: int) -> float:
    """Turn Friedman's chi2 into Iman and Davenport's F, which is less conservative; infinite at the greatest chi2."""
    greatest = n_cohorts * (n_methods - 1)
    rest = greatest - chi2
    return (n_cohorts - 1) * chi2 / rest if rest > _ROUNDING * greatest else float("inf")


def wilcoxon_test(scores: Floats) -> float:
    """Test whether two methods differ over cohorts, by Wilcoxon's signed ranks.

    Zero differences keep their ranks, half of them on either side (Demsar 2006, section 3.1.3). With up to 13 cohorts
    the p value is exact, ties and zeros included.

    Args:
        scores: One row per cohort, [n_cohorts, 2].

    Returns:
        The two-sided p value.

    Raises:
        ValueError: The two methods are equal on every cohort.
    """
    from scipy.stats import PermutationMethod, wilcoxon

    if all_equal(scores):
        raise ValueError("Wilcoxon's test is not defined when both methods are equal on every cohort")
    # Scores come from a file with ten digits: a difference beyond them is a tie.
    differences = np.round(scores[:, 0] - scores[:, 1], 9)
    method = PermutationMethod(n_resamples=2**_ALL_SIGNS) if len(differences) <= _ALL_SIGNS else "auto"
    return float(wilcoxon(differences, zero_method="zsplit", method=method).pvalue)


def all_equal(scores: Floats) -> bool:
    """Whether all methods have the same score on every cohort, [n_cohorts, n_methods]."""
    return bool((scores == scores[:, :1]).all())


def power(
    n_methods: int, n_cohorts: int, *, shift: float = 1.0, alpha: float = 0.05, seed: int = 0, n_simulations: int = 4000
) -> float:
    """Chance that the test over cohorts finds one method that is better than all others.

    Simulated: the scores of the methods on a cohort are independent normal deviates with standard deviation 1 about the
    cohort's own level, which ranks do not see, and one method's mean is raised by ``shift``. The test is the one that
    the report uses: Iman and Davenport's F, or Wilcoxon's signed ranks for two methods. This is the power for a
    difference chosen beforehand. Power for the difference that was seen is a function of the p value and says nothing
    beyond it (Hoenig and Heisey, The American Statistician 55, 2001), so it is not offered.

    Args:
        n_methods: Methods, at least 2.
        n_cohorts: Cohorts, at least 2.
        shift: How much better one method is, in standard deviations.
        alpha: Level of the test.
        seed: Seed of the simulation.
        n_simulations: Simulated studies; the standard error of the result is at most 0.5 / sqrt(n_simulations).

    Returns:
        Share of simulated studies in which the test finds a difference.
    """
    rng = np.random.default_rng([seed, n_methods, n_cohorts])
    scores = rng.standard_normal((n_simulations, n_cohorts, n_methods))
    scores[:, :, 0] += shift
    if n_methods == 2:
        return _wilcoxon_power(scores[:, :, 0] - scores[:, :, 1], alpha)
    from scipy.stats import f as fisher

    ranks = scores.argsort(axis=2).argsort(axis=2) + 1.0  # normal deviates have no ties
    spread = ((ranks.mean(axis=1) - (n_methods + 1) / 2) ** 2).sum(axis=1)
    chi2 = 12 * n_cohorts / (n_methods * (n_methods + 1)) * spread
    rest = n_cohorts * (n_methods - 1) - chi2
    critical = float(fisher.ppf(1 - alpha, n_methods - 1, (n_methods - 1) * (n_cohorts - 1)))
    # The same ranking on every cohort has an exact p value, as in friedman_test.
    same = rest <= _ROUNDING * n_cohorts * (n_methods - 1)
    by_chance = float(factorial(n_methods)) ** (1 - n_cohorts)
    return float(np.mean(np.where(same, by_chance < alpha, (n_cohorts - 1) * chi2 > critical * rest)))


def _wilcoxon_power(differences: Floats, alpha: float) -> float:
    """Share of rows of differences [n_simulations, n_cohorts] in which Wilcoxon's exact test finds something."""
    n_cohorts = differences.shape[1]
    ranks = np.abs(differences).argsort(axis=1).argsort(axis=1) + 1
    sums = np.where(differences > 0, ranks, 0).sum(axis=1)
    counts = np.ones(1)  # how many of the 2^n signs give each sum of positive ranks
    for rank in range(1, n_cohorts + 1):
        longer = np.zeros(len(counts) + rank)
        longer[: len(counts)] += counts
        longer[rank:] += counts
        counts = longer
    below = np.cumsum(counts) / counts.sum()
    p_values = np.minimum(1.0, 2 * below[np.minimum(sums, len(counts) - 1 - sums)])
    return float(np.mean(p_values < alpha))


def cohorts_for_power(
    n_methods: int, *, least: int, shift: float = 1.0, alpha: float = 0.05, seed: int = 0
) -> int | None:
    """Find how many cohorts give :func:`power` of :data:`WANTED_POWER`.

    Args:
        n_methods: Methods.
        least: The smallest number to consider.
        shift: How much better one method is, in standard deviations.
        alpha: Level of the test.
        seed: Seed of the simulation.

    Returns:
        The number of cohorts; None when it is above :data:`MOST_COHORTS`.
    """

    def enough(n_cohorts: int) -> bool:
        return power(n_methods, n_cohorts, shift=shift, alpha=alpha, seed=seed) >= WANTED_POWER

    low, high = least - 1, least  # the answer lies above low
    while not enough(high):
        if high >= MOST_COHORTS:
            return None
        low, high = high, min(2 * high, MOST_COHORTS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
