"""Volumes: cropping, normalisation of planes, choice of slices, axial partitions, resampling.

Voxels stay in their stored type until a plane of them is needed: most planes never are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.base import Volume
from sixgig.cohorts.foreground import Foreground, Mask, find_foreground, unflipped
from sixgig.cohorts.images import fit, three_channels
from sixgig.cohorts.normalisation import Normalisation, find_range
from sixgig.cohorts.resampling import triangle

Crop = Literal["foreground", "centre", "none"]
Box = tuple[slice, ...]

#: Part of the axial extent left out at each end: the first slices of a head show little but its skin or its cap.
_AXIAL_MARGIN = 0.05


@dataclass(frozen=True)
class PreparedVolume:
    """A cropped volume that is normalised plane by plane.

    Attributes:
        array: [X, Y, Z, M], RAS orientation, intensities as they were read.
        spacing: Voxel size along X, Y, Z in mm.
        first_slice: Axial index of ``array[:, :, 0]`` in the volume before cropping.
        ranges: For each channel the intensities that become 0 and 1.
        mask: Foreground [X, Y, Z]; what is outside becomes 0. None: everything is foreground.
    """

    array: npt.NDArray[Any]
    spacing: tuple[float, float, float]
    first_slice: int
    ranges: tuple[tuple[np.float32, np.float32], ...]
    mask: Mask | None

    def plane(self, index: int, channel: int) -> npt.NDArray[np.float32]:
        """Return an axial plane of one channel, float32 [X, Y] in [0, 1]."""
        low, high = self.ranges[channel]
        plane = np.subtract(self.array[:, :, index, channel], low, dtype=np.float32)
        np.divide(plane, high - low, out=plane)
        np.clip(plane, 0.0, 1.0, out=plane)
        if self.mask is not None:
            np.multiply(plane, self.mask[:, :, index], out=plane)
        return plane


def normalise_and_crop(
    volume: Volume,
    *,
    foreground: Foreground = "all",
    crop: Crop = "foreground",
    crop_mm: float | None = None,
    normalisation: Normalisation | None = None,
) -> PreparedVolume:
    """Cut out the region of interest and find what turns its intensities into [0, 1].

    Args:
        volume: Raw volume.
        foreground: ``nonzero``: where any channel is not zero. ``all``: every voxel. ``otsu``: where any channel is
            above its threshold by Otsu (1979).
        crop: ``foreground``: its bounding box. ``centre``: in-plane a centred square of ``crop_mm`` (a smaller volume
            is kept whole), axially the foreground's extent. ``none``: everything.
        crop_mm: Side of the centre crop in mm.
        normalisation: How intensities become [0, 1]; the 1st to 99th percentile when None.

    Raises:
        ImageError: There is no foreground, or a channel has no contrast in it.
    """
    array, mask = volume.array, find_foreground(volume.array, foreground, volume.sources[0])
    box: Box = tuple(slice(0, length) for length in array.shape[:3])
    if mask is not None and crop != "none":
        box = _bounding_box(mask)
    # The whole foreground sets the range of intensities, even the part that the centre crop leaves out.
    inner = None if mask is None else mask[box]
    how = normalisation or Normalisation()
    ranges = tuple(
        find_range(array[..., channel][box], inner, how, volume.sources[min(channel, len(volume.sources) - 1)])
        for channel in range(array.shape[3])
    )
    if crop == "centre" and crop_mm is not None:
        x, y = (_centre(array.shape[axis], crop_mm / volume.spacing[axis]) for axis in (0, 1))
        box = (x, y, box[2])
    return PreparedVolume(array[box], volume.spacing, box[2].start, ranges, None if mask is None else mask[box])


def _bounding_box(mask: Mask) -> Box:
    seen = unflipped(mask)  # in the order of memory, which takes a quarter of the time
    from_above = np.asarray(seen.any(axis=2))
    projections = [from_above.any(axis=1), from_above.any(axis=0), seen.any(axis=(0, 1))]
    extents = [_extent(np.asarray(projection)) for projection in projections]
    return tuple(
        slice(length - extent.stop, length - extent.start) if step < 0 else extent
        for extent, step, length in zip(extents, mask.strides, mask.shape, strict=True)
    )


def _extent(present: Mask) -> slice:
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
        fit(prepared.plane(index, channel)[:, ::-1].T, (image_size, image_size), (row_mm, column_mm))
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
    spacing = prepared.spacing
    n_slices, n_channels = prepared.array.shape[2:]
    result = np.empty((depth, height, width, n_channels), dtype=np.float16)
    for channel in range(n_channels):
        planes: dict[int, npt.NDArray[np.float32]] = {}
        for position in range(depth):
            indices, weights = triangle(position, n_slices, depth)
            # Neighbours share planes: the last ones are kept.
            planes = {index: planes[index] if index in planes else prepared.plane(index, channel) for index in indices}
            # A plain weighted sum, not a matrix product: its order of additions never depends on threads.
            plane = np.zeros(prepared.array.shape[:2], dtype=np.float32, order="F")
            for index, weight in zip(indices, weights, strict=True):
                plane += weight * planes[index]
            result[position, :, :, channel] = fit(plane[:, ::-1].T, (height, width), (spacing[1], spacing[0]))
    return result
