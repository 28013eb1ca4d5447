from pathlib import Path

import numpy as np
import pytest

from sixgig.cohorts.array_stream import ArrayStream


def test_rows_come_back_as_a_memory_map(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 255, (1234, 3, 4), dtype=np.uint8)
    with ArrayStream(tmp_path / "a.npy", (3, 4), np.uint8) as stream:
        for start in range(0, 1234, 100):
            stream.append(array[start : start + 100])
    assert stream.n_bytes == array.nbytes
    loaded = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert isinstance(loaded, np.memmap)
    assert np.array_equal(loaded, array)


def test_another_row_shape_is_refused(tmp_path: Path) -> None:
    with (
        ArrayStream(tmp_path / "a.npy", (3, 4), np.uint8) as stream,
        pytest.raises(ValueError, match=r"rows have shape \(4, 3\), the file holds \(3, 4\)"),
    ):
        stream.append(np.zeros((2, 4, 3), np.uint8))
