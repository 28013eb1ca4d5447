"""Separable resampling with an antialiased linear filter, and where the filter's weights come from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def triangle(position: int, n_in: int, n_out: int) -> tuple[list[int], Floats]:
    """Return input indices and weights (sum 1) of output ``position`` under a triangle that widens with reduction."""
    scale = n_in / n_out
    support = max(scale, 1.0)
    centre = (position + 0.5) * scale - 0.5
    first, last = max(0, int(np.ceil(centre - support))), min(n_in - 1, int(np.floor(centre + support)))
    indices = np.arange(first, last + 1)
    weights = np.maximum(0.0, 1.0 - np.abs(indices - centre) / support)
    return indices.tolist(), (weights / weights.sum()).astype(np.float32)


def to_spacing(
    array: npt.NDArray[Any], spacing: tuple[float, float, float], wanted: tuple[float, float, float]
) -> tuple[Floats, tuple[float, float, float]]:
    """Resample a volume to another voxel size.

    Args:
        array: [X, Y, Z, M].
        spacing: Its voxel size in mm.
        wanted: The voxel size in mm; 0 leaves an axis alone.

    Returns:
        float32 [X', Y', Z', M], X fastest in memory, and its voxel size: the wanted one up to rounding of the lengths.
    """
    result = np.asarray(array, dtype=np.float32)
    reached = list(spacing)
    for axis in range(3):
        length = array.shape[axis]
        n_out = max(1, round(length * spacing[axis] / wanted[axis])) if wanted[axis] > 0 else length
        if n_out != length:
            result = _along(result, axis, n_out)
            reached[axis] = spacing[axis] * length / n_out
    return np.asfortranarray(result), (reached[0], reached[1], reached[2])


def _along(array: Floats, axis: int, n_out: int) -> Floats:
    shape = list(array.shape)
    shape[axis] = n_out
    result = np.zeros(shape, dtype=np.float32, order="F")
    source, target = np.moveaxis(array, axis, 0), np.moveaxis(result, axis, 0)
    for position in range(n_out):
        # A plain weighted sum, not a matrix product: its order of additions never depends on threads.
        for index, weight in zip(*triangle(position, len(source), n_out), strict=True):
            target[position] += weight * source[index]
    return result
