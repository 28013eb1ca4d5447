"""What is in doubt about where a volume's voxels lie, from their axes alone: one sentence for each kind of doubt.

The sentences of two files with the same trouble are equal, so that the report can count them; degrees are rounded up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Axes = npt.NDArray[np.float64]
Spacing = tuple[float, float, float]

#: Voxels of a body are not smaller or larger than this, in mm: beyond lies microscopy, or a header of another unit.
PLAUSIBLE = (0.05, 20.0)
#: Beyond this no header is believed, in mm.
BELIEVED = (1e-5, 1e3)
#: Slices count as those of the body up to this angle, in degrees: a head is rarely held straighter.
STRAIGHT = 5.0
#: Axes count as orthogonal up to this deviation in degrees: 5 mm over 30 cm.
ORTHOGONAL = 1.0
#: Shear that no gantry reaches, in degrees: such a header is damaged.
SHEAREST = 45.0
#: Degrees are told in steps of this many.
_STEP = 5
#: A volume is sliced across its thick axis when this is longer than both others by more than this factor. 3D sequences
#: stay below it (1.2 x 1 x 1 mm), stacks of 2D slices begin above it (3 mm and 1 mm).
THICK = 2.0


def up_to(degrees: float) -> str:
    """Return an angle in words, rounded up so that similar files get the same ones."""
    return f"up to {max(1, math.ceil(degrees / _STEP - 1e-3)) * _STEP} degrees"


def unit(axes: npt.NDArray[Any]) -> Axes:
    """Return columns of length 1."""
    return np.asarray(axes / np.linalg.norm(axes, axis=0), dtype=np.float64)


def span_space(axes: npt.NDArray[Any]) -> bool:
    """Whether three columns are finite and point into three directions."""
    if not np.isfinite(axes).all() or not (np.linalg.norm(axes, axis=0) > 0).all():
        return False
    return bool(abs(np.linalg.det(unit(axes))) > 0.1)


def nearest(axes: npt.NDArray[Any]) -> Axes:
    """Return nibabel's orientation of the columns: the axis of the body that each is nearest to, and its sign."""
    affine = np.eye(4)
    affine[:3, :3] = axes
    from nibabel.orientations import io_orientation  # planning need not wait for it

    return np.asarray(io_orientation(affine), dtype=np.float64)


def shear(axes: npt.NDArray[Any]) -> float:
    """Return how far the columns are from being orthogonal, in degrees: the largest of three angles."""
    directions = unit(axes)
    cosines = np.abs((directions.T @ directions)[np.triu_indices(3, 1)])
    return float(np.rad2deg(np.arcsin(np.clip(cosines.max(), 0, 1))))


class Unsheared(NamedTuple):
    """What makes three axes orthogonal.

    Attributes:
        axes: The orthogonal ones, in mm, a column for each axis.
        order: The two axes of a slice, and the one across.
        moved: [3, 3], upper triangular with ones on its diagonal: from a voxel's number along the axes in ``order`` to
            its place along the orthogonal ones, in their voxels.
    """

    axes: Axes
    order: tuple[int, int, int]
    moved: Axes


def unsheared(axes: npt.NDArray[Any]) -> Unsheared:
    """Find orthogonal axes: of the two columns that are farthest from it, the longer one leads from slice to slice."""
    directions, steps = unit(axes), np.linalg.norm(axes, axis=0)
    worst = max(combinations(range(3), 2), key=lambda two: abs(directions[:, two[0]] @ directions[:, two[1]]))
    across = max(worst, key=lambda axis: (round(float(steps[axis]), 3), axis))
    first, second = (axis for axis in range(3) if axis != across)
    order = (first, second, across)
    rotation, upper = np.linalg.qr(axes[:, order])
    signs = np.sign(np.diag(upper))
    rotation, upper = rotation * signs, upper * signs[:, None]
    orthogonal = np.empty((3, 3))
    orthogonal[:, order] = rotation * np.diag(upper)
    return Unsheared(orthogonal, order, upper / np.diag(upper)[:, None])


def tilt(axes: npt.NDArray[Any]) -> float:
    """Return how far orthogonal columns are from the axes of the body that they are nearest to, in degrees."""
    directions = unit(axes)
    sides = nearest(directions)[:, 0]
    if not np.isfinite(sides).all():
        return 90.0
    cosines = np.abs(directions[sides.astype(int), range(3)])
    return float(np.rad2deg(np.arccos(np.clip(cosines.min(), 0, 1))))


def apart(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Return the largest angle between columns of the same number, in degrees."""
    cosines = np.sum(unit(one) * unit(other), axis=0)
    return float(np.rad2deg(np.arccos(np.clip(cosines.min(), -1, 1))))


def doubts(axes: npt.NDArray[Any], shape: Sequence[int]) -> list[str]:
    """Say what is odd about a volume's axes.

    Args:
        axes: Steps from voxel to voxel in mm, one column for each axis.
        shape: Voxels along these axes; the step along an axis of one voxel says nothing.

    Returns:
        Ends of sentences that begin with the file.
    """
    said = []
    steps = np.linalg.norm(axes, axis=0)[np.asarray(shape[:3]) > 1]
    if len(steps) and not PLAUSIBLE[0] <= steps.min() <= steps.max() <= PLAUSIBLE[1]:
        said.append(
            f"has voxels smaller than {PLAUSIBLE[0]:g} mm or larger than {PLAUSIBLE[1]:g} mm: its unit or its header "
            "may be wrong"
        )
    angle = tilt(unsheared(axes).axes)
    if angle > STRAIGHT:
        said.append(f"lies obliquely, by {up_to(angle)}: slices follow its own axes, not those of the body")
    return said


def thick_axis(spacing: Spacing) -> int | None:
    """Return the axis across which a volume was cut into thick slices, or None when no axis is much longer."""
    order = np.argsort(spacing, kind="stable")
    return int(order[2]) if spacing[order[2]] > THICK * spacing[order[1]] else None
