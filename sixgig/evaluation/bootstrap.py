"""Confidence intervals from resampled subjects.

The subject is the unit: a resample draws subjects with replacement inside each class, and all repeats of a drawn
subject come with it. The statistic is the mean over repeats of the metric on the drawn subjects. Resamples depend on
the seed and the cohort's subjects and classes only, so every arm and classifier of a cohort sees the same ones.
Where metrics count images, all images of a drawn subject come with it (the cluster bootstrap): images of one subject
are alike, and drawn one by one they would promise more certainty than there is.

Intervals are BCa (Efron, 1987, "Better bootstrap confidence intervals"): percentiles of the resampled values, moved for
the bias of the resamples and for how the spread changes with the truth. Where BCa is not defined they are plain
percentiles, and where resampling says nothing about certainty there is none; :attr:`Interval.method` says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from sixgig.errors import TableError
from sixgig.evaluation.clusters import Clusters
from sixgig.evaluation.metrics import Outcomes, outcomes, weighted_metrics
from sixgig.tables.predictions import IMAGE

Floats = NDArray[np.float64]

#: Weights held at once: 2 million doubles are 16 MiB.
_MAX_WEIGHTS = 2_000_000
#: Two values of a metric that differ by less are the same value, rounded differently.
_SAME = 1e-12
#: Share of the resamples that may miss a class and be left out.
_MAY_MISS = 0.05


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; NaN where there is none.

    Attributes:
        estimate: Mean over repeats of the metric on all subjects; NaN when it is undefined.
        low: Lower end.
        high: Upper end.
        method: ``bca``, ``percentile``, ``none: why``, or empty when there is no estimate.
    """

    estimate: float
    low: float
    high: float
    method: str = ""


