"""Regions of the local contrastive loss on a ViT's patch grid (Chaitanya et al. 2020, section 3.2).

The local loss compares 3 x 3 regions of the feature maps of two views of one image: the same region in the other view
is the positive, other regions of both maps are negatives. On a ViT the feature map is the grid of patch tokens.

The published code (domain_specific_cl, ``decoder_pretrain_net``) has a table of its own of 13 regions and of their
negatives, some of which are none of the 13: :func:`reference_terms`.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np

from sixgig.errors import TrainingError

REGION_SIDE = 3
NEGATIVES_PER_REGION = 5
_SMALLEST_GRID = 7  # below, the inner regions would coincide with those of the lattice
#: The grid of the published code: 192 pixels, and a feature map 16 times smaller.
PUBLISHED_GRID = 12
#: Length of the vector that the published code makes of a region, by one linear layer.
REGION_VECTOR = 128

# The published table, as (row, column) in quarters of the span: corners of the 13 regions, then the negatives of each.
_REFERENCE_SMALLEST = 8  # below, quarters of the span would coincide
_REFERENCE_CORNERS = (
    (0, 0), (0, 2), (0, 4), (2, 0), (2, 2), (2, 4), (4, 0), (4, 2), (4, 4), (1, 1), (1, 3), (3, 1), (3, 3),
)  # fmt: skip
_REFERENCE_NEGATIVES = (
    ((0, 2), (1, 1), (1, 2), (2, 0), (2, 1)),
    ((0, 0), (0, 4), (1, 1), (1, 3), (2, 2)),
    ((0, 2), (1, 2), (1, 3), (2, 3), (2, 4)),
    ((0, 0), (1, 1), (2, 2), (4, 0), (3, 1)),
    ((1, 1), (1, 3), (3, 1), (3, 3), (2, 0)),
    ((0, 4), (2, 2), (4, 4), (1, 3), (3, 3)),
    ((2, 0), (2, 1), (4, 2), (3, 1), (3, 2)),
    ((2, 2), (4, 0), (4, 4), (3, 1), (3, 3)),
    ((2, 3), (2, 4), (4, 2), (3, 3), (3, 2)),
    ((0, 0), (0, 2), (2, 0), (2, 2), (1, 3)),
    ((0, 2), (0, 4), (1, 1), (2, 2), (2, 4)),
    ((2, 0), (2, 2), (4, 0), (4, 2), (3, 3)),
    ((2, 2), (2, 4), (4, 2), (4, 4), (3, 1)),
)


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


class ReferenceTerms(NamedTuple):
    """The published regions of one image pair: R regions of view 1, then the same of view 2.

    Attributes:
        cells: int32 [R, 9], patches of each region; the 13 regions come first, then the 4 that are only negatives.
        anchors: int32 [26], the 13 regions of each view.
        positives: int32 [26], the same region in the other view.
        negatives: bool [26, 2 R], row a: the regions of both views that are negatives of anchor a.
    """

    cells: np.ndarray
    anchors: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray


def reference_terms(grid: Sequence[int]) -> ReferenceTerms:
    """Return the regions of the published code as index sets for a pair of maps.

    Its span is ``grid - 4`` along each axis, so that the last row and column of patches belong to no region. The
    corners are at quarters of the span, rounded down. Every region has 5 negatives in each view.

    Args:
        grid: Rows and columns of patches.

    Raises:
        TrainingError: Fewer than 8 rows or columns.
    """
    rows, columns = int(grid[0]), int(grid[1])
    if min(rows, columns) < _REFERENCE_SMALLEST:
        raise _too_small(rows, columns, _REFERENCE_SMALLEST, "the published table of regions")
    others = sorted({corner for each in _REFERENCE_NEGATIVES for corner in each} - set(_REFERENCE_CORNERS))
    quarters = [*_REFERENCE_CORNERS, *others]
    number = {corner: index for index, corner in enumerate(quarters)}
    corners = np.array([(row * (rows - 4) // 4, column * (columns - 4) // 4) for row, column in quarters])
    n_anchors, n_regions = len(_REFERENCE_CORNERS), len(quarters)
    negatives = np.zeros((n_anchors, n_regions), dtype=bool)
    for anchor, each in enumerate(_REFERENCE_NEGATIVES):
        negatives[anchor, [number[corner] for corner in each]] = True
    first = np.arange(n_anchors)
    return ReferenceTerms(
        _cells(corners, columns),
        np.concatenate([first, first + n_regions]).astype(np.int32),
        np.concatenate([first + n_regions, first]).astype(np.int32),
        np.tile(negatives, (2, 2)),
    )


def shared_patches(grid: Sequence[int], reference: bool = False) -> float:
    """Return how many of its 9 patches a region shares with one of its negatives of the same view, on average."""
    if reference:
        terms = reference_terms(grid)
        cells, negatives = terms.cells, terms.negatives[:, : len(terms.cells)]
    else:
        local = local_terms(grid)
        cells, negatives = local.cells, local.negatives[:, : len(local.cells)]
    pairs = [(cells[anchor % 13], cells[other]) for anchor, other in zip(*np.nonzero(negatives))]
    return float(np.mean([len(np.intersect1d(one, other)) for one, other in pairs]))


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
        raise _too_small(rows, columns, _SMALLEST_GRID, "the local loss")
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
    cells = _cells(positions, int(grid[1]))
    negatives = np.zeros((n_regions, n_regions), dtype=bool)
    np.put_along_axis(negatives, nearest, True, axis=1)
    positives = (np.arange(2 * n_regions) + n_regions) % (2 * n_regions)
    return LocalTerms(cells, positives.astype(np.int32), np.tile(negatives, (2, 2)))


def _square(side: int) -> list[tuple[int, int]]:
    """Return all (row, column) of a square, row by row."""
    return [(row, column) for row in range(side) for column in range(side)]


def _cells(corners: np.ndarray, columns: int) -> np.ndarray:
    """Return the patches int32 [n, 9] of regions with these top-left corners [n, 2]."""
    within = np.array([row * columns + column for row, column in _square(REGION_SIDE)])
    return (corners[:, :1] * columns + corners[:, 1:] + within).astype(np.int32)


def _too_small(rows: int, columns: int, least: int, what: str) -> TrainingError:
    return TrainingError(
        "arms.vit_contrastive.local_steps",
        f"{what} needs a grid of at least {least} x {least} patches for its 13 regions, "
        f"and this backbone has {rows} x {columns}",
        "set local_steps to 0, or choose a larger image.size or a backbone with smaller patches",
    )
