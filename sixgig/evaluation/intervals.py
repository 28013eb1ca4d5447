"""Estimates of the procedure, with intervals: how it does on new subjects, trained on such a sample.

The estimate is the mean of the metric over the test folds of all repeats. Its interval is not a bootstrap: resampling
subjects holds the fitted models and the repeats fixed, and it cannot see an error that a small class did not show.
Instead each class counts as :func:`sixgig.evaluation.effective.effective_numbers` says, and

- metrics that are linear in the classes' recalls join Jeffreys' intervals of the recalls (Brown, Cai and DasGupta,
  Statistical Science 16, 2001, section 4.2) by their squared distances from the estimate (Zou and Donner, Statistics in
  Medicine 27, 2008, MOVER);
- other metrics of the confusion matrix take the quantiles of the metric over matrices drawn row by row from a Dirichlet
  distribution, whose prior gives each recall Jeffreys' (Caelen, Annals of Mathematics and AI 81, 2017), moved to the
  estimate;
- the area under the ROC curve inverts Hanley and McNeil's variance as Wilson does the binomial's (Newcombe, Statistics
  in Medicine 25, 2006, method 5 with both class sizes);
- means over subjects (Brier) use their variance within classes, on the scale of logarithms.

``docs/method.md`` has formulas, and how often they cover the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

from sixgig.evaluation.bootstrap import Interval
from sixgig.evaluation.effective import effective_numbers
from sixgig.evaluation.metrics import METRICS, Metric, Outcomes, Resamples, metric_names, outcomes, weighted_metrics
from sixgig.tables.predictions import IMAGE

Floats = NDArray[np.float64]

#: Matrices drawn for metrics that are not linear in the recalls.
_DRAWS = 4000
#: Ends that are closer are one number, rounded differently.
_SAME = 1e-12
#: Areas under the ROC curve that are tried for the ends of an interval.
_AREAS = np.linspace(0.0005, 0.9995, 1999)


@dataclass(frozen=True)
class _Drawn(Resamples):
    """Confusion matrices in place of weights: what a metric of them is computed from."""

    matrices: Floats

    @property
    def confusion(self) -> Floats:
        return self.matrices


@dataclass(frozen=True)
class _Tested:
    """The predictions of one method in all repeats.

    Attributes:
        data: All predictions, [n].
        subjects: Subject of each, [n].
        rows: What each is of, the same number in every repeat, [n].
        fold: Number of the test fold of each, over all repeats, [n].
        repeats: Repeats of the cross-validation; runs with further seeds are none.
        seeds: Runs of these repeats, each with its own seed.
        folds: Test folds of a repeat.
        alpha: 1 minus the level of the intervals.
        seed: Seed of drawn matrices.
    """

    data: Outcomes
    subjects: NDArray[np.intp]
    rows: NDArray[np.intp]
    fold: NDArray[np.intp]
    repeats: int
    seeds: int
    folds: int
    alpha: float
    seed: int

    @cached_property
    def scores(self) -> dict[str, Floats]:
        """Every metric on every test fold, [n_folds]."""
        return weighted_metrics(self.data, (self.fold == np.arange(self.fold.max() + 1)[:, None]).astype(np.float64))

    @cached_property
    def confusion(self) -> Floats:
        """Mean over repeats of the numbers by true and predicted class, [n_classes, n_classes]."""
        n = len(self.data.classes)
        return np.bincount(self.data.true * n + self.data.predicted, minlength=n * n).reshape(n, n) / (
            self.repeats * self.seeds
        )

    @cached_property
    def counts(self) -> Floats:
        """Rows of each class, [n_classes]."""
        counts: Floats = self.confusion.sum(axis=1)
        return counts

    @cached_property
    def numbers(self) -> Floats:
        """Effective number of each class, [n_classes]."""
        _, first = np.unique(self.rows, return_index=True)
        right = np.bincount(self.rows, self.data.true == self.data.predicted) / np.bincount(self.rows)
        classes, subjects = self.data.true[first], self.subjects[first]
        n_classes = len(self.data.classes)
        return effective_numbers(right, classes, subjects, n_classes, repeats=self.repeats, folds=self.folds)

    def recalls(self, metric: Metric, estimate: float) -> tuple[float, float]:
        assert metric.weights is not None
        weights = metric.weights(self.counts, self.data.positive)
        used = weights > 0
        shares = np.diagonal(self.confusion)[used] / self.counts[used]
        low, high = jeffreys(shares, self.numbers[used], self.alpha)
        down, up = (np.sqrt(((weights[used] * (end - shares)) ** 2).sum()) for end in (low, high))
        return max(estimate - float(down), 0.0), min(estimate + float(up), 1.0)

    def drawn(self, metric: Metric, estimate: float) -> tuple[float, float]:
        pooled = float(metric.values(_Drawn(self.data, np.empty(0), self.confusion[None]))[0])
        ends = np.quantile(
            metric.values(_Drawn(self.data, np.empty(0), self._matrices)), [self.alpha / 2, 1 - self.alpha / 2]
        )
        low, high = (float(end) for end in ends + estimate - pooled)
        return max(min(low, estimate), -1.0), min(max(high, estimate), 1.0)

    @cached_property
    def _matrices(self) -> Floats:
        n = len(self.counts)
        prior = np.full((n, n), 0.5 / (n - 1))
        np.fill_diagonal(prior, 0.5)
        counts = self.confusion / self.counts[:, None] * self.numbers[:, None]
        generator = np.random.default_rng(np.random.SeedSequence(self.seed))
        gammas = generator.standard_gamma(counts + prior, size=(_DRAWS, n, n))
        result: Floats = gammas / gammas.sum(axis=2, keepdims=True) * self.counts[:, None]
        return result

    def ranks(self, metric: Metric, estimate: float) -> tuple[float, float]:
        del metric
        others = self.numbers.sum() - self.numbers
        errors = [area_error(_AREAS, a, b, self.folds) for a, b in zip(self.numbers, others, strict=True)]
        inside = np.abs(_AREAS - estimate) <= self._quantile * np.mean(errors, axis=0)
        near = _AREAS[inside]
        low, high = (near.min(), near.max()) if len(near) else (estimate, estimate)
        return min(float(low), estimate), 1.0 if high == _AREAS[-1] else max(float(high), estimate)

    def mean(self, metric: Metric, estimate: float) -> tuple[float, float]:
        assert metric.losses is not None
        losses = metric.losses(self.data)
        own = np.bincount(self.rows, losses) / np.bincount(self.rows)
        within = np.bincount(self.rows, losses**2) / np.bincount(self.rows) - own**2
        _, first = np.unique(self.rows, return_index=True)
        classes, variance = self.data.true[first], 0.0
        for index in np.flatnonzero(self.counts > 1):
            inside = classes == index
            spread = own[inside].var(ddof=1) + within[inside].mean()  # of one repeat
            variance += (self.counts[index] / self.counts.sum()) ** 2 * spread / self.numbers[index]
        factor = np.exp(self._quantile * np.sqrt(variance) / estimate) if estimate > 0 else 1.0
        return float(estimate / factor), float(estimate * factor)

    @property
    def _quantile(self) -> float:
        return float(ndtri(1 - self.alpha / 2))


def procedure_intervals(
    predictions: pd.DataFrame, *, alpha: float = 0.05, positive: str | None = None, seed: int = 0, seeds: int = 1
) -> dict[str, Interval]:
    """Estimate every metric of a procedure with its interval.

    Args:
        predictions: ``tables.PREDICTIONS`` of one cohort and method, or of several that a rule chose from, fold by
            fold; every subject, or every image, once in every repeat.
        alpha: 1 minus the level of the intervals.
        positive: See ``sixgig.evaluation.metrics.positive_class``.
        seed: Seed of drawn confusion matrices.
        seeds: Runs in the predictions, each with its own seed and all repeats (:func:`sixgig.evaluation.runs.joined`).
            They count as no further repeats; :func:`sixgig.evaluation.runs.with_spread` adds the spread between them.

    Returns:
        An interval per metric, whose method is ``jeffreys``, ``dirichlet``, ``newcombe``, ``log-normal``, or ``none:
        why``. A fold in which the metric is undefined is left out of the mean.

    Raises:
        TableError: A class has no score column, or a score is missing.
    """
    tested = _tested(predictions, alpha, positive, seed, seeds)
    makers = {
        "recalls": (tested.recalls, "jeffreys"),
        "confusion": (tested.drawn, "dirichlet"),
        "ranks": (tested.ranks, "newcombe"),
        "mean": (tested.mean, "log-normal"),
    }
    found = {}
    for name in metric_names(len(tested.data.classes)):
        metric, values = METRICS[name], tested.scores[name]
        defined = values[~np.isnan(values)]
        if not len(defined):
            found[name] = Interval(np.nan, np.nan, np.nan)
            continue
        estimate = float(defined.mean())
        missing = np.flatnonzero(tested.counts == 0)
        if len(missing):
            reason = f"none: class {tested.data.classes[missing[0]]!r} has no subjects"
            found[name] = Interval(estimate, np.nan, np.nan, reason)
            continue
        make, method = makers[metric.family]
        low, high = make(metric, estimate)
        if high - low <= _SAME:
            low, high, method = np.nan, np.nan, "none: it is the same for every subject of a class"
        found[name] = Interval(estimate, low, high, method)
    return found


def undefined_folds(predictions: pd.DataFrame, positive: str | None = None) -> dict[str, int]:
    """Return in how many test folds each metric is undefined, for those where it is in any."""
    scores = _tested(predictions, 0.05, positive, 0, 1).scores
    return {name: int(n) for name, values in scores.items() if (n := np.isnan(values).sum())}


def jeffreys(shares: Floats, n: Floats, alpha: float) -> tuple[Floats, Floats]:
    """Return equal-tailed intervals of shares under Jeffreys' prior; they reach 0 and 1 where the share does.

    Args:
        shares: Observed shares, [n_shares].
        n: Trials behind each, above 0, [n_shares]; need not be whole.
        alpha: 1 minus the level.
    """
    hits = shares * n
    misses = n - hits
    low = np.where(hits <= 1e-9, 0.0, betaincinv(hits + 0.5, misses + 0.5, alpha / 2))
    high = np.where(misses <= 1e-9, 1.0, betaincinv(hits + 0.5, misses + 0.5, 1 - alpha / 2))
    return low, high


def area_error(areas: Floats, n: float, others: float, folds: int) -> Floats:
    """Return the standard error of the mean over folds of the area under the ROC curve.

    Hanley and McNeil (Radiology 143, 1982, equation 2) for a fold of n / folds against others / folds, over the folds:
    a fold compares its own subjects only.

    Args:
        areas: True areas, [n_areas].
        n: Effective number of the class.
        others: That of all others.
        folds: Test folds of a repeat.
    """
    own, rest = np.maximum(n / folds, 1.0), np.maximum(others / folds, 1.0)
    higher, lower = areas / (2 - areas) - areas**2, 2 * areas**2 / (1 + areas) - areas**2
    variance = (areas * (1 - areas) + (own - 1) * higher + (rest - 1) * lower) / (own * rest) / folds
    result: Floats = np.sqrt(variance)
    return result


def _tested(predictions: pd.DataFrame, alpha: float, positive: str | None, seed: int, seeds: int) -> _Tested:
    unit = IMAGE if IMAGE in predictions else "subject_id"
    rows = predictions.sort_values(list(dict.fromkeys(["repeat", "fold", "subject_id", unit])), kind="stable")
    fold = np.asarray(rows.groupby(["repeat", "fold"], sort=True).ngroup(), dtype=np.intp)
    repeats = rows["repeat"].nunique()
    return _Tested(
        outcomes(rows, positive),
        np.unique(rows["subject_id"].to_numpy(dtype=str), return_inverse=True)[1],
        np.unique(rows[unit].to_numpy(dtype=str), return_inverse=True)[1],
        fold,
        repeats // seeds,
        seeds,
        max(1, round((fold.max() + 1) / repeats)),
        alpha,
        seed,
    )
