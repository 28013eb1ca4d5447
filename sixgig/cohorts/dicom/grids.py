"""Series of one patient as the channels of one volume: on the voxels of the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.dicom.volume import Read

if TYPE_CHECKING:
    from sixgig.cohorts.dicom.geometry import Grid

#: Grids are the same when their voxels are off by no more than this part of a voxel.
_SAME = 0.05


def on_one_grid(channels: Sequence[Read]) -> tuple[npt.NDArray[np.float32], list[tuple[int, str]]]:
    """Put volumes of one patient on the voxels of the first, by a linear interpolation where they lie on others.

    Returns:
        float32 [X, Y, Z, M], X fastest in memory, and index and text of what is to be known of a channel.
    """
    first = channels[0]
    if len(channels) == 1:
        return first.array, []
    result = np.empty((*first.array.shape[:3], len(channels)), np.float32, order="F")
    said = []
    for index, channel in enumerate(channels):
        if channel.frame_of_reference != first.frame_of_reference:
            said.append((index, "is of another frame of reference than the first channel: the patient may have moved"))
        if _same(channel, first):
            result[..., index] = channel.array[..., 0]
        else:
            result[..., index] = _resampled(channel, first)
            said.append((index, "lies on other voxels than the first channel: resampled to those, linearly"))
    return result, said


def _same(one: Read, other: Read) -> bool:
    if one.array.shape != other.array.shape:
        return False
    size = np.array(one.array.shape[:3]) - 1
    tolerance = _SAME * min(other.grid.spacing)
    corners = [np.zeros(3), *np.diag(size), size]
    return all(np.abs(_place(one.grid, corner) - _place(other.grid, corner)).max() <= tolerance for corner in corners)


def _place(grid: Grid, voxel: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    place: npt.NDArray[np.float64] = np.asarray(grid.origin) + (voxel * grid.spacing) @ grid.axes
    return place


def _resampled(moving: Read, fixed: Read) -> npt.NDArray[np.float32]:
    import SimpleITK as sitk  # noqa: N813

    least = float(moving.array.min())
    image, reference = _image(moving, sitk), _image(fixed, sitk)
    found = sitk.Resample(image, reference, sitk.Transform(), sitk.sitkLinear, least, sitk.sitkFloat32)
    array: npt.NDArray[np.float32] = sitk.GetArrayFromImage(found).transpose(2, 1, 0)
    return array


def _image(read: Read, sitk: Any) -> Any:
    image = sitk.GetImageFromArray(np.ascontiguousarray(read.array[..., 0].transpose(2, 1, 0)))
    image.SetOrigin(read.grid.origin)
    image.SetSpacing(read.grid.spacing)
    image.SetDirection(read.grid.axes.T.ravel().tolist())
    return image