def subject_weights(
    labels: NDArray[np.str_], n_resamples: int, seed: int, width: int | None = None
) -> Iterator[Floats]:
    """Yield how often each resample draws each subject, in blocks of rows [up to n_resamples, n_subjects].

    Args:
        labels: Class of every subject; each class keeps its number of subjects.
        n_resamples: Resamples in all.
        seed: Seed.
        width: Columns that the weights will be spread to, which bounds the blocks; the subjects when None.
    """
    generator = np.random.default_rng(np.random.SeedSequence(seed))
    block = max(1, _MAX_WEIGHTS // (width or len(labels)))
    for start in range(0, n_resamples, block):
        weights = np.zeros((min(block, n_resamples - start), len(labels)))
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            shares = np.full(len(members), 1 / len(members))
            weights[:, members] = generator.multinomial(len(members), shares, size=len(weights))
        yield weights


def bootstrap_intervals(
    predictions: pd.DataFrame, *, n_resamples: int, seed: int, confidence: float = 0.95, positive: str | None = None
) -> dict[str, Interval]:
    """Estimate every metric with its interval.

    Args:
        predictions: ``tables.PREDICTIONS`` of one cohort, arm and classifier; every subject, or every image, once in
            every repeat.
        n_resamples: Resamples of the subjects.
        seed: Seed of the resamples.
        confidence: Confidence level.
        positive: See ``sixgig.evaluation.metrics.positive_class``.

    Returns:
        An interval per metric. There is none (``none: why``) for a metric that would be undefined without one of the
        subjects, because the only subject of a class cannot be resampled, nor for one that is the same in every
        resample, such as the accuracy of a method that made no mistake: the bootstrap cannot see mistakes that the
        cohort does not hold, and a width of zero would look like certainty. Where a class is only on images of
        subjects that have others, too, a resample may miss it: such resamples are left out, and there is no interval
        when they are more than 5%.

    Raises:
        TableError: A repeat lacks a subject, or has one twice.
    """
    repeats, clusters = _repeats(predictions, positive)
    labels, n_rows = clusters.strata, len(clusters.members)
    estimates = _mean_over_repeats(repeats, [np.ones((1, n_rows))])
    resampled = _mean_over_repeats(repeats, clusters.spread(subject_weights(labels, n_resamples, seed, n_rows)))
    without_one = _mean_over_repeats(repeats, clusters.spread(_leave_one_out(len(labels), n_rows)))
    values = np.stack(list(resampled.values()))
    jackknife = np.stack(list(without_one.values()))
    centres = np.concatenate(list(estimates.values()))
    whole = ~np.isnan(values[~np.isnan(centres)]).any(axis=0)
    missed = float(1 - whole.mean())
    if 0 < missed <= _MAY_MISS:
        values = values[:, whole]
    bca_low, bca_high = bca_limits(centres, values, jackknife, labels, confidence)
    tails = [50 * (1 - confidence), 50 * (1 + confidence)]
    intervals = {}
    for row, name in enumerate(estimates):
        estimate, low, high = float(centres[row]), np.nan, np.nan
        if np.isnan(estimate):
            method = ""
        elif np.isnan(jackknife[row]).any():
            method = f"none: class {clusters.only(int(np.isnan(jackknife[row]).argmax()))!r} has one subject"
        elif np.isnan(values[row]).any():
            method = f"none: {100 * missed:.0f}% of the resamples lack a class"
        elif np.ptp(values[row]) <= _SAME:
            method = "none: every resample gives the same value"
        elif np.isnan(bca_low[row]):
            method = "percentile"
            low, high = np.percentile(values[row], tails)
        else:
            method, low, high = "bca", bca_low[row], bca_high[row]
        intervals[name] = Interval(estimate, float(low), float(high), method)
    return intervals


def bca_limits(
    estimates: Floats, resampled: Floats, jackknife: Floats, labels: NDArray[np.str_], confidence: float
) -> tuple[Floats, Floats]:
    """Return the ends of BCa intervals (Efron, 1987, equations 2.3 and 6.6), many statistics at a time.

    The acceleration is that of several samples, one per class, each with a jackknife of its own, since the resamples
    keep every class at its number of subjects.

    Args:
        estimates: Statistics on all subjects, [n_statistics].
        resampled: Their values on the resamples, [n_statistics, n_resamples].
        jackknife: Their values without one of the subjects, [n_statistics, n_subjects].
        labels: Class of every subject, [n_subjects].
        confidence: Confidence level.

    Returns:
        Lower and upper ends, [n_statistics] each. NaN where BCa is not defined: a value is missing, all resamples lie
        on one side of the estimate, no subject has any influence, or the correction passes its pole.
    """
    difference = resampled - estimates[:, None]
    ties = np.abs(difference) <= _SAME
    with np.errstate(invalid="ignore", divide="ignore"):
        # Half of the resamples that equal the estimate count as below it, which discrete metrics need.
        bias = ndtri(np.mean(np.where(ties, 0.5, difference < 0), axis=1))
        acceleration = _acceleration(jackknife, labels)
        ordered = np.sort(resampled, axis=1)
        ends = []
        for tail in (0.5 * (1 - confidence), 0.5 * (1 + confidence)):
            shifted = bias + ndtri(tail)
            pole = 1 - acceleration * shifted
            share = np.where(pole > 0, ndtr(bias + shifted / pole), np.nan)
            ends.append(_quantiles(ordered, share))
    undefined = ~np.isfinite(bias) | np.isnan(ends[0] + ends[1])
    low, high = (np.where(undefined, np.nan, end) for end in ends)
    return low, high


def _acceleration(jackknife: Floats, labels: NDArray[np.str_]) -> Floats:
    """Skewness of the subjects' influence over six, [n_statistics]; NaN when no subject has any."""
    cubes, squares = np.zeros(len(jackknife)), np.zeros(len(jackknife))
    for label in np.unique(labels):
        values = jackknife[:, labels == label]
        n = values.shape[1]
        influence = (n - 1) / n * (values.mean(axis=1, keepdims=True) - values)
        influence[np.abs(influence) <= _SAME] = 0.0
        cubes += (influence**3).sum(axis=1)
        squares += (influence**2).sum(axis=1)
    result: Floats = cubes / squares**1.5 / 6
    return result


def _quantiles(ordered: Floats, shares: Floats) -> Floats:
    """Return one quantile of each row, [n_rows], interpolated linearly as by ``numpy.quantile``."""
    places = np.nan_to_num(shares) * (ordered.shape[1] - 1)
    below = np.floor(places).astype(np.intp)
    rows = np.arange(len(ordered))
    left, right = ordered[rows, below], ordered[rows, np.minimum(below + 1, ordered.shape[1] - 1)]
    result: Floats = np.where(np.isnan(shares), np.nan, left + (places - below) * (right - left))
    return result


def _leave_one_out(n: int, width: int | None = None) -> Iterator[Floats]:
    """Yield weights that leave out each of n subjects in turn, in blocks of rows [up to n, n]."""
    block = max(1, _MAX_WEIGHTS // (width or n))
    for start in range(0, n, block):
        rows = np.arange(start, min(start + block, n))
        weights = np.ones((len(rows), n))
        weights[np.arange(len(rows)), rows] = 0.0
        yield weights


def _repeats(predictions: pd.DataFrame, positive: str | None) -> tuple[list[Outcomes], Clusters]:
    """Return one set of outcomes per repeat, all in the order of the names, and which rows are whose."""
    unit, name = ("image", IMAGE) if IMAGE in predictions else ("subject", "subject_id")
    rows = predictions.sort_values(list(dict.fromkeys(["repeat", "subject_id", name])), kind="stable")
    parts = [part for _, part in rows.groupby("repeat", sort=True)]
    names = parts[0][name].to_numpy() if parts else np.array([])
    if not len(names):
        raise TableError("predictions", "there are no rows", "delete the file and run snakemake again")
    for part in parts:
        if not np.array_equal(part[name].to_numpy(), names) or part[name].duplicated().any():
            raise TableError(
                "predictions",
                f"repeat {part['repeat'].iloc[0]} does not hold every evaluation {unit} exactly once",
                "delete the file of predictions and run snakemake again",
            )
    found = [outcomes(part, positive) for part in parts]
    classes = np.asarray(found[0].classes)[found[0].true]
    return found, Clusters.of(parts[0]["subject_id"].to_numpy(dtype=str), classes)


def _mean_over_repeats(repeats: list[Outcomes], blocks: Iterable[Floats]) -> dict[str, Floats]:
    """Return every metric, [n_sets], for blocks of weights, [up to n_sets, n_subjects] each."""
    parts: dict[str, list[Floats]] = {}
    for weights in blocks:
        values = [weighted_metrics(repeat, weights) for repeat in repeats]
        for name in values[0]:
            parts.setdefault(name, []).append(np.mean([value[name] for value in values], axis=0))
    return {name: np.concatenate(values) for name, values in parts.items()}
