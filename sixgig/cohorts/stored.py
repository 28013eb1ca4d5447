"""One NIfTI or Analyze file as it is stored: voxels turned to RAS as a view, and what turns them into intensities."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, io_orientation
from nibabel.spatialimages import HeaderDataError, HeaderTypeError, SpatialImage
from nibabel.wrapstruct import WrapStructError

from sixgig.cohorts.unpacking import UNPACKING_ERRORS, Bytes, read_start, read_unpacked
from sixgig.errors import ImageError

Spacing = tuple[float, float, float]

NEXT_STEP = "restore the file from its original archive"
_ONE_VOLUME = "give one 3D volume per file"
#: Length of NIfTI-2's header, by which it is recognised.
_SECOND = 540
_HALF = re.compile(r"(.+)\.(hdr|img)(|\.gz)")
#: Everything that nibabel and unpacking raise on damaged bytes.
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    MemoryError,
    ImageFileError,
    HeaderDataError,
    HeaderTypeError,
    WrapStructError,
    *UNPACKING_ERRORS,
)


@dataclass(frozen=True)
class Stored:
    """A file's voxels as they are stored.

    Attributes:
        voxels: [X, Y, Z, ...] in RAS order: a view of what was read, never a copy.
        slope: Intensities are ``slope * voxels + inter``.
        inter: See ``slope``.
        spacing: Voxel size along X, Y, Z in mm.
        affine: Of the axes as they are stored.
        orientation: nibabel's orientation of the axes as they are stored.
        content: The file's unpacked bytes, which ``voxels`` shows a part of; None for files in pairs.
        offset: Where the voxels begin in ``content``.
    """

    voxels: npt.NDArray[Any]
    slope: float
    inter: float
    spacing: Spacing
    affine: npt.NDArray[np.float64]
    orientation: npt.NDArray[np.float64]
    content: Bytes | None
    offset: int

    @property
    def is_scaled(self) -> bool:
        """Whether voxels have to be scaled to become intensities."""
        return (self.slope, self.inter) != (1.0, 0.0)

    def squeezed(self, path: Path) -> Stored:
        """Drop the axes after the third, which must have length one.

        Raises:
            ImageError: One of them is longer.
        """
        voxels = self.voxels
        while voxels.ndim > 3 and voxels.shape[-1] == 1:
            voxels = voxels[..., 0]
        if voxels.ndim != 3:
            raise ImageError(path, f"has shape {voxels.shape}, not three dimensions", _ONE_VOLUME)
        return replace(self, voxels=voxels)


def read_stored(path: Path, room: Bytes | None = None) -> Stored:
    """Read and unpack a file whole, so that a damaged end is found.

    Args:
        path: NIfTI-1, NIfTI-2 or one of an Analyze pair, gzipped or not.
        room: Where the unpacked bytes go when they fit exactly.

    Raises:
        ImageError: The file is empty, damaged, not numeric, has fewer than three axes or an invalid header.
    """
    try:
        image, content = _open(path, room)
        if image.get_data_dtype().kind not in "iufb":
            raise ImageError(path, f"holds voxels of type {image.get_data_dtype()}, not numbers", NEXT_STEP)
        offset = int(image.dataobj.offset)
        voxels = image.dataobj.get_unscaled() if content is None else _view(image, content, offset)
        slope, inter = float(image.dataobj.slope), float(image.dataobj.inter)
        if voxels.ndim < 3 or min(voxels.shape) < 1:
            raise ImageError(path, f"has shape {voxels.shape}, not three dimensions", _ONE_VOLUME)
        zooms = np.asarray(image.header.get_zooms()[:3], dtype=float)
        affine = np.asarray(image.affine, dtype=float)
        orientation = io_orientation(affine)
    except _DAMAGE as error:
        raise ImageError(path, f"cannot be read: {error or type(error).__name__}", NEXT_STEP) from error
    if not np.isfinite(orientation).all() or not (np.isfinite(zooms) & (zooms > 0)).all():
        raise ImageError(path, "has no valid orientation or voxel size in its header", NEXT_STEP)
    if not (np.isfinite(slope) and np.isfinite(inter)):
        raise ImageError(path, "has no valid scaling in its header", NEXT_STEP)
    # Row i of the orientation says which output axis input axis i becomes.
    spacing = np.empty(3)
    spacing[orientation[:, 0].astype(int)] = zooms
    x, y, z = (float(value) for value in spacing)
    return Stored(apply_orientation(voxels, orientation), slope, inter, (x, y, z), affine, orientation, content, offset)


def check_same_grid(path: Path, one: Stored, first_path: Path, first: Stored) -> None:
    """Refuse a channel whose voxels are not at the same places as those of the first.

    Raises:
        ImageError: Shape, voxel size or place differ.
    """
    step = "resample the modalities of a subject to one grid"
    if one.voxels.shape != first.voxels.shape or not np.allclose(one.spacing, first.spacing, rtol=1e-3):
        raise ImageError(
            path,
            f"shape {one.voxels.shape} and voxel size {_mm(one.spacing)} differ from {first_path.name}: "
            f"{first.voxels.shape}, {_mm(first.spacing)}",
            step,
        )
    # Both are in RAS order and of one shape, so that they lie at the same place when their corners do.
    apart = float(np.abs(_corners(one) - _corners(first)).max())
    if apart > 0.5 * min(first.spacing):
        raise ImageError(path, f"lies up to {apart:.1f} mm from {first_path.name} by its affine", step)


def _corners(stored: Stored) -> npt.NDArray[np.float64]:
    """Return where the corner voxels of the volume in RAS order lie, in mm."""
    shape = np.asarray(stored.voxels.shape)
    ras = np.array(np.meshgrid(*((0, length - 1) for length in shape), indexing="ij")).reshape(3, -1)
    axes, flips = stored.orientation[:, 0].astype(int), stored.orientation[:, 1]
    as_stored = np.array(
        [ras[axis] if flip > 0 else shape[axis] - 1 - ras[axis] for axis, flip in zip(axes, flips, strict=True)]
    )
    return np.asarray(stored.affine[:3, :3] @ as_stored + stored.affine[:3, 3:])


def _view(image: SpatialImage, content: Bytes, offset: int) -> npt.NDArray[Any]:
    """Return the voxels where they lie in the unpacked file, without a copy."""
    shape, dtype = image.dataobj.shape, image.get_data_dtype()
    if offset + int(np.prod(shape, dtype=float)) * dtype.itemsize > len(content):
        raise EOFError("the file ends early")
    return np.ndarray(shape, dtype, buffer=content.data, offset=offset, order="F")


def _open(path: Path, room: Bytes | None) -> tuple[SpatialImage, Bytes | None]:
    """Return the image and, where one file holds header and voxels, its unpacked bytes."""
    other = other_half(path)
    if other is not None:
        for half in (path, other):
            if half.suffix == ".gz":
                read_unpacked(half)  # nibabel stops before the checksum
        return nib.load(path), None
    content = read_unpacked(path, room)
    if not len(content):
        raise ImageError(path, "is empty", NEXT_STEP)
    kind = _kind(content)
    header = kind.header_class
    # Header and extensions alone: nibabel would copy the voxels.
    begin = float(header(content[: header.sizeof_hdr].tobytes(), check=False)["vox_offset"])
    return kind.from_bytes(content[: int(min(max(begin, header.sizeof_hdr + 4), len(content)))].tobytes()), content


def _kind(start: Bytes) -> type[nib.Nifti1Image]:
    lengths = {int(start[:4].view(order)[0]) for order in ("<i4", ">i4")} if len(start) > 4 else set()
    return nib.Nifti2Image if _SECOND in lengths else nib.Nifti1Image


def other_half(path: Path) -> Path | None:
    """Return the other file of a pair (``a.img`` of ``a.hdr``), or None for a file that holds header and voxels."""
    parts = _HALF.fullmatch(path.name)
    if parts is None:
        return None
    return path.with_name(f"{parts[1]}.{'img' if parts[2] == 'hdr' else 'hdr'}{parts[3]}")


def read_shape(path: Path) -> tuple[int, ...]:
    """Return the shape that a file's header gives, reading little more than the header; empty if it is unreadable."""
    other = other_half(path)
    try:
        start = read_start(other if other is not None and ".img" in path.suffixes else path, _SECOND)
        header = _kind(start).header_class
        return tuple(header(start[: header.sizeof_hdr].tobytes(), check=False).get_data_shape())
    except _DAMAGE:
        return ()


def _mm(spacing: Sequence[float]) -> str:
    return " x ".join(f"{value:g}" for value in spacing) + " mm"
