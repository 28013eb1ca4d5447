"""Tells the subject in a volume from what is around it."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sixgig.errors import ImageError

Foreground = Literal["nonzero", "all", "otsu"]
Mask = npt.NDArray[np.bool_]

#: Bytes of one channel that are looked at together: they and their mask stay in the processor's cache.
_SLAB = 1 << 18


def find_foreground(array: npt.NDArray[Any], kind: Foreground, source: str) -> Mask | None:
    """Return the foreground of a volume.

    Args:
        array: [X, Y, Z, M].
        kind: ``nonzero``: where any channel is not zero. ``all``: every voxel. ``otsu``: where any channel is above
            its threshold by Otsu (1979).
        source: The file, for the error message.

    Returns:
        [X, Y, Z], in memory in the order of ``array``; None for every voxel.

    Raises:
        ImageError: There is no foreground.
    """
    if kind == "all":
        return None
    channels = [unflipped(array[..., channel]) for channel in range(array.shape[3])]
    thresholds = [otsu(channel) for channel in channels] if kind == "otsu" else []
    mask = np.empty(array.shape[:3], dtype=bool, order="F")
    thickness = max(1, _SLAB // max(1, channels[0][:, :, 0].nbytes))
    one = np.empty((*array.shape[:2], thickness), dtype=bool, order="F")
    for start in range(0, array.shape[2], thickness):
        target = mask[:, :, start : start + thickness]
        scratch = one[:, :, : target.shape[2]]
        for number, channel in enumerate(channels):
            slab = channel[:, :, start : start + thickness]
            found = scratch if number else target
            if kind == "nonzero":
                np.not_equal(slab, 0, out=found)
            else:
                np.greater(slab, thresholds[number], out=found)
            if number:
                np.logical_or(target, scratch, out=target)
    if not mask.any():
        raise ImageError(source, "has no foreground: every voxel is zero", "restore the file from its archive")
    return mask[_flips(array)]


def unflipped(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view whose axes all run forwards in memory, which numpy handles faster."""
    return array[_flips(array)]


def _flips(array: npt.NDArray[Any]) -> tuple[slice, ...]:
    return tuple(slice(None, None, -1 if step < 0 else None) for step in array.strides[:3])


def otsu(values: npt.NDArray[Any], bins: int = 256) -> float:
    """Return the threshold that separates values into two classes of least variance (Otsu 1979), from a histogram."""
    counts, edges = np.histogram(values, bins=bins)
    centres = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts), np.cumsum(counts[::-1])[::-1]
    sums = np.cumsum(counts * centres)
    means_below = sums / np.maximum(below, 1)
    means_above = (sums[-1] - np.concatenate([[0], sums[:-1]])) / np.maximum(above, 1)
    between = below[:-1] * above[1:] * (means_below[:-1] - means_above[1:]) ** 2
    return float(edges[1:-1][int(between.argmax())])
