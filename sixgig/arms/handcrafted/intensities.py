"""Features of how often each grey value occurs: everything here is computed from counts of the values 0 to 255."""

from __future__ import annotations

import numpy as np

#: First-order statistics in the order of their columns, by PyRadiomics' names. Its other two are left out: total
#: energy needs the spacing, and every other column is here.
FIRST_ORDER = (
    "Energy", "Entropy", "Minimum", "10Percentile", "90Percentile", "Maximum", "Mean", "Median", "InterquartileRange",
    "Range", "MeanAbsoluteDeviation", "RobustMeanAbsoluteDeviation", "RootMeanSquared", "StandardDeviation", "Skewness",
    "Kurtosis", "Variance", "Uniformity",
)  # fmt: skip
_LEVELS = np.arange(256, dtype=np.float64)


def histogram(counts: np.ndarray, bins: int) -> np.ndarray:
    """Return shares of grey values in equal bins of 0 to 255.

    Args:
        counts: How many pixels of each image have each grey value, [n, 256]; none is without pixels.
        bins: Number of bins.

    Returns:
        float64 [n, bins]; each row adds up to 1.
    """
    of_level = np.arange(256) * bins // 256
    shares = np.stack([counts[:, of_level == number].sum(axis=1) for number in range(bins)], axis=1)
    found: np.ndarray = shares / counts.sum(axis=1, keepdims=True)
    return found


def first_order(counts: np.ndarray, bin_width: int) -> np.ndarray:
    """Return PyRadiomics' first-order statistics of the pixels (van Griethuysen et al. 2017; formulas of version 3).

    Grey values are not shifted (``voxelArrayShift`` 0). Variance and standard deviation are those of the pixels (by n,
    not n - 1); kurtosis is 3 for a normal distribution; skewness and kurtosis of equal pixels are 0. Percentiles are
    interpolated linearly. Entropy and uniformity are of bins that begin at multiples of ``bin_width``.

    Args:
        counts: How many pixels of each image have each grey value, [n, 256]; none is without pixels.
        bin_width: Width of a bin in grey values.

    Returns:
        float64 [n, 18], columns as :data:`FIRST_ORDER`.
    """
    counts = counts.astype(np.float64)
    total = counts.sum(axis=1)
    shares = counts / total[:, None]
    mean = shares @ _LEVELS
    away = _LEVELS - mean[:, None]
    variance, third, fourth = ((shares * away**power).sum(axis=1) for power in (2, 3, 4))
    spread = np.where(variance > 0, variance, 1.0)
    present = counts > 0
    low, high = present.argmax(axis=1), 255 - present[:, ::-1].argmax(axis=1)
    p10, p25, p50, p75, p90 = (_percentile(counts, share) for share in (0.10, 0.25, 0.50, 0.75, 0.90))
    kept = counts * ((p10[:, None] <= _LEVELS) & (p90[:, None] >= _LEVELS))
    in_bins = np.stack([shares[:, start : start + bin_width].sum(axis=1) for start in range(0, 256, bin_width)], axis=1)
    square = shares @ _LEVELS**2
    columns = (
        square * total,
        -(in_bins * np.log2(in_bins + np.spacing(1))).sum(axis=1),
        low, p10, p90, high, mean, p50, p75 - p25, high - low,
        (shares * np.abs(away)).sum(axis=1),
        _mean_deviation(kept),
        np.sqrt(square), np.sqrt(variance),
        np.where(variance > 0, third / spread**1.5, 0.0), np.where(variance > 0, fourth / spread**2, 0.0),
        variance, (in_bins**2).sum(axis=1),
    )  # fmt: skip
    return np.stack(columns, axis=1)


def _percentile(counts: np.ndarray, share: float) -> np.ndarray:
    """Return a percentile of each row's pixels, interpolated linearly between two of them."""
    upto = counts.cumsum(axis=1)
    place = share * (upto[:, -1] - 1)
    below = np.floor(place)
    first, second = ((upto <= rank[:, None]).sum(axis=1) for rank in (below, np.ceil(place)))
    found: np.ndarray = first + (second - first) * (place - below)
    return found


def _mean_deviation(counts: np.ndarray) -> np.ndarray:
    """Return the mean distance of pixels from their mean; 0 where there are no pixels."""
    total = np.maximum(counts.sum(axis=1), 1.0)
    mean = counts @ _LEVELS / total
    found: np.ndarray = (counts * np.abs(_LEVELS - mean[:, None])).sum(axis=1) / total
    return found
