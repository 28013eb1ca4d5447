"""Which box of a volume is kept."""

from __future__ import annotations

import numpy as np

from sixgig.cohorts.foreground import Mask, unflipped

Box = tuple[slice, ...]


def bounding_box(mask: Mask) -> Box:
    """Return the smallest box that holds the foreground [X, Y, Z], which is not empty."""
    seen = unflipped(mask)  # as it lies in memory, where all this takes a quarter of the time
    from_above = np.asarray(seen.any(axis=2))
    projections = [from_above.any(axis=1), from_above.any(axis=0), seen.any(axis=(0, 1))]
    extents = [_extent(np.asarray(projection)) for projection in projections]
    return tuple(
        slice(length - extent.stop, length - extent.start) if step < 0 else extent
        for extent, step, length in zip(extents, mask.strides, mask.shape, strict=True)
    )


def _extent(present: Mask) -> slice:
    indices = np.flatnonzero(present)
    return slice(int(indices[0]), int(indices[-1]) + 1)


def centre(length: int, wanted: float) -> slice:
    """Return the middle ``wanted`` of ``length`` voxels, rounded; all of them when there are fewer."""
    kept = min(length, max(1, round(wanted)))
    start = (length - kept) // 2
    return slice(start, start + kept)
