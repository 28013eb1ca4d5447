"""Where the voxels of a NIfTI file lie: one rule for all files, and a sentence wherever the header leaves a choice.

- The sform is used where its code is above 0, else the qform. With neither, x runs to the left, as nibabel, FSL and SPM
  have it. ITK takes x to the right. NIfTI attaches no orientation to such files, so both are guesses; files whose
  matrix was dropped mostly come from scanners' converters, which store x to the left.
- An sform that shears into a template, beside a qform, gives way to the qform: that is how the voxels were measured.
- Voxel sizes are those of the sform. Where it disagrees with pixdim and has unit scale it only names directions, as in
  the released files of ACDC, and pixdim counts.
- Lengths are in mm: metres and micrometres of ``xyzt_units`` are converted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sixgig.cohorts import geometry
from sixgig.cohorts.geometry import Axes

if TYPE_CHECKING:
    import nibabel as nib

Vector = npt.NDArray[np.float64]

#: Two voxel sizes are the same up to this factor: files keep few digits of them.
_SAME = 0.01
#: sform and qform are the same up to this angle in degrees.
_TURNED = 2.0
#: Codes of an sform that leads to a template (Talairach, MNI, another one), and may stretch and shear on the way.
_TEMPLATE = 3
#: A quaternion may be longer than 1 by this, which is rounding.
_ROUNDING = 1e-4
#: A scale is that of a matrix of directions alone up to this.
_UNIT = 1e-3
_MILLIMETRES = {1: 1e3, 3: 1e-3}


def place_voxels(
    header: nib.Nifti1Header, pixdim: Vector, shape: tuple[int, ...], *, trust_pixdim: bool
) -> tuple[Vector, Vector, list[str]]:
    """Find out where a NIfTI file's voxels lie.

    Args:
        header: The header, with what can be repaired in it repaired.
        pixdim: The header's pixdim as it was.
        shape: Voxels along the first three axes.
        trust_pixdim: It is known that an sform of unit scale holds directions alone.

    Returns:
        The affine [4, 4] to mm (right, anterior, superior), the lengths of a voxel along its three axes in mm, and ends
        of sentences about what is in doubt.
    """
    said: list[str] = []
    sform = np.asarray(header.get_sform(), dtype=np.float64)[:3] if header["sform_code"] > 0 else None
    qform, normalised = _qform(header) if header["qform_code"] > 0 else (None, False)
    if sform is not None and not geometry.span_space(sform[:, :3]):
        sform = None
        said.append("has an sform that does not span space: it is ignored")
    if qform is not None and not np.isfinite(qform).all():
        qform = None
        said.append("has a qform that is not finite: it is ignored")
    if sform is not None and qform is not None:
        stretched = geometry.shear(sform[:, :3]) > geometry.ORTHOGONAL
        if stretched and header["sform_code"] >= _TEMPLATE:
            sform = None
            said.append("has an sform that shears it into a template: the qform is used")
        else:
            said += _between(sform[:, :3], qform[:, :3], stretched)
    if sform is not None:
        directions, origin = geometry.unit(sform[:, :3]), sform[:, 3]
        sizes, doubts = _reconciled(np.linalg.norm(sform[:, :3], axis=0), pixdim[1:4], shape, trust_pixdim)
    else:
        sizes, doubts = sizes_of_pixdim(pixdim[1:4], shape)
        if qform is not None:
            directions, origin = qform[:, :3], qform[:, 3]
            if normalised:
                said.append("has a qform whose quaternion is too long to be a rotation: it is made one")
        else:
            directions = np.diag([-1.0, 1.0, 1.0])
            origin = -directions @ (sizes * (np.array(shape) - 1)) / 2
            said.append(
                "has no usable sform or qform: left and right are unknown, and x is taken to run to the left, as "
                "nibabel, FSL and SPM do (ITK: to the right)"
            )
    said += doubts
    factor = _MILLIMETRES.get(int(header["xyzt_units"]) & 7, 1.0)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = directions * sizes * factor, origin * factor
    return affine, sizes * factor, said + geometry.doubts(affine[:3, :3], shape)


def _qform(header: nib.Nifti1Header) -> tuple[Vector, bool]:
    """Return directions and origin [3, 4], and whether the quaternion had to be made a rotation, as niftilib does."""
    from nibabel.quaternions import quat2mat  # planning need not wait for it

    vector = np.array([header[f"quatern_{name}"] for name in "bcd"], dtype=np.float64)
    length = float(vector @ vector)
    if length > 1:
        vector, first = vector / np.sqrt(length), 0.0
    else:
        first = np.sqrt(1 - length)
    rotation = quat2mat([first, *vector])
    if header["pixdim"][0] < 0:
        rotation[:, 2] *= -1
    origin = [float(header[f"qoffset_{name}"]) for name in "xyz"]
    return np.column_stack([rotation, origin]), length > 1 + _ROUNDING


def _between(sform: Axes, qform: Axes, stretched: bool) -> list[str]:
    """Say how sform and qform disagree on directions."""
    if not np.array_equal(geometry.nearest(sform), geometry.nearest(qform)):
        return ["has an sform and a qform that name different sides of the body: the sform is used"]
    angle = geometry.apart(sform, qform)
    if angle > _TURNED and not stretched:  # a qform cannot be sheared
        return [f"has an sform and a qform that differ by {geometry.up_to(angle)}: the sform is used"]
    return []


def _reconciled(scales: Vector, pixdim: Vector, shape: tuple[int, ...], trust_pixdim: bool) -> tuple[Vector, list[str]]:
    """Return voxel sizes by the sform and pixdim."""
    told = np.abs(pixdim)
    valid = np.isfinite(told) & (told > 0)
    counts = np.array([length > 1 for length in shape])
    if not counts.any():
        counts[:] = True
    agree = valid & (np.abs(told - scales) <= _SAME * scales)
    if agree[counts].all():
        return np.where(agree, told, scales), []  # pixdim has not been through a matrix
    if not valid[counts].all():
        return scales, []  # nothing to choose from
    if np.abs(scales - 1).max() < _UNIT:
        doubt = "has an sform of unit scale and other voxel sizes in pixdim: those of pixdim are used"
        return np.where(valid, told, scales), [] if trust_pixdim else [doubt]
    doubt = "has other voxel sizes in its sform than in pixdim, and one of them is wrong: those of the sform are used"
    return scales, [doubt]


def sizes_of_pixdim(pixdim: Vector, shape: tuple[int, ...]) -> tuple[Vector, list[str]]:
    """Return voxel sizes by pixdim alone."""
    told = np.abs(pixdim)
    missing = ~np.isfinite(told) | (told == 0)
    counts = np.array([length > 1 for length in shape])
    said = []
    if (missing & counts).any():
        said.append("has no voxel size in its header: 1 mm is assumed")
    elif (counts & (pixdim < 0)).any():
        said.append("has negative voxel sizes in its header: their signs are dropped")
    return np.where(missing, 1.0, told), said
