"""The difference of a metric between two methods on the same test subjects, with its bootstrap standard error.

The subject is the unit: a resample draws subjects with replacement inside each class, and all images of a drawn subject
come with it. Both methods see the same resamples, so what they share cancels.

The interval is the difference plus and minus a quantile of Student's t times the standard error of the resamples, and
not a percentile of them: of two methods that differ on a tenth of 100 subjects, 10 of one class, percentiles find 9%
and BCa 19% false differences at the level of 5%, this test 2%. A bootstrap draws from n subjects as if they were the
population, so its variance is too small by (n - 1) / n in every class (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, section 5.3); and the degrees of freedom are those of Welch and Satterthwaite over the classes. For
balanced accuracy of two classes it is Welch's t-test, with a standard error from resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from sixgig.evaluation.bootstrap import subject_weights
from sixgig.evaluation.clusters import Clusters
from sixgig.evaluation.metrics import METRICS, Resamples, outcomes
from sixgig.evaluation.seeds import SeedSpread, with_seeds
from sixgig.tables.predictions import IMAGE

Floats = NDArray[np.float64]

#: A standard error below this is rounding.
_CONSTANT = 1e-12
#: Share of the resamples that may miss a class and be left out.
_MAY_MISS = 0.05


@dataclass(frozen=True)
class Resampled:
    """A metric of one method on test subjects and on resamples of them.

    Attributes:
        estimate: On all subjects.
        values: On each resample, [n_resamples].
        without_one: Without each of the subjects, [n_subjects].
        strata: Stratum of each subject, [n_subjects].
    """

    estimate: float
    values: Floats
    without_one: Floats
    strata: NDArray[np.str_]


@dataclass(frozen=True)
class PairedDifference:
    """The difference of two methods.

    Attributes:
        difference: First minus second.
        standard_error: Its standard error; NaN where it cannot be told.
        df: Degrees of freedom.
    """

    difference: float
    standard_error: float
    df: float

    @property
    def p_value(self) -> float:
        """Two-sided p value; 1 where the methods do not differ at all, NaN where nothing varies or too few are left."""
        if self.standard_error > _CONSTANT:
            return float(2 * stats.t.sf(abs(self.difference) / self.standard_error, self.df))
        return 1.0 if self.standard_error == 0 and abs(self.difference) < _CONSTANT else float("nan")

    def with_seeds(self, spread: SeedSpread) -> PairedDifference:
        """Return it as one of means over seeds, with their spread in the error; as it is with one seed."""
        if spread.variance == 0 or np.isnan(self.standard_error):
            return self
        return PairedDifference(self.difference, *with_seeds(self.standard_error, self.df, spread))

    def interval(self, level: float) -> tuple[float, float]:
        """Return the ends of the interval with a confidence level; NaN where there is no standard error."""
        if not self.standard_error > _CONSTANT:
            return float("nan"), float("nan")
        half = float(stats.t.ppf((1 + level) / 2, self.df)) * self.standard_error
        return self.difference - half, self.difference + half


def resample_metric(
    predictions: pd.DataFrame, metric: str, *, n_resamples: int, seed: int, positive: str | None = None
) -> Resampled:
    """Compute a metric on test subjects and on resamples of them, which depend on the subjects and the seed alone.

    Args:
        predictions: ``tables.PREDICTIONS`` of one method; every test subject, or image, once in every repeat. The
            metric's mean over the repeats counts.
        metric: The metric.
        n_resamples: Resamples of the subjects.
        seed: Seed of the resamples.
        positive: See ``sixgig.evaluation.metrics.positive_class``.
    """
    names = [name for name in ("subject_id", IMAGE) if name in predictions]
    parts = [part.sort_values(names, kind="stable") for _, part in predictions.groupby("repeat", sort=True)]
    found = [outcomes(part, positive) for part in parts]
    classes = np.asarray(found[0].classes)[found[0].true]
    clusters = Clusters.of(parts[0]["subject_id"].to_numpy(dtype=str), classes)
    n_subjects, n_rows = len(clusters.strata), len(clusters.members)

    def values(weights: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            own = [METRICS[metric].values(Resamples(repeat, weights)) for repeat in found]
        return np.asarray(np.mean(own, axis=0), np.float64)

    blocks = clusters.spread(subject_weights(clusters.strata, n_resamples, seed, n_rows))
    resampled = np.concatenate([values(weights) for weights in blocks])
    rows = np.array_split(np.arange(n_subjects), max(1, n_subjects * n_rows // 2_000_000))
    without = [values((np.arange(n_subjects)[part, None] != clusters.members).astype(np.float64)) for part in rows]
    estimate = float(values(np.ones((1, n_rows)))[0])
    return Resampled(estimate, resampled, np.concatenate(without), clusters.strata)


def metric_of(predictions: pd.DataFrame, metric: str, positive: str | None = None) -> float:
    """Return a metric on all test subjects, its mean over the repeats; arguments as of :func:`resample_metric`."""
    found = [outcomes(part, positive) for _, part in predictions.groupby("repeat", sort=True)]
    with np.errstate(invalid="ignore", divide="ignore"):
        values = [METRICS[metric].values(Resamples(one, np.ones((1, len(one.true)))))[0] for one in found]
    return float(np.mean(values))


def paired_difference(a: Resampled, b: Resampled) -> PairedDifference:
    """Compare two methods that were resampled with the same seed on the same subjects.

    Returns:
        The difference. Its standard error is NaN where a class has one subject, where more than 5% of the resamples
        lack a class, or where the metric is undefined.
    """
    difference, nan = a.estimate - b.estimate, float("nan")
    resampled, jackknife = a.values - b.values, a.without_one - b.without_one
    defined = ~np.isnan(resampled)
    sizes, shares = [], []
    for stratum in np.unique(a.strata):
        own = jackknife[a.strata == stratum]
        sizes.append(len(own))
        shares.append((len(own) - 1) / len(own) * float(((own - own.mean()) ** 2).sum()))
    n, share = np.array(sizes, np.float64), np.array(shares)
    if n.min() < 2 or np.isnan(share).any() or np.isnan(difference) or defined.mean() < 1 - _MAY_MISS:
        return PairedDifference(difference, nan, nan)
    share[share < _CONSTANT**2] = 0.0
    if not share.any():
        return PairedDifference(difference, 0.0, nan)
    # Of independent classes the bootstrap gives (n - 1) / n of each one's variance.
    error = float(resampled[defined].std()) * np.sqrt(share.sum() / (share * (n - 1) / n).sum())
    return PairedDifference(difference, float(error), float(share.sum() ** 2 / (share**2 / (n - 1)).sum()))
