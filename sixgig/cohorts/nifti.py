"""NIfTI files as float32 arrays in RAS orientation, with little memory beside the result."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, io_orientation
from nibabel.spatialimages import HeaderDataError, HeaderTypeError
from nibabel.wrapstruct import WrapStructError

from sixgig.errors import ImageError

_GZIP_MAGIC = b"\x1f\x8b"
_NEXT_STEP = "restore the file from its original archive"
#: Everything that nibabel and zlib raise on damaged bytes.
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    MemoryError,
    zlib.error,
    ImageFileError,
    HeaderDataError,
    HeaderTypeError,
    WrapStructError,
)


def find_nifti(folder: Path, stem: str) -> Path | None:
    """Return ``stem.nii.gz`` or ``stem.nii`` (some copies of BraTS are stored unpacked) in ``folder``, or None."""
    for suffix in (".nii.gz", ".nii"):
        if (folder / f"{stem}{suffix}").is_file():
            return folder / f"{stem}{suffix}"
    return None


def read_channels(files: Sequence[Path]) -> tuple[npt.NDArray[np.float32], tuple[float, float, float]]:
    """Read files of one volume, one channel each.

    Voxels are turned to the closest RAS orientation by the affine. The voxel size is taken from ``pixdim``, not from
    the affine: the released ACDC files carry an sform of unit scale beside the true pixdim.

    Args:
        files: NIfTI-1 or -2 files, gzipped or not, in channel order.

    Returns:
        float32 [X, Y, Z, M] with the header's scaling applied (X varies fastest in memory, so an axial plane of one
        channel is contiguous), and the voxel size along X, Y, Z in mm.

    Raises:
        ImageError: A file is damaged, is not a 3D volume, holds NaN or one single value, or differs from the first
            file in shape or voxel size.
    """
    volume: npt.NDArray[np.float32] | None = None
    spacing = (1.0, 1.0, 1.0)
    for channel, path in enumerate(files):
        stored, slope, inter, zooms = _read(path)
        if volume is None:
            memory = np.empty((len(files), *stored.shape[::-1]), dtype=np.float32)
            volume, spacing = memory.transpose(3, 2, 1, 0), zooms
        elif stored.shape != volume.shape[:3] or not np.allclose(zooms, spacing, rtol=1e-3):
            raise ImageError(
                path,
                f"shape {stored.shape} and voxel size {_mm(zooms)} differ from {files[0].name}: "
                f"{volume.shape[:3]}, {_mm(spacing)}",
                "resample the modalities of a subject to one grid",
            )
        plane = volume[..., channel]
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite and is refused below
            np.copyto(plane, stored, casting="unsafe")
            if (slope, inter) != (1.0, 0.0):
                np.multiply(plane, np.float32(slope), out=plane)
                np.add(plane, np.float32(inter), out=plane)
        low, high = float(plane.min()), float(plane.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ImageError(path, "holds NaN or infinite voxels", _NEXT_STEP)
        if low == high:
            raise ImageError(path, f"is constant: every voxel is {low:g}", _NEXT_STEP)
    if volume is None:
        raise ValueError("read_channels needs at least one file")
    return volume, spacing


def _read(path: Path) -> tuple[np.ndarray, float, float, tuple[float, float, float]]:
    """Return stored voxels in RAS order, scl slope and intercept, and the voxel size in mm."""
    try:
        data = path.read_bytes()
        if data[:2] == _GZIP_MAGIC:
            # Unpacking the whole stream verifies its checksum, which reading only the needed bytes would not.
            data = gzip.decompress(data)
        kind = (
            nib.Nifti2Image
            if int.from_bytes(data[:4], "little") == 540 or data[:4] == b"\0\0\x02\x1c"
            else nib.Nifti1Image
        )
        image = kind.from_bytes(data)
        if image.get_data_dtype().kind not in "iufb":
            raise ImageError(path, f"holds voxels of type {image.get_data_dtype()}, not numbers", _NEXT_STEP)
        stored = image.dataobj.get_unscaled()
        slope, inter = float(image.dataobj.slope), float(image.dataobj.inter)
        while stored.ndim > 3 and stored.shape[-1] == 1:
            stored = stored[..., 0]
        if stored.ndim != 3 or min(stored.shape) < 1:
            raise ImageError(path, f"has shape {stored.shape}, not three dimensions", "give one 3D volume per file")
        zooms = np.asarray(image.header.get_zooms()[:3], dtype=float)
        orientation = io_orientation(image.affine)
    except _DAMAGE as error:
        raise ImageError(path, f"cannot be read: {error or type(error).__name__}", _NEXT_STEP) from error
    if not np.isfinite(orientation).all() or not (np.isfinite(zooms) & (zooms > 0)).all():
        raise ImageError(path, "has no valid orientation or voxel size in its header", _NEXT_STEP)
    # Row i of the orientation says which output axis input axis i becomes.
    spacing = np.empty(3)
    spacing[orientation[:, 0].astype(int)] = zooms
    return (
        apply_orientation(stored, orientation),
        slope,
        inter,
        (float(spacing[0]), float(spacing[1]), float(spacing[2])),
    )


def _mm(spacing: Sequence[float]) -> str:
    return " x ".join(f"{value:g}" for value in spacing) + " mm"
