"""The corrected resampled t-test: cross-validation scores share training subjects, so they are not independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: A spread below this share of the largest difference is rounding.
_CONSTANT = 1e-12


@dataclass(frozen=True)
class ResampledTest:
    """Result of :func:`corrected_resampled_t_test`.

    Attributes:
        difference: Mean difference.
        ci_low: Lower end of the corrected interval.
        ci_high: Upper end of the corrected interval.
        t: Corrected statistic; NaN when all differences are equal.
        df: Degrees of freedom, number of differences - 1.
        p_value: Two-sided p value.
        effect_size: Mean difference over the standard deviation of the differences (Cohen's d_z); NaN when all are
            equal.
    """

    difference: float
    ci_low: float
    ci_high: float
    t: float
    df: int
    p_value: float
    effect_size: float


def corrected_resampled_t_test(
    differences: NDArray[np.float64], n_test_over_n_train: float, *, confidence: float = 0.95
) -> ResampledTest:
    """Test whether the mean of paired differences over folds and repeats is zero.

    t = mean / sqrt((1/n + n_test/n_train) * s^2), with s^2 the sample variance of the n differences and n - 1 degrees
    of freedom (Nadeau and Bengio, Machine Learning 52, 2003, section 5; for repeated k-fold cross-validation,
    Bouckaert and Frank, PAKDD 2004). The interval uses the same standard error.

    When all differences are equal there is no variance to estimate, and t and the effect size are NaN. If they are all
    zero the methods cannot be told apart: p is 1. If they are all the same non-zero number, p and the width of the
    interval are zero, the limits of the formula; that happens with few subjects or a control, and a reader should
    look at the folds themselves.

    Args:
        differences: Score of one method minus the other's, one per repeat and fold.
        n_test_over_n_train: Test subjects over training subjects in a fold, 1 / (k - 1) for k folds.
        confidence: Confidence of the interval.

    Raises:
        ValueError: Fewer than two differences, one is not finite, or the ratio is not above zero.
    """
    from scipy.stats import t as student

    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError("the corrected resampled t-test needs at least two finite differences")
    if not n_test_over_n_train > 0:
        raise ValueError(f"n_test_over_n_train must be above zero, got {n_test_over_n_train}")
    n, mean, deviation = len(values), float(values.mean()), float(values.std(ddof=1))
    if deviation <= _CONSTANT * np.abs(values).max():
        p_value = 1.0 if mean == 0 else 0.0
        return ResampledTest(mean, mean, mean, float("nan"), n - 1, p_value, float("nan"))
    error = deviation * np.sqrt(1 / n + n_test_over_n_train)
    t = mean / error
    half = float(student.ppf((1 + confidence) / 2, n - 1)) * error
    p_value = float(2 * student.sf(abs(t), n - 1))
    return ResampledTest(mean, float(mean - half), float(mean + half), float(t), n - 1, p_value, mean / deviation)
