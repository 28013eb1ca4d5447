"""Which intensities of a volume or of a picture become 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.foreground import Mask, unflipped
from sixgig.errors import ImageError

_DEVIATIONS = 3.0
_UNSIGNED: dict[int, type[np.uint8] | type[np.uint16]] = {1: np.uint8, 2: np.uint16}


@dataclass(frozen=True)
class Normalisation:
    """How intensities become [0, 1].

    Attributes:
        method: ``percentile``: two percentiles of the foreground become 0 and 1. ``zscore``: three standard deviations
            below and above the foreground's mean do. ``range``: its least and its greatest do. ``window``: two
            intensities do (CT). ``stored``: those that the files themselves show as black and as white do.
        low: Lower percentile or intensity.
        high: Upper percentile or intensity.
    """

    method: Literal["percentile", "zscore", "range", "window", "stored"] = "percentile"
    low: float = 1.0
    high: float = 99.0


def find_range(
    channel: npt.NDArray[Any],
    mask: Mask | None,
    how: Normalisation,
    source: str,
    window: tuple[float, float] | None = None,
) -> tuple[np.float32, np.float32]:
    """Return the intensities that become 0 and 1.

    Args:
        channel: One channel, [X, Y, Z], X fastest in memory.
        mask: Its foreground, in memory in the same order; None for every voxel.
        how: The rule.
        source: The file, for the error message.
        window: The intensities that the file shows as black and as white, where it says so.

    Raises:
        ImageError: The foreground has no contrast, or the stored window is asked for, and none is stored.
    """
    if how.method == "stored":
        if window is None:
            raise ImageError(source, "stores no window, which normalise: {method: stored} asks for", "use percentile")
        return np.float32(window[0]), np.float32(window[1])
    if how.method == "window":
        return np.float32(how.low), np.float32(how.high)
    values: _Counts | _Values = (_Counts if _is_small(channel.dtype) else _Values)(channel, mask)
    if how.method == "percentile":
        low, high = (np.float32(value) for value in values.percentiles((how.low, how.high)))
        what = f"the {how.low:g}th and {how.high:g}th percentile of its foreground are both {low:g}"
    elif how.method == "range":
        low, high = (np.float32(value) for value in values.extremes())
        what = f"all of its foreground is {low:g}"
    else:
        mean, deviation = values.moments()
        low, high = np.float32(mean - _DEVIATIONS * deviation), np.float32(mean + _DEVIATIONS * deviation)
        what = f"all of its foreground is {mean:g}"
    if not high > low:
        raise ImageError(source, f"has no contrast: {what}", "restore the file from its original archive")
    return low, high


def scaled(values: npt.NDArray[Any], limits: tuple[np.float32, np.float32]) -> npt.NDArray[np.float32]:
    """Return values in [0, 1]: the first limit and what is below become 0, the second and what is above 1."""
    low, high = limits
    result = np.subtract(values, low, dtype=np.float32)
    np.divide(result, high - low, out=result)
    return np.clip(result, 0.0, 1.0, out=result)


class _Values:
    """The foreground's values, copied."""

    def __init__(self, channel: npt.NDArray[Any], mask: Mask | None) -> None:
        # In RAS order whatever the order in memory, because sums of floats depend on it.
        self._values = channel.T[mask.T] if mask is not None else channel.T.ravel().copy()

    def percentiles(self, wanted: tuple[float, float]) -> list[float]:
        """Return them as numpy does; may be called once."""
        return [float(value) for value in np.percentile(self._values, wanted, overwrite_input=True)]

    def extremes(self) -> tuple[float, float]:
        """Return the least and the greatest."""
        return float(self._values.min()), float(self._values.max())

    def moments(self) -> tuple[float, float]:
        """Return mean and standard deviation."""
        return float(self._values.mean(dtype=np.float64)), float(self._values.std(dtype=np.float64))


class _Counts:
    """How often each value of the foreground occurs: small integers are counted, which is faster than sorting them."""

    def __init__(self, channel: npt.NDArray[Any], mask: Mask | None) -> None:
        from sixgig.cohorts.counting import count_values  # loads a compiler, which not every cohort needs

        values = unflipped(channel).T.view(_UNSIGNED[channel.dtype.itemsize])
        counts = count_values(values, np.ones(values.shape, bool) if mask is None else unflipped(mask).T)
        if channel.dtype.kind == "i":  # negative values were counted after the positive ones
            counts = np.roll(counts, len(counts) // 2)
        self._least = int(np.iinfo(channel.dtype).min)
        self._counts = counts

    def percentiles(self, wanted: tuple[float, float]) -> list[float]:
        """Return them as numpy does."""
        below = np.cumsum(self._counts)
        found = []
        for percent in wanted:
            place = percent / 100 * (int(below[-1]) - 1)
            ranks = int(place), int(np.ceil(place))
            before, after = (int(np.searchsorted(below, rank, side="right")) for rank in ranks)
            found.append(self._least + before + (after - before) * (place - int(place)))
        return found

    def extremes(self) -> tuple[float, float]:
        """Return the least and the greatest."""
        there = np.flatnonzero(self._counts)
        return float(self._least + there[0]), float(self._least + there[-1])

    def moments(self) -> tuple[float, float]:
        """Return mean and standard deviation."""
        values = np.arange(len(self._counts), dtype=np.float64) + self._least
        number = float(self._counts.sum())
        mean = float((self._counts * values).sum() / number)
        return mean, float(np.sqrt((self._counts * (values - mean) ** 2).sum() / number))


def _is_small(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "iu" and dtype.itemsize in _UNSIGNED and dtype.isnative
