"""Where the slices of a stack lie: their order, distance and directions, what is sheared, and what is in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.dicom.headers import Plane
from sixgig.cohorts.dicom.values import number
from sixgig.errors import ImageError

#: Slices are evenly spaced when no gap differs from the median by more than this part of it.
_UNEVEN = 0.1
#: Slices that drift by less than this part of a pixel, from the first to the last, lie above each other.
_DRIFT = 0.5
#: Axes that are off the body's by more than this are said to be oblique.
_OBLIQUE_DEGREES = 5.0
_SAME_DIRECTION = 1e-3
Three = tuple[float, float, float]


@dataclass(frozen=True)
class Geometry:
    """Where slices lie.

    Attributes:
        order: Places of the slices in what was given, along the normal.
        axes: Directions (DICOM's: left, posterior, superior) down a column, along a row, and of the normal.
        lengths: Voxel size in mm along these.
        shifts: For each slice in order how far it lies from the first, down a column and along a row, in mm; None when
            they lie above each other.
        origin: Where the first pixel of the first slice lies, in mm; of sheared slices the first pixel of all.
        remarks: What is in doubt.
    """

    order: npt.NDArray[np.intp]
    axes: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.float64]
    shifts: npt.NDArray[np.float64] | None
    origin: npt.NDArray[np.float64]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """Where the voxels of a volume in RAS order lie, in DICOM's axes (left, posterior, superior).

    Attributes:
        origin: Centre of the first voxel in mm.
        axes: Direction of each axis of the array, one a row.
        spacing: Voxel size along them in mm.
    """

    origin: tuple[float, float, float]
    axes: npt.NDArray[np.float64]
    spacing: tuple[float, float, float]


def arrange(planes: Sequence[Plane]) -> Geometry:
    """Find out where slices lie, by the positions and directions that each of them states.

    Raises:
        ImageError: A slice states no place, or the slices do not make one evenly spaced volume.
    """
    first = planes[0]
    place = first.source
    if any(plane.orientation is None or plane.position is None for plane in planes):
        raise ImageError(place, "has no position or direction of its slices", "restore the series")
    directions = np.asarray(first.orientation).reshape(2, 3)
    normal = np.cross(directions[0], directions[1])
    for plane in planes[1:]:
        same = np.allclose(np.asarray(plane.orientation).reshape(2, 3), directions, atol=_SAME_DIRECTION)
        if not same or plane.size != first.size:
            raise ImageError(place, "its series holds slices of several sizes or directions", "split the series")
    positions = np.array([plane.position for plane in planes], dtype=float)
    heights = np.array([float(np.dot(normal, position)) for position in positions])
    order = np.argsort(heights, kind="stable")
    gaps = np.diff(heights[order])
    gap = float(np.median(gaps)) if len(gaps) else 0.0
    if not gap > 0 or np.abs(gaps - gap).max() > _UNEVEN * gap:
        between = f"{gaps.min():.2f} to {gaps.max():.2f} mm apart" if len(gaps) else "alone"
        raise ImageError(
            place,
            f"its series has slices {between}: some are missing or present twice",
            "restore the missing slices, remove the second copies, or choose one of several volumes with select",
        )
    (row_mm, column_mm), tag = first.spacing
    axes = np.stack([directions[1], directions[0], normal])
    lengths = np.array([row_mm, column_mm, gap])
    remarks = _doubts(first, tag, gap)
    shifts = ((positions - positions[order[0]])[order]) @ axes[:2].T
    shifts_mm = np.ptp(shifts, axis=0)
    if (shifts_mm <= _DRIFT * lengths[:2]).all():
        return Geometry(order, axes, lengths, None, positions[order[0]], (*remarks, *_oblique(axes)))
    if (shifts_mm > np.array(first.size) * lengths[:2]).any():
        raise ImageError(
            place, f"its slices drift by {shifts_mm.max():.0f} mm, more than their own size", "restore the series"
        )
    drift = float(np.hypot(*(shifts[-1] - shifts[0])))
    degrees = float(np.degrees(np.arctan2(drift / (len(planes) - 1), gap)))
    sheared = (
        f"its slices are sheared by {degrees:.1f} degrees (a tilted gantry), {drift:.1f} mm over {len(planes)} slices: "
        "each was moved back to where it was taken"
    )
    origin = positions[order[0]] + shifts.min(axis=0) @ axes[:2]
    return Geometry(order, axes, lengths, shifts, origin, (*remarks, sheared, *_oblique(axes)))


def _doubts(first: Plane, tag: str, gap: float) -> list[str]:
    remarks = []
    if not tag:
        remarks.append("has no size of a pixel: taken as 1 mm by 1 mm")
    elif tag != "PixelSpacing":
        remarks.append(f"has no PixelSpacing: {tag} was taken, which is not corrected for magnification")
    stated = number(first.values, "SpacingBetweenSlices")
    if stated is not None and abs(abs(stated) - gap) > _UNEVEN * gap:
        remarks.append(
            f"its SpacingBetweenSlices is {abs(stated):g} mm, and its slices lie {gap:g} mm apart: the latter was taken"
        )
    return remarks


def _oblique(axes: npt.NDArray[np.float64]) -> list[str]:
    """Say by how much the axes are off the body's; each is turned to the nearest."""
    lengths = np.linalg.norm(axes, axis=1)
    off = float(np.degrees(np.arccos(np.clip(np.abs(axes).max(axis=1) / lengths, 0, 1))).max())
    if off <= _OBLIQUE_DEGREES:
        return []
    return [f"lies oblique by {off:.0f} degrees: its axes were taken for the nearest ones of the body"]


def unshear(
    stack: npt.NDArray[np.float32], shifts: npt.NDArray[np.float64], lengths: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Move each slice in its own plane to where it was taken, on a plane that is large enough for all of them.

    This is what dcm2niix does about a tilted gantry. Slices stay as they are but for a linear interpolation along the
    axis that is sheared.

    Args:
        stack: [rows, columns, slices].
        shifts: How far each slice lies from the first, down a column and along a row, in mm.
        lengths: Voxel size in mm.

    Returns:
        [rows, columns, slices], larger; what no slice covers has the least value of all.
    """
    least = stack.min()
    for axis in (0, 1):
        steps = (shifts[:, axis] - shifts[:, axis].min()) / lengths[axis]
        # What is next to nothing is rounding; a whole pixel more would soften every slice.
        steps = np.where(np.abs(steps - np.round(steps)) < 1e-3, np.round(steps), steps)
        extra = int(np.ceil(steps.max()))
        if extra == 0:
            continue
        length = stack.shape[axis]
        moved = np.moveaxis(np.full((*stack.shape[:axis], length + extra, *stack.shape[axis + 1 :]), least), axis, 0)
        source = np.moveaxis(stack, axis, 0)
        for index, step in enumerate(steps):
            whole, part = int(step), np.float32(step - int(step))
            one = np.full((length + 2, *source.shape[1:-1]), least, dtype=np.float32)
            one[1:-1] = source[..., index]
            # A slice that moves by a part of a pixel is between its pixel and the one before.
            between = one[1:] * (1 - part) + one[:-1] * part if part else one[1:]
            end = min(whole + len(between), len(moved))
            moved[whole:end, ..., index] = between[: end - whole]
        stack = np.moveaxis(moved, 0, axis)
    return stack


def turned(stack: npt.NDArray[np.float32], geometry: Geometry, place: str) -> tuple[npt.NDArray[np.float32], Grid]:
    """Turn [rows, columns, slices] to the nearest axes of the body: right, anterior, superior.

    Returns:
        float32 [X, Y, Z, 1], X fastest in memory, and where its voxels lie.

    Raises:
        ImageError: Two axes are nearest to the same axis of the body.
    """
    body = np.abs(geometry.axes).argmax(axis=1)
    if sorted(body) != [0, 1, 2]:
        raise ImageError(
            place, "its slices are too oblique to be turned to the axes of the body", "resample the series"
        )
    to_ras = np.array([-1.0, -1.0, 1.0])
    axes, origin = geometry.axes.copy(), geometry.origin.copy()
    for axis in range(3):
        if axes[axis, body[axis]] * to_ras[body[axis]] < 0:
            origin += (stack.shape[axis] - 1) * geometry.lengths[axis] * axes[axis]
            axes[axis] *= -1
            stack = np.flip(stack, axis)
    order = np.argsort(body)
    array = np.asfortranarray(np.transpose(stack, order)[..., None], dtype=np.float32)
    first, spacing = (tuple(map(float, three)) for three in (origin, geometry.lengths[order]))
    return array, Grid(cast(Three, first), axes[order], cast(Three, spacing))
