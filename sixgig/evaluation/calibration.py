"""Calibration: how often the event that a score predicts happens.

With two classes the score is that of the positive class, and the event is that the subject is positive; with more it is
the score of the predicted class, and the event is that the prediction is right. The calibration error depends on
how scores are put into bins, and it is above zero even for perfect scores, the more so the fewer subjects there are. So
it is not one of the study's metrics, among which the Brier score judges scores; it is shown next to the value that
perfect scores would have on the same subjects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from sixgig.evaluation.metrics import outcomes
from sixgig.tables.predictions import IMAGE

Floats = NDArray[np.float64]

#: Subjects in a bin, where there are enough for two bins, and the maximum number of bins.
_PER_BIN, _MOST_BINS = 15, 10
#: Simulated cohorts behind ``Reliability.error_if_calibrated``, and their seed.
_SIMULATIONS, _SEED = 500, 0


@dataclass(frozen=True)
class Reliability:
    """A reliability curve: one point per bin of about equally many predictions, in order of the score.

    Attributes:
        promised: Mean score in the bin, [n_bins].
        observed: Share of its predictions in which the event happened, [n_bins].
        low: Lower end of the interval of ``observed``, [n_bins].
        high: Upper end, [n_bins].
        n_subjects: Predictions in the bin divided by the number of repeats, [n_bins]; images where they are counted.
        error: Expected calibration error: mean over predictions of the distance of their bin from the diagonal.
        error_if_calibrated: What that error would be on average if every score were the true probability.
    """

    promised: Floats
    observed: Floats
    low: Floats
    high: Floats
    n_subjects: Floats
    error: float
    error_if_calibrated: float


def reliability(predictions: pd.DataFrame, positive: str | None = None, alpha: float = 0.05) -> Reliability:
    """Compute the reliability curve of one method.

    The predictions of all repeats are pooled. Repeats predict the same subjects again, so a bin's interval counts its
    predictions over the number of repeats, as if further repeats told nothing new. Equal scores share a bin; scores
    that are all equal make one bin. Where a subject has several images, a bin's number is divided by the design effect
    as well (Rao and Scott, Biometrics 48, 1992): images of one subject are alike and tell less than as many subjects.

    Args:
        predictions: ``tables.PREDICTIONS`` of one cohort, arm and classifier.
        positive: See :func:`sixgig.evaluation.metrics.positive_class`.
        alpha: 1 minus the level of the intervals.

    Raises:
        TableError: A class has no score column, or a score is missing.
    """
    unit = IMAGE if IMAGE in predictions else "subject_id"
    rows = predictions.sort_values(list(dict.fromkeys(["repeat", "subject_id", unit])), kind="stable")
    data = outcomes(rows, positive)
    if len(data.classes) == 2:
        promise, kept = data.scores[:, data.positive], data.true == data.positive
    else:
        promise, kept = data.scores[np.arange(len(rows)), data.predicted], data.true == data.predicted
    names, codes = np.unique(rows[unit].to_numpy(dtype=str), return_inverse=True)
    subjects, members = np.unique(rows["subject_id"].to_numpy(dtype=str), return_inverse=True)
    repeats = rows["repeat"].nunique()
    n_bins = int(np.clip(len(names) // _PER_BIN, 1, _MOST_BINS))
    edges = np.unique(np.quantile(promise, np.arange(1, n_bins) / n_bins))
    _, bins = np.unique(np.searchsorted(edges, promise, side="right"), return_inverse=True)
    counts = np.bincount(bins)
    promised, observed = np.bincount(bins, promise) / counts, np.bincount(bins, kept) / counts
    effect = design_effects(kept, bins, members, repeats) if len(subjects) < len(names) else 1.0
    low, high = wilson(observed, counts / repeats / effect, 1 - alpha)
    return Reliability(
        promised,
        observed,
        low,
        high,
        counts / repeats,
        float(np.abs(promised - observed) @ counts / counts.sum()),
        _error_if_calibrated(promise, codes, bins),
    )


def design_effects(kept: NDArray[np.bool_], bins: NDArray[np.intp], subjects: NDArray[np.intp], repeats: int) -> Floats:
    """How much more the share of a bin varies than if its images were independent, at least 1, [n_bins].

    It is the variance of a ratio of the subjects' totals over the binomial variance. Where all predictions of a bin are
    alike neither says anything, and each subject counts once.
    """
    effects = np.ones(int(bins.max()) + 1)
    for index in range(len(effects)):
        inside = bins == index
        _, codes = np.unique(subjects[inside], return_inverse=True)
        totals, sizes = np.bincount(codes, kept[inside]), np.bincount(codes)
        n, share = sizes.sum(), totals.sum() / sizes.sum()
        binomial = share * (1 - share) / (n / repeats)
        if binomial == 0 or len(sizes) == 1:
            effects[index] = n / repeats / len(sizes)
        else:
            found = len(sizes) / (len(sizes) - 1) * ((totals - sizes * share) ** 2).sum() / n**2
            effects[index] = found / binomial
    return np.maximum(effects, 1.0)


def _error_if_calibrated(promise: Floats, subjects: NDArray[np.intp], bins: NDArray[np.intp]) -> float:
    """Mean calibration error of outcomes drawn from the scores, one draw per subject, or image, for all its repeats.

    Outcomes drawn from the scores themselves are Broecker and Smith's (2007, section 3) consistency resampling.
    """
    generator = np.random.default_rng(_SEED)
    counts = np.bincount(bins)
    errors = np.empty(_SIMULATIONS)
    for number in range(_SIMULATIONS):
        kept = generator.random(subjects.max() + 1)[subjects] < promise
        errors[number] = np.abs(np.bincount(bins, promise - kept)).sum() / counts.sum()
    return float(errors.mean())


def wilson(shares: Floats, n: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return score intervals of shares (Wilson, 1927), which have a width at 0 and 1, too.

    Args:
        shares: Observed shares, [n_shares].
        n: Trials behind each, [n_shares]; need not be whole.
        confidence: Confidence level.
    """
    z = ndtri(0.5 * (1 + confidence))
    centre = (shares + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(shares * (1 - shares) / n + z**2 / (4 * n**2))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
