"""Confidence intervals from resampled subjects.

The subject is the unit: a resample draws subjects with replacement inside each class, and all repeats of a drawn
subject come with it. The statistic is the mean over repeats of the metric on the drawn subjects. Resamples depend on
the seed and the cohort's subjects and classes only, so every arm and classifier of a cohort sees the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.errors import TableError
from sixgig.metrics import Outcomes, outcomes, weighted_metrics

Floats = NDArray[np.float64]

#: Weights held at once: 2 million doubles are 16 MiB.
_MAX_WEIGHTS = 2_000_000


@dataclass(frozen=True)
class Interval:
    """An estimate with its percentile interval; all NaN when the metric is undefined."""

    estimate: float
    low: float
    high: float


def subject_weights(labels: NDArray[np.str_], n_resamples: int, seed: int) -> Iterator[Floats]:
    """Yield how often each resample draws each subject, in blocks of rows [up to n_resamples, n_subjects].

    Args:
        labels: Class of every subject; each class keeps its number of subjects.
        n_resamples: Resamples in all.
        seed: Seed.
    """
    generator = np.random.default_rng(np.random.SeedSequence(seed))
    block = max(1, _MAX_WEIGHTS // len(labels))
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
    """Estimate every metric with a percentile interval (Efron and Tibshirani, 1993, section 13.3).

    Args:
        predictions: ``tables.PREDICTIONS`` of one cohort, arm and classifier; every subject once in every repeat.
        n_resamples: Resamples of the subjects.
        seed: Seed of the resamples.
        confidence: Share of the resampled values inside the interval.
        positive: See ``sixgig.metrics.positive_class``.

    Returns:
        An interval per metric. Resamples in which a metric is undefined are left out of its interval.

    Raises:
        TableError: A repeat lacks a subject, or has one twice.
    """
    repeats = _repeats(predictions, positive)
    labels = np.asarray(repeats[0].classes)[repeats[0].true]
    estimates = _mean_over_repeats(repeats, np.ones((1, len(labels))))
    blocks = [_mean_over_repeats(repeats, weights) for weights in subject_weights(labels, n_resamples, seed)]
    tails = [50 * (1 - confidence), 50 * (1 + confidence)]
    intervals = {}
    for name, estimate in estimates.items():
        values = np.concatenate([block[name] for block in blocks])
        defined = values[~np.isnan(values)]
        low, high = np.percentile(defined, tails) if len(defined) else (np.nan, np.nan)
        intervals[name] = Interval(float(estimate[0]), float(low), float(high))
    return intervals


def _repeats(predictions: pd.DataFrame, positive: str | None) -> list[Outcomes]:
    """Return one set of outcomes per repeat, all in the order of the subject names."""
    rows = predictions.sort_values(["repeat", "subject_id"], kind="stable")
    parts = [part for _, part in rows.groupby("repeat", sort=True)]
    subjects = parts[0]["subject_id"].to_numpy() if parts else np.array([])
    if not len(subjects):
        raise TableError("predictions", "there are no rows", "delete the file and run snakemake again")
    for part in parts:
        if not np.array_equal(part["subject_id"].to_numpy(), subjects) or part["subject_id"].duplicated().any():
            raise TableError(
                "predictions",
                f"repeat {part['repeat'].iloc[0]} does not hold every evaluation subject exactly once",
                "delete the file of predictions and run snakemake again",
            )
    return [outcomes(part, positive) for part in parts]


def _mean_over_repeats(repeats: list[Outcomes], weights: Floats) -> dict[str, Floats]:
    values = [weighted_metrics(repeat, weights) for repeat in repeats]
    return {name: np.mean([value[name] for value in values], axis=0) for name in values[0]}
