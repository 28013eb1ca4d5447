"""Puts slices back where they belong when they were shifted against each other, as by a tilted CT gantry."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sixgig.cohorts.geometry import Axes, Spacing, unit

Floats = npt.NDArray[np.float32]


def shear_back(array: npt.NDArray[Any], axes: Axes) -> tuple[Floats, Spacing]:
    """Resample a volume of sheared axes to orthogonal ones, slice by slice (linear), with room for all of it.

    Of the three axes the two that are closest to orthogonal span the slices; the third becomes their normal.

    Args:
        array: [X, Y, Z, M].
        axes: Steps from voxel to voxel in mm, one column for each of X, Y, Z.

    Returns:
        float32 [X', Y', Z', M], X fastest in memory, with the least intensity of a channel where there was nothing; and
        its voxel size in mm.
    """
    directions = unit(axes)
    first, second = min(itertools.combinations(range(3), 2), key=lambda pair: _cosine(directions, pair))
    across = 3 - first - second
    order = [first, second, across]
    # axes = rotation @ upper: in a slice, and from slice to slice, places are `upper` times the voxel's number.
    upper = np.linalg.qr(axes[:, order])[1]
    upper *= np.sign(np.diag(upper))[:, None]
    steps = np.diag(upper)
    moved = upper / steps[:, None]  # in voxels of the new grid
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
    spacing = np.empty(3)
    spacing[order] = steps
    return result, (float(spacing[0]), float(spacing[1]), float(spacing[2]))


def _cosine(directions: Axes, pair: tuple[int, int]) -> float:
    return float(abs(directions[:, pair[0]] @ directions[:, pair[1]]))
