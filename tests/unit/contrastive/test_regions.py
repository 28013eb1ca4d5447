import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixgig.contrastive.regions import local_regions, local_terms, reference_terms, shared_patches
from sixgig.errors import TrainingError


def test_regions_of_a_16_x_16_grid_by_hand():
    # The span is 13: lattice corners at 0, 6, 13, inner ones at 13 // 4 = 3 and 39 // 4 = 9.
    positions, negatives = local_regions((16, 16))
    lattice = [[row, column] for row in (0, 6, 13) for column in (0, 6, 13)]
    assert positions.tolist() == [*lattice, [3, 3], [3, 9], [9, 3], [9, 9]]
    # Around the centre (6, 6): four inner regions at squared distance 18, then the lattice's neighbours at 36 (index 1
    # and 3) and 49 (5 and 7); index 1 comes first.
    assert negatives[4].tolist() == [9, 10, 11, 12, 1]
    # Around the corner (0, 0): (3, 3) at 18, (0, 6) and (6, 0) at 36, (6, 6) at 72, (3, 9) and (9, 3) at 90.
    assert negatives[0].tolist() == [9, 1, 3, 4, 10]


def test_cells_and_masks_of_the_smallest_grid():
    terms = local_terms((7, 7))
    assert terms.cells.shape == (13, 9)
    # The centre region of the lattice starts at (2, 2): cells 16, 17, 18 of row 2, and 7 more for each row below.
    assert terms.cells[4].tolist() == [16, 17, 18, 23, 24, 25, 30, 31, 32]
    assert terms.positives.tolist() == [*range(13, 26), *range(13)]
    _, negatives = local_regions((7, 7))
    for region in range(26):
        wanted = sorted([*negatives[region % 13], *(negatives[region % 13] + 13)])
        assert np.flatnonzero(terms.negatives[region]).tolist() == wanted


@given(st.integers(7, 40), st.integers(7, 40))
def test_any_grid_has_13_different_regions_inside_and_their_5_nearest(rows, columns):
    positions, negatives = local_regions((rows, columns))
    assert positions.shape == (13, 2)
    assert negatives.shape == (13, 5)
    assert len({tuple(corner) for corner in positions.tolist()}) == 13
    assert positions.min() == 0
    assert positions.max(axis=0).tolist() == [rows - 3, columns - 3]
    for region in range(13):
        distance = [np.hypot(*(corner - positions[region])) for corner in positions]
        others = sorted((value, index) for index, value in enumerate(distance) if index != region)
        assert negatives[region].tolist() == [index for _, index in others[:5]]
    cells = local_terms((rows, columns)).cells
    assert np.array_equal(cells[:, 0], positions[:, 0] * columns + positions[:, 1])
    assert np.array_equal(cells[:, 8], (positions[:, 0] + 2) * columns + positions[:, 1] + 2)
    assert cells.max() == rows * columns - 1


@pytest.mark.parametrize("grid", [(6, 7), (7, 6), (4, 4)])
def test_small_grids_are_refused(grid):
    message = f"at least 7 x 7 patches .* this backbone has {grid[0]} x {grid[1]}\n.*set local_steps to 0"
    with pytest.raises(TrainingError, match=message):
        local_regions(grid)


def test_published_regions_of_its_12_x_12_grid_by_hand():
    # The span is 8: corners at 0, 4 and 8, and at 2 and 6; cell = 12 x row + column.
    terms = reference_terms((12, 12))
    assert terms.cells[:13, 0].tolist() == [0, 4, 8, 48, 52, 56, 96, 100, 104, 26, 30, 74, 78]
    # Four more corners are negatives only: (2, 4), (4, 2), (4, 6) and (6, 4).
    assert terms.cells[13:, 0].tolist() == [28, 50, 54, 76]
    assert terms.cells[0].tolist() == [0, 1, 2, 12, 13, 14, 24, 25, 26]
    assert terms.cells.max() == 10 * 12 + 10  # the last row and column belong to no region
    assert terms.anchors.tolist() == [*range(13), *range(17, 30)]
    assert terms.positives.tolist() == [*range(17, 30), *range(13)]
    assert terms.negatives.shape == (26, 34)
    # Of the corner (0, 0): (0, 4), (2, 2), (2, 4), (4, 0) and (4, 2), in both views.
    assert np.flatnonzero(terms.negatives[0]).tolist() == [1, 3, 9, 13, 14, 18, 20, 26, 30, 31]
    assert (terms.negatives.sum(axis=1) == 10).all()
    assert np.array_equal(terms.negatives[:13], terms.negatives[13:])


def test_published_regions_need_8_x_8_patches():
    assert len({tuple(cells) for cells in reference_terms((8, 9)).cells}) == 17
    with pytest.raises(TrainingError, match=r"published table of regions needs a grid of at least 8 x 8 .* has 7 x 12"):
        reference_terms((7, 12))


def test_negatives_share_patches_with_their_anchor_on_small_grids():
    # Counted pair by pair, by the overlap of two 3 x 3 squares.
    positions, negatives = local_regions((8, 8))
    overlaps = [
        max(0, 3 - abs(one[0] - other[0])) * max(0, 3 - abs(one[1] - other[1]))
        for one, nearest in zip(positions, negatives, strict=True)
        for other in positions[nearest]
    ]
    assert shared_patches((8, 8)) == pytest.approx(np.mean(overlaps))
    assert round(shared_patches((8, 8)), 1) == 2.3
    assert round(shared_patches((12, 12)), 2) == 0.28
    assert round(shared_patches((8, 8), reference=True), 1) == 3.4
    assert shared_patches((16, 16)) == shared_patches((16, 16), reference=True) == 0
