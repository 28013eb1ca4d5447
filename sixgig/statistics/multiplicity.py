"""Many comparisons in one cohort: Holm's correction over the tests that are defined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Correct the p values of one family (Holm, Scandinavian Journal of Statistics 6, 1979).

    A test that was not defined has no p value: it stays NaN and does not count as a member of the family, because it
    could not have found anything. (statsmodels' ``multipletests`` gives the same, but collects garbage at every call,
    which took 0.1 s; a statistics stage has hundreds of families.)

    Args:
        p_values: Uncorrected p values; NaN where a test was not defined.

    Returns:
        Corrected p values in the same order.
    """
    values = np.array(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")[: np.count_nonzero(~np.isnan(values))]  # NaN is sorted to the end
    raw = values[order] * np.arange(len(order), 0, -1)
    values[order] = np.minimum(np.maximum.accumulate(raw), 1.0)
    return values


def holm_levels(p_values: Sequence[float], alpha: float) -> NDArray[np.float64]:
    """Return the level at which Holm's procedure compares every p value of a family.

    The smallest of m is compared with alpha / m, the next with alpha / (m - 1), and so on until one is not below its
    level; all that are left stand at that level. An interval at one minus this level excludes zero exactly where the
    corrected p value is below alpha.

    Args:
        p_values: Uncorrected p values; NaN where a test was not defined.
        alpha: Level of the family.

    Returns:
        The levels in the same order; NaN where a test was not defined.
    """
    values = np.array(p_values, dtype=np.float64)
    levels = np.full(len(values), np.nan)
    places = [int(place) for place in np.argsort(values, kind="stable") if not np.isnan(values[place])]
    open_tests = len(places)
    for place in places:
        levels[place] = alpha / open_tests
        if values[place] < levels[place]:
            open_tests -= 1
    return levels


def decide(difference: float, p_holm: float, alpha: float, higher_is_better: bool = True) -> str:
    """Return the verdict of one pair: ``a better``, ``b better``, ``within noise`` or ``not testable``.

    Args:
        difference: a minus b.
        p_holm: Corrected p value; NaN when the test was not defined.
        alpha: Level of the test.
        higher_is_better: Direction of the metric.
    """
    if np.isnan(p_holm):
        return "not testable"
    if p_holm >= alpha or difference == 0:
        return "within noise"
    return "a better" if (difference > 0) == higher_is_better else "b better"
