"""Counting voxels in compiled code."""

import numpy as np
import pytest

from sixgig.cohorts.counting import count_values


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_masked_voxels_are_counted_whatever_lies_between_them(dtype: str) -> None:
    rng = np.random.default_rng(3)
    whole = rng.integers(0, np.iinfo(dtype).max, (9, 8, 14), dtype=dtype, endpoint=True)
    mask = rng.random(whole.shape) < 0.3
    for cut in (np.s_[:], np.s_[1:-1, 2:7, ::2], np.s_[::-1, :, 3:4], np.s_[:0]):
        counts = count_values(whole[cut], mask[cut])
        assert np.array_equal(counts, np.bincount(whole[cut][mask[cut]], minlength=256**whole.itemsize))
        assert counts.sum() == mask[cut].sum()
