"""How often each value of a small integer type occurs, in compiled code: numpy would widen every voxel first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sixgig.runtime.compilation import compiled


def count_values(values: npt.NDArray[Any], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Count the values of a volume where a mask is true.

    Args:
        values: uint8 or uint16 [Z, Y, X]; fastest when X is contiguous.
        mask: Of the same shape.

    Returns:
        int64 [256] or [65536]: how often each value occurs.
    """
    counts = np.zeros(256**values.dtype.itemsize, np.int64)
    _count(values, mask, counts)
    return counts


@compiled
def _count(values: Any, mask: Any, counts: Any) -> None:
    for z in range(values.shape[0]):
        for y in range(values.shape[1]):
            row, inside = values[z, y], mask[z, y]
            for x in range(len(row)):
                if inside[x]:
                    counts[row[x]] += 1
