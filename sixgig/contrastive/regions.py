"""Regions of the local contrastive loss on a ViT's patch grid (Chaitanya et al. 2020, section 3.2).

The local loss compares 3 x 3 regions of the feature maps of two views of one image: the same region in the other view
is the positive, other regions of both maps are negatives. On a ViT the feature map is the grid of patch tokens.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np

from sixgig.errors import TrainingError

REGION_SIDE = 3
NEGATIVES_PER_REGION = 5
_SMALLEST_GRID = 7  # below, the inner regions would coincide with those of the lattice


class LocalTerms(NamedTuple):
    """The regions of one image pair, view 1 before view 2: 13 regions of each, 26 in all.

    Attributes:
        cells: int32 [13, 9], patches (row x columns + column) of each region.
        positives: int32 [26], the same region in the other view.
        negatives: bool [26, 26], row a: the regions that are negatives of region a.
    """

    cells: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray


def local_regions(grid: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Choose 13 regions of 3 x 3 patches, and 5 negatives for each.

    The regions are a 3 x 3 lattice over the whole map (corners at 0, half and all of the span ``grid - 3`` along each
    axis) and four inner ones (at one and three quarters). The negatives of a region are the 5 nearest others by the
    Euclidean distance of their corners, the lower index first where two are as near: near regions are the hardest to
    tell apart.

    Args:
        grid: Rows and columns of patches.

    Returns:
        Top-left corners int64 [13, 2] as (row, column), and negatives int64 [13, 5] as indices of regions.

    Raises:
        TrainingError: Fewer than 7 rows or columns.
    """
    rows, columns = int(grid[0]), int(grid[1])
    if min(rows, columns) < _SMALLEST_GRID:
        raise TrainingError(
            "arms.vit_contrastive.local_steps",
            f"the local loss needs a grid of at least {_SMALLEST_GRID} x {_SMALLEST_GRID} patches for its 13 regions, "
            f"and this backbone has {rows} x {columns}",
            "set local_steps to 0, or choose a larger image.size or a backbone with smaller patches",
        )
    spans = (rows - REGION_SIDE, columns - REGION_SIDE)
    lattice = [[(0, span // 2, span)[i] for span, i in zip(spans, (row, column))] for row, column in _square(3)]
    inner = [[(span // 4, 3 * span // 4)[i] for span, i in zip(spans, (row, column))] for row, column in _square(2)]
    positions = np.array(lattice + inner, dtype=np.int64)
    squared = ((positions[:, None] - positions[None]) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.iinfo(np.int64).max)
    nearest = np.argsort(squared, axis=1, kind="stable")
    return positions, nearest[:, :NEGATIVES_PER_REGION].astype(np.int64)


def local_terms(grid: Sequence[int]) -> LocalTerms:
    """Return the regions of :func:`local_regions` as index sets for a pair of maps.

    Args:
        grid: Rows and columns of patches.

    Raises:
        TrainingError: Fewer than 7 rows or columns.
    """
    positions, nearest = local_regions(grid)
    n_regions = len(positions)
    within = np.array([row * int(grid[1]) + column for row, column in _square(REGION_SIDE)])
    cells = (positions[:, :1] * int(grid[1]) + positions[:, 1:]) + within
    negatives = np.zeros((n_regions, n_regions), dtype=bool)
    np.put_along_axis(negatives, nearest, True, axis=1)
    positives = (np.arange(2 * n_regions) + n_regions) % (2 * n_regions)
    return LocalTerms(cells.astype(np.int32), positives.astype(np.int32), np.tile(negatives, (2, 2)))


def _square(side: int) -> list[tuple[int, int]]:
    """Return all (row, column) of a square, row by row."""
    return [(row, column) for row in range(side) for column in range(side)]
