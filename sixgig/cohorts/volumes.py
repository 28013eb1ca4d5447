"""The way of one volume: from the voxels as they were read to pictures and to an array of one size.

Voxels stay in their stored type until a plane of them is needed: most planes never are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.base import Volume
from sixgig.cohorts.bias_field import correct_bias
from sixgig.cohorts.cropping import Box, bounding_box, centre
from sixgig.cohorts.foreground import Mask, find_foreground
from sixgig.cohorts.images import Filter, fit, three_channels
from sixgig.cohorts.normalisation import find_range, scaled
from sixgig.cohorts.planes import choose_plane, turn
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.resampling import to_spacing, triangle
from sixgig.cohorts.slices import choose_slices, partition_of
from sixgig.errors import ImageError
from sixgig.tables.planes import Plane


class Slice(NamedTuple):
    """One slice.

    Attributes:
        place: Number along the axis that stands on the slices, in the volume in RAS orientation before cropping.
        partition: Which of the equal parts along that axis holds it, from 0 at the bottom, the back or the left.
        picture: uint8 [image_size, image_size, 3].
    """

    place: int
    partition: int
    picture: npt.NDArray[np.uint8]


class PreparedVolume(NamedTuple):
    """What a volume becomes.

    Attributes:
        plane: In which it was sliced.
        slices: The chosen slices.
        resampled: All of it, float16 [D, H, W, M] with D across the slices; None when the recipe has no size for it.
    """

    plane: Plane
    slices: list[Slice]
    resampled: npt.NDArray[np.float16] | None


def prepare_volume(volume: Volume, recipe: Recipe) -> PreparedVolume:
    """Return the chosen slices, and the whole volume when the recipe has a size for it.

    Raises:
        ImageError: See :func:`planes_of`.
    """
    planes = planes_of(volume, recipe)
    number = planes.array.shape[2]
    slices = [
        Slice(
            planes.first_slice + index,
            partition_of(index, number, recipe.partitions),
            planes.picture(index, recipe.image_size, recipe.image_filter, recipe.image_crop),
        )
        for index in choose_slices(number, every=recipe.every, count=recipe.count)
    ]
    resampled = None if recipe.volume_size is None else planes.resampled(recipe.volume_size)
    return PreparedVolume(choose_plane(recipe.plane, volume.spacing), slices, resampled)


def planes_of(volume: Volume, recipe: Recipe) -> Planes:
    """Take a volume to the point where its planes can be read, in this order.

    Bias field, voxel size, turn to the plane, foreground, range of intensities, crop.

    Raises:
        ImageError: The bias field cannot be fitted, there is no foreground, or a channel has no contrast in it.
    """
    array, spacing, sources = volume.array, volume.spacing, volume.sources
    if recipe.n4:
        try:
            array = correct_bias(array, spacing)
        except RuntimeError as error:  # what SimpleITK raises
            reason = str(error).strip().splitlines()[-1]
            raise ImageError(sources[0], f"its bias field cannot be fitted: {reason}", "leave out n4") from error
    if recipe.spacing is not None:
        array, spacing = to_spacing(array, spacing, recipe.spacing)
    array, spacing = turn(array, spacing, choose_plane(recipe.plane, volume.spacing))
    mask = find_foreground(array, recipe.foreground, sources[0])
    box: Box = tuple(slice(0, length) for length in array.shape[:3])
    if mask is not None and recipe.crop != "none":
        box = bounding_box(mask)
    # All of the foreground counts for the intensities, also where the centre crop leaves it out.
    inner = None if mask is None else mask[box]
    ranges = tuple(
        find_range(
            array[..., channel][box],
            inner,
            recipe.normalisation,
            sources[min(channel, len(sources) - 1)],
            volume.window if array.shape[3] == 1 else None,
        )
        for channel in range(array.shape[3])
    )
    if recipe.crop == "centre" and recipe.crop_mm is not None:
        rows, columns = (centre(array.shape[axis], recipe.crop_mm / spacing[axis]) for axis in (0, 1))
        box = (rows, columns, box[2])
    return Planes(array[box], spacing, box[2].start, ranges, None if mask is None else mask[box])


@dataclass(frozen=True)
class Planes:
    """A cropped volume that is normalised plane by plane.

    Attributes:
        array: [U, V, W, M], intensities as they were read. Slices are counted along W; in a picture U runs to the right
            and V up. Axial: X, Y, Z of RAS orientation; see :func:`sixgig.cohorts.planes.turn` for other planes.
        spacing: Voxel size along U, V, W in mm.
        first_slice: Index along W of ``array[:, :, 0]`` in the volume before cropping.
        ranges: For each channel the intensities that become 0 and 1.
        mask: Foreground [U, V, W]; what is outside becomes 0. None: everything is foreground.
    """

    array: npt.NDArray[Any]
    spacing: tuple[float, float, float]
    first_slice: int
    ranges: tuple[tuple[np.float32, np.float32], ...]
    mask: Mask | None

    def plane(self, index: int, channel: int) -> npt.NDArray[np.float32]:
        """Return a plane of one channel, float32 [U, V] in [0, 1]."""
        plane = scaled(self.array[:, :, index, channel], self.ranges[channel])
        if self.mask is not None:
            np.multiply(plane, self.mask[:, :, index], out=plane)
        return plane

    def picture(
        self, index: int, size: int, how: Filter = "bicubic", crop: float | None = None
    ) -> npt.NDArray[np.uint8]:
        """Return one slice as a picture, uint8 [size, size, 3].

        V is up and U to the right; the aspect ratio is that of the body in mm.
        """
        channels = range(min(3, self.array.shape[3]))
        return three_channels(
            np.stack([self._turned(self.plane(index, channel), (size, size), how, crop) for channel in channels])
        )

    def resampled(self, size: tuple[int, int, int]) -> npt.NDArray[np.float16]:
        """Return all of it in the size (D, H, W), for 3D arms.

        The extent across the slices fills D; in-plane the aspect ratio in mm is kept, padded with zeros. D runs along W
        (axial: from bottom to top), and each plane is turned like the pictures. The filter is a triangle that widens
        with the reduction.

        Returns:
            float16 [D, H, W, M] in [0, 1].
        """
        n_slices, n_channels = self.array.shape[2:]
        result = np.empty((*size, n_channels), dtype=np.float16)
        for channel in range(n_channels):
            planes: dict[int, npt.NDArray[np.float32]] = {}
            for position in range(size[0]):
                indices, weights = triangle(position, n_slices, size[0])
                # Neighbours share planes: the last ones are kept.
                planes = {index: planes[index] if index in planes else self.plane(index, channel) for index in indices}
                # A plain weighted sum, not a matrix product: its order of additions never depends on threads.
                plane = np.zeros(self.array.shape[:2], dtype=np.float32, order="F")
                for index, weight in zip(indices, weights, strict=True):
                    plane += weight * planes[index]
                result[position, :, :, channel] = self._turned(plane, size[1:], "bilinear")
        return result

    def _turned(
        self, plane: npt.NDArray[np.float32], size: tuple[int, int], how: Filter, crop: float | None = None
    ) -> np.ndarray:
        return fit(plane[:, ::-1].T, size, (self.spacing[1], self.spacing[0]), how, crop)
