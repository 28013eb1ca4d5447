"""Smooth random fields: the source of every irregular shape and texture in the phantoms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

#: Standard deviation of a cubic B-spline sum with unit normal coefficients, per axis: sqrt of the mean of B3 squared.
_SPREAD = float(np.sqrt(151.0 / 315.0))


class SmoothField:
    """A unit-variance random field: cubic B-splines on a coarse grid with normal coefficients.

    Sampling is separable and needs no BLAS, so the same seed gives the same bits whatever the number of threads and
    however the volume is cut into slabs.

    Args:
        rng: Source of the coefficients.
        lengths: Extent of the volume along the array's axes, in mm, from coordinate 0.
        steps: Distance between coefficients along each axis, in mm; details are about twice that size.
    """

    def __init__(self, rng: np.random.Generator, lengths: Sequence[float], steps: Sequence[float]) -> None:
        self._steps = tuple(float(step) for step in steps)
        size = tuple(int(np.ceil(length / step)) + 4 for length, step in zip(lengths, self._steps, strict=True))
        scale = _SPREAD ** -len(size)
        self._grid: FloatArray = rng.standard_normal(size, dtype=np.float32) * np.float32(scale)

    def sample(self, *coordinates: FloatArray) -> FloatArray:
        """Return the field on the grid that the coordinate vectors span.

        Args:
            coordinates: One vector per axis, in mm, within [0, length].

        Returns:
            float32 array with one axis per vector.
        """
        values = self._grid
        for axis, (vector, step) in enumerate(zip(coordinates, self._steps, strict=True)):
            values = _interpolate(values, axis, np.asarray(vector, np.float64) / step)
        return values


def _interpolate(values: FloatArray, axis: int, position: npt.NDArray[np.float64]) -> FloatArray:
    position = np.clip(position, 0.0, values.shape[axis] - 4.0)
    first = np.floor(position).astype(np.intp)
    t = position - first
    weights = ((1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6, t**3 / 6)
    shape = [1] * values.ndim
    shape[axis] = -1
    total: FloatArray | None = None
    for offset, weight in enumerate(weights):
        term = np.take(values, np.minimum(first + offset, values.shape[axis] - 1), axis=axis)
        term *= weight.astype(np.float32).reshape(shape)
        total = term if total is None else np.add(total, term, out=total)
    assert total is not None
    return total


def ramp(depth: FloatArray, width: float) -> FloatArray:
    """Return the fraction of a voxel that lies inside a shape.

    Args:
        depth: Distance inside the shape's surface in mm (negative outside), any shape.
        width: Width in mm over which the fraction rises from 0 to 1: the voxel size for a sharp edge.
    """
    fraction = depth * np.float32(1.0 / width)
    fraction += np.float32(0.5)
    return np.clip(fraction, np.float32(0), np.float32(1), out=fraction)
