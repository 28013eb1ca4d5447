"""A .npy file that grows row by row, so that an array larger than memory can be written without knowing its length."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt


def stored_rows(path: Path, row_shape: tuple[int, ...], dtype: npt.DTypeLike, first: int, length: int) -> Any:
    """Return rows of the file of a stream, also of one that was never closed, whose header does not count them yet.

    Returns:
        [length, *row_shape], memory-mapped; without rows when ``length`` is 0.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no such file, or holds fewer rows.
    """
    if not length:
        return np.empty((0, *row_shape), dtype)
    with path.open("rb") as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f"{path} is no array of this version")
        shape, _, stored = np.lib.format.read_array_header_1_0(stream)
        offset = stream.tell()
    if shape[1:] != row_shape or stored != np.dtype(dtype):
        raise ValueError(f"{path} holds rows of {stored} {shape[1:]}")
    offset += first * int(np.prod(row_shape)) * np.dtype(dtype).itemsize
    return np.memmap(path, dtype, "r", offset, (length, *row_shape))


class ArrayStream:
    """Appends rows to a .npy file; numpy can memory-map it once it is closed.

    Args:
        path: File to write.
        row_shape: Shape of one row.
        dtype: Type of the values.
        keep: Number of rows, written by an earlier stream to that file, that are kept; the file is cut off after them.

    Raises:
        ValueError: The file holds fewer rows than that.
    """

    def __init__(self, path: Path, row_shape: tuple[int, ...], dtype: npt.DTypeLike, keep: int = 0) -> None:
        self._path, self._row_shape, self._dtype = path, row_shape, np.dtype(dtype)
        self.n_rows = keep
        # Unbuffered: when a full disk refuses a write, nothing is left that would be written again later.
        self._stream = path.open("r+b" if keep and path.exists() else "wb", buffering=0)
        self._write_header()
        self._data_start = self._stream.tell()
        if self._stream.seek(0, os.SEEK_END) < self._data_start + self.n_bytes:
            self._stream.close()
            raise ValueError(f"{path} does not hold {keep} rows")
        self._stream.truncate(self._data_start + self.n_bytes)
        self._stream.seek(0, os.SEEK_END)

    @property
    def closed(self) -> bool:
        """Whether the stream is closed, so that no row can be appended."""
        return self._stream.closed

    @property
    def n_bytes(self) -> int:
        """Bytes of the array so far, without the header."""
        return self.n_rows * int(np.prod(self._row_shape)) * self._dtype.itemsize

    def append(self, rows: npt.NDArray[np.generic]) -> None:
        """Append rows of shape [n, *row_shape], all or none; values are converted to the file's type.

        Raises:
            OSError: They cannot be written; the rows before them stay.
        """
        if rows.shape[1:] != self._row_shape:
            raise ValueError(f"rows have shape {rows.shape[1:]}, the file holds {self._row_shape}")
        rest = memoryview(np.ascontiguousarray(rows, dtype=self._dtype).tobytes())
        try:
            while rest:
                rest = rest[self._stream.write(rest) :]
        except OSError:
            self._stream.seek(self._data_start + self.n_bytes)
            self._stream.truncate()
            raise
        self.n_rows += len(rows)

    def sync(self) -> None:
        """Put the rows so far on the disk."""
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Write the final shape into the header, put everything on the disk and close the file."""
        if self._stream.closed:
            return
        try:
            self._stream.seek(0)
            self._write_header()
            if self._stream.tell() != self._data_start:
                raise RuntimeError("numpy changed the length of the header: the file is damaged")
            self.sync()
        finally:
            self._stream.close()

    def in_order(self, spans: Sequence[tuple[int, int]], path: Path) -> tuple[Path, int]:
        """Bring the rows of a closed stream into another order, and leave out those that no span names.

        Args:
            spans: First row and number of rows, in the order wanted.
            path: The file to copy them to; it is not written when the rows are already in this order.

        Returns:
            The file that is in order, and the bytes of its array.
        """
        begins = np.cumsum([0, *(length for _, length in spans)])
        if int(begins[-1]) == self.n_rows and all(
            begin == first for (first, _), begin in zip(spans, begins, strict=False)
        ):
            return self._path, self.n_bytes
        ordered = ArrayStream(path, self._row_shape, self._dtype)
        try:
            rows = np.load(self._path, mmap_mode="r") if spans else None
            for first, length in spans:
                assert rows is not None
                ordered.append(rows[first : first + length])
        finally:
            ordered.close()
        return path, ordered.n_bytes

    def _write_header(self) -> None:
        # numpy pads the header so that the first axis can grow to 21 digits in place.
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self.n_rows, *self._row_shape),
        }
        np.lib.format.write_array_header_1_0(self._stream, header)

    def __enter__(self) -> ArrayStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
