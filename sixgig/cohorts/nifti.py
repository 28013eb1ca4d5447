"""NIfTI and Analyze files as arrays in RAS orientation, in their stored type where that is enough, with little memory.

Gzip streams are unpacked in one go by ISA-L, which is two to three times as fast as zlib.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nibabel as nib
import numpy as np
import numpy.typing as npt
from isal import igzip, isal_zlib
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, io_orientation
from nibabel.spatialimages import HeaderDataError, HeaderTypeError, SpatialImage
from nibabel.wrapstruct import WrapStructError

from sixgig.errors import ImageError

Spacing = tuple[float, float, float]

_GZIP_MAGIC = b"\x1f\x8b"
_NEXT_STEP = "restore the file from its original archive"
#: Types that stay as they are stored; wider ones become float32.
_SMALL = ("uint8", "int8", "int16", "uint16")
#: Everything that nibabel, ISA-L and zlib raise on damaged bytes.
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    MemoryError,
    zlib.error,
    cast("type[Exception]", isal_zlib.error),
    ImageFileError,
    HeaderDataError,
    HeaderTypeError,
    WrapStructError,
)


@dataclass(frozen=True)
class _Stored:
    """A file's voxels as they are stored, [X, Y, Z, ...] in RAS order, with what turns them into intensities."""

    voxels: npt.NDArray[Any]
    slope: float
    inter: float
    spacing: Spacing
    affine: npt.NDArray[np.float64]

    @property
    def is_scaled(self) -> bool:
        return (self.slope, self.inter) != (1.0, 0.0)


def find_nifti(folder: Path, stem: str) -> Path | None:
    """Return ``stem.nii.gz`` or ``stem.nii`` (some copies of BraTS are stored unpacked) in ``folder``, or None."""
    for suffix in (".nii.gz", ".nii"):
        if (folder / f"{stem}{suffix}").is_file():
            return folder / f"{stem}{suffix}"
    return None


def read_channels(files: Sequence[Path]) -> tuple[npt.NDArray[Any], Spacing]:
    """Read files of one volume, one channel each.

    Voxels are turned to the closest RAS orientation by the affine. The voxel size is taken from ``pixdim``, not from
    the affine: the released ACDC files carry an sform of unit scale beside the true pixdim.

    Args:
        files: NIfTI-1, NIfTI-2 or Analyze files, gzipped or not, in channel order.

    Returns:
        [X, Y, Z, M] (X varies fastest in memory, so an axial plane of one channel is contiguous), and the voxel size
        along X, Y, Z in mm. The type is that of the files when all have the same small integer type without scaling;
        else float32, with the header's scaling applied.

    Raises:
        ImageError: A file is damaged, is not a 3D volume, holds NaN or one single value, or differs from the first
            file in shape, voxel size or place.
    """
    if not files:
        raise ValueError("read_channels needs at least one file")
    stored: list[_Stored] = []
    for path in files:
        one = _squeezed(_read(path), path)
        if stored:
            _check_same_grid(path, one, files[0], stored[0])
        stored.append(one)
    return _assemble([(one, one.voxels) for one in stored], files), stored[0].spacing


def read_frame(path: Path, index: int) -> tuple[npt.NDArray[Any], Spacing]:
    """Read one frame of a 4D file.

    Args:
        path: The file.
        index: Frame along the fourth axis, from 0.

    Returns:
        [X, Y, Z, 1] and the voxel size; see :func:`read_channels`.

    Raises:
        ImageError: The file is damaged or not 4D, or the frame is beyond its end.
    """
    return read_stacked(path, (index,))


def read_stacked(path: Path, indices: Sequence[int]) -> tuple[npt.NDArray[Any], Spacing]:
    """Read volumes of a 4D file as channels.

    Args:
        path: The file.
        indices: Places along the fourth axis, from 0.

    Returns:
        [X, Y, Z, M] and the voxel size; see :func:`read_channels`.

    Raises:
        ImageError: The file is damaged or not 4D, or an index is beyond its end.
    """
    stored = _read(path)
    voxels = stored.voxels
    while voxels.ndim > 4 and voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    if voxels.ndim != 4:
        raise ImageError(path, f"has shape {voxels.shape}, not four dimensions", "give the 4D file")
    beyond = [index for index in indices if not 0 <= index < voxels.shape[3]]
    if beyond:
        raise ImageError(path, f"has {voxels.shape[3]} volumes, and number {beyond[0] + 1} is asked for", _NEXT_STEP)
    chosen = [(stored, voxels[..., index]) for index in indices]
    return _assemble(chosen, [path] * len(indices)), stored.spacing


