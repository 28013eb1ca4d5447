"""What the header of a NIfTI or Analyze file says about its voxels: where they lie, their type and their scaling."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sixgig.cohorts import geometry
from sixgig.cohorts.affines import place_voxels, sizes_of_pixdim
from sixgig.cohorts.unpacking import Bytes

#: Length of NIfTI-2's header, by which it is recognised.
LONGEST = 540
#: Analyze's ``orient``: to where the three axes run. Unflipped transverse, coronal, sagittal; then flipped.
_ORIENT_AT = 252
_ORIENT = ("LAS", "LSA", "ASL", "LPS", "LIA", "AIL")
#: Length of the header of NIfTI-1 and Analyze.
_FIRST = 348
#: nibabel tells about a header what is told here in other words.
_QUIET = logging.Logger("headers", logging.CRITICAL + 1)


@dataclass(frozen=True)
class Header:
    """What a header says.

    Attributes:
        shape: Voxels along each axis as stored.
        dtype: Type of a voxel, with its byte order.
        offset: Where the voxels begin, in bytes.
        slope: Intensities are ``slope * voxels + inter``.
        inter: See ``slope``.
        affine: [4, 4], from the number of a voxel to its place in mm (right, anterior, superior).
        sizes: Lengths of the voxel along the three axes as stored, in mm.
        doubts: Kind and sentence, see :class:`sixgig.cohorts.base.Remark`.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    slope: float
    inter: float
    affine: npt.NDArray[np.float64]
    sizes: npt.NDArray[np.float64]
    doubts: tuple[tuple[str, str], ...]


def read_nifti(start: Bytes, *, pair: bool = False, trust_pixdim: bool = False) -> Header:
    """Read the header of a NIfTI file.

    Args:
        start: The first bytes of the file.
        pair: The voxels are in another file.
        trust_pixdim: It is known that an sform of unit scale holds directions alone.

    Raises:
        HeaderDataError, ValueError, and whatever else nibabel stumbles over: The header is damaged.
    """
    header_class = (_pairs() if pair else _singles())[_is_second(start)].header_class
    header = header_class(start[: header_class.sizeof_hdr].tobytes(), check=False)
    pixdim = np.array(header["pixdim"], dtype=np.float64)
    header.check_fix(logger=_QUIET, error_level=40)
    said: list[tuple[str, str]] = []
    if not np.isfinite(header["scl_inter"]):
        if header["scl_slope"] != 0 and np.isfinite(header["scl_slope"]):
            said.append(("intensity", "has a scaling without a number to add (scl_inter is none): 0 is added"))
        header["scl_inter"] = 0
    slope, inter = header.get_slope_inter()
    shape = tuple(header.get_data_shape())
    affine, sizes, doubts = place_voxels(header, pixdim, _three(shape), trust_pixdim=trust_pixdim)
    return Header(
        shape,
        header.get_data_dtype(),
        int(header.get_data_offset()),
        1.0 if slope is None else float(slope),
        0.0 if inter is None else float(inter),
        affine,
        sizes,
        (*said, *(("geometry", text) for text in doubts)),
    )


def is_nifti(start: Bytes) -> bool:
    """Whether a header of a pair is NIfTI's: Analyze's is the same but for its last bytes."""
    return any(kind.header_class.may_contain_header(start.tobytes()) for kind in _pairs().values())


def read_analyze(path: Path, start: Bytes, mat: Path) -> Header:
    """Read the header of an Analyze pair, and SPM's matrix where there is one beside it.

    Args:
        path: One of the pair.
        start: The first bytes of the header.
        mat: Where SPM keeps the matrix.

    Raises:
        ImageFileError, HeaderDataError, ValueError, and whatever else nibabel stumbles over: The header is damaged.
    """
    import nibabel as nib  # here and below: planning need not wait for it
    from nibabel.orientations import axcodes2ornt, inv_ornt_aff

    image = nib.load(path)
    pixdim = np.array(type(image.header)(start[:_FIRST].tobytes(), check=False)["pixdim"], dtype=np.float64)
    shape = tuple(image.shape)
    affine = np.asarray(image.affine, dtype=np.float64)
    doubts: list[str] = []
    if mat.is_file():
        sizes = np.linalg.norm(affine[:3, :3], axis=0)
    else:
        sizes, doubts = sizes_of_pixdim(pixdim[1:4], shape)
        orient = int(start[_ORIENT_AT])
        known = 0 < orient < len(_ORIENT)
        doubts.append(
            "is an Analyze file, which does not say which side is left: "
            + (
                "its axes are those of its field `orient`"
                if known
                else "x is taken to run to the left, as nibabel, FSL and SPM do"
            )
        )
        if orient >= len(_ORIENT):
            doubts.append("has an unknown number in its field `orient`: it is taken to be axial")
        if known:
            axes = inv_ornt_aff(axcodes2ornt(tuple(_ORIENT[orient])), (1, 1, 1))[:3, :3].T
        else:
            axes = geometry.unit(affine[:3, :3])
        affine = affine.copy()
        affine[:3, :3] = axes * sizes
        if known:
            affine[:3, 3] = -affine[:3, :3] @ ((np.array(_three(shape)) - 1) / 2)
    doubts += geometry.doubts(affine[:3, :3], _three(shape))
    proxy = image.dataobj
    said = tuple(("geometry", text) for text in doubts)
    return Header(
        shape, image.get_data_dtype(), int(proxy.offset), float(proxy.slope), float(proxy.inter), affine, sizes, said
    )


def read_shape(start: Bytes) -> tuple[int, ...]:
    """Return the shape that a header gives; empty if it is unreadable."""
    header_class = _singles()[_is_second(start)].header_class
    try:
        return tuple(header_class(start[: header_class.sizeof_hdr].tobytes(), check=False).get_data_shape())
    except Exception:  # nibabel raises whatever it stumbles over
        return ()


def _singles() -> dict[bool, Any]:
    """Return nibabel's classes of files with header and voxels, by whether they are NIfTI-2."""
    import nibabel as nib

    return {False: nib.Nifti1Image, True: nib.Nifti2Image}


def _pairs() -> dict[bool, Any]:
    """Return nibabel's classes of headers that have a file of their own, by whether they are NIfTI-2."""
    import nibabel as nib

    return {False: nib.Nifti1Pair, True: nib.Nifti2Pair}


def _three(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape, 1, 1, 1)[:3]


def _is_second(start: Bytes) -> bool:
    return len(start) > 4 and LONGEST in {int(start[:4].view(order)[0]) for order in ("<i4", ">i4")}
