"""NIfTI and Analyze volumes in RAS orientation, in their stored type where that is enough, with little memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sixgig.cohorts import geometry
from sixgig.cohorts.base import Item, Record, Remark, Volume
from sixgig.cohorts.geometry import Spacing
from sixgig.cohorts.missing_values import fill_background
from sixgig.cohorts.shearing import shear_back
from sixgig.cohorts.stored import NEXT_STEP, Stored, check_same_grid, read_stored
from sixgig.cohorts.unpacking import Bytes, unpacked_size
from sixgig.errors import ImageError

#: Types that stay as they are stored; wider ones become float32.
_SMALL = ("uint8", "int8", "int16", "uint16")
_RESAMPLE = "resample it to orthogonal axes"
#: The channels of a volume begin at multiples of this, in bytes.
_ALIGNED = 64


def find_nifti(folder: Path, stem: str) -> Path | None:
    """Return ``stem.nii.gz`` or ``stem.nii`` (some copies of BraTS are stored unpacked) in ``folder``, or None."""
    for suffix in (".nii.gz", ".nii"):
        if (folder / f"{stem}{suffix}").is_file():
            return folder / f"{stem}{suffix}"
    return None


@dataclass(frozen=True)
class Reading:
    """A volume as it was read; it unpacks to the array and the voxel size.

    Attributes:
        array: [X, Y, Z, M] in RAS orientation.
        spacing: Voxel size along X, Y, Z in mm.
        doubts: File, kind and sentence, see :class:`sixgig.cohorts.base.Remark`; a sentence once, for the first file.
    """

    array: npt.NDArray[Any]
    spacing: Spacing
    doubts: tuple[tuple[Path, str, str], ...] = ()

    def __iter__(self) -> Iterator[Any]:
        return iter((self.array, self.spacing))

    def __getitem__(self, index: int) -> Any:
        return (self.array, self.spacing)[index]

    def volume(self, record: Record, item: Item, sources: Sequence[str]) -> Volume:
        """Return it as the volume of an item.

        Args:
            record: The subject.
            item: The item.
            sources: One file per channel, relative to the cohort's folder.
        """
        remarks = tuple(
            Remark(kind, record.relative(path), record.subject_id, text)  # type: ignore[arg-type]
            for path, kind, text in self.doubts
        )
        return Volume(self.array, self.spacing, item.item_id, item.frame, tuple(sources), remarks)


def read_channels(files: Sequence[Path], *, trust_pixdim: bool = False) -> Reading:
    """Read files of one volume, one channel each.

    Voxels are turned to the closest RAS orientation; :mod:`sixgig.cohorts.headers` says by which fields of the header.
    Sheared axes are made orthogonal. NaN around the body becomes 0.

    Args:
        files: NIfTI-1, NIfTI-2 or Analyze files, gzipped or not, in channel order.
        trust_pixdim: It is known that an sform of unit scale holds directions alone, as in the released files of ACDC.

    Returns:
        [X, Y, Z, M], the voxel size along X, Y, Z in mm, and what is in doubt. X varies fastest in memory, forwards or
        backwards (an axis that is stored the other way round is a view), and an axial plane of one channel is
        contiguous. The type is that of the files when all have the same small integer type without scaling; else
        float32, with the header's scaling applied.

    Raises:
        ImageError: A file is damaged, is not a 3D volume, holds NaN inside or one single value, or differs from the
            first file in shape, voxel size or place.
    """
    if not files:
        raise ValueError("read_channels needs at least one file")
    rooms = _rooms(files)
    stored: list[Stored] = []
    for channel, path in enumerate(files):
        room = None if rooms is None else rooms[channel, : unpacked_size(path)]
        one = read_stored(path, room, trust_pixdim=trust_pixdim).squeezed(path)
        if stored:
            check_same_grid(path, one, files[0], stored[0])
        stored.append(one)
    volume = None if rooms is None else _where_it_lies(stored, rooms)
    if volume is None:
        volume = _assemble([(one, one.voxels) for one in stored])
    return _finished(volume, stored, files)


def read_frame(path: Path, index: int, *, trust_pixdim: bool = False) -> Reading:
    """Read one frame of a 4D file.

    Args:
        path: The file.
        index: Frame along the fourth axis, from 0.
        trust_pixdim: See :func:`read_channels`.

    Returns:
        [X, Y, Z, 1] and the voxel size; see :func:`read_channels`.

    Raises:
        ImageError: The file is damaged or not 4D, or the frame is beyond its end.
    """
    return read_stacked(path, (index,), trust_pixdim=trust_pixdim)


def read_stacked(path: Path, indices: Sequence[int], *, trust_pixdim: bool = False) -> Reading:
    """Read volumes of a 4D file as channels.

    Args:
        path: The file.
        indices: Indices along the fourth axis, from 0.
        trust_pixdim: See :func:`read_channels`.

    Returns:
        [X, Y, Z, M] and the voxel size; see :func:`read_channels`.

    Raises:
        ImageError: The file is damaged or not 4D, or an index is beyond its end.
    """
    stored = read_stored(path, trust_pixdim=trust_pixdim)
    voxels = stored.voxels
    while voxels.ndim > 4 and voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    if voxels.ndim != 4:
        raise ImageError(path, f"has shape {voxels.shape}, not four dimensions", "give the 4D file")
    beyond = [index for index in indices if not 0 <= index < voxels.shape[3]]
    if beyond:
        raise ImageError(path, f"has {voxels.shape[3]} volumes, and number {beyond[0] + 1} was asked for", NEXT_STEP)
    volume = _assemble([(stored, voxels[..., index]) for index in indices])
    return _finished(volume, [stored] * len(indices), [path] * len(indices))


def _finished(volume: npt.NDArray[Any], stored: Sequence[Stored], files: Sequence[Path]) -> Reading:
    """Check the values, make the axes orthogonal, and collect what is in doubt, each sentence once."""
    doubts = [(path, kind, text) for one, path in zip(stored, files, strict=True) for kind, text in one.doubts]
    for channel, path in enumerate(files):
        doubts += [(path, "intensity", text) for text in _check_values(volume[..., channel], path)]
    spacing, axes = stored[0].spacing, stored[0].axes
    angle = geometry.shear(axes)
    if angle > geometry.SHEAREST:
        raise ImageError(files[0], f"has axes that are {angle:.0f} degrees from orthogonal", _RESAMPLE)
    if angle > geometry.ORTHOGONAL:
        volume, spacing = shear_back(volume, axes)
        text = f"has axes that are not orthogonal, by {geometry.up_to(angle)} (tilted gantry): it is sheared back"
        doubts.append((files[0], "geometry", text))
    first = {text: (path, kind, text) for path, kind, text in reversed(doubts)}
    return Reading(volume, spacing, tuple(first[text] for text in dict.fromkeys(text for _, _, text in doubts)))


def _rooms(files: Sequence[Path]) -> Bytes | None:
    """Return memory for the content of all files, a row for each, or None when they have several lengths."""
    sizes = {unpacked_size(path) for path in files}
    if len(sizes) > 1 or 0 in sizes:
        return None
    return np.empty((len(files), -(-sizes.pop() // _ALIGNED) * _ALIGNED), np.uint8)


def _where_it_lies(stored: Sequence[Stored], rooms: Bytes) -> npt.NDArray[Any] | None:
    """Return files that lie in one piece of memory as one array without copying them, where that is possible."""
    first, *others = stored
    dtype = first.voxels.dtype
    if first.is_scaled or not dtype.isnative or not (_keeps_type(dtype) or dtype == np.float32):
        return None
    for channel, one in enumerate(stored):
        if one.content is None or one.content.ctypes.data != rooms[channel].ctypes.data:
            return None
    for one in others:
        if one.is_scaled or (one.voxels.dtype, one.voxels.strides, one.offset) != (
            dtype,
            first.voxels.strides,
            first.offset,
        ):
            return None
    steps = [abs(step) for step in first.voxels.strides]
    if steps != sorted(steps):  # another axis than X varies fastest: planes would lie scattered
        return None
    from nibabel.orientations import apply_orientation  # planning need not wait for it

    shape = [0, 0, 0]
    for axis, place in enumerate(first.orientation[:, 0].astype(int)):
        shape[axis] = first.voxels.shape[place]
    item = dtype.itemsize
    whole = np.ndarray(
        (*shape, len(stored)),
        dtype,
        buffer=rooms.data,
        offset=first.offset,
        strides=(item, item * shape[0], item * shape[0] * shape[1], rooms.shape[1]),
    )
    return np.asarray(apply_orientation(whole, first.orientation))


def _keeps_type(dtype: np.dtype[Any]) -> bool:
    return dtype.newbyteorder("=") in {np.dtype(name) for name in _SMALL}


def _assemble(channels: Sequence[tuple[Stored, npt.NDArray[Any]]]) -> npt.NDArray[Any]:
    """Copy channels into one array, and apply scalings where there are any."""
    types = {voxels.dtype.newbyteorder("=") for _, voxels in channels}
    plain = len(types) == 1 and all(_keeps_type(dtype) for dtype in types)
    plain = plain and not any(stored.is_scaled for stored, _ in channels)
    dtype = types.pop() if plain else np.dtype(np.float32)
    memory = np.empty((len(channels), *channels[0][1].shape[::-1]), dtype=dtype)
    volume = memory.transpose(3, 2, 1, 0)
    for channel, (stored, voxels) in enumerate(channels):
        plane = volume[..., channel]
        with np.errstate(over="ignore", invalid="ignore"):  # beyond float32 is infinite, and refused later
            np.copyto(plane, voxels, casting="unsafe")
            if stored.is_scaled:
                np.multiply(plane, np.float32(stored.slope), out=plane)
                np.add(plane, np.float32(stored.inter), out=plane)
    return volume


def _check_values(voxels: npt.NDArray[Any], path: Path) -> list[str]:
    """Refuse a channel that is not finite, or that is one single value; return what was said about NaN."""
    middle = voxels[tuple(length // 2 for length in voxels.shape)]
    if voxels.dtype.kind in "iu" and voxels[0, 0, 0] != middle:
        return []  # whole numbers are finite, and two of them differ
    said = []
    low, high = float(voxels.min()), float(voxels.max())
    if np.isnan(low):
        said = fill_background(voxels, path)
        low, high = float(voxels.min()), float(voxels.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError(path, "holds infinite voxels", NEXT_STEP)
    if low == high:
        raise ImageError(path, f"is constant: every voxel is {low:g}", NEXT_STEP)
    return said
