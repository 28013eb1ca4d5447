"""In which plane of the body a volume is sliced, and how its slices are held."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.geometry import Spacing, thick_axis
from sixgig.tables.planes import BY_NORMAL, Plane


def choose_plane(wanted: str | None, spacing: Spacing) -> Plane:
    """Return the plane in which a volume is sliced.

    Args:
        wanted: A plane; ``acquisition`` for that of the thick slices that the volume was acquired in, which is axial
            where it has no axis more than twice as long as the others; None for axial.
        spacing: Voxel size along X, Y, Z, as it was read.
    """
    if wanted == "acquisition":
        thick = thick_axis(spacing)
        return "axial" if thick is None else BY_NORMAL[thick]
    found: Plane = next((plane for plane in BY_NORMAL if plane == wanted), "axial")
    return found


def doubt_about_plane(wanted: str | None, spacing: Spacing) -> str | None:
    """Say that axial pictures are coarse when nobody chose them: the end of a sentence, or None."""
    acquired = choose_plane("acquisition", spacing)
    if wanted is not None or acquired == "axial":
        return None
    return (
        f"was acquired in {acquired} slices, which axial pictures cut across, so that they are coarse: set "
        "`plane: acquisition`, or `plane: axial` to keep them"
    )


def turn(array: npt.NDArray[Any], spacing: Spacing, plane: Plane) -> tuple[npt.NDArray[Any], Spacing]:
    """Turn a volume so that its last axis counts slices, and the first two run to the right and up in a picture.

    Axial and coronal pictures have the subject's left at the left, sagittal ones anterior; axial ones have anterior at
    the top, the others superior. Slices are counted upwards (axial), to anterior (coronal), to the right (sagittal).

    Args:
        array: [X, Y, Z, M] in RAS orientation.
        spacing: Voxel size along X, Y, Z.
        plane: The plane.

    Returns:
        Array and spacing: the same for axial; else a copy, with the picture's first axis fastest in memory.
    """
    x, y, z = spacing
    if plane == "coronal":
        return np.asfortranarray(array.transpose(0, 2, 1, 3)), (x, z, y)
    if plane == "sagittal":
        return np.asfortranarray(array[:, ::-1].transpose(1, 2, 0, 3)), (y, z, x)
    return array, spacing