def _assemble(channels: Sequence[tuple[_Stored, npt.NDArray[Any]]], files: Sequence[Path]) -> npt.NDArray[Any]:
    """Put channels into one array, refuse what holds nothing, and apply scalings where there are any."""
    types = {voxels.dtype.newbyteorder("=") for _, voxels in channels}
    plain = len(types) == 1 and types <= {np.dtype(name) for name in _SMALL}
    plain = plain and not any(stored.is_scaled for stored, _ in channels)
    dtype = types.pop() if plain else np.dtype(np.float32)
    memory = np.empty((len(channels), *channels[0][1].shape[::-1]), dtype=dtype)
    volume = memory.transpose(3, 2, 1, 0)
    for channel, ((stored, voxels), path) in enumerate(zip(channels, files, strict=True)):
        plane = volume[..., channel]
        with np.errstate(over="ignore", invalid="ignore"):  # beyond float32 is infinite, and refused below
            np.copyto(plane, voxels, casting="unsafe")
            if stored.is_scaled:
                np.multiply(plane, np.float32(stored.slope), out=plane)
                np.add(plane, np.float32(stored.inter), out=plane)
        if plain and plane[0, 0, 0] != plane[tuple(length // 2 for length in plane.shape)]:
            continue  # whole numbers are finite, and two of them differ
        low, high = float(plane.min()), float(plane.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ImageError(path, "holds NaN or infinite voxels", _NEXT_STEP)
        if low == high:
            raise ImageError(path, f"is constant: every voxel is {low:g}", _NEXT_STEP)
    return volume


def _read(path: Path) -> _Stored:
    """Read and unpack a file whole, so that a damaged end is found."""
    try:
        image, data = _open(path)
        if image.get_data_dtype().kind not in "iufb":
            raise ImageError(path, f"holds voxels of type {image.get_data_dtype()}, not numbers", _NEXT_STEP)
        voxels = image.dataobj.get_unscaled() if data is None else _view(image, data)
        slope, inter = float(image.dataobj.slope), float(image.dataobj.inter)
        if voxels.ndim < 3 or min(voxels.shape) < 1:
            raise ImageError(path, f"has shape {voxels.shape}, not three dimensions", "give one 3D volume per file")
        zooms = np.asarray(image.header.get_zooms()[:3], dtype=float)
        affine = np.asarray(image.affine, dtype=float)
        orientation = io_orientation(affine)
    except _DAMAGE as error:
        raise ImageError(path, f"cannot be read: {error or type(error).__name__}", _NEXT_STEP) from error
    if not np.isfinite(orientation).all() or not (np.isfinite(zooms) & (zooms > 0)).all():
        raise ImageError(path, "has no valid orientation or voxel size in its header", _NEXT_STEP)
    if not (np.isfinite(slope) and np.isfinite(inter)):
        raise ImageError(path, "has no valid scaling in its header", _NEXT_STEP)
    # Row i of the orientation says which output axis input axis i becomes.
    spacing = np.empty(3)
    spacing[orientation[:, 0].astype(int)] = zooms
    turned = apply_orientation(voxels, orientation)
    return _Stored(turned, slope, inter, (float(spacing[0]), float(spacing[1]), float(spacing[2])), affine)


def _view(image: SpatialImage, data: bytes) -> npt.NDArray[Any]:
    """Return the voxels where they lie in the unpacked file, without a copy."""
    proxy = image.dataobj
    dtype, offset = image.get_data_dtype(), int(proxy.offset)
    if offset + int(np.prod(proxy.shape)) * dtype.itemsize > len(data):
        raise EOFError("the file ends early")
    return np.ndarray(proxy.shape, dtype, buffer=data, offset=offset, order="F")


def _open(path: Path) -> tuple[SpatialImage, bytes | None]:
    """Return the image and, where one file holds header and voxels, its unpacked bytes."""
    if path.suffix in (".hdr", ".img"):
        return nib.load(path), None
    data = path.read_bytes()
    if not data:
        raise ImageError(path, "is empty", _NEXT_STEP)
    if data[:2] == _GZIP_MAGIC:
        # Unpacking the whole stream verifies its checksum, which reading only the needed bytes would not.
        data = igzip.decompress(data)
    is_second = int.from_bytes(data[:4], "little") == 540 or data[:4] == b"\0\0\x02\x1c"
    return (nib.Nifti2Image if is_second else nib.Nifti1Image).from_bytes(data), data


def _squeezed(stored: _Stored, path: Path) -> _Stored:
    """Drop axes of length one behind the third."""
    voxels = stored.voxels
    while voxels.ndim > 3 and voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    if voxels.ndim != 3:
        raise ImageError(path, f"has shape {voxels.shape}, not three dimensions", "give one 3D volume per file")
    return _Stored(voxels, stored.slope, stored.inter, stored.spacing, stored.affine)


def _check_same_grid(path: Path, one: _Stored, first_path: Path, first: _Stored) -> None:
    step = "resample the modalities of a subject to one grid"
    if one.voxels.shape != first.voxels.shape or not np.allclose(one.spacing, first.spacing, rtol=1e-3):
        raise ImageError(
            path,
            f"shape {one.voxels.shape} and voxel size {_mm(one.spacing)} differ from {first_path.name}: "
            f"{first.voxels.shape}, {_mm(first.spacing)}",
            step,
        )
    # Both grids have one shape, so that they lie at the same place when their corners do.
    corners = np.array(np.meshgrid(*((0, length - 1) for length in first.voxels.shape), [1], indexing="ij")).reshape(
        4, -1
    )
    apart = float(np.abs((one.affine - first.affine) @ corners).max())
    if apart > 0.5 * min(first.spacing):
        raise ImageError(path, f"lies up to {apart:.1f} mm from {first_path.name} by its affine", step)


def _mm(spacing: Sequence[float]) -> str:
    return " x ".join(f"{value:g}" for value in spacing) + " mm"
