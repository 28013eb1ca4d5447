"""One NIfTI or Analyze file as it is stored: voxels turned to RAS as a view, and what turns them into intensities."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sixgig.cohorts import geometry, headers
from sixgig.cohorts.geometry import Spacing
from sixgig.cohorts.headers import Header, is_nifti, read_analyze, read_nifti
from sixgig.cohorts.unpacking import UNPACKING_ERRORS, Bytes, read_start, read_unpacked
from sixgig.errors import ImageError

NEXT_STEP = "restore the file from its original archive"
_ONE_VOLUME = "give one 3D volume per file"
_HALF = re.compile(r"(.+)\.(hdr|img)(|\.gz)")


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
        doubts: Kind and sentence, see :class:`sixgig.cohorts.base.Remark`.
    """

    voxels: npt.NDArray[Any]
    slope: float
    inter: float
    spacing: Spacing
    affine: npt.NDArray[np.float64]
    orientation: npt.NDArray[np.float64]
    content: Bytes | None
    offset: int
    doubts: tuple[tuple[str, str], ...]

    @property
    def axes(self) -> geometry.Axes:
        """Steps from voxel to voxel in mm, a column for each axis of ``voxels``."""
        axes = np.empty((3, 3))
        axes[:, self.orientation[:, 0].astype(int)] = self.affine[:3, :3] * self.orientation[:, 1]
        return axes

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


def read_stored(path: Path, room: Bytes | None = None, *, trust_pixdim: bool = False) -> Stored:
    """Read and unpack a file whole, so that a damaged end is found.

    Args:
        path: NIfTI-1, NIfTI-2 or one of an Analyze pair, gzipped or not, whatever its name says.
        room: Where the unpacked bytes go when they fit exactly.
        trust_pixdim: It is known that an sform of unit scale holds directions alone.

    Raises:
        ImageError: The file is empty, damaged, not numeric, has fewer than three axes or an invalid header.
    """
    from nibabel.orientations import apply_orientation  # planning need not wait for it

    try:
        with np.errstate(all="ignore"):  # what is not finite is refused below
            header, content, alone = _open(path, room, trust_pixdim)
        if header.dtype.kind not in "iufb":
            raise ImageError(path, f"holds voxels of type {header.dtype}, not numbers", NEXT_STEP)
        if len(header.shape) < 3 or min(header.shape) < 1:
            raise ImageError(path, f"has shape {header.shape}, not three dimensions", _ONE_VOLUME)
        voxels = _view(header, content)
        doubts = [*header.doubts, *_about_the_rest(header, content)]
        orientation = geometry.nearest(header.affine[:3, :3])
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # nibabel and unpacking raise whatever damaged bytes lead them to
        raise ImageError(path, f"cannot be read: {error or type(error).__name__}", NEXT_STEP) from error
    low, high = geometry.BELIEVED
    if not (np.isfinite(orientation).all() and np.isfinite(header.affine).all()):
        raise ImageError(path, "has no valid orientation or voxel size in its header", NEXT_STEP)
    if not (low <= header.sizes).all() or not (header.sizes <= high).all():
        raise ImageError(path, f"has voxels of {_mm(header.sizes)} by its header", NEXT_STEP)
    if not (np.isfinite(header.slope) and np.isfinite(header.inter)):
        raise ImageError(path, "has no valid scaling in its header", NEXT_STEP)
    # Row i of the orientation says which output axis input axis i becomes.
    spacing = np.empty(3)
    spacing[orientation[:, 0].astype(int)] = header.sizes
    x, y, z = (float(value) for value in spacing)
    return Stored(
        apply_orientation(voxels, orientation),
        header.slope,
        header.inter,
        (x, y, z),
        header.affine,
        orientation,
        content if alone else None,
        header.offset,
        tuple(doubts),
    )


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


def _view(header: Header, content: Bytes) -> npt.NDArray[Any]:
    """Return the voxels where they lie in the unpacked file, without a copy: no memory for what a header claims."""
    size = header.offset + math.prod(header.shape) * header.dtype.itemsize
    if header.offset < 0 or size > len(content):
        raise EOFError(f"its header claims {size} bytes, and there are {len(content)}")
    return np.ndarray(header.shape, header.dtype, buffer=content.data, offset=header.offset, order="F")


def _about_the_rest(header: Header, content: Bytes) -> Iterator[tuple[str, str]]:
    """Say that there is more behind the voxels than padding: their number may be wrong in the header."""
    rest = len(content) - header.offset - math.prod(header.shape) * header.dtype.itemsize
    if rest >= math.prod(header.shape[:2]) * header.dtype.itemsize:
        yield "geometry", "holds at least one slice more than its header tells: the rest is not read"


def _open(path: Path, room: Bytes | None, trust_pixdim: bool) -> tuple[Header, Bytes, bool]:
    """Return the header, the unpacked bytes that hold the voxels, and whether the header is among them."""
    other = other_half(path)
    if other is None:
        content = read_unpacked(path, room)
        if not len(content):
            raise ImageError(path, "is empty", NEXT_STEP)
        return read_nifti(content, trust_pixdim=trust_pixdim), content, True
    first, second = (path, other) if _is_header(path) else (other, path)
    start = read_unpacked(first)
    content = read_unpacked(second, room)
    if is_nifti(start):
        return read_nifti(start, pair=True, trust_pixdim=trust_pixdim), content, False
    return read_analyze(path, start, matrix_beside(path)), content, False


def _is_header(path: Path) -> bool:
    return path.name.removesuffix(".gz").endswith(".hdr")


def other_half(path: Path) -> Path | None:
    """Return the other file of a pair (``a.img`` of ``a.hdr``), or None for a file that holds header and voxels."""
    parts = _HALF.fullmatch(path.name)
    if parts is None:
        return None
    return path.with_name(f"{parts[1]}.{'img' if parts[2] == 'hdr' else 'hdr'}{parts[3]}")


def matrix_beside(path: Path) -> Path:
    """Return where SPM keeps the matrix of an Analyze pair."""
    return path.with_name(path.name.removesuffix(".gz")[: -len(".img")] + ".mat")


def read_shape(path: Path) -> tuple[int, ...]:
    """Return the shape that a file's header gives, reading little more than the header; empty if it is unreadable."""
    other = other_half(path)
    try:
        start = read_start(path if other is None or _is_header(path) else other, headers.LONGEST)
    except (OSError, *UNPACKING_ERRORS):
        return ()
    return headers.read_shape(start)


def _mm(spacing: Iterable[float]) -> str:
    return " x ".join(f"{value:g}" for value in spacing) + " mm"
