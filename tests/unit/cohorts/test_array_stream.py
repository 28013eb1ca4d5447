import errno
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


def test_rows_that_a_full_disk_refuses_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(6, 4)
    stream = ArrayStream(tmp_path / "a.npy", (4,), np.uint8)
    stream.append(array[:2])
    raw = stream._stream

    class Full:
        """Takes five bytes of each write, and the second one not at all."""

        def __getattr__(self, name: str) -> object:
            return getattr(raw, name)

        def __init__(self) -> None:
            self.writes = 0

        def write(self, data: bytes) -> int:
            self.writes += 1
            if self.writes == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            return raw.write(data[:5])

    monkeypatch.setattr(stream, "_stream", Full())
    with pytest.raises(OSError, match="No space left"):
        stream.append(array[2:])
    assert (tmp_path / "a.npy").stat().st_size == 128 + 8
    stream.append(array[2:])  # there is space again; writes are still short
    monkeypatch.setattr(stream, "_stream", raw)
    stream.close()
    assert np.array_equal(np.load(tmp_path / "a.npy"), array)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [([(0, 6)], [0, 1, 2, 3, 4, 5]), ([(4, 2), (0, 1)], [4, 5, 0]), ([(0, 2), (2, 3)], [0, 1, 2, 3, 4]), ([], [])],
)
def test_rows_in_another_order(tmp_path: Path, spans: list[tuple[int, int]], expected: list[int]) -> None:
    with ArrayStream(tmp_path / "a.npy", (), np.uint8) as stream:
        stream.append(np.arange(6, dtype=np.uint8))
    path, n_bytes = stream.in_order(spans, tmp_path / "b.npy")
    assert np.load(path).tolist() == expected
    assert n_bytes == len(expected)
    assert (path == tmp_path / "a.npy") == (len(expected) == 6)
