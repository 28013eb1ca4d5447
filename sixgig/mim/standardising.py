"""Voxels as MIM-Med3D has them: z-scores over the voxels of a volume that are not zero, channel by channel.

The published code normalises whole volumes (``NormalizeIntensity(nonzero=True, channel_wise=True)`` of MONAI) before it
crops them: what is zero stays zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


class Moments(NamedTuple):
    """Mean and standard deviation of the voxels that are not zero, float32 [c]; 0 and 1 where there is nothing else."""

    mean: np.ndarray
    std: np.ndarray


def moments_of(volume: np.ndarray) -> Moments:
    """Return the moments of one volume [..., c], one channel in memory at a time."""
    found = []
    for channel in range(volume.shape[-1]):
        values = np.asarray(volume[..., channel], dtype=np.float64)
        values = values[values != 0]
        std = float(values.std()) if len(values) else 1.0
        found.append((float(values.mean()) if len(values) else 0.0, std or 1.0))
    mean, std = np.asarray(found, dtype=np.float32).T
    return Moments(mean, std)


def standardised(voxels: np.ndarray, moments: Moments) -> np.ndarray:
    """Return voxels [c, ...] as z-scores, float32; zeros stay zero."""
    shape = (-1, *[1] * (voxels.ndim - 1))
    values = voxels.astype(np.float32)
    scores = (values - moments.mean.reshape(shape)) / moments.std.reshape(shape)
    kept: np.ndarray = np.where(values != 0, scores, np.float32(0))
    return kept


class Scores:
    """Makes z-scores of crops, with the moments of their whole volumes, each of which is read once.

    Args:
        volumes: [n_volumes, D, H, W, M], usually memory-mapped.
    """

    def __init__(self, volumes: np.ndarray) -> None:
        self._volumes = volumes
        self._known: dict[int, Moments] = {}

    def of(self, row: int, crop: np.ndarray, modality: int | None) -> np.ndarray:
        """Return a crop [c, *crop] of volume ``row`` as z-scores; ``modality`` is the only one it has, or None."""
        moments = self._known.get(row)
        if moments is None:  # two threads may both read it, and find the same
            moments = self._known[row] = moments_of(self._volumes[row])
        if modality is not None:
            moments = Moments(*(values[modality : modality + 1] for values in moments))
        return standardised(crop, moments)


def standardised_images(x: Tensor) -> Tensor:
    """Return images [n, c, rows, columns] as z-scores over their own pixels that are not zero; zeros stay zero."""
    there = (x != 0).float()
    number = there.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    mean = x.sum(dim=(2, 3), keepdim=True) / number
    std = (((x - mean) * there).square().sum(dim=(2, 3), keepdim=True) / number).sqrt()
    return (x - mean) * there / std.where(std > 0, 1.0)
