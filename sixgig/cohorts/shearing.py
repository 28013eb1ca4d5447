"""Puts slices back where they belong when they were shifted against each other, as by a tilted CT gantry."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.geometry import Axes, Spacing, unsheared

Floats = npt.NDArray[np.float32]


def shear_back(array: npt.NDArray[Any], axes: Axes) -> tuple[Floats, Spacing]:
    """Resample a volume of sheared axes to orthogonal ones, slice by slice (linear), with room for all of it.

    See :func:`sixgig.cohorts.geometry.unsheared` for which axes span the slices.

    Args:
        array: [X, Y, Z, M].
        axes: Steps from voxel to voxel in mm, one column for each of X, Y, Z.

    Returns:
        float32 [X', Y', Z', M], X fastest in memory, with the least intensity of a channel where there was nothing; and
        its voxel size in mm.
    """
    from scipy import ndimage  # planning need not wait for it

    straight, order, moved = unsheared(axes)
    lengths = np.array([array.shape[axis] for axis in order])
    corners = moved @ np.array(list(itertools.product(*((0, length - 1) for length in lengths)))).T
    begin = np.floor(corners.min(axis=1) + 1e-6)
    shape = (np.ceil(corners.max(axis=1) - 1e-6) - begin).astype(int) + 1
    result = np.empty([shape[order.index(axis)] for axis in range(3)] + [array.shape[3]], np.float32, order="F")
    # Views with the slices' axes in front.
    source, target = (volume.transpose(*order, 3) for volume in (array, result))
    matrix = np.linalg.inv(moved[:2, :2])
    for channel in range(array.shape[3]):
        empty = float(array[..., channel].min())
        for index in range(lengths[2]):
            offset = matrix @ (begin[:2] - moved[:2, 2] * index)
            target[:, :, index, channel] = ndimage.affine_transform(
                source[:, :, index, channel].astype(np.float32),
                matrix, offset, tuple(shape[:2]), np.float32, order=1, mode="grid-constant", cval=empty,
            )  # fmt: skip
    x, y, z = np.linalg.norm(straight, axis=0)
    return result, (float(x), float(y), float(z))
