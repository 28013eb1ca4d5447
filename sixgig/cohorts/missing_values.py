"""NaN in place of voxels: background as SPM writes it, or damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sixgig.errors import ImageError

_NEXT_STEP = "restore the file, or write a number into these voxels"


def fill_background(voxels: npt.NDArray[Any], path: Path) -> list[str]:
    """Turn NaN around what was measured into 0, in place.

    SPM writes NaN where it has no data and 0 in types that have no NaN, so both mean the same. NaN that does not reach
    the outside is a measurement that failed: 0 would be made up.

    Args:
        voxels: [X, Y, Z], a float type.
        path: The file, for the error message.

    Returns:
        Ends of sentences about what was done.

    Raises:
        ImageError: Every voxel is NaN, or NaN is enclosed in the volume alone.
    """
    empty = np.isnan(voxels)
    number = int(np.count_nonzero(empty))
    if not number:
        return []
    if number == voxels.size:
        raise ImageError(path, "holds NaN in every voxel", _NEXT_STEP)
    from scipy import ndimage  # planning need not wait for it

    regions, _ = ndimage.label(empty)
    outside = set()
    for axis in range(3):
        for end in (0, -1):
            outside |= set(np.unique(np.take(regions, end, axis)).tolist())
    outside.discard(0)
    if not outside:
        raise ImageError(path, f"holds NaN in {number} voxels inside, and none around it", _NEXT_STEP)
    voxels[empty] = 0
    said = ["holds NaN around what was measured, as SPM writes it: it is read as background, 0"]
    if not np.isin(regions[empty], list(outside)).all():
        said.append("holds NaN also enclosed in what was measured: it is read as 0")
    return said
