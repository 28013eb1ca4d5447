"""The corrected resampled t-test: cross-validation scores share training subjects, so they are not independent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sixgig.evaluation.seeds import SeedSpread, with_seeds

#: Scores come from a table of ten digits: a difference or a spread of less than this is rounding.
_ROUNDING = 1e-9
#: With fewer differences than these their own deviation says too little, see :func:`least_deviation`.
FEW = 5


@dataclass(frozen=True)
class CorrectedMean:
    """Mean of differences over folds, with the error that Nadeau and Bengio's variance gives it.

    Attributes:
        mean: Mean difference.
        deviation: Sample standard deviation of the differences, see :func:`least_deviation`; 0 when all are equal.
        error: Corrected standard error of the mean; 0 when all are equal.
        df: Degrees of freedom, number of differences - 1; Satterthwaite's where the error holds a spread between seeds.
    """

    mean: float
    deviation: float
    error: float
    df: float


@dataclass(frozen=True)
class ResampledTest:
    """Result of :func:`corrected_resampled_t_test`.

    Attributes:
        difference: Mean difference.
        ci_low: Lower end of the corrected interval; NaN when all differences are the same non-zero number.
        ci_high: Upper end of the corrected interval; NaN in the same case.
        t: Corrected statistic; NaN when all differences are equal.
        df: Degrees of freedom, see :class:`CorrectedMean`.
        p_value: Two-sided p value; NaN when all differences are the same non-zero number.
        effect_size: Mean difference over the standard deviation of the differences (Cohen's d_z); NaN when all are
            equal.
        error: Corrected standard error of the mean difference; 0 when all are equal.
    """

    difference: float
    ci_low: float
    ci_high: float
    t: float
    df: float
    p_value: float
    effect_size: float
    error: float


def ratio_of(given: float | Mapping[str, float], cohort: str) -> float:
    """Return the ratio of test to training subjects of a cohort, given one for all, or one for each."""
    return given[cohort] if isinstance(given, Mapping) else given


def least_deviation(family: Iterable[NDArray[np.float64]]) -> float:
    """Return the deviation that the tests of one family take at least: the median of it, where test folds are few.

    Scores are shares of a few subjects, so that three or four folds show nearly the same difference by chance. The
    deviation is then nearly zero, and among many tests some find a difference: in simulations of equal methods with
    three folds, once, 15% of studies had a pair called different in spite of Holm's correction. A constant against
    small deviations is known from tests of many genes on few samples (Tusher, Tibshirani and Chu, PNAS 98, 2001).
    From five test folds on there is no need of one.

    Args:
        family: Differences over folds of every test that is corrected together.

    Returns:
        The median over the tests with fewer than five differences that are not all equal; 0 where there is none.
    """
    few = [values for values in family if 2 <= len(values) < FEW]
    found = [deviation for values in few if (deviation := _deviation(np.asarray(values, np.float64)))]
    return float(np.median(found)) if found else 0.0


def corrected_mean(
    differences: NDArray[np.float64],
    n_test_over_n_train: float,
    spread: SeedSpread | None = None,
    least: float = 0.0,
) -> CorrectedMean:
    """Average paired differences over folds and repeats.

    The squared error is (1/n + n_test/n_train) * s^2, with s^2 the sample variance of the n differences (Nadeau and
    Bengio, Machine Learning 52, 2003, section 5; for repeated k-fold cross-validation, Bouckaert and Frank, PAKDD
    2004).

    Args:
        differences: Score of one method minus the other's, one per repeat and fold.
        n_test_over_n_train: Test subjects over training subjects in a fold, 1 / (k - 1) for k folds.
        spread: Where differences are means over seeds, the spread between these; see
            :func:`sixgig.evaluation.seeds.seed_variance`.
        least: See :func:`least_deviation`; only used where there are few differences that are not all equal.

    Raises:
        ValueError: Fewer than two differences, one is not finite, or the ratio is not above zero.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError("the corrected resampled t-test needs at least two finite differences")
    if not n_test_over_n_train > 0:
        raise ValueError(f"n_test_over_n_train must be above zero, got {n_test_over_n_train}")
    n, mean, deviation = len(values), float(values.mean()), _deviation(values)
    if deviation and n < FEW:
        deviation = max(deviation, least)
    error, df = float(deviation * np.sqrt(1 / n + n_test_over_n_train)), n - 1
    if spread is None:
        return CorrectedMean(mean, deviation, error, df)
    return CorrectedMean(mean, deviation, *with_seeds(error, df, spread))


def _deviation(values: NDArray[np.float64]) -> float:
    """Return the sample standard deviation; 0 where all values are equal but for rounding."""
    found = float(values.std(ddof=1))
    return found if found > _ROUNDING * max(1.0, np.abs(values).max()) else 0.0


def corrected_resampled_t_test(
    differences: NDArray[np.float64],
    n_test_over_n_train: float,
    *,
    confidence: float = 0.95,
    spread: SeedSpread | None = None,
    least: float = 0.0,
) -> ResampledTest:
    """Test whether the mean of paired differences over folds and repeats is zero.

    t is the mean over its corrected error, with n - 1 degrees of freedom; the interval uses the same error. See
    :func:`corrected_mean`.

    The correction takes two folds' scores to correlate by n_test / n, which is a rule of thumb. In simulations of
    equally good classifiers (``tests/unit/statistics/test_resampled.py``) it finds a difference at the 5% level in 2 to
    8 of 100 studies with three repeats of five folds, where the plain t-test does in 26 to 37. With ten repeats of ten
    folds and features that tell the classes apart poorly it was 10 of 100: more repeats do not make this test safer.

    When all differences are equal there is no variance to estimate, and t and the effect size are NaN. If they are all
    zero the methods cannot be told apart: p is 1. If they are all the same non-zero number, the test is not defined and
    p and the interval are NaN: their limits, a p of zero and an interval without width, would claim more than a few
    folds can know. It happens with few subjects, or when a perfect method is compared with a control; a test over
    subjects (:mod:`sixgig.statistics.mcnemar`) then still says something.

    The effect size is d_z because the test itself is based on it. Sizes from ranks, such as Cliff's
    delta, are left out on purpose: over folds they treat correlated scores as a sample, and they are 1 as soon as one
    method is ahead in every fold, however little. The number of subjects that only one of two methods gets right says
    the same with subjects as the unit; it is in ``mcnemar.csv``.

    Args:
        differences: Score of one method minus the other's, one per repeat and fold.
        n_test_over_n_train: Test subjects over training subjects in a fold, 1 / (k - 1) for k folds.
        confidence: Confidence of the interval.
        spread: See :func:`corrected_mean`.
        least: See :func:`least_deviation`.

    Raises:
        ValueError: See :func:`corrected_mean`.
    """
    from scipy.stats import t as student

    found = corrected_mean(differences, n_test_over_n_train, spread, least)
    nan = float("nan")
    if found.error == 0:
        limit, p_value = (0.0, 1.0) if abs(found.mean) <= _ROUNDING else (nan, nan)
        return ResampledTest(found.mean, limit, limit, nan, found.df, p_value, nan, 0.0)
    t = found.mean / found.error
    half = float(student.ppf((1 + confidence) / 2, found.df)) * found.error
    p_value = float(2 * student.sf(abs(t), found.df))
    return ResampledTest(
        found.mean,
        found.mean - half,
        found.mean + half,
        t,
        found.df,
        p_value,
        found.mean / found.deviation if found.deviation else nan,
        found.error,
    )
