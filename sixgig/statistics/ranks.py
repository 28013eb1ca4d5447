"""Ranks of methods over cohorts, Nemenyi's critical difference, and the groups that it cannot tell apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def rank_methods(scores: Floats, higher_is_better: bool) -> Floats:
    """Rank the methods of every cohort; 1 is the best, equal scores share the mean of their ranks.

    Args:
        scores: One row per cohort, one column per method, [n_cohorts, n_methods], without missing values.
        higher_is_better: Direction of the metric.

    Returns:
        Ranks in 1 to n_methods, [n_cohorts, n_methods].
    """
    from scipy.stats import rankdata

    ranks: Floats = rankdata(-scores if higher_is_better else scores, axis=1)
    return ranks


def place_among(scores: Floats, others: Floats, higher_is_better: bool) -> Floats:
    """Place that a further method would take among ranked ones, without changing their ranks.

    Args:
        scores: The further method's scores, [n_cohorts].
        others: Scores of the ranked methods, [n_cohorts, n_methods].
        higher_is_better: Direction of the metric.

    Returns:
        One more than the number of better methods, an equal one counting one half, [n_cohorts]; from 1 to
        n_methods + 1.
    """
    ahead = others > scores[:, None] if higher_is_better else others < scores[:, None]
    places: Floats = 1.0 + ahead.sum(axis=1) + 0.5 * (others == scores[:, None]).sum(axis=1)
    return places


def nemenyi_critical_difference(n_methods: int, n_cohorts: int, alpha: float = 0.05) -> float:
    """Difference of two average ranks from which Nemenyi's test tells two methods apart.

    CD = q sqrt(k (k + 1) / (6 N)) for k methods on N cohorts, with q the upper quantile of the studentised range for k
    means and infinitely many degrees of freedom over sqrt(2) (Demsar, Journal of Machine Learning Research 7, 2006,
    section 3.2.2). The greatest possible difference is k - 1, so that a larger CD can find nothing.

    Args:
        n_methods: k, at least 2.
        n_cohorts: N, at least 1.
        alpha: Level of the whole family of pairs.

    Raises:
        ValueError: There are fewer methods or cohorts than that.
    """
    from scipy.stats import studentized_range

    if n_methods < 2 or n_cohorts < 1:
        raise ValueError(f"a critical difference needs two methods and a cohort, got {n_methods} and {n_cohorts}")
    q = float(studentized_range.ppf(1 - alpha, n_methods, np.inf)) / np.sqrt(2)
    return float(q * np.sqrt(n_methods * (n_methods + 1) / (6 * n_cohorts)))


def indistinct_groups(average_ranks: Floats, critical_difference: float) -> list[list[int]]:
    """Find the largest groups of methods whose best and worst average rank differ by less than the critical difference.

    These are the crossbars of a critical-difference diagram. A method that is told apart from all others is a group of
    its own.

    Args:
        average_ranks: One per method, [n_methods].
        critical_difference: See :func:`nemenyi_critical_difference`.

    Returns:
        Indices of the methods of each group, best first; no group is part of another, and every method is in one.
    """
    order = [int(index) for index in np.argsort(average_ranks, kind="stable")]
    groups: list[list[int]] = []
    reached = 0  # how many of the ordered methods are in a group so far
    for start, best in enumerate(order):
        end = start + 1
        while end < len(order) and average_ranks[order[end]] - average_ranks[best] < critical_difference:
            end += 1
        if end > reached:
            groups.append(order[start:end])
            reached = end
    return groups


def group_numbers(groups: list[list[int]], n_methods: int) -> list[str]:
    """Return for every method the numbers of its groups, from 1; two methods that share one are not told apart.

    Args:
        groups: See :func:`indistinct_groups`.
        n_methods: Length of the result.

    Returns:
        Numbers in ascending order with a space between them, such as ``1 2``.
    """
    return [
        " ".join(str(number) for number, group in enumerate(groups, start=1) if method in group)
        for method in range(n_methods)
    ]
