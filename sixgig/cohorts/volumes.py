"""Volumes: intensity normalisation, cropping, choice of slices, axial partitions, resampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.base import Volume
from sixgig.cohorts.images import fit, three_channels
from sixgig.errors import ImageError

_PERCENTILES = (1.0, 99.0)
#: Part of the axial extent left out at each end: the first slices of a head show little but its skin or its cap.
_AXIAL_MARGIN = 0.05


@dataclass(frozen=True)
class PreparedVolume:
    """A normalised, cropped volume.

    Attributes:
        array: float32 [X, Y, Z, M] in [0, 1], RAS orientation.
        spacing: Voxel size along X, Y, Z in mm.
        first_slice: Axial index of ``array[:, :, 0]`` in the volume before cropping.
    """

    array: npt.NDArray[np.float32]
    spacing: tuple[float, float, float]
    first_slice: int


def normalise_and_crop(volume: Volume, *, zero_background: bool, crop_mm: float | None) -> PreparedVolume:
    """Map each channel's 1st to 99th foreground percentile to [0, 1] and cut out the region of interest.

    Args:
        volume: Raw volume; its array is overwritten, so that no second copy is held.
        zero_background: The foreground is where any channel is not zero; else every voxel.
        crop_mm: In-plane side of the centre crop in mm (a smaller volume is kept whole), or None for the bounding box
            of the foreground.

    Raises:
        ImageError: There is no foreground, or a channel has no contrast in it.
    """
    array = volume.array
    mask: npt.NDArray[np.bool_] | None = None
    if zero_background:
        mask = np.zeros(array.shape[:3], dtype=bool, order="F")
        for channel in range(array.shape[3]):
            mask |= array[..., channel] != 0
    for channel, source in enumerate(volume.sources):
        # Transposed views run through memory in storage order (X fastest).
        plane = array[..., channel].T
        values = plane[mask.T] if mask is not None else plane.ravel().copy()
        if not values.size:
            raise ImageError(source, "has no foreground: every voxel is zero", "restore the file from its archive")
        low, high = (np.float32(value) for value in np.percentile(values, _PERCENTILES, overwrite_input=True))
        if not high > low:
            raise ImageError(
                source,
                f"has no contrast: the 1st and 99th percentile of its foreground are both {low:g}",
                "restore the file from its original archive",
            )
        np.subtract(plane, low, out=plane)
        np.divide(plane, high - low, out=plane)
        np.clip(plane, 0.0, 1.0, out=plane)
        if mask is not None:
            np.multiply(plane, mask.T, out=plane)
    if mask is None:
        mask = np.broadcast_to(np.True_, array.shape[:3])
    x, y, z = (_extent(np.asarray(mask.any(axis=axes))) for axes in ((1, 2), (0, 2), (0, 1)))
    if crop_mm is not None:
        x, y = (_centre(array.shape[axis], crop_mm / volume.spacing[axis]) for axis in (0, 1))
    return PreparedVolume(array[x, y, z], volume.spacing, z.start)


def _extent(present: npt.NDArray[np.bool_]) -> slice:
    indices = np.flatnonzero(present)
    return slice(int(indices[0]), int(indices[-1]) + 1)


def _centre(length: int, wanted: float) -> slice:
    kept = min(length, max(1, round(wanted)))
    start = (length - kept) // 2
    return slice(start, start + kept)


def choose_slices(n_slices: int, *, every: int | None = None, count: int | None = None) -> list[int]:
    """Choose axial positions, centred and evenly spread, without the outermost 5% at each end.

    Args:
        n_slices: Axial extent of the foreground.
        every: Take each ``every``-th slice.
        count: Take this many slices, or all when there are fewer.

    Returns:
        Ascending, distinct indices in ``range(n_slices)``; all within the margins when neither is given.
    """
    margin = int(n_slices * _AXIAL_MARGIN)
    inner = range(margin, n_slices - margin)
    if every is not None:
        return list(inner[(len(inner) - 1) % every // 2 :: every])
    if count is not None and count < len(inner):
        return [inner[int((position + 0.5) * len(inner) / count)] for position in range(count)]
    return list(inner)


def partition_of(index: int, n_slices: int, n_partitions: int) -> int:
    """Return which of ``n_partitions`` equal parts of the axial extent holds slice ``index``, from 0 at the bottom."""
    return index * n_partitions // n_slices


def slice_image(prepared: PreparedVolume, index: int, image_size: int) -> npt.NDArray[np.uint8]:
    """Return one axial slice as a picture, uint8 [image_size, image_size, 3].

    Anterior is at the top and the subject's left at the left; the aspect ratio is that of the body in mm.
    """
    row_mm, column_mm = prepared.spacing[1], prepared.spacing[0]
    channels = [
        fit(prepared.array[:, ::-1, index, channel].T, (image_size, image_size), (row_mm, column_mm))
        for channel in range(min(3, prepared.array.shape[3]))
    ]
    return three_channels(np.stack(channels))


def resample(prepared: PreparedVolume, size: tuple[int, int, int]) -> npt.NDArray[np.float16]:
    """Resample to ``size`` = (D, H, W) for 3D arms.

    The axial extent fills D; in-plane the aspect ratio in mm is kept, padded with zeros. D runs from bottom to top,
    and each plane is turned like the pictures of :func:`slice_image`. The filter is a triangle that widens with the
    reduction.

    Returns:
        float16 [D, H, W, M] in [0, 1].
    """
    depth, height, width = size
    array, spacing = prepared.array, prepared.spacing
    n_slices, n_channels = array.shape[2:]
    result = np.empty((depth, height, width, n_channels), dtype=np.float16)
    for position in range(depth):
        indices, weights = _triangle(position, n_slices, depth)
        for channel in range(n_channels):
            # A plain weighted sum, not a matrix product: its order of additions never depends on threads.
            plane = np.zeros(array.shape[:2], dtype=np.float32, order="F")
            for index, weight in zip(indices, weights, strict=True):
                plane += weight * array[:, :, index, channel]
            result[position, :, :, channel] = fit(plane[:, ::-1].T, (height, width), (spacing[1], spacing[0]))
    return result


def _triangle(position: int, n_in: int, n_out: int) -> tuple[list[int], npt.NDArray[np.float32]]:
    """Return the input indices and weights (sum 1) of output ``position`` under an antialiased linear filter."""
    scale = n_in / n_out
    support = max(scale, 1.0)
    centre = (position + 0.5) * scale - 0.5
    first, last = max(0, int(np.ceil(centre - support))), min(n_in - 1, int(np.floor(centre + support)))
    indices = np.arange(first, last + 1)
    weights = np.maximum(0.0, 1.0 - np.abs(indices - centre) / support)
    return indices.tolist(), (weights / weights.sum()).astype(np.float32)
